//! Newline-delimited JSON, cut into lines incrementally from bytes in any chunking.

/// A line grew past the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a line of the stream is longer than {LIMIT} bytes")]
pub struct TooLong;

/// The largest line accepted: 16 MiB, as for server-sent events.
pub const LIMIT: usize = 16 << 20;

/// An incremental splitter. Lines end with `\n` or `\r\n`; blank lines are dropped; the JSON is not parsed.
#[derive(Debug, Default)]
pub struct Splitter {
    line: Vec<u8>,
}

impl Splitter {
    /// Takes bytes; appends the lines they complete.
    pub fn push(&mut self, mut bytes: &[u8], out: &mut Vec<Vec<u8>>) -> Result<(), TooLong> {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            self.line.extend_from_slice(&bytes[..end]);
            bytes = &bytes[end + 1..];
            self.finish(out);
        }
        self.line.extend_from_slice(bytes);
        if self.line.len() > LIMIT { Err(TooLong) } else { Ok(()) }
    }

    /// The stream is over: a last line without its newline still counts.
    pub fn finish(&mut self, out: &mut Vec<Vec<u8>>) {
        let line = self.line.trim_ascii();
        if !line.is_empty() {
            out.push(line.to_vec());
        }
        self.line.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lines(chunks: &[&[u8]]) -> Vec<Vec<u8>> {
        let (mut splitter, mut out) = (Splitter::default(), Vec::new());
        for chunk in chunks {
            splitter.push(chunk, &mut out).unwrap();
        }
        splitter.finish(&mut out);
        out
    }

    #[test]
    fn lines_end_with_newlines_and_the_last_need_not() {
        assert_eq!(lines(&[b"{\"a\":1}\r\n\n \n{}\n[2]"]), [&b"{\"a\":1}"[..], b"{}", b"[2]"]);
        assert_eq!(lines(&[b"\n\r\n"]), Vec::<Vec<u8>>::new());
    }

    #[test]
    fn a_line_without_end_is_refused() {
        let mut splitter = Splitter::default();
        assert_eq!(splitter.push(&vec![b'a'; LIMIT + 1], &mut Vec::new()), Err(TooLong));
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same_lines(
            bytes in prop::collection::vec(prop::sample::select(b"{}\"a\r\n ".to_vec()), 0..60),
            at in 0_usize..60,
        ) {
            let (head, tail) = bytes.split_at(at.min(bytes.len()));
            prop_assert_eq!(lines(&[head, tail]), lines(&[&bytes]));
        }
    }
}
