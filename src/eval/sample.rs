//! One sample: ask, judge validity, score, and make the row that is recorded.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use serde_json::json;
use tokio::time::Instant;

use super::candidate::{Candidate, Source};
use super::dataset::Case;
use super::effect::{Effects, Scored};
use super::scorer::Subject;
use super::validity;
use crate::base::dice::Dice;
use crate::base::money::Money;
use crate::engine::{Ask, Engine};
use crate::ledger::row::{SampleFacts, SampleKey, SampleRow, SampleStatus};
use crate::model::outcome::{Context, Cost, Outcome};
use crate::model::{Failure, FailureClass, Message, Part, Response, Role, TokenUsage};
use crate::wire::replay::{ITEM, Item, item_value, prompt_digest};

/// What every sample of a run shares.
pub(super) struct Bench<'a> {
    pub(super) run: &'a str,
    pub(super) engine: &'a Engine,
    pub(super) effects: &'a Effects,
}

/// A finished sample with the requests it took.
pub(super) struct Finished {
    pub(super) row: SampleRow,
    pub(super) outcomes: Vec<Arc<Outcome>>,
}

/// A sample that the budget, or a stop, ended before it was answered and judged. It counts as not made, and what was
/// paid for it as spent.
pub(super) struct Unfinished {
    pub(super) failure: Failure,
    pub(super) paid: Vec<Arc<Outcome>>,
}

impl Unfinished {
    fn of(outcomes: &[Arc<Outcome>]) -> Option<Self> {
        let refusal = |outcome: &Arc<Outcome>| outcome.answer.as_ref().err().cloned();
        let mut refusals = outcomes.iter().filter_map(refusal);
        let is_ours =
            |failure: &Failure| matches!(failure.class, FailureClass::Budget | FailureClass::Cancelled);
        let failure = refusals.find(is_ours)?;
        let sent = outcomes.iter().filter(|outcome| !outcome.attempts.is_empty());
        Some(Self { failure, paid: sent.cloned().collect() })
    }
}

/// Requests of a sample that are over while the sample is not. Dropped with it, what they cost is kept.
pub(super) struct Paid<'a> {
    engine: &'a Engine,
    outcomes: Vec<Arc<Outcome>>,
}

impl<'a> Paid<'a> {
    pub(super) fn new(engine: &'a Engine, outcomes: Vec<Arc<Outcome>>) -> Self {
        Self { engine, outcomes }
    }

    pub(super) fn add(&mut self, outcome: Arc<Outcome>) {
        self.outcomes.push(outcome);
    }

    /// Whoever takes them records them.
    pub(super) fn end(mut self) -> Vec<Arc<Outcome>> {
        std::mem::take(&mut self.outcomes)
    }
}

impl Drop for Paid<'_> {
    fn drop(&mut self) {
        for outcome in self.outcomes.drain(..) {
            self.engine.keep(outcome);
        }
    }
}

/// Asks one candidate one row.
pub(super) async fn take(
    bench: &Bench<'_>,
    candidate: &Candidate,
    case: &Case,
    key: SampleKey,
) -> Result<Finished, Unfinished> {
    let began = Instant::now();
    let mut request = candidate.request(&case.request);
    if candidate.source == Source::Simulated {
        // Simulated chance is a function of the request: repeats need their own.
        request.params.seed = request.params.seed.or(Some(i64::from(key.repeat)));
    }
    let context = Context {
        id: bench.effects.ids.uuid(bench.engine.clock.now(), subject(key), "sample"),
        origin: "eval",
        run: Some(bench.run.to_owned()),
        class: case.class.clone(),
        subject: subject(key),
    };
    let headers = headers(candidate, case, key.repeat);
    let mut own = began.elapsed();
    let ask = Ask { context, request: &request, headers: &headers, deadline: None };
    let done = bench.engine.run(ask, &candidate.leg).await;
    own += done.own;
    if let Some(unfinished) = Unfinished::of(std::slice::from_ref(&done.outcome)) {
        return Err(unfinished);
    }
    let paid = Paid::new(bench.engine, vec![Arc::clone(&done.outcome)]);
    let began = Instant::now();
    let mut finished = judge(bench, candidate.source, case, key, &done.outcome).await;
    own += began.elapsed().saturating_sub(finished.waited);
    finished.row.facts.overhead = own;
    let mut outcomes = paid.end();
    outcomes.append(&mut finished.outcomes);
    // A judge that could not be paid leaves an answer that nobody knows the worth of.
    match Unfinished::of(&outcomes) {
        Some(unfinished) => Err(unfinished),
        None => Ok(Finished { row: finished.row, outcomes }),
    }
}

struct Judged {
    row: SampleRow,
    outcomes: Vec<Arc<Outcome>>,
    waited: Duration,
}

async fn judge(bench: &Bench<'_>, source: Source, case: &Case, key: SampleKey, outcome: &Outcome) -> Judged {
    let mut row = row(bench.run, case, key, outcome);
    if source == Source::Replayed && !outcome.attempts.iter().all(|attempt| attempt.timing.is_recorded) {
        // How long it took to read a file says nothing of the model.
        (row.facts.latency, row.facts.first_token) = (None, None);
    }
    let scored = match &outcome.answer {
        Err(failure) => {
            row.facts.status = match failure.class {
                FailureClass::Policy => SampleStatus::Refused,
                _ => SampleStatus::Error,
            };
            row.facts.failure_class = Some(failure.class.name().to_owned());
            row.failure = Some(failure.to_string());
            Scored::default()
        }
        Ok(response) => {
            let subject =
                Subject { case, response, latency: row.facts.latency, cost: row.facts.cost.amount() };
            let scored = bench.effects.score(bench, &subject, key).await;
            grade(&mut row, &subject, &scored);
            scored
        }
    };
    row.facts.judge_cost = scored.cost();
    row.scores = scored.scores;
    Judged { row, outcomes: scored.outcomes, waited: scored.waited }
}

/// Whether an answer with its scores is accepted.
pub(super) fn grade(row: &mut SampleRow, subject: &Subject<'_>, scored: &Scored) {
    let validity = validity::check(subject.case, subject.response);
    let may_refuse = subject.case.expects_refusal();
    row.facts.valid = validity.valid;
    row.facts.repaired = validity.repaired;
    row.invalid = validity.reason;
    row.facts.failure_class = None;
    row.failure = None;
    row.facts.status = if let Some(reason) = &scored.unable {
        row.facts.failure_class = Some(UNSCORED.to_owned());
        row.failure = Some(reason.clone());
        SampleStatus::Error
    } else if validity.refused && !may_refuse {
        SampleStatus::Refused
    } else if (validity.valid || (validity.refused && may_refuse)) && scored.scores.iter().all(|s| s.passed) {
        SampleStatus::Accepted
    } else {
        SampleStatus::Rejected
    };
}

/// The failure class of an answer that no scorer could judge: the judge or program failed, not the candidate.
pub const UNSCORED: &str = "unscored";

fn row(run: &str, case: &Case, key: SampleKey, outcome: &Outcome) -> SampleRow {
    let first = outcome.attempts.first().filter(|attempt| attempt.failure.is_none());
    let response = outcome.answer.as_ref().ok();
    let choice = response.and_then(|response| response.choices.first());
    SampleRow {
        run: run.to_owned(),
        facts: SampleFacts {
            key,
            status: SampleStatus::Error,
            valid: false,
            repaired: false,
            failure_class: None,
            attempts: u32::try_from(outcome.attempts.len()).unwrap_or(u32::MAX),
            latency: first.map(|attempt| attempt.timing.total),
            first_token: first.and_then(|attempt| attempt.timing.first_token),
            usage: usage(outcome),
            cost: outcome.cost(),
            judge_cost: Cost::Computed(Money::ZERO),
            cluster: case.cluster.clone(),
            overhead: Duration::ZERO,
        },
        id: case.id.clone(),
        is_own_id: Some(case.is_own_id),
        prompt: prompt(&case.request.messages),
        expected: case.expected.as_ref().map(ToString::to_string),
        answer: response.map(Response::text).unwrap_or_default().to_owned(),
        tool_calls: choice.filter(|choice| !choice.tool_calls.is_empty()).map(|choice| {
            let calls = choice.tool_calls.iter();
            let call = |c: &crate::model::request::ToolCall| json!({"id": c.id, "name": c.name, "arguments": c.arguments});
            serde_json::Value::Array(calls.map(call).collect()).to_string()
        }),
        finish: choice.and_then(|choice| {
            choice.finish.map(|finish| finish.name().to_owned()).or_else(|| choice.finish_raw.clone())
        }),
        failure: None,
        invalid: None,
        scores: Vec::new(),
    }
}

/// Tokens of all attempts; a field nobody reported stays absent.
fn usage(outcome: &Outcome) -> Option<TokenUsage> {
    let mut sum: Option<TokenUsage> = None;
    for usage in outcome.attempts.iter().filter_map(|attempt| attempt.usage) {
        let total = sum.get_or_insert_default();
        let pairs = [
            (&mut total.input, usage.input),
            (&mut total.output, usage.output),
            (&mut total.cached_input, usage.cached_input),
            (&mut total.cache_write, usage.cache_write),
            (&mut total.reasoning, usage.reasoning),
        ];
        for (slot, part) in pairs {
            *slot = part.map(|part| slot.unwrap_or(0).saturating_add(part)).or(*slot);
        }
    }
    sum
}

/// The prompt as people read it: a lone user message as it is, several with their roles.
pub(super) fn prompt(messages: &[Message]) -> String {
    if let [message] = messages
        && message.role == Role::User
    {
        return text(message);
    }
    let lines = messages.iter().map(|message| {
        let role = match message.role {
            Role::System => "system",
            Role::Developer => "developer",
            Role::User => "user",
            Role::Assistant => "assistant",
            Role::Tool => "tool",
        };
        format!("{role}: {}", text(message))
    });
    lines.collect::<Vec<_>>().join("\n\n")
}

fn text(message: &Message) -> String {
    let parts = message.parts.iter().map(|part| match part {
        Part::Text(text) => text.clone(),
        Part::Image(_) => "[image]".to_owned(),
        Part::ToolCall(call) => format!("[calls {} {}]", call.name, call.arguments),
        Part::ToolResult(result) => {
            let texts = result.parts.iter().filter_map(|part| match part {
                Part::Text(text) => Some(text.as_str()),
                _ => None,
            });
            format!("[result {}]", texts.collect::<String>())
        }
        Part::Thinking(thinking) => thinking.text.clone(),
        Part::Opaque { .. } => "[attachment]".to_owned(),
    });
    parts.collect::<Vec<_>>().join("\n")
}

/// A recorded answer is found by its row's id, or by its prompt.
fn headers(candidate: &Candidate, case: &Case, repeat: u32) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if candidate.source == Source::Replayed {
        let item = Item {
            id: case.id.clone(),
            line: (!case.is_own_id).then_some(case.line),
            prompt: prompt_digest(&prompt(&case.request.messages)),
            repeat,
        };
        headers.insert(ITEM, item_value(&item));
    }
    headers
}

/// What chance is rolled for: a number of the sample's own. Samples of one row never share it, nor do rows
/// asked of one candidate in one repeat; any other two do with a chance of one in 2^64.
pub(super) fn subject(key: SampleKey) -> u64 {
    let within_row = u64::from(key.candidate) << 32 | u64::from(key.repeat);
    Dice::new(key.item).bits(within_row, 0, "sample")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_samples_share_their_luck_however_many_candidates_and_repeats_there_are() {
        let places = [0, 1, 2, 63, 64, 65, 255, 256, 1_023, 1_024, 1_025, 4_096, 1 << 20, u32::MAX];
        let items = [0, 1, 2, 3, 1 << 10, 1 << 14, 1 << 20, 1 << 24, 1 << 44, u64::MAX];
        let mut seen = BTreeSet::new();
        for item in items {
            for candidate in places {
                for repeat in places {
                    assert!(
                        seen.insert(subject(SampleKey { item, candidate, repeat })),
                        "{item} {candidate} {repeat}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_sample_has_the_same_luck_whenever_it_is_drawn() {
        let key = SampleKey { item: 7, candidate: 1, repeat: 2 };
        assert_eq!(subject(key), subject(key));
        assert_eq!(subject(key), 6_429_546_142_252_670_383);
    }
}
