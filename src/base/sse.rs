//! Server-sent events, parsed incrementally from bytes in any chunking (WHATWG HTML, "Server-sent events").

/// One dispatched event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event {
    /// The `event` field; empty when there was none.
    pub name: String,
    /// The `data` lines joined by newlines.
    pub data: String,
    /// The non-standard `error` field, which llama-box sends instead of data; empty when there was none.
    pub error: String,
}

/// A line or event grew past the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an event of the stream is longer than {LIMIT} bytes")]
pub struct TooLong;

/// The largest event accepted: 16 MiB, above any image a provider streams in one event.
pub const LIMIT: usize = 16 << 20;

/// An incremental parser. Comments are dropped; invalid UTF-8 is replaced, never fatal.
#[derive(Debug, Default)]
pub struct Parser {
    line: Vec<u8>,
    event: Event,
    has_data: bool,
    after_cr: bool,
    began: bool,
}

impl Parser {
    /// Takes bytes; appends the events they complete.
    pub fn push(&mut self, mut bytes: &[u8], out: &mut Vec<Event>) -> Result<(), TooLong> {
        if self.after_cr && !bytes.is_empty() {
            self.after_cr = false;
            bytes = bytes.strip_prefix(b"\n").unwrap_or(bytes);
        }
        while let Some(end) = bytes.iter().position(|b| *b == b'\n' || *b == b'\r') {
            self.line.extend_from_slice(&bytes[..end]);
            self.end_line(out);
            let is_cr = bytes[end] == b'\r';
            bytes = &bytes[end + 1..];
            match bytes.first() {
                Some(b'\n') if is_cr => bytes = &bytes[1..],
                None if is_cr => self.after_cr = true,
                _ => {}
            }
        }
        self.line.extend_from_slice(bytes);
        if self.line.len() + self.event.data.len() > LIMIT { Err(TooLong) } else { Ok(()) }
    }

    /// The stream is over: a last event without its blank line still counts, because real servers omit it.
    pub fn finish(&mut self, out: &mut Vec<Event>) {
        if !self.line.is_empty() {
            self.end_line(out);
        }
        self.dispatch(out);
    }

    fn end_line(&mut self, out: &mut Vec<Event>) {
        let line = std::mem::take(&mut self.line);
        let mut bytes = line.as_slice();
        if !self.began {
            self.began = true;
            bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        }
        if bytes.is_empty() {
            self.dispatch(out);
        } else {
            self.field(&String::from_utf8_lossy(bytes));
        }
        self.line = line;
        self.line.clear();
    }

    fn field(&mut self, line: &str) {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "data" => {
                if self.has_data {
                    self.event.data.push('\n');
                }
                self.has_data = true;
                self.event.data.push_str(value);
            }
            "event" => value.clone_into(&mut self.event.name),
            "error" => self.event.error.push_str(value),
            _ => {}
        }
    }

    fn dispatch(&mut self, out: &mut Vec<Event>) {
        let event = std::mem::take(&mut self.event);
        if std::mem::take(&mut self.has_data) || !event.error.is_empty() {
            out.push(event);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(chunks: &[&[u8]]) -> Vec<Event> {
        let (mut parser, mut out) = (Parser::default(), Vec::new());
        for chunk in chunks {
            parser.push(chunk, &mut out).unwrap();
        }
        parser.finish(&mut out);
        out
    }

    fn data(text: &str) -> Event {
        Event { data: text.into(), ..Event::default() }
    }

    #[test]
    fn events_are_framed_as_the_standard_says() {
        let cases: [(&[u8], Vec<Event>); 8] = [
            (b"data: a\n\ndata: b\n\n", vec![data("a"), data("b")]),
            (b"data: a\r\ndata: b\r\n\r\n", vec![data("a\nb")]),
            (b"data:a\rdata: b\r\r", vec![data("a\nb")]),
            (b": PROCESSING\n\ndata: a\n\n", vec![data("a")]),
            (b"\xef\xbb\xbfdata: a\n\n", vec![data("a")]),
            (b"event: ping\ndata\n\n", vec![Event { name: "ping".into(), ..Event::default() }]),
            (b"event: lonely\n\n", vec![]),
            (b"data: [DONE]", vec![data("[DONE]")]),
        ];
        for (bytes, events) in cases {
            assert_eq!(parse(&[bytes]), events, "{}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn an_error_field_is_an_event() {
        assert_eq!(parse(&[b"error: {\"code\":500}\n\n"])[0].error, "{\"code\":500}");
    }

    #[test]
    fn a_line_without_end_is_refused() {
        let mut parser = Parser::default();
        assert_eq!(parser.push(&vec![b'a'; LIMIT + 1], &mut Vec::new()), Err(TooLong));
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same_events(
            parts in prop::collection::vec(prop::sample::select(vec!["data: x", "é", "\n", "\r", "\r\n", ":", "event: e"]), 0..30),
            cut in prop::collection::vec(0_usize..200, 0..6),
        ) {
            let bytes = parts.concat().into_bytes();
            let mut cuts: Vec<_> = cut.into_iter().map(|c| c.min(bytes.len())).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let chunks: Vec<&[u8]> = cuts.windows(2).map(|w| &bytes[w[0]..w[1]]).collect();
            prop_assert_eq!(parse(&chunks), parse(&[&bytes]));
        }
    }
}
