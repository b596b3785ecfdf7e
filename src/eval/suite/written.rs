//! A suite as written: what TOML says, with the place of what may be wrong.

use std::num::NonZeroU32;
use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::eval::problem::did_you_mean;

/// The whole file.
#[derive(Debug, Deserialize)]
pub(super) struct SuiteWritten {
    #[serde(default)]
    pub(super) prompts: Vec<Spanned<PromptWritten>>,
    #[serde(default)]
    pub(super) datasets: Vec<Spanned<String>>,
    pub(super) format: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) skip_bad: bool,
    pub(super) system: Option<String>,
    #[serde(default)]
    pub(super) candidates: Vec<Spanned<CandidateWritten>>,
    #[serde(default)]
    pub(super) scorers: Vec<Spanned<toml::Value>>,
    #[serde(default)]
    pub(super) gates: Vec<Spanned<String>>,
    pub(super) incumbent: Option<Spanned<String>>,
    pub(super) margin: Option<Spanned<String>>,
    pub(super) seed: Option<u64>,
    pub(super) max_cost: Option<Spanned<String>>,
    pub(super) concurrency: Option<NonZeroU32>,
    pub(super) repeats: Option<NonZeroU32>,
}

/// The fields of [`SuiteWritten`], [`PromptWritten`] and [`CandidateWritten`]. Unknown keys are looked for
/// before anything is deserialised, because serde stops at the first.
const SUITE_KEYS: [&str; 14] = [
    "prompts",
    "datasets",
    "format",
    "skip_bad",
    "system",
    "candidates",
    "scorers",
    "gates",
    "incumbent",
    "margin",
    "seed",
    "max_cost",
    "concurrency",
    "repeats",
];
const PROMPT_KEYS: [&str; 3] = ["label", "file", "text"];
const CANDIDATE_KEYS: [&str; 8] =
    ["model", "label", "temperature", "top_p", "max_tokens", "effort", "seed", "repeats"];

/// One of `[[prompts]]`.
#[derive(Debug, Deserialize)]
pub(super) struct PromptWritten {
    pub(super) label: Option<String>,
    pub(super) file: Option<String>,
    pub(super) text: Option<String>,
}

/// One of `[[candidates]]`.
#[derive(Debug, Deserialize)]
pub(super) struct CandidateWritten {
    pub(super) model: String,
    pub(super) label: Option<String>,
    pub(super) temperature: Option<f64>,
    pub(super) top_p: Option<f64>,
    pub(super) max_tokens: Option<u64>,
    pub(super) effort: Option<String>,
    pub(super) seed: Option<i64>,
    pub(super) repeats: Option<NonZeroU32>,
}

/// What keeps the text from being a suite, and where.
pub(super) struct Flaw {
    pub(super) span: Range<usize>,
    pub(super) message: String,
}

impl From<toml::de::Error> for Flaw {
    fn from(error: toml::de::Error) -> Self {
        let message = error.message().lines().collect::<Vec<_>>().join("; ");
        Self { span: error.span().unwrap_or(0..0), message }
    }
}

/// Reads the text; fails with every unknown key, or with the first value of a wrong type.
pub(super) fn read(text: &str) -> Result<SuiteWritten, Vec<Flaw>> {
    let table = DeTable::parse(text).map_err(|error| vec![Flaw::from(error)])?;
    let mut flaws = Vec::new();
    unknown(table.get_ref(), &SUITE_KEYS, &mut flaws);
    for (key, known) in [("prompts", &PROMPT_KEYS[..]), ("candidates", &CANDIDATE_KEYS[..])] {
        let items = table.get_ref().get(key).and_then(|value| value.get_ref().as_array());
        for item in items.into_iter().flat_map(|items| items.iter()) {
            if let DeValue::Table(item) = item.get_ref() {
                unknown(item, known, &mut flaws);
            }
        }
    }
    if flaws.is_empty() { toml::from_str(text).map_err(|error| vec![Flaw::from(error)]) } else { Err(flaws) }
}

fn unknown(table: &DeTable<'_>, known: &[&str], flaws: &mut Vec<Flaw>) {
    for key in table.keys() {
        let name = key.get_ref().as_ref();
        if !known.contains(&name) {
            let meant = did_you_mean(name, known);
            let message = format!("unknown key `{name}`{meant} (known: {})", known.join(", "));
            flaws.push(Flaw { span: key.span(), message });
        }
    }
}
