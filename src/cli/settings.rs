//! From arguments as typed and the environment to settings as meant.

use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};

use super::args::Global;
use super::environment::Environment;
use super::exit::Failed;
use super::output::Rendered;
use crate::base::file;
use crate::base::money::Rate;
use crate::base::number::counted;
use crate::base::untrusted::Untrusted;
use crate::model::outcome::Target;
use crate::policy::catalogue::{Catalogue, Model, Prices, Rates, RequestFee, parse_id};
use crate::policy::problem::{Problem, render};
use crate::policy::{Alias, Policy, preset, resolve};

/// The most of a configuration file that is read.
const LARGEST_CONFIG: u64 = 4 << 20;

/// The configuration with where it came from.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// Its file; absent when there is none.
    pub path: Option<PathBuf>,
    /// Its text; empty when there is no file.
    pub text: String,
    /// What it means.
    pub policy: Policy,
}

/// Finds and reads the configuration: the one named, else `$ORCH_CONFIG`, else `orch.toml` here, else the
/// user's, else none.
pub fn config(global: &Global, environment: &Environment, color: bool) -> Result<Config, Failed> {
    let Some((path, text)) = written(global, environment)? else { return Ok(Config::default()) };
    let policy = resolve(&text).map_err(|problems| refused(&path, &text, &problems, color))?;
    Ok(Config { path: Some(path), text, policy })
}

/// The configuration as written, with its file.
pub fn written(global: &Global, environment: &Environment) -> Result<Option<(PathBuf, String)>, Failed> {
    let Some(path) = find(global, environment) else { return Ok(None) };
    let text = read(&path).map_err(Failed::input)?;
    Ok(Some((path, text)))
}

/// A configuration with errors, every problem with its line.
pub fn refused(path: &Path, text: &str, problems: &[Problem], color: bool) -> Failed {
    let shown = render(problems, &path.to_string_lossy(), text, color);
    let file = Untrusted::line(&path.to_string_lossy()).to_string();
    Failed::input(Rendered(format!("{} in {file}\n\n{}", totals(problems), shown.trim_end())))
}

/// `a problem`, `3 problems`; `2 errors, 1 warning` where there are both.
fn totals(problems: &[Problem]) -> String {
    let errors = problems.iter().filter(|problem| problem.is_error()).count();
    match (errors, problems.len() - errors) {
        (1, 0) => "a problem".to_owned(),
        (errors, 0) => counted(errors as u64, "problem"),
        (errors, warnings) => {
            format!("{}, {}", counted(errors as u64, "error"), counted(warnings as u64, "warning"))
        }
    }
}

impl Config {
    /// `file:line:column` of bytes of the file; nothing without a file.
    pub fn place(&self, at: &Range<usize>) -> Option<String> {
        let (line, column) = Problem::new(at.clone(), "", "").position(&self.text);
        Some(format!("{}:{line}:{column}", self.path.as_ref()?.display()))
    }
}

fn find(global: &Global, environment: &Environment) -> Option<PathBuf> {
    let here = PathBuf::from("orch.toml");
    let candidates = [Some(here), environment.config()];
    let named = environment.get("ORCH_CONFIG").filter(|path| !path.is_empty()).map(PathBuf::from);
    global.config.clone().or(named).or_else(|| candidates.into_iter().flatten().find(|path| path.exists()))
}

fn read(path: &Path) -> anyhow::Result<String> {
    let shown = path.display();
    file::text(path, LARGEST_CONFIG).with_context(|| format!("cannot read the configuration {shown}"))
}

/// The ledger's place: the one named, else the configuration's, else the user's data directory. Only the last
/// is made with its directories: elsewhere a directory that is missing is more likely a name mistyped, and a
/// second ledger that is empty looks like one that was lost.
pub fn ledger(global: &Global, config: &Config, environment: &Environment) -> Result<PathBuf, Failed> {
    let configured = config.policy.ledger().map(|path| from_home(path, environment));
    if let Some(path) = global.ledger.clone().or(configured) {
        return match path.parent().filter(|parent| !parent.as_os_str().is_empty() && !parent.is_dir()) {
            None => Ok(path),
            Some(parent) => Err(Failed::input(anyhow!(
                "cannot use the ledger {}: there is no directory {}; correct the path, or make the directory first",
                path.display(),
                parent.display()
            ))),
        };
    }
    environment.ledger().ok_or_else(|| {
        Failed::surroundings(anyhow!("no home directory is known; name a ledger with --ledger FILE"))
    })
}

/// A path whose `~/` is the user's home.
pub fn from_home(path: &Path, environment: &Environment) -> PathBuf {
    match (path.strip_prefix("~"), environment.get("HOME")) {
        (Ok(rest), Some(home)) => Path::new(home).join(rest),
        _ => path.to_path_buf(),
    }
}

/// The embedded prices with those of the configuration on top. Simulated models have list prices of their own,
/// so that what they show looks like the real thing; nobody is paid.
pub fn catalogue(config: &Config) -> Catalogue {
    let simulated = SIMULATED_PRICES.iter().map(|(name, input, output)| {
        let mut model = Model::new(Target { provider: "sim".to_owned(), model: (*name).to_owned() });
        model.prices = Some(Prices::flat(Rate::from_picos(*input), Rate::from_picos(*output)));
        (model.context, model.max_output) = (Some(128_000), Some(4_096));
        model
    });
    let configured = config.policy.aliases().iter().filter_map(listed);
    Catalogue::embedded().with_overrides(simulated.chain(configured).collect())
}

/// Micro-dollars per million tokens of input and output.
const SIMULATED_PRICES: [(&str, u64, u64); 5] = [
    ("good", 2_500_000, 10_000_000),
    ("fast", 600_000, 2_400_000),
    ("cheap", 100_000, 400_000),
    ("slow", 5_000_000, 20_000_000),
    ("flaky", 300_000, 1_200_000),
];

/// What an alias states of its model. Configured prices are listed under the provider's preset, where there
/// is one, because the catalogue is.
fn listed(alias: &Alias) -> Option<Model> {
    let id: Target = parse_id(&alias.id)?;
    let mut model = Model::new(Target { provider: preset::listed(&id.provider).to_owned(), model: id.model });
    model.context = alias.window;
    model.max_output = alias.max_output;
    model.prices = alias.price.and_then(|price| {
        Some(Prices {
            rates: Rates {
                input: price.input?,
                output: price.output?,
                cached_input: price.cached_input,
                cache_write: price.cache_write,
                ..Rates::default()
            },
            request: price.request.map(|fee| RequestFee { usual: fee, most: fee }),
            ..Prices::default()
        })
    });
    Some(model)
}
