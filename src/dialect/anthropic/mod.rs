//! Anthropic Messages (`POST {base}/messages`; the base address ends in `/v1`).
//! Source: Anthropic's API reference, "Messages" and "Streaming messages", version 2023-06-01.

mod decode;
mod encode;
mod stream;
#[cfg(test)]
mod tests;

use super::feed::SseDecoder;
use super::{Call, Decoder, Dialect, DialectName, Encoded, Quirks};
use crate::model::{Delta, Failure, Request};

/// The dialect.
#[derive(Clone, Copy, Debug)]
pub struct Anthropic;

impl Dialect for Anthropic {
    fn name(&self) -> DialectName {
        DialectName::Anthropic
    }

    fn encode(&self, request: &Request, call: &Call<'_>) -> Result<Encoded, Failure> {
        encode::encode(request, call)
    }

    fn decode(&self, body: &[u8], quirks: &Quirks) -> Result<Vec<Delta>, Failure> {
        decode::whole(body, quirks)
    }

    fn decoder(&self, quirks: &Quirks) -> Box<dyn Decoder> {
        Box::new(SseDecoder::new(self.name(), quirks, stream::Stream::new(quirks)))
    }
}
