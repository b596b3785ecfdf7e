//! Requests in Ollama chat.

use serde_json::{Value, json};

use super::super::draft::{Draft, MESSAGE, unsupported};
use super::super::field;
use super::super::{Call, DialectName, Encoded};
use crate::model::request::{Image, Message, Part, Request, Shape, Tool, ToolChoice, ToolResult};
use crate::model::{Failure, Object};

const DIALECT: DialectName = DialectName::Ollama;

/// Writes a request. `stream` is always said, because the default is a stream.
pub(super) fn encode(request: &Request, call: &Call<'_>) -> Result<Encoded, Failure> {
    let mut draft = Draft::new(DIALECT, request)?;
    draft.body.insert("model".to_owned(), call.model.into());
    let messages = draft.messages(write)?;
    draft.body.insert("messages".to_owned(), messages);
    tools(&mut draft)?;
    options(&mut draft);
    let format = match &request.shape {
        Shape::Text => None,
        Shape::Json => Some(Value::from("json")),
        Shape::Schema { schema, .. } => Some(schema.clone()),
    };
    field::set(&mut draft.body, "format", format);
    draft.body.insert("stream".to_owned(), call.stream.into());
    Ok(draft.encoded(call, "api/chat", &[]))
}

fn options(draft: &mut Draft<'_>) {
    let params = &draft.request().params;
    let mut options = Object::new();
    field::set(&mut options, "num_predict", params.max_tokens);
    field::set(&mut options, "temperature", params.temperature);
    field::set(&mut options, "top_p", params.top_p);
    field::set(&mut options, "top_k", params.top_k);
    field::set_texts(&mut options, "stop", &params.stop);
    field::set(&mut options, "seed", params.seed);
    field::set(&mut options, "frequency_penalty", params.frequency_penalty);
    field::set(&mut options, "presence_penalty", params.presence_penalty);
    field::set_object(&mut draft.body, "options", options);
    let think = match (params.thinking_tokens, params.effort.as_deref()) {
        (Some(0), _) | (_, Some("none")) => Some(Value::from(false)),
        (_, Some("minimal")) => Some("low".into()),
        (_, Some(level)) => Some(level.into()),
        (Some(_), None) => Some(true.into()),
        (None, None) => None,
    };
    field::set(&mut draft.body, "think", think);
    draft.drop_some("thinking_tokens", params.thinking_tokens.filter(|tokens| *tokens > 0).as_ref());
    draft.drop_params(&["user", "parallel_tool_calls"]);
}

/// There is no way to demand a call; to forbid them, no tools are offered.
fn tools(draft: &mut Draft<'_>) -> Result<(), Failure> {
    let request = draft.request();
    match &request.tool_choice {
        Some(ToolChoice::None) => return Ok(()),
        Some(ToolChoice::Required | ToolChoice::Named(_)) => {
            return Err(unsupported("way to demand a tool call", DIALECT));
        }
        Some(ToolChoice::Auto) | None => {}
    }
    let tools = draft.tools(&request.tools, function)?;
    field::set_list(&mut draft.body, "tools", tools);
    Ok(())
}

fn function(draft: &mut Draft<'_>, tool: &Tool) -> Value {
    let mut function = field::function(tool);
    function.insert("parameters".to_owned(), field::schema(tool));
    draft.drop_some("tool strict", tool.strict.filter(|strict| *strict).as_ref());
    draft.own("tool field", &tool.extra, &mut function);
    json!({ "type": "function", "function": function })
}

/// A message as the server wants it: one text, pictures beside it.
#[derive(Default)]
struct Written {
    text: String,
    thinking: String,
    images: Vec<Value>,
    calls: Vec<Value>,
}

impl Written {
    fn object(self, role: &str) -> Object {
        let mut out = Object::new();
        out.insert("role".to_owned(), role.into());
        out.insert("content".to_owned(), self.text.into());
        field::set(&mut out, "thinking", (!self.thinking.is_empty()).then_some(self.thinking));
        field::set_list(&mut out, "images", self.images);
        field::set_list(&mut out, "tool_calls", self.calls);
        out
    }

    fn is_empty(&self) -> bool {
        self.text.is_empty() && self.images.is_empty() && self.calls.is_empty()
    }
}

fn write(draft: &mut Draft<'_>, message: &Message, out: &mut Vec<Value>) -> Result<(), Failure> {
    let mut written = Written::default();
    for part in &message.parts {
        match part {
            Part::Text(text) => written.text.push_str(text),
            Part::Image(image) => written.images.push(picture(image)?),
            Part::ToolCall(call) => {
                let arguments = draft.arguments(call);
                let mut outer = Object::new();
                field::set(&mut outer, "id", (!call.id.is_empty()).then_some(call.id.as_str()));
                let function = json!({ "name": call.name, "arguments": arguments });
                outer.insert("function".to_owned(), function);
                written.calls.push(outer.into());
            }
            Part::ToolResult(result) => {
                let mut answer = tool_result(draft, result)?;
                draft.own(MESSAGE, &message.extra, &mut answer);
                out.push(answer.into());
            }
            Part::Thinking(thinking) => written.thinking.push_str(&thinking.text),
            Part::Opaque { dialect, value } => {
                // A message has no parts here, so none of this dialect can exist.
                if draft.opaque(message.role, dialect, value)?.is_some() {
                    return Err(unsupported("parts of messages", DIALECT));
                }
            }
        }
    }
    if !written.is_empty() {
        let mut fields = written.object(field::role(message.role));
        draft.own(MESSAGE, &message.extra, &mut fields);
        out.push(fields.into());
    }
    Ok(())
}

/// Pictures are sent by value; the server fetches none.
fn picture(image: &Image) -> Result<Value, Failure> {
    match image {
        Image::Data { base64, .. } => Ok(base64.as_str().into()),
        Image::Url { .. } => Err(unsupported("image by address", DIALECT)),
    }
}

fn tool_result(draft: &mut Draft<'_>, result: &ToolResult) -> Result<Object, Failure> {
    let mut written = Written::default();
    for part in &result.parts {
        match part {
            Part::Text(text) => written.text.push_str(text),
            Part::Image(image) => written.images.push(picture(image)?),
            _ => return Err(unsupported("tool result other than text and images", DIALECT)),
        }
    }
    draft.drop_some("is_error of a tool result", result.is_error.then_some(&()));
    let mut out = written.object("tool");
    let name = draft.tool_name(result);
    field::set(&mut out, "tool_name", (!name.is_empty()).then_some(name));
    field::set(&mut out, "tool_call_id", (!result.id.is_empty()).then_some(result.id.as_str()));
    Ok(out)
}
