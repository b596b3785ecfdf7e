//! From a run as meant to everything that makes its calls: legs, transports, credentials, judges.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::anyhow;
use http::HeaderMap;
use secrecy::{ExposeSecret as _, SecretString};

use super::{Surroundings, access};
use crate::base::id::Ids;
use crate::cli::exit::Failed;
use crate::cli::secrets;
use crate::cli::settings::Config;
use crate::dialect::{self, Dialect, DialectName, Quirks, embed, quirks};
use crate::engine::gate::Gate;
use crate::engine::leg::Leg;
use crate::eval::candidate::{self, Candidate, Source};
use crate::eval::effect::Effects;
use crate::eval::manifest::{Entrant, Manifest};
use crate::model::outcome::Target;
use crate::model::request::Params;
use crate::policy::preset::{self, Auth};
use crate::policy::{Limits, Policy, Provider, Retry};
use crate::wire::Transport;
use crate::wire::http::{Credential, Http};
use crate::wire::replay::{self, Pace, Replay};
use crate::wire::simulated::Simulated;

/// Everything that makes a run's calls.
pub(super) struct Prepared {
    pub(super) candidates: Vec<Candidate>,
    pub(super) effects: Effects,
}

/// The models that scorers ask, by the name written there.
#[derive(Debug, Default)]
pub(super) struct Asked {
    /// Models that judge.
    pub(super) judges: Vec<String>,
    /// Models that embed.
    pub(super) embedders: Vec<String>,
}

/// Prepares the calls of a run whose models [can be called](super::access).
pub(super) fn prepare(
    manifest: &Manifest,
    asked: &Asked,
    config: &Config,
    surroundings: &Surroundings<'_>,
) -> Result<Prepared, Failed> {
    let mut builder = Builder::new(manifest, config, surroundings);
    for entrant in &manifest.candidates {
        builder.plan(&entrant.model)?;
    }
    for model in asked.judges.iter().chain(&asked.embedders) {
        builder.plan(model)?;
    }
    let http: Arc<dyn Transport> = Arc::new(builder.http()?);
    let candidates = manifest
        .candidates
        .iter()
        .map(|entrant| builder.candidate(entrant, &http))
        .collect::<Result<_, _>>()?;
    let judge = |model: &String| Ok((model.clone(), builder.leg(model, &http)?.0));
    let judges = asked.judges.iter().map(judge).collect::<Result<_, Failed>>()?;
    let embedder = |model: &String| Ok((model.clone(), embedder(builder.leg(model, &http)?.0)?));
    let embedders = asked.embedders.iter().map(embedder).collect::<Result<_, Failed>>()?;
    let ids = Ids::new(crate::base::id::entropy());
    let effects = Effects { judges, embedders, ids, environment: bare(surroundings) };
    let mut prepared = Prepared { candidates, effects };
    prepared.count();
    Ok(prepared)
}

impl Prepared {
    /// Whether no call of the run costs real money, so that a cap counts simulated money instead.
    pub(super) fn is_rehearsal(&self) -> bool {
        self.legs().all(|leg| !leg.spends)
    }

    fn legs(&self) -> impl Iterator<Item = &Leg> {
        let asked = self.effects.judges.values().chain(self.effects.embedders.values());
        self.candidates.iter().map(|candidate| &candidate.leg).chain(asked)
    }

    /// Decides whose cost counts against a cap: dollars, or where there are none, simulated dollars.
    fn count(&mut self) {
        let is_rehearsal = self.is_rehearsal();
        let asked = self.effects.judges.values_mut().chain(self.effects.embedders.values_mut());
        for leg in self.candidates.iter_mut().map(|candidate| &mut candidate.leg).chain(asked) {
            leg.counts = leg.spends || (is_rehearsal && leg.listed.provider == "sim");
        }
    }
}

/// What of our environment a scorer's program gets.
fn bare(surroundings: &Surroundings<'_>) -> Vec<(String, String)> {
    let kept = ["PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ"];
    let value = |name: &str| Some((name.to_owned(), surroundings.environment.get(name)?.to_owned()));
    kept.into_iter().filter_map(value).collect()
}

fn embedder(leg: Leg) -> Result<Leg, Failed> {
    let dialect = embed::for_name(leg.dialect.name());
    let dialect =
        dialect.ok_or_else(|| Failed::input(anyhow!(access::no_embeddings(&leg.target.provider))))?;
    Ok(Leg { dialect, is_streaming: false, ..leg })
}

struct Builder<'a> {
    manifest: &'a Manifest,
    policy: &'a Policy,
    surroundings: &'a Surroundings<'a>,
    gates: BTreeMap<String, Arc<Gate>>,
    credentials: Vec<(String, Credential)>,
}

impl<'a> Builder<'a> {
    fn new(manifest: &'a Manifest, config: &'a Config, surroundings: &'a Surroundings<'a>) -> Self {
        Self {
            manifest,
            policy: &config.policy,
            surroundings,
            gates: BTreeMap::new(),
            credentials: Vec::new(),
        }
    }

    /// Makes sure of a model's provider: its gate and its key.
    fn plan(&mut self, model: &str) -> Result<(), Failed> {
        let most = self.manifest.concurrency;
        if let Some(file) = model.strip_prefix("replay:") {
            self.gates.entry(format!("replay:{file}")).or_insert_with(|| Arc::new(Gate::new(most)));
            return Ok(());
        }
        let resolved = self.policy.target(model).map_err(Failed::input)?;
        let provider = resolved.provider;
        if self.gates.contains_key(&provider.name) {
            return Ok(());
        }
        let credentials = credentials(&provider, self.surroundings)?.into_iter();
        self.credentials.extend(credentials.map(|credential| (provider.name.clone(), credential)));
        let most = provider.concurrency.map_or(most, |own| own.min(most));
        self.gates.insert(provider.name, Arc::new(Gate::new(most)));
        Ok(())
    }

    fn http(&mut self) -> Result<Http, Failed> {
        let credentials = std::mem::take(&mut self.credentials);
        Http::new(credentials, self.policy.limits().connect).map_err(Failed::input)
    }

    fn candidate(&self, entrant: &Entrant, http: &Arc<dyn Transport>) -> Result<Candidate, Failed> {
        let (leg, alias_params, source) = match entrant.model.strip_prefix("replay:") {
            Some(file) => (self.replay(file)?, Params::default(), Source::Replayed),
            None => self.leg(&entrant.model, http)?,
        };
        let written = candidate::params(&entrant.params).map_err(|error| Failed::input(anyhow!(error)))?;
        let params = candidate::over(written, &alias_params);
        let prompt = entrant.prompt.unwrap_or(0);
        Ok(Candidate { label: entrant.label.clone(), leg, params, source, prompt })
    }

    fn leg(&self, model: &str, http: &Arc<dyn Transport>) -> Result<(Leg, Params, Source), Failed> {
        let resolved = self.policy.target(model).map_err(Failed::input)?;
        let provider = resolved.provider;
        let is_simulated = provider.preset == "sim";
        let transport: Arc<dyn Transport> =
            if is_simulated { Arc::new(Simulated::new(self.manifest.seed)) } else { Arc::clone(http) };
        let leg = self.assemble(resolved.target, &provider, transport, &provider.name)?;
        let source = if is_simulated { Source::Simulated } else { Source::Provider };
        Ok((leg, resolved.alias.map(|alias| alias.params).unwrap_or_default(), source))
    }

    fn replay(&self, file: &str) -> Result<Leg, Failed> {
        let (path, model) = replay::source(file);
        let replay = Replay::open(path, model, Pace::Immediate).map_err(Failed::input)?;
        let provider = Provider {
            name: "replay".to_owned(),
            preset: "",
            dialect: DialectName::OpenAi,
            base_url: "replay:".to_owned(),
            auth: Auth::None,
            key: crate::policy::KeySource::None,
            headers: HeaderMap::new(),
            secret_headers: Vec::new(),
            concurrency: None,
        };
        let target = Target { provider: "replay".to_owned(), model: file.to_owned() };
        let leg = self.assemble(target, &provider, Arc::new(replay), &format!("replay:{file}"))?;
        // What failed when it was recorded fails again: asking a file twice changes nothing.
        let retry = Retry { attempts: 1, ..leg.retry };
        Ok(Leg { is_streaming: false, retry, ..leg })
    }

    fn assemble(
        &self,
        target: Target,
        provider: &Provider,
        transport: Arc<dyn Transport>,
        gate: &str,
    ) -> Result<Leg, Failed> {
        let gate = self.gates.get(gate).ok_or_else(|| Failed::input(anyhow!("no gate for `{gate}`")))?;
        let is_paid = !matches!(provider.preset, "sim") && target.provider != "replay";
        let list_name = if provider.preset.is_empty() { provider.name.as_str() } else { provider.preset };
        Ok(Leg {
            listed: Target { provider: preset::listed(list_name).to_owned(), model: target.model.clone() },
            target,
            dialect: dialect_of(provider.dialect),
            quirks: quirks_of(provider),
            base_url: provider.base_url.clone(),
            headers: provider.headers.clone(),
            is_streaming: self.manifest.stream,
            transport,
            gate: Arc::clone(gate),
            limits: self.limits(),
            retry: self.policy.retry(),
            actions: self.policy.actions().to_vec(),
            spends: is_paid,
            counts: is_paid,
        })
    }

    fn limits(&self) -> Limits {
        self.policy.limits()
    }
}

fn dialect_of(name: DialectName) -> &'static dyn Dialect {
    dialect::for_name(name)
}

fn quirks_of(provider: &Provider) -> Quirks {
    quirks::of(if provider.preset.is_empty() { provider.dialect.name() } else { provider.preset })
}

/// The headers that carry a provider's key and its other secrets. What is missing was told before, all at once.
fn credentials(provider: &Provider, surroundings: &Surroundings<'_>) -> Result<Vec<Credential>, Failed> {
    let read = |source| {
        secrets::read(source, surroundings.environment).map_err(|error| Failed::input(anyhow!(error)))
    };
    let mut out = Vec::new();
    if let Some(key) = read(&provider.key)? {
        out.extend(credential(provider, &key));
    }
    for (header, source) in &provider.secret_headers {
        out.extend(read(source)?.map(|value| Credential { header: header.clone(), value }));
    }
    Ok(out)
}

/// The header that carries a key.
fn credential(provider: &Provider, key: &SecretString) -> Option<Credential> {
    match &provider.auth {
        Auth::None => None,
        Auth::Bearer => Some(Credential {
            header: http::header::AUTHORIZATION,
            value: SecretString::from(format!("Bearer {}", key.expose_secret())),
        }),
        Auth::Header(name) => Some(Credential { header: name.clone(), value: key.clone() }),
    }
}
