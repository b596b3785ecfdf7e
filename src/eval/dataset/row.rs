//! A row's fields become a case.

use std::sync::Arc;

use serde_json::Value;

use super::Case;
use super::cache::Cache;
use super::chat;
use super::programs::Programs;
use super::template::Compiled;
use crate::eval::problem::closest;
use crate::eval::schema::Schema;
use crate::eval::scorer::{RowFacts, Scorer};
use crate::model::{Message, Object, Part, Request, Role, Shape, Tool};

/// The fields a row may have; every other one becomes a variable, unless it looks like one of these.
pub(super) const KNOWN: [&str; 17] = [
    "prompt",
    "messages",
    "input",
    "id",
    "system",
    "expected",
    "ideal",
    "schema",
    "tools",
    "tool_choice",
    "scorers",
    "vars",
    "tags",
    "class",
    "cluster",
    "group",
    "max_tokens",
];

/// The fields that say what to ask.
pub(super) const PROMPT_KEYS: [&str; 3] = ["prompt", "messages", "input"];

/// What rows need besides themselves to become cases.
#[derive(Debug)]
pub(super) struct Recipe {
    pub(super) template: Option<Compiled>,
    pub(super) default_scorers: Arc<[Scorer]>,
    pub(super) system: Option<String>,
    pub(super) schemas: Cache<Schema>,
    pub(super) scorers: Cache<[Scorer]>,
    pub(super) programs: Option<Programs>,
}

/// Where a row stands.
pub(super) struct Seat<'a> {
    pub(super) item: u64,
    pub(super) file: &'a Arc<str>,
    /// The file's name as it appears in the ids of rows that have none.
    pub(super) short: &'a str,
    pub(super) line: u64,
}

impl Recipe {
    /// Turns a row into a case; the error says what is wrong and what to write instead.
    pub(super) fn case(&self, mut fields: Object, seat: &Seat<'_>) -> Result<Case, String> {
        let id = id_of(&fields)?;
        let mut vars = variables(&mut fields)?;
        let expected = expected(&fields)?;
        let tools = known(&fields, "tools").map_or(Ok(Vec::new()), chat::tools)?;
        let tool_schemas = self.tool_schemas(&tools)?;
        let schema = known(&fields, "schema").map(|schema| self.schema(schema)).transpose()?;
        let messages = self.messages(&fields, &mut vars)?;
        let row = RowFacts {
            expected: expected.as_ref(),
            has_schema: schema.is_some(),
            has_tools: !tools.is_empty(),
        };
        let scorers = self.scorers_of(known(&fields, "scorers"), &row)?;
        let mut request = Request { messages, tools, ..Request::default() };
        request.tool_choice = known(&fields, "tool_choice").map(chat::tool_choice).transpose()?;
        if let Some(schema) = known(&fields, "schema") {
            request.shape = Shape::Schema { name: "answer".to_owned(), schema: schema.clone(), strict: None };
        }
        request.params.max_tokens = known(&fields, "max_tokens")
            .map(|value| {
                value.as_u64().filter(|n| *n > 0).ok_or("`max_tokens` must be a whole number above zero")
            })
            .transpose()?;
        Ok(Case {
            item: seat.item,
            is_own_id: id.is_some(),
            id: id.unwrap_or_else(|| format!("{}:{}", seat.short, seat.line)),
            request,
            expected,
            scorers,
            schema,
            tool_schemas,
            vars,
            tags: tags(&fields)?,
            class: text(&fields, "class")?,
            cluster: cluster(&fields)?,
            file: Arc::clone(seat.file),
            line: seat.line,
        })
    }

    fn schema(&self, schema: &Value) -> Result<Arc<Schema>, String> {
        self.schemas
            .get(schema, |schema| Schema::compile(schema).map(Arc::new))
            .map_err(|cause| format!("`schema` {cause}"))
    }

    fn tool_schemas(&self, tools: &[Tool]) -> Result<Vec<Option<Arc<Schema>>>, String> {
        let compile = |tool: &Tool| {
            if tool.name.is_empty() {
                return Ok(None);
            }
            let compiled = self.schemas.get(&tool.parameters, |schema| Schema::compile(schema).map(Arc::new));
            compiled.map(Some).map_err(|cause| format!("`parameters` of the tool `{}` {cause}", tool.name))
        };
        tools.iter().map(compile).collect()
    }

    fn scorers_of(&self, written: Option<&Value>, row: &RowFacts<'_>) -> Result<Arc<[Scorer]>, String> {
        let scorers = match written {
            Some(Value::Array(items)) if items.is_empty() => {
                return Err("`scorers` is an empty list; leave it out".to_owned());
            }
            Some(written) => self.scorers.get(written, |written| {
                let scorers = Scorer::parse_list(written)?;
                let programs = self.programs.as_ref();
                programs.map_or(Ok(()), |programs| scorers.iter().try_for_each(|one| programs.check(one)))?;
                Ok(scorers)
            })?,
            None if !self.default_scorers.is_empty() => Arc::clone(&self.default_scorers),
            None => return Ok(Scorer::suggested(row).into()),
        };
        scorers.iter().try_for_each(|scorer| scorer.fits(row))?;
        Ok(scorers)
    }

    /// The conversation: the row's, with the template's text in place of the prompt and the system message
    /// in front.
    fn messages(&self, fields: &Object, vars: &mut Object) -> Result<Vec<Message>, String> {
        let mut messages = conversation(fields, self.template.is_some())?;
        if let Some(template) = &self.template {
            let rendered = template.render(&context(fields, vars, &messages))?;
            set_prompt(&mut messages, rendered);
        }
        if messages.iter().all(|message| message.parts.iter().all(is_blank)) {
            return Err("the prompt is empty".to_owned());
        }
        let has_system =
            messages.iter().any(|message| matches!(message.role, Role::System | Role::Developer));
        let own = text(fields, "system")?;
        match (own, &self.system) {
            (Some(_), _) if has_system => {
                return Err("has both `system` and a system message; keep one".to_owned());
            }
            (Some(system), _) => messages.insert(0, Message::text(Role::System, system)),
            (None, Some(system)) if !has_system => {
                messages.insert(0, Message::text(Role::System, system.as_str()));
            }
            (None, _) => {}
        }
        Ok(messages)
    }
}

fn is_blank(part: &Part) -> bool {
    matches!(part, Part::Text(text) if text.trim().is_empty())
}

/// A field that is there and not null.
fn known<'a>(fields: &'a Object, name: &str) -> Option<&'a Value> {
    fields.get(name).filter(|value| !value.is_null())
}

fn text(fields: &Object, name: &str) -> Result<Option<String>, String> {
    match known(fields, name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(other) => Err(format!("`{name}` must be a string, not {other}")),
    }
}

/// The row's `id` as text; numbers count as their text.
pub(super) fn id_of(fields: &Object) -> Result<Option<String>, String> {
    match known(fields, "id") {
        None => Ok(None),
        Some(Value::String(id)) if !id.is_empty() => Ok(Some(id.clone())),
        Some(Value::Number(id)) => Ok(Some(id.to_string())),
        Some(other) => Err(format!("`id` must be a string that is not empty, or a number, not {other}")),
    }
}

/// Takes out the variables: those of `vars`, and every field without a meaning of its own. A field that
/// looks like a slip of the pen is an error: it would otherwise be ignored in silence.
fn variables(fields: &mut Object) -> Result<Object, String> {
    let mut vars = match fields.shift_remove("vars") {
        None | Some(Value::Null) => Object::new(),
        Some(Value::Object(vars)) => vars,
        Some(other) => return Err(format!("`vars` must be an object, not {other}")),
    };
    let unknown: Vec<String> =
        fields.keys().filter(|name| !KNOWN.contains(&name.as_str())).cloned().collect();
    for name in unknown {
        if let Some(meant) = closest(&name, &KNOWN) {
            return Err(format!(
                "there is no field `{name}`; did you mean `{meant}`? If it is a variable, put it under `vars`"
            ));
        }
        let value = fields.shift_remove(&name).unwrap_or_default();
        if !vars.contains_key(&name) {
            vars.insert(name, value);
        }
    }
    Ok(vars)
}

fn expected(fields: &Object) -> Result<Option<Value>, String> {
    match (known(fields, "expected"), known(fields, "ideal")) {
        (Some(_), Some(_)) => Err("has both `expected` and `ideal`; keep one".to_owned()),
        (Some(expected), None) => Ok(Some(expected.clone())),
        (None, Some(ideal @ (Value::String(_) | Value::Array(_)))) => Ok(Some(ideal.clone())),
        (None, Some(other)) => Err(format!("`ideal` must be a string or a list of strings, not {other}")),
        (None, None) => Ok(None),
    }
}

/// The conversation as the row has it: one of `prompt`, `messages` and `input`.
fn conversation(fields: &Object, has_template: bool) -> Result<Vec<Message>, String> {
    let found: Vec<&str> = PROMPT_KEYS.into_iter().filter(|name| known(fields, name).is_some()).collect();
    let name = match found.as_slice() {
        [name] => *name,
        [] if has_template => return Ok(Vec::new()),
        [] => {
            return Err(
                "has no `prompt`, `messages` or `input`; add one, or build the prompt with a template"
                    .to_owned(),
            );
        }
        several => return Err(format!("has `{}`; keep one", several.join("` and `"))),
    };
    match (&fields[name], name) {
        (Value::String(prompt), "prompt" | "input") => Ok(vec![Message::text(Role::User, prompt.as_str())]),
        (value @ Value::Array(_), "messages" | "input") => {
            chat::messages(value).map_err(|cause| format!("`{name}`: {cause}"))
        }
        (_, "prompt") => Err("`prompt` must be a string; a conversation goes under `messages`".to_owned()),
        (_, _) => Err(format!("`{name}` must be a list of messages with `role` and `content`")),
    }
}

/// What a template sees: the row's fields, its variables, and as `prompt` the user's last text.
fn context(fields: &Object, vars: &Object, messages: &[Message]) -> Object {
    let mut context = fields.clone();
    context.extend(vars.clone());
    context.insert("vars".to_owned(), Value::Object(vars.clone()));
    let last = messages.iter().rev().find(|message| message.role == Role::User);
    let prompt = last.and_then(|message| {
        message.parts.iter().find_map(|part| match part {
            Part::Text(text) => Some(text.as_str()),
            _ => None,
        })
    });
    if let Some(prompt) = prompt {
        context.insert("prompt".to_owned(), prompt.into());
    }
    context
}

/// Puts a text in place of the user's last one; pictures beside it stay.
fn set_prompt(messages: &mut Vec<Message>, prompt: String) {
    let last = messages.iter_mut().rev().find(|message| message.role == Role::User);
    match last {
        None => messages.push(Message::text(Role::User, prompt)),
        Some(message) => {
            message.parts.retain(|part| !matches!(part, Part::Text(_)));
            message.parts.insert(0, Part::Text(prompt));
        }
    }
}

fn tags(fields: &Object) -> Result<Vec<String>, String> {
    let wrong = || "`tags` must be a list of strings".to_owned();
    match known(fields, "tags") {
        None => Ok(Vec::new()),
        Some(Value::String(tag)) => Ok(vec![tag.clone()]),
        Some(Value::Array(tags)) => {
            tags.iter().map(|tag| tag.as_str().map(str::to_owned).ok_or_else(wrong)).collect()
        }
        Some(_) => Err(wrong()),
    }
}

fn cluster(fields: &Object) -> Result<Option<String>, String> {
    let of = |name| match known(fields, name) {
        Some(Value::Number(number)) => Ok(Some(number.to_string())),
        _ => text(fields, name),
    };
    match (of("cluster")?, of("group")?) {
        (Some(_), Some(_)) => Err("has both `cluster` and `group`; keep one".to_owned()),
        (cluster, group) => Ok(cluster.or(group)),
    }
}
