//! Keeps a credential out of what a provider says: some repeat the key in their complaint, which may come as
//! an error's body, as an event of a stream that began well, or in a header.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use http::{HeaderMap, HeaderValue};
use memchr::memmem::Finder;

use super::WireError;

/// What stands in place of a credential.
const MASK: &[u8] = b"[key]";
/// Shorter ones would mask ordinary words.
const SHORTEST: usize = 8;

/// The schemes that a credential stands behind (RFC 9110, section 11.1: the registered ones that carry one, and
/// those that APIs made up).
const SCHEMES: [&[u8]; 6] = [b"bearer", b"basic", b"token", b"apikey", b"api-key", b"key"];

/// A credential as it would be repeated.
#[derive(Clone)]
pub(super) struct Secret(Arc<Finder<'static>>);

impl Secret {
    /// The secrets in a header's value, in the order in which they are to be looked for: what follows the scheme;
    /// where the first word is none that is known, the whole and then what follows that word.
    pub(super) fn all(header_value: &[u8]) -> Vec<Self> {
        let at = memchr::memchr(b' ', header_value);
        let (first, rest) =
            at.map_or((&b""[..], None), |at| (&header_value[..at], Some(&header_value[at + 1..])));
        let is_scheme = SCHEMES.iter().any(|scheme| scheme.eq_ignore_ascii_case(first));
        let whole = Some(header_value).filter(|_| !is_scheme);
        whole.into_iter().chain(rest.map(<[u8]>::trim_ascii)).filter_map(Self::of).collect()
    }

    /// A secret as it stands; none where it is too short to be told from a word.
    fn of(key: &[u8]) -> Option<Self> {
        (key.len() >= SHORTEST).then(|| Self(Arc::new(Finder::new(key).into_owned())))
    }

    /// The headers with the secret masked.
    pub(super) fn hush_headers(&self, headers: &mut HeaderMap) {
        for value in headers.values_mut() {
            let Some(masked) = self.masked(value.as_bytes()) else { continue };
            // The mask is made of what a header may hold, and the rest came from one.
            if let Ok(masked) = HeaderValue::from_bytes(&masked) {
                *value = masked;
            }
        }
    }

    /// The body with the secret masked wherever its chunks part. Chunks are passed on as they come, uncopied:
    /// only the end of one that may be the beginning of the secret waits for the next.
    pub(super) fn hush(
        self,
        body: BoxStream<'static, Result<Bytes, WireError>>,
    ) -> BoxStream<'static, Result<Bytes, WireError>> {
        let hushing = Hushing { secret: self, body: body.fuse(), held: Bytes::new(), failure: None };
        stream::unfold(hushing, |mut hushing| async { Some((hushing.next().await?, hushing)) }).boxed()
    }

    /// The text with the secret masked; `None` where it does not hold it.
    fn masked(&self, text: &[u8]) -> Option<Vec<u8>> {
        let mut at = self.0.find(text)?;
        let (mut out, mut rest) = (Vec::with_capacity(text.len()), text);
        loop {
            out.extend_from_slice(&rest[..at]);
            out.extend_from_slice(MASK);
            rest = &rest[at + self.0.needle().len()..];
            match self.0.find(rest) {
                Some(next) => at = next,
                None => break,
            }
        }
        out.extend_from_slice(rest);
        Some(out)
    }

    /// How many bytes at the end of a text may be the beginning of the secret.
    fn begun(&self, text: &[u8]) -> usize {
        let key = self.0.needle();
        // Events end with a line, which no header and so no key holds: most chunks end the search here.
        if text.last().is_none_or(|last| memchr::memchr(*last, key).is_none()) {
            return 0;
        }
        let most = text.len().min(key.len() - 1);
        (1..=most).rev().find(|n| text.ends_with(&key[..*n])).unwrap_or(0)
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

/// A secret looked for in a body.
struct Hushing {
    secret: Secret,
    body: stream::Fuse<BoxStream<'static, Result<Bytes, WireError>>>,
    /// The end of what has come, which may be the beginning of the secret.
    held: Bytes,
    /// How the body broke, told after what was held back.
    failure: Option<WireError>,
}

impl Hushing {
    async fn next(&mut self) -> Option<Result<Bytes, WireError>> {
        while let Some(next) = self.body.next().await {
            let chunk = match next {
                Ok(chunk) => self.push(chunk),
                Err(error) => {
                    self.failure = Some(error);
                    break;
                }
            };
            if !chunk.is_empty() {
                return Some(Ok(chunk));
            }
        }
        let rest = self.finish();
        if rest.is_empty() { self.failure.take().map(Err) } else { Some(Ok(rest)) }
    }

    /// Takes a chunk and gives what is sure not to be part of the secret.
    fn push(&mut self, chunk: Bytes) -> Bytes {
        let text = if self.held.is_empty() { chunk } else { joined(&self.held, &chunk) };
        let mut text = self.secret.masked(&text).map_or(text, Bytes::from);
        self.held = text.split_off(text.len() - self.secret.begun(&text));
        text
    }

    /// What was held back, when nothing follows.
    fn finish(&mut self) -> Bytes {
        std::mem::take(&mut self.held)
    }
}

fn joined(first: &[u8], second: &[u8]) -> Bytes {
    let mut both = BytesMut::with_capacity(first.len() + second.len());
    both.extend_from_slice(first);
    both.extend_from_slice(second);
    both.freeze()
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use proptest::prelude::*;

    use super::*;
    use crate::model::FailureClass;

    const KEY: &str = "sk-canary-0123456789";

    fn secret() -> Secret {
        Secret::all(format!("Bearer {KEY}").as_bytes()).remove(0)
    }

    fn hushed(secret: Secret, chunks: Vec<Result<Bytes, WireError>>) -> Vec<Result<Bytes, WireError>> {
        let body = secret.hush(stream::iter(chunks).boxed());
        body.collect::<Vec<_>>().now_or_never().unwrap()
    }

    fn whole(chunks: Vec<Result<Bytes, WireError>>) -> Vec<u8> {
        chunks.into_iter().flat_map(|chunk| chunk.unwrap().to_vec()).collect()
    }

    #[expect(clippy::unnecessary_wraps, reason = "as the chunks of a body are")]
    fn chunk(text: &[u8]) -> Result<Bytes, WireError> {
        Ok(Bytes::copy_from_slice(text))
    }

    #[test]
    fn a_chunk_without_the_key_passes_uncopied_and_at_once() {
        let event = Bytes::from_static(b"data: {\"text\":\"plain\"}\n\n");
        let passed = hushed(secret(), vec![Ok(event.clone())]);
        assert_eq!(passed.len(), 1);
        assert_eq!(passed[0].as_ref().unwrap().as_ptr(), event.as_ptr());
    }

    #[test]
    fn what_may_be_the_beginning_of_the_key_is_not_lost_when_the_body_ends_or_breaks() {
        let broken = WireError { class: FailureClass::Truncated, message: "broke".into(), was_sent: true };
        for text in ["it ends in s", "it ends in sk-canary-012345678"] {
            assert_eq!(whole(hushed(secret(), vec![chunk(text.as_bytes())])), text.as_bytes());
            let mut parts = hushed(secret(), vec![chunk(text.as_bytes()), Err(broken.clone())]);
            assert_eq!(parts.pop(), Some(Err(broken.clone())));
            assert_eq!(whole(parts), text.as_bytes());
        }
    }

    #[test]
    fn short_keys_are_ordinary_words() {
        assert!(Secret::all(b"Bearer test").is_empty());
        assert!(Secret::all(b"test").is_empty());
        assert_eq!(Secret::all(b"12345678").len(), 1);
    }

    #[test]
    fn a_key_is_masked_with_and_without_the_word_it_stands_behind() {
        let cases = [
            ("Bearer sk-canary-0123", "bad sk-canary-0123!", "bad [key]!"),
            ("bearer sk-canary-0123", "bad sk-canary-0123!", "bad [key]!"),
            ("Basic dXNlcjpwYXNz", "bad dXNlcjpwYXNz!", "bad [key]!"),
            ("Basic dXNlcjpwYXNz", "Basic auth", "Basic auth"),
            ("Token 0123456789", "bad Token 0123456789", "bad Token [key]"),
            ("Own-Scheme 0123456789", "bad 0123456789", "bad [key]"),
            ("first-half second-half", "bad first-half second-half", "bad [key]"),
        ];
        for (value, said, shown) in cases {
            let mut text = said.as_bytes().to_vec();
            for secret in Secret::all(value.as_bytes()) {
                text = secret.masked(&text).unwrap_or(text);
            }
            assert_eq!(String::from_utf8(text).unwrap(), shown, "{value}");
        }
    }

    #[test]
    fn a_header_that_repeats_the_key_is_masked_and_others_stay() {
        let mut headers = HeaderMap::new();
        headers.insert("x-debug", HeaderValue::from_str(&format!("you sent Bearer {KEY}.")).unwrap());
        headers.insert("retry-after", HeaderValue::from_static("2"));
        secret().hush_headers(&mut headers);
        assert_eq!(headers["x-debug"], "you sent Bearer [key].");
        assert_eq!(headers["retry-after"], "2");
    }

    #[test]
    fn the_secret_itself_is_not_shown() {
        assert_eq!(format!("{:?}", secret()), "Secret");
    }

    /// Texts of whole keys, pieces of keys and other letters.
    fn text() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            Just(KEY.to_owned()),
            (0..KEY.len()).prop_map(|n| KEY[..n].to_owned()),
            (0..KEY.len()).prop_map(|n| KEY[n..].to_owned()),
            "[sk0 \n-]{0,6}",
        ];
        prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn any_split_of_the_bytes_gives_the_text_with_every_key_masked(
            text in text(),
            cuts in prop::collection::vec(0.0..1.0, 0..12),
        ) {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a place in a short text")]
            let mut cuts: Vec<usize> = cuts.iter().map(|at: &f64| (at * text.len() as f64) as usize).collect();
            cuts.extend([0, text.len()]);
            cuts.sort_unstable();
            let chunks = cuts.windows(2).map(|pair| chunk(&text.as_bytes()[pair[0]..pair[1]])).collect();
            let got = String::from_utf8(whole(hushed(secret(), chunks))).unwrap();
            prop_assert_eq!(&got, &text.replace(KEY, "[key]"));
        }

        #[test]
        fn a_key_that_repeats_its_own_beginning_is_found_wherever_the_chunks_part(
            text in "[ab]{0,60}",
            size in 1..9_usize,
        ) {
            let key = "aabaabaa";
            let chunks = text.as_bytes().chunks(size).map(chunk).collect();
            let got = String::from_utf8(whole(hushed(Secret::of(key.as_bytes()).unwrap(), chunks))).unwrap();
            prop_assert_eq!(&got, &text.replace(key, "[key]"));
        }
    }
}
