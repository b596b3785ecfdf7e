//! Text from models, providers and files, on its way to a terminal.

use std::borrow::Cow;
use std::fmt::{self, Write as _};

/// Text we did not write. Displaying it makes every control character visible and harmless.
///
/// C0 controls and DEL become their pictures (U+2400 block); C1 controls, line and paragraph separators,
/// zero-width, bidirectional and tag characters become `\u{…}`. Newline and tab stay with [`Untrusted::text`]
/// and become spaces with [`Untrusted::line`].
#[derive(Clone, Copy, Debug)]
pub struct Untrusted<'a> {
    text: &'a str,
    one_line: bool,
}

impl<'a> Untrusted<'a> {
    /// Text that may have several lines.
    pub fn text(text: &'a str) -> Self {
        Self { text, one_line: false }
    }

    /// Text shown on one line.
    pub fn line(text: &'a str) -> Self {
        Self { text, one_line: true }
    }
}

impl fmt::Display for Untrusted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.text.chars() {
            match c {
                '\n' | '\t' if !self.one_line => f.write_char(c)?,
                '\n' | '\t' | '\r' if self.one_line => f.write_char(' ')?,
                '\0'..='\x1f' => f.write_char(picture(c))?,
                '\x7f' => f.write_char('\u{2421}')?,
                _ if is_deceptive(c) => write!(f, "\\u{{{:x}}}", u32::from(c))?,
                _ => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// JSON as cautious writers write it: what [`Untrusted`] makes visible, and JSON itself allows raw, becomes
/// `\u` escapes (RFC 8259, section 7), so that the text means the same and `cat` is safe. Beyond ASCII and in
/// DEL, valid JSON has characters in strings alone, so no parsing is needed.
pub fn json(text: &str) -> Cow<'_, str> {
    let is_raw = |c: char| c == '\x7f' || is_deceptive(c);
    if !text.contains(is_raw) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_raw(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // Writing to a String cannot fail.
                write!(out, "\\u{unit:04x}").unwrap_or_default();
            }
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

fn picture(c: char) -> char {
    char::from_u32(0x2400 + u32::from(c)).unwrap_or('\u{fffd}')
}

/// Characters that move, hide or reorder what is shown (OWASP LLM05; Unicode TR 36).
fn is_deceptive(c: char) -> bool {
    matches!(c, '\u{80}'..='\u{9f}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

/// The first `max` characters, with an ellipsis when there was more.
pub fn clip(text: &str, max: usize) -> String {
    let mut chars = text.chars();
    let mut out: String = chars.by_ref().take(max).collect();
    if chars.next().is_some() {
        out.pop();
        out.push('…');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn control_sequences_become_visible() {
        let cases = [
            ("\x1b[31mred", "␛[31mred"),
            ("\x1b]52;c;aGk=\x07", "␛]52;c;aGk=␇"),
            ("a\rb", "a␍b"),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("abc\u{202e}def", "abc\\u{202e}def"),
            ("tag\u{e0041}", "tag\\u{e0041}"),
            ("two\nlines\t.", "two\nlines\t."),
        ];
        for (text, shown) in cases {
            assert_eq!(Untrusted::text(text).to_string(), shown);
        }
        assert_eq!(Untrusted::line("two\nlines").to_string(), "two lines");
    }

    #[test]
    fn clipping_counts_characters_and_says_so() {
        assert_eq!(clip("naïve", 5), "naïve");
        assert_eq!(clip("naïveté", 5), "naïv…");
    }

    proptest! {
        #[test]
        fn json_means_the_same_and_is_safe_to_show(text in "\\PC{0,8}[\u{7f}-\u{9f}\u{202e}\u{e0041}]?\\PC{0,8}") {
            let written = serde_json::to_string(&text).unwrap();
            let shown = json(&written);
            let is_bad = |c: char| c.is_control() || is_deceptive(c);
            prop_assert!(!shown.contains(is_bad), "{}", shown);
            prop_assert_eq!(serde_json::from_str::<String>(&shown).unwrap(), text);
        }

        #[test]
        fn no_control_byte_passes(text: String) {
            let shown = Untrusted::text(&text).to_string();
            let is_bad = |c: char| (c.is_control() && c != '\n' && c != '\t') || is_deceptive(c);
            prop_assert!(!shown.contains(is_bad));
            prop_assert_eq!(Untrusted::text(&shown).to_string(), shown);
        }
    }
}
