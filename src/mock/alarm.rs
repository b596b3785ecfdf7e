//! Waits that end when they should.
//!
//! `tokio`'s timers round up to a whole millisecond, and so does the poll that drives them: 50 ms become 51, and
//! answers leave on a grid, in clumps that no provider makes and that every client then queues behind. A
//! thread that waits for the next deadline is late by what the kernel's timers are: some 50 µs on Linux.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::{io, thread};

use tokio::sync::oneshot;
use tokio::time::Instant;

/// A thread that wakes whoever asked it to; it ends when this is dropped.
#[derive(Debug)]
pub(super) struct Alarm {
    calls: Sender<Call>,
}

/// One who waits.
#[derive(Debug)]
struct Call {
    at: Instant,
    wake: oneshot::Sender<()>,
}

impl Alarm {
    pub(super) fn start() -> io::Result<Self> {
        let (calls, queue) = mpsc::channel();
        thread::Builder::new().name("alarm".to_owned()).spawn(move || ring(&queue))?;
        Ok(Self { calls })
    }

    pub(super) async fn wait_until(&self, at: Instant) {
        let (wake, woken) = oneshot::channel();
        // The thread lives as long as this, and answers every call that is still waited for.
        if self.calls.send(Call { at, wake }).is_ok() {
            woken.await.ok();
        }
    }
}

fn ring(queue: &Receiver<Call>) {
    let mut waiting = Waiting::default();
    loop {
        let called = match waiting.next() {
            None => queue.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(next) => queue.recv_timeout(next.saturating_duration_since(Instant::now())),
        };
        match called {
            Ok(call) => waiting.push(call),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        let now = Instant::now();
        while let Some(due) = waiting.pop_due(now) {
            // A client that left does not wait any more.
            due.wake.send(()).ok();
        }
    }
}

/// Who waits, the earliest deadline first.
#[derive(Default)]
struct Waiting(BinaryHeap<Reverse<Call>>);

impl Waiting {
    fn push(&mut self, call: Call) {
        self.0.push(Reverse(call));
    }

    /// The earliest deadline.
    fn next(&self) -> Option<Instant> {
        self.0.peek().map(|Reverse(next)| next.at)
    }

    /// Takes who has waited longest past a deadline, if anybody has.
    fn pop_due(&mut self, now: Instant) -> Option<Call> {
        self.next().filter(|at| *at <= now)?;
        self.0.pop().map(|Reverse(due)| due)
    }
}

impl Ord for Call {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.at.cmp(&other.at)
    }
}

impl PartialOrd for Call {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Call {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}

impl Eq for Call {}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn nobody_is_woken_early_and_the_earliest_deadline_rings_first() {
        let began = Instant::now();
        let at = |millis| began + Duration::from_millis(millis);
        let mut waiting = Waiting::default();
        assert_eq!(waiting.next(), None);
        for millis in [20, 5, 0, 5] {
            waiting.push(Call { at: at(millis), wake: oneshot::channel().0 });
        }
        let mut rung =
            |now| std::iter::from_fn(|| waiting.pop_due(at(now))).map(|call| call.at).collect::<Vec<_>>();
        assert_eq!(rung(0), [at(0)]);
        assert_eq!(rung(4), []);
        assert_eq!(rung(19), [at(5), at(5)]);
        assert_eq!(rung(1_000), [at(20)]);
        assert_eq!(waiting.next(), None);
    }

    #[tokio::test]
    async fn who_waits_is_woken() {
        let alarm = Alarm::start().unwrap();
        let at = Instant::now() + Duration::from_millis(1);
        alarm.wait_until(at).await;
        assert!(Instant::now() >= at);
    }
}
