//! Floor 0: money, time, chance and text. Imports nothing of ours.

pub mod clock;
pub mod dice;
pub mod id;
pub mod money;
pub mod sketch;
pub mod eventstream;
pub mod json_array;
pub mod money;
pub mod ndjson;
pub mod span;
pub mod sse;
pub mod untrusted;
