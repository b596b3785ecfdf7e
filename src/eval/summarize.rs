//! From what the ledger holds of a run to its [`Summary`]: always from the ledger, never from counters, so
//! that a run that was interrupted, resumed or made elsewhere counts the same.

use std::time::Duration;

use super::manifest::Manifest;
use super::run::Went;
use super::summary::{Comparison, DatasetInfo, GateResult, ModelSummary, Summary};
use super::tally::{Counted, Tally, share};
use super::verdict::{self, Pace};
use crate::base::money::Money;
use crate::base::number::counted;
use crate::ledger::row::{RunRow, RunStatus};
use crate::ledger::{LedgerError, Reader};

/// Below this many samples a candidate's latency says little of its tail.
const FEW_SAMPLES: u64 = 30;

/// Counts a run. `went` is what this process saw of it, when it made calls.
pub fn summarize(
    reader: &Reader,
    run: &RunRow,
    manifest: &Manifest,
    went: Option<&Went>,
) -> Result<Summary, LedgerError> {
    let counted = count(reader, run, manifest)?;
    let lag = went.map_or(0.0, |went| lag_share(went, &counted));
    let Counted { mut models, versus, overhead_share, has_clusters } = counted;
    name(reader, run, manifest, &mut models)?;
    let question = manifest.question();
    let comparisons = manifest.incumbent_at().map_or_else(Vec::new, |incumbent| {
        verdict::compare(&models, incumbent, &versus, has_clusters, question.margin)
    });
    let gates: Vec<GateResult> =
        models.iter().flat_map(|model| question.gates.iter().map(|gate| gate.check(model))).collect();
    let pace = pace(&models, &comparisons, went);
    let verdicts = verdict::verdicts(&question, &models, &comparisons, &gates, &pace);
    let spent = spent(reader, run, &models)?;
    let finished = models.iter().map(|model| model.samples).sum();
    let rows: u64 = manifest.datasets.iter().map(|file| file.rows).sum();
    let used = manifest.limit.map_or(rows, |limit| limit.min(rows));
    Ok(Summary {
        run: run.id.clone(),
        started: run.started,
        took: went.map(|went| went.took),
        status: run.status,
        datasets: manifest.datasets.iter().map(dataset).collect(),
        skipped_rows: manifest.skipped_rows,
        seed: manifest.seed,
        version: run.version.clone(),
        planned: used * u64::from(manifest.repeat) * manifest.candidates.len() as u64,
        finished,
        notes: notes(manifest, &models, went, run.status),
        models,
        comparisons,
        gates,
        verdicts,
        spent,
        max_cost: manifest.cap(),
        overhead_share: overhead_share + lag,
    })
}

/// What was paid, by the ledger's requests: a retry that the cap refused leaves a request without a sample.
/// Simulated and replayed answers have prices, but nobody is paid for them, only for their judges.
fn spent(reader: &Reader, run: &RunRow, models: &[ModelSummary]) -> Result<Option<Money>, LedgerError> {
    if models.iter().any(|model| model.simulated) {
        let own = |model: &ModelSummary| if model.simulated { Some(Money::ZERO) } else { model.cost };
        let paid = |model| own(model).zip(model.judge_cost).map(|(own, judges)| own + judges);
        return Ok(models.iter().map(paid).sum());
    }
    let spent = reader.spent(&run.id)?;
    Ok((spent.unknown_count == 0).then_some(spent.known))
}

fn dataset(file: &super::manifest::File) -> DatasetInfo {
    DatasetInfo { path: file.path.clone(), sha256: file.sha256.clone(), rows: file.rows }
}

fn count(reader: &Reader, run: &RunRow, manifest: &Manifest) -> Result<Counted, LedgerError> {
    let mut tally = Tally::new(manifest.candidates.len(), manifest.incumbent_at(), manifest.repeat);
    reader.facts(&run.id, |facts| {
        tally.add(facts);
        std::ops::ControlFlow::Continue(())
    })?;
    Ok(tally.finish())
}

fn name(
    reader: &Reader,
    run: &RunRow,
    manifest: &Manifest,
    models: &mut [ModelSummary],
) -> Result<(), LedgerError> {
    for (model, entrant) in models.iter_mut().zip(&manifest.candidates) {
        model.model.clone_from(&entrant.label);
        model.is_incumbent = manifest.incumbent.as_deref() == Some(&entrant.label);
        model.simulated = is_free(&entrant.target);
        model.replayed = entrant.target.starts_with(REPLAY);
    }
    for total in reader.scorer_totals(&run.id)? {
        if let Some(model) = models.get_mut(total.candidate as usize) {
            model.scorers.push((total.scorer, share(total.passed, total.of)));
        }
    }
    for (candidate, served) in reader.served(&run.id)? {
        if let (Some(model), Some(entrant)) =
            (models.get_mut(candidate as usize), manifest.candidates.get(candidate as usize))
        {
            let asked = entrant.target.split_once('/').map_or("", |(_, model)| model);
            if asked != served && !model.simulated {
                model.served.push(served);
            }
        }
    }
    Ok(())
}

/// How the target of recorded answers begins.
const REPLAY: &str = "replay/";

/// Simulated and replayed answers are not paid for.
fn is_free(target: &str) -> bool {
    target.starts_with("sim/") || target.starts_with(REPLAY)
}

/// How late our loop was, as a share of the mean latency it measured.
fn lag_share(went: &Went, counted: &Counted) -> f64 {
    let medians = counted.models.iter().filter_map(|model| model.latency.p50.map(|p50| p50.value));
    let lowest = medians.fold(f64::INFINITY, f64::min);
    if lowest.is_finite() && lowest > 0.0 { went.lag.as_secs_f64() * 1e3 / lowest } else { 0.0 }
}

fn pace(models: &[ModelSummary], comparisons: &[Comparison], went: Option<&Went>) -> Pace {
    let prompts = comparisons.iter().map(|comparison| comparison.pairs).max().unwrap_or(0);
    let per_prompt = |model: &ModelSummary| model.cost_per_call;
    let cost_per_prompt = models.iter().map(per_prompt).sum::<Option<Money>>();
    let time_per_prompt = went.and_then(|went| {
        let prompts = u32::try_from(prompts).ok().filter(|prompts| *prompts > 0)?;
        Some(went.took / prompts)
    });
    let is_free = models.iter().all(|model| model.simulated);
    Pace {
        cost_per_prompt: cost_per_prompt.filter(|cost| *cost > Money::ZERO && !is_free),
        time_per_prompt: time_per_prompt.filter(|time| *time > Duration::ZERO && !is_free),
    }
}

fn notes(
    manifest: &Manifest,
    models: &[ModelSummary],
    went: Option<&Went>,
    status: RunStatus,
) -> Vec<String> {
    let mut notes = Vec::new();
    let named = |wanted: &dyn Fn(&ModelSummary) -> bool| {
        let names = models.iter().filter(|model| wanted(model)).map(|model| model.model.as_str());
        names.collect::<Vec<_>>().join(", ")
    };
    let mut note = |names: String, sentence: &str| {
        if !names.is_empty() {
            notes.push(format!("{names}: {sentence}"));
        }
    };
    note(named(&|model| model.simulated), "answers are simulated or replayed; nothing was paid");
    note(
        named(&|model| model.cost.is_none() && !model.simulated),
        "no price is known, so no cost is reported; [models.NAME] price in orch.toml sets one",
    );
    note(named(&|model| model.cost_is_estimated), "some of the cost is an estimate");
    note(named(&|model| (1..FEW_SAMPLES).contains(&model.samples)), "fewer than 30 samples say little");
    note(
        named(&|model| model.model.ends_with("-latest")),
        "a floating alias: what it means today it may not mean tomorrow",
    );
    for model in models.iter().filter(|model| !model.served.is_empty()) {
        notes.push(format!("{}: answered by {}", model.model, model.served.join(", ")));
    }
    for (at, failure) in went.into_iter().flat_map(|went| &went.given_up) {
        let label = manifest.candidates.get(*at).map_or("", |entrant| &entrant.label);
        notes.push(format!("{label}: given up, because every call failed: {failure}"));
    }
    if manifest.skipped_rows > 0 {
        notes.push(format!("left out: {}", counted(manifest.skipped_rows, "bad row")));
    }
    if matches!(status, RunStatus::Interrupted | RunStatus::Stopped) {
        notes.push("the run is not complete; what it holds is a random sample of its prompts".to_owned());
    }
    notes
}
