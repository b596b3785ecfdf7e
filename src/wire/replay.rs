//! Recorded answers, for `replay:FILE` candidates: an evaluation without calls.
//!
//! A file holds one JSON object a line (`id` or `prompt`, `output` or `response`, and optionally `model`,
//! `repeat`, `latency_ms`, `ttft_ms`, `input_tokens` and `output_tokens` or `usage`, `finish_reason`, `refusal`,
//! `tool_calls`, `error`), or plain text, whose lines have their numbers as ids. Either may be gzipped. Memory
//! holds 24 bytes for each id and prompt; the rows stay in the file.

mod bad;
mod row;

use std::collections::BTreeSet;
use std::fmt::Write as _;
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
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokio::time::sleep;

use self::bad::Bad;
use self::row::Row;
use super::{Transport, WireError, WireRequest, WireResponse};
use crate::base::dice::Dice;
use crate::model::FailureClass;

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
    /// Several rows say something that cannot be replayed.
    #[error("{total} bad rows; each must be mended or deleted:\n  {listed}")]
    Rows {
        /// How many there are.
        total: u64,
        /// The first of them, a line each.
        listed: String,
    },
    /// No row is of the model that was picked.
    #[error("{} holds no answer of {model}; it holds answers of {known}", path.display())]
    Model {
        /// The file.
        path: PathBuf,
        /// The model that was picked.
        model: String,
        /// The models there are.
        known: String,
    },
}

/// Whose recorded answer is wanted. It travels in a header that is set for replayed candidates only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// The dataset row's id, its own or made from its file and line.
    pub id: String,
    /// The dataset row's line, where the row has no id of its own.
    pub line: Option<u64>,
    /// What stands for its prompt: [`prompt_digest`].
    pub prompt: String,
    /// Which of several answers to the same row, from zero.
    pub repeat: u32,
}

/// What stands for a prompt when a recorded answer is looked up by it: SHA-256 in hexadecimal.
pub fn prompt_digest(prompt: &str) -> String {
    Sha256::digest(prompt).iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").ok();
        hex
    })
}

/// The file and the model of what is written behind `replay:`: `FILE` or `FILE#MODEL`. A file whose own name
/// has the mark is taken as it is.
pub fn source(written: &str) -> (&Path, Option<&str>) {
    match written.rsplit_once('#') {
        Some((file, model)) if !model.is_empty() && !Path::new(written).exists() => {
            (Path::new(file), Some(model))
        }
        _ => (Path::new(written), None),
    }
}

/// Where a row is.
#[derive(Clone, Copy, Debug)]
struct Place {
    /// The digest of the row's id or prompt.
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
    /// The model whose rows count, where one was picked.
    model: Option<String>,
    /// Where the rows with an id are, in the order of its digests.
    by_id: Vec<Place>,
    /// Where the rows with a prompt are, in the order of its digests.
    by_prompt: Vec<Place>,
    rows: usize,
    pace: Pace,
}

/// What a file has for an item.
enum Found {
    Row(Box<Row>),
    Nothing,
    /// Several rows with ids of their own answer the same prompt.
    Several,
}

impl Replay {
    /// Reads every row of a file once, to find bad rows before anything is evaluated.
    /// Of a file with answers of several models, `model` picks one.
    pub fn open(path: &Path, model: Option<&str>, pace: Pace) -> Result<Self, ReplayError> {
        let io = |cause| ReplayError::Io { path: path.to_owned(), cause };
        let file = File::open(path).and_then(uncompressed).map_err(io)?;
        let mut replay = Self {
            path: path.to_owned(),
            file: Mutex::new(file),
            format: Format::Text,
            model: model.map(str::to_owned),
            by_id: Vec::new(),
            by_prompt: Vec::new(),
            rows: 0,
            pace,
        };
        let models = replay.index()?;
        if let (Some(model), 0) = (model, replay.rows) {
            let known: Vec<_> = models.into_iter().collect();
            let known = if known.is_empty() { "no named model".to_owned() } else { known.join(", ") };
            return Err(ReplayError::Model { path: path.to_owned(), model: model.to_owned(), known });
        }
        replay.by_id.sort_by_key(|place| (place.digest, place.line));
        replay.by_prompt.sort_by_key(|place| (place.digest, place.line));
        replay.refuse_duplicates(&replay.by_id, &models)?;
        replay.refuse_duplicates(&replay.by_prompt, &models)?;
        Ok(replay)
    }

    /// How many answers there are.
    pub const fn len(&self) -> usize {
        self.rows
    }

    /// Whether there is no answer at all.
    pub const fn is_empty(&self) -> bool {
        self.rows == 0
    }

    fn io(&self, cause: io::Error) -> ReplayError {
        ReplayError::Io { path: self.path.clone(), cause }
    }

    fn bad(&self, line: u32, problem: String) -> ReplayError {
        ReplayError::Row { path: self.path.clone(), line, problem }
    }

    /// Finds where the rows are; gives the models there are.
    fn index(&mut self) -> Result<BTreeSet<String>, ReplayError> {
        let file = self.file.get_mut().unwrap_or_else(PoisonError::into_inner);
        let file = file.try_clone().map_err(|cause| self.io(cause))?;
        let mut reader = BufReader::with_capacity(1 << 16, file);
        let (mut bytes, mut offset, mut line) = (Vec::new(), 0_u64, 0_u32);
        let (mut models, mut bad) = (BTreeSet::new(), Bad::default());
        loop {
            bytes.clear();
            let mut limited = (&mut reader).take(MOST_ROW as u64 + 1);
            let read = limited.read_until(b'\n', &mut bytes).map_err(|cause| self.io(cause))?;
            if read == 0 {
                return bad.none().map(|()| models);
            }
            line = line.checked_add(1).ok_or_else(|| self.bad(line, "the file has too many rows".into()))?;
            if read > MOST_ROW {
                return Err(self.bad(line, "the row is longer than any model's answer".into()));
            }
            if line == 1 && bytes.trim_ascii_start().starts_with(b"{") {
                self.format = Format::Json;
            }
            match self.place(&bytes, offset, line) {
                Ok(model) => models.extend(model),
                Err(error) => bad.add(error),
            }
            offset += read as u64;
        }
    }

    /// Notes where a row is; gives its model. Blank lines are rows of text, but not of JSON.
    fn place(&mut self, bytes: &[u8], offset: u64, line: u32) -> Result<Option<String>, ReplayError> {
        if self.format == Format::Json && bytes.trim_ascii().is_empty() {
            return Ok(None);
        }
        let row = self.row(bytes, line).map_err(|problem| self.bad(line, problem))?;
        let len = u32::try_from(bytes.len()).map_err(|_| self.bad(line, "the row is too long".into()))?;
        if self.model.as_deref().is_none_or(|model| row.is_by(model)) {
            let place = |key: String| Place { digest: digest(&key), offset, len, line };
            self.by_id.extend(row.id(line).map(place));
            self.by_prompt.extend(row.prompt_digest().map(place));
            self.rows += 1;
        }
        Ok(row.model)
    }

    fn row(&self, bytes: &[u8], line: u32) -> Result<Row, String> {
        match self.format {
            Format::Json => Row::read(bytes),
            Format::Text => Ok(Row::text(&String::from_utf8_lossy(bytes), line)),
        }
    }

    /// Refuses two answers to the same: nobody could say which counts. Rows that share a prompt are told apart
    /// by their ids.
    fn refuse_duplicates(&self, places: &[Place], models: &BTreeSet<String>) -> Result<(), ReplayError> {
        for same in places.chunk_by(|a, b| a.digest == b.digest).filter(|same| same.len() > 1) {
            let mut seen: Vec<(Row, u32)> = Vec::new();
            for place in same {
                let row = self.load(place)?;
                let clash = seen.iter().find(|(other, at)| is_same(other, *at, &row, place.line));
                if let Some((other, at)) = clash {
                    return Err(self.bad(place.line, twice(other, *at, &row, models)));
                }
                seen.push((row, place.line));
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

    /// The row for an item. A dataset row with an id is found by it, or by its prompt among rows without one;
    /// a dataset row without an id by its prompt, its file and line, or its line.
    fn find(&self, item: &Item) -> Result<Found, ReplayError> {
        let named = |id: &str| {
            self.among(&self.by_id, id, item.repeat, &|row, line| row.id(line).as_deref() == Some(id))
        };
        let by_prompt = || {
            let fits = |row: &Row, _| {
                (item.line.is_some() || !row.is_named()) && row.prompt_digest().as_ref() == Some(&item.prompt)
            };
            self.among(&self.by_prompt, &item.prompt, item.repeat, &fits)
        };
        let Some(line) = item.line else {
            let found = named(&item.id)?;
            return if matches!(found, Found::Nothing) { by_prompt() } else { Ok(found) };
        };
        let found = by_prompt()?;
        if matches!(found, Found::Row(_)) {
            return Ok(found);
        }
        for id in [item.id.clone(), line.to_string()] {
            if let Found::Row(row) = named(&id)? {
                return Ok(Found::Row(row));
            }
        }
        Ok(found)
    }

    /// The row among those with a digest that fits: of the same repeat, or of none in particular.
    fn among(
        &self,
        places: &[Place],
        key: &str,
        repeat: u32,
        fits: &dyn Fn(&Row, u32) -> bool,
    ) -> Result<Found, ReplayError> {
        let wanted = digest(key);
        let start = places.partition_point(|place| place.digest < wanted);
        let (mut exact, mut general) = (Vec::new(), Vec::new());
        for place in places[start..].iter().take_while(|place| place.digest == wanted) {
            let row = self.load(place)?;
            match row.repeat {
                _ if !fits(&row, place.line) => {}
                Some(own) if own == repeat => exact.push(row),
                None => general.push(row),
                Some(_) => {}
            }
        }
        let mut found = if exact.is_empty() { general } else { exact };
        Ok(match (found.pop(), found.is_empty()) {
            (None, _) => Found::Nothing,
            (Some(row), true) => Found::Row(Box::new(row)),
            (Some(_), false) => Found::Several,
        })
    }

    async fn exchange(&self, request: WireRequest) -> Result<WireResponse, WireError> {
        let Some(item) = request.headers.get(ITEM).and_then(item) else {
            return Err(nothing(format!("the request names no item in `{ITEM}`")));
        };
        let file = self.path.display();
        Err(match self.find(&item) {
            Ok(Found::Row(row)) => return self.answer(&item.id, &row).await,
            Ok(Found::Nothing) => nothing(format!("no recorded answer for {} in {file}", wanted(&item))),
            Ok(Found::Several) => {
                let id = &item.id;
                nothing(format!("{file} has several answers to the prompt of `{id}`; give the rows ids"))
            }
            Err(error) => {
                let message = format!("{error}; has the file changed since the start?");
                WireError { class: FailureClass::Server, ..nothing(message) }
            }
        })
    }

    async fn answer(&self, id: &str, row: &Row) -> Result<WireResponse, WireError> {
        if let Some((class, message)) = row.classed_failure() {
            return Err(WireError { class, message, was_sent: true });
        }
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
        Ok(response)
    }
}

impl Transport for Replay {
    fn send(&self, request: WireRequest) -> BoxFuture<'_, Result<WireResponse, WireError>> {
        Box::pin(self.exchange(request))
    }
}

/// Whether two rows answer the same: the same repeat of the same id, or of the same prompt without an id.
fn is_same(a: &Row, a_line: u32, b: &Row, b_line: u32) -> bool {
    let has_same_prompt = || !a.is_named() && !b.is_named() && a.prompt_digest() == b.prompt_digest();
    a.repeat == b.repeat
        && match (a.id(a_line), b.id(b_line)) {
            (None, None) => has_same_prompt(),
            (a, b) => a == b,
        }
}

/// What to say of the second of two rows that answer the same.
fn twice(first: &Row, line: u32, second: &Row, models: &BTreeSet<String>) -> String {
    let what = match second.is_named() {
        true => format!("id `{}`", second.id(0).unwrap_or_default()),
        false => "the same prompt".to_owned(),
    };
    if first.model == second.model {
        return format!("{what} is on line {line} already; keep one of them");
    }
    let known = models.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    format!(
        "{what} is on line {line} already, by another model; pick one as replay:FILE#MODEL (there are {known})"
    )
}

fn wanted(item: &Item) -> String {
    let repeat = if item.repeat > 0 { format!(", repeat {}", item.repeat) } else { String::new() };
    // A row without an id is looked for by its prompt first.
    let what = if item.line.is_some() { "the prompt of" } else { "id" };
    format!("{what} `{}`{repeat}", item.id)
}

/// The value of the [`ITEM`] header for an item: JSON, so that any id fits a header.
pub fn item_value(item: &Item) -> HeaderValue {
    let text = serde_json::to_string(item).expect("text and numbers are JSON").replace('\u{7f}', "\\u007f");
    HeaderValue::from_bytes(text.as_bytes()).expect("JSON without DEL has no control characters")
}

fn item(value: &HeaderValue) -> Option<Item> {
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

/// There is no answer, and nobody was asked for one: no HTTP status, no cost.
fn nothing(message: String) -> WireError {
    WireError { class: FailureClass::BadRequest, message, was_sent: false }
}

#[cfg(test)]
mod tests;
