//! An entry as it is stored: what goes into the tables, and a line of the spool.
//!
//! A line borrows from its entry where it can, so that recording copies no text. It holds no answer and no
//! prompt, except a sample's.

use std::borrow::Cow;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::row::{Entry, HoldRow, RunRow, SampleRow};
use crate::base::money::Money;
use crate::base::untrusted::clip;
use crate::model::TokenUsage;
use crate::model::outcome::{Attempt, Cost, Outcome};

/// The most bytes of a provider's message that are kept.
const MESSAGE_MOST: usize = 500;

/// Text, borrowed from an entry or read from the spool.
type Text<'a> = Cow<'a, str>;

/// Input, output, cached input, cache write, reasoning.
pub(super) type Tokens = [Option<i64>; 5];

/// One entry.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Line<'a> {
    Run(Box<RunLine<'a>>),
    RunEnd { run: Text<'a>, ended_ms: i64, status: Text<'a> },
    Request(RequestLine<'a>),
    Sample(Box<SampleLine<'a>>, Vec<RequestLine<'a>>),
    Rescore(Box<SampleLine<'a>>),
    Hold(Box<HoldLine<'a>>),
    Orphans { account: Text<'a> },
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct HoldLine<'a> {
    pub(super) request: Text<'a>,
    pub(super) account: Text<'a>,
    pub(super) run: Option<Text<'a>>,
    pub(super) origin: Text<'a>,
    pub(super) class: Option<Text<'a>>,
    pub(super) attempt: u32,
    pub(super) provider: Text<'a>,
    pub(super) model: Text<'a>,
    pub(super) spent_nanos: i64,
    pub(super) held_nanos: i64,
    pub(super) began_ms: i64,
    pub(super) owner: u32,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct RunLine<'a> {
    pub(super) id: Text<'a>,
    pub(super) started_ms: i64,
    pub(super) ended_ms: Option<i64>,
    pub(super) status: Text<'a>,
    pub(super) dataset_sha256: Text<'a>,
    pub(super) seed: i64,
    pub(super) version: Text<'a>,
    pub(super) manifest: Text<'a>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct RequestLine<'a> {
    pub(super) id: Text<'a>,
    pub(super) run: Option<Text<'a>>,
    pub(super) origin: Text<'a>,
    pub(super) class: Option<Text<'a>>,
    pub(super) began_ms: i64,
    pub(super) took_us: i64,
    /// The failure class that ended it.
    pub(super) failure: Option<Text<'a>>,
    pub(super) why: Text<'a>,
    pub(super) cost: CostLine<'a>,
    /// Absent when unknown, and in spools of versions that did not know it.
    #[serde(default)]
    pub(super) charged_nanos: Option<i64>,
    pub(super) attempts: Vec<AttemptLine<'a>>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct AttemptLine<'a> {
    pub(super) began_ms: i64,
    pub(super) provider: Text<'a>,
    pub(super) model: Text<'a>,
    pub(super) served_model: Option<Text<'a>>,
    pub(super) failure: Option<FailureLine<'a>>,
    pub(super) tokens: Tokens,
    pub(super) price_snapshot: Option<Text<'a>>,
    pub(super) cost: CostLine<'a>,
    /// Absent in spools of versions that did not measure it.
    #[serde(default)]
    pub(super) connect_us: Option<i64>,
    pub(super) head_us: Option<i64>,
    pub(super) first_token_us: Option<i64>,
    pub(super) total_us: i64,
    pub(super) why: Text<'a>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct FailureLine<'a> {
    pub(super) class: Text<'a>,
    pub(super) status: Option<u16>,
    pub(super) code: Option<Text<'a>>,
    pub(super) message: Text<'a>,
    pub(super) retry_after_ms: Option<i64>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct CostLine<'a> {
    pub(super) nanos: Option<i64>,
    pub(super) source: Text<'a>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SampleLine<'a> {
    pub(super) run: Text<'a>,
    pub(super) item: i64,
    pub(super) candidate: u32,
    pub(super) repeat: u32,
    pub(super) status: Text<'a>,
    pub(super) valid: bool,
    pub(super) repaired: bool,
    pub(super) failure_class: Option<Text<'a>>,
    pub(super) attempts: u32,
    pub(super) latency_us: Option<i64>,
    pub(super) first_token_us: Option<i64>,
    pub(super) tokens: Tokens,
    pub(super) cost: CostLine<'a>,
    pub(super) judge_cost: CostLine<'a>,
    pub(super) cluster: Option<Text<'a>>,
    pub(super) overhead_ns: i64,
    pub(super) id: Text<'a>,
    pub(super) prompt: Text<'a>,
    pub(super) expected: Option<Text<'a>>,
    pub(super) answer: Text<'a>,
    pub(super) tool_calls: Option<Text<'a>>,
    pub(super) finish: Option<Text<'a>>,
    pub(super) failure: Option<Text<'a>>,
    pub(super) invalid: Option<Text<'a>>,
    /// Absent in spools of versions that did not know it.
    #[serde(default)]
    pub(super) is_own_id: Option<bool>,
    pub(super) scores: Vec<ScoreLine<'a>>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ScoreLine<'a> {
    pub(super) scorer: Text<'a>,
    pub(super) passed: bool,
    /// Absent when it is not a finite number: neither SQLite nor JSON has others.
    pub(super) value: Option<f64>,
    pub(super) reason: Text<'a>,
}

impl<'a> From<&'a Entry> for Line<'a> {
    fn from(entry: &'a Entry) -> Self {
        match entry {
            Entry::Run(run) => Self::Run(Box::new(run.into())),
            Entry::RunEnd { run, ended, status } => Self::RunEnd {
                run: run.into(),
                ended_ms: ended.as_millisecond(),
                status: status.name().into(),
            },
            Entry::Outcome(outcome) => Self::Request(outcome.as_ref().into()),
            Entry::Sample(sample, outcomes) => Self::Sample(
                Box::new(sample.as_ref().into()),
                outcomes.iter().map(|outcome| outcome.as_ref().into()).collect(),
            ),
            Entry::Rescore(sample) => Self::Rescore(Box::new(sample.as_ref().into())),
            Entry::Hold(hold) => Self::Hold(Box::new(hold.as_ref().into())),
            Entry::Orphans { account } => Self::Orphans { account: account.into() },
        }
    }
}

impl<'a> From<&'a RunRow> for RunLine<'a> {
    fn from(run: &'a RunRow) -> Self {
        Self {
            id: (&run.id).into(),
            started_ms: run.started.as_millisecond(),
            ended_ms: run.ended.map(Timestamp::as_millisecond),
            status: run.status.name().into(),
            dataset_sha256: (&run.dataset_sha256).into(),
            seed: run.seed.cast_signed(),
            version: (&run.version).into(),
            manifest: (&run.manifest).into(),
        }
    }
}

impl<'a> From<&'a HoldRow> for HoldLine<'a> {
    fn from(hold: &'a HoldRow) -> Self {
        Self {
            request: (&hold.context.id).into(),
            account: (&hold.account).into(),
            run: text(hold.context.run.as_ref()),
            origin: hold.context.origin.into(),
            class: text(hold.context.class.as_ref()),
            attempt: hold.attempt,
            provider: (&hold.target.provider).into(),
            model: (&hold.target.model).into(),
            spent_nanos: hold.spent.nanos(),
            held_nanos: hold.held.nanos(),
            began_ms: hold.began.as_millisecond(),
            owner: std::process::id(),
        }
    }
}

impl<'a> From<&'a Outcome> for RequestLine<'a> {
    fn from(outcome: &'a Outcome) -> Self {
        let failure = outcome.answer.as_ref().err();
        let why = match (outcome.attempts.last(), failure) {
            (Some(last), _) => Text::from(&last.why),
            (None, Some(failure)) => clipped(&failure.message),
            (None, None) => Text::default(),
        };
        Self {
            id: (&outcome.context.id).into(),
            run: text(outcome.context.run.as_ref()),
            origin: outcome.context.origin.into(),
            class: text(outcome.context.class.as_ref()),
            began_ms: outcome.began.as_millisecond(),
            took_us: micros(outcome.took),
            failure: failure.map(|failure| failure.class.name().into()),
            why,
            cost: outcome.cost().into(),
            charged_nanos: outcome.charged().map(Money::nanos),
            attempts: outcome.attempts.iter().map(AttemptLine::from).collect(),
        }
    }
}

impl RequestLine<'_> {
    /// The tokens of all attempts; a kind that no attempt reported stays absent.
    pub(super) fn tokens(&self) -> Tokens {
        self.attempts.iter().fold(Tokens::default(), |sum, attempt| plus(sum, attempt.tokens))
    }
}

impl<'a> From<&'a Attempt> for AttemptLine<'a> {
    fn from(attempt: &'a Attempt) -> Self {
        let failure = attempt.failure.as_ref().map(|failure| FailureLine {
            class: failure.class.name().into(),
            status: failure.status,
            code: text(failure.code.as_ref()),
            message: clipped(&failure.message),
            retry_after_ms: failure.retry_after.map(|wait| whole(wait.as_millis())),
        });
        Self {
            began_ms: attempt.began.as_millisecond(),
            provider: (&attempt.target.provider).into(),
            model: (&attempt.target.model).into(),
            served_model: text(attempt.served_model.as_ref()),
            failure,
            tokens: tokens(attempt.usage.unwrap_or_default()),
            price_snapshot: text(attempt.price_snapshot.as_ref()),
            cost: attempt.cost.into(),
            connect_us: attempt.timing.connect.map(micros),
            head_us: attempt.timing.head.map(micros),
            first_token_us: attempt.timing.first_token.map(micros),
            total_us: micros(attempt.timing.total),
            why: (&attempt.why).into(),
        }
    }
}

impl From<Cost> for CostLine<'_> {
    fn from(cost: Cost) -> Self {
        Self { nanos: cost.amount().map(Money::nanos), source: cost.source().into() }
    }
}

impl<'a> From<&'a SampleRow> for SampleLine<'a> {
    fn from(sample: &'a SampleRow) -> Self {
        let facts = &sample.facts;
        let scores = sample.scores.iter().map(|score| ScoreLine {
            scorer: (&score.scorer).into(),
            passed: score.passed,
            value: Some(score.value).filter(|value| value.is_finite()),
            reason: (&score.reason).into(),
        });
        Self {
            run: (&sample.run).into(),
            item: whole(facts.key.item.into()),
            candidate: facts.key.candidate,
            repeat: facts.key.repeat,
            status: facts.status.name().into(),
            valid: facts.valid,
            repaired: facts.repaired,
            failure_class: text(facts.failure_class.as_ref()),
            attempts: facts.attempts,
            latency_us: facts.latency.map(micros),
            first_token_us: facts.first_token.map(micros),
            tokens: tokens(facts.usage.unwrap_or_default()),
            cost: facts.cost.into(),
            judge_cost: facts.judge_cost.into(),
            cluster: text(facts.cluster.as_ref()),
            overhead_ns: whole(facts.overhead.as_nanos()),
            id: (&sample.id).into(),
            prompt: (&sample.prompt).into(),
            expected: text(sample.expected.as_ref()),
            answer: (&sample.answer).into(),
            tool_calls: text(sample.tool_calls.as_ref()),
            finish: text(sample.finish.as_ref()),
            failure: text(sample.failure.as_ref()),
            invalid: text(sample.invalid.as_ref()),
            is_own_id: sample.is_own_id,
            scores: scores.collect(),
        }
    }
}

/// The sum of two, kind by kind; absent where neither was reported.
pub(super) fn plus(mut sum: Tokens, more: Tokens) -> Tokens {
    for (sum, more) in sum.iter_mut().zip(more) {
        *sum = match (*sum, more) {
            (Some(a), Some(b)) => Some(a.saturating_add(b)),
            (a, b) => a.or(b),
        };
    }
    sum
}

/// Tokens as the tables have them.
pub(super) fn tokens(usage: TokenUsage) -> Tokens {
    [usage.input, usage.output, usage.cached_input, usage.cache_write, usage.reasoning]
        .map(|count| count.map(|count| whole(count.into())))
}

/// Tokens as the model has them.
pub(super) fn usage(tokens: Tokens) -> TokenUsage {
    let [input, output, cached_input, cache_write, reasoning] =
        tokens.map(|count| count.map(i64::unsigned_abs));
    TokenUsage { input, output, cached_input, cache_write, reasoning }
}

fn text(text: Option<&String>) -> Option<Text<'_>> {
    text.map(Text::from)
}

fn clipped(message: &str) -> Text<'_> {
    if message.len() <= MESSAGE_MOST { message.into() } else { clip(message, MESSAGE_MOST).into() }
}

fn micros(duration: Duration) -> i64 {
    whole(duration.as_micros())
}

/// A number as SQLite holds it; one that does not fit, which no measurement is, becomes the largest.
fn whole(number: u128) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
