//! Ollama's own chat (`POST {base}/api/chat`; the base address is the server's).
//! Source: Ollama's `docs/api.md`, "Generate a chat completion".

mod decode;
mod encode;
#[cfg(test)]
mod tests;

use super::{Call, Decoder, Dialect, DialectName, Encoded, Quirks};
use crate::model::{Delta, Failure, Request};

/// The dialect.
#[derive(Clone, Copy, Debug)]
pub struct Ollama;

impl Dialect for Ollama {
    fn name(&self) -> DialectName {
        DialectName::Ollama
    }

    fn encode(&self, request: &Request, call: &Call<'_>) -> Result<Encoded, Failure> {
        encode::encode(request, call)
    }

    fn decode(&self, body: &[u8], quirks: &Quirks) -> Result<Vec<Delta>, Failure> {
        decode::whole(body, quirks)
    }

    fn decoder(&self, quirks: &Quirks) -> Box<dyn Decoder> {
        Box::new(decode::Stream::new(quirks))
    }
}
