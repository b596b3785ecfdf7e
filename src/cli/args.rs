//! The command line as typed.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Evaluate, route and monitor language models.
#[derive(Debug, Parser)]
#[command(name = "orch", version, max_term_width = 100, arg_required_else_help = true)]
pub struct Cli {
    #[command(flatten)]
    /// What every command takes.
    pub global: Global,
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
        help = "The configuration [default: $ORCH_CONFIG, else ./orch.toml, else orch/orch.toml in the XDG \
                config directory]"
    )]
    pub config: Option<PathBuf>,
    /// The ledger [default: the configuration's, else orch/ledger.db in the XDG data directory]
    #[arg(long, global = true, value_name = "FILE")]
    pub ledger: Option<PathBuf>,
    /// Only results and errors: no progress, no notes
    #[arg(long, short, global = true)]
    pub quiet: bool,
    /// Log what happens to stderr; twice for more
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
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
    /// Serve simulated providers on loopback, for benchmarks and rehearsals
    #[command(hide = true)]
    Mock(super::mock::Args),
    /// Print the completions of a shell, or the manual page
    #[command(hide = true)]
    Completions(super::completions::Args),
}
