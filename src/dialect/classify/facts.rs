//! What an error body says, whatever its shape.

use serde_json::Value;

use crate::base::untrusted::clip;

/// The facts of an error.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts {
    /// The HTTP status, or what the error says of it.
    pub(super) status: Option<u16>,
    /// The type; empty when there is none.
    pub(super) kind: String,
    /// The code; empty when there is none.
    pub(super) code: String,
    /// The parameter complained about.
    pub(super) param: Option<String>,
    /// The provider's words; empty when there are none.
    pub(super) message: String,
    /// Codes further in: reasons, quota names, inner errors.
    pub(super) inner: Vec<String>,
    /// The body, when it is JSON.
    pub(super) json: Value,
}

impl Facts {
    /// The code for people and the ledger: a word rather than a number.
    pub(super) fn name(&self) -> Option<String> {
        let is_word = |text: &str| text.bytes().any(|byte| byte.is_ascii_alphabetic());
        let found = [&self.code, &self.kind].into_iter().find(|text| is_word(text)).unwrap_or(&self.code);
        (!found.is_empty()).then(|| clip(found, 200))
    }
}

/// The facts of a body: JSON, an event stream with one error, HTML or plain text.
pub(super) fn of_body(body: &[u8]) -> Facts {
    let text = String::from_utf8_lossy(body);
    let text = text.trim();
    let data = text.lines().find_map(|line| line.strip_prefix("data:"));
    if let Ok(json) = serde_json::from_str(data.unwrap_or(text)) {
        return of_json(&json);
    }
    Facts { message: plain(text), ..Facts::default() }
}

/// The title of an HTML page, or the beginning of a text.
fn plain(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let title = lower.find("<title>").and_then(|at| {
        let start = at + "<title>".len();
        let end = lower[start..].find("</title>")?;
        text.get(start..start + end)
    });
    match title {
        Some(title) => title.trim().to_owned(),
        None if lower.starts_with('<') => String::new(),
        None => clip(text, 500),
    }
}

/// The facts of an error object: `{"error": {…}}`, `{"error": "…"}`, `{"message": …}`, `{"detail": …}`, a
/// list of one, the error alone or a bare string.
pub(super) fn of_json(value: &Value) -> Facts {
    let root = value.get(0).unwrap_or(value);
    if let Value::String(text) = root {
        return Facts { message: text.clone(), json: value.clone(), ..Facts::default() };
    }
    let nested = ["error", "errors"].iter().find_map(|name| match root.get(name)? {
        Value::Array(list) => list.first().filter(|first| first.is_object()),
        error => Some(error).filter(|error| error.is_object()),
    });
    let error = nested.unwrap_or(root);
    let find = |names: &[&str]| {
        let places = [error, root];
        places.iter().find_map(|place| names.iter().find_map(|name| text(place.get(name)?)))
    };
    let kind = find_kind(error).or_else(|| find_kind(root)).unwrap_or_default();
    let mut facts = Facts {
        status: status(error).or_else(|| status(root)),
        kind,
        code: find(&["code"]).unwrap_or_default(),
        param: find(&["param"]),
        message: message(error).or_else(|| message(root)).unwrap_or_default(),
        inner: Vec::new(),
        json: value.clone(),
    };
    if let Some(raw) = error.pointer("/metadata/raw").and_then(Value::as_str) {
        // OpenRouter's own words say only that the provider's follow.
        facts.message = format!("{}: {raw}", facts.message);
    }
    collect(error, 0, &mut facts.inner);
    facts
}

/// The type of the error object itself; Google calls it `status`, AWS `__type`.
fn find_kind(error: &Value) -> Option<String> {
    // `error` says nothing, and problem details (RFC 9457) have an address for a type.
    let says_something = |kind: &String| kind != "error" && !kind.starts_with("http");
    let names = ["type", "error_type", "__type", "status"];
    names.iter().find_map(|name| error.get(name)?.as_str().map(str::to_owned).filter(says_something))
}

fn message(place: &Value) -> Option<String> {
    let names = ["message", "Message", "error", "detail", "error_description", "title"];
    names.iter().find_map(|name| text(place.get(name)?))
}

/// A text that is not empty: a string, a number, or the JSON of anything else.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null | Value::Bool(_) => None,
        Value::String(text) => Some(text.clone()).filter(|text| !text.is_empty()),
        Value::Array(parts) => {
            // FastAPI: one object for each field that is wrong.
            let said = parts.iter().filter_map(|part| part.get("msg")?.as_str()).collect::<Vec<_>>();
            Some(if said.is_empty() { value.to_string() } else { said.join("; ") })
        }
        other => Some(other.to_string()),
    }
}

fn status(place: &Value) -> Option<u16> {
    let names = ["status_code", "raw_status_code", "status", "code", "http_code"];
    names.iter().find_map(|name| {
        let value = place.get(name)?;
        let number = value.as_u64().or_else(|| value.as_str()?.parse().ok())?;
        u16::try_from(number).ok().filter(|status| (400..600).contains(status))
    })
}

/// Gathers the codes of nested objects: Google's reasons and quota names, Azure's inner errors.
fn collect(value: &Value, depth: u8, out: &mut Vec<String>) {
    const NAMES: [&str; 6] = ["code", "reason", "quotaId", "type", "error_type", "errorCode"];
    if depth > 6 || out.len() > 64 {
        return;
    }
    match value {
        Value::Array(list) => list.iter().for_each(|value| collect(value, depth + 1, out)),
        Value::Object(fields) => {
            for (name, value) in fields {
                match value.as_str() {
                    Some(text) if NAMES.contains(&name.as_str()) => out.push(text.to_ascii_lowercase()),
                    Some(_) => {}
                    None => collect(value, depth + 1, out),
                }
            }
        }
        _ => {}
    }
}
