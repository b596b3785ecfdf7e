//! Names of candidates and classes in few columns.

use unicode_width::UnicodeWidthChar as _;

use crate::base::untrusted::Untrusted;

/// Text we did not write, on one line, each character a column wide: indicatif's idea of a width need not be
/// the terminal's, and a line that wraps breaks the display.
pub(super) fn narrow(text: &str) -> String {
    let shown = Untrusted::line(text).to_string();
    shown.chars().map(|c| if c.width() == Some(1) { c } else { '?' }).collect()
}

/// Names of at most so many columns. What all have in common says nothing, and goes first.
pub(super) fn cut(names: &[String], most: usize) -> Vec<String> {
    let is_long = names.iter().any(|name| name.chars().count() > most);
    let (before, after) = if is_long && names.len() > 1 { common(names) } else { (0, 0) };
    let own = |name: &String| {
        let chars: Vec<char> = name.chars().collect();
        let own: String = chars[before..chars.len() - after].iter().collect();
        let (head, tail) = (if before > 0 { "…" } else { "" }, if after > 0 { "…" } else { "" });
        middle_cut(&format!("{head}{own}{tail}"), most)
    };
    names.iter().map(own).collect()
}

/// How many characters all names begin and end with, where leaving them out makes them shorter; the end of
/// the shortest is not counted twice.
fn common(names: &[String]) -> (usize, usize) {
    let shared = |a: &str, b: &str| a.chars().zip(b.chars()).take_while(|(a, b)| a == b).count();
    let turned = |name: &str| name.chars().rev().collect::<String>();
    let Some((first, others)) = names.split_first() else { return (0, 0) };
    let shortest = names.iter().map(|name| name.chars().count()).min().unwrap_or(0);
    let before = others.iter().map(|name| shared(first, name)).min().unwrap_or(0);
    let after = others.iter().map(|name| shared(&turned(first), &turned(name))).min().unwrap_or(0);
    let worth = |n: usize| if n > 1 { n } else { 0 };
    (worth(before), worth(after.min(shortest - before)))
}

/// Names differ at their ends, in parameters and dates, and begin with the provider: the middle goes.
pub(super) fn middle_cut(name: &str, most: usize) -> String {
    let chars: Vec<char> = name.chars().collect();
    if chars.len() <= most {
        return name.to_owned();
    }
    let kept = most.saturating_sub(1);
    let (head, tail) = (kept.div_ceil(2), kept / 2);
    let ends = chars[..head].iter().chain(std::iter::once(&'…')).chain(&chars[chars.len() - tail..]);
    ends.take(most).collect()
}
