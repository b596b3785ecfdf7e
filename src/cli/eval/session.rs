//! One session of a run: ledger, engine, display and signals around the loop that makes the calls.

use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::Surroundings;
use super::claim::Claim;
use super::prepare::Prepared;
use crate::base::clock::Clock;
use crate::base::dice::Dice;
use crate::base::money::Money;
use crate::cli::exit::Failed;
use crate::cli::live::{Live, Mode};
use crate::cli::output;
use crate::engine::purse::Purse;
use crate::engine::{Engine, Record};
use crate::eval::dataset::Dataset;
use crate::eval::manifest::Manifest;
use crate::eval::order::{Finished, Order};
use crate::eval::pairing::Pairing;
use crate::eval::progress::Progress;
use crate::eval::run::{Ended, Event, Plan, Went, run};
use crate::eval::tape::Tape;
use crate::ledger::row::{Entry, RunRow, RunStatus};
use crate::ledger::{Ledger, Reader, Replayed};
use crate::policy::catalogue::Catalogue;

/// What a session works on.
pub(super) struct Session<'a> {
    pub(super) manifest: &'a Manifest,
    pub(super) datasets: &'a [Dataset],
    pub(super) row: &'a RunRow,
    pub(super) is_resumed: bool,
    pub(super) ledger: &'a Path,
    /// Where answers are recorded for replay.
    pub(super) record: Option<&'a Path>,
    pub(super) surroundings: &'a Surroundings<'a>,
}

/// What a session made.
pub(super) struct Made {
    pub(super) run: String,
    pub(super) went: Went,
}

/// What an earlier session left behind.
struct Earlier {
    finished: Finished,
    progress: Progress,
    pairing: Option<Pairing>,
    spent: Money,
}

impl Session<'_> {
    /// Makes the calls that are missing.
    pub(super) async fn make(&self, prepared: Prepared, catalogue: Catalogue) -> Result<Made, Failed> {
        let ledger = Ledger::open(self.ledger)?;
        say_replayed(ledger.replayed());
        let _claim = Claim::take(self.ledger, &self.row.id)?;
        let recorder = ledger.recorder();
        let tape = self.tape()?;
        if !self.is_resumed {
            recorder.record(Entry::Run(self.row.clone())).await?;
        }
        let earlier = self.earlier()?;
        let engine = Engine {
            clock: Clock::System,
            dice: Dice::new(self.manifest.seed),
            purse: Purse::new(self.manifest.cap(), earlier.spent),
            catalogue,
            record: Record::Caller,
        };
        let order = self.order();
        self.announce(&order, &earlier.progress);
        let plan = Plan {
            run: &self.row.id,
            datasets: self.datasets,
            candidates: &prepared.candidates,
            order,
            finished: earlier.finished,
            concurrency: usize::try_from(self.manifest.concurrency).unwrap_or(usize::MAX),
            pairing: earlier.pairing,
            tape,
        };
        let mut display = Display::new(self.mode(), earlier.progress);
        let stop = Notify::new();
        let went = {
            let mut watch = |event: Event<'_>| display.notice(&event);
            let calls = run(plan, &engine, &prepared.effects, &recorder, (&mut watch, stop.notified()));
            tokio::select! {
                went = calls => went,
                abandoned = second_signal(&stop) => abandoned?,
            }
        };
        display.live.finish();
        let end = Entry::RunEnd {
            run: self.row.id.clone(),
            ended: Clock::System.now(),
            status: status(&went.ended),
        };
        let closed = match recorder.record(end).await {
            Ok(()) => ledger.close().await,
            Err(error) => Err(error),
        };
        let went = match (closed, &went.ended) {
            (Err(error), _) if !matches!(went.ended, Ended::Ledger(_)) => {
                Went { ended: Ended::Ledger(error), ..went }
            }
            _ => went,
        };
        Ok(Made { run: self.row.id.clone(), went })
    }

    /// The recording: a new file for a new run, the same one for a run that goes on.
    fn tape(&self) -> Result<Option<Tape>, Failed> {
        let Some(path) = self.record else { return Ok(None) };
        let tape = if self.is_resumed {
            let labels: Vec<_> = self.manifest.candidates.iter().map(|one| one.label.clone()).collect();
            Tape::resume(path, &self.row.id, &Reader::open(self.ledger)?, &labels)
        } else {
            Tape::begin(path)
        };
        tape.map(Some).map_err(Failed::input)
    }

    fn order(&self) -> Order {
        let rows = self.datasets.first().map_or(0, Dataset::len);
        let taken = self.manifest.limit.unwrap_or(rows);
        let candidates = u32::try_from(self.manifest.candidates.len()).unwrap_or(u32::MAX);
        Order::new(self.manifest.seed, rows, taken, self.manifest.repeat, candidates)
    }

    fn earlier(&self) -> Result<Earlier, Failed> {
        let manifest = self.manifest;
        let candidates = u32::try_from(manifest.candidates.len()).unwrap_or(u32::MAX);
        let rows = self.datasets.first().map_or(0, Dataset::len);
        let each = manifest.limit.unwrap_or(rows).min(rows) * u64::from(manifest.repeat);
        let names: Vec<_> = manifest.candidates.iter().map(|one| (one.label.clone(), each)).collect();
        let incumbent = manifest.incumbent_at().and_then(|at| u32::try_from(at).ok());
        let early = incumbent.filter(|_| manifest.early_stop);
        let mut earlier = Earlier {
            finished: Finished::new(rows, manifest.repeat, candidates),
            progress: Progress::new(&names),
            pairing: early.map(|incumbent| Pairing::new(candidates, incumbent, manifest.margin)),
            spent: Money::ZERO,
        };
        earlier.progress.max_cost = manifest.cap();
        if self.is_resumed {
            let reader = Reader::open(self.ledger)?;
            reader.facts(&self.row.id, |facts| {
                earlier.finished.insert(facts.key);
                earlier.progress.finished(facts.key.candidate as usize, &facts);
                if let Some(pairing) = &mut earlier.pairing {
                    pairing.add(&facts);
                }
                ControlFlow::Continue(())
            })?;
            earlier.spent = reader.spent(&self.row.id)?.known;
        }
        Ok(earlier)
    }

    fn mode(&self) -> Mode {
        let terminal = self.surroundings.terminal;
        match (self.surroundings.global.quiet, terminal.stderr) {
            (true, _) => Mode::Quiet,
            (false, true) => Mode::Terminal { color: terminal.color_stderr },
            (false, false) => Mode::Plain,
        }
    }

    fn announce(&self, order: &Order, progress: &Progress) {
        if self.surroundings.global.quiet {
            return;
        }
        let (calls, done, models) = (order.len(), progress.done(), self.manifest.candidates.len());
        let rows = calls / (models as u64 * u64::from(self.manifest.repeat)).max(1);
        let repeats =
            if self.manifest.repeat > 1 { format!(" × {}", self.manifest.repeat) } else { String::new() };
        let resumed =
            if self.is_resumed { format!(", {done} of them finished earlier") } else { String::new() };
        let text = format!(
            "run {}: {} × {}{repeats} = {}{resumed}, seed {}",
            self.row.id,
            counted(rows, "prompt"),
            counted(models as u64, "model"),
            counted(calls, "sample"),
            self.manifest.seed
        );
        output::stderr(&text);
    }
}

/// `1 prompt`, `2 prompts`.
fn counted(n: u64, noun: &str) -> String {
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}

struct Display {
    live: Live,
    progress: Progress,
}

impl Display {
    fn new(mode: Mode, progress: Progress) -> Self {
        let names: Vec<_> = progress.candidates.iter().map(|one| (one.name.clone(), one.total)).collect();
        Self { live: Live::new(mode, &names), progress }
    }

    fn notice(&mut self, event: &Event<'_>) {
        match *event {
            Event::Finished(facts) => self.progress.finished(facts.key.candidate as usize, facts),
            Event::Stopping(under_way) => {
                self.live
                    .say(&format!("finishing {under_way} samples under way; interrupt again to drop them"));
            }
            Event::Tick(under_way) => {
                self.progress.in_flight = under_way as u64;
                self.live.update(&self.progress, Instant::now());
            }
        }
    }
}

/// The first signal asks the run to stop; the second gives up what is under way.
async fn second_signal(stop: &Notify) -> Result<Went, Failed> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    for asked in 0..2 {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        if asked == 0 {
            stop.notify_one();
        }
    }
    Ok(Went { ended: Ended::Interrupted, took: Duration::ZERO, lag: Duration::ZERO, given_up: Vec::new() })
}

/// What a process that could not write left beside the ledger is worth a word, whether it came back or not.
fn say_replayed(replayed: Replayed) {
    if replayed.entries > 0 {
        output::stderr(&format!(
            "{} entries spooled by an earlier failure are in the ledger now",
            replayed.entries
        ));
    }
    if replayed.unreadable > 0 {
        output::stderr(&format!(
            "{} spooled entries cannot be read; their file is kept beside the ledger as .unreadable",
            replayed.unreadable
        ));
    }
}

fn status(ended: &Ended) -> RunStatus {
    match ended {
        Ended::Done => RunStatus::Done,
        Ended::Budget(_) | Ended::Decided => RunStatus::Stopped,
        Ended::Interrupted => RunStatus::Interrupted,
        Ended::Ledger(_) | Ended::Dataset(_) | Ended::Tape(_) => RunStatus::Failed,
    }
}
