//! OpenAI Responses (<https://platform.openai.com/docs/api-reference/responses>), and the few that imitate
//! it. Tools the provider runs itself (web search, code) are not calls to the client.

mod answer;
mod encode;
mod event;
#[cfg(test)]
mod tests;

use serde_json::Value;

use self::answer::Answer;
use self::event::{Event, Reply};
use super::feed::Feed;
use super::{Call, Decoder, Dialect, DialectName, Encoded, Head, Quirks, classify};
use crate::base::sse;
use crate::base::untrusted::clip;
use crate::model::response::malformed;
use crate::model::{Delta, Failure, FailureClass, Request};

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
        Box::new(Stream { feed: Feed::default(), answer: Answer::new(quirks), quirks: quirks.clone() })
    }

    fn classify(&self, head: Head<'_>, body: &[u8], quirks: &Quirks) -> Failure {
        classify::classify(DialectName::Responses, head, body, quirks)
    }
}

fn whole(body: &[u8], quirks: &Quirks, out: &mut Vec<Delta>) -> Result<(), Failure> {
    let text = String::from_utf8_lossy(body);
    let reply: Reply<'_> = serde_json::from_str(&text).map_err(|error| {
        malformed(format!("the answer is not a response object: {error}: {}", clip(&text, 200)))
    })?;
    if reply.output.is_none() {
        let is_complaint = ["message", "detail"].iter().any(|name| reply.extra.contains_key(*name));
        if is_complaint || !reply.error.is_null() {
            return Err(failure(&text, quirks));
        }
        return Err(malformed(format!("the answer has no output: {}", clip(&text, 200))));
    }
    Answer::new(quirks).reply(reply, out)
}

fn failure(text: &str, quirks: &Quirks) -> Failure {
    let value = serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()));
    classify::stream_error(DialectName::Responses, &value, quirks)
}

#[derive(Debug)]
struct Stream {
    feed: Feed,
    answer: Answer,
    quirks: Quirks,
}

impl Stream {
    fn event(&mut self, event: &sse::Event, out: &mut Vec<Delta>) -> Result<(), Failure> {
        if !event.error.is_empty() {
            return Err(failure(&event.error, &self.quirks));
        }
        let data = event.data.trim();
        if self.answer.is_complete() || data.is_empty() || data == "[DONE]" {
            return Ok(());
        }
        let mut parsed: Event<'_> = serde_json::from_str(data).map_err(|error| {
            malformed(format!("an event of the stream cannot be read: {error}: {}", clip(data, 200)))
        })?;
        if parsed.kind.text().is_empty() {
            parsed.kind = crate::dialect::loose::Loose::Text(event.name.as_str().into());
        }
        if parsed.kind.text() == "error" || parsed.error.is_object() {
            return Err(failure(data, &self.quirks));
        }
        self.answer.event(parsed, out)
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
        if self.answer.is_complete() {
            return Ok(());
        }
        Err(Failure::new(FailureClass::Truncated, "the stream ended without its terminal event"))
    }
}
