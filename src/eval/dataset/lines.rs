//! Lines and records of a file, without ever holding more than one of bounded length.

use std::io::{self, BufRead, BufReader, Read};

/// How many bytes a row may have. A longer line is read past without being kept.
pub(super) const MOST_BYTES: usize = 16 << 20;

/// Where a record stands and what is wrong with its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The byte it begins at.
    pub(super) offset: u64,
    /// The line it begins on, from one.
    pub(super) line: u64,
    /// What kept it from being read whole.
    pub(super) flaw: Option<Flaw>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    /// It is longer than [`MOST_BYTES`].
    Overlong,
    /// A quoted cell is not closed by the end of the file.
    OpenQuote,
}

/// Reads lines and, for tables, records that may span lines.
pub(super) struct Lines<R> {
    reader: BufReader<R>,
    offset: u64,
    line: u64,
    /// A line that was looked at and put back.
    ahead: Option<(Place, Vec<u8>)>,
}

impl<R: Read> Lines<R> {
    /// Lines from a place of a file on: `offset` bytes in, on line `line`.
    pub(super) fn new(reader: R, buffer: usize, offset: u64, line: u64) -> Self {
        Self { reader: BufReader::with_capacity(buffer, reader), offset, line, ahead: None }
    }

    /// Reads the next line into `out`, without its end (`\n` or `\r\n`).
    pub(super) fn line(&mut self, out: &mut Vec<u8>) -> io::Result<Option<Place>> {
        out.clear();
        if let Some((place, bytes)) = self.ahead.take() {
            *out = bytes;
            return Ok(Some(place));
        }
        let mut place = Place { offset: self.offset, line: self.line, flaw: None };
        let mut is_empty = true;
        loop {
            let chunk = self.reader.fill_buf()?;
            if chunk.is_empty() {
                break;
            }
            is_empty = false;
            let end = chunk.iter().position(|byte| *byte == b'\n');
            let kept = &chunk[..end.unwrap_or(chunk.len())];
            if out.len() + kept.len() > MOST_BYTES {
                place.flaw = Some(Flaw::Overlong);
            } else {
                out.extend_from_slice(kept);
            }
            let used = end.map_or(chunk.len(), |at| at + 1);
            self.reader.consume(used);
            self.offset += used as u64;
            if end.is_some() {
                self.line += 1;
                break;
            }
        }
        if out.last() == Some(&b'\r') {
            out.pop();
        }
        Ok((!is_empty).then_some(place))
    }

    /// Puts a line back, to be read again.
    pub(super) fn put_back(&mut self, place: Place, bytes: Vec<u8>) {
        self.ahead = Some((place, bytes));
    }

    /// Reads the next record of a table into `out`: a line, and those after it while a quoted cell is open
    /// (RFC 4180).
    pub(super) fn record(&mut self, delimiter: u8, out: &mut Vec<u8>) -> io::Result<Option<Place>> {
        let Some(mut place) = self.line(out)? else { return Ok(None) };
        let mut quotes = Quotes::default();
        quotes.pass(out, delimiter);
        let mut more = Vec::new();
        while place.flaw.is_none() && quotes.open {
            let Some(next) = self.line(&mut more)? else {
                place.flaw = Some(Flaw::OpenQuote);
                break;
            };
            if next.flaw.is_some() || out.len() + more.len() > MOST_BYTES {
                place.flaw = Some(Flaw::Overlong);
                break;
            }
            out.push(b'\n');
            out.extend_from_slice(&more);
            quotes.pass(&more, delimiter);
        }
        Ok(Some(place))
    }
}

/// Whether a quoted cell is open: quotes count only at the beginning of a cell and within a quoted one.
#[derive(Default)]
struct Quotes {
    open: bool,
}

impl Quotes {
    fn pass(&mut self, bytes: &[u8], delimiter: u8) {
        let mut at_start = !self.open;
        let mut rest = bytes.iter().peekable();
        while let Some(byte) = rest.next() {
            if self.open {
                if *byte == b'"' && rest.next_if(|next| **next == b'"').is_none() {
                    self.open = false;
                }
                at_start = false;
            } else if *byte == b'"' && at_start {
                self.open = true;
            } else {
                at_start = *byte == delimiter;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &[u8]) -> Vec<(String, Place)> {
        let mut lines = Lines::new(text, 7, 0, 1);
        let mut out = Vec::new();
        let mut all = Vec::new();
        while let Some(place) = lines.line(&mut out).unwrap() {
            all.push((String::from_utf8_lossy(&out).into_owned(), place));
        }
        all
    }

    #[test]
    fn lines_know_their_place_whatever_ends_them() {
        let all = lines(b"one\r\n\nthree, longer than the buffer\nlast");
        let shown: Vec<_> =
            all.iter().map(|(text, place)| (text.as_str(), place.offset, place.line)).collect();
        assert_eq!(
            shown,
            [("one", 0, 1), ("", 5, 2), ("three, longer than the buffer", 6, 3), ("last", 36, 4)]
        );
    }

    #[test]
    fn an_overlong_line_is_passed_over_without_being_kept() {
        let long = b"x".repeat(MOST_BYTES + 1);
        let text = [long, b"\nnext\n".to_vec()].concat();
        let mut lines = Lines::new(&text[..], 1 << 16, 0, 1);
        let mut out = Vec::new();
        assert_eq!(lines.line(&mut out).unwrap().unwrap().flaw, Some(Flaw::Overlong));
        assert!(out.capacity() <= 2 * MOST_BYTES);
        assert_eq!(lines.line(&mut out).unwrap().unwrap().line, 2);
        assert_eq!(out, b"next");
    }

    #[test]
    fn a_record_runs_on_while_a_quoted_cell_is_open() {
        let text = b"a,\"two\nlines, \"\"quoted\"\"\",c\n5\" screen,b\n\"open";
        let mut lines = Lines::new(&text[..], 16, 0, 1);
        let mut out = Vec::new();
        let mut all = Vec::new();
        while let Some(place) = lines.record(b',', &mut out).unwrap() {
            all.push((String::from_utf8(out.clone()).unwrap(), place.line, place.flaw));
        }
        assert_eq!(all[0], ("a,\"two\nlines, \"\"quoted\"\"\",c".into(), 1, None));
        assert_eq!(all[1], ("5\" screen,b".into(), 3, None));
        assert_eq!(all[2], ("\"open".into(), 4, Some(Flaw::OpenQuote)));
    }
}
