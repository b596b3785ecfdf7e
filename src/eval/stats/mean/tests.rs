use super::*;
use proptest::prelude::*;

fn of(numbers: &[f64]) -> Moments {
    numbers.iter().copied().collect()
}

#[test]
fn students_interval_and_test_are_those_of_scipy() {
    // scipy 1.17.1: t.interval and ttest_1samp(x, 2).
    let moments = of(&[1.0, 2.0, 4.0, 8.0, 16.0, 3.0, 3.0, 9.0]);
    let [low, high] = moments.interval(Level::P95).unwrap();
    assert!((low - 1.563_928_073_170_081_3).abs() < 1e-11 && (high - 9.936_071_926_829_918).abs() < 1e-11);
    assert!((moments.variance().unwrap() - 25.071_428_571_428_573).abs() < 1e-12);
    let test = moments.t_test(2.0).unwrap();
    assert!((test.t - 2.118_296_364_340_808_6).abs() < 1e-12);
    assert!((test.p - 0.071_902_154_196_621).abs() < 1e-12);
}

#[test]
fn a_large_offset_loses_nothing() {
    let moments = of(&[1e9 + 4.0, 1e9 + 7.0, 1e9 + 13.0, 1e9 + 16.0]);
    assert!((moments.variance().unwrap() - 30.0).abs() < 1e-9);
}

#[test]
fn too_few_numbers_have_no_error() {
    assert_eq!((of(&[]).mean(), of(&[]).variance(), of(&[]).interval(Level::P95)), (None, None, None));
    assert_eq!(
        (of(&[3.0]).mean(), of(&[3.0]).standard_error(), of(&[3.0]).t_test(0.0)),
        (Some(3.0), None, None)
    );
}

#[test]
fn equal_numbers_have_a_point_and_no_test() {
    let equal = of(&[2.0, 2.0, 2.0]);
    assert_eq!((equal.interval(Level::P95), equal.t_test(0.0)), (Some([2.0, 2.0]), None));
}

proptest! {
    #[test]
    fn the_interval_contains_the_mean_and_moves_with_the_numbers(
        numbers in prop::collection::vec(-1e3..1e3_f64, 2..100), shift in -1e3..1e3_f64,
    ) {
        let moments = of(&numbers);
        let [low, high] = moments.interval(Level::P95).unwrap();
        let mean = moments.mean().unwrap();
        prop_assert!(low <= mean && mean <= high);
        let moved: Moments = numbers.iter().map(|x| x + shift).collect();
        prop_assert!((moved.interval(Level::P95).unwrap()[0] - low - shift).abs() < 1e-7);
    }

    #[test]
    fn the_test_rejects_exactly_outside_the_interval(
        numbers in prop::collection::vec(-10.0..10.0_f64, 3..50), null in -5.0..5.0_f64,
    ) {
        let moments = of(&numbers);
        let [low, high] = moments.interval(Level::P95).unwrap();
        prop_assume!((low - null).abs() > 1e-6 && (high - null).abs() > 1e-6);
        let inside = low < null && null < high;
        prop_assert_eq!(inside, moments.t_test(null).unwrap().p > 0.05);
    }
}
