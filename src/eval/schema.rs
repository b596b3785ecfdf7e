//! A compiled JSON Schema, and what a value breaks of it in one sentence.

use std::fmt;

use serde_json::Value;

use crate::base::untrusted::clip;

/// A compiled JSON Schema: draft 2020-12, or the one its `$schema` names. Never fetches references.
pub struct Schema(jsonschema::Validator);

impl Schema {
    /// Compiles a schema; the error says what is wrong with it.
    pub fn compile(schema: &Value) -> Result<Self, String> {
        if !schema.is_object() && !schema.is_boolean() {
            return Err("is not a JSON Schema: it must be an object".to_owned());
        }
        jsonschema::validator_for(schema).map(Self).map_err(|error| {
            let path = error.instance_path().to_string();
            let place = if path.is_empty() { String::new() } else { format!(" at {path}") };
            format!("is not a valid JSON Schema{place}: {}", clip(&error.to_string(), MOST_SHOWN))
        })
    }

    /// Holds a value to the schema; the error names the first place that breaks it.
    pub fn check(&self, value: &Value) -> Result<(), String> {
        self.0.validate(value).map_err(|error| {
            let path = error.instance_path().to_string();
            let place = if path.is_empty() { "the answer" } else { &path };
            format!("{place} breaks the schema: {}", clip(&error.to_string(), MOST_SHOWN))
        })
    }
}

/// How many characters of a validator's message are kept: it may quote the whole value.
const MOST_SHOWN: usize = 200;

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Schema")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_broken_rule_is_named_with_its_place() {
        let schema = Schema::compile(&json!({"properties": {"n": {"type": "integer"}}})).unwrap();
        assert_eq!(schema.check(&json!({"n": 1})), Ok(()));
        let error = schema.check(&json!({"n": "one"})).unwrap_err();
        assert!(error.starts_with("/n breaks the schema: \"one\" is not of type"), "{error}");
    }

    #[test]
    fn an_invalid_or_remote_schema_does_not_compile() {
        for schema in [json!({"type": "objekt"}), json!("x"), json!({"$ref": "https://example.com/s.json"})] {
            assert!(Schema::compile(&schema).is_err(), "{schema}");
        }
    }
}
