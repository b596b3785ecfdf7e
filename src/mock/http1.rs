//! HTTP/1.1 requests, parsed incrementally from bytes in any chunking (RFC 9112). Pure: no sockets.

use bytes::{Buf, Bytes, BytesMut};

/// The largest head: 32 KiB, above any client's.
pub(super) const MOST_HEAD: usize = 32 << 10;

/// The largest body: 64 MiB, twice what the largest provider limit accepts.
pub(super) const MOST_BODY: usize = 64 << 20;

/// The longest line that gives the size of a chunk, extensions included.
const MOST_CHUNK_LINE: usize = 1 << 10;

/// One whole request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) head: Head,
    pub(super) body: Bytes,
}

/// What a request says before its body, as far as the mock cares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) is_post: bool,
    /// Path and query.
    pub(super) target: String,
    /// The client will not send another request on this connection.
    pub(super) closes: bool,
    length: Length,
    waits_for_continue: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Length {
    Known(usize),
    Chunked,
}

/// A request that cannot be read; the connection is of no more use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) why: &'static str,
}

const fn bad(why: &'static str) -> Refusal {
    Refusal { status: 400, why }
}

/// What the buffer holds so far.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Parsed {
    /// A whole request, taken out of the buffer.
    Request(Request),
    /// The client waits for `100 Continue` before it sends the body.
    Continue,
    /// More bytes are needed.
    More,
}

/// Where in a request the parser is.
#[derive(Debug, Default)]
pub(super) enum Parser {
    #[default]
    Start,
    /// Before the end of the head, of which so many bytes hold no end.
    InHead(usize),
    InBody(Head),
    InChunks(Head, Chunks),
}

impl Parser {
    /// Takes what it can from the buffer.
    pub(super) fn next(&mut self, buffer: &mut BytesMut) -> Result<Parsed, Refusal> {
        loop {
            match std::mem::take(self) {
                Self::Start => *self = Self::InHead(0),
                Self::InHead(scanned) => {
                    let Some(mut head) = take_head(buffer, scanned)? else {
                        *self = Self::InHead(buffer.len().saturating_sub(3));
                        return Ok(Parsed::More);
                    };
                    let waits = std::mem::take(&mut head.waits_for_continue);
                    *self = match head.length {
                        Length::Known(_) => Self::InBody(head),
                        Length::Chunked => Self::InChunks(head, Chunks::default()),
                    };
                    if waits {
                        return Ok(Parsed::Continue);
                    }
                }
                Self::InBody(head) => {
                    let Length::Known(length) = head.length else { return Err(bad("no length")) };
                    if buffer.len() < length {
                        *self = Self::InBody(head);
                        return Ok(Parsed::More);
                    }
                    return Ok(Parsed::Request(Request { head, body: buffer.split_to(length).freeze() }));
                }
                Self::InChunks(head, mut chunks) => {
                    if !chunks.take(buffer)? {
                        *self = Self::InChunks(head, chunks);
                        return Ok(Parsed::More);
                    }
                    return Ok(Parsed::Request(Request { head, body: chunks.body.freeze() }));
                }
            }
        }
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

fn take_head(buffer: &mut BytesMut, scanned: usize) -> Result<Option<Head>, Refusal> {
    if buffer.first().is_some_and(|byte| !byte.is_ascii_uppercase()) {
        return Err(bad("no method begins like this; is it TLS?"));
    }
    let too_long = Refusal { status: 431, why: "the head is too long" };
    let Some(end) = find(&buffer[scanned..], b"\r\n\r\n").map(|at| at + scanned) else {
        return if buffer.len() > MOST_HEAD { Err(too_long) } else { Ok(None) };
    };
    if end > MOST_HEAD {
        return Err(too_long);
    }
    let head = read_head(&buffer[..end])?;
    buffer.advance(end + 4);
    Ok(Some(head))
}

fn read_head(bytes: &[u8]) -> Result<Head, Refusal> {
    let text = std::str::from_utf8(bytes).map_err(|_| bad("the head is not text"))?;
    let mut lines = text.split("\r\n");
    let mut words = lines.next().unwrap_or_default().split(' ');
    let (Some(method), Some(target), Some(version), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(bad("the request line has not three words"));
    };
    if !matches!(version, "HTTP/1.1" | "HTTP/1.0") {
        return Err(Refusal { status: 505, why: "only HTTP/1.1 is spoken here" });
    }
    let mut head = Head {
        is_post: method == "POST",
        target: target.to_owned(),
        closes: version == "HTTP/1.0",
        length: Length::Known(0),
        waits_for_continue: false,
    };
    let mut has_length = false;
    for line in lines {
        let (name, value) = line.split_once(':').ok_or(bad("a header has no colon"))?;
        read_field(&mut head, &mut has_length, name, value.trim())?;
    }
    Ok(head)
}

fn read_field(head: &mut Head, has_length: &mut bool, name: &str, value: &str) -> Result<(), Refusal> {
    if name.eq_ignore_ascii_case("content-length") || name.eq_ignore_ascii_case("transfer-encoding") {
        // Two lengths are how requests are smuggled (RFC 9112, 11.2).
        if std::mem::replace(has_length, true) {
            return Err(bad("the length of the body is given twice"));
        }
        head.length = read_length(name, value)?;
    } else if name.eq_ignore_ascii_case("connection") {
        head.closes |= value.eq_ignore_ascii_case("close");
    } else if name.eq_ignore_ascii_case("expect") {
        head.waits_for_continue = value.eq_ignore_ascii_case("100-continue");
    }
    Ok(())
}

fn read_length(name: &str, value: &str) -> Result<Length, Refusal> {
    if name.eq_ignore_ascii_case("transfer-encoding") {
        let is_chunked = value.eq_ignore_ascii_case("chunked");
        return is_chunked
            .then_some(Length::Chunked)
            .ok_or(Refusal { status: 501, why: "only the chunked transfer encoding is known here" });
    }
    let digits = !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit());
    let length: usize =
        if digits { value.parse().unwrap_or(usize::MAX) } else { return Err(bad("bad length")) };
    if length > MOST_BODY { Err(too_large()) } else { Ok(Length::Known(length)) }
}

const fn too_large() -> Refusal {
    Refusal { status: 413, why: "the body is too large" }
}

/// A body in chunks, as far as it is here.
#[derive(Debug, Default)]
pub(super) struct Chunks {
    body: BytesMut,
    /// What is left of the current chunk, its line end included; zero between chunks.
    left: usize,
    /// The last chunk was seen; trailers follow up to an empty line.
    in_trailers: bool,
}

impl Chunks {
    /// Moves whole pieces out of the buffer; true when the body is complete.
    fn take(&mut self, buffer: &mut BytesMut) -> Result<bool, Refusal> {
        loop {
            if self.left > 0 {
                if !self.take_data(buffer)? {
                    return Ok(false);
                }
                continue;
            }
            let Some(end) = find(buffer, b"\r\n") else {
                let is_long = buffer.len() > MOST_CHUNK_LINE;
                return if is_long { Err(bad("the size of a chunk is too long")) } else { Ok(false) };
            };
            let line = buffer.split_to(end);
            buffer.advance(2);
            if self.in_trailers {
                if line.is_empty() {
                    return Ok(true);
                }
                continue;
            }
            let size = chunk_size(&line)?;
            if self.body.len() + size > MOST_BODY {
                return Err(too_large());
            }
            self.in_trailers = size == 0;
            self.left = if size == 0 { 0 } else { size + 2 };
        }
    }

    /// Takes from the current chunk; true when it is complete.
    fn take_data(&mut self, buffer: &mut BytesMut) -> Result<bool, Refusal> {
        let data = self.left.saturating_sub(2).min(buffer.len());
        self.body.extend_from_slice(&buffer.split_to(data));
        self.left -= data;
        if self.left > 2 || buffer.len() < 2 {
            return Ok(false);
        }
        if &buffer.split_to(2)[..] != b"\r\n" {
            return Err(bad("a chunk does not end where it said"));
        }
        self.left = 0;
        Ok(true)
    }
}

fn chunk_size(line: &[u8]) -> Result<usize, Refusal> {
    let digits = line.split(|b| *b == b';').next().unwrap_or_default().trim_ascii();
    let text = std::str::from_utf8(digits).unwrap_or_default();
    // `from_str_radix` also takes a sign, which is no chunk size.
    let is_hex = !text.is_empty() && text.bytes().all(|b| b.is_ascii_hexdigit());
    match usize::from_str_radix(text, 16) {
        Ok(size) if is_hex && size <= MOST_BODY => Ok(size),
        Ok(_) if is_hex => Err(too_large()),
        _ => Err(bad("the size of a chunk is no number")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(chunks: &[&[u8]]) -> Result<Vec<(String, Vec<u8>)>, Refusal> {
        let (mut parser, mut buffer, mut out) = (Parser::default(), BytesMut::new(), Vec::new());
        for chunk in chunks {
            buffer.extend_from_slice(chunk);
            loop {
                match parser.next(&mut buffer)? {
                    Parsed::Request(request) => out.push((request.head.target, request.body.to_vec())),
                    Parsed::Continue => {}
                    Parsed::More => break,
                }
            }
        }
        Ok(out)
    }

    fn one(bytes: &[u8]) -> Result<Vec<(String, Vec<u8>)>, Refusal> {
        parse(&[bytes])
    }

    #[test]
    fn bodies_come_by_length_in_chunks_or_not_at_all() {
        let cases: [(&[u8], &[u8]); 5] = [
            (b"GET /a HTTP/1.1\r\nhost: x\r\n\r\n", b""),
            (b"POST /a HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", b"abc"),
            (
                b"POST /a HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n",
                b"abcde",
            ),
            (b"POST /a HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n\r\n0\r\nx: y\r\n\r\n", b""),
            (b"POST /a HTTP/1.1\r\nexpect: 100-continue\r\ncontent-length: 1\r\n\r\nx", b"x"),
        ];
        for (bytes, body) in cases {
            assert_eq!(one(bytes), Ok(vec![("/a".to_owned(), body.to_vec())]));
        }
    }

    #[test]
    fn what_cannot_be_read_for_certain_is_refused() {
        let long = [b"GET / HTTP/1.1\r\nx: ".as_slice(), &vec![b'a'; MOST_HEAD]].concat();
        let cases: [(&[u8], u16); 13] = [
            (b"\x16\x03\x01", 400),
            (b"GET /\r\n\r\n", 400),
            (b"GET / HTTP/2\r\n\r\n", 505),
            (b"GET / HTTP/1.1\r\nx\r\n\r\n", 400),
            (b"POST / HTTP/1.1\r\ncontent-length: +3\r\n\r\nabc", 400),
            (b"POST / HTTP/1.1\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabc", 400),
            (b"POST / HTTP/1.1\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\nabc", 400),
            (b"POST / HTTP/1.1\r\ncontent-length: 99999999999999999999\r\n\r\n", 413),
            (b"POST / HTTP/1.1\r\ntransfer-encoding: gzip\r\n\r\n", 501),
            (b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n+3\r\nabc", 400),
            (b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabcd\r\n", 400),
            (b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nffffffff\r\n", 413),
            (&long, 431),
        ];
        for (bytes, status) in cases {
            let refused = one(bytes).unwrap_err();
            assert_eq!(refused.status, status, "{}: {}", String::from_utf8_lossy(bytes), refused.why);
        }
    }

    fn request() -> impl Strategy<Value = (Vec<u8>, Vec<u8>)> {
        let bodies = prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 0..4);
        (bodies, any::<bool>()).prop_map(|(parts, chunked)| {
            let body = parts.concat();
            let bytes = if chunked {
                let mut bytes = b"POST /p HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
                for part in &parts {
                    bytes.extend(format!("{:x}\r\n", part.len()).bytes());
                    bytes.extend(part);
                    bytes.extend(b"\r\n");
                }
                bytes.extend(b"0\r\n\r\n");
                bytes
            } else {
                let head = format!("POST /p HTTP/1.1\r\ncontent-length: {}\r\n\r\n", body.len());
                [head.as_bytes(), &body].concat()
            };
            (bytes, body)
        })
    }

    proptest! {
        #[test]
        fn any_chunking_gives_the_same_requests(
            requests in prop::collection::vec(request(), 1..4),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        ) {
            let bytes: Vec<u8> = requests.iter().flat_map(|(bytes, _)| bytes.clone()).collect();
            let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let chunks: Vec<&[u8]> = cuts.windows(2).map(|w| &bytes[w[0]..w[1]]).collect();
            let expected = requests.into_iter().map(|(_, body)| ("/p".to_owned(), body)).collect();
            prop_assert_eq!(parse(&chunks), Ok(expected));
        }

        #[test]
        fn no_bytes_panic(chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..50), 0..5)) {
            let chunks: Vec<&[u8]> = chunks.iter().map(Vec::as_slice).collect();
            parse(&chunks).ok();
        }
    }
}
