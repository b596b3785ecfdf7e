//! Floor 4: the one path that every request takes: hold money, pass the gate, call, settle, decide what
//! follows, and hand back an [`Outcome`], whatever came of it.

mod attempt;
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
use crate::model::request::{Image, Part};
use crate::model::{Failure, FailureClass, Request};
use crate::policy::catalogue::{Catalogue, price_attempt};
use halt::Halt;
use leg::Leg;
use purse::Purse;
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
    /// The front end, together with what it makes of the answer, in one transaction.
    Caller,
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
        let mut made = Made::default();
        let answer = match leg.dialect.encode(ask.request, &call) {
            Err(failure) => Err(failure),
            Ok(encoded) => {
                made.own += since.elapsed();
                self.attempts(&ask, leg, &encoded, &mut made).await
            }
        };
        let Made { attempts, own } = made;
        let took = since.elapsed();
        let outcome = Arc::new(Outcome { context: ask.context, attempts, answer, began, took });
        self.recorded(&outcome).await;
        Done { outcome, own }
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

type Answer = Result<crate::model::Response, Failure>;

impl Engine {
    async fn attempts(&self, ask: &Ask<'_>, leg: &Leg, encoded: &Encoded, so_far: &mut Made) -> Answer {
        let Made { attempts, own } = so_far;
        loop {
            let (attempt, answer) = match self.attempt(ask, leg, encoded, own).await {
                Ok(made) => made,
                Err(unsent) => return Err(unsent),
            };
            attempts.push(attempt);
            let made = u32::try_from(attempts.len()).unwrap_or(u32::MAX);
            let last = attempts.last_mut();
            let (Err(failure), Some(last)) = (&answer, last) else { return answer };
            last.n = made;
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
                        last.why.push_str("; not made, for the run was asked to stop");
                        return Err(halted);
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
        own: &mut Duration,
    ) -> Result<(Attempt, Answer), Failure> {
        let bound = self.bound(ask.request, leg, encoded);
        if self.purse.is_capped() && leg.spends && bound.is_none() {
            return Err(unpriced(leg));
        }
        let hold = self.halt.or(self.purse.hold(bound.filter(|_| leg.spends).unwrap_or_default())).await?;
        let hold = hold.map_err(|refused| Failure::new(FailureClass::Budget, refused.to_string()))?;
        let permit = match self.halt.or(leg.gate.pass()).await {
            Ok(permit) => permit,
            Err(halted) => {
                hold.settle(Money::ZERO);
                return Err(halted);
            }
        };
        let began = self.clock.now();
        let made = attempt::call(leg, encoded, ask.headers).await;
        permit.finish(signal(made.failure.as_ref()));
        *own += made.own;
        let (cost, price_snapshot) = self.cost(leg, &made, bound);
        // What nobody can tell the cost of counts as the most it was held for, never as nothing.
        hold.settle(cost.amount().or(bound).filter(|_| leg.spends).unwrap_or_default());
        let attempt = Attempt {
            target: leg.target.clone(),
            n: 1,
            began,
            timing: made.timing,
            usage: made.response.usage,
            cost,
            price_snapshot,
            served_model: made.response.model.clone(),
            failure: made.failure.clone(),
            why: "answered".to_owned(),
        };
        Ok((attempt, made.failure.map_or(Ok(made.response), Err)))
    }

    /// The most the call can cost. Every token of a byte-level tokenizer is at least one byte, so the bytes
    /// of the body bound the tokens of its text.
    fn bound(&self, request: &Request, leg: &Leg, encoded: &Encoded) -> Option<Money> {
        let input = encoded.body.len() as u64 + image_tokens(request);
        let model = self.catalogue.find(&leg.listed.provider, &leg.listed.model)?;
        let choices = u64::from(request.params.n.unwrap_or(1).max(1));
        let output = request.params.max_tokens.or(model.max_output).or(model.context)?;
        Some(model.prices.as_ref()?.worst_case(input, output.saturating_mul(choices)))
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

/// The most tokens known for one image: `gpt-4o-mini` counts 2,833 and 5,667 a tile, at most eight tiles
/// (OpenAI documentation, "Images and vision").
const MOST_IMAGE_TOKENS: u64 = 50_000;

fn image_tokens(request: &Request) -> u64 {
    let parts = request.messages.iter().flat_map(|message| &message.parts);
    let images = parts.filter(|part| matches!(part, Part::Image(Image::Url { .. } | Image::Data { .. })));
    images.count() as u64 * MOST_IMAGE_TOKENS
}

fn unpriced(leg: &Leg) -> Failure {
    let target = &leg.target;
    let message = format!(
        "the price of {target} is unknown, so no cost cap can hold; give it a price under [models] in orch.toml, \
         or run without a cap"
    );
    Failure::new(FailureClass::Budget, message)
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
