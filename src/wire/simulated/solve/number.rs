//! Exact numbers: fractions of integers.

use std::fmt;

use serde_json::Value;

/// A fraction in lowest terms with a denominator above zero. Arithmetic that does not fit gives nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::wire::simulated) struct Ratio {
    above: i128,
    below: i128,
}

impl Ratio {
    /// A whole number.
    pub(in crate::wire::simulated) const fn whole(number: i128) -> Self {
        Self { above: number, below: 1 }
    }

    pub(super) fn new(above: i128, below: i128) -> Option<Self> {
        if below == 0 {
            return None;
        }
        let divisor = divisor(above, below)?;
        let divisor = if below < 0 { -divisor } else { divisor };
        Some(Self { above: above.checked_div(divisor)?, below: below.checked_div(divisor)? })
    }

    /// A decimal such as `1,250.50`; commas group thousands.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text: String = text.chars().filter(|c| *c != ',').collect();
        let (whole, part) = text.split_once('.').unwrap_or((&text, ""));
        let below = 10_i128.checked_pow(u32::try_from(part.len()).ok()?)?;
        Self::new(format!("{whole}{part}").parse().ok()?, below)
    }

    pub(super) const fn as_whole(self) -> Option<i128> {
        if self.below == 1 { Some(self.above) } else { None }
    }

    pub(in crate::wire::simulated) fn plus(self, other: Self) -> Option<Self> {
        let left = self.above.checked_mul(other.below)?;
        let right = other.above.checked_mul(self.below)?;
        Self::new(left.checked_add(right)?, self.below.checked_mul(other.below)?)
    }

    pub(super) fn minus(self, other: Self) -> Option<Self> {
        self.plus(Self { above: other.above.checked_neg()?, ..other })
    }

    pub(in crate::wire::simulated) fn times(self, other: Self) -> Option<Self> {
        Self::new(self.above.checked_mul(other.above)?, self.below.checked_mul(other.below)?)
    }

    pub(super) fn over(self, other: Self) -> Option<Self> {
        self.times(Self::new(other.below, other.above)?)
    }

    pub(super) fn power(self, exponent: Self) -> Option<Self> {
        let exponent = u32::try_from(exponent.as_whole()?).ok()?;
        Self::new(self.above.checked_pow(exponent)?, self.below.checked_pow(exponent)?)
    }

    /// Whether it is smaller than another.
    pub(super) fn is_below(self, other: Self) -> bool {
        self.minus(other).is_some_and(|difference| difference.above < 0)
    }

    /// As a JSON number: an integer where it is one.
    pub(in crate::wire::simulated) fn json(self) -> Value {
        match self.as_whole().and_then(|whole| i64::try_from(whole).ok()) {
            Some(whole) => whole.into(),
            None => self.to_string().parse::<f64>().map_or(Value::Null, Value::from),
        }
    }
}

/// Euclid's greatest common divisor; at least one.
fn divisor(a: i128, b: i128) -> Option<i128> {
    let (mut a, mut b) = (a.checked_abs()?, b.checked_abs()?);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    Some(a.max(1))
}

/// How many decimals a fraction without an end gets.
const DECIMALS: u32 = 4;

impl fmt::Display for Ratio {
    /// As a decimal: exact where it ends within twelve digits, else rounded half away from zero.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let places = (0..=12).find(|places| 10_i128.pow(*places) % self.below == 0).unwrap_or(DECIMALS);
        let scale = 10_i128.pow(places);
        let Some(scaled) = self.above.checked_mul(scale) else {
            return write!(f, "{}", self.above / self.below);
        };
        let (size, half) = (scaled.abs(), self.below / 2);
        let rounded = size.saturating_add(half) / self.below;
        let sign = if self.above < 0 && rounded > 0 { "-" } else { "" };
        let (whole, part) = (rounded / scale, rounded % scale);
        if part == 0 {
            return write!(f, "{sign}{whole}");
        }
        let part = format!("{part:0width$}", width = places as usize);
        write!(f, "{sign}{whole}.{}", part.trim_end_matches('0'))
    }
}
