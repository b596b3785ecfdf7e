//! Whether every model of a run can be called, and what is odd about those that can: everything at once, before
//! anything is sent.

use std::fs;

use anyhow::anyhow;

use super::Surroundings;
use super::prepare::Asked;
use crate::base::clock::Clock;
use crate::base::number::counted;
use crate::cli::exit::Failed;
use crate::cli::settings::Config;
use crate::cli::{output, secrets};
use crate::dialect::embed;
use crate::eval::manifest::Manifest;
use crate::policy::catalogue::Catalogue;
use crate::policy::{Resolved, Secret, audit};
use crate::wire::replay;

/// Fails with everything that keeps a run from its models, after what is wrong with its datasets. `datasets`
/// are as they were read; the models that rows ask are known only when they could be. With `allows_unknown` a model
/// of a known provider that no table lists is asked.
pub(super) fn check<T>(
    datasets: Result<T, Failed>,
    manifest: &Manifest,
    asked: &Asked,
    config: &Config,
    (surroundings, allows_unknown): (&Surroundings<'_>, bool),
) -> Result<T, Failed> {
    let (catalogue, found) = (Catalogue::embedded(), Vec::new());
    let mut access = Access { config, surroundings, allows_unknown, catalogue, found };
    for entrant in &manifest.candidates {
        access.look(&entrant.model, false);
    }
    asked.judges.iter().for_each(|model| access.look(model, false));
    asked.embedders.iter().for_each(|model| access.look(model, true));
    let told = access.told();
    match (datasets, &told[..]) {
        (Ok(datasets), []) => {
            access.warn(manifest, asked);
            Ok(datasets)
        }
        (Err(failed), []) => Err(failed),
        (Ok(_), [one]) => Err(Failed::input(anyhow!("{one}"))),
        (Ok(_), many) => {
            let (n, lines) = (counted(many.len() as u64, "problem"), many.join("\n  "));
            Err(Failed::input(anyhow!("{n} with the models, and nothing was sent:\n  {lines}")))
        }
        (Err(Failed { exit, error }), told) => {
            let lines = told.join("\n  ");
            Err(Failed { exit, error: anyhow!("{error:#}\n\nbesides, with the models:\n  {lines}") })
        }
    }
}

struct Access<'a> {
    config: &'a Config,
    surroundings: &'a Surroundings<'a>,
    /// Models that are most likely none are asked all the same.
    allows_unknown: bool,
    /// Without the configuration's entries.
    catalogue: Catalogue,
    /// What is wrong, and the models it keeps away.
    found: Vec<(String, Vec<String>)>,
}

impl Access<'_> {
    fn look(&mut self, model: &str, must_embed: bool) {
        if let Some(file) = model.strip_prefix("replay:") {
            let (path, _) = replay::source(file);
            if let Err(error) = fs::metadata(path) {
                self.wrong(model, format!("cannot read the recording {}: {error}", path.display()));
            }
            return;
        }
        let resolved = match self.config.policy.target(model) {
            Ok(resolved) => resolved,
            Err(error) => return self.wrong(model, error.suggesting(&self.catalogue).to_string()),
        };
        let provider = &resolved.provider;
        if must_embed && embed::for_name(provider.dialect).is_none() {
            self.wrong(model, no_embeddings(&provider.name));
        }
        if !must_embed && !self.allows_unknown {
            self.look_up(model, &resolved);
        }
        for secret in needed(&resolved) {
            if let Some(lack) = secrets::lack(&secret, self.surroundings.environment) {
                self.wrong(model, format!("{}{lack}", self.place(&secret)));
            }
        }
    }

    /// Refuses a name that is most likely a slip, unless an entry of the configuration says that it is meant.
    fn look_up(&mut self, model: &str, resolved: &Resolved) {
        let written = resolved.target.to_string();
        if self.config.policy.aliases().iter().any(|alias| alias.id == written) {
            return;
        }
        let remarks = audit::remarks(resolved, &self.catalogue, today());
        if let Some(remark) = remarks.into_iter().find(|remark| remark.is_unknown) {
            let target = &resolved.target;
            let meant =
                remark.help.split_once('?').map_or_else(String::new, |(meant, _)| format!("; {meant}?"));
            let why = format!(
                "`{target}` is not in the catalogue{meant} (if it exists, say so: [models.NAME] id = \"{target}\" in \
                 orch.toml, or --allow-unknown-model)"
            );
            self.wrong(model, why);
        }
    }

    /// Where the file names a secret, in front of what is said about it.
    fn place(&self, secret: &Secret) -> String {
        let same = |named: &&Secret| named.provider == secret.provider && named.header == secret.header;
        let named = self.config.policy.secrets().iter().find(same);
        let place = named.and_then(|named| self.config.place(&named.at));
        place.map_or_else(String::new, |place| format!("{place}: "))
    }

    fn wrong(&mut self, model: &str, why: String) {
        let at = self.found.iter().position(|(known, _)| *known == why).unwrap_or(self.found.len());
        if at == self.found.len() {
            self.found.push((why, Vec::new()));
        }
        let models = &mut self.found[at].1;
        if models.iter().all(|known| known != model) {
            models.push(model.to_owned());
        }
    }

    /// All that was found wrong, a line each, with the models that are named by nothing else in the line.
    fn told(&self) -> Vec<String> {
        let line = |(why, models): &(String, Vec<String>)| {
            let unnamed = models.iter().filter(|model| !why.contains(&format!("`{model}`")));
            let models: Vec<_> = unnamed.map(String::as_str).collect();
            match models.is_empty() {
                true => why.clone(),
                false => format!("{why} (for {})", models.join(", ")),
            }
        };
        self.found.iter().map(line).collect()
    }

    /// Says what works and is probably not what was meant.
    fn warn(&self, manifest: &Manifest, asked: &Asked) {
        if self.surroundings.global.quiet {
            return;
        }
        for problem in self.config.policy.warnings() {
            let place =
                self.config.place(&problem.span).map_or_else(String::new, |place| format!("{place}: "));
            warn(&format!("{place}{}", problem.message), problem.help.as_deref());
        }
        let today = today();
        let asked = asked.judges.iter().chain(&asked.embedders);
        let models = manifest.candidates.iter().map(|entrant| &entrant.model).chain(asked);
        let mut said = Vec::new();
        for resolved in models.filter_map(|model| self.config.policy.target(model).ok()) {
            for secret in needed(&resolved) {
                let exposed = secrets::exposure(&secret, self.surroundings.environment);
                said.extend(exposed.map(|message| (format!("{}{message}", self.place(&secret)), None)));
            }
            let remarks = audit::remarks(&resolved, &self.catalogue, today);
            let suspect = remarks.into_iter().filter(|remark| remark.is_suspect);
            said.extend(suspect.map(|remark| (remark.message, Some(remark.help))));
        }
        for (at, (message, help)) in said.iter().enumerate() {
            if said[..at].iter().all(|(before, _)| before != message) {
                warn(message, help.as_deref());
            }
        }
    }
}

/// Why a model cannot embed.
pub(super) fn no_embeddings(provider: &str) -> String {
    format!("provider `{provider}` has no embeddings; a similarity scorer needs another model")
}

fn today() -> jiff::civil::Date {
    Clock::System.now().to_zoned(jiff::tz::TimeZone::UTC).date()
}

fn warn(message: &str, help: Option<&str>) {
    let help = help.map_or_else(String::new, |help| format!("; {help}"));
    output::stderr(&format!("warning: {message}{help}"));
}

/// The secrets that a model's requests carry.
fn needed(resolved: &Resolved) -> Vec<Secret> {
    let provider = &resolved.provider;
    let secret = |header, source: &_| Secret {
        provider: provider.name.clone(),
        header,
        source: Clone::clone(source),
        at: 0..0,
    };
    let headers = provider.secret_headers.iter();
    let headers = headers.map(|(header, source)| secret(Some(header.clone()), source));
    std::iter::once(secret(None, &provider.key)).chain(headers).collect()
}
