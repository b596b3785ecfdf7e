//! One thread that writes. Whoever records waits only for room in its queue.
//!
//! The thread takes what is waiting, writes it in one transaction, and only then waits again: batches grow
//! with the load and an idle ledger commits at once, without a timer.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};

use super::line::Line;
use super::reserve::Reserve;
use super::row::{Entry, HoldRow};
use super::spool::{self, Replayed, Spool};
use super::store::store;
use super::{LedgerError, schema};

/// How many entries may wait.
const QUEUE: usize = 1024;
/// How many entries one transaction takes.
const BATCH: usize = 512;

/// Answered when everything before it is on disk, or cannot be.
type Acknowledgement = oneshot::Sender<Result<(), LedgerError>>;

enum Message {
    Write(Entry),
    Commit(Acknowledgement),
    Close(Acknowledgement),
}

/// Why the writer gave up, once it has.
type Failed = Arc<Mutex<Option<LedgerError>>>;

/// An open ledger and its writing thread. Without [`Ledger::close`] the thread writes what is waiting when the
/// last [`Recorder`] is gone, if the process lives that long.
#[derive(Debug)]
pub struct Ledger {
    recorder: Recorder,
    thread: JoinHandle<()>,
    replayed: Replayed,
}

impl Ledger {
    /// Opens a ledger for writing: makes it when there is none (readable by its owner only), brings it to
    /// the newest schema, and takes in what earlier processes could not write.
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        Self::start(schema::open(path)?, path)
    }

    /// Starts the writing thread on a connection that [`schema::open`] has made.
    pub(super) fn start(mut connection: Connection, path: &Path) -> Result<Self, LedgerError> {
        let replayed = spool::replay(&mut connection, path)?;
        let reserve = Reserve::take(path);
        let (sender, queue) = mpsc::channel(QUEUE);
        let failed = Failed::default();
        let writer = Writer {
            connection,
            path: path.to_path_buf(),
            failed: Arc::clone(&failed),
            reserve,
            spool: None,
        };
        let thread = thread::Builder::new()
            .name("ledger".to_owned())
            .spawn(move || writer.run(queue))
            .map_err(|error| LedgerError::io(path, &error))?;
        Ok(Self { recorder: Recorder { queue: sender, failed }, thread, replayed })
    }

    /// A handle to record with.
    pub fn recorder(&self) -> Recorder {
        self.recorder.clone()
    }

    /// What earlier processes could not write and is in the ledger now.
    pub fn replayed(&self) -> Replayed {
        self.replayed
    }

    /// Writes what is waiting, folds the log into the file and ends the thread. What is recorded after this
    /// fails. An error says that something could not be written, now or before.
    pub async fn close(self) -> Result<(), LedgerError> {
        let closed = self.recorder.ask(Message::Close).await;
        // The acknowledgement was the thread's last act, or it has panicked: there is nothing to wait for.
        match self.thread.join() {
            Ok(()) => closed,
            Err(_) => Err(LedgerError::Closed),
        }
    }
}

/// A handle to record with; clones share the queue.
#[derive(Clone, Debug)]
pub struct Recorder {
    queue: mpsc::Sender<Message>,
    failed: Failed,
}

impl Recorder {
    /// Hands an entry to the writer, waiting only for room in the queue. Once the writer has failed this is
    /// an error, and the entry is kept beside the ledger as the error says.
    pub async fn record(&self, entry: Entry) -> Result<(), LedgerError> {
        self.queue.send(Message::Write(entry)).await.map_err(|_| self.why_closed())?;
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).clone().map_or(Ok(()), Err)
    }

    /// Hands entries over in their order, each once there is room for it. An entry leaves the list when it is the
    /// writer's, so that whoever drops the wait still has the others.
    pub async fn record_all(&self, entries: &mut VecDeque<Entry>) -> Result<(), LedgerError> {
        while !entries.is_empty() {
            let room = self.queue.reserve().await.map_err(|_| self.why_closed())?;
            if let Some(entry) = entries.pop_front() {
                room.send(Message::Write(entry));
            }
        }
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).clone().map_or(Ok(()), Err)
    }

    /// Waits until everything this recorder has recorded is on disk: it survives the end of the process from
    /// then on. A loss of power may take the last moments (SQLite's `synchronous = NORMAL`), never the file.
    pub async fn commit(&self) -> Result<(), LedgerError> {
        self.ask(Message::Commit).await
    }

    /// Sets money aside and waits until that survives the end of the process, and the loss of power: a call may
    /// be made once this has come back.
    pub async fn hold(&self, hold: HoldRow) -> Result<(), LedgerError> {
        self.record(Entry::Hold(Box::new(hold))).await?;
        self.commit().await
    }

    async fn ask(&self, message: fn(Acknowledgement) -> Message) -> Result<(), LedgerError> {
        let (acknowledge, acknowledged) = oneshot::channel();
        self.queue.send(message(acknowledge)).await.map_err(|_| self.why_closed())?;
        acknowledged.await.unwrap_or_else(|_| Err(self.why_closed()))
    }

    fn why_closed(&self) -> LedgerError {
        let failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner).clone();
        failed.unwrap_or(LedgerError::Closed)
    }
}

impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Write(_) => "Write",
            Self::Commit(_) => "Commit",
            Self::Close(_) => "Close",
        })
    }
}

struct Writer {
    connection: Connection,
    path: PathBuf,
    failed: Failed,
    /// Where entries go once the ledger cannot be written.
    /// Given up when the spool needs its room.
    reserve: Option<Reserve>,
    spool: Option<Spool>,
}

impl Writer {
    fn run(mut self, mut queue: mpsc::Receiver<Message>) {
        let mut messages = Vec::with_capacity(BATCH);
        let mut closing = Vec::new();
        while queue.blocking_recv_many(&mut messages, BATCH) > 0 {
            let mut entries = Vec::with_capacity(messages.len());
            let mut waiting = Vec::new();
            for message in messages.drain(..) {
                match message {
                    Message::Write(entry) => entries.push(entry),
                    Message::Commit(acknowledge) => waiting.push(acknowledge),
                    Message::Close(acknowledge) => {
                        queue.close();
                        closing.push(acknowledge);
                    }
                }
            }
            self.write(&entries);
            for acknowledge in waiting {
                // Whoever asked may not be waiting any more.
                let _gone = acknowledge.send(self.result());
            }
        }
        let finished = self.finish();
        for acknowledge in closing {
            let _gone = acknowledge.send(finished.clone());
        }
    }

    fn result(&self) -> Result<(), LedgerError> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).clone().map_or(Ok(()), Err)
    }

    fn write(&mut self, entries: &[Entry]) {
        if entries.is_empty() {
            return;
        }
        let lines: Vec<Line<'_>> = entries.iter().map(Line::from).collect();
        let cause = match self.result() {
            Err(failed) => failed,
            Ok(()) => match commit(&mut self.connection, &lines).or_else(|error| self.again(&lines, error)) {
                Ok(()) => return,
                Err(error) => LedgerError::sqlite(&self.path, &error),
            },
        };
        let failed = self.keep(&lines, cause);
        *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(failed);
    }

    /// On a full disk, once more after the log was folded into the file: what it took is free then.
    fn again(&mut self, lines: &[Line<'_>], error: rusqlite::Error) -> rusqlite::Result<()> {
        if error.sqlite_error_code() != Some(rusqlite::ErrorCode::DiskFull) {
            return Err(error);
        }
        let folded = self.connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE);");
        folded.and_then(|()| commit(&mut self.connection, lines)).map_err(|_| error)
    }

    /// Keeps entries beside the ledger; what to say from now on.
    fn keep(&mut self, lines: &[Line<'_>], cause: LedgerError) -> LedgerError {
        let (cause, lost) = match cause {
            LedgerError::Spooled { cause, .. } => (cause, 0),
            LedgerError::Lost { cause, entries, .. } => (cause, entries),
            first => (Box::new(first), 0),
        };
        match self.append(lines) {
            Ok(spool) if lost == 0 => LedgerError::Spooled { cause, spool },
            Ok(spool) => {
                let spool_cause = "it could not be written for a while".to_owned();
                LedgerError::Lost { cause, spool, spool_cause, entries: lost }
            }
            Err((spool, error)) => {
                let entries = lost + lines.len() as u64;
                LedgerError::Lost { cause, spool, spool_cause: error.to_string(), entries }
            }
        }
    }

    fn append(&mut self, lines: &[Line<'_>]) -> Result<PathBuf, (PathBuf, io::Error)> {
        let mut spool = match self.spool.take() {
            Some(spool) => spool,
            None => Spool::open(&self.path).or_else(|failed| match self.reserve.take() {
                Some(reserve) => {
                    drop(reserve);
                    Spool::open(&self.path)
                }
                None => Err(failed),
            })?,
        };
        let appended = spool.append(lines).or_else(|error| match self.reserve.take() {
            // The spool shares the ledger's disk, and this room was kept for it.
            Some(reserve) => {
                drop(reserve);
                spool.append(lines)
            }
            None => Err(error),
        });
        let path = spool.path.clone();
        self.spool = Some(spool);
        appended.map(|()| path.clone()).map_err(|error| (path, error))
    }

    /// Leaves one file behind where no one else has it open.
    fn finish(self) -> Result<(), LedgerError> {
        self.result()?;
        // A reader in the way is no reason to wait: whoever closes last does the same.
        self.connection
            .busy_timeout(Duration::ZERO)
            .and_then(|()| self.connection.execute_batch("PRAGMA optimize; PRAGMA wal_checkpoint(TRUNCATE);"))
            .or_else(|error| match error.sqlite_error_code() {
                Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked) => Ok(()),
                _ => Err(error),
            })
            .map_err(|error| LedgerError::sqlite(&self.path, &error))
    }
}

fn commit(connection: &mut Connection, lines: &[Line<'_>]) -> rusqlite::Result<()> {
    // A call that was sent while its hold was lost with the power could be paid beyond the cap.
    let is_money_held = lines.iter().any(|line| matches!(line, Line::Hold(hold) if hold.held_nanos > 0));
    connection.pragma_update(None, "synchronous", if is_money_held { "FULL" } else { "NORMAL" })?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    store(&transaction, lines)?;
    transaction.commit()
}
