//! Floor 5: a prompt dataset becomes a verdict.

pub mod gate;
pub mod stats;
pub mod summary;
