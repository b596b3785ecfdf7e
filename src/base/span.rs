//! Durations as people write them: `800ms`, `2s`, `10m`, `24h`, `14d`; and as people read them.

use std::time::Duration;

/// Why a written duration was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a duration such as 800ms, 2s, 10m, 24h or 14d")]
pub struct SpanError(String);

/// Reads a duration: a number (which may have a fraction) and a unit of `us`, `ms`, `s`, `m`, `h` or `d`;
/// several in a row add up (`1h30m`).
pub fn parse(text: &str) -> Result<Duration, SpanError> {
    let error = || SpanError(text.to_owned());
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(error());
    }
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let number_len = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(error)?;
        let (number, tail) = rest.split_at(number_len);
        let unit_len = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, next) = tail.split_at(unit_len);
        let seconds = unit_seconds(unit.trim()).ok_or_else(error)?;
        let number: f64 = number.parse().map_err(|_| error())?;
        let part = Duration::try_from_secs_f64(number * seconds).map_err(|_| error())?;
        total = total.checked_add(part).ok_or_else(error)?;
        rest = next;
    }
    Ok(total)
}

fn unit_seconds(unit: &str) -> Option<f64> {
    Some(match unit {
        "us" | "µs" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3_600.0,
        "d" => 86_400.0,
        _ => return None,
    })
}

/// Shows a duration in at most two units: `412ms`, `1.4s`, `3m 20s`, `2h 5m`.
pub fn show(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0 => format!("{}ms", duration.as_millis()),
        1..60 => format!("{:.1}s", duration.as_secs_f64()),
        60..3600 => format!("{}m {}s", seconds / 60, seconds % 60),
        _ => format!("{}h {}m", seconds / 3600, seconds % 3600 / 60),
    }
}

/// Shows how long something will take, which nobody knows to a tenth of a second: `0s`, `43s`, `3m 20s`,
/// `2h 5m`, `3d 4h`.
pub fn coarse(duration: Duration) -> String {
    let seconds = duration.as_secs().saturating_add(u64::from(duration.subsec_millis() >= 500));
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m {}s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{}h {}m", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{}d {}h", seconds / 86_400, seconds % 86_400 / 3600),
    }
}

/// Writes a duration as it is read, exact to the microsecond: `90s` as `1m30s`, `2m`, `1.5ms` as `1500us`.
pub fn written(duration: Duration) -> String {
    const UNITS: [(&str, u128); 6] = [
        ("d", 86_400_000_000),
        ("h", 3_600_000_000),
        ("m", 60_000_000),
        ("s", 1_000_000),
        ("ms", 1000),
        ("us", 1),
    ];
    let mut left = duration.as_micros();
    let part = |(unit, micros): (&str, u128)| {
        let count = left / micros;
        left %= micros;
        (count > 0).then(|| format!("{count}{unit}"))
    };
    let out: String = UNITS.into_iter().filter_map(part).collect();
    if out.is_empty() { "0s".to_owned() } else { out }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_written() {
        let cases = [("800ms", 800), ("2s", 2_000), ("1.5s", 1_500), ("10m", 600_000), ("1h30m", 5_400_000)];
        for (text, millis) in cases {
            assert_eq!(parse(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "5", "ms", "-1s", "5 parsecs", "1e9s", "99999999999999999999d"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_written_is_read_as_the_same() {
        for (millis, text) in
            [(0, "0s"), (250, "250ms"), (90_000, "1m30s"), (120_000, "2m"), (90_000_500, "1d1h500ms")]
        {
            assert_eq!(written(Duration::from_millis(millis)), text);
            assert_eq!(parse(text), Ok(Duration::from_millis(millis)));
        }
    }

    #[test]
    fn durations_are_shown_short() {
        let shown = [412, 1_440, 200_000, 7_500_000].map(|ms| show(Duration::from_millis(ms)));
        assert_eq!(shown, ["412ms", "1.4s", "3m 20s", "2h 5m"]);
    }
    #[test]
    fn estimates_are_shown_coarsely() {
        let shown = [0, 43_400, 59_600, 200_000, 7_500_000, 273_600_000];
        let shown = shown.map(|ms| coarse(Duration::from_millis(ms)));
        assert_eq!(shown, ["0s", "43s", "1m 0s", "3m 20s", "2h 5m", "3d 4h"]);
    }
}
