//! Counts and shares as people read them, the same wherever they are printed.

/// A count with thousands separators: `1,234,567`.
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// A noun after its count: `1 call`, `2 calls`, `2 retries`.
pub fn counted(n: u64, noun: &str) -> String {
    let shown = count(n);
    match (n, noun.strip_suffix('y')) {
        (1, _) => format!("{shown} {noun}"),
        (_, Some(stem)) => format!("{shown} {stem}ies"),
        (_, None) => format!("{shown} {noun}s"),
    }
}

/// A relative change in whole percent: `-71%`, and no sign for one that is not seen.
pub fn change(ratio: f64) -> String {
    match format!("{:+.0}%", ratio * 100.0) {
        zero if zero[1..] == *"0%" => "±0%".to_owned(),
        shown => shown,
    }
}

/// A share in percent with one decimal. A share that is not whole never reads as 0 % or 100 %.
pub fn percent(share: f64) -> String {
    if !share.is_finite() {
        return "n/a".to_owned();
    }
    let shown = format!("{:.1}%", share * 100.0);
    match shown.as_str() {
        "100.0%" if share < 1.0 => ">99.9%".to_owned(),
        "0.0%" if share > 0.0 => "<0.1%".to_owned(),
        _ => shown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_have_separators_and_nouns_their_number() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
        let shown = [(1, "sample"), (0, "sample"), (1_600, "sample"), (1, "retry"), (2, "retry")];
        let shown = shown.map(|(n, noun)| counted(n, noun));
        assert_eq!(shown, ["1 sample", "0 samples", "1,600 samples", "1 retry", "2 retries"]);
    }

    #[test]
    fn only_whole_shares_read_as_all_or_nothing() {
        assert_eq!([-0.71, -0.004, 0.0, 0.006, 2.0].map(change), ["-71%", "±0%", "±0%", "+1%", "+200%"]);
        let shown = [0.0, 0.0001, 0.916, 0.9999, 1.0, f64::NAN].map(percent);
        assert_eq!(shown, ["0.0%", "<0.1%", "91.6%", ">99.9%", "100.0%", "n/a"]);
    }
}
