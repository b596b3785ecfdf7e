//! `orch completions SHELL`: generated from the same definitions as the parser.

use std::io::{self, Write};

use clap::{CommandFactory as _, ValueEnum};
use clap_mangen::Man;

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
        Kind::Man => return manual(command, out),
    };
    let mut text = Vec::new();
    generate(shell, &mut command, "orch", &mut text);
    out.write_all(&text)
}

/// One page for the program and all its commands, so that it refers to no page that is not installed.
fn manual(mut command: clap::Command, out: &mut dyn Write) -> io::Result<()> {
    command.build();
    let page = Man::new(command.clone());
    page.render_title(out)?;
    page.render_name_section(out)?;
    page.render_synopsis_section(out)?;
    page.render_description_section(out)?;
    page.render_options_section(out)?;
    chapters(&command, "orch", out)?;
    page.render_extra_section(out)?;
    page.render_version_section(out)
}

/// A section for each command below a command, theirs included.
fn chapters(command: &clap::Command, name: &str, out: &mut dyn Write) -> io::Result<()> {
    for below in command.get_subcommands().filter(|one| !one.is_hide_set() && one.get_name() != "help") {
        let name = format!("{name} {}", below.get_name());
        writeln!(out, ".SH {}", name.to_uppercase())?;
        // What every command takes is told once, above.
        let own = below.clone().mut_args(|arg| if arg.is_global_set() { arg.hide(true) } else { arg });
        let page = Man::new(own);
        let mut text = Vec::new();
        page.render_description_section(&mut text)?;
        page.render_synopsis_section(&mut text)?;
        page.render_options_section(&mut text)?;
        page.render_extra_section(&mut text)?;
        for line in text.split_inclusive(|byte| *byte == b'\n') {
            // The description stands below the section's own head, and definitions hold once made.
            if [&b".SH DESCRIPTION"[..], b".ie ", b".el "].iter().any(|start| line.starts_with(start)) {
                continue;
            }
            match line.strip_prefix(b".SH ") {
                Some(heading) => out.write_all(&[b".SS ", heading].concat())?,
                None => out.write_all(line)?,
            }
        }
        chapters(below, &name, out)?;
    }
    Ok(())
}
