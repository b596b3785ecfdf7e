use serde_json::json;

use super::super::draft::tests::{call, conversation, encoded, question, refused};
use super::*;
use crate::model::request::{Image, Message, Part, Shape, Thinking, ToolChoice};
use crate::model::{Object, Role};

#[test]
fn a_conversation_is_written_as_the_reference_says() {
    let (url, body, dropped) = encoded(&Anthropic, &conversation());
    assert_eq!(url, "https://llm.example/v1/messages");
    let schema = json!({ "type": "object", "properties": { "city": { "type": "string" } } });
    let expected = json!({
        "model": "m-1",
        "max_tokens": 100,
        "temperature": 0.5,
        "top_p": 0.9,
        "stop_sequences": ["END"],
        "system": "Be brief.",
        "messages": [
            { "role": "user", "content": [
                { "type": "text", "text": "Where is this?" },
                { "type": "image", "source": { "type": "base64", "media_type": "image/png", "data": "iVBORw==" } },
            ] },
            { "role": "assistant", "content": [
                { "type": "thinking", "thinking": "Hm.", "signature": "c2ln" },
                { "type": "text", "text": "Let me look." },
                { "type": "tool_use", "id": "a", "name": "weather", "input": { "city": "Graz" } },
                { "type": "tool_use", "id": "b", "name": "now", "input": {} },
            ] },
            { "role": "user", "content": [
                { "type": "tool_result", "tool_use_id": "a", "content": "{\"celsius\":21}" },
                { "type": "tool_result", "tool_use_id": "b", "content": "no clock", "is_error": true },
                { "type": "text", "text": "And?" },
            ] },
        ],
        "tools": [
            { "name": "weather", "description": "The weather of a city.", "input_schema": schema },
            { "name": "now", "input_schema": { "type": "object" } },
        ],
        "tool_choice": { "type": "auto" },
        "output_config": { "format": { "type": "json_schema", "schema": schema } },
    });
    assert_eq!(body, expected);
    assert_eq!(dropped, Vec::<String>::new());
}

#[test]
fn the_version_is_a_header_and_a_stream_is_asked_for_in_the_body() {
    let encoded = Anthropic.encode(&question(), &call("m-1", true)).unwrap();
    assert_eq!(encoded.headers["anthropic-version"], "2023-06-01");
    let body: serde_json::Value = serde_json::from_slice(&encoded.body).unwrap();
    assert_eq!((&body["stream"], &body["max_tokens"]), (&json!(true), &json!(4096)));
}

#[test]
fn thinking_is_asked_for_by_budget_or_effort() {
    let cases = [
        (Some(2_000), None, json!({ "type": "enabled", "budget_tokens": 2_000 }), json!(null), 6_096),
        (Some(0), None, json!({ "type": "disabled" }), json!(null), 4_096),
        (None, Some("none"), json!({ "type": "disabled" }), json!(null), 4_096),
        (None, Some("minimal"), json!(null), json!({ "effort": "low" }), 4_096),
        (None, Some("xhigh"), json!(null), json!({ "effort": "xhigh" }), 4_096),
    ];
    for (tokens, effort, thinking, output, most) in cases {
        let mut request = question();
        request.params.thinking_tokens = tokens;
        request.params.effort = effort.map(str::to_owned);
        let (_, body, _) = encoded(&Anthropic, &request);
        assert_eq!((&body["thinking"], &body["output_config"]), (&thinking, &output));
        assert_eq!(body["max_tokens"], most);
    }
}

#[test]
fn tool_choices_have_their_words() {
    let cases = [
        (Some(ToolChoice::None), None, json!({ "type": "none" })),
        (Some(ToolChoice::None), Some(false), json!({ "type": "none" })),
        (Some(ToolChoice::Required), None, json!({ "type": "any" })),
        (
            Some(ToolChoice::Named("now".into())),
            Some(false),
            json!({ "type": "tool", "name": "now", "disable_parallel_tool_use": true }),
        ),
        (None, Some(false), json!({ "type": "auto", "disable_parallel_tool_use": true })),
        (None, Some(true), json!(null)),
    ];
    for (choice, parallel, expected) in cases {
        let mut request = conversation();
        request.tool_choice = choice;
        request.params.parallel_tool_calls = parallel;
        assert_eq!(encoded(&Anthropic, &request).1["tool_choice"], expected);
    }
}

#[test]
fn redacted_reasoning_is_echoed_and_unsigned_reasoning_is_left_out() {
    let mut request = question();
    let redacted = Thinking { redacted: Some("cmVk".into()), ..Thinking::default() };
    let foreign = Thinking { text: "Hm.".into(), ..Thinking::default() };
    let parts = vec![Part::Thinking(redacted), Part::Thinking(foreign)];
    request.messages.push(Message { role: Role::Assistant, parts, extra: Object::new() });
    let (_, body, dropped) = encoded(&Anthropic, &request);
    assert_eq!(body["messages"][1]["content"], json!([{ "type": "redacted_thinking", "data": "cmVk" }]));
    assert_eq!(dropped, ["unsigned reasoning"]);
}

#[test]
fn parts_and_fields_of_this_dialect_go_through_verbatim() {
    let mut request = question();
    let cached = json!({ "type": "text", "text": "Long.", "cache_control": { "type": "ephemeral" } });
    let part = Part::Opaque { dialect: "anthropic".into(), value: cached.clone() };
    request.messages.insert(0, Message { role: Role::System, parts: vec![part], extra: Object::new() });
    assert_eq!(encoded(&Anthropic, &request).1["system"], json!([cached]));
}

#[test]
fn what_cannot_be_said_is_reported_or_refused() {
    let mut request = question();
    request.params.seed = Some(1);
    request.params.presence_penalty = Some(0.1);
    request.params.user = Some("u".into());
    let picture = Image::Url { url: "https://a.example/b.png".into(), detail: Some("low".into()) };
    request.messages[0].parts.push(Part::Image(picture));
    let (_, body, dropped) = encoded(&Anthropic, &request);
    assert_eq!(body["metadata"], json!({ "user_id": "u" }));
    assert_eq!(dropped, ["seed", "presence_penalty", "image detail"]);
    refused(&Anthropic, |request| request.shape = Shape::Json);
}
