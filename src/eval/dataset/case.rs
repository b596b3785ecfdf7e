//! A row of a dataset, ready to be asked and scored.

use std::sync::Arc;

use serde_json::Value;

use crate::eval::schema::Schema;
use crate::eval::scorer::Scorer;
use crate::model::{Message, Object, Part, Request, Role};

/// One row: what to ask, and how to tell whether the answer is right.
#[derive(Clone, Debug)]
pub struct Case {
    /// The row's place over all files, from zero.
    pub item: u64,
    /// The row's `id`; without one, its file and line (`tickets.jsonl:17`).
    pub id: String,
    /// Whether the row has that id of its own.
    pub is_own_id: bool,
    /// What to ask. Sampling parameters other than the row's `max_tokens` are the candidate's to add.
    pub request: Request,
    /// What is expected, as written.
    pub expected: Option<Value>,
    /// The row's scorers, else the defaults of the run, else those its `expected` suggests.
    pub scorers: Arc<[Scorer]>,
    /// The row's schema, which the answer must meet.
    pub schema: Option<Arc<Schema>>,
    /// The argument schemas of the request's tools, in their order; absent for tools that are no functions.
    pub tool_schemas: Vec<Option<Arc<Schema>>>,
    /// Fields for templates and programs: `vars` and every column that has no meaning of its own.
    pub vars: Object,
    /// Labels to slice results by.
    pub tags: Vec<String>,
    /// The class of request, for routing.
    pub class: Option<String>,
    /// What the row belongs together with, for clustered errors.
    pub cluster: Option<String>,
    /// The file, as the user named it.
    pub file: Arc<str>,
    /// The line it begins on, from one.
    pub line: u64,
}

impl Case {
    /// Whether declining is the right answer: the row has a `refusal` scorer that is not negated.
    pub fn expects_refusal(&self) -> bool {
        self.scorers.iter().any(Scorer::expects_refusal)
    }

    /// The conversation as people read it: the message alone, or every message with its role when there are
    /// several. Pictures are named, not shown.
    pub fn prompt_text(&self) -> String {
        if let [only] = self.request.messages.as_slice() {
            return said(&only.parts);
        }
        let line = |message: &Message| format!("{}: {}", speaker(message.role), said(&message.parts));
        self.request.messages.iter().map(line).collect::<Vec<_>>().join("\n\n")
    }
}

fn speaker(role: Role) -> &'static str {
    match role {
        Role::System => "system",
        Role::Developer => "developer",
        Role::User => "user",
        Role::Assistant => "assistant",
        Role::Tool => "tool",
    }
}

fn said(parts: &[Part]) -> String {
    let text = |part: &Part| match part {
        Part::Text(text) => Some(text.clone()),
        Part::Image(_) => Some("[image]".to_owned()),
        Part::ToolCall(call) => Some(format!("[calls {} with {}]", call.name, call.arguments)),
        Part::ToolResult(result) => Some(said(&result.parts)),
        Part::Thinking(_) => None,
        Part::Opaque { value, .. } => {
            Some(format!("[{}]", value.get("type").and_then(Value::as_str).unwrap_or("part")))
        }
    };
    parts.iter().filter_map(text).collect::<Vec<_>>().join("\n")
}
