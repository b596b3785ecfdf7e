//! Floor 6: arguments, environment, terminal, exit codes.

pub mod mock;

use std::ffi::OsString;
use std::process::ExitCode;

/// Runs one invocation.
pub fn main(_args: impl IntoIterator<Item = OsString>) -> ExitCode {
    ExitCode::SUCCESS
}
