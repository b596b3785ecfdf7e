//! Why the ledger could not be read or written, and what to do about it.

use std::io;
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

/// Why the ledger could not be read or written. Each message names the file and the remedy.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LedgerError {
    /// There is no file.
    #[error("there is no ledger at {}: run an evaluation first, or name another file", .path.display())]
    Missing {
        /// The ledger.
        path: PathBuf,
    },
    /// The file is something else, or its header is damaged.
    #[error("{} is not a ledger, or its header is damaged; it was left as it is: name another file, or restore it from a copy", .path.display())]
    NotALedger {
        /// The file.
        path: PathBuf,
    },
    /// The file is a ledger, but what it holds cannot be right.
    #[error("the ledger {} is damaged ({cause}); it was left as it is: restore it from a copy, or move it away to begin a new one", .path.display())]
    Corrupt {
        /// The ledger.
        path: PathBuf,
        /// What was found.
        cause: String,
    },
    /// A later version of the program has written the file.
    #[error("the ledger {} has schema {found}, and this version knows schemas up to {known}: upgrade orch, or name another file", .path.display())]
    Newer {
        /// The ledger.
        path: PathBuf,
        /// Its schema.
        found: u32,
        /// The newest schema known.
        known: u32,
    },
    /// Another process held the ledger for longer than five seconds.
    #[error("the ledger {} is locked by another process for more than five seconds: end that process, or wait for it", .path.display())]
    Locked {
        /// The ledger.
        path: PathBuf,
    },
    /// The file or its directory cannot be written; readers need that too, for SQLite's shared index.
    #[error("the ledger {} cannot be written: make it and its directory writable, or name another file", .path.display())]
    ReadOnly {
        /// The ledger.
        path: PathBuf,
    },
    /// The disk is full.
    #[error("no space left for the ledger {}: free some, then run again", .path.display())]
    NoSpace {
        /// The ledger.
        path: PathBuf,
    },
    /// Anything else the system or SQLite says.
    #[error("the ledger {} failed: {cause}; check the disk and the path", .path.display())]
    Io {
        /// The ledger.
        path: PathBuf,
        /// What was said.
        cause: String,
    },
    /// Writing failed; what could not be written is kept beside the ledger.
    #[error("{cause}; what could not be recorded is kept in {}, and is taken into the ledger the next time it is opened", .spool.display())]
    Spooled {
        /// Why writing failed.
        cause: Box<LedgerError>,
        /// Where the entries are.
        spool: PathBuf,
    },
    /// Writing failed, and keeping the entries beside the ledger failed too.
    #[error("{cause}; {entries} entries are lost, because {} could not be written either ({spool_cause}): what was spent for them is not in the ledger", .spool.display())]
    Lost {
        /// Why writing the ledger failed.
        cause: Box<LedgerError>,
        /// Where the entries should have gone.
        spool: PathBuf,
        /// Why they did not.
        spool_cause: String,
        /// How many so far.
        entries: u64,
    },
    /// The ledger was closed before this was recorded.
    #[error("the ledger is closed: nothing can be recorded any more")]
    Closed,
    /// Several runs begin with what was typed.
    #[error("several runs begin with {prefix:?}: {}; type more of one", .candidates.join(", "))]
    Ambiguous {
        /// What was typed.
        prefix: String,
        /// The first few runs it could mean.
        candidates: Vec<String>,
    },
}

impl LedgerError {
    /// What SQLite's error means for people.
    pub(super) fn sqlite(path: &Path, error: &rusqlite::Error) -> Self {
        let path = path.to_path_buf();
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Locked { path },
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => Self::ReadOnly { path },
            Some(ErrorCode::CannotOpen) => Self::ReadOnly { path },
            Some(ErrorCode::DiskFull) => Self::NoSpace { path },
            Some(ErrorCode::NotADatabase) => Self::NotALedger { path },
            Some(ErrorCode::DatabaseCorrupt) => Self::Corrupt { path, cause: error.to_string() },
            Some(_) => Self::Io { path, cause: error.to_string() },
            // Not from SQLite itself: a value that is not what its column promises.
            None => Self::Corrupt { path, cause: error.to_string() },
        }
    }

    /// What the system's error means for people.
    pub(super) fn io(path: &Path, error: &io::Error) -> Self {
        let path = path.to_path_buf();
        match error.kind() {
            io::ErrorKind::NotFound => Self::Missing { path },
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Self::ReadOnly { path },
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::NoSpace { path },
            _ => Self::Io { path, cause: error.to_string() },
        }
    }
}
