//! The defaults of a configuration: how long attempts may take, and how often they are made.

use std::ops::Range;
use std::time::Duration;

use super::Policy;
use super::file::Table;
use super::problem::Problem;
use crate::base::span;

pub(super) fn defaults(root: &mut Table<'_, '_>, policy: &mut Policy) {
    let Some(table) = root.table("defaults") else { return };
    let mut table = Table::new("[defaults]", table, root.problems());
    let total = timeout(&mut table, policy);
    retry(&mut table, policy, &total);
    table.finish();
}

/// A duration with the words that state it.
struct Stated {
    is: Duration,
    /// `90s`, or `5m, the default`.
    words: String,
    /// Absent for a default.
    place: Option<Range<usize>>,
}

fn timeout(table: &mut Table<'_, '_>, policy: &mut Policy) -> Stated {
    let limits = &mut policy.limits;
    let unwritten = |is| Stated { is, words: format!("{}, the default", span::written(is)), place: None };
    let Some(written) = table.table("timeout") else { return unwritten(limits.total) };
    let mut timeout = Table::new("timeout", written, table.problems());
    let mut stated = |key, slot: &mut Duration| match timeout.parsed(key, positive) {
        Some(is) => {
            *slot = is;
            Stated { is, words: span::written(is), place: timeout.place(key) }
        }
        None => unwritten(*slot),
    };
    let connect = stated("connect", &mut limits.connect);
    let first_token = stated("first_token", &mut limits.first_token);
    let stall = stated("stall", &mut limits.stall);
    let total = stated("total", &mut limits.total);
    // A default that another limit overtakes never counts, and is nobody's mistake.
    longer(&mut timeout, ("connect", &connect), ("total", &total));
    longer(&mut timeout, ("first_token", &first_token), ("total", &total));
    longer(&mut timeout, ("stall", &stall), ("total", &total));
    if first_token.place.is_some() && first_token.is <= total.is {
        longer(&mut timeout, ("connect", &connect), ("first_token", &first_token));
    }
    timeout.finish();
    total
}

/// A limit that was written down and can never count, because another one ends the attempt before.
fn longer(table: &mut Table<'_, '_>, (key, limit): (&str, &Stated), (other, bound): (&str, &Stated)) {
    let Some(place) = &limit.place else { return };
    if limit.is > bound.is {
        let message = format!("`{key}` is longer than `{other}` ({}), and so never counts", bound.words);
        let label = format!("longer than {}", span::written(bound.is));
        let help = format!("raise `{other}`, or lower `{key}`");
        table.problem(Problem::new(place.clone(), message, label).help(help));
    }
}

fn retry(table: &mut Table<'_, '_>, policy: &mut Policy, total: &Stated) {
    let Some(written) = table.table("retry") else { return };
    let mut retry = Table::new("retry", written, table.problems());
    let bounds = &mut policy.retry;
    bounds.attempts = retry.count("attempts", 1).unwrap_or(bounds.attempts);
    if let Some((least, most)) = retry.parsed("backoff", backoff) {
        (bounds.backoff, bounds.backoff_most) = (least, most);
    }
    bounds.retry_after_most = retry.parsed("retry_after_max", span::parse).unwrap_or(bounds.retry_after_most);
    let place = retry.place("retry_after_max").filter(|_| bounds.retry_after_most > total.is);
    if let Some(place) = place {
        // Waiting is no part of an attempt, so this can be meant.
        let message =
            format!("`retry_after_max` waits longer than a whole call may take (`total` is {})", total.words);
        let label = format!("longer than {}", span::written(total.is));
        retry.problem(Problem::warning(place, message, label).help("lower it, or raise `total`"));
    }
    retry.finish();
}

fn positive(text: &str) -> Result<Duration, String> {
    let duration = span::parse(text).map_err(|error| error.to_string())?;
    if duration.is_zero() { Err("a limit of nothing fails every call".to_owned()) } else { Ok(duration) }
}

/// `250ms..8s`: the first and the longest backoff.
fn backoff(text: &str) -> Result<(Duration, Duration), String> {
    let (least, most) = text.split_once("..").ok_or("a backoff is written 250ms..8s")?;
    let (first, longest) = (positive(least)?, positive(most)?);
    if first > longest {
        let (least, most) = (least.trim(), most.trim());
        Err(format!(
            "the first backoff is longer than the longest in {text:?}; did you mean \"{most}..{least}\"?"
        ))
    } else {
        Ok((first, longest))
    }
}
