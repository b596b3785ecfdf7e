//! A run belongs to one process at a time: two that resume it would both pay for the missing calls, and each
//! would hold the cap for itself alone.

use std::ffi::OsString;
use std::fs::{self, File, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::anyhow;

use crate::cli::exit::Failed;

/// Whoever asks whether a run is under way has its lock for a moment, so a claim is tried again.
const TRIES: u32 = 10;
const PAUSE: Duration = Duration::from_millis(10);

/// The right to make a run's calls, held until it is dropped. The operating system takes it back from a process
/// that was killed, so that a run is never locked for good.
#[derive(Debug)]
pub(super) struct Claim {
    path: PathBuf,
    _locked: File,
}

impl Claim {
    /// Claims a run of a ledger, by a lock on a file beside it. Fails when another process holds it.
    pub(super) async fn take(ledger: &Path, run: &str) -> Result<Self, Failed> {
        let path = lock_of(ledger, run);
        let failed = |error| Failed::surroundings(anyhow!("cannot lock {}: {error}", path.display()));
        for _ in 0..TRIES {
            let file = File::create(&path).map_err(failed)?;
            match file.try_lock() {
                // Whoever had it before may have removed the file in between: a lock nobody else can find.
                Ok(()) if !is_at(&file, &path) => {}
                // A file system without locks cannot tell; the run goes on as it would have.
                Ok(()) | Err(TryLockError::Error(_)) => return Ok(Self { path, _locked: file }),
                Err(TryLockError::WouldBlock) => tokio::time::sleep(PAUSE).await,
            }
        }
        Err(Failed::input(anyhow!(
            "run {run} is under way in another process: wait for it, or interrupt it there first"
        )))
    }

    /// Whether some process makes the run's calls now. Where locks do not work, nobody can tell, and it is
    /// believed.
    pub(super) fn is_held(ledger: &Path, run: &str) -> bool {
        match File::open(lock_of(ledger, run)) {
            Err(error) => error.kind() != ErrorKind::NotFound,
            // Whoever died left the file behind, without the lock. The look takes the lock for a moment.
            Ok(file) => file.try_lock_shared().is_err(),
        }
    }
}

/// Whether a file is the one at a path now.
fn is_at(file: &File, path: &Path) -> bool {
    let place = |facts: fs::Metadata| (facts.dev(), facts.ino());
    file.metadata().ok().map(place) == fs::metadata(path).ok().map(place)
}

fn lock_of(ledger: &Path, run: &str) -> PathBuf {
    let mut path = OsString::from(ledger);
    path.push(format!(".{run}.lock"));
    path.into()
}

impl Drop for Claim {
    fn drop(&mut self) {
        // What stays behind is empty, and locked by nobody.
        drop(fs::remove_file(&self.path));
    }
}
