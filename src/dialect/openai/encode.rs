//! A request as a chat completions body.

use serde_json::{Value, json};

use crate::dialect::draft::{Draft, MESSAGE, unsupported};
use crate::dialect::{Call, DialectName, Encoded, Quirks, field};
use crate::model::request::{Params, ToolResult};
use crate::model::{Failure, Message, Object, Part, Request, Role, Shape, Tool, ToolChoice};

const DIALECT: DialectName = DialectName::OpenAi;

/// Writes a request.
pub(super) fn encode(request: &Request, call: &Call<'_>) -> Result<Encoded, Failure> {
    let mut writer = Writer { quirks: call.quirks, draft: Draft::new(DIALECT, request)? };
    let mut body = Object::new();
    body.insert("model".into(), call.model.into());
    let mut messages = Vec::new();
    for message in &request.messages {
        messages.extend(writer.message(message)?);
    }
    body.insert("messages".into(), messages.into());
    writer.tools(&mut body)?;
    writer.shape(&request.shape, &mut body);
    writer.params(request, &mut body);
    if call.stream {
        body.insert("stream".into(), true.into());
        if !call.quirks.no_stream_options {
            body.insert("stream_options".into(), json!({"include_usage": true}));
        }
    }
    writer.draft.body = body;
    Ok(writer.draft.encoded(call, "chat/completions", &[field::accept(call.stream)]))
}

struct Writer<'a> {
    quirks: &'a Quirks,
    draft: Draft<'a>,
}

impl Writer<'_> {
    /// A message; one for each result when it holds the results of tools.
    fn message(&mut self, message: &Message) -> Result<Vec<Value>, Failure> {
        let mut out = Vec::new();
        let mut content = Vec::new();
        let mut calls = Vec::new();
        let mut thinking = String::new();
        for part in &message.parts {
            match part {
                Part::ToolCall(call) => calls.push(json!({
                    "id": self.call_id(&call.id),
                    "type": "function",
                    "function": {"name": call.name, "arguments": field::arguments(&call.arguments)},
                })),
                Part::ToolResult(result) => out.push(self.result(result, &message.extra)?),
                Part::Thinking(part) => thinking.push_str(&part.text),
                other => content.extend(self.content(message.role, other)?),
            }
        }
        if !content.is_empty() || !calls.is_empty() || out.is_empty() {
            let mut turn = self.turn(message.role, content, calls);
            self.thinking(thinking, &mut turn);
            self.draft.own(MESSAGE, &message.extra, &mut turn);
            out.push(Value::Object(turn));
        }
        Ok(out)
    }

    fn turn(&self, role: Role, content: Vec<Value>, calls: Vec<Value>) -> Object {
        let mut turn = Object::new();
        turn.insert("role".into(), field::openai_role(role, self.quirks).into());
        let has_calls = !calls.is_empty();
        turn.insert(
            "content".into(),
            if has_calls && content.is_empty() { Value::Null } else { flat(content) },
        );
        if has_calls {
            turn.insert("tool_calls".into(), calls.into());
        }
        turn
    }

    fn thinking(&mut self, thinking: String, turn: &mut Object) {
        match self.quirks.reasoning_echo {
            Some(field) if !thinking.is_empty() => {
                turn.insert(field.into(), thinking.into());
            }
            None if !thinking.is_empty() => self.draft.drop("thinking"),
            _ => {}
        }
    }

    fn content(&mut self, role: Role, part: &Part) -> Result<Option<Value>, Failure> {
        Ok(match part {
            Part::Text(text) => Some(json!({"type": "text", "text": text})),
            Part::Image(image) => Some(field::image_part(image)),
            Part::Opaque { dialect, value } => self.draft.opaque(role, dialect, value)?,
            Part::ToolCall(_) | Part::ToolResult(_) | Part::Thinking(_) => None,
        })
    }

    /// The result of a tool: text only.
    fn result(&mut self, result: &ToolResult, extra: &Object) -> Result<Value, Failure> {
        let Some(content) = field::only_text(&result.parts) else {
            return Err(unsupported("tool result other than text", DIALECT));
        };
        self.draft.drop_some("is_error of a tool result", result.is_error.then_some(&()));
        let mut turn = Object::new();
        turn.insert("role".into(), "tool".into());
        turn.insert("tool_call_id".into(), self.call_id(&result.id).into());
        turn.insert("content".into(), content.into());
        self.draft.own(MESSAGE, extra, &mut turn);
        Ok(turn.into())
    }

    fn call_id(&self, id: &str) -> String {
        let is_short = id.len() == 9 && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if self.quirks.short_call_ids && !is_short { short_id(id) } else { id.to_owned() }
    }

    fn tools(&mut self, body: &mut Object) -> Result<(), Failure> {
        let request = self.draft.request();
        let tools = self.draft.tools(&request.tools, function)?;
        field::set_list(body, "tools", tools);
        if let Some(choice) = &request.tool_choice {
            let choice = match choice {
                ToolChoice::Auto => "auto".into(),
                ToolChoice::None => "none".into(),
                ToolChoice::Required if self.quirks.tool_choice_any => "any".into(),
                ToolChoice::Required => "required".into(),
                ToolChoice::Named(name) => json!({"type": "function", "function": {"name": name}}),
            };
            body.insert("tool_choice".into(), choice);
        }
        Ok(())
    }

    fn shape(&mut self, shape: &Shape, body: &mut Object) {
        let format = match shape {
            Shape::Text => return,
            Shape::Schema { name, schema, strict } if !self.quirks.no_json_schema => {
                let mut inner = json!({"name": name, "schema": schema});
                if let Some(strict) = strict {
                    inner["strict"] = (*strict).into();
                }
                json!({"type": "json_schema", "json_schema": inner})
            }
            Shape::Schema { .. } => {
                self.draft.drop("json schema");
                json!({"type": "json_object"})
            }
            Shape::Json => json!({"type": "json_object"}),
        };
        body.insert("response_format".into(), format);
    }

    fn params(&mut self, request: &Request, body: &mut Object) {
        let params = &request.params;
        // Refused by OpenAI where there are no tools, and without meaning.
        let parallel = params.parallel_tool_calls.filter(|_| !request.tools.is_empty());
        let quirks = self.quirks;
        let limit = if quirks.old_max_tokens { "max_tokens" } else { "max_completion_tokens" };
        let seed = if quirks.random_seed { "random_seed" } else { "seed" };
        field::set(body, limit, params.max_tokens);
        field::set(body, "temperature", params.temperature);
        field::set(body, "top_p", params.top_p);
        field::set_texts(body, "stop", &params.stop);
        field::set(body, seed, params.seed);
        field::set(body, "n", params.n);
        field::set(body, "frequency_penalty", params.frequency_penalty);
        field::set(body, "presence_penalty", params.presence_penalty);
        field::set(body, "parallel_tool_calls", parallel);
        field::set(body, "top_k", params.top_k.filter(|_| quirks.top_k));
        // Mistral refuses fields it does not know.
        let user = params.user.as_deref();
        field::set(body, "user", user.filter(|_| !quirks.random_seed));
        self.effort(params, body);
        if params.top_k.is_some() && !quirks.top_k {
            self.draft.drop("top_k");
        }
        if user.is_some() && quirks.random_seed {
            self.draft.drop("user");
        }
    }

    fn effort(&mut self, params: &Params, body: &mut Object) {
        if self.quirks.reasoning_object {
            let mut reasoning = Object::new();
            field::set(&mut reasoning, "effort", params.effort.as_deref());
            field::set(&mut reasoning, "max_tokens", params.thinking_tokens);
            field::set_object(body, "reasoning", reasoning);
            return;
        }
        field::set(body, "reasoning_effort", params.effort.as_deref());
        if params.thinking_tokens.is_some() {
            self.draft.drop("thinking_tokens");
        }
    }
}

fn function(draft: &mut Draft<'_>, tool: &Tool) -> Value {
    let mut out = Object::new();
    out.insert("type".into(), "function".into());
    out.insert("function".into(), field::openai_function(tool).into());
    draft.own("tool field", &tool.extra, &mut out);
    out.into()
}

/// One text as a string, anything else as a list of parts.
fn flat(mut content: Vec<Value>) -> Value {
    match content.as_mut_slice() {
        [] => "".into(),
        [only]
            if only.get("type").and_then(Value::as_str) == Some("text")
                && only.get("cache_control").is_none() =>
        {
            only["text"].take()
        }
        _ => content.into(),
    }
}

/// Nine letters and digits that depend on the whole identifier only (FNV-1a, in base 36).
fn short_id(id: &str) -> String {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for byte in id.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    (0..9)
        .map(|_| {
            let digit = u32::try_from(hash % 36).unwrap_or(0);
            hash /= 36;
            char::from_digit(digit, 36).unwrap_or('0')
        })
        .collect()
}
