//! A chunk of a stream, or a whole body, as it is written: the same object, with `delta` or `message`.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess};
use serde_json::Value;

use crate::dialect::loose::{Fields, Loose, keep, object};
use crate::model::Object;

/// A chunk or a body.
#[derive(Debug, Default)]
pub(super) struct Chunk<'a> {
    pub(super) id: Loose<'a>,
    pub(super) model: Loose<'a>,
    /// Absent when this is no answer at all.
    pub(super) choices: Option<Vec<Choice<'a>>>,
    pub(super) usage: Value,
    pub(super) error: Value,
    pub(super) extra: Object,
}

/// One of the choices.
#[derive(Debug, Default)]
pub(super) struct Choice<'a> {
    pub(super) index: Loose<'a>,
    pub(super) delta: Option<Said<'a>>,
    pub(super) message: Option<Said<'a>>,
    pub(super) finish_reason: Loose<'a>,
    pub(super) error: Value,
    pub(super) extra: Object,
}

/// What a choice says: all of it in a body, a piece of it in a chunk.
#[derive(Debug, Default)]
pub(super) struct Said<'a> {
    pub(super) content: Loose<'a>,
    /// Reasoning as text, under whichever name.
    pub(super) reasoning: Loose<'a>,
    /// OpenRouter's typed reasoning: the same text again, signatures and encrypted reasoning.
    pub(super) reasoning_details: Value,
    pub(super) refusal: Loose<'a>,
    pub(super) tool_calls: Option<Vec<Call<'a>>>,
    pub(super) function_call: Option<Call<'a>>,
    pub(super) extra: Object,
}

/// A tool call or a piece of one. The name and arguments are on the call itself in the old `function_call`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Call<'a> {
    #[serde(borrow)]
    pub(super) index: Loose<'a>,
    #[serde(borrow)]
    pub(super) id: Loose<'a>,
    #[serde(borrow)]
    pub(super) function: Option<Function<'a>>,
    #[serde(borrow)]
    custom: Option<Function<'a>>,
    #[serde(borrow)]
    name: Loose<'a>,
    #[serde(borrow)]
    arguments: Loose<'a>,
    /// Where Gemini's OpenAI endpoint puts the thought signature.
    extra_content: Value,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Function<'a> {
    #[serde(borrow)]
    pub(super) name: Loose<'a>,
    /// JSON text; some servers send the object itself.
    #[serde(borrow, alias = "input")]
    pub(super) arguments: Loose<'a>,
}

impl<'a> Call<'a> {
    /// The name and arguments, wherever they stand.
    pub(super) fn said(&mut self) -> Function<'a> {
        let own =
            Function { name: std::mem::take(&mut self.name), arguments: std::mem::take(&mut self.arguments) };
        self.function.take().or(self.custom.take()).unwrap_or(own)
    }

    /// The thought signature.
    pub(super) fn signature(&self) -> Option<String> {
        let signature = self.extra_content.pointer("/google/thought_signature")?;
        signature.as_str().map(str::to_owned)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Chunk<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        object(deserializer)
    }
}

impl<'de: 'a, 'a> Fields<'de> for Chunk<'a> {
    fn field<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "id" => self.id = map.next_value()?,
            "model" => self.model = map.next_value()?,
            "choices" => self.choices = map.next_value()?,
            "usage" => set(&mut self.usage, map)?,
            "error" => self.error = map.next_value()?,
            // The kind of object, its time, and padding against traffic analysis (OpenAI, Mistral).
            "object" | "created" | "obfuscation" | "p" => drop(map.next_value::<IgnoredAny>()?),
            _ => keep(&mut self.extra, key, map)?,
        }
        Ok(())
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Choice<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        object(deserializer)
    }
}

impl<'de: 'a, 'a> Fields<'de> for Choice<'a> {
    fn field<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "index" => self.index = map.next_value()?,
            "delta" => self.delta = map.next_value()?,
            "message" => self.message = map.next_value()?,
            "finish_reason" => self.finish_reason = map.next_value()?,
            "error" => self.error = map.next_value()?,
            // Together repeats the delta's text here.
            "text" => drop(map.next_value::<IgnoredAny>()?),
            _ => keep(&mut self.extra, key, map)?,
        }
        Ok(())
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Said<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        object(deserializer)
    }
}

impl<'de: 'a, 'a> Fields<'de> for Said<'a> {
    fn field<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "content" => self.content = map.next_value()?,
            "reasoning_content" | "reasoning" | "reasoning_text" => {
                let reasoning: Loose<'a> = map.next_value()?;
                if self.reasoning.text().is_empty() {
                    self.reasoning = reasoning;
                }
            }
            "reasoning_details" => self.reasoning_details = map.next_value()?,
            "refusal" => self.refusal = map.next_value()?,
            "tool_calls" => self.tool_calls = map.next_value()?,
            "function_call" => self.function_call = map.next_value()?,
            "role" | "name" | "padding" => drop(map.next_value::<IgnoredAny>()?),
            _ => keep(&mut self.extra, key, map)?,
        }
        Ok(())
    }
}

/// A null does not erase what an earlier field of the same name said.
fn set<'de, A: MapAccess<'de>>(slot: &mut Value, map: &mut A) -> Result<(), A::Error> {
    let value: Value = map.next_value()?;
    if !value.is_null() {
        *slot = value;
    }
    Ok(())
}

/// The owned text of a string; empty for anything else.
pub(super) fn owned(value: Loose<'_>) -> String {
    match value {
        Loose::Text(text) => Cow::into_owned(text),
        Loose::Other(_) => String::new(),
    }
}
