//! Wall time. Durations come from `tokio::time`; this is the only reader of the system clock.

use jiff::Timestamp;
use tokio::time::Instant;

/// Where wall time comes from.
#[derive(Clone, Copy, Debug)]
pub enum Clock {
    /// The system's clock.
    System,
    /// A fixed wall time at a `tokio` instant, so that a paused clock shows virtual minutes.
    Anchored {
        /// The wall time at `since`.
        wall: Timestamp,
        /// The instant of the anchor.
        since: Instant,
    },
}

impl Clock {
    /// The wall time now.
    pub fn now(&self) -> Timestamp {
        match self {
            Self::System => Timestamp::now(),
            Self::Anchored { wall, since } => {
                let passed = jiff::SignedDuration::try_from(since.elapsed()).unwrap_or_default();
                wall.saturating_add(passed).unwrap_or(Timestamp::MAX)
            }
        }
    }
}
