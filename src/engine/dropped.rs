//! Requests that nobody waits for any more: what their calls cost is kept for whoever records.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use tokio::time::Instant;

use super::{Engine, Made};
use crate::base::money::Money;
use crate::model::outcome::{Attempt, Context, Outcome};
use crate::model::{Failure, FailureClass};

/// Outcomes that cost something and whose caller was dropped before it could record them. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Dropped(Arc<Mutex<Vec<Arc<Outcome>>>>);

impl Dropped {
    /// What was kept since the last time, in the order in which it was dropped.
    pub fn take(&self) -> Vec<Arc<Outcome>> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Keeps an outcome unless all of it was free.
    pub(super) fn keep(&self, outcome: Arc<Outcome>) {
        let is_paid = |attempt: &Attempt| attempt.cost.amount() != Some(Money::ZERO);
        if outcome.attempts.iter().any(is_paid) {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push(outcome);
        }
    }
}

/// A request under way. Dropped before its end, it becomes a cancelled one of the attempts that had ended.
pub(super) struct UnderWay<'a> {
    engine: &'a Engine,
    context: &'a Context,
    began: Timestamp,
    since: Instant,
    pub(super) made: Made,
}

impl<'a> UnderWay<'a> {
    pub(super) fn new(
        engine: &'a Engine,
        context: &'a Context,
        (began, since): (Timestamp, Instant),
    ) -> Self {
        Self { engine, context, began, since, made: Made::default() }
    }

    /// The request is over; nothing is left to keep.
    pub(super) fn end(mut self) -> Made {
        std::mem::take(&mut self.made)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        let mut attempts = std::mem::take(&mut self.made.attempts);
        let Some(last) = attempts.last_mut() else { return };
        last.why.push_str("; dropped before that was over");
        let message = "dropped: the run did not wait for it";
        self.engine.keep(Arc::new(Outcome {
            context: self.context.clone(),
            attempts,
            answer: Err(Failure::new(FailureClass::Cancelled, message)),
            began: self.began,
            took: self.since.elapsed(),
        }));
    }
}
