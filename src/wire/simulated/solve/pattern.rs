//! The patterns of the families. Regular expressions of the kind used here take longer to compile than a
//! question takes to answer, so a family names all of its patterns in one place and they are compiled together
//! before the first question; else the first answers would be late, and that would look like orch's own time.

use regex::Regex;

/// Compiles a pattern, without regard to case unless it says so.
pub(super) fn pattern_of(pattern: impl AsRef<str>) -> Regex {
    Regex::new(&format!("(?i){}", pattern.as_ref()))
        .expect("the patterns are literals that the tests compile")
}

/// The patterns of a family, compiled once, and `prepare`, which compiles every one of them.
macro_rules! patterns {
    ($($name:ident = $pattern:expr;)+) => {
        $(static $name: std::sync::LazyLock<regex::Regex> =
            std::sync::LazyLock::new(|| $crate::wire::simulated::solve::pattern::pattern_of($pattern));)+

        /// Compiles the patterns.
        pub(super) fn prepare() {
            $(std::sync::LazyLock::force(&$name);)+
        }
    };
}

pub(super) use patterns;
