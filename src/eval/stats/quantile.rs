//! Quantiles of whole-numbered measurements, with intervals that assume nothing about their distribution.

use super::distribution::binomial_cdf;
use super::level::Level;
use super::{count, real};

/// A quantile of a sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quantile {
    /// The type-7 estimate, in the unit of the sample.
    pub value: f64,
    /// The order-statistic interval; absent where the sample is too small for one.
    pub interval: Option<[f64; 2]>,
}

/// The ranks (from 1) of the order statistics between which the true quantile lies at this level.
///
/// The number of values below the true q-quantile is Binomial(n, q). The lower rank is the largest `l` with
/// P(X < l) <= α/2, the upper the smallest `u` with P(X >= u) <= α/2 (David & Nagaraja 2003, section 7.1).
/// `None` where a side has no such rank among the values: at 95 %, p95 below n = 72 and p99 below n = 368. A
/// report says so rather than print the maximum. `None` also for `q` outside `[0, 1]`.
pub fn interval_ranks(n: u64, q: f64, level: Level) -> Option<[u64; 2]> {
    if n == 0 || !(0.0..=1.0).contains(&q) {
        return None;
    }
    let lower = first_rank(n, |below| binomial_cdf(below, n, q) > level.tail());
    let upper = first_rank(n, |below| binomial_cdf(below, n, q) >= 1.0 - level.tail()) + 1;
    (lower >= 1 && upper <= n).then_some([lower, upper])
}

/// The quantiles of a sample, each with its interval; each `None` for an empty sample or outside `[0, 1]`.
///
/// The estimate is type 7 of Hyndman and Fan 1996, what R, `NumPy` and spreadsheets do: linear between the
/// values around (n - 1)q. Reorders the sample. Takes time linear in its length: only the ranks asked for
/// are put in their place, nothing else is sorted.
pub fn estimate<T: Copy + Ord + Into<u64>>(
    sample: &mut [T],
    quantiles: &[f64],
    level: Level,
) -> Vec<Option<Quantile>> {
    let all = count(sample.len());
    estimate_effective(sample, &quantiles.iter().map(|q| (*q, all)).collect::<Vec<_>>(), level)
}

/// The same for values that come in clusters, each quantile with the number of independent values that the
/// sample counts for there ([`super::cluster::Clusters::effective_size`] of "is at most the quantile").
///
/// Woodruff's idea (1952, "Confidence intervals for medians and other position measures"): an interval for the
/// share below the quantile, which allows for the clusters, read back through the sample. That interval is here
/// the binomial one of [`interval_ranks`] at the effective size, its ranks widened to those of the sample;
/// `None` where the effective size has none (p95 below 72 independent values, however many they are in all).
pub fn estimate_effective<T: Copy + Ord + Into<u64>>(
    sample: &mut [T],
    quantiles: &[(f64, u64)],
    level: Level,
) -> Vec<Option<Quantile>> {
    let plans: Vec<_> = quantiles.iter().map(|(q, size)| Plan::new(sample.len(), *q, *size, level)).collect();
    let mut places: Vec<_> = plans.iter().flatten().flat_map(Plan::places).collect();
    places.sort_unstable();
    places.dedup();
    put_in_place(sample, 0, &places);
    plans.into_iter().map(|plan| plan.map(|plan| plan.read(sample))).collect()
}

/// Where in the sorted sample a quantile and its interval are read.
struct Plan {
    below: usize,
    above: usize,
    weight: f64,
    interval: Option<[usize; 2]>,
}

impl Plan {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rank is below the length")]
    fn new(len: usize, q: f64, effective: u64, level: Level) -> Option<Self> {
        let last = len.checked_sub(1)?;
        if !(0.0..=1.0).contains(&q) {
            return None;
        }
        let position = real(count(last)) * q;
        let below = (position.floor() as usize).min(last);
        let (n, effective) = (count(len), effective.min(count(len)));
        // Outwards: the rank among few independent values begins and ends a stretch of the sample.
        let interval = interval_ranks(effective, q, level).map(|[lower, upper]| {
            [((lower - 1) * n / effective) as usize, (upper * n).div_ceil(effective) as usize - 1]
        });
        Some(Self { below, above: (below + 1).min(last), weight: position - position.floor(), interval })
    }

    fn places(&self) -> impl Iterator<Item = usize> {
        [self.below, self.above].into_iter().chain(self.interval.into_iter().flatten())
    }

    fn read<T: Copy + Into<u64>>(&self, sorted: &[T]) -> Quantile {
        let at = |place: usize| real(sorted[place].into());
        let (below, above) = (at(self.below), at(self.above));
        Quantile {
            value: below + (above - below) * self.weight,
            interval: self.interval.map(|places| places.map(at)),
        }
    }
}

/// Puts the values of the given places (ascending, counted from `offset`) where sorting would.
fn put_in_place<T: Ord>(sample: &mut [T], offset: usize, places: &[usize]) {
    let middle = places.len() / 2;
    let Some(&place) = places.get(middle) else { return };
    let (left, _, right) = sample.select_nth_unstable(place - offset);
    put_in_place(left, offset, &places[..middle]);
    put_in_place(right, place + 1, &places[middle + 1..]);
}

/// The first of `0..=n` that satisfies a condition which, once true, stays true, and is true of `n`.
fn first_rank(n: u64, holds: impl Fn(u64) -> bool) -> u64 {
    let (mut low, mut high) = (0, n);
    while low < high {
        let middle = low + (high - low) / 2;
        if holds(middle) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    low
}

#[cfg(test)]
mod tests;
