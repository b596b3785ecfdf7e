//! Opening the file: who may read it, how it is written, and which version of the schema it has.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

use super::LedgerError;

/// `orch` in ASCII, so that `file` and SQLite can tell what the file is.
const APPLICATION_ID: i32 = 0x6f72_6368;

/// The steps from an empty file to the schema of today, one per version. Steps are only ever added.
const STEPS: [&str; 3] = [include_str!("v1.sql"), include_str!("v2.sql"), include_str!("v3.sql")];

/// How long one process waits for another's transaction.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often a change to the write-ahead log is tried when several processes open a new file at once.
const OPENING_TRIES: u32 = 100;

/// A connection that writes: the file is made when there is none, and brought to the newest schema.
pub(super) fn open(path: &Path) -> Result<Connection, LedgerError> {
    create(path).map_err(|error| match error.kind() {
        // Such as /proc: whoever writes needs no earlier run.
        io::ErrorKind::NotFound => {
            let cause = format!("no file can be made there ({error})");
            LedgerError::Io { path: path.to_path_buf(), cause }
        }
        _ => LedgerError::io(path, &error),
    })?;
    let failed = |error: rusqlite::Error| LedgerError::sqlite(path, &error);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    connection.busy_timeout(PATIENCE).map_err(failed)?;
    version(&connection, path)?;
    // Heeded by a new file only. A sample's texts are about a kilobyte: a tenth faster than pages of 4,096.
    connection.pragma_update(None, "page_size", 8192).map_err(failed)?;
    use_write_ahead_log(&mut connection, path)?;
    connection
        .execute_batch(
            "PRAGMA synchronous = NORMAL;
             PRAGMA cache_size = -8192;
             -- Samples come in random order: a longer log meets the same pages again before they are copied.
             -- At 512 pages the copying takes 4 % of the speed; a disk that is full is checkpointed then.
             PRAGMA wal_autocheckpoint = 4096;
             PRAGMA journal_size_limit = 4194304;
             -- The writer keeps its references itself; checking each costs a lookup per row.
             PRAGMA foreign_keys = OFF;",
        )
        .map_err(failed)?;
    connection.set_prepared_statement_cache_capacity(64);
    migrate(&mut connection, path)?;
    Ok(connection)
}

/// A connection that cannot write. Questions are asked of the newest schema, so an older one is brought up to date
/// first.
pub(super) fn open_read_only(path: &Path) -> Result<Connection, LedgerError> {
    let failed = |error: rusqlite::Error| LedgerError::sqlite(path, &error);
    refuse_directory(path).map_err(|error| LedgerError::io(path, &error))?;
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    connection.busy_timeout(PATIENCE).map_err(failed)?;
    connection.pragma_update(None, "query_only", true).map_err(failed)?;
    match version(&connection, path)? {
        0 => return Err(LedgerError::NotALedger { path: path.to_path_buf() }),
        found if found < known() => drop(open(path)?),
        _ => {}
    }
    Ok(connection)
}

/// Makes the file readable by its owner only, as SQLite then makes the files beside it; an existing file
/// keeps the mode its owner gave it.
fn create(path: &Path) -> io::Result<()> {
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true).mode(0o700);
        builder.create(parent)?;
    }
    match private_file().create_new(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => refuse_directory(path),
        made => made.map(drop),
    }
}

/// SQLite would only say that it cannot open it.
fn refuse_directory(path: &Path) -> io::Result<()> {
    if fs::metadata(path)?.is_dir() { Err(io::ErrorKind::IsADirectory.into()) } else { Ok(()) }
}

/// Options for a file to append to that only its owner may read when it is made.
pub(super) fn private_file() -> fs::OpenOptions {
    let mut options = fs::OpenOptions::new();
    options.append(true).mode(0o600);
    options
}

/// The version of the schema; 0 in an empty file. Whatever else the file is, is an error.
fn version(connection: &Connection, path: &Path) -> Result<u32, LedgerError> {
    // One look, or the other process's migration falls between two.
    let look = connection.unchecked_transaction().map_err(|error| LedgerError::sqlite(path, &error))?;
    version_within(&look, path)
}

/// The same inside a transaction.
fn version_within(connection: &Connection, path: &Path) -> Result<u32, LedgerError> {
    let read = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0));
    let (application, version, objects) = read("PRAGMA application_id")
        .and_then(|id| Ok((id, read("PRAGMA user_version")?, read("SELECT count(*) FROM sqlite_schema")?)))
        .map_err(|error| LedgerError::sqlite(path, &error))?;
    let is_empty = application == 0 && version == 0 && objects == 0;
    if application != i64::from(APPLICATION_ID) && !is_empty {
        return Err(LedgerError::NotALedger { path: path.to_path_buf() });
    }
    let found = u32::try_from(version).unwrap_or(u32::MAX);
    match known() {
        known if found > known => Err(LedgerError::Newer { path: path.to_path_buf(), found, known }),
        _ => Ok(found),
    }
}

fn known() -> u32 {
    u32::try_from(STEPS.len()).unwrap_or(u32::MAX)
}

/// SQLite does not wait when two connections switch a new file to the log at the same moment, so this does:
/// an empty transaction waits for the other.
fn use_write_ahead_log(connection: &mut Connection, path: &Path) -> Result<(), LedgerError> {
    let failed = |error: rusqlite::Error| LedgerError::sqlite(path, &error);
    for _ in 0..OPENING_TRIES {
        let switched = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get::<_, String>(0));
        match switched {
            Ok(mode) if mode == "wal" => return Ok(()),
            Ok(mode) => {
                let cause = format!("its journal stays {mode:?}; a network file system cannot hold it");
                return Err(LedgerError::Io { path: path.to_path_buf(), cause });
            }
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => {
                let turn = connection.transaction_with_behavior(TransactionBehavior::Exclusive);
                turn.and_then(rusqlite::Transaction::commit).map_err(failed)?;
            }
            Err(error) => return Err(failed(error)),
        }
    }
    Err(LedgerError::Locked { path: path.to_path_buf() })
}

/// Takes the missing steps, each process waiting for its turn; whoever comes second finds them taken.
fn migrate(connection: &mut Connection, path: &Path) -> Result<(), LedgerError> {
    let failed = |error: rusqlite::Error| LedgerError::sqlite(path, &error);
    if version(connection, path)? == known() {
        return Ok(());
    }
    let turn = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
    let taken = version_within(&turn, path)? as usize;
    for step in STEPS.iter().skip(taken) {
        turn.execute_batch(step).map_err(failed)?;
    }
    turn.pragma_update(None, "application_id", APPLICATION_ID).map_err(failed)?;
    turn.pragma_update(None, "user_version", known()).map_err(failed)?;
    turn.commit().map_err(failed)
}
