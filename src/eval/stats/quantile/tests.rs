#![expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "places in small samples")]

use super::*;
use proptest::prelude::*;

#[test]
fn ranks_are_those_of_the_binomial() {
    // scipy 1.17.1, binom.ppf at 95 %.
    for (n, q, want) in [
        (20, 0.5, Some([6, 15])),
        (20, 0.9, None),
        (59, 0.9, Some([48, 58])),
        (100, 0.95, Some([90, 100])),
        (300, 0.99, None),
        (500, 0.99, Some([490, 500])),
        (2_000, 0.5, Some([956, 1_045])),
        (2_000, 0.99, Some([1_971, 1_989])),
    ] {
        assert_eq!(interval_ranks(n, q, Level::P95), want, "{n} {q}");
    }
}

#[test]
fn each_quantile_has_a_smallest_sample_with_an_interval() {
    for (q, smallest) in [(0.5, 6), (0.9, 36), (0.95, 72), (0.99, 368), (0.999, 3_688)] {
        assert_eq!(interval_ranks(smallest - 1, q, Level::P95), None, "{q}");
        assert!(interval_ranks(smallest, q, Level::P95).is_some(), "{q}");
    }
}

#[test]
fn estimates_are_linear_between_neighbours() {
    let mut micros = [40_u32, 10, 30, 20];
    let got: Vec<_> = estimate(&mut micros, &[0.0, 0.5, 0.9, 1.0], Level::P95)
        .into_iter()
        .map(|quantile| quantile.unwrap().value)
        .collect();
    for (got, want) in got.iter().zip([10.0, 25.0, 37.0, 40.0]) {
        assert!((got - want).abs() < 1e-12, "{got} {want}");
    }
}

#[test]
fn no_sample_and_no_quantile_is_none() {
    assert_eq!(estimate::<u64>(&mut [], &[0.5], Level::P95), vec![None]);
    assert_eq!(estimate(&mut [1_u64], &[-0.1, 1.1, f64::NAN], Level::P95), vec![None; 3]);
    assert_eq!(
        estimate(&mut [7_u64], &[0.99], Level::P95),
        vec![Some(Quantile { value: 7.0, interval: None })]
    );
    assert_eq!(interval_ranks(0, 0.5, Level::P95), None);
}

#[test]
fn an_interval_covers_at_least_its_level() {
    for n in [6, 72, 100, 368, 1_000] {
        for q in [0.5, 0.9, 0.95, 0.99] {
            let Some([lower, upper]) = interval_ranks(n, q, Level::P95) else { continue };
            let covered = binomial_cdf(upper - 1, n, q) - binomial_cdf(lower - 1, n, q);
            assert!(covered >= 0.95, "{n} {q} {covered}");
        }
    }
}

proptest! {
    #[test]
    fn selecting_agrees_with_sorting(sample in prop::collection::vec(0_u32..1_000, 1..500), q in 0.0..=1.0_f64) {
        let mut sorted = sample.clone();
        sorted.sort_unstable();
        let place = real(count(sorted.len() - 1)) * q;
        let [low, high] = [place.floor(), place.ceil()].map(|p| f64::from(sorted[p as usize]));
        let mut shuffled = sample;
        let all = [0.99, q, 0.5, q];
        let got = estimate(&mut shuffled, &all, Level::P95);
        prop_assert_eq!(got[1], got[3]);
        let got = got[1].unwrap();
        prop_assert!((got.value - (low + (high - low) * (place - place.floor()))).abs() < 1e-9);
        if let Some([lower, upper]) = interval_ranks(count(sorted.len()), q, Level::P95) {
            let want = [lower, upper].map(|rank| f64::from(sorted[rank as usize - 1]));
            prop_assert_eq!(got.interval, Some(want));
        }
    }

    #[test]
    fn the_interval_contains_the_estimate(sample in prop::collection::vec(0_u64..100_000, 6..800), q in 0.05..0.99_f64) {
        let mut sample = sample;
        let got = estimate(&mut sample, &[q], Level::P95)[0].unwrap();
        if let Some([low, high]) = got.interval {
            prop_assert!(low <= got.value && got.value <= high, "{got:?}");
        }
    }
}
