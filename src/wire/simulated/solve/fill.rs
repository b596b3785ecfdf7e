//! The least value that a JSON Schema takes, for answers that must have a form whatever they say.

use serde_json::{Map, Value, json};

/// Deeper schemas get null.
const DEEPEST: u32 = 32;
/// Longer lists and texts are not made, whatever a schema asks.
const MOST: u64 = 1000;

/// The plainest value a schema takes: constants and enumerations, types, required properties, lower bounds and
/// references within the schema are honoured; patterns and conditions are not.
pub(in crate::wire::simulated) fn minimal(schema: &Value) -> Value {
    Filler { root: schema }.value(schema, 0)
}

struct Filler<'a> {
    root: &'a Value,
}

impl Filler<'_> {
    fn value(&self, schema: &Value, depth: u32) -> Value {
        if depth > DEEPEST {
            return Value::Null;
        }
        if let Some(value) = schema.get("const").or_else(|| schema["enum"].get(0)) {
            return value.clone();
        }
        if let Some(target) =
            schema["$ref"].as_str().and_then(|path| self.root.pointer(path.strip_prefix('#')?))
        {
            return self.value(target, depth + 1);
        }
        if let Some(first) = ["anyOf", "oneOf", "allOf"].iter().find_map(|name| schema[*name].get(0)) {
            return self.value(first, depth + 1);
        }
        let kind = match &schema["type"] {
            Value::Array(kinds) => kinds.first().and_then(Value::as_str),
            kind => kind.as_str(),
        };
        match kind {
            Some("integer") => number(schema, true),
            Some("number") => number(schema, false),
            Some("boolean") => false.into(),
            Some("null") => Value::Null,
            Some("array") => {
                let count = schema["minItems"].as_u64().unwrap_or(0).min(MOST);
                (0..count).map(|_| self.value(&schema["items"], depth + 1)).collect()
            }
            Some("string") => text(schema).into(),
            Some("object") => self.object(schema, depth),
            _ if schema["properties"].is_object() => self.object(schema, depth),
            _ => "simulated".into(),
        }
    }

    fn object(&self, schema: &Value, depth: u32) -> Value {
        let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let filled =
            required.map(|name| (name.to_owned(), self.value(&schema["properties"][name], depth + 1)));
        filled.collect::<Map<_, _>>().into()
    }
}

fn number(schema: &Value, is_whole: bool) -> Value {
    let least = schema["minimum"].as_f64();
    let above = schema["exclusiveMinimum"]
        .as_f64()
        .map(|bound| if is_whole { (bound + 1.0).floor() } else { bound + 0.5 });
    let most = schema["maximum"].as_f64().unwrap_or(f64::INFINITY);
    let value = least.or(above).unwrap_or(0.0).min(most);
    let value = if is_whole { value.ceil() } else { value };
    let exact = serde_json::from_str(&format!("{value:.0}"));
    let is_exact = value.fract().abs() < f64::EPSILON;
    exact.ok().filter(|_| is_exact).unwrap_or_else(|| json!(value))
}

fn text(schema: &Value) -> String {
    let text = match schema["format"].as_str() {
        Some("date") => "2026-01-01",
        Some("date-time") => "2026-01-01T00:00:00Z",
        Some("time") => "00:00:00Z",
        Some("email") => "simulated@example.com",
        Some("uri" | "url") => "https://example.com/simulated",
        Some("uuid") => "00000000-0000-4000-8000-000000000000",
        _ => "simulated",
    };
    let bound = |name: &str| schema[name].as_u64().and_then(|bound| usize::try_from(bound).ok());
    let least = bound("minLength").unwrap_or(0).min(usize::try_from(MOST).unwrap_or(0));
    let mut text = text.to_owned();
    while text.len() < least {
        text.push('.');
    }
    text.truncate(bound("maxLength").unwrap_or(usize::MAX));
    text
}
