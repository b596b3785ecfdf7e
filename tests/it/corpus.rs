//! The dialects against recorded provider traffic. Runs when `ORCH_WIRE_CORPUS` names a directory with
//! `exchanges.jsonl.gz` and `issue_vectors.jsonl`; the recordings are not part of the repository.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue};
use orch::base::dice::Dice;
use orch::dialect::{Dialect, DialectName, Head, Quirks, classify, for_name, quirks};
use orch::model::{Delta, Failure, FailureClass, FinishReason, Response};
use serde_json::{Value, json};

/// The share of exchanges that must agree in every field.
const LEAST_AGREEMENT: f64 = 0.995;

/// Exchanges whose expected reading we hold to be wrong, and why. They count as disagreements all the same.
const DISPUTED: [(&str, &str); 4] = [
    ("4b0f44b38470b21c", "Snowflake's empty `function_call` is no call without a name"),
    ("6bcaac5c883bdee9", "reasoning is reasoning also where it is only in `reasoning_details`"),
    ("aef876b8c2393d00", "reasoning is reasoning also where it is only in `reasoning_details`"),
    // Bedrock's reference, `CitationsContentBlock`: `content` is what the model generated. The tokens it is
    // billed for say the same, and a stream of such an answer sends it as text.
    ("0e7079c54946c619", "the words that a citation supports are the answer's own"),
];

fn corpus() -> Option<PathBuf> {
    std::env::var_os("ORCH_WIRE_CORPUS").map(PathBuf::from)
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn exchanges(dir: &Path) -> Vec<Value> {
    let packed = fs::read(dir.join("exchanges.jsonl.gz")).unwrap();
    let mut text = String::new();
    flate2::read::GzDecoder::new(packed.as_slice()).read_to_string(&mut text).unwrap();
    lines(&text)
}

/// The dialect of a corpus name, and whether its successful bodies are this dialect's.
fn dialect(name: &str) -> (DialectName, bool) {
    use DialectName::{Anthropic, Bedrock, Cohere, Gemini, Ollama, OpenAi, Responses};
    match name {
        "openai.chat" => (OpenAi, true),
        "openai.responses" => (Responses, true),
        "anthropic.messages" => (Anthropic, true),
        "gemini.generate" => (Gemini, true),
        "bedrock.converse" => (Bedrock, true),
        "cohere.v2" => (Cohere, true),
        "ollama.chat" => (Ollama, true),
        "bedrock.invoke" => (Bedrock, false),
        _ if name.starts_with("anthropic") => (Anthropic, false),
        _ if name.starts_with("gemini") => (Gemini, false),
        _ if name.starts_with("cohere") => (Cohere, false),
        _ => (OpenAi, false),
    }
}

/// Our name for a class of the corpus.
fn class(name: &str) -> &str {
    match name {
        "connect_error" => "connect",
        "request_exceeds_rate_limit" | "request_too_large" => "too_large",
        "quota_exhausted" => "quota",
        "server_error" => "server",
        "permission" | "region_restricted" => "forbidden",
        "model_not_found" => "model_missing",
        "context_length_exceeded" => "context",
        "content_policy" => "policy",
        "unsupported_feature" => "unsupported",
        "invalid_request" => "bad_request",
        "malformed_response" => "malformed",
        other => other,
    }
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

fn headers(row: &Value, name: &str) -> HeaderMap {
    let pairs = row[name].as_object().into_iter().flatten();
    pairs
        .filter_map(|(name, value)| {
            Some((HeaderName::try_from(name).ok()?, HeaderValue::from_str(value.as_str()?).ok()?))
        })
        .collect()
}

fn body(row: &Value) -> Vec<u8> {
    if is_invoke(row) && row["aws_events"].is_array() {
        return unframed(&row["aws_events"]);
    }
    let body = text(row, "response_body");
    if text(row, "response_body_encoding") == "base64" {
        return STANDARD.decode(body).unwrap();
    }
    body.as_bytes().to_vec()
}

/// Whether Bedrock passed on a body of Anthropic Messages; its old completions name no model.
fn is_invoke(row: &Value) -> bool {
    text(row, "dialect") == "bedrock.invoke" && row["expected"]["model"].is_string()
}

/// The events that Bedrock put into frames of its own, as Anthropic streams them.
fn unframed(frames: &Value) -> Vec<u8> {
    let events = frames.as_array().unwrap().iter().map(|frame| {
        let payload: Value = serde_json::from_str(text(frame, "payload")).unwrap();
        let data = String::from_utf8(STANDARD.decode(text(&payload, "bytes")).unwrap()).unwrap();
        let event: Value = serde_json::from_str(&data).unwrap();
        format!("event: {}\ndata: {data}\n\n", text(&event, "type"))
    });
    events.collect::<String>().into_bytes()
}

/// The provider's row; the corpus keeps OpenAI's Responses apart.
fn quirks_of(row: &Value) -> Quirks {
    let provider = text(row, "provider");
    quirks::of(if provider == "openai_responses" { "openai" } else { provider })
}

/// An answer, and how it failed.
struct Decoded {
    response: Response,
    failure: Option<Failure>,
}

fn whole(dialect: &dyn Dialect, body: &[u8], quirks: &Quirks) -> Decoded {
    match dialect.decode(body, quirks) {
        Ok(deltas) => Decoded { response: Response::fold(deltas), failure: None },
        Err(failure) => Decoded { response: Response::default(), failure: Some(failure) },
    }
}

/// Feeds a body in pieces that end at the cuts.
fn streamed(
    dialect: &dyn Dialect,
    body: &[u8],
    quirks: &Quirks,
    cuts: &[usize],
) -> (Vec<Delta>, Option<Failure>) {
    let mut decoder = dialect.decoder(quirks);
    let mut deltas = Vec::new();
    let mut from = 0;
    for to in cuts.iter().copied().chain([body.len()]) {
        if let Err(failure) = decoder.push(&body[from..to], &mut deltas) {
            return (deltas, Some(failure));
        }
        from = to;
    }
    let failure = decoder.finish(&mut deltas).err();
    (deltas, failure)
}

/// Awkward places to cut: single bytes near the beginning, then anywhere.
fn cuts(id: &str, len: usize, draw: u64) -> Vec<usize> {
    let dice = Dice::new(7);
    let subject = id.bytes().fold(0_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte)));
    let mut cuts: Vec<usize> = (1..len.min(40)).collect();
    for n in 0..60 {
        let at = dice.bits(subject, draw * 100 + n, "cut") % (len.max(1) as u64);
        cuts.push(usize::try_from(at).unwrap());
    }
    cuts.retain(|cut| *cut <= len);
    cuts.sort_unstable();
    cuts
}

/// What differs between the expected and our reading of one exchange.
struct Check<'a> {
    expected: &'a Value,
    wrong: Vec<String>,
}

impl Check<'_> {
    fn same(&mut self, field: &str, expected: &Value, ours: &Value) {
        if expected != ours {
            let short = |value: &Value| value.to_string().chars().take(90).collect::<String>();
            self.wrong.push(format!("{field}: expected {}, ours {}", short(expected), short(ours)));
        }
    }

    fn answer(&mut self, ours: &Decoded) {
        let (response, expected) = (&ours.response, self.expected);
        let empty = orch::model::response::Choice::default();
        let choice = response.choices.first().unwrap_or(&empty);
        // An absent text and an empty one say the same.
        let or_null = |text: &str| if text.is_empty() { Value::Null } else { text.into() };
        let said = |name: &str| or_null(text(expected, name));
        let thinking: String = choice.thinking.iter().map(|block| &*block.text).collect();
        self.same("text", &said("text"), &or_null(&choice.text));
        self.same("reasoning_text", &said("reasoning_text"), &or_null(&thinking));
        self.same("refusal", &said("refusal"), &or_null(choice.refusal.as_deref().unwrap_or_default()));
        self.same("tool_calls", &expected["tool_calls"], &calls(&choice.tool_calls));
        self.same("finish_reason", &expected["finish_reason"], &json!(choice.finish.map(FinishReason::name)));
        self.same("finish_reason_raw", &expected["finish_reason_raw"], &json!(choice.finish_raw));
        self.same("model", &said("model"), &or_null(response.model.as_deref().unwrap_or_default()));
        self.usage(response);
        if let Some(cost) = expected["reported_cost_usd"].as_f64() {
            let ours = response.stated_cost.map(orch::base::money::Money::nanos);
            let nanos: i64 = format!("{:.0}", cost * 1e9).parse().unwrap();
            self.same("reported_cost_usd", &json!(nanos), &json!(ours));
        }
        if let Some(choices) = expected["choices"].as_array() {
            let ours = response.choices.iter().map(|choice| {
                json!({"text": choice.text, "tool_calls": calls(&choice.tool_calls),
                    "finish_reason": choice.finish.map(FinishReason::name)})
            });
            self.same("choices", &json!(choices), &ours.collect());
        }
    }

    fn usage(&mut self, response: &Response) {
        let expected = &self.expected["usage"];
        let Some(ours) = response.usage.filter(|_| expected.is_object()) else {
            let has_ours = response.usage.is_some();
            self.same("usage", &json!(expected.is_object()), &json!(has_ours));
            return;
        };
        // A part above its whole is some host's miscount: it is held to the whole.
        let at_most = |part: &str, whole: &str| match (expected[part].as_u64(), expected[whole].as_u64()) {
            (Some(part), Some(whole)) => json!(part.min(whole)),
            (part, _) => json!(part),
        };
        self.same("input_tokens", &expected["input_tokens"], &json!(ours.total_input()));
        self.same("output_tokens", &expected["output_tokens"], &json!(ours.output));
        self.same("cached", &at_most("cached_input_tokens", "input_tokens"), &json!(ours.cached_input));
        self.same("cache_write", &expected["cache_write_tokens"], &json!(ours.cache_write));
        self.same("reasoning_tokens", &at_most("reasoning_tokens", "output_tokens"), &json!(ours.reasoning));
    }

    /// A broken answer must fail, whole or in part, with what came before it intact.
    fn kind(&mut self, kind: &str, failure: Option<&Failure>) {
        let ours = match failure {
            None => "ok",
            Some(failure) if failure.class == FailureClass::Truncated => "truncated",
            Some(_) => "stream_error",
        };
        // A strict reader sees a cut where the server named its error in a field of its own.
        let is_same = ours == kind || (kind == "truncated" && ours == "stream_error");
        if !is_same {
            let message = failure.map(ToString::to_string).unwrap_or_default();
            self.wrong.push(format!("kind: expected {kind}, ours {ours} {message}"));
        }
    }

    fn error(&mut self, failure: &Failure) {
        let error = &self.expected["error"];
        self.same("error class", &json!(class(text(error, "class"))), &json!(failure.class.name()));
        if let Some(wait) = error["retry_after_s"].as_f64() {
            let ours = failure.retry_after.map(|wait| wait.as_secs_f64());
            self.same("retry_after", &json!(wait), &json!(ours));
        }
        if !failure.message.contains(text(error, "message")) && text(error, "message").len() < 1_000 {
            self.same("message", &error["message"], &json!(failure.message));
        }
    }
}

fn calls(calls: &[orch::model::request::ToolCall]) -> Value {
    let calls = calls.iter().map(|call| {
        let written = if call.arguments.trim().is_empty() { "{}" } else { &call.arguments };
        match serde_json::from_str::<Value>(written) {
            Ok(arguments) => json!({"name": call.name, "arguments": arguments}),
            Err(_) => json!({"name": call.name, "arguments_raw": call.arguments}),
        }
    });
    calls.collect()
}

/// Checks one exchange; `None` when its dialect is not spoken.
fn check(row: &Value) -> Option<Vec<String>> {
    let spoken = if is_invoke(row) { "anthropic.messages" } else { text(row, "dialect") };
    let (name, is_answer) = dialect(spoken);
    let expected = &row["expected"];
    let mut check = Check { expected, wrong: Vec::new() };
    let (quirks, body) = (quirks_of(row), body(row));
    let kind = text(expected, "kind");
    if kind == "error" {
        let headers = headers(row, "response_headers");
        let status = u16::try_from(row["status"].as_u64().unwrap()).unwrap();
        check.error(&classify::classify(name, Head { status, headers: &headers }, &body, &quirks));
        return Some(check.wrong);
    }
    let dialect = is_answer.then(|| for_name(name))?;
    if row["streaming"] != json!(true) {
        let decoded = whole(dialect, &body, &quirks);
        check.kind(kind, decoded.failure.as_ref());
        check.answer(&decoded);
        return Some(check.wrong);
    }
    let (deltas, failure) = streamed(dialect, &body, &quirks, &[]);
    for draw in 0..3 {
        let split = streamed(dialect, &body, &quirks, &cuts(text(row, "id"), body.len(), draw));
        if split != (deltas.clone(), failure.clone()) {
            check.wrong.push("a split of the bytes gives other deltas".into());
        }
    }
    check.kind(kind, failure.as_ref());
    check.answer(&Decoded { response: Response::fold(deltas), failure });
    Some(check.wrong)
}

#[test]
fn recorded_exchanges_are_read_as_expected() {
    let Some(dir) = corpus() else {
        println!("skipped: ORCH_WIRE_CORPUS names no corpus");
        return;
    };
    let mut tally: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    let (mut errors, mut disputed) = (Vec::new(), 0);
    for row in exchanges(&dir) {
        let Some(wrong) = check(&row) else { continue };
        if let Some((id, why)) = DISPUTED.iter().find(|(id, _)| *id == text(&row, "id")) {
            disputed += usize::from(!wrong.is_empty());
            println!("{id} is disputed: {why}");
        }
        let counts = tally.entry(text(&row, "dialect").to_owned()).or_default();
        counts.1 += 1;
        counts.0 += usize::from(wrong.is_empty());
        for line in wrong {
            println!("{} {} {line}", text(&row, "id"), text(&row, "provider"));
            if line.starts_with("error class") || line.starts_with("retry_after") {
                errors.push(text(&row, "id").to_owned());
            }
        }
    }
    for (dialect, (right, all)) in &tally {
        println!("{dialect}: {right} of {all} agree");
    }
    let (right, all) = tally.values().fold((0, 0), |sum, counts| (sum.0 + counts.0, sum.1 + counts.1));
    #[expect(clippy::cast_precision_loss, reason = "small counts")]
    let share = right as f64 / all as f64;
    println!("all: {right} of {all} agree; {disputed} of the others are disputed");
    assert!(errors.is_empty(), "misclassified: {errors:?}");
    assert!(share >= LEAST_AGREEMENT, "{share:.4} of the exchanges agree");
}

/// The dialect a provider of the issue vectors speaks.
fn spoken(provider: &str) -> DialectName {
    match provider {
        "anthropic" => DialectName::Anthropic,
        "gemini" | "vertex" => DialectName::Gemini,
        "cohere" => DialectName::Cohere,
        "bedrock" => DialectName::Bedrock,
        "ollama" => DialectName::Ollama,
        "openai_responses" => DialectName::Responses,
        _ => DialectName::OpenAi,
    }
}

/// The failure of a vector; `None` when its dialect is not spoken.
fn vector(row: &Value) -> Option<Failure> {
    let provider = text(row, "provider");
    let name = spoken(provider);
    let (quirks, body) = (quirks_of(row), text(row, "body").as_bytes());
    let status = u16::try_from(row["status"].as_u64().unwrap()).unwrap();
    if status != 200 {
        let headers = headers(row, "headers");
        return Some(classify::classify(name, Head { status, headers: &headers }, body, &quirks));
    }
    let dialect = for_name(name);
    if row["in_stream"] == json!(true) {
        return Some(streamed(dialect, body, &quirks, &[]).1.unwrap());
    }
    // Only the vectors that are failures; a cut answer is an answer.
    dialect.decode(body, &quirks).err()
}

#[test]
fn error_bodies_from_public_reports_are_classified() {
    let Some(dir) = corpus() else {
        println!("skipped: ORCH_WIRE_CORPUS names no corpus");
        return;
    };
    let mut wrong = Vec::new();
    for row in lines(&fs::read_to_string(dir.join("issue_vectors.jsonl")).unwrap()) {
        let expected = &row["expected"];
        let Some(failure) = vector(&row) else { continue };
        let wait = expected["retry_after_s"].as_f64();
        let is_same_wait = wait.is_none() || failure.retry_after.map(|wait| wait.as_secs_f64()) == wait;
        if failure.class.name() != class(text(expected, "class")) || !is_same_wait {
            wrong.push(format!("{} {expected}: {failure} {:?}", text(&row, "id"), failure.retry_after));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
