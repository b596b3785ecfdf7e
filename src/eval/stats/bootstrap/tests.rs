#![expect(clippy::float_cmp, reason = "the ends of a range and the same computation twice are exact")]

use super::*;
use proptest::prelude::*;

const SKEWED: [f64; 8] = [1.0, 2.0, 4.0, 8.0, 16.0, 3.0, 3.0, 9.0];

#[test]
fn the_interval_agrees_with_scipys_within_monte_carlo_error() {
    // scipy 1.17.1, stats.bootstrap(method="BCa", n_resamples=200000): 3.25 to 10.125.
    let [low, high] = bca(&SKEWED, Level::P95, Dice::new(7)).unwrap();
    assert!((low - 3.25).abs() < 0.02 * 6.875 && (high - 10.125).abs() < 0.03 * 6.875, "{low} {high}");
}

#[test]
fn the_same_seed_gives_the_same_interval_and_another_seed_another() {
    // Means of whole numbers fall on few values, which two seeds may share.
    let numbers = SKEWED.map(f64::sqrt);
    let at = |seed| bca(&numbers, Level::P95, Dice::new(seed)).unwrap();
    assert_eq!(at(1), at(1));
    assert_ne!(at(1), at(2));
}

#[test]
fn a_resample_does_not_depend_on_those_before_it() {
    let dice = Dice::new(3);
    let forwards: Vec<_> = (0..20).map(|number| resampled_mean(&SKEWED, dice, number)).collect();
    let backwards: Vec<_> = (0..20).rev().map(|number| resampled_mean(&SKEWED, dice, number)).collect();
    assert!(forwards.iter().eq(backwards.iter().rev()));
}

#[test]
fn a_resample_draws_every_value_equally_often() {
    let marks: Vec<_> = (0..7).map(|i| f64::from(u8::from(i == 6))).collect();
    let mean: f64 =
        (0..2_000).map(|number| resampled_mean(&marks, Dice::new(5), number)).sum::<f64>() / 2_000.0;
    assert!((mean - 1.0 / 7.0).abs() < 0.01, "{mean}");
}

#[test]
fn too_few_and_too_many_numbers_have_no_interval() {
    assert_eq!(bca(&[], Level::P95, Dice::new(1)), None);
    assert_eq!(bca(&[1.0], Level::P95, Dice::new(1)), None);
    assert_eq!(bca(&vec![1.0; 10_011], Level::P95, Dice::new(1)), None);
}

#[test]
fn equal_numbers_have_a_point() {
    assert_eq!(bca(&[2.0; 10], Level::P95, Dice::new(1)), Some([2.0, 2.0]));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn the_interval_contains_the_mean_and_stays_among_the_numbers(
        numbers in prop::collection::vec(0.0..1.0_f64, 2..12), level in 0.5..0.999_999_f64,
    ) {
        let [low, high] = bca(&numbers, Level::new(level).unwrap(), Dice::new(9)).unwrap();
        let mean = numbers.iter().copied().collect::<Moments>().mean().unwrap();
        let least = numbers.iter().copied().fold(1.0, f64::min);
        let most = numbers.iter().copied().fold(0.0, f64::max);
        prop_assert!(least - 1e-12 <= low && low <= mean && mean <= high && high <= most + 1e-12);
    }
}
