//! A run belongs to one process at a time: two that resume it would both pay for the missing calls, and each
//! would hold the cap for itself alone.

use std::ffi::OsString;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::anyhow;

use crate::cli::exit::Failed;

/// The right to make a run's calls, held until it is dropped. The operating system takes it back from a process
/// that was killed, so that a run is never locked for good.
#[derive(Debug)]
pub(super) struct Claim {
    path: PathBuf,
    _locked: File,
}

impl Claim {
    /// Claims a run of a ledger, by a lock on a file beside it. Fails when another process holds it.
    pub(super) fn take(ledger: &Path, run: &str) -> Result<Self, Failed> {
        let mut path = OsString::from(ledger);
        path.push(format!(".{run}.lock"));
        let path = PathBuf::from(path);
        let failed = |error| Failed::surroundings(anyhow!("cannot lock {}: {error}", path.display()));
        let file = File::create(&path).map_err(failed)?;
        match file.try_lock() {
            // A file system without locks cannot tell; the run goes on as it would have.
            Ok(()) | Err(TryLockError::Error(_)) => Ok(Self { path, _locked: file }),
            Err(TryLockError::WouldBlock) => Err(Failed::input(anyhow!(
                "run {run} is under way in another process: wait for it, or interrupt it there first"
            ))),
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        // What stays behind is empty, and locked by nobody.
        drop(fs::remove_file(&self.path));
    }
}
