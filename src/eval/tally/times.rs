//! The times of one candidate, with what they belong together with.

use crate::eval::stats::cluster::Clusters;
use crate::eval::stats::level::Level;
use crate::eval::stats::quantile::{self, Quantile};
use crate::eval::summary::{QuantileMs, Quantiles};

const QUANTILES: [f64; 3] = [0.5, 0.95, 0.99];

/// Times in microseconds. Four bytes each; eight from the first two on that belong together.
#[derive(Debug, Default)]
pub(super) struct Times {
    micros: Vec<u32>,
    /// What each belongs to; empty while each stands for itself.
    groups: Vec<u32>,
}

/// The bit of groups that are one item's own; the rest are clusters that items share.
const OWN: u32 = 1 << 31;

impl Times {
    /// Takes an item's times; items come in order, and `cluster` is what the item shares with others.
    pub(super) fn add(&mut self, item: u64, cluster: Option<u32>, micros: impl Iterator<Item = u32>) {
        let before = self.micros.len();
        self.micros.extend(micros);
        let added = self.micros.len() - before;
        if self.groups.is_empty() && cluster.is_none() && added <= 1 {
            return;
        }
        if self.groups.is_empty() {
            self.groups.extend((0..before).map(own));
        }
        let group = cluster.unwrap_or_else(|| own(item));
        self.groups.extend(std::iter::repeat_n(group, added));
    }

    pub(super) fn quantiles(mut self) -> Quantiles {
        let n = self.micros.len() as u64;
        let found = quantile::estimate(&mut self.micros.clone(), &QUANTILES, Level::P95);
        let found = if self.groups.is_empty() { found } else { self.clustered(&found) };
        let read = |at: usize, needs_interval: bool| {
            let found = found.get(at).copied().flatten()?;
            let ci95 = found.interval.map(|ends| ends.map(|end| end / 1e3));
            (ci95.is_some() || !needs_interval).then_some(QuantileMs { value: found.value / 1e3, ci95 })
        };
        Quantiles { p50: read(0, false), p95: read(1, true), p99: read(2, true), n }
    }

    /// The same quantiles, with intervals that know what belongs together.
    fn clustered(&mut self, found: &[Option<Quantile>]) -> Vec<Option<Quantile>> {
        let sizes = found.iter().map(|found| found.map_or(0, |found| self.effective(found.value)));
        let wanted: Vec<_> = QUANTILES.into_iter().zip(sizes).collect();
        quantile::estimate_effective(&mut self.micros, &wanted, Level::P95)
    }

    /// As how many independent times these count where it is asked how many are at most `value`.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between one and the length")]
    fn effective(&self, value: f64) -> u64 {
        let mut below = Clusters::default();
        let mut from = 0;
        for run in self.groups.chunk_by(|a, b| a == b) {
            let times = &self.micros[from..from + run.len()];
            from += run.len();
            let is_below = times.iter().map(|micros| f64::from(u8::from(f64::from(*micros) <= value)));
            below.add_group(run.first().copied().filter(|group| group & OWN == 0), is_below);
        }
        // What rounding took from a whole number is given back.
        below.effective_size(Level::P95).map_or(0, |size| (size + 1e-6).floor() as u64)
    }
}

/// The group of an item that shares nothing. Only neighbours must differ, so the low bits will do.
fn own(item: impl TryInto<u64>) -> u32 {
    let low = item.try_into().unwrap_or(0) & u64::from(OWN - 1);
    OWN | u32::try_from(low).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(items: u64, repeats: usize, cluster: impl Fn(u64) -> Option<u32>) -> Quantiles {
        let mut times = Times::default();
        for item in 0..items {
            let micros = u32::try_from(item * 7_919 % items).unwrap() * 1_000;
            times.add(item, cluster(item), std::iter::repeat_n(micros, repeats));
        }
        times.quantiles()
    }

    fn interval(quantile: Option<QuantileMs>) -> [f64; 2] {
        quantile.unwrap().ci95.unwrap()
    }

    #[test]
    fn repeats_that_take_equally_long_make_no_interval_shorter() {
        let (once, again) = (of(400, 1, |_| None), of(400, 5, |_| None));
        let ([low, high], [low_again, high_again]) = (interval(once.p95), interval(again.p95));
        assert!(low_again <= low && high <= high_again, "{low} {high}, {low_again} {high_again}");
        assert!(low_again > low - 10.0 && high_again < high + 10.0, "and hardly longer");
        assert_eq!(of(60, 5, |_| None).p95, None, "300 times, of which 60 are independent");
    }

    #[test]
    fn clusters_of_one_change_nothing() {
        let (alone, clusters) = (of(500, 1, |_| None), of(500, 1, |item| u32::try_from(item).ok()));
        assert_eq!(alone, clusters);
    }

    #[test]
    fn times_before_the_first_cluster_stand_for_themselves() {
        let mixed = of(500, 1, |item| (item >= 400).then(|| u32::try_from(item / 50).unwrap()));
        let ([low, high], [from, to]) = (interval(of(500, 1, |_| None).p50), interval(mixed.p50));
        assert!(from <= low + 20.0 && high <= to + 20.0, "{low} {high}, {from} {to}");
    }
}
