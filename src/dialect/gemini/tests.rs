use serde_json::json;

use super::super::draft::tests::{call, conversation, encoded, question};
use super::*;
use crate::model::request::{Image, Part, ToolChoice, ToolResult};

#[test]
fn a_conversation_is_written_as_the_reference_says() {
    let (url, body, dropped) = encoded(&Gemini, &conversation());
    assert_eq!(url, "https://llm.example/v1/models/m-1:generateContent");
    let schema = json!({ "type": "object", "properties": { "city": { "type": "string" } } });
    let expected = json!({
        "systemInstruction": { "parts": [{ "text": "Be brief." }] },
        "contents": [
            { "role": "user", "parts": [
                { "text": "Where is this?" },
                { "inlineData": { "mimeType": "image/png", "data": "iVBORw==" } },
            ] },
            { "role": "model", "parts": [
                { "text": "Hm.", "thought": true, "thoughtSignature": "c2ln" },
                { "text": "Let me look." },
                { "functionCall": { "id": "a", "name": "weather", "args": { "city": "Graz" } } },
                { "functionCall": { "id": "b", "name": "now", "args": {} } },
            ] },
            { "role": "user", "parts": [
                { "functionResponse": { "id": "a", "name": "weather", "response": { "celsius": 21 } } },
                { "functionResponse": { "id": "b", "name": "now", "response": { "error": "no clock" } } },
                { "text": "And?" },
            ] },
        ],
        "tools": [{ "functionDeclarations": [
            { "name": "weather", "description": "The weather of a city.", "parametersJsonSchema": schema },
            { "name": "now" },
        ] }],
        "toolConfig": { "functionCallingConfig": { "mode": "AUTO" } },
        "generationConfig": {
            "maxOutputTokens": 100,
            "temperature": 0.5,
            "topP": 0.9,
            "stopSequences": ["END"],
            "responseMimeType": "application/json",
            "responseJsonSchema": schema,
        },
    });
    assert_eq!(body, expected);
    assert_eq!(dropped, Vec::<String>::new());
}

#[test]
fn streams_are_asked_for_as_events_and_models_stand_in_the_address() {
    let url = |model, stream| Gemini.encode(&question(), &call(model, stream)).unwrap().url;
    assert_eq!(url("m-1", true), "https://llm.example/v1/models/m-1:streamGenerateContent?alt=sse");
    assert_eq!(url("tunedModels/x y", false), "https://llm.example/v1/tunedModels/x%20y:generateContent");
}

#[test]
fn thinking_is_asked_for_by_budget_or_level() {
    let cases = [
        (Some(512), Some("low"), json!({ "thinkingBudget": 512, "includeThoughts": true }), 1),
        (None, Some("low"), json!({ "thinkingLevel": "low", "includeThoughts": true }), 0),
        (None, Some("none"), json!({ "thinkingBudget": 0 }), 0),
    ];
    for (tokens, effort, expected, dropped) in cases {
        let mut request = question();
        request.params.thinking_tokens = tokens;
        request.params.effort = effort.map(str::to_owned);
        let (_, body, left_out) = encoded(&Gemini, &request);
        assert_eq!(body["generationConfig"]["thinkingConfig"], expected);
        assert_eq!(left_out.len(), dropped);
    }
}

#[test]
fn tool_choices_have_their_modes() {
    let cases = [
        (ToolChoice::None, json!({ "mode": "NONE" })),
        (ToolChoice::Required, json!({ "mode": "ANY" })),
        (ToolChoice::Named("now".into()), json!({ "mode": "ANY", "allowedFunctionNames": ["now"] })),
    ];
    for (choice, expected) in cases {
        let mut request = conversation();
        request.tool_choice = Some(choice);
        assert_eq!(encoded(&Gemini, &request).1["toolConfig"]["functionCallingConfig"], expected);
    }
}

#[test]
fn the_signature_of_a_call_is_echoed_and_results_may_hold_pictures() {
    let mut request = conversation();
    if let Part::ToolCall(call) = &mut request.messages[2].parts[2] {
        call.signature = Some("Y2FsbA==".into());
    }
    let picture = Image::Url { url: "https://a.example/b.PNG?x=1".into(), detail: None };
    request.messages[3].parts[0] = Part::ToolResult(ToolResult {
        id: String::new(),
        name: "look".into(),
        parts: vec![Part::Text("seen".into()), Part::Image(picture)],
        is_error: false,
    });
    let (_, body, _) = encoded(&Gemini, &request);
    assert_eq!(body["contents"][1]["parts"][2]["thoughtSignature"], "Y2FsbA==");
    let expected = json!({ "functionResponse": {
        "name": "look",
        "response": { "result": "seen" },
        "parts": [{ "fileData": { "fileUri": "https://a.example/b.PNG?x=1", "mimeType": "image/png" } }],
    } });
    assert_eq!(body["contents"][2]["parts"][0], expected);
}

#[test]
fn several_answers_and_penalties_can_be_asked_for() {
    let mut request = question();
    request.params.n = Some(3);
    request.params.frequency_penalty = Some(0.5);
    request.params.parallel_tool_calls = Some(false);
    request.params.user = Some("u".into());
    let (_, body, dropped) = encoded(&Gemini, &request);
    assert_eq!(body["generationConfig"], json!({ "candidateCount": 3, "frequencyPenalty": 0.5 }));
    assert_eq!(dropped, ["user", "parallel_tool_calls"]);
}
