//! Faults, asked for by name: the model `fault/reset` breaks the connection within its answer.

use std::time::Duration;

use super::refuse::{Refused, RetryHint, Why};

/// What goes wrong.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fault {
    /// The request is refused.
    Refuse(Refused),
    /// The answer is right but delivered wrongly.
    Deliver(Delivery),
    /// The answer is something else.
    Instead(Instead),
    /// The stream breaks off with an error event.
    ErrorEvent,
    /// The text holds bytes that are no UTF-8.
    InvalidUtf8,
}

/// How the bytes of an answer reach the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Delivery {
    /// As they should.
    Plain,
    /// In HTTP chunks of so many bytes, which split characters, lines and events.
    Chunks(usize),
    /// The head at once, the body after the fault delay.
    SlowFirstToken,
    /// Half, and then silence until the client leaves.
    Stall,
    /// Half, and then a TCP reset.
    Reset,
    /// Half, and then the connection closes without the last HTTP chunk.
    Cut,
    /// The content without the events that say it is complete, in good HTTP order.
    Truncated,
    /// A content length that the body does not reach before the connection closes.
    ShortBody,
    /// The connection closes without an answer.
    Close,
    /// Compressed.
    Gzip,
    /// Said to be compressed, but not.
    BadGzip,
}

/// What is sent in place of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Instead {
    /// A proxy's HTML page.
    Html,
    /// A success without a body.
    Empty,
    /// A success that has no body.
    NoContent,
    /// A redirect to another path of the mock.
    Redirect,
    /// A body without end in sight.
    Huge,
    /// Bytes that are no HTTP.
    NotHttp,
}

/// What refusals ask to wait.
const WAIT: Duration = Duration::from_millis(250);

const fn limited(hint: RetryHint) -> Fault {
    Fault::Refuse(Refused { status: 429, why: Why::RateLimited, hint, wait: WAIT })
}

const fn refuse(status: u16, why: Why) -> Fault {
    Fault::Refuse(Refused::new(status, why))
}

/// Every fault by the name that follows `fault/`.
const TABLE: [(&str, Fault); 37] = [
    ("chunks-1", Fault::Deliver(Delivery::Chunks(1))),
    ("chunks-3", Fault::Deliver(Delivery::Chunks(3))),
    ("chunks-7", Fault::Deliver(Delivery::Chunks(7))),
    ("slow-first-token", Fault::Deliver(Delivery::SlowFirstToken)),
    ("stall", Fault::Deliver(Delivery::Stall)),
    ("reset", Fault::Deliver(Delivery::Reset)),
    ("cut", Fault::Deliver(Delivery::Cut)),
    ("truncated", Fault::Deliver(Delivery::Truncated)),
    ("short-body", Fault::Deliver(Delivery::ShortBody)),
    ("close", Fault::Deliver(Delivery::Close)),
    ("gzip", Fault::Deliver(Delivery::Gzip)),
    ("bad-gzip", Fault::Deliver(Delivery::BadGzip)),
    ("html-502", Fault::Instead(Instead::Html)),
    ("empty", Fault::Instead(Instead::Empty)),
    ("204", Fault::Instead(Instead::NoContent)),
    ("redirect", Fault::Instead(Instead::Redirect)),
    ("huge", Fault::Instead(Instead::Huge)),
    ("not-http", Fault::Instead(Instead::NotHttp)),
    ("invalid-utf8", Fault::InvalidUtf8),
    ("error-event", Fault::ErrorEvent),
    ("429", limited(RetryHint::None)),
    ("429-seconds", limited(RetryHint::Seconds)),
    ("429-ms", limited(RetryHint::Millis)),
    ("429-date", limited(RetryHint::Date)),
    ("429-reset", limited(RetryHint::Reset)),
    ("429-message", limited(RetryHint::Message)),
    ("429-retryinfo", limited(RetryHint::RetryInfo)),
    ("429-garbage", limited(RetryHint::Garbage)),
    ("quota", refuse(429, Why::Quota)),
    ("400", refuse(400, Why::BadRequest)),
    ("400-context", refuse(400, Why::Context)),
    ("401", refuse(401, Why::Auth)),
    ("403", refuse(403, Why::Auth)),
    ("404", refuse(404, Why::ModelMissing)),
    ("500", refuse(500, Why::Server)),
    ("503", refuse(503, Why::Overloaded)),
    ("529", refuse(529, Why::Overloaded)),
];

/// The fault that a model's name asks for. An unknown one is a model that does not exist.
pub(super) fn fault(model: &str) -> Option<Fault> {
    let name = model.strip_prefix("fault/")?;
    let known = TABLE.iter().find(|(known, _)| *known == name).map(|(_, fault)| *fault);
    Some(known.unwrap_or(refuse(404, Why::ModelMissing)))
}

/// The names of all faults, as models.
pub fn models() -> impl Iterator<Item = String> {
    TABLE.iter().map(|(name, _)| format!("fault/{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_models_and_other_models_are_not() {
        assert!(fault("gpt-4o").is_none());
        assert!(models().all(|model| fault(&model).is_some()));
        let names: std::collections::BTreeSet<_> = models().collect();
        assert_eq!(names.len(), TABLE.len());
        assert!(matches!(fault("fault/nonsense"), Some(Fault::Refuse(refused)) if refused.status == 404));
    }
}
