//! What the encoders share; and the conversation that each of them is tested with.

use serde_json::json;

use super::*;
use crate::dialect::Dialect;
use crate::model::request::{Extra, Image, Message, Shape, Thinking, ToolChoice};

/// A conversation with everything in it that all dialects have a form for.
pub(in crate::dialect) fn conversation() -> Request {
    let call = |id: &str, name: &str, arguments: &str| {
        Part::ToolCall(ToolCall {
            id: id.into(),
            name: name.into(),
            arguments: arguments.into(),
            signature: None,
        })
    };
    let result = |id: &str, text: &str, is_error| {
        let parts = vec![Part::Text(text.into())];
        Part::ToolResult(ToolResult { id: id.into(), name: String::new(), parts, is_error })
    };
    let message = |role, parts| Message { role, parts, extra: Object::new() };
    let picture = Image::Data { media_type: "image/png".into(), base64: "iVBORw==".into() };
    let thought = Thinking { text: "Hm.".into(), signature: Some("c2ln".into()), ..Thinking::default() };
    let schema = json!({ "type": "object", "properties": { "city": { "type": "string" } } });
    Request {
        messages: vec![
            Message::text(Role::System, "Be brief."),
            message(Role::User, vec![Part::Text("Where is this?".into()), Part::Image(picture)]),
            message(
                Role::Assistant,
                vec![
                    Part::Thinking(thought),
                    Part::Text("Let me look.".into()),
                    call("a", "weather", "{\"city\":\"Graz\"}"),
                    call("b", "now", ""),
                ],
            ),
            message(Role::Tool, vec![result("a", "{\"celsius\":21}", false), result("b", "no clock", true)]),
            Message::text(Role::User, "And?"),
        ],
        tools: vec![
            Tool {
                name: "weather".into(),
                description: Some("The weather of a city.".into()),
                parameters: schema.clone(),
                ..Tool::default()
            },
            Tool { name: "now".into(), ..Tool::default() },
        ],
        tool_choice: Some(ToolChoice::Auto),
        shape: Shape::Schema { name: "place".into(), schema, strict: Some(true) },
        params: Params {
            max_tokens: Some(100),
            temperature: Some(0.5),
            top_p: Some(0.9),
            stop: vec!["END".into()],
            ..Params::default()
        },
        extra: Extra::default(),
    }
}

/// A request of one question.
pub(in crate::dialect) fn question() -> Request {
    Request { messages: vec![Message::text(Role::User, "Hi")], ..Request::default() }
}

/// Encodes without a stream: the address, the body and what was left out.
pub(in crate::dialect) fn encoded(dialect: &dyn Dialect, request: &Request) -> (String, Value, Vec<String>) {
    let encoded = dialect.encode(request, &call("m-1", false)).unwrap();
    (encoded.url, serde_json::from_slice(&encoded.body).unwrap(), encoded.dropped)
}

/// The call of a model at a made-up provider.
pub(in crate::dialect) fn call(model: &str, stream: bool) -> Call<'_> {
    Call { model, base_url: "https://llm.example/v1", stream, quirks: Box::leak(Box::default()) }
}

/// Checks that a request cannot be said in a dialect; what is said of it instead.
#[track_caller]
pub(in crate::dialect) fn refused(dialect: &dyn Dialect, change: impl FnOnce(&mut Request)) -> String {
    let mut request = question();
    change(&mut request);
    let failure = dialect.encode(&request, &call("m-1", false)).unwrap_err();
    assert_eq!(failure.class, FailureClass::Unsupported, "{failure}");
    failure.message
}

#[test]
fn arguments_that_are_no_object_are_kept_as_text() {
    let mut request = question();
    let call = ToolCall { name: "f".into(), arguments: "{broken".into(), ..ToolCall::default() };
    request.messages.push(Message {
        role: Role::Assistant,
        parts: vec![Part::ToolCall(call)],
        extra: Object::new(),
    });
    let (_, body, dropped) = encoded(&crate::dialect::anthropic::Anthropic, &request);
    assert_eq!(body["messages"][1]["content"][0]["input"], json!({ "arguments": "{broken" }));
    assert_eq!(dropped, ["form of tool arguments that are no object"]);
}

#[test]
fn a_later_system_message_is_moved_up_and_that_is_said() {
    let mut request = question();
    request.messages.push(Message::text(Role::Developer, "Be brief."));
    let (_, body, dropped) = encoded(&crate::dialect::anthropic::Anthropic, &request);
    assert_eq!(body["system"], "Be brief.");
    assert_eq!(dropped, ["place of a later system message"]);
}
