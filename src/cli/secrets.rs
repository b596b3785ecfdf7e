//! Secrets, read from where the configuration says. A secret itself is never part of a message.

use std::fs;
use std::path::Path;

use secrecy::SecretString;

use super::environment::Environment;
use super::settings::from_home;
use crate::base::file;
use crate::policy::{KeySource, Secret};

/// The most bytes of a secret's file: no server takes a header that long.
const MOST_SECRET: u64 = 64 << 10;

/// Reads a secret; there is none where none is needed. Fails with what to do.
pub fn read(source: &KeySource, environment: &Environment) -> Result<Option<SecretString>, String> {
    let text = match source {
        KeySource::None => return Ok(None),
        KeySource::Env(names) => variable(names, environment)?,
        KeySource::File(path) => from_file(&from_home(path, environment))?,
    };
    Ok(Some(SecretString::from(text)))
}

/// The first of several variables that holds something.
fn variable(names: &[String], environment: &Environment) -> Result<String, String> {
    let found = names.iter().filter_map(|name| Some((name, environment.get(name)?.trim())));
    let Some((name, value)) = found.clone().find(|(_, value)| !value.is_empty()) else {
        let is_empty = found.map(|(name, _)| format!("{name} is set in the environment, and empty")).next();
        return Err(is_empty.unwrap_or_else(|| unset(names, environment)));
    };
    one_line(value, name)
}

fn unset(names: &[String], environment: &Environment) -> String {
    let like = names.iter().find_map(|name| alike(name, environment)).unwrap_or_default();
    format!("set {} in the environment{like}", names.join(" or "))
}

/// A variable that is set and called nearly like one that is not.
fn alike(name: &str, environment: &Environment) -> Option<String> {
    const ALIKE: f64 = 0.8;
    let scored = environment.names().map(|set| (strsim::normalized_damerau_levenshtein(name, set), set));
    let (_, set) = scored.filter(|(score, _)| *score >= ALIKE).max_by(|a, b| a.0.total_cmp(&b.0))?;
    Some(format!("; {set} is set: did you mean that?"))
}

fn from_file(path: &Path) -> Result<String, String> {
    let shown = path.display();
    let text =
        file::text(path, MOST_SECRET).map_err(|error| format!("cannot read it from {shown}: {error}"))?;
    let text = text.trim();
    if text.is_empty() { Err(format!("{shown} is empty")) } else { one_line(text, &shown.to_string()) }
}

/// What no header can carry is no key.
fn one_line(text: &str, place: &str) -> Result<String, String> {
    match text.chars().any(char::is_control) {
        true => Err(format!("what {place} holds has line breaks or other control characters")),
        false => Ok(text.to_owned()),
    }
}

/// Why a secret cannot be had: what needs it, and what to do.
pub fn lack(secret: &Secret, environment: &Environment) -> Option<String> {
    let error = read(&secret.source, environment).err()?;
    let provider = &secret.provider;
    Some(match &secret.header {
        None => format!("provider `{provider}` needs a key: {error}"),
        Some(header) => format!("header `{header}` of provider `{provider}` needs its value: {error}"),
    })
}

/// Why a secret is not well kept: everybody on this machine can read its file.
pub fn exposure(secret: &Secret, environment: &Environment) -> Option<String> {
    /// Where containers get their secrets, with modes of 0444 (Docker, "Manage sensitive data") and 0644 (Kubernetes,
    /// "Secrets"), which hold within the container alone.
    const CONTAINERS: [&str; 2] = ["/run/secrets", "/var/run/secrets"];
    use std::os::unix::fs::PermissionsExt as _;
    let KeySource::File(path) = &secret.source else { return None };
    let path = from_home(path, environment);
    if CONTAINERS.iter().any(|mount| path.starts_with(mount)) {
        return None;
    }
    let mode = fs::metadata(&path).ok()?.permissions().mode();
    (mode & 0o004 != 0)
        .then(|| format!("everybody on this machine can read {}: chmod 600 makes it yours", path.display()))
}
