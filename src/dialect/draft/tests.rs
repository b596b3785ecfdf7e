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

/// Checks that a request cannot be said in a dialect.
#[track_caller]
pub(in crate::dialect) fn refused(dialect: &dyn Dialect, change: impl FnOnce(&mut Request)) {
    let mut request = question();
    change(&mut request);
    let failure = dialect.encode(&request, &call("m-1", false)).unwrap_err();
    assert_eq!(failure.class, FailureClass::Unsupported, "{failure}");
}

const DIALECTS: [&dyn Dialect; 5] = [
    &crate::dialect::anthropic::Anthropic,
    &crate::dialect::gemini::Gemini,
    &crate::dialect::cohere::Cohere,
    &crate::dialect::ollama::Ollama,
    &crate::dialect::bedrock::Bedrock,
];

#[test]
fn fields_of_the_same_dialect_are_merged_and_win_and_others_are_reported() {
    for dialect in DIALECTS {
        let mut request = question();
        request.params.temperature = Some(0.5);
        let fields = json!({ "generationConfig": { "logprobs": 2 }, "model": "other" });
        request.extra.fields = fields.as_object().unwrap().clone();
        request.extra.dialect = dialect.name().name().into();
        let (_, body, dropped) = encoded(dialect, &request);
        assert_eq!((&body["generationConfig"]["logprobs"], &body["model"]), (&json!(2), &json!("other")));
        if dialect.name() == DialectName::Gemini {
            assert_eq!(body["generationConfig"]["temperature"], 0.5, "the modelled fields beside it stay");
        }
        assert_eq!(dropped, Vec::<String>::new());
        request.extra.dialect = "openai".into();
        let (_, body, dropped) = encoded(dialect, &request);
        assert!(body["generationConfig"]["logprobs"].is_null());
        assert_eq!(dropped, ["field generationConfig", "field model"]);
    }
}

#[test]
fn a_foreign_part_of_the_question_is_refused_and_one_of_an_answer_is_left_out() {
    let part = Part::Opaque { dialect: "openai".into(), value: json!({ "type": "input_audio" }) };
    for dialect in DIALECTS {
        refused(dialect, |request| request.messages[0].parts.push(part.clone()));
        let mut request = question();
        let parts = vec![Part::Text("Yes.".into()), part.clone()];
        request.messages.push(Message { role: Role::Assistant, parts, extra: Object::new() });
        assert_eq!(encoded(dialect, &request).2, ["openai part"]);
    }
}

#[test]
fn several_answers_are_refused_where_only_one_is_given() {
    for dialect in DIALECTS.into_iter().filter(|dialect| dialect.name() != DialectName::Gemini) {
        refused(dialect, |request| request.params.n = Some(2));
    }
}

#[test]
fn a_server_tool_goes_only_to_its_own_dialect() {
    let fields = json!({ "type": "web_search_20260318" });
    let tool = Tool { extra: fields.as_object().unwrap().clone(), ..Tool::default() };
    for dialect in DIALECTS {
        refused(dialect, |request| request.tools = vec![tool.clone()]);
        let mut request = question();
        request.tools = vec![tool.clone()];
        request.extra.dialect = dialect.name().name().into();
        let (_, body, _) = encoded(dialect, &request);
        assert!(body.to_string().contains("web_search_20260318"), "{body}");
    }
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
