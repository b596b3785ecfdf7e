//! `orch check`: whether the configuration is right, without running anything.

use super::args::Global;
use super::environment::Environment;
use super::exit::{Exit, Failed};
use super::output::{self, Terminal};
use super::settings;
use crate::base::number::counted;

/// What was typed.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {}

/// Reads the configuration and says what it holds; its problems are the error.
pub fn run(global: &Global, environment: &Environment, terminal: &Terminal) -> Result<Exit, Failed> {
    let config = settings::config(global, environment, terminal.color_stderr)?;
    let counted = |n: usize, noun| counted(n as u64, noun);
    let providers = counted(config.policy.providers().len(), "provider");
    let models = counted(config.policy.aliases().len(), "model");
    let text = match &config.path {
        Some(path) => format!("{}: ok, {providers}, {models}", path.display()),
        None => {
            "no configuration: the defaults hold; orch.toml here or --config FILE changes them".to_owned()
        }
    };
    output::stdout(|out| writeln!(out, "{text}"))?;
    Ok(Exit::Done)
}
