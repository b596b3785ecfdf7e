//! Floor 5: a prompt dataset becomes a verdict.

pub mod histogram;
pub mod progress;
pub mod report;
pub mod summary;
