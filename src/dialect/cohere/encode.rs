//! Requests in Cohere chat.

use serde_json::{Value, json};

use super::super::draft::{Draft, MESSAGE, unsupported};
use super::super::field;
use super::super::{Call, DialectName, Encoded};
use crate::model::request::{Message, Part, Request, Role, Shape, Tool, ToolCall, ToolChoice, ToolResult};
use crate::model::{Failure, Object};

const DIALECT: DialectName = DialectName::Cohere;

/// Writes a request.
pub(super) fn encode(request: &Request, call: &Call<'_>) -> Result<Encoded, Failure> {
    let mut draft = Draft::new(DIALECT, request)?;
    draft.body.insert("model".to_owned(), call.model.into());
    let messages = draft.messages(write)?;
    draft.body.insert("messages".to_owned(), messages);
    params(&mut draft);
    tools(&mut draft)?;
    let format = match &request.shape {
        Shape::Text => None,
        Shape::Json => Some(json!({ "type": "json_object" })),
        Shape::Schema { schema, .. } => Some(json!({ "type": "json_object", "json_schema": schema })),
    };
    field::set(&mut draft.body, "response_format", format);
    draft.body.insert("stream".to_owned(), call.stream.into());
    Ok(draft.encoded(call, "chat", &[]))
}

fn params(draft: &mut Draft<'_>) {
    let params = &draft.request().params;
    field::set(&mut draft.body, "max_tokens", params.max_tokens);
    field::set(&mut draft.body, "temperature", params.temperature);
    field::set(&mut draft.body, "p", params.top_p);
    field::set(&mut draft.body, "k", params.top_k);
    field::set_texts(&mut draft.body, "stop_sequences", &params.stop);
    field::set(&mut draft.body, "seed", params.seed);
    field::set(&mut draft.body, "frequency_penalty", params.frequency_penalty);
    field::set(&mut draft.body, "presence_penalty", params.presence_penalty);
    let thinking = match (params.thinking_tokens, params.effort.as_deref()) {
        (Some(0), _) | (None, Some("none")) => Some(json!({ "type": "disabled" })),
        (Some(budget), _) => Some(json!({ "type": "enabled", "token_budget": budget })),
        (None, Some(_)) => Some(json!({ "type": "enabled" })),
        (None, None) => None,
    };
    field::set(&mut draft.body, "thinking", thinking);
    // Thinking is on or off here; how hard cannot be said.
    draft.drop_some("effort", params.effort.as_deref().filter(|effort| *effort != "none").as_ref());
    draft.drop_params(&["user", "parallel_tool_calls"]);
}

/// One tool cannot be named, but it can be the only one that is offered.
fn tools(draft: &mut Draft<'_>) -> Result<(), Failure> {
    let request = draft.request();
    let named = if let Some(ToolChoice::Named(name)) = &request.tool_choice { Some(name) } else { None };
    let offered = request.tools.iter().filter(|tool| named.is_none_or(|name| tool.name == *name));
    let tools = draft.tools(offered.clone(), function)?;
    let has_tools = !tools.is_empty();
    field::set_list(&mut draft.body, "tools", tools);
    let is_strict = |tool: &Tool| tool.strict == Some(true);
    if has_tools && offered.clone().all(is_strict) {
        draft.body.insert("strict_tools".to_owned(), true.into());
    } else if offered.clone().any(is_strict) {
        draft.drop("tool strict");
    }
    let choice = match &request.tool_choice {
        Some(ToolChoice::Required | ToolChoice::Named(_)) => Some("REQUIRED"),
        Some(ToolChoice::None) if has_tools => Some("NONE"),
        _ => None,
    };
    field::set(&mut draft.body, "tool_choice", choice);
    Ok(())
}

fn function(draft: &mut Draft<'_>, tool: &Tool) -> Value {
    let mut function = field::function(tool);
    function.insert("parameters".to_owned(), field::schema(tool));
    draft.own("tool field", &tool.extra, &mut function);
    json!({ "type": "function", "function": function })
}

fn write(draft: &mut Draft<'_>, message: &Message, out: &mut Vec<Value>) -> Result<(), Failure> {
    let (mut content, mut calls) = (Vec::new(), Vec::new());
    for part in &message.parts {
        match part {
            Part::Text(text) if text.is_empty() => {}
            Part::Text(text) => content.push(json!({ "type": "text", "text": text })),
            Part::Image(image) if message.role == Role::User => content.push(field::image_part(image)),
            Part::Image(_) => return Err(unsupported("image outside the user's messages", DIALECT)),
            Part::ToolCall(call) => calls.push(tool_call(call)),
            Part::ToolResult(result) => {
                let mut answer = tool_result(draft, result)?;
                draft.own(MESSAGE, &message.extra, &mut answer);
                out.push(answer.into());
            }
            Part::Thinking(thinking) if thinking.text.is_empty() => {
                draft.drop("reasoning of another provider");
            }
            Part::Thinking(thinking) => {
                content.push(json!({ "type": "thinking", "thinking": thinking.text }));
            }
            Part::Opaque { dialect, value } => content.extend(draft.opaque(message.role, dialect, value)?),
        }
    }
    if content.is_empty() && calls.is_empty() {
        return Ok(());
    }
    let mut fields = Object::new();
    fields.insert("role".to_owned(), field::role(message.role).into());
    match content.as_mut_slice() {
        [only] if only["type"] == "text" => field::set(&mut fields, "content", Some(only["text"].take())),
        _ => field::set_list(&mut fields, "content", content),
    }
    field::set_list(&mut fields, "tool_calls", calls);
    draft.own(MESSAGE, &message.extra, &mut fields);
    out.push(Value::Object(fields));
    Ok(())
}

fn tool_call(call: &ToolCall) -> Value {
    let function = json!({ "name": call.name, "arguments": field::arguments(&call.arguments) });
    json!({ "id": call.id, "type": "function", "function": function })
}

fn tool_result(draft: &mut Draft<'_>, result: &ToolResult) -> Result<Object, Failure> {
    let Some(text) = field::only_text(&result.parts) else {
        return Err(unsupported("tool result other than text", DIALECT));
    };
    draft.drop_some("is_error of a tool result", result.is_error.then_some(&()));
    let mut out = Object::new();
    out.insert("role".to_owned(), "tool".into());
    out.insert("tool_call_id".to_owned(), result.id.as_str().into());
    out.insert("content".to_owned(), text.into());
    Ok(out)
}
