//! Floor 5: a provider made of arithmetic, on loopback, for benchmarks, tests and trying things out.
//!
//! It speaks every dialect at its real path, streaming and not, over HTTP/1.1 without TLS: sums are computed
//! (wrong in a seeded share), everything else is echoed. Faults are asked for by model name, such as
//! `fault/reset`; [`fault_models`] lists them. What it saw is at `GET /stats` and `GET /stats/times`; `POST
//! /reset` forgets it. It has no authentication: any key is right.

mod alarm;
mod connection;
mod eventstream;
mod fault;
mod http1;
mod limit;
mod question;
mod refuse;
mod respond;
mod route;
mod speak;
mod stats;
mod text;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinSet;

pub use fault::models as fault_models;
pub use limit::Limit;
pub use refuse::RetryHint;
pub use stats::{Service, Stats};

/// How the mock behaves.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The pause before an answer begins. Refusals by the rate limit come at once.
    pub latency: Duration,
    /// The pause between the events of a stream; zero sends them in one write.
    pub event_gap: Duration,
    /// The rate limit over all clients together.
    pub limit: Option<Limit>,
    /// How refusals by the rate limit say how long to wait.
    pub hint: RetryHint,
    /// The share of requests that fail, from zero to one, drawn by the number of the request.
    pub error_share: f64,
    /// The status they fail with.
    pub error_status: u16,
    /// The share of sums that are wrong, from zero to one, drawn by model and prompt: asking again does not
    /// help, and the true accuracy is known.
    pub wrong_share: f64,
    /// How long `fault/slow-first-token` makes a client wait.
    pub fault_delay: Duration,
    /// What chance depends on.
    pub seed: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            latency: Duration::ZERO,
            event_gap: Duration::ZERO,
            limit: None,
            hint: RetryHint::None,
            error_share: 0.0,
            error_status: 500,
            wrong_share: 0.0,
            fault_delay: Duration::from_secs(10),
            seed: 0,
        }
    }
}

/// Serves until `stop` is ready, then drops every connection and tells what it saw. Fails when the listener
/// can take no more connections, for instance because too many files are open.
pub async fn serve(
    listener: TcpListener,
    settings: Settings,
    stop: impl Future<Output = ()>,
) -> io::Result<Stats> {
    let shared = Arc::new(connection::Shared::new(settings));
    let mut connections = JoinSet::new();
    tokio::pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => break,
            accepted = listener.accept() => match accepted {
                Ok((socket, _)) => {
                    connections.spawn(connection::serve(socket, Arc::clone(&shared)));
                }
                Err(error) if is_passing(&error) => {}
                Err(error) => return Err(error),
            },
            // A connection that breaks is the client's or a fault's business.
            Some(_) = connections.join_next() => {}
        }
    }
    connections.shutdown().await;
    Ok(shared.stats())
}

/// The client was gone before it was let in.
fn is_passing(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted)
}
