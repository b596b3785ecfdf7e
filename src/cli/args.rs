//! The command line as typed.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

const EXAMPLES: &str = "\
Examples:
  orch eval prompts.jsonl -m sim/good,sim/fast   try it: no keys, no cost
  orch init                                      write a commented orch.toml
  orch models list                               known models and prices
  orch eval show last                            the latest run again

Exit codes:
  0    done
  1    the answer is no: a gate failed on a candidate, or no candidate is to be adopted
  2    your input: flags, configuration, dataset
  3    stopped by a cap; what is finished is kept
  4    surroundings: ledger, disk, network, providers
  5    inconclusive, where a decision was required
  130  interrupted; what is finished is kept";

/// The heading of what every command takes.
const EVERYWHERE: &str = "For every command";

/// Evaluate, route and monitor language models.
#[derive(Debug, Parser)]
#[command(name = "orch", version, max_term_width = 100, arg_required_else_help = true, after_help = EXAMPLES)]
#[command(disable_help_flag = true, disable_version_flag = true)]
pub struct Cli {
    #[command(flatten)]
    /// What every command takes.
    pub global: Global,
    /// Print version
    #[arg(long, short = 'V', help_heading = EVERYWHERE, action = clap::ArgAction::Version)]
    pub version: Option<bool>,
    #[command(subcommand)]
    /// Which command.
    pub command: Command,
}

/// What every command takes.
#[derive(Clone, Debug, Default, Args)]
pub struct Global {
    /// The configuration.
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        help_heading = EVERYWHERE,
        help = "The configuration [default: $ORCH_CONFIG, ./orch.toml, else orch/orch.toml in the XDG config directory]"
    )]
    pub config: Option<PathBuf>,
    /// The ledger [default: the configuration's, else orch/ledger.db in the XDG data directory]
    #[arg(long, global = true, value_name = "FILE", help_heading = EVERYWHERE)]
    pub ledger: Option<PathBuf>,
    /// Only results and errors: no progress, no notes
    #[arg(long, short, global = true, help_heading = EVERYWHERE)]
    pub quiet: bool,
    /// Log what happens to stderr; twice for more
    #[arg(long, short, global = true, action = clap::ArgAction::Count, help_heading = EVERYWHERE)]
    pub verbose: u8,
    /// Print help
    #[arg(long, short, global = true, action = clap::ArgAction::Help, help_heading = EVERYWHERE)]
    pub help: Option<bool>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a prompt dataset across models; end with a verdict
    Eval(Box<super::eval::Args>),
    /// Show the models that are known, with prices, windows and capabilities
    Models(super::models::Args),
    /// Check the configuration
    Check(super::check::Args),
    /// Write a commented configuration to begin with
    Init(super::init::Args),
    /// Serve simulated providers on loopback, for benchmarks and rehearsals
    #[command(hide = true)]
    Mock(super::mock::Args),
    /// Print the completions of a shell, or the manual page
    #[command(hide = true)]
    Completions(super::completions::Args),
}
