//! Asking every request under way to come to its end: calls that were sent are waited for, and nothing else is.

use std::future::Future;

use tokio::sync::watch;

use crate::model::{Failure, FailureClass};

/// Whether the engine was asked to stop. Asked once, it stays so.
#[derive(Debug, Default)]
pub struct Halt(watch::Sender<bool>);

impl Halt {
    /// Asks. Pauses before another attempt and waits for a turn or for money end at once, with
    /// [`FailureClass::Cancelled`]; a call that was sent goes on.
    pub fn ask(&self) {
        self.0.send_replace(true);
    }

    /// Waits for something unless asked to stop first. What is ready is never refused: an answer that was
    /// paid for may still be judged.
    pub(super) async fn or<T>(&self, wait: impl Future<Output = T>) -> Result<T, Failure> {
        let mut asked = self.0.subscribe();
        tokio::select! {
            biased;
            ready = wait => Ok(ready),
            // The sender is ours, so it cannot be gone.
            _ = asked.wait_for(|asked| *asked) => {
                Err(Failure::new(FailureClass::Cancelled, "not sent: the run is ending"))
            }
        }
    }
}
