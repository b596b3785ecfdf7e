//! One self-contained page: nothing is fetched, and its content security policy names the hashes of the only
//! style and the only script that may run, so that no text from a model can become one.

use std::collections::BTreeMap;
use std::io::{self, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use minijinja::Environment;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::chart::{self, Latency, Lines};
use super::groups::{self, Example, Group};
use super::{Filter, Samples, model_name, text, verdicts_in_order};
use crate::base::money::Money;
use crate::base::span;
use crate::base::untrusted::Untrusted;
use crate::eval::histogram::Histogram;
use crate::eval::stats::repeats::Variance;
use crate::eval::summary::{
    Comparison, Decision, GateResult, ModelSummary, QuantileMs, Repeats, Share, Summary, TokenSums, Verdict,
};
use crate::ledger::row::SampleRow;

const TEMPLATE: &str = include_str!("report.html");
const STYLE: &str = include_str!("report.css");
const SCRIPT: &str = include_str!("report.js");

/// Failures shown, shared out evenly among the candidates.
const MOST_FAILURES: usize = 200;
/// Characters of each text of a failure.
const MOST_CHARACTERS: usize = 4_000;

#[derive(Serialize)]
struct Page {
    policy: String,
    style: &'static str,
    script: &'static str,
    run: String,
    started: String,
    status: &'static str,
    is_done: bool,
    verdicts: Vec<VerdictView>,
    columns: Vec<Column>,
    models: Vec<ModelView>,
    differences: Option<Lines>,
    latency: Option<Latency>,
    costs: Option<Lines>,
    gates: Vec<GateView>,
    groups: Vec<GroupView>,
    failures: Vec<FailureView>,
    failures_total: String,
    failures_left: Option<String>,
    notes: Vec<String>,
    facts: Vec<(&'static str, String)>,
}

#[derive(Serialize)]
struct VerdictView {
    decision: &'static str,
    word: &'static str,
    sign: &'static str,
    candidate: String,
    sentence: String,
}

#[derive(Serialize)]
struct Column {
    label: &'static str,
    about: &'static str,
}

#[derive(Serialize)]
struct ModelView {
    name: String,
    colour: usize,
    is_incumbent: bool,
    source: &'static str,
    served: String,
    cells: Vec<Cell>,
}

/// A cell: what is read, what is sorted by, and the interval below it.
#[derive(Serialize)]
struct Cell {
    main: String,
    below: String,
    value: Option<f64>,
    interval: Option<[f64; 3]>,
}

#[derive(Serialize)]
struct GateView {
    expr: String,
    model: String,
    shown: String,
    pass: bool,
}

#[derive(Serialize)]
struct GroupView {
    kind: String,
    count: String,
    split: String,
}

#[derive(Serialize)]
struct FailureView {
    model: String,
    kind: String,
    id: String,
    why: String,
    prompt: String,
    expected: String,
    answer: String,
}

/// What one pass over the samples gathers, in bounded memory.
struct Gathered {
    latencies: Vec<Histogram>,
    groups: BTreeMap<String, Group>,
    failures: Vec<(String, Example)>,
    shown: Vec<usize>,
}

impl Gathered {
    fn new(candidates: usize) -> Self {
        Self {
            latencies: vec![Histogram::default(); candidates],
            groups: BTreeMap::new(),
            failures: Vec::new(),
            shown: vec![0; candidates],
        }
    }

    fn add(&mut self, row: &SampleRow) {
        let candidate = row.facts.key.candidate as usize;
        if let (Some(histogram), Some(latency)) = (self.latencies.get_mut(candidate), row.facts.latency) {
            histogram.add(latency);
        }
        let Some(kind) = groups::kind(row) else { return };
        groups::add(&mut self.groups, row);
        let quota = MOST_FAILURES / self.shown.len().max(1);
        if let Some(shown) = self.shown.get_mut(candidate).filter(|shown| **shown < quota.max(1)) {
            *shown += 1;
            self.failures.push((kind, Example::new(row, MOST_CHARACTERS)));
        }
    }
}

/// Writes the page.
pub(super) fn write(summary: &Summary, samples: &dyn Samples, out: &mut dyn Write) -> io::Result<()> {
    let mut gathered = Gathered::new(summary.models.len());
    samples.each(Filter::default(), &mut |row| {
        gathered.add(row);
        Ok(())
    })?;
    let mut environment = Environment::new();
    environment.add_template("report.html", TEMPLATE).map_err(io::Error::other)?;
    let template = environment.get_template("report.html").map_err(io::Error::other)?;
    let text = template.render(minijinja::value::Serde(page(summary, gathered)));
    out.write_all(text.map_err(io::Error::other)?.as_bytes())
}

fn page(summary: &Summary, gathered: Gathered) -> Page {
    let groups = groups::sorted(gathered.groups);
    let total: u64 = groups.iter().map(|group| group.count).sum();
    let left = total.saturating_sub(gathered.failures.len() as u64);
    let names: Vec<_> = summary.models.iter().map(|model| shown(&model.model)).collect();
    Page {
        policy: policy(),
        style: STYLE,
        script: SCRIPT,
        run: shown(&summary.run),
        started: summary.started.strftime("%Y-%m-%d %H:%M UTC").to_string(),
        status: summary.status.name(),
        is_done: summary.finished == summary.planned,
        verdicts: verdicts(summary),
        columns: columns(summary),
        models: (0..).zip(&summary.models).map(|(i, model)| model_view(summary, i, model)).collect(),
        differences: chart::differences(summary),
        latency: chart::latency(&names, &gathered.latencies),
        costs: chart::costs(summary),
        gates: gates(summary),
        groups: groups.iter().map(|group| group_view(summary, group)).collect(),
        failures: gathered.failures.iter().map(|(kind, e)| failure_view(summary, kind, e)).collect(),
        failures_total: text::count(total),
        failures_left: (left > 0).then(|| text::count(left)),
        notes: summary.notes.iter().map(|note| shown(note)).collect(),
        facts: facts(summary),
    }
}

/// Control characters visible and harmless, as on a terminal; the template escapes the rest.
fn shown(text: &str) -> String {
    Untrusted::text(text).to_string()
}

/// Nothing may be loaded, and only this style and this script may run (CSP Level 3, hash sources).
fn policy() -> String {
    let hash = |text: &str| STANDARD.encode(Sha256::digest(text.as_bytes()));
    format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; img-src data:; base-uri 'none'; form-action 'none'",
        hash(STYLE),
        hash(SCRIPT)
    )
}

fn verdicts(summary: &Summary) -> Vec<VerdictView> {
    let view = |verdict: &Verdict| {
        let (word, sign) = match verdict.decision {
            Decision::Adopt => ("Adopt", "✓"),
            Decision::Reject => ("Reject", "✗"),
            Decision::Inconclusive => ("Undecided on", "?"),
        };
        VerdictView {
            decision: verdict.decision.name(),
            word,
            sign,
            candidate: shown(&verdict.candidate),
            sentence: shown(&verdict.sentence),
        }
    };
    verdicts_in_order(summary).into_iter().map(view).collect()
}

fn columns(summary: &Summary) -> Vec<Column> {
    let column = |label, about| Column { label, about };
    let mut columns = vec![
        column("Accepted", "Valid and passed by every scorer, of all samples; 95% interval"),
        column(
            "vs incumbent",
            "Difference in accepted share on the same prompts; 95% interval and p after Holm",
        ),
        column("Valid", "Of the form asked for, scorers aside"),
        column("Refused", "Declined by the model or a filter"),
        column("Errors", "No answer at all"),
        column("p50", "Median latency of first attempts"),
        column("p95", "95th percentile of latency; needs 72 samples"),
        column("p99", "99th percentile of latency; needs 368 samples"),
        column("First token", "Median time to the first content"),
        column("Cost / call", "All cost per call; 95% interval"),
        column("Cost / accepted", "All cost, retries, failures and judges included, per accepted answer"),
        column("Tokens in", "Tokens of all attempts, in and out"),
    ];
    if has_repeats(summary) {
        columns.push(column(
            "pass@k",
            "Chance that one at least of k answers to a prompt is accepted; below, pass^k: that all are",
        ));
        columns.push(column(
            "ICC",
            "How alike the answers to one prompt are, 0 to 1; below, the variance between and within prompts",
        ));
    }
    columns
}

fn has_repeats(summary: &Summary) -> bool {
    summary.models.iter().any(|model| model.repeats.is_some())
}

/// What repeats of a prompt tell, in two cells.
fn repeat_cells(repeats: Option<&Repeats>) -> [Cell; 2] {
    let cell =
        |main: String, below: &str, value| Cell { main, below: below.to_owned(), value, interval: None };
    let Some(repeats) = repeats else { return std::array::from_fn(|_| cell("–".to_owned(), "", None)) };
    let passes = text::passes(repeats);
    let (any, all) = passes.split_once(", ").unwrap_or((&passes, ""));
    let correlation = repeats.variance.and_then(Variance::correlation);
    [
        cell(any.to_owned(), all, repeats.pass_at.last().copied()),
        cell(text::correlation(repeats), &text::variance(repeats), correlation),
    ]
}

fn model_view(summary: &Summary, place: usize, model: &ModelSummary) -> ModelView {
    let comparison = summary.comparisons.iter().find(|comparison| comparison.candidate == model.model);
    let errors: u64 = model.errors.values().sum();
    let [p50, p95, p99] = text::quantiles(&model.latency);
    let [first, ..] = text::quantiles(&model.first_token);
    let millis = |quantile: Option<QuantileMs>| quantile.map(|q| q.value);
    let tokens = model.tokens;
    let repeated = has_repeats(summary).then(|| repeat_cells(model.repeats.as_ref()));
    ModelView {
        name: shown(&model.model),
        colour: place % 8,
        is_incumbent: model.is_incumbent,
        source: match (model.simulated, model.replayed) {
            (_, true) => "replayed",
            (true, false) => "simulated",
            (false, false) => "",
        },
        served: shown(&model.served.join(", ")),
        cells: [
            share_cell(&model.accepted),
            difference_cell(comparison),
            share_cell(&model.valid),
            count_cell(model.refused, model.samples),
            count_cell(errors, model.samples),
            Cell { below: String::new(), ..split_cell(&p50, millis(model.latency.p50)) },
            split_cell(&p95, millis(model.latency.p95)),
            split_cell(&p99, millis(model.latency.p99)),
            Cell { below: String::new(), ..split_cell(&first, millis(model.first_token.p50)) },
            split_cell(&text::cost_per_call(model), model.cost_per_call.map(Money::dollars)),
            split_cell(&text::cost_per_accepted(model), model.cost_per_accepted.map(Money::dollars)),
            Cell {
                main: text::maybe_count(tokens.input),
                below: format!("{} out", text::maybe_count(tokens.output)),
                value: total_tokens(tokens),
                interval: None,
            },
        ]
        .into_iter()
        .chain(repeated.into_iter().flatten())
        .collect(),
    }
}

#[expect(clippy::cast_precision_loss, reason = "to sort by")]
fn total_tokens(tokens: TokenSums) -> Option<f64> {
    Some((tokens.input? + tokens.output?) as f64)
}

/// `main (below)` as two lines.
fn split_cell(text: &str, value: Option<f64>) -> Cell {
    let (main, below) = text.split_once(" (").unwrap_or((text, ""));
    Cell { main: main.to_owned(), below: below.trim_end_matches(')').to_owned(), value, interval: None }
}

fn share_cell(share: &Share) -> Cell {
    let interval =
        share.rate.zip(share.ci95).map(|(rate, [low, high])| [low * 100.0, rate * 100.0, high * 100.0]);
    Cell { interval, ..split_cell(&text::share(share), share.rate) }
}

fn difference_cell(comparison: Option<&Comparison>) -> Cell {
    let Some(comparison) = comparison else {
        return Cell { main: "–".to_owned(), below: String::new(), value: None, interval: None };
    };
    let cell = split_cell(&text::delta(comparison), Some(comparison.delta_accepted));
    let below = format!("{}\np {}", cell.below, text::p_value(comparison.p_holm));
    Cell { below: below.trim_start().to_owned(), ..cell }
}

#[expect(clippy::cast_precision_loss, reason = "to sort by")]
fn count_cell(n: u64, of: u64) -> Cell {
    Cell {
        main: text::part(n, of),
        below: String::new(),
        value: (of > 0).then(|| n as f64 / of as f64),
        interval: None,
    }
}

fn gates(summary: &Summary) -> Vec<GateView> {
    let view = |gate: &GateResult| GateView {
        expr: shown(&gate.expr),
        model: shown(&gate.model),
        shown: shown(&gate.shown),
        pass: gate.pass,
    };
    summary.gates.iter().map(view).collect()
}

fn group_view(summary: &Summary, group: &Group) -> GroupView {
    let split = group.by_candidate.iter().map(|(i, n)| format!("{} {n}", model_name(summary, *i)));
    GroupView {
        kind: shown(&group.kind),
        count: text::count(group.count),
        split: shown(&split.collect::<Vec<_>>().join(", ")),
    }
}

fn failure_view(summary: &Summary, kind: &str, example: &Example) -> FailureView {
    FailureView {
        model: shown(&model_name(summary, example.key.candidate)),
        kind: shown(kind),
        id: Untrusted::line(&example.id).to_string(),
        why: shown(&example.why),
        prompt: shown(&example.prompt),
        expected: shown(&example.expected),
        answer: shown(&example.answer),
    }
}

fn facts(summary: &Summary) -> Vec<(&'static str, String)> {
    let spent = text::money(summary.spent, false);
    let spent = match summary.max_cost {
        Some(cap) => format!("{spent} of {cap}"),
        None => spent,
    };
    let retried: u64 = summary.models.iter().map(|model| model.retried).sum();
    let of = text::counted(summary.planned, "sample");
    let mut facts = vec![
        ("Finished", format!("{} of {of}", text::count(summary.finished))),
        ("Spent", spent),
        ("Retried", text::part(retried, summary.finished)),
        ("Seed", summary.seed.to_string()),
        ("orch", shown(&summary.version)),
    ];
    facts.extend(summary.took.map(|took| ("Took", span::show(took))));
    facts.push(("Own overhead", text::percent(summary.overhead_share)));
    for dataset in &summary.datasets {
        let rows = text::counted(dataset.rows, "row");
        facts.push(("Dataset", shown(&format!("{} ({rows}, sha256 {})", dataset.path, dataset.sha256))));
    }
    if summary.skipped_rows > 0 {
        facts.push(("Skipped", text::counted(summary.skipped_rows, "bad row")));
    }
    facts
}
