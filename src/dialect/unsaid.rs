//! What OpenAI's two dialects cannot say, noted while a request is written; and what both say the same way.

use http::HeaderValue;
use http::header::ACCEPT;
use serde_json::Value;

use super::{Call, DialectName, Encoded, Quirks, endpoint, field, json_headers};
use crate::model::request::{Role, Tool};
use crate::model::{Object, Request};

/// Notes of one request.
#[derive(Debug)]
pub(super) struct Unsaid {
    /// Whether unmodelled fields were written in this dialect, or in none in particular.
    is_native: bool,
    notes: Vec<String>,
}

impl Unsaid {
    /// For a request that is written in a dialect.
    pub(super) fn new(request: &Request, dialect: DialectName) -> Self {
        let written_in = &request.extra.dialect;
        Self { is_native: written_in.is_empty() || written_in == dialect.name(), notes: Vec::new() }
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

    /// A tool that a provider's server runs: its fields, where they are of this dialect.
    pub(super) fn server_tool(&mut self, tool: &Tool) -> Option<Value> {
        if !self.is_native {
            self.note("server tool");
            return None;
        }
        Some(Value::Object(tool.extra.clone()))
    }

    /// The request in bytes, for an endpoint under the call's base address.
    pub(super) fn encoded(
        mut self,
        request: &Request,
        mut body: Object,
        call: &Call<'_>,
        path: &str,
    ) -> Encoded {
        self.request(&request.extra.fields, &mut body);
        let mut headers = json_headers();
        let accept = if call.stream { "text/event-stream" } else { "application/json" };
        headers.insert(ACCEPT, HeaderValue::from_static(accept));
        Encoded {
            url: endpoint(call.base_url, path),
            headers,
            body: Value::Object(body).to_string().into_bytes(),
            dropped: self.notes,
        }
    }

    /// Adds the unmodelled fields of the request to its body, and within objects that both have
    /// (`stream_options`, `text`, `reasoning`).
    fn request(&mut self, extra: &Object, body: &mut Object) {
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
}

/// A role. What stands beside the result of a tool is the user's.
pub(super) fn role(role: Role, quirks: &Quirks) -> &'static str {
    match role {
        Role::Developer if !quirks.no_developer => "developer",
        Role::Tool => "user",
        other => field::role(other),
    }
}

/// A function, whose schema is optional here.
pub(super) fn function(tool: &Tool) -> Object {
    let mut out = field::function(tool);
    field::set(&mut out, "parameters", (!tool.parameters.is_null()).then(|| tool.parameters.clone()));
    field::set(&mut out, "strict", tool.strict);
    out
}

/// The arguments of a call. A model may write nothing for none, but servers parse what they are sent.
pub(super) fn arguments(text: &str) -> &str {
    if text.trim().is_empty() { "{}" } else { text }
}
