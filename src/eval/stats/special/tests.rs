#![expect(clippy::float_cmp, reason = "the ends of a range and the same computation twice are exact")]

use super::*;
use proptest::prelude::*;

#[track_caller]
fn close(got: f64, want: f64) {
    assert!((got - want).abs() <= 1e-11 * want.abs(), "got {got:e}, want {want:e}");
}

// Figures below are from scipy 1.17.1.

#[test]
fn the_normal_distribution_is_exact_into_the_far_tail() {
    for (x, p) in [
        (-37.5, 4.605_353_009_581_954e-308),
        (-8.0, 6.220_960_574_271_74e-16),
        (-1.96, 0.024_997_895_148_220_435),
        (0.0, 0.5),
        (1.0, 0.841_344_746_068_542_9),
        (5.0, 0.999_999_713_348_428_1),
    ] {
        close(normal_cdf(x), p);
    }
}

#[test]
fn the_normal_quantile_is_exact_into_the_far_tail() {
    for (p, x) in [
        (1e-300, -37.047_096_299_361_2),
        (1e-20, -9.262_340_089_798_409),
        (1e-9, -5.997_807_015_007_687),
        (0.2, -0.841_621_233_572_914_2),
        (0.4999, -0.000_250_662_830_088_007_5),
        (0.975, 1.959_963_984_540_054),
    ] {
        close(normal_quantile(p), x);
    }
    assert!(normal_quantile(0.5).abs() < 1e-16);
    assert!(normal_quantile(0.0) < f64::MIN && normal_quantile(1.0) > f64::MAX);
    assert!(normal_quantile(5e-324).is_finite());
}

#[test]
fn gamma_and_beta_functions_are_those_of_scipy() {
    close(ln_gamma(0.5), 0.572_364_942_924_7);
    close(ln_gamma(100.25), 360.284_559_637_764_23);
    close(ln_gamma(1e6), 12_815_504.569_147_611);
    assert!(ln_beta(1.0, 1.0).abs() < 1e-14);
    close(ln_beta(0.5, 0.5), 1.144_729_885_849_4);
    close(ln_beta(561.0, 441.0), -689.165_883_512_57);
    close(ln_beta(1e6, 2.0), -27.631_022_116_169_333);
}

#[test]
fn the_incomplete_beta_function_is_that_of_scipy() {
    for (a, b, x, value) in [
        (0.5, 0.5, 0.1, 0.204_832_764_699_133_45),
        (2.0, 3.0, 0.4, 0.5248),
        (20.5, 0.5, 0.9, 0.038_839_169_805_692_65),
        (5000.0, 300.0, 0.94, 0.142_766_884_504_301_22),
        (1e6, 1e6, 0.5005, 0.921_350_422_419_075_8),
        (87.0, 14.0, 0.5, 6.564_907_761_017_925e-15),
        (3.0, 1e5, 1e-5, 0.080_304_156_195_560_53),
    ] {
        let got = incomplete_beta(a, b, Split::at(x)).lower;
        assert!((got - value).abs() <= 1e-10 * value, "I_{x}({a}, {b}) = {got:e}, want {value:e}");
    }
}

#[test]
fn the_beta_quantile_is_exact_next_to_both_ends() {
    for (a, b, p, x) in [
        (0.5, 0.5, 1e-6, 2.467_401_100_270_31e-12),
        (1.0, 1e6, 0.975, 3.688_872_650_206_488e-6),
        (2.0, 3.0, 0.4, 0.329_166_503_378_407_9),
        (1e6, 10.0, 0.025, 0.999_982_915_419_372_8),
        (0.5, 100_000.5, 0.025, 4.910_333_297_971_967e-9),
        (30.0, 0.5, 0.999, 0.999_999_973_600_980_3),
    ] {
        let got = beta_quantile(a, b, p);
        assert!((got - x).abs() <= 1e-9 * x, "({a}, {b}) at {p}: {got:e}, want {x:e}");
    }
    assert_eq!([beta_quantile(2.0, 3.0, 0.0), beta_quantile(2.0, 3.0, 1.0)], [0.0, 1.0]);
}

proptest! {
    #[test]
    fn the_normal_quantile_undoes_the_distribution(p in 1e-12..1.0_f64) {
        prop_assert!((normal_cdf(normal_quantile(p)) - p).abs() <= 1e-13 * p.max(1e-3));
    }

    #[test]
    fn the_beta_quantile_undoes_the_incomplete_beta(a in 0.5..5e4_f64, b in 0.5..5e4_f64, p in 1e-6..0.999_999_f64) {
        let x = incomplete_beta_inverse(a, b, Split::at(p));
        prop_assert!((0.0..=1.0).contains(&x.lower));
        prop_assert!((incomplete_beta(a, b, x).lower - p).abs() <= 1e-9);
    }

    #[test]
    fn both_parts_of_the_incomplete_beta_add_up_and_mirror(
        a in 0.5..1e4_f64, b in 0.5..1e4_f64, x in 0.0..=1.0_f64,
    ) {
        let (value, mirror) = (incomplete_beta(a, b, Split::at(x)), incomplete_beta(b, a, Split::at(x).swapped()));
        prop_assert!((value.lower + value.upper - 1.0).abs() < 1e-12);
        prop_assert!((value.lower - mirror.upper).abs() < 1e-10);
    }

    #[test]
    fn the_incomplete_beta_rises(a in 0.5..1e3_f64, b in 0.5..1e3_f64, x in 0.0..1.0_f64, step in 0.0..0.2_f64) {
        let higher = (x + step).min(1.0);
        prop_assert!(incomplete_beta(a, b, Split::at(x)).lower
            <= incomplete_beta(a, b, Split::at(higher)).lower + 1e-12);
    }
}
