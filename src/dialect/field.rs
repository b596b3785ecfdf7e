//! Fields and values of a request that several dialects write the same way.

use serde_json::{Value, json};

use super::Quirks;
use crate::model::Object;
use crate::model::request::{Image, Part, Role, Tool};

/// Sets a field when there is a value.
pub(super) fn set<T: Into<Value>>(object: &mut Object, key: &str, value: Option<T>) {
    if let Some(value) = value {
        object.insert(key.to_owned(), value.into());
    }
}

/// Sets a list when it is not empty.
pub(super) fn set_list(object: &mut Object, key: &str, list: Vec<Value>) {
    set(object, key, (!list.is_empty()).then_some(list));
}

/// Sets an object when it is not empty.
pub(super) fn set_object(object: &mut Object, key: &str, fields: Object) {
    set(object, key, (!fields.is_empty()).then_some(fields));
}

/// Sets a list of texts when it is not empty.
pub(super) fn set_texts(object: &mut Object, key: &str, texts: &[String]) {
    set(object, key, (!texts.is_empty()).then(|| texts.to_vec()));
}

/// What OpenAI's two dialects want back.
pub(super) const fn accept(stream: bool) -> (&'static str, &'static str) {
    ("accept", if stream { "text/event-stream" } else { "application/json" })
}

/// Whether a message instructs rather than converses.
pub(super) fn is_instruction(role: Role) -> bool {
    matches!(role, Role::System | Role::Developer)
}

/// A role, where there is one for tools and none for developers.
pub(super) fn role(role: Role) -> &'static str {
    match role {
        Role::System | Role::Developer => "system",
        Role::User => "user",
        Role::Assistant => "assistant",
        Role::Tool => "tool",
    }
}

/// A role in OpenAI's two dialects. What stands beside the result of a tool is the user's.
pub(super) fn openai_role(of: Role, quirks: &Quirks) -> &'static str {
    match of {
        Role::Developer if !quirks.no_developer => "developer",
        Role::Tool => "user",
        other => role(other),
    }
}

/// The text of parts that must all be text.
pub(super) fn only_text(parts: &[Part]) -> Option<String> {
    parts.iter().map(|part| if let Part::Text(text) = part { Some(text.as_str()) } else { None }).collect()
}

/// The name and the description of a function.
pub(super) fn function(tool: &Tool) -> Object {
    let mut out = Object::new();
    out.insert("name".to_owned(), tool.name.as_str().into());
    set(&mut out, "description", tool.description.as_deref());
    out
}

/// A function in OpenAI's two dialects, where its schema is optional.
pub(super) fn openai_function(tool: &Tool) -> Object {
    let mut out = function(tool);
    set(&mut out, "parameters", (!tool.parameters.is_null()).then(|| tool.parameters.clone()));
    set(&mut out, "strict", tool.strict);
    out
}

/// The arguments of a call, where they are text. A model may write nothing for none, but servers parse what they
/// are sent.
pub(super) fn arguments(text: &str) -> &str {
    if text.trim().is_empty() { "{}" } else { text }
}

/// The schema of a function's arguments, for the dialects that demand one: without one, any object will do.
pub(super) fn schema(tool: &Tool) -> Value {
    if tool.parameters.is_object() { tool.parameters.clone() } else { json!({ "type": "object" }) }
}

/// The address of a picture; that of one given by value is a `data:` URL (RFC 2397).
pub(super) fn image_url(image: &Image) -> String {
    match image {
        Image::Url { url, .. } => url.clone(),
        Image::Data { media_type, base64 } => format!("data:{media_type};base64,{base64}"),
    }
}

/// A picture as a part of content, in OpenAI's chat completions and in Cohere's.
pub(super) fn image_part(image: &Image) -> Value {
    let detail = if let Image::Url { detail, .. } = image { detail.as_deref() } else { None };
    let mut inner = Object::new();
    inner.insert("url".to_owned(), image_url(image).into());
    set(&mut inner, "detail", detail);
    json!({ "type": "image_url", "image_url": inner })
}

/// A segment of an address: everything but the unreserved characters of RFC 3986 is percent-encoded.
pub(super) fn segment(text: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            write!(out, "%{byte:02X}").unwrap_or_default();
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_unreserved_characters_stand_bare_in_an_address() {
        assert_eq!(segment("arn:aws:b/é-1.0_~"), "arn%3Aaws%3Ab%2F%C3%A9-1.0_~");
    }

    #[test]
    fn a_picture_has_an_address_of_its_own_or_is_one() {
        let far = Image::Url { url: "https://a.example/b.png".into(), detail: Some("low".into()) };
        let near = Image::Data { media_type: "image/png".into(), base64: "AAAA".into() };
        let part = |inner: Value| json!({ "type": "image_url", "image_url": inner });
        assert_eq!(image_part(&far), part(json!({ "url": "https://a.example/b.png", "detail": "low" })));
        assert_eq!(image_part(&near), part(json!({ "url": "data:image/png;base64,AAAA" })));
    }
}
