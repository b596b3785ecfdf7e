//! How long a provider asks to wait, in every format it is written in. What does not parse is ignored.

use std::time::Duration;

use http::HeaderMap;
use jiff::Timestamp;
use serde_json::Value;

/// Longer than any limit's window: such a number is something else.
const MOST: Duration = Duration::from_hours(31 * 24);

/// The wait that a failure names: in its headers, its details or its words, in this order. Only a failure
/// may be asked: `retry-after` also stands on successes (Anthropic, Hugging Face, Together).
pub(super) fn read(headers: &HeaderMap, message: &str, body: &Value) -> Option<Duration> {
    if text(headers, "x-should-retry") == Some("false") {
        return None;
    }
    header(headers).or_else(|| details(body)).or_else(|| words(message))
}

/// `retry-after-ms`, which Azure sends as zero beside a `retry-after` of a second; `retry-after` in seconds
/// or as a date (RFC 9110, section 10.2.3).
fn header(headers: &HeaderMap) -> Option<Duration> {
    let millis = text(headers, "retry-after-ms").and_then(number).map(|millis| millis / 1e3);
    if let Some(wait) = millis.filter(|seconds| *seconds > 0.0).and_then(seconds) {
        return Some(wait);
    }
    let value = text(headers, "retry-after")?;
    match number(value) {
        Some(wait) => seconds(wait),
        None => since(now(headers)?, http_date(value)?),
    }
}

/// Google's `RetryInfo` in the error's details; Cloudflare's `retry_after` beside them.
fn details(body: &Value) -> Option<Duration> {
    let root = body.get(0).unwrap_or(body);
    let error = root.get("error").unwrap_or(root);
    let listed = error.get("details").and_then(Value::as_array).into_iter().flatten();
    let delay = listed.filter_map(|detail| detail.get("retryDelay")?.as_str()).find_map(go_duration);
    delay.or_else(|| seconds(root.get("retry_after").or_else(|| error.get("retry_after"))?.as_f64()?))
}

/// "try again in 9m38.016s" (OpenAI, Groq), "retry in 48.9s" (Gemini), "retry after 33 seconds" (Azure).
fn words(message: &str) -> Option<Duration> {
    let lower = message.to_ascii_lowercase();
    ["try again in ", "retry in ", "retry after ", "try again after "].iter().find_map(|lead| {
        let rest = lower.split_once(lead)?.1;
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '.').unwrap_or(rest.len());
        let (word, rest) = rest.split_at(end);
        let word = word.trim_end_matches('.');
        let unit = rest.trim_start().split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
        match number(word) {
            Some(count) => seconds(count * unit_seconds(unit)?),
            None => go_duration(word),
        }
    })
}

fn unit_seconds(unit: &str) -> Option<f64> {
    Some(match unit {
        "ms" | "millisecond" | "milliseconds" => 1e-3,
        "s" | "sec" | "second" | "seconds" => 1.0,
        "m" | "min" | "minute" | "minutes" => 60.0,
        "h" | "hour" | "hours" => 3_600.0,
        "d" | "day" | "days" => 86_400.0,
        _ => return None,
    })
}

/// When the limit that was hit is full again, from the rate-limit headers: of the limits with nothing
/// remaining, the last to come back.
pub(super) fn reset(headers: &HeaderMap) -> Option<Duration> {
    let limits = headers.iter().filter_map(|(name, value)| {
        let name = name.as_str();
        let (before, after) = name.split_once("-reset")?;
        if !before.contains("ratelimit") {
            return None;
        }
        // Anthropic names the dimension before (`tokens-reset`), others behind (`reset-tokens`), some not at all.
        let remaining = text(headers, &format!("{before}-remaining{after}"));
        let is_spent = remaining.and_then(number).is_some_and(|left| left <= 0.0);
        is_spent.then(|| moment(value.to_str().ok()?, headers))?
    });
    limits.max().or_else(|| draft(text(headers, "ratelimit")?))
}

/// A reset as a duration (`14m20.852s`), seconds, an RFC 3339 time, or the epoch in seconds or
/// milliseconds; the last three need the answer's own date.
fn moment(value: &str, headers: &HeaderMap) -> Option<Duration> {
    if let Some(wait) = go_duration(value) {
        return Some(wait);
    }
    let Some(count) = number(value) else {
        return since(now(headers)?, value.parse().ok()?);
    };
    let at = match count {
        0.0..1e9 => return seconds(count),
        1e9..1e11 => Timestamp::from_millisecond(whole(count * 1e3)?).ok()?,
        _ => Timestamp::from_millisecond(whole(count)?).ok()?,
    };
    since(now(headers)?, at)
}

#[expect(clippy::cast_possible_truncation, reason = "checked to lie within 2^53")]
fn whole(count: f64) -> Option<i64> {
    (count.abs() < 9e15).then_some(count as i64)
}

/// `"api";r=0;t=70` (IETF draft-ietf-httpapi-ratelimit-headers, as Hugging Face sends it).
fn draft(value: &str) -> Option<Duration> {
    let item = |name: &str| value.split(';').find_map(|item| number(item.trim().strip_prefix(name)?));
    if item("r=")? > 0.0 {
        return None;
    }
    seconds(item("t=")?)
}

/// A duration as Go prints it: `6ms`, `14m20.852s`, `2h47m48.417s`.
fn go_duration(text: &str) -> Option<Duration> {
    crate::base::span::parse(text.trim()).ok().filter(|wait| *wait <= MOST)
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

/// A plain decimal number; not `inf`, `NaN` or an exponent.
fn number(text: &str) -> Option<f64> {
    let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    if is_plain { text.parse().ok() } else { None }
}

fn seconds(count: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(count).ok().filter(|wait| *wait <= MOST)
}

/// What the provider's clock showed: waits are measured on it, not on ours.
fn now(headers: &HeaderMap) -> Option<Timestamp> {
    http_date(text(headers, "date")?)
}

fn http_date(text: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::parse(text).ok().map(|time| time.timestamp())
}

/// The time from `now` to `then`; nothing when it is already past.
fn since(now: Timestamp, then: Timestamp) -> Option<Duration> {
    let wait = Duration::try_from(then.duration_since(now)).unwrap_or(Duration::ZERO);
    (wait <= MOST).then_some(wait)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderName, HeaderValue};
    use serde_json::json;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(n, v)| (HeaderName::from_static(n), HeaderValue::from_static(v))).collect()
    }

    type Pairs<'a> = &'a [(&'static str, &'static str)];

    const DATE: (&str, &str) = ("date", "Fri, 08 Aug 2025 15:40:34 GMT");

    #[test]
    fn a_wait_is_read_from_the_headers() {
        let cases: &[(Pairs<'_>, Option<u64>)] = &[
            (&[("retry-after", "20")], Some(20_000)),
            (&[("retry-after", "1.5")], Some(1_500)),
            (&[("retry-after", "0")], Some(0)),
            (&[("retry-after", "1"), ("retry-after-ms", "0")], Some(1_000)),
            (&[("retry-after", "1"), ("retry-after-ms", "644")], Some(644)),
            (&[("retry-after", "Fri, 08 Aug 2025 15:41:00 GMT"), DATE], Some(26_000)),
            (&[("retry-after", "Fri, 08 Aug 2025 15:40:00 GMT"), DATE], Some(0)),
            (&[("retry-after", "Fri, 08 Aug 2025 15:41:00 GMT")], None),
            (&[("retry-after", "20"), ("x-should-retry", "false")], None),
            (&[("retry-after", "soon")], None),
            (&[("retry-after", "-5")], None),
            (&[("retry-after", "1e400")], None),
            (&[("retry-after", "99999999999")], None),
            (&[("retry-after-ms", "X-RATELIMIT-RESET-XXX")], None),
        ];
        for (pairs, millis) in cases {
            let read = read(&headers(pairs), "", &Value::Null);
            assert_eq!(read, millis.map(Duration::from_millis), "{pairs:?}");
        }
    }

    #[test]
    fn a_wait_is_read_from_details_and_words() {
        let cases = [
            (json!({"error": {"details": [{"@type": "x"}, {"retryDelay": "48s"}]}}), "", Some(48_000)),
            (json!([{"error": {"details": [{"retryDelay": "1.250s"}]}}]), "", Some(1_250)),
            (json!({"retryable": true, "retry_after": 120}), "", Some(120_000)),
            (Value::Null, "Please try again in 644ms. Visit", Some(644)),
            (Value::Null, "Please try again in 9m38.016s. Need more tokens?", Some(578_016)),
            (Value::Null, "Please retry in 48.939935699s.", Some(48_940)),
            (Value::Null, "Please retry after 33 seconds. Please go here", Some(33_000)),
            (Value::Null, "Please retry after 1 second.", Some(1_000)),
            (Value::Null, "Please try again in 2 minutes", Some(120_000)),
            (Value::Null, "try again in a moment", None),
            (Value::Null, "retry in 5 parsecs", None),
        ];
        for (body, message, millis) in cases {
            let read = read(&HeaderMap::new(), message, &body);
            let read = read.map(|wait| wait.as_micros().div_ceil(1_000));
            assert_eq!(read, millis, "{body} {message}");
        }
    }

    #[test]
    fn a_reset_counts_where_nothing_remains() {
        let cases: &[(Pairs<'_>, Option<u64>)] = &[
            (
                &[
                    ("x-ratelimit-remaining-requests", "59"),
                    ("x-ratelimit-reset-requests", "2h47m48.417s"),
                    ("x-ratelimit-remaining-tokens", "0"),
                    ("x-ratelimit-reset-tokens", "6ms"),
                ],
                Some(6),
            ),
            (
                &[("x-ratelimit-remaining-tokens", "0"), ("x-ratelimit-reset-tokens", "14m20.852s")],
                Some(860_852),
            ),
            (&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1754667660000"), DATE], Some(26_000)),
            (&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1754667660"), DATE], Some(26_000)),
            (&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1754667660000")], None),
            (&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "12")], Some(12_000)),
            (
                &[
                    ("anthropic-ratelimit-tokens-remaining", "0"),
                    ("anthropic-ratelimit-tokens-reset", "2025-08-08T15:41:00Z"),
                    DATE,
                ],
                Some(26_000),
            ),
            (&[("ratelimit", "\"api\";r=0;t=70")], Some(70_000)),
            (&[("ratelimit", "\"api\";r=499;t=70")], None),
            (&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "X-RATELIMIT-XXX")], None),
        ];
        for (pairs, millis) in cases {
            assert_eq!(reset(&headers(pairs)), millis.map(Duration::from_millis), "{pairs:?}");
        }
    }
}
