//! Requests in Bedrock Converse.

use serde_json::{Value, json};

use super::super::draft::{Draft, unsupported};
use super::super::field::{self, segment};
use super::super::{Call, DialectName, Encoded};
use crate::model::request::{Image, Part, Request, Role, Shape, Thinking, Tool, ToolChoice, ToolResult};
use crate::model::{Failure, Object};

const DIALECT: DialectName = DialectName::Bedrock;

/// Writes a request. The model's identifier or ARN stands in the address, percent-encoded.
pub(super) fn encode(request: &Request, call: &Call<'_>) -> Result<Encoded, Failure> {
    let mut draft = Draft::new(DIALECT, request)?;
    let system = draft.system(part)?;
    field::set_list(&mut draft.body, "system", system);
    let turns = draft.turns("assistant", "content", part)?;
    draft.body.insert("messages".to_owned(), turns);
    params(&mut draft, Family::of(call.model));
    tools(&mut draft)?;
    shape(&mut draft)?;
    let method = if call.stream { "converse-stream" } else { "converse" };
    Ok(draft.encoded(call, &format!("model/{}/{method}", segment(call.model)), &[]))
}

/// Whose model it is: what Converse does not unify is said in the model's own words.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Family {
    Claude,
    Nova,
    GptOss,
    Other,
}

impl Family {
    fn of(model: &str) -> Self {
        let families =
            [("anthropic.", Self::Claude), ("amazon.nova", Self::Nova), ("openai.gpt-oss", Self::GptOss)];
        families.into_iter().find(|(name, _)| model.contains(name)).map_or(Self::Other, |(_, family)| family)
    }
}

fn params(draft: &mut Draft<'_>, family: Family) {
    let params = &draft.request().params;
    let mut config = Object::new();
    field::set(&mut config, "maxTokens", params.max_tokens);
    field::set(&mut config, "temperature", params.temperature);
    field::set(&mut config, "topP", params.top_p);
    field::set_texts(&mut config, "stopSequences", &params.stop);
    field::set_object(&mut draft.body, "inferenceConfig", config);
    let mut own = Object::new();
    match (params.top_k, family) {
        (Some(k), Family::Claude) => field::set(&mut own, "top_k", Some(k)),
        (Some(k), Family::Nova) => field::set(&mut own, "inferenceConfig", Some(json!({ "topK": k }))),
        (Some(_), _) => draft.drop("top_k"),
        (None, _) => {}
    }
    thinking(draft, family, &mut own);
    field::set_object(&mut draft.body, "additionalModelRequestFields", own);
    draft.drop_params(&["seed", "frequency_penalty", "presence_penalty", "user", "parallel_tool_calls"]);
}

fn thinking(draft: &mut Draft<'_>, family: Family, own: &mut Object) {
    let params = &draft.request().params;
    let effort = params.effort.as_deref();
    match (family, params.thinking_tokens) {
        (Family::Claude, Some(0)) => {
            field::set(own, "thinking", Some(json!({ "type": "disabled" })));
        }
        (Family::Claude, Some(budget)) => {
            field::set(own, "thinking", Some(json!({ "type": "enabled", "budget_tokens": budget })));
        }
        (_, tokens) => draft.drop_some("thinking_tokens", tokens.as_ref()),
    }
    let level = effort.map(|effort| if effort == "minimal" { "low" } else { effort });
    match (family, level) {
        (_, None) => {}
        (Family::Claude, Some("none")) => {
            field::set(own, "thinking", Some(json!({ "type": "disabled" })));
        }
        (Family::Claude, Some(level)) => field::set(own, "output_config", Some(json!({ "effort": level }))),
        (Family::Nova, Some("none")) => {
            field::set(own, "reasoningConfig", Some(json!({ "type": "disabled" })));
        }
        (Family::Nova, Some(level)) => {
            let config = json!({ "type": "enabled", "maxReasoningEffort": level });
            field::set(own, "reasoningConfig", Some(config));
        }
        (Family::GptOss, Some(level)) => field::set(own, "reasoning_effort", Some(level)),
        (Family::Other, Some(_)) => draft.drop("effort"),
    }
}

fn shape(draft: &mut Draft<'_>) -> Result<(), Failure> {
    let Shape::Schema { name, schema, .. } = &draft.request().shape else {
        return match draft.request().shape {
            Shape::Json => Err(unsupported("JSON mode without a schema", DIALECT)),
            _ => Ok(()),
        };
    };
    let mut inner = Object::new();
    inner.insert("schema".to_owned(), schema.to_string().into());
    field::set(&mut inner, "name", (!name.is_empty()).then_some(name.as_str()));
    let format = json!({ "type": "json_schema", "structure": { "jsonSchema": inner } });
    draft.body.insert("outputConfig".to_owned(), json!({ "textFormat": format }));
    Ok(())
}

/// There is no way to forbid calls; to forbid them, no tools are offered, unless the conversation holds
/// calls already, which must not stand without their tools.
fn tools(draft: &mut Draft<'_>) -> Result<(), Failure> {
    let request = draft.request();
    if request.tool_choice == Some(ToolChoice::None) && !request.tools.is_empty() {
        let mut parts = request.messages.iter().flat_map(|message| &message.parts);
        if parts.any(|part| matches!(part, Part::ToolCall(_) | Part::ToolResult(_))) {
            return Err(unsupported("way to forbid tool calls after earlier ones", DIALECT));
        }
        return Ok(());
    }
    let tools = draft.tools(&request.tools, function)?;
    let choice = match &request.tool_choice {
        Some(ToolChoice::Auto) if !tools.is_empty() => Some(json!({ "auto": {} })),
        Some(ToolChoice::Required) => Some(json!({ "any": {} })),
        Some(ToolChoice::Named(name)) => Some(json!({ "tool": { "name": name } })),
        _ => None,
    };
    let mut config = Object::new();
    field::set_list(&mut config, "tools", tools);
    field::set(&mut config, "toolChoice", choice);
    field::set_object(&mut draft.body, "toolConfig", config);
    Ok(())
}

fn function(draft: &mut Draft<'_>, tool: &Tool) -> Value {
    let mut out = field::function(tool);
    out.insert("inputSchema".to_owned(), json!({ "json": field::schema(tool) }));
    field::set(&mut out, "strict", tool.strict.filter(|strict| *strict));
    draft.own("tool field", &tool.extra, &mut out);
    json!({ "toolSpec": out })
}

fn part(draft: &mut Draft<'_>, role: Role, part: &Part) -> Result<Option<Value>, Failure> {
    Ok(match part {
        // Empty texts are refused.
        Part::Text(text) => (!text.is_empty()).then(|| json!({ "text": text })),
        Part::Image(_) if field::is_instruction(role) || role == Role::Assistant => {
            return Err(unsupported("image outside the user's messages", DIALECT));
        }
        Part::Image(image) => Some(picture(image)?),
        Part::ToolCall(call) => {
            let input = draft.arguments(call);
            Some(json!({ "toolUse": { "toolUseId": call.id, "name": call.name, "input": input } }))
        }
        Part::ToolResult(result) => Some(tool_result(draft, result)?),
        Part::Thinking(thinking) => reasoning(draft, thinking),
        Part::Opaque { dialect, value } => draft.opaque(role, dialect, value)?,
    })
}

/// Pictures are sent by value, in one of four formats.
fn picture(image: &Image) -> Result<Value, Failure> {
    let Image::Data { media_type, base64 } = image else {
        return Err(unsupported("image by address", DIALECT));
    };
    let format = match media_type.as_str() {
        "image/png" => "png",
        "image/jpeg" | "image/jpg" => "jpeg",
        "image/gif" => "gif",
        "image/webp" => "webp",
        other => return Err(unsupported(&format!("image of type {other:?}"), DIALECT)),
    };
    Ok(json!({ "image": { "format": format, "source": { "bytes": base64 } } }))
}

fn tool_result(draft: &mut Draft<'_>, result: &ToolResult) -> Result<Value, Failure> {
    let mut content = Vec::new();
    for inner in &result.parts {
        content.extend(part(draft, Role::Tool, inner)?);
    }
    // A tool that said nothing still answers.
    if content.is_empty() {
        content.push(json!({ "text": "" }));
    }
    let mut out = json!({ "toolUseId": result.id, "content": content });
    // Only Claude and Nova know the field, so it is not sent where it says nothing.
    if result.is_error {
        out["status"] = "error".into();
    }
    Ok(json!({ "toolResult": out }))
}

/// Reasoning must come back exactly as it was given, signature included.
fn reasoning(draft: &mut Draft<'_>, thinking: &Thinking) -> Option<Value> {
    let inner = match (&thinking.redacted, &thinking.signature, &thinking.id) {
        (Some(data), _, None) => json!({ "redactedContent": data }),
        (None, Some(signature), None) => {
            json!({ "reasoningText": { "text": thinking.text, "signature": signature } })
        }
        _ => {
            draft.drop("unsigned reasoning");
            return None;
        }
    };
    Some(json!({ "reasoningContent": inner }))
}
