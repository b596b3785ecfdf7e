//! Floor 3: what should happen. Pure: configuration as written becomes policy as true. This module reads
//! neither files nor the environment.

mod alias;
pub mod audit;
mod bounds;
pub mod catalogue;
mod file;
pub mod preset;
pub mod problem;
mod provider;
mod resolve;

use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use http::{HeaderMap, HeaderName};

pub use provider::storable;
pub use resolve::{Reading, resolve};

use crate::base::money::{Money, Rate};
use crate::dialect::DialectName;
use crate::model::outcome::Target;
use crate::model::request::Params;
use crate::model::{Action, FailureClass};
use crate::wire::simulated;
use catalogue::Catalogue;
use preset::{Auth, Preset};
use problem::Problem;

/// The provider that answers from arithmetic.
const SIMULATED: &str = "sim";

/// The configuration as it counts. The default is what holds without a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    ledger: Option<PathBuf>,
    providers: Vec<Provider>,
    aliases: Vec<Alias>,
    limits: Limits,
    retry: Retry,
    actions: Vec<(FailureClass, Vec<Action>)>,
    secrets: Vec<Secret>,
    warnings: Vec<Problem>,
}

/// A secret that a configuration names or takes for granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secret {
    /// The provider it is for.
    pub provider: String,
    /// The header that carries it; absent for the provider's key.
    pub header: Option<HeaderName>,
    /// Where it is.
    pub source: KeySource,
    /// The bytes of the file that name it; of what needs it, when it stands in its usual variable.
    pub at: Range<usize>,
}

/// How long an attempt may take, each from the moment it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Until the connection stands.
    pub connect: Duration,
    /// Until the first content.
    pub first_token: Duration,
    /// Between two pieces of the answer.
    pub stall: Duration,
    /// Until the last byte.
    pub total: Duration,
}

/// The bounds of one request's attempts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// The most calls, the first included.
    pub attempts: u32,
    /// The first backoff; doubles with each retry.
    pub backoff: Duration,
    /// The longest backoff.
    pub backoff_most: Duration,
    /// A provider that asks for a longer wait is not waited for.
    pub retry_after_most: Duration,
}

/// A provider, complete.
#[derive(Clone, Debug, PartialEq)]
pub struct Provider {
    /// The name used in `provider/model`.
    pub name: String,
    /// The preset it is built on, for its peculiarities; empty when there is none.
    pub preset: &'static str,
    /// Its dialect.
    pub dialect: DialectName,
    /// Its base address, without a trailing slash.
    pub base_url: String,
    /// How it wants its key.
    pub auth: Auth<HeaderName>,
    /// Where its key is.
    pub key: KeySource,
    /// Static headers.
    pub headers: HeaderMap,
    /// Headers whose values are secrets, with where they are.
    pub secret_headers: Vec<(HeaderName, KeySource)>,
    /// The most calls at once, when configured.
    pub concurrency: Option<u32>,
}

/// Where a key is. The key itself is read by the command line, when it is needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// In the first of these environment variables that is set.
    Env(Vec<String>),
    /// In a file, whose trailing newline does not count.
    File(PathBuf),
    /// None is needed.
    None,
}

impl KeySource {
    fn preset(preset: &Preset) -> Self {
        match preset.keys {
            [] => Self::None,
            keys => Self::Env(keys.iter().map(|&name| name.to_owned()).collect()),
        }
    }
}

/// A model under a name of the user's own.
#[derive(Clone, Debug, PartialEq)]
pub struct Alias {
    /// The name.
    pub name: String,
    /// `provider/model`.
    pub id: String,
    /// The bytes of the file that state it.
    pub at: Range<usize>,
    /// Its price, where the catalogue's does not count.
    pub price: Option<PriceOverride>,
    /// Its context window in tokens.
    pub window: Option<u64>,
    /// The most tokens it writes.
    pub max_output: Option<u64>,
    /// Sampling parameters for every request to it.
    pub params: Params,
}

/// A configured price, in dollars per million tokens and per request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PriceOverride {
    /// Fresh input.
    pub input: Option<Rate>,
    /// Output.
    pub output: Option<Rate>,
    /// Input read from a cache.
    pub cached_input: Option<Rate>,
    /// Input written to a cache.
    pub cache_write: Option<Rate>,
    /// Each request.
    pub request: Option<Money>,
}

/// A model that cannot be found.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// Neither an alias nor `provider/model`.
    #[error("`{written}` is neither an alias nor provider/model{hint}")]
    NotATarget {
        /// As written.
        written: String,
        /// `; did you mean …?`, or nothing.
        hint: String,
    },
    /// A provider nobody knows.
    #[error("unknown provider `{provider}` in `{written}`{hint}")]
    UnknownProvider {
        /// As written.
        written: String,
        /// The part before the slash.
        provider: String,
        /// `; did you mean …?`, or nothing.
        hint: String,
    },
    /// A provider whose address depends on the account.
    #[error("provider `{0}` needs its address: set [providers.{0}] url in orch.toml")]
    NeedsUrl(String),
    /// A simulated model that does not exist; no server would say so later.
    #[error("there is no simulated model `{written}`; there are {known}")]
    NotSimulated {
        /// As written.
        written: String,
        /// Those that exist.
        known: String,
    },
}

impl TargetError {
    /// The same with a suggestion from the catalogue: what is called like this there counts more than what an
    /// alias or provider is called nearly.
    #[must_use]
    pub fn suggesting(mut self, catalogue: &Catalogue) -> Self {
        let (written, hint) = match &mut self {
            Self::NotATarget { written, hint } | Self::UnknownProvider { written, hint, .. } => {
                (&*written, hint)
            }
            Self::NeedsUrl(_) | Self::NotSimulated { .. } => return self,
        };
        let named = || {
            let is_provider = preset::of(written).is_some();
            is_provider.then(|| {
                format!("; name a model of it, as `orch models list --provider {written}` shows them")
            })
        };
        let meant = |id: String| format!("; did you mean `{id}`?");
        if let Some(id) = catalogue.called(written) {
            *hint = meant(id);
        } else if hint.is_empty() {
            *hint = named().or_else(|| catalogue.nearest(written).map(meant)).unwrap_or_default();
        }
        self
    }
}

/// What a written model means.
#[derive(Clone, Debug, PartialEq)]
pub struct Resolved {
    /// Where requests go.
    pub target: Target,
    /// The provider.
    pub provider: Provider,
    /// The alias, when one was written.
    pub alias: Option<Alias>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            ledger: None,
            providers: Vec::new(),
            aliases: Vec::new(),
            limits: Limits {
                connect: Duration::from_secs(10),
                first_token: Duration::from_secs(120),
                stall: Duration::from_secs(60),
                total: Duration::from_secs(300),
            },
            retry: Retry {
                attempts: 4,
                backoff: Duration::from_millis(250),
                backoff_most: Duration::from_secs(8),
                retry_after_most: Duration::from_secs(60),
            },
            actions: Vec::new(),
            secrets: Vec::new(),
            warnings: Vec::new(),
        }
    }
}

impl Policy {
    /// The ledger's place, when configured. `~/` is the user's home.
    pub fn ledger(&self) -> Option<&PathBuf> {
        self.ledger.as_ref()
    }

    /// The aliases.
    pub fn aliases(&self) -> &[Alias] {
        &self.aliases
    }

    /// The configured providers.
    pub fn providers(&self) -> &[Provider] {
        &self.providers
    }

    /// How long attempts may take.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// The bounds of a request's attempts.
    pub fn retry(&self) -> Retry {
        self.retry
    }

    /// What follows failures, where configured.
    pub fn actions(&self) -> &[(FailureClass, Vec<Action>)] {
        &self.actions
    }

    /// The secrets that the providers need, those of the file's sections first.
    pub fn secrets(&self) -> &[Secret] {
        &self.secrets
    }

    /// What works, and is probably not what was meant.
    pub fn warnings(&self) -> &[Problem] {
        &self.warnings
    }

    /// What `alias` or `provider/model` means.
    pub fn target(&self, written: &str) -> Result<Resolved, TargetError> {
        let alias = self.aliases.iter().find(|alias| alias.name == written);
        let (provider, model) = self.split(alias.map_or(written, |alias| &alias.id))?;
        let configured = self.providers.iter().find(|known| known.name == provider);
        let provider = match (configured, preset::of(provider)) {
            (Some(provider), _) => provider.clone(),
            (None, Some(preset)) if !preset.url.is_empty() => Provider {
                name: preset.name.to_owned(),
                preset: preset.name,
                dialect: preset.dialect,
                base_url: preset.url.to_owned(),
                auth: preset.auth.named(),
                key: KeySource::preset(preset),
                headers: HeaderMap::new(),
                secret_headers: Vec::new(),
                concurrency: None,
            },
            _ => return Err(TargetError::NeedsUrl(provider.to_owned())),
        };
        if provider.preset == SIMULATED && simulated::models().all(|known| known != model) {
            let known: Vec<_> = simulated::models().map(|known| format!("{SIMULATED}/{known}")).collect();
            let written = format!("{SIMULATED}/{model}");
            return Err(TargetError::NotSimulated { written, known: known.join(", ") });
        }
        let target = Target { provider: provider.name.clone(), model: model.to_owned() };
        Ok(Resolved { target, provider, alias: alias.cloned() })
    }

    /// Splits `provider/model` at the first slash and checks that the provider is known.
    fn split<'w>(&self, written: &'w str) -> Result<(&'w str, &'w str), TargetError> {
        let known = || {
            let configured = self.providers.iter().map(|provider| provider.name.as_str());
            configured.chain(preset::ALL.iter().map(|preset| preset.name))
        };
        let Some((provider, model)) = written.split_once('/').filter(|(_, model)| !model.is_empty()) else {
            let aliases = self.aliases.iter().map(|alias| alias.name.as_str());
            let hint = hint(written, aliases);
            return Err(TargetError::NotATarget { written: written.to_owned(), hint });
        };
        if known().all(|name| name != provider) {
            let (written, provider) = (written.to_owned(), provider.to_owned());
            let hint = hint(&provider, known());
            return Err(TargetError::UnknownProvider { written, provider, hint });
        }
        Ok((provider, model))
    }
}

fn hint<'n, I: Iterator<Item = &'n str>>(written: &str, known: I) -> String {
    file::nearest(written, known).map_or_else(String::new, |name| format!("; did you mean `{name}`?"))
}

#[cfg(test)]
mod tests;
