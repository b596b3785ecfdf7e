//! Answers of Anthropic Messages. A whole answer is read as the stream of its blocks.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::super::body::{self, Blocks, Numbers};
use super::super::{DialectName, Quirks, classify};
use crate::model::request::{Thinking, ToolCall};
use crate::model::response::malformed;
use crate::model::{Delta, Failure, FinishReason, Object, TokenUsage};

/// Reads the body of a success.
pub(super) fn whole(bytes: &[u8], quirks: &Quirks) -> Result<Vec<Delta>, Failure> {
    let mut message = body::object(bytes)?;
    if is_error(&message) {
        return Err(classify::stream_error(DialectName::Anthropic, &Value::Object(message), quirks));
    }
    if !message.contains_key("content") && !message.contains_key("stop_reason") {
        return Err(malformed("the answer has neither content nor a stop reason"));
    }
    let (mut answer, mut out) = (Answer::default(), Vec::new());
    let blocks = body::take_list(&mut message, "content");
    let reason = message.remove("stop_reason");
    answer.start(message, &mut out);
    for (index, block) in (0_u64..).zip(blocks) {
        answer.begin(index, block, &mut out);
        answer.end(index, &mut out);
    }
    answer.stop(reason.as_ref(), &mut out);
    answer.close(&mut out);
    Ok(out)
}

/// Whether an object is an error.
pub(super) fn is_error(object: &Object) -> bool {
    object.get("type").is_some_and(|kind| kind == "error")
        || object.get("error").is_some_and(|e| !e.is_null())
}

/// What is remembered of an answer while it comes.
#[derive(Default)]
pub(super) struct Answer {
    numbers: Numbers,
    pub(super) open: BTreeMap<u64, Block>,
    usage: Object,
    pub(super) extra: Object,
    pub(super) citations: Vec<Value>,
    others: Vec<Value>,
}

/// A content block that has begun.
pub(super) enum Block {
    Text,
    Thinking(u32),
    /// A call of the client's tool, with the input it began with until any comes in pieces.
    Call(u32, Option<Value>),
    /// Server tools and their results, and kinds we do not know; with the input that comes in pieces.
    Other(Value, String),
}

impl Answer {
    /// Says who answers, and what the input counts.
    pub(super) fn start(&mut self, mut message: Object, out: &mut Vec<Delta>) {
        out.push(Delta::Start { id: body::text(&message, "id"), model: body::text(&message, "model") });
        let usage = body::take_object(&mut message, "usage");
        self.use_tokens(usage, out);
        let modelled = ["id", "model", "type", "role", "content", "stop_reason"];
        self.extra.extend(body::rest(message, &modelled));
    }

    /// Counts are cumulative; a later event may leave out what has not changed.
    pub(super) fn use_tokens(&mut self, usage: Object, out: &mut Vec<Delta>) {
        let usage = body::rest(usage, &[]);
        if !usage.is_empty() {
            self.usage.extend(usage);
            out.push(Delta::Usage(tokens(&self.usage)));
            // OpenRouter states the cost beside the tokens.
            out.extend(body::dollars(self.usage.get("cost")).map(Delta::Cost));
        }
    }

    /// A content block begins.
    pub(super) fn begin(&mut self, index: u64, mut block: Value, out: &mut Vec<Delta>) {
        let mut take = |key: &str| block.get_mut(key).map(Value::take);
        let kind = take("type");
        let open = match kind.as_ref().and_then(Value::as_str).unwrap_or("") {
            "text" => {
                if let Some(Value::Array(citations)) = take("citations") {
                    self.citations.extend(citations);
                }
                body::push_text(out, 0, string(take("text")));
                Block::Text
            }
            "thinking" => {
                let number = self.numbers.next_thinking();
                let signature = Some(string(take("signature"))).filter(|text| !text.is_empty());
                let part = Thinking { text: string(take("thinking")), signature, ..Thinking::default() };
                body::push_thinking(out, 0, number, part);
                Block::Thinking(number)
            }
            "redacted_thinking" => {
                let number = self.numbers.next_thinking();
                let redacted = Some(string(take("data")));
                body::push_thinking(out, 0, number, Thinking { redacted, ..Thinking::default() });
                Block::Thinking(number)
            }
            "tool_use" => {
                let number = self.numbers.next_call();
                let part =
                    ToolCall { id: string(take("id")), name: string(take("name")), ..ToolCall::default() };
                out.push(Delta::ToolCall { choice: 0, call: number, part });
                Block::Call(number, Some(take("input").unwrap_or_default()))
            }
            _ => {
                if let (Some(kind), Some(slot)) = (kind, block.get_mut("type")) {
                    *slot = kind;
                }
                Block::Other(block, String::new())
            }
        };
        self.open.insert(index, open);
    }

    /// More of a content block.
    pub(super) fn more(&mut self, index: u64, delta: Piece, out: &mut Vec<Delta>) {
        match self.open.get_mut(&index) {
            Some(Block::Thinking(number)) => {
                let text = delta.thinking.unwrap_or_default();
                let signature = delta.signature.filter(|text| !text.is_empty());
                let part = Thinking { text, signature, ..Thinking::default() };
                body::push_thinking(out, 0, *number, part);
            }
            Some(Block::Call(number, whole)) => {
                if let Some(arguments) = delta.partial_json.filter(|text| !text.is_empty()) {
                    *whole = None;
                    out.push(body::more_arguments(0, *number, arguments));
                }
            }
            Some(Block::Other(_, input)) => input.push_str(&delta.partial_json.unwrap_or_default()),
            // Text is text even where its block was never begun.
            Some(Block::Text) | None => body::push_text(out, 0, delta.text.unwrap_or_default()),
        }
    }

    /// Hands out what is not modelled, at the end.
    pub(super) fn close(&mut self, out: &mut Vec<Delta>) {
        let mut extra = std::mem::take(&mut self.extra);
        body::put(&mut extra, "content", std::mem::take(&mut self.others));
        body::put(&mut extra, "citations", std::mem::take(&mut self.citations));
        let counted =
            ["input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"];
        body::put(&mut extra, "usage", body::rest(std::mem::take(&mut self.usage), &counted));
        body::push_extra(out, extra);
    }
}

/// What a `content_block_delta` adds, with exactly one of the fields.
#[derive(Default, Deserialize)]
pub(super) struct Piece {
    pub(super) text: Option<String>,
    pub(super) thinking: Option<String>,
    pub(super) partial_json: Option<String>,
    pub(super) signature: Option<String>,
}

impl Piece {
    /// Whether it adds anything that is modelled.
    pub(super) fn is_known(&self) -> bool {
        self.text.is_some()
            || self.thinking.is_some()
            || self.partial_json.is_some()
            || self.signature.is_some()
    }
}

/// The text of a value; empty when it is none.
pub(super) fn string(value: Option<Value>) -> String {
    match value {
        Some(Value::String(text)) => text,
        _ => String::new(),
    }
}

/// Anthropic's input excludes what was read from and written to the cache.
fn tokens(usage: &Object) -> TokenUsage {
    let thinking = usage.get("output_tokens_details").and_then(|details| details.get("thinking_tokens"));
    TokenUsage {
        input: body::count(usage.get("input_tokens")),
        output: body::count(usage.get("output_tokens")),
        cached_input: body::count(usage.get("cache_read_input_tokens")),
        cache_write: body::count(usage.get("cache_creation_input_tokens")),
        reasoning: body::count(thinking),
    }
}

impl Blocks for Answer {
    fn first_open(&self) -> Option<u64> {
        self.open.first_key_value().map(|(index, _)| *index)
    }

    fn end(&mut self, index: u64, out: &mut Vec<Delta>) {
        match self.open.remove(&index) {
            // A call without arguments sends no piece of them, or an empty one.
            Some(Block::Call(number, Some(input))) => {
                out.push(body::more_arguments(0, number, body::arguments(Some(&input))));
            }
            Some(Block::Other(mut block, input)) => {
                if let (Ok(input), Some(block)) = (serde_json::from_str(&input), block.as_object_mut()) {
                    block.insert("input".to_owned(), input);
                }
                self.others.push(block);
            }
            _ => {}
        }
    }

    fn numbers(&self) -> &Numbers {
        &self.numbers
    }

    fn finish_reason(raw: &str) -> FinishReason {
        match raw {
            "end_turn" | "stop_sequence" => FinishReason::Stop,
            "max_tokens" | "model_context_window_exceeded" => FinishReason::Length,
            "tool_use" => FinishReason::ToolCalls,
            "refusal" => FinishReason::Refusal,
            _ => FinishReason::Other,
        }
    }
}
