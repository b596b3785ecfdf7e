//! Floor 2: bytes. One object-safe seam, [`Transport`], behind which a provider is real, recorded or made
//! of arithmetic; neither engine nor dialect can tell. Credentials are added inside the HTTP transport,
//! below recording, so no recording can hold a key.

mod connecting;
pub mod http;
mod hush;
pub mod replay;
pub mod simulated;

use std::time::Duration;

use ::http::HeaderMap;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;

use crate::model::{Failure, FailureClass};

/// A request in bytes, without credentials.
#[derive(Clone, Debug)]
pub struct WireRequest {
    /// The provider's name in the configuration, by which the transport finds its credentials.
    pub provider: String,
    /// The whole address. Its origin comes from the configuration only.
    pub url: String,
    /// Headers besides the credentials. The method is always POST.
    pub headers: HeaderMap,
    /// The body: JSON.
    pub body: Bytes,
}

/// The head and the body of an answer, of any status.
pub struct WireResponse {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// How long the request waited for a connection: name, TCP and TLS where it opened one, zero where one
    /// was idle. Absent where that is not known or there are no connections.
    pub connect: Option<Duration>,
    /// The body, decompressed, in the chunks in which it arrived.
    pub body: BoxStream<'static, Result<Bytes, WireError>>,
}

/// The connection failed before the head or within the body.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct WireError {
    /// Connect (nothing was answered), truncated (the connection broke within the body) or malformed (not
    /// HTTP, a body that cannot be decompressed, or one over [`http::MOST_BODY`]).
    pub class: FailureClass,
    /// For people: cause and remedy. Never holds a credential.
    pub message: String,
    /// Whether the request may have reached the provider, which may then have worked and bill for it.
    pub was_sent: bool,
}

impl From<WireError> for Failure {
    fn from(error: WireError) -> Self {
        Self::new(error.class, error.message)
    }
}

/// Sends requests. Implementations never follow redirects and never log bodies or credentials. Dropping
/// the future or the body cancels the call.
pub trait Transport: Send + Sync {
    /// Sends one request; resolves when the head of the answer is there.
    fn send(&self, request: WireRequest) -> BoxFuture<'_, Result<WireResponse, WireError>>;
}
