//! Errors of all dialects and providers: from status, type, code and message to a class.
//!
//! The status alone misroutes: a bad key is 400 on Gemini and xAI, an empty account is 400 on Anthropic and
//! 429 on OpenAI, a request over a limit that waiting never cures is 429 on OpenAI and 413 on Groq.

mod facts;
mod rules;
#[cfg(test)]
mod tests;

use std::time::Duration;

use http::HeaderMap;
use serde_json::Value;

use self::facts::Facts;
use super::{DialectName, Head, Quirks, hint};
use crate::model::{Failure, FailureClass};

/// A wait from which a limit is no longer a matter of pace but of quota (Azure asks for a day).
const QUOTA_WAIT: Duration = Duration::from_hours(1);

/// Reads an answer that is not a success. Never fails: the unknown is classified by status.
pub fn classify(dialect: DialectName, head: Head<'_>, body: &[u8], quirks: &Quirks) -> Failure {
    let mut facts = facts::of_body(body);
    if let Some(kind) = head.headers.get("x-amzn-errortype").and_then(|value| value.to_str().ok()) {
        kind.split(':').next().unwrap_or(kind).clone_into(&mut facts.kind);
    }
    facts.status = Some(head.status);
    if facts.message.is_empty() {
        facts.message = without_message(head.status);
    }
    failure(dialect, facts, head.headers, quirks)
}

/// Reads an error that came inside a stream or a body that began as a success; the status is the error's
/// own, where it has one.
pub fn stream_error(dialect: DialectName, error: &Value, quirks: &Quirks) -> Failure {
    let mut facts = facts::of_json(error);
    if facts.message.is_empty() {
        "the provider broke off with an error and no message".clone_into(&mut facts.message);
    }
    failure(dialect, facts, &HeaderMap::new(), quirks)
}

/// As [`stream_error`], of an error that is JSON or plain text.
pub(super) fn stream_error_text(dialect: DialectName, error: &str, quirks: &Quirks) -> Failure {
    let error = serde_json::from_str(error).unwrap_or_else(|_| Value::String(error.to_owned()));
    stream_error(dialect, &error, quirks)
}

fn failure(dialect: DialectName, facts: Facts, headers: &HeaderMap, quirks: &Quirks) -> Failure {
    let retry_after = hint::read(headers, &facts.message, &facts.json);
    let class = rules::class(dialect, &facts, quirks);
    let class = reconsidered(class, retry_after, headers);
    // The rate-limit headers are on every answer: they tell when to return only where pace was the trouble.
    let retry_after = match class {
        FailureClass::RateLimited => retry_after.or_else(|| hint::reset(headers)),
        _ => retry_after,
    };
    let code = facts.name();
    let mut failure = Failure::new(class, facts.message);
    failure.status = facts.status;
    failure.code = code;
    failure.param = facts.param;
    failure.retry_after = retry_after;
    failure
}

/// What the wait and `x-should-retry` (Anthropic, OpenAI) add to the class: their word on whether the same
/// request can succeed later.
fn reconsidered(class: FailureClass, retry_after: Option<Duration>, headers: &HeaderMap) -> FailureClass {
    let says = |word: &str| headers.get("x-should-retry").is_some_and(|value| value == word);
    match class {
        FailureClass::RateLimited if says("false") => FailureClass::Quota,
        FailureClass::RateLimited if retry_after.is_some_and(|wait| wait >= QUOTA_WAIT) => {
            FailureClass::Quota
        }
        FailureClass::BadRequest if says("true") => FailureClass::Server,
        _ => class,
    }
}

fn without_message(status: u16) -> String {
    let reason = http::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
    match reason {
        Some(reason) => format!("the provider answered {status} {reason} without a message"),
        None => format!("the provider answered {status} without a message"),
    }
}
