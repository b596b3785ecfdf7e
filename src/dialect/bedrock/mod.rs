//! Bedrock Converse (`POST {base}/model/{id}/converse` and `…/converse-stream`; the base address is the
//! region's `https://bedrock-runtime.{region}.amazonaws.com`). Requests leave here unsigned.
//! Source: Amazon Bedrock API reference, `Converse` and `ConverseStream`.

mod decode;
mod encode;
mod stream;
#[cfg(test)]
mod tests;

use super::{Call, Decoder, Dialect, DialectName, Encoded, Quirks};
use crate::model::{Delta, Failure, Request};

/// The dialect.
#[derive(Clone, Copy, Debug)]
pub struct Bedrock;

impl Dialect for Bedrock {
    fn name(&self) -> DialectName {
        DialectName::Bedrock
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
