//! What the process says to its caller.

use std::process::ExitCode;

/// The exit codes of every command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Done,
    /// Ran, and the answer is no.
    No,
    /// The input is at fault: flags, configuration, dataset.
    Input,
    /// Stopped or refused by budget, policy or a stop condition; partial results are kept.
    Stopped,
    /// The surroundings are at fault: ledger, port, network.
    Surroundings,
    /// The data do not decide.
    Inconclusive,
    /// Interrupted; drained and resumable.
    Interrupted,
}

impl Exit {
    /// The number.
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::No => 1,
            Self::Input => 2,
            Self::Stopped => 3,
            Self::Surroundings => 4,
            Self::Inconclusive => 5,
            Self::Interrupted => 130,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// An error on its way to the terminal, with the exit code it means.
#[derive(Debug)]
pub struct Failed {
    /// The code.
    pub exit: Exit,
    /// Cause and remedy; several lines are allowed.
    pub error: anyhow::Error,
}

impl Failed {
    /// The user's input is at fault.
    pub fn input(error: impl Into<anyhow::Error>) -> Self {
        Self { exit: Exit::Input, error: error.into() }
    }

    /// The surroundings are at fault.
    pub fn surroundings(error: impl Into<anyhow::Error>) -> Self {
        Self { exit: Exit::Surroundings, error: error.into() }
    }
}

/// An I/O error is the surroundings' fault.
impl From<std::io::Error> for Failed {
    fn from(error: std::io::Error) -> Self {
        Self::surroundings(error)
    }
}

impl From<crate::ledger::LedgerError> for Failed {
    fn from(error: crate::ledger::LedgerError) -> Self {
        Self::surroundings(error)
    }
}
