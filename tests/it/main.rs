//! The integration tests: one binary, the real executable, real sockets on loopback.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod check;
mod completions;
mod corpus;
mod dialect_fixtures;
mod docs;
mod eval;
mod golden;
mod gsm8k;
mod http;
mod ledger;
mod support;
mod tidy;
