//! Evidence that may be looked at after every pair.
//!
//! An e-process is a running product that, if the hypothesis is true, ever exceeds 1/α with probability at
//! most α (Ville 1939); so a run may stop the moment it does. A p-value looked at after every pair finds, in a
//! long run, a difference that is not there nearly half of the time. The price is small: simulated at margins of
//! 2 and 5 points, the median run stops after 1.0 to 1.4 times the pairs that a single look with a power of
//! 80 % needs, and after twice as many where no pair ever differs. A run that did not stop and then reads its
//! interval has spent both errors: the chance of a wrong verdict is at most the sum of the two α.
//!
//! Valid when pairs come in an order that does not depend on their results (a seeded shuffle) and are
//! independent. Not valid for clustered prompts: there let the run go to its end.

use super::level::Level;
use super::paired::Pairs;
use super::real;
use super::special::ln_beta;

/// What the two margin e-processes allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The candidate is not worse by the margin or more.
    Adopt,
    /// The candidate is worse by more than the margin.
    Reject,
}

/// How many bets are averaged: fractions of the largest bet from 0.7 down to 1/1024, by half octaves.
const BETS: u32 = 20;

/// The logarithm of the e-value against "a discordant pair goes either way with equal chance".
///
/// The likelihood of the discordant pairs averaged over Beta(1, 1), over their likelihood as fair coins:
/// B(b + 1, c + 1) 2^(b + c) (Robbins 1970; Turner & Grünwald 2023). At least ln(1/α) rejects at α.
/// [`early_stop`] has a margin and uses the two below; the golden values are of this.
pub fn discordant_log_e(pairs: Pairs) -> f64 {
    let (better, worse) = (real(pairs.better()), real(pairs.worse()));
    ln_beta(better + 1.0, worse + 1.0) + (better + worse) * std::f64::consts::LN_2
}

/// Whether evidence suffices to reject its hypothesis at the level's α, at whatever moment it is looked at.
pub fn rejects(log_e: f64, level: Level) -> bool {
    log_e >= -level.alpha().ln()
}

/// The logarithm of the e-value against "the candidate is worse by `margin` or more", `0 <= margin < 1`:
/// evidence for adopting.
///
/// Testing by betting (Waudby-Smith & Ramdas 2024): a gambler stakes λ on each difference d ∈
/// {-1, 0, 1}; the capital Π(1 + λ(d + margin)) is a supermartingale whenever E\[d\] <= -margin, for each
/// fixed λ from 0 to the bet that a single loss could ruin, 1/(1 - margin). The average over a fixed set of
/// bets is one too, and finds the right bet for large and for small differences alike. As every bet is
/// constant the capital depends on the counts alone: a resumed run continues where it was.
pub fn adopt_log_e(pairs: Pairs, margin: f64) -> f64 {
    log_capital(pairs, margin, 1.0 / (1.0 - margin))
}

/// The logarithm of the e-value against "the candidate is not worse by more than `margin`": evidence for
/// rejecting. The same with bets the other way, Π(1 - λ(d + margin)), λ up to 1/(1 + margin).
pub fn reject_log_e(pairs: Pairs, margin: f64) -> f64 {
    log_capital(pairs, margin, -1.0 / (1.0 + margin))
}

/// Whether a run may stop now, with each direction wrong with probability at most the level's α, however
/// often it is asked. `None` while neither is shown, and for a margin outside `[0, 1)`.
pub fn early_stop(pairs: Pairs, margin: f64, level: Level) -> Option<Stop> {
    if !(0.0..1.0).contains(&margin) {
        return None;
    }
    if rejects(adopt_log_e(pairs, margin), level) {
        return Some(Stop::Adopt);
    }
    rejects(reject_log_e(pairs, margin), level).then_some(Stop::Reject)
}

/// The logarithm of the capital averaged over the bets, which are fractions of `largest`.
fn log_capital(pairs: Pairs, margin: f64, largest: f64) -> f64 {
    let equal = pairs.n() - pairs.discordant();
    let outcomes = [(pairs.better(), 1.0), (equal, 0.0), (pairs.worse(), -1.0)];
    let log = |half_octaves: u32| {
        let bet = largest * libm::exp2(-0.5 * f64::from(half_octaves));
        outcomes.iter().map(|(times, d)| real(*times) * (bet * (d + margin)).ln_1p()).sum::<f64>()
    };
    let logs: Vec<_> = (1..=BETS).map(log).collect();
    let best = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let total: f64 = logs.iter().map(|log| (log - best).exp()).sum();
    best + (total / f64::from(BETS)).ln()
}

#[cfg(test)]
mod tests;
