use serde_json::json;

use super::super::draft::tests::{conversation, encoded, question, refused};
use super::*;
use crate::model::Role;
use crate::model::request::{Image, Message, Part, Shape, ToolChoice, ToolResult};

#[test]
fn a_conversation_is_written_as_the_reference_says() {
    let mut request = conversation();
    request.params.top_k = Some(5);
    request.params.seed = Some(7);
    let (url, body, dropped) = encoded(&Cohere, &request);
    assert_eq!(url, "https://llm.example/v1/chat");
    let schema = json!({ "type": "object", "properties": { "city": { "type": "string" } } });
    let picture = json!({ "type": "image_url", "image_url": { "url": "data:image/png;base64,iVBORw==" } });
    let weather = json!({ "name": "weather", "description": "The weather of a city.", "parameters": schema });
    let expected = json!({
        "model": "m-1",
        "messages": [
            { "role": "system", "content": "Be brief." },
            { "role": "user", "content": [{ "type": "text", "text": "Where is this?" }, picture] },
            {
                "role": "assistant",
                "content": [{ "type": "thinking", "thinking": "Hm." }, { "type": "text", "text": "Let me look." }],
                "tool_calls": [
                    { "id": "a", "type": "function",
                        "function": { "name": "weather", "arguments": "{\"city\":\"Graz\"}" } },
                    { "id": "b", "type": "function", "function": { "name": "now", "arguments": "{}" } },
                ],
            },
            { "role": "tool", "tool_call_id": "a", "content": "{\"celsius\":21}" },
            { "role": "tool", "tool_call_id": "b", "content": "no clock" },
            { "role": "user", "content": "And?" },
        ],
        "max_tokens": 100,
        "temperature": 0.5,
        "p": 0.9,
        "k": 5,
        "stop_sequences": ["END"],
        "seed": 7,
        "tools": [
            { "type": "function", "function": weather },
            { "type": "function", "function": { "name": "now", "parameters": { "type": "object" } } },
        ],
        "response_format": { "type": "json_object", "json_schema": schema },
        "stream": false,
    });
    assert_eq!(body, expected);
    assert_eq!(dropped, ["is_error of a tool result"]);
}

#[test]
fn a_named_tool_is_the_only_one_offered() {
    let mut request = conversation();
    request.tool_choice = Some(ToolChoice::Named("now".into()));
    let (_, body, _) = encoded(&Cohere, &request);
    assert_eq!((body["tools"].as_array().unwrap().len(), &body["tool_choice"]), (1, &json!("REQUIRED")));
    request.tool_choice = Some(ToolChoice::None);
    assert_eq!(encoded(&Cohere, &request).1["tool_choice"], "NONE");
}

#[test]
fn tools_are_strict_together_or_not_at_all() {
    let mut request = conversation();
    request.tools[0].strict = Some(true);
    let (_, body, dropped) = encoded(&Cohere, &request);
    assert!(body["strict_tools"].is_null());
    assert_eq!(dropped, ["is_error of a tool result", "tool strict"]);
    request.tools[1].strict = Some(true);
    assert_eq!(encoded(&Cohere, &request).1["strict_tools"], true);
}

#[test]
fn thinking_is_on_or_off() {
    let cases = [
        (Some(512), None, json!({ "type": "enabled", "token_budget": 512 }), 0),
        (None, Some("high"), json!({ "type": "enabled" }), 1),
        (None, Some("none"), json!({ "type": "disabled" }), 0),
    ];
    for (tokens, effort, expected, dropped) in cases {
        let mut request = question();
        request.params.thinking_tokens = tokens;
        request.params.effort = effort.map(str::to_owned);
        let (_, body, left_out) = encoded(&Cohere, &request);
        assert_eq!((&body["thinking"], left_out.len()), (&expected, dropped));
    }
}

#[test]
fn json_needs_no_schema_and_pictures_stand_with_the_user_only() {
    let mut request = question();
    request.shape = Shape::Json;
    assert_eq!(encoded(&Cohere, &request).1["response_format"], json!({ "type": "json_object" }));
    let picture = Part::Image(Image::Data { media_type: "image/png".into(), base64: String::new() });
    refused(&Cohere, |request| {
        let parts = vec![picture.clone()];
        let result = ToolResult { id: "a".into(), name: String::new(), parts, is_error: false };
        let mut message = Message::text(Role::Tool, "");
        message.parts = vec![Part::ToolResult(result)];
        request.messages.push(message);
    });
}
