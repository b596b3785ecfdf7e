//! OpenAI chat completions, and the many that imitate it
//! (<https://platform.openai.com/docs/api-reference/chat>). What imitators do differently is either read
//! leniently by everyone or a row of [`Quirks`].

mod answer;
mod chunk;
mod encode;
#[cfg(test)]
mod tests;

use serde_json::Value;

use self::answer::{Answer, is_error};
use self::chunk::Chunk;
use super::feed::Feed;
use super::{Call, Decoder, Dialect, DialectName, Encoded, Head, Quirks, classify};
use crate::base::sse::Event;
use crate::base::untrusted::clip;
use crate::model::response::malformed;
use crate::model::{Delta, Failure, FailureClass, Request};

/// The dialect.
#[derive(Clone, Copy, Debug)]
pub struct OpenAi;

impl Dialect for OpenAi {
    fn name(&self) -> DialectName {
        DialectName::OpenAi
    }

    fn encode(&self, request: &Request, call: &Call<'_>) -> Result<Encoded, Failure> {
        Ok(encode::encode(request, call))
    }

    fn decode(&self, body: &[u8], quirks: &Quirks) -> Result<Vec<Delta>, Failure> {
        let mut out = Vec::new();
        whole(body, quirks, &mut out)?;
        Ok(out)
    }

    fn decoder(&self, quirks: &Quirks) -> Box<dyn Decoder> {
        Box::new(Stream {
            feed: Feed::default(),
            answer: Answer::new(quirks, false),
            is_done: false,
            quirks: quirks.clone(),
        })
    }

    fn classify(&self, head: Head<'_>, body: &[u8], quirks: &Quirks) -> Failure {
        classify::classify(DialectName::OpenAi, head, body, quirks)
    }
}

fn whole(body: &[u8], quirks: &Quirks, out: &mut Vec<Delta>) -> Result<(), Failure> {
    let text = String::from_utf8_lossy(body);
    let chunk: Chunk<'_> = serde_json::from_str(&text).map_err(|error| {
        malformed(format!("the answer is not a chat completion: {error}: {}", clip(&text, 200)))
    })?;
    let is_empty = chunk.choices.as_ref().is_none_or(Vec::is_empty);
    if is_empty && !is_error(&chunk.error) {
        return Err(said_nothing(&text, &chunk, quirks));
    }
    Answer::new(quirks, true).push(chunk, out)
}

/// An object without choices: an error in some other shape, or nothing we know.
fn said_nothing(text: &str, chunk: &Chunk<'_>, quirks: &Quirks) -> Failure {
    if is_complaint(chunk) {
        let value: Value = serde_json::from_str(text).unwrap_or_default();
        return classify::stream_error(DialectName::OpenAi, &value, quirks);
    }
    malformed(format!("the answer has no choices: {}", clip(text, 200)))
}

/// An error that is not in an `error` field (`vLLM`, `FastAPI`).
fn is_complaint(chunk: &Chunk<'_>) -> bool {
    chunk.choices.is_none() && ["message", "detail"].iter().any(|name| chunk.extra.contains_key(*name))
}

#[derive(Debug)]
struct Stream {
    feed: Feed,
    answer: Answer,
    is_done: bool,
    quirks: Quirks,
}

impl Stream {
    fn event(&mut self, event: &Event, out: &mut Vec<Delta>) -> Result<(), Failure> {
        if !event.error.is_empty() {
            return Err(self.failure(&event.error));
        }
        let data = event.data.trim();
        if data == "[DONE]" {
            self.is_done = true;
        }
        if self.is_done || data.is_empty() {
            return Ok(());
        }
        let chunk: Chunk<'_> = serde_json::from_str(data).map_err(|error| {
            malformed(format!("a chunk of the stream cannot be read: {error}: {}", clip(data, 200)))
        })?;
        if is_complaint(&chunk) || (event.name == "error" && !is_error(&chunk.error)) {
            return Err(self.failure(data));
        }
        self.answer.push(chunk, out)
    }

    fn failure(&self, text: &str) -> Failure {
        let value = serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()));
        classify::stream_error(DialectName::OpenAi, &value, &self.quirks)
    }

    /// `[DONE]` ends a stream that has said how it ends or what it cost; without a finish reason and
    /// without usage a gateway may have written it after its upstream broke off.
    fn is_complete(&self) -> bool {
        if !self.is_done && !self.quirks.no_done {
            return false;
        }
        let is_allowed = self.quirks.no_finish || (self.is_done && self.answer.is_accounted());
        self.answer.is_finished() || is_allowed
    }
}

impl Decoder for Stream {
    fn push(&mut self, bytes: &[u8], out: &mut Vec<Delta>) -> Result<(), Failure> {
        for event in self.feed.push(bytes)? {
            self.event(&event, out)?;
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut Vec<Delta>) -> Result<(), Failure> {
        for event in self.feed.finish() {
            self.event(&event, out)?;
        }
        if let Some(body) = self.feed.body() {
            return whole(&body, &self.quirks, out);
        }
        if self.is_complete() {
            return Ok(());
        }
        let missing = if self.is_done { "a finish reason" } else { "its end marker" };
        Err(Failure::new(FailureClass::Truncated, format!("the stream ended without {missing}")))
    }
}
