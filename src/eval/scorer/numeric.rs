//! The number of an answer, wherever it stands.

use serde_json::Value;

use super::options::Options;
use super::text::quote;
use super::{Subject, Verdict};
use crate::eval::extract::number::{self, Number};
use crate::eval::extract::{self, Found};

/// The answer's number is the expected one, within `abs` or `rel` (both zero unless given, beyond what a
/// double loses). Currency, thousands separators and units do not count; `25%` equals 25 as well as 0.25.
/// With `path`, the number is that field of the answer's JSON, mended where that can be done, read off
/// broken JSON where not, and else the last number of the prose; without, the answer's JSON when it is a
/// number or has one field or a field `answer`, else the last number of the prose.
#[derive(Clone, Debug)]
pub(super) struct NumericRule {
    wanted: Option<Vec<Number>>,
    path: Option<String>,
    abs: f64,
    rel: f64,
}

/// Where the number was found.
enum Place {
    Field,
    Prose,
}

impl NumericRule {
    /// Whether it looks in a field of JSON first.
    pub(super) fn has_path(&self) -> bool {
        self.path.is_some()
    }

    pub(super) fn parse(options: &mut Options<'_>) -> Result<Self, String> {
        let wanted = match options.value("value") {
            None => None,
            Some(value) => {
                Some(numbers(value).map_err(|cause| format!("scorer `numeric`: `value` {cause}"))?)
            }
        };
        Ok(Self {
            wanted,
            path: options.text("path")?.map(str::to_owned),
            abs: options.number("abs")?.unwrap_or(0.0),
            rel: options.number("rel")?.unwrap_or(0.0),
        })
    }

    pub(super) fn fits(&self, expected: Option<&Value>) -> Result<(), String> {
        if self.wanted.is_some() {
            return Ok(());
        }
        let expected = expected.ok_or("needs the row's `expected`, or its own `value`")?;
        numbers(expected)
            .map(|_| ())
            .map_err(|cause| format!("cannot use the row's `expected`, which {cause}"))
    }

    pub(super) fn look(&self, subject: &Subject<'_>) -> Result<Verdict, String> {
        let wanted = match (&self.wanted, &subject.case.expected) {
            (Some(wanted), _) => wanted.clone(),
            (None, Some(expected)) => numbers(expected)?,
            (None, None) => return Err("the row has no `expected`".to_owned()),
        };
        let text = subject.response.text();
        let Some((found, place)) = self.find(text) else {
            return Ok(Verdict::is(false, format!("there is no number in the answer {}", quote(text))));
        };
        let passed = wanted.iter().any(|wanted| self.agree(*wanted, found));
        let shown: Vec<_> = wanted.iter().map(|number| number.value.to_string()).collect();
        let (shown, value) = (shown.join(" or "), found.value);
        let place = match place {
            Place::Field => "",
            Place::Prose if self.path.is_some() => " (from the prose: there is no such field)",
            Place::Prose => "",
        };
        let is = if passed { "matches" } else { "is not" };
        Ok(Verdict::is(passed, format!("{value}{place} {is} {shown}")))
    }

    fn find(&self, text: &str) -> Option<(Number, Place)> {
        let json = extract::json(text);
        let field = match (&self.path, &json) {
            (Some(path), Some((json, _))) => extract::at_path(json, path),
            (None, Some((json, how))) => likely_field(json, *how),
            (_, None) => None,
        };
        let broken = || {
            let name = self.path.as_deref()?.rsplit(['.', '/']).next()?;
            number::answer(extract::field_of_broken_json(text, name)?)
        };
        let found = field.and_then(of_value).or_else(broken).map(|number| (number, Place::Field));
        found.or_else(|| number::answer(text).map(|number| (number, Place::Prose)))
    }

    fn agree(&self, wanted: Number, found: Number) -> bool {
        let near = |a: f64, b: f64| {
            let slack = self.abs.max(self.rel * a.abs()).max(1e-9 * a.abs().max(b.abs()));
            (a - b).abs() <= slack
        };
        if near(wanted.value, found.value) {
            return true;
        }
        match (wanted.percent, found.percent) {
            (false, true) => near(wanted.value, found.value / 100.0),
            (true, false) => near(wanted.value / 100.0, found.value),
            _ => false,
        }
    }
}

/// The field a number is looked for in when no path is given; an object within prose may be a step on the
/// way, so only its `answer` counts.
fn likely_field(json: &Value, how: Found) -> Option<&Value> {
    let is_answer = matches!(how, Found::Strict | Found::Fenced);
    match json {
        Value::Object(fields) if fields.len() == 1 && is_answer => fields.values().next(),
        Value::Object(fields) => fields.get("answer"),
        Value::Number(_) | Value::String(_) => Some(json),
        _ => None,
    }
}

fn of_value(value: &Value) -> Option<Number> {
    match value {
        Value::Number(number) => number.as_f64().map(|value| Number { value, percent: false }),
        Value::String(text) => number::answer(text),
        Value::Array(items) if items.len() == 1 => of_value(&items[0]),
        _ => None,
    }
}

/// The expected numbers: one, or any of a list.
fn numbers(value: &Value) -> Result<Vec<Number>, String> {
    let of_one = |value: &Value| {
        let number = match value {
            Value::Number(_) | Value::String(_) => of_value(value),
            _ => None,
        };
        number.ok_or_else(|| format!("is not a number: {}", quote(&value.to_string())))
    };
    match value {
        Value::Array(items) if !items.is_empty() => items.iter().map(of_one).collect(),
        single => Ok(vec![of_one(single)?]),
    }
}
