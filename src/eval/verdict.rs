//! From numbers to a decision an operator can act on, in one sentence.
//!
//! Adopt when the lower end of the paired interval lies above the margin and every gate's interval holds
//! (an intersection–union test, Berger 1982: no correction is needed for testing all of them). Do not adopt
//! when the upper end lies below the margin or a gate fails. Otherwise the data do not tell yet. With
//! several candidates the adoption claims are corrected by Holm's method (1979).

use std::time::Duration;

use super::gate::Gate;
use super::stats::level::Level;
use super::stats::multiplicity::holm;
use super::stats::power::{Goal, pairs_in_all};
use super::summary::{Comparison, Deciding, Decision, GateResult, ModelSummary, Verdict};
use super::tally::Versus;
use crate::base::money::Money;
use crate::base::number::{change, count, counted};
use crate::base::span;

/// What the user asked to be decided.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// How much worse a candidate may be and still be adopted, as a share.
    pub margin: f64,
    /// What every candidate must reach.
    pub gates: Vec<Gate>,
}

/// How long and how much more data would take.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pace {
    /// Money per prompt over all candidates; absent when unknown.
    pub cost_per_prompt: Option<Money>,
    /// Time per prompt at the run's own rate; absent when not measured.
    pub time_per_prompt: Option<Duration>,
}

/// How surely an undecided run should decide once it has the prompts it asks for.
pub const POWER: f64 = 0.8;

/// Compares every candidate with the incumbent.
pub fn compare(
    models: &[ModelSummary],
    incumbent: usize,
    versus: &[Versus],
    has_clusters: bool,
    margin: f64,
) -> Vec<Comparison> {
    let candidates = || models.iter().zip(versus).enumerate().filter(move |(i, _)| *i != incumbent);
    let not_worse =
        not_worse(&candidates().map(|(_, (_, versus))| versus).collect::<Vec<_>>(), has_clusters, margin);
    let adjusted =
        holm(&candidates().map(|(_, (_, versus))| p_value(versus, has_clusters)).collect::<Vec<_>>());
    let open = holm_level(not_worse.iter().filter(|passed| passed.is_none()).count());
    let mut out = Vec::new();
    for (((_, (model, versus)), p_holm), passed) in candidates().zip(adjusted).zip(not_worse) {
        let pairs = versus.pairs;
        let ci95 = interval(versus, has_clusters, Level::P95);
        let is_worse = ci95.is_some_and(|ci| ci[1] < -margin);
        let level = passed.or(if is_worse { Some(Level::P95) } else { open });
        let at = |level| {
            interval(versus, has_clusters, level).map(|ends| Deciding { ends, level: 1.0 - level.alpha() })
        };
        let cost =
            |model: &ModelSummary| model.cost_per_accepted.map(Money::dollars).filter(|cost| *cost > 0.0);
        out.push(Comparison {
            candidate: model.model.clone(),
            incumbent: models[incumbent].model.clone(),
            prompts: versus.prompts,
            pairs: pairs.n(),
            unanswered: versus.unanswered,
            better: pairs.better(),
            worse: pairs.worse(),
            delta_accepted: pairs.difference().unwrap_or(0.0),
            ci95,
            deciding: level.and_then(at),
            is_not_worse: passed.is_some(),
            p_exact: pairs.mcnemar_exact(),
            p_value: p_value(versus, has_clusters),
            p_holm,
            samples_needed: open
                .filter(|_| passed.is_none() && !is_worse)
                .and_then(|level| more(versus, has_clusters, margin, level)),
            delta_cost_per_accepted: cost(model)
                .zip(cost(&models[incumbent]))
                .map(|(own, base)| own / base - 1.0),
        });
    }
    out
}

/// How many more prompts would decide it at this level, if everything stays as seen. A prompt brings as many
/// pairs as those so far did, and its pairs tell as much less than independent ones as those so far did.
fn more(versus: &Versus, has_clusters: bool, margin: f64, level: Level) -> Option<u64> {
    let (pairs, clusters) = (versus.pairs, &versus.clusters);
    // Clusters that do not differ at all are taken as one observation each, as in their interval.
    let alike = || per(clusters.n(), clusters.clusters());
    let effect = if has_clusters { clusters.design_effect().or_else(alike)? } else { 1.0 };
    let all = pairs_in_all(pairs, margin, Goal::new(level, POWER)?, effect.max(1e-3))?;
    let all = u128::from(all) * u128::from(versus.prompts);
    let all = u64::try_from(all.div_ceil(u128::from(pairs.n()))).ok()?;
    Some(all.saturating_sub(versus.prompts).max(1))
}

#[expect(clippy::cast_precision_loss, reason = "counts of samples are far below 2^53")]
fn per(n: u64, by: u64) -> Option<f64> {
    (by > 0).then(|| n as f64 / by as f64)
}

/// The level of one comparison where so many are still open, in Holm's step-down.
fn holm_level(open: usize) -> Option<Level> {
    let open = u32::try_from(open).unwrap_or(u32::MAX);
    Level::new(1.0 - 0.05 / f64::from(open.max(1)))
}

/// Mid-p `McNemar`, which takes pairs as independent; with clusters the test that does not.
fn p_value(versus: &Versus, has_clusters: bool) -> f64 {
    let clustered = has_clusters.then(|| versus.clusters.p_value()).flatten();
    clustered.unwrap_or_else(|| versus.pairs.mcnemar_mid_p())
}

fn interval(versus: &Versus, has_clusters: bool, level: Level) -> Option<[f64; 2]> {
    let clustered = has_clusters.then(|| versus.clusters.difference_interval(level)).flatten();
    clustered.or_else(|| versus.pairs.interval(level))
}

/// Which candidates are shown not to be worse by the margin, and at which level. Holm's step-down (1979) by intervals: with m
/// candidates left, one passes whose interval at 1 - α/m lies above the margin; then m is one less.
fn not_worse(versus: &[&Versus], has_clusters: bool, margin: f64) -> Vec<Option<Level>> {
    let mut passed = vec![None; versus.len()];
    loop {
        let open = passed.iter().filter(|passed| passed.is_none()).count();
        let Some(level) = holm_level(open) else { return passed };
        let is_above =
            |versus: &Versus| interval(versus, has_clusters, level).is_some_and(|ci| ci[0] > -margin);
        match (0..versus.len()).find(|at| passed[*at].is_none() && is_above(versus[*at])) {
            Some(at) => passed[at] = Some(level),
            None => return passed,
        }
    }
}

/// The verdict on each candidate. Without an incumbent the gates alone decide; without either there is
/// nothing to decide.
pub fn verdicts(
    question: &Question,
    models: &[ModelSummary],
    comparisons: &[Comparison],
    gates: &[GateResult],
    pace: &Pace,
) -> Vec<Verdict> {
    let is_open = |model: &&ModelSummary| !model.is_incumbent || comparisons.is_empty();
    let mut out = Vec::new();
    for model in models.iter().filter(is_open) {
        let comparison = comparisons.iter().find(|comparison| comparison.candidate == model.model);
        if comparison.is_none() && question.gates.is_empty() {
            continue;
        }
        // A value that does not exist yet (p95 of fewer than 72 samples) fails its gate but decides nothing.
        let failed =
            gates.iter().find(|gate| gate.model == model.model && !gate.pass && gate.value.is_some());
        let unsure = question.gates.iter().find(|gate| !gate.holds_surely(model));
        let incumbent = models.iter().find(|model| model.is_incumbent);
        out.push(verdict(&Evidence { question, model, comparison, incumbent, failed, unsure, pace }));
    }
    out
}

struct Evidence<'a> {
    question: &'a Question,
    model: &'a ModelSummary,
    comparison: Option<&'a Comparison>,
    incumbent: Option<&'a ModelSummary>,
    failed: Option<&'a GateResult>,
    unsure: Option<&'a Gate>,
    pace: &'a Pace,
}

fn verdict(evidence: &Evidence<'_>) -> Verdict {
    let candidate = evidence.model.marked();
    let margin = evidence.question.margin;
    let bounds = evidence.comparison.map(|comparison| comparison.ci95);
    let is_worse = bounds.is_some_and(|ci| ci.is_some_and(|ci| ci[1] < -margin));
    let is_not_worse = evidence.comparison.is_none_or(|comparison| comparison.is_not_worse);
    let has_data = evidence.model.samples > 0;
    let (decision, sentence) = if let Some(gate) = evidence.failed.filter(|_| has_data) {
        (Decision::Reject, format!("do not adopt {candidate}: gate `{}` failed at {}", gate.expr, gate.shown))
    } else if let Some(failing) = unanswered(evidence) {
        (Decision::Inconclusive, failing)
    } else if is_worse {
        (Decision::Reject, format!("do not adopt {candidate}: {}", difference(evidence)))
    } else if is_not_worse && evidence.unsure.is_none() && has_data {
        (Decision::Adopt, format!("adopt {candidate}: {}", difference(evidence)))
    } else {
        (Decision::Inconclusive, inconclusive(evidence))
    };
    Verdict { decision, candidate: evidence.model.model.clone(), sentence }
}

/// Above this share of failed calls the answers that came are no sample of those that were asked for.
const TOO_MANY_FAILED: f64 = 0.05;

/// Why nothing can be said of a comparison of which one side often did not answer.
fn unanswered(evidence: &Evidence<'_>) -> Option<String> {
    evidence.comparison?;
    let failed = |model: &ModelSummary| model.errors.values().sum::<u64>();
    let often = |model: &&ModelSummary| {
        per(failed(model), model.samples).is_some_and(|share| share > TOO_MANY_FAILED)
    };
    let failing = [Some(evidence.model), evidence.incumbent].into_iter().flatten().find(often)?;
    let worst = failing.errors.iter().max_by_key(|(_, times)| **times).map_or("", |(class, _)| class);
    Some(format!(
        "{} is undecided: {} of {} of {} failed (most often: {worst}), which says nothing of the answers; \
         --resume RUN --retry-errors asks for them again",
        evidence.model.marked(),
        count(failed(failing)),
        counted(failing.samples, "call"),
        failing.marked(),
    ))
}

/// `+0.4 pp accepted (95% CI -1.1 to +1.9, n=1,200) against X, margin 2 pp; cost per accepted answer -71%`. The
/// interval is the one that the verdict goes by.
fn difference(evidence: &Evidence<'_>) -> String {
    let Some(comparison) = evidence.comparison else {
        let gates = evidence.question.gates.len();
        let hold = if gates == 1 {
            "the gate holds".to_owned()
        } else {
            format!("all {} hold", counted(gates as u64, "gate"))
        };
        return format!("{hold} over {}", counted(evidence.model.samples, "sample"));
    };
    let interval = comparison.deciding.map_or_else(String::new, |Deciding { ends, level }| {
        let level = trimmed(level * 100.0);
        format!("{level}% CI {:+.1} to {:+.1}, ", ends[0] * 100.0, ends[1] * 100.0)
    });
    let cost = comparison
        .delta_cost_per_accepted
        .map_or_else(String::new, |delta| format!("; cost per accepted answer {}", change(delta)));
    let n = count(comparison.prompts);
    let n = if comparison.pairs == comparison.prompts {
        n
    } else {
        format!("{}, {}", counted(comparison.prompts, "prompt"), counted(comparison.pairs, "pair"))
    };
    let unanswered = match comparison.unanswered {
        0 => String::new(),
        n => format!("; {} left out, for a call failed", counted(n, "pair")),
    };
    format!(
        "{:+.1} pp accepted ({interval}n={n}) against {}, margin {} pp{cost}{unanswered}",
        comparison.delta_accepted * 100.0,
        evidence.incumbent.map_or_else(|| comparison.incumbent.clone(), ModelSummary::marked),
        trimmed(evidence.question.margin * 100.0),
    )
}

fn inconclusive(evidence: &Evidence<'_>) -> String {
    let candidate = evidence.model.marked();
    if let Some(more) = evidence.comparison.and_then(|comparison| comparison.samples_needed) {
        let price = evidence.pace.cost_per_prompt.map(|cost| {
            let nanos = i128::from(cost.nanos()) * i128::from(more);
            Money::from_nanos(i64::try_from(nanos).unwrap_or(i64::MAX)).to_string()
        });
        let time = evidence
            .pace
            .time_per_prompt
            .map(|time| span::show(time.saturating_mul(u32::try_from(more).unwrap_or(u32::MAX))));
        let price = [price, time].into_iter().flatten().collect::<Vec<_>>().join(", ");
        let price = if price.is_empty() { price } else { format!(" (about {price})") };
        let more = counted(more, "more prompt");
        return format!("{candidate} needs about {more}{price}: {}", difference(evidence));
    }
    if let Some(gate) = evidence.unsure {
        let result = gate.check(evidence.model);
        if result.value.is_none() {
            return format!("{candidate} is undecided: gate `{}` failed at {}", gate.written(), result.shown);
        }
        let samples = counted(evidence.model.samples, "sample");
        return format!("{candidate} is undecided: {samples} cannot show `{}` surely yet", gate.written());
    }
    format!("{candidate} is undecided: {}", difference(evidence))
}

pub(super) fn trimmed(number: f64) -> String {
    let text = format!("{number:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests;
