//! Recorded answers, for `replay:FILE` candidates: an evaluation without calls.
//!
//! A file holds one JSON object a line (`id` or `prompt`, `output` or `response`, and optionally `model`,
//! `repeat`, `latency_ms`, `ttft_ms`, `input_tokens` and `output_tokens` or `usage`, `finish_reason`, `refusal`,
//! `tool_calls`, `error`), or plain text, whose lines have their numbers as ids. Either may be gzipped. Memory
//! holds 28 bytes for each row; the rows stay in the file.

mod bad;
mod index;
mod row;

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ::http::header::CONTENT_TYPE;
use ::http::{HeaderMap, HeaderName, HeaderValue};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream, StreamExt};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokio::time::sleep;

use self::index::{Found, Index};
use self::row::Row;
use super::{Transport, WireError, WireRequest, WireResponse};
use crate::base::hex::hex;
use crate::model::FailureClass;

/// The request header that names the item whose answer is wanted; [`item_value`] writes its value. It is set
/// for replayed candidates only: no provider ever sees it.
pub const ITEM: HeaderName = HeaderName::from_static("x-orch-item");

/// The response header with the recorded latency in milliseconds. An answer without it was recorded without
/// a latency, and its measured one means nothing.
pub const LATENCY: HeaderName = HeaderName::from_static("x-orch-recorded-latency-ms");

/// The response header with the recorded time to the first token in milliseconds.
pub const TTFT: HeaderName = HeaderName::from_static("x-orch-recorded-ttft-ms");

/// The longest row, in bytes: 64 MiB, as long as the longest answer over HTTP.
pub const MOST_ROW: usize = super::http::MOST_BODY;

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
    hex(&Sha256::digest(prompt))
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

type Body = BoxStream<'static, Result<Bytes, WireError>>;

/// Answers with what was recorded, in the OpenAI chat dialect, never streamed.
#[derive(Debug)]
pub struct Replay {
    index: Index,
    pace: Pace,
}

impl Replay {
    /// Reads every row of a file once, to find bad rows before anything is evaluated.
    /// Of a file with answers of several models, `model` picks one.
    pub fn open(path: &Path, model: Option<&str>, pace: Pace) -> Result<Self, ReplayError> {
        Ok(Self { index: Index::open(path, model)?, pace })
    }

    /// How many answers there are.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether there is no answer at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    async fn exchange(&self, request: WireRequest) -> Result<WireResponse, WireError> {
        let Some(item) = request.headers.get(ITEM).and_then(item) else {
            return Err(nothing(format!("the request names no item in `{ITEM}`")));
        };
        let file = self.index.path().display();
        Err(match self.index.find(&item) {
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
