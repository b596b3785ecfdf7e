//! Bytes from `fixtures/` against what stands beside them in `*.expected.json`.

mod laws;

use std::fs;
use std::path::PathBuf;

use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};

use super::*;
use crate::model::request::Thinking;
use crate::model::response::Choice;
use crate::model::{FailureClass, Object, Response};

/// One fixture: bytes, and what they should mean.
pub(super) struct Fixture {
    pub(super) name: String,
    pub(super) bytes: Vec<u8>,
    pub(super) is_stream: bool,
    /// How the bytes are framed, by the ending of the file's name.
    framing: String,
    pub(super) expected: Value,
}

impl Fixture {
    pub(super) fn quirks(&self) -> Quirks {
        quirks::of(self.expected["provider"].as_str().unwrap_or("openai"))
    }
}

/// The fixtures of a directory, in order.
pub(super) fn fixtures(dir: &str) -> Vec<Fixture> {
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(dir);
    let mut paths: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| !path.to_string_lossy().ends_with(".expected.json"));
    paths.sort();
    paths
        .into_iter()
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let beside = path.with_file_name(format!("{name}.expected.json"));
            let expected = fs::read(beside).or_else(|_| fs::read(path.with_extension("expected.json")));
            Fixture {
                bytes: fs::read(&path).unwrap(),
                is_stream: path.extension().unwrap() != "json",
                framing: path.extension().unwrap().to_string_lossy().into_owned(),
                expected: serde_json::from_slice(&expected.unwrap()).unwrap(),
                name,
            }
        })
        .collect()
}

/// Reads a recorded stream in pieces that end at the cuts.
fn streamed(dialect: &dyn Dialect, fixture: &Fixture, cuts: &[usize]) -> (Vec<Delta>, Option<Failure>) {
    read_stream(dialect, &fixture.bytes, &fixture.quirks(), cuts)
}

fn read_stream(
    dialect: &dyn Dialect,
    bytes: &[u8],
    quirks: &Quirks,
    cuts: &[usize],
) -> (Vec<Delta>, Option<Failure>) {
    let mut decoder = dialect.decoder(quirks);
    let mut deltas = Vec::new();
    let mut from = 0;
    for to in cuts.iter().copied().chain([bytes.len()]) {
        if let Err(failure) = decoder.push(&bytes[from..to], &mut deltas) {
            return (deltas, Some(failure));
        }
        from = to;
    }
    let failure = decoder.finish(&mut deltas).err();
    (deltas, failure)
}

/// Every fixture of a dialect reads as expected.
fn check_answers(dialect: &dyn Dialect, dir: &str) {
    for fixture in fixtures(dir) {
        let (deltas, failure) = if fixture.is_stream {
            streamed(dialect, &fixture, &[])
        } else {
            match dialect.decode(&fixture.bytes, &fixture.quirks()) {
                Ok(deltas) => (deltas, None),
                Err(failure) => (Vec::new(), Some(failure)),
            }
        };
        let mut expected = fixture.expected.clone();
        expected.as_object_mut().unwrap().shift_remove("provider");
        let mut ours = shown_response(&Response::fold(deltas));
        if let Some(failure) = failure {
            ours.insert("failure".into(), shown_failure(&failure).into());
        }
        assert_eq!(Value::from(ours), expected, "{}", fixture.name);
    }
}

#[test]
fn answers_mean_what_stands_beside_them() {
    check_answers(&openai::OpenAi, "dialect/openai");
    check_answers(&responses::Responses, "dialect/responses");
}

/// An object of the fields that say something.
fn object<const N: usize>(fields: [(&str, Value); N]) -> Object {
    let is_said = |value: &Value| !matches!(value, Value::Null) && *value != json!([]) && *value != json!({});
    fields.into_iter().filter(|(_, value)| is_said(value)).map(|(name, value)| (name.into(), value)).collect()
}

fn shown_response(response: &Response) -> Object {
    let usage = response.usage.map_or(Value::Null, |usage| {
        object([
            ("input", json!(usage.input)),
            ("output", json!(usage.output)),
            ("cached_input", json!(usage.cached_input)),
            ("cache_write", json!(usage.cache_write)),
            ("reasoning", json!(usage.reasoning)),
        ])
        .into()
    });
    object([
        ("id", json!(response.id)),
        ("model", json!(response.model)),
        ("choices", response.choices.iter().map(shown_choice).collect()),
        ("usage", usage),
        ("cost", json!(response.stated_cost.map(crate::base::money::Money::decimal))),
        ("extra", json!(response.extra)),
    ])
}

fn shown_choice(choice: &Choice) -> Value {
    let calls = choice.tool_calls.iter().map(|call| {
        object([
            ("id", json!(call.id)),
            ("name", json!(call.name)),
            ("arguments", json!(call.arguments)),
            ("signature", json!(call.signature)),
        ])
    });
    object([
        ("text", json!(choice.text)),
        ("thinking", choice.thinking.iter().map(shown_thinking).collect()),
        ("refusal", json!(choice.refusal)),
        ("tool_calls", calls.map(Value::from).collect()),
        ("finish", json!(choice.finish.map(crate::model::FinishReason::name))),
        ("finish_raw", json!(choice.finish_raw)),
    ])
    .into()
}

fn shown_thinking(thinking: &Thinking) -> Value {
    object([
        ("text", json!(thinking.text)),
        ("signature", json!(thinking.signature)),
        ("redacted", json!(thinking.redacted)),
        ("id", json!(thinking.id)),
    ])
    .into()
}

/// A failure as the fixtures write it.
pub(super) fn shown_failure(failure: &Failure) -> Object {
    object([
        ("class", json!(failure.class.name())),
        ("status", json!(failure.status)),
        ("code", json!(failure.code)),
        ("param", json!(failure.param)),
        ("message", json!(failure.message)),
        ("retry_after_ms", json!(failure.retry_after.map(|wait| wait.as_millis()))),
    ])
}

/// The headers a fixture names.
pub(super) fn headers(fields: &Value) -> HeaderMap {
    let fields = fields.as_object().into_iter().flatten();
    let header = |(name, value): (&String, &Value)| {
        (HeaderName::try_from(name).unwrap(), HeaderValue::from_str(value.as_str().unwrap()).unwrap())
    };
    fields.map(header).collect()
}

#[test]
fn a_query_of_the_base_address_stays_behind_the_path() {
    let cases = [
        ("https://api.openai.com/v1", "https://api.openai.com/v1/chat/completions"),
        ("http://localhost:8080/v1/", "http://localhost:8080/v1/chat/completions"),
        (
            "https://x.openai.azure.com/openai/deployments/d?api-version=2024-10-21",
            "https://x.openai.azure.com/openai/deployments/d/chat/completions?api-version=2024-10-21",
        ),
    ];
    for (base, url) in cases {
        assert_eq!(endpoint(base, "chat/completions"), url);
    }
    assert_eq!(endpoint("https://h/v1?key=k", "m:stream?alt=sse"), "https://h/v1/m:stream?alt=sse&key=k");
}

#[test]
fn a_body_in_place_of_a_stream_is_read_as_one_and_a_web_page_is_no_answer() {
    let body = r#"{"content":[{"type":"text","text":"Hi"}],"stop_reason":"end_turn"}"#;
    let quirks = Quirks::default();
    let (deltas, failure) = read_stream(&anthropic::Anthropic, body.as_bytes(), &quirks, &[1]);
    assert_eq!((Response::fold(deltas).text(), failure), ("Hi", None));
    for dialect in [for_name(DialectName::OpenAi), for_name(DialectName::Cohere)] {
        let (_, failure) = read_stream(dialect, b"\n<html></html>", &quirks, &[]);
        assert_eq!(failure.unwrap().class, FailureClass::Malformed);
    }
}

#[test]
fn a_dialect_is_found_under_its_own_name() {
    for name in DialectName::ALL {
        assert_eq!(for_name(name).name(), name);
        assert_eq!(DialectName::from_name(name.name()), Some(name));
    }
}
