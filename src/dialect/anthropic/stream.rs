//! Streams of Anthropic Messages.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::Value;

use super::super::body::Blocks as _;
use super::super::feed::Events;
use super::super::{DialectName, Quirks, body, classify};
use super::decode::{self, Answer, Block, Piece};
use crate::base::sse;
use crate::model::{Delta, Failure, Object};

/// Reads the events of a stream. The terminal event is `message_stop`.
pub(super) struct Stream {
    answer: Answer,
    is_over: bool,
    quirks: Quirks,
}

/// The event of which streams consist, as far as it matters.
#[derive(Deserialize)]
struct Common<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(default)]
    index: u64,
    delta: Option<Piece>,
}

impl Stream {
    /// A reader at the beginning of a stream.
    pub(super) fn new(quirks: &Quirks) -> Self {
        Self { answer: Answer::default(), is_over: false, quirks: quirks.clone() }
    }

    /// Any event, however it looks.
    fn other(&mut self, mut event: Object, name: &str, out: &mut Vec<Delta>) -> Result<(), Failure> {
        if decode::is_error(&event) {
            return Err(classify::stream_error(DialectName::Anthropic, &Value::Object(event), &self.quirks));
        }
        let index = body::count(event.get("index")).unwrap_or(0);
        match body::text(&event, "type").as_deref().unwrap_or(name) {
            "message_start" => self.answer.start(body::take_object(&mut event, "message"), out),
            "content_block_start" => {
                let block = event.remove("content_block").unwrap_or_default();
                self.answer.begin(index, block, out);
            }
            "content_block_delta" => self.piece(index, body::take_object(&mut event, "delta"), out),
            "content_block_stop" => self.answer.end(index, out),
            "message_delta" => {
                let mut delta = body::take_object(&mut event, "delta");
                let usage = body::take_object(&mut event, "usage");
                self.answer.use_tokens(usage, out);
                self.answer.stop(delta.remove("stop_reason").as_ref(), out);
                self.answer.extra.extend(body::rest(delta, &[]));
                self.answer.extra.extend(body::rest(event, &["type"]));
            }
            "message_stop" => {
                self.is_over = true;
                self.answer.close(out);
            }
            _ => {}
        }
        Ok(())
    }

    fn piece(&mut self, index: u64, mut delta: Object, out: &mut Vec<Delta>) {
        self.answer.citations.extend(delta.remove("citation"));
        let mut take = |key| delta.remove(key).map(|value| decode::string(Some(value)));
        let (text, thinking) = (take("text"), take("thinking"));
        let (partial_json, signature) = (take("partial_json"), take("signature"));
        self.answer.more(index, Piece { text, thinking, partial_json, signature }, out);
        // Kinds of blocks we do not know have kinds of deltas we do not know: their fields are the block's.
        if let Some(Block::Other(Value::Object(block), _)) = self.answer.open.get_mut(&index) {
            block.extend(body::rest(delta, &["type"]));
        }
    }
}

impl Events for Stream {
    fn event(&mut self, event: &sse::Event, out: &mut Vec<Delta>) -> Result<(), Failure> {
        if self.is_over {
            return Ok(());
        }
        if let Ok(Common { kind, index, delta: Some(piece) }) = serde_json::from_str(&event.data)
            && kind == "content_block_delta"
            && piece.is_known()
        {
            self.answer.more(index, piece, out);
            return Ok(());
        }
        self.other(body::object(event.data.as_bytes())?, &event.name, out)
    }

    fn body(&mut self, body: &[u8], out: &mut Vec<Delta>) -> Result<(), Failure> {
        out.extend(decode::whole(body, &self.quirks)?);
        Ok(())
    }

    fn is_complete(&self) -> bool {
        self.is_over
    }

    fn end(&mut self) -> Result<(), Failure> {
        if self.is_over { Ok(()) } else { Err(body::truncated("message_stop event")) }
    }
}
