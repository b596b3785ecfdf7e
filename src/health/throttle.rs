//! How many calls a provider may have at once, and how fast: an AIMD window with slow start, and a pace
//! learned from refusals, so that a limit nobody told us costs few refused calls.
//!
//! The window follows congestion control (Chiu and Jain 1989; the cut of 0.7 is CUBIC's beta, RFC 9438).
//! The pace exists only after a first refusal. It starts from what was accepted between two refusals,
//! pauses included: that is what a token bucket, a fixed window and a GCRA limiter all grant in the long
//! run, while what they grant before the first refusal is their burst.

use std::time::Duration;

use tokio::time::Instant;

/// How a call ended, as far as the provider's capacity goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// It was answered.
    Accepted,
    /// It was refused for now: 429.
    Refused {
        /// How long the provider asks to wait.
        retry_after: Option<Duration>,
    },
    /// The provider is short of capacity: 503, 529, a timeout.
    Strained,
    /// It failed for reasons of its own.
    Unrelated,
}

/// Whether a call may start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ready {
    /// Now.
    Now,
    /// Not before this instant.
    At(Instant),
    /// When another call has ended.
    AfterAnother,
}

/// Calls at once when nothing is known. Small, because all of them may be refused; every doubling that it saves
/// is a round trip sooner at full speed.
const FIRST_WINDOW: f64 = 8.0;
/// The window at most doubles in this time, so that a fast server's burst does not open it wide.
const DOUBLING: Duration = Duration::from_millis(50);
const CUT: f64 = 0.7;
/// The wait after a refusal that names none; doubles while nothing is accepted in between.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// A provider that asks for more than this is not waited for by everyone.
const LONGEST_HINT: Duration = Duration::from_secs(60);
const PACE_BELOW_ESTIMATE: f64 = 0.95;
const PACE_CUT: f64 = 0.85;
/// One call in 100 seconds.
const SLOWEST: f64 = 0.01;
/// Growth of the pace until a paced call is refused: the lesser of these, per call and per second.
const SEARCHING_A_CALL: f64 = 1.12;
const SEARCHING_A_SECOND: f64 = 1.5;
/// Growth of the pace per second once the limit has been met.
const CREEPING_A_SECOND: f64 = 0.02;
/// A pace beyond this multiple of what was granted lived on a saved-up burst and says nothing.
const RUNAWAY: f64 = 1.5;

/// One provider's state. Times must not go backwards.
#[derive(Clone, Debug)]
pub struct Throttle {
    most: f64,
    window: f64,
    threshold: f64,
    in_flight: u32,
    grew_at: Option<Instant>,
    window_then: f64,
    cut_at: Option<Instant>,
    paused_until: Option<Instant>,
    pause: Duration,
    accepted_since_cut: u32,
    was_refused: bool,
    pace: Option<Pace>,
}

#[derive(Clone, Copy, Debug)]
struct Pace {
    per_second: f64,
    next: Instant,
    is_searching: bool,
    grew_at: Instant,
}

impl Throttle {
    /// A provider that may have at most `most` calls at once.
    pub fn new(most: u32) -> Self {
        let most = f64::from(most.max(1));
        Self {
            most,
            window: FIRST_WINDOW.min(most),
            threshold: most,
            in_flight: 0,
            grew_at: None,
            window_then: FIRST_WINDOW.min(most),
            cut_at: None,
            paused_until: None,
            pause: FIRST_PAUSE,
            accepted_since_cut: 0,
            was_refused: false,
            pace: None,
        }
    }

    /// Calls started and not ended.
    pub fn in_flight(&self) -> u32 {
        self.in_flight
    }

    /// Whether a call may start at `now`.
    pub fn ready(&self, now: Instant) -> Ready {
        let paced = self.pace.map(|pace| pace.next);
        let earliest = self.paused_until.max(paced);
        if f64::from(self.in_flight) + 1.0 > self.window.max(1.0) {
            return Ready::AfterAnother;
        }
        match earliest {
            Some(at) if at > now => Ready::At(at),
            _ => Ready::Now,
        }
    }

    /// A call starts. Returns the mark to hand to [`Throttle::finish`].
    pub fn start(&mut self, now: Instant) -> Instant {
        self.in_flight += 1;
        if let Some(pace) = &mut self.pace {
            pace.next = now + Duration::from_secs_f64(1.0 / pace.per_second);
        }
        now
    }

    /// The call that started at `started` has ended.
    pub fn finish(&mut self, started: Instant, now: Instant, signal: Signal) {
        self.in_flight = self.in_flight.saturating_sub(1);
        match signal {
            Signal::Accepted => self.accepted(now),
            Signal::Refused { retry_after } => self.refused(started, now, retry_after),
            Signal::Strained => self.cut_window(started, now),
            Signal::Unrelated => {}
        }
    }

    fn accepted(&mut self, now: Instant) {
        self.accepted_since_cut = self.accepted_since_cut.saturating_add(1);
        self.pause = FIRST_PAUSE;
        self.grow_window(now);
        if let Some(pace) = &mut self.pace {
            let seconds = (now - pace.grew_at).as_secs_f64().min(1.0);
            pace.grew_at = now;
            pace.per_second *= match pace.is_searching {
                true => SEARCHING_A_SECOND.powf(seconds).min(SEARCHING_A_CALL),
                false => 1.0 + CREEPING_A_SECOND * seconds,
            };
        }
    }

    fn grow_window(&mut self, now: Instant) {
        if self.grew_at.is_none_or(|at| now - at >= DOUBLING) {
            self.grew_at = Some(now);
            self.window_then = self.window;
        }
        let is_feeling_its_way = self.pace.is_none() && self.was_refused;
        let step = match self.window < self.threshold {
            true => 1.0,
            false if is_feeling_its_way => 0.25 / self.window,
            false => 1.0 / self.window,
        };
        self.window = (self.window + step).min(self.window_then * 2.0).min(self.most);
    }

    /// One cut per round trip: calls that were under way at the last cut tell nothing new.
    fn cut_window(&mut self, started: Instant, now: Instant) {
        if self.cut_at.is_some_and(|at| started < at) {
            return;
        }
        self.cut_at = Some(now);
        self.window = (self.window * CUT).max(1.0);
        self.window_then = self.window;
        self.threshold = self.window;
    }

    fn refused(&mut self, started: Instant, now: Instant, retry_after: Option<Duration>) {
        self.was_refused = true;
        let last_cut = self.cut_at;
        let is_news = last_cut.is_none_or(|at| started >= at);
        if is_news {
            self.learn_pace(now, last_cut);
            self.accepted_since_cut = 0;
        }
        self.cut_window(started, now);
        if is_news || retry_after.is_some() {
            let pause = retry_after.map_or(self.pause, |hint| hint.min(LONGEST_HINT));
            self.paused_until = self.paused_until.max(Some(now + pause));
        }
        if is_news && retry_after.is_none() {
            self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        }
    }

    fn learn_pace(&mut self, now: Instant, last_cut: Option<Instant>) {
        let Some(since) = last_cut else {
            // What came before the first refusal was the burst. One at a time finds out the rest.
            self.window = 1.0;
            return;
        };
        let seconds = (now - since).as_secs_f64().max(1e-3);
        let granted = f64::from(self.accepted_since_cut) / seconds * PACE_BELOW_ESTIMATE;
        match &mut self.pace {
            Some(pace) if granted > 0.0 && pace.per_second > granted * RUNAWAY => pace.per_second = granted,
            Some(pace) => {
                pace.per_second = (pace.per_second * PACE_CUT).max(SLOWEST);
                pace.is_searching = false;
            }
            None if granted > 0.0 => {
                self.pace = Some(Pace { per_second: granted, next: now, is_searching: true, grew_at: now });
            }
            None => {}
        }
    }
}

#[cfg(test)]
mod tests;
