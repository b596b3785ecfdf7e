//! The run: keeps a bounded number of samples under way, records each as it finishes, and knows when to
//! stop.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::time::{Instant, MissedTickBehavior};

use super::candidate::Candidate;
use super::dataset::Dataset;
use super::effect::Effects;
use super::order::{Finished, Order};
use super::pairing::Pairing;
use super::problem::Problem;
use super::sample::{self, Bench};
use super::tape::Tape;
use crate::engine::Engine;
use crate::ledger::row::{Entry, SampleFacts, SampleKey};
use crate::ledger::{LedgerError, Recorder};
use crate::model::{Failure, FailureClass};

/// What a run needs.
pub struct Plan<'a> {
    /// The run's identifier.
    pub run: &'a str,
    /// The prompts, once for each template; all have the same rows.
    pub datasets: &'a [Dataset],
    /// Who answers.
    pub candidates: &'a [Candidate],
    /// Which samples, in which order.
    pub order: Order,
    /// Which of them are finished already.
    pub finished: Finished,
    /// Samples under way at once.
    pub concurrency: usize,
    /// Stops early when every comparison is decided; absent when the run goes to its end.
    pub pairing: Option<Pairing>,
    /// Where answers are recorded for replay besides the ledger.
    pub tape: Option<Tape>,
}

/// How a run ended.
#[derive(Debug)]
pub enum Ended {
    /// Every sample is finished.
    Done,
    /// The next call might have cost more than is left.
    Budget(Failure),
    /// Every comparison was decided before the end.
    Decided,
    /// Asked to stop; what was under way is finished and recorded.
    Interrupted,
    /// The ledger failed.
    Ledger(LedgerError),
    /// The dataset changed or could not be read.
    Dataset(Problem),
    /// Answers could not be recorded for replay; the ledger has them.
    Tape(io::Error),
}

/// How a run went.
#[derive(Debug)]
pub struct Went {
    /// How it ended.
    pub ended: Ended,
    /// Wall time.
    pub took: Duration,
    /// Samples finished in this time.
    pub samples: u64,
    /// How late our own loop was on average: this much of each latency is ours.
    pub lag: Duration,
    /// Candidates that were given up because every call failed, by place, with the failure.
    pub given_up: Vec<(usize, Failure)>,
}

/// What is reported while a run is under way.
#[derive(Debug)]
pub enum Event<'a> {
    /// A sample was recorded.
    Finished(&'a SampleFacts),
    /// Asked to stop; so many samples are being finished.
    Stopping(usize),
    /// A tenth of a second has passed, with so many samples under way.
    Tick(usize),
}

/// A candidate whose first samples all fail for reasons that do not pass is not called a thousand times more.
const GIVE_UP_AFTER: u32 = 10;
/// Nor is one that never answers for reasons that might pass, or that might be the prompt's.
const GIVE_UP_AT_LAST_AFTER: u32 = 50;
const TICK: Duration = Duration::from_millis(100);
/// `tokio`'s timers are precise to a millisecond; less than that is not lag.
const TIMER_PRECISION: Duration = Duration::from_millis(1);

/// Runs to an end. `stop` asks it to finish the calls under way and start nothing new: a sample that waits
/// before another attempt is left for later. Dropping the future abandons what is under way.
pub async fn run(
    mut plan: Plan<'_>,
    engine: &Engine,
    effects: &Effects,
    recorder: &Recorder,
    (watch, stop): (&mut dyn FnMut(Event<'_>), impl Future<Output = ()>),
) -> Went {
    let began = Instant::now();
    let bench = Bench { run: plan.run, engine, effects };
    let health = vec![Health::default(); plan.candidates.len()];
    let mut loop_state = Loop { ended: None, is_halted: false, health, samples: 0 };
    let mut lag = Lag::default();
    let mut ticks = tokio::time::interval_at(began + TICK, TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut under_way = FuturesUnordered::new();
    let mut stop = pin!(stop);
    loop {
        while loop_state.ended.is_none() && under_way.len() < plan.concurrency {
            let Some(key) = next(&mut plan, &loop_state.health) else { break };
            let candidate = &plan.candidates[key.candidate as usize];
            let mut sample = Box::pin(take(&bench, &plan.datasets[candidate.prompt], candidate, key));
            match begin(sample.as_mut()).await {
                Poll::Ready(taken) => loop_state.finish(&mut plan, recorder, taken, watch).await,
                Poll::Pending => under_way.push(sample),
            }
        }
        if under_way.is_empty() {
            break;
        }
        tokio::select! {
            biased;
            () = &mut stop, if !loop_state.is_halted => {
                loop_state.is_halted = true;
                loop_state.end(Ended::Interrupted);
                engine.halt.ask();
                watch(Event::Stopping(under_way.len()));
            }
            Some(taken) = under_way.next() => {
                loop_state.finish(&mut plan, recorder, taken, watch).await;
            }
            at = ticks.tick() => {
                lag.add(at.elapsed());
                watch(Event::Tick(under_way.len()));
            }
        }
    }
    if let Some(Err(error)) = plan.tape.take().map(Tape::close) {
        loop_state.end(Ended::Tape(error));
    }
    if let Err(error) = recorder.commit().await {
        loop_state.ended = Some(Ended::Ledger(error));
    }
    let samples = loop_state.samples;
    let given_up = loop_state.health.into_iter().enumerate();
    Went {
        ended: loop_state.ended.unwrap_or(Ended::Done),
        took: began.elapsed(),
        samples,
        lag: lag.mean(),
        given_up: given_up
            .filter(|(_, health)| health.is_given_up())
            .filter_map(|(at, health)| Some((at, health.last?)))
            .collect(),
    }
}

/// Takes a sample's first step and lets its connection write. Otherwise, where answers come in bursts, every
/// answer of a burst would be scored before the first of the next requests leaves, and the burst stays one.
async fn begin<F: Future>(mut sample: Pin<&mut F>) -> Poll<F::Output> {
    let first = poll_fn(|context| Poll::Ready(sample.as_mut().poll(context))).await;
    tokio::task::yield_now().await;
    first
}

type Taken = (SampleKey, Result<sample::Finished, Trouble>);

enum Trouble {
    Unfinished(sample::Unfinished),
    Dataset(Problem),
}

async fn take(bench: &Bench<'_>, dataset: &Dataset, candidate: &Candidate, key: SampleKey) -> Taken {
    let taken = match dataset.case(key.item) {
        Err(error) => Err(Trouble::Dataset(error)),
        Ok(case) => sample::take(bench, candidate, &case, key).await.map_err(Trouble::Unfinished),
    };
    (key, taken)
}

fn next(plan: &mut Plan<'_>, health: &[Health]) -> Option<SampleKey> {
    let finished = &plan.finished;
    let key = plan.order.find(|key| {
        !finished.contains(*key)
            && health.get(key.candidate as usize).is_some_and(|health| !health.is_given_up())
    })?;
    if let Some(pairing) = &mut plan.pairing {
        pairing.begin(key);
    }
    Some(key)
}

struct Loop {
    ended: Option<Ended>,
    is_halted: bool,
    health: Vec<Health>,
    samples: u64,
}

impl Loop {
    /// The first reason to end is the one that counts.
    fn end(&mut self, ended: Ended) {
        self.ended.get_or_insert(ended);
    }

    async fn finish(
        &mut self,
        plan: &mut Plan<'_>,
        recorder: &Recorder,
        (key, taken): Taken,
        watch: &mut dyn FnMut(Event<'_>),
    ) {
        let finished = match taken {
            Ok(finished) => finished,
            Err(Trouble::Unfinished(unfinished)) => return self.stop(recorder, unfinished).await,
            Err(Trouble::Dataset(error)) => return self.end(Ended::Dataset(error)),
        };
        let facts = finished.row.facts.clone();
        let last = finished.outcomes.first().and_then(|outcome| outcome.answer.as_ref().err());
        self.health[key.candidate as usize].notice(last);
        let taped = plan.tape.as_ref().map(|_| (finished.row.clone(), finished.outcomes.first().cloned()));
        let entry = Entry::Sample(Box::new(finished.row), finished.outcomes);
        if let Err(error) = recorder.record(entry).await {
            return self.end(Ended::Ledger(error));
        }
        self.samples += 1;
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
}

impl Loop {
    /// Ends for want of money or because it was asked to, with what was paid so far on record.
    async fn stop(&mut self, recorder: &Recorder, unfinished: sample::Unfinished) {
        self.end(match unfinished.failure.class {
            FailureClass::Cancelled => Ended::Interrupted,
            _ => Ended::Budget(unfinished.failure),
        });
        for outcome in unfinished.paid {
            if let Err(error) = recorder.record(Entry::Outcome(outcome)).await {
                // Money that is not on record is worse than a budget that is used up.
                self.ended = Some(Ended::Ledger(error));
                return;
            }
        }
    }
}

/// Whether a candidate can be reached at all.
#[derive(Clone, Debug, Default)]
struct Health {
    has_answered: bool,
    failed: u32,
    failed_for_good: u32,
    last: Option<Failure>,
}

impl Health {
    fn notice(&mut self, failure: Option<&Failure>) {
        match failure {
            Some(failure) => {
                self.failed += 1;
                self.failed_for_good += u32::from(is_lasting(failure.class));
                self.last = Some(failure.clone());
            }
            None => self.has_answered = true,
        }
    }

    fn is_given_up(&self) -> bool {
        let is_enough = self.failed_for_good >= GIVE_UP_AFTER || self.failed >= GIVE_UP_AT_LAST_AFTER;
        is_enough && !self.has_answered
    }
}

/// Failures that the next prompt will meet as well.
fn is_lasting(class: FailureClass) -> bool {
    use FailureClass::{Auth, Connect, FirstToken, Forbidden, ModelMissing, Quota, Timeout, Unsupported};
    matches!(class, Auth | Connect | FirstToken | Forbidden | ModelMissing | Quota | Timeout | Unsupported)
}

#[derive(Default)]
struct Lag {
    sum: Duration,
    ticks: u32,
}

impl Lag {
    fn add(&mut self, late: Duration) {
        self.sum += late.saturating_sub(TIMER_PRECISION);
        self.ticks += 1;
    }

    fn mean(&self) -> Duration {
        if self.ticks == 0 { Duration::ZERO } else { self.sum / self.ticks }
    }
}

#[cfg(test)]
mod tests;
