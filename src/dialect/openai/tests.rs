use serde_json::{Value, json};

use super::*;
use crate::dialect::quirks;
use crate::model::request::{Extra, Image, Params, Thinking, Tool, ToolCall, ToolChoice, ToolResult};
use crate::model::{Message, Object, Part, Role, Shape};

fn encoded(provider: &str, request: &Request) -> (Value, Vec<String>) {
    let quirks = quirks::of(provider);
    let call = Call { model: "m", base_url: "https://host/v1", stream: false, quirks: &quirks };
    let encoded = OpenAi.encode(request, &call).unwrap();
    assert_eq!(encoded.url, "https://host/v1/chat/completions");
    let mut body: Value = serde_json::from_slice(&encoded.body).unwrap();
    assert_eq!(body["model"].take(), "m");
    body.as_object_mut().unwrap().shift_remove("model");
    (body, encoded.dropped)
}

fn conversation() -> Vec<Message> {
    let turn = |role, parts| Message { role, parts, extra: Object::new() };
    let call = ToolCall { id: "call_1".into(), name: "tide".into(), ..ToolCall::default() };
    let thought = Thinking { text: "Hm.".into(), ..Thinking::default() };
    let result = ToolResult {
        id: "call_1".into(),
        name: "tide".into(),
        parts: vec![Part::Text("low".into())],
        is_error: false,
    };
    vec![
        Message::text(Role::Developer, "Be brief."),
        turn(
            Role::User,
            vec![
                Part::Text("What is this?".into()),
                Part::Image(Image::Data { media_type: "image/png".into(), base64: "AAAA".into() }),
                Part::Opaque {
                    dialect: "openai".into(),
                    value: json!({"type": "file", "file": {"file_id": "f"}}),
                },
            ],
        ),
        turn(Role::Assistant, vec![Part::Thinking(thought), Part::ToolCall(call)]),
        turn(Role::Tool, vec![Part::ToolResult(result)]),
    ]
}

#[test]
fn a_conversation_is_written_as_messages() {
    let request = Request { messages: conversation(), ..Request::default() };
    let (body, dropped) = encoded("openai", &request);
    assert_eq!(
        body["messages"],
        json!([
            {"role": "developer", "content": "Be brief."},
            {"role": "user", "content": [
                {"type": "text", "text": "What is this?"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
                {"type": "file", "file": {"file_id": "f"}},
            ]},
            {"role": "assistant", "content": null, "tool_calls": [
                {"id": "call_1", "type": "function", "function": {"name": "tide", "arguments": "{}"}},
            ]},
            {"role": "tool", "tool_call_id": "call_1", "content": "low"},
        ])
    );
    assert_eq!(dropped, ["thinking"]);
}

#[test]
fn providers_hear_the_same_conversation_in_their_own_words() {
    let request = Request { messages: conversation(), ..Request::default() };
    let (deepseek, dropped) = encoded("deepseek", &request);
    assert_eq!(deepseek["messages"][0]["role"], "system");
    assert_eq!(deepseek["messages"][2]["reasoning_content"], "Hm.");
    assert_eq!(dropped, Vec::<String>::new());

    let (mistral, _) = encoded("mistral", &request);
    let id = mistral["messages"][2]["tool_calls"][0]["id"].as_str().unwrap();
    assert!(id.len() == 9 && id.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{id}");
    assert_eq!(mistral["messages"][3]["tool_call_id"], id);
}

#[test]
fn parameters_go_by_each_providers_names() {
    let params = Params {
        max_tokens: Some(9),
        temperature: Some(0.5),
        top_k: Some(3),
        stop: vec!["END".into()],
        seed: Some(7),
        effort: Some("low".into()),
        thinking_tokens: Some(100),
        user: Some("u".into()),
        ..Params::default()
    };
    let request = Request { params, ..Request::default() };
    let cases = [
        (
            "openai",
            json!({"messages": [], "max_completion_tokens": 9, "temperature": 0.5, "stop": ["END"], "seed": 7,
                "user": "u", "reasoning_effort": "low"}),
            vec!["thinking_tokens", "top_k"],
        ),
        (
            "mistral",
            json!({"messages": [], "max_tokens": 9, "temperature": 0.5, "stop": ["END"], "random_seed": 7,
                "reasoning_effort": "low"}),
            vec!["thinking_tokens", "top_k", "user"],
        ),
        (
            "openrouter",
            json!({"messages": [], "max_tokens": 9, "temperature": 0.5, "stop": ["END"], "seed": 7, "top_k": 3,
                "user": "u", "reasoning": {"effort": "low", "max_tokens": 100}}),
            vec![],
        ),
    ];
    for (provider, body, dropped) in cases {
        assert_eq!(encoded(provider, &request), (body, dropped.into_iter().map(str::to_owned).collect()));
    }
}

#[test]
fn tools_and_shape_are_written() {
    let tool = Tool {
        name: "tide".into(),
        description: Some("When the tide turns.".into()),
        parameters: json!({"type": "object"}),
        strict: Some(true),
        extra: Object::new(),
    };
    let shape = Shape::Schema { name: "port".into(), schema: json!({"type": "object"}), strict: Some(true) };
    let tools = vec![tool];
    let request = Request { tools, tool_choice: Some(ToolChoice::Required), shape, ..Request::default() };
    let (openai, dropped) = encoded("openai", &request);
    assert_eq!(
        openai,
        json!({
            "messages": [],
            "tools": [{"type": "function", "function": {"name": "tide", "description": "When the tide turns.",
                "parameters": {"type": "object"}, "strict": true}}],
            "tool_choice": "required",
            "response_format": {"type": "json_schema",
                "json_schema": {"name": "port", "schema": {"type": "object"}, "strict": true}},
        })
    );
    assert_eq!(dropped, Vec::<String>::new());
    assert_eq!(encoded("mistral", &request).0["tool_choice"], "any");
    let (deepseek, dropped) = encoded("deepseek", &request);
    assert_eq!(deepseek["response_format"], json!({"type": "json_object"}));
    assert_eq!(dropped, ["json schema"]);
}

#[test]
fn unmodelled_fields_go_to_the_dialect_they_were_written_in() {
    let fields = json!({"logit_bias": {"1": 2}, "stream_options": {"include_obfuscation": false}});
    let mut request = Request::default();
    request.messages.push(Message::text(Role::User, "hi"));
    request.messages[0].extra.insert("name".into(), "ada".into());
    request.extra = Extra { dialect: "openai".into(), fields: fields.as_object().unwrap().clone() };
    let (body, dropped) = encoded("openai", &request);
    assert_eq!((&body["logit_bias"], &body["messages"][0]["name"]), (&json!({"1": 2}), &json!("ada")));
    assert_eq!(dropped, Vec::<String>::new());

    request.extra.dialect = "gemini".into();
    let (body, dropped) = encoded("openai", &request);
    assert_eq!(body, json!({"messages": [{"role": "user", "content": "hi"}]}));
    assert_eq!(dropped, ["message field name", "field logit_bias", "field stream_options"]);
}

#[test]
fn a_stream_is_asked_to_report_its_usage() {
    let fields = json!({"stream_options": {"include_obfuscation": false}});
    let extra = Extra { dialect: "openai".into(), fields: fields.as_object().unwrap().clone() };
    let request = Request { extra, ..Request::default() };
    for (provider, options) in [
        ("openai", json!({"include_usage": true, "include_obfuscation": false})),
        ("mistral", json!({"include_obfuscation": false})),
    ] {
        let quirks = quirks::of(provider);
        let call = Call { model: "m", base_url: "https://host/v1", stream: true, quirks: &quirks };
        let encoded = OpenAi.encode(&request, &call).unwrap();
        let body: Value = serde_json::from_slice(&encoded.body).unwrap();
        assert_eq!((&body["stream"], &body["stream_options"]), (&json!(true), &options));
        assert_eq!(encoded.headers["accept"], "text/event-stream");
    }
}
