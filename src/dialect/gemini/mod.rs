//! Gemini generateContent (`POST {base}/models/{model}:generateContent`; the base address ends in
//! `/v1beta`, or on Vertex AI in `/publishers/google`).
//! Source: Gemini API reference, "Generating content"; Vertex AI reference, "Inference".

mod decode;
mod encode;
mod finish;
mod stream;
#[cfg(test)]
mod tests;

use super::{Call, Decoder, Dialect, DialectName, Encoded, Quirks};
use crate::model::{Delta, Failure, Request};

/// The dialect.
#[derive(Clone, Copy, Debug)]
pub struct Gemini;

impl Dialect for Gemini {
    fn name(&self) -> DialectName {
        DialectName::Gemini
    }

    fn encode(&self, request: &Request, call: &Call<'_>) -> Result<Encoded, Failure> {
        encode::encode(request, call)
    }

    fn decode(&self, body: &[u8], quirks: &Quirks) -> Result<Vec<Delta>, Failure> {
        decode::whole(body, quirks)
    }

    fn decoder(&self, quirks: &Quirks) -> Box<dyn Decoder> {
        Box::new(stream::Stream::new(quirks))
    }
}
