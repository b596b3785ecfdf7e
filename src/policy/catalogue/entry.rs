//! One model of the catalogue.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::prices::Prices;
use super::written::is_false;
use crate::model::outcome::Target;

/// What is known of one model at one provider. What nobody states is absent.
///
/// This is also the form of an entry in the catalogue's file and of an override in configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// The provider and the model's name there, written `provider/model`.
    #[serde(with = "target_text")]
    pub id: Target,
    /// The context window in tokens: input and output together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<u64>,
    /// The most input tokens, where that is less than the context window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_input: Option<u64>,
    /// The most output tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_output: Option<u64>,
    /// What calls cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prices: Option<Prices>,
    /// When the prices were read from their sources.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read: Option<Date>,
    /// What the model takes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub input: Vec<Modality>,
    /// What the model makes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub output: Vec<Modality>,
    /// What the model can do.
    #[serde(default, skip_serializing_if = "Features::is_empty")]
    pub features: Features,
    /// When the provider stops serving it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retires: Option<Date>,
    /// The name moves from model to model (`-latest`): its price is that of the day it was read.
    #[serde(default, skip_serializing_if = "is_false")]
    pub floating: bool,
    /// Other names of the same model at the same price.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// Which names that are not listed it stands for as well.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub covers: Vec<Cover>,
    /// The tables that state the prices.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<String>,
    /// Where the tables disagree.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub disputes: Vec<Dispute>,
}

/// A kind of content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Modality {
    /// Text.
    Text,
    /// Pictures.
    Image,
    /// Sound.
    Audio,
    /// Moving pictures.
    Video,
    /// PDF files.
    Pdf,
}

impl Modality {
    /// The name in the catalogue.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Image => "image",
            Self::Audio => "audio",
            Self::Video => "video",
            Self::Pdf => "pdf",
        }
    }

    /// The kind of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Text, Self::Image, Self::Audio, Self::Video, Self::Pdf].into_iter().find(|m| m.name() == name)
    }
}

/// What a model can do. Absent where nobody states it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Features {
    /// Calls tools.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tools: Option<bool>,
    /// Answers under a JSON schema that the provider enforces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub json_schema: Option<bool>,
    /// Continues an assistant message begun by the caller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefill: Option<bool>,
    /// Reasons before it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<bool>,
    /// Takes temperature and its like.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sampling: Option<bool>,
}

impl Features {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The features with their names in the catalogue.
    pub const fn named(&self) -> [(&'static str, Option<bool>); 5] {
        [
            ("tools", self.tools),
            ("json_schema", self.json_schema),
            ("prefill", self.prefill),
            ("reasoning", self.reasoning),
            ("sampling", self.sampling),
        ]
    }

    fn or(self, other: Self) -> Self {
        Self {
            tools: self.tools.or(other.tools),
            json_schema: self.json_schema.or(other.json_schema),
            prefill: self.prefill.or(other.prefill),
            reasoning: self.reasoning.or(other.reasoning),
            sampling: self.sampling.or(other.sampling),
        }
    }
}

/// Names an entry stands for without listing them. Said only where every such name the sources list has
/// the entry's price, and for OpenRouter, which answers with a dated name for the model asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cover {
    /// Dated snapshots: the name with `-2025-08-07`, `-20250807` or `@20250807` after it.
    Dated,
    /// Bedrock's inference profiles: the name with `us.`, `eu.` or another region before it.
    Regional,
}

/// One price the tables do not agree on. The entry's own price is the one two of them have, or else
/// LiteLLM's, which cites the vendors' pages row by row, or else that of genai-prices.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dispute {
    /// Which price: `input`, `output`, `cached_input`, `cache_write`, or `tiers` when only some of the
    /// tables have a long-context tier.
    pub price: String,
    /// What each table has, in dollars per million tokens.
    pub values: BTreeMap<String, String>,
}

impl Model {
    /// A model of which nothing is known yet.
    pub fn new(id: Target) -> Self {
        Self {
            id,
            context: None,
            max_input: None,
            max_output: None,
            prices: None,
            read: None,
            input: Vec::new(),
            output: Vec::new(),
            features: Features::default(),
            retires: None,
            floating: false,
            aliases: Vec::new(),
            covers: Vec::new(),
            sources: Vec::new(),
            disputes: Vec::new(),
        }
    }

    /// Whether the provider has stopped serving it by a day.
    pub fn is_retired(&self, day: Date) -> bool {
        self.retires.is_some_and(|retires| retires <= day)
    }

    /// Whether the tables disagree on its price.
    pub fn is_disputed(&self) -> bool {
        !self.disputes.is_empty()
    }

    /// The price table an amount was computed under: the day it was read and the entry. Prices without a
    /// day are those of the configuration.
    pub fn snapshot(&self) -> String {
        match self.read {
            Some(read) => format!("{read} {}", self.id),
            None => format!("configured {}", self.id),
        }
    }

    /// This entry with everything another states put in place of its own. Stated prices bring their own
    /// date and sources; the disputes over the old ones go.
    #[must_use]
    pub fn overridden(mut self, by: Self) -> Self {
        if by.prices.is_some() {
            self.prices = by.prices;
            self.read = by.read;
            self.sources = by.sources;
            self.disputes = by.disputes;
        }
        self.context = by.context.or(self.context);
        self.max_input = by.max_input.or(self.max_input);
        self.max_output = by.max_output.or(self.max_output);
        self.retires = by.retires.or(self.retires);
        self.features = by.features.or(self.features);
        self.floating |= by.floating;
        replace_if_stated(&mut self.input, by.input);
        replace_if_stated(&mut self.output, by.output);
        replace_if_stated(&mut self.covers, by.covers);
        self.aliases.extend(by.aliases);
        self
    }
}

fn replace_if_stated<T>(slot: &mut Vec<T>, stated: Vec<T>) {
    if !stated.is_empty() {
        *slot = stated;
    }
}

/// Splits `provider/model` at the first slash; both parts have at least one character.
pub fn parse_id(text: &str) -> Option<Target> {
    let (provider, model) = text.split_once('/')?;
    let is_whole = !provider.is_empty() && !model.is_empty();
    is_whole.then(|| Target { provider: provider.to_owned(), model: model.to_owned() })
}

mod target_text {
    use serde::de::{Deserialize, Deserializer, Error};
    use serde::ser::Serializer;

    use crate::model::outcome::Target;

    pub(super) fn serialize<S: Serializer>(id: &Target, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(id)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Target, D::Error> {
        let text = String::deserialize(deserializer)?;
        super::parse_id(&text).ok_or_else(|| D::Error::custom(format!("{text:?} is not `provider/model`")))
    }
}
