//! Multiple choice: the stem is worked out and held against the options.

use super::arithmetic::numbers;
use super::number::Ratio;
use super::pattern::patterns;
use super::{Answer, asked, facts};

patterns! {
    OPTION = r"(?m)^\s*\(?([A-H])[).:]\s+(.+)$";
    MULTIPLE = r"\b(?:multiple of|divisible by) (\d+)";
}

/// The letter of the option that is right; nothing when none or several are.
pub(super) fn letter(prompt: &str) -> Option<Answer> {
    let options: Vec<_> = OPTION
        .captures_iter(prompt)
        .map(|found| (found[1].to_uppercase(), found[2].trim().to_owned()))
        .collect();
    let stem = &prompt[..OPTION.find(prompt)?.start()];
    if options.len() < 2 {
        return None;
    }
    let texts: Vec<&str> = options.iter().map(|(_, text)| text.as_str()).collect();
    let letters: Vec<&str> = options.iter().map(|(letter, _)| letter.as_str()).collect();
    let at = by_property(stem, &texts).or_else(|| by_answer(stem, &texts))?;
    Some(Answer::label(letters.get(at)?, &letters))
}

fn value(option: &str) -> Option<Ratio> {
    numbers(option).first().copied()
}

/// Which option alone has what the stem names.
fn by_property(stem: &str, options: &[&str]) -> Option<usize> {
    let stem = stem.to_lowercase();
    let whole = |option: &&str| value(option)?.as_whole();
    let only = |has: &dyn Fn(i128) -> bool| {
        let mut fitting = options.iter().enumerate().filter(|(_, option)| whole(option).is_some_and(has));
        fitting.next().filter(|_| fitting.next().is_none()).map(|(at, _)| at)
    };
    if stem.contains("prime") {
        return only(&facts::is_prime);
    }
    if let Some(found) = MULTIPLE.captures(&stem) {
        let of: i128 = found[1].parse().ok()?;
        return only(&|number| number.checked_rem(of) == Some(0));
    }
    if stem.contains("even number") || stem.contains("odd number") {
        let rest = i128::from(stem.contains("odd number"));
        return only(&|number| number.rem_euclid(2) == rest);
    }
    let is_most = ["largest", "greatest", "biggest"].iter().any(|word| stem.contains(word));
    let is_least = stem.contains("smallest") || stem.contains("least");
    if !is_most && !is_least {
        return None;
    }
    let values: Vec<Ratio> = options.iter().map(|option| value(option)).collect::<Option<_>>()?;
    let wins = |a: Ratio, b: Ratio| if is_least { a.is_below(b) } else { b.is_below(a) };
    (0..values.len())
        .find(|at| (0..values.len()).all(|other| other == *at || wins(values[*at], values[other])))
}

/// Which option says what the stem comes to.
fn by_answer(stem: &str, options: &[&str]) -> Option<usize> {
    match asked(stem)? {
        Answer::Number(number) => options.iter().position(|option| value(option) == Some(number)),
        answer => {
            let text = answer.text().to_lowercase();
            options.iter().position(|option| option.to_lowercase() == text)
        }
    }
}
