//! A row of a dataset, ready to be asked and scored.

use std::sync::Arc;

use serde_json::Value;

use crate::eval::schema::Schema;
use crate::eval::scorer::Scorer;
use crate::model::{Object, Request};

/// One row: what to ask, and how to tell whether the answer is right.
#[derive(Clone, Debug)]
pub struct Case {
    /// The row's place over all files, from zero.
    pub item: u64,
    /// The row's `id`; without one, its file and line (`tickets.jsonl:17`).
    pub id: String,
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
}
