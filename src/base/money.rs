//! Exact money: integer nano-dollars, integer rates, one rounding per price.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Sub};
use std::str::FromStr;

use super::number::count;

/// An amount in nano-dollars (1e-9 USD). `i64` holds ±9.2 billion dollars; arithmetic saturates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Money(i64);

/// A price in pico-dollars per token, which is the same number as micro-dollars per million tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rate(u64);

/// Why a written amount was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not {expected}")]
pub struct AmountError {
    text: String,
    expected: &'static str,
}

const NANOS_PER_DOLLAR: i64 = 1_000_000_000;

impl Money {
    /// No money.
    pub const ZERO: Self = Self(0);
    /// The largest amount.
    pub const MAX: Self = Self(i64::MAX);

    /// An amount of nano-dollars.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// The amount in nano-dollars.
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// The amount in dollars, for statistics and charts only: it is not exact.
    #[expect(clippy::cast_precision_loss, reason = "documented as inexact")]
    pub fn dollars(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// An equal share of so many, half to even to the nano-dollar; nothing where there are none to share among.
    pub fn divided_by(self, by: u64) -> Option<Self> {
        let share = (by > 0).then(|| divide_half_even(i128::from(self.0).abs(), i128::from(by)))?;
        // No share is larger than the whole.
        i64::try_from(if self.0 < 0 { -share } else { share }).ok().map(Self)
    }

    /// The exact decimal text, without trailing zeros beyond the second place: `0.0004`, `12.40`.
    pub fn decimal(self) -> String {
        let whole = self.0.unsigned_abs() / NANOS_PER_DOLLAR.unsigned_abs();
        let part = format!("{:09}", self.0.unsigned_abs() % NANOS_PER_DOLLAR.unsigned_abs());
        let kept = part.trim_end_matches('0').len().max(2);
        let sign = if self.0 < 0 { "-" } else { "" };
        format!("{sign}{whole}.{}", &part[..kept])
    }
}

impl Add for Money {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Money {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for Money {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Sum for Money {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

/// Shown with as many digits as carry meaning: `$0.0004`, `$12.40`, `$1,204`.
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let nanos = self.0.unsigned_abs();
        let places: u32 = match nanos {
            0 => 2,
            1_000_000_000_000.. => 0,
            1_000_000_000.. => 2,
            // Three significant digits below a dollar, and never fewer than two places.
            _ => (11 - nanos.ilog10()).clamp(2, 9),
        };
        let unit = 10_u64.pow(9 - places);
        let rounded = (nanos + unit / 2) / unit * unit;
        let whole = count(rounded / 1_000_000_000);
        if places == 0 {
            return write!(f, "{sign}${whole}");
        }
        let part = format!("{:09}", rounded % 1_000_000_000);
        let shown = part[..places as usize].trim_end_matches('0');
        write!(f, "{sign}${whole}.{shown:0<2}")
    }
}

/// Dollars as decimal text, with or without `$` and `USD`; at most nine decimal places.
impl FromStr for Money {
    type Err = AmountError;
    fn from_str(text: &str) -> Result<Self, AmountError> {
        let bare = text.trim().trim_start_matches('$').trim_end_matches("USD").trim();
        let error = || AmountError { text: text.to_owned(), expected: "an amount in dollars such as 2.00" };
        let scaled = scaled_decimal(bare, 9).ok_or_else(error)?;
        i64::try_from(scaled).map(Self).map_err(|_| error())
    }
}

impl Rate {
    /// Nothing per token. A rate that is free on purpose; an unknown rate is an absent one.
    pub const ZERO: Self = Self(0);

    /// A rate of pico-dollars per token.
    pub const fn from_picos(picos: u64) -> Self {
        Self(picos)
    }

    /// Pico-dollars per token.
    pub const fn picos(self) -> u64 {
        self.0
    }

    /// A rate written as dollars per million tokens, such as `"0.0375"`; at most six decimal places.
    pub fn per_million(text: &str) -> Result<Self, AmountError> {
        let error =
            || AmountError { text: text.to_owned(), expected: "a price in dollars per million tokens" };
        let scaled = scaled_decimal(text.trim(), 6).ok_or_else(error)?;
        u64::try_from(scaled).map(Self).map_err(|_| error())
    }

    /// A rate written as dollars per token, such as `1.5e-07`, as LiteLLM's table has it.
    pub fn per_token(text: &str) -> Result<Self, AmountError> {
        let error = || AmountError { text: text.to_owned(), expected: "a price in dollars per token" };
        let scaled = scaled_decimal(text.trim(), 12).ok_or_else(error)?;
        u64::try_from(scaled).map(Self).map_err(|_| error())
    }
}

/// The rate in dollars per million tokens, exact: `0.0375`.
impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = format!("{:06}", self.0 % 1_000_000);
        let shown = part.trim_end_matches('0');
        write!(f, "{}.{shown:0<2}", self.0 / 1_000_000)
    }
}

/// `digits[.digits][e±N]` × 10^`places`, rounded half to even; `None` when it is not such a number, is
/// negative or does not fit.
fn scaled_decimal(text: &str, places: i32) -> Option<i128> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && part.is_empty() {
        return None;
    }
    let mut value: i128 = 0;
    for c in whole.chars().filter(|c| *c != '_').chain(part.chars()) {
        value = value.checked_mul(10)?.checked_add(i128::from(c.to_digit(10)?))?;
    }
    let shift = places.checked_add(exponent)?.checked_sub(i32::try_from(part.len()).ok()?)?;
    if shift >= 0 {
        return value.checked_mul(10_i128.checked_pow(shift.unsigned_abs())?);
    }
    let divisor = 10_i128.checked_pow(shift.unsigned_abs())?;
    Some(divide_half_even(value, divisor))
}

fn divide_half_even(value: i128, divisor: i128) -> i128 {
    let (quotient, rest) = (value / divisor, value % divisor);
    let up = match (rest * 2).cmp(&divisor) {
        std::cmp::Ordering::Greater => true,
        std::cmp::Ordering::Equal => quotient % 2 == 1,
        std::cmp::Ordering::Less => false,
    };
    quotient + i128::from(up)
}

/// The price of lines of (tokens, rate): exact inside, rounded once, half to even.
pub fn price(lines: &[(u64, Rate)]) -> Money {
    let picos: i128 = lines.iter().map(|(tokens, rate)| i128::from(*tokens) * i128::from(rate.0)).sum();
    Money(i64::try_from(divide_half_even(picos, 1000)).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_price_is_rounded_once_half_to_even() {
        let rate = Rate::per_million("0.0375").unwrap();
        assert_eq!(rate.picos(), 37_500);
        assert_eq!(price(&[(1, rate)]), Money(38), "37.5 nano rounds to the even 38");
        assert_eq!(price(&[(3, rate)]), Money(112), "112.5 nano rounds to the even 112");
        assert_eq!(price(&[(1, rate), (1, rate)]), Money(75), "lines are summed before rounding");
    }

    #[test]
    fn money_is_shared_out_half_to_even_whatever_its_size_and_sign() {
        let cases = [
            (5, 2, Some(2)),
            (7, 2, Some(4)),
            (-5, 2, Some(-2)),
            (-8, 3, Some(-3)),
            (i64::MAX, 1, Some(i64::MAX)),
            (i64::MAX, 2, Some(4_611_686_018_427_387_904)),
            (i64::MIN, 1, Some(i64::MIN)),
            (i64::MAX, u64::MAX, Some(0)),
            (1, 0, None),
        ];
        for (nanos, by, share) in cases {
            assert_eq!(Money(nanos).divided_by(by), share.map(Money), "{nanos} by {by}");
        }
    }

    #[test]
    fn money_is_parsed_from_decimal_text_without_a_float() {
        let cases = [("2.00", 2_000_000_000), ("$0.000000001", 1), ("5 USD", 5_000_000_000), ("1e-9", 1)];
        for (text, nanos) in cases {
            assert_eq!(text.parse(), Ok(Money(nanos)), "{text}");
        }
        for text in ["", ".", "-1", "two", "1.2.3", "99999999999999"] {
            assert!(text.parse::<Money>().is_err(), "{text}");
        }
    }

    #[test]
    fn money_is_shown_with_the_digits_that_carry_meaning() {
        let shown: Vec<_> = [0, 1, 400_000, 12_400_000_000, 1_204_000_000_000, -2_500_000, 999_999_999]
            .map(|nanos| Money(nanos).to_string())
            .into();
        assert_eq!(shown, ["$0.00", "$0.000000001", "$0.0004", "$12.40", "$1,204", "-$0.0025", "$1.00"]);
        assert_eq!(Money(400_000).decimal(), "0.0004");
        assert_eq!(Money(12_400_000_000).decimal(), "12.40");
    }

    #[test]
    fn rates_are_read_per_million_and_per_token() {
        assert_eq!(Rate::per_token("1.5e-07"), Rate::per_million("0.15"));
        assert_eq!(Rate::per_million("0.0375").unwrap().to_string(), "0.0375");
        assert_eq!(Rate::per_million("15").unwrap().to_string(), "15.00");
    }

    proptest! {
        #[test]
        fn decimal_text_round_trips(nanos in 0..i64::MAX) {
            prop_assert_eq!(Money(nanos).decimal().parse::<Money>(), Ok(Money(nanos)));
        }
    }
}
