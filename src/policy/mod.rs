//! Floor 3: what should happen. Pure: configuration as written becomes policy as true.

pub mod catalogue;
