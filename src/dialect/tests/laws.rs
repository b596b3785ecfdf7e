//! What holds in every dialect, whatever a provider sends: checked over all recorded answers and errors.

use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::sample::Index;

use super::super::draft::tests::{encoded, question, refused};
use super::*;
use crate::model::request::{Extra, Message, Part, Request, Role, Tool, ToolResult};

/// Everything recorded, with the dialect it is in.
static RECORDED: LazyLock<Vec<(DialectName, Fixture)>> = LazyLock::new(|| {
    let of = |name: DialectName| {
        fixtures(&format!("dialect/{}", name.name())).into_iter().map(move |fixture| (name, fixture))
    };
    DialectName::ALL.into_iter().flat_map(of).collect()
});

static ERRORS: LazyLock<Vec<Fixture>> = LazyLock::new(|| fixtures("errors"));

fn streams() -> impl Iterator<Item = (&'static dyn Dialect, &'static Fixture)> {
    recorded().filter(|(_, fixture)| fixture.is_stream)
}

fn recorded() -> impl Iterator<Item = (&'static dyn Dialect, &'static Fixture)> {
    RECORDED.iter().map(|(name, fixture)| (for_name(*name), fixture))
}

/// Reads bytes in every way there is.
fn read(dialect: &dyn Dialect, bytes: &[u8], quirks: &Quirks) {
    drop(dialect.decode(bytes, quirks));
    drop(read_stream(dialect, bytes, quirks, &[]));
    for status in [200, 400, 429, 503] {
        let failure = dialect.classify(Head { status, headers: &HeaderMap::new() }, bytes, quirks);
        assert!(!failure.message.is_empty());
    }
}

#[test]
fn every_dialect_is_recorded_whole_and_streamed() {
    for name in DialectName::ALL {
        for is_stream in [false, true] {
            let is_this =
                |(of, fixture): &&(DialectName, Fixture)| *of == name && fixture.is_stream == is_stream;
            assert!(RECORDED.iter().any(|recorded| is_this(&recorded)), "{} {is_stream}", name.name());
        }
    }
}

#[test]
fn a_stream_cut_once_or_at_every_byte_gives_the_same_deltas() {
    for (dialect, fixture) in streams() {
        let whole = streamed(dialect, fixture, &[]);
        let every: Vec<_> = (0..fixture.bytes.len()).collect();
        assert_eq!(streamed(dialect, fixture, &every), whole, "{} at every byte", fixture.name);
        for cut in every.into_iter().step_by(5) {
            assert_eq!(streamed(dialect, fixture, &[cut]), whole, "{} cut at {cut}", fixture.name);
        }
    }
}

/// Where an event, line, element or frame ends.
fn boundaries(fixture: &Fixture) -> Vec<usize> {
    if fixture.framing != "bin" {
        let ends = fixture.bytes.iter().enumerate().filter(|(_, byte)| b"\n}".contains(byte));
        return ends.map(|(at, _)| at + 1).collect();
    }
    let (mut ends, mut at) = (Vec::new(), 0);
    // A frame begins with its length.
    while let Some(length) = fixture.bytes[at..].first_chunk::<4>() {
        at = (at + u32::from_be_bytes(*length) as usize).min(fixture.bytes.len());
        ends.push(at);
    }
    ends
}

/// A success is allowed only where nothing that is still to come says anything of the answer.
#[track_caller]
fn check_break(dialect: &dyn Dialect, fixture: &Fixture, len: usize) {
    let (deltas, failure) = streamed(dialect, fixture, &[]);
    let (cut_deltas, cut_failure) = read_stream(dialect, &fixture.bytes[..len], &fixture.quirks(), &[]);
    let name = &fixture.name;
    match (cut_failure, &failure) {
        (Some(cut), Some(failure)) if cut == *failure => {}
        (Some(cut), _) => assert_eq!(cut.class, FailureClass::Truncated, "{name} broken off at {len}"),
        (None, Some(failure)) => panic!("{name} broken off at {len} is a success, before {failure}"),
        (None, None) => assert_eq!(
            Response::fold(cut_deltas).choices,
            Response::fold(deltas).choices,
            "{name} broken off at {len}"
        ),
    }
}

#[test]
fn a_stream_that_breaks_off_between_two_events_is_truncated() {
    for (dialect, fixture) in streams() {
        for len in boundaries(fixture) {
            check_break(dialect, fixture, len);
        }
    }
}

proptest! {
    // Each case reads every stream.
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn a_stream_that_breaks_off_anywhere_is_truncated(len: Index) {
        for (dialect, fixture) in streams() {
            check_break(dialect, fixture, len.index(fixture.bytes.len()));
        }
    }

    #[test]
    fn a_stream_cut_often_gives_the_same_deltas(cuts in prop::collection::vec(any::<Index>(), 0..12)) {
        for (dialect, fixture) in streams() {
            let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(fixture.bytes.len())).collect();
            cuts.sort_unstable();
            prop_assert_eq!(streamed(dialect, fixture, &cuts), streamed(dialect, fixture, &[]));
        }
    }

}

proptest! {
    #[test]
    fn no_bytes_panic(bytes: Vec<u8>) {
        for name in DialectName::ALL {
            read(for_name(name), &bytes, &quirks::of("openai"));
        }
    }

    #[test]
    fn no_json_panics(value in json_value()) {
        for name in DialectName::ALL {
            for text in [value.to_string(), format!("data: {value}\n\n"), format!("[{value}]")] {
                read(for_name(name), text.as_bytes(), &quirks::of("openai"));
            }
        }
    }

    #[test]
    fn no_damage_to_an_answer_panics(which: Index, at: Index, byte: u8, damage in 0..3) {
        let (name, fixture) = which.get(&RECORDED);
        read(for_name(*name), &damaged(&fixture.bytes, at, byte, damage), &fixture.quirks());
    }

    #[test]
    fn no_damage_to_an_error_panics(which: Index, at: Index, byte: u8, damage in 0..3) {
        let case: Value = serde_json::from_slice(&which.get(&ERRORS).bytes).unwrap();
        let text = |name: &str| case[name].as_str().unwrap();
        let body = damaged(text("body").as_bytes(), at, byte, damage);
        read(for_name(DialectName::from_name(text("dialect")).unwrap()), &body, &quirks::of(text("provider")));
    }
}

/// Bytes with one replaced, added or missing.
fn damaged(bytes: &[u8], at: Index, byte: u8, damage: i32) -> Vec<u8> {
    let at = at.index(bytes.len() + 1);
    let end = if damage == 0 { at } else { bytes.len().min(at + 1) };
    let new: &[u8] = if damage == 2 { &[] } else { &[byte] };
    [&bytes[..at], new, &bytes[end..]].concat()
}

/// JSON of the fields the decoders look for, with values of the wrong kinds.
fn json_value() -> impl Strategy<Value = Value> {
    const WORDS: &str = "arguments blockReason candidates choices content content_block content_block_delta \
        content_block_start delta done error finishReason finish_reason function functionCall function_call index \
        item message message_delta message_start output output_index parts promptFeedback reasoning \
        reasoningContent response response.completed response.output_item.done stopReason summary text tokens \
        toolUse tool_calls tool_use type usage usageMetadata";
    let word = prop::sample::select(WORDS.split_whitespace().collect::<Vec<_>>());
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        word.clone().prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((word.clone(), inner), 0..5).prop_map(|fields| fields
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value))
                .collect::<Value>()),
        ]
    })
}

fn unknown() -> Object {
    Object::from_iter([("x_unknown".to_owned(), json!({ "deep": [1, null, "two"] }))])
}

/// A question with a tool, and unknown fields wherever there can be some.
fn extended(written_in: &str) -> Request {
    let mut request = question();
    request.messages[0].extra = unknown();
    request.tools = vec![Tool { name: "now".into(), extra: unknown(), ..Tool::default() }];
    request.extra = Extra { dialect: written_in.into(), fields: unknown() };
    request
}

#[test]
fn unknown_fields_of_a_request_are_written_in_the_dialect_they_came_in_or_in_any() {
    for name in DialectName::ALL {
        for written_in in [name.name(), ""] {
            let (_, body, dropped) = encoded(for_name(name), &extended(written_in));
            let written = body.to_string().matches(&unknown()["x_unknown"].to_string()).count();
            assert_eq!((written, dropped), (3, vec![]), "{body}");
            assert_eq!(body["x_unknown"], unknown()["x_unknown"]);
        }
    }
}

#[test]
fn unknown_fields_of_another_dialect_are_left_out_and_named() {
    for name in DialectName::ALL {
        let (_, body, mut dropped) = encoded(for_name(name), &extended("elsewhere"));
        dropped.sort_unstable();
        assert!(!body.to_string().contains("x_unknown"), "{body}");
        assert_eq!(dropped, ["field x_unknown", "message field x_unknown", "tool field x_unknown"]);
    }
}

#[test]
fn what_is_modelled_stays_and_a_field_of_its_name_is_named_as_left_out() {
    let other = |key: &str| Object::from_iter([(key.to_owned(), json!("other"))]);
    for dialect in DialectName::ALL.map(for_name) {
        let mut request = question();
        request.tools = vec![Tool { name: "now".into(), ..Tool::default() }];
        request.params.temperature = Some(0.5);
        let (_, plain, _) = encoded(dialect, &request);
        for key in plain.as_object().unwrap().keys() {
            let mut request = request.clone();
            request.extra.fields = other(key);
            let (_, body, dropped) = encoded(dialect, &request);
            assert_eq!((&body, dropped), (&plain, vec![format!("field {key}")]));
        }
        request.messages[0].extra = other("role");
        let own = if dialect.name() == DialectName::OpenAi { "function" } else { "name" };
        request.tools[0].extra = other(own);
        let (_, body, mut dropped) = encoded(dialect, &request);
        dropped.sort_unstable();
        assert_eq!(
            (&body, dropped),
            (&plain, vec!["message field role".to_owned(), format!("tool field {own}")])
        );
    }
}

#[test]
fn fields_are_added_within_what_is_modelled() {
    let mut request = question();
    request.params.temperature = Some(0.5);
    let fields = json!({ "generationConfig": { "logprobs": 2, "temperature": 1 } });
    request.extra.fields = fields.as_object().unwrap().clone();
    let (_, body, dropped) = encoded(for_name(DialectName::Gemini), &request);
    assert_eq!(body["generationConfig"], json!({ "temperature": 0.5, "logprobs": 2 }));
    assert_eq!(dropped, ["field generationConfig.temperature"]);
}

#[test]
fn a_foreign_part_of_the_question_is_refused_and_one_of_an_answer_is_left_out() {
    let part = Part::Opaque { dialect: "elsewhere".into(), value: json!({ "type": "input_audio" }) };
    for dialect in DialectName::ALL.map(for_name) {
        let why = refused(dialect, |request| request.messages[0].parts.push(part.clone()));
        assert!(why.contains("input_audio"), "{why}");
        let mut request = question();
        let parts = vec![Part::Text("Yes.".into()), part.clone()];
        request.messages.push(Message { role: Role::Assistant, parts, extra: Object::new() });
        assert_eq!(encoded(dialect, &request).2, ["elsewhere part"]);
    }
}

#[test]
fn a_foreign_part_in_a_tool_result_is_refused() {
    let part = Part::Opaque { dialect: "elsewhere".into(), value: json!({ "type": "input_audio" }) };
    let result = ToolResult { id: "a".into(), name: "now".into(), parts: vec![part], is_error: false };
    for dialect in DialectName::ALL.map(for_name) {
        let parts = vec![Part::ToolResult(result.clone())];
        let message = Message { role: Role::Tool, parts, extra: Object::new() };
        refused(dialect, |request| request.messages.push(message));
    }
}

#[test]
fn a_server_tool_goes_to_its_own_dialect_and_is_refused_by_name_in_others() {
    let fields = json!({ "type": "web_search_20260318" });
    let tool = Tool { extra: fields.as_object().unwrap().clone(), ..Tool::default() };
    for dialect in DialectName::ALL.map(for_name) {
        let ask = |request: &mut Request, written_in: &str| {
            request.tools = vec![tool.clone()];
            request.extra.dialect = written_in.into();
        };
        let why = refused(dialect, |request| ask(request, "elsewhere"));
        assert!(why.contains("web_search_20260318"), "{why}");
        for written_in in [dialect.name().name(), ""] {
            let mut request = question();
            ask(&mut request, written_in);
            let (_, body, dropped) = encoded(dialect, &request);
            assert!(body.to_string().contains("web_search_20260318"), "{body}");
            assert_eq!(dropped, Vec::<String>::new());
        }
    }
}

#[test]
fn several_answers_are_refused_where_only_one_is_given() {
    for name in DialectName::ALL {
        if !matches!(name, DialectName::Gemini | DialectName::OpenAi) {
            refused(for_name(name), |request| request.params.n = Some(2));
        }
    }
}

#[test]
fn unknown_fields_of_a_whole_answer_are_kept() {
    for (dialect, fixture) in recorded().filter(|(_, fixture)| !fixture.is_stream) {
        let Ok(deltas) = dialect.decode(&fixture.bytes, &fixture.quirks()) else { continue };
        let mut body: Object = serde_json::from_slice(&fixture.bytes).unwrap();
        body.extend(unknown());
        let body = Value::from(body).to_string();
        let response = Response::fold(dialect.decode(body.as_bytes(), &fixture.quirks()).unwrap());
        let mut expected = Response::fold(deltas);
        expected.extra.extend(unknown());
        assert_eq!(response, expected, "{}", fixture.name);
    }
}

/// Adds unknown fields to the object of an event, within which a dialect tells of the whole answer.
fn with_unknown_fields(line: &str, pointer: &str) -> String {
    let data = line.strip_prefix("data:").unwrap_or(line).trim();
    let Ok(mut event) = serde_json::from_str::<Value>(data) else { return line.to_owned() };
    if let Some(Value::Object(fields)) = event.pointer_mut(pointer) {
        fields.extend(unknown());
    }
    line.replace(data, &event.to_string())
}

#[test]
fn unknown_fields_of_a_streamed_answer_are_kept() {
    let is_text = |(_, fixture): &(_, &Fixture)| matches!(&*fixture.framing, "sse" | "ndjson");
    for (dialect, fixture) in streams().filter(is_text) {
        let (deltas, None) = streamed(dialect, fixture, &[]) else { continue };
        let pointer = match dialect.name() {
            DialectName::Anthropic => "/message",
            DialectName::Cohere => "/delta",
            DialectName::Responses => "/response",
            _ => "",
        };
        let text = std::str::from_utf8(&fixture.bytes).unwrap();
        let lines: Vec<_> = text.lines().map(|line| with_unknown_fields(line, pointer)).collect();
        let bytes = format!("{}\n\n", lines.join("\n"));
        let (changed, failure) = read_stream(dialect, bytes.as_bytes(), &fixture.quirks(), &[]);
        let mut expected = Response::fold(deltas);
        expected.extra.extend(unknown());
        assert_eq!((Response::fold(changed), failure), (expected, None), "{}", fixture.name);
    }
}
