//! Floor 6: arguments, environment, terminal, exit codes.

pub mod args;
pub mod check;
pub mod completions;
pub mod environment;
pub mod eval;
pub mod exit;
pub mod init;
pub mod live;
pub mod mock;
pub mod models;
pub mod output;
pub mod secrets;
pub mod settings;

use std::ffi::OsString;
use std::io;
use std::process::ExitCode;

use clap::Parser as _;

use args::{Cli, Command};
use environment::Environment;
use exit::{Exit, Failed};
use output::Terminal;

/// Runs one invocation.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are results; a broken pipe while printing them is no news.
            error.print().ok();
            return if error.use_stderr() { Exit::Input.into() } else { Exit::Done.into() };
        }
    };
    let environment = Environment::read();
    let terminal = Terminal::detect(&environment);
    log(cli.global.verbose);
    match dispatch(&cli, &environment, &terminal) {
        Ok(code) => ExitCode::from(code),
        Err(Failed { exit, error }) => {
            output::failure(&error);
            exit.into()
        }
    }
}

fn dispatch(cli: &Cli, environment: &Environment, terminal: &Terminal) -> Result<u8, Failed> {
    match &cli.command {
        Command::Eval(args) => eval::run(args, &cli.global, environment, terminal).map(Exit::code),
        Command::Models(args) => {
            let config = settings::config(&cli.global, environment, terminal.color_stderr)?;
            let catalogue = settings::catalogue(&config);
            let mut code = Ok(0);
            output::stdout(|out| {
                code = models::run(args, &catalogue, out, &mut io::stderr().lock());
                Ok(())
            })?;
            match code {
                Err(error) if is_broken_pipe(&error) => Ok(Exit::Done.code()),
                code => code.map_err(Failed::input),
            }
        }
        Command::Check(args) => check::run(args, &cli.global, environment, terminal).map(Exit::code),
        Command::Init(_) => init::run(&cli.global).map(Exit::code),
        Command::Mock(args) => mock::run(args).map_err(Failed::surroundings),
        Command::Completions(args) => {
            output::stdout(|out| completions::write(args.kind, out))?;
            Ok(Exit::Done.code())
        }
    }
}

/// A reader that has gone away has seen enough.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// Logs go to stderr, never with a body or a credential: nothing that holds one is ever logged.
fn log(verbosity: u8) {
    use tracing_subscriber::filter::LevelFilter;
    let level = match verbosity {
        0 => LevelFilter::ERROR,
        1 => LevelFilter::INFO,
        _ => LevelFilter::DEBUG,
    };
    tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(io::stderr)
        // Log lines may quote what others said; they are plain text.
        .with_ansi(false)
        .init();
}
