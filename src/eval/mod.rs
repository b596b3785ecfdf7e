//! Floor 5: a prompt dataset becomes a verdict.

pub mod stats;
pub mod summary;
