//! Answers of Bedrock Converse.

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
    let mut response = body::object(bytes)?;
    let mut output = body::take_object(&mut response, "output");
    let mut message = body::take_object(&mut output, "message");
    if message.is_empty() && !response.contains_key("stopReason") {
        let is_error = response.contains_key("message") || response.contains_key("Message");
        let value = Value::Object(response);
        return Err(if is_error {
            classify::stream_error(DialectName::Bedrock, &value, quirks)
        } else {
            malformed("the answer has neither a message nor a stop reason")
        });
    }
    let (mut answer, mut out) = (Answer::default(), Vec::new());
    for block in body::take_list(&mut message, "content") {
        answer.block(block, &mut out);
    }
    answer.extra.extend(body::rest(message, &["role"]));
    answer.stop(response.remove("stopReason").as_ref(), &mut out);
    answer.metadata(response, &mut out);
    answer.close(&mut out);
    Ok(out)
}

/// What is remembered of an answer while it comes.
#[derive(Default)]
pub(super) struct Answer {
    numbers: Numbers,
    open: BTreeMap<u64, Block>,
    pub(super) extra: Object,
    citations: Vec<Value>,
    others: Vec<Value>,
}

/// A content block of a stream that has begun.
enum Block {
    Thinking(u32),
    /// A call of the client's tool, and whether its arguments have begun.
    Call(u32, bool),
    /// A tool of the server, and kinds we do not know; with the input that comes in pieces.
    Other(Object, String),
}

/// A tool that runs on the server is marked as such and is not the client's to call.
fn is_client_tool(tool: &Value) -> bool {
    tool.get("type").is_none_or(|kind| kind == "tool_use")
}

/// What a `contentBlockDelta` adds, with exactly one of the fields.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Piece {
    text: Option<String>,
    tool_use: Option<InputPiece>,
    tool_result: Option<Vec<Value>>,
    reasoning_content: Option<ReasoningPiece>,
    citation: Option<Value>,
}

#[derive(Default, Deserialize)]
pub(super) struct InputPiece {
    #[serde(default)]
    input: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ReasoningPiece {
    text: Option<String>,
    signature: Option<String>,
    redacted_content: Option<String>,
}

impl Answer {
    /// A whole content block.
    fn block(&mut self, mut block: Value, out: &mut Vec<Delta>) {
        if let Some(Value::String(text)) = block.get_mut("text").map(Value::take) {
            body::push_text(out, 0, text);
        } else if let Some(tool) = block.get("toolUse").filter(|tool| is_client_tool(tool)) {
            let number = self.call(tool, out);
            out.push(body::more_arguments(0, number, body::arguments(tool.get("input"))));
        } else if let Some(Value::Object(mut reasoning)) = block.get_mut("reasoningContent").map(Value::take)
        {
            let number = self.numbers.next_thinking();
            let redacted = body::text(&reasoning, "redactedContent");
            let text = body::take_object(&mut reasoning, "reasoningText");
            let signature = body::text(&text, "signature");
            let text = body::text(&text, "text").unwrap_or_default();
            let part = Thinking { text, signature, redacted, id: None };
            body::push_thinking(out, 0, number, part);
        } else if let Some(Value::Object(mut cited)) = block.get_mut("citationsContent").map(Value::take) {
            // The cited words are the answer's own; a stream sends them as plain text.
            for content in body::take_list(&mut cited, "content") {
                self.block(content, out);
            }
            self.citations.extend(body::take_list(&mut cited, "citations"));
        } else {
            self.others.push(block);
        }
    }

    fn call(&mut self, tool: &Value, out: &mut Vec<Delta>) -> u32 {
        let string = |key| tool.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let part = ToolCall { id: string("toolUseId"), name: string("name"), ..ToolCall::default() };
        let number = self.numbers.next_call();
        out.push(Delta::ToolCall { choice: 0, call: number, part });
        number
    }

    /// The beginning of a streamed block. Text and reasoning have none.
    pub(super) fn begin(&mut self, index: u64, start: Object, out: &mut Vec<Delta>) {
        let block = match start.get("toolUse").filter(|tool| is_client_tool(tool)) {
            Some(tool) => Block::Call(self.call(tool, out), false),
            None => Block::Other(start, String::new()),
        };
        self.open.insert(index, block);
    }

    /// More of a streamed block.
    pub(super) fn more(&mut self, index: u64, piece: Piece, out: &mut Vec<Delta>) {
        body::push_text(out, 0, piece.text.unwrap_or_default());
        self.citations.extend(piece.citation);
        if let Some(reasoning) = piece.reasoning_content {
            let numbers = &mut self.numbers;
            let block = self.open.entry(index).or_insert_with(|| Block::Thinking(numbers.next_thinking()));
            if let Block::Thinking(number) = block {
                let part = Thinking {
                    text: reasoning.text.unwrap_or_default(),
                    signature: reasoning.signature.filter(|text| !text.is_empty()),
                    redacted: reasoning.redacted_content,
                    id: None,
                };
                body::push_thinking(out, 0, *number, part);
            }
        }
        match self.open.get_mut(&index) {
            Some(Block::Call(number, began)) => {
                if let Some(input) = piece.tool_use.map(|tool| tool.input).filter(|input| !input.is_empty()) {
                    *began = true;
                    out.push(body::more_arguments(0, *number, input));
                }
            }
            Some(Block::Other(block, input)) => {
                input.push_str(&piece.tool_use.unwrap_or_default().input);
                if let Some(Value::Object(result)) = block.get_mut("toolResult") {
                    let content = result.entry("content").or_insert_with(|| Value::Array(Vec::new()));
                    if let Value::Array(content) = content {
                        content.extend(piece.tool_result.unwrap_or_default());
                    }
                }
            }
            Some(Block::Thinking(_)) | None => {}
        }
    }

    /// What is said of the whole answer: tokens, latency, traces of guardrails.
    pub(super) fn metadata(&mut self, mut fields: Object, out: &mut Vec<Delta>) {
        let usage = body::take_object(&mut fields, "usage");
        if !usage.is_empty() {
            out.push(Delta::Usage(tokens(&usage)));
            let counted = [
                "inputTokens",
                "outputTokens",
                "totalTokens",
                "cacheReadInputTokens",
                "cacheReadInputTokenCount",
                "cacheWriteInputTokens",
                "cacheWriteInputTokenCount",
            ];
            body::put(&mut self.extra, "usage", body::rest(usage, &counted));
        }
        // `p` pads events to hide the lengths of tokens.
        self.extra.extend(body::rest(fields, &["p"]));
    }

    /// Hands out what is not modelled, at the end.
    pub(super) fn close(&mut self, out: &mut Vec<Delta>) {
        let mut extra = std::mem::take(&mut self.extra);
        body::put(&mut extra, "content", std::mem::take(&mut self.others));
        body::put(&mut extra, "citations", std::mem::take(&mut self.citations));
        body::push_extra(out, extra);
    }
}

/// Bedrock's input excludes what was read from and written to the cache: total = input + output + both.
/// Some models report the two under a second name.
fn tokens(usage: &Object) -> TokenUsage {
    let either = |a, b| body::count(usage.get(a)).or_else(|| body::count(usage.get(b)));
    TokenUsage {
        input: body::count(usage.get("inputTokens")),
        output: body::count(usage.get("outputTokens")),
        cached_input: either("cacheReadInputTokens", "cacheReadInputTokenCount"),
        cache_write: either("cacheWriteInputTokens", "cacheWriteInputTokenCount"),
        reasoning: None,
    }
}

impl Blocks for Answer {
    fn first_open(&self) -> Option<u64> {
        self.open.first_key_value().map(|(index, _)| *index)
    }

    fn end(&mut self, index: u64, out: &mut Vec<Delta>) {
        match self.open.remove(&index) {
            // No arguments at all mean an empty object.
            Some(Block::Call(number, false)) => out.push(body::more_arguments(0, number, "{}".to_owned())),
            Some(Block::Other(mut block, input)) => {
                if let (Ok(input), Some(Value::Object(tool))) =
                    (serde_json::from_str(&input), block.get_mut("toolUse"))
                {
                    tool.insert("input".to_owned(), input);
                }
                self.others.push(Value::Object(block));
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
            "guardrail_intervened" | "content_filtered" => FinishReason::ContentFilter,
            "refusal" => FinishReason::Refusal,
            _ => FinishReason::Other,
        }
    }
}
