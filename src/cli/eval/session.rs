//! One session of a run: ledger, engine, display and signals around the loop that makes the calls.

mod display;
mod signals;

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use anyhow::anyhow;
use tokio::sync::Notify;

use super::Surroundings;
use super::claim::Claim;
use super::prepare::Prepared;
use crate::base::clock::Clock;
use crate::base::dice::Dice;
use crate::base::money::Money;
use crate::base::number::counted;
use crate::cli::exit::Failed;
use crate::engine::halt::Halt;
use crate::engine::purse::Purse;
use crate::engine::{Dropped, Engine, Record};
use crate::eval::candidate::Source;
use crate::eval::dataset::Dataset;
use crate::eval::manifest::Manifest;
use crate::eval::order::{Finished, Order};
use crate::eval::pairing::Pairing;
use crate::eval::progress::Progress;
use crate::eval::run::{Course, Ended, Event, Plan, Went, run};
use crate::eval::tape::Tape;
use crate::ledger::row::{Entry, RunRow, RunStatus, SampleStatus, run_account};
use crate::ledger::{Charged, Ledger, LedgerError, Reader, Recorder};
use crate::policy::catalogue::Catalogue;
use display::{Display, say_replayed};
use signals::end_of_patience;

/// What a session works on.
pub(super) struct Session<'a> {
    pub(super) manifest: &'a Manifest,
    pub(super) datasets: &'a [Dataset],
    pub(super) row: &'a RunRow,
    pub(super) is_resumed: bool,
    /// Whether samples that failed are asked for again.
    pub(super) retries_errors: bool,
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
        let dropped = Dropped::default();
        let engine = Engine {
            clock: Clock::System,
            dice: Dice::new(self.manifest.seed),
            purse: self.purse(earlier.spent, &recorder),
            catalogue,
            record: Record::Caller(dropped.clone()),
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
        let mut course = Course::new(recorder.clone(), plan.candidates.len());
        let stop = Notify::new();
        let is_dropped = {
            let mut watch = |event: Event<'_>| {
                display.progress.charged = engine.purse.is_capped().then(|| engine.purse.spent());
                display.notice(&event);
            };
            let stop_and_watch = (&mut watch as &mut dyn FnMut(Event<'_>), stop.notified());
            let calls = run(plan, &engine, &prepared.effects, &mut course, stop_and_watch);
            tokio::select! {
                () = calls => false,
                no_patience = end_of_patience(&stop) => no_patience.map(|()| true)?,
            }
        };
        display.live.finish();
        if is_dropped {
            course.drop_rest();
            if !self.surroundings.global.quiet {
                display.say_dropped();
            }
        }
        let went = course.close().await;
        let ended = match self.close(&recorder, &dropped, &went).await {
            Ok(()) => ledger.close().await,
            Err(error) => Err(error),
        };
        let went = match (ended, &went.ended) {
            (Err(error), _) if !matches!(went.ended, Ended::Ledger(_)) => {
                Went { ended: Ended::Ledger(error), ..went }
            }
            _ => went,
        };
        Ok(Made { run: self.row.id.clone(), went })
    }

    /// Records what the run dropped, and how it ended.
    async fn close(&self, recorder: &Recorder, dropped: &Dropped, went: &Went) -> Result<(), LedgerError> {
        // What was dropped is still held, and nobody will settle it any more. The request that comes of it includes
        // the call that was under way, so it goes before that of the calls that had ended, which then stays out.
        recorder.record(self.orphans()).await?;
        for outcome in dropped.take() {
            recorder.record(Entry::Outcome(outcome)).await?;
        }
        let (run, ended) = (self.row.id.clone(), Clock::System.now());
        recorder.record(Entry::RunEnd { run, ended, status: status(&went.ended) }).await
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

    /// The recording: a new file for a new run, the same one for a run that goes on.
    fn tape(&self) -> Result<Option<Tape>, Failed> {
        let Some(path) = self.record else { return Ok(None) };
        let tape = if self.is_resumed {
            let labels: Vec<_> = self.manifest.candidates.iter().map(|one| one.label.clone()).collect();
            let keeps = |status| !(self.retries_errors && status == SampleStatus::Error);
            Tape::resume(path, &self.row.id, (&Reader::open(self.ledger)?, &keeps), &labels)
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
                if self.retries_errors && facts.status == SampleStatus::Error {
                    return ControlFlow::Continue(());
                }
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
}

fn status(ended: &Ended) -> RunStatus {
    match ended {
        Ended::Done => RunStatus::Done,
        Ended::Budget(_) => RunStatus::Stopped,
        Ended::Decided => RunStatus::Decided,
        Ended::Interrupted => RunStatus::Interrupted,
        Ended::Ledger(_) | Ended::Dataset(_) | Ended::Tape(_) => RunStatus::Failed,
    }
}
