//! Floor 5: a prompt dataset becomes a verdict.

pub mod gate;
pub mod stats;
pub mod dataset;
pub mod extract;
pub mod problem;
pub mod schema;
pub mod scorer;
pub mod histogram;
pub mod progress;
pub mod report;
pub mod summary;
pub mod validity;
