use serde_json::json;

use super::super::draft::tests::{call, conversation, encoded, question, refused};
use super::*;
use crate::model::request::{Image, Part, Shape, ToolChoice};

#[test]
fn a_conversation_is_written_as_the_reference_says() {
    let (url, body, dropped) = encoded(&Bedrock, &conversation());
    assert_eq!(url, "https://llm.example/v1/model/m-1/converse");
    let schema = json!({ "type": "object", "properties": { "city": { "type": "string" } } });
    let expected = json!({
        "system": [{ "text": "Be brief." }],
        "messages": [
            { "role": "user", "content": [
                { "text": "Where is this?" },
                { "image": { "format": "png", "source": { "bytes": "iVBORw==" } } },
            ] },
            { "role": "assistant", "content": [
                { "reasoningContent": { "reasoningText": { "text": "Hm.", "signature": "c2ln" } } },
                { "text": "Let me look." },
                { "toolUse": { "toolUseId": "a", "name": "weather", "input": { "city": "Graz" } } },
                { "toolUse": { "toolUseId": "b", "name": "now", "input": {} } },
            ] },
            { "role": "user", "content": [
                { "toolResult": { "toolUseId": "a", "content": [{ "text": "{\"celsius\":21}" }] } },
                { "toolResult": { "toolUseId": "b", "content": [{ "text": "no clock" }], "status": "error" } },
                { "text": "And?" },
            ] },
        ],
        "inferenceConfig": { "maxTokens": 100, "temperature": 0.5, "topP": 0.9, "stopSequences": ["END"] },
        "toolConfig": {
            "tools": [
                { "toolSpec": { "name": "weather", "description": "The weather of a city.",
                    "inputSchema": { "json": schema } } },
                { "toolSpec": { "name": "now", "inputSchema": { "json": { "type": "object" } } } },
            ],
            "toolChoice": { "auto": {} },
        },
        "outputConfig": { "textFormat": {
            "type": "json_schema",
            "structure": { "jsonSchema": { "schema": schema.to_string(), "name": "place" } },
        } },
    });
    assert_eq!(body, expected);
    assert_eq!(dropped, Vec::<String>::new());
}

#[test]
fn the_model_stands_encoded_in_the_address() {
    let url = Bedrock.encode(&question(), &call("us.anthropic.claude-x-v1:0", true)).unwrap().url;
    assert_eq!(url, "https://llm.example/v1/model/us.anthropic.claude-x-v1%3A0/converse-stream");
}

#[test]
fn what_converse_does_not_unify_is_said_in_the_models_own_words() {
    let cases = [
        (
            "us.anthropic.claude-x",
            json!({ "top_k": 5, "thinking": { "type": "enabled", "budget_tokens": 512 },
                "output_config": { "effort": "low" } }),
            vec![],
        ),
        (
            "amazon.nova-x",
            json!({ "inferenceConfig": { "topK": 5 },
                "reasoningConfig": { "type": "enabled", "maxReasoningEffort": "low" } }),
            vec!["thinking_tokens"],
        ),
        ("openai.gpt-oss-x", json!({ "reasoning_effort": "low" }), vec!["top_k", "thinking_tokens"]),
        ("meta.llama-x", json!(null), vec!["top_k", "thinking_tokens", "effort"]),
    ];
    for (model, fields, dropped) in cases {
        let mut request = question();
        request.params.top_k = Some(5);
        request.params.thinking_tokens = Some(512);
        request.params.effort = Some("minimal".into());
        let encoded = Bedrock.encode(&request, &call(model, false)).unwrap();
        let body: serde_json::Value = serde_json::from_slice(&encoded.body).unwrap();
        assert_eq!(body["additionalModelRequestFields"], fields, "{model}");
        assert_eq!(encoded.dropped, dropped, "{model}");
    }
}

#[test]
fn tool_calls_can_be_forbidden_only_before_the_first() {
    let mut request = conversation();
    request.tool_choice = Some(ToolChoice::None);
    assert!(Bedrock.encode(&request, &call("m-1", false)).is_err());
    request.messages.truncate(2);
    assert!(encoded(&Bedrock, &request).1["toolConfig"].is_null());
    request.tool_choice = Some(ToolChoice::Named("now".into()));
    assert_eq!(
        encoded(&Bedrock, &request).1["toolConfig"]["toolChoice"],
        json!({ "tool": { "name": "now" } })
    );
}

#[test]
fn json_needs_a_schema_and_pictures_need_their_bytes() {
    refused(&Bedrock, |request| request.shape = Shape::Json);
    let pictures = [
        Image::Url { url: "https://a.example/b.png".into(), detail: None },
        Image::Data { media_type: "image/tiff".into(), base64: String::new() },
    ];
    for picture in pictures {
        refused(&Bedrock, |request| request.messages[0].parts.push(Part::Image(picture)));
    }
}
