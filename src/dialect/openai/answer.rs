//! The answer so far: turns chunks into deltas. A whole body is one chunk.

use serde_json::Value;

use super::chunk::{Call, Choice, Chunk, Said, owned};
use crate::dialect::heading::Heading;
use crate::dialect::loose::Loose;
use crate::dialect::{DialectName, Quirks, classify, usage};
use crate::model::request::{Thinking, ToolCall};
use crate::model::response::malformed;
use crate::model::{Delta, Failure, FailureClass, FinishReason, Object};

/// More calls or choices than any real answer has; beyond it, looking them up would cost too much.
const MOST: usize = 1_024;

/// What is known of an answer between two chunks.
#[derive(Debug)]
pub(super) struct Answer {
    quirks: Quirks,
    /// Whether the answer comes as one body.
    is_whole: bool,
    heading: Heading,
    choices: Vec<Progress>,
    extra: Object,
    /// Whether tokens were reported.
    is_accounted: bool,
}

/// What is known of one choice.
#[derive(Debug, Default)]
struct Progress {
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

impl Answer {
    pub(super) fn new(quirks: &Quirks, is_whole: bool) -> Self {
        Self {
            quirks: quirks.clone(),
            is_whole,
            heading: Heading::default(),
            choices: Vec::new(),
            extra: Object::new(),
            is_accounted: false,
        }
    }

    /// Whether every choice has its finish reason, and there is one.
    pub(super) fn is_finished(&self) -> bool {
        !self.choices.is_empty() && self.choices.iter().all(|choice| choice.is_finished)
    }

    /// Whether tokens were reported, which a provider does when it is done.
    pub(super) fn is_accounted(&self) -> bool {
        self.is_accounted
    }

    /// Appends the deltas of a chunk. An error within it is that failure, after what came with it.
    pub(super) fn push(&mut self, chunk: Chunk<'_>, out: &mut Vec<Delta>) -> Result<(), Failure> {
        let Chunk { id, model, choices, usage, error, extra } = chunk;
        self.heading.push(id, model, out);
        let mut failed = None;
        for (position, choice) in choices.into_iter().flatten().enumerate() {
            if let Err(failure) = self.choice(position, choice, out) {
                failed = Some(failure);
            }
        }
        self.usage(&usage, out);
        self.extra(extra, out);
        if is_error(&error) {
            return Err(self.failure(&error));
        }
        failed.map_or(Ok(()), Err)
    }

    fn usage(&mut self, usage: &Value, out: &mut Vec<Delta>) {
        if let Some(tokens) = usage::tokens(usage, &self.quirks) {
            self.is_accounted = true;
            out.push(Delta::Usage(tokens));
        }
        if let Some(cost) = usage::cost(usage) {
            out.push(Delta::Cost(cost));
        }
    }

    /// Passes on unmodelled fields that are new or have changed.
    fn extra(&mut self, fields: Object, out: &mut Vec<Delta>) {
        if let Some(usage) = fields.get("x_groq").and_then(|groq| groq.get("usage")) {
            self.usage(usage, out);
        }
        let mut changed = Object::new();
        for (name, value) in fields {
            if self.extra.get(&name) != Some(&value) {
                self.extra.insert(name.clone(), value.clone());
                changed.insert(name, value);
            }
        }
        if !changed.is_empty() {
            out.push(Delta::Extra(changed));
        }
    }

    fn choice(&mut self, position: usize, choice: Choice<'_>, out: &mut Vec<Delta>) -> Result<(), Failure> {
        let Choice { index, delta, message, finish_reason, error, mut extra } = choice;
        // Perplexity sends each delta together with the message so far.
        let said = if self.is_whole { message.or(delta) } else { delta.or(message) };
        let position = if self.is_whole { position as u64 } else { 0 };
        let at = self.at(index.number().unwrap_or(position))?;
        let is_whole = self.is_whole;
        if !is_whole {
            // One token's worth each time: the last would stand for all.
            extra.remove("logprobs");
        }
        if let Some(mut said) = said {
            extra.append(&mut said.extra);
            self.choices[at].said(said, is_whole, out)?;
        }
        // A finish reason `error` is explained beside it, if at all.
        let finished = self.choices[at].finish(&finish_reason, is_whole, out);
        self.extra(extra, out);
        if is_error(&error) { Err(self.failure(&error)) } else { finished }
    }

    fn failure(&self, error: &Value) -> Failure {
        classify::stream_error(DialectName::OpenAi, error, &self.quirks)
    }

    /// The place of the choice with this index.
    fn at(&mut self, index: u64) -> Result<usize, Failure> {
        let index = u32::try_from(index).unwrap_or(u32::MAX);
        if let Some(at) = self.choices.iter().position(|choice| choice.index == index) {
            return Ok(at);
        }
        if index as usize >= MOST {
            return Err(malformed(format!("a choice has the index {index}")));
        }
        self.choices.push(Progress { index, ..Progress::default() });
        Ok(self.choices.len() - 1)
    }
}

/// Whether an `error` field says anything.
pub(super) fn is_error(error: &Value) -> bool {
    match error {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !text.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
        _ => true,
    }
}

impl Progress {
    fn said(&mut self, said: Said<'_>, is_whole: bool, out: &mut Vec<Delta>) -> Result<(), Failure> {
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

    fn finish(&mut self, raw: &Loose<'_>, is_whole: bool, out: &mut Vec<Delta>) -> Result<(), Failure> {
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
