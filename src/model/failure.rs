//! What went wrong: a closed set of classes for handling, a message for people.

use std::fmt;
use std::time::Duration;

/// What to branch on. Closed and fieldless; stored by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FailureClass {
    /// No connection: name, network, TLS.
    Connect,
    /// No answer in time.
    Timeout,
    /// Connected, but no first token in time.
    FirstToken,
    /// The stream began and then went silent.
    Stalled,
    /// The stream ended without its terminal event.
    Truncated,
    /// Too many requests or tokens for now; waiting helps.
    RateLimited,
    /// The account's money or quota is gone; waiting a little does not help.
    Quota,
    /// The provider has no capacity: 503, 529.
    Overloaded,
    /// Another failure inside the provider: other 5xx.
    Server,
    /// The key is missing, wrong or expired.
    Auth,
    /// The key or region may not do this.
    Forbidden,
    /// The model does not exist, or no longer.
    ModelMissing,
    /// The prompt is longer than the context window.
    Context,
    /// Over a size or per-minute limit that waiting never cures.
    TooLarge,
    /// The prompt breaks the provider's content policy.
    Policy,
    /// A parameter or feature this model does not have.
    Unsupported,
    /// Any other request the provider refuses.
    BadRequest,
    /// The answer cannot be decoded.
    Malformed,
    /// The answer decodes but fails its schema or check.
    Invalid,
    /// Not sent: the money is spent or cannot be known.
    Budget,
    /// Nobody is waiting any more.
    Cancelled,
}

impl FailureClass {
    /// Every class, in the order of the documentation.
    pub const ALL: [Self; 21] = [
        Self::Connect,
        Self::Timeout,
        Self::FirstToken,
        Self::Stalled,
        Self::Truncated,
        Self::RateLimited,
        Self::Quota,
        Self::Overloaded,
        Self::Server,
        Self::Auth,
        Self::Forbidden,
        Self::ModelMissing,
        Self::Context,
        Self::TooLarge,
        Self::Policy,
        Self::Unsupported,
        Self::BadRequest,
        Self::Malformed,
        Self::Invalid,
        Self::Budget,
        Self::Cancelled,
    ];

    /// The name in JSON, ledger and configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Timeout => "timeout",
            Self::FirstToken => "first_token",
            Self::Stalled => "stalled",
            Self::Truncated => "truncated",
            Self::RateLimited => "rate_limited",
            Self::Quota => "quota",
            Self::Overloaded => "overloaded",
            Self::Server => "server",
            Self::Auth => "auth",
            Self::Forbidden => "forbidden",
            Self::ModelMissing => "model_missing",
            Self::Context => "context",
            Self::TooLarge => "too_large",
            Self::Policy => "policy",
            Self::Unsupported => "unsupported",
            Self::BadRequest => "bad_request",
            Self::Malformed => "malformed",
            Self::Invalid => "invalid",
            Self::Budget => "budget",
            Self::Cancelled => "cancelled",
        }
    }

    /// The class of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.name() == name)
    }

    /// What is done by default, in order; `orch.toml` may override it.
    pub const fn actions(self) -> &'static [Action] {
        use Action::{Cheaper, Degrade, Key, Larger, Peer, Repair, Retry, Stop, Tier, Wait};
        match self {
            Self::Connect | Self::Server | Self::Malformed => &[Retry, Peer, Tier],
            Self::Timeout | Self::FirstToken | Self::Stalled | Self::Truncated => &[Peer, Tier],
            Self::RateLimited => &[Wait, Key, Peer, Tier],
            Self::Quota | Self::Auth | Self::Forbidden => &[Key, Peer, Tier],
            Self::Overloaded | Self::ModelMissing => &[Peer, Tier],
            Self::Context => &[Larger, Stop],
            Self::TooLarge => &[Larger, Tier, Stop],
            Self::Unsupported => &[Repair, Tier, Stop],
            Self::Invalid => &[Repair, Peer, Tier],
            Self::Budget => &[Cheaper, Degrade, Stop],
            Self::Policy | Self::BadRequest | Self::Cancelled => &[Stop],
        }
    }
}

impl fmt::Display for FailureClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What can be done about a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// The same target again, after a backoff.
    Retry,
    /// The same target again, when it said.
    Wait,
    /// The same provider with another key.
    Key,
    /// Another target of the same tier.
    Peer,
    /// The next tier.
    Tier,
    /// A target with a larger window.
    Larger,
    /// A cheaper target.
    Cheaper,
    /// The same target with the request or answer mended, once.
    Repair,
    /// The route's last resort.
    Degrade,
    /// Nothing.
    Stop,
}

impl Action {
    /// Every action.
    pub const ALL: [Self; 10] = [
        Self::Retry,
        Self::Wait,
        Self::Key,
        Self::Peer,
        Self::Tier,
        Self::Larger,
        Self::Cheaper,
        Self::Repair,
        Self::Degrade,
        Self::Stop,
    ];

    /// The name in JSON, ledger and configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Wait => "wait",
            Self::Key => "key",
            Self::Peer => "peer",
            Self::Tier => "tier",
            Self::Larger => "larger",
            Self::Cheaper => "cheaper",
            Self::Repair => "repair",
            Self::Degrade => "degrade",
            Self::Stop => "stop",
        }
    }
}

/// One failure, as a value. Displaying it gives the class, status and message; a message may hold a
/// provider's words, so terminals show it through `Untrusted`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// For handling.
    pub class: FailureClass,
    /// For people: the provider's own words where there are any, clipped to 2,000 characters.
    pub message: String,
    /// The HTTP status, or the status a stream's error event carries.
    pub status: Option<u16>,
    /// The provider's own code or type.
    pub code: Option<String>,
    /// The parameter the provider complains about.
    pub param: Option<String>,
    /// How long the provider asks to wait.
    pub retry_after: Option<Duration>,
}

impl Failure {
    /// A failure with a message and nothing else.
    pub fn new(class: FailureClass, message: impl Into<String>) -> Self {
        let message = crate::base::untrusted::clip(&message.into(), 2_000);
        Self { class, message, status: None, code: None, param: None, retry_after: None }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.class)?;
        if let Some(status) = self.status {
            write!(f, " (HTTP {status})")?;
        }
        write!(f, ": {}", self.message)
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_has_its_own_name_and_ends_somewhere() {
        for (i, class) in FailureClass::ALL.into_iter().enumerate() {
            assert_eq!(FailureClass::from_name(class.name()), Some(class));
            assert_eq!(class as usize, i, "ALL is in declaration order");
            assert!(!class.actions().is_empty());
        }
    }
}
