//! Waiting one's turn at a provider: [`Throttle`] decides, this waits.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep_until};

use crate::health::throttle::{Ready, Signal, Throttle};
use crate::model::Failure;

/// One provider's gate. Callers pass in the order in which they came.
#[derive(Debug)]
pub struct Gate {
    throttle: Mutex<Throttle>,
    standing: Mutex<Standing>,
    changed: Notify,
    head_of_queue: tokio::sync::Mutex<()>,
    is_shut: watch::Sender<bool>,
}

/// How a provider has taken its calls so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Calls it has granted, whatever it then said.
    pub granted: u64,
    /// Calls it has refused for now, or had no capacity for, since it last granted one.
    pub turned_away: u64,
    /// Since when it has granted none.
    pub since: Option<Instant>,
    /// The last failure for which it turned a call away.
    pub last: Option<Failure>,
}

/// The provider was given up: nothing more is sent to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shut;

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
            standing: Mutex::default(),
            changed: Notify::new(),
            head_of_queue: tokio::sync::Mutex::new(()),
            is_shut: watch::Sender::new(false),
        }
    }

    /// Waits until a call may start; fails as soon as the provider is given up.
    pub async fn pass(&self) -> Result<Permit<'_>, Shut> {
        let mut shut = self.is_shut.subscribe();
        tokio::select! {
            biased;
            // The sender is ours, so it cannot be gone.
            _ = shut.wait_for(|shut| *shut) => Err(Shut),
            permit = self.turn() => Ok(permit),
        }
    }

    /// Gives the provider up: whoever waits for a turn, now or later, waits no more. Calls under way go on.
    pub fn shut(&self) {
        self.is_shut.send_replace(true);
    }

    /// How the provider has taken its calls so far.
    pub fn standing(&self) -> Standing {
        self.known().clone()
    }

    /// A call was turned away, or not answered in time, for this.
    pub fn turned_away(&self, failure: &Failure) {
        self.known().last = Some(failure.clone());
    }

    fn known(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn turn(&self) -> Permit<'_> {
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
        let now = Instant::now();
        self.lock().finish(mark, now, signal);
        self.known().note(signal, mark);
        self.changed.notify_one();
    }
}

impl Standing {
    /// A call that began at `mark` has ended.
    fn note(&mut self, signal: Signal, mark: Instant) {
        match signal {
            Signal::Accepted => {
                *self = Self { granted: self.granted + 1, ..Self::default() };
            }
            Signal::Refused { .. } | Signal::Strained => {
                self.turned_away += 1;
                self.since.get_or_insert(mark);
            }
            Signal::Unrelated => {}
        }
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
        gate.pass().await.unwrap().finish(Signal::Refused { retry_after: hint });
        gate.pass().await.unwrap().finish(Signal::Accepted);
        assert_eq!(began.elapsed(), Duration::from_secs(2));
    }

    #[tokio::test(start_paused = true)]
    async fn a_dropped_permit_gives_its_place_back() {
        let gate = Gate::new(1);
        drop(gate.pass().await.unwrap());
        let waited = tokio::time::timeout(Duration::from_secs(1), gate.pass()).await;
        assert!(waited.is_ok());
        drop(waited);
        assert_eq!(gate.in_flight(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_provider_that_is_given_up_keeps_nobody_waiting() {
        let gate = Gate::new(1);
        let began = Instant::now();
        gate.pass().await.unwrap().finish(Signal::Refused { retry_after: Some(Duration::from_secs(900)) });
        let standing = gate.standing();
        assert_eq!((standing.granted, standing.turned_away, standing.since), (0, 1, Some(began)));
        let giver = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            gate.shut();
        };
        let (waited, ()) = tokio::join!(gate.pass(), giver);
        assert_eq!(waited.map(|_| ()), Err(Shut));
        assert_eq!(began.elapsed(), Duration::from_secs(1));
        assert_eq!(gate.pass().await.map(|_| ()), Err(Shut));
    }

    #[tokio::test(start_paused = true)]
    async fn callers_beyond_the_window_wait_for_another_to_end() {
        let gate = Gate::new(1);
        let first = gate.pass().await.unwrap();
        let second = async {
            let permit = gate.pass().await.unwrap();
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
