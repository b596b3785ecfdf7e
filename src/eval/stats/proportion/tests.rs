use super::*;
use proptest::prelude::*;

type Interval = fn(u64, u64, Level) -> Option<[f64; 2]>;

const INTERVALS: [(&str, Interval); 3] =
    [("wilson", wilson), ("clopper-pearson", clopper_pearson), ("jeffreys", jeffreys)];

fn near(got: [f64; 2], want: [f64; 2]) -> bool {
    got.iter().zip(want).all(|(got, want)| (got - want).abs() < 1e-12)
}

#[test]
fn intervals_are_those_of_statsmodels() {
    // statsmodels 0.15.0, proportion_confint at 90 %.
    let level = Level::new(0.9).unwrap();
    for (interval, k, n, want) in [
        (wilson as Interval, 0, 1, [0.0, 0.730_134_051_215_946]),
        (wilson, 19, 20, [0.803_992_763_225_983_5, 0.988_765_183_149_148_3]),
        (wilson, 99_999, 100_000, [0.999_955_176_763_898_7, 0.999_997_769_074_631_2]),
        (clopper_pearson, 0, 1, [0.0, 0.95]),
        (clopper_pearson, 19, 20, [0.783_893_835_793_152_6, 0.997_438_621_223_469_7]),
        (clopper_pearson, 498, 997, [0.472_976_851_108_388, 0.526_022_339_395_164_4]),
        (jeffreys, 0, 1, [0.001_542_919_302_672_943_4, 0.771_480_186_193_671_3]),
        (jeffreys, 19, 20, [0.820_444_579_963_778_1, 0.991_130_790_687_541_4]),
        (jeffreys, 0, 100_000, [1.966_065_065_513_834_2e-8, 1.920_706_162_724_843e-5]),
    ] {
        let got = interval(k, n, level).unwrap();
        assert!(near(got, want), "{k}/{n}: {got:?}, want {want:?}");
    }
}

#[test]
fn a_share_of_nothing_has_no_interval() {
    for (name, interval) in INTERVALS {
        assert_eq!(interval(0, 0, Level::P95), None, "{name}");
        assert_eq!(interval(3, 2, Level::P95), None, "{name}");
    }
}

#[test]
fn a_bound_of_98_percent_needs_183_of_183() {
    // Exactly: 0.98^183 < 0.025 <= 0.98^182.
    assert!(clopper_pearson(182, 182, Level::P95).unwrap()[0] < 0.98);
    assert!(clopper_pearson(183, 183, Level::P95).unwrap()[0] >= 0.98);
}

#[test]
fn wilson_covers_where_the_textbook_interval_does_not() {
    // At 99 of 100 the mean ± 1.96 SE interval covers 63 %; Wilson's exact coverage there is 92 %.
    let (n, share) = (100, 0.99);
    let covered: f64 = (0..=n)
        .filter(|k| {
            let [low, high] = wilson(*k, n, Level::P95).unwrap();
            (low..=high).contains(&share)
        })
        .map(|k| super::super::distribution::binomial_pmf(k, n, share))
        .sum();
    assert!((covered - 0.921).abs() < 0.001, "{covered}");
}

fn counts() -> impl Strategy<Value = (u64, u64)> {
    (1_u64..3_000).prop_flat_map(|n| (0..=n, Just(n)))
}

proptest! {
    #[test]
    fn an_interval_contains_the_share_and_stays_inside_the_unit((k, n) in counts(), level in 0.5..0.999_f64) {
        let level = Level::new(level).unwrap();
        let share = real(k) / real(n);
        for (name, interval) in INTERVALS {
            let [low, high] = interval(k, n, level).unwrap();
            prop_assert!(0.0 <= low && low <= high && high <= 1.0, "{name} {low} {high}");
            // Jeffreys leaves the very ends out by design.
            let at_an_end = name == "jeffreys" && (k == 0 || k == n);
            prop_assert!(at_an_end || (low <= share + 1e-12 && share <= high + 1e-12), "{name} {low} {high}");
        }
    }

    #[test]
    fn failures_mirror_passes((k, n) in counts()) {
        for (name, interval) in INTERVALS {
            let [low, high] = interval(k, n, Level::P95).unwrap();
            let [mirror_low, mirror_high] = interval(n - k, n, Level::P95).unwrap();
            prop_assert!(near([low, high], [1.0 - mirror_high, 1.0 - mirror_low]), "{name}");
        }
    }

    #[test]
    fn a_surer_interval_is_wider((k, n) in counts()) {
        for (name, interval) in INTERVALS {
            let [low, high] = interval(k, n, Level::P95).unwrap();
            let [lower, higher] = interval(k, n, Level::new(0.99).unwrap()).unwrap();
            prop_assert!(lower <= low && high <= higher, "{name}");
        }
    }

    #[test]
    fn one_more_pass_raises_every_bound((k, n) in counts()) {
        prop_assume!(k < n);
        for (name, interval) in INTERVALS {
            let (now, next) = (interval(k, n, Level::P95).unwrap(), interval(k + 1, n, Level::P95).unwrap());
            prop_assert!(now[0] < next[0] + 1e-15 && now[1] < next[1] + 1e-15, "{name}");
        }
    }
}
