//! Answers of Cohere chat, whole and streamed.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::super::body::{self, Numbers};
use super::super::feed::Events;
use super::super::{DialectName, Quirks, classify};
use crate::base::sse;
use crate::model::request::Thinking;
use crate::model::response::malformed;
use crate::model::{Delta, Failure, FinishReason, Object, TokenUsage};

/// Reads the body of a success.
pub(super) fn whole(bytes: &[u8], quirks: &Quirks) -> Result<Vec<Delta>, Failure> {
    let mut response = body::object(bytes)?;
    if !response.get("message").is_some_and(Value::is_object) {
        let is_error = response.contains_key("message") || response.contains_key("error");
        let value = Value::Object(response);
        return Err(if is_error {
            classify::stream_error(DialectName::Cohere, &value, quirks)
        } else {
            malformed("the answer has no message")
        });
    }
    let (mut answer, mut out) = (Answer::default(), Vec::new());
    out.push(Delta::Start { id: body::text(&response, "id"), model: body::text(&response, "model") });
    let mut message = body::take_object(&mut response, "message");
    match message.remove("content") {
        Some(Value::Array(blocks)) => {
            for (index, block) in (0_u64..).zip(blocks) {
                answer.content(index, block, &mut out);
            }
        }
        Some(Value::String(text)) => body::push_text(&mut out, 0, text),
        _ => {}
    }
    for (index, call) in (0_u64..).zip(body::take_list(&mut message, "tool_calls")) {
        answer.call(index, &call, &mut out);
    }
    answer.plan = body::text(&message, "tool_plan").unwrap_or_default();
    answer.citations = body::take_list(&mut message, "citations");
    answer.extra.extend(body::rest(message, &["role", "tool_plan"]));
    response.remove("id");
    answer.finish(response, quirks, &mut out)?;
    Ok(out)
}

/// What is remembered of an answer while it comes.
#[derive(Default)]
struct Answer {
    numbers: Numbers,
    /// The reasoning block of a content's index.
    thinking: BTreeMap<u64, u32>,
    /// The call of a call's index, and whether its arguments have begun.
    calls: BTreeMap<u64, (u32, bool)>,
    plan: String,
    citations: Vec<Value>,
    others: Vec<Value>,
    extra: Object,
}

impl Answer {
    fn content(&mut self, index: u64, mut block: Value, out: &mut Vec<Delta>) {
        if let Some(Value::String(text)) = block.get_mut("thinking").map(Value::take) {
            self.think(index, text, out);
        } else if let Some(Value::String(text)) = block.get_mut("text").map(Value::take) {
            body::push_text(out, 0, text);
        } else {
            self.others.push(block);
        }
    }

    fn think(&mut self, index: u64, text: String, out: &mut Vec<Delta>) {
        let numbers = &mut self.numbers;
        let block = *self.thinking.entry(index).or_insert_with(|| numbers.next_thinking());
        body::push_thinking(out, 0, block, Thinking { text, ..Thinking::default() });
    }

    fn call(&mut self, index: u64, call: &Value, out: &mut Vec<Delta>) {
        let number = self.numbers.next_call();
        let arguments = call.pointer("/function/arguments").and_then(Value::as_str).unwrap_or_default();
        let part = body::function_call(call, arguments.to_owned());
        self.calls.insert(index, (number, !part.arguments.is_empty()));
        out.push(Delta::ToolCall { choice: 0, call: number, part });
    }

    fn more_arguments(&mut self, index: u64, arguments: String, out: &mut Vec<Delta>) {
        if arguments.is_empty() {
            return;
        }
        let numbers = &mut self.numbers;
        let (number, began) = self.calls.entry(index).or_insert_with(|| (numbers.next_call(), true));
        *began = true;
        out.push(body::more_arguments(0, *number, arguments));
    }

    /// The end of an answer: the fields of the whole body, or of the last event.
    fn finish(&mut self, mut end: Object, quirks: &Quirks, out: &mut Vec<Delta>) -> Result<(), Failure> {
        // No arguments at all mean an empty object.
        for (number, _) in self.calls.values().filter(|(_, began)| !began) {
            out.push(body::more_arguments(0, *number, "{}".to_owned()));
        }
        let mut usage = body::take_object(&mut end, "usage");
        let mut counts = body::take_object(&mut usage, "tokens");
        if !counts.is_empty() {
            out.push(Delta::Usage(tokens(&counts, &usage)));
        }
        let mut extra = std::mem::take(&mut self.extra);
        body::put(&mut extra, "billed_units", body::take_object(&mut usage, "billed_units"));
        usage.remove("cached_tokens");
        counts = body::rest(counts, &["input_tokens", "output_tokens", "reasoning_tokens"]);
        body::put(&mut usage, "tokens", counts);
        body::put(&mut extra, "usage", body::rest(usage, &[]));
        body::put(&mut extra, "tool_plan", std::mem::take(&mut self.plan));
        body::put(&mut extra, "citations", std::mem::take(&mut self.citations));
        body::put(&mut extra, "content", std::mem::take(&mut self.others));
        let raw = end.remove("finish_reason");
        let raw = raw.as_ref().and_then(Value::as_str);
        if matches!(raw, Some("ERROR" | "TIMEOUT")) {
            end.entry("message").or_insert_with(|| "the provider ended the answer with an error".into());
            body::push_extra(out, extra);
            return Err(classify::stream_error(DialectName::Cohere, &Value::Object(end), quirks));
        }
        if let Some(raw) = raw {
            body::push_finish(out, raw, finish_reason(raw), &self.numbers);
        }
        extra.extend(body::rest(end, &["model"]));
        body::push_extra(out, extra);
        Ok(())
    }
}

/// Tokens as processed; what is billed is another number and stands in the unmodelled fields. Cached
/// tokens are a part of the input.
fn tokens(counts: &Object, usage: &Object) -> TokenUsage {
    let input = body::count(counts.get("input_tokens"));
    TokenUsage {
        output: body::count(counts.get("output_tokens")),
        reasoning: body::count(counts.get("reasoning_tokens")),
        ..TokenUsage::inclusive(input, body::count(usage.get("cached_tokens")), None)
    }
}

fn finish_reason(raw: &str) -> FinishReason {
    match raw {
        "COMPLETE" | "STOP_SEQUENCE" => FinishReason::Stop,
        "MAX_TOKENS" => FinishReason::Length,
        "TOOL_CALL" => FinishReason::ToolCalls,
        "ERROR_TOXIC" => FinishReason::ContentFilter,
        _ => FinishReason::Other,
    }
}

/// Reads the events of a stream. The terminal event is `message-end`.
pub(super) struct Stream {
    answer: Answer,
    is_over: bool,
    quirks: Quirks,
}

/// The events of which streams consist, as far as they matter.
#[derive(Deserialize)]
struct Common<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(default)]
    index: u64,
    delta: CommonDelta,
}

#[derive(Deserialize)]
struct CommonDelta {
    message: CommonMessage,
}

#[derive(Deserialize)]
struct CommonMessage {
    content: Option<CommonContent>,
    tool_calls: Option<CommonCall>,
}

#[derive(Deserialize)]
struct CommonContent {
    text: Option<String>,
    thinking: Option<String>,
}

#[derive(Deserialize)]
struct CommonCall {
    function: CommonFunction,
}

#[derive(Deserialize)]
struct CommonFunction {
    arguments: String,
}

impl Stream {
    /// A reader at the beginning of a stream.
    pub(super) fn new(quirks: &Quirks) -> Self {
        Self { answer: Answer::default(), is_over: false, quirks: quirks.clone() }
    }

    /// Takes an event of a common form; gives back whether it was one.
    fn common(&mut self, data: &str, out: &mut Vec<Delta>) -> bool {
        let Ok(Common { kind, index, delta }) = serde_json::from_str(data) else { return false };
        match (&*kind, delta.message) {
            (
                "content-delta",
                CommonMessage { content: Some(CommonContent { text: Some(text), .. }), .. },
            ) => {
                body::push_text(out, 0, text);
            }
            (
                "content-delta",
                CommonMessage { content: Some(CommonContent { thinking: Some(text), .. }), .. },
            ) => self.answer.think(index, text, out),
            ("tool-call-delta", CommonMessage { tool_calls: Some(call), .. }) => {
                self.answer.more_arguments(index, call.function.arguments, out);
            }
            _ => return false,
        }
        true
    }

    /// Any event, however it looks.
    fn other(&mut self, mut event: Object, name: &str, out: &mut Vec<Delta>) -> Result<(), Failure> {
        let index = body::count(event.get("index")).unwrap_or(0);
        let mut delta = body::take_object(&mut event, "delta");
        let mut message = body::take_object(&mut delta, "message");
        let kind = body::text(&event, "type").unwrap_or_else(|| name.to_owned());
        match kind.as_str() {
            "message-start" => {
                out.push(Delta::Start { id: body::text(&event, "id"), model: body::text(&event, "model") });
            }
            "content-start" | "content-delta" => {
                if let Some(content) = message.remove("content") {
                    self.answer.content(index, content, out);
                }
            }
            "tool-plan-delta" => {
                self.answer.plan.push_str(&body::text(&message, "tool_plan").unwrap_or_default());
            }
            "tool-call-start" => {
                if let Some(call) = message.get("tool_calls") {
                    self.answer.call(index, call, out);
                }
            }
            "tool-call-delta" => {
                let call = message.get("tool_calls").and_then(|call| call.pointer("/function/arguments"));
                let arguments = call.and_then(Value::as_str).unwrap_or_default();
                self.answer.more_arguments(index, arguments.to_owned(), out);
            }
            "citation-start" => self.answer.citations.extend(message.remove("citations")),
            "message-end" => {
                self.is_over = true;
                return self.answer.finish(delta, &self.quirks, out);
            }
            "" | "error" => {
                return Err(classify::stream_error(DialectName::Cohere, &Value::Object(event), &self.quirks));
            }
            _ => {}
        }
        Ok(())
    }
}

impl Events for Stream {
    fn event(&mut self, event: &sse::Event, out: &mut Vec<Delta>) -> Result<(), Failure> {
        if self.is_over || self.common(&event.data, out) {
            return Ok(());
        }
        self.other(body::object(event.data.as_bytes())?, &event.name, out)
    }

    fn body(&mut self, body: &[u8], out: &mut Vec<Delta>) -> Result<(), Failure> {
        out.extend(whole(body, &self.quirks)?);
        Ok(())
    }

    fn is_complete(&self) -> bool {
        self.is_over
    }

    fn end(&mut self) -> Result<(), Failure> {
        if self.is_over { Ok(()) } else { Err(body::truncated("message-end event")) }
    }
}
