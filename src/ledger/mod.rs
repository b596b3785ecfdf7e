//! Floor 3: the record of what happened, in SQLite.

pub mod row;
