//! JSON and numbers out of what a model wrote. Pure; linear in the text; never panics.
//!
//! Models asked for JSON wrap it in a fence, put a sentence before it, or write what only looks like it.
//! The value is looked for from strict to lenient, and how far one had to go is part of the result, so that
//! an answer that needed repair is never counted as one that did not.

pub mod mend;
pub mod number;

use serde_json::Value;

/// How the JSON stood in the text, from clean to broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Found {
    /// The whole text is JSON.
    Strict,
    /// It stands in a Markdown fence.
    Fenced,
    /// It stands within prose.
    Embedded,
    /// It is not JSON, but could be mended without guessing.
    Mended,
}

/// How many opening brackets of a text are tried. Each try may read the rest of the text; the bound keeps a
/// hostile answer from costing quadratic time.
const MOST_STARTS: usize = 256;

/// How many of them are tried for mending.
const MOST_MENDS: usize = 4;

/// The JSON of a text. Where several values stand in it, the last fenced one, else the last object, else
/// the last array: models reason first and answer last.
pub fn json(text: &str) -> Option<(Value, Found)> {
    let text = text.trim().trim_start_matches('\u{feff}');
    if let Ok(value) = serde_json::from_str(text) {
        return Some((value, Found::Strict));
    }
    let fences = fences(text);
    let inside = fences.iter().rev().find_map(|text| serde_json::from_str::<Value>(text.trim()).ok());
    if let Some(value) = inside {
        return Some((value, Found::Fenced));
    }
    if let Some(value) = embedded(text) {
        return Some((value, Found::Embedded));
    }
    let candidates = fences.into_iter().rev().take(MOST_MENDS).flat_map(|inside| starts(inside).take(1));
    let candidates = candidates.chain(starts(text).take(MOST_MENDS));
    candidates.filter_map(mend::mend).map(|value| (value, Found::Mended)).next()
}

/// The insides of Markdown fences; an unclosed last fence runs to the end.
fn fences(text: &str) -> Vec<&str> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(open) = rest.find("```") {
        let after = &rest[open + 3..];
        // The info string (`json`) ends with the line; a fence may also open and close on one line.
        let info = after.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(after.len());
        let inside = &after[info..];
        let Some(close) = inside.find("```") else {
            out.push(inside);
            break;
        };
        out.push(&inside[..close]);
        rest = &inside[close + 3..];
    }
    out
}

/// The rests of a text that begin where a JSON object or array might.
fn starts(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices(['{', '[']).filter_map(|(at, bracket)| {
        let rest = &text[at..];
        let next = rest[1..].trim_start().chars().next()?;
        let plausible = match bracket {
            "{" => matches!(next, '"' | '\'' | '}' | '/' | '_' | '“') || next.is_ascii_alphabetic(),
            _ => {
                matches!(next, '"' | '\'' | ']' | '[' | '{' | '-' | '/' | 't' | 'f' | 'n')
                    || next.is_ascii_digit()
            }
        };
        plausible.then_some(rest)
    })
}

fn embedded(text: &str) -> Option<Value> {
    let (mut object, mut array) = (None, None);
    let mut done = 0;
    for rest in starts(text).take(MOST_STARTS) {
        let at = text.len() - rest.len();
        if at < done {
            continue;
        }
        let mut stream = serde_json::Deserializer::from_str(rest).into_iter::<Value>();
        if let Some(Ok(value)) = stream.next() {
            done = at + stream.byte_offset();
            if value.is_object() { object = Some(value) } else { array = Some(value) }
        }
    }
    object.or(array)
}

/// The value at a path: a JSON pointer (`/a/0`), or names and indices joined by dots (`a.0.b`). A name that
/// holds dots itself is found first.
pub fn at_path<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    if path.starts_with('/') {
        return value.pointer(path);
    }
    if let Some(found) = value.get(path) {
        return Some(found);
    }
    path.split('.').try_fold(value, |value, step| match value {
        Value::Array(items) => items.get(step.parse::<usize>().ok()?),
        _ => value.get(step),
    })
}

/// What follows the last `"name":` in text that is not JSON, up to the end of its line, the next comma
/// that is not inside a number, or a closing bracket.
pub fn field_of_broken_json<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let quoted = format!("\"{name}\"");
    let after = text
        .rmatch_indices(&quoted)
        .find_map(|(at, _)| text[at + quoted.len()..].trim_start().strip_prefix(':').map(str::trim_start))?;
    let line = after.lines().next().unwrap_or("");
    let end = line.find(['}', ']']).unwrap_or(line.len());
    Some(line[..end].trim().trim_end_matches(',').trim_matches('"'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn json_is_found_from_strict_to_mended_and_says_how() {
        let cases = [
            (r#" {"a": 1} "#, Some((json!({"a": 1}), Found::Strict))),
            ("42", Some((json!(42), Found::Strict))),
            ("```json\n{\"a\": 1}\n```", Some((json!({"a": 1}), Found::Fenced))),
            (
                "First ```{\"a\": 1}``` then ```json\n{\"a\": 2}\n``` done.",
                Some((json!({"a": 2}), Found::Fenced)),
            ),
            ("Sure! {\"a\": {\"b\": [1]}} Hope it helps.", Some((json!({"a": {"b": [1]}}), Found::Embedded))),
            ("As in [1], we get {\"a\": 2} and [3].", Some((json!({"a": 2}), Found::Embedded))),
            ("the list is [1, 2]", Some((json!([1, 2]), Found::Embedded))),
            ("```json\n{\"a\": 1,}\n```", Some((json!({"a": 1}), Found::Mended))),
            ("```json\n{\"a\": [1, 2", Some((json!({"a": [1, 2]}), Found::Mended))),
            ("by \\frac{a}{b} we see", None),
            ("no braces at all", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(json(text), expected, "{text}");
        }
    }

    #[test]
    fn a_path_is_a_pointer_or_names_joined_by_dots() {
        let value = json!({"a": {"b": [{"c": 1}]}, "x.y": 2});
        assert_eq!(at_path(&value, "a.b.0.c"), Some(&json!(1)));
        assert_eq!(at_path(&value, "/a/b/0/c"), Some(&json!(1)));
        assert_eq!(at_path(&value, "x.y"), Some(&json!(2)));
        assert_eq!(at_path(&value, "a.c"), None);
    }

    #[test]
    fn a_field_is_read_even_from_json_beyond_repair() {
        let broken = "{\"why\": \"he said \"no\", \" and\",\n \"answer\" : \"1,234\",\n";
        assert_eq!(field_of_broken_json(broken, "answer"), Some("1,234"));
        assert_eq!(field_of_broken_json("{\"answer\": 5}", "answer"), Some("5"));
        assert_eq!(field_of_broken_json("answer: 5", "answer"), None);
    }

    #[test]
    fn a_hostile_answer_is_given_up_in_good_time() {
        for unit in ["[", "{\"a\":", "[1,", "{\"a\":[", "```{", "\"", "{'", "[\"\\"] {
            let text = unit.repeat(100_000 / unit.len());
            // Linear work is milliseconds here; quadratic would be minutes and show as a hung test.
            assert!(json(&text).is_none_or(|(value, _)| value.to_string().len() <= 2 * text.len()));
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in r#"[\[\]{}"'`\\:,a1n/*\n .-]{0,60}"#) {
            let _ = json(&text);
            let _ = field_of_broken_json(&text, "a");
        }

        #[test]
        fn json_in_prose_is_found_unchanged(n: i64, s in "[a-z \\n\"\\\\]{0,12}", before in "[a-z .]{0,20}") {
            let value = json!({"n": n, "s": s});
            let text = format!("{before}{value} and so on");
            let expected = Some((value, Found::Embedded));
            prop_assert_eq!(json(&text), expected);
        }
    }
}
