//! Means in one pass, with Student's interval and test.

use super::distribution::student_t_cdf;
use super::level::Level;
use super::real;

/// Count, mean and squared deviations of a stream of finite numbers, by Welford's method (1962): one pass,
/// constant memory, no cancellation. For a paired comparison add the differences.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Moments {
    n: u64,
    mean: f64,
    squares: f64,
}

/// Student's test.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TTest {
    /// The statistic.
    pub t: f64,
    /// The two-sided p-value.
    pub p: f64,
}

impl Moments {
    /// Takes one more number.
    pub fn add(&mut self, x: f64) {
        self.n += 1;
        let before = x - self.mean;
        self.mean += before / real(self.n);
        self.squares += before * (x - self.mean);
    }

    /// How many.
    pub const fn n(self) -> u64 {
        self.n
    }

    /// The mean; `None` of nothing.
    pub fn mean(self) -> Option<f64> {
        (self.n > 0).then_some(self.mean)
    }

    /// The sample variance, with n - 1 below; `None` below two numbers.
    pub fn variance(self) -> Option<f64> {
        (self.n > 1).then(|| self.squares / real(self.n - 1))
    }

    /// The standard error of the mean; `None` below two numbers.
    pub fn standard_error(self) -> Option<f64> {
        self.variance().map(|variance| (variance / real(self.n)).sqrt())
    }

    /// Student's interval for the mean, with n - 1 degrees of freedom; `None` below two numbers. A single
    /// point where all are equal. For shares use [`super::proportion::wilson`]: near 0 and 1 this one covers
    /// too little.
    pub fn interval(self, level: Level) -> Option<[f64; 2]> {
        let reach = level.t(self.degrees()?) * self.standard_error()?;
        Some([self.mean - reach, self.mean + reach])
    }

    /// Student's two-sided test of "the true mean is `null`"; `None` below two numbers and where all are
    /// equal. No report uses it: the interval is checked by it, and it by golden values.
    pub fn t_test(self, null: f64) -> Option<TTest> {
        let error = self.standard_error().filter(|error| *error > 0.0)?;
        let t = (self.mean - null) / error;
        Some(TTest { t, p: (2.0 * student_t_cdf(-t.abs(), self.degrees()?)).min(1.0) })
    }

    fn degrees(self) -> Option<f64> {
        (self.n > 1).then(|| real(self.n - 1))
    }
}

impl Extend<f64> for Moments {
    fn extend<I: IntoIterator<Item = f64>>(&mut self, numbers: I) {
        numbers.into_iter().for_each(|x| self.add(x));
    }
}

impl FromIterator<f64> for Moments {
    fn from_iter<I: IntoIterator<Item = f64>>(numbers: I) -> Self {
        let mut moments = Self::default();
        moments.extend(numbers);
        moments
    }
}

#[cfg(test)]
mod tests;
