//! From the configuration as written to the policy as true: all problems in one run.

use std::path::PathBuf;

use toml::de::DeTable;

use super::alias::models;
use super::bounds::defaults;
use super::file::{Table, Value, nearest};
use super::problem::{NOT_TOML, Problem};
use super::provider::providers;
use super::{KeySource, Policy, Secret, preset};
use crate::model::{Action, FailureClass};

/// A configuration as far as it could be read.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// What is understood of it; what a problem is about is left out or at its default.
    pub policy: Policy,
    /// Every problem, warnings included, in the order of the file.
    pub problems: Vec<Problem>,
}

impl Reading {
    /// Reads a configuration.
    pub fn of(text: &str) -> Self {
        let (root, errors) = DeTable::parse_recoverable(text);
        let syntax = errors.iter().map(|error| {
            let span = error.span().unwrap_or(0..0);
            Problem::new(span, error.message().trim_end().to_owned(), NOT_TOML)
        });
        let mut problems: Vec<_> = syntax.collect();
        let mut policy = Policy::default();
        if problems.is_empty() {
            let mut root = Table::new("the configuration", root.get_ref(), &mut problems);
            ledger(&mut root, &mut policy);
            providers(&mut root, &mut policy);
            models(&mut root, &mut policy);
            defaults(&mut root, &mut policy);
            actions(&mut root, &mut policy);
            root.finish();
            usual_secrets(&mut policy);
        }
        problems.sort_by_key(|problem| problem.span.start);
        Self { policy, problems }
    }
}

/// Reads a configuration. Fails with every problem of the file, in its order; a file with nothing but warnings
/// is read, and the policy holds them.
pub fn resolve(text: &str) -> Result<Policy, Vec<Problem>> {
    let Reading { mut policy, problems } = Reading::of(text);
    if problems.iter().any(Problem::is_error) {
        return Err(problems);
    }
    policy.warnings = problems;
    Ok(policy)
}

/// The keys of providers that have no section, and are needed by an alias: named where the alias is.
fn usual_secrets(policy: &mut Policy) {
    for alias in &policy.aliases {
        let Some((provider, _)) = alias.id.split_once('/') else { continue };
        let is_configured = policy.providers.iter().any(|known| known.name == provider);
        let is_named = policy.secrets.iter().any(|secret| secret.provider == provider);
        let Some(preset) = preset::of(provider).filter(|_| !is_configured && !is_named) else { continue };
        let source = KeySource::preset(preset);
        if source != KeySource::None {
            let provider = provider.to_owned();
            policy.secrets.push(Secret { provider, header: None, source, at: alias.at.clone() });
        }
    }
}

fn ledger(root: &mut Table<'_, '_>, policy: &mut Policy) {
    let Some(table) = root.table("ledger") else { return };
    let mut table = Table::new("[ledger]", table, root.problems());
    policy.ledger = table.text("path").map(|(path, _)| PathBuf::from(path));
    table.finish();
}

fn actions(root: &mut Table<'_, '_>, policy: &mut Policy) {
    let Some(table) = root.table("on") else { return };
    let mut table = Table::new("[on]", table, root.problems());
    for class in FailureClass::ALL {
        let Some(written) = table.array(class.name()) else { continue };
        let mut actions = Vec::new();
        for value in written {
            let name = value.get_ref().as_str();
            let action = name.and_then(action_named);
            if actions.last() == Some(&Action::Stop) {
                let problem = Problem::new(value.span(), "nothing follows `stop`", "never done");
                table.problem(problem.help("end the list with `stop`"));
            } else if action.is_some_and(|action| actions.contains(&action)) {
                table.problem(Problem::new(value.span(), "an action stands twice", "the second time"));
            }
            match action {
                Some(action) => actions.push(action),
                None => table.problem(unknown_action(value, name.unwrap_or_default())),
            }
        }
        policy.actions.push((class, actions));
    }
    table.finish();
}

fn unknown_action(value: &Value<'_>, written: &str) -> Problem {
    let known = Action::ALL.map(Action::name);
    let meant = nearest(written, known).map(|name| format!("did you mean `{name}`? "));
    Problem::new(value.span(), "unknown action", "this").help(format!(
        "{}known actions: {}",
        meant.unwrap_or_default(),
        known.join(", ")
    ))
}

fn action_named(name: &str) -> Option<Action> {
    Action::ALL.into_iter().find(|action| action.name() == name)
}
