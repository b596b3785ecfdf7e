//! JSON and chunks, appended to bytes. Templates are written by hand because building values first would be
//! most of the cost of an answer.

/// What can be appended to a body.
pub(super) trait Append {
    /// Bytes as they are.
    fn raw(&mut self, text: &str) -> &mut Self;
    /// A JSON string, quotes included.
    fn quoted(&mut self, text: &str) -> &mut Self;
    /// A JSON number.
    fn number(&mut self, number: u64) -> &mut Self;
}

impl Append for Vec<u8> {
    fn raw(&mut self, text: &str) -> &mut Self {
        self.extend_from_slice(text.as_bytes());
        self
    }

    fn quoted(&mut self, text: &str) -> &mut Self {
        serde_json::to_writer(&mut *self, text).expect("a vector takes every write, a string has no error");
        self
    }

    fn number(&mut self, number: u64) -> &mut Self {
        serde_json::to_writer(&mut *self, &number)
            .expect("a vector takes every write, a number has no error");
        self
    }
}

/// A body, and where its events end.
#[derive(Debug, Default)]
pub(super) struct Body {
    pub(super) bytes: Vec<u8>,
    /// The end of each event; one for a body that is no stream.
    pub(super) ends: Vec<usize>,
    /// How many events come before those that say the answer is complete.
    pub(super) open: usize,
    pub(super) content_type: &'static str,
}

impl Body {
    /// An empty body.
    pub(super) fn new(content_type: &'static str) -> Self {
        Self { bytes: Vec::with_capacity(1024), content_type, ..Self::default() }
    }

    /// A body of one event.
    pub(super) fn whole(content_type: &'static str, bytes: Vec<u8>) -> Self {
        Self { ends: vec![bytes.len()], open: 1, bytes, content_type }
    }

    /// What was appended since the last event is one event.
    pub(super) fn end_event(&mut self) {
        self.ends.push(self.bytes.len());
    }

    /// The events from here on say that the answer is complete.
    pub(super) fn close(&mut self) {
        self.open = self.ends.len();
    }

    /// Whether the body is a stream of events.
    pub(super) fn is_stream(&self) -> bool {
        self.ends.len() > 1
    }

    /// The middle: after half of the content events, or within the only event.
    pub(super) fn middle(&self) -> usize {
        if self.is_stream() { self.ends[self.open.saturating_sub(1) / 2] } else { self.bytes.len() / 2 }
    }

    /// The end of the content, before what says that the answer is complete.
    pub(super) fn content_end(&self) -> usize {
        if self.is_stream() { self.ends[self.open.saturating_sub(1)] } else { self.bytes.len() / 2 }
    }
}

/// The pieces in which a text is streamed: words with the space before them, at most 32.
pub(super) fn pieces(text: &str) -> Vec<&str> {
    let least = text.len() / 32;
    let (mut pieces, mut start) = (Vec::new(), 0);
    for (at, _) in text.match_indices(' ') {
        if at > start + least {
            pieces.push(&text[start..at]);
            start = at;
        }
    }
    pieces.push(&text[start..]);
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn text_is_streamed_in_words() {
        assert_eq!(pieces("to be or"), ["to", " be", " or"]);
        assert_eq!(pieces("42"), ["42"]);
        assert_eq!(pieces(""), [""]);
    }

    proptest! {
        #[test]
        fn pieces_join_to_the_text(text: String) {
            let pieces = pieces(&text);
            prop_assert_eq!(pieces.concat(), text.clone());
            prop_assert!(pieces.len() <= 34);
        }
    }
}
