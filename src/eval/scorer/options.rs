//! Reads the options of a scorer and refuses those it does not know.

use serde_json::Value;

use crate::eval::problem::did_you_mean;
use crate::model::Object;

/// The options of one scorer as written. Every reader notes its key, so that what nobody asked for is an
/// error at the end.
pub(super) struct Options<'a> {
    kind: &'a str,
    fields: &'a Object,
    known: Vec<&'static str>,
}

impl<'a> Options<'a> {
    pub(super) fn new(kind: &'a str, fields: &'a Object) -> Self {
        Self { kind, fields, known: vec!["type"] }
    }

    pub(super) fn value(&mut self, key: &'static str) -> Option<&'a Value> {
        self.known.push(key);
        self.fields.get(key).filter(|value| !value.is_null())
    }

    fn read<T>(
        &mut self,
        key: &'static str,
        expected: &str,
        read: impl Fn(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, String> {
        let Some(value) = self.value(key) else { return Ok(None) };
        let kind = self.kind;
        read(value)
            .map(Some)
            .ok_or_else(|| format!("scorer `{kind}`: `{key}` must be {expected}, not {value}"))
    }

    pub(super) fn text(&mut self, key: &'static str) -> Result<Option<&'a str>, String> {
        self.read(key, "a string", |value| value.as_str())
    }

    pub(super) fn required_text(&mut self, key: &'static str) -> Result<&'a str, String> {
        let kind = self.kind;
        self.text(key)?.ok_or_else(|| format!("scorer `{kind}` needs `{key}`, a string"))
    }

    pub(super) fn flag(&mut self, key: &'static str) -> Result<Option<bool>, String> {
        self.read(key, "true or false", Value::as_bool)
    }

    pub(super) fn count(&mut self, key: &'static str) -> Result<Option<u64>, String> {
        self.read(key, "a whole number", Value::as_u64)
    }

    /// A number that is not negative.
    pub(super) fn number(&mut self, key: &'static str) -> Result<Option<f64>, String> {
        self.read(key, "a number, not negative", |value| value.as_f64().filter(|number| *number >= 0.0))
    }

    /// A share from 0 to 1.
    pub(super) fn share(&mut self, key: &'static str) -> Result<Option<f64>, String> {
        self.read(key, "a number from 0 to 1", |value| {
            value.as_f64().filter(|share| (0.0..=1.0).contains(share))
        })
    }

    /// One text or a list of texts; numbers and booleans count as their text.
    pub(super) fn texts(&mut self, key: &'static str) -> Result<Option<Vec<String>>, String> {
        self.read(key, "a string or a list of strings", texts)
    }

    /// A list of strings that is not empty.
    pub(super) fn strings(&mut self, key: &'static str) -> Result<Option<Vec<String>>, String> {
        self.read(key, "a list of strings that is not empty", |value| {
            let list = value.as_array().filter(|list| !list.is_empty())?;
            list.iter().map(|item| item.as_str().map(str::to_owned)).collect()
        })
    }

    pub(super) fn finish(self) -> Result<(), String> {
        let unknown = self.fields.keys().find(|key| !self.known.contains(&key.as_str()));
        match unknown {
            None => Ok(()),
            Some(key) => {
                let meant = did_you_mean(key, &self.known);
                let (kind, known) = (self.kind, self.known[1..].join(", "));
                Err(format!("scorer `{kind}` has no option `{key}`{meant} (its options: {known})"))
            }
        }
    }
}

/// A scalar's text, or the texts of a list of scalars that is not empty.
pub(super) fn texts(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::Array(items) if !items.is_empty() => items.iter().map(text).collect(),
        _ => text(value).map(|text| vec![text]),
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        _ => None,
    }
}
