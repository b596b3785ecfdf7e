//! OpenAI Responses (<https://platform.openai.com/docs/api-reference/responses>), and the few that imitate
//! it. Tools the provider runs itself (web search, code) are not calls to the client.

mod answer;
mod encode;
mod event;
mod item;
#[cfg(test)]
mod tests;

use self::answer::Answer;
use self::event::{Event, Reply};
use super::feed::{Events, SseDecoder};
use super::loose::Loose;
use super::{Call, Decoder, Dialect, DialectName, Encoded, Quirks, body, classify};
use crate::base::sse;
use crate::base::untrusted::clip;
use crate::model::response::malformed;
use crate::model::{Delta, Failure, Request};

/// The dialect.
#[derive(Clone, Copy, Debug)]
pub struct Responses;

impl Dialect for Responses {
    fn name(&self) -> DialectName {
        DialectName::Responses
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
        let reader = Stream { answer: Answer::new(quirks), quirks: quirks.clone() };
        Box::new(SseDecoder::new(self.name(), quirks, reader))
    }
}

fn whole(bytes: &[u8], quirks: &Quirks, out: &mut Vec<Delta>) -> Result<(), Failure> {
    let text = String::from_utf8_lossy(bytes);
    let reply: Reply<'_> = body::parse(&text, "the answer is not a response object")?;
    if reply.output.is_none() {
        return Err(if body::is_complaint(&reply.extra) || !reply.error.is_null() {
            classify::stream_error_text(DialectName::Responses, &text, quirks)
        } else {
            malformed(format!("the answer has no output: {}", clip(&text, 200)))
        });
    }
    Answer::new(quirks).reply(reply, out)
}

/// Reads the events of a stream. The terminal event carries the response object in its final state.
#[derive(Debug)]
struct Stream {
    answer: Answer,
    quirks: Quirks,
}

impl Events for Stream {
    fn event(&mut self, event: &sse::Event, out: &mut Vec<Delta>) -> Result<(), Failure> {
        if self.answer.is_complete() {
            return Ok(());
        }
        let mut parsed: Event<'_> = body::parse(&event.data, "an event of the stream cannot be read")?;
        if parsed.kind.text().is_empty() {
            parsed.kind = Loose::Text(event.name.as_str().into());
        }
        if parsed.kind.text() == "error" || parsed.error.is_object() {
            return Err(classify::stream_error_text(DialectName::Responses, &event.data, &self.quirks));
        }
        self.answer.event(parsed, out)
    }

    fn body(&mut self, body: &[u8], out: &mut Vec<Delta>) -> Result<(), Failure> {
        whole(body, &self.quirks, out)
    }

    fn is_complete(&self) -> bool {
        self.answer.is_complete()
    }

    fn end(&mut self) -> Result<(), Failure> {
        if self.answer.is_complete() { Ok(()) } else { Err(body::truncated("terminal event")) }
    }
}
