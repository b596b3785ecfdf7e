use super::*;
use proptest::prelude::*;

fn of(samples: &[(f64, f64)]) -> Ratio {
    let mut ratio = Ratio::default();
    for (above, below) in samples {
        ratio.add(*above, *below);
    }
    ratio
}

const CALLS: [(f64, f64); 8] =
    [(2.0, 1.0), (3.0, 1.0), (5.0, 0.0), (1.0, 1.0), (4.0, 1.0), (2.0, 1.0), (3.0, 0.0), (2.0, 1.0)];

#[test]
fn every_call_is_paid_for_by_the_accepted_ones() {
    let ratio = of(&CALLS);
    assert!((ratio.value().unwrap() - 22.0 / 6.0).abs() < 1e-14);
    assert_eq!(ratio.n(), 8);
}

#[test]
fn error_and_interval_are_those_of_the_formulas() {
    // numpy 2.4.6 with scipy 1.17.1 over the textbook formulas.
    let ratio = of(&CALLS);
    assert!((ratio.standard_error().unwrap() - 1.259_881_576_697_423_8).abs() < 1e-12);
    let [low, high] = ratio.interval(Level::P95).unwrap();
    assert!(
        (low - 1.621_874_322_601_613_7).abs() < 1e-10 && (high - 9.582_173_782_446_74).abs() < 1e-10,
        "{low} {high}"
    );
}

#[test]
fn with_nothing_accepted_there_is_no_cost_per_accepted() {
    let ratio = of(&[(1.0, 0.0), (2.0, 0.0), (1.5, 0.0)]);
    assert_eq!((ratio.value(), ratio.standard_error(), ratio.interval(Level::P95)), (None, None, None));
    assert_eq!(of(&[]).value(), None);
    assert_eq!(of(&[(1.0, 1.0)]).interval(Level::P95), None);
}

#[test]
fn with_too_few_accepted_there_is_no_bounded_interval() {
    let mut calls = [(1.0, 0.0); 20];
    calls[3].1 = 1.0;
    let ratio = of(&calls);
    assert!(ratio.value().is_some());
    assert_eq!(ratio.interval(Level::P95), None);
}

proptest! {
    #[test]
    fn the_interval_contains_the_ratio_and_scales_with_the_currency(
        calls in prop::collection::vec((0.001..1.0_f64, 0_u8..=1), 2..80), rate in 0.1..100.0_f64,
    ) {
        let ratio = of(&calls.iter().map(|(cost, ok)| (*cost, f64::from(*ok))).collect::<Vec<_>>());
        let other = of(&calls.iter().map(|(cost, ok)| (cost * rate, f64::from(*ok))).collect::<Vec<_>>());
        prop_assert!(ratio.value().is_none_or(f64::is_finite));
        if let Some([low, high]) = ratio.interval(Level::P95) {
            let value = ratio.value().unwrap();
            prop_assert!(low <= value + 1e-9 && value <= high + 1e-9, "{low} {value} {high}");
            // Next to the edge of existence the ends run off to infinity and rounding with them.
            if high < 1e3 {
                let scaled = other.interval(Level::P95).unwrap();
                prop_assert!((scaled[0] / rate - low).abs() < 1e-6 && (scaled[1] / rate - high).abs() < 1e-4 * high);
            }
        }
    }
}
