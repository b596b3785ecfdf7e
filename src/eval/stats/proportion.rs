//! Intervals and bounds for a share: `k` of `n`.
//!
//! Wilson is what a report shows: it is close to its level at any share and any size (Brown, Cai and
//! `DasGupta` 2001; Bowyer et al. 2025, arXiv 2503.01747), where the textbook interval of mean ± 1.96 SE
//! covers 63 % instead of 95 % at 99 of 100. Clopper–Pearson is what a gate uses: it never covers less than
//! its level, so a gate passed by chance is as rare as it says. All answer `None` where `n` is 0 or `k`
//! exceeds `n`.

use super::level::Level;
use super::real;
use super::special::beta_quantile;

/// Wilson's score interval (Wilson 1927): the shares that a two-sided score test does not reject.
///
/// (p + z²/2n ± z √(p(1-p)/n + z²/4n²)) / (1 + z²/n). Begins at exactly 0 for 0 of n and ends at exactly 1
/// for n of n.
pub fn wilson(k: u64, n: u64, level: Level) -> Option<[f64; 2]> {
    checked(k, n).map(|(k, n)| wilson_limits(k, n, level.z()))
}

/// Wilson's interval for counts that need not be whole (an effective sample size), `0 <= k <= n`, `n > 0`.
pub(super) fn wilson_limits(k: f64, n: f64, z: f64) -> [f64; 2] {
    [wilson_lower_limit(k, n, z), 1.0 - wilson_lower_limit(n - k, n, z)]
}

/// The lower root, from the upper by the product of the roots, so that nothing cancels near 0.
fn wilson_lower_limit(k: f64, n: f64, z: f64) -> f64 {
    let (share, square) = (k / n, z * z / n);
    let spread = z * ((share * (n - k) / n + square / 4.0) / n).sqrt();
    (share * share / (share + square / 2.0 + spread)).min(share)
}

/// The Clopper–Pearson interval (1934): the shares that an exact two-sided binomial test does not reject.
///
/// Quantiles of Beta(k, n - k + 1) and Beta(k + 1, n - k). Covers at least its level at any share.
pub fn clopper_pearson(k: u64, n: u64, level: Level) -> Option<[f64; 2]> {
    checked(k, n).map(|(k, n)| exact_limits(k, n, level))
}

/// The same for counts that need not be whole (an effective sample size), `0 <= k <= n`, `n > 0`.
pub(super) fn exact_limits(k: f64, n: f64, level: Level) -> [f64; 2] {
    [exact_lower(k, n, level.tail()), exact_upper(k, n, level.tail())]
}

/// The equal-tailed Jeffreys interval: quantiles of Beta(k + ½, n - k + ½), what is believed of the share
/// after `k` of `n` from Jeffreys' prior. Not pulled to the ends at 0 of n and n of n.
/// No report uses it: it is what the golden values of other tools are checked by, with [`beta_quantile`].
pub fn jeffreys(k: u64, n: u64, level: Level) -> Option<[f64; 2]> {
    let (k, n) = checked(k, n)?;
    let (a, b) = (k + 0.5, n - k + 0.5);
    Some([beta_quantile(a, b, level.tail()), beta_quantile(a, b, 1.0 - level.tail())])
}

fn checked(k: u64, n: u64) -> Option<(f64, f64)> {
    (n > 0 && k <= n).then(|| (real(k), real(n)))
}

fn exact_lower(k: f64, n: f64, tail: f64) -> f64 {
    if k <= 0.0 { 0.0 } else { beta_quantile(k, n - k + 1.0, tail) }
}

fn exact_upper(k: f64, n: f64, tail: f64) -> f64 {
    if n - k <= 0.0 { 1.0 } else { beta_quantile(k + 1.0, n - k, 1.0 - tail) }
}

#[cfg(test)]
mod tests;
