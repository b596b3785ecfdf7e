//! The answer so far: turns events, or a whole response object, into deltas.

use serde_json::Value;

use super::event::{Event, Reply};
use super::item::{arguments, is_modelled, kind, named, reasoning_text};
use crate::dialect::heading::Heading;
use crate::dialect::loose::Loose;
use crate::dialect::{DialectName, Quirks, classify, usage};
use crate::model::request::{Thinking, ToolCall};
use crate::model::response::{malformed, non_empty};
use crate::model::{Delta, Failure, FailureClass, FinishReason, Object};

/// More output items than any real answer has; beyond it, looking them up would cost too much.
const MOST: usize = 1_024;

/// What is known of an answer between two events.
#[derive(Debug)]
pub(super) struct Answer {
    quirks: Quirks,
    heading: Heading,
    items: Vec<Known>,
    blocks: u32,
    calls: u32,
    is_refused: bool,
    is_complete: bool,
}

/// What is known of one output item.
#[derive(Debug)]
struct Known {
    index: u64,
    /// The number of its tool call or reasoning block.
    number: Option<u32>,
    /// Whether its content has come, so that the finished item does not repeat it.
    has_content: bool,
    /// Whether the finished item has been read.
    is_done: bool,
    /// The part of the reasoning summary being written.
    part: u64,
}

impl Answer {
    pub(super) fn new(quirks: &Quirks) -> Self {
        Self {
            quirks: quirks.clone(),
            heading: Heading::default(),
            items: Vec::new(),
            blocks: 0,
            calls: 0,
            is_refused: false,
            is_complete: false,
        }
    }

    /// Whether the terminal event has been seen.
    pub(super) fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// Appends the deltas of an event. A failed response is that failure.
    pub(super) fn event(&mut self, event: Event<'_>, out: &mut Vec<Delta>) -> Result<(), Failure> {
        let index = event.output_index.number().unwrap_or(0);
        match event.kind.text() {
            "response.output_text.delta" => {
                self.item(index)?.has_content = true;
                push_text(event.delta, out);
            }
            "response.refusal.delta" => {
                self.item(index)?.has_content = true;
                self.refusal(event.delta.text(), out);
            }
            "response.reasoning_summary_text.delta" | "response.reasoning_text.delta" => {
                let part = event.summary_index.number().unwrap_or(0);
                self.reasoning(index, part, event.delta.text(), out)?;
            }
            "response.function_call_arguments.delta" | "response.custom_tool_call_input.delta" => {
                self.arguments(index, event.delta.into_json_text(), out)?;
            }
            "response.output_item.added" => self.added(index, &event.item, out)?,
            "response.output_item.done" => self.done(index, &event.item, out)?,
            "response.created" | "response.in_progress" | "response.queued" => {
                if let Some(reply) = event.response {
                    self.heading.push(reply.id, reply.model, out);
                }
            }
            "response.completed"
            | "response.incomplete"
            | "response.failed"
            | "response.cancelled"
            | "response.done" => {
                let reply = event.response.unwrap_or_default();
                self.reply(reply, out)?;
            }
            _ => {}
        }
        Ok(())
    }

    /// Appends the deltas of a response object that is final, leaving out what events have already said.
    pub(super) fn reply(&mut self, reply: Reply<'_>, out: &mut Vec<Delta>) -> Result<(), Failure> {
        let Reply { id, model, status, output, incomplete_details, usage, error, extra } = reply;
        self.heading.push(id, model, out);
        let output = output.unwrap_or_default();
        for (index, item) in output.iter().enumerate() {
            self.done(index as u64, item, out)?;
        }
        if let Some(tokens) = self.tokens(&usage) {
            out.push(Delta::Usage(tokens));
        }
        if let Some(cost) = usage::cost(&usage) {
            out.push(Delta::Cost(cost));
        }
        push_extra(extra, output, out);
        if matches!(status.text(), "failed" | "cancelled") || error.is_object() {
            return Err(self.failed(status.text(), &error));
        }
        self.is_complete = true;
        self.finish(status.text(), &incomplete_details, out);
        Ok(())
    }

    /// Here every provider counts reasoning within the output, xAI too.
    fn tokens(&self, usage: &Value) -> Option<crate::model::TokenUsage> {
        let quirks = Quirks { reasoning_outside_output: false, ..self.quirks.clone() };
        usage::tokens(usage, &quirks)
    }

    fn failed(&self, status: &str, error: &Value) -> Failure {
        if error.is_object() {
            return classify::stream_error(DialectName::Responses, error, &self.quirks);
        }
        Failure::new(FailureClass::Server, format!("the provider says the response {status}, and no more"))
    }

    fn finish(&mut self, status: &str, incomplete: &Value, out: &mut Vec<Delta>) {
        let why = non_empty(incomplete.get("reason"));
        let reason = match (status, why.as_deref()) {
            (_, Some("content_filter")) => FinishReason::ContentFilter,
            _ if self.is_refused => FinishReason::Refusal,
            (_, Some("max_output_tokens" | "max_tokens")) => FinishReason::Length,
            ("completed" | "", None) if self.calls > 0 => FinishReason::ToolCalls,
            ("completed" | "", None) => FinishReason::Stop,
            _ => FinishReason::Other,
        };
        let raw = why.or_else(|| (!status.is_empty()).then(|| status.to_owned()));
        out.push(Delta::Finish { choice: 0, reason, raw });
    }

    fn item(&mut self, index: u64) -> Result<&mut Known, Failure> {
        let at = match self.items.iter().rposition(|item| item.index == index) {
            Some(at) => at,
            None if self.items.len() >= MOST => {
                return Err(malformed("the answer has more than a thousand output items"));
            }
            None => {
                self.items.push(Known { index, number: None, has_content: false, is_done: false, part: 0 });
                self.items.len() - 1
            }
        };
        Ok(&mut self.items[at])
    }

    /// The number of an item's tool call.
    fn call(&mut self, index: u64) -> Result<u32, Failure> {
        let next = self.calls;
        let number = *self.item(index)?.number.get_or_insert(next);
        self.calls = self.calls.max(number + 1);
        Ok(number)
    }

    /// The number of an item's reasoning block.
    fn block(&mut self, index: u64) -> Result<u32, Failure> {
        let next = self.blocks;
        let number = *self.item(index)?.number.get_or_insert(next);
        self.blocks = self.blocks.max(number + 1);
        Ok(number)
    }

    fn refusal(&mut self, text: &str, out: &mut Vec<Delta>) {
        if !text.is_empty() {
            self.is_refused = true;
            out.push(Delta::Refusal { choice: 0, text: text.to_owned() });
        }
    }

    /// More of a summary or of the reasoning itself; parts of a summary are paragraphs.
    fn reasoning(&mut self, index: u64, part: u64, text: &str, out: &mut Vec<Delta>) -> Result<(), Failure> {
        let block = self.block(index)?;
        let item = self.item(index)?;
        let is_new = part != item.part && item.has_content;
        item.part = part;
        item.has_content = true;
        let text = if is_new { format!("\n\n{text}") } else { text.to_owned() };
        out.push(Delta::Thinking { choice: 0, block, part: Thinking { text, ..Thinking::default() } });
        Ok(())
    }

    fn arguments(&mut self, index: u64, arguments: String, out: &mut Vec<Delta>) -> Result<(), Failure> {
        let call = self.call(index)?;
        self.item(index)?.has_content = true;
        out.push(Delta::ToolCall { choice: 0, call, part: ToolCall { arguments, ..ToolCall::default() } });
        Ok(())
    }

    /// An item begins: a call has its name here.
    fn added(&mut self, index: u64, item: &Value, out: &mut Vec<Delta>) -> Result<(), Failure> {
        match kind(item) {
            "function_call" | "custom_tool_call" => {
                let call = self.call(index)?;
                out.push(Delta::ToolCall { choice: 0, call, part: named(item) });
            }
            "reasoning" => drop(self.block(index)?),
            _ => {}
        }
        Ok(())
    }

    /// An item is complete: says what no delta has said.
    fn done(&mut self, index: u64, item: &Value, out: &mut Vec<Delta>) -> Result<(), Failure> {
        let known = self.item(index)?;
        if std::mem::replace(&mut known.is_done, true) {
            return Ok(());
        }
        let is_said = known.has_content;
        match kind(item) {
            "message" if !is_said => self.message(item, out),
            "function_call" | "custom_tool_call" => {
                let call = self.call(index)?;
                let mut part = named(item);
                if !is_said {
                    part.arguments = arguments(item);
                }
                out.push(Delta::ToolCall { choice: 0, call, part });
            }
            "reasoning" => {
                let block = self.block(index)?;
                let mut part = Thinking {
                    id: non_empty(item.get("id")),
                    redacted: non_empty(item.get("encrypted_content")),
                    signature: non_empty(item.get("signature")),
                    text: String::new(),
                };
                if !is_said {
                    part.text = reasoning_text(item);
                }
                out.push(Delta::Thinking { choice: 0, block, part });
            }
            _ => {}
        }
        Ok(())
    }

    fn message(&mut self, item: &Value, out: &mut Vec<Delta>) {
        match item.get("content") {
            Some(Value::String(text)) => push_text(Loose::Text(text.into()), out),
            content => {
                for part in content.and_then(Value::as_array).into_iter().flatten() {
                    let text = |name: &str| part.get(name).and_then(Value::as_str).unwrap_or_default();
                    self.refusal(text("refusal"), out);
                    push_text(Loose::Text(text("text").into()), out);
                }
            }
        }
    }
}

/// Unmodelled fields, and the items of tools the provider ran itself.
fn push_extra(mut extra: Object, output: Vec<Value>, out: &mut Vec<Delta>) {
    let items: Vec<Value> = output.into_iter().filter(|item| !is_modelled(kind(item))).collect();
    if !items.is_empty() {
        extra.insert("output".into(), items.into());
    }
    if !extra.is_empty() {
        out.push(Delta::Extra(extra));
    }
}

fn push_text(text: Loose<'_>, out: &mut Vec<Delta>) {
    if !text.text().is_empty() {
        out.push(Delta::Text { choice: 0, text: text.into_json_text() });
    }
}
