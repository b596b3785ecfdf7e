//! Reads other projects' price tables: LiteLLM's `model_prices_and_context_window.json` and models.dev's
//! `api.json`.

mod litellm;
mod models_dev;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::io::Read as _;

use jiff::civil::Date;
use serde_json::{Map, Value};

use super::Catalogue;

/// A table is read up to this size; the largest today has 3 MB.
const MOST_BYTES: u64 = 64 << 20;

/// What is asked of an import.
#[derive(Clone, Copy, Debug)]
pub struct Options<'a> {
    /// Only models of this provider, by our name for it.
    pub provider: Option<&'a str>,
    /// The day the prices are of.
    pub read: Date,
}

/// What an import made of a table.
#[derive(Clone, Debug)]
pub struct Import {
    /// Whose table it was.
    pub table: Table,
    /// The entries, by provider and name.
    pub catalogue: Catalogue,
    /// How many rows were left out, by reason.
    pub skipped: BTreeMap<Skip, u64>,
}

/// A table whose form is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    /// LiteLLM: one object, a member per model.
    LiteLlm,
    /// models.dev: one object, a member per provider.
    ModelsDev,
}

/// Why a row of a table was left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Skip {
    /// The row describes no model: a sample, or not an object.
    NotARow,
    /// An embedding, image, speech or other model that does not chat.
    NotChat,
    /// A provider we have no name for.
    Provider,
    /// A regional or fine-tuned variant whose name is not one a caller asks for.
    Variant,
    /// Retired by the day of the import.
    Retired,
    /// Priced by something other than tokens, or at rates that are not a table of tiers.
    Unit,
    /// A price that is not a number of dollars.
    Price,
    /// Another row has the same name.
    Twice,
}

/// Why a file is no table.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// Compressed, but damaged.
    #[error("the file looks gzipped and cannot be decompressed")]
    Gzip(#[source] std::io::Error),
    /// Too large to be a price table.
    #[error("the table is larger than {} MB", MOST_BYTES >> 20)]
    Size,
    /// Not JSON.
    #[error("the table is not JSON")]
    Json(#[from] serde_json::Error),
    /// JSON of neither form.
    #[error(
        "the file is neither LiteLLM's model_prices_and_context_window.json nor models.dev's api.json; no other table is read, genai-prices' neither"
    )]
    Form,
}

impl Table {
    /// The short name under which entries state it as their source.
    pub const fn name(self) -> &'static str {
        match self {
            Self::LiteLlm => "litellm",
            Self::ModelsDev => "models.dev",
        }
    }
}

impl fmt::Display for Skip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotARow => "not a model",
            Self::NotChat => "not a chat model",
            Self::Provider => "another provider",
            Self::Variant => "a regional or fine-tuned variant",
            Self::Retired => "retired",
            Self::Unit => "not priced by tokens and tiers",
            Self::Price => "a price that cannot be read",
            Self::Twice => "the same name again",
        })
    }
}

/// Reads a table, plain or gzipped. A row that cannot be carried is counted, not an error; a row whose
/// prices are zero (models.dev writes `0` for a price it does not know) is carried without prices.
pub fn import(bytes: &[u8], options: Options<'_>) -> Result<Import, ImportError> {
    let bytes = decompressed(bytes)?;
    let Value::Object(root) = serde_json::from_slice(&bytes)? else { return Err(ImportError::Form) };
    let table = form(&root).ok_or(ImportError::Form)?;
    let rows = match table {
        Table::LiteLlm => litellm::rows(&root, options),
        Table::ModelsDev => models_dev::rows(&root, options),
    };
    let (mut models, mut skipped) = (BTreeMap::new(), BTreeMap::new());
    for row in rows {
        let skip = match row {
            Err(skip) => skip,
            Ok(model) => match models.entry(model.id.clone()) {
                Entry::Occupied(_) => Skip::Twice,
                Entry::Vacant(place) => {
                    place.insert(model);
                    continue;
                }
            },
        };
        *skipped.entry(skip).or_default() += 1;
    }
    Ok(Import { table, catalogue: models.into_values().collect(), skipped })
}

fn decompressed(bytes: &[u8]) -> Result<Vec<u8>, ImportError> {
    let mut out = Vec::new();
    if bytes.starts_with(&[0x1f, 0x8b]) {
        let mut decoder = flate2::read::GzDecoder::new(bytes).take(MOST_BYTES + 1);
        decoder.read_to_end(&mut out).map_err(ImportError::Gzip)?;
    } else {
        out.extend_from_slice(bytes);
    }
    if out.len() as u64 > MOST_BYTES { Err(ImportError::Size) } else { Ok(out) }
}

fn form(root: &Map<String, Value>) -> Option<Table> {
    let has = |field: &str| root.values().any(|row| row.get(field).is_some());
    if has("litellm_provider") {
        return Some(Table::LiteLlm);
    }
    root.values().any(|row| row.get("models").is_some_and(Value::is_object)).then_some(Table::ModelsDev)
}

/// Whether a name moves from model to model.
fn is_floating(name: &str) -> bool {
    name.ends_with("-latest") || name.ends_with(":latest")
}

/// Whether every request to a model searches, so that its search fee is a fee per request (Perplexity's
/// Sonar models; OpenAI's search-preview and search-api models).
fn always_searches(provider: &str, name: &str) -> bool {
    match provider {
        "perplexity" => name.starts_with("sonar"),
        "openai" => name.contains("-search-preview") || name.contains("-search-api"),
        _ => false,
    }
}

/// A text of a number as the table has it.
fn number(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) => Some(text.clone()),
        _ => None,
    }
}

/// A count above zero.
fn count(value: Option<&Value>) -> Option<u64> {
    let value = value?;
    value.as_u64().or_else(|| value.as_str()?.parse().ok()).filter(|count| *count > 0)
}

#[cfg(test)]
mod tests;
