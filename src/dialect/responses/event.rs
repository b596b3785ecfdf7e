//! What the Responses API writes: events, and the response object they carry.

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess};
use serde_json::Value;

use crate::dialect::loose::{Fields, Loose, keep, object};
use crate::model::Object;

/// One event of a stream. Which fields are there depends on the type.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Event<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Loose<'a>,
    #[serde(borrow)]
    pub(super) delta: Loose<'a>,
    #[serde(borrow)]
    pub(super) output_index: Loose<'a>,
    #[serde(borrow)]
    pub(super) summary_index: Loose<'a>,
    pub(super) item: Value,
    #[serde(borrow)]
    pub(super) response: Option<Reply<'a>>,
    pub(super) error: Value,
}

/// The response object: the whole body, or a state of it within an event.
#[derive(Debug, Default)]
pub(super) struct Reply<'a> {
    pub(super) id: Loose<'a>,
    pub(super) model: Loose<'a>,
    pub(super) status: Loose<'a>,
    /// Absent when this is no response at all.
    pub(super) output: Option<Vec<Value>>,
    pub(super) incomplete_details: Value,
    pub(super) usage: Value,
    pub(super) error: Value,
    pub(super) extra: Object,
}

impl<'de: 'a, 'a> Deserialize<'de> for Reply<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        object(deserializer)
    }
}

impl<'de: 'a, 'a> Fields<'de> for Reply<'a> {
    fn field<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "id" => self.id = map.next_value()?,
            "model" => self.model = map.next_value()?,
            "status" => self.status = map.next_value()?,
            "output" => self.output = map.next_value()?,
            "incomplete_details" => self.incomplete_details = map.next_value()?,
            "usage" => self.usage = map.next_value()?,
            "error" => self.error = map.next_value()?,
            _ if ECHOES.contains(&key) => drop(map.next_value::<IgnoredAny>()?),
            _ => keep(&mut self.extra, key, map)?,
        }
        Ok(())
    }
}

/// What the response repeats of the request, and times: not part of the answer.
const ECHOES: [&str; 25] = [
    "object",
    "created_at",
    "completed_at",
    "background",
    "frequency_penalty",
    "instructions",
    "max_output_tokens",
    "max_tool_calls",
    "metadata",
    "output_text",
    "parallel_tool_calls",
    "presence_penalty",
    "previous_response_id",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "reasoning",
    "safety_identifier",
    "store",
    "temperature",
    "text",
    "tool_choice",
    "tools",
    "top_p",
    "truncation",
];
