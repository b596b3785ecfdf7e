//! Whether an answer is one at all, before anybody asks whether it is right.

use serde_json::Value;

use super::dataset::Case;
use super::extract::{self, Found};
use super::scorer::Scorer;
use super::scorer::refusal::is_refusal;
use crate::model::request::ToolCall;
use crate::model::response::Choice;
use crate::model::{FinishReason, Response, Shape, ToolChoice};

/// What [`check`] finds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Validity {
    /// Whether the answer is complete, not empty, not declined (unless the row wants that), and of the form
    /// the row asks for.
    pub valid: bool,
    /// Why not, in one sentence. May quote the answer: show it as untrusted text.
    pub reason: Option<String>,
    /// Whether the model or a filter declined.
    pub refused: bool,
    /// Whether JSON the row asks for had to be taken out of a fence or prose, or mended.
    pub repaired: bool,
    /// The JSON of the answer, where the row asks for JSON and it could be found.
    pub json: Option<Value>,
}

/// Checks the first choice of an answer. An answer cut off by the token limit is never valid, whatever the
/// row asks for: its end is missing. JSON is checked where the row has a schema (or asks for JSON) and the
/// answer is not a tool call; JSON that had to be repaired is valid and says so.
pub fn check(case: &Case, response: &Response) -> Validity {
    let mut found = Validity { refused: is_refusal(response), ..Validity::default() };
    match examine(case, response, &mut found) {
        Ok(()) => found.valid = true,
        Err(reason) => found.reason = Some(reason),
    }
    found
}

fn examine(case: &Case, response: &Response, found: &mut Validity) -> Result<(), String> {
    let choice = response.choices.first().ok_or("the provider sent no answer")?;
    if found.refused {
        return if case.expects_refusal() { Ok(()) } else { Err(refusal(choice)) };
    }
    if choice.finish == Some(FinishReason::Length) {
        return Err("the answer is cut off by the token limit; raise max_tokens".to_owned());
    }
    if choice.text.trim().is_empty() && choice.tool_calls.is_empty() {
        return Err("the answer is empty".to_owned());
    }
    calls(case, choice)?;
    if choice.tool_calls.is_empty() {
        form(case, &choice.text, found)?;
    }
    Ok(())
}

fn refusal(choice: &Choice) -> String {
    match choice.finish {
        Some(FinishReason::ContentFilter) => "a content filter cut the answer".to_owned(),
        _ => "the model declined".to_owned(),
    }
}

/// The tool calls: of tools that were offered, with arguments that meet their schemas, and at least one
/// where the request demands it.
fn calls(case: &Case, choice: &Choice) -> Result<(), String> {
    let demanded = matches!(case.request.tool_choice, Some(ToolChoice::Required | ToolChoice::Named(_)));
    if demanded && choice.tool_calls.is_empty() {
        return Err("no tool is called, though the request demands one".to_owned());
    }
    choice.tool_calls.iter().try_for_each(|call| well_formed(case, call))
}

fn well_formed(case: &Case, call: &ToolCall) -> Result<(), String> {
    let name = &call.name;
    let tool = case.request.tools.iter().position(|tool| tool.name == *name);
    let tool = tool.ok_or_else(|| format!("the tool {name:?} is called, which was not offered"))?;
    let arguments = crate::eval::scorer::arguments(call)
        .filter(Value::is_object)
        .ok_or_else(|| format!("the arguments of the call of `{name}` are not a JSON object"))?;
    let schema = case.tool_schemas.get(tool).and_then(Option::as_ref);
    let checked = schema.map_or(Ok(()), |schema| schema.check(&arguments));
    checked.map_err(|cause| format!("the arguments of the call of `{name}`: {cause}"))
}

/// The JSON the row asks for.
fn form(case: &Case, text: &str, found: &mut Validity) -> Result<(), String> {
    if case.schema.is_none() && case.request.shape == Shape::Text {
        // Nothing demands JSON, but a scorer reads some: whether it stood there plainly is worth knowing.
        if case.scorers.iter().any(Scorer::reads_json) {
            found.repaired = extract::json(text).is_some_and(|(_, how)| how != Found::Strict);
        }
        return Ok(());
    }
    let (value, how) = extract::json(text).ok_or("the answer holds no JSON, which was asked for")?;
    found.repaired = how != Found::Strict;
    let value = found.json.insert(value);
    match &case.schema {
        Some(schema) => schema.check(value),
        None if value.is_object() => Ok(()),
        None => Err("the answer's JSON is not an object, which was asked for".to_owned()),
    }
}

#[cfg(test)]
mod tests;
