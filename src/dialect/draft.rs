//! A request being written, in any dialect, and the record of what was left out. The rules are the same for all:
//!
//! - What is modelled is said by us and stays; an unmodelled field of the same name is left out with a note.
//! - Unmodelled fields go to the dialect they were written in, and to any when they name none; to others they are
//!   left out with a note.
//! - What only says *how* to answer (parameters, fields, reasoning of another provider) may be left out, with a
//!   note. What changes *what is asked* (a foreign part of the question, a tool on a provider's server) is refused
//!   as unsupported, by its name.

use http::HeaderValue;
use serde_json::Value;

use super::field::is_instruction;
use super::{Call, DialectName, Encoded, endpoint, json_headers};
use crate::model::request::{Message, Params, Part, Request, Role, Tool, ToolCall, ToolResult};
use crate::model::{Failure, FailureClass, Object};

/// What the unmodelled fields of a message are called in notes.
pub(super) const MESSAGE: &str = "message field";

/// A request being written in one dialect.
pub(super) struct Draft<'a> {
    dialect: DialectName,
    request: &'a Request,
    dropped: Vec<String>,
    /// The body so far.
    pub(super) body: Object,
}

/// A header's name and value.
pub(super) type Header = (&'static str, &'static str);

/// Consecutive messages of one role.
struct Turn {
    role: &'static str,
    parts: Vec<Value>,
    extra: Object,
}

/// The failure of a request that cannot be said without changing what is asked.
pub(super) fn unsupported(what: &str, dialect: DialectName) -> Failure {
    Failure::new(FailureClass::Unsupported, format!("the {} dialect has no {what}", dialect.name()))
}

impl<'a> Draft<'a> {
    /// A request of which nothing is written yet. Several answers at once are refused here unless the
    /// dialect has them, because no dialect may answer with fewer in silence.
    pub(super) fn new(dialect: DialectName, request: &'a Request) -> Result<Self, Failure> {
        let many = request.params.n.is_some_and(|n| n > 1);
        if many && !matches!(dialect, DialectName::Gemini | DialectName::OpenAi) {
            return Err(unsupported("way to ask for several answers", dialect));
        }
        Ok(Self { dialect, request, dropped: Vec::new(), body: Object::new() })
    }

    /// The request.
    pub(super) fn request(&self) -> &'a Request {
        self.request
    }

    /// Notes that something was left out.
    pub(super) fn drop(&mut self, what: &str) {
        if !self.dropped.iter().any(|dropped| dropped == what) {
            self.dropped.push(what.to_owned());
        }
    }

    /// Notes that something was left out, if it was asked for.
    pub(super) fn drop_some<T>(&mut self, what: &str, asked: Option<&T>) {
        if asked.is_some() {
            self.drop(what);
        }
    }

    /// Notes the parameters that most of these dialects lack.
    pub(super) fn drop_params(&mut self, names: &[&str]) {
        let Params { seed, frequency_penalty, presence_penalty, user, parallel_tool_calls, .. } =
            &self.request.params;
        let asked = [
            ("seed", seed.is_some()),
            ("frequency_penalty", frequency_penalty.is_some()),
            ("presence_penalty", presence_penalty.is_some()),
            ("user", user.is_some()),
            // Several calls at once are what every dialect allows by default.
            ("parallel_tool_calls", *parallel_tool_calls == Some(false)),
        ];
        for (name, is_asked) in asked {
            if is_asked && names.contains(&name) {
                self.drop(name);
            }
        }
    }

    /// A part of another dialect, or of this one. Foreign parts of an answer are history and are left out;
    /// foreign parts of a question are the question, which cannot be asked without them.
    pub(super) fn opaque(&mut self, role: Role, of: &str, value: &Value) -> Result<Option<Value>, Failure> {
        if of == self.dialect.name() {
            return Ok(Some(value.clone()));
        }
        if role != Role::Assistant {
            let kind = value.get("type").and_then(Value::as_str).unwrap_or("unknown");
            return Err(unsupported(&format!("part for the {of} dialect's {kind:?}"), self.dialect));
        }
        self.drop(&format!("{of} part"));
        Ok(None)
    }

    /// Whether unmodelled fields were written in this dialect, or in none in particular.
    fn is_native(&self) -> bool {
        let written_in = &self.request.extra.dialect;
        written_in.is_empty() || written_in == self.dialect.name()
    }

    /// Adds unmodelled fields, called `what` in notes, to what is written of a thing.
    pub(super) fn own(&mut self, what: &str, extra: &Object, into: &mut Object) {
        if self.is_native() {
            self.add(&format!("{what} "), extra, into);
        } else {
            self.drop_fields(what, extra);
        }
    }

    /// Adds fields of this dialect, also within objects that both have. What we wrote stays.
    fn add(&mut self, prefix: &str, extra: &Object, into: &mut Object) {
        for (key, value) in extra {
            match (into.get_mut(key), value) {
                (None, _) => {
                    into.insert(key.clone(), value.clone());
                }
                (Some(Value::Object(ours)), Value::Object(theirs)) => {
                    self.add(&format!("{prefix}{key}."), theirs, ours);
                }
                (Some(ours), theirs) if ours == theirs => {}
                (Some(_), _) => self.drop(&format!("{prefix}{key}")),
            }
        }
    }

    /// Notes fields that have no place.
    pub(super) fn drop_fields(&mut self, what: &str, extra: &Object) {
        for key in extra.keys() {
            self.drop(&format!("{what} {key}"));
        }
    }

    /// A tool that only a provider's server knows: its fields when they are of this dialect.
    pub(super) fn server_tool(&self, tool: &Tool) -> Result<Value, Failure> {
        if self.is_native() {
            return Ok(Value::Object(tool.extra.clone()));
        }
        let kind = tool.extra.get("type").and_then(Value::as_str).unwrap_or("unknown");
        Err(unsupported(&format!("server tool {kind:?}"), self.dialect))
    }

    /// The arguments of a call as the object that most dialects want. What the model wrote may be no
    /// object; then it is kept as text under `arguments`.
    pub(super) fn arguments(&mut self, call: &ToolCall) -> Value {
        match serde_json::from_str(&call.arguments) {
            Ok(Value::Object(object)) => Value::Object(object),
            _ if call.arguments.trim().is_empty() => Value::Object(Object::new()),
            _ => {
                self.drop("form of tool arguments that are no object");
                serde_json::json!({ "arguments": call.arguments })
            }
        }
    }

    /// The name of the tool a result is of; found by the call it answers where the result does not say.
    pub(super) fn tool_name(&self, result: &ToolResult) -> String {
        if !result.name.is_empty() {
            return result.name.clone();
        }
        let calls = self.request.messages.iter().flat_map(|message| &message.parts);
        let mut calls =
            calls.filter_map(|part| if let Part::ToolCall(call) = part { Some(call) } else { None });
        calls.find(|call| call.id == result.id).map_or_else(String::new, |call| call.name.clone())
    }

    /// The instructions, taken out of the conversation, for the dialects that hold them apart.
    pub(super) fn system(
        &mut self,
        mut write: impl FnMut(&mut Self, Role, &Part) -> Result<Option<Value>, Failure>,
    ) -> Result<Vec<Value>, Failure> {
        let (mut out, mut began) = (Vec::new(), false);
        for message in &self.request.messages {
            if !is_instruction(message.role) {
                began = true;
                continue;
            }
            if began {
                self.drop("place of a later system message");
            }
            for part in &message.parts {
                out.extend(write(self, message.role, part)?);
            }
            match out.last_mut() {
                Some(Value::Object(last)) => self.own(MESSAGE, &message.extra, last),
                _ => self.drop_fields(MESSAGE, &message.extra),
            }
        }
        Ok(out)
    }

    /// The conversation without its instructions, consecutive messages of one role merged, as the dialects
    /// that demand alternation want it. `assistant` and `parts` are the dialect's words.
    pub(super) fn turns(
        &mut self,
        assistant: &'static str,
        parts: &str,
        write: impl FnMut(&mut Self, Role, &Part) -> Result<Option<Value>, Failure>,
    ) -> Result<Value, Failure> {
        let mut turns = Vec::new();
        for turn in self.merged(assistant, write)? {
            let mut out = Object::new();
            out.insert("role".to_owned(), turn.role.into());
            out.insert(parts.to_owned(), turn.parts.into());
            self.own(MESSAGE, &turn.extra, &mut out);
            turns.push(Value::Object(out));
        }
        Ok(turns.into())
    }

    fn merged(
        &mut self,
        assistant: &'static str,
        mut write: impl FnMut(&mut Self, Role, &Part) -> Result<Option<Value>, Failure>,
    ) -> Result<Vec<Turn>, Failure> {
        let mut turns: Vec<Turn> = Vec::new();
        for message in self.request.messages.iter().filter(|message| !is_instruction(message.role)) {
            let role = if message.role == Role::Assistant { assistant } else { "user" };
            let mut parts = Vec::new();
            for part in &message.parts {
                parts.extend(write(self, message.role, part)?);
            }
            // A message of nothing that can be said is not there, and its neighbours are one turn.
            if parts.is_empty() {
                self.drop_fields(MESSAGE, &message.extra);
                continue;
            }
            match turns.last_mut().filter(|turn| turn.role == role) {
                Some(turn) => {
                    turn.parts.extend(parts);
                    self.own(MESSAGE, &message.extra, &mut turn.extra);
                }
                None => turns.push(Turn { role, parts, extra: message.extra.clone() }),
            }
        }
        Ok(turns)
    }

    /// The conversation message by message, for the dialects that want no alternation; results of tools are
    /// messages of their own.
    pub(super) fn messages(
        &mut self,
        write: impl Fn(&mut Self, &Message, &mut Vec<Value>) -> Result<(), Failure>,
    ) -> Result<Value, Failure> {
        let mut out = Vec::new();
        for message in &self.request.messages {
            write(self, message, &mut out)?;
        }
        Ok(out.into())
    }

    /// Tools: functions, and those that the provider's server runs.
    pub(super) fn tools(
        &mut self,
        tools: impl IntoIterator<Item = &'a Tool>,
        function: impl Fn(&mut Self, &Tool) -> Value,
    ) -> Result<Vec<Value>, Failure> {
        let tools = tools.into_iter();
        tools
            .map(|tool| if tool.name.is_empty() { self.server_tool(tool) } else { Ok(function(self, tool)) })
            .collect()
    }

    /// The request in bytes, for an endpoint under the call's base address.
    pub(super) fn encoded(mut self, call: &Call<'_>, path: &str, own_headers: &[Header]) -> Encoded {
        let mut body = std::mem::take(&mut self.body);
        self.own("field", &self.request.extra.fields, &mut body);
        let mut headers = json_headers();
        for (name, value) in own_headers {
            headers.insert(*name, HeaderValue::from_static(value));
        }
        Encoded {
            url: endpoint(call.base_url, path),
            headers,
            body: Value::Object(body).to_string().into_bytes(),
            dropped: self.dropped,
        }
    }
}

#[cfg(test)]
pub(super) mod tests;
