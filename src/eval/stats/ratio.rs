//! A ratio of two sums over the same samples, such as all cost over accepted answers.

use super::level::Level;
use super::real;

/// Both sums with their squared deviations and their co-deviations, in one pass (Welford 1962; Pébay 2008).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Ratio {
    n: u64,
    above: f64,
    below: f64,
    above_squares: f64,
    below_squares: f64,
    products: f64,
}

impl Ratio {
    /// Takes one more sample: its share of the numerator (cost) and of the denominator (1 when accepted).
    /// Finite.
    pub fn add(&mut self, above: f64, below: f64) {
        self.n += 1;
        let (from_above, from_below) = (above - self.above, below - self.below);
        self.above += from_above / real(self.n);
        self.below += from_below / real(self.n);
        self.above_squares += from_above * (above - self.above);
        self.below_squares += from_below * (below - self.below);
        self.products += from_above * (below - self.below);
    }

    /// Samples.
    pub const fn n(self) -> u64 {
        self.n
    }

    /// The ratio of the sums; `None` unless the denominator is positive.
    pub fn value(self) -> Option<f64> {
        (self.below > 0.0).then(|| self.above / self.below)
    }

    /// Its standard error by the delta method, √((var x - 2R cov + R² var y)/n)/ȳ (Cochran 1977, chapter 6). `None` below two samples and without a ratio.
    pub fn standard_error(self) -> Option<f64> {
        let (ratio, [above, both, below]) = (self.value()?, self.variances_of_means()?);
        Some((above - 2.0 * ratio * both + ratio * ratio * below).max(0.0).sqrt() / self.below)
    }

    /// Fieller's interval (1954): the ratios ρ for which x̄ - ρȳ is not significantly away from 0, with
    /// Student's t on n - 1 degrees of freedom. `None` where the denominator is itself not significantly
    /// above 0: then no bounded interval exists. The lower end may be negative when the numerator is that
    /// uncertain.
    pub fn interval(self, level: Level) -> Option<[f64; 2]> {
        self.value()?;
        let [above, both, below] = self.variances_of_means()?;
        let square = level.t(real(self.n - 1)).powi(2);
        // The roots of a ρ² - 2b ρ + c.
        let a = self.below * self.below - square * below;
        if a <= 0.0 {
            return None;
        }
        let b = self.above * self.below - square * both;
        let c = self.above * self.above - square * above;
        let reach = (b * b - a * c).max(0.0).sqrt();
        Some([(b - reach) / a, (b + reach) / a])
    }

    fn variances_of_means(self) -> Option<[f64; 3]> {
        let scale = real(self.n) * real(self.n.checked_sub(1).filter(|degrees| *degrees > 0)?);
        Some([self.above_squares, self.products, self.below_squares].map(|sum| sum / scale))
    }
}

#[cfg(test)]
mod tests;
