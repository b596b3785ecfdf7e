//! How many prompts a question needs.
//!
//! All numbers are of independent pairs. Where prompts come in clusters multiply by the design effect
//! ([`super::cluster::Clusters::design_effect`]).

use super::level::Level;
use super::paired::Pairs;
use super::special::normal_quantile;
use super::tango::Discordance;

/// Nobody runs more pairs than this; a question that needs more has no answer.
const MOST_PAIRS: f64 = 1e9;

/// What is to be shown, and how surely.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Goal {
    level: Level,
    power: f64,
}

impl Goal {
    /// A two-sided interval's level and the chance, in `(0, 1)`, with which it shall be decisive when things
    /// are as assumed. `None` for a power out of range.
    pub fn new(level: Level, power: f64) -> Option<Self> {
        (power > 0.0 && power < 1.0).then_some(Self { level, power })
    }

    fn z_power(self) -> f64 {
        normal_quantile(self.power)
    }
}

/// Pairs for a two-sided `McNemar` test to find a difference `delta` in shares when a share `discordant` of
/// the pairs differ.
///
/// n = (z(α/2) √ψ + z(β) √(ψ - δ²))²/δ², rounded up (Miettinen 1968; Connor 1987). For a question without a margin;
/// runs have one and use [`margin_pairs`], and the golden values are of this. `None` without a
/// difference, or when the difference is larger than the discordance allows.
pub fn mcnemar_pairs(delta: f64, discordant: f64, goal: Goal) -> Option<u64> {
    let possible = delta.abs() <= discordant && discordant <= 1.0;
    let spread =
        goal.level.z() * discordant.sqrt() + goal.z_power() * (discordant - delta * delta).max(0.0).sqrt();
    possible.then(|| pairs(spread / delta.abs())).flatten()
}

/// Pairs for a paired test of means to find a difference `delta` when the differences have this variance.
///
/// n = (z(α/2) + z(β))² σ²/δ², rounded up (Miller 2024, arXiv 2411.00640, section 5). For scores
/// that are no shares; runs count accepted answers, and the golden values are of this. `None` without a
/// difference or with a negative variance.
pub fn mean_pairs(delta: f64, variance: f64, goal: Goal) -> Option<u64> {
    let spread = (goal.level.z() + goal.z_power()) * variance.max(0.0).sqrt();
    (variance >= 0.0).then(|| pairs(spread / delta.abs())).flatten()
}

/// Pairs, in all, for the interval of [`Pairs::interval`] to lie above `-margin` (or below it), when a share
/// `better` of pairs goes to the candidate only and a share `worse` to the incumbent only. For planning a run
/// assume half of the discordance for each.
///
/// n = (z(α/2) σ₀ + z(β) σ₁)²/(δ + margin)² with δ = better - worse, σ₁² = better + worse - δ² and σ₀² the
/// variance under Tango's restriction (Nam 1997). Has an answer also where no pair differs, as the interval
/// then still has a width. Falls as the margin grows, rises with level and power. `None` for shares that
/// are none, for a margin outside `[0, 1)`, and where δ = -margin: no number of pairs decides that.
pub fn margin_pairs(better: f64, worse: f64, margin: f64, goal: Goal) -> Option<u64> {
    let possible = better >= 0.0 && worse >= 0.0 && better + worse <= 1.0 && (0.0..1.0).contains(&margin);
    possible.then(|| pairs(margin_spread(better, worse, margin, goal))).flatten()
}

/// Pairs, those at hand included, until the interval is expected to exclude `-margin` on either side, if the
/// shares stay as seen: [`margin_pairs`] at the observed shares, times `design_effect` (1 for independent pairs).
/// `None` without pairs and where [`margin_pairs`] has no answer.
pub fn pairs_in_all(seen: Pairs, margin: f64, goal: Goal, design_effect: f64) -> Option<u64> {
    let shape = seen.shape().filter(|_| (0.0..1.0).contains(&margin))?;
    let spread = margin_spread(shape.better / shape.n, shape.worse / shape.n, margin, goal);
    pairs(spread * design_effect.sqrt())
}

/// The square root of the pairs a margin needs.
fn margin_spread(better: f64, worse: f64, margin: f64, goal: Goal) -> f64 {
    let shares = Discordance { n: 1.0, better, worse };
    let delta = shares.difference();
    let expected = (better + worse - delta * delta).max(0.0);
    let spread = goal.level.z() * shares.variance_at(-margin).sqrt() + goal.z_power() * expected.sqrt();
    spread / (delta + margin).abs()
}

/// Whole pairs from the square root of their number; `None` when that is no number or more than anybody runs.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between one and 10⁹")]
fn pairs(root: f64) -> Option<u64> {
    let all = (root * root).ceil();
    (all <= MOST_PAIRS).then(|| (all as u64).max(1))
}

#[cfg(test)]
mod tests;
