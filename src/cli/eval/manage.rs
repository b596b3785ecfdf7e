//! Recorded runs: list, show, compare, rescore.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use anyhow::anyhow;
use serde_json::json;

use super::args::{CompareArgs, ListArgs, RescoreArgs, ShowArgs};
use super::{Surroundings, data, plan, reports};
use crate::base::number::{count, counted};
use crate::base::untrusted::{self, Untrusted};
use crate::cli::exit::{Exit, Failed};
use crate::cli::output;
use crate::cli::settings::{self, Config};
use crate::eval::manifest::Manifest;
use crate::eval::rescore::Rescored;
use crate::eval::rescore::rescore as score_again;
use crate::eval::summarize::summarize;
use crate::eval::tally::Tally;
use crate::eval::verdict;
use crate::ledger::row::{RunRow, SampleFacts, SampleKey};
use crate::ledger::{Ledger, LedgerError, Reader};

/// Finds a run by its id, its beginning or `last`.
pub(super) fn find(reader: &Reader, name: &str) -> Result<RunRow, Failed> {
    let found = reader.run(name).map_err(|error| match error {
        LedgerError::Ambiguous { .. } => Failed::input(error),
        error => Failed::surroundings(error),
    })?;
    found.ok_or_else(|| {
        let name = Untrusted::line(name);
        Failed::input(anyhow!("there is no run `{name}`; `orch eval list` shows what there is"))
    })
}

/// The manifest of a recorded run.
pub(super) fn manifest(row: &RunRow) -> Result<Manifest, Failed> {
    Manifest::from_json(&row.manifest).map_err(|error| {
        Failed::surroundings(anyhow!("the manifest of run {} cannot be read: {error}", row.id))
    })
}

fn open(surroundings: &Surroundings<'_>) -> Result<(Config, std::path::PathBuf, Reader), Failed> {
    let (global, environment) = (surroundings.global, surroundings.environment);
    let config = settings::config(global, environment, surroundings.terminal.color_stderr)?;
    let path = settings::ledger(global, &config, environment)?;
    let reader = Reader::open(&path)?;
    Ok((config, path, reader))
}

pub(super) fn list(args: &ListArgs, surroundings: &Surroundings<'_>) -> Result<Exit, Failed> {
    let (_, _, reader) = open(surroundings)?;
    let rows = reader.runs(args.limit)?;
    if rows.is_empty() && !surroundings.global.quiet {
        output::stderr("no runs yet: orch eval DATASET makes one");
    }
    output::stdout(|out| {
        for row in &rows {
            let manifest = Manifest::from_json(&row.manifest).ok();
            let (datasets, models) = manifest.as_ref().map(names).unwrap_or_default();
            let started = row.started.strftime("%Y-%m-%d %H:%M");
            if args.json {
                let object = json!({
                    "version": 1, "run": row.id, "started": row.started.to_string(), "status": row.status.name(),
                    "datasets": datasets, "models": models, "seed": row.seed,
                });
                writeln!(out, "{}", untrusted::json(&object.to_string()))?;
            } else {
                let (datasets, models) = (datasets.join(" "), models.join(", "));
                let (datasets, models) = (Untrusted::line(&datasets), Untrusted::line(&models));
                writeln!(out, "{}  {started}  {:<11}  {datasets}  {models}", row.id, row.status.name())?;
            }
        }
        Ok(())
    })?;
    Ok(Exit::Done)
}

fn names(manifest: &Manifest) -> (Vec<String>, Vec<String>) {
    let datasets = manifest.datasets.iter().map(|file| file.path.clone()).collect();
    (datasets, manifest.candidates.iter().map(|one| one.label.clone()).collect())
}

pub(super) fn show(args: &ShowArgs, surroundings: &Surroundings<'_>) -> Result<Exit, Failed> {
    for path in &args.output.out {
        reports::check(path)?;
    }
    let (_, _, reader) = open(surroundings)?;
    let row = find(&reader, &args.run)?;
    let summary = summarize(&reader, &row, &manifest(&row)?, None)?;
    reports::show(&summary, &reader, &args.output, (surroundings, reports::Hint::Wanted))?;
    Ok(Exit::Done)
}

pub(super) fn rescore(args: &RescoreArgs, surroundings: &Surroundings<'_>) -> Result<Exit, Failed> {
    let (_, path, reader) = open(surroundings)?;
    let row = find(&reader, &args.run)?;
    let mut manifest = manifest(&row)?;
    if !args.scorers.is_empty() {
        manifest.scorers = plan::scorers(&args.scorers)?;
    }
    let datasets = data::reopen(&mut manifest)?;
    let ledger = Ledger::open(&path)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let rescored: Rescored = runtime
        .block_on(async {
            let rescored = score_again(&reader, &ledger.recorder(), &row, &manifest, &datasets).await?;
            ledger.close().await?;
            Ok(rescored)
        })
        .map_err(|error: LedgerError| Failed::surroundings(error))?;
    if !surroundings.global.quiet {
        let Rescored { samples, changed, kept, missing } = rescored;
        let (scored, changed) = (counted(samples, "sample"), count(changed));
        output::stderr(&format!("scored {scored} again; {changed} changed their outcome"));
        if kept > 0 {
            let kept = counted(kept, "sample");
            output::stderr(&format!(
                "for {kept}, what a judge, embedder or program said is kept: rescoring makes no calls"
            ));
        }
        if missing > 0 {
            let missing = counted(missing, "sample");
            output::stderr(&format!("left {missing} as before: the dataset no longer has their rows"));
        }
    }
    let reader = Reader::open(&path)?;
    let summary = summarize(&reader, &row, &manifest, None)?;
    reports::show(&summary, &reader, &args.output, (surroundings, reports::Hint::Wanted))?;
    Ok(Exit::Done)
}

/// One side of a comparison: a run and one of its candidates.
struct Side {
    run: RunRow,
    manifest: Manifest,
    candidate: u32,
}

impl Side {
    fn find(reader: &Reader, written: &str) -> Result<Self, Failed> {
        let (name, model) =
            written.split_once(':').map_or((written, None), |(run, model)| (run, Some(model)));
        let run = find(reader, name)?;
        let manifest = manifest(&run)?;
        let labels: Vec<_> = manifest.candidates.iter().map(|one| one.label.as_str()).collect();
        let at = match model {
            Some(model) => labels.iter().position(|label| *label == model),
            None if labels.len() == 1 => Some(0),
            None => None,
        };
        let Some(at) = at else {
            let labels = labels.join(", ");
            return Err(Failed::input(anyhow!(
                "say which candidate of run {}: {name}:MODEL, of {labels}",
                run.id
            )));
        };
        let candidate = u32::try_from(at).unwrap_or(u32::MAX);
        Ok(Self { run, manifest, candidate })
    }

    fn label(&self) -> String {
        format!("{}:{}", self.run.id, self.manifest.candidates[self.candidate as usize].label)
    }

    /// The candidate's samples by row id and repeat.
    fn facts(&self, reader: &Reader) -> Result<BTreeMap<(String, u32), SampleFacts>, LedgerError> {
        let mut out = BTreeMap::new();
        let filter = crate::ledger::SampleFilter { candidate: Some(self.candidate), ..Default::default() };
        reader.samples(&self.run.id, &filter, |row| {
            out.insert((row.id, row.facts.key.repeat), row.facts);
            ControlFlow::Continue(())
        })?;
        Ok(out)
    }
}

pub(super) fn compare(args: &CompareArgs, surroundings: &Surroundings<'_>) -> Result<Exit, Failed> {
    let margin = plan::share(&args.margin).map_err(|error| Failed::input(anyhow!("--margin: {error}")))?;
    let (_, _, reader) = open(surroundings)?;
    let sides = [Side::find(&reader, &args.incumbent)?, Side::find(&reader, &args.candidate)?];
    let (ours, mut theirs) = (sides[0].facts(&reader)?, sides[1].facts(&reader)?);
    let mut tally = Tally::new(2, Some(0), 1);
    let mut shared = 0;
    for (id, incumbent) in ours {
        let Some(candidate) = theirs.remove(&id) else { continue };
        for (place, facts) in [incumbent, candidate].into_iter().enumerate() {
            let place = u32::try_from(place).unwrap_or(0);
            tally.add(SampleFacts { key: SampleKey { item: shared, candidate: place, repeat: 0 }, ..facts });
        }
        shared += 1;
    }
    if shared == 0 {
        return Err(Failed::input(anyhow!("the two runs share no prompts (rows are matched by their ids)")));
    }
    let mut tallied = tally.finish();
    for (model, side) in tallied.models.iter_mut().zip(&sides) {
        model.model = side.label();
    }
    tallied.models[0].is_incumbent = true;
    let compared = verdict::compare(&tallied.models, 0, &tallied.versus, tallied.has_clusters, margin);
    let question = verdict::Question { margin, gates: Vec::new() };
    let verdicts = verdict::verdicts(&question, &tallied.models, &compared, &[], &verdict::Pace::default());
    output::stdout(|out| {
        for (comparison, verdict) in compared.iter().zip(&verdicts) {
            if args.json {
                let object = json!({
                    "version": 1, "incumbent": comparison.incumbent, "candidate": comparison.candidate,
                    "pairs": comparison.pairs, "better": comparison.better, "worse": comparison.worse,
                    "delta_accepted": comparison.delta_accepted, "ci95": comparison.ci95,
                    "p_value": comparison.p_value, "samples_needed": comparison.samples_needed,
                    "verdict": { "decision": verdict.decision.name(), "sentence": verdict.sentence },
                });
                writeln!(out, "{}", untrusted::json(&object.to_string()))?;
            } else {
                let counts =
                    format!("{} better, {} worse", count(comparison.better), count(comparison.worse));
                writeln!(out, "{}", Untrusted::line(&verdict.sentence))?;
                writeln!(
                    out,
                    "{counts} of {}, p {:.3}",
                    counted(comparison.pairs, "shared prompt"),
                    comparison.p_value
                )?;
            }
        }
        Ok(())
    })?;
    Ok(Exit::Done)
}
