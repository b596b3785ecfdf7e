//! Weekdays, distances of days and of times.

use jiff::ToSpan as _;
use jiff::civil::{Date, Weekday};
use regex::Captures;

use super::Answer;
use super::number::Ratio;
use super::pattern::patterns;

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];
const WEEKDAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

patterns! {
    DATE = {
        let months = MONTHS.join("|");
        format!(
            r"\b(\d{{4}})-(\d{{2}})-(\d{{2}})\b|\b(\d{{1,2}})(?:st|nd|rd|th)? ({months}),? (\d{{4}})\b|\b({months}) (\d{{1,2}})(?:st|nd|rd|th)?,? (\d{{4}})\b"
        )
    };
    TIME = r"\b([01]?\d|2[0-3]):([0-5]\d)\b";
    AFTER = r"\b(\d{1,5}) (day|week)s? (after|before)\b";
    WEEKDAY = r"\b(?:weekday|day of the week|which day|what day)\b";
    LEAP = r"\b(\d{4}) (?:is )?a leap year";
}

/// Answers a question about dates or times.
pub(super) fn answer(prompt: &str) -> Option<Answer> {
    if let Some(found) = LEAP.captures(prompt) {
        let year = Date::new(found[1].parse().ok()?, 1, 1).ok()?;
        return Some(Answer::label(if year.in_leap_year() { "yes" } else { "no" }, &["yes", "no"]));
    }
    let dates: Vec<Date> = dates(prompt).collect();
    let first = dates.first();
    if let (Some(found), Some(date)) = (AFTER.captures(prompt), first) {
        let days = found[1].parse::<i64>().ok()? * if found[2].eq_ignore_ascii_case("week") { 7 } else { 1 };
        let days = if found[3].eq_ignore_ascii_case("after") { days } else { -days };
        let date = date.checked_add(days.days()).ok()?;
        return Some(if WEEKDAY.is_match(prompt) { weekday(date) } else { Answer::Text(date.to_string()) });
    }
    if let Some(date) = first.filter(|_| WEEKDAY.is_match(prompt)) {
        return Some(weekday(*date));
    }
    let lower = prompt.to_lowercase();
    if let ([a, b], true) = (dates.as_slice(), lower.contains("how many days")) {
        return Some(Answer::Number(Ratio::whole(a.until(*b).ok()?.get_days().abs().into())));
    }
    let times: Vec<i128> = TIME.captures_iter(prompt).filter_map(|found| minutes(&found)).collect();
    if let ([from, to], true) = (times.as_slice(), lower.contains("minutes")) {
        return Some(Answer::Number(Ratio::whole((to - from).rem_euclid(24 * 60))));
    }
    None
}

/// The dates of a text, in order.
pub(super) fn dates(text: &str) -> impl Iterator<Item = Date> + '_ {
    DATE.captures_iter(text).filter_map(|found| date(&found))
}

fn date(found: &Captures<'_>) -> Option<Date> {
    let group = |at: usize| found.get(at).map(|group| group.as_str());
    let month =
        |name: &str| MONTHS.iter().position(|month| month.eq_ignore_ascii_case(name)).map(|at| at + 1);
    let (year, month, day) = match (group(1), group(5), group(7)) {
        (Some(year), ..) => (year, group(2)?.parse().ok()?, group(3)?),
        (_, Some(name), _) => (group(6)?, month(name)?, group(4)?),
        (.., Some(name)) => (group(9)?, month(name)?, group(8)?),
        _ => return None,
    };
    Date::new(year.parse().ok()?, i8::try_from(month).ok()?, day.parse().ok()?).ok()
}

fn weekday(date: Date) -> Answer {
    let at = usize::try_from(date.weekday().since(Weekday::Monday)).unwrap_or_default();
    Answer::label(WEEKDAYS[at.min(6)], &WEEKDAYS)
}

fn minutes(found: &Captures<'_>) -> Option<i128> {
    Some(found[1].parse::<i128>().ok()? * 60 + found[2].parse::<i128>().ok()?)
}
