//! A few facts: capitals, symbols, primes, comparisons, and a name told earlier.

use regex::Regex;

use super::Answer;
use super::arithmetic::in_digits;
use super::number::Ratio;
use super::pattern::patterns;

const CAPITALS: [(&str, &str); 16] = [
    ("norway", "Oslo"),
    ("france", "Paris"),
    ("japan", "Tokyo"),
    ("portugal", "Lisbon"),
    ("kenya", "Nairobi"),
    ("peru", "Lima"),
    ("austria", "Vienna"),
    ("canada", "Ottawa"),
    ("greece", "Athens"),
    ("egypt", "Cairo"),
    ("poland", "Warsaw"),
    ("finland", "Helsinki"),
    ("germany", "Berlin"),
    ("italy", "Rome"),
    ("spain", "Madrid"),
    ("australia", "Canberra"),
];
const SYMBOLS: [(&str, &str); 8] = [
    ("gold", "Au"),
    ("iron", "Fe"),
    ("silver", "Ag"),
    ("sodium", "Na"),
    ("oxygen", "O"),
    ("copper", "Cu"),
    ("lead", "Pb"),
    ("potassium", "K"),
];

patterns! {
    CAPITAL = r"\bcapital (?:city )?of ([a-z]+)";
    SYMBOL = r"\bchemical symbol (?:of|for) ([a-z]+)";
    PRIME = r"\bis (\d{1,12}) (?:a )?prime\b";
    GREATER = r"\bis (-?\d[\d,]*(?:\.\d+)?) (greater|larger|bigger|more|smaller|less) than (-?\d[\d,]*(?:\.\d+)?)";
    NAME = r"\bmy name is ([a-z]+)";
    ASKS_NAME = r"\bwhat(?: is|'s) my name\b";
}

/// Answers from the tables, and yes or no about numbers.
pub(super) fn answer(prompt: &str) -> Option<Answer> {
    listed(&CAPITAL, &CAPITALS, prompt).or_else(|| listed(&SYMBOL, &SYMBOLS, prompt)).or_else(|| {
        let text = in_digits(prompt);
        let is_so = match (PRIME.captures(&text), GREATER.captures(&text)) {
            (Some(found), _) => is_prime(found[1].parse().ok()?),
            (_, Some(found)) => {
                let (a, b) = (Ratio::parse(&found[1])?, Ratio::parse(found[3].trim_end_matches(','))?);
                let is_less = ["smaller", "less"].contains(&found[2].to_lowercase().as_str());
                if is_less { a.is_below(b) } else { b.is_below(a) }
            }
            _ => return None,
        };
        Some(Answer::label(if is_so { "yes" } else { "no" }, &["yes", "no"]))
    })
}

fn listed(asks: &Regex, table: &[(&str, &str)], prompt: &str) -> Option<Answer> {
    let found = asks.captures(prompt)?;
    let (_, fact) = table.iter().find(|(name, _)| name.eq_ignore_ascii_case(&found[1]))?;
    let all: Vec<&str> = table.iter().map(|(_, fact)| *fact).collect();
    Some(Answer::label(fact, &all))
}

/// The name the user told earlier.
pub(super) fn recall(earlier: &str, prompt: &str) -> Option<Answer> {
    let found = ASKS_NAME.is_match(prompt).then(|| NAME.captures_iter(earlier).last()).flatten()?;
    Some(Answer::Text(found[1].to_owned()))
}

/// Whether a number is prime, by the test of Miller and Rabin. With the first twelve primes as bases it is exact
/// below 3.18 × 10^23 (Sorenson and Webster 2015), so for all of `u64`, in microseconds; beyond, no.
pub(super) fn is_prime(number: i128) -> bool {
    const BASES: [u64; 12] = [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37];
    let Ok(number) = u64::try_from(number) else { return false };
    if number < 2 {
        return false;
    }
    if let Some(base) = BASES.iter().find(|base| number.is_multiple_of(**base)) {
        return number == *base;
    }
    let twos = (number - 1).trailing_zeros();
    BASES.iter().all(|base| {
        let first = power(*base, (number - 1) >> twos, number);
        let mut squares = std::iter::successors(Some(first), |value| Some(product(*value, *value, number)))
            .take(twos as usize);
        first == 1 || squares.any(|value| value == number - 1)
    })
}

/// `base` to the power of `exponent`, modulo `modulus`.
fn power(mut base: u64, mut exponent: u64, modulus: u64) -> u64 {
    let mut value = 1;
    while exponent > 0 {
        if exponent & 1 == 1 {
            value = product(value, base, modulus);
        }
        base = product(base, base, modulus);
        exponent >>= 1;
    }
    value
}

fn product(a: u64, b: u64, modulus: u64) -> u64 {
    let product = u128::from(a) * u128::from(b) % u128::from(modulus);
    u64::try_from(product).expect("a remainder is below its modulus, which is a u64")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn primes_are_told_from_composites_of_any_size_without_a_long_search() {
        let is_by_division = |number: i128| number > 1 && (2..number).all(|by| number % by != 0);
        for number in -3..2_000 {
            assert_eq!(is_prime(number), is_by_division(number), "{number}");
        }
        // Carmichael numbers, strong pseudoprimes to the first bases, squares of primes, the ends of u64.
        let cases = [
            (561, false),
            (3_215_031_751, false),
            (3_825_123_056_546_413_051, false),
            (999_983 * 999_983, false),
            (999_999_999_989, true),
            (18_446_744_073_709_551_557, true),
            (i128::from(u64::MAX), false),
            (1 << 90, false),
        ];
        for (number, expected) in cases {
            assert_eq!(is_prime(number), expected, "{number}");
        }
    }
}
