#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "small counts"
)]

use super::*;
use proptest::prelude::*;

fn goal(power: f64) -> Goal {
    Goal::new(Level::P95, power).unwrap()
}

#[test]
fn mcnemar_needs_what_connor_says() {
    // The formula with scipy 1.17.1's normal quantiles.
    for (delta, discordant, power, want) in [
        (0.01, 0.1, 0.8, 7_847),
        (0.02, 0.2, 0.8, 3_923),
        (0.03, 0.3, 0.9, 3_499),
        (0.05, 0.2, 0.8, 626),
        (0.1, 0.2, 0.9, 206),
    ] {
        assert_eq!(mcnemar_pairs(delta, discordant, goal(power)), Some(want), "{delta} {discordant} {power}");
        assert_eq!(mcnemar_pairs(-delta, discordant, goal(power)), Some(want));
    }
}

#[test]
fn a_paired_mean_needs_what_the_normal_formula_says() {
    for (variance, want) in [(1.0 / 9.0, 969), (0.15, 1_309), (0.25, 2_181)] {
        assert_eq!(mean_pairs(0.03, variance, goal(0.8)), Some(want));
    }
}

#[test]
fn questions_without_an_answer_have_none() {
    assert_eq!(mcnemar_pairs(0.0, 0.2, goal(0.8)), None);
    assert_eq!(mcnemar_pairs(0.3, 0.2, goal(0.8)), None);
    assert_eq!(mcnemar_pairs(0.3, 1.2, goal(0.8)), None);
    assert_eq!(mcnemar_pairs(f64::NAN, 0.2, goal(0.8)), None);
    assert_eq!(mean_pairs(0.0, 0.2, goal(0.8)), None);
    assert_eq!(mean_pairs(0.0, 0.0, goal(0.8)), None);
    assert_eq!(mean_pairs(0.1, -0.2, goal(0.8)), None);
    assert_eq!(margin_pairs(0.1, 0.15, 0.05, goal(0.8)), None, "a difference of just the margin");
    assert_eq!(margin_pairs(0.0, 0.0, 0.0, goal(0.8)), None);
    assert_eq!(margin_pairs(0.6, 0.6, 0.1, goal(0.8)), None);
    assert_eq!(margin_pairs(0.1, 0.1, 1.0, goal(0.8)), None);
    assert_eq!(pairs_in_all(Pairs::default(), 0.02, goal(0.8), 1.0), None);
    assert_eq!(pairs_in_all(Pairs::new(9, 1, 1).unwrap(), 1.0, goal(0.8), 1.0), None);
    assert_eq!((Goal::new(Level::P95, 1.0), Goal::new(Level::P95, f64::NAN)), (None, None));
}

#[test]
fn with_no_differing_pair_the_margin_alone_sets_the_size() {
    // The interval is ±z²/(n + z²), so n must pass z²(1 - m)/m: 188.2 at a margin of 2 points.
    assert_eq!(margin_pairs(0.0, 0.0, 0.02, goal(0.8)), Some(189));
    let low = |n| Pairs::new(n, 0, 0).unwrap().interval(Level::P95).unwrap()[0];
    assert!(low(188) < -0.02 && low(189) > -0.02);
}

#[test]
fn a_two_point_margin_at_eighteen_percent_disagreement_takes_thousands() {
    let all = margin_pairs(0.09, 0.09, 0.02, goal(0.8)).unwrap();
    // Close to the Wald formula (z + z)² ψ/m² = 3,532, as the shares are moderate.
    assert!((3_500..3_600).contains(&all), "{all}");
    let seen = Pairs::new(1_000, 90, 90).unwrap();
    assert_eq!(pairs_in_all(seen, 0.02, goal(0.8), 1.0), Some(all));
    let clustered = pairs_in_all(seen, 0.02, goal(0.8), 2.0).unwrap();
    assert!(clustered.abs_diff(2 * all) <= 1, "{clustered}");
}

#[test]
fn the_planned_size_decides_as_often_as_asked() {
    // 400 runs of the planned size, with the shares as assumed; the standard error of the count is 8.
    use crate::base::dice::Dice;
    let all = margin_pairs(0.05, 0.05, 0.05, goal(0.8)).unwrap();
    let decided = (0..400)
        .filter(|run| {
            let mut pairs = Pairs::default();
            for pair in 0..all {
                let roll = Dice::new(11).unit(*run, pair, "power");
                pairs.add(roll < 0.05, (0.05..0.10).contains(&roll));
            }
            pairs.interval(Level::P95).unwrap()[0] > -0.05
        })
        .count();
    assert!((296..=344).contains(&decided), "{decided} of 400 with {all} pairs");
}

fn shares() -> impl Strategy<Value = (f64, f64)> {
    (0.0..0.4_f64, 0.0..0.4_f64)
}

proptest! {
    #[test]
    fn a_wider_margin_needs_fewer_pairs((better, worse) in shares(), above in 0.001..0.3_f64, more in 0.0..0.3_f64) {
        let margin = (worse - better).max(0.0) + above;
        let (narrow, wide) =
            (margin_pairs(better, worse, margin, goal(0.8)), margin_pairs(better, worse, margin + more, goal(0.8)));
        prop_assert!(wide.is_some() || narrow.is_none());
        prop_assert!(narrow.is_none() || wide <= narrow);
    }

    #[test]
    fn more_power_needs_more_pairs((better, worse) in shares(), power in 0.5..0.9_f64, more in 0.0..0.09_f64) {
        let (weak, strong) =
            (margin_pairs(better, worse, 0.02, goal(power)), margin_pairs(better, worse, 0.02, goal(power + more)));
        prop_assert!(strong.is_none() || weak <= strong);
    }

    #[test]
    fn the_score_test_rejects_the_margin_exactly_when_the_interval_excludes_it(
        n in 1_u64..3_000, better in 0.0..0.3_f64, worse in 0.0..0.3_f64, margin in 0.005..0.2_f64,
    ) {
        let [better, worse] = [better, worse].map(|share| (share * n as f64) as u64);
        let pairs = Pairs::new(n, better, worse).unwrap();
        let [low, high] = pairs.interval(Level::P95).unwrap();
        prop_assume!((low + margin).abs() > 1e-9 && (high + margin).abs() > 1e-9);
        let decided = low > -margin || high < -margin;
        prop_assert_eq!(decided, pairs.noninferiority(margin).unwrap().z.abs() > Level::P95.z());
    }
}
