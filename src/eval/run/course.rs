//! How a run goes: its counters, and what is finished and not yet the ledger's. Both outlive the future that makes
//! the calls, so that nothing finished is lost, nor how long it took, when that one is dropped.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::{Ended, Event, Plan, Taken, Trouble, Went};
use crate::engine::Engine;
use crate::eval::candidate::Candidate;
use crate::eval::sample;
use crate::ledger::row::Entry;
use crate::ledger::{LedgerError, Recorder};
use crate::model::{Failure, FailureClass};

/// A candidate whose first samples all fail for reasons that do not pass is not called a thousand times more.
pub(super) const GIVE_UP_AFTER: u32 = 10;
/// Nor is one that never answers for reasons that might pass, or that might be the prompt's.
pub(super) const GIVE_UP_AT_LAST_AFTER: u32 = 50;
/// Nor is one that answered before and now refuses its key or its model, or fails whatever it is asked.
const GIVE_UP_LATER_AFTER: u32 = 100;
/// How long a provider may turn every call away before it has granted any, and afterwards: an exhausted quota of
/// a minute passes, and providers ask for no more than a quarter of an hour.
const SILENCE: Duration = Duration::from_secs(60);
const SILENCE_AFTER_ANSWERS: Duration = Duration::from_secs(15 * 60);
/// `tokio`'s timers are precise to a millisecond; less than that is not lag.
const TIMER_PRECISION: Duration = Duration::from_millis(1);

/// A run so far.
#[derive(Debug)]
pub struct Course {
    recorder: Recorder,
    began: Instant,
    ended: Option<Ended>,
    has_halted: bool,
    health: Vec<Health>,
    samples: u64,
    lag: Lag,
    unrecorded: VecDeque<Entry>,
}

impl Course {
    /// A run of so many candidates that begins now.
    pub fn new(recorder: Recorder, candidates: usize) -> Self {
        Self {
            recorder,
            began: Instant::now(),
            ended: None,
            has_halted: false,
            health: vec![Health::default(); candidates],
            samples: 0,
            lag: Lag::default(),
            unrecorded: VecDeque::new(),
        }
    }

    /// The future that made the calls was dropped before its end, on demand. A run that had failed before has
    /// failed.
    pub fn drop_rest(&mut self) {
        match self.ended {
            Some(Ended::Ledger(_) | Ended::Dataset(_) | Ended::Tape(_)) => {}
            _ => self.ended = Some(Ended::Interrupted),
        }
    }

    /// Hands over what is finished, and waits until all of it is on disk.
    pub async fn close(mut self) -> Went {
        let recorded = match self.record().await {
            Ok(()) => self.recorder.commit().await,
            failed => failed,
        };
        if let Err(error) = recorded {
            self.ended = Some(Ended::Ledger(error));
        }
        let given_up = self.health.into_iter().enumerate().filter(|(_, health)| health.is_given_up());
        Went {
            ended: self.ended.unwrap_or(Ended::Done),
            took: self.began.elapsed(),
            samples: self.samples,
            lag: self.lag.mean(),
            given_up: given_up.filter_map(|(at, health)| Some((at, health.last?))).collect(),
        }
    }

    /// The first reason to end is the one that counts.
    pub(super) fn end(&mut self, ended: Ended) {
        self.ended.get_or_insert(ended);
    }

    /// Once the run has ended, samples that wait before another attempt would be waited for in vain; where every
    /// comparison is decided they finish, as a pair without its other half counts for nothing.
    pub(super) fn halt(&mut self, engine: &Engine) {
        let is_over = !matches!(self.ended, None | Some(Ended::Done | Ended::Decided));
        if is_over && !self.has_halted {
            self.has_halted = true;
            engine.halt.ask();
        }
    }

    pub(super) fn wants_more(&self) -> bool {
        self.ended.is_none()
    }

    /// Gives up candidates whose provider turns every call away, or answers none in time: otherwise a run
    /// waits for it as long as there are samples. Whoever waits for a turn there ends with the failure it had.
    pub(super) fn give_up_the_silent(&mut self, candidates: &[Candidate]) {
        let now = Instant::now();
        for (health, candidate) in self.health.iter_mut().zip(candidates) {
            let gate = &candidate.leg.gate;
            let standing = gate.standing();
            let patience = if standing.granted == 0 { SILENCE } else { SILENCE_AFTER_ANSWERS };
            let is_silent = standing.turned_away >= u64::from(GIVE_UP_AFTER)
                && standing.since.is_some_and(|since| now - since >= patience);
            if is_silent && !health.is_given_up() {
                health.is_silent = true;
                health.last = standing.last.or(health.last.take());
                gate.shut();
            }
        }
    }

    pub(super) fn is_given_up(&self, candidate: u32) -> bool {
        self.health.get(candidate as usize).is_none_or(Health::is_given_up)
    }

    /// A tick came so much too late.
    pub(super) fn late(&mut self, by: Duration) {
        self.lag.add(by);
    }

    /// Hands over what is finished, waiting for room. Dropped, it has lost nothing.
    async fn record(&mut self) -> Result<(), LedgerError> {
        self.recorder.record_all(&mut self.unrecorded).await
    }

    pub(super) async fn finish(
        &mut self,
        plan: &mut Plan<'_>,
        (key, taken): Taken,
        watch: &mut dyn FnMut(Event<'_>),
    ) {
        let finished = match taken {
            Ok(finished) => finished,
            Err(Trouble::Unfinished(unfinished)) => return self.stop(unfinished).await,
            Err(Trouble::Dataset(error)) => return self.end(Ended::Dataset(error)),
        };
        let facts = finished.row.facts.clone();
        let last = finished.outcomes.first().and_then(|outcome| outcome.answer.as_ref().err());
        self.health[key.candidate as usize].notice(last);
        let taped = plan.tape.as_ref().map(|_| (finished.row.clone(), finished.outcomes.first().cloned()));
        self.unrecorded.push_back(Entry::Sample(Box::new(finished.row), finished.outcomes));
        self.samples += 1;
        if let Err(error) = self.record().await {
            return self.end(Ended::Ledger(error));
        }
        if let (Some(tape), Some((row, outcome))) = (&mut plan.tape, taped) {
            let response = outcome.as_ref().and_then(|outcome| outcome.answer.as_ref().ok());
            let label = &plan.candidates[key.candidate as usize].label;
            if let Err(error) = tape.write(label, &row, response) {
                self.end(Ended::Tape(error));
            }
        }
        if self.health.iter().any(Health::is_given_up) {
            // Its pairs will never be complete, so not every comparison can be decided.
            plan.pairing = None;
        }
        if let Some(pairing) = &mut plan.pairing {
            pairing.add(&facts);
            if pairing.is_decided() {
                self.end(Ended::Decided);
            }
        }
        watch(Event::Finished(&facts));
    }

    /// Ends for want of money or because it was asked to, with what was paid so far on record.
    async fn stop(&mut self, unfinished: sample::Unfinished) {
        self.end(match unfinished.failure.class {
            FailureClass::Cancelled => Ended::Interrupted,
            _ => Ended::Budget(unfinished.failure),
        });
        self.unrecorded.extend(unfinished.paid.into_iter().map(Entry::Outcome));
        if let Err(error) = self.record().await {
            // Money that is not on record is worse than a budget that is used up.
            self.ended = Some(Ended::Ledger(error));
        }
    }
}

/// Whether a candidate can be reached at all.
#[derive(Clone, Debug, Default)]
pub(super) struct Health {
    pub(super) has_answered: bool,
    pub(super) failed: u32,
    pub(super) failed_for_good: u32,
    /// Failures since the last answer, and those of them that the next prompt will meet as well.
    pub(super) in_a_row: u32,
    pub(super) refused_in_a_row: u32,
    pub(super) is_silent: bool,
    pub(super) last: Option<Failure>,
}

impl Health {
    pub(super) fn notice(&mut self, failure: Option<&Failure>) {
        let Some(failure) = failure else {
            self.has_answered = true;
            (self.in_a_row, self.refused_in_a_row) = (0, 0);
            return;
        };
        self.failed += 1;
        self.failed_for_good += u32::from(is_lasting(failure.class));
        self.in_a_row += 1;
        self.refused_in_a_row += u32::from(is_refusal(failure.class));
        self.last = Some(failure.clone());
    }

    pub(super) fn is_given_up(&self) -> bool {
        let is_enough = self.failed_for_good >= GIVE_UP_AFTER || self.failed >= GIVE_UP_AT_LAST_AFTER;
        let has_turned = self.refused_in_a_row >= GIVE_UP_AFTER || self.in_a_row >= GIVE_UP_LATER_AFTER;
        self.is_silent || is_enough && !self.has_answered || has_turned && self.has_answered
    }
}

/// The key or the model is refused, whatever is asked: a key that was revoked, money that is used up.
fn is_refusal(class: FailureClass) -> bool {
    use FailureClass::{Auth, Forbidden, ModelMissing, Quota};
    matches!(class, Auth | Forbidden | ModelMissing | Quota)
}

/// Failures that the next prompt will meet as well.
fn is_lasting(class: FailureClass) -> bool {
    use FailureClass::{Auth, Connect, FirstToken, Forbidden, ModelMissing, Quota, Timeout, Unsupported};
    matches!(class, Auth | Connect | FirstToken | Forbidden | ModelMissing | Quota | Timeout | Unsupported)
}

#[derive(Debug, Default)]
pub(super) struct Lag {
    sum: Duration,
    ticks: u32,
}

impl Lag {
    pub(super) fn add(&mut self, late: Duration) {
        self.sum += late.saturating_sub(TIMER_PRECISION);
        self.ticks += 1;
    }

    pub(super) fn mean(&self) -> Duration {
        if self.ticks == 0 { Duration::ZERO } else { self.sum / self.ticks }
    }
}
