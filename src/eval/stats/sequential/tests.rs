#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "small counts"
)]

use super::*;
use crate::base::dice::Dice;
use proptest::prelude::*;

fn pairs(n: u64, better: u64, worse: u64) -> Pairs {
    Pairs::new(n, better, worse).unwrap()
}

#[test]
fn evidence_from_discordant_pairs_is_that_of_the_beta_mixture() {
    // scipy 1.17.1: betaln(k + 1, n - k + 1) + n ln 2.
    for (k, n, log_e, rejecting) in [
        (0, 0, 0.0, false),
        (5, 5, 1.673_976_433_571_671_1, false),
        (8, 8, 3.347_952_867_143_344, true),
        (20, 30, 0.142_220_897_312_050_45, false),
        (70, 100, 6.057_501_898_196_89, true),
        (560, 1_000, 3.981_297_047_374_369, true),
    ] {
        let got = discordant_log_e(pairs(n, k, n - k));
        assert!((got - log_e).abs() < 1e-9, "{k} {n}: {got}");
        assert_eq!(rejects(got, Level::P95), rejecting, "{k} {n}");
    }
}

#[test]
fn without_pairs_there_is_no_evidence() {
    let none = Pairs::default();
    assert!(adopt_log_e(none, 0.02).abs() < 1e-12 && reject_log_e(none, 0.02).abs() < 1e-12);
    assert_eq!(early_stop(none, 0.02, Level::P95), None);
    assert_eq!(early_stop(pairs(10, 10, 0), 1.0, Level::P95), None);
    assert_eq!(early_stop(pairs(10, 10, 0), -0.1, Level::P95), None);
}

#[test]
fn a_clear_difference_stops_the_run() {
    assert_eq!(early_stop(pairs(200, 40, 5), 0.02, Level::P95), Some(Stop::Adopt));
    assert_eq!(early_stop(pairs(200, 5, 60), 0.02, Level::P95), Some(Stop::Reject));
    assert_eq!(early_stop(pairs(200, 10, 12), 0.02, Level::P95), None);
}

#[test]
fn pairs_that_never_differ_stop_a_run_by_themselves() {
    // With every bet held, one tie gains λ · margin, so evidence must come at a rate of about the margin.
    let stop = (1..2_000).find(|n| early_stop(pairs(*n, 0, 0), 0.05, Level::P95).is_some()).unwrap();
    assert!((60..200).contains(&stop), "{stop}");
    assert_eq!(early_stop(pairs(stop, 0, 0), 0.05, Level::P95), Some(Stop::Adopt));
}

const MARGIN: f64 = 0.05;

/// Runs with these true shares of better and worse pairs, looked at after every one of `most` pairs: after
/// how many each stopped, sorted, if it stopped so.
fn stops(runs: u64, most: u64, [better, worse]: [f64; 2], stop: Stop) -> Vec<u64> {
    let mut stopped: Vec<_> = (0..runs)
        .filter_map(|run| {
            let mut seen = Pairs::default();
            (1..=most).find(|pair| {
                let roll = Dice::new(23).unit(run, *pair, "peek");
                seen.add(roll < worse, (worse..worse + better).contains(&roll));
                let log_e = match stop {
                    Stop::Adopt => adopt_log_e(seen, MARGIN),
                    Stop::Reject => reject_log_e(seen, MARGIN),
                };
                rejects(log_e, Level::P95)
            })
        })
        .collect();
    stopped.sort_unstable();
    stopped
}

#[test]
fn at_the_margin_a_run_seldom_stops_however_often_one_looks() {
    // The edge of both hypotheses, so neither direction may be found in more than 5 % of the runs.
    for shares in [[0.05, 0.10], [0.15, 0.20], [0.0, 0.05]] {
        for stop in [Stop::Adopt, Stop::Reject] {
            let wrong = stops(100, 300, shares, stop).len();
            assert!(wrong <= 5, "{wrong} of 100 {stop:?} at {shares:?}");
        }
    }
}

#[test]
fn good_and_bad_candidates_stop_early() {
    for (shares, stop) in [([0.08, 0.05], Stop::Adopt), ([0.03, 0.18], Stop::Reject)] {
        let stopped = stops(40, 600, shares, stop);
        assert!(stopped.len() >= 34 && stopped[19] < 300, "{stop:?} {stopped:?}");
    }
}

#[test]
fn fair_coins_are_seldom_called_unfair_however_often_one_looks() {
    let wrong = (0..200_u64)
        .filter(|run| {
            let mut seen = Pairs::default();
            (0..400).any(|pair| {
                let heads = Dice::new(29).bits(*run, pair, "coin") & 1 == 1;
                seen.add(heads, !heads);
                rejects(discordant_log_e(seen), Level::P95)
            })
        })
        .count();
    assert!(wrong <= 10, "{wrong} of 200");
}

proptest! {
    /// The law behind the validity: one more pair does not raise the capital on average, when the
    /// hypothesis holds at its edge or inside it.
    #[test]
    fn the_capital_is_a_supermartingale(
        n in 0_u64..500, b in 0.0..0.5_f64, c in 0.0..0.5_f64, margin in 0.0..0.5_f64,
        discordant in 0.0..1.0_f64, beyond in 0.0..1.0_f64,
    ) {
        let seen = pairs(n, (b * n as f64) as u64, (c * n as f64) as u64);
        let next = [(1, 0), (0, 0), (0, 1)].map(|(better, worse)| {
            pairs(seen.n() + 1, seen.better() + better, seen.worse() + worse)
        });
        // A pair's distribution with a mean of at most -margin, and its mirror with a mean of at least
        // -margin.
        let ties = (1.0 - margin) * (1.0 - discordant);
        let mean = -margin - (1.0 - ties - margin) * beyond;
        let worse = [f64::midpoint(1.0 - ties, mean), ties, f64::midpoint(1.0 - ties, -mean)];
        let upward = -margin + (1.0 - ties + margin) * beyond;
        let not_worse = [f64::midpoint(1.0 - ties, upward), ties, f64::midpoint(1.0 - ties, -upward)];
        for (chances, log_e) in [(worse, adopt_log_e as fn(Pairs, f64) -> f64), (not_worse, reject_log_e)] {
            let now = log_e(seen, margin);
            let then: f64 = chances.iter().zip(next).map(|(chance, next)| chance * (log_e(next, margin) - now).exp()).sum();
            prop_assert!(then <= 1.0 + 1e-9, "{then}");
        }
    }

    #[test]
    fn evidence_is_a_number_and_rises_with_better_pairs(
        n in 1_u64..5_000, share in 0.0..1.0_f64, margin in 0.0..0.99_f64,
    ) {
        let better = (share * n as f64) as u64;
        let (some, more) = (pairs(n, better, 0), pairs(n + 1, better + 1, 0));
        prop_assert!(adopt_log_e(some, margin).is_finite() && reject_log_e(some, margin).is_finite());
        prop_assert!(adopt_log_e(more, margin) > adopt_log_e(some, margin));
        prop_assert!(reject_log_e(more, margin) < reject_log_e(some, margin));
    }
}
