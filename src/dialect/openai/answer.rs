//! The answer so far: turns chunks into deltas. A whole body is one chunk.

use serde_json::Value;

use super::choice::{MOST, Progress};
use super::chunk::{Choice, Chunk};
use crate::dialect::heading::Heading;
use crate::dialect::{DialectName, Quirks, classify, usage};
use crate::model::response::malformed;
use crate::model::{Delta, Failure, Object};

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
        !self.choices.is_empty() && self.choices.iter().all(Progress::is_finished)
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
        if !self.is_whole {
            // One token's worth each time: the last would stand for all.
            extra.remove("logprobs");
        }
        if let Some(mut said) = said {
            extra.append(&mut said.extra);
            self.choices[at].said(said, self.is_whole, out)?;
        }
        // A finish reason `error` is explained beside it, if at all.
        let finished = self.choices[at].finish(&finish_reason, self.is_whole, out);
        self.extra(extra, out);
        if is_error(&error) { Err(self.failure(&error)) } else { finished }
    }

    fn failure(&self, error: &Value) -> Failure {
        classify::stream_error(DialectName::OpenAi, error, &self.quirks)
    }

    /// The place of the choice with this index.
    fn at(&mut self, index: u64) -> Result<usize, Failure> {
        let index = u32::try_from(index).unwrap_or(u32::MAX);
        if let Some(at) = self.choices.iter().position(|choice| choice.index() == index) {
            return Ok(at);
        }
        if index as usize >= MOST {
            return Err(malformed(format!("a choice has the index {index}")));
        }
        self.choices.push(Progress::new(index));
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
