//! Server-sent events as the streams of four dialects, driven the same way for each; or, where a server
//! ignores the wish for a stream, one body.

use serde::de::IgnoredAny;

use super::{Decoder, DialectName, Quirks, classify};
use crate::base::sse::{self, Event};
use crate::model::response::malformed;
use crate::model::{Delta, Failure};

/// What ends OpenAI's streams. OpenRouter closes Anthropic's with it too, and Cohere writes it.
const DONE: &str = "[DONE]";

/// What reads the events of one streamed answer.
pub(super) trait Events: Send {
    /// Takes an event whose data is neither empty nor `[DONE]`.
    fn event(&mut self, event: &Event, out: &mut Vec<Delta>) -> Result<(), Failure>;

    /// The marker `[DONE]` has come. It means nothing where the dialect has a terminal event of its own.
    fn done(&mut self) {}

    /// Takes the whole answer, which came as one body.
    fn body(&mut self, body: &[u8], out: &mut Vec<Delta>) -> Result<(), Failure>;

    /// Whether what ends the stream has been seen.
    fn is_complete(&self) -> bool;

    /// The stream is over. Fails when its terminal event has not been seen.
    fn end(&mut self) -> Result<(), Failure>;
}

/// Decodes server-sent events with a reader of their data.
#[derive(Debug)]
pub(super) struct SseDecoder<E> {
    parser: sse::Parser,
    /// The body, when the first byte says that this is a JSON object and no event stream.
    body: Option<Vec<u8>>,
    began: bool,
    reader: E,
    dialect: DialectName,
    quirks: Quirks,
}

impl<E: Events> SseDecoder<E> {
    /// A decoder at the beginning of a stream.
    pub(super) fn new(dialect: DialectName, quirks: &Quirks, reader: E) -> Self {
        Self {
            parser: sse::Parser::default(),
            body: None,
            began: false,
            reader,
            dialect,
            quirks: quirks.clone(),
        }
    }

    /// Finds out by the first byte what comes.
    fn begin(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
        self.began = first.is_some();
        self.body = (first == Some(&b'{')).then(Vec::new);
        if first == Some(&b'<') { Err(malformed("the answer is a web page, not a stream")) } else { Ok(()) }
    }

    fn read(&mut self, events: &[Event], out: &mut Vec<Delta>) -> Result<(), Failure> {
        for event in events {
            if !event.error.is_empty() {
                return Err(classify::stream_error_text(self.dialect, &event.error, &self.quirks));
            }
            match event.data.trim() {
                "" => {}
                DONE => self.reader.done(),
                _ => self.reader.event(event, out)?,
            }
        }
        Ok(())
    }
}

impl<E: Events> Decoder for SseDecoder<E> {
    fn push(&mut self, bytes: &[u8], out: &mut Vec<Delta>) -> Result<(), Failure> {
        if !self.began {
            self.begin(bytes)?;
        }
        if let Some(body) = &mut self.body {
            if body.len() + bytes.len() > sse::LIMIT {
                return Err(malformed(sse::TooLong.to_string()));
            }
            body.extend_from_slice(bytes);
            return Ok(());
        }
        let mut events = Vec::new();
        let framed = self.parser.push(bytes, &mut events);
        self.read(&events, out)?;
        framed.map_err(|error| malformed(error.to_string()))
    }

    /// The last event counts if its blank line is missing but nothing else.
    fn finish(&mut self, out: &mut Vec<Delta>) -> Result<(), Failure> {
        let mut events = Vec::new();
        self.parser.finish(&mut events);
        events.retain(|event| match event.error.as_str() {
            "" => event.data.trim() == DONE || is_whole(event.data.as_bytes()),
            error => !error.starts_with('{') || is_whole(error.as_bytes()),
        });
        self.read(&events, out)?;
        match self.body.take().filter(|body| is_whole(body)) {
            Some(body) => self.reader.body(&body, out),
            None => self.reader.end(),
        }
    }

    /// An answer that comes as one body is over when its connection is.
    fn is_complete(&self) -> bool {
        self.body.is_none() && self.reader.is_complete()
    }
}

/// Whether this is an object to its last brace.
fn is_whole(json: &[u8]) -> bool {
    json.trim_ascii_start().starts_with(b"{") && serde_json::from_slice::<IgnoredAny>(json).is_ok()
}
