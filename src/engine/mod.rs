//! Floor 4: the one path that every request takes.
