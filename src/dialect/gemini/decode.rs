//! Answers of Gemini: every chunk of a stream looks like a whole answer, so both are read here.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::body::{self, Numbers};
use super::super::{DialectName, Quirks, classify};
use super::finish;
use crate::model::request::{Thinking, ToolCall};
use crate::model::response::malformed;
use crate::model::{Delta, Failure, FinishReason, Object, TokenUsage};

/// Reads the body of a success: one answer, or the array of a stream that was not asked for events.
pub(super) fn whole(bytes: &[u8], quirks: &Quirks) -> Result<Vec<Delta>, Failure> {
    let value: Value = serde_json::from_slice(bytes)
        .map_err(|error| malformed(format!("the answer is not JSON: {error}")))?;
    let chunks = match value {
        Value::Array(chunks) => chunks,
        chunk => vec![chunk],
    };
    let (mut answer, mut out) = (Answer::new(quirks), Vec::new());
    for chunk in chunks {
        let Value::Object(chunk) = chunk else { return Err(malformed("the answer is no object")) };
        answer.chunk(chunk, &mut out)?;
    }
    if answer.choices.is_empty() {
        return Err(malformed("the answer has neither candidates nor a block reason"));
    }
    answer.close(&mut out);
    Ok(out)
}

/// What is remembered of an answer while it comes.
pub(super) struct Answer {
    pub(super) choices: BTreeMap<u32, Choice>,
    usage: TokenUsage,
    extra: Object,
    is_named: bool,
    quirks: Quirks,
}

/// What is remembered of one candidate.
#[derive(Default)]
pub(super) struct Choice {
    numbers: Numbers,
    finish: Option<FinishReason>,
    /// Parts we do not model: code, its results, files.
    parts: Vec<Value>,
    extra: Object,
}

impl Answer {
    /// An answer of which nothing has come.
    pub(super) fn new(quirks: &Quirks) -> Self {
        Self {
            choices: BTreeMap::new(),
            usage: TokenUsage::default(),
            extra: Object::new(),
            is_named: false,
            quirks: quirks.clone(),
        }
    }

    /// Takes a chunk, however it looks.
    pub(super) fn chunk(&mut self, mut chunk: Object, out: &mut Vec<Delta>) -> Result<(), Failure> {
        if chunk.get("error").is_some_and(|error| !error.is_null()) {
            return Err(classify::stream_error(DialectName::Gemini, &Value::Object(chunk), &self.quirks));
        }
        self.start(body::text(&chunk, "responseId"), body::text(&chunk, "modelVersion"), out);
        for (place, candidate) in (0_u32..).zip(body::take_list(&mut chunk, "candidates")) {
            if let Value::Object(candidate) = candidate {
                self.candidate(place, candidate, out);
            }
        }
        let blocked = chunk.get("promptFeedback").and_then(|feedback| feedback.get("blockReason"));
        if let Some(raw) = finish::block_word(blocked) {
            self.choices.entry(0).or_default().finish(0, FinishReason::ContentFilter, raw, out);
        }
        let usage = body::take_object(&mut chunk, "usageMetadata");
        self.use_tokens(usage, out);
        self.extra.extend(body::rest(chunk, &["responseId", "modelVersion"]));
        Ok(())
    }

    /// Says who answers, until the model is known.
    pub(super) fn start(&mut self, id: Option<String>, model: Option<String>, out: &mut Vec<Delta>) {
        if !self.is_named && (id.is_some() || model.is_some()) {
            self.is_named = model.is_some();
            out.push(Delta::Start { id, model });
        }
    }

    fn candidate(&mut self, place: u32, mut candidate: Object, out: &mut Vec<Delta>) {
        let index = body::count(candidate.get("index")).and_then(|index| u32::try_from(index).ok());
        let index = index.unwrap_or(place);
        let choice = self.choices.entry(index).or_default();
        let mut content = body::take_object(&mut candidate, "content");
        for part in body::take_list(&mut content, "parts") {
            choice.part(index, part, out);
        }
        if let Some(raw) = finish::finish_word(candidate.get("finishReason")) {
            choice.finish(index, finish::reason(&raw), raw, out);
        }
        choice.extra.extend(body::rest(candidate, &["index", "finishReason"]));
    }

    /// Every chunk counts anew and the last one is right; Vertex AI's first ones count nothing.
    pub(super) fn use_tokens(&mut self, usage: Object, out: &mut Vec<Delta>) {
        let tokens = tokens(&usage);
        let is_counted = body::count(usage.get("promptTokenCount")).is_some();
        if is_counted && tokens != self.usage {
            self.usage = tokens;
            out.push(Delta::Usage(tokens));
        }
        body::put(&mut self.extra, "usageMetadata", body::rest(usage, &COUNTED));
    }

    /// Hands out what is not modelled, at the end.
    pub(super) fn close(&mut self, out: &mut Vec<Delta>) {
        let mut extra = std::mem::take(&mut self.extra);
        let candidates = self.choices.values_mut().map(|choice| {
            let mut fields = std::mem::take(&mut choice.extra);
            body::put(&mut fields, "parts", std::mem::take(&mut choice.parts));
            fields
        });
        let candidates: Vec<_> = candidates.collect();
        if candidates.iter().any(|fields| !fields.is_empty()) {
            let candidates = candidates.into_iter().map(Value::Object).collect::<Vec<_>>();
            body::put(&mut extra, "candidates", candidates);
        }
        body::push_extra(out, extra);
    }

    /// Whether every candidate has ended, or the prompt was blocked.
    pub(super) fn is_complete(&self) -> bool {
        !self.choices.is_empty() && self.choices.values().all(|choice| choice.finish.is_some())
    }
}

impl Choice {
    fn part(&mut self, index: u32, part: Value, out: &mut Vec<Delta>) {
        let Value::Object(mut fields) = part else { return };
        let signature = body::text(&fields, "thoughtSignature");
        if let Some(Value::Object(call)) = fields.get("functionCall") {
            self.numbers.end_thinking();
            let part = ToolCall {
                id: body::text(call, "id").unwrap_or_default(),
                name: body::text(call, "name").unwrap_or_default(),
                arguments: body::arguments(call.get("args")),
                signature,
            };
            out.push(Delta::ToolCall { choice: index, call: self.numbers.next_call(), part });
        } else if let Some(Value::String(text)) = fields.get_mut("text").map(Value::take) {
            if fields.get("thought").is_some_and(|thought| thought == true) {
                self.think(index, text, signature, out);
            } else {
                self.say(index, text, signature, out);
            }
        } else {
            self.numbers.end_thinking();
            self.parts.push(Value::Object(fields));
        }
    }

    /// A signature beside text that is no thought stands in a reasoning block of its own, so that it is
    /// not lost and can be echoed.
    pub(super) fn say(&mut self, index: u32, text: String, signature: Option<String>, out: &mut Vec<Delta>) {
        self.numbers.end_thinking();
        body::push_text(out, index, text);
        if signature.is_some() {
            let block = self.numbers.next_thinking();
            body::push_thinking(out, index, block, Thinking { signature, ..Thinking::default() });
        }
    }

    /// A thought, which continues the one before it.
    pub(super) fn think(
        &mut self,
        index: u32,
        text: String,
        signature: Option<String>,
        out: &mut Vec<Delta>,
    ) {
        let block = self.numbers.continued_thinking();
        body::push_thinking(out, index, block, Thinking { text, signature, ..Thinking::default() });
    }

    fn finish(&mut self, index: u32, reason: FinishReason, raw: String, out: &mut Vec<Delta>) {
        let reason = body::semantic(reason, self.numbers.has_calls());
        if self.finish.replace(reason) != Some(reason) {
            out.push(Delta::Finish { choice: index, reason, raw: Some(raw) });
        }
    }
}

/// The fields of `usageMetadata` that are modelled, or follow from those that are.
const COUNTED: [&str; 6] = [
    "promptTokenCount",
    "cachedContentTokenCount",
    "toolUsePromptTokenCount",
    "candidatesTokenCount",
    "thoughtsTokenCount",
    "totalTokenCount",
];

/// The prompt includes what was cached but not what tools added to it, and the candidates do not include
/// thoughts: total = prompt + candidates + thoughts + tool use.
fn tokens(usage: &Object) -> TokenUsage {
    let count = |name| body::count(usage.get(name));
    let thoughts = count("thoughtsTokenCount");
    let input = sum(count("promptTokenCount"), count("toolUsePromptTokenCount"));
    TokenUsage {
        output: sum(count("candidatesTokenCount"), thoughts),
        reasoning: thoughts,
        ..TokenUsage::inclusive(input, count("cachedContentTokenCount"), None)
    }
}

fn sum(a: Option<u64>, b: Option<u64>) -> Option<u64> {
    if a.is_none() && b.is_none() { None } else { Some(a.unwrap_or(0).saturating_add(b.unwrap_or(0))) }
}
