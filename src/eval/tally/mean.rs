//! The mean of a number that every call has, with its interval.

use crate::base::dice::Dice;
use crate::eval::stats::bootstrap::bca;
use crate::eval::stats::cluster::Clusters;
use crate::eval::stats::level::Level;

/// The most numbers kept for a bootstrap: 80 kB a candidate. Beyond, the mean is as good as normal.
const MOST_KEPT: usize = 10_000;

/// Numbers of calls, with what they belong together with.
#[derive(Debug, Default)]
pub(super) struct Mean {
    /// The first ones; all of them while there are few.
    kept: Vec<f64>,
    clusters: Clusters<u32>,
}

impl Mean {
    /// Takes an item's numbers; `cluster` is what the item shares with others.
    pub(super) fn add(&mut self, cluster: Option<u32>, values: impl Iterator<Item = f64>) {
        let kept = &mut self.kept;
        self.clusters.add_group(
            cluster,
            values.inspect(|value| {
                if kept.len() < MOST_KEPT {
                    kept.push(*value);
                }
            }),
        );
    }

    /// The 95 % interval: `BCa` of independent calls, of which there are at most ten thousand; Student's of more;
    /// the cluster-robust one where calls belong together. `None` below two.
    pub(super) fn interval(&self, is_clustered: bool, dice: Dice) -> Option<[f64; 2]> {
        let is_whole = self.kept.len() as u64 == self.clusters.n();
        let bootstrapped = if is_whole && !is_clustered { bca(&self.kept, Level::P95, dice) } else { None };
        bootstrapped.or_else(|| self.clusters.interval(Level::P95))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::stats::mean::Moments;

    fn of(numbers: &[f64]) -> Mean {
        let mut mean = Mean::default();
        for number in numbers {
            mean.add(None, std::iter::once(*number));
        }
        mean
    }

    /// Most calls are cheap, some are dear.
    fn skewed(n: u32) -> Vec<f64> {
        (0..n).map(|i| if i % 10 == 0 { 9.0 } else { 1.0 }).collect()
    }

    #[test]
    fn few_independent_calls_have_the_bootstrap_of_the_seed() {
        let (numbers, dice) = (skewed(50), Dice::new(7));
        let [low, high] = of(&numbers).interval(false, dice).unwrap();
        assert_eq!(Some([low, high]), bca(&numbers, Level::P95, dice));
        assert!(high - 1.8 > 1.8 - low, "skewed costs have a skewed interval: {low} {high}");
        assert_eq!(of(&[1.0]).interval(false, dice), None);
    }

    #[test]
    fn many_calls_have_students_interval_and_are_not_kept() {
        let numbers = skewed(10_001);
        let mean = of(&numbers);
        assert_eq!(mean.kept.len(), MOST_KEPT);
        let student = numbers.iter().copied().collect::<Moments>().interval(Level::P95).unwrap();
        let got = mean.interval(false, Dice::new(7)).unwrap();
        for side in [0, 1] {
            assert!((got[side] - student[side]).abs() < 1e-9, "{got:?} {student:?}");
        }
    }

    #[test]
    fn calls_that_belong_together_count_together() {
        let (mut alone, mut repeated) = (Mean::default(), Mean::default());
        for number in skewed(50) {
            alone.add(None, std::iter::once(number));
            repeated.add(None, std::iter::repeat_n(number, 5));
        }
        let width = |mean: &Mean| mean.interval(true, Dice::new(1)).map(|[low, high]| high - low).unwrap();
        assert!(
            (width(&alone) - width(&repeated)).abs() < 1e-9,
            "repeats that cost the same say nothing new"
        );
    }
}
