//! Frames of the AWS event stream encoding (`application/vnd.amazon.eventstream`), cut incrementally from
//! bytes in any chunking, with both checksums verified.
//!
//! A frame is: total length, header length, CRC-32 of those eight bytes, headers, payload, CRC-32 of all
//! before it; integers are big-endian (AWS SDKs, "Amazon Event Stream Specification").

use flate2::Crc;

/// One frame.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frame {
    /// The headers whose values are text, in order. Values of other types are checked and left out.
    pub headers: Vec<(String, String)>,
    /// The payload.
    pub payload: Vec<u8>,
}

impl Frame {
    /// The value of a text header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// Why the bytes are not frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The lengths contradict each other or the limit.
    #[error("a frame of the event stream has an impossible length")]
    Length,
    /// A checksum does not match: the bytes changed on their way, or are no event stream.
    #[error("a frame of the event stream fails its checksum")]
    Checksum,
    /// A header is cut short, has an unknown type, or is not UTF-8.
    #[error("a frame of the event stream has an unreadable header")]
    Header,
}

/// The largest frame accepted: 24 MiB of payload and 128 KiB of headers, as the AWS SDKs allow.
pub const LIMIT: usize = (24 << 20) + (128 << 10) + OVERHEAD;

/// The prelude with its checksum.
const PRELUDE: usize = 12;
/// A frame without headers and payload.
const OVERHEAD: usize = PRELUDE + 4;

/// An incremental parser. After an error it must not be used again.
#[derive(Debug, Default)]
pub struct Parser {
    buffer: Vec<u8>,
}

impl Parser {
    /// Takes bytes; appends the frames they complete.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<Frame>) -> Result<(), FrameError> {
        self.buffer.extend_from_slice(bytes);
        let mut at = 0;
        while let Some((frame, len)) = first(&self.buffer[at..])? {
            out.push(frame);
            at += len;
        }
        self.buffer.drain(..at);
        Ok(())
    }
}

/// The first frame and its length, when it is complete. A wrong prelude is found before the frame is.
fn first(bytes: &[u8]) -> Result<Option<(Frame, usize)>, FrameError> {
    if bytes.len() < PRELUDE {
        return Ok(None);
    }
    let (total, headers) = (integer(bytes) as usize, integer(&bytes[4..]) as usize);
    if crc(&bytes[..8]) != integer(&bytes[8..]) {
        return Err(FrameError::Checksum);
    }
    if !(OVERHEAD..=LIMIT).contains(&total) || headers > total - OVERHEAD {
        return Err(FrameError::Length);
    }
    let Some(frame) = bytes.get(..total) else { return Ok(None) };
    let (body, checksum) = frame.split_at(total - 4);
    if crc(body) != integer(checksum) {
        return Err(FrameError::Checksum);
    }
    let (headers, payload) = body[PRELUDE..].split_at(headers);
    Ok(Some((Frame { headers: text_headers(headers)?, payload: payload.to_vec() }, total)))
}

fn text_headers(mut bytes: &[u8]) -> Result<Vec<(String, String)>, FrameError> {
    let mut out = Vec::new();
    while let Some(name_len) = bytes.first() {
        let (name, rest) = cut(&bytes[1..], usize::from(*name_len))?;
        let (kind, rest) = cut(rest, 1)?;
        let (value, rest) = match kind[0] {
            0 | 1 => cut(rest, 0)?,
            2 => cut(rest, 1)?,
            3 => cut(rest, 2)?,
            4 => cut(rest, 4)?,
            5 | 8 => cut(rest, 8)?,
            6 | 7 => {
                let (len, rest) = cut(rest, 2)?;
                cut(rest, usize::from(u16::from_be_bytes([len[0], len[1]])))?
            }
            9 => cut(rest, 16)?,
            _ => return Err(FrameError::Header),
        };
        if kind[0] == 7 {
            out.push((text(name)?, text(value)?));
        }
        bytes = rest;
    }
    Ok(out)
}

fn cut(bytes: &[u8], len: usize) -> Result<(&[u8], &[u8]), FrameError> {
    bytes.split_at_checked(len).ok_or(FrameError::Header)
}

fn text(bytes: &[u8]) -> Result<String, FrameError> {
    String::from_utf8(bytes.to_vec()).map_err(|_| FrameError::Header)
}

/// The big-endian integer at the start of at least four bytes.
fn integer(bytes: &[u8]) -> u32 {
    u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}

fn crc(bytes: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frame(headers: &[u8], payload: &[u8]) -> Vec<u8> {
        let total = u32::try_from(OVERHEAD + headers.len() + payload.len()).unwrap();
        let mut out = total.to_be_bytes().to_vec();
        out.extend(u32::try_from(headers.len()).unwrap().to_be_bytes());
        out.extend(crc(&out).to_be_bytes());
        out.extend([headers, payload].concat());
        out.extend(crc(&out).to_be_bytes());
        out
    }

    fn parse(chunks: &[&[u8]]) -> Result<(Vec<Frame>, bool), FrameError> {
        let (mut parser, mut out) = (Parser::default(), Vec::new());
        for chunk in chunks {
            parser.push(chunk, &mut out)?;
        }
        // Whether the bytes end between frames.
        Ok((out, parser.buffer.is_empty()))
    }

    #[test]
    fn the_empty_frame_of_the_specification_is_read() {
        let bytes = [0, 0, 0, 16, 0, 0, 0, 0, 0x05, 0xc2, 0x48, 0xeb, 0x7d, 0x98, 0xc8, 0xff];
        assert_eq!(parse(&[&bytes]), Ok((vec![Frame::default()], true)));
    }

    #[test]
    fn text_headers_are_found_among_the_other_types() {
        let headers = [
            &b"\x01a\x00\x01b\x01\x01c\x02\x09\x01d\x03\x00\x09"[..],
            b"\x01e\x04\0\0\0\x09\x01f\x05\0\0\0\0\0\0\0\x09\x01g\x06\x00\x02hi",
            b"\x01h\x08\0\0\0\0\0\0\0\x09\x01i\x09\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x09",
            b"\x0b:event-type\x07\x00\x04ping",
        ]
        .concat();
        let (frames, _) = parse(&[&frame(&headers, b"{}")]).unwrap();
        assert_eq!(frames[0].header(":event-type"), Some("ping"));
        assert_eq!((frames[0].headers.len(), &*frames[0].payload), (1, &b"{}"[..]));
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let good = frame(b"\x01n\x07\x00\x01v", b"payload");
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(parse(&[&bad]).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn impossible_lengths_and_headers_are_refused() {
        let mut huge = [0xff_u8, 0xff, 0xff, 0xff, 0, 0, 0, 0].to_vec();
        huge.extend(crc(&huge).to_be_bytes());
        assert_eq!(parse(&[&huge]), Err(FrameError::Length));
        assert_eq!(parse(&[&frame(b"\x05ab", b"")]), Err(FrameError::Header));
        assert_eq!(parse(&[&frame(b"\x01a\x0b", b"")]), Err(FrameError::Header));
        assert_eq!(parse(&[&frame(b"\x01a\x07\x00\x01\xff", b"")]), Err(FrameError::Header));
    }

    #[test]
    fn a_cut_frame_is_not_handed_out() {
        let bytes = [frame(b"", b"one"), frame(b"", b"two")].concat();
        let (frames, whole) = parse(&[&bytes[..bytes.len() - 1]]).unwrap();
        assert_eq!((frames.len(), whole), (1, false));
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same_frames(
            payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 0..5),
            at in 0_usize..200,
        ) {
            let bytes: Vec<u8> = payloads.iter().flat_map(|payload| frame(b"\x01n\x07\x00\x01v", payload)).collect();
            let (head, tail) = bytes.split_at(at.min(bytes.len()));
            prop_assert_eq!(parse(&[head, tail]), parse(&[&bytes]));
        }

        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let checked = [&frame(&bytes, b"")[..], &bytes].concat();
            prop_assert!(parse(&[&checked]).is_ok() || parse(&[&checked]).is_err());
        }
    }
}
