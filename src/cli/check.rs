//! `orch check`: whether the configuration is right, without running anything.

use std::path::Path;

use serde_json::{Value, json};

use super::args::Global;
use super::environment::Environment;
use super::exit::{Exit, Failed};
use super::output::{self, Terminal};
use super::{secrets, settings};
use crate::base::clock::Clock;
use crate::base::number::counted;
use crate::policy::audit;
use crate::policy::catalogue::Catalogue;
use crate::policy::preset;
use crate::policy::problem::{Problem, render};
use crate::policy::{Policy, Reading};

/// The version of the JSON form.
const VERSION: u32 = 1;

/// What was typed.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Print what was found as JSON
    #[arg(long)]
    json: bool,
}

/// Reads the configuration, looks for every secret and looks up every model; says what there is. Errors are the
/// input's fault, warnings are not.
pub fn run(
    args: &Args,
    global: &Global,
    environment: &Environment,
    terminal: &Terminal,
) -> Result<Exit, Failed> {
    let Some((path, text)) = settings::written(global, environment)? else {
        return nothing_written(args.json, environment);
    };
    let Reading { policy, mut problems } = Reading::of(&text);
    problems.extend(of_secrets(&policy, environment));
    let today = Clock::System.now().to_zoned(jiff::tz::TimeZone::UTC).date();
    problems.extend(audit::aliases(&policy, &Catalogue::embedded(), today));
    problems.sort_by_key(|problem| problem.span.start);
    let is_wrong = problems.iter().any(Problem::is_error);
    if args.json {
        let found = found(Some(&path), &text, &policy, &problems);
        output::stdout(|out| writeln!(out, "{found:#}"))?;
        return Ok(if is_wrong { Exit::Input } else { Exit::Done });
    }
    if is_wrong {
        return Err(settings::refused(&path, &text, &problems, terminal.color_stderr));
    }
    let shown = path.display();
    if !problems.is_empty() {
        output::stderr_rendered(&render(&problems, &shown.to_string(), &text, terminal.color_stderr));
    }
    let mut holds = vec![
        counted(policy.providers().len() as u64, "provider"),
        counted(policy.aliases().len() as u64, "model"),
    ];
    holds.extend((!problems.is_empty()).then(|| counted(problems.len() as u64, "warning")));
    output::stdout(|out| writeln!(out, "{shown}: ok, {}", holds.join(", ")))?;
    Ok(Exit::Done)
}

fn of_secrets(policy: &Policy, environment: &Environment) -> Vec<Problem> {
    let mut problems = Vec::new();
    for secret in policy.secrets() {
        if let Some(message) = secrets::lack(secret, environment) {
            problems.push(Problem::new(secret.at.clone(), message, "not to be had"));
        } else if let Some(message) = secrets::exposure(secret, environment) {
            problems.push(Problem::warning(secret.at.clone(), message, "this file"));
        }
    }
    problems
}

/// Without a file the environment decides which providers can be called.
fn nothing_written(json: bool, environment: &Environment) -> Result<Exit, Failed> {
    if json {
        let found = found(None, "", &Policy::default(), &[]);
        output::stdout(|out| writeln!(out, "{found:#}"))?;
        return Ok(Exit::Done);
    }
    let is_set = |name: &&&str| environment.get(name).is_some_and(|value| !value.trim().is_empty());
    let on = preset::ALL.iter().filter(|preset| !preset.url.is_empty()).filter_map(|preset| {
        let key = preset.keys.iter().find(is_set)?;
        Some(format!("{} ({key})", preset.name))
    });
    let on: Vec<_> = on.collect();
    let keys = match on.is_empty() {
        true => {
            "no provider's key is in the environment; `sim` and servers on this machine need none".to_owned()
        }
        false => format!("keys in the environment: {}", on.join(", ")),
    };
    output::stdout(|out| {
        writeln!(out, "no configuration: the defaults hold; `orch init` writes one to begin with\n{keys}")
    })?;
    Ok(Exit::Done)
}

/// What was found, for programs.
fn found(path: Option<&Path>, text: &str, policy: &Policy, problems: &[Problem]) -> Value {
    let problem = |problem: &Problem| {
        let (line, column) = problem.position(text);
        json!({
            "severity": problem.severity.name(), "line": line, "column": column,
            "message": problem.message, "help": problem.help,
        })
    };
    let secrets = policy.secrets().iter();
    let secret = |secret: &crate::policy::Secret| {
        let (line, column) = Problem::new(secret.at.clone(), "", "").position(text);
        json!({"provider": secret.provider, "header": secret.header.as_ref().map(http::HeaderName::as_str),
               "line": line, "column": column})
    };
    json!({
        "version": VERSION,
        "file": path.map(|path| path.to_string_lossy()),
        "ok": !problems.iter().any(Problem::is_error),
        "providers": policy.providers().iter().map(|provider| &provider.name).collect::<Vec<_>>(),
        "models": policy.aliases().iter().map(|alias| &alias.name).collect::<Vec<_>>(),
        "secrets": secrets.map(secret).collect::<Vec<_>>(),
        "problems": problems.iter().map(problem).collect::<Vec<_>>(),
    })
}
