//! Floor 5: a prompt dataset becomes a verdict.

pub mod candidate;
pub mod dataset;
pub mod effect;
pub mod extract;
pub mod gate;
pub mod histogram;
pub mod manifest;
pub mod order;
pub mod outlook;
pub mod pairing;
pub mod problem;
pub mod progress;
pub mod report;
pub mod rescore;
pub mod run;
pub mod sample;
pub mod schema;
pub mod scorer;
pub mod stats;
pub mod suite;
pub mod summarize;
pub mod summary;
pub mod tally;
pub mod tape;
pub mod validity;
pub mod verdict;
