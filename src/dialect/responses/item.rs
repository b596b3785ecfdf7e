//! The items of a response's output: what is said, reasoning, calls, and the work of the provider's own tools.

use serde_json::Value;

use crate::model::request::ToolCall;
use crate::model::response::non_empty;

/// The type of an item; empty when it has none.
pub(super) fn kind(item: &Value) -> &str {
    item.get("type").and_then(Value::as_str).unwrap_or_default()
}

/// Whether items of this type are read; others are carried as they are.
pub(super) fn is_modelled(kind: &str) -> bool {
    matches!(kind, "message" | "reasoning" | "function_call" | "custom_tool_call")
}

/// A call without its arguments.
pub(super) fn named(item: &Value) -> ToolCall {
    let text = |name: &str| item.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let id = non_empty(item.get("call_id")).unwrap_or_else(|| text("id"));
    ToolCall { id, name: text("name"), ..ToolCall::default() }
}

/// The summary, its parts as paragraphs; the reasoning itself where there is no summary.
pub(super) fn reasoning_text(item: &Value) -> String {
    let texts = |name: &str| -> Vec<&str> {
        let parts = item.get(name).and_then(Value::as_array);
        parts.into_iter().flatten().filter_map(|part| part.get("text")?.as_str()).collect()
    };
    let summary = texts("summary");
    if summary.is_empty() { texts("content").concat() } else { summary.join("\n\n") }
}

/// The arguments of a call: JSON text, or the input of a custom tool, which is any text.
pub(super) fn arguments(item: &Value) -> String {
    let value = item.get("arguments").or(item.get("input")).unwrap_or(&Value::Null);
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}
