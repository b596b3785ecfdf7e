//! What could not be written to the ledger, kept beside it until it can: one entry a line, as JSON.
//!
//! Whoever writes a spool holds a lock on it, so that the next process can tell a spool that is still
//! written from one that was left behind.

use std::ffi::OsString;
use std::fs::{self, File, TryLockError};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, TransactionBehavior};

use super::LedgerError;
use super::line::Line;
use super::schema::private_file;
use super::store::store;

/// How many lines are read before they are stored.
const CHUNK: usize = 512;

/// What was found beside the ledger when it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Entries of earlier processes that could not be written then, and are in the ledger now.
    pub entries: u64,
    /// Lines that could not be read. Their files are kept, with `.unreadable` added to the name.
    pub unreadable: u64,
}

/// A file to append to.
pub(super) struct Spool {
    pub(super) path: PathBuf,
    file: File,
}

impl Spool {
    /// The spool of this process, in `<ledger>.spool-<process>.jsonl`. Another ledger of the same process
    /// that also spools takes the next number.
    pub(super) fn open(ledger: &Path) -> Result<Self, (PathBuf, io::Error)> {
        for n in 0_u32.. {
            let path = name(ledger, n);
            let at = |error| (path.clone(), error);
            let file = private_file().create(true).open(&path).map_err(at)?;
            match file.try_lock() {
                // Between opening and locking, a process that replays may have deleted it.
                Ok(()) if path.exists() => return Ok(Self { path, file }),
                Ok(()) | Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => return Err(at(error)),
            }
        }
        Err((name(ledger, 0), io::Error::other("every spool is taken")))
    }

    /// Appends lines, all of them or none.
    pub(super) fn append(&mut self, lines: &[Line<'_>]) -> io::Result<()> {
        let mut text = Vec::new();
        for line in lines {
            serde_json::to_writer(&mut text, line)?;
            text.push(b'\n');
        }
        let before = self.file.metadata()?.len();
        let appended = self.file.write_all(&text).and_then(|()| self.file.sync_data());
        if appended.is_err() {
            // A line that is cut off would spoil the next one.
            self.file.set_len(before)?;
        }
        appended
    }
}

fn name(ledger: &Path, n: u32) -> PathBuf {
    let again = if n == 0 { String::new() } else { format!("-{n}") };
    with_suffix(ledger, &format!(".spool-{}{again}.jsonl", std::process::id()))
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}

/// Stores what processes that are gone have left, then deletes their spools. A spool is stored whole or not
/// at all, and storing it twice changes nothing, so that this can be interrupted anywhere.
pub(super) fn replay(connection: &mut Connection, ledger: &Path) -> Result<Replayed, LedgerError> {
    let mut replayed = Replayed::default();
    for path in spools(ledger).map_err(|error| LedgerError::io(ledger, &error))? {
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(LedgerError::io(&path, &error)),
        };
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => continue,
            Err(TryLockError::Error(error)) => return Err(LedgerError::io(&path, &error)),
        }
        let found = replay_one(connection, &path, &file)?;
        let done = match found.unreadable {
            0 => fs::remove_file(&path),
            _ => fs::rename(&path, with_suffix(&path, ".unreadable")),
        };
        done.map_err(|error| LedgerError::io(&path, &error))?;
        replayed.entries += found.entries;
        replayed.unreadable += found.unreadable;
    }
    Ok(replayed)
}

fn replay_one(connection: &mut Connection, path: &Path, file: &File) -> Result<Replayed, LedgerError> {
    let failed = |error: rusqlite::Error| LedgerError::sqlite(path, &error);
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
    let mut replayed = Replayed::default();
    let mut lines = BufReader::new(file).split(b'\n').peekable();
    while lines.peek().is_some() {
        let mut chunk: Vec<Line<'_>> = Vec::with_capacity(CHUNK);
        for line in lines.by_ref().take(CHUNK) {
            let line = line.map_err(|error| LedgerError::io(path, &error))?;
            match serde_json::from_slice(&line) {
                Ok(line) => chunk.push(line),
                Err(_) => replayed.unreadable += 1,
            }
        }
        store(&transaction, &chunk).map_err(failed)?;
        replayed.entries += chunk.len() as u64;
    }
    transaction.commit().map_err(failed)?;
    Ok(replayed)
}

/// The spools beside a ledger, in order of their names.
fn spools(ledger: &Path) -> io::Result<Vec<PathBuf>> {
    let directory = ledger.parent().filter(|parent| !parent.as_os_str().is_empty());
    let prefix = with_suffix(Path::new(ledger.file_name().unwrap_or_default()), ".spool-");
    let prefix = prefix.as_os_str().as_encoded_bytes();
    let mut found = Vec::new();
    for entry in fs::read_dir(directory.unwrap_or(Path::new(".")))? {
        let entry = entry?;
        let name = entry.file_name();
        let bytes = name.as_encoded_bytes();
        if bytes.starts_with(prefix) && bytes.ends_with(b".jsonl") && entry.file_type()?.is_file() {
            found.push(ledger.with_file_name(&name));
        }
    }
    found.sort();
    Ok(found)
}
