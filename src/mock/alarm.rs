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
    let mut waiting: BinaryHeap<Reverse<Call>> = BinaryHeap::new();
    loop {
        let called = match waiting.peek() {
            None => queue.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(Reverse(next)) => queue.recv_timeout(next.at.saturating_duration_since(Instant::now())),
        };
        match called {
            Ok(call) => waiting.push(Reverse(call)),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        let now = Instant::now();
        while waiting.peek().is_some_and(|Reverse(next)| next.at <= now) {
            if let Some(Reverse(due)) = waiting.pop() {
                // A client that left does not wait any more.
                due.wake.send(()).ok();
            }
        }
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

    #[tokio::test]
    async fn nobody_is_woken_early_and_the_earliest_deadline_rings_first() {
        let alarm = Alarm::start().unwrap();
        let began = Instant::now();
        let wait = async |millis| {
            let at = began + Duration::from_millis(millis);
            alarm.wait_until(at).await;
            assert!(Instant::now() >= at, "{millis} ms rang early");
            Instant::now()
        };
        let (late, early, past) = tokio::join!(wait(20), wait(5), wait(0));
        assert!(past <= late && early <= late);
    }
}
