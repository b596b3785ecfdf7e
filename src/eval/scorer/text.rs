//! Scorers that compare text: equals, one of, contains, starts with, and regular expressions.

use regex::{Regex, RegexBuilder};
use serde_json::Value;

use super::options::{Options, texts};
use super::{Subject, Verdict};
use crate::base::untrusted::clip;

/// How an answer's text is compared with what is wanted. Case does not count unless `case_sensitive` is
/// set. With `trim` (the default) white space around both does not count, nor, for `equals` and `one_of`,
/// do quotes, Markdown emphasis and a closing full stop around the answer. An answer that hides in fenced
/// JSON is not equal to it.
#[derive(Clone, Debug)]
pub(super) struct TextRule {
    test: Test,
    /// The rule's own texts; absent means the row's `expected`.
    wanted: Option<Vec<String>>,
    case_sensitive: bool,
    trim: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Test {
    Equals,
    ContainsAll,
    ContainsAny,
    StartsWith,
}

impl TextRule {
    pub(super) fn parse(kind: &str, options: &mut Options<'_>) -> Result<Self, String> {
        let test = match kind {
            "equals" | "one_of" => Test::Equals,
            "contains" | "contains_all" => Test::ContainsAll,
            "contains_any" => Test::ContainsAny,
            _ => Test::StartsWith,
        };
        Ok(Self {
            test,
            wanted: options.texts("value")?,
            case_sensitive: options.flag("case_sensitive")?.unwrap_or(false),
            trim: options.flag("trim")?.unwrap_or(true),
        })
    }

    pub(super) fn fits(&self, expected: Option<&Value>) -> Result<(), String> {
        if self.wanted.is_some() {
            return Ok(());
        }
        wanted(expected).map(|_| ())
    }

    pub(super) fn look(&self, subject: &Subject<'_>) -> Result<Verdict, String> {
        let wanted = match &self.wanted {
            Some(wanted) => wanted.clone(),
            None => wanted(subject.case.expected.as_ref())?,
        };
        let answer = self.fold(subject.response.text());
        let holds = |text: &String| {
            let text = self.fold(text);
            match self.test {
                Test::Equals => answer == text || (self.trim && undressed(&answer) == text),
                Test::ContainsAll | Test::ContainsAny => answer.contains(&text),
                Test::StartsWith => answer.starts_with(&text),
            }
        };
        let passed = match self.test {
            Test::ContainsAll => wanted.iter().all(holds),
            _ => wanted.iter().any(holds),
        };
        let (held, lacking): (Vec<_>, Vec<_>) = wanted.iter().partition(|text| holds(text));
        let shown = quoted(&lacking);
        let reason = match (self.test, passed) {
            (Test::Equals, true) => "the answer equals what is expected".to_owned(),
            (Test::Equals, false) => format!("the answer {} is not {shown}", quote(subject.response.text())),
            (Test::ContainsAll | Test::ContainsAny, true) => {
                format!("the answer contains {}", quoted(&held))
            }
            (Test::ContainsAll | Test::ContainsAny, false) => format!("the answer does not contain {shown}"),
            (Test::StartsWith, true) => "the answer begins as expected".to_owned(),
            (Test::StartsWith, false) => {
                format!("the answer {} does not begin with {shown}", quote(subject.response.text()))
            }
        };
        Ok(Verdict::is(passed, reason))
    }

    fn fold(&self, text: &str) -> String {
        let text = if self.trim { text.trim() } else { text };
        if self.case_sensitive { text.to_owned() } else { text.to_lowercase() }
    }
}

/// The texts of a row's `expected`.
fn wanted(expected: Option<&Value>) -> Result<Vec<String>, String> {
    let expected = expected.ok_or("needs the row's `expected`, or its own `value`")?;
    texts(expected).ok_or_else(|| {
        "needs text: the row's `expected` is an object or an empty list; json_fields compares objects"
            .to_owned()
    })
}

/// The text without quotes, emphasis, code marks and a closing full stop around it.
fn undressed(text: &str) -> &str {
    let marks = |c: char| matches!(c, '"' | '\'' | '`' | '*' | '_' | '“' | '”' | '‘' | '’');
    text.trim_matches(marks).trim_end_matches('.').trim_matches(marks).trim()
}

/// A short quotation for a reason.
pub(super) fn quote(text: &str) -> String {
    format!("{:?}", clip(text.trim(), 60))
}

fn quoted(texts: &[&String]) -> String {
    let shown: Vec<_> = texts.iter().take(4).map(|text| quote(text)).collect();
    shown.join(", ")
}

/// Reads `pattern`; case counts unless `case_sensitive` is false.
pub(super) fn parse_regex(options: &mut Options<'_>) -> Result<Regex, String> {
    let pattern = options.required_text("pattern")?;
    let case_sensitive = options.flag("case_sensitive")?.unwrap_or(true);
    RegexBuilder::new(pattern).case_insensitive(!case_sensitive).build().map_err(|error| {
        let cause = error.to_string();
        let cause = cause.lines().last().unwrap_or("").trim_start_matches("error: ");
        format!("scorer `regex`: the pattern {pattern:?} is not a regular expression: {cause}")
    })
}

pub(super) fn look_for(regex: &Regex, subject: &Subject<'_>) -> Verdict {
    match regex.find(subject.response.text()) {
        Some(found) => Verdict::is(true, format!("the pattern matches {}", quote(found.as_str()))),
        None => Verdict::is(false, format!("the pattern {:?} matches nowhere in the answer", regex.as_str())),
    }
}
