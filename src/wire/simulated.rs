//! The provider `sim`: models made of arithmetic, to try `orch` without keys or money.
//!
//! A model works an answer out from the request alone (`solve`), or says that it is simulated and cannot; then
//! it makes mistakes by a profile of accuracy, speed and failures. The same seed, model, prompt and sampling
//! seed have the same luck, so two runs agree; most failures are gone on the second try, as real ones are.
//! What a dataset expects is in no request and never comes here. Answers come in the OpenAI chat dialect, after
//! virtual latencies on tokio's clock.

mod mistake;
mod model;
mod reply;
mod solve;

use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ::http::header::CONTENT_TYPE;
use ::http::{HeaderMap, HeaderValue};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream, StreamExt};
use serde::Deserialize;
use serde_json::Value;
use tokio::time::{Instant, sleep, sleep_until};

use self::model::{Luck, Profile, Trouble};
use self::reply::Reply;
use self::solve::{Question, minimal};
use super::{Transport, WireError, WireRequest, WireResponse};
use crate::base::dice::Dice;

pub use self::model::models;
pub use self::solve::sum;

/// Answers requests to simulated models.
pub struct Simulated {
    dice: Dice,
    over: Mutex<Over>,
}

/// The requests whose passing failure is over, by digest: the last [`Over::MOST`] of them.
#[derive(Default)]
struct Over {
    known: BTreeSet<u64>,
    /// The same, oldest first.
    order: VecDeque<u64>,
}

impl Over {
    /// How many are remembered: more than are ever waiting for their second try, in a megabyte or two.
    const MOST: usize = 1 << 16;

    /// Notes a failure; whether it is the first of its request. A retry does not forget it: the same request may
    /// be asked several times at once, and each of them must get through.
    fn note(&mut self, digest: u64) -> bool {
        if !self.known.insert(digest) {
            return false;
        }
        self.order.push_back(digest);
        if self.order.len() > Self::MOST
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        true
    }
}

impl fmt::Debug for Simulated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Simulated").field("dice", &self.dice).finish_non_exhaustive()
    }
}

/// The fields of a chat request that decide the answer.
#[derive(Deserialize)]
struct Ask {
    model: String,
    #[serde(default)]
    stream: bool,
    #[serde(default)]
    messages: Vec<Turn>,
    #[serde(default)]
    tools: Vec<Value>,
    #[serde(default)]
    response_format: Value,
    #[serde(default)]
    seed: Option<i64>,
    #[serde(alias = "max_tokens")]
    max_completion_tokens: Option<u64>,
    #[serde(default)]
    stream_options: StreamOptions,
}

#[derive(Deserialize)]
struct Turn {
    role: String,
    #[serde(default)]
    content: Value,
}

#[derive(Default, Deserialize)]
struct StreamOptions {
    #[serde(default)]
    include_usage: bool,
}

impl Turn {
    /// The text, whether it is written as a string or as parts.
    fn text(&self) -> String {
        match &self.content {
            Value::String(text) => text.clone(),
            Value::Array(parts) => parts.iter().filter_map(|part| part["text"].as_str()).collect(),
            _ => String::new(),
        }
    }
}

impl Simulated {
    /// A provider whose chance depends on the seed.
    pub fn new(seed: u64) -> Self {
        solve::prepare();
        Self { dice: Dice::new(seed), over: Mutex::default() }
    }

    async fn exchange(&self, request: WireRequest) -> WireResponse {
        let ask: Ask = match serde_json::from_slice(&request.body) {
            Ok(ask) => ask,
            Err(error) => return refusal(400, "invalid_request_error", None, &error.to_string()),
        };
        let Some(profile) = Profile::find(&ask.model) else {
            let known: Vec<&str> = models().collect();
            let message =
                format!("there is no simulated model `{}`; there are {}", ask.model, known.join(", "));
            return refusal(404, "invalid_request_error", Some("model_not_found"), &message);
        };
        let prompt =
            ask.messages.iter().rfind(|turn| turn.role == "user").map(Turn::text).unwrap_or_default();
        let luck = Luck::new(self.dice, profile.name, &prompt, ask.seed);
        if let Some(trouble) = self.trouble(profile, luck) {
            sleep(luck.latency(profile) / 4).await;
            return troubled(trouble);
        }
        let reply = ask.reply(&prompt, profile, luck);
        let latency = luck.latency(profile);
        if ask.stream {
            // The first token comes after two fifths of the whole, as it does for short answers.
            sleep(latency * 2 / 5).await;
            let events = reply.events(ask.stream_options.include_usage);
            return respond(200, "text/event-stream", paced(events, latency * 3 / 5));
        }
        sleep(latency).await;
        let body = Bytes::from(reply.whole());
        respond(200, "application/json", stream::iter([Ok(body)]).boxed())
    }

    /// What goes wrong this time: a passing failure is noted and does not come back.
    fn trouble(&self, profile: &Profile, luck: Luck) -> Option<Trouble> {
        let trouble = luck.trouble(profile)?;
        if trouble == Trouble::Down {
            return Some(trouble);
        }
        // The set stays whole when a holder panicked.
        let is_first = self.over.lock().unwrap_or_else(PoisonError::into_inner).note(luck.digest());
        is_first.then_some(trouble)
    }
}

impl Ask {
    /// What was said by some, a line each.
    fn said(&self, by: &[&str]) -> String {
        let turns = self.messages.iter().filter(|turn| by.contains(&turn.role.as_str()));
        turns.map(Turn::text).collect::<Vec<_>>().join("\n")
    }

    fn reply(&self, prompt: &str, profile: &Profile, luck: Luck) -> Reply {
        let (system, earlier) = (self.said(&["system", "developer"]), self.said(&["user"]));
        let schema = self.response_format.pointer("/json_schema/schema");
        let question = Question { system: &system, earlier: &earlier, prompt, schema, tools: &self.tools };
        let form = match (schema, self.response_format["type"].as_str()) {
            (Some(schema), _) => Some(minimal(schema).to_string()),
            (None, Some("json_object")) => Some(r#"{"simulated":true}"#.to_owned()),
            _ => None,
        };
        let input: usize = self.messages.iter().map(|turn| turn.text().len()).sum();
        let reply = luck.answer(profile, solve::solve(&question), form);
        reply.named(profile.name, luck.digest(), input).within(self.max_completion_tokens)
    }
}

impl Transport for Simulated {
    fn send(&self, request: WireRequest) -> BoxFuture<'_, Result<WireResponse, WireError>> {
        Box::pin(async { Ok(self.exchange(request).await) })
    }
}

/// Spreads events evenly over a time from now. Each has its own due time, so that the timer's rounding to
/// milliseconds does not add up.
fn paced(events: Vec<Vec<u8>>, over: Duration) -> BoxStream<'static, Result<Bytes, WireError>> {
    let (began, mut due) = (Instant::now(), Duration::ZERO);
    let gap = over / u32::try_from(events.len()).unwrap_or(u32::MAX).max(1);
    stream::iter(events)
        .then(move |event| {
            due += gap;
            let at = began + due;
            async move {
                sleep_until(at).await;
                Ok(Bytes::from(event))
            }
        })
        .boxed()
}

fn respond(
    status: u16,
    content_type: &'static str,
    body: BoxStream<'static, Result<Bytes, WireError>>,
) -> WireResponse {
    let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(content_type))]);
    WireResponse { status, headers, connect: None, body }
}

fn refusal(status: u16, kind: &str, code: Option<&str>, message: &str) -> WireResponse {
    let body = serde_json::json!({"error": {"message": message, "type": kind, "param": null, "code": code}});
    respond(status, "application/json", stream::iter([Ok(Bytes::from(body.to_string()))]).boxed())
}

fn troubled(trouble: Trouble) -> WireResponse {
    match trouble {
        Trouble::RateLimited => {
            let mut response = refusal(
                429,
                "requests",
                Some("rate_limit_exceeded"),
                "Rate limit reached for requests. Please try again in 50ms.",
            );
            response.headers.insert("retry-after-ms", HeaderValue::from_static("50"));
            response
        }
        Trouble::Server => refusal(500, "server_error", None, "The server had an error."),
        Trouble::Down => refusal(503, "server_error", None, "The simulated server is down for this request."),
    }
}

#[cfg(test)]
mod tests;
