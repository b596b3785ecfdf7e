//! The integration tests: one binary, the real executable, real sockets on loopback.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod ledger;
mod tidy;
