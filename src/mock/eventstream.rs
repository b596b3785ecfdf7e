//! Amazon's event stream framing (`application/vnd.amazon.eventstream`): a prelude with two lengths and its
//! CRC-32, headers of text, a payload, and the CRC-32 of all of it; numbers big-endian.

/// Appends one frame with text headers.
pub(super) fn frame(out: &mut Vec<u8>, headers: &[(&str, &str)], payload: &[u8]) {
    let header_len: usize = headers.iter().map(|(name, value)| 4 + name.len() + value.len()).sum();
    let start = out.len();
    out.extend(length(16 + header_len + payload.len()).to_be_bytes());
    out.extend(length(header_len).to_be_bytes());
    out.extend(crc32(&out[start..]).to_be_bytes());
    for (name, value) in headers {
        out.push(u8::try_from(name.len()).expect("our header names are short"));
        out.extend_from_slice(name.as_bytes());
        out.push(7); // the type: text
        out.extend(u16::try_from(value.len()).expect("our header values are short").to_be_bytes());
        out.extend_from_slice(value.as_bytes());
    }
    out.extend_from_slice(payload);
    out.extend(crc32(&out[start..]).to_be_bytes());
}

fn length(bytes: usize) -> u32 {
    u32::try_from(bytes).expect("a frame is shorter than the bound on bodies")
}

const TABLE: [u32; 256] = table();

#[expect(clippy::cast_possible_truncation, reason = "the index is below 256")]
const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let (mut value, mut bit) = (index as u32, 0);
        while bit < 8 {
            value = if value & 1 == 1 { (value >> 1) ^ 0xedb8_8320 } else { value >> 1 };
            bit += 1;
        }
        table[index] = value;
        index += 1;
    }
    table
}

/// The CRC-32 of IEEE 802.3, reflected.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| TABLE[usize::from(crc.to_le_bytes()[0] ^ byte)] ^ (crc >> 8))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_usual_one() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn a_frame_has_two_lengths_two_checksums_headers_and_a_payload() {
        let mut out = Vec::new();
        frame(&mut out, &[(":event-type", "messageStop")], b"{}");
        let word = |at: usize| u32::from_be_bytes(out[at..at + 4].try_into().unwrap());
        assert_eq!(word(0) as usize, out.len());
        assert_eq!(word(4), 26);
        assert_eq!(word(8), crc32(&out[..8]));
        assert_eq!(&out[12..24], b"\x0b:event-type");
        assert_eq!(&out[24..27], b"\x07\x00\x0b");
        assert_eq!(&out[38..40], b"{}");
        assert_eq!(word(out.len() - 4), crc32(&out[..out.len() - 4]));
    }
}
