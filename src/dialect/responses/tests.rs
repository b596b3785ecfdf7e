use serde_json::{Value, json};

use super::*;
use crate::dialect::quirks;
use crate::model::request::{Extra, Image, Params, Thinking, Tool, ToolCall, ToolChoice, ToolResult};
use crate::model::{FailureClass, Message, Object, Part, Role, Shape};

fn encoded(request: &Request) -> (Value, Vec<String>) {
    let quirks = quirks::of("openai");
    let call = Call { model: "m", base_url: "https://host/v1", stream: false, quirks: &quirks };
    let encoded = Responses.encode(request, &call).unwrap();
    assert_eq!(encoded.url, "https://host/v1/responses");
    (serde_json::from_slice(&encoded.body).unwrap(), encoded.dropped)
}

#[test]
fn a_conversation_is_written_as_items_in_order() {
    let turn = |role, parts| Message { role, parts, extra: Object::new() };
    let call = ToolCall { id: "call_1".into(), name: "tide".into(), ..ToolCall::default() };
    let thought = Thinking {
        text: "Hm.".into(),
        redacted: Some("enc".into()),
        id: Some("rs_1".into()),
        ..Thinking::default()
    };
    let foreign = Thinking { text: "Elsewhere.".into(), ..Thinking::default() };
    let picture = Image::Url { url: "https://host/a.png".into(), detail: None };
    let result = |parts| ToolResult { id: "call_1".into(), name: String::new(), parts, is_error: false };
    let shown = vec![Part::Text("low".into()), Part::Image(picture.clone())];
    let file = json!({"type": "input_file", "file_id": "f"});
    let search = json!({"type": "web_search_call", "id": "ws_1"});
    let opaque = |value| Part::Opaque { dialect: "responses".into(), value };
    let messages = vec![
        Message::text(Role::System, "Be brief."),
        turn(Role::User, vec![Part::Text("What?".into()), Part::Image(picture), opaque(file.clone())]),
        turn(
            Role::Assistant,
            vec![
                Part::Thinking(thought),
                Part::Thinking(foreign),
                opaque(search.clone()),
                Part::Text("I look.".into()),
                Part::ToolCall(call),
            ],
        ),
        turn(Role::Tool, vec![Part::ToolResult(result(vec![Part::Text("low".into())]))]),
        turn(Role::Tool, vec![Part::ToolResult(result(shown))]),
    ];
    let (body, dropped) = encoded(&Request { messages, ..Request::default() });
    let image = json!({"type": "input_image", "image_url": "https://host/a.png", "detail": "auto"});
    assert_eq!(
        body["input"],
        json!([
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": [{"type": "input_text", "text": "What?"}, image, file]},
            {"type": "reasoning", "id": "rs_1", "encrypted_content": "enc",
                "summary": [{"type": "summary_text", "text": "Hm."}]},
            search,
            {"role": "assistant", "content": "I look."},
            {"type": "function_call", "call_id": "call_1", "name": "tide", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "call_1", "output": "low"},
            {"type": "function_call_output", "call_id": "call_1",
                "output": [{"type": "input_text", "text": "low"}, image]},
        ])
    );
    assert_eq!(dropped, ["thinking"]);
}

#[test]
fn tools_shape_and_parameters_are_written_flat() {
    let fields = json!({"reasoning": {"summary": "auto"}, "text": {"verbosity": "low"}, "store": false});
    let request = Request {
        tools: vec![
            Tool { name: "tide".into(), parameters: json!({"type": "object"}), ..Tool::default() },
            Tool { extra: json!({"type": "web_search"}).as_object().unwrap().clone(), ..Tool::default() },
        ],
        tool_choice: Some(ToolChoice::Named("tide".into())),
        shape: Shape::Schema { name: "port".into(), schema: json!({"type": "object"}), strict: Some(true) },
        params: Params {
            max_tokens: Some(9),
            effort: Some("low".into()),
            seed: Some(7),
            stop: vec!["END".into()],
            ..Params::default()
        },
        extra: Extra { dialect: "responses".into(), fields: fields.as_object().unwrap().clone() },
        ..Request::default()
    };
    let (body, dropped) = encoded(&request);
    assert_eq!(
        body,
        json!({
            "model": "m",
            "input": [],
            "tools": [{"type": "function", "name": "tide", "parameters": {"type": "object"}},
                {"type": "web_search"}],
            "tool_choice": {"type": "function", "name": "tide"},
            "text": {"format": {"type": "json_schema", "name": "port", "schema": {"type": "object"},
                "strict": true}, "verbosity": "low"},
            "max_output_tokens": 9,
            "reasoning": {"effort": "low", "summary": "auto"},
            "store": false,
        })
    );
    assert_eq!(dropped, ["stop", "seed"]);
}

#[test]
fn several_answers_to_one_request_are_refused_rather_than_dropped() {
    let quirks = quirks::of("openai");
    let call = Call { model: "m", base_url: "https://host/v1", stream: true, quirks: &quirks };
    let request = Request { params: Params { n: Some(2), ..Params::default() }, ..Request::default() };
    assert_eq!(Responses.encode(&request, &call).unwrap_err().class, FailureClass::Unsupported);
}
