//! One client's connection: read a request, wait as long as the settings say, write the reply.

use std::io;
use std::io::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, sleep_until};

use super::Settings;
use super::alarm::Alarm;
use super::fault::Delivery;
use super::http1::{Parsed, Parser, Refusal, Request};
use super::respond::{Kind, Reply, respond};
use super::stats::{Stats, Tally};
use super::text::{Append as _, Body};

/// What all connections share.
#[derive(Debug)]
pub(super) struct Shared {
    settings: Settings,
    tally: Mutex<Tally>,
    /// Absent where nothing waits, or where no thread can be had: then waits are as precise as `tokio`'s.
    alarm: Option<Alarm>,
}

impl Shared {
    pub(super) fn new(settings: Settings) -> Self {
        let alarm = if settings.latency.is_zero() { None } else { Alarm::start().ok() };
        Self { tally: Mutex::new(Tally::new(settings.limit)), settings, alarm }
    }

    async fn wait_until(&self, at: Instant) {
        match &self.alarm {
            Some(alarm) => alarm.wait_until(at).await,
            None => sleep_until(at).await,
        }
    }

    pub(super) fn stats(&self) -> Stats {
        self.tally().stats()
    }

    fn tally(&self) -> MutexGuard<'_, Tally> {
        // Counters stay usable when a holder panicked.
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts a request as in flight until it is dropped, which is also when a connection is aborted.
struct InFlight<'a> {
    shared: &'a Shared,
    took: Option<Duration>,
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.shared.tally().leave(self.took);
    }
}

/// What becomes of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum After {
    Keep,
    Close,
}

/// Serves a connection until the client leaves or a reply closes it.
pub(super) async fn serve(mut socket: TcpStream, shared: Arc<Shared>) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let (mut parser, mut buffer, mut out) = (Parser::default(), BytesMut::new(), Vec::with_capacity(4 << 10));
    loop {
        match parser.next(&mut buffer) {
            Ok(Parsed::Request(request)) => {
                if exchange(&mut socket, &shared, &request, &mut out).await? == After::Close {
                    return Ok(());
                }
            }
            Ok(Parsed::Continue) => socket.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?,
            Ok(Parsed::More) => {
                buffer.reserve(8 << 10);
                if socket.read_buf(&mut buffer).await? == 0 {
                    return Ok(());
                }
            }
            Err(refusal) => return refuse(&mut socket, refusal).await,
        }
    }
}

/// Says what is wrong with a request that cannot be read.
async fn refuse(socket: &mut TcpStream, refusal: Refusal) -> io::Result<()> {
    let mut out = Vec::new();
    let body = Body::whole("text/plain", refusal.why.as_bytes().to_vec());
    head(&mut out, refusal.status, &body, b"connection: close\r\n", Length::Known(body.bytes.len()));
    out.extend_from_slice(&body.bytes);
    socket.write_all(&out).await
}

async fn exchange(
    socket: &mut TcpStream,
    shared: &Shared,
    request: &Request,
    out: &mut Vec<u8>,
) -> io::Result<After> {
    let after = if request.head.closes { After::Close } else { After::Keep };
    out.clear();
    if let Some(reply) = report(shared, request) {
        whole(out, &reply, &reply.body.bytes);
        socket.write_all(out).await?;
        return Ok(after);
    }
    let began = Instant::now();
    let arrival = shared.tally().arrive(began);
    let mut in_flight = InFlight { shared, took: None };
    let settings = &shared.settings;
    let reply = respond(settings, request, arrival.number, arrival.refused);
    if reply.kind == Kind::Failed {
        shared.tally().fail();
    }
    if arrival.refused.is_none() && !settings.latency.is_zero() {
        shared.wait_until(began + settings.latency).await;
    }
    let delivered = deliver(socket, settings, &reply, out).await?;
    in_flight.took = (reply.kind == Kind::Served).then(|| began.elapsed());
    Ok(if delivered == After::Close { After::Close } else { after })
}

/// The mock's own endpoints: `GET /stats`, `GET /stats/times` and `POST /reset`.
fn report(shared: &Shared, request: &Request) -> Option<Reply> {
    let json = |value: serde_json::Result<Vec<u8>>| {
        Reply::json(value.expect("numbers under fixed names are always JSON"))
    };
    match (request.head.target.as_str(), request.head.is_post) {
        ("/stats", false) => Some(json(serde_json::to_vec(&shared.stats()))),
        ("/stats/times", false) => Some(json(serde_json::to_vec(shared.tally().times()))),
        ("/reset", true) => {
            shared.tally().reset();
            Some(json(serde_json::to_vec(&shared.stats())))
        }
        _ => None,
    }
}

async fn deliver(
    socket: &mut TcpStream,
    settings: &Settings,
    reply: &Reply,
    out: &mut Vec<u8>,
) -> io::Result<After> {
    let body = &reply.body;
    match reply.kind {
        Kind::Raw => {
            socket.write_all(&body.bytes).await?;
            return Ok(After::Close);
        }
        Kind::Endless => return endless(socket, reply, out).await,
        Kind::Served | Kind::Failed | Kind::Broken => {}
    }
    match reply.delivery {
        Delivery::Plain if body.is_stream() && !settings.event_gap.is_zero() => {
            return paced(socket, settings.event_gap, reply, out).await;
        }
        Delivery::Plain if body.is_stream() => events(out, reply),
        Delivery::Plain => whole(out, reply, &body.bytes),
        Delivery::Chunks(size) => {
            chunked_head(out, reply);
            body.bytes.chunks(size).for_each(|part| chunk(out, part));
            out.raw(LAST_CHUNK);
        }
        Delivery::Truncated => {
            chunked_head(out, reply);
            chunk(out, &body.bytes[..body.content_end()]);
            out.raw(LAST_CHUNK);
        }
        Delivery::SlowFirstToken => {
            chunked_head(out, reply);
            socket.write_all(out).await?;
            sleep(settings.fault_delay).await;
            out.clear();
            chunk(out, &body.bytes);
            out.raw(LAST_CHUNK);
        }
        Delivery::Gzip => gzipped(out, reply)?,
        Delivery::BadGzip => {
            head(out, reply.status, body, GZIP, Length::Known(body.bytes.len()));
            out.extend_from_slice(&body.bytes);
        }
        Delivery::ShortBody => {
            head(out, reply.status, body, &reply.headers, Length::Known(body.bytes.len() + 100));
            out.extend_from_slice(&body.bytes);
            socket.write_all(out).await?;
            return Ok(After::Close);
        }
        Delivery::Close => return Ok(After::Close),
        Delivery::Stall | Delivery::Reset | Delivery::Cut => return half(socket, reply, out).await,
    }
    socket.write_all(out).await?;
    Ok(After::Keep)
}

/// Sends half of the body and then ends the connection in the manner of the fault.
async fn half(socket: &mut TcpStream, reply: &Reply, out: &mut Vec<u8>) -> io::Result<After> {
    chunked_head(out, reply);
    chunk(out, &reply.body.bytes[..reply.body.middle()]);
    socket.write_all(out).await?;
    match reply.delivery {
        Delivery::Reset => socket.set_zero_linger()?,
        Delivery::Stall => {
            let mut ignored = [0; 256];
            while socket.read(&mut ignored).await? > 0 {}
        }
        _ => {}
    }
    Ok(After::Close)
}

/// Repeats the body, up to a gibibyte, until the client leaves.
async fn endless(socket: &mut TcpStream, reply: &Reply, out: &mut Vec<u8>) -> io::Result<After> {
    chunked_head(out, reply);
    for _ in 0..(1 << 30) / reply.body.bytes.len() {
        chunk(out, &reply.body.bytes);
        socket.write_all(out).await?;
        out.clear();
    }
    Ok(After::Close)
}

/// Sends the events one by one, with a pause before each but the first.
async fn paced(socket: &mut TcpStream, gap: Duration, reply: &Reply, out: &mut Vec<u8>) -> io::Result<After> {
    chunked_head(out, reply);
    let mut start = 0;
    for end in &reply.body.ends {
        if start > 0 {
            sleep(gap).await;
        }
        chunk(out, &reply.body.bytes[start..*end]);
        socket.write_all(out).await?;
        out.clear();
        start = *end;
    }
    socket.write_all(LAST_CHUNK.as_bytes()).await?;
    Ok(After::Keep)
}

const GZIP: &[u8] = b"content-encoding: gzip\r\n";

const LAST_CHUNK: &str = "0\r\n\r\n";

#[derive(Clone, Copy)]
enum Length {
    Known(usize),
    Chunked,
}

fn head(out: &mut Vec<u8>, status: u16, body: &Body, headers: &[u8], length: Length) {
    out.raw("HTTP/1.1 ").number(status.into()).raw(" ");
    let reason = ::http::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
    out.raw(reason.unwrap_or("Unknown")).raw("\r\n");
    // A 204 has neither a type nor a length (RFC 9110, 8.6).
    if status != 204 {
        out.raw("content-type: ").raw(body.content_type).raw("\r\n");
        match length {
            Length::Known(length) => out.raw("content-length: ").number(length as u64).raw("\r\n"),
            Length::Chunked => out.raw("transfer-encoding: chunked\r\n"),
        };
    }
    out.extend_from_slice(headers);
    out.raw("\r\n");
}

fn chunked_head(out: &mut Vec<u8>, reply: &Reply) {
    head(out, reply.status, &reply.body, &reply.headers, Length::Chunked);
}

fn whole(out: &mut Vec<u8>, reply: &Reply, bytes: &[u8]) {
    head(out, reply.status, &reply.body, &reply.headers, Length::Known(bytes.len()));
    out.extend_from_slice(bytes);
}

/// All events in one write, each a chunk of its own, as servers flush them.
fn events(out: &mut Vec<u8>, reply: &Reply) {
    chunked_head(out, reply);
    let mut start = 0;
    for end in &reply.body.ends {
        chunk(out, &reply.body.bytes[start..*end]);
        start = *end;
    }
    out.raw(LAST_CHUNK);
}

fn chunk(out: &mut Vec<u8>, bytes: &[u8]) {
    // An empty chunk would end the body.
    if !bytes.is_empty() {
        write!(out, "{:x}\r\n", bytes.len()).expect("a vector takes every write");
        out.extend_from_slice(bytes);
        out.raw("\r\n");
    }
}

fn gzipped(out: &mut Vec<u8>, reply: &Reply) -> io::Result<()> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(&reply.body.bytes)?;
    let bytes = encoder.finish()?;
    head(out, reply.status, &reply.body, GZIP, Length::Known(bytes.len()));
    out.extend_from_slice(&bytes);
    Ok(())
}
