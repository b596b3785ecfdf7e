//! Calls of the tools whose words stand in the prompt, with arguments found there.

use serde_json::{Map, Value};

use super::{fields, minimal};

/// Words that say nothing about what a tool is for.
const EMPTY: [&str; 14] =
    ["get", "set", "the", "a", "an", "of", "for", "in", "to", "and", "now", "with", "current", "its"];

/// The calls, in the order in which the prompt names their tools; nothing when it names none.
pub(super) fn calls(prompt: &str, tools: &[Value]) -> Option<Vec<(String, Map<String, Value>)>> {
    let lower = prompt.to_lowercase();
    let mut named: Vec<(usize, &Value)> = tools
        .iter()
        .map(|tool| &tool["function"])
        .filter_map(|tool| Some((place(tool, &lower)?, tool)))
        .collect();
    named.sort_by_key(|(at, _)| *at);
    let call = |(_, tool): &(usize, &Value)| {
        let schema = &tool["parameters"];
        let mut arguments = minimal(schema).as_object().cloned().unwrap_or_default();
        arguments.extend(fields::fill(prompt, schema));
        Some((tool["name"].as_str()?.to_owned(), arguments))
    };
    let calls: Vec<_> = named.iter().filter_map(call).collect();
    (!calls.is_empty()).then_some(calls)
}

/// Where the first word of a tool's name, description or parameters stands in the prompt.
fn place(tool: &Value, prompt: &str) -> Option<usize> {
    let text = |field: &Value| field.as_str().unwrap_or_default().to_lowercase();
    let properties = tool["parameters"]["properties"].as_object().into_iter().flatten();
    let parameters = properties.map(|(name, _)| name.to_lowercase());
    let description = format!("{} {}", text(&tool["name"]), text(&tool["description"]));
    let words = description.split(|c: char| !c.is_alphanumeric()).map(str::to_owned).chain(parameters);
    let telling = words.filter(|word| word.len() > 2 && !EMPTY.contains(&word.as_str()));
    telling.filter_map(|word| starts(prompt, word.trim_end_matches('s'))).min()
}

fn starts(text: &str, word: &str) -> Option<usize> {
    text.match_indices(word).map(|(at, _)| at).find(|at| !text[..*at].ends_with(char::is_alphanumeric))
}
