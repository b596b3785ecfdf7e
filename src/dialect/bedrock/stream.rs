//! Streams of Bedrock Converse, in AWS event stream frames.

use serde::Deserialize;
use serde_json::{Value, json};

use super::super::body::Blocks as _;
use super::super::{Decoder, DialectName, Quirks, body, classify};
use super::decode::{Answer, Piece};
use crate::base::eventstream::{Frame, Parser};
use crate::model::response::malformed;
use crate::model::{Delta, Failure};

/// Decodes a stream of frames. The terminal event is `messageStop`; `metadata` follows it.
pub(super) struct Stream {
    parser: Parser,
    answer: Answer,
    is_over: bool,
    quirks: Quirks,
}

/// The payload of a `contentBlockDelta`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BlockDelta {
    #[serde(default)]
    content_block_index: u64,
    delta: Piece,
}

impl Stream {
    /// A decoder at the beginning of a stream.
    pub(super) fn new(quirks: &Quirks) -> Self {
        Self { parser: Parser::default(), answer: Answer::default(), is_over: false, quirks: quirks.clone() }
    }

    fn frame(&mut self, frame: &Frame, out: &mut Vec<Delta>) -> Result<(), Failure> {
        if frame.header(":message-type").is_some_and(|kind| kind != "event") {
            return Err(self.exception(frame));
        }
        let kind = frame.header(":event-type").unwrap_or_default();
        if kind == "contentBlockDelta" {
            let BlockDelta { content_block_index, delta } = serde_json::from_slice(&frame.payload)
                .map_err(|error| malformed(format!("an event of the stream is unreadable: {error}")))?;
            self.answer.more(content_block_index, delta, out);
            return Ok(());
        }
        let mut event = body::object(&frame.payload)?;
        let index = body::count(event.get("contentBlockIndex")).unwrap_or(0);
        match kind {
            "contentBlockStart" => self.answer.begin(index, body::take_object(&mut event, "start"), out),
            "contentBlockStop" => self.answer.end(index, out),
            "messageStop" => {
                self.is_over = true;
                self.answer.stop(event.remove("stopReason").as_ref(), out);
                self.answer.extra.extend(body::rest(event, &["p"]));
            }
            "metadata" => self.answer.metadata(event, out),
            _ => {}
        }
        Ok(())
    }

    /// An exception frame names its type in a header and explains it in the payload; an error frame does
    /// both in headers.
    fn exception(&self, frame: &Frame) -> Failure {
        let payload: Value = serde_json::from_slice(&frame.payload).unwrap_or_default();
        let kind = frame.header(":exception-type").or_else(|| frame.header(":error-code"));
        let message = payload.get("message").or_else(|| payload.get("Message")).and_then(Value::as_str);
        let message = message.or_else(|| frame.header(":error-message"));
        let mut value = json!({ "type": kind, "message": message.unwrap_or("the stream broke off") });
        if let Some(status) = payload.get("originalStatusCode") {
            value["originalStatusCode"] = status.clone();
        }
        classify::stream_error(DialectName::Bedrock, &value, &self.quirks)
    }
}

impl Decoder for Stream {
    fn push(&mut self, bytes: &[u8], out: &mut Vec<Delta>) -> Result<(), Failure> {
        let mut frames = Vec::new();
        let parsed = self.parser.push(bytes, &mut frames);
        for frame in &frames {
            self.frame(frame, out)?;
        }
        parsed.map_err(|error| malformed(error.to_string()))
    }

    fn finish(&mut self, out: &mut Vec<Delta>) -> Result<(), Failure> {
        self.answer.close(out);
        if self.is_over { Ok(()) } else { Err(body::truncated("messageStop event")) }
    }

    fn is_complete(&self) -> bool {
        self.is_over
    }
}
