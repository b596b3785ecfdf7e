//! From arguments as typed, and suites, to a run as meant.

use std::path::Path;

use anyhow::{Context as _, anyhow};
use serde_json::Value;

use super::args::RunArgs;
use super::meaning;
use crate::base::file;
use crate::base::money::Money;
use crate::cli::exit::Failed;
use crate::cli::settings::Config;
use crate::eval::candidate;
use crate::eval::gate::Gate;
use crate::eval::manifest::{Entrant, File, Manifest, Prompt, VERSION};
use crate::eval::scorer::Scorer;
use crate::eval::suite::{MOST_TEMPLATE, Suite};
use crate::model::request::Params;
use crate::policy::{Policy, storable};
use crate::wire::replay;

/// The models of a run that names none: simulated ones, so that it needs neither key nor network.
const SIMULATED: [&str; 2] = ["sim/good", "sim/fast"];
const DEFAULT_SEED: u64 = 7;
const DEFAULT_CONCURRENCY: u32 = 32;
const DEFAULT_MARGIN: f64 = 0.02;

/// Plans a run from what was typed.
pub(super) fn plan(args: &RunArgs, config: &Config) -> Result<Manifest, Failed> {
    let mut manifest = blank(config);
    let mut paths = Vec::new();
    for path in &args.datasets {
        if Path::new(path).extension().is_some_and(|extension| extension == "toml") {
            add_suite(&mut manifest, &mut paths, path)?;
        } else {
            paths.push(path.clone());
        }
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
    if args.require_decision && manifest.incumbent.is_none() && manifest.gates.is_empty() {
        return Err(Failed::input(anyhow!(
            "--require-decision needs something to decide by: --incumbent MODEL or --gate GATE"
        )));
    }
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
        cap_is_simulated: false,
        allow_exec: false,
        early_stop: false,
        stream: true,
        config: config.path.as_ref().map(|_| storable(&config.text)),
    }
}

/// Flags win over the suite.
fn settle(manifest: &mut Manifest, args: &RunArgs) -> Result<(), Failed> {
    if let Some(template) = &args.template {
        let shown = template.display();
        let text =
            file::text(template, MOST_TEMPLATE).with_context(|| format!("cannot read the template {shown}"));
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
    if let Some(typed) = &args.max_cost {
        manifest.max_cost = cap(typed)?;
    }
    if args.repeat == Some(0) || args.limit == Some(0) || args.concurrency == Some(0) {
        return Err(Failed::input(anyhow!("--repeat, --limit and --concurrency must be at least 1")));
    }
    manifest.format = args.format.clone().or(manifest.format.take());
    manifest.skip_bad |= args.skip_bad;
    manifest.allow_exec |= args.allow_exec;
    manifest.system = args.system.clone().or(manifest.system.take());
    manifest.repeat = args.repeat.unwrap_or(manifest.repeat);
    manifest.seed = args.seed.unwrap_or(manifest.seed);
    manifest.limit = args.limit.or(manifest.limit);
    manifest.concurrency = args.concurrency.unwrap_or(manifest.concurrency);
    manifest.early_stop |= args.early_stop;
    manifest.stream = !args.no_stream;
    Ok(())
}

/// A cap as typed, in the form that is stored; `none` takes away that of a suite or of an earlier session.
pub(super) fn cap(typed: &str) -> Result<Option<String>, Failed> {
    if typed == "none" {
        return Ok(None);
    }
    let cap: Money = typed.parse().map_err(|error| {
        Failed::input(anyhow!("--max-cost: {error}; or say `none` to take away the cap of a suite or a run"))
    })?;
    Ok(Some(cap.decimal()))
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

/// Who answers: the models typed, else those of the suite, else simulated ones; each once per prompt.
fn candidates(manifest: &mut Manifest, args: &RunArgs, policy: &Policy) -> Result<(), Failed> {
    let suite = std::mem::take(&mut manifest.candidates);
    let typed_incumbent = args.incumbent.as_deref();
    let is_default = args.models.is_empty() && suite.is_empty() && typed_incumbent.is_none();
    let mut models = match (args.models.is_empty(), is_default) {
        (false, _) => args.models.iter().map(|typed| typed_entrant(typed)).collect(),
        (true, true) => SIMULATED.iter().map(|typed| typed_entrant(typed)).collect(),
        (true, false) => suite,
    };
    let mut incumbent =
        manifest.incumbent.take().filter(|label| models.iter().any(|one| one.label == *label));
    if let Some(typed) = typed_incumbent {
        let entrant = typed_entrant(typed);
        let same = |one: &&Entrant| {
            one.label == typed || (one.model == entrant.model && one.params == entrant.params)
        };
        incumbent = models.iter().find(same).map(|one| one.label.clone());
        if incumbent.is_none() {
            incumbent = Some(entrant.label.clone());
            models.insert(0, entrant);
        }
    }
    let prompts: Vec<Option<usize>> = if manifest.prompts.is_empty() {
        vec![None]
    } else {
        (0..manifest.prompts.len()).map(Some).collect()
    };
    for prompt in prompts {
        for model in &models {
            let entrant = entrant(manifest, policy, model, prompt)?;
            let is_incumbent = incumbent.as_ref() == Some(&model.label) && prompt.unwrap_or(0) == 0;
            // The demonstration compares; and several prompts are compared with the first.
            let is_first = manifest.candidates.is_empty() && incumbent.is_none();
            if is_incumbent || (is_first && (is_default || manifest.prompts.len() > 1)) {
                manifest.incumbent = Some(entrant.label.clone());
            }
            if manifest.candidates.iter().any(|other| other.label == entrant.label) {
                return Err(Failed::input(anyhow!("candidate {} is given twice", entrant.label)));
            }
            manifest.candidates.push(entrant);
        }
    }
    Ok(())
}

/// A recording's name without `.jsonl`, `.txt` and `.gz`.
fn stem(file: &Path) -> Option<String> {
    let name = file.file_name()?.to_string_lossy();
    let bare = name.strip_suffix(".gz").unwrap_or(&name);
    let endings = [".jsonl", ".ndjson", ".json", ".txt"];
    let bare = endings.iter().find_map(|ending| bare.strip_suffix(ending)).unwrap_or(bare);
    Some(bare.to_owned()).filter(|bare| !bare.is_empty())
}

/// A model as typed, not yet checked.
fn typed_entrant(typed: &str) -> Entrant {
    let (model, params) = split(typed);
    let label = match model.strip_prefix("replay:").map(replay::source) {
        Some((file, recorded)) => {
            let stem = stem(file).unwrap_or_else(|| model.clone());
            recorded.map_or_else(|| stem.clone(), |recorded| format!("{stem}#{recorded}"))
        }
        None => model.clone(),
    };
    let label = if params.is_empty() { label } else { format!("{label}?{params}") };
    Entrant { label, model, params, target: String::new(), meaning: None, prompt: None }
}

/// The model and the parameters behind its question mark.
fn split(typed: &str) -> (String, String) {
    if typed.starts_with("replay:") && typed.contains('#') {
        // The question mark belongs to the recorded model's name; recorded answers take no parameters.
        return (typed.trim().to_owned(), String::new());
    }
    let (model, params) = typed.trim().split_once('?').unwrap_or((typed.trim(), ""));
    (model.to_owned(), params.to_owned())
}

/// An entrant checked and named: what it means now, and which prompt it is asked through.
fn entrant(
    manifest: &Manifest,
    policy: &Policy,
    written: &Entrant,
    prompt: Option<usize>,
) -> Result<Entrant, Failed> {
    let model = &written.model;
    candidate::params(&written.params).map_err(|error| Failed::input(anyhow!("model {model}: {error}")))?;
    let target = match model.strip_prefix("replay:") {
        Some(file) => format!("replay/{file}"),
        // What means nothing is refused with everything else that is wrong, before anything is sent.
        None => policy.target(model).map(|resolved| resolved.target.to_string()).unwrap_or_default(),
    };
    let name = prompt.and_then(|at| manifest.prompts.get(at)).filter(|_| manifest.prompts.len() > 1);
    let label =
        name.map_or_else(|| written.label.clone(), |prompt| format!("{} · {}", written.label, prompt.name));
    let meaning = meaning::of(policy, written);
    Ok(Entrant { label, target, meaning, prompt, ..written.clone() })
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
    if manifest.early_stop && manifest.repeat > 1 {
        return Err(Failed::input(anyhow!(
            "--early-stop needs independent answers, and those to a repeated prompt are not; leave out one of \
             --early-stop and --repeat"
        )));
    }
    Ok(())
}

/// Takes what a suite says. Its labels are kept; what is typed beside it wins.
fn add_suite(manifest: &mut Manifest, paths: &mut Vec<String>, path: &str) -> Result<(), Failed> {
    let suite = Suite::read(Path::new(path)).map_err(Failed::input)?;
    paths.extend(suite.datasets.iter().map(|path| path.to_string_lossy().into_owned()));
    let repeats: Vec<_> = suite.candidates.iter().map(|candidate| candidate.repeats.get()).collect();
    if let Some(other) = repeats.iter().find(|other| Some(*other) != repeats.first()) {
        return Err(Failed::input(anyhow!(
            "{path}: every candidate must have the same repeats, because they are compared sample by sample; \
             one has {other}"
        )));
    }
    manifest.repeat = repeats.first().copied().unwrap_or(manifest.repeat);
    manifest.incumbent = suite.incumbent.and_then(|at| suite.candidates.get(at)).map(|one| one.label.clone());
    manifest.format = suite.format.map(|format| format.name().to_owned());
    manifest.skip_bad = suite.skip_bad;
    manifest.system = suite.system;
    manifest.scorers = suite.scorers;
    manifest.gates = suite.gates.into_iter().map(|gate| gate.text).collect();
    manifest.margin = suite.margin.unwrap_or(manifest.margin);
    manifest.seed = suite.seed.unwrap_or(manifest.seed);
    manifest.max_cost = suite.max_cost.map(Money::decimal);
    manifest.concurrency = suite.concurrency.map_or(manifest.concurrency, std::num::NonZeroU32::get);
    let prompt =
        |prompt: crate::eval::suite::Prompt| Prompt { name: prompt.label, template: prompt.template.text };
    manifest.prompts = suite.prompts.into_iter().map(prompt).collect();
    manifest.candidates =
        suite.candidates.into_iter().map(|one| named(one.label, &one.model, &one.params)).collect();
    Ok(())
}

/// A candidate of a suite, its parameters as they are written behind a model.
fn named(label: String, model: &str, params: &Params) -> Entrant {
    let params = candidate::written(params);
    Entrant { label, model: model.to_owned(), params, target: String::new(), meaning: None, prompt: None }
}
