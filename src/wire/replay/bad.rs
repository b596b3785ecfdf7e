//! What is wrong with the rows of a recording, gathered before anything is replayed.

use super::ReplayError;

/// The bad rows of a file, as many in full as of a dataset.
#[derive(Default)]
pub(super) struct Bad {
    listed: Vec<ReplayError>,
    total: u64,
}

impl Bad {
    const MOST_LISTED: usize = 100;

    /// Adds one.
    pub(super) fn add(&mut self, error: ReplayError) {
        self.total += 1;
        if self.listed.len() < Self::MOST_LISTED {
            self.listed.push(error);
        }
    }

    /// Fails unless there is none.
    pub(super) fn none(mut self) -> Result<(), ReplayError> {
        match (self.total, self.listed.pop()) {
            (_, None) => Ok(()),
            (1, Some(only)) => Err(only),
            (total, Some(last)) => {
                let shown = self.listed.iter().chain([&last]).map(ToString::to_string);
                Err(ReplayError::Rows { total, listed: shown.collect::<Vec<_>>().join("\n  ") })
            }
        }
    }
}
