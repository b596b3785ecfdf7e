//! The terminal: what it can show, and the only place that writes to it.

use std::io::{self, IsTerminal as _, Write};

use super::environment::Environment;
use crate::base::untrusted::Untrusted;

/// What stdout and stderr are and can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terminal {
    /// stdout is a terminal.
    pub stdout: bool,
    /// stderr is a terminal.
    pub stderr: bool,
    /// Lines can be redrawn in place on stderr: a terminal that is not dumb.
    pub redraws: bool,
    /// Colour is wanted on stdout.
    pub color: bool,
    /// Colour is wanted on stderr.
    pub color_stderr: bool,
    /// Letters beyond ASCII can be shown.
    pub unicode: bool,
    /// Columns.
    pub width: u16,
}

/// The width of anything that is not a terminal.
const PLAIN_WIDTH: u16 = 120;

impl Terminal {
    /// Asks the process's own streams. `NO_COLOR` (no-color.org) and `TERM=dumb` turn colour off,
    /// `CLICOLOR_FORCE` turns it on.
    pub fn detect(environment: &Environment) -> Self {
        let (stdout, stderr) = (io::stdout().is_terminal(), io::stderr().is_terminal());
        let is_set = |name| environment.get(name).is_some_and(|value| !value.is_empty());
        let is_dumb = environment.get("TERM") == Some("dumb");
        let wanted = |is_terminal: bool| {
            !is_set("NO_COLOR")
                && ((is_terminal && !is_dumb) || environment.get("CLICOLOR_FORCE") == Some("1"))
        };
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(|name| environment.get(name));
        let unicode = locale.is_none_or(|l| l.to_ascii_lowercase().replace('-', "").contains("utf8"));
        let columns = environment.get("COLUMNS").and_then(|columns| columns.parse().ok());
        // POSIX leaves zero and what is no number without meaning.
        let columns = columns.filter(|columns| *columns > 0);
        let width = columns.or_else(console_width).unwrap_or(PLAIN_WIDTH);
        Self {
            stdout,
            stderr,
            redraws: stderr && !is_dumb,
            color: wanted(stdout),
            color_stderr: wanted(stderr),
            unicode,
            width: width.clamp(40, 250),
        }
    }
}

/// The width of the terminal that stdout is.
fn console_width() -> Option<u16> {
    rustix::termios::tcgetwinsize(io::stdout()).ok().map(|size| size.ws_col).filter(|columns| *columns > 0)
}

/// Writes a result to stdout. A reader that has gone away is no error: it has seen enough.
pub fn stdout(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    quiet_pipe(write(&mut out).and_then(|()| out.flush()))
        .map_err(|error| io::Error::new(error.kind(), format!("cannot write to standard output: {error}")))
}

/// Writes talk to stderr.
pub fn stderr(text: &str) {
    // Nobody is left to tell when stderr itself fails.
    writeln!(io::stderr().lock(), "{}", Untrusted::text(text)).ok();
}

/// An error that is already rendered for the terminal: it may hold our own colours, and no text of others that
/// has not been made harmless.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Rendered(pub String);

/// Writes why a command failed, cause after cause.
pub fn failure(error: &anyhow::Error) {
    if let Some(Rendered(text)) = error.downcast_ref() {
        return stderr_rendered(&format!("error: {text}\n"));
    }
    stderr(&format!("error: {error:#}"));
}

/// Writes talk that is already rendered for a terminal: it may hold our own colours, and no text of others
/// that has not been made harmless.
pub fn stderr_rendered(text: &str) {
    write!(io::stderr().lock(), "{text}").ok();
}

fn quiet_pipe(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}
