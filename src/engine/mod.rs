//! Floor 4: the one path that every request takes.

pub mod gate;
pub mod purse;
pub mod walk;
