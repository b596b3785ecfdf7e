//! Floor 5: a prompt dataset becomes a verdict.

pub mod dataset;
pub mod extract;
pub mod problem;
pub mod schema;
pub mod scorer;
pub mod suite;
pub mod summary;
pub mod validity;
