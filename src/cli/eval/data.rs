//! Datasets and prices of a run.

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::anyhow;

use super::Surroundings;
use super::prepare::Asked;
use crate::cli::exit::Failed;
use crate::eval::dataset::{Dataset, Format, Programs, ReadOptions, Template};
use crate::eval::manifest::{File, Manifest};
use crate::eval::scorer::{Effect, Scorer};

/// Reads and checks the datasets, once for each prompt template. A run that is continued must find them
/// unchanged.
pub(super) fn open(
    manifest: &mut Manifest,
    is_resumed: bool,
    surroundings: &Surroundings<'_>,
) -> Result<Vec<Dataset>, Failed> {
    let before = manifest.datasets.clone();
    let path = surroundings.environment.get("PATH").unwrap_or_default().to_owned();
    let programs = Programs { allowed: manifest.allow_exec, path };
    for written in &manifest.scorers {
        let scorer = Scorer::parse(written).map_err(|error| Failed::input(anyhow!(error)))?;
        programs.find(&scorer).map_err(|error| Failed::input(anyhow!(error)))?;
    }
    let datasets = read(manifest, Some(&programs))?;
    if is_resumed {
        for (before, now) in before.iter().zip(&manifest.datasets) {
            if before.sha256 != now.sha256 {
                return Err(Failed::input(anyhow!(
                    "{} has changed since the run began, so it cannot go on; start a new run, or `orch eval rescore` \
                     to score what is there",
                    now.path
                )));
            }
        }
    }
    Ok(datasets)
}

/// The same for datasets that may have changed, and that nothing is asked or run for.
pub(super) fn reopen(manifest: &mut Manifest) -> Result<Vec<Dataset>, Failed> {
    read(manifest, None)
}

fn read(manifest: &mut Manifest, programs: Option<&Programs>) -> Result<Vec<Dataset>, Failed> {
    let paths: Vec<_> = manifest.datasets.iter().map(|file| PathBuf::from(&file.path)).collect();
    let templates: Vec<Option<Template>> = match manifest.prompts.is_empty() {
        true => vec![None],
        false => manifest
            .prompts
            .iter()
            .map(|prompt| Some(Template { name: prompt.name.clone(), text: prompt.template.clone() }))
            .collect(),
    };
    if templates.len() > 1 && paths.iter().any(|path| path.as_os_str() == "-") {
        return Err(Failed::input(anyhow!("standard input can be read once: several prompts need a file")));
    }
    let mut datasets = Vec::new();
    for template in templates {
        let options = ReadOptions { template, programs: programs.cloned(), ..options(manifest)? };
        datasets.push(Dataset::read(&paths, &options).map_err(|problems| {
            let has_rows = problems.listed.iter().any(|problem| problem.line.is_some());
            let hint = if options.skip_bad || !has_rows {
                ""
            } else {
                "\nnothing was sent; mend the rows, or leave them out with --skip-bad"
            };
            Failed::input(anyhow!("{problems}{hint}"))
        })?);
    }
    if let Some(first) = datasets.first() {
        manifest.skipped_rows = first.skipped();
        for (file, facts) in manifest.datasets.iter_mut().zip(first.files()) {
            *file = File { path: file.path.clone(), sha256: facts.sha256.to_owned(), rows: facts.rows };
        }
    }
    Ok(datasets)
}

fn options(manifest: &Manifest) -> Result<ReadOptions, Failed> {
    let format = match manifest.format.as_deref() {
        None => None,
        Some(name) => Some(Format::from_name(name).ok_or_else(|| {
            Failed::input(anyhow!("unknown format `{name}`; known: jsonl, csv, tsv, text"))
        })?),
    };
    let scorers =
        manifest.scorers.iter().map(|written| Scorer::parse(written).map_err(|e| Failed::input(anyhow!(e))));
    Ok(ReadOptions {
        format,
        skip_bad: manifest.skip_bad,
        template: None,
        scorers: scorers.collect::<Result<_, _>>()?,
        system: manifest.system.clone(),
        programs: None,
    })
}

/// A gate on a scorer that judges nothing could only fail: say so before anything is spent.
pub(super) fn check_gates(manifest: &Manifest, datasets: &[Dataset]) -> Result<(), Failed> {
    let known: BTreeSet<_> = datasets.iter().flat_map(Dataset::scorer_names).collect();
    for gate in manifest.question().gates {
        let Some(name) = gate.scorer().filter(|name| !known.contains(name)) else { continue };
        let known = known.iter().copied().collect::<Vec<_>>().join(", ");
        let known =
            if known.is_empty() { "no row has a scorer".to_owned() } else { format!("there are {known}") };
        let written = gate.written();
        return Err(Failed::input(anyhow!("gate `{written}`: no row has a scorer `{name}`; {known}")));
    }
    Ok(())
}

/// The models that scorers ask: those of the rows, where they could be read, and those named for rows without.
pub(super) fn asked(datasets: &Result<Vec<Dataset>, Failed>, manifest: &Manifest) -> Asked {
    let rows = datasets.iter().flatten().flat_map(Dataset::scorer_models).cloned();
    let named = manifest.scorers.iter().filter(|_| datasets.is_err());
    let named = named.filter_map(|written| {
        let scorer = Scorer::parse(written).ok()?;
        scorer.asks().map(|(effect, model)| (effect, model.to_owned()))
    });
    let models: BTreeSet<(Effect, String)> = rows.chain(named).collect();
    let of = |wanted: Effect| {
        let models = models.iter().filter(|(effect, _)| *effect == wanted);
        models.map(|(_, model)| model.clone()).collect()
    };
    Asked { judges: of(Effect::Judge), embedders: of(Effect::Embedder) }
}
