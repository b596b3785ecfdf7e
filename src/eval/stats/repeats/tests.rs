use super::*;
use proptest::prelude::*;

#[track_caller]
fn close(got: Option<f64>, want: f64) {
    let got = got.unwrap();
    assert!((got - want).abs() < 1e-12, "got {got}, want {want}");
}

#[test]
fn pass_at_k_and_pass_all_k_count_draws_without_replacement() {
    // scipy 1.17.1, special.comb.
    for (n, passed, k, any, all) in [
        (10, 0, 1, 0.0, 0.0),
        (10, 3, 1, 0.3, 0.3),
        (10, 3, 5, 0.916_666_666_666_666_6, 0.0),
        (10, 10, 5, 1.0, 1.0),
        (200, 17, 10, 0.597_448_901_579_911_8, 8.662_418_719_590_339e-13),
        (8, 7, 4, 1.0, 0.5),
    ] {
        close(pass_at_k(n, passed, k), any);
        close(pass_all_k(n, passed, k), all);
    }
}

#[test]
fn more_draws_than_repeats_are_not_defined() {
    for (n, passed, k) in [(0, 0, 0), (5, 2, 0), (5, 2, 6), (5, 6, 1)] {
        assert_eq!((pass_at_k(n, passed, k), pass_all_k(n, passed, k)), (None, None));
    }
}

#[test]
fn a_dataset_averages_over_the_prompts_that_have_enough_repeats() {
    let mut prompts = Prompts::new(3);
    for (passed, repeats) in [(1, 2), (2, 2), (0, 1), (0, 0), (3, 2)] {
        prompts.add(passed, repeats);
    }
    close(prompts.pass_at(1), 0.5);
    close(prompts.pass_at(2), 1.0);
    close(prompts.pass_all(2), 0.5);
    assert_eq!((prompts.pass_at(3), prompts.pass_at(0), prompts.pass_all(4)), (None, None, None));
}

#[test]
fn variance_is_split_by_analysis_of_variance() {
    // By hand: four prompts of two; squares within 2·½, between 2·(¼+0+¼+0) = 1, so 1/3 less 1/4, halved.
    let mut prompts = Prompts::new(0);
    for passed in [0, 1, 2, 1] {
        prompts.add(passed, 2);
    }
    let variance = prompts.variance().unwrap();
    close(Some(variance.within), 0.25);
    close(Some(variance.between), (1.0 / 3.0 - 0.25) / 2.0);
}

#[test]
fn unequal_repeats_weigh_as_much_as_they_are() {
    // By hand: shares 1/2 of 2, 1 of 4, 0 of 1; N = 7, n₀ = (7 - 21/7)/2 = 2, mean 5/7.
    let mut prompts = Prompts::new(0);
    for (passed, repeats) in [(1, 2), (4, 4), (0, 1)] {
        prompts.add(passed, repeats);
    }
    let between: f64 =
        2.0 * (0.5_f64 - 5.0 / 7.0).powi(2) + 4.0 * (2.0_f64 / 7.0).powi(2) + (5.0_f64 / 7.0).powi(2);
    let within = 0.5 / 4.0;
    let variance = prompts.variance().unwrap();
    close(Some(variance.within), within);
    close(Some(variance.between), (between / 2.0 - within) / 2.0);
}

#[test]
fn without_repeats_there_is_no_variance_to_split() {
    let mut prompts = Prompts::new(1);
    assert_eq!(prompts.variance(), None);
    prompts.add(1, 3);
    assert_eq!(prompts.variance(), None, "one prompt");
    let mut single = Prompts::new(1);
    single.add(1, 1);
    single.add(0, 1);
    assert_eq!(single.variance(), None, "one answer each");
}

proptest! {
    #[test]
    fn more_draws_find_more_and_keep_less(
        (n, passed, k) in (2_u64..60).prop_flat_map(|n| (Just(n), 0..=n, 1..n)),
    ) {
        let (any, all) = (pass_at_k(n, passed, k).unwrap(), pass_all_k(n, passed, k).unwrap());
        prop_assert!((0.0..=1.0).contains(&any) && (0.0..=1.0).contains(&all) && all <= any + 1e-12);
        prop_assert!(any <= pass_at_k(n, passed, k + 1).unwrap() + 1e-12);
        prop_assert!(all + 1e-12 >= pass_all_k(n, passed, k + 1).unwrap());
        // Some of k pass exactly when not all of k fail.
        prop_assert!((any - (1.0 - pass_all_k(n, n - passed, k).unwrap())).abs() < 1e-12);
    }

    #[test]
    fn variances_are_never_negative(prompts in prop::collection::vec((0_u64..6, 1_u64..6), 2..40)) {
        let mut seen = Prompts::new(5);
        for (passed, repeats) in &prompts {
            seen.add(*passed.min(repeats), *repeats);
        }
        if let Some(variance) = seen.variance() {
            prop_assert!(variance.between >= 0.0 && variance.within >= 0.0);
            prop_assert!(variance.between <= 1.0 && variance.within <= 1.0);
        }
    }
}
