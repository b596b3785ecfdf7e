//! What a simulated model can work out from a request alone: sums in signs and words, conversions, short
//! stories with numbers, labels by word lists, fields of a text, letters of multiple choice, dates, words, and
//! calls of tools. Pure: the same request has the same answer, and what a dataset expects is never seen.

mod arithmetic;
mod choice;
mod dates;
mod facts;
mod fields;
mod fill;
mod labels;
mod number;
mod pattern;
mod story;
mod tools;
mod units;
mod words;

use std::sync::LazyLock;

use serde_json::{Map, Value};

pub use self::arithmetic::sum;
pub(super) use self::fill::minimal;
pub(super) use self::number::Ratio;

/// The longest text that is thought about, in bytes; the families below are for small questions.
const MOST_TEXT: usize = 16 << 10;

/// What a request asks.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Question<'a> {
    /// The instructions: what system and developer say.
    pub(super) system: &'a str,
    /// What the user said before.
    pub(super) earlier: &'a str,
    /// What the user says last.
    pub(super) prompt: &'a str,
    /// The JSON Schema the answer must meet.
    pub(super) schema: Option<&'a Value>,
    /// The tools, as OpenAI's chat dialect writes them.
    pub(super) tools: &'a [Value],
}

/// What is answered.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Answer {
    /// A number.
    Number(Ratio),
    /// One of some labels, with the others.
    Label {
        /// The right one.
        label: String,
        /// The wrong ones.
        others: Vec<String>,
    },
    /// A text.
    Text(String),
    /// A JSON object.
    Object(Map<String, Value>),
    /// Calls of tools: name and arguments.
    Calls(Vec<(String, Map<String, Value>)>),
}

impl Answer {
    /// A label among all there are; a label that is not among them has only wrong others.
    fn label(label: &str, all: &[&str]) -> Self {
        let others = all.iter().filter(|other| **other != label).map(|other| (*other).to_owned());
        Self::Label { label: label.to_owned(), others: others.collect() }
    }

    /// The answer as a model writes it; calls have no text.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Label { label: text, .. } | Self::Text(text) => text.clone(),
            Self::Object(fields) => Value::Object(fields.clone()).to_string(),
            Self::Calls(_) => String::new(),
        }
    }
}

/// Answers a question of a family that is known; nothing for any other.
pub(super) fn solve(question: &Question<'_>) -> Option<Answer> {
    if question.prompt.len() > MOST_TEXT || question.system.len() > MOST_TEXT {
        return None;
    }
    if !question.tools.is_empty()
        && let Some(calls) = tools::calls(question.prompt, question.tools)
    {
        return Some(Answer::Calls(calls));
    }
    match question.schema {
        None => plain(question),
        Some(schema) => {
            let found = fields::extract(question.prompt, schema);
            found.or_else(|| wrapped(&plain(question)?, schema)).map(Answer::Object)
        }
    }
}

/// Compiles the patterns of every family, so that the first answers are not late for it.
pub(super) fn prepare() {
    LazyLock::force(&arithmetic::OPERATORS);
    let families = [
        arithmetic::prepare,
        choice::prepare,
        dates::prepare,
        facts::prepare,
        fields::prepare,
        labels::prepare,
        story::prepare,
        units::prepare,
        words::prepare,
    ];
    for prepare in families {
        prepare();
    }
}

/// The families without tools and schemas, those that are surer of their questions first.
fn plain(question: &Question<'_>) -> Option<Answer> {
    let prompt = question.prompt;
    choice::letter(prompt)
        .or_else(|| labels::label(question.system, prompt))
        .or_else(|| asked(prompt))
        .or_else(|| facts::recall(question.earlier, prompt))
}

/// Questions that stand alone, as the stem of a multiple choice also does.
fn asked(prompt: &str) -> Option<Answer> {
    dates::answer(prompt)
        .or_else(|| words::answer(prompt))
        .or_else(|| facts::answer(prompt))
        .or_else(|| units::convert(prompt).map(Answer::Number))
        .or_else(|| story::total(prompt).map(Answer::Number))
        .or_else(|| arithmetic::answer(prompt).map(Answer::Number))
}

/// An answer as the first property of a schema that takes it, beside the least its other ones may be.
fn wrapped(answer: &Answer, schema: &Value) -> Option<Map<String, Value>> {
    let value = match answer {
        Answer::Number(number) => number.json(),
        Answer::Label { .. } | Answer::Text(_) => answer.text().into(),
        Answer::Object(_) | Answer::Calls(_) => return None,
    };
    let takes = |property: &Value| match &property["type"] {
        _ if property["enum"].is_array() => {
            property["enum"].as_array().is_some_and(|all| all.contains(&value))
        }
        Value::String(kind) if kind == "integer" => value.is_i64(),
        Value::String(kind) if kind == "number" => value.is_number(),
        Value::String(kind) if kind == "string" => value.is_string(),
        _ => false,
    };
    let properties = schema["properties"].as_object()?;
    let (name, _) = properties.iter().find(|(_, property)| takes(property))?;
    let mut object = minimal(schema).as_object().cloned().unwrap_or_default();
    object.insert(name.clone(), value);
    Some(object)
}

#[cfg(test)]
mod tests;
