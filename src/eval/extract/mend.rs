//! Mends what models write instead of JSON, where there is one sensible reading: trailing and missing
//! commas, single quotes, bare keys, comments, raw line breaks and quotes in strings, stray backslashes,
//! Python's and JavaScript's words, missing closing brackets. An unclosed string is beyond repair: what was
//! to follow is not known.

use serde_json::Value;

/// The value of the JSON that a text begins with, mended; text after its end is ignored.
pub fn mend(text: &str) -> Option<Value> {
    serde_json::from_str(&rewrite(text)?).ok()
}

/// The mended JSON text, at most twice as long as the text.
fn rewrite(text: &str) -> Option<String> {
    let mut pen = Pen {
        text,
        at: 0,
        out: String::with_capacity(text.len() + 8),
        closers: Vec::new(),
        quoted_key: false,
    };
    let mut due = Due::Value;
    loop {
        pen.skip_blank();
        due = match (pen.peek(), due) {
            (None, Due::Separator) => break,
            (None, Due::KeyOrEnd | Due::ValueOrEnd) => {
                pen.drop_comma();
                break;
            }
            (None, _) => return None,
            (Some(c), due) => pen.step(c, due)?,
        };
        if pen.closers.is_empty() {
            break;
        }
    }
    while let Some(closer) = pen.closers.pop() {
        pen.out.push(closer);
    }
    (pen.out.len() <= 2 * text.len()).then_some(pen.out)
}

/// What may come next.
#[derive(Clone, Copy, PartialEq)]
enum Due {
    Value,
    ValueOrEnd,
    KeyOrEnd,
    Colon,
    Separator,
}

/// Where a string stands, which decides what may follow its closing quote.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Key,
    Member,
    Element,
}

struct Pen<'a> {
    text: &'a str,
    at: usize,
    out: String,
    closers: Vec<char>,
    /// Whether the last key stood in quotes, which tells JSON from code and prose in braces.
    quoted_key: bool,
}

impl<'a> Pen<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn skip_blank(&mut self) {
        self.at = self.text.len() - after_blank(self.rest()).len();
    }

    fn drop_comma(&mut self) {
        if self.out.ends_with(',') {
            self.out.pop();
        }
    }

    fn step(&mut self, c: char, due: Due) -> Option<Due> {
        match due {
            Due::Value | Due::ValueOrEnd => self.value(c, due),
            Due::KeyOrEnd => self.key(c),
            Due::Colon => (c == ':').then(|| self.take(c, Due::Value)),
            Due::Separator => self.separator(c),
        }
    }

    fn take(&mut self, c: char, due: Due) -> Due {
        self.at += c.len_utf8();
        self.out.push(c);
        due
    }

    fn value(&mut self, c: char, due: Due) -> Option<Due> {
        match c {
            '{' => {
                self.closers.push('}');
                Some(self.take(c, Due::KeyOrEnd))
            }
            '[' => {
                self.closers.push(']');
                Some(self.take(c, Due::ValueOrEnd))
            }
            ']' if due == Due::ValueOrEnd => self.close(c),
            '"' | '\'' | '“' => {
                let place = if self.closers.last() == Some(&']') { Place::Element } else { Place::Member };
                self.string(c, place)?;
                Some(Due::Separator)
            }
            _ => {
                self.bare_value()?;
                Some(Due::Separator)
            }
        }
    }

    fn key(&mut self, c: char) -> Option<Due> {
        match c {
            '}' => self.close(c),
            '"' | '\'' | '“' => {
                self.string(c, Place::Key)?;
                self.quoted_key = true;
                Some(Due::Colon)
            }
            _ => {
                let word = |c: char| !(c.is_alphanumeric() || c == '_' || c == '-');
                let end = self.rest().find(word).unwrap_or(self.rest().len());
                let key = &self.rest()[..end];
                if !key.starts_with(|c: char| c.is_alphabetic() || c == '_') {
                    return None;
                }
                self.out.push('"');
                self.out.push_str(key);
                self.out.push('"');
                self.at += end;
                self.quoted_key = false;
                Some(Due::Colon)
            }
        }
    }

    fn separator(&mut self, c: char) -> Option<Due> {
        let in_object = self.closers.last() == Some(&'}');
        let next = if in_object { Due::KeyOrEnd } else { Due::ValueOrEnd };
        match c {
            ',' => Some(self.take(c, next)),
            '}' | ']' => self.close(c),
            '"' if in_object => {
                self.out.push(',');
                Some(next)
            }
            _ => None,
        }
    }

    /// Closes the innermost bracket; a bracket of the wrong kind is not unambiguous.
    fn close(&mut self, c: char) -> Option<Due> {
        if self.closers.pop() != Some(c) {
            return None;
        }
        self.drop_comma();
        Some(self.take(c, Due::Separator))
    }

    fn string(&mut self, open: char, place: Place) -> Option<()> {
        let close = if open == '“' { '”' } else { open };
        self.at += open.len_utf8();
        self.out.push('"');
        loop {
            let c = self.peek()?;
            self.at += c.len_utf8();
            match c {
                _ if c == close && ends_string(self.rest(), place) => break,
                '"' => self.out.push_str("\\\""),
                '\\' => self.escape(),
                '\n' => self.out.push_str("\\n"),
                '\r' => self.out.push_str("\\r"),
                '\t' => self.out.push_str("\\t"),
                '\0'..='\x1f' => self.out.push(' '),
                _ => self.out.push(c),
            }
        }
        self.out.push('"');
        Some(())
    }

    /// A backslash has been read: an escape of JSON stays, `\'` is an apostrophe, and any other backslash
    /// was meant as itself (`\$`, `\(`).
    fn escape(&mut self) {
        let rest = self.rest();
        let is_unicode = rest.starts_with('u')
            && rest.len() >= 5
            && rest.as_bytes()[1..5].iter().all(u8::is_ascii_hexdigit);
        match rest.chars().next() {
            Some(c) if is_unicode || matches!(c, '"' | '\\' | '/' | 'b' | 'f' | 'n' | 'r' | 't') => {
                self.out.push('\\');
                self.take(c, Due::Value);
            }
            Some('\'') => {
                self.take('\'', Due::Value);
            }
            _ => self.out.push_str("\\\\"),
        }
    }

    /// A word or number without quotes, up to a comma, a closing bracket, a comment or the end of the line.
    fn bare_value(&mut self) -> Option<()> {
        let rest = self.rest();
        let end = rest.find([',', '}', ']', '\n', '"', '{', '[', ':']).unwrap_or(rest.len());
        let end = ["//", "/*"].iter().filter_map(|mark| rest[..end].find(mark)).min().unwrap_or(end);
        let word = rest[..end].trim_end();
        match word {
            "" => return None,
            "true" | "True" | "TRUE" => self.out.push_str("true"),
            "false" | "False" | "FALSE" => self.out.push_str("false"),
            "null" | "None" | "NaN" | "nan" | "undefined" | "Infinity" | "-Infinity" => {
                self.out.push_str("null");
            }
            _ => self.number_or_text(word)?,
        }
        self.at += end;
        Some(())
    }

    /// Bare text counts only behind a quoted key: `{"answer": 15 ounces}`.
    fn number_or_text(&mut self, word: &str) -> Option<()> {
        if serde_json::from_str::<serde_json::Number>(word).is_ok() {
            self.out.push_str(word);
            return Some(());
        }
        let padded = word.trim_start_matches('+');
        let padded = if padded.starts_with('.') { format!("0{padded}") } else { padded.to_owned() };
        let padded = padded.strip_suffix('.').unwrap_or(&padded);
        if serde_json::from_str::<serde_json::Number>(padded).is_ok() {
            self.out.push_str(padded);
            return Some(());
        }
        let is_member = self.closers.last() == Some(&'}') && self.quoted_key;
        is_member.then(|| self.out.push_str(&Value::from(word).to_string()))
    }
}

/// Whether the quote before `rest` closes its string: only if what follows continues the JSON.
fn ends_string(rest: &str, place: Place) -> bool {
    let spaced = rest.trim_start();
    let gap = &rest[..rest.len() - spaced.len()];
    let after = after_blank(spaced);
    let Some(next) = after.chars().next() else { return true };
    match (place, next) {
        (Place::Key, _) => next == ':',
        (_, '}' | ']') => true,
        (Place::Member, ',') => begins_key(after_blank(&after[1..])),
        (Place::Element, ',') => begins_value(after_blank(&after[1..])),
        (Place::Member, '"') => gap.contains('\n'),
        _ => false,
    }
}

fn begins_key(rest: &str) -> bool {
    match rest.chars().next() {
        None | Some('"' | '\'' | '}' | '“') => true,
        Some(c) if c.is_alphabetic() || c == '_' => {
            let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
            rest[end..].trim_start().starts_with(':')
        }
        Some(_) => false,
    }
}

fn begins_value(rest: &str) -> bool {
    rest.chars().next().is_none_or(|c| matches!(c, '"' | '\'' | ']' | '[' | '{' | '-') || c.is_ascii_digit())
}

/// The text after white space and comments.
fn after_blank(mut text: &str) -> &str {
    loop {
        text = text.trim_start();
        let end = match text.as_bytes() {
            [b'/', b'/', ..] => text.find('\n').unwrap_or(text.len()),
            [b'/', b'*', ..] => text.find("*/").map_or(text.len(), |at| at + 2),
            _ => return text,
        };
        text = &text[end..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn common_breakage_is_mended() {
        let cases = [
            (r#"{"a": 1,}"#, json!({"a": 1})),
            (r"[1, 2, ]", json!([1, 2])),
            (r"{'a': 'it's fine', 'b': 2}", json!({"a": "it's fine", "b": 2})),
            (r#"{a: 1, "b_c": True, d: None}"#, json!({"a": 1, "b_c": true, "d": null})),
            ("{\"a\": \"two\nlines\"}", json!({"a": "two\nlines"})),
            (r#"{"a": "he said "hi", and left", "b": 1}"#, json!({"a": "he said \"hi\", and left", "b": 1})),
            (r#"{"cost": "\$5 and \(x\) \% ok\n"}"#, json!({"cost": "\\$5 and \\(x\\) \\% ok\n"})),
            (r#"{"a": {"b": [1, 2"#, json!({"a": {"b": [1, 2]}})),
            ("{\"a\": 1, // one\n /* two */ \"b\": 2}", json!({"a": 1, "b": 2})),
            (r#"{"a": NaN, "b": .5, "c": +3, "d": 5.}"#, json!({"a": null, "b": 0.5, "c": 3, "d": 5})),
            ("{\"a\": 1\n \"b\": 2}", json!({"a": 1, "b": 2})),
            ("{\"a\": \"x\"\n \"b\": 2}", json!({"a": "x", "b": 2})),
            (r#"{"answer": 15 ounces}"#, json!({"answer": "15 ounces"})),
            (r#"{"a": 1} and so on"#, json!({"a": 1})),
            ("{“a”: “b”}", json!({"a": "b"})),
        ];
        for (text, expected) in cases {
            assert_eq!(mend(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_has_no_one_reading_is_given_up() {
        for text in [
            r#"{"a": "never closed"#,
            r#"{"a": 1]"#,
            r#"{"a": "#,
            r#"{"a" 1}"#,
            "[1 2",
            "{1: 2}",
            "{color: red}",
            "[the first",
            "",
            "x",
        ] {
            assert_eq!(mend(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn mending_never_doubles_the_text(text in r#"[\[\]{}"'“”\\:,a1nu.+/*\n\x01 -]{0,60}"#) {
            if let Some(out) = rewrite(&text) {
                prop_assert!(out.len() <= 2 * text.len());
            }
            let _ = mend(&text);
        }

        #[test]
        fn json_is_left_as_it_is(n: i32, s in ".{0,20}", list: Vec<bool>) {
            let value = json!({"n": n, "s": s, "list": list, "deep": {"x": [null, 1.5]}});
            prop_assert_eq!(mend(&value.to_string()), Some(value));
        }
    }
}
