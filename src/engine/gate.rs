//! Waiting one's turn at a provider: [`Throttle`] decides, this waits.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use crate::health::throttle::{Ready, Signal, Throttle};

/// One provider's gate. Callers pass in the order in which they came.
#[derive(Debug)]
pub struct Gate {
    throttle: Mutex<Throttle>,
    changed: Notify,
    head_of_queue: tokio::sync::Mutex<()>,
}

/// The right to one call. A permit dropped unfinished counts as a call that said nothing of the provider.
#[derive(Debug)]
pub struct Permit<'a> {
    gate: &'a Gate,
    mark: Instant,
    is_finished: bool,
}

impl Gate {
    /// A gate for at most `most` calls at once.
    pub fn new(most: u32) -> Self {
        Self {
            throttle: Mutex::new(Throttle::new(most)),
            changed: Notify::new(),
            head_of_queue: tokio::sync::Mutex::new(()),
        }
    }

    /// Waits until a call may start.
    pub async fn pass(&self) -> Permit<'_> {
        let _turn = self.head_of_queue.lock().await;
        loop {
            let changed = self.changed.notified();
            let now = Instant::now();
            let ready = {
                let mut throttle = self.lock();
                let ready = throttle.ready(now);
                if ready == Ready::Now {
                    let mark = throttle.start(now);
                    return Permit { gate: self, mark, is_finished: false };
                }
                ready
            };
            match ready {
                Ready::At(at) => sleep_until(at).await,
                Ready::Now | Ready::AfterAnother => changed.await,
            }
        }
    }

    /// Calls under way.
    pub fn in_flight(&self) -> u32 {
        self.lock().in_flight()
    }

    /// A panic elsewhere cannot leave the throttle half changed: its methods do not panic.
    fn lock(&self) -> MutexGuard<'_, Throttle> {
        self.throttle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn finish(&self, mark: Instant, signal: Signal) {
        self.lock().finish(mark, Instant::now(), signal);
        self.changed.notify_one();
    }
}

impl Permit<'_> {
    /// The call has ended.
    pub fn finish(mut self, signal: Signal) {
        self.is_finished = true;
        self.gate.finish(self.mark, signal);
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if !self.is_finished {
            self.gate.finish(self.mark, Signal::Unrelated);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_refusal_holds_everyone_back_until_the_provider_said() {
        let gate = Gate::new(8);
        let began = Instant::now();
        let hint = Some(Duration::from_secs(2));
        gate.pass().await.finish(Signal::Refused { retry_after: hint });
        gate.pass().await.finish(Signal::Accepted);
        assert_eq!(began.elapsed(), Duration::from_secs(2));
    }

    #[tokio::test(start_paused = true)]
    async fn a_dropped_permit_gives_its_place_back() {
        let gate = Gate::new(1);
        drop(gate.pass().await);
        let waited = tokio::time::timeout(Duration::from_secs(1), gate.pass()).await;
        assert!(waited.is_ok());
        drop(waited);
        assert_eq!(gate.in_flight(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn callers_beyond_the_window_wait_for_another_to_end() {
        let gate = Gate::new(1);
        let first = gate.pass().await;
        let second = async {
            let permit = gate.pass().await;
            permit.finish(Signal::Accepted);
            Instant::now()
        };
        let release = async {
            tokio::time::sleep(Duration::from_millis(30)).await;
            first.finish(Signal::Accepted);
            Instant::now()
        };
        let (passed, released) = tokio::join!(second, release);
        assert!(passed >= released);
    }
}
