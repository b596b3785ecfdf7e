//! One JSON object per sample and line, texts exactly as recorded.

use std::io::{self, Write};
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::{Filter, Samples, TokenCounts, model_name, source};
use crate::base::money::Money;
use crate::base::untrusted;
use crate::eval::summary::Summary;
use crate::ledger::row::{SampleFacts, SampleRow, ScoreRow};
use crate::model::TokenUsage;

#[derive(Serialize)]
struct Sample<'a> {
    run: &'a str,
    id: &'a str,
    item: u64,
    model: &'a str,
    source: &'static str,
    repeat: u32,
    status: &'static str,
    valid: bool,
    repaired: bool,
    prompt: &'a str,
    expected: Option<Value>,
    answer: &'a str,
    tool_calls: Option<Value>,
    finish: Option<&'a str>,
    invalid: Option<&'a str>,
    failure: Option<Failure<'a>>,
    scores: Vec<Score<'a>>,
    attempts: u32,
    latency_ms: Option<f64>,
    ttft_ms: Option<f64>,
    overhead_ms: f64,
    tokens: Option<TokenCounts>,
    cost_usd: Option<String>,
    cost_source: &'static str,
    judge_cost_usd: Option<String>,
    cluster: Option<&'a str>,
}

#[derive(Serialize)]
struct Failure<'a> {
    class: Option<&'a str>,
    message: Option<&'a str>,
}

#[derive(Serialize)]
struct Score<'a> {
    scorer: &'a str,
    passed: bool,
    value: f64,
    reason: &'a str,
}

/// Writes every sample.
pub(super) fn write(summary: &Summary, samples: &dyn Samples, out: &mut dyn Write) -> io::Result<()> {
    samples.each(Filter::default(), &mut |row| {
        let model = model_name(summary, row.facts.key.candidate);
        let text = serde_json::to_string(&sample(row, &model, source(summary, row.facts.key.candidate)))?;
        writeln!(out, "{}", untrusted::json(&text))
    })
}

fn sample<'a>(row: &'a SampleRow, model: &'a str, source: &'static str) -> Sample<'a> {
    let facts = &row.facts;
    Sample {
        run: &row.run,
        id: &row.id,
        item: facts.key.item,
        model,
        source,
        repeat: facts.key.repeat,
        status: facts.status.name(),
        valid: facts.valid,
        repaired: facts.repaired,
        prompt: &row.prompt,
        expected: row.expected.as_deref().map(json_or_text),
        answer: &row.answer,
        tool_calls: row.tool_calls.as_deref().map(json_or_text),
        finish: row.finish.as_deref(),
        invalid: row.invalid.as_deref(),
        failure: failure(row),
        scores: row.scores.iter().map(Score::from).collect(),
        attempts: facts.attempts,
        latency_ms: facts.latency.map(millis),
        ttft_ms: facts.first_token.map(millis),
        overhead_ms: millis(facts.overhead),
        tokens: facts.usage.map(TokenCounts::from),
        cost_usd: facts.cost.amount().map(Money::decimal),
        cost_source: facts.cost.source(),
        judge_cost_usd: facts.judge_cost.amount().map(Money::decimal),
        cluster: facts.cluster.as_deref(),
    }
}

fn failure(row: &SampleRow) -> Option<Failure<'_>> {
    let SampleFacts { failure_class, .. } = &row.facts;
    let failure = Failure { class: failure_class.as_deref(), message: row.failure.as_deref() };
    (failure_class.is_some() || row.failure.is_some()).then_some(failure)
}

/// Milliseconds to the microsecond.
fn millis(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

fn json_or_text(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()))
}

impl<'a> From<&'a ScoreRow> for Score<'a> {
    fn from(score: &'a ScoreRow) -> Self {
        Self { scorer: &score.scorer, passed: score.passed, value: score.value, reason: &score.reason }
    }
}

impl From<TokenUsage> for TokenCounts {
    fn from(usage: TokenUsage) -> Self {
        Self {
            input: usage.total_input(),
            output: usage.output,
            cached: usage.cached_input,
            reasoning: usage.reasoning,
        }
    }
}
