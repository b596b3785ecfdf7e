//! One recorded answer.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::model::FailureClass;

/// A row as written. Fields that are not listed are ignored, so that other tools' exports can be replayed.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Row {
    #[serde(default)]
    id: Value,
    prompt: Option<String>,
    #[serde(default, alias = "response")]
    output: Value,
    pub(super) model: Option<String>,
    /// Which of several answers to the same prompt, from zero; without one it is the answer to all.
    pub(super) repeat: Option<u32>,
    pub(super) latency_ms: Option<f64>,
    pub(super) ttft_ms: Option<f64>,
    usage: Option<Usage>,
    #[serde(flatten)]
    tokens: Usage,
    finish_reason: Option<String>,
    refusal: Option<String>,
    #[serde(default, deserialize_with = "list")]
    tool_calls: Vec<Value>,
    #[serde(default)]
    error: Value,
}

/// A list that may be null.
fn list<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<Value>, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// Tokens as recorded, under `usage` or beside it; the input counts what was cached, the output what was reasoning.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
struct Usage {
    #[serde(rename = "input_tokens", alias = "prompt_tokens")]
    input: Option<u64>,
    #[serde(rename = "output_tokens", alias = "completion_tokens")]
    output: Option<u64>,
    #[serde(rename = "cached_input_tokens", alias = "cached_tokens")]
    cached_input: Option<u64>,
    #[serde(rename = "cache_write_tokens")]
    cache_write: Option<u64>,
    #[serde(rename = "reasoning_tokens")]
    reasoning: Option<u64>,
}

impl Row {
    /// Reads and checks a row of JSON; fails with what is wrong.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, String> {
        let row: Self = serde_json::from_slice(bytes).map_err(|error| {
            let text = error.to_string();
            // The line in the message is the line in the row, always 1.
            let cause = text.split(" at line ").next().unwrap_or(&text).to_owned();
            match error.column() {
                0 => format!("not a recorded answer: {cause}"),
                column => format!("not a recorded answer: {cause}, column {column}"),
            }
        })?;
        row.check()?;
        Ok(row)
    }

    /// A line of plain text; its id is its number.
    pub(super) fn text(text: &str, line: u32) -> Self {
        let text = text.strip_suffix('\n').unwrap_or(text);
        let text = text.strip_suffix('\r').unwrap_or(text);
        Self { id: line.into(), output: text.into(), ..Self::default() }
    }

    fn check(&self) -> Result<(), String> {
        if !matches!(self.id, Value::String(_) | Value::Number(_) | Value::Null) {
            return Err("`id` must be text or a number".to_owned());
        }
        let is_silent = self.output.is_null() && self.refusal.is_none() && self.tool_calls.is_empty();
        if is_silent && self.error.is_null() {
            return Err("the row has no `output`, no `tool_calls` and no `error`".to_owned());
        }
        for (name, millis) in [("latency_ms", self.latency_ms), ("ttft_ms", self.ttft_ms)] {
            if millis.is_some_and(|millis| duration(millis).is_none()) {
                return Err(format!("`{name}` must be a number of milliseconds, zero or more"));
            }
        }
        if self.tool_calls.iter().any(|call| call_name(call).is_none()) {
            return Err("each of `tool_calls` must have a `name` and `arguments`".to_owned());
        }
        Ok(())
    }

    /// Whether the row has an id of its own.
    pub(super) fn is_named(&self) -> bool {
        !self.id.is_null()
    }

    /// The id; the line's number where the row has neither id nor prompt.
    pub(super) fn id(&self, line: u32) -> Option<String> {
        match &self.id {
            Value::String(id) => Some(id.clone()),
            Value::Null => self.prompt.is_none().then(|| line.to_string()),
            other => Some(other.to_string()),
        }
    }

    /// What stands for the prompt, where the row has one.
    pub(super) fn prompt_digest(&self) -> Option<String> {
        self.prompt.as_deref().map(super::prompt_digest)
    }

    /// Whether it is of a model: as recorded, or without the parameters behind a question mark.
    pub(super) fn is_by(&self, model: &str) -> bool {
        self.model.as_deref().is_some_and(|own| own == model || own.split('?').next() == Some(model))
    }

    /// The recorded failure, where its class is recorded with it.
    pub(super) fn classed_failure(&self) -> Option<(FailureClass, String)> {
        let name = self.error["class"].as_str()?;
        let class = FailureClass::ALL.into_iter().find(|class| class.name() == name)?;
        Some((class, self.error["message"].as_str().unwrap_or("recorded without a message").to_owned()))
    }

    /// How long the recorded answer took; zero where that is not known.
    pub(super) fn latency(&self) -> Duration {
        self.latency_ms.and_then(duration).unwrap_or_default()
    }

    /// How long the recorded answer took to begin.
    pub(super) fn ttft(&self) -> Option<Duration> {
        self.ttft_ms.and_then(duration)
    }

    /// The status and the body in the OpenAI chat dialect.
    pub(super) fn body(&self, id: &str) -> (u16, Vec<u8>) {
        if !self.error.is_null() {
            let (status, body) = self.failure();
            return (status, body.to_string().into_bytes());
        }
        let content = match &self.output {
            Value::String(text) => Value::from(text.as_str()),
            Value::Null => Value::Null,
            other => other.to_string().into(),
        };
        let mut message = json!({"role": "assistant", "content": content});
        if let Some(refusal) = &self.refusal {
            message["refusal"] = refusal.as_str().into();
        }
        if !self.tool_calls.is_empty() {
            message["tool_calls"] = self.tool_calls.iter().enumerate().map(tool_call).collect();
        }
        let by_default = if self.tool_calls.is_empty() { "stop" } else { "tool_calls" };
        let mut body = json!({
            "id": format!("replay-{id}"),
            "object": "chat.completion",
            "created": 0,
            "choices": [{
                "index": 0,
                "message": message,
                "finish_reason": self.finish_reason.as_deref().unwrap_or(by_default),
            }],
        });
        if let Some(model) = &self.model {
            body["model"] = model.as_str().into();
        }
        if let Some(usage) = self.usage.or(self.tokens.is_reported().then_some(self.tokens)) {
            body["usage"] = usage.openai();
        }
        (200, body.to_string().into_bytes())
    }

    /// A recorded failure: text, or an object with `status`, `message`, `type` and `code`.
    fn failure(&self) -> (u16, Value) {
        let status = self.error["status"].as_u64().and_then(|status| u16::try_from(status).ok());
        let status = status.filter(|status| (400..600).contains(status)).unwrap_or(500);
        let message = match &self.error {
            Value::String(text) => text.clone(),
            other => other["message"].as_str().map_or_else(|| other.to_string(), str::to_owned),
        };
        let kind = self.error["type"].as_str().unwrap_or("recorded_error");
        let error = json!({"message": message, "type": kind, "param": null, "code": self.error["code"]});
        (status, json!({"error": error}))
    }
}

impl Usage {
    const fn is_reported(&self) -> bool {
        self.input.is_some() || self.output.is_some()
    }

    /// In OpenAI's words; what was not recorded is left out.
    fn openai(&self) -> Value {
        let mut usage = Map::new();
        put(&mut usage, "prompt_tokens", self.input);
        put(&mut usage, "completion_tokens", self.output);
        let total = self.input.zip(self.output).map(|(input, output)| input.saturating_add(output));
        put(&mut usage, "total_tokens", total);
        let mut input = Map::new();
        put(&mut input, "cached_tokens", self.cached_input);
        put(&mut input, "cache_write_tokens", self.cache_write);
        let mut output = Map::new();
        put(&mut output, "reasoning_tokens", self.reasoning);
        for (name, details) in [("prompt_tokens_details", input), ("completion_tokens_details", output)] {
            if !details.is_empty() {
                usage.insert(name.to_owned(), details.into());
            }
        }
        usage.into()
    }
}

fn put(object: &mut Map<String, Value>, name: &str, count: Option<u64>) {
    if let Some(count) = count {
        object.insert(name.to_owned(), count.into());
    }
}

fn duration(millis: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(millis / 1_000.0).ok()
}

/// The called function's object: OpenAI nests it, others do not.
fn function(call: &Value) -> &Value {
    call.get("function").unwrap_or(call)
}

fn call_name(call: &Value) -> Option<&str> {
    function(call).get("name").and_then(Value::as_str)
}

fn tool_call((index, call): (usize, &Value)) -> Value {
    let arguments = match &function(call)["arguments"] {
        Value::String(text) => text.clone(),
        Value::Null => "{}".to_owned(),
        other => other.to_string(),
    };
    json!({
        "id": call["id"].as_str().map_or_else(|| format!("call_{index}"), str::to_owned),
        "type": "function",
        "function": {"name": call_name(call), "arguments": arguments},
    })
}
