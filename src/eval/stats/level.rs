//! A confidence level, checked once.

use super::distribution::student_t_quantile;
use super::special::normal_quantile;

/// A confidence level strictly between 0 and 1.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Level(f64);

impl Level {
    /// 95 %.
    pub const P95: Self = Self(0.95);

    /// A level; `None` unless it is strictly between 0 and 1.
    pub fn new(level: f64) -> Option<Self> {
        (level > 0.0 && level < 1.0).then_some(Self(level))
    }

    /// What both tails leave together, α.
    pub fn alpha(self) -> f64 {
        1.0 - self.0
    }

    /// What each of the two tails leaves, α/2.
    pub fn tail(self) -> f64 {
        self.alpha() / 2.0
    }

    /// The two-sided normal critical value, 1.96 at 95 %.
    pub fn z(self) -> f64 {
        -normal_quantile(self.tail())
    }

    /// The two-sided critical value of Student's t with `df > 0` degrees of freedom.
    pub fn t(self, df: f64) -> f64 {
        -student_t_quantile(self.tail(), df)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_strictly_between_zero_and_one() {
        for bad in [0.0, 1.0, -0.5, 1.5, f64::NAN, f64::INFINITY] {
            assert_eq!(Level::new(bad), None, "{bad}");
        }
        assert_eq!(Level::new(0.95), Some(Level::P95));
    }

    #[test]
    fn critical_values_are_those_of_the_tables() {
        // scipy 1.17.1: norm.ppf(.975), t.ppf(.975, 9).
        assert!((Level::P95.z() - 1.959_963_984_540_054).abs() < 1e-12);
        assert!((Level::P95.t(9.0) - 2.262_157_162_798_205).abs() < 1e-11);
    }
}
