//! Floor 0: money, time, chance, text, framing and bounded files. Imports nothing of ours.

pub mod at;
pub mod clock;
pub mod dice;
pub mod eventstream;
pub mod file;
pub mod hex;
pub mod id;
pub mod json_array;
pub mod money;
pub mod ndjson;
pub mod number;
pub mod sketch;
pub mod span;
pub mod sse;
pub mod untrusted;
