//! The answer key of simulated models: what is expected of the prompts that are under way. Real providers
//! never see it.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;

use super::dataset::Case;
use crate::model::{Part, Role};

/// Prompts and their expected answers while they are asked; as many as calls are under way.
#[derive(Debug, Default)]
pub struct AnswerKey {
    expected: Mutex<BTreeMap<String, (String, u32)>>,
}

/// Keeps a prompt in the key until it is dropped.
#[derive(Debug)]
pub(super) struct Held<'a> {
    key: &'a AnswerKey,
    prompt: String,
}

impl AnswerKey {
    /// What is expected of a prompt.
    pub fn look_up(&self, prompt: &str) -> Option<String> {
        self.lock().get(prompt).map(|(answer, _)| answer.clone())
    }

    /// Enters a row; nothing when it expects nothing.
    pub(super) fn hold(&self, case: &Case) -> Option<Held<'_>> {
        let answer = match case.expected.as_ref()? {
            Value::String(text) => text.clone(),
            Value::Array(any) if any.iter().all(Value::is_string) => any.first()?.as_str()?.to_owned(),
            other => other.to_string(),
        };
        let prompt = last_user_text(case)?;
        self.lock().entry(prompt.clone()).or_insert((answer, 0)).1 += 1;
        Some(Held { key: self, prompt })
    }

    /// A panic elsewhere cannot leave the map half changed.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, (String, u32)>> {
        self.expected.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        let mut expected = self.key.lock();
        if let Some((_, holders)) = expected.get_mut(&self.prompt) {
            *holders -= 1;
            if *holders == 0 {
                expected.remove(&self.prompt);
            }
        }
    }
}

fn last_user_text(case: &Case) -> Option<String> {
    let message = case.request.messages.iter().rev().find(|message| message.role == Role::User)?;
    let texts = message.parts.iter().filter_map(|part| match part {
        Part::Text(text) => Some(text.as_str()),
        _ => None,
    });
    Some(texts.collect())
}
