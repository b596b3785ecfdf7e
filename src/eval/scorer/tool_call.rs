//! The tools an answer calls, and with what.

use serde_json::Value;

use super::json::same;
use super::options::Options;
use super::{Subject, Verdict};
use crate::model::request::ToolCall;

/// The answer calls the expected tools: `{"name", "arguments"}` or a list of them in the row's `expected`,
/// or the rule's own `tool` and `arguments`. Each expected call is matched by one call and no call is left
/// over; the order does not count unless `ordered`. Arguments that are not named are not compared; named
/// arguments are equal as JSON, numbers as numbers.
#[derive(Clone, Debug)]
pub(super) struct ToolCallRule {
    wanted: Option<Vec<Wanted>>,
    ordered: bool,
}

#[derive(Clone, Debug)]
struct Wanted {
    name: String,
    arguments: Option<Value>,
}

impl ToolCallRule {
    pub(super) fn parse(options: &mut Options<'_>) -> Result<Self, String> {
        let tool = options.text("tool")?;
        let arguments = options.value("arguments").cloned();
        if arguments.as_ref().is_some_and(|arguments| !arguments.is_object()) {
            return Err("scorer `tool_call`: `arguments` must be an object".to_owned());
        }
        let wanted = match (tool, arguments) {
            (Some(tool), arguments) => Some(vec![Wanted { name: tool.to_owned(), arguments }]),
            (None, Some(_)) => {
                return Err("scorer `tool_call`: `arguments` need `tool`, the tool's name".to_owned());
            }
            (None, None) => None,
        };
        Ok(Self { wanted, ordered: options.flag("ordered")?.unwrap_or(false) })
    }

    pub(super) fn fits(&self, expected: Option<&Value>) -> Result<(), String> {
        if self.wanted.is_some() {
            return Ok(());
        }
        wanted(expected).map(|_| ())
    }

    pub(super) fn look(&self, subject: &Subject<'_>) -> Result<Verdict, String> {
        let wanted = match &self.wanted {
            Some(wanted) => wanted.clone(),
            None => wanted(subject.case.expected.as_ref())?,
        };
        let calls = subject.response.choices.first().map_or(&[][..], |choice| &choice.tool_calls);
        let mut left: Vec<&ToolCall> = calls.iter().collect();
        let mut missing = None;
        let mut matched = 0_u32;
        for wanted in &wanted {
            let place = if self.ordered {
                left.first().filter(|call| wanted.is(call)).map(|_| 0)
            } else {
                left.iter().position(|call| wanted.is(call))
            };
            match place {
                Some(at) => {
                    left.remove(at);
                    matched += 1;
                }
                None => missing = missing.or(Some(wanted)),
            }
        }
        let total = u32::try_from(wanted.len() + calls.len()).unwrap_or(u32::MAX);
        let f1 = if total == 0 { 1.0 } else { f64::from(2 * matched) / f64::from(total) };
        Ok(match (missing, left.first()) {
            (None, None) => Verdict::new(true, f1, "the tools are called as expected"),
            (Some(wanted), _) => Verdict::new(false, f1, wanted.why_missing(calls, self.ordered)),
            (None, Some(call)) => {
                Verdict::new(false, f1, format!("`{}` is called beyond what is expected", call.name))
            }
        })
    }
}

impl Wanted {
    fn is(&self, call: &ToolCall) -> bool {
        call.name == self.name
            && self
                .arguments
                .as_ref()
                .is_none_or(|wanted| arguments(call).is_some_and(|found| same(wanted, &found, true)))
    }

    fn why_missing(&self, calls: &[ToolCall], ordered: bool) -> String {
        if ordered && calls.iter().any(|call| self.is(call)) {
            return format!("`{}` is called out of order", self.name);
        }
        if calls.is_empty() {
            return format!("no tool is called, `{}` was expected", self.name);
        }
        let namesake = calls.iter().find(|call| call.name == self.name);
        match (namesake, &self.arguments) {
            (Some(call), Some(wanted)) => {
                let found = super::text::quote(&call.arguments);
                format!(
                    "`{}` is called with {found}, not {}",
                    self.name,
                    super::text::quote(&wanted.to_string())
                )
            }
            _ => format!("`{}` is called, not `{}`", calls[0].name, self.name),
        }
    }
}

/// A call's arguments as JSON; no text at all stands for no arguments.
pub(crate) fn arguments(call: &ToolCall) -> Option<Value> {
    let text = if call.arguments.trim().is_empty() { "{}" } else { &call.arguments };
    serde_json::from_str(text).ok()
}

/// The calls of a row's `expected`: `{name, arguments}` or a list; an empty list expects none.
fn wanted(expected: Option<&Value>) -> Result<Vec<Wanted>, String> {
    const FORM: &str = "needs `{\"name\": …, \"arguments\": {…}}` or a list of such in the row's `expected`, or its own `tool`";
    let of_one = |value: &Value| {
        let value = value.get("function").unwrap_or(value);
        let arguments = match value.get("arguments") {
            Some(Value::String(text)) => Some(serde_json::from_str(text).map_err(|_| FORM.to_owned())?),
            other => other.cloned(),
        };
        let name = value.get("name").and_then(Value::as_str).ok_or(FORM)?.to_owned();
        match arguments {
            Some(Value::Object(_)) | None => Ok(Wanted { name, arguments }),
            Some(_) => Err(FORM.to_owned()),
        }
    };
    match expected {
        Some(Value::Array(items)) => items.iter().map(of_one).collect(),
        Some(value @ Value::Object(_)) => Ok(vec![of_one(value)?]),
        Some(Value::String(name)) => Ok(vec![Wanted { name: name.clone(), arguments: None }]),
        _ => Err(FORM.to_owned()),
    }
}
