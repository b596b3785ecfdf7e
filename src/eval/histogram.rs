//! Durations counted in buckets that grow by a constant factor: any number of them in constant memory, any
//! quantile within two percent.

use std::time::Duration;

/// Buckets per doubling: each bucket is 2^(1/20) ≈ 3.5 % wide, so its middle is within 1.8 % of its members.
const PER_DOUBLING: u32 = 20;
/// Bucket 0 holds everything up to this many microseconds.
const LEAST_MICROS: f64 = 100.0;
/// Reaches 100 µs × 2^24 ≈ 28 minutes; longer durations count in the last bucket.
const BUCKETS: usize = 24 * PER_DOUBLING as usize + 1;

/// Counts of durations by bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Histogram {
    counts: Vec<u64>,
    total: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: vec![0; BUCKETS], total: 0 }
    }
}

impl Histogram {
    /// Counts one duration.
    pub fn add(&mut self, duration: Duration) {
        self.counts[bucket(duration)] += 1;
        self.total += 1;
    }

    /// How many durations were counted.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The nearest-rank quantile for a share in `0.0..=1.0`, within 2 % between 100 µs and 28 minutes;
    /// absent when nothing was counted.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rank is between 1 and the total"
    )]
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        // The subtrahend undoes the rounding of a product that should be whole: 0.29 × 100 is above 29.
        let rank = ((self.total as f64 * share.clamp(0.0, 1.0) - 1e-6).ceil() as u64).max(1);
        let mut seen = 0;
        self.counts.iter().enumerate().find_map(|(i, count)| {
            seen += count;
            (seen >= rank).then(|| middle(i))
        })
    }

    /// The distribution function at the upper end of each bucket that holds something: (milliseconds,
    /// share at most that long).
    #[expect(clippy::cast_precision_loss, reason = "for drawing")]
    pub fn steps(&self) -> Vec<(f64, f64)> {
        let mut seen = 0;
        let mut steps = Vec::new();
        for (i, count) in self.counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            seen += count;
            steps.push((upper_micros(i) / 1e3, seen as f64 / self.total as f64));
        }
        steps
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to the buckets before it is cast"
)]
fn bucket(duration: Duration) -> usize {
    let ratio = duration.as_secs_f64() * 1e6 / LEAST_MICROS;
    if ratio <= 1.0 {
        return 0;
    }
    let place = (ratio.log2() * f64::from(PER_DOUBLING)).ceil();
    (place as usize).min(BUCKETS - 1)
}

#[expect(clippy::cast_precision_loss, reason = "a bucket's index is small")]
fn upper_micros(bucket: usize) -> f64 {
    LEAST_MICROS * (bucket as f64 / f64::from(PER_DOUBLING)).exp2()
}

/// The geometric middle of a bucket.
fn middle(bucket: usize) -> Duration {
    let half_step = (0.5 / f64::from(PER_DOUBLING)).exp2();
    Duration::from_secs_f64(upper_micros(bucket) / half_step / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nothing_has_no_quantile() {
        assert_eq!(Histogram::default().quantile(0.5), None);
        assert!(Histogram::default().steps().is_empty());
    }

    #[test]
    fn durations_beyond_the_ends_are_counted_at_the_ends() {
        let mut histogram = Histogram::default();
        histogram.add(Duration::ZERO);
        histogram.add(Duration::from_secs(1_000_000));
        assert_eq!(histogram.total(), 2);
        assert!(histogram.quantile(1.0) > Some(Duration::from_secs(1_600)));
        assert_eq!(histogram.steps().last().map(|(_, share)| *share), Some(1.0));
    }

    proptest! {
        #[test]
        fn a_quantile_is_within_two_percent(
            mut micros in proptest::collection::vec(100_u64..1_000_000_000, 1..200),
            percent in 1_usize..=100,
        ) {
            let mut histogram = Histogram::default();
            for us in &micros {
                histogram.add(Duration::from_micros(*us));
            }
            micros.sort_unstable();
            let exact = micros[(micros.len() * percent).div_ceil(100) - 1];
            let share = f64::from(u32::try_from(percent).unwrap()) / 100.0;
            let exact = Duration::from_micros(exact).as_secs_f64();
            let found = histogram.quantile(share).unwrap().as_secs_f64();
            prop_assert!((found / exact - 1.0).abs() < 0.02, "{found} for {exact}");
        }
    }
}
