//! One call: send, decode, hold it to its limits.

use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use tokio::time::{Instant, timeout_at};

use super::leg::Leg;
use crate::base::span;
use crate::dialect::{Encoded, Head};
use crate::model::outcome::Timing;
use crate::model::{Delta, Failure, FailureClass, Response};
use crate::policy::Limits;
use crate::wire::replay::{LATENCY, TTFT};
use crate::wire::{WireError, WireRequest};

/// The most of a body that is not a stream: enough for any image an answer may hold.
const LARGEST_BODY: usize = 64 << 20;
/// The most of an error's body that is read.
const LARGEST_ERROR: usize = 1 << 20;

/// How long a complete answer is still listened to: for tokens that are counted after its end, and for the end of
/// the connection, which makes it fit for another call. Those come at once or not at all; until then the call holds
/// its place among those that may run.
const AFTERMATH: Duration = Duration::from_millis(500);

/// What came of one call. A failed call keeps what it received, because it may be billed.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) response: Response,
    pub(super) failure: Option<Failure>,
    pub(super) timing: Timing,
    /// Time spent decoding.
    pub(super) own: Duration,
    /// Whether the provider may have worked, and so billed, without saying how much.
    pub(super) may_be_billed: bool,
}

type Body = BoxStream<'static, Result<Bytes, WireError>>;

/// Makes one call, for an answer of so many choices.
pub(super) async fn call(leg: &Leg, encoded: &Encoded, extra_headers: &HeaderMap, choices: u32) -> Call {
    let mut headers = encoded.headers.clone();
    for (name, value) in leg.headers.iter().chain(extra_headers) {
        headers.insert(name, value.clone());
    }
    let request = WireRequest {
        provider: leg.target.provider.clone(),
        url: encoded.url.clone(),
        headers,
        body: Bytes::copy_from_slice(&encoded.body),
    };
    let mut watch = Watch { choices, ..Watch::start(leg.limits, leg.is_streaming) };
    let mut response = Response::default();
    let result = exchange(leg, request, &mut watch, &mut response).await;
    let failure = result.err();
    Call {
        response,
        timing: watch.timing(failure.is_some()),
        failure,
        own: watch.own,
        may_be_billed: !watch.was_refused && !watch.is_unsent,
    }
}

async fn exchange(
    leg: &Leg,
    request: WireRequest,
    watch: &mut Watch,
    response: &mut Response,
) -> Result<(), Failure> {
    let sent = timeout_at(watch.limit(), leg.transport.send(request)).await;
    let answer =
        sent.map_err(|_| watch.exceeded())?.inspect_err(|error| watch.is_unsent = !error.was_sent)?;
    watch.head = Some(watch.sent.elapsed());
    watch.connect = answer.connect;
    if !leg.spends {
        watch.recorded = recorded(&answer.headers);
    }
    let head = Head { status: answer.status, headers: &answer.headers };
    if !(200..300).contains(&answer.status) {
        watch.was_refused = true;
        if (300..400).contains(&answer.status) {
            return Err(redirected(answer.status));
        }
        let body = read_error(answer.body, watch).await?;
        return Err(leg.dialect.classify(head, &body, &leg.quirks));
    }
    let is_json = answer.headers.get(CONTENT_TYPE).is_some_and(|value| is_plain_json(value.as_bytes()));
    if leg.is_streaming && !is_json {
        stream(leg, answer.body, watch, response).await
    } else {
        buffered(leg, answer.body, watch, response).await
    }
}

/// Redirects are never followed: the address a key is sent to comes from the configuration alone.
fn redirected(status: u16) -> Failure {
    let message =
        "the provider redirects, which is not followed; set the final address in [providers.NAME] url";
    Failure { status: Some(status), ..Failure::new(FailureClass::BadRequest, message) }
}

/// The times a recording was made with.
fn recorded(headers: &HeaderMap) -> Option<Timing> {
    let millis = |name| {
        let text = headers.get(name)?.to_str().ok()?;
        Duration::try_from_secs_f64(text.parse::<f64>().ok()? / 1e3).ok()
    };
    let total = millis(LATENCY)?;
    Some(Timing { connect: None, head: None, first_token: millis(TTFT), total, is_recorded: true })
}

/// `application/json` alone: a server that was asked for a stream and sends the whole answer.
pub(super) fn is_plain_json(content_type: &[u8]) -> bool {
    content_type.split(|b| *b == b';').next().is_some_and(|kind| kind.trim_ascii() == b"application/json")
}

async fn stream(
    leg: &Leg,
    mut body: Body,
    watch: &mut Watch,
    response: &mut Response,
) -> Result<(), Failure> {
    let mut decoder = leg.dialect.decoder(&leg.quirks);
    let mut deltas = Vec::new();
    loop {
        let next = timeout_at(watch.limit(), body.next()).await;
        let began = Instant::now();
        let (result, is_over) = match next {
            Ok(Some(Ok(bytes))) => {
                watch.last_byte = Some(began);
                (decoder.push(&bytes, &mut deltas), false)
            }
            Ok(Some(Err(error))) => (Err(error.into()), true),
            Ok(None) => (decoder.finish(&mut deltas), true),
            // Some servers keep the connection open after the terminal event.
            Err(_) if watch.is_answered => (decoder.finish(&mut deltas), true),
            Err(_) => (decoder.finish(&mut deltas).map_err(|_| watch.exceeded()), true),
        };
        for delta in deltas.drain(..) {
            watch.notice(&delta, began);
            response.push(delta);
        }
        // Of several choices one may be over before another has begun.
        watch.is_answered = decoder.is_complete() && response.choices.len() >= watch.choices as usize;
        watch.own += began.elapsed();
        result?;
        if is_over {
            return Ok(());
        }
    }
}

async fn buffered(leg: &Leg, body: Body, watch: &mut Watch, response: &mut Response) -> Result<(), Failure> {
    let bytes = read(body, watch, LARGEST_BODY).await?;
    let began = Instant::now();
    // A whole answer has no first token: when it came to be is not known.
    for delta in leg.dialect.decode(&bytes, &leg.quirks)? {
        response.push(delta);
    }
    watch.own += began.elapsed();
    Ok(())
}

/// The body of an error tells why; a broken one still has its status.
async fn read_error(body: Body, watch: &mut Watch) -> Result<Vec<u8>, Failure> {
    match read(body, watch, LARGEST_ERROR).await {
        Ok(bytes) => Ok(bytes),
        Err(failure) if failure.class == FailureClass::Timeout => Err(failure),
        Err(_) => Ok(Vec::new()),
    }
}

async fn read(mut body: Body, watch: &mut Watch, most: usize) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    while let Some(chunk) = timeout_at(watch.limit(), body.next()).await.map_err(|_| watch.exceeded())? {
        let chunk = chunk?;
        watch.last_byte = Some(Instant::now());
        if bytes.len() + chunk.len() > most {
            let message = format!("the answer is longer than {most} bytes");
            return Err(Failure::new(FailureClass::Malformed, message));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// The stopwatch of one call and its limits.
struct Watch {
    limits: Limits,
    is_streaming: bool,
    sent: Instant,
    connect: Option<Duration>,
    head: Option<Duration>,
    first_token: Option<Duration>,
    last_byte: Option<Instant>,
    own: Duration,
    was_refused: bool,
    /// How many choices were asked for.
    choices: u32,
    /// The answer is complete, although its connection is still open.
    is_answered: bool,
    recorded: Option<Timing>,
    /// No byte of the request left.
    is_unsent: bool,
}

impl Watch {
    fn start(limits: Limits, is_streaming: bool) -> Self {
        let sent = Instant::now();
        Self {
            limits,
            is_streaming,
            sent,
            connect: None,
            head: None,
            first_token: None,
            last_byte: None,
            own: Duration::ZERO,
            was_refused: false,
            choices: 1,
            is_answered: false,
            is_unsent: false,
            recorded: None,
        }
    }

    /// When the call is given up unless something comes: before the first content by its limit, afterwards
    /// by the stall limit, and always by the total. A complete answer is soon let be.
    fn limit(&self) -> Instant {
        let total = self.sent + self.limits.total;
        if self.is_answered {
            return total.min(self.last_byte.unwrap_or(self.sent) + self.limits.stall.min(AFTERMATH));
        }
        match (self.is_streaming, self.first_token, self.last_byte) {
            (false, ..) => total,
            (true, None, _) => total.min(self.sent + self.limits.first_token),
            (true, Some(_), last) => total.min(last.unwrap_or(self.sent) + self.limits.stall),
        }
    }

    /// The failure of a limit that was exceeded.
    fn exceeded(&self) -> Failure {
        let (class, what) = if self.sent.elapsed() >= self.limits.total || !self.is_streaming {
            (FailureClass::Timeout, format!("no complete answer within {}", span::show(self.limits.total)))
        } else if self.first_token.is_none() {
            (
                FailureClass::FirstToken,
                format!("no first token within {}", span::show(self.limits.first_token)),
            )
        } else {
            (FailureClass::Stalled, format!("the stream was silent for {}", span::show(self.limits.stall)))
        };
        Failure::new(class, what)
    }

    fn notice(&mut self, delta: &Delta, at: Instant) {
        let is_content = match delta {
            Delta::Text { text, .. } | Delta::Refusal { text, .. } => !text.is_empty(),
            Delta::Thinking { .. } | Delta::ToolCall { .. } => true,
            Delta::Start { .. }
            | Delta::Usage(_)
            | Delta::Cost(_)
            | Delta::Finish { .. }
            | Delta::Extra(_) => false,
        };
        if is_content && self.first_token.is_none() {
            self.first_token = Some(at - self.sent);
        }
    }

    /// What was measured, or what was recorded when the answer is a recording. An answer took until its last
    /// byte, and a failed call until it was given up.
    fn timing(&self, has_failed: bool) -> Timing {
        let last = self.last_byte.filter(|_| !has_failed);
        let total = last.map_or_else(|| self.sent.elapsed(), |at| at - self.sent);
        self.recorded.unwrap_or(Timing {
            connect: self.connect,
            head: self.head,
            first_token: self.first_token,
            total,
            is_recorded: false,
        })
    }
}
