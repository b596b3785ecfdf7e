//! Floor 3: the record of what happened, in SQLite.
//!
//! One thread per process writes ([`Ledger`], [`Recorder`]); any number of [`Reader`]s read on connections
//! of their own. Several processes may write one ledger at once. Prompts and answers are stored for the
//! samples of evaluations only, never for other requests.

mod error;
mod hold;
mod line;
mod reserve;
mod rollup;
pub mod row;
mod schema;
mod spool;
mod store;
mod writer;

pub mod read;

pub use error::LedgerError;
pub use read::{Charged, Reader, SampleFilter, ScorerPass};
pub use rollup::{Resolution, RollupRow, Totals};
pub use spool::Replayed;
pub use writer::{Ledger, Recorder};

#[cfg(test)]
mod tests;
