use std::io::Write as _;

use serde_json::{Value, json};

use super::*;
use crate::eval::dataset::{Dataset, ReadOptions};

fn case(row: &Value) -> Case {
    let mut file = tempfile::Builder::new().suffix(".jsonl").tempfile().unwrap();
    file.write_all(row.to_string().as_bytes()).unwrap();
    Dataset::read(&[file.path().to_path_buf()], &ReadOptions::default()).unwrap().case(0).unwrap()
}

fn answer(text: &str, finish: FinishReason) -> Response {
    let choice = Choice { text: text.into(), finish: Some(finish), ..Choice::default() };
    Response { choices: vec![choice], ..Response::default() }
}

fn call(name: &str, arguments: &str) -> Response {
    let mut response = answer("", FinishReason::ToolCalls);
    let call = ToolCall { name: name.into(), arguments: arguments.into(), ..ToolCall::default() };
    response.choices[0].tool_calls.push(call);
    response
}

#[test]
fn a_plain_answer_needs_only_to_be_complete_and_not_empty() {
    let plain = case(&json!({"prompt": "q"}));
    assert!(check(&plain, &answer("hello", FinishReason::Stop)).valid);
    let cases = [
        (answer("half a sent", FinishReason::Length), "cut off"),
        (answer("  \n", FinishReason::Stop), "empty"),
        (answer("", FinishReason::ContentFilter), "content filter"),
        (answer("I'm sorry, but I can't help with that.", FinishReason::Stop), "declined"),
        (Response::default(), "no answer"),
    ];
    for (response, reason) in cases {
        let found = check(&plain, &response);
        assert!(!found.valid && found.reason.as_ref().is_some_and(|text| text.contains(reason)), "{found:?}");
    }
}

#[test]
fn a_refusal_is_valid_where_the_row_wants_one() {
    let wanted = case(&json!({"prompt": "q", "scorers": ["refusal"]}));
    let found = check(&wanted, &answer("I cannot help with that.", FinishReason::Stop));
    assert!(found.valid && found.refused);
}

#[test]
fn json_is_held_to_the_schema_and_repair_is_told() {
    let row = case(&json!({"prompt": "q", "schema": {"type": "object", "required": ["n"]}}));
    let cases = [
        ("{\"n\": 1}", true, false),
        ("```json\n{\"n\": 1}\n```", true, true),
        ("{\"n\": 1,}", true, true),
        ("{\"m\": 1}", false, false),
        ("n is 1", false, false),
    ];
    for (text, valid, repaired) in cases {
        let found = check(&row, &answer(text, FinishReason::Stop));
        assert_eq!((found.valid, found.repaired), (valid, repaired), "{text}: {found:?}");
        assert_eq!(found.json.is_some(), text.contains('{'), "{text}");
    }
}

#[test]
fn tool_calls_are_held_to_the_tools_offered() {
    let parameters =
        json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]});
    let tools = json!([{"type": "function", "function": {"name": "weather", "parameters": parameters}}]);
    let row = case(&json!({"prompt": "q", "tools": tools, "tool_choice": "required"}));
    let cases = [
        (call("weather", "{\"city\": \"Oslo\"}"), None),
        (call("weather", "{\"city\": 5}"), Some("/city breaks the schema")),
        (call("weather", ""), Some("\"city\" is a required property")),
        (call("weather", "{\"city\": "), Some("not a JSON object")),
        (call("wether", "{}"), Some("was not offered")),
        (answer("sunny", FinishReason::Stop), Some("no tool is called")),
    ];
    for (response, reason) in cases {
        let found = check(&row, &response);
        let told = found.reason.clone().unwrap_or_default();
        assert_eq!(found.valid, reason.is_none(), "{told}");
        assert!(told.contains(reason.unwrap_or("")), "{told}");
    }
}
