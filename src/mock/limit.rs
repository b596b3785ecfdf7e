//! Rate limits as providers impose them. Pure: the time is passed in.

use std::time::Duration;

/// A limit on requests.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Limit {
    /// A bucket that fills at a rate and holds `burst` requests; it begins full.
    TokenBucket {
        /// Requests per second.
        per_second: f64,
        /// Requests that may come at once.
        burst: u32,
    },
    /// So many requests per window; the windows follow one another without gap.
    FixedWindow {
        /// Requests per window.
        requests: u32,
        /// The length of a window.
        window: Duration,
    },
    /// The generic cell rate algorithm (ITU-T I.371): requests are due at even distances, and may be early by
    /// `burst - 1` distances.
    Gcra {
        /// Requests per second.
        per_second: f64,
        /// Requests that may come at once.
        burst: u32,
    },
}

/// A wait of this many seconds comes from rounding alone: the request is on time.
const ROUNDING: f64 = 1e-9;

/// A limit and what it remembers. Times count from its making.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limiter {
    limit: Limit,
    /// Token bucket: tokens left. Fixed window: requests in the window. GCRA: unused.
    level: f64,
    /// Token bucket: last visit. Fixed window: the window's start. GCRA: when the next request is due.
    mark: f64,
}

impl Limiter {
    pub(super) fn new(limit: Limit) -> Self {
        let level = if let Limit::TokenBucket { burst, .. } = limit { f64::from(burst.max(1)) } else { 0.0 };
        Self { limit, level, mark: 0.0 }
    }

    /// Admits a request, or says how long until one would be admitted.
    pub(super) fn admit(&mut self, now: Duration) -> Result<(), Duration> {
        let now = now.as_secs_f64();
        let wait = match self.limit {
            Limit::TokenBucket { per_second, burst } => {
                let filled = self.level + (now - self.mark).max(0.0) * per_second;
                self.level = filled.min(f64::from(burst.max(1)));
                self.mark = now;
                let wait = (1.0 - self.level) / per_second;
                self.level -= if wait <= ROUNDING { 1.0 } else { 0.0 };
                wait
            }
            Limit::FixedWindow { requests, window } => {
                let window = window.as_secs_f64();
                let start = (now / window).floor() * window;
                self.level = if start > self.mark { 0.0 } else { self.level };
                self.mark = start;
                let is_full = self.level >= f64::from(requests);
                self.level += if is_full { 0.0 } else { 1.0 };
                if is_full { start + window - now } else { 0.0 }
            }
            Limit::Gcra { per_second, burst } => {
                let distance = 1.0 / per_second;
                let due = self.mark.max(now);
                let wait = due - now - distance * f64::from(burst.max(1) - 1);
                self.mark = if wait <= ROUNDING { due + distance } else { self.mark };
                wait
            }
        };
        if wait <= ROUNDING {
            Ok(())
        } else {
            Err(Duration::try_from_secs_f64(wait).unwrap_or(Duration::MAX))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LIMITS: [Limit; 3] = [
        Limit::TokenBucket { per_second: 10.0, burst: 5 },
        Limit::FixedWindow { requests: 5, window: Duration::from_millis(500) },
        Limit::Gcra { per_second: 10.0, burst: 5 },
    ];

    #[test]
    fn a_burst_is_admitted_and_then_the_rate() {
        for limit in LIMITS {
            let mut limiter = Limiter::new(limit);
            let at_once = (0..20).filter(|_| limiter.admit(Duration::ZERO).is_ok()).count();
            assert_eq!(at_once, 5, "{limit:?}");
            let later = (1..=10_000).filter(|ms| limiter.admit(Duration::from_millis(*ms)).is_ok()).count();
            assert!((95..=100).contains(&later), "{limit:?}: {later}");
        }
    }

    #[test]
    fn the_wait_is_as_long_as_it_says() {
        for limit in LIMITS {
            let mut limiter = Limiter::new(limit);
            let wait = (0..20).find_map(|_| limiter.admit(Duration::ZERO).err()).unwrap();
            assert!(limiter.admit(wait.saturating_sub(Duration::from_millis(1))).is_err(), "{limit:?}");
            assert!(limiter.admit(wait + Duration::from_nanos(1)).is_ok(), "{limit:?}");
        }
    }

    proptest! {
        #[test]
        fn no_arrivals_get_more_than_burst_and_rate(gaps in prop::collection::vec(0_u64..300, 1..200)) {
            let mut limiter = Limiter::new(LIMITS[2]);
            let mut bucket = Limiter::new(LIMITS[0]);
            let (mut now, mut admitted) = (0, 0_u64);
            for gap in gaps {
                now += gap;
                let at = Duration::from_millis(now);
                let is_admitted = limiter.admit(at).is_ok();
                // A full bucket and the cell rate algorithm are the same limit.
                prop_assert_eq!(bucket.admit(at).is_ok(), is_admitted);
                admitted += u64::from(is_admitted);
                prop_assert!(admitted <= 5 + now / 100);
            }
        }
    }
}
