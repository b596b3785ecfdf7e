//! Recorded runs: list, show, rescore.

use std::path::Path;

use anyhow::anyhow;
use serde_json::json;

use super::args::{ListArgs, RescoreArgs, ShowArgs};
use super::claim::Claim;
use super::{Surroundings, data, plan, reports};
use crate::base::number::{count, counted};
use crate::base::untrusted::{self, Untrusted};
use crate::cli::exit::{Exit, Failed};
use crate::cli::output;
use crate::cli::settings::{self, Config};
use crate::eval::dataset::Dataset;
use crate::eval::manifest::Manifest;
use crate::eval::rescore::rescore as score_again;
use crate::eval::rescore::{Rescored, unscored};
use crate::eval::scorer::Scorer;
use crate::eval::summarize::summarize;
use crate::ledger::row::{RunRow, RunStatus};
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

pub(super) fn open(surroundings: &Surroundings<'_>) -> Result<(Config, std::path::PathBuf, Reader), Failed> {
    let (global, environment) = (surroundings.global, surroundings.environment);
    let config = settings::config(global, environment, surroundings.terminal.color_stderr)?;
    let path = settings::ledger(global, &config, environment)?;
    let reader = Reader::open(&path)?;
    Ok((config, path, reader))
}

pub(super) fn list(args: &ListArgs, surroundings: &Surroundings<'_>) -> Result<Exit, Failed> {
    let (_, path, reader) = open(surroundings)?;
    let rows: Vec<_> = reader.runs(args.limit)?.into_iter().map(|row| standing(&path, row)).collect();
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
    let killed = rows.iter().find(|row| row.status == RunStatus::Killed);
    if let Some(killed) = killed.filter(|_| !surroundings.global.quiet) {
        let resume = surroundings.command(&format!("--resume {}", killed.id));
        output::stderr(&format!("killed: its process ended without a word; continue with {resume}"));
    }
    Ok(Exit::Done)
}

/// The run as it stands: one that is under way according to the ledger, but that nobody makes, was killed.
fn standing(ledger: &Path, row: RunRow) -> RunRow {
    let is_orphan = row.status == RunStatus::Running && !Claim::is_held(ledger, &row.id);
    RunRow { status: if is_orphan { RunStatus::Killed } else { row.status }, ..row }
}

fn names(manifest: &Manifest) -> (Vec<String>, Vec<String>) {
    let datasets = manifest.datasets.iter().map(|file| file.path.clone()).collect();
    (datasets, manifest.candidates.iter().map(|one| one.label.clone()).collect())
}

pub(super) fn show(args: &ShowArgs, surroundings: &Surroundings<'_>) -> Result<Exit, Failed> {
    for path in &args.output.out {
        reports::check(path)?;
    }
    let (_, path, reader) = open(surroundings)?;
    let row = standing(&path, find(&reader, &args.run)?);
    let summary = summarize(&reader, &row, &manifest(&row)?, None)?;
    reports::show(&summary, &reader, &args.output, (surroundings, reports::Hint::Wanted))?;
    Ok(Exit::Done)
}

pub(super) fn rescore(args: &RescoreArgs, surroundings: &Surroundings<'_>) -> Result<Exit, Failed> {
    let (_, path, reader) = open(surroundings)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // Nobody makes calls for the run, or scores it otherwise, until this is over; it is read again under the claim.
    let found = find(&reader, &args.run)?.id;
    let _claim = runtime.block_on(Claim::take(&path, &found))?;
    let mut row = find(&reader, &found)?;
    let mut manifest = manifest(&row)?;
    if !args.scorers.is_empty() {
        let scorers = plan::scorers(&args.scorers)?;
        let new = scorers.iter().filter(|written| !manifest.scorers.contains(written));
        let asking = new.filter_map(|written| Scorer::parse(written).ok()).find(Scorer::has_effect);
        if let Some(scorer) = asking {
            return Err(makes_calls(scorer.name()));
        }
        manifest.scorers = scorers;
        row.manifest = manifest.to_json();
    }
    let datasets = data::reopen(&mut manifest)?;
    check(&reader, &row, &manifest, &datasets)?;
    let ledger = Ledger::open(&path)?;
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

/// Nothing is written when a part of it could not be.
fn check(reader: &Reader, row: &RunRow, manifest: &Manifest, datasets: &[Dataset]) -> Result<(), Failed> {
    match unscored(reader, row, manifest, datasets)? {
        Some(scorer) => Err(makes_calls(&scorer)),
        None => Ok(()),
    }
}

fn makes_calls(scorer: &str) -> Failed {
    let scorer = Untrusted::line(scorer);
    Failed::input(anyhow!(
        "the scorer `{scorer}` has to ask a model or a program, has not judged this run, and rescoring makes no \
         calls; nothing was changed. Make a new run with it: orch eval DATASET --scorer …"
    ))
}
