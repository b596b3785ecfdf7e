//! Conversations and tools in OpenAI's chat shape, as datasets carry them.
//! Source: the OpenAI API reference, "Create chat completion".

use serde_json::Value;

use crate::model::request::{Image, ToolCall, ToolResult};
use crate::model::{Message, Object, Part, Role, Tool, ToolChoice};

/// The dialect that parts we do not model are written in.
const DIALECT: &str = "openai";

/// Reads a list of messages; the error names the message by its place.
pub(super) fn messages(value: &Value) -> Result<Vec<Message>, String> {
    let items = value
        .as_array()
        .ok_or("must be a list of messages such as [{\"role\": \"user\", \"content\": \"…\"}]")?;
    let mut messages: Vec<Message> = Vec::with_capacity(items.len());
    for (at, item) in items.iter().enumerate() {
        let message = message(item, &messages).map_err(|cause| format!("message {}: {cause}", at + 1))?;
        messages.push(message);
    }
    if messages.iter().all(|message| matches!(message.role, Role::System | Role::Developer)) {
        return Err("holds no message but the system's; add one of the user".to_owned());
    }
    Ok(messages)
}

fn message(item: &Value, before: &[Message]) -> Result<Message, String> {
    let mut fields = item.as_object().ok_or("must be an object with `role` and `content`")?.clone();
    let role = role(fields.shift_remove("role").as_ref())?;
    let content = fields.shift_remove("content");
    let mut parts = match &content {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::String(text)) => vec![Part::Text(text.clone())],
        Some(Value::Array(items)) => items.iter().map(part).collect::<Result<_, _>>()?,
        Some(_) => return Err("`content` must be a string or a list of parts".to_owned()),
    };
    if let Some(calls) = fields.shift_remove("tool_calls").filter(|calls| !calls.is_null()) {
        let calls = calls.as_array().ok_or("`tool_calls` must be a list")?;
        for call in calls {
            parts.push(Part::ToolCall(tool_call(call)?));
        }
    }
    if role == Role::Tool {
        parts = vec![Part::ToolResult(tool_result(&mut fields, parts, before)?)];
    }
    if parts.is_empty() {
        return Err("has neither `content` nor `tool_calls`".to_owned());
    }
    Ok(Message { role, parts, extra: fields })
}

fn role(value: Option<&Value>) -> Result<Role, String> {
    match value.and_then(Value::as_str) {
        Some("system") => Ok(Role::System),
        Some("developer") => Ok(Role::Developer),
        Some("user") => Ok(Role::User),
        Some("assistant") => Ok(Role::Assistant),
        Some("tool") => Ok(Role::Tool),
        Some(other) => {
            Err(format!("`role` must be system, developer, user, assistant or tool, not {other:?}"))
        }
        None => Err("needs `role`, a string".to_owned()),
    }
}

fn part(value: &Value) -> Result<Part, String> {
    let kind =
        value.get("type").and_then(Value::as_str).ok_or("a part of `content` needs `type`, a string")?;
    match kind {
        "text" => {
            let text = value.get("text").and_then(Value::as_str);
            Ok(Part::Text(text.ok_or("a part of type `text` needs `text`, a string")?.to_owned()))
        }
        "image_url" => {
            let image = value.get("image_url").unwrap_or(&Value::Null);
            let url = image.as_str().or_else(|| image.get("url").and_then(Value::as_str));
            let url = url.ok_or("a part of type `image_url` needs `image_url` with `url`")?;
            let detail = image.get("detail").and_then(Value::as_str).map(str::to_owned);
            picture(url, detail).map(Part::Image)
        }
        _ => Ok(Part::Opaque { dialect: DIALECT.to_owned(), value: value.clone() }),
    }
}

fn picture(url: &str, detail: Option<String>) -> Result<Image, String> {
    let Some(data) = url.strip_prefix("data:") else {
        if url.starts_with("https://") || url.starts_with("http://") {
            return Ok(Image::Url { url: url.to_owned(), detail });
        }
        return Err("an image's `url` must begin with https:// or data:".to_owned());
    };
    let (media_type, base64) = data
        .split_once(";base64,")
        .ok_or("a data: address must read data:image/png;base64,… (other encodings are not sent)")?;
    Ok(Image::Data { media_type: media_type.to_owned(), base64: base64.to_owned() })
}

fn tool_call(value: &Value) -> Result<ToolCall, String> {
    let function = value.get("function").ok_or("a tool call needs `function` with `name` and `arguments`")?;
    let name = function.get("name").and_then(Value::as_str).ok_or("a tool call needs `function.name`")?;
    let arguments = match function.get("arguments") {
        Some(Value::String(text)) => text.clone(),
        Some(object @ Value::Object(_)) => object.to_string(),
        None | Some(Value::Null) => "{}".to_owned(),
        Some(_) => return Err("`function.arguments` must be JSON text or an object".to_owned()),
    };
    let id = value.get("id").and_then(Value::as_str).unwrap_or("").to_owned();
    Ok(ToolCall { id, name: name.to_owned(), arguments, signature: None })
}

/// The result of a call; its tool's name is its `name`, else that of the call with its id.
fn tool_result(fields: &mut Object, parts: Vec<Part>, before: &[Message]) -> Result<ToolResult, String> {
    let id = fields.shift_remove("tool_call_id");
    let id =
        id.as_ref().and_then(Value::as_str).ok_or("a message of role tool needs `tool_call_id`")?.to_owned();
    let called = || {
        before.iter().rev().flat_map(|message| &message.parts).find_map(|part| match part {
            Part::ToolCall(call) if call.id == id => Some(call.name.clone()),
            _ => None,
        })
    };
    let name = match fields.shift_remove("name") {
        Some(Value::String(name)) => name,
        _ => called().ok_or_else(|| format!("`tool_call_id` {id:?} is no call of a message before"))?,
    };
    Ok(ToolResult { id, name, parts, is_error: false })
}

/// Reads a list of tools: chat's `{"type": "function", "function": {…}}`, or the flat shape of Responses.
/// A tool of another type is kept as it is.
pub(super) fn tools(value: &Value) -> Result<Vec<Tool>, String> {
    let items = value.as_array().ok_or("`tools` must be a list")?;
    let read = |(at, item): (usize, &Value)| tool(item).map_err(|cause| format!("tool {}: {cause}", at + 1));
    items.iter().enumerate().map(read).collect()
}

fn tool(item: &Value) -> Result<Tool, String> {
    let mut outer = item.as_object().ok_or("must be an object")?.clone();
    let kind = outer.get("type").and_then(Value::as_str).unwrap_or("function");
    if kind != "function" {
        return Ok(Tool { extra: outer, ..Tool::default() });
    }
    outer.shift_remove("type");
    let mut inner = match outer.shift_remove("function") {
        Some(Value::Object(inner)) => inner,
        Some(_) => return Err("`function` must be an object".to_owned()),
        None => std::mem::take(&mut outer),
    };
    let name = match inner.shift_remove("name") {
        Some(Value::String(name)) if !name.is_empty() => name,
        _ => return Err("needs `name`, a string".to_owned()),
    };
    let parameters =
        inner.shift_remove("parameters").unwrap_or_else(|| serde_json::json!({"type": "object"}));
    if !parameters.is_object() {
        return Err(format!("`parameters` of `{name}` must be a JSON Schema, an object"));
    }
    let description = inner.shift_remove("description").and_then(|text| text.as_str().map(str::to_owned));
    let strict = inner.shift_remove("strict").and_then(|strict| strict.as_bool());
    outer.extend(inner);
    Ok(Tool { name, description, parameters, strict, extra: outer })
}

/// Reads `auto`, `none`, `required` or `{"type": "function", "function": {"name": …}}`.
pub(super) fn tool_choice(value: &Value) -> Result<ToolChoice, String> {
    match value.as_str() {
        Some("auto") => return Ok(ToolChoice::Auto),
        Some("none") => return Ok(ToolChoice::None),
        Some("required") => return Ok(ToolChoice::Required),
        _ => {}
    }
    let name = value.pointer("/function/name").or_else(|| value.get("name")).and_then(Value::as_str);
    let name = name.ok_or("`tool_choice` must be auto, none, required or {\"function\": {\"name\": …}}")?;
    Ok(ToolChoice::Named(name.to_owned()))
}
