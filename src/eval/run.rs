//! The run: keeps a bounded number of samples under way, records each as it finishes, and knows when to
//! stop.

mod course;

use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::sync::Arc;
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
use super::schedule::Schedule;
use super::tape::Tape;
use crate::engine::Engine;
use crate::engine::gate::Gate;
use crate::ledger::LedgerError;
use crate::ledger::row::{SampleFacts, SampleKey};
use crate::model::Failure;
pub use course::Course;

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
    /// The next call might have cost more than is left; what was under way is finished and recorded.
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

const TICK: Duration = Duration::from_millis(100);
/// Runs to an end, or until it is dropped; `course` then knows how it went. `stop` asks it to finish the calls
/// under way and start nothing new: a sample that waits before another attempt is left for later. Dropping the
/// future abandons what is under way.
pub async fn run(
    mut plan: Plan<'_>,
    engine: &Engine,
    effects: &Effects,
    course: &mut Course,
    (watch, stop): (&mut dyn FnMut(Event<'_>), impl Future<Output = ()>),
) {
    let bench = Bench { run: plan.run, engine, effects };
    let mut schedule = Schedule::new(&plan.order, lanes(plan.candidates), plan.concurrency);
    let mut ticks = tokio::time::interval_at(Instant::now() + TICK, TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut under_way = FuturesUnordered::new();
    let (mut stop, mut is_stopping) = (pin!(stop), false);
    loop {
        course.halt(engine);
        let key = course.wants_more().then(|| next(&mut plan, &mut schedule, course)).flatten();
        if let Some(key) = key {
            let candidate = &plan.candidates[key.candidate as usize];
            let mut sample = Box::pin(take(&bench, &plan.datasets[candidate.prompt], candidate, key));
            match poll_fn(|context| Poll::Ready(sample.as_mut().poll(context))).await {
                Poll::Ready(taken) => {
                    schedule.end(Instant::now(), key.candidate);
                    course.finish(&mut plan, taken, watch).await;
                }
                Poll::Pending => under_way.push(sample),
            }
            // Its connection writes now. Otherwise, where answers come in bursts, every answer of a burst would be
            // scored before the first of the next requests leaves, and the burst stays one.
            tokio::task::yield_now().await;
        } else if under_way.is_empty() {
            break;
        }
        tokio::select! {
            // Whoever asks to stop is heard however fast the answers come: recorded ones are there at once.
            biased;
            () = &mut stop, if !is_stopping => {
                is_stopping = true;
                course.end(Ended::Interrupted);
                engine.halt.ask();
                watch(Event::Stopping(under_way.len()));
            }
            at = ticks.tick() => {
                course.late(at.elapsed());
                course.give_up_the_silent(plan.candidates);
                watch(Event::Tick(under_way.len()));
            }
            () = std::future::ready(()), if key.is_some() => {}
            Some(taken) = under_way.next() => {
                let (key, _): &Taken = &taken;
                schedule.end(Instant::now(), key.candidate);
                course.finish(&mut plan, taken, watch).await;
            }
        }
    }
    if let Some(Err(error)) = plan.tape.take().map(Tape::close) {
        course.end(Ended::Tape(error));
    }
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

/// The provider of each candidate, counted in the order in which they come.
fn lanes(candidates: &[Candidate]) -> Vec<usize> {
    let mut gates: Vec<&Arc<Gate>> = Vec::new();
    candidates
        .iter()
        .map(|candidate| {
            let gate = &candidate.leg.gate;
            let known = gates.iter().position(|known| Arc::ptr_eq(known, gate));
            known.unwrap_or_else(|| {
                gates.push(gate);
                gates.len() - 1
            })
        })
        .collect()
}

fn next(plan: &mut Plan<'_>, schedule: &mut Schedule, course: &Course) -> Option<SampleKey> {
    let finished = &plan.finished;
    let is_wanted = |key: SampleKey| !finished.contains(key) && !course.is_given_up(key.candidate);
    let key = schedule.next(Instant::now(), is_wanted)?;
    if let Some(pairing) = &mut plan.pairing {
        pairing.begin(key);
    }
    Some(key)
}

#[cfg(test)]
mod tests;
