//! What to do next, as a pure machine: no clock, no network, no dice inside.

use std::time::Duration;

use crate::base::span;
use crate::model::{Action, Failure, FailureClass};
use crate::policy::Retry;

/// What to do next, and why in one sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Try again after a pause.
    Again {
        /// The pause.
        after: Duration,
        /// Why.
        why: String,
    },
    /// It is over: the last failure stands.
    Fail {
        /// Why.
        why: String,
    },
}

/// Decides what follows a failed attempt. `made` is how many attempts were made, `left` the time until the
/// deadline, `draw` a random number in `[0, 1)` for full jitter (Brooker, "Exponential Backoff and Jitter",
/// AWS 2015).
pub fn step(failure: &Failure, actions: &[Action], bounds: &Retry, progress: &Progress) -> Step {
    let Some(action) = chosen(failure.class, actions) else {
        return Step::Fail { why: format!("{}; there is no other target to try", failure.class) };
    };
    if action == Action::Stop {
        return Step::Fail { why: format!("{}; trying again would not help", failure.class) };
    }
    if progress.made >= bounds.attempts {
        return Step::Fail { why: format!("{}; all {} attempts are used", failure.class, bounds.attempts) };
    }
    let after = match failure.retry_after {
        Some(asked) if asked > bounds.retry_after_most => {
            let (asked, most) = (span::show(asked), span::show(bounds.retry_after_most));
            return Step::Fail { why: format!("{}; it asks to wait {asked}, over {most}", failure.class) };
        }
        // Jitter comes on top: nobody comes back before the provider said.
        Some(asked) => asked + jitter(bounds, progress).min(asked / 4),
        None => jitter(bounds, progress),
    };
    if after >= progress.left {
        return Step::Fail { why: format!("{}; no time is left for another attempt", failure.class) };
    }
    let (next, of, wait) = (progress.made + 1, bounds.attempts, span::show(after));
    Step::Again { after, why: format!("{}; attempt {next} of {of} follows in {wait}", failure.class) }
}

/// Where the request stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// Attempts made.
    pub made: u32,
    /// Until the deadline.
    pub left: Duration,
    /// In `[0, 1)`.
    pub draw: f64,
}

/// The first action that a single target can carry out. Where the table only names other targets, there are
/// none, and the failure may pass, trying the same one again is all that is left.
fn chosen(class: FailureClass, actions: &[Action]) -> Option<Action> {
    let possible =
        actions.iter().find(|action| matches!(action, Action::Retry | Action::Wait | Action::Stop));
    possible.copied().or_else(|| may_pass(class).then_some(Action::Retry))
}

fn may_pass(class: FailureClass) -> bool {
    use FailureClass::{
        Connect, FirstToken, Malformed, Overloaded, RateLimited, Server, Stalled, Timeout, Truncated,
    };
    matches!(
        class,
        Connect | Timeout | FirstToken | Stalled | Truncated | RateLimited | Overloaded | Server | Malformed
    )
}

fn jitter(bounds: &Retry, progress: &Progress) -> Duration {
    let doublings = progress.made.saturating_sub(1).min(30);
    let ceiling = bounds.backoff.saturating_mul(1 << doublings).min(bounds.backoff_most);
    ceiling.mul_f64(progress.draw)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bounds() -> Retry {
        Retry {
            attempts: 4,
            backoff: Duration::from_millis(250),
            backoff_most: Duration::from_secs(8),
            retry_after_most: Duration::from_secs(10),
        }
    }

    fn after(class: FailureClass, retry_after: Option<Duration>, made: u32, draw: f64) -> Step {
        let failure = Failure { retry_after, ..Failure::new(class, "") };
        step(&failure, class.actions(), &bounds(), &Progress { made, left: Duration::from_secs(60), draw })
    }

    #[test]
    fn each_class_does_what_a_single_target_can() {
        use FailureClass as C;
        let again =
            [C::Connect, C::Timeout, C::RateLimited, C::Overloaded, C::Server, C::Truncated, C::Malformed];
        for class in FailureClass::ALL {
            let is_again = matches!(after(class, None, 1, 0.5), Step::Again { .. });
            let expected = again.contains(&class) || matches!(class, C::FirstToken | C::Stalled);
            assert_eq!(is_again, expected, "{class}");
        }
    }

    #[test]
    fn a_wait_that_is_too_long_is_not_waited_and_says_so() {
        let step = after(FailureClass::RateLimited, Some(Duration::from_secs(86_400)), 1, 0.5);
        assert_eq!(step, Step::Fail { why: "rate_limited; it asks to wait 24h 0m, over 10.0s".into() });
    }

    #[test]
    fn the_sentence_names_the_next_attempt() {
        let step = after(FailureClass::Server, None, 2, 0.5);
        let why = "server; attempt 3 of 4 follows in 250ms".into();
        assert_eq!(step, Step::Again { after: Duration::from_millis(250), why });
    }

    proptest! {
        #[test]
        fn a_request_ends_in_time_and_never_before_it_was_asked_to_wait(
            classes in prop::collection::vec((0_usize..21, prop::option::of(0_u64..20_000), 0.0..1.0), 1..20),
            mut left in 0_u64..60_000,
        ) {
            let mut made = 0;
            for (class, hint, draw) in classes {
                made += 1;
                let class = FailureClass::ALL[class];
                let hint = hint.map(Duration::from_millis);
                let failure = Failure { retry_after: hint, ..Failure::new(class, "") };
                let progress = Progress { made, left: Duration::from_millis(left), draw };
                match step(&failure, class.actions(), &bounds(), &progress) {
                    Step::Again { after, .. } => {
                        prop_assert!(made < 4 && after < progress.left);
                        prop_assert!(after >= hint.unwrap_or_default());
                        left -= u64::try_from(after.as_millis()).unwrap();
                    }
                    Step::Fail { why } => {
                        prop_assert!(!why.is_empty());
                        return Ok(());
                    }
                }
            }
            prop_assert!(made < 4, "the attempts are bounded");
        }
    }
}
