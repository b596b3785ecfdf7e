//! Bounds on an answer: its length, its time and its price.

use std::time::Duration;

use serde_json::Value;

use super::options::Options;
use super::{Subject, Verdict};
use crate::base::money::Money;
use crate::base::span;

/// The answer has at least and at most so many characters and words.
#[derive(Clone, Debug)]
pub(super) struct LengthRule {
    min_chars: Option<u64>,
    max_chars: Option<u64>,
    min_words: Option<u64>,
    max_words: Option<u64>,
}

impl LengthRule {
    pub(super) fn parse(options: &mut Options<'_>) -> Result<Self, String> {
        let rule = Self {
            min_chars: options.count("min_chars")?,
            max_chars: options.count("max_chars")?,
            min_words: options.count("min_words")?,
            max_words: options.count("max_words")?,
        };
        if [rule.min_chars, rule.max_chars, rule.min_words, rule.max_words].iter().all(Option::is_none) {
            return Err(
                "scorer `length` needs at least one of min_chars, max_chars, min_words and max_words"
                    .to_owned(),
            );
        }
        Ok(rule)
    }

    #[expect(clippy::cast_precision_loss, reason = "lengths are far below 2^53")]
    pub(super) fn look(&self, subject: &Subject<'_>) -> Verdict {
        let text = subject.response.text().trim();
        let (chars, words) = (text.chars().count() as u64, text.split_whitespace().count() as u64);
        let bounds = [
            (chars, self.min_chars, self.max_chars, "characters"),
            (words, self.min_words, self.max_words, "words"),
        ];
        let broken = bounds.iter().find_map(|(count, min, max, unit)| match (min, max) {
            (Some(min), _) if count < min => Some(format!("{count} {unit} are fewer than {min}")),
            (_, Some(max)) if count > max => Some(format!("{count} {unit} are more than {max}")),
            _ => None,
        });
        let by_words = self.min_chars.is_none() && self.max_chars.is_none();
        let value = if by_words { words } else { chars } as f64;
        let passed = broken.is_none();
        Verdict::new(
            passed,
            value,
            broken.unwrap_or_else(|| format!("{chars} characters and {words} words are within bounds")),
        )
    }
}

/// Reads `max`, a duration such as `"2s"`.
pub(super) fn parse_latency(options: &mut Options<'_>) -> Result<Duration, String> {
    let text = options.required_text("max")?;
    span::parse(text).map_err(|error| format!("scorer `latency`: {error}"))
}

/// Passes at or below the bound; the value is in seconds.
pub(super) fn latency(most: Duration, subject: &Subject<'_>) -> Result<Verdict, String> {
    let took = subject.latency.ok_or("no latency was measured")?;
    let passed = took <= most;
    let holds = if passed { "within" } else { "over" };
    let reason = format!("{} ms is {holds} {} ms", took.as_millis(), most.as_millis());
    Ok(Verdict::new(passed, took.as_secs_f64(), reason))
}

/// Reads `max`, dollars as text or number; the digits of a number are read as written.
pub(super) fn parse_cost(options: &mut Options<'_>) -> Result<Money, String> {
    let text = match options.value("max") {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => return Err("scorer `cost` needs `max`, an amount in dollars such as \"0.002\"".to_owned()),
    };
    text.parse().map_err(|error| format!("scorer `cost`: {error}"))
}

/// Passes at or below the bound; the value is in dollars.
pub(super) fn cost(most: Money, subject: &Subject<'_>) -> Result<Verdict, String> {
    let cost = subject.cost.ok_or("the cost is not known")?;
    let passed = cost <= most;
    let holds = if passed { "within" } else { "over" };
    Ok(Verdict::new(passed, cost.dollars(), format!("{cost} is {holds} {most}")))
}
