//! Reading answers leniently: what the decoders of all dialects do the same way.

use serde::Deserialize;
use serde_json::Value;

use crate::base::money::Money;
use crate::base::untrusted::clip;
use crate::model::request::{Thinking, ToolCall};
use crate::model::response::malformed;
use crate::model::{Delta, Failure, FailureClass, FinishReason, Object};

/// The JSON object that bytes hold. Anything else is a malformed answer.
pub(super) fn object(bytes: &[u8]) -> Result<Object, Failure> {
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(malformed("the answer is JSON but not an object")),
        Err(error) => Err(malformed(format!("the answer is not JSON: {error}"))),
    }
}

/// Reads JSON of a known form; `what` begins the complaint when it has another.
pub(super) fn parse<'a, T: Deserialize<'a>>(text: &'a str, what: &str) -> Result<T, Failure> {
    serde_json::from_str(text).map_err(|error| malformed(format!("{what}: {error}: {}", clip(text, 200))))
}

/// Whether the fields of what is no answer are an error that stands in no `error` field (`vLLM`, `FastAPI`).
pub(super) fn is_complaint(fields: &Object) -> bool {
    ["message", "detail"].iter().any(|name| fields.contains_key(*name))
}

/// A count of tokens; some providers write whole numbers as `12.0`. Anything else is absent.
pub(super) fn count(value: Option<&Value>) -> Option<u64> {
    let value = value?;
    value.as_u64().or_else(|| {
        let number = value.as_f64().filter(|number| (0.0..1e15).contains(number))?;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within bounds")]
        Some(number as u64)
    })
}

/// An amount of dollars, as gateways state the cost of a call; rounded to nano-dollars. Anything else is
/// absent.
pub(super) fn dollars(value: Option<&Value>) -> Option<Money> {
    let amount = value?.as_f64().filter(|amount| (0.0..1e9).contains(amount))?;
    format!("{amount:.9}").parse().ok()
}

/// A field's text when it is not empty.
pub(super) fn text(object: &Object, key: &str) -> Option<String> {
    crate::model::response::non_empty(object.get(key))
}

/// A field's object, taken out; an empty one when there is none.
pub(super) fn take_object(object: &mut Object, key: &str) -> Object {
    match object.remove(key) {
        Some(Value::Object(inner)) => inner,
        _ => Object::new(),
    }
}

/// A field's list, taken out; an empty one when there is none.
pub(super) fn take_list(object: &mut Object, key: &str) -> Vec<Value> {
    match object.remove(key) {
        Some(Value::Array(list)) => list,
        _ => Vec::new(),
    }
}

/// The fields that are not modelled and say something.
pub(super) fn rest(object: Object, modelled: &[&str]) -> Object {
    object.into_iter().filter(|(key, value)| !value.is_null() && !modelled.contains(&key.as_str())).collect()
}

/// Adds a field unless its value is empty.
pub(super) fn put(object: &mut Object, key: &str, value: impl Into<Value>) {
    let value = value.into();
    let is_empty = match &value {
        Value::Object(fields) => fields.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::String(text) => text.is_empty(),
        other => other.is_null(),
    };
    if !is_empty {
        object.insert(key.to_owned(), value);
    }
}

/// Arguments given as a value, as JSON text. Text is taken as the model wrote it; none is `{}`.
pub(super) fn arguments(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => "{}".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    }
}

/// A choice that stops in order to have the client's tools called ends for that reason, whatever the
/// provider's word: Gemini and Ollama say `stop`, Nova and Claude on Bedrock sometimes `end_turn`.
pub(super) fn semantic(reason: FinishReason, has_calls: bool) -> FinishReason {
    if has_calls && reason == FinishReason::Stop { FinishReason::ToolCalls } else { reason }
}

/// The end of the only choice: the provider's word for it and what that means.
pub(super) fn push_finish(out: &mut Vec<Delta>, raw: &str, reason: FinishReason, numbers: &Numbers) {
    let reason = semantic(reason, numbers.has_calls());
    out.push(Delta::Finish { choice: 0, reason, raw: Some(raw.to_owned()) });
}

/// A stream that ended early.
pub(super) fn truncated(terminal: &str) -> Failure {
    Failure::new(FailureClass::Truncated, format!("the stream ended without its {terminal}"))
}

/// The last bytes of a stream may be a piece of an event. That it cannot be read only says that the
/// stream was cut, which its missing terminal event tells.
pub(super) fn unless_cut(read: Result<(), Failure>) -> Result<(), Failure> {
    read.or_else(|failure| if failure.class == FailureClass::Malformed { Ok(()) } else { Err(failure) })
}

/// Text, unless there is none.
pub(super) fn push_text(out: &mut Vec<Delta>, choice: u32, text: String) {
    if !text.is_empty() {
        out.push(Delta::Text { choice, text });
    }
}

/// Reasoning, unless there is none.
pub(super) fn push_thinking(out: &mut Vec<Delta>, choice: u32, block: u32, part: Thinking) {
    if part != Thinking::default() {
        out.push(Delta::Thinking { choice, block, part });
    }
}

/// Fields we do not model, unless there are none.
pub(super) fn push_extra(out: &mut Vec<Delta>, fields: Object) {
    if !fields.is_empty() {
        out.push(Delta::Extra(fields));
    }
}

/// The beginning of a call that is written as OpenAI's imitators do: the name within `function`.
pub(super) fn function_call(call: &Value, arguments: String) -> ToolCall {
    let string = |pointer| call.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    ToolCall { id: string("/id"), name: string("/function/name"), arguments, signature: None }
}

/// More arguments of a call.
pub(super) fn more_arguments(choice: u32, call: u32, arguments: String) -> Delta {
    Delta::ToolCall { choice, call, part: ToolCall { arguments, ..ToolCall::default() } }
}

/// An answer of content blocks that begin and end (Anthropic's, and Bedrock's after it).
pub(super) trait Blocks {
    /// The first block that has begun and not ended.
    fn first_open(&self) -> Option<u64>;

    /// A block ends.
    fn end(&mut self, index: u64, out: &mut Vec<Delta>);

    /// The numbers given so far.
    fn numbers(&self) -> &Numbers;

    /// What the provider's word for the end means.
    fn finish_reason(raw: &str) -> FinishReason;

    /// The answer ends, if there is a reason for it.
    fn stop(&mut self, reason: Option<&Value>, out: &mut Vec<Delta>) {
        let Some(raw) = reason.and_then(Value::as_str) else { return };
        while let Some(index) = self.first_open() {
            self.end(index, out);
        }
        push_finish(out, raw, Self::finish_reason(raw), self.numbers());
    }
}

/// Numbers the reasoning blocks and tool calls of one choice as they come.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    thinking: u32,
    /// The reasoning block that further reasoning continues.
    open: Option<u32>,
    calls: u32,
}

impl Numbers {
    /// The number of a new reasoning block.
    pub(super) fn next_thinking(&mut self) -> u32 {
        self.thinking += 1;
        self.thinking - 1
    }

    /// The number of the reasoning block that goes on, or of a new one where other content came between.
    pub(super) fn continued_thinking(&mut self) -> u32 {
        let block = self.open.unwrap_or_else(|| self.next_thinking());
        self.open = Some(block);
        block
    }

    /// Other content has come: further reasoning is a block of its own.
    pub(super) fn end_thinking(&mut self) {
        self.open = None;
    }

    /// The number of a new tool call.
    pub(super) fn next_call(&mut self) -> u32 {
        self.calls += 1;
        self.calls - 1
    }

    /// Whether the client's tools are to be called.
    pub(super) fn has_calls(&self) -> bool {
        self.calls > 0
    }
}
