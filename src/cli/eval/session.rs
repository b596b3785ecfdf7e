//! One session of a run: ledger, engine, display and signals around the loop that makes the calls.

use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::Surroundings;
use super::claim::Claim;
use super::prepare::Prepared;
use crate::base::clock::Clock;
use crate::base::dice::Dice;
use crate::base::money::Money;
use crate::base::number::{count, counted};
use crate::cli::exit::Failed;
use crate::cli::live::{Live, Mode};
use crate::cli::output;
use crate::engine::halt::Halt;
use crate::engine::purse::Purse;
use crate::engine::{Engine, Record};
use crate::eval::dataset::Dataset;
use crate::eval::manifest::Manifest;
use crate::eval::order::{Finished, Order};
use crate::eval::pairing::Pairing;
use crate::eval::progress::Progress;
use crate::eval::run::{Ended, Event, Plan, Went, run};
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
            halt: Halt::default(),
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
        };
        let mut display = Display::new(self.mode(), earlier.progress);
        let (stop, mut is_abandoned) = (Notify::new(), false);
        let went = {
            let mut watch = |event: Event<'_>| display.notice(&event);
            let calls = run(plan, &engine, &prepared.effects, &recorder, (&mut watch, stop.notified()));
            tokio::select! {
                went = calls => went,
                abandoned = given_up(&stop) => {
                    is_abandoned = true;
                    abandoned?
                }
            }
        };
        display.live.finish();
        if is_abandoned && !self.surroundings.global.quiet {
            display.say_dropped();
        }
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
        match (self.surroundings.global.quiet, terminal.redraws) {
            (true, _) => Mode::Quiet,
            (false, true) => Mode::Terminal { color: terminal.color_stderr, unicode: terminal.unicode },
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
        let resumed = if self.is_resumed {
            format!(", {} of them finished earlier", count(done))
        } else {
            String::new()
        };
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

/// The most that calls under way may take to finish once the run was asked to stop: longer than nearly every
/// answer takes, and as long as an operator or a service supervisor is willing to wait.
const DRAIN_AT_MOST: Duration = Duration::from_secs(30);

struct Display {
    live: Live,
    progress: Progress,
}

impl Display {
    fn new(mode: Mode, progress: Progress) -> Self {
        Self { live: Live::new(mode, progress.candidates.len()), progress }
    }

    fn say_dropped(&self) {
        let dropped = counted(self.progress.in_flight, "sample");
        output::stderr(&format!("dropped {dropped} under way; their providers may still bill them"));
    }

    fn notice(&mut self, event: &Event<'_>) {
        match *event {
            Event::Finished(facts) => self.progress.finished(facts.key.candidate as usize, facts),
            Event::Stopping(under_way) => {
                self.progress.in_flight = under_way as u64;
                let now = Instant::now();
                self.live.stopping(&self.progress, now, now + DRAIN_AT_MOST);
            }
            Event::Tick(under_way) => {
                self.progress.in_flight = under_way as u64;
                self.live.update(&self.progress, Instant::now());
            }
        }
    }
}

/// The first signal asks the run to stop. A second one, or the end of patience, gives up what is under way.
async fn given_up(stop: &Notify) -> Result<Went, Failed> {
    let mut signals = Signals::listen()?;
    signals.next().await;
    stop.notify_one();
    // Both ways mean the same.
    tokio::time::timeout(DRAIN_AT_MOST, signals.next()).await.ok();
    Ok(Went { ended: Ended::Interrupted, took: Duration::ZERO, lag: Duration::ZERO, given_up: Vec::new() })
}

/// The signals that ask a run to stop: Ctrl-C, a service's end, a terminal that has gone.
struct Signals([Signal; 3]);

impl Signals {
    fn listen() -> Result<Self, Failed> {
        let [one, two, three] =
            [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()].map(signal);
        Ok(Self([one?, two?, three?]))
    }

    async fn next(&mut self) {
        let [interrupt, terminate, hangup] = &mut self.0;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    }
}

/// What a process that could not write left beside the ledger is worth a word, whether it came back or not.
fn say_replayed(replayed: Replayed) {
    if replayed.entries > 0 {
        let entries = counted(replayed.entries, "entry");
        output::stderr(&format!("back in the ledger: {entries} spooled by an earlier failure"));
    }
    if replayed.unreadable > 0 {
        output::stderr(&format!(
            "unreadable: {} spooled by an earlier failure; the file is kept beside the ledger as .unreadable",
            counted(replayed.unreadable, "entry")
        ));
    }
}

fn status(ended: &Ended) -> RunStatus {
    match ended {
        Ended::Done => RunStatus::Done,
        Ended::Budget(_) | Ended::Decided => RunStatus::Stopped,
        Ended::Interrupted => RunStatus::Interrupted,
        Ended::Ledger(_) | Ended::Dataset(_) => RunStatus::Failed,
    }
}
