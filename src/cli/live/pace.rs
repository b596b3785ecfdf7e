//! How fast samples finish, over the last seconds.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use crate::base::number::count;
use crate::base::span;
use crate::eval::progress::Progress;

/// The rate is that of the last so many seconds.
const RATE_SECONDS: usize = 15;
const DAY: f64 = 86_400.0;

/// The pace of the run and of each candidate.
#[derive(Debug)]
pub(super) struct Paces {
    pub(super) all: Pace,
    pub(super) each: Vec<Pace>,
}

impl Paces {
    pub(super) fn new(candidates: usize) -> Self {
        Self { all: Pace::default(), each: (0..candidates).map(|_| Pace::default()).collect() }
    }

    pub(super) fn note(&mut self, progress: &Progress, now: Instant) {
        self.all.note(progress.done(), now);
        for (pace, candidate) in self.each.iter_mut().zip(&progress.candidates) {
            pace.note(candidate.done, now);
        }
    }
}

/// How fast samples finish: their number at points at least a second apart.
#[derive(Debug, Default)]
pub(super) struct Pace {
    points: VecDeque<(Instant, u64)>,
    latest: Option<(Instant, u64)>,
}

impl Pace {
    fn note(&mut self, done: u64, now: Instant) {
        let is_due = |(at, _): &(Instant, u64)| now.duration_since(*at) >= Duration::from_secs(1);
        if self.points.back().is_none_or(is_due) {
            self.points.push_back((now, done));
        }
        if self.points.len() > RATE_SECONDS {
            self.points.pop_front();
        }
        self.latest = Some((now, done));
    }

    /// Samples per second over the window; absent before any has finished.
    #[expect(clippy::cast_precision_loss, reason = "for showing")]
    fn rate(&self) -> Option<f64> {
        let ((from, before), (to, after)) = (*self.points.front()?, self.latest?);
        let seconds = to.duration_since(from).as_secs_f64();
        let finished = after.saturating_sub(before);
        (seconds > 0.0 && finished > 0).then(|| finished as f64 / seconds)
    }

    /// `1,234/s`, `41.2/s`, and below one in ten seconds `5/min`; `n/a` while nothing finishes.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rate is positive and far below the most of a u64"
    )]
    pub(super) fn rate_shown(&self) -> String {
        match self.rate() {
            None => "n/a".to_owned(),
            Some(rate) if rate < 0.1 => format!("{:.1}/min", rate * 60.0),
            Some(rate) if rate < 100.0 => format!("{rate:.1}/s"),
            Some(rate) => format!("{}/s", count(rate.round() as u64)),
        }
    }

    /// How long the rest will take; `done` when there is none, `n/a` while nobody knows.
    #[expect(clippy::cast_precision_loss, reason = "for showing")]
    pub(super) fn eta_shown(&self, left: u64) -> String {
        match (left, self.rate()) {
            (0, _) => "done".to_owned(),
            (_, None) => "n/a".to_owned(),
            (left, Some(rate)) => {
                let seconds = left as f64 / rate;
                // Nobody plans by an estimate beyond that.
                if seconds > 99.0 * DAY { ">99d".to_owned() } else { shown(seconds) }
            }
        }
    }
}

fn shown(seconds: f64) -> String {
    span::coarse(Duration::try_from_secs_f64(seconds).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_rate_is_shown_in_the_unit_that_has_digits() {
        let cases = [
            (0, "n/a", "n/a"),
            (1, "4.0/min", "1h 15m"),
            (30, "2.0/s", "2m 16s"),
            (300, "20.0/s", "0s"),
            (45_000, "3,000/s", "done"),
        ];
        for (finished, rate, eta) in cases {
            let mut pace = Pace::default();
            pace.note(0, Instant::now());
            tokio::time::advance(Duration::from_secs(15)).await;
            pace.note(finished, Instant::now());
            let left = 301_u64.saturating_sub(finished);
            assert_eq!((pace.rate_shown(), pace.eta_shown(left)), (rate.to_owned(), eta.to_owned()));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_estimate_beyond_three_months_is_no_number() {
        let mut pace = Pace::default();
        pace.note(0, Instant::now());
        tokio::time::advance(Duration::from_secs(10)).await;
        pace.note(1, Instant::now());
        assert_eq!(pace.eta_shown(1_000_000_000), ">99d");
    }
}
