//! What a provider's error means: its class, and its own words.

use std::time::Duration;

use serde_json::Value;

use super::{DialectName, Head, Quirks};
use crate::model::{Failure, FailureClass};

/// The failure of an answer that is not a success. Never fails: the unknown is classified by status.
pub fn classify(_dialect: DialectName, head: Head<'_>, body: &[u8], _quirks: &Quirks) -> Failure {
    let value = serde_json::from_slice(body).unwrap_or(Value::Null);
    let mut failure = Failure::new(of_status(head.status), message(&value));
    failure.status = Some(head.status);
    let after = head.headers.get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
    failure.retry_after = after.map(Duration::from_secs);
    failure
}

/// The failure that an error event within a stream, or an error in the body of a success, stands for.
pub fn stream_error(_dialect: DialectName, value: &Value, _quirks: &Quirks) -> Failure {
    let status = value.pointer("/error/code").or_else(|| value.pointer("/error/status_code"));
    let status = status.and_then(Value::as_u64).and_then(|status| u16::try_from(status).ok());
    let mut failure = Failure::new(status.map_or(FailureClass::Server, of_status), message(value));
    failure.status = status;
    failure
}

fn message(value: &Value) -> String {
    let message = value.pointer("/error/message").or_else(|| value.get("message"));
    message.and_then(Value::as_str).unwrap_or("the provider gave no message").to_owned()
}

fn of_status(status: u16) -> FailureClass {
    match status {
        401 => FailureClass::Auth,
        402 => FailureClass::Quota,
        403 => FailureClass::Forbidden,
        404 => FailureClass::ModelMissing,
        408 | 504 => FailureClass::Timeout,
        413 => FailureClass::TooLarge,
        429 => FailureClass::RateLimited,
        503 | 529 => FailureClass::Overloaded,
        500.. => FailureClass::Server,
        _ => FailureClass::BadRequest,
    }
}
