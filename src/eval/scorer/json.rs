//! Scorers that look at the JSON of an answer: it parses, meets a schema, has the expected fields.

use std::sync::Arc;

use serde_json::Value;

use super::options::Options;
use super::text::quote;
use super::{Subject, Verdict};
use crate::eval::extract::{self, Found};
use crate::eval::schema::Schema;

/// The answer holds JSON, of a schema if one is asked for. With `strict`, it must be nothing but JSON.
#[derive(Clone, Debug)]
pub(super) struct JsonRule {
    strict: bool,
    schema: SchemaSource,
}

#[derive(Clone, Debug)]
enum SchemaSource {
    None,
    Row,
    Own(Arc<Schema>),
}

impl JsonRule {
    pub(super) fn parse(options: &mut Options<'_>) -> Result<Self, String> {
        Ok(Self { strict: options.flag("strict")?.unwrap_or(false), schema: SchemaSource::None })
    }

    pub(super) fn parse_schema(options: &mut Options<'_>) -> Result<Self, String> {
        let schema = match options.value("schema") {
            None => SchemaSource::Row,
            Some(schema) => {
                let compiled = Schema::compile(schema);
                let compiled = compiled.map_err(|cause| format!("scorer `json_schema`: `schema` {cause}"))?;
                SchemaSource::Own(Arc::new(compiled))
            }
        };
        Ok(Self { schema, ..Self::parse(options)? })
    }

    pub(super) fn fits(&self, has_schema: bool) -> Result<(), String> {
        if matches!(self.schema, SchemaSource::Row) && !has_schema {
            return Err("needs the row's `schema`, or its own".to_owned());
        }
        Ok(())
    }

    pub(super) fn look(&self, subject: &Subject<'_>) -> Result<Verdict, String> {
        let Some((value, found)) = extract::json(subject.response.text()) else {
            return Ok(no_json(subject));
        };
        if self.strict && found != Found::Strict {
            return Ok(Verdict::is(false, format!("the JSON is not the whole answer ({})", how(found))));
        }
        let schema = match &self.schema {
            SchemaSource::None => None,
            SchemaSource::Own(schema) => Some(schema),
            SchemaSource::Row => Some(subject.case.schema.as_ref().ok_or("the row has no schema")?),
        };
        Ok(match schema.map(|schema| schema.check(&value)) {
            None => Verdict::is(true, format!("the answer is JSON ({})", how(found))),
            Some(Ok(())) => Verdict::is(true, "the JSON meets the schema"),
            Some(Err(cause)) => Verdict::is(false, cause),
        })
    }
}

fn how(found: Found) -> &'static str {
    match found {
        Found::Strict => "as it stands",
        Found::Fenced => "in a fence",
        Found::Embedded => "within prose",
        Found::Mended => "after mending",
    }
}

fn no_json(subject: &Subject<'_>) -> Verdict {
    Verdict::is(false, format!("there is no JSON in the answer {}", quote(subject.response.text())))
}

/// The fields of an expected object equal those of the answer's JSON, nested; numbers are compared as
/// numbers, also when the answer writes them as text; further fields do not count.
#[derive(Clone, Debug)]
pub(super) struct FieldsRule {
    value: Option<Value>,
    path: Option<String>,
    case_sensitive: bool,
}

impl FieldsRule {
    pub(super) fn parse(options: &mut Options<'_>) -> Result<Self, String> {
        let value = options.value("value").cloned();
        if value.as_ref().is_some_and(|value| !value.is_object()) {
            return Err("scorer `json_fields`: `value` must be an object".to_owned());
        }
        Ok(Self {
            value,
            path: options.text("path")?.map(str::to_owned),
            case_sensitive: options.flag("case_sensitive")?.unwrap_or(true),
        })
    }

    pub(super) fn fits(&self, expected: Option<&Value>) -> Result<(), String> {
        match self.value.as_ref().or(expected) {
            Some(Value::Object(_)) => Ok(()),
            _ => Err("needs an object in the row's `expected`, or its own `value`".to_owned()),
        }
    }

    pub(super) fn look(&self, subject: &Subject<'_>) -> Result<Verdict, String> {
        let wanted = self.value.as_ref().or(subject.case.expected.as_ref());
        let wanted = wanted.ok_or("the row has no `expected`")?;
        let Some((json, _)) = extract::json(subject.response.text()) else {
            return Ok(no_json(subject));
        };
        let inner = match &self.path {
            None => Some(&json),
            Some(path) => extract::at_path(&json, path),
        };
        let Some(inner) = inner else {
            return Ok(Verdict::is(
                false,
                format!("the JSON has no `{}`", self.path.as_deref().unwrap_or("")),
            ));
        };
        let mut tally = Tally { case_sensitive: self.case_sensitive, ..Tally::default() };
        tally.compare(wanted, Some(inner), "");
        Ok(tally.verdict())
    }
}

/// Fields compared, and the first that differs.
#[derive(Default)]
struct Tally {
    case_sensitive: bool,
    equal: u32,
    all: u32,
    first: Option<String>,
}

impl Tally {
    fn compare(&mut self, wanted: &Value, found: Option<&Value>, place: &str) {
        if let Value::Object(fields) = wanted {
            for (name, wanted) in fields {
                let place = if place.is_empty() { name.clone() } else { format!("{place}.{name}") };
                self.compare(wanted, found.and_then(|found| found.get(name)), &place);
            }
            return;
        }
        self.all += 1;
        if found.is_some_and(|found| same(wanted, found, self.case_sensitive)) {
            self.equal += 1;
        } else if self.first.is_none() {
            let found = found.map_or_else(|| "absent".to_owned(), |found| quote(&found.to_string()));
            self.first = Some(format!("`{place}` is {found}, not {}", quote(&wanted.to_string())));
        }
    }

    fn verdict(self) -> Verdict {
        let share = if self.all == 0 { 1.0 } else { f64::from(self.equal) / f64::from(self.all) };
        match self.first {
            None => Verdict::new(true, share, format!("all {} fields are as expected", self.all)),
            Some(first) => Verdict::new(
                false,
                share,
                format!("{} of {} fields are as expected: {first}", self.equal, self.all),
            ),
        }
    }
}

/// Whether two values are the same: numbers as numbers (to nine digits), text without the white space
/// around it, lists in order, objects with the same fields.
pub(super) fn same(wanted: &Value, found: &Value, case_sensitive: bool) -> bool {
    match (wanted, found) {
        (Value::Number(wanted), _) => {
            let found = match found {
                Value::Number(found) => found.as_f64(),
                Value::String(text) => text.trim().parse().ok(),
                _ => None,
            };
            wanted.as_f64().zip(found).is_some_and(|(a, b)| (a - b).abs() <= 1e-9 * a.abs().max(b.abs()))
        }
        (Value::String(wanted), Value::String(found)) if case_sensitive => wanted.trim() == found.trim(),
        (Value::String(wanted), Value::String(found)) => {
            wanted.trim().to_lowercase() == found.trim().to_lowercase()
        }
        (Value::Array(wanted), Value::Array(found)) => {
            wanted.len() == found.len() && wanted.iter().zip(found).all(|(a, b)| same(a, b, case_sensitive))
        }
        (Value::Object(wanted), Value::Object(found)) => {
            wanted.len() == found.len()
                && wanted.iter().all(|(name, a)| found.get(name).is_some_and(|b| same(a, b, case_sensitive)))
        }
        _ => wanted == found,
    }
}
