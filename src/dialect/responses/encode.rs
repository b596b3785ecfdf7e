//! A request as a Responses body.

use serde_json::{Value, json};

use crate::dialect::draft::{Draft, MESSAGE, unsupported};
use crate::dialect::{Call, DialectName, Encoded, Quirks, field};
use crate::model::request::{Image, Thinking, ToolResult};
use crate::model::{Failure, Message, Object, Part, Request, Role, Shape, Tool, ToolChoice};

const DIALECT: DialectName = DialectName::Responses;

/// Writes a request. Several answers to one request are not to be had here.
pub(super) fn encode(request: &Request, call: &Call<'_>) -> Result<Encoded, Failure> {
    let mut writer = Writer { quirks: call.quirks, draft: Draft::new(DIALECT, request)? };
    let mut body = Object::new();
    body.insert("model".into(), call.model.into());
    let mut input = Vec::new();
    for message in &request.messages {
        writer.message(message, &mut input)?;
    }
    body.insert("input".into(), input.into());
    writer.tools(&mut body)?;
    writer.shape(&request.shape, &mut body);
    writer.params(request, &mut body);
    if call.stream {
        body.insert("stream".into(), true.into());
    }
    writer.draft.body = body;
    Ok(writer.draft.encoded(call, "responses", &[field::accept(call.stream)]))
}

struct Writer<'a> {
    quirks: &'a Quirks,
    draft: Draft<'a>,
}

impl Writer<'_> {
    /// A message as items, in order: what is said, reasoning, calls and their results are items each.
    fn message(&mut self, message: &Message, items: &mut Vec<Value>) -> Result<(), Failure> {
        let (mut content, mut is_said) = (Vec::new(), false);
        for part in &message.parts {
            let item = match part {
                Part::ToolCall(call) => Some(json!({
                    "type": "function_call", "call_id": call.id, "name": call.name,
                    "arguments": field::arguments(&call.arguments),
                })),
                Part::ToolResult(result) => Some(self.result(result)?),
                Part::Thinking(thinking) => self.thinking(thinking),
                Part::Opaque { dialect, value } if dialect == DIALECT.name() && !is_content(value) => {
                    Some(value.clone())
                }
                other => {
                    content.extend(self.content(message.role, other)?);
                    None
                }
            };
            if let Some(item) = item {
                is_said |= self.flush(message, &mut content, items);
                items.push(item);
            }
        }
        is_said |= self.flush(message, &mut content, items);
        // Calls and results are no messages and have none of their fields.
        if !is_said {
            self.draft.drop_fields(MESSAGE, &message.extra);
        }
        Ok(())
    }

    /// Writes the content so far as one message item, if there is any.
    fn flush(&mut self, message: &Message, content: &mut Vec<Value>, items: &mut Vec<Value>) -> bool {
        if content.is_empty() {
            return false;
        }
        let mut content = std::mem::take(content);
        let content = match content.as_mut_slice() {
            [only] if is_plain(only) => only["text"].take(),
            _ => content.into(),
        };
        let mut item = Object::new();
        item.insert("role".into(), field::openai_role(message.role, self.quirks).into());
        item.insert("content".into(), content);
        self.draft.own(MESSAGE, &message.extra, &mut item);
        items.push(item.into());
        true
    }

    fn content(&mut self, role: Role, part: &Part) -> Result<Option<Value>, Failure> {
        let text_kind = if role == Role::Assistant { "output_text" } else { "input_text" };
        Ok(match part {
            Part::Text(text) => Some(json!({"type": text_kind, "text": text})),
            Part::Image(_) if role == Role::Assistant => {
                self.draft.drop("image of the assistant");
                None
            }
            Part::Image(image) => Some(picture(image)),
            Part::Opaque { dialect, value } => self.draft.opaque(role, dialect, value)?,
            Part::ToolCall(_) | Part::ToolResult(_) | Part::Thinking(_) => None,
        })
    }

    /// Reasoning goes back as the item it was, which needs its identifier or its encrypted content.
    fn thinking(&mut self, thinking: &Thinking) -> Option<Value> {
        if thinking.id.is_none() && thinking.redacted.is_none() {
            self.draft.drop("thinking");
            return None;
        }
        let summary = if thinking.text.is_empty() {
            json!([])
        } else {
            json!([{"type": "summary_text", "text": thinking.text}])
        };
        let mut item = json!({"type": "reasoning", "summary": summary});
        if let Some(id) = &thinking.id {
            item["id"] = id.as_str().into();
        }
        if let Some(encrypted) = &thinking.redacted {
            item["encrypted_content"] = encrypted.as_str().into();
        }
        Some(item)
    }

    fn result(&mut self, result: &ToolResult) -> Result<Value, Failure> {
        let mut parts = Vec::new();
        for part in &result.parts {
            match part {
                Part::Text(text) => parts.push(json!({"type": "input_text", "text": text})),
                Part::Image(image) => parts.push(picture(image)),
                Part::Opaque { dialect, value } => {
                    parts.extend(self.draft.opaque(Role::Tool, dialect, value)?);
                }
                _ => return Err(unsupported("tool result other than text, images and files", DIALECT)),
            }
        }
        self.draft.drop_some("is_error of a tool result", result.is_error.then_some(&()));
        let output = if parts.iter().all(is_plain) {
            let text: String = parts.iter().filter_map(|part| part["text"].as_str()).collect();
            text.into()
        } else {
            Value::from(parts)
        };
        Ok(json!({"type": "function_call_output", "call_id": result.id, "output": output}))
    }

    fn tools(&mut self, body: &mut Object) -> Result<(), Failure> {
        let request = self.draft.request();
        let tools = self.draft.tools(&request.tools, function)?;
        field::set_list(body, "tools", tools);
        if let Some(choice) = &request.tool_choice {
            let choice = match choice {
                ToolChoice::Auto => "auto".into(),
                ToolChoice::None => "none".into(),
                ToolChoice::Required => "required".into(),
                ToolChoice::Named(name) => json!({"type": "function", "name": name}),
            };
            body.insert("tool_choice".into(), choice);
        }
        Ok(())
    }

    fn shape(&mut self, shape: &Shape, body: &mut Object) {
        let format = match shape {
            Shape::Text => return,
            Shape::Schema { name, schema, strict } if !self.quirks.no_json_schema => {
                let mut format = json!({"type": "json_schema", "name": name, "schema": schema});
                if let Some(strict) = strict {
                    format["strict"] = (*strict).into();
                }
                format
            }
            Shape::Schema { .. } => {
                self.draft.drop("json schema");
                json!({"type": "json_object"})
            }
            Shape::Json => json!({"type": "json_object"}),
        };
        body.insert("text".into(), json!({"format": format}));
    }

    fn params(&mut self, request: &Request, body: &mut Object) {
        let params = &request.params;
        // Refused by OpenAI where there are no tools, and without meaning.
        let parallel = params.parallel_tool_calls.filter(|_| !request.tools.is_empty());
        field::set(body, "max_output_tokens", params.max_tokens);
        field::set(body, "temperature", params.temperature);
        field::set(body, "top_p", params.top_p);
        field::set(body, "parallel_tool_calls", parallel);
        field::set(body, "user", params.user.as_deref());
        field::set(body, "reasoning", params.effort.as_ref().map(|effort| json!({"effort": effort})));
        let unsaid = [
            ("top_k", params.top_k.is_some()),
            ("stop", !params.stop.is_empty()),
            ("seed", params.seed.is_some()),
            ("frequency_penalty", params.frequency_penalty.is_some()),
            ("presence_penalty", params.presence_penalty.is_some()),
            ("thinking_tokens", params.thinking_tokens.is_some()),
        ];
        for (name, is_set) in unsaid {
            if is_set {
                self.draft.drop(name);
            }
        }
    }
}

fn function(draft: &mut Draft<'_>, tool: &Tool) -> Value {
    let mut out = field::openai_function(tool);
    out.insert("type".into(), "function".into());
    draft.own("tool field", &tool.extra, &mut out);
    out.into()
}

/// Whether a part is text and nothing besides, so that the bare string says the same.
fn is_plain(part: &Value) -> bool {
    let is_text = matches!(part["type"].as_str(), Some("input_text" | "output_text"));
    is_text && part.as_object().is_some_and(|fields| fields.len() == 2)
}

/// Whether an unmodelled value is a part of a message's content rather than an item of its own.
fn is_content(value: &Value) -> bool {
    let kind = value.get("type").and_then(Value::as_str).unwrap_or_default();
    kind.starts_with("input_") || matches!(kind, "output_text" | "refusal")
}

fn picture(image: &Image) -> Value {
    let detail = if let Image::Url { detail, .. } = image { detail.as_deref() } else { None };
    let detail = detail.unwrap_or("auto");
    json!({"type": "input_image", "image_url": field::image_url(image), "detail": detail})
}
