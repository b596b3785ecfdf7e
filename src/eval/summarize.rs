//! From what the ledger holds of a run to its [`Summary`]: always from the ledger, never from counters, so
//! that a run that was interrupted, resumed or made elsewhere counts the same.

use std::time::Duration;

use super::candidate::Source;
use super::manifest::Manifest;
use super::run::Went;
use super::summary::{DatasetInfo, GateResult, ModelSummary, Summary};
use super::tally::{Counted, Passes, Tally};
use super::verdict::{self, Pace};
use crate::base::dice::Dice;
use crate::base::money::Money;
use crate::base::number::counted;
use crate::ledger::row::{RunRow, RunStatus};
use crate::ledger::{Charged, LedgerError, Reader};

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
    let pace = pace(manifest, &models, went);
    let verdicts = verdict::verdicts(&question, &models, &comparisons, &gates, &pace);
    let charged = reader.charged(&run.id)?;
    let spent = spent(reader, run, manifest, &charged)?;
    let mut notes = notes(manifest, &models, went, run.status);
    notes.extend(abandoned(&charged));
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
        notes,
        models,
        comparisons,
        gates,
        verdicts,
        spent,
        max_cost: manifest.cap(),
        spent_is_simulated: manifest.cap_is_simulated,
        overhead_share: overhead_share + lag,
    })
}

/// What was paid, by the ledger's requests: a retry that the cap refused leaves a request without a sample.
/// Simulated and replayed answers have prices, but nobody is paid for them, nor for simulated judges. Under a cap
/// it is what the cap counts.
fn spent(
    reader: &Reader,
    run: &RunRow,
    manifest: &Manifest,
    charged: &Charged,
) -> Result<Option<Money>, LedgerError> {
    if manifest.cap().is_some() {
        return Ok((charged.unknown_count == 0).then(|| charged.total()));
    }
    let paid = reader.paid(&run.id)?;
    Ok((paid.unknown_count == 0).then_some(paid.known))
}

fn dataset(file: &super::manifest::File) -> DatasetInfo {
    DatasetInfo { path: file.path.clone(), sha256: file.sha256.clone(), rows: file.rows }
}

fn count(reader: &Reader, run: &RunRow, manifest: &Manifest) -> Result<Counted, LedgerError> {
    let tally = Tally::new(manifest.candidates.len(), manifest.incumbent_at(), manifest.repeat);
    let mut tally = tally.with_dice(Dice::new(manifest.seed));
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
        model.replayed = Source::of(&entrant.target) == Source::Replayed;
    }
    score(reader, run, models)?;
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

/// Counts what each scorer passed, in the order of the scorers.
fn score(reader: &Reader, run: &RunRow, models: &mut [ModelSummary]) -> Result<(), LedgerError> {
    let is_clustered = models.iter().any(|model| model.is_clustered);
    let mut counted: Vec<Vec<(String, Passes)>> = models.iter().map(|_| Vec::new()).collect();
    reader.scorer_passes(&run.id, |pass| {
        let Some(own) = counted.get_mut(pass.candidate as usize) else { return };
        let place = own.iter().position(|(scorer, _)| scorer == pass.scorer).unwrap_or_else(|| {
            own.push((pass.scorer.to_owned(), Passes::default()));
            own.len() - 1
        });
        own[place].1.add(&pass, is_clustered);
    })?;
    for (model, own) in models.iter_mut().zip(counted) {
        for (scorer, passes) in own {
            let (share, bounds) = passes.shares(is_clustered);
            model.scorers.push((scorer, share));
            model.bounds.scorers.push(bounds);
        }
    }
    Ok(())
}

/// What the models' own costs do not show, although it counts.
fn abandoned(charged: &Charged) -> Option<String> {
    let (calls, money) = (charged.abandoned_count + charged.holds, charged.abandoned + charged.held);
    let were = format!("{} {}", counted(calls, "call"), if calls == 1 { "was" } else { "were" });
    (calls > 0).then(|| {
        format!(
            "{were} under way without an answer on record: {money} counts as spent, the most they may cost"
        )
    })
}

/// Simulated and replayed answers are not paid for.
fn is_free(target: &str) -> bool {
    Source::of(target) != Source::Provider
}

/// How late our loop was, as a share of the lowest median latency that it measured: where that much is most.
fn lag_share(went: &Went, counted: &Counted) -> f64 {
    let medians = counted.models.iter().filter_map(|model| model.latency.p50.map(|p50| p50.value));
    let lowest = medians.fold(f64::INFINITY, f64::min);
    if lowest.is_finite() && lowest > 0.0 { went.lag.as_secs_f64() * 1e3 / lowest } else { 0.0 }
}

/// What one more prompt takes, of all candidates with all repeats. Time is that of this session over the samples
/// of this session: what an earlier one finished took none of it.
fn pace(manifest: &Manifest, models: &[ModelSummary], went: Option<&Went>) -> Pace {
    let is_free = models.iter().all(|model| model.simulated);
    let per_call = |model: &ModelSummary| match (model.simulated, model.samples) {
        // Nobody is paid for its answers, only for judging them.
        (true, 0) => Some(Money::ZERO),
        (true, samples) => model.judge_cost?.divided_by(samples),
        (false, _) => model.cost_per_call,
    };
    let repeats = u64::from(manifest.repeat);
    let cost = models.iter().map(per_call).sum::<Option<Money>>();
    let cost = cost.and_then(|cost| cost.nanos().checked_mul(i64::from(manifest.repeat)));
    let per_prompt = models.len() as u64 * repeats;
    let time = went.filter(|went| went.samples > 0).map(|went| {
        let nanos = went.took.as_nanos() * u128::from(per_prompt) / u128::from(went.samples);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    });
    Pace {
        cost_per_prompt: cost.map(Money::from_nanos).filter(|cost| *cost > Money::ZERO && !is_free),
        time_per_prompt: time.filter(|time| *time > Duration::ZERO && !is_free),
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
    note(named(&|model| model.simulated && !model.replayed), "answers are simulated; nothing was paid");
    note(named(&|model| model.replayed), "answers are replayed from a recording; nothing was paid for them");
    note(
        named(&|model| model.cost.is_none() && !model.simulated),
        "no price is known, so no cost is reported; [models.NAME] price in orch.toml sets one",
    );
    note(named(&|model| model.cost_is_estimated), "some of the cost is an estimate");
    let few = format!("fewer than {FEW_SAMPLES} samples say little");
    note(named(&|model| (1..FEW_SAMPLES).contains(&model.samples)), &few);
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
    if manifest.cap_is_simulated {
        notes.push("the cap and what was spent are simulated dollars".to_owned());
    }
    if manifest.skipped_rows > 0 {
        notes.push(format!("left out: {}", counted(manifest.skipped_rows, "bad row")));
    }
    notes.extend(incomplete(status).map(str::to_owned));
    notes
}

/// What a run that did not ask everything may be taken for. Prompts are in random order, so whatever stops a run
/// without looking at its answers leaves a random sample; what looks at them does not, nor what drops slow calls.
fn incomplete(status: RunStatus) -> Option<&'static str> {
    Some(match status {
        RunStatus::Decided => {
            "stopped early by what it found: its verdicts hold whenever one looks, but its intervals are those of a run \
             of fixed length, and its shares lean away from the margin"
        }
        RunStatus::Stopped => {
            "the run is not complete, because of its cap; what it holds is a random sample of its prompts"
        }
        RunStatus::Interrupted => {
            "the run is not complete; what it holds is a random sample of its prompts, unless calls under way were \
             dropped: those are the slow ones, so latency looks better than it is"
        }
        RunStatus::Killed | RunStatus::Failed => {
            "the run is not complete; it holds a random sample of its prompts, less the calls that were under way: slow \
             ones more often than others, so latency looks better than it is"
        }
        RunStatus::Running | RunStatus::Done => return None,
    })
}

#[cfg(test)]
mod tests;
