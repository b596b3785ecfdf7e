//! Recorded answers, for `replay:FILE` candidates: an evaluation without calls.
//!
//! A file holds one JSON object a line (`id`, `output`, and optionally `model`, `latency_ms`, `ttft_ms`,
//! `usage`, `finish_reason`, `tool_calls`, `error`), or plain text, whose lines have their numbers as ids.
//! Either may be gzipped. Memory holds 24 bytes a row; the rows stay in the file.

mod row;

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ::http::header::CONTENT_TYPE;
use ::http::{HeaderMap, HeaderName, HeaderValue};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream, StreamExt};
use tokio::time::sleep;

use self::row::Row;
use super::{Transport, WireError, WireRequest, WireResponse};
use crate::base::dice::Dice;

/// The request header that names the item whose answer is wanted; [`item_value`] writes its value. It is set
/// for replayed candidates only: no provider ever sees it.
pub const ITEM: HeaderName = HeaderName::from_static("x-orch-item");

/// The response header with the recorded latency in milliseconds. An answer without it was recorded without
/// a latency, and its measured one means nothing.
pub const LATENCY: HeaderName = HeaderName::from_static("x-orch-recorded-latency-ms");

/// The response header with the recorded time to the first token in milliseconds.
pub const TTFT: HeaderName = HeaderName::from_static("x-orch-recorded-ttft-ms");

/// The longest row: 64 MiB, as long as the longest answer over HTTP.
const MOST_ROW: usize = super::http::MOST_BODY;

/// When a recorded answer arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// At once; the recorded times are in the headers only.
    Immediate,
    /// After the recorded times: the head after the time to the first token, the body after the latency.
    Recorded,
}

/// A file of recordings that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The file cannot be read.
    #[error("{}: {cause}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// A row says something that cannot be replayed.
    #[error("{}:{line}: {problem}", path.display())]
    Row {
        /// The file.
        path: PathBuf,
        /// The line, from one.
        line: u32,
        /// What is wrong and what to write instead.
        problem: String,
    },
}

/// Where a row is.
#[derive(Clone, Copy, Debug)]
struct Place {
    /// The digest of the row's id.
    digest: u64,
    offset: u64,
    len: u32,
    line: u32,
}

/// How the lines of a file are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Json,
    Text,
}

type Body = BoxStream<'static, Result<Bytes, WireError>>;

/// Answers with what was recorded, in the OpenAI chat dialect, never streamed.
#[derive(Debug)]
pub struct Replay {
    path: PathBuf,
    file: Mutex<File>,
    format: Format,
    /// In the order of digests.
    places: Vec<Place>,
    pace: Pace,
}

impl Replay {
    /// Reads every row of a file once, to find bad rows before anything is evaluated.
    pub fn open(path: &Path, pace: Pace) -> Result<Self, ReplayError> {
        let io = |cause| ReplayError::Io { path: path.to_owned(), cause };
        let file = File::open(path).and_then(uncompressed).map_err(io)?;
        let mut replay = Self {
            path: path.to_owned(),
            file: Mutex::new(file),
            format: Format::Text,
            places: Vec::new(),
            pace,
        };
        replay.index()?;
        replay.places.sort_by_key(|place| (place.digest, place.line));
        replay.refuse_duplicates()?;
        Ok(replay)
    }

    /// How many answers there are.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there is no answer at all.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    fn io(&self, cause: io::Error) -> ReplayError {
        ReplayError::Io { path: self.path.clone(), cause }
    }

    fn bad(&self, line: u32, problem: String) -> ReplayError {
        ReplayError::Row { path: self.path.clone(), line, problem }
    }

    fn index(&mut self) -> Result<(), ReplayError> {
        let file = self.file.get_mut().unwrap_or_else(PoisonError::into_inner);
        let file = file.try_clone().map_err(|cause| self.io(cause))?;
        let mut reader = BufReader::with_capacity(1 << 16, file);
        let (mut bytes, mut offset, mut line) = (Vec::new(), 0_u64, 0_u32);
        loop {
            bytes.clear();
            let mut limited = (&mut reader).take(MOST_ROW as u64 + 1);
            let read = limited.read_until(b'\n', &mut bytes).map_err(|cause| self.io(cause))?;
            if read == 0 {
                return Ok(());
            }
            line = line.checked_add(1).ok_or_else(|| self.bad(line, "the file has too many rows".into()))?;
            if read > MOST_ROW {
                return Err(self.bad(line, "the row is longer than any model's answer".into()));
            }
            if line == 1 && bytes.trim_ascii_start().starts_with(b"{") {
                self.format = Format::Json;
            }
            self.place(&bytes, offset, line)?;
            offset += read as u64;
        }
    }

    /// Notes where a row is. Blank lines are rows of text, but not of JSON.
    fn place(&mut self, bytes: &[u8], offset: u64, line: u32) -> Result<(), ReplayError> {
        if self.format == Format::Json && bytes.trim_ascii().is_empty() {
            return Ok(());
        }
        let row = self.row(bytes, line).map_err(|problem| self.bad(line, problem))?;
        let len = u32::try_from(bytes.len()).map_err(|_| self.bad(line, "the row is too long".into()))?;
        self.places.push(Place { digest: digest(&row.id(line)), offset, len, line });
        Ok(())
    }

    fn row(&self, bytes: &[u8], line: u32) -> Result<Row, String> {
        match self.format {
            Format::Json => Row::read(bytes),
            Format::Text => Ok(Row::text(&String::from_utf8_lossy(bytes), line)),
        }
    }

    fn refuse_duplicates(&self) -> Result<(), ReplayError> {
        for pair in self.places.windows(2).filter(|pair| pair[0].digest == pair[1].digest) {
            let (first, second) = (self.load(&pair[0])?, self.load(&pair[1])?);
            let id = second.id(pair[1].line);
            if first.id(pair[0].line) == id {
                let problem = format!("id `{id}` is on line {} already; keep one of them", pair[0].line);
                return Err(self.bad(pair[1].line, problem));
            }
        }
        Ok(())
    }

    /// Reads one row again. The read is short and from the page cache, so it is not worth another thread.
    fn load(&self, place: &Place) -> Result<Row, ReplayError> {
        let mut bytes = vec![0; place.len as usize];
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let read = file.seek(SeekFrom::Start(place.offset)).and_then(|_| file.read_exact(&mut bytes));
        drop(file);
        read.map_err(|cause| self.io(cause))?;
        self.row(&bytes, place.line).map_err(|problem| self.bad(place.line, problem))
    }

    fn find(&self, id: &str) -> Result<Option<Row>, ReplayError> {
        let wanted = digest(id);
        let start = self.places.partition_point(|place| place.digest < wanted);
        for place in self.places[start..].iter().take_while(|place| place.digest == wanted) {
            let row = self.load(place)?;
            if row.id(place.line) == id {
                return Ok(Some(row));
            }
        }
        Ok(None)
    }

    async fn exchange(&self, request: WireRequest) -> WireResponse {
        let Some(id) = request.headers.get(ITEM).and_then(item) else {
            return refusal(400, &format!("the request names no item in `{ITEM}`"));
        };
        match self.find(&id) {
            Ok(Some(row)) => self.answer(&id, &row).await,
            Ok(None) => refusal(404, &format!("no recorded answer for id `{id}` in {}", self.path.display())),
            Err(error) => refusal(500, &format!("{error}; has the file changed since the start?")),
        }
    }

    async fn answer(&self, id: &str, row: &Row) -> WireResponse {
        let (status, body) = row.body(id);
        let mut response = respond(status, body);
        for (name, millis) in [(LATENCY, row.latency_ms), (TTFT, row.ttft_ms)] {
            let value = millis.and_then(|millis| HeaderValue::from_str(&millis.to_string()).ok());
            response.headers.extend(value.map(|value| (name, value)));
        }
        if self.pace == Pace::Recorded {
            let total = row.latency();
            let head = row.ttft().unwrap_or(total).min(total);
            sleep(head).await;
            response.body = after(total.saturating_sub(head), response.body);
        }
        response
    }
}

impl Transport for Replay {
    fn send(&self, request: WireRequest) -> BoxFuture<'_, Result<WireResponse, WireError>> {
        Box::pin(async { Ok(self.exchange(request).await) })
    }
}

/// The value of the [`ITEM`] header for an id: the id as a JSON string, so that any id fits a header.
pub fn item_value(id: &str) -> HeaderValue {
    let text = serde_json::Value::from(id).to_string().replace('\u{7f}', "\\u007f");
    HeaderValue::from_bytes(text.as_bytes()).expect("a JSON string without DEL has no control characters")
}

fn item(value: &HeaderValue) -> Option<String> {
    serde_json::from_slice(value.as_bytes()).ok()
}

fn digest(id: &str) -> u64 {
    Dice::new(0).bits(0, 0, id)
}

/// The file itself, or a temporary one with what it holds when it is gzipped (RFC 1952 begins with 1f 8b).
fn uncompressed(mut file: File) -> io::Result<File> {
    let mut magic = Vec::new();
    (&mut file).take(2).read_to_end(&mut magic)?;
    file.rewind()?;
    if magic != [0x1f, 0x8b] {
        return Ok(file);
    }
    let mut spool = tempfile::tempfile()?;
    io::copy(&mut flate2::read::MultiGzDecoder::new(BufReader::new(file)), &mut spool)?;
    spool.rewind()?;
    Ok(spool)
}

/// The body, begun after a pause.
fn after(pause: Duration, body: Body) -> Body {
    stream::once(sleep(pause)).flat_map(|()| stream::empty()).chain(body).boxed()
}

fn respond(status: u16, body: Vec<u8>) -> WireResponse {
    let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
    WireResponse { status, headers, connect: None, body: stream::iter([Ok(Bytes::from(body))]).boxed() }
}

fn refusal(status: u16, message: &str) -> WireResponse {
    let error = serde_json::json!({"error": {"message": message, "type": "replay_error", "code": null}});
    respond(status, error.to_string().into_bytes())
}

#[cfg(test)]
mod tests;
