//! The bias-corrected and accelerated bootstrap interval for a mean (Efron 1987).
//!
//! For skewed numbers (costs, lengths, scores piled up at an end) in samples too small for Student's t to be
//! symmetric about it. A resample is a function of the seed and its number, so the interval is the same
//! however the resamples are spread over threads or runs.

use super::level::Level;
use super::mean::Moments;
use super::special::{normal_cdf, normal_quantile};
use super::{count, real};
use crate::base::dice::Dice;

/// Resamples asked for; Efron & Tibshirani 1993 ask for 1,000 at least.
const RESAMPLES: u64 = 9_999;

/// The fewest resamples whose tails are worth reading.
const FEWEST_RESAMPLES: u64 = 999;

/// The most single draws, resamples × values: about a twentieth of a second on one core.
const MOST_DRAWS: u64 = 10_000_000;

/// The `BCa` interval for the mean of finite numbers.
///
/// Takes 9,999 resamples, fewer where that would be over 10 million draws. `None` below two numbers, and from
/// 10,011 numbers on, where fewer than 999 resamples would fit: there the mean is as good as normal and
/// [`Moments::interval`] says the same. A single point where all are equal.
pub fn bca(sample: &[f64], level: Level, dice: Dice) -> Option<[f64; 2]> {
    let n = count(sample.len());
    let resamples = RESAMPLES.min(MOST_DRAWS.checked_div(n)?);
    if n < 2 || resamples < FEWEST_RESAMPLES {
        return None;
    }
    let mean = sample.iter().copied().collect::<Moments>().mean()?;
    let mut means: Vec<_> = (0..resamples).map(|number| resampled_mean(sample, dice, number)).collect();
    means.sort_unstable_by(f64::total_cmp);
    let bias = bias(&means, mean);
    let acceleration = acceleration(sample, mean);
    let at = |p: f64| {
        let z = bias + normal_quantile(p);
        // At most at absurd levels is this not positive; then the last resample is the limit.
        let stretch = (1.0 - acceleration * z).max(f64::MIN_POSITIVE);
        percentile(&means, normal_cdf(bias + z / stretch))
    };
    Some([at(level.tail()).min(mean), at(1.0 - level.tail()).max(mean)])
}

/// The mean of resample `number`. One roll of 64 bits makes two draws; a draw scales 32 bits to the length
/// (Lemire 2019), uneven by less than the length over 2³².
fn resampled_mean(sample: &[f64], dice: Dice, number: u64) -> f64 {
    let n = sample.len();
    let own = Dice::new(dice.bits(number, 0, "bootstrap"));
    let sum: f64 = (0..n)
        .map(|draw| {
            let bits = own.bits(0, count(draw / 2), "");
            let half = if draw % 2 == 0 { bits >> 32 } else { bits & 0xffff_ffff };
            sample[scaled(half, n)]
        })
        .sum();
    sum / real(count(n))
}

const fn scaled(bits: u64, n: usize) -> usize {
    ((bits as u128 * n as u128) >> 32) as usize
}

/// How far the median of the resampled means lies from the mean, in normal units; ties count half.
fn bias(sorted: &[f64], mean: f64) -> f64 {
    let below = sorted.partition_point(|m| *m < mean);
    let not_above = sorted.partition_point(|m| *m <= mean);
    let share = real(count(below + not_above)) / real(count(2 * sorted.len()));
    let edge = 1.0 / real(count(sorted.len() + 1));
    normal_quantile(share.clamp(edge, 1.0 - edge))
}

/// The jackknife's acceleration, which for a mean is Σ(x - m)³ / (6 (Σ(x - m)²)^1.5).
fn acceleration(sample: &[f64], mean: f64) -> f64 {
    let (squares, cubes) = sample.iter().fold((0.0, 0.0), |(squares, cubes), x| {
        let d = x - mean;
        (squares + d * d, cubes + d * d * d)
    });
    if squares > 0.0 { cubes / (6.0 * squares * squares.sqrt()) } else { 0.0 }
}

/// The type-7 quantile of sorted numbers.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rank is below the length")]
fn percentile(sorted: &[f64], p: f64) -> f64 {
    let last = sorted.len() - 1;
    let position = real(count(last)) * p.clamp(0.0, 1.0);
    let below = (position.floor() as usize).min(last);
    let above = (below + 1).min(last);
    sorted[below] + (sorted[above] - sorted[below]) * (position - position.floor())
}

#[cfg(test)]
mod tests;
