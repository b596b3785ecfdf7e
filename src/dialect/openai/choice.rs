//! One choice so far: turns what it says into deltas.

use serde_json::Value;

use super::chunk::{Call, Said, owned};
use crate::dialect::loose::Loose;
use crate::model::request::{Thinking, ToolCall};
use crate::model::response::malformed;
use crate::model::{Delta, Failure, FailureClass, FinishReason};

/// More calls or choices than any real answer has; beyond it, looking them up would cost too much.
pub(super) const MOST: usize = 1_024;

/// What is known of one choice.
#[derive(Debug, Default)]
pub(super) struct Progress {
    index: u32,
    calls: Vec<KnownCall>,
    /// The number of reasoning blocks begun.
    blocks: u32,
    /// Whether the last reasoning block still grows.
    is_thinking: bool,
    is_refused: bool,
    is_finished: bool,
}

#[derive(Debug)]
struct KnownCall {
    index: Option<u64>,
    id: String,
}

impl Progress {
    /// A choice of which nothing has come.
    pub(super) fn new(index: u32) -> Self {
        Self { index, ..Self::default() }
    }

    /// Its place among the choices, as the provider counts them.
    pub(super) fn index(&self) -> u32 {
        self.index
    }

    /// Whether its finish reason has come.
    pub(super) fn is_finished(&self) -> bool {
        self.is_finished
    }

    /// Appends the deltas of what it says: all of it, or a piece of it.
    pub(super) fn said(
        &mut self,
        said: Said<'_>,
        is_whole: bool,
        out: &mut Vec<Delta>,
    ) -> Result<(), Failure> {
        let Said { content, reasoning, reasoning_details, refusal, tool_calls, function_call, .. } = said;
        self.reasoning(owned(reasoning), &reasoning_details, out);
        match content {
            Loose::Text(text) => self.text(text.into_owned(), out),
            Loose::Other(Value::Array(parts)) => self.parts(parts, out),
            Loose::Other(_) => {}
        }
        self.refusal(owned(refusal), out);
        for call in tool_calls.into_iter().flatten() {
            self.call(call, is_whole, out)?;
        }
        if let Some(mut call) = function_call {
            // The one call of the time before tools; Snowflake sends it empty with every answer.
            call.index = Loose::Other(0.into());
            self.call(call, false, out)?;
        }
        Ok(())
    }

    fn text(&mut self, text: String, out: &mut Vec<Delta>) {
        if !text.is_empty() {
            self.is_thinking = false;
            out.push(Delta::Text { choice: self.index, text });
        }
    }

    fn refusal(&mut self, text: String, out: &mut Vec<Delta>) {
        if !text.is_empty() {
            self.is_refused = true;
            out.push(Delta::Refusal { choice: self.index, text });
        }
    }

    /// Content as a list: text, Mistral's thinking, Databricks' reasoning. References stay with the text
    /// they annotate.
    fn parts(&mut self, parts: Vec<Value>, out: &mut Vec<Delta>) {
        for part in parts {
            let text = |name: &str| part.get(name).map(joined).unwrap_or_default();
            match part.get("type").and_then(Value::as_str) {
                Some("thinking") => self.think(Thinking { text: text("thinking"), ..signed(&part) }, out),
                Some("reasoning") => self.think(Thinking { text: text("summary"), ..signed(&part) }, out),
                Some("refusal") => self.refusal(text("refusal"), out),
                Some("text" | "output_text") | None => self.text(text("text"), out),
                Some(_) => {}
            }
        }
    }

    fn reasoning(&mut self, text: String, details: &Value, out: &mut Vec<Delta>) {
        let is_repeated = !text.is_empty();
        if is_repeated {
            self.think(Thinking { text, ..Thinking::default() }, out);
        }
        for detail in details.as_array().into_iter().flatten() {
            let mut part = signed(detail);
            if !is_repeated {
                part.text =
                    detail.get("text").or_else(|| detail.get("summary")).map(joined).unwrap_or_default();
            }
            self.think(part, out);
        }
    }

    /// More reasoning: to the open block, or to a new one once other content or a signature closed it.
    fn think(&mut self, part: Thinking, out: &mut Vec<Delta>) {
        let is_sealed = part.signature.is_some() || part.redacted.is_some();
        if part.text.is_empty() && !is_sealed {
            return;
        }
        if !self.is_thinking {
            self.blocks += 1;
        }
        self.is_thinking = !is_sealed;
        out.push(Delta::Thinking { choice: self.index, block: self.blocks - 1, part });
    }

    fn call(&mut self, mut call: Call<'_>, is_whole: bool, out: &mut Vec<Delta>) -> Result<(), Failure> {
        let function = call.said();
        let index = if is_whole { None } else { call.index.number() };
        let part = ToolCall {
            signature: call.signature(),
            id: call.id.into_json_text(),
            name: owned(function.name),
            arguments: function.arguments.into_json_text(),
        };
        if part.name.is_empty() && part.arguments.is_empty() && part.id.is_empty() {
            return Ok(());
        }
        let at = if is_whole { None } else { self.known(index, &part) };
        let at = at.unwrap_or_else(|| {
            self.calls.push(KnownCall { index, id: String::new() });
            self.calls.len() - 1
        });
        if at >= MOST {
            return Err(malformed("the answer has more than a thousand tool calls"));
        }
        if self.calls[at].id.is_empty() {
            self.calls[at].id.clone_from(&part.id);
        }
        self.is_thinking = false;
        let call = u32::try_from(at).unwrap_or(u32::MAX);
        out.push(Delta::ToolCall { choice: self.index, call, part });
        Ok(())
    }

    /// The call that a piece continues. Mistral leaves the index out, Gemini's endpoint sends zero with
    /// every call: a named piece with another id is another call.
    fn known(&self, index: Option<u64>, part: &ToolCall) -> Option<usize> {
        let is_new = |call: &KnownCall| {
            !part.name.is_empty() && !part.id.is_empty() && !call.id.is_empty() && call.id != part.id
        };
        if index.is_some() {
            return self.calls.iter().rposition(|call| call.index == index && !is_new(call));
        }
        if !part.id.is_empty() {
            return self.calls.iter().rposition(|call| call.id == part.id);
        }
        if part.name.is_empty() { self.calls.len().checked_sub(1) } else { None }
    }

    /// Appends the end of the choice, when there is a word for it. Some words mean that it failed.
    pub(super) fn finish(
        &mut self,
        raw: &Loose<'_>,
        is_whole: bool,
        out: &mut Vec<Delta>,
    ) -> Result<(), Failure> {
        let raw = match raw {
            Loose::Text(raw) => &**raw,
            Loose::Other(_) => return Ok(()),
        };
        // Snowflake leaves the word empty: only a call tells how the answer ended.
        if raw.is_empty() && (!is_whole || self.calls.is_empty()) {
            return Ok(());
        }
        if let Some(failure) = failed(raw) {
            return Err(failure);
        }
        self.is_finished = true;
        let reason = self.meaning(raw);
        out.push(Delta::Finish { choice: self.index, reason, raw: Some(raw.to_owned()) });
        Ok(())
    }

    fn meaning(&self, raw: &str) -> FinishReason {
        let reason = match raw {
            "" | "stop" | "eos" | "eos_token" | "stop_sequence" | "end_turn" | "COMPLETE" | "STOP" => {
                FinishReason::Stop
            }
            "length" | "max_tokens" | "model_length" | "model_context_window_exceeded" | "MAX_TOKENS" => {
                FinishReason::Length
            }
            "tool_calls" | "function_call" | "tool_use" | "tool_call" => FinishReason::ToolCalls,
            "content_filter" | "content_filtered" | "sensitive" | "SAFETY" => FinishReason::ContentFilter,
            "refusal" => FinishReason::Refusal,
            _ => FinishReason::Other,
        };
        match reason {
            FinishReason::ContentFilter => reason,
            _ if self.is_refused => FinishReason::Refusal,
            FinishReason::Stop if !self.calls.is_empty() => FinishReason::ToolCalls,
            _ => reason,
        }
    }
}

/// Words in the place of a finish reason that say the answer broke off: OpenRouter and Mistral `error`,
/// DeepSeek `insufficient_system_resource`, Z.ai `network_error`.
fn failed(raw: &str) -> Option<Failure> {
    let class = match raw {
        "error" | "network_error" => FailureClass::Server,
        "insufficient_system_resource" => FailureClass::Overloaded,
        _ => return None,
    };
    let mut failure = Failure::new(class, format!("the answer ended with finish reason {raw:?}"));
    failure.code = Some(raw.to_owned());
    Some(failure)
}

fn signed(part: &Value) -> Thinking {
    let text = |name: &str| crate::model::response::non_empty(part.get(name));
    Thinking { text: String::new(), signature: text("signature"), redacted: text("data"), id: text("id") }
}

/// A text, or the texts of a list of parts.
fn joined(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().filter_map(|part| part.get("text")?.as_str()).collect(),
        _ => String::new(),
    }
}
