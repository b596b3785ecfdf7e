//! From arguments as typed, and suites, to a run as meant.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, anyhow};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::args::RunArgs;
use crate::base::money::Money;
use crate::cli::exit::Failed;
use crate::cli::settings::Config;
use crate::eval::candidate;
use crate::eval::gate::Gate;
use crate::eval::manifest::{Entrant, File, Manifest, Prompt, VERSION, hex};
use crate::eval::scorer::Scorer;
use crate::policy::Policy;

/// The models of a run that names none: simulated ones, so that it needs neither key nor network.
const SIMULATED: [&str; 2] = ["sim/good", "sim/cheap"];
const DEFAULT_SEED: u64 = 7;
const DEFAULT_CONCURRENCY: u32 = 32;
const DEFAULT_MARGIN: f64 = 0.02;

/// Plans a run from what was typed.
pub(super) fn plan(args: &RunArgs, config: &Config) -> Result<Manifest, Failed> {
    let mut manifest = blank(config);
    let mut paths = Vec::new();
    for path in &args.datasets {
        paths.push(path.clone());
    }
    if paths.is_empty() {
        return Err(Failed::input(anyhow!(
            "name a dataset: orch eval prompts.jsonl (or - for standard input)"
        )));
    }
    if paths.iter().filter(|path| *path == "-").count() > 1 {
        return Err(Failed::input(anyhow!("standard input can be read once: give - once")));
    }
    manifest.datasets = paths.into_iter().map(|path| File { path, sha256: String::new(), rows: 0 }).collect();
    settle(&mut manifest, args)?;
    candidates(&mut manifest, args, &config.policy)?;
    check(&manifest)?;
    Ok(manifest)
}

fn blank(config: &Config) -> Manifest {
    Manifest {
        version: VERSION,
        datasets: Vec::new(),
        format: None,
        skip_bad: false,
        skipped_rows: 0,
        system: None,
        scorers: Vec::new(),
        prompts: Vec::new(),
        candidates: Vec::new(),
        incumbent: None,
        gates: Vec::new(),
        margin: DEFAULT_MARGIN,
        repeat: 1,
        seed: DEFAULT_SEED,
        limit: None,
        concurrency: DEFAULT_CONCURRENCY,
        max_cost: None,
        early_stop: false,
        stream: true,
        config_sha256: config.path.as_ref().map(|_| hex(&Sha256::digest(config.text.as_bytes()))),
    }
}

/// Flags win over the suite.
fn settle(manifest: &mut Manifest, args: &RunArgs) -> Result<(), Failed> {
    if let Some(template) = &args.template {
        let shown = template.display();
        let text = fs::read_to_string(template).with_context(|| format!("cannot read the template {shown}"));
        let name = template.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
        manifest.prompts = vec![Prompt { name, template: text.map_err(Failed::input)? }];
    }
    if !args.scorers.is_empty() {
        manifest.scorers = scorers(&args.scorers)?;
    }
    if !args.gates.is_empty() {
        manifest.gates.clone_from(&args.gates);
    }
    if let Some(margin) = &args.margin {
        manifest.margin = share(margin).map_err(|error| Failed::input(anyhow!("--margin: {error}")))?;
    }
    if let Some(cost) = &args.max_cost {
        let cost: Money = cost.parse().map_err(|error| Failed::input(anyhow!("--max-cost: {error}")))?;
        manifest.max_cost = Some(cost.decimal());
    }
    if args.repeat == Some(0) || args.limit == Some(0) || args.concurrency == Some(0) {
        return Err(Failed::input(anyhow!("--repeat, --limit and --concurrency must be at least 1")));
    }
    manifest.format = args.format.clone().or(manifest.format.take());
    manifest.skip_bad |= args.skip_bad;
    manifest.system = args.system.clone().or(manifest.system.take());
    manifest.repeat = args.repeat.unwrap_or(manifest.repeat);
    manifest.seed = args.seed.unwrap_or(manifest.seed);
    manifest.limit = args.limit.or(manifest.limit);
    manifest.concurrency = args.concurrency.unwrap_or(manifest.concurrency);
    manifest.early_stop |= args.early_stop;
    manifest.stream = !args.no_stream;
    Ok(())
}

/// Scorers as typed: a short form, or JSON.
pub(super) fn scorers(typed: &[String]) -> Result<Vec<Value>, Failed> {
    let mut out = Vec::new();
    for text in typed {
        let written = if text.trim_start().starts_with('{') {
            serde_json::from_str(text).map_err(|error| Failed::input(anyhow!("--scorer {text}: {error}")))?
        } else {
            Value::String(text.clone())
        };
        Scorer::parse(&written).map_err(|error| Failed::input(anyhow!("--scorer {text}: {error}")))?;
        out.push(written);
    }
    Ok(out)
}

/// `2pp`, `2%` or `0.02`: a share from 0 to below 1.
pub(super) fn share(text: &str) -> Result<f64, String> {
    let wrong = || format!("{text:?} is not a share such as 2pp, 2% or 0.02");
    let percent = text.strip_suffix("pp").or(text.strip_suffix('%'));
    let share = match percent {
        Some(percent) => percent.trim().parse::<f64>().map_err(|_| wrong())? / 100.0,
        None => text.trim().parse().map_err(|_| wrong())?,
    };
    if (0.0..1.0).contains(&share) { Ok(share) } else { Err(wrong()) }
}

fn candidates(manifest: &mut Manifest, args: &RunArgs, policy: &Policy) -> Result<(), Failed> {
    let mut models: Vec<(String, String)> = args.models.iter().map(|typed| split(typed)).collect();
    if models.is_empty() {
        models = manifest.candidates.iter().map(|one| (one.model.clone(), one.params.clone())).collect();
    }
    let incumbent = args.incumbent.clone().or(manifest.incumbent.take());
    if models.is_empty() && incumbent.is_none() {
        models = SIMULATED.iter().map(|model| split(model)).collect();
    }
    let is_default = args.models.is_empty() && manifest.candidates.is_empty();
    if let Some(incumbent) = &incumbent
        && !models.contains(&split(incumbent))
    {
        models.insert(0, split(incumbent));
    }
    let prompts: Vec<Option<usize>> = if manifest.prompts.is_empty() {
        vec![None]
    } else {
        (0..manifest.prompts.len()).map(Some).collect()
    };
    manifest.candidates.clear();
    for prompt in prompts {
        for (model, params) in &models {
            let entrant = entrant(manifest, policy, (model, params), prompt)?;
            if manifest.candidates.iter().any(|other| other.label == entrant.label) {
                return Err(Failed::input(anyhow!("candidate {} is given twice", entrant.label)));
            }
            manifest.candidates.push(entrant);
        }
    }
    let first = manifest.candidates.first().map(|first| first.label.clone());
    manifest.incumbent = match incumbent {
        Some(typed) => {
            let (model, params) = split(&typed);
            let found = manifest.candidates.iter().find(|one| one.model == model && one.params == params);
            found.map(|one| one.label.clone())
        }
        // The demonstration compares; and several prompts of one model are compared with the first.
        None if is_default || manifest.candidates.iter().any(|one| one.prompt > Some(0)) => first,
        None => None,
    };
    Ok(())
}

/// The model and the parameters behind its question mark.
fn split(typed: &str) -> (String, String) {
    let (model, params) = typed.trim().split_once('?').unwrap_or((typed.trim(), ""));
    (model.to_owned(), params.to_owned())
}

fn entrant(
    manifest: &Manifest,
    policy: &Policy,
    (model, params): (&str, &str),
    prompt: Option<usize>,
) -> Result<Entrant, Failed> {
    candidate::params(params).map_err(|error| Failed::input(anyhow!("model {model}: {error}")))?;
    let target = match model.strip_prefix("replay:") {
        Some(file) => format!("replay/{file}"),
        None => policy.target(model).map_err(Failed::input)?.target.to_string(),
    };
    let mut label = match model.strip_prefix("replay:").map(Path::new) {
        Some(file) => {
            file.file_name().map_or_else(|| model.to_owned(), |name| name.to_string_lossy().into_owned())
        }
        None => model.to_owned(),
    };
    if !params.is_empty() {
        label = format!("{label}?{params}");
    }
    if let Some(prompt) =
        prompt.and_then(|at| manifest.prompts.get(at)).filter(|_| manifest.prompts.len() > 1)
    {
        label = format!("{label} · {}", prompt.name);
    }
    Ok(Entrant { label, model: model.to_owned(), params: params.to_owned(), target, prompt })
}

fn check(manifest: &Manifest) -> Result<(), Failed> {
    for gate in &manifest.gates {
        gate.parse::<Gate>().map_err(Failed::input)?;
    }
    if manifest.early_stop && manifest.incumbent.is_none() {
        return Err(Failed::input(anyhow!(
            "--early-stop needs an incumbent to compare with: --incumbent MODEL"
        )));
    }
    Ok(())
}
