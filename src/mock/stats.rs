//! What the mock saw, so that a benchmark can compare what a client reports with what happened.

use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

use super::limit::{Limit, Limiter};

/// Service times are kept for this many requests: four megabytes.
const MOST_TIMES: usize = 1 << 20;

/// Counts since the start or the last `POST /reset`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// Requests read to their end, refused and failed ones included.
    pub requests: u64,
    /// Requests refused by the rate limit.
    pub refused: u64,
    /// Requests failed by the error share.
    pub failed: u64,
    /// Requests being answered now.
    pub in_flight: u64,
    /// The most requests answered at the same time.
    pub max_in_flight: u64,
    /// How long requests took, from their last byte read to the last byte of the answer written, without
    /// refused, failed and broken ones.
    pub service: Service,
}

/// Service times in microseconds, by nearest rank; zero when there are none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Service {
    /// How many were measured.
    pub count: u64,
    /// Their mean.
    pub mean_us: u64,
    /// Their median.
    pub p50_us: u32,
    /// Their 95th percentile.
    pub p95_us: u32,
    /// Their 99th percentile.
    pub p99_us: u32,
    /// The longest.
    pub max_us: u32,
}

/// Counts while they are made.
#[derive(Debug)]
pub(super) struct Tally {
    stats: Stats,
    times: Vec<u32>,
    limit: Option<Limit>,
    limiter: Option<Limiter>,
    began: Instant,
}

/// A request that was let in, and its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Arrival {
    pub(super) number: u64,
    /// How long to wait, when the rate limit refuses it.
    pub(super) refused: Option<Duration>,
}

impl Tally {
    pub(super) fn new(limit: Option<Limit>) -> Self {
        let limiter = limit.map(Limiter::new);
        Self { stats: Stats::default(), times: Vec::new(), limit, limiter, began: Instant::now() }
    }

    /// Counts a request that has been read, and asks the rate limit.
    pub(super) fn arrive(&mut self, now: Instant) -> Arrival {
        let number = self.stats.requests;
        self.stats.requests += 1;
        self.stats.in_flight += 1;
        self.stats.max_in_flight = self.stats.max_in_flight.max(self.stats.in_flight);
        let since = now.saturating_duration_since(self.began);
        let refused = self.limiter.as_mut().and_then(|limiter| limiter.admit(since).err());
        self.stats.refused += u64::from(refused.is_some());
        Arrival { number, refused }
    }

    /// Counts an injected failure.
    pub(super) fn fail(&mut self) {
        self.stats.failed += 1;
    }

    /// Counts an answer that is over; `took` where it counts as served.
    pub(super) fn leave(&mut self, took: Option<Duration>) {
        self.stats.in_flight = self.stats.in_flight.saturating_sub(1);
        if let (Some(took), true) = (took, self.times.len() < MOST_TIMES) {
            self.times.push(u32::try_from(took.as_micros()).unwrap_or(u32::MAX));
        }
    }

    /// Forgets everything but the requests in flight. The rate limit begins anew.
    pub(super) fn reset(&mut self) {
        let in_flight = self.stats.in_flight;
        *self = Self::new(self.limit);
        self.stats.in_flight = in_flight;
        self.stats.max_in_flight = in_flight;
    }

    pub(super) fn stats(&self) -> Stats {
        Stats { service: service(&self.times), ..self.stats.clone() }
    }

    /// Every service time in microseconds, in the order of completion.
    pub(super) fn times(&self) -> &[u32] {
        &self.times
    }
}

fn service(times: &[u32]) -> Service {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    let Some(max_us) = sorted.last().copied() else { return Service::default() };
    let rank = |percent: usize| sorted[(sorted.len() * percent).div_ceil(100).max(1) - 1];
    let count = u64::try_from(sorted.len()).unwrap_or(u64::MAX);
    let sum: u64 = sorted.iter().copied().map(u64::from).sum();
    Service { count, mean_us: sum / count, p50_us: rank(50), p95_us: rank(95), p99_us: rank(99), max_us }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn service_times_are_summed_up_by_rank() {
        let times: Vec<u32> = (1..=100).rev().collect();
        let expected = Service { count: 100, mean_us: 50, p50_us: 50, p95_us: 95, p99_us: 99, max_us: 100 };
        assert_eq!(service(&times), expected);
        assert_eq!(service(&[]), Service::default());
    }

    #[test]
    fn a_reset_forgets_all_but_what_is_in_flight() {
        let mut tally = Tally::new(Some(Limit::TokenBucket { per_second: 1.0, burst: 1 }));
        let now = Instant::now();
        assert_eq!(tally.arrive(now), Arrival { number: 0, refused: None });
        assert!(tally.arrive(now).refused.is_some());
        tally.leave(Some(Duration::from_micros(7)));
        assert_eq!(tally.stats().service.max_us, 7);
        tally.reset();
        let left = Stats { in_flight: 1, max_in_flight: 1, ..Stats::default() };
        assert_eq!(tally.stats(), left);
        assert!(tally.arrive(Instant::now()).refused.is_none());
    }
}
