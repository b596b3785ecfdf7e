use serde_json::json;

use super::super::draft::tests::{call, conversation, encoded, question, refused};
use super::*;
use crate::model::request::{Image, Part, Shape, ToolChoice};

#[test]
fn a_conversation_is_written_as_the_reference_says() {
    let (url, body, dropped) = encoded(&Ollama, &conversation());
    assert_eq!(url, "https://llm.example/v1/api/chat");
    let schema = json!({ "type": "object", "properties": { "city": { "type": "string" } } });
    let weather = json!({ "name": "weather", "description": "The weather of a city.", "parameters": schema });
    let expected = json!({
        "model": "m-1",
        "messages": [
            { "role": "system", "content": "Be brief." },
            { "role": "user", "content": "Where is this?", "images": ["iVBORw=="] },
            {
                "role": "assistant",
                "content": "Let me look.",
                "thinking": "Hm.",
                "tool_calls": [
                    { "id": "a", "function": { "name": "weather", "arguments": { "city": "Graz" } } },
                    { "id": "b", "function": { "name": "now", "arguments": {} } },
                ],
            },
            { "role": "tool", "content": "{\"celsius\":21}", "tool_name": "weather", "tool_call_id": "a" },
            { "role": "tool", "content": "no clock", "tool_name": "now", "tool_call_id": "b" },
            { "role": "user", "content": "And?" },
        ],
        "tools": [
            { "type": "function", "function": weather },
            { "type": "function", "function": { "name": "now", "parameters": { "type": "object" } } },
        ],
        "options": { "num_predict": 100, "temperature": 0.5, "top_p": 0.9, "stop": ["END"] },
        "format": schema,
        "stream": false,
    });
    assert_eq!(body, expected);
    assert_eq!(dropped, ["is_error of a tool result"]);
}

#[test]
fn whether_to_stream_is_always_said() {
    for stream in [false, true] {
        let encoded = Ollama.encode(&question(), &call("m-1", stream)).unwrap();
        let body: serde_json::Value = serde_json::from_slice(&encoded.body).unwrap();
        assert_eq!(body["stream"], stream);
    }
}

#[test]
fn thinking_is_on_off_or_a_level() {
    let cases = [
        (Some(0), None, json!(false), 0),
        (Some(512), None, json!(true), 1),
        (None, Some("none"), json!(false), 0),
        (None, Some("minimal"), json!("low"), 0),
        (None, Some("high"), json!("high"), 0),
        (None, None, json!(null), 0),
    ];
    for (tokens, effort, expected, dropped) in cases {
        let mut request = question();
        request.params.thinking_tokens = tokens;
        request.params.effort = effort.map(str::to_owned);
        let (_, body, left_out) = encoded(&Ollama, &request);
        assert_eq!((&body["think"], left_out.len()), (&expected, dropped));
    }
}

#[test]
fn tools_can_be_withheld_but_not_demanded() {
    let mut request = conversation();
    request.tool_choice = Some(ToolChoice::None);
    assert!(encoded(&Ollama, &request).1["tools"].is_null());
    refused(&Ollama, |request| request.tool_choice = Some(ToolChoice::Required));
}

#[test]
fn json_needs_no_schema_and_pictures_need_their_bytes() {
    let mut request = question();
    request.shape = Shape::Json;
    assert_eq!(encoded(&Ollama, &request).1["format"], "json");
    let picture = Part::Image(Image::Url { url: "https://a.example/b.png".into(), detail: None });
    refused(&Ollama, |request| request.messages[0].parts.push(picture));
}
