//! The letter of a multiple-choice answer.

use serde_json::Value;

use super::options::Options;
use super::text::quote;
use super::{Subject, Verdict};
use crate::eval::extract;

/// The answer chooses the expected letter. It is looked for in the JSON field `path` (or `answer`), behind
/// the word "answer", at the beginning, in `\boxed{}`, and at last as a letter standing alone.
#[derive(Clone, Debug)]
pub(super) struct ChoiceRule {
    wanted: Option<char>,
    path: Option<String>,
}

impl ChoiceRule {
    pub(super) fn parse(options: &mut Options<'_>) -> Result<Self, String> {
        let wanted = match options.text("value")? {
            None => None,
            Some(text) => Some(
                letter(text)
                    .ok_or_else(|| format!("scorer `choice`: `value` must be a letter, not {text:?}"))?,
            ),
        };
        Ok(Self { wanted, path: options.text("path")?.map(str::to_owned) })
    }

    pub(super) fn fits(&self, expected: Option<&Value>) -> Result<(), String> {
        match self.wanted.or_else(|| letter(expected?.as_str()?)) {
            Some(_) => Ok(()),
            None => {
                Err("needs a letter such as \"B\" in the row's `expected`, or its own `value`".to_owned())
            }
        }
    }

    pub(super) fn look(&self, subject: &Subject<'_>) -> Result<Verdict, String> {
        let expected = subject.case.expected.as_ref().and_then(Value::as_str);
        let wanted = self.wanted.or_else(|| expected.and_then(letter)).ok_or("no letter is expected")?;
        let text = subject.response.text();
        Ok(match self.find(text) {
            Some(found) if found == wanted => Verdict::is(true, format!("the answer chooses {found}")),
            Some(found) => Verdict::is(false, format!("the answer chooses {found}, not {wanted}")),
            None => Verdict::is(false, format!("no choice can be read from the answer {}", quote(text))),
        })
    }

    fn find(&self, text: &str) -> Option<char> {
        let json = extract::json(text).map(|(value, _)| value);
        let field =
            json.as_ref().and_then(|json| extract::at_path(json, self.path.as_deref().unwrap_or("answer")));
        match field.and_then(Value::as_str) {
            Some(field) => find(field),
            None => find(text),
        }
    }
}

/// A text that is one letter, brackets and points aside.
fn letter(text: &str) -> Option<char> {
    let bare = text.trim_matches(|c: char| !c.is_alphanumeric());
    let mut chars = bare.chars();
    let first = chars.next().filter(char::is_ascii_alphabetic)?;
    chars.next().is_none().then(|| first.to_ascii_uppercase())
}

fn find(text: &str) -> Option<char> {
    let text = text.trim();
    letter(text)
        .or_else(|| boxed(text))
        .or_else(|| behind_answer(text))
        .or_else(|| at_beginning(text))
        .or_else(|| standing_alone(text))
}

fn boxed(text: &str) -> Option<char> {
    let inside = &text[text.rfind("\\boxed{")? + "\\boxed{".len()..];
    letter(&inside[..inside.find('}')?])
}

/// `Answer: B`, `the answer is (B)`, `answer is option B`; the last one counts.
fn behind_answer(text: &str) -> Option<char> {
    let lower = text.to_ascii_lowercase();
    lower.rmatch_indices("answer").find_map(|(at, word)| {
        let mut words = text[at + word.len()..].split_whitespace();
        words.by_ref().take(5).find_map(|word| {
            let bare = word.trim_matches(|c: char| !c.is_alphanumeric());
            let is_article = word == "a" || word == "A" && bare == word;
            let is_last = !is_article || text[at..].trim_end().ends_with(word);
            letter(word)
                .filter(|_| is_last && bare.chars().all(|c| c.is_ascii_uppercase()) || word.starts_with('('))
        })
    })
}

/// `B) because …`, `B. …`, `**B**: …`, `(B) …`.
fn at_beginning(text: &str) -> Option<char> {
    let bare = text.trim_start_matches(['*', '(', '[', '"', '`']);
    let first = bare.chars().next().filter(char::is_ascii_uppercase)?;
    let is_marked = bare[1..].starts_with([')', '.', ':', ']', '*', ',', '\n']);
    is_marked.then_some(first)
}

/// The last capital standing alone; `A` and `I` are words unless something marks them.
fn standing_alone(text: &str) -> Option<char> {
    text.split_whitespace().rev().find_map(|word| {
        let found = letter(word).filter(|_| word.chars().any(|c| c.is_ascii_uppercase()))?;
        let is_word = matches!(found, 'A' | 'I') && word.len() == 1;
        (!is_word).then_some(found)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_is_read_as_models_write_it() {
        let cases = [
            ("B", Some('B')),
            ("(b)", Some('B')),
            ("**C**", Some('C')),
            ("B) because it floats", Some('B')),
            ("The answer is (D).", Some('D')),
            ("Answer: A", Some('A')),
            ("I think A is wrong, so the correct answer is option C, not B", Some('C')),
            ("\\boxed{B} follows", Some('B')),
            ("Neither; choose C", Some('C')),
            ("I have a plan", None),
            ("A whale is a mammal", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(find(text), expected, "{text}");
        }
    }
}
