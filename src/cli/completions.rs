//! `orch completions SHELL`: generated from the same definitions as the parser.

use std::io::{self, Write};

use clap::{CommandFactory as _, ValueEnum};

/// Which file to print.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// For bash.
    Bash,
    /// For elvish.
    Elvish,
    /// For fish.
    Fish,
    /// For `PowerShell`.
    Powershell,
    /// For zsh.
    Zsh,
    /// The manual page, in roff.
    Man,
}

/// What was typed.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The shell, or `man`
    pub kind: Kind,
}

/// Prints one file.
pub fn write(kind: Kind, out: &mut dyn Write) -> io::Result<()> {
    use clap_complete::{Shell, generate};
    let mut command = super::args::Cli::command();
    let shell = match kind {
        Kind::Bash => Shell::Bash,
        Kind::Elvish => Shell::Elvish,
        Kind::Fish => Shell::Fish,
        Kind::Powershell => Shell::PowerShell,
        Kind::Zsh => Shell::Zsh,
        Kind::Man => return clap_mangen::Man::new(command).render(out),
    };
    let mut text = Vec::new();
    generate(shell, &mut command, "orch", &mut text);
    out.write_all(&text)
}
