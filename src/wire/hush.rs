//! Keeps a credential out of what a provider says about it: some repeat the key in their complaint.

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};

use super::WireError;

/// What stands in place of a credential.
const MASK: &[u8] = b"[key]";
/// A complaint is not read beyond this.
const LARGEST: usize = 1 << 20;
/// Shorter ones would mask ordinary words.
const SHORTEST: usize = 8;

/// An error's body with the credential masked, as one piece, so that no boundary of chunks hides it.
pub(super) fn hushed(
    mut body: BoxStream<'static, Result<Bytes, WireError>>,
    header_value: &[u8],
) -> BoxStream<'static, Result<Bytes, WireError>> {
    let key = header_value.strip_prefix(b"Bearer ").unwrap_or(header_value).to_vec();
    let read = async move {
        let mut bytes = Vec::new();
        while let Some(chunk) = body.next().await {
            bytes.extend_from_slice(&chunk?);
            if bytes.len() > LARGEST {
                break;
            }
        }
        Ok(Bytes::from(masked(&bytes, &key)))
    };
    stream::once(read).boxed()
}

fn masked(text: &[u8], key: &[u8]) -> Vec<u8> {
    if key.len() < SHORTEST {
        return text.to_vec();
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.windows(key.len()).position(|window| window == key) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(MASK);
        rest = &rest[at + key.len()..];
    }
    out.extend_from_slice(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_key_is_masked_wherever_the_chunks_part() {
        let text = b"{\"error\":\"wrong key sk-canary-0123456789, again sk-canary-0123456789!\"}";
        for cut in 0..text.len() {
            let chunks = [&text[..cut], &text[cut..]].map(|chunk| Ok(Bytes::copy_from_slice(chunk)));
            let mut body = hushed(stream::iter(chunks).boxed(), b"Bearer sk-canary-0123456789");
            let whole = body.next().await.unwrap().unwrap();
            assert_eq!(whole, &b"{\"error\":\"wrong key [key], again [key]!\"}"[..]);
            assert!(body.next().await.is_none());
        }
    }

    #[test]
    fn a_text_without_the_key_stays_and_short_keys_are_no_words() {
        assert_eq!(masked(b"plain", b"sk-canary-0123456789"), b"plain");
        assert_eq!(masked(b"a test of test", b"test"), b"a test of test");
    }
}
