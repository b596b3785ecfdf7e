//! Answers of Ollama: every line of a stream looks like a whole answer, so both are read the same way.

use serde::Deserialize;
use serde_json::Value;

use super::super::body::{self, Numbers};
use super::super::{Decoder, DialectName, Quirks, classify};
use crate::base::ndjson;
use crate::model::request::Thinking;
use crate::model::response::malformed;
use crate::model::{Delta, Failure, FinishReason, Object, TokenUsage};

/// Reads the body of a success.
pub(super) fn whole(bytes: &[u8], quirks: &Quirks) -> Result<Vec<Delta>, Failure> {
    let (mut answer, mut out) = (Answer::default(), Vec::new());
    let object = body::object(bytes)?;
    if !object.contains_key("message") && !object.contains_key("error") {
        return Err(malformed("the answer has no message"));
    }
    answer.line(object, quirks, &mut out)?;
    Ok(out)
}

/// What is remembered of an answer while it comes.
#[derive(Default)]
struct Answer {
    numbers: Numbers,
    is_named: bool,
    is_over: bool,
}

impl Answer {
    fn line(&mut self, mut line: Object, quirks: &Quirks, out: &mut Vec<Delta>) -> Result<(), Failure> {
        if line.get("error").is_some_and(|error| !error.is_null()) {
            return Err(classify::stream_error(DialectName::Ollama, &Value::Object(line), quirks));
        }
        self.start(body::text(&line, "model"), out);
        let mut message = body::take_object(&mut line, "message");
        self.think(body::text(&message, "thinking").unwrap_or_default(), out);
        self.say(body::text(&message, "content").unwrap_or_default(), out);
        for call in body::take_list(&mut message, "tool_calls") {
            self.call(&call, out);
        }
        if line.get("done").is_some_and(|done| done == true) {
            self.finish(line, message, out);
        }
        Ok(())
    }

    fn start(&mut self, model: Option<String>, out: &mut Vec<Delta>) {
        if !self.is_named && model.is_some() {
            self.is_named = true;
            out.push(Delta::Start { id: None, model });
        }
    }

    fn think(&mut self, text: String, out: &mut Vec<Delta>) {
        if !text.is_empty() {
            let block = self.numbers.continued_thinking();
            body::push_thinking(out, 0, block, Thinking { text, ..Thinking::default() });
        }
    }

    fn say(&mut self, text: String, out: &mut Vec<Delta>) {
        if !text.is_empty() {
            self.numbers.end_thinking();
            out.push(Delta::Text { choice: 0, text });
        }
    }

    /// Calls come whole; those of one answer may be spread over lines.
    fn call(&mut self, call: &Value, out: &mut Vec<Delta>) {
        self.numbers.end_thinking();
        let part = body::function_call(call, body::arguments(call.pointer("/function/arguments")));
        out.push(Delta::ToolCall { choice: 0, call: self.numbers.next_call(), part });
    }

    fn finish(&mut self, line: Object, message: Object, out: &mut Vec<Delta>) {
        self.is_over = true;
        let usage = TokenUsage {
            input: body::count(line.get("prompt_eval_count")),
            output: body::count(line.get("eval_count")),
            ..TokenUsage::default()
        };
        if usage != TokenUsage::default() {
            out.push(Delta::Usage(usage));
        }
        // Servers before 0.3 give no reason; `done` then is one.
        let raw = body::text(&line, "done_reason");
        let reason = raw.as_deref().map_or(FinishReason::Stop, finish_reason);
        let reason = body::semantic(reason, self.numbers.has_calls());
        out.push(Delta::Finish { choice: 0, reason, raw });
        let modelled = ["model", "message", "done", "done_reason", "prompt_eval_count", "eval_count"];
        let mut extra = body::rest(line, &modelled);
        extra.extend(body::rest(message, &["role", "content", "thinking", "tool_calls"]));
        body::push_extra(out, extra);
    }
}

fn finish_reason(raw: &str) -> FinishReason {
    match raw {
        "stop" => FinishReason::Stop,
        "length" => FinishReason::Length,
        _ => FinishReason::Other,
    }
}

/// Decodes a stream of lines. The terminal line is the one that is `done`.
pub(super) struct Stream {
    splitter: ndjson::Splitter,
    lines: Vec<Vec<u8>>,
    answer: Answer,
    quirks: Quirks,
}

/// The line of which streams consist. Anything else in it makes it uncommon.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Common {
    model: String,
    #[serde(rename = "created_at")]
    _created_at: Option<String>,
    message: CommonMessage,
    done: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CommonMessage {
    #[serde(rename = "role")]
    _role: Option<String>,
    #[serde(default)]
    content: String,
    #[serde(default)]
    thinking: String,
}

impl Stream {
    /// A decoder at the beginning of a stream.
    pub(super) fn new(quirks: &Quirks) -> Self {
        Self {
            splitter: ndjson::Splitter::default(),
            lines: Vec::new(),
            answer: Answer::default(),
            quirks: quirks.clone(),
        }
    }

    fn read(&mut self, out: &mut Vec<Delta>) -> Result<(), Failure> {
        for line in std::mem::take(&mut self.lines) {
            if self.answer.is_over {
                break;
            }
            if let Ok(Common { model, message, done: false, .. }) = serde_json::from_slice(&line) {
                self.answer.start(Some(model), out);
                self.answer.think(message.thinking, out);
                self.answer.say(message.content, out);
            } else {
                self.answer.line(body::object(&line)?, &self.quirks, out)?;
            }
        }
        Ok(())
    }
}

impl Decoder for Stream {
    fn push(&mut self, bytes: &[u8], out: &mut Vec<Delta>) -> Result<(), Failure> {
        let framed = self.splitter.push(bytes, &mut self.lines);
        self.read(out)?;
        framed.map_err(|error| malformed(error.to_string()))
    }

    fn finish(&mut self, out: &mut Vec<Delta>) -> Result<(), Failure> {
        self.splitter.finish(&mut self.lines);
        body::unless_cut(self.read(out))?;
        if self.answer.is_over { Ok(()) } else { Err(body::truncated("last line (\"done\": true)")) }
    }

    fn is_complete(&self) -> bool {
        self.answer.is_over
    }
}
