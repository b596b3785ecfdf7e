//! Requests in Gemini generateContent.

use serde_json::{Value, json};

use super::super::draft::{Draft, unsupported};
use super::super::field::{self, segment};
use super::super::{Call, DialectName, Encoded};
use crate::model::request::{Image, Part, Request, Role, Shape, Tool, ToolCall, ToolChoice, ToolResult};
use crate::model::{Failure, Object};

const DIALECT: DialectName = DialectName::Gemini;

/// Writes a request. The model stands in the address: a plain name below `models/`, a name with slashes
/// (`tunedModels/…`) as it is.
pub(super) fn encode(request: &Request, call: &Call<'_>) -> Result<Encoded, Failure> {
    let mut draft = Draft::new(DIALECT, request)?;
    let system = draft.system(part)?;
    if !system.is_empty() {
        draft.body.insert("systemInstruction".to_owned(), json!({ "parts": system }));
    }
    let turns = draft.turns("model", "parts", part)?;
    draft.body.insert("contents".to_owned(), turns);
    tools(&mut draft)?;
    let mut config = generation(&mut draft);
    shape(&draft, &mut config);
    thinking(&mut draft, &mut config);
    field::set_object(&mut draft.body, "generationConfig", config);
    let model: Vec<_> = call.model.split('/').map(segment).collect();
    let folder = if model.len() == 1 { "models/" } else { "" };
    let method = if call.stream { "streamGenerateContent?alt=sse" } else { "generateContent" };
    Ok(draft.encoded(call, &format!("{folder}{}:{method}", model.join("/")), &[]))
}

fn generation(draft: &mut Draft<'_>) -> Object {
    let params = &draft.request().params;
    let mut config = Object::new();
    field::set(&mut config, "maxOutputTokens", params.max_tokens);
    field::set(&mut config, "temperature", params.temperature);
    field::set(&mut config, "topP", params.top_p);
    field::set(&mut config, "topK", params.top_k);
    field::set_texts(&mut config, "stopSequences", &params.stop);
    field::set(&mut config, "seed", params.seed);
    field::set(&mut config, "candidateCount", params.n);
    field::set(&mut config, "frequencyPenalty", params.frequency_penalty);
    field::set(&mut config, "presencePenalty", params.presence_penalty);
    draft.drop_params(&["user", "parallel_tool_calls"]);
    config
}

fn shape(draft: &Draft<'_>, config: &mut Object) {
    let schema = match &draft.request().shape {
        Shape::Text => return,
        Shape::Json => None,
        Shape::Schema { schema, .. } => Some(schema.clone()),
    };
    config.insert("responseMimeType".to_owned(), "application/json".into());
    field::set(config, "responseJsonSchema", schema);
}

/// A budget and a level exclude each other; the budget says more.
fn thinking(draft: &mut Draft<'_>, config: &mut Object) {
    let params = &draft.request().params;
    let thinking = match (params.thinking_tokens, params.effort.as_deref()) {
        (None, None) => return,
        (Some(0), _) | (None, Some("none")) => json!({ "thinkingBudget": 0 }),
        (Some(budget), effort) => {
            draft.drop_some("effort beside a thinking budget", effort.as_ref());
            json!({ "thinkingBudget": budget, "includeThoughts": true })
        }
        (None, Some(level)) => json!({ "thinkingLevel": level, "includeThoughts": true }),
    };
    config.insert("thinkingConfig".to_owned(), thinking);
}

fn tools(draft: &mut Draft<'_>) -> Result<(), Failure> {
    let request = draft.request();
    let (mut functions, mut tools) = (Vec::new(), Vec::new());
    for tool in &request.tools {
        if tool.name.is_empty() {
            tools.push(draft.server_tool(tool)?);
        } else {
            functions.push(function(draft, tool));
        }
    }
    if !functions.is_empty() {
        tools.insert(0, json!({ "functionDeclarations": functions }));
    }
    field::set_list(&mut draft.body, "tools", tools);
    let choice = match &request.tool_choice {
        None => return Ok(()),
        Some(_) if request.tools.is_empty() => return Ok(()),
        Some(ToolChoice::Auto) => json!({ "mode": "AUTO" }),
        Some(ToolChoice::None) => json!({ "mode": "NONE" }),
        Some(ToolChoice::Required) => json!({ "mode": "ANY" }),
        Some(ToolChoice::Named(name)) => json!({ "mode": "ANY", "allowedFunctionNames": [name] }),
    };
    draft.body.insert("toolConfig".to_owned(), json!({ "functionCallingConfig": choice }));
    Ok(())
}

fn function(draft: &mut Draft<'_>, tool: &Tool) -> Value {
    let mut out = field::function(tool);
    field::set(
        &mut out,
        "parametersJsonSchema",
        tool.parameters.is_object().then(|| tool.parameters.clone()),
    );
    draft.drop_some("tool strict", tool.strict.filter(|strict| *strict).as_ref());
    draft.own("tool field", &tool.extra, &mut out);
    Value::Object(out)
}

fn part(draft: &mut Draft<'_>, role: Role, part: &Part) -> Result<Option<Value>, Failure> {
    Ok(match part {
        Part::Text(text) => (!text.is_empty()).then(|| json!({ "text": text })),
        Part::Image(_) if field::is_instruction(role) => {
            return Err(unsupported("image in the instructions", DIALECT));
        }
        Part::Image(image) => Some(picture(draft, image)),
        Part::ToolCall(call) => Some(function_call(draft, call)),
        Part::ToolResult(result) => Some(function_response(draft, result)?),
        Part::Thinking(thinking) if thinking.redacted.is_some() || thinking.id.is_some() => {
            draft.drop("reasoning of another provider");
            None
        }
        Part::Thinking(thinking) => {
            let mut out = json!({ "text": thinking.text });
            if !thinking.text.is_empty() {
                out["thought"] = true.into();
            }
            if let Some(signature) = &thinking.signature {
                out["thoughtSignature"] = signature.as_str().into();
            }
            Some(out)
        }
        Part::Opaque { dialect, value } => draft.opaque(role, dialect, value)?,
    })
}

fn picture(draft: &mut Draft<'_>, image: &Image) -> Value {
    match image {
        Image::Data { media_type, base64 } => {
            json!({ "inlineData": { "mimeType": media_type, "data": base64 } })
        }
        Image::Url { url, detail } => {
            draft.drop_some("image detail", detail.as_ref());
            let mut file = Object::new();
            file.insert("fileUri".to_owned(), url.as_str().into());
            field::set(&mut file, "mimeType", media_type(url));
            json!({ "fileData": file })
        }
    }
}

/// The media type that an address's ending promises; Vertex AI demands one.
fn media_type(url: &str) -> Option<&'static str> {
    let path = url.split(['?', '#']).next().unwrap_or(url);
    let (_, ending) = path.rsplit_once('.')?;
    Some(match ending.to_ascii_lowercase().as_str() {
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "gif" => "image/gif",
        "heic" => "image/heic",
        _ => return None,
    })
}

fn function_call(draft: &mut Draft<'_>, call: &ToolCall) -> Value {
    let mut inner = Object::new();
    field::set(&mut inner, "id", (!call.id.is_empty()).then_some(call.id.as_str()));
    inner.insert("name".to_owned(), call.name.as_str().into());
    inner.insert("args".to_owned(), draft.arguments(call));
    let mut out = json!({ "functionCall": inner });
    if let Some(signature) = &call.signature {
        out["thoughtSignature"] = signature.as_str().into();
    }
    out
}

/// The response must be an object: a result that is one is sent as it is, any other under `result`.
fn function_response(draft: &mut Draft<'_>, result: &ToolResult) -> Result<Value, Failure> {
    let (mut text, mut parts) = (String::new(), Vec::new());
    for inner in &result.parts {
        match inner {
            Part::Text(more) => text.push_str(more),
            other => parts.extend(part(draft, Role::Tool, other)?),
        }
    }
    let value: Option<Value> = serde_json::from_str(&text).ok().filter(Value::is_object);
    let response = match value {
        _ if result.is_error => json!({ "error": text }),
        Some(object) => object,
        None => json!({ "result": text }),
    };
    let mut inner = Object::new();
    field::set(&mut inner, "id", (!result.id.is_empty()).then_some(result.id.as_str()));
    inner.insert("name".to_owned(), draft.tool_name(result).into());
    inner.insert("response".to_owned(), response);
    field::set_list(&mut inner, "parts", parts);
    Ok(json!({ "functionResponse": inner }))
}
