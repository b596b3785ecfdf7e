//! The objects of one JSON array, cut out incrementally from bytes in any chunking: the form in which
//! Gemini streams when it is not asked for server-sent events.

/// Why the bytes cannot be an array of objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArrayError {
    /// An element grew past the limit.
    #[error("an element of the stream is longer than {LIMIT} bytes")]
    TooLong,
    /// Something other than an object stood where an element should begin.
    #[error("the stream is not a JSON array of objects")]
    NotObjects,
}

/// The largest element accepted: 16 MiB, as for server-sent events.
pub const LIMIT: usize = 16 << 20;

/// An incremental splitter. Each object is handed out as its bytes, which are balanced but otherwise not
/// parsed. A bare object without the brackets counts as one element, because errors are sent so.
#[derive(Debug, Default)]
pub struct Splitter {
    element: Vec<u8>,
    depth: usize,
    in_string: bool,
    escaped: bool,
}

impl Splitter {
    /// Takes bytes; appends the objects they complete.
    pub fn push(&mut self, mut bytes: &[u8], out: &mut Vec<Vec<u8>>) -> Result<(), ArrayError> {
        while !bytes.is_empty() {
            if self.depth == 0 {
                let Some(start) = bytes.iter().position(|byte| !is_between(*byte)) else { break };
                if bytes[start] != b'{' {
                    return Err(ArrayError::NotObjects);
                }
                bytes = &bytes[start..];
            }
            let end = self.scan(bytes);
            self.element.extend_from_slice(&bytes[..end]);
            bytes = &bytes[end..];
            if self.element.len() > LIMIT {
                return Err(ArrayError::TooLong);
            }
            if self.depth == 0 {
                out.push(std::mem::take(&mut self.element));
            }
        }
        Ok(())
    }

    /// Whether the bytes so far end between elements.
    pub fn is_between_elements(&self) -> bool {
        self.depth == 0
    }

    /// The number of bytes that still belong to the element.
    fn scan(&mut self, bytes: &[u8]) -> usize {
        for (at, byte) in bytes.iter().enumerate() {
            if std::mem::take(&mut self.escaped) {
                continue;
            }
            match byte {
                b'\\' if self.in_string => self.escaped = true,
                b'"' => self.in_string = !self.in_string,
                b'{' | b'[' if !self.in_string => self.depth += 1,
                b'}' | b']' if !self.in_string => self.depth -= 1,
                _ => {}
            }
            if self.depth == 0 {
                return at + 1;
            }
        }
        bytes.len()
    }
}

fn is_between(byte: u8) -> bool {
    matches!(byte, b'[' | b']' | b',') || byte.is_ascii_whitespace()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn elements(chunks: &[&[u8]]) -> Result<(Vec<Vec<u8>>, bool), ArrayError> {
        let (mut splitter, mut out) = (Splitter::default(), Vec::new());
        for chunk in chunks {
            splitter.push(chunk, &mut out)?;
        }
        Ok((out, splitter.is_between_elements()))
    }

    #[test]
    fn braces_within_strings_do_not_count() {
        let (out, whole) = elements(&[b"[{\"a\":\"}]\\\"{\"}\r\n,\r\n{\"b\":[{}]}\n]"]).unwrap();
        assert_eq!(out, [&b"{\"a\":\"}]\\\"{\"}"[..], b"{\"b\":[{}]}"]);
        assert!(whole);
    }

    #[test]
    fn a_cut_element_is_not_handed_out() {
        assert_eq!(elements(&[b"[{\"a\":1},{\"b\""]), Ok((vec![b"{\"a\":1}".to_vec()], false)));
    }

    #[test]
    fn what_is_no_object_is_refused() {
        assert_eq!(elements(&[b"<html>"]), Err(ArrayError::NotObjects));
        assert_eq!(elements(&[b"[1]"]), Err(ArrayError::NotObjects));
    }

    #[test]
    fn an_element_without_end_is_refused() {
        let long = [&b"[{\""[..], &vec![b'a'; LIMIT]].concat();
        assert_eq!(elements(&[&long]), Err(ArrayError::TooLong));
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same_elements(
            bytes in prop::collection::vec(prop::sample::select(b"[]{}{}\"\\,a ".to_vec()), 0..60),
            at in 0_usize..60,
        ) {
            let (head, tail) = bytes.split_at(at.min(bytes.len()));
            prop_assert_eq!(elements(&[head, tail]), elements(&[&bytes]));
        }
    }
}
