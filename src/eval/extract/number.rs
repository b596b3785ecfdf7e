//! Numbers as people and models write them: `$1,234.50`, `−3`, `25 %`, `3/4`, `1 3/4`, `2.5e3`, `1.2 × 10^6`.

/// A number found in text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Number {
    /// The value as written; `25%` is 25.
    pub value: f64,
    /// Whether a percent sign (or the word) follows.
    pub percent: bool,
}

/// The number that is the answer of a text: the one behind the last `####` or in the last `\boxed{…}`, the
/// marks benchmarks use for final answers, else the last one.
pub fn answer(text: &str) -> Option<Number> {
    let marked = ["####", "\\boxed{"].iter().find_map(|mark| {
        let at = text.rfind(mark)? + mark.len();
        Numbers { text, at }.next()
    });
    marked.or_else(|| Numbers { text, at: 0 }.last())
}

/// Every number of a text, in order. Digits within a word (`Q1`, `H2O`) are no number.
pub fn all(text: &str) -> impl Iterator<Item = Number> + '_ {
    Numbers { text, at: 0 }
}

struct Numbers<'a> {
    text: &'a str,
    at: usize,
}

impl Iterator for Numbers<'_> {
    type Item = Number;

    fn next(&mut self) -> Option<Number> {
        loop {
            let offset = self.text[self.at..].find(|c: char| c.is_ascii_digit())?;
            let mut start = self.at + offset;
            if self.text[self.at..start].ends_with('.') && !ends_in_word(&self.text[..start - 1]) {
                start -= 1;
            }
            if ends_in_word(&self.text[..start]) {
                let rest = &self.text[start..];
                self.at = start + rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
                continue;
            }
            let (number, len) = read(&self.text[start..])?;
            self.at = start + len;
            let sign = if is_negative(&self.text[..start]) { -1.0 } else { 1.0 };
            return Some(Number { value: sign * number.value, ..number });
        }
    }
}

fn ends_in_word(before: &str) -> bool {
    before.ends_with(|c: char| c.is_alphanumeric() || c == '_')
}

/// Whether a minus stands before a number, the currency aside. A minus behind a word, a number or a closing
/// bracket is an operator or a hyphen.
fn is_negative(before: &str) -> bool {
    let bare = before.trim_end_matches(['$', '€', '£', '¥', '\\']);
    let Some(rest) = bare.strip_suffix(['-', '−', '–', '﹣', '－']) else { return false };
    !rest.ends_with(|c: char| c.is_alphanumeric() || matches!(c, ')' | ']' | '-' | '−' | '–'))
}

/// Reads the number that a text begins with; its length covers everything that belongs to it.
fn read(text: &str) -> Option<(Number, usize)> {
    let (mut value, mut len) = decimal(text)?;
    let is_whole = text[..len].bytes().all(|b| b.is_ascii_digit());
    if let Some((scaled, more)) = exponent(&text[len..], value) {
        (value, len) = (scaled, len + more);
    } else if is_whole && let Some((fraction, more)) = mixed(&text[len..]) {
        (value, len) = (value + fraction, len + more);
    } else if is_whole && let Some((divisor, more)) = divisor(&text[len..]) {
        (value, len) = (value / divisor, len + more);
    }
    let after = text[len..].trim_start_matches([' ', '\\']);
    let percent = after.starts_with('%') || after.starts_with("percent");
    value.is_finite().then_some((Number { value, percent }, len))
}

/// Digits with thousands separators and a decimal part.
fn decimal(text: &str) -> Option<(f64, usize)> {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let mut len = digits(text);
    let mut plain = text[..len].to_owned();
    while (1..=3).contains(&plain.len()) || len > plain.len() {
        let Some(separator) = text[len..].chars().next().filter(|c| is_thousands_separator(*c)) else {
            break;
        };
        let group = len + separator.len_utf8();
        if digits(&text[group..]) != 3 {
            break;
        }
        plain.push_str(&text[group..group + 3]);
        len = group + 3;
    }
    if text[len..].starts_with('.') {
        let part = digits(&text[len + 1..]);
        if part > 0 {
            plain.push_str(&text[len..=len + part]);
            len += 1 + part;
        }
    }
    plain.parse().ok().map(|value| (value, len))
}

fn is_thousands_separator(c: char) -> bool {
    matches!(c, ',' | '_' | '\'' | '’' | '\u{a0}' | '\u{202f}' | '\u{2009}')
}

/// `e3`, or `× 10^3` in its spellings.
fn exponent(text: &str, value: f64) -> Option<(f64, usize)> {
    let (rest, is_times) = match text.strip_prefix(['e', 'E']) {
        Some(rest) => (rest, false),
        None => (times_ten(text)?, true),
    };
    let (sign, digits) = match rest.strip_prefix(['-', '−']) {
        Some(digits) => (-1, digits),
        None => (1, rest.strip_prefix('+').unwrap_or(rest)),
    };
    let count = digits.bytes().take_while(u8::is_ascii_digit).count();
    let power: i32 = digits[..count].parse().ok()?;
    let tail = &digits[count..];
    if !is_times && tail.starts_with(char::is_alphabetic) {
        return None;
    }
    let scaled = value * 10_f64.powi(sign * power.min(400));
    Some((scaled, text.len() - tail.len()))
}

fn times_ten(text: &str) -> Option<&str> {
    let rest = text.trim_start_matches(' ');
    let rest = ["×", "\\times", "*", "x"].iter().find_map(|sign| rest.strip_prefix(sign))?;
    let rest = rest.trim_start_matches(' ').strip_prefix("10")?;
    let rest = rest.strip_prefix("**").or_else(|| rest.strip_prefix('^'))?;
    Some(rest.strip_prefix('{').unwrap_or(rest))
}

/// ` 3/4` behind a whole number.
fn mixed(text: &str) -> Option<(f64, usize)> {
    let rest = text.strip_prefix(' ')?;
    let count = rest.bytes().take_while(u8::is_ascii_digit).count();
    let over: f64 = rest[..count].parse().ok()?;
    let (under, len) = divisor(&rest[count..])?;
    (over < under).then_some((over / under, 1 + count + len))
}

/// `/4`, unless it is part of a date or path.
fn divisor(text: &str) -> Option<(f64, usize)> {
    let rest = text.strip_prefix(['/', '⁄'])?;
    let slash = text.len() - rest.len();
    let count = rest.bytes().take_while(u8::is_ascii_digit).count();
    let value: f64 = rest[..count].parse().ok()?;
    let is_path =
        rest[count..].starts_with(['/', '.']) && rest[count + 1..].starts_with(|c: char| c.is_ascii_digit());
    (value > 0.0 && !is_path).then_some((value, slash + count))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_last_number_of_prose_is_its_answer() {
        let cases = [
            ("The total is $1,234.50.", 1234.5),
            ("so it is −3 degrees", -3.0),
            ("a loss of -$5", -5.0),
            ("$-5", -5.0),
            ("60-45", 45.0),
            ("a 16-year plan", 16.0),
            ("3/4 of it", 0.75),
            ("about 1 3/4 cups", 1.75),
            ("2.5e3 joules", 2500.0),
            ("1.2 × 10^6 people", 1_200_000.0),
            ("**18** eggs", 18.0),
            ("the answer: .5", 0.5),
            ("12 345,678", 345_678.0),
            ("1,2,3", 3.0),
            ("1_000_000", 1_000_000.0),
            ("5 H2O Q1", 5.0),
            ("It is 42. (Plan B1)", 42.0),
            ("#### 7\n(see step 3)", 7.0),
            ("\\boxed{12} by lemma 4", 12.0),
            ("6th", 6.0),
            ("15ounces", 15.0),
        ];
        for (text, value) in cases {
            let found = answer(text).map(|number| number.value);
            assert!(found.is_some_and(|found| (found - value).abs() < 1e-9), "{text}: {found:?}");
        }
        for text in ["", "none", "x1", "- ."] {
            assert_eq!(answer(text), None, "{text}");
        }
    }

    #[test]
    fn a_percentage_says_so() {
        for text in ["25%", "25 %", "25 percent", "25\\%"] {
            assert_eq!(answer(text), Some(Number { value: 25.0, percent: true }), "{text}");
        }
        assert_eq!(answer("25 people"), Some(Number { value: 25.0, percent: false }));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[0-9a-z.,/%$ −×^{}'’e\u{a0}+-]{0,40}") {
            prop_assert!(all(&text).count() <= text.len());
        }

        #[test]
        fn a_plain_number_is_read_exactly(value in -1e12_f64..1e12) {
            prop_assert_eq!(answer(&value.to_string()).map(|number| number.value), Some(value));
        }
    }
}
