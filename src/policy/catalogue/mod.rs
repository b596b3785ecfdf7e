//! The model catalogue: what each model costs, takes and can do.
//!
//! The embedded file is made from three public tables (LiteLLM's, models.dev's and genai-prices'); where
//! they disagree, the entry says so, and names known to be retired are left out. A router's prices
//! (OpenRouter, Hugging Face) are those of one upstream of several: what it states for a call wins.
//! Configuration overrides the file entry by entry. Nothing here decides silently: a price that is not
//! known is absent, never zero.

mod attempt;
mod entry;
pub mod import;
mod prices;
mod written;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::preset;

pub use attempt::price_attempt;
pub use entry::{Cover, Dispute, Features, Modality, Model, parse_id};
pub use prices::{Prices, Rates, RequestFee, Tier};

/// The version of the file's form that this code reads and writes.
const SCHEMA: u32 = 1;

/// Bedrock's cross-region inference profiles, by the prefix of their names (AWS, "Supported Regions and
/// models for inference profiles").
const BEDROCK_REGIONS: [&str; 8] = ["us.", "eu.", "apac.", "global.", "jp.", "au.", "ca.", "us-gov."];

/// Every model known, found by its names.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    models: Vec<Model>,
    tables: BTreeMap<String, String>,
    /// Place in `models` by `provider/name`, aliases included.
    places: BTreeMap<String, usize>,
}

/// Why a catalogue's file was refused.
#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    /// Not JSON of the right form.
    #[error("the model catalogue cannot be read")]
    Form(#[from] serde_json::Error),
    /// Written for another version of `orch`.
    #[error("the model catalogue has schema {0}, and this version reads schema {SCHEMA}")]
    Schema(u32),
    /// Two entries claim the same name.
    #[error("the model catalogue has `{0}` twice, as an entry or an alias")]
    Twice(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    schema: u32,
    #[serde(default)]
    tables: BTreeMap<String, String>,
    models: Vec<Model>,
}

#[derive(Serialize)]
struct Head<'a> {
    schema: u32,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    tables: &'a BTreeMap<String, String>,
}

impl Catalogue {
    /// The catalogue that is part of the program. Reading it takes about a millisecond: call it once.
    pub fn embedded() -> Self {
        Self::parse(include_str!("models.json")).expect("a test parses the same file")
    }

    /// Reads a catalogue's file.
    pub fn parse(json: &str) -> Result<Self, CatalogueError> {
        let file: File = serde_json::from_str(json)?;
        if file.schema != SCHEMA {
            return Err(CatalogueError::Schema(file.schema));
        }
        let mut catalogue = Self { tables: file.tables, ..Self::default() };
        for model in file.models {
            catalogue.add(model)?;
        }
        Ok(catalogue)
    }

    fn add(&mut self, model: Model) -> Result<(), CatalogueError> {
        for name in names(&model) {
            if self.places.insert(name.clone(), self.models.len()).is_some() {
                return Err(CatalogueError::Twice(name));
            }
        }
        self.models.push(model);
        Ok(())
    }

    /// Writes a catalogue's file, a line per model.
    pub fn to_json(&self) -> String {
        let head = Head { schema: SCHEMA, tables: &self.tables };
        let head = serde_json::to_string(&head).expect("text and numbers serialise");
        let line = |model| serde_json::to_string(model).expect("text and numbers serialise");
        let lines: Vec<String> = self.models.iter().map(line).collect();
        format!("{},\"models\":[\n{}\n]}}\n", &head[..head.len() - 1], lines.join(",\n"))
    }

    /// This catalogue with the configuration's entries in place: what an override states replaces what an
    /// entry of the same `provider/model` states, and an override of a new name is a new entry.
    #[must_use]
    pub fn with_overrides(mut self, overrides: Vec<Model>) -> Self {
        for model in overrides {
            let id = model.id.to_string();
            let listed = self.models.iter().position(|entry| entry.id == model.id);
            let place = listed.unwrap_or(self.models.len());
            match listed {
                Some(place) => self.models[place] = self.models[place].clone().overridden(model),
                None => self.models.push(self.inherited(model)),
            }
            for name in names(&self.models[place]) {
                // The configuration's own names win over names in the file, but its aliases over none.
                let is_taken = name != id && self.places.contains_key(&name);
                if !is_taken {
                    self.places.insert(name, place);
                }
            }
        }
        self
    }

    /// An override that names an alias starts from what the alias stood for.
    fn inherited(&self, model: Model) -> Model {
        let Some(entry) = self.find(&model.id.provider, &model.id.model) else { return model };
        let own = Model { id: model.id.clone(), aliases: Vec::new(), covers: Vec::new(), ..entry.clone() };
        own.overridden(model)
    }

    /// Every entry, in the file's order.
    pub fn models(&self) -> &[Model] {
        &self.models
    }

    /// The public tables the prices come from: a short name and what it stands for.
    pub fn tables(&self) -> &BTreeMap<String, String> {
        &self.tables
    }

    /// The entry of a model by the name a provider knows it by: its own name or an alias, with or without
    /// Gemini's `models/`; a dated snapshot or a Bedrock region only where the entry says that it
    /// [covers](Cover) them.
    pub fn find(&self, provider: &str, model: &str) -> Option<&Model> {
        let name = model.strip_prefix("models/").unwrap_or(model);
        self.listed(provider, model)
            .or_else(|| self.listed(provider, name))
            .or_else(|| self.covering(provider, without_date(name)?, Cover::Dated))
            .or_else(|| self.covering(provider, without_region(provider, name)?, Cover::Regional))
    }

    fn listed(&self, provider: &str, name: &str) -> Option<&Model> {
        self.places.get(&format!("{provider}/{name}")).map(|place| &self.models[*place])
    }

    fn covering(&self, provider: &str, name: &str, cover: Cover) -> Option<&Model> {
        self.listed(provider, name).filter(|model| model.covers.contains(&cover))
    }

    /// The `provider/model` whose model is called exactly like this, of the first provider among the presets that
    /// serves one: vendors stand before those who resell.
    pub fn called(&self, model: &str) -> Option<String> {
        let mut providers = preset::ALL.iter().map(|preset| preset.name);
        let provider = providers.find(|provider| self.listed(provider, model).is_some())?;
        Some(format!("{provider}/{model}"))
    }

    /// Whether any model of a provider is listed.
    pub fn knows(&self, provider: &str) -> bool {
        self.models.iter().any(|model| model.id.provider == provider)
    }

    /// The `provider/model` that something was probably meant to be: the same provider's, where one is named and
    /// known, else any provider's, vendors first.
    pub fn nearest(&self, typed: &str) -> Option<String> {
        /// A slip or two in a name of usual length.
        const ALIKE: f64 = 0.8;
        let typed = typed.to_lowercase();
        let named = typed.split_once('/').filter(|(provider, _)| self.knows(provider));
        let score = |known: &String| {
            let (provider, model) = known.split_once('/')?;
            let likeness = match named {
                Some((own, typed)) if own == provider => {
                    strsim::normalized_damerau_levenshtein(typed, &model.to_lowercase())
                }
                Some(_) => return None,
                None => strsim::normalized_damerau_levenshtein(&typed, &model.to_lowercase()),
            };
            let rank = preset::ALL.iter().position(|preset| preset.name == provider);
            (likeness >= ALIKE).then(|| (likeness, std::cmp::Reverse(rank.unwrap_or(usize::MAX))))
        };
        let scored = self.places.keys().filter_map(|known| Some((score(known)?, known)));
        let best =
            scored.max_by(|((a, rank_a), _), ((b, rank_b), _)| a.total_cmp(b).then(rank_a.cmp(rank_b)));
        best.map(|(_, known)| known.clone())
    }

    /// Up to three identifiers that look like what was typed, the likeliest first.
    pub fn suggest(&self, typed: &str) -> Vec<String> {
        const ALIKE: f64 = 0.6;
        let typed = typed.to_lowercase();
        let score = |known: &String| {
            let known = known.to_lowercase();
            let name = known.split_once('/').map_or(&*known, |(_, name)| name);
            let compared = if typed.contains('/') { &*known } else { name };
            let is_part = typed.len() > 2 && compared.contains(&typed);
            let likeness = strsim::normalized_damerau_levenshtein(&typed, compared);
            if is_part { likeness + 1.0 } else { likeness }
        };
        let mut scored: Vec<(f64, &String)> = self.places.keys().map(|known| (score(known), known)).collect();
        scored.retain(|(score, _)| *score >= ALIKE);
        scored.sort_by(|(a, _), (b, _)| b.total_cmp(a));
        scored.into_iter().take(3).map(|(_, known)| known.clone()).collect()
    }
}

impl FromIterator<Model> for Catalogue {
    /// A catalogue of entries; the first of two entries with the same name is kept.
    fn from_iter<I: IntoIterator<Item = Model>>(models: I) -> Self {
        let mut catalogue = Self::default();
        for mut model in models {
            if catalogue.places.contains_key(&model.id.to_string()) {
                continue;
            }
            model.aliases.retain(|alias| catalogue.listed(&model.id.provider, alias).is_none());
            catalogue.places.extend(names(&model).into_iter().map(|name| (name, catalogue.models.len())));
            catalogue.models.push(model);
        }
        catalogue
    }
}

/// The keys under which an entry is found.
fn names(model: &Model) -> Vec<String> {
    let aliases = model.aliases.iter().map(|alias| format!("{}/{alias}", model.id.provider));
    std::iter::once(model.id.to_string()).chain(aliases).collect()
}

/// A name without the date at its end: `-2025-08-07`, `-20250807` or the same after `@`.
fn without_date(name: &str) -> Option<&str> {
    [10, 8].into_iter().find_map(|length| {
        let (rest, date) = name.split_at_checked(name.len().checked_sub(length)?)?;
        let digits: String = date.split('-').collect();
        let is_date = digits.len() == 8 && digits.parse::<jiff::civil::Date>().is_ok();
        rest.strip_suffix(['-', '@']).filter(|family| is_date && !family.is_empty())
    })
}

fn without_region<'a>(provider: &str, name: &'a str) -> Option<&'a str> {
    if provider != "bedrock" {
        return None;
    }
    BEDROCK_REGIONS.into_iter().find_map(|region| name.strip_prefix(region))
}

#[cfg(test)]
mod tests;
