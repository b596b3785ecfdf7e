//! Requests in Anthropic Messages.

use serde_json::{Value, json};

use super::super::draft::{Draft, unsupported};
use super::super::field;
use super::super::{Call, DialectName, Encoded};
use crate::model::request::{Image, Part, Request, Role, Shape, Thinking, Tool, ToolChoice, ToolResult};
use crate::model::{Failure, Object};

const DIALECT: DialectName = DialectName::Anthropic;

/// The version of the API this is written for.
const VERSION: (&str, &str) = ("anthropic-version", "2023-06-01");

/// `max_tokens` is required; this is sent where the request sets none.
const DEFAULT_MAX_TOKENS: u64 = 4_096;

/// Writes a request.
pub(super) fn encode(request: &Request, call: &Call<'_>) -> Result<Encoded, Failure> {
    let mut draft = Draft::new(DIALECT, request)?;
    draft.body.insert("model".to_owned(), call.model.into());
    params(&mut draft);
    let mut system = draft.system(part)?;
    match system.as_slice() {
        // Most requests have one plain text, which may be written as such.
        [Value::Object(only)] if only.len() == 2 && only.contains_key("text") => {
            draft.body.insert("system".to_owned(), system[0]["text"].take());
        }
        _ => field::set_list(&mut draft.body, "system", system),
    }
    let turns = draft.turns("assistant", "content", part)?;
    draft.body.insert("messages".to_owned(), turns);
    tools(&mut draft)?;
    output(&mut draft)?;
    if call.stream {
        draft.body.insert("stream".to_owned(), true.into());
    }
    Ok(draft.encoded(call, "messages", &[VERSION]))
}

fn params(draft: &mut Draft<'_>) {
    let params = &draft.request().params;
    // The budget for thinking is a part of max_tokens and must be smaller.
    let room = DEFAULT_MAX_TOKENS.saturating_add(params.thinking_tokens.unwrap_or(0));
    draft.body.insert("max_tokens".to_owned(), params.max_tokens.unwrap_or(room).into());
    field::set(&mut draft.body, "temperature", params.temperature);
    field::set(&mut draft.body, "top_p", params.top_p);
    field::set(&mut draft.body, "top_k", params.top_k);
    field::set_texts(&mut draft.body, "stop_sequences", &params.stop);
    field::set(&mut draft.body, "metadata", params.user.as_ref().map(|user| json!({ "user_id": user })));
    let thinking = match (params.thinking_tokens, params.effort.as_deref()) {
        (Some(0), _) | (None, Some("none")) => Some(json!({ "type": "disabled" })),
        (Some(budget), _) => Some(json!({ "type": "enabled", "budget_tokens": budget })),
        (None, _) => None,
    };
    field::set(&mut draft.body, "thinking", thinking);
    draft.drop_params(&["seed", "frequency_penalty", "presence_penalty"]);
}

fn output(draft: &mut Draft<'_>) -> Result<(), Failure> {
    let mut output = Object::new();
    match &draft.request().shape {
        Shape::Text => {}
        Shape::Json => return Err(unsupported("JSON mode without a schema", DIALECT)),
        Shape::Schema { schema, .. } => {
            output.insert("format".to_owned(), json!({ "type": "json_schema", "schema": schema }));
        }
    }
    let effort = draft.request().params.effort.as_deref().filter(|effort| *effort != "none");
    field::set(&mut output, "effort", effort.map(|effort| if effort == "minimal" { "low" } else { effort }));
    field::set_object(&mut draft.body, "output_config", output);
    Ok(())
}

fn tools(draft: &mut Draft<'_>) -> Result<(), Failure> {
    let request = draft.request();
    let tools = draft.tools(&request.tools, function)?;
    let has_tools = !tools.is_empty();
    field::set_list(&mut draft.body, "tools", tools);
    let mut choice = match &request.tool_choice {
        Some(ToolChoice::None) if !has_tools => None,
        Some(ToolChoice::Auto) if has_tools => Some(json!({ "type": "auto" })),
        Some(ToolChoice::None) => Some(json!({ "type": "none" })),
        Some(ToolChoice::Required) => Some(json!({ "type": "any" })),
        Some(ToolChoice::Named(name)) => Some(json!({ "type": "tool", "name": name })),
        Some(ToolChoice::Auto) | None => None,
    };
    if has_tools && request.params.parallel_tool_calls == Some(false) {
        let choice = choice.get_or_insert_with(|| json!({ "type": "auto" }));
        // Where no tool may be called there is nothing to forbid, and the field is refused.
        if choice["type"] != "none" {
            choice["disable_parallel_tool_use"] = true.into();
        }
    }
    field::set(&mut draft.body, "tool_choice", choice);
    Ok(())
}

fn function(draft: &mut Draft<'_>, tool: &Tool) -> Value {
    let mut out = field::function(tool);
    out.insert("input_schema".to_owned(), field::schema(tool));
    field::set(&mut out, "strict", tool.strict.filter(|strict| *strict));
    draft.own("tool field", &tool.extra, &mut out);
    Value::Object(out)
}

fn part(draft: &mut Draft<'_>, role: Role, part: &Part) -> Result<Option<Value>, Failure> {
    Ok(match part {
        // Empty texts are refused.
        Part::Text(text) => (!text.is_empty()).then(|| json!({ "type": "text", "text": text })),
        Part::Image(_) if field::is_instruction(role) || role == Role::Assistant => {
            return Err(unsupported("image outside the user's messages", DIALECT));
        }
        Part::Image(image) => Some(picture(draft, image)),
        Part::ToolCall(call) => {
            let input = draft.arguments(call);
            Some(json!({ "type": "tool_use", "id": call.id, "name": call.name, "input": input }))
        }
        Part::ToolResult(result) => Some(tool_result(draft, result)?),
        Part::Thinking(thinking) => reasoning(draft, thinking),
        Part::Opaque { dialect, value } => draft.opaque(role, dialect, value)?,
    })
}

fn picture(draft: &mut Draft<'_>, image: &Image) -> Value {
    let source = match image {
        Image::Url { url, detail } => {
            draft.drop_some("image detail", detail.as_ref());
            json!({ "type": "url", "url": url })
        }
        Image::Data { media_type, base64 } => {
            json!({ "type": "base64", "media_type": media_type, "data": base64 })
        }
    };
    json!({ "type": "image", "source": source })
}

fn tool_result(draft: &mut Draft<'_>, result: &ToolResult) -> Result<Value, Failure> {
    let content = if let Some(text) = field::only_text(&result.parts) {
        Value::String(text)
    } else {
        let mut blocks = Vec::new();
        for inner in &result.parts {
            blocks.extend(part(draft, Role::Tool, inner)?);
        }
        blocks.into()
    };
    let mut out = json!({ "type": "tool_result", "tool_use_id": result.id, "content": content });
    if result.is_error {
        out["is_error"] = true.into();
    }
    Ok(out)
}

/// Reasoning must come back exactly as it was given, signature included; other providers' reasoning has
/// no such signature and is refused.
fn reasoning(draft: &mut Draft<'_>, thinking: &Thinking) -> Option<Value> {
    match (&thinking.redacted, &thinking.signature, &thinking.id) {
        (Some(data), _, None) => Some(json!({ "type": "redacted_thinking", "data": data })),
        (None, Some(signature), None) => {
            Some(json!({ "type": "thinking", "thinking": thinking.text, "signature": signature }))
        }
        _ => {
            draft.drop("unsigned reasoning");
            None
        }
    }
}
