//! Floor 4: the one path that every request takes: hold money, pass the gate, call, settle, decide what
//! follows, and hand back an [`Outcome`], whatever came of it.

mod attempt;
mod bound;
mod dropped;
pub mod gate;
pub mod halt;
pub mod leg;
pub mod purse;
pub mod walk;

use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use tokio::time::Instant;

use crate::base::clock::Clock;
use crate::base::dice::Dice;
use crate::base::money::Money;
use crate::dialect::{Call, Encoded};
use crate::health::throttle::Signal;
use crate::ledger::Recorder;
use crate::ledger::row::Entry;
use crate::model::outcome::{Attempt, Context, Cost, Outcome};
use crate::model::{Failure, FailureClass, Request};
use crate::policy::catalogue::{Catalogue, price_attempt};
pub use bound::UNBOUNDED;
pub use dropped::Dropped;
use dropped::UnderWay;
use gate::{Permit, Shut};
use halt::Halt;
use leg::Leg;
use purse::{Claim, Hold, Purse};
use walk::{Progress, Step};

/// What every request needs, whatever its target.
pub struct Engine {
    /// Wall time.
    pub clock: Clock,
    /// Chance.
    pub dice: Dice,
    /// The money.
    pub purse: Purse,
    /// The prices.
    pub catalogue: Catalogue,
    /// Who records.
    pub record: Record,
    /// Asked to stop: nothing is waited for any more but calls that were sent.
    pub halt: Halt,
}

/// Who records outcomes.
#[derive(Clone, Debug)]
pub enum Record {
    /// The engine, as the last thing it does with a request.
    Ledger(Recorder),
    /// The front end, together with what it makes of the answer, in one transaction. What is dropped before the
    /// front end has it is kept for it.
    Caller(Dropped),
}

/// A request on its way in.
#[derive(Debug)]
pub struct Ask<'a> {
    /// Who asks.
    pub context: Context,
    /// What is asked.
    pub request: &'a Request,
    /// Headers for this request alone.
    pub headers: &'a HeaderMap,
    /// When nobody waits any more.
    pub deadline: Option<Instant>,
}

/// An outcome with what the engine itself took.
#[derive(Clone, Debug)]
pub struct Done {
    /// What happened.
    pub outcome: Arc<Outcome>,
    /// Time spent encoding and decoding.
    pub own: Duration,
}

impl Engine {
    /// Runs one request to its outcome, and records it.
    pub async fn run(&self, ask: Ask<'_>, leg: &Leg) -> Done {
        let (began, since) = (self.clock.now(), Instant::now());
        let call = Call {
            model: &leg.target.model,
            base_url: &leg.base_url,
            stream: leg.is_streaming,
            quirks: &leg.quirks,
        };
        let mut under_way = UnderWay::new(self, &ask.context, (began, since));
        let answer = match leg.dialect.encode(ask.request, &call) {
            Err(failure) => Err(failure),
            Ok(encoded) => {
                under_way.made.own += since.elapsed();
                self.attempts(&ask, leg, &encoded, &mut under_way.made).await
            }
        };
        let Made { attempts, own } = under_way.end();
        let took = since.elapsed();
        let outcome = Arc::new(Outcome { context: ask.context, attempts, answer, began, took });
        self.recorded(&outcome).await;
        Done { outcome, own }
    }

    /// Keeps what a request cost whose caller is dropped before it could record it. An engine that records itself
    /// needs nobody for that.
    pub fn keep(&self, outcome: Arc<Outcome>) {
        if let Record::Caller(dropped) = &self.record {
            dropped.keep(outcome);
        }
    }

    /// A ledger that fails has said so to everyone who asks it to commit; an answer is not withheld for it.
    async fn recorded(&self, outcome: &Arc<Outcome>) {
        if let Record::Ledger(recorder) = &self.record
            && let Err(error) = recorder.record(Entry::Outcome(Arc::clone(outcome))).await
        {
            tracing::error!(%error, "an outcome could not be recorded");
        }
    }
}

/// What a request has taken so far.
#[derive(Default)]
struct Made {
    attempts: Vec<Attempt>,
    own: Duration,
}

impl Made {
    /// The last attempt says that another one follows; it does not, and says that and why.
    fn not_followed(&mut self, failure: Failure) -> Failure {
        if let Some(last) = self.attempts.last_mut() {
            let why = match failure.class {
                FailureClass::Cancelled => "the run is ending",
                _ => &failure.message,
            };
            last.why.push_str("; not made: ");
            last.why.push_str(why);
        }
        failure
    }
}

type Answer = Result<crate::model::Response, Failure>;

impl Engine {
    async fn attempts(&self, ask: &Ask<'_>, leg: &Leg, encoded: &Encoded, so_far: &mut Made) -> Answer {
        loop {
            let (attempt, answer) = match self.attempt(ask, leg, encoded, so_far).await {
                Ok(called) => called,
                Err(refused) => return Err(so_far.not_followed(refused)),
            };
            let attempts = &mut so_far.attempts;
            attempts.push(attempt);
            let made = u32::try_from(attempts.len()).unwrap_or(u32::MAX);
            let last = attempts.last_mut();
            let (Err(failure), Some(last)) = (&answer, last) else { return answer };
            let progress = Progress {
                made,
                left: ask.deadline.map_or(Duration::MAX, |at| at.saturating_duration_since(Instant::now())),
                draw: self.dice.unit(ask.context.subject, u64::from(made), "backoff"),
            };
            match walk::step(failure, leg.actions(failure.class), &leg.retry, &progress) {
                Step::Fail { why } => {
                    last.why = why;
                    return answer;
                }
                Step::Again { after, why } => {
                    last.why = why;
                    if let Err(halted) = self.halt.or(tokio::time::sleep(after)).await {
                        return Err(so_far.not_followed(halted));
                    }
                }
            }
        }
    }

    /// One call with its money and its turn; `Err` when it was not sent.
    async fn attempt(
        &self,
        ask: &Ask<'_>,
        leg: &Leg,
        encoded: &Encoded,
        so_far: &mut Made,
    ) -> Result<(Attempt, Answer), Failure> {
        let bound = bound::bound(&self.catalogue, ask.request, leg, encoded);
        let n = u32::try_from(so_far.attempts.len()).unwrap_or(u32::MAX).saturating_add(1);
        let hold = if leg.counts && self.purse.is_capped() {
            let worst = bound.clone().map_err(|unbounded| unbounded.refuse(leg))?;
            Some(self.hold(ask, leg, worst, (n, &so_far.attempts)).await?)
        } else {
            None
        };
        let bound = bound.ok();
        let permit = match self.turn(leg, so_far).await {
            Ok(permit) => permit,
            Err(unsent) => {
                if let Some(hold) = hold {
                    hold.settle(Money::ZERO).await;
                }
                return Err(unsent);
            }
        };
        let began = self.clock.now();
        let made = attempt::call(leg, encoded, ask.headers, ask.request.params.n.unwrap_or(1)).await;
        let signal = signal(made.failure.as_ref());
        if let (Some(failure), Signal::Refused { .. } | Signal::Strained) = (&made.failure, signal) {
            leg.gate.turned_away(failure);
        }
        permit.finish(signal);
        so_far.own += made.own;
        let (cost, price_snapshot) = self.cost(leg, &made, bound);
        // What nobody can tell the cost of counts as the most it was held for, never as nothing.
        let charged = if leg.counts { cost.amount().or(bound) } else { Some(Money::ZERO) };
        if let Some(hold) = hold {
            hold.settle(charged.unwrap_or_default()).await;
        }
        let attempt = Attempt {
            target: leg.target.clone(),
            n,
            began,
            timing: made.timing,
            usage: made.response.usage,
            cost,
            charged,
            price_snapshot,
            served_model: made.response.model.clone(),
            failure: made.failure.clone(),
            why: "answered".to_owned(),
        };
        Ok((attempt, made.failure.map_or(Ok(made.response), Err)))
    }

    /// Waits for a turn at the provider. Where it is given up meanwhile, the request's last failure stands.
    async fn turn<'l>(&self, leg: &'l Leg, so_far: &Made) -> Result<Permit<'l>, Failure> {
        self.halt.or(leg.gate.pass()).await?.map_err(|Shut| {
            let earlier = so_far.attempts.last().and_then(|last| last.failure.clone());
            let message = "not sent: the provider turned every call away";
            earlier
                .or(leg.gate.standing().last)
                .unwrap_or_else(|| Failure::new(FailureClass::Overloaded, message))
        })
    }

    /// Sets the worst case aside, in memory and where it survives this process.
    async fn hold(
        &self,
        ask: &Ask<'_>,
        leg: &Leg,
        worst: Money,
        (n, earlier): (u32, &[Attempt]),
    ) -> Result<Hold<'_>, Failure> {
        let refused = |message: String| Failure::new(FailureClass::Budget, message);
        // Only the wait is cut short: a hold on its way to the disk may be there already.
        let waited = self.halt.or(self.purse.hold(worst)).await?;
        let mut hold = waited.map_err(|error| refused(error.to_string()))?;
        let claim = Claim {
            context: &ask.context,
            target: &leg.target,
            attempt: n,
            spent: earlier.iter().filter_map(|attempt| attempt.charged).sum(),
            began: self.clock.now(),
        };
        hold.keep(claim).await.map_err(|error| {
            refused(format!("what the call may cost could not be set aside, so it was not sent: {error}"))
        })?;
        Ok(hold)
    }

    /// What the provider's tokens cost; without tokens, nothing when it refused the call, and the bound
    /// when it may have worked. Tokens counted before an answer was cut short are not all of them: Anthropic
    /// counts the input first and the output last.
    fn cost(&self, leg: &Leg, made: &attempt::Call, bound: Option<Money>) -> (Cost, Option<String>) {
        let response = &made.response;
        let is_counted = made.failure.is_none() && response.usage.is_some();
        if is_counted || response.stated_cost.is_some() {
            let (served, usage) = (response.model.as_deref(), response.usage.as_ref());
            return price_attempt(&self.catalogue, &leg.listed, served, usage, response.stated_cost);
        }
        if !made.may_be_billed {
            return (Cost::Computed(Money::ZERO), None);
        }
        (bound.map_or(Cost::Unknown, Cost::Estimated), None)
    }
}

/// What a call's end says of the provider's capacity. A provider that refuses the request itself has
/// granted the call: it counts towards what the provider bears.
fn signal(failure: Option<&Failure>) -> Signal {
    use FailureClass::{FirstToken, Overloaded, RateLimited, Stalled, Timeout};
    let Some(failure) = failure else { return Signal::Accepted };
    match failure.class {
        RateLimited => Signal::Refused { retry_after: failure.retry_after },
        Overloaded | Timeout | FirstToken | Stalled => Signal::Strained,
        _ if failure.status.is_some() => Signal::Accepted,
        _ => Signal::Unrelated,
    }
}

#[cfg(test)]
mod tests;
