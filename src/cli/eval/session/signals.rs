//! The signals that stop a run.

use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;

use crate::cli::exit::Failed;

/// The most that calls under way may take to finish once the run was asked to stop: longer than nearly every
/// answer takes, and as long as an operator or a service supervisor is willing to wait.
pub(super) const DRAIN_AT_MOST: Duration = Duration::from_secs(30);

/// The first signal asks the run to stop. Comes back with a second one, or when what is under way has had its time.
pub(super) async fn end_of_patience(stop: &Notify) -> Result<(), Failed> {
    let mut signals = Signals::listen()?;
    signals.next().await;
    stop.notify_one();
    // Both ways mean the same.
    tokio::time::timeout(DRAIN_AT_MOST, signals.next()).await.ok();
    Ok(())
}

/// The signals that ask a run to stop: Ctrl-C, a service's end, a terminal that has gone.
struct Signals([Signal; 3]);

impl Signals {
    fn listen() -> Result<Self, Failed> {
        let [one, two, three] =
            [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()].map(signal);
        Ok(Self([one?, two?, three?]))
    }

    async fn next(&mut self) {
        let [interrupt, terminate, hangup] = &mut self.0;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    }
}
