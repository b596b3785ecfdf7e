//! `orch` evaluates, routes and monitors language models.
//!
//! The code stands on floors; a module imports its own files and the floors below it, never a neighbour,
//! never up (`tests/it/tidy.rs` holds this).

#[cfg(not(unix))]
compile_error!(
    "orch keeps ledgers, recordings and reports from other users by Unix file modes, and knows no other way: \
     build it on a Unix system"
);

pub mod base;
pub mod cli;
pub mod dialect;
pub mod engine;
pub mod eval;
pub mod health;
pub mod ledger;
pub mod mock;
pub mod model;
pub mod policy;
pub mod wire;
