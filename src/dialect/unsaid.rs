//! What a dialect cannot say, noted while a request is written; and the unmodelled fields it can.

use serde_json::Value;

use super::DialectName;
use crate::model::{Object, Request};

/// Notes of one request.
#[derive(Debug)]
pub(super) struct Unsaid {
    is_native: bool,
    notes: Vec<String>,
}

impl Unsaid {
    /// For a request that is written in a dialect.
    pub(super) fn new(request: &Request, dialect: DialectName) -> Self {
        let written_in = &request.extra.dialect;
        Self { is_native: written_in.is_empty() || written_in == dialect.name(), notes: Vec::new() }
    }

    /// Whether unmodelled fields were written in this dialect, or in none in particular.
    pub(super) fn is_native(&self) -> bool {
        self.is_native
    }

    /// Notes, once, that something could not be said.
    pub(super) fn note(&mut self, what: impl Into<String>) {
        let what = what.into();
        if !self.notes.contains(&what) {
            self.notes.push(what);
        }
    }

    /// Notes a part of another dialect.
    pub(super) fn part(&mut self, part: &Value) {
        let kind = part.get("type").and_then(Value::as_str).unwrap_or("unknown");
        self.note(format!("{kind} part"));
    }

    /// Adds the unmodelled fields of a thing to what is written of it; what we wrote ourselves stays.
    pub(super) fn fields(&mut self, of: &str, extra: &Object, written: &mut Object) {
        for (name, value) in extra {
            if self.is_native {
                written.entry(name).or_insert_with(|| value.clone());
            } else {
                self.note(format!("{of} field {name}"));
            }
        }
    }

    /// Adds the unmodelled fields of the request to its body, and within objects that both have
    /// (`stream_options`, `text`, `reasoning`).
    pub(super) fn request(&mut self, extra: &Object, body: &mut Object) {
        for (name, value) in extra {
            match (self.is_native, body.get_mut(name), value) {
                (false, _, _) => self.note(name),
                (true, None, _) => {
                    body.insert(name.clone(), value.clone());
                }
                (true, Some(Value::Object(ours)), Value::Object(theirs)) => {
                    for (name, value) in theirs {
                        ours.entry(name).or_insert_with(|| value.clone());
                    }
                }
                (true, Some(_), _) => {}
            }
        }
    }

    /// The notes.
    pub(super) fn into_notes(self) -> Vec<String> {
        self.notes
    }
}
