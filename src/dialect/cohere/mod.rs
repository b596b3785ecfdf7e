//! Cohere chat, version 2 (`POST {base}/chat`; the base address ends in `/v2`).
//! Source: Cohere's API reference, "Chat" and "Chat with streaming", version 2.

mod decode;
mod encode;
#[cfg(test)]
mod tests;

use super::feed::SseDecoder;
use super::{Call, Decoder, Dialect, DialectName, Encoded, Quirks};
use crate::model::{Delta, Failure, Request};

/// The dialect.
#[derive(Clone, Copy, Debug)]
pub struct Cohere;

impl Dialect for Cohere {
    fn name(&self) -> DialectName {
        DialectName::Cohere
    }

    fn encode(&self, request: &Request, call: &Call<'_>) -> Result<Encoded, Failure> {
        encode::encode(request, call)
    }

    fn decode(&self, body: &[u8], quirks: &Quirks) -> Result<Vec<Delta>, Failure> {
        decode::whole(body, quirks)
    }

    fn decoder(&self, quirks: &Quirks) -> Box<dyn Decoder> {
        Box::new(SseDecoder::new(self.name(), quirks, decode::Stream::new(quirks)))
    }
}
