//! One session of a run: ledger, engine, display and signals around the loop that makes the calls.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
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
use crate::eval::candidate::Source;
use crate::eval::dataset::Dataset;
use crate::eval::manifest::Manifest;
use crate::eval::order::{Finished, Order};
use crate::eval::outlook::outlook;
use crate::eval::pairing::Pairing;
use crate::eval::progress::Progress;
use crate::eval::run::{Ended, Event, Plan, Went, run};
use crate::eval::tape::Tape;
use crate::ledger::row::{Entry, RunRow, RunStatus, run_account};
use crate::ledger::{Charged, Ledger, Reader, Recorder, Replayed};
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
        let _claim = Claim::take(self.ledger, &self.row.id).await?;
        let recorder = ledger.recorder();
        let orphans = self.settle_orphans(&recorder).await?;
        let tape = self.tape()?;
        let earlier = self.earlier()?;
        // The run is under way again, as it is meant now: what a later session finds is its cap of today.
        let is_under_way = RunRow { ended: None, status: RunStatus::Running, ..self.row.clone() };
        recorder.record(Entry::Run(is_under_way)).await?;
        let engine = Engine {
            clock: Clock::System,
            dice: Dice::new(self.manifest.seed),
            purse: self.purse(earlier.spent, &recorder),
            catalogue,
            record: Record::Caller,
            halt: Halt::default(),
        };
        let order = self.order();
        self.announce(&order, &earlier.progress);
        self.say_money(orphans, earlier.spent, prepared.is_rehearsal());
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
        let (stop, mut is_abandoned) = (Notify::new(), false);
        let went = {
            let mut watch = |event: Event<'_>| {
                display.progress.charged = engine.purse.is_capped().then(|| engine.purse.spent());
                display.notice(&event);
            };
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
        // What a second signal gave up is still held, and nobody will settle it any more.
        let given_up = recorder.record(self.orphans()).await;
        let closed = match given_up.and(recorder.record(end).await) {
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

    /// Settles what a process that died held for the run, and says what that was.
    async fn settle_orphans(&self, recorder: &Recorder) -> Result<Charged, Failed> {
        if !self.is_resumed {
            return Ok(Charged::default());
        }
        let orphans = Reader::open(self.ledger)?.charged(&self.row.id)?;
        recorder.record(self.orphans()).await?;
        recorder.commit().await?;
        Ok(orphans)
    }

    fn orphans(&self) -> Entry {
        Entry::Orphans { account: run_account(&self.row.id) }
    }

    /// The money of the run. Without a cap nothing is held, and nothing is written for it.
    fn purse(&self, spent: Money, recorder: &Recorder) -> Purse {
        let purse = Purse::new(self.manifest.cap(), spent);
        if purse.is_capped() {
            purse.kept_in(run_account(&self.row.id), Arc::new(recorder.clone()))
        } else {
            purse
        }
    }

    /// Under which cap the run goes on, what counts against it already, and in which money.
    fn say_money(&self, orphans: Charged, spent: Money, is_rehearsal: bool) {
        if self.surroundings.global.quiet {
            return;
        }
        if orphans.holds > 0 {
            let (calls, held) = (counted(orphans.holds, "call"), orphans.held);
            let text = format!(
                "{calls} under way when an earlier process ended may have been billed: {held} counts as spent"
            );
            output::stderr(&text);
        }
        let Some(cap) = self.manifest.cap() else { return };
        if self.is_resumed {
            let calls = self.manifest.concurrency;
            output::stderr(&format!(
                "goes on under its cap of {cap}, {spent} of it spent, at most {calls} calls at once"
            ));
        }
        if is_rehearsal {
            output::stderr("the cap counts simulated dollars: no call of this run costs real ones");
        }
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
        let names: Vec<_> = manifest
            .candidates
            .iter()
            .map(|one| (Source::of(&one.target).beside(&one.label), each))
            .collect();
        let incumbent = manifest.incumbent_at().and_then(|at| u32::try_from(at).ok());
        let early = incumbent.filter(|_| manifest.early_stop);
        let mut earlier = Earlier {
            finished: Finished::new(rows, manifest.repeat, candidates),
            progress: Progress::new(&names),
            pairing: early.map(|incumbent| {
                Pairing::new(candidates, incumbent, manifest.margin, !manifest.gates.is_empty())
            }),
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
            let charged = reader.charged(&self.row.id)?;
            if manifest.cap().is_some() && charged.unknown_count > 0 {
                return Err(Failed::input(anyhow!(
                    "{} of run {} cost nobody knows how much, so --max-cost cannot hold over the whole run; begin a \
                     new run, or go on with --max-cost none",
                    counted(charged.unknown_count, "request"),
                    self.row.id
                )));
            }
            earlier.spent = charged.total();
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
        if !self.is_resumed
            && let Some(text) = self.outlook(rows)
        {
            output::stderr(&text);
        }
    }

    /// Whether the prompts will do for the comparison that is asked for, when there is one.
    fn outlook(&self, prompts: u64) -> Option<String> {
        let incumbent = &self.manifest.candidates[self.manifest.incumbent_at()?].label;
        let compared = self.manifest.candidates.len() - 1;
        (compared > 0).then(|| outlook(self.manifest.margin, compared, prompts, incumbent))
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
    let (took, lag) = (Duration::ZERO, Duration::ZERO);
    Ok(Went { ended: Ended::Interrupted, took, samples: 0, lag, given_up: Vec::new() })
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
        Ended::Ledger(_) | Ended::Dataset(_) | Ended::Tape(_) => RunStatus::Failed,
    }
}
