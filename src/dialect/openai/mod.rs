//! OpenAI chat completions, and the many that imitate it
//! (<https://platform.openai.com/docs/api-reference/chat>). What imitators do differently is either read
//! leniently by everyone or a row of [`Quirks`].

mod answer;
mod choice;
mod chunk;
mod encode;
#[cfg(test)]
mod tests;

use self::answer::{Answer, is_error};
use self::chunk::Chunk;
use super::feed::{Events, SseDecoder};
use super::{Call, Decoder, Dialect, DialectName, Encoded, Quirks, body, classify};
use crate::base::sse::Event;
use crate::base::untrusted::clip;
use crate::model::response::malformed;
use crate::model::{Delta, Failure, Request};

/// The dialect.
#[derive(Clone, Copy, Debug)]
pub struct OpenAi;

impl Dialect for OpenAi {
    fn name(&self) -> DialectName {
        DialectName::OpenAi
    }

    fn encode(&self, request: &Request, call: &Call<'_>) -> Result<Encoded, Failure> {
        encode::encode(request, call)
    }

    fn decode(&self, body: &[u8], quirks: &Quirks) -> Result<Vec<Delta>, Failure> {
        let mut out = Vec::new();
        whole(body, quirks, &mut out)?;
        Ok(out)
    }

    fn decoder(&self, quirks: &Quirks) -> Box<dyn Decoder> {
        let answer = Answer::new(quirks, false);
        let reader = Stream { answer, is_done: false, quirks: quirks.clone() };
        Box::new(SseDecoder::new(self.name(), quirks, reader))
    }
}

fn whole(bytes: &[u8], quirks: &Quirks, out: &mut Vec<Delta>) -> Result<(), Failure> {
    let text = String::from_utf8_lossy(bytes);
    let chunk: Chunk<'_> = body::parse(&text, "the answer is not a chat completion")?;
    let is_empty = chunk.choices.as_ref().is_none_or(Vec::is_empty);
    if is_empty && !is_error(&chunk.error) {
        return Err(if is_complaint(&chunk) {
            classify::stream_error_text(DialectName::OpenAi, &text, quirks)
        } else {
            malformed(format!("the answer has no choices: {}", clip(&text, 200)))
        });
    }
    Answer::new(quirks, true).push(chunk, out)
}

/// An error that is not in an `error` field.
fn is_complaint(chunk: &Chunk<'_>) -> bool {
    chunk.choices.is_none() && body::is_complaint(&chunk.extra)
}

/// Reads the chunks of a stream. The terminal event is `[DONE]`.
#[derive(Debug)]
struct Stream {
    answer: Answer,
    is_done: bool,
    quirks: Quirks,
}

impl Stream {
    /// `[DONE]` ends a stream that has said how it ends or what it cost; without a finish reason and
    /// without usage a gateway may have written it after its upstream broke off.
    fn is_whole(&self) -> bool {
        if !self.is_done && !self.quirks.no_done {
            return false;
        }
        let is_allowed = self.quirks.no_finish || (self.is_done && self.answer.is_accounted());
        self.answer.is_finished() || is_allowed
    }
}

impl Events for Stream {
    fn event(&mut self, event: &Event, out: &mut Vec<Delta>) -> Result<(), Failure> {
        if self.is_done {
            return Ok(());
        }
        let chunk: Chunk<'_> = body::parse(&event.data, "a chunk of the stream cannot be read")?;
        if is_complaint(&chunk) || (event.name == "error" && !is_error(&chunk.error)) {
            return Err(classify::stream_error_text(DialectName::OpenAi, &event.data, &self.quirks));
        }
        self.answer.push(chunk, out)
    }

    fn done(&mut self) {
        self.is_done = true;
    }

    fn body(&mut self, body: &[u8], out: &mut Vec<Delta>) -> Result<(), Failure> {
        whole(body, &self.quirks, out)
    }

    /// A stream that may end without any mark ends with its connection.
    fn is_complete(&self) -> bool {
        (self.is_done || self.answer.is_finished()) && self.is_whole()
    }

    fn end(&mut self) -> Result<(), Failure> {
        if self.is_whole() {
            return Ok(());
        }
        Err(body::truncated(if self.is_done { "finish reason" } else { "end marker" }))
    }
}
