//! `orch eval`: run a prompt dataset across models, end with a verdict.

mod access;
mod args;
mod claim;
mod compare;
mod data;
mod manage;
mod meaning;
mod plan;
mod prepare;
mod reports;
mod run;
mod session;

pub use args::Args;

use super::args::Global;
use super::environment::Environment;
use super::exit::{Exit, Failed};
use super::output::Terminal;
use args::Action;

/// Runs one invocation.
pub fn run(
    args: &Args,
    global: &Global,
    environment: &Environment,
    terminal: &Terminal,
) -> Result<Exit, Failed> {
    let surroundings = Surroundings { global, environment, terminal };
    match &args.action {
        None => run::run(&args.run, &surroundings),
        Some(Action::List(list)) => manage::list(list, &surroundings),
        Some(Action::Show(show)) => manage::show(show, &surroundings),
        Some(Action::Compare(compare)) => compare::compare(compare, &surroundings),
        Some(Action::Rescore(rescore)) => manage::rescore(rescore, &surroundings),
    }
}

/// What every action needs of the process.
struct Surroundings<'a> {
    global: &'a Global,
    environment: &'a Environment,
    terminal: &'a Terminal,
}

impl Surroundings<'_> {
    /// What one would type for another action on the same ledger, under the same configuration.
    fn command(&self, action: &str) -> String {
        let named = [("--config", &self.global.config), ("--ledger", &self.global.ledger)];
        let named =
            named.into_iter().filter_map(|(flag, path)| Some((flag, path.as_ref()?.to_string_lossy())));
        let flags = named.map(|(flag, path)| match path.contains(|c: char| !is_plain(c)) {
            true => format!(" {flag} '{}'", path.replace('\'', "'\\''")),
            false => format!(" {flag} {path}"),
        });
        format!("orch{} eval {action}", flags.collect::<String>())
    }
}

/// Characters that a shell takes as they are.
fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || "/._-+=:@%,".contains(c)
}
