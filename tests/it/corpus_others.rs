//! Recorded traffic of five dialects against an independent decoding of it. The recordings are not ours
//! to ship: the test runs where `ORCH_WIRE_CORPUS` names their directory, and otherwise only says so.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use orch::base::dice::Dice;
use orch::base::eventstream;
use orch::dialect::Dialect;
use serde_json::Value;

use super::dialect_fixtures::{DIALECTS, decode_stream, decode_whole};

/// Rows on which the recording's expectation is wrong, with the reason.
const EXCEPTIONS: [(&str, &str); 1] = [(
    "0e7079c54946c619",
    "the words within citationsContent are a part of the answer, as they are when streamed",
)];

fn dialect_of(name: &str) -> Option<&'static dyn Dialect> {
    let name = match name {
        "anthropic.messages" | "bedrock.invoke" => "anthropic",
        "gemini.generate" => "gemini",
        "cohere.v2" => "cohere",
        "ollama.chat" => "ollama",
        "bedrock.converse" => "bedrock",
        _ => return None,
    };
    DIALECTS.into_iter().find(|dialect| dialect.name().name() == name)
}

fn body(row: &Value) -> Vec<u8> {
    let text = row["response_body"].as_str().unwrap();
    let bytes =
        if row["response_body_encoding"] == "base64" { STANDARD.decode(text).unwrap() } else { text.into() };
    let is_invoke = row["dialect"] == "bedrock.invoke" && row["streaming"] == true;
    if is_invoke { unwrapped(&bytes) } else { bytes }
}

/// Anthropic's events as `InvokeModelWithResponseStream` wraps them, as Anthropic itself sends them.
fn unwrapped(bytes: &[u8]) -> Vec<u8> {
    let (mut parser, mut frames, mut out) = (eventstream::Parser::default(), Vec::new(), Vec::new());
    parser.push(bytes, &mut frames).unwrap();
    for frame in frames {
        let payload: Value = serde_json::from_slice(&frame.payload).unwrap();
        out.extend(b"data: ");
        out.extend(STANDARD.decode(payload["bytes"].as_str().unwrap()).unwrap());
        out.extend(b"\n\n");
    }
    out
}

/// Chunks of awkward sizes, the same for the same row and draw.
fn chunks(bytes: &[u8], id: u64, draw: u64) -> Vec<&[u8]> {
    let (mut out, mut rest, mut n) = (Vec::new(), bytes, draw * 1_000_000);
    while !rest.is_empty() {
        n += 1;
        let size =
            [1, 2, 3, 5, 17, 64, 301, 1_460][usize::try_from(Dice::new(7).bits(id, n, "split") % 8).unwrap()];
        let (chunk, more) = rest.split_at(size.min(rest.len()));
        out.push(chunk);
        rest = more;
    }
    out
}

fn disagreements(expected: &Value, seen: &Value) -> Vec<String> {
    let fields = [
        "kind",
        "text",
        "reasoning_text",
        "refusal",
        "tool_calls",
        "finish_reason",
        "finish_reason_raw",
        "usage",
        "model",
        "choices",
    ];
    let differ = fields.into_iter().filter(|field| expected.get(field) != seen.get(field));
    let mut out: Vec<_> =
        differ.map(|field| format!("{field}: expected {}, got {}", expected[field], seen[field])).collect();
    if expected.get("billed_units").is_some_and(|units| *units != seen["extra"]["billed_units"]) {
        out.push("billed_units".to_owned());
    }
    out
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the corpus is not ours to ship, so its place must be told")]
fn recorded_traffic_is_decoded_as_the_providers_mean_it() {
    let Ok(folder) = std::env::var("ORCH_WIRE_CORPUS") else {
        println!("skipped: ORCH_WIRE_CORPUS names no corpus");
        return;
    };
    let file = std::fs::File::open(format!("{folder}/exchanges.jsonl.gz")).unwrap();
    let mut score: BTreeMap<String, (u32, u32)> = BTreeMap::new();
    let mut wrong = Vec::new();
    for line in BufReader::new(flate2::read::GzDecoder::new(file)).lines() {
        let row: Value = serde_json::from_str(&line.unwrap()).unwrap();
        let Some(dialect) = dialect_of(row["dialect"].as_str().unwrap()) else { continue };
        if row["expected"]["kind"] == "error" {
            continue;
        }
        let (id, bytes) = (row["id"].as_str().unwrap(), body(&row));
        let mut seen = Vec::new();
        if row["streaming"] == true {
            seen.push(decode_stream(dialect, &[&bytes]));
            let subject = u64::from_str_radix(id, 16).unwrap();
            seen.extend((0..3).map(|draw| decode_stream(dialect, &chunks(&bytes, subject, draw))));
        } else {
            seen.push(decode_whole(dialect, &bytes));
        }
        let mut found: Vec<_> = seen.iter().flat_map(|seen| disagreements(&row["expected"], seen)).collect();
        found.dedup();
        let score = score.entry(row["dialect"].as_str().unwrap().to_owned()).or_default();
        score.1 += 1;
        score.0 += u32::from(found.is_empty());
        let is_excused = EXCEPTIONS.iter().any(|(excused, _)| *excused == id);
        wrong.extend(found.iter().filter(|_| !is_excused).map(|what| format!("{id} {what}")));
    }
    for (dialect, (right, all)) in &score {
        println!("{dialect}: {right} of {all} agree");
    }
    assert!(wrong.is_empty(), "{} disagreements:\n{}", wrong.len(), wrong.join("\n"));
    assert!(!score.is_empty(), "the corpus holds none of these dialects");
}
