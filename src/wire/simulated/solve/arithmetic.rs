//! Sums in signs and words.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::{Captures, Regex};

use super::number::Ratio;
use super::pattern::{pattern_of, patterns};

/// Words of operators and what they mean, in the order in which they are replaced.
pub(super) static OPERATORS: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    let words = [
        (r"(\d[\d.,]*)\s*(?:%|percent)\s+of\b", "($1/100)*"),
        (r"(\d+\s*/\s*\d+)\s+of\b", "($1)*"),
        (r"\bhalf of\b", "(1/2)*"),
        (r"\ba third of\b", "(1/3)*"),
        (r"\ba quarter of\b", "(1/4)*"),
        (r"\bplus\b", "+"),
        (r"\bminus\b", "-"),
        (r"\b(?:times|multiplied by)\b", "*"),
        (r"\bdivided by\b", "/"),
        (r"\bto the power of\b", "^"),
        (r"\bsquared\b", "^2"),
        (r"\bcubed\b", "^3"),
        (r"[×·]|(\d)\s+x\s+(\d)", "$1*$2"),
        ("÷", "/"),
        ("−", "-"),
    ];
    words.into_iter().map(|(pattern, sign)| (pattern_of(pattern), sign)).collect()
});

patterns! {
    SPAN = r"[-(\d][-\d\s.,+*/^()]*";
    ASKS = r"\b(?:compute|calculate|evaluate|work out|solve|what is|what's|what does|how much is|add|simplify)\b|=";
    NUMBER = r"-?\d[\d,]*(?:\.\d+)?";
    OF_LIST = r"\b(sum|product|difference|average|mean|largest|greatest|biggest|maximum|smallest|least|minimum|median)\b[a-z ]*\b(?:of|between|among)\b[a-z ]*:?\s*((?:-?\d+(?:\.\d+)?(?:\s*,?\s*(?:and|or)\s+|\s*,\s*)?)+)";
    REMAINDER = r"\bremainder\b.*?(\d+) (?:is divided )?by (\d+)|(\d+) (?:mod|modulo) (\d+)";
    ROOT = r"\bsquare root of (\d+)";
    NUMERALS = {
        let numeral = NUMERAL_WORDS.map(|(word, _)| word).join("|");
        format!(r"\b(?:{numeral})(?:(?:[ -]| and )(?:{numeral}|hundred|thousand))*\b")
    };
}

const NUMERAL_WORDS: [(&str, i128); 28] = [
    ("zero", 0),
    ("one", 1),
    ("two", 2),
    ("three", 3),
    ("four", 4),
    ("five", 5),
    ("sixty", 60),
    ("sixteen", 16),
    ("six", 6),
    ("seventy", 70),
    ("seventeen", 17),
    ("seven", 7),
    ("eighty", 80),
    ("eighteen", 18),
    ("eight", 8),
    ("ninety", 90),
    ("nineteen", 19),
    ("nine", 9),
    ("ten", 10),
    ("eleven", 11),
    ("twelve", 12),
    ("thirteen", 13),
    ("fourteen", 14),
    ("fifteen", 15),
    ("twenty", 20),
    ("thirty", 30),
    ("forty", 40),
    ("fifty", 50),
];

/// The numbers of a text, in order.
pub(super) fn numbers(text: &str) -> Vec<Ratio> {
    NUMBER.find_iter(text).filter_map(|found| Ratio::parse(found.as_str())).collect()
}

/// The sum in a prompt such as `Compute 3 + 4.`; `None` when there is none.
pub fn sum(prompt: &str) -> Option<i128> {
    prompt.match_indices('+').find_map(|(at, _)| {
        let left = prompt[..at].trim_end();
        let digits = left.len() - left.bytes().rev().take_while(u8::is_ascii_digit).count();
        let right = prompt[at + 1..].trim_start();
        let end = right.bytes().take_while(u8::is_ascii_digit).count();
        let a: i128 = left[digits..].parse().ok()?;
        let b: i128 = right[..end].parse().ok()?;
        a.checked_add(b)
    })
}

/// What the sum, the list or the root in a question comes to.
pub(super) fn answer(prompt: &str) -> Option<Ratio> {
    let text = in_digits(prompt);
    of_list(&text).or_else(|| remainder(&text)).or_else(|| root(&text)).or_else(|| expression(&text))
}

/// The text with numbers in digits instead of words.
pub(super) fn in_digits(text: &str) -> Cow<'_, str> {
    NUMERALS.replace_all(text, |found: &Captures<'_>| value_of(&found[0]).to_string())
}

/// `three hundred and five` is 305.
fn value_of(words: &str) -> i128 {
    let (mut total, mut part) = (0_i128, 0_i128);
    for word in words.split([' ', '-']).map(str::to_lowercase) {
        match word.as_str() {
            "hundred" => part = part.saturating_mul(100),
            "thousand" => (total, part) = (total.saturating_add(part.saturating_mul(1000)), 0),
            word => {
                let value =
                    NUMERAL_WORDS.iter().find(|(known, _)| *known == word).map_or(0, |(_, value)| *value);
                part = part.saturating_add(value);
            }
        }
    }
    total.saturating_add(part)
}

fn of_list(text: &str) -> Option<Ratio> {
    let found = OF_LIST.captures(text)?;
    let list = numbers(&found[2]);
    let (first, rest) = list.split_first()?;
    let fold =
        |with: fn(Ratio, Ratio) -> Option<Ratio>| rest.iter().try_fold(*first, |sum, next| with(sum, *next));
    if rest.is_empty() {
        return None;
    }
    let count = Ratio::whole(i128::try_from(list.len()).ok()?);
    match found[1].to_lowercase().as_str() {
        "sum" => fold(Ratio::plus),
        "product" => fold(Ratio::times),
        "difference" => fold(|a, b| if a.is_below(b) { b.minus(a) } else { a.minus(b) }),
        "average" | "mean" => fold(Ratio::plus)?.over(count),
        "smallest" | "least" | "minimum" => fold(|a, b| Some(if b.is_below(a) { b } else { a })),
        "median" => median(list),
        _ => fold(|a, b| Some(if a.is_below(b) { b } else { a })),
    }
}

fn median(mut list: Vec<Ratio>) -> Option<Ratio> {
    list.sort_by(|a, b| if a == b { std::cmp::Ordering::Equal } else { b.is_below(*a).cmp(&a.is_below(*b)) });
    let (low, high) = (list.get((list.len() - 1) / 2)?, list.get(list.len() / 2)?);
    low.plus(*high)?.over(Ratio::whole(2))
}

fn remainder(text: &str) -> Option<Ratio> {
    let found = REMAINDER.captures(text)?;
    let group = |at: usize| found.get(at)?.as_str().parse::<i128>().ok();
    let (a, b) = group(1).zip(group(2)).or_else(|| group(3).zip(group(4)))?;
    a.checked_rem(b).map(Ratio::whole)
}

fn root(text: &str) -> Option<Ratio> {
    let square: u64 = ROOT.captures(text)?[1].parse().ok()?;
    let root = square.isqrt();
    (root * root == square).then(|| Ratio::whole(root.into()))
}

/// The first run of numbers and operators that is a whole expression, where the text asks for one.
fn expression(text: &str) -> Option<Ratio> {
    let mut text = Cow::Borrowed(text);
    for (words, sign) in OPERATORS.iter() {
        text = words.replace_all(&text, *sign).into_owned().into();
    }
    let spans: Vec<_> = SPAN.find_iter(&text).map(|span| span.as_str().trim()).collect();
    let is_bare = spans.first().is_some_and(|span| text.trim().trim_end_matches(['=', '?']).trim() == *span);
    if !is_bare && !ASKS.is_match(&text) {
        return None;
    }
    spans.into_iter().find_map(|span| Reader::read(span.trim_end_matches(['.', ',', '-', '(', ' '])))
}

/// Reads an expression: `^` before `*` and `/` before `+` and `-`.
struct Reader<'a> {
    rest: &'a str,
    operators: u32,
    depth: u32,
}

/// Deeper parentheses are not read.
const DEEPEST: u32 = 32;

impl Reader<'_> {
    fn read(text: &str) -> Option<Ratio> {
        let mut reader = Reader { rest: text, operators: 0, depth: 0 };
        let value = reader.terms()?;
        (reader.rest.trim().is_empty() && reader.operators > 0).then_some(value)
    }

    fn take(&mut self, signs: &[char]) -> Option<char> {
        let rest = self.rest.trim_start();
        let sign = rest.chars().next().filter(|next| signs.contains(next))?;
        self.rest = &rest[sign.len_utf8()..];
        Some(sign)
    }

    fn terms(&mut self) -> Option<Ratio> {
        let mut value = self.factors()?;
        while let Some(sign) = self.take(&['+', '-']) {
            self.operators += 1;
            let next = self.factors()?;
            value = if sign == '+' { value.plus(next)? } else { value.minus(next)? };
        }
        Some(value)
    }

    fn factors(&mut self) -> Option<Ratio> {
        let mut value = self.powers()?;
        while let Some(sign) = self.take(&['*', '/']) {
            self.operators += 1;
            let next = self.powers()?;
            value = if sign == '*' { value.times(next)? } else { value.over(next)? };
        }
        Some(value)
    }

    fn powers(&mut self) -> Option<Ratio> {
        let is_negative = self.take(&['-']).is_some();
        let mut value = self.atom()?;
        if self.take(&['^']).is_some() {
            self.operators += 1;
            value = value.power(self.atom()?)?;
        }
        if is_negative { Ratio::whole(0).minus(value) } else { Some(value) }
    }

    fn atom(&mut self) -> Option<Ratio> {
        if self.take(&['(']).is_some() {
            self.depth += 1;
            let value = if self.depth > DEEPEST { None } else { self.terms() };
            self.depth -= 1;
            self.take(&[')'])?;
            return value;
        }
        let rest = self.rest.trim_start();
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.' && c != ',').unwrap_or(rest.len());
        self.rest = &rest[end..];
        Ratio::parse(&rest[..end])
    }
}
