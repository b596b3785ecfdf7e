#![expect(clippy::float_cmp, reason = "the ends of a range and the same computation twice are exact")]

use super::*;
use proptest::prelude::*;

fn pairs(n: u64, better: u64, worse: u64) -> Pairs {
    Pairs::new(n, better, worse).unwrap()
}

#[test]
fn mcnemar_is_that_of_statsmodels() {
    // statsmodels 0.15.0 (exact) and scipy 1.17.1 (mid-p).
    for (b, c, exact, mid_p) in [
        (0, 0, 1.0, 1.0),
        (0, 1, 1.0, 0.5),
        (0, 6, 0.03125, 0.015_625),
        (3, 9, 0.145_996_093_75, 0.092_285_156_25),
        (15, 15, 1.0, 1.0),
        (121, 59, 4.434_449_263_751_165e-6, 3.266_646_795_774_573_3e-6),
        (500, 430, 0.023_608_839_292_547_163, 0.021_731_154_029_006_036),
        (499, 43, 1.656_933_362_396_999_7e-99, 8.995_467_720_491_714e-100),
    ] {
        let pairs = pairs(2_000, b, c);
        assert!((pairs.mcnemar_exact() - exact).abs() <= 1e-10 * exact, "{b} {c}");
        assert!((pairs.mcnemar_mid_p() - mid_p).abs() <= 1e-10 * mid_p, "{b} {c}");
    }
}

#[test]
fn the_standard_error_is_that_of_the_paired_differences() {
    // GSM8K, 6b fine-tuned against 6b verified, Cobbe et al. 2021.
    let pairs = pairs(1_319, 293, 64);
    assert!((pairs.difference().unwrap() - 0.173_616_376_042_456_42).abs() < 1e-15);
    assert!((pairs.standard_error().unwrap() - 0.013_508_749_049_664_651).abs() < 1e-15);
}

#[test]
fn the_interval_is_tangos() {
    // The restricted likelihood maximised numerically and the score inverted, both with scipy 1.17.1.
    // (21, 1, 7) is the airway example of Fagerland, Lydersen & Laake 2014: -0.517 to -0.026.
    for (n, b, c, want) in [
        (44, 0, 1, [-0.118_077_096_98, 0.059_393_231_3]),
        (21, 1, 7, [-0.517_232_277_27, -0.026_003_030_15]),
        (50, 0, 0, [-0.071_347_599_133, 0.071_347_599_133]),
        (10, 10, 0, [0.444_934_400_27, 1.0]),
        (500, 15, 20, [-0.034_596_673_48, 0.013_833_910_93]),
        (1_319, 293, 64, [0.147_353_350_00, 0.200_386_550_04]),
        (100, 5, 0, [0.011_156_827_6, 0.111_750_469_2]),
    ] {
        let got = pairs(n, b, c).interval(Level::P95).unwrap();
        for (got, want) in got.iter().zip(want) {
            assert!((got - want).abs() < 2e-8, "{n} {b} {c}: {got}, want {want}");
        }
    }
}

#[test]
fn the_interval_keeps_its_level_in_small_samples_where_walds_does_not() {
    // Exact coverage, by summing over every table of n pairs.
    let z = Level::P95.z();
    for (n, better, worse) in
        [(20, 0.05, 0.05), (30, 0.1, 0.05), (30, 0.02, 0.1), (50, 0.02, 0.02), (50, 0.2, 0.1)]
    {
        let (mut tango, mut wald) = (0.0, 0.0);
        for discordant in 0..=n {
            for b in 0..=discordant {
                let chance = binomial_pmf(discordant, n, better + worse)
                    * binomial_pmf(b, discordant, better / (better + worse));
                let seen = pairs(n, b, discordant - b);
                let [low, high] = seen.interval(Level::P95).unwrap();
                let off = (seen.difference().unwrap() - (better - worse)).abs();
                tango += if low <= better - worse && better - worse <= high { chance } else { 0.0 };
                wald += if off <= z * seen.standard_error().unwrap() { chance } else { 0.0 };
            }
        }
        assert!(tango > 0.93 && tango > wald, "{n} {better} {worse}: {tango} against {wald}");
    }
}

#[test]
fn with_no_differing_pair_the_interval_still_has_a_width() {
    let z = Level::P95.z();
    let reach = z * z / (50.0 + z * z);
    let [low, high] = pairs(50, 0, 0).interval(Level::P95).unwrap();
    assert!((low + reach).abs() < 1e-14 && (high - reach).abs() < 1e-14);
}

#[test]
fn the_wald_test_of_noninferiority_is_the_usual_one() {
    // scipy 1.17.1: (d + margin)/se with the variance over n.
    let test = pairs(500, 15, 20).noninferiority_wald(0.03).unwrap();
    assert!((test.z - 1.691_517_167_823_456_4).abs() < 1e-12);
    assert!((test.p - 0.045_369_035_859_303_07).abs() < 1e-12);
    assert_eq!(pairs(500, 0, 0).noninferiority_wald(0.03), None);
}

#[test]
fn the_score_test_of_noninferiority_uses_the_restricted_variance() {
    // The restricted likelihood maximised numerically with scipy 1.17.1.
    let test = pairs(500, 15, 20).noninferiority(0.03).unwrap();
    assert!((test.z - 1.618_477_555).abs() < 1e-7, "{test:?}");
}

#[test]
fn without_pairs_there_is_nothing() {
    let none = Pairs::default();
    assert_eq!((none.difference(), none.standard_error(), none.interval(Level::P95)), (None, None, None));
    assert_eq!((none.noninferiority(0.02), none.noninferiority_wald(0.02)), (None, None));
    assert_eq!([none.mcnemar_exact(), none.mcnemar_mid_p()], [1.0, 1.0]);
    assert_eq!(pairs(1, 1, 0).standard_error(), None);
    assert_eq!(pairs(5, 1, 0).noninferiority(1.0), None);
    assert_eq!(Pairs::new(3, 2, 2), None);
    assert_eq!(Pairs::new(u64::MAX, u64::MAX, 1), None);
}

#[test]
fn adding_pairs_counts_who_passed_alone() {
    let mut seen = Pairs::default();
    for (incumbent, candidate) in [(true, true), (true, false), (false, true), (false, true), (false, false)]
    {
        seen.add(incumbent, candidate);
    }
    assert_eq!(seen, pairs(5, 2, 1));
}

fn any_pairs() -> impl Strategy<Value = Pairs> {
    (1_u64..2_000)
        .prop_flat_map(|n| (Just(n), 0..=n))
        .prop_flat_map(|(n, discordant)| (Just(n), Just(discordant), 0..=discordant))
        .prop_map(|(n, discordant, better)| pairs(n, better, discordant - better))
}

proptest! {
    #[test]
    fn the_interval_contains_the_difference_and_stays_in_range(pairs in any_pairs()) {
        let [low, high] = pairs.interval(Level::P95).unwrap();
        let difference = pairs.difference().unwrap();
        prop_assert!(-1.0 <= low && low <= difference && difference <= high && high <= 1.0);
        prop_assert!(low < high);
    }

    #[test]
    fn swapping_the_sides_mirrors_everything(pairs in any_pairs()) {
        let mirrored = Pairs::new(pairs.n(), pairs.worse(), pairs.better()).unwrap();
        let ([low, high], [mirror_low, mirror_high]) =
            (pairs.interval(Level::P95).unwrap(), mirrored.interval(Level::P95).unwrap());
        prop_assert!((low + mirror_high).abs() < 1e-12 && (high + mirror_low).abs() < 1e-12);
        prop_assert!((pairs.mcnemar_mid_p() - mirrored.mcnemar_mid_p()).abs() < 1e-12);
    }

    #[test]
    fn the_interval_excludes_a_margin_exactly_when_the_test_rejects(pairs in any_pairs(), margin in 0.001..0.5_f64) {
        let [low, _] = pairs.interval(Level::P95).unwrap();
        let test = pairs.noninferiority(margin).unwrap();
        prop_assume!((low + margin).abs() > 1e-9);
        prop_assert_eq!(low > -margin, test.p < Level::P95.tail());
    }

    #[test]
    fn the_score_falls_as_the_difference_rises(pairs in any_pairs(), from in -0.99..0.99_f64, step in 0.0..0.5_f64) {
        let shape = pairs.shape().unwrap();
        let to = (from + step).min(0.99);
        prop_assert!(shape.score(to) <= shape.score(from) + 1e-9);
    }

    #[test]
    fn one_more_better_pair_moves_the_interval_up(pairs in any_pairs()) {
        prop_assume!(pairs.discordant() < pairs.n());
        let more = Pairs::new(pairs.n(), pairs.better() + 1, pairs.worse()).unwrap();
        let (now, next) = (pairs.interval(Level::P95).unwrap(), more.interval(Level::P95).unwrap());
        prop_assert!(now[0] <= next[0] + 1e-12 && now[1] <= next[1] + 1e-12);
    }

    #[test]
    fn p_values_are_probabilities_and_mid_p_is_the_smaller(pairs in any_pairs(), margin in 0.0..0.99_f64) {
        let (exact, mid_p) = (pairs.mcnemar_exact(), pairs.mcnemar_mid_p());
        prop_assert!((0.0..=1.0).contains(&exact) && (0.0..=1.0).contains(&mid_p) && mid_p <= exact + 1e-12);
        prop_assert!((0.0..=1.0).contains(&pairs.noninferiority(margin).unwrap().p));
    }
}
