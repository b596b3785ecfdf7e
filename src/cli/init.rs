//! `orch init`: a commented configuration to begin with.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::path::PathBuf;

use anyhow::anyhow;

use super::args::Global;
use super::exit::{Exit, Failed};
use super::output;

/// What is written.
const STARTER: &str = include_str!("starter.toml");

/// What was typed.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {}

/// Writes the file named by `--config`, else `orch.toml` here; an existing one is left alone.
pub fn run(global: &Global) -> Result<Exit, Failed> {
    let path = global.config.clone().unwrap_or_else(|| PathBuf::from("orch.toml"));
    let shown = path.display();
    let file = OpenOptions::new().write(true).create_new(true).open(&path);
    let written = file.and_then(|mut file| file.write_all(STARTER.as_bytes()));
    written.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => Failed::input(anyhow!("{shown} exists already, and is left as it is")),
        _ => Failed::surroundings(anyhow!("cannot write {shown}: {error}")),
    })?;
    if !global.quiet {
        output::stderr(&format!("wrote {shown}; `orch check` says whether it is right"));
    }
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Policy, resolve};

    #[test]
    fn the_starter_says_what_holds_anyway_and_every_comment_in_it_is_right() {
        assert_eq!(resolve(STARTER), Ok(Policy::default()));
        let is_setting = |line: &&str| line.trim_start_matches("# ").starts_with('[') || line.contains(" = ");
        let bare = |line: &str| line.strip_prefix("# ").unwrap_or(line).to_owned();
        let all: Vec<_> = STARTER.lines().filter(is_setting).map(bare).collect();
        let policy = resolve(&all.join("\n")).unwrap();
        assert_eq!((policy.providers().len(), policy.aliases().len()), (2, 1));
    }
}
