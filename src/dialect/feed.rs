//! The bytes of a streamed answer as events; or, where a server ignores the wish for a stream, as one body.

use serde::de::IgnoredAny;

use crate::base::sse::{self, Event};
use crate::model::Failure;
use crate::model::response::malformed;

/// Bytes in, events out.
#[derive(Debug, Default)]
pub(super) struct Feed {
    parser: sse::Parser,
    /// The body, when the first byte says that this is a JSON object and no event stream.
    body: Option<Vec<u8>>,
    began: bool,
}

impl Feed {
    /// Takes bytes; gives the events they complete.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<Vec<Event>, Failure> {
        if !self.began {
            let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
            self.began = first.is_some();
            if first == Some(&b'<') {
                return Err(malformed("the answer is a web page, not a stream"));
            }
            self.body = (first == Some(&b'{')).then(Vec::new);
        }
        let mut events = Vec::new();
        match &mut self.body {
            Some(body) if body.len() + bytes.len() > sse::LIMIT => {
                return Err(malformed(sse::TooLong.to_string()));
            }
            Some(body) => body.extend_from_slice(bytes),
            None => self.parser.push(bytes, &mut events).map_err(|error| malformed(error.to_string()))?,
        }
        Ok(events)
    }

    /// The connection closed: the last event, if its blank line is missing but nothing else.
    pub(super) fn finish(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        self.parser.finish(&mut events);
        events.retain(|event| {
            !event.error.is_empty() || event.data.trim() == "[DONE]" || is_whole(event.data.as_bytes())
        });
        events
    }

    /// The whole body, when it was no event stream and was not cut.
    pub(super) fn body(&mut self) -> Option<Vec<u8>> {
        self.body.take().filter(|body| is_whole(body))
    }
}

/// Whether this is an object to its last brace.
fn is_whole(json: &[u8]) -> bool {
    json.trim_ascii_start().starts_with(b"{") && serde_json::from_slice::<IgnoredAny>(json).is_ok()
}
