#![expect(clippy::float_cmp, reason = "the ends of a range and the same computation twice are exact")]

use super::*;
use proptest::prelude::*;

#[track_caller]
fn close(got: f64, want: f64) {
    assert!((got - want).abs() <= 1e-10 * want.abs(), "got {got:e}, want {want:e}");
}

// Figures below are from scipy 1.17.1.

#[test]
fn students_t_is_that_of_scipy() {
    for (df, t, p) in [
        (1.0, 1.0, 0.75),
        (4.0, -2.5, 0.033_383_272_405_994_07),
        (29.0, 2.0, 0.972_528_181_408_516_4),
        (2.5, 0.3, 0.606_328_814_252_401_4),
        (1e6, -1.96, 0.024_998_033_792_634_926),
        (3.0, -1e5, 1.102_657_790_446_627_3e-15),
    ] {
        close(student_t_cdf(t, df), p);
    }
    assert!((student_t_cdf(0.0, 5.0) - 0.5).abs() < 1e-15);
    assert_eq!([student_t_cdf(f64::INFINITY, 5.0), student_t_cdf(f64::NEG_INFINITY, 5.0)], [1.0, 0.0]);
}

#[test]
fn students_quantile_is_that_of_scipy() {
    for (df, p, t) in [
        (1.0, 1e-6, -318_309.886_182_743_5),
        (3.0, 0.4999, -0.000_272_069_909_110_518_64),
        (7.0, 0.025, -2.364_624_251_592_784_4),
        (2.5, 0.01, -5.353_111_173_030_874),
        (1e6, 0.995, 2.575_834_220_105_334_4),
    ] {
        close(student_t_quantile(p, df), t);
    }
    close(student_t_quantile(0.975, 1e12), 1.959_963_984_540_054);
}

#[test]
fn the_binomial_distribution_is_that_of_scipy() {
    for (k, n, p, cdf, pmf) in [
        (0, 10, 0.3, 0.028_247_524_9, 0.028_247_524_9),
        (3, 10, 0.3, 0.649_610_718_4, 0.266_827_932),
        (10, 10, 0.3, 1.0, 5.9049e-6),
        (430, 930, 0.5, 0.011_804_419_646_273_582, 0.001_877_685_263_541_128_6),
        (1880, 2000, 0.95, 0.025_083_630_040_536_285, 0.005_160_792_742_543_062),
        (500_100, 1_000_000, 0.5, 0.579_650_706_682_162_7, 0.000_782_085_207_967_010_2),
    ] {
        close(binomial_cdf(k, n, p), cdf);
        close(binomial_pmf(k, n, p), pmf);
    }
}

#[test]
fn a_binomial_of_nothing_or_of_certainty_is_defined() {
    assert_eq!([binomial_pmf(0, 0, 1.0), binomial_cdf(0, 0, 1.0), binomial_pmf(1, 0, 0.5)], [1.0, 1.0, 0.0]);
    assert_eq!([binomial_pmf(3, 3, 1.0), binomial_pmf(2, 3, 1.0), binomial_pmf(0, 3, 0.0)], [1.0, 0.0, 1.0]);
    assert_eq!([binomial_cdf(2, 3, 1.0), binomial_cdf(0, 3, 0.0)], [0.0, 1.0]);
}

proptest! {
    #[test]
    fn the_binomial_sums_to_its_distribution(n in 1_u64..200, k in 0_u64..200, p in 0.001..0.999_f64) {
        let sum: f64 = (0..=k.min(n)).map(|i| binomial_pmf(i, n, p)).sum();
        prop_assert!((sum - binomial_cdf(k, n, p)).abs() < 1e-11);
    }

    #[test]
    fn students_quantile_undoes_its_distribution(p in 1e-6..0.999_999_f64, df in 0.5..1e5_f64) {
        prop_assert!((student_t_cdf(student_t_quantile(p, df), df) - p).abs() < 1e-10);
    }
}
