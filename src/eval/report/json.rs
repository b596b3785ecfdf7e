//! The summary as one JSON object. Fields are only ever added within a version; amounts of money are decimal
//! text, so that no reader rounds them.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;

use super::{TokenCounts, best_verdict};
use crate::base::money::Money;
use crate::base::untrusted;
use crate::eval::stats::repeats::Variance;
use crate::eval::summary::{
    Comparison, DatasetInfo, GateResult, ModelSummary, QuantileMs, Quantiles, Share, Summary, TokenSums,
    Verdict,
};

#[derive(Serialize)]
struct Report<'a> {
    version: u32,
    orch_version: &'a str,
    run: &'a str,
    status: &'static str,
    started: String,
    took_ms: Option<u128>,
    seed: u64,
    dataset: Option<Dataset<'a>>,
    datasets: Vec<Dataset<'a>>,
    skipped_rows: u64,
    planned: u64,
    finished: u64,
    spent_usd: Option<String>,
    max_cost_usd: Option<String>,
    spent_is_simulated: bool,
    overhead_share: f64,
    verdict: Option<VerdictJson<'a>>,
    verdicts: Vec<VerdictJson<'a>>,
    gates: Vec<Gate<'a>>,
    comparisons: Vec<ComparisonJson<'a>>,
    models: Vec<Model<'a>>,
    notes: &'a [String],
}

#[derive(Serialize)]
struct Dataset<'a> {
    path: &'a str,
    sha256: &'a str,
    rows: u64,
}

#[derive(Serialize)]
struct VerdictJson<'a> {
    decision: &'static str,
    candidate: &'a str,
    sentence: &'a str,
}

#[derive(Serialize)]
struct Gate<'a> {
    model: &'a str,
    expr: &'a str,
    pass: bool,
    value: Option<f64>,
    shown: &'a str,
}

#[derive(Serialize)]
struct ComparisonJson<'a> {
    candidate: &'a str,
    incumbent: &'a str,
    prompts: u64,
    pairs: u64,
    better: u64,
    worse: u64,
    delta_accepted: f64,
    ci95: Option<[f64; 2]>,
    p_value: f64,
    p_exact: f64,
    p_holm: f64,
    unanswered: u64,
    samples_needed: Option<u64>,
    delta_cost_per_accepted: Option<f64>,
}

#[derive(Serialize)]
struct Model<'a> {
    #[serde(rename = "model")]
    name: &'a str,
    is_incumbent: bool,
    simulated: bool,
    replayed: bool,
    samples: u64,
    accepted: ShareJson,
    accepted_of_answered: ShareJson,
    valid: ShareJson,
    rejected: u64,
    refused: u64,
    repaired: u64,
    retried: u64,
    errors: &'a BTreeMap<String, u64>,
    latency_ms: Times,
    ttft_ms: Times,
    tokens: TokenCounts,
    cost_usd: Option<String>,
    cost_is_estimated: bool,
    judge_cost_usd: Option<String>,
    cost_per_call_usd: Option<String>,
    cost_per_call_ci95: Option<[String; 2]>,
    cost_per_accepted_usd: Option<String>,
    cost_per_accepted_ci95_usd: Option<[String; 2]>,
    scorers: BTreeMap<&'a str, ShareJson>,
    pass_at_k: Option<&'a [f64]>,
    pass_all_k: Option<&'a [f64]>,
    variance: Option<VarianceJson>,
    served: &'a [String],
}

#[derive(Serialize)]
struct ShareJson {
    n: u64,
    of: u64,
    rate: Option<f64>,
    ci95: Option<[f64; 2]>,
}

#[derive(Serialize)]
struct Times {
    p50: Option<f64>,
    p95: Option<f64>,
    p99: Option<f64>,
    p50_ci95: Option<[f64; 2]>,
    p95_ci95: Option<[f64; 2]>,
    p99_ci95: Option<[f64; 2]>,
    n: u64,
}

#[derive(Serialize)]
struct VarianceJson {
    between: f64,
    within: f64,
}

/// Writes the summary and a newline.
pub(super) fn write(summary: &Summary, out: &mut dyn Write) -> io::Result<()> {
    let text = serde_json::to_string_pretty(&report(summary))?;
    writeln!(out, "{}", untrusted::json(&text))
}

fn report(summary: &Summary) -> Report<'_> {
    Report {
        version: 1,
        orch_version: &summary.version,
        run: &summary.run,
        status: summary.status.name(),
        started: summary.started.to_string(),
        took_ms: summary.took.map(|took| took.as_millis()),
        seed: summary.seed,
        dataset: summary.datasets.first().map(Dataset::from),
        datasets: summary.datasets.iter().map(Dataset::from).collect(),
        skipped_rows: summary.skipped_rows,
        planned: summary.planned,
        finished: summary.finished,
        spent_usd: summary.spent.map(Money::decimal),
        max_cost_usd: summary.max_cost.map(Money::decimal),
        spent_is_simulated: summary.spent_is_simulated,
        overhead_share: summary.overhead_share,
        verdict: best_verdict(summary).map(VerdictJson::from),
        verdicts: summary.verdicts.iter().map(VerdictJson::from).collect(),
        gates: summary.gates.iter().map(Gate::from).collect(),
        comparisons: summary.comparisons.iter().map(ComparisonJson::from).collect(),
        models: summary.models.iter().map(Model::from).collect(),
        notes: &summary.notes,
    }
}

impl<'a> From<&'a DatasetInfo> for Dataset<'a> {
    fn from(dataset: &'a DatasetInfo) -> Self {
        Self { path: &dataset.path, sha256: &dataset.sha256, rows: dataset.rows }
    }
}

impl<'a> From<&'a Verdict> for VerdictJson<'a> {
    fn from(verdict: &'a Verdict) -> Self {
        Self { decision: verdict.decision.name(), candidate: &verdict.candidate, sentence: &verdict.sentence }
    }
}

impl<'a> From<&'a GateResult> for Gate<'a> {
    fn from(gate: &'a GateResult) -> Self {
        Self { model: &gate.model, expr: &gate.expr, pass: gate.pass, value: gate.value, shown: &gate.shown }
    }
}

impl<'a> From<&'a Comparison> for ComparisonJson<'a> {
    fn from(comparison: &'a Comparison) -> Self {
        Self {
            candidate: &comparison.candidate,
            incumbent: &comparison.incumbent,
            prompts: comparison.prompts,
            pairs: comparison.pairs,
            better: comparison.better,
            worse: comparison.worse,
            delta_accepted: comparison.delta_accepted,
            ci95: comparison.ci95,
            p_value: comparison.p_value,
            p_exact: comparison.p_exact,
            p_holm: comparison.p_holm,
            unanswered: comparison.unanswered,
            samples_needed: comparison.samples_needed,
            delta_cost_per_accepted: comparison.delta_cost_per_accepted,
        }
    }
}

impl<'a> From<&'a ModelSummary> for Model<'a> {
    fn from(model: &'a ModelSummary) -> Self {
        Self {
            name: &model.model,
            is_incumbent: model.is_incumbent,
            // A summary's word for "nobody was paid"; here, that answers came from a simulated model.
            simulated: model.simulated && !model.replayed,
            replayed: model.replayed,
            samples: model.samples,
            accepted: ShareJson::from(&model.accepted),
            accepted_of_answered: ShareJson::from(&model.accepted_of_answered),
            valid: ShareJson::from(&model.valid),
            rejected: model.rejected,
            refused: model.refused,
            repaired: model.repaired,
            retried: model.retried,
            errors: &model.errors,
            latency_ms: Times::from(&model.latency),
            ttft_ms: Times::from(&model.first_token),
            tokens: TokenCounts::from(model.tokens),
            cost_usd: model.cost.map(Money::decimal),
            cost_is_estimated: model.cost_is_estimated,
            judge_cost_usd: model.judge_cost.map(Money::decimal),
            cost_per_call_usd: model.cost_per_call.map(Money::decimal),
            cost_per_call_ci95: model.cost_per_call_ci95.map(|ends| ends.map(Money::decimal)),
            cost_per_accepted_usd: model.cost_per_accepted.map(Money::decimal),
            cost_per_accepted_ci95_usd: model.cost_per_accepted_ci95.map(|ends| ends.map(Money::decimal)),
            scorers: model.scorers.iter().map(|(name, share)| (name.as_str(), share.into())).collect(),
            pass_at_k: model.repeats.as_ref().map(|repeats| &*repeats.pass_at),
            pass_all_k: model.repeats.as_ref().map(|repeats| &*repeats.pass_all),
            variance: model.repeats.as_ref().and_then(|repeats| repeats.variance).map(VarianceJson::from),
            served: &model.served,
        }
    }
}

impl From<&Share> for ShareJson {
    fn from(share: &Share) -> Self {
        Self { n: share.n, of: share.of, rate: share.rate, ci95: share.ci95 }
    }
}

impl From<&Quantiles> for Times {
    fn from(times: &Quantiles) -> Self {
        let value = |quantile: Option<QuantileMs>| quantile.map(|quantile| quantile.value);
        let ends = |quantile: Option<QuantileMs>| quantile.and_then(|quantile| quantile.ci95);
        Self {
            p50: value(times.p50),
            p95: value(times.p95),
            p99: value(times.p99),
            p50_ci95: ends(times.p50),
            p95_ci95: ends(times.p95),
            p99_ci95: ends(times.p99),
            n: times.n,
        }
    }
}

impl From<TokenSums> for TokenCounts {
    fn from(tokens: TokenSums) -> Self {
        let TokenSums { input, output, cached, reasoning } = tokens;
        Self { input, output, cached, reasoning }
    }
}

impl From<Variance> for VarianceJson {
    fn from(variance: Variance) -> Self {
        Self { between: variance.between, within: variance.within }
    }
}
