//! A few facts: capitals, symbols, primes, comparisons, and a name told earlier.

use std::sync::LazyLock;

use regex::Regex;

use super::Answer;
use super::arithmetic::{in_digits, pattern_of};
use super::number::Ratio;

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

static CAPITAL: LazyLock<Regex> = LazyLock::new(|| pattern_of(r"\bcapital (?:city )?of ([a-z]+)"));
static SYMBOL: LazyLock<Regex> = LazyLock::new(|| pattern_of(r"\bchemical symbol (?:of|for) ([a-z]+)"));
static PRIME: LazyLock<Regex> = LazyLock::new(|| pattern_of(r"\bis (\d{1,12}) (?:a )?prime\b"));
static GREATER: LazyLock<Regex> = LazyLock::new(|| {
    pattern_of(
        r"\bis (-?\d[\d,]*(?:\.\d+)?) (greater|larger|bigger|more|smaller|less) than (-?\d[\d,]*(?:\.\d+)?)",
    )
});
static NAME: LazyLock<Regex> = LazyLock::new(|| pattern_of(r"\bmy name is ([a-z]+)"));
static ASKS_NAME: LazyLock<Regex> = LazyLock::new(|| pattern_of(r"\bwhat(?: is|'s) my name\b"));

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

/// By trial division; a million squared is where it gives up and says no.
pub(super) fn is_prime(number: i128) -> bool {
    let divides = |by: &i128| number % by == 0;
    (2..=1_000_000_000_000).contains(&number)
        && !(2..=1_000_000).take_while(|by| by * by <= number).any(|by| divides(&by))
}
