//! Our own recorded answers of each dialect, with what they must mean beside them.
//!
//! `fixtures/dialect/{dialect}/{case}.{ext}` holds the bytes (`json` whole, `sse`, `ndjson`, `array`, `bin`
//! streams) and `{case}.expected.json` the fields they decode into.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use orch::base::money::Money;
use orch::dialect::anthropic::Anthropic;
use orch::dialect::bedrock::Bedrock;
use orch::dialect::cohere::Cohere;
use orch::dialect::gemini::Gemini;
use orch::dialect::ollama::Ollama;
use orch::dialect::{Dialect, Quirks};
use orch::model::{Delta, Failure, FailureClass, FinishReason, Response, TokenUsage};
use serde_json::{Map, Value, json};

const DIALECTS: [&dyn Dialect; 5] = [&Anthropic, &Gemini, &Cohere, &Ollama, &Bedrock];

/// What a whole body decodes into, as the fixtures write it.
fn decode_whole(dialect: &dyn Dialect, body: &[u8]) -> Value {
    match dialect.decode(body, &Quirks::default()) {
        Ok(deltas) => seen(deltas, None),
        Err(failure) => seen(Vec::new(), Some(&failure)),
    }
}

fn decode_stream(dialect: &dyn Dialect, bytes: &[u8]) -> Value {
    let mut decoder = dialect.decoder(&Quirks::default());
    let mut out = Vec::new();
    let end = decoder.push(bytes, &mut out).and_then(|()| decoder.finish(&mut out));
    seen(out, end.err().as_ref())
}

fn seen(deltas: Vec<Delta>, failure: Option<&Failure>) -> Value {
    let response = Response::fold(deltas);
    let first = response.choices.first().cloned().unwrap_or_default();
    let calls = |choice: &orch::model::response::Choice| -> Vec<Value> {
        let calls =
            choice.tool_calls.iter().map(|call| match serde_json::from_str::<Value>(&call.arguments) {
                Ok(arguments) => json!({ "name": call.name, "arguments": arguments }),
                Err(_) => json!({ "name": call.name, "arguments_raw": call.arguments }),
            });
        calls.collect()
    };
    let reasoning: String = first.thinking.iter().map(|block| block.text.as_str()).collect();
    let signatures: Vec<_> = first
        .thinking
        .iter()
        .filter_map(|block| block.signature.clone().or(block.redacted.clone()))
        .collect();
    let mut out = json!({
        "kind": match failure.map(|failure| failure.class) {
            None => "ok",
            Some(FailureClass::Truncated) => "truncated",
            Some(_) => "stream_error",
        },
        "text": first.text,
        "reasoning_text": (!reasoning.is_empty()).then_some(reasoning),
        "refusal": first.refusal,
        "tool_calls": calls(&first),
        "finish_reason": first.finish.map(FinishReason::name),
        "finish_reason_raw": first.finish_raw,
        "usage": response.usage.map(inclusive),
        "model": response.model,
        "stated_cost": response.stated_cost.map(Money::decimal),
        "signatures": signatures,
        "extra": response.extra,
    });
    if let Some(failure) = failure {
        out["failure"] = json!({ "class": failure.class.name(), "message": failure.message });
    }
    if response.choices.len() > 1 {
        let choices = response.choices.iter().map(|choice| {
            let finish = choice.finish.map(FinishReason::name);
            json!({ "text": choice.text, "tool_calls": calls(choice), "finish_reason": finish })
        });
        out["choices"] = choices.collect::<Vec<_>>().into();
    }
    out
}

fn inclusive(usage: TokenUsage) -> Value {
    json!({
        "input_tokens": usage.input.and(usage.total_input()),
        "output_tokens": usage.output,
        "cached_input_tokens": usage.cached_input,
        "cache_write_tokens": usage.cache_write,
        "reasoning_tokens": usage.reasoning,
    })
}

struct Case {
    name: String,
    dialect: &'static dyn Dialect,
    bytes: Vec<u8>,
    is_stream: bool,
    expected: Map<String, Value>,
}

static CASES: LazyLock<Vec<Case>> = LazyLock::new(read_cases);

fn read_cases() -> Vec<Case> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/dialect");
    let mut out = Vec::new();
    for dialect in DIALECTS {
        let folder = root.join(dialect.name().name());
        let mut paths: Vec<PathBuf> =
            fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        for path in paths.iter().filter(|path| !path.to_string_lossy().ends_with(".expected.json")) {
            let expected = fs::read(path.with_extension("expected.json")).unwrap();
            out.push(Case {
                name: path.strip_prefix(&root).unwrap().display().to_string(),
                dialect,
                bytes: fs::read(path).unwrap(),
                is_stream: path.extension().unwrap() != "json",
                expected: serde_json::from_slice(&expected).unwrap(),
            });
        }
    }
    out
}

impl Case {
    #[track_caller]
    fn check(&self, seen: &Value) {
        for (key, value) in &self.expected {
            assert_eq!(&seen[key], value, "{} of {}", key, self.name);
        }
    }
}

#[test]
fn every_fixture_decodes_into_what_stands_beside_it() {
    assert!(CASES.len() >= 40, "only {} fixtures were found", CASES.len());
    for case in CASES.iter() {
        case.check(&if case.is_stream {
            decode_stream(case.dialect, &case.bytes)
        } else {
            decode_whole(case.dialect, &case.bytes)
        });
    }
}

/// The same stream in a form that no decoder takes for the common one: an unknown field in every event,
/// and indices with a fraction.
fn uncommon(bytes: &[u8]) -> String {
    let text = std::str::from_utf8(bytes).unwrap();
    let lines = text.split('\n').map(|line| {
        let line = line.trim_end_matches('\r');
        let (prefix, data) = line.split_at(line.len() - line.strip_prefix("data: ").unwrap_or(line).len());
        let Ok(Value::Object(mut event)) = serde_json::from_str(data) else { return line.to_owned() };
        event.insert("unknown".to_owned(), Value::Null);
        if let Some(index) = event.get("index").and_then(Value::as_f64) {
            event.insert("index".to_owned(), index.into());
        }
        format!("{prefix}{}", Value::Object(event))
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn uncommon_events_mean_what_common_ones_do() {
    let is_text = |case: &&Case| matches!(case.name.rsplit_once('.'), Some((_, "sse" | "ndjson")));
    for case in CASES.iter().filter(is_text) {
        case.check(&decode_stream(case.dialect, uncommon(&case.bytes).as_bytes()));
    }
}
