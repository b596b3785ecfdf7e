//! Student's t and the binomial distribution, on the incomplete beta function.

use super::real;
use super::special::{Split, incomplete_beta, incomplete_beta_inverse, kernel, normal_cdf, normal_quantile};

/// From here on Student's t and the normal distribution agree to a few parts in 10¹⁰.
const NORMAL_FROM_DF: f64 = 1e10;

/// The distribution function of Student's t with `df > 0` degrees of freedom.
///
/// P(|T| > |t|) = `I_x(df/2, 1/2)` with x = df/(df + t²) (Abramowitz & Stegun 26.7.1).
pub fn student_t_cdf(t: f64, df: f64) -> f64 {
    if df >= NORMAL_FROM_DF {
        return normal_cdf(t);
    }
    let square = t / df * t;
    let x = Split { lower: 1.0 / (1.0 + square), upper: 1.0 / (1.0 + 1.0 / square) };
    let tail = 0.5 * incomplete_beta(0.5 * df, 0.5, x).lower;
    if t < 0.0 { tail } else { 1.0 - tail }
}

/// The quantile of Student's t with `df > 0` degrees of freedom at `p` in `[0, 1]`; infinite at the ends.
pub fn student_t_quantile(p: f64, df: f64) -> f64 {
    if df >= NORMAL_FROM_DF {
        return normal_quantile(p);
    }
    if p > 0.5 {
        return -student_t_quantile(1.0 - p, df);
    }
    if p <= 0.0 {
        return f64::NEG_INFINITY;
    }
    let x = incomplete_beta_inverse(0.5 * df, 0.5, Split::at(2.0 * p));
    -(df * x.upper / x.lower).sqrt()
}

/// The probability of exactly `k` successes in `n` trials of probability `p` in `[0, 1]`; 0 for `k > n`.
pub fn binomial_pmf(k: u64, n: u64, p: f64) -> f64 {
    if k > n {
        return 0.0;
    }
    if n == 0 {
        return 1.0;
    }
    if k == 0 {
        return (real(n) * (-p).ln_1p()).exp();
    }
    if k == n {
        return (real(n) * p.ln()).exp();
    }
    let (hits, misses) = (real(k), real(n - k));
    kernel(hits, misses, Split::at(p)) * (real(n) / (hits * misses))
}

/// The probability of at most `k` successes in `n` trials of probability `p` in `[0, 1]`.
///
/// `I_{1-p}(n - k, k + 1)` (Abramowitz & Stegun 26.5.24); exact to rounding, not a normal approximation.
pub fn binomial_cdf(k: u64, n: u64, p: f64) -> f64 {
    if k >= n {
        return 1.0;
    }
    incomplete_beta(real(n - k), real(k) + 1.0, Split::at(p).swapped()).lower
}

#[cfg(test)]
mod tests;
