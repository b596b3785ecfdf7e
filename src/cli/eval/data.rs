//! Datasets and prices of a run.

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::anyhow;

use super::prepare::Asked;
use crate::cli::exit::Failed;
use crate::eval::dataset::{Dataset, Format, ReadOptions, Template};
use crate::eval::manifest::{File, Manifest};
use crate::eval::scorer::{Effect, Scorer};

/// Reads and checks the datasets, once for each prompt template. A run that is continued must find them
/// unchanged.
pub(super) fn open(manifest: &mut Manifest, is_resumed: bool) -> Result<Vec<Dataset>, Failed> {
    let before = manifest.datasets.clone();
    let datasets = reopen(manifest)?;
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

/// The same for datasets that may have changed.
pub(super) fn reopen(manifest: &mut Manifest) -> Result<Vec<Dataset>, Failed> {
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
        let options = ReadOptions { template, ..options(manifest)? };
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
    })
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
