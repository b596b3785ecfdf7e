//! The HTTP transport against the mock provider, over real sockets on loopback.

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::future::join_all;
use orch::mock::{self, Limit, RetryHint, Settings, Stats};
use orch::model::FailureClass;
use orch::wire::http::{Credential, Http};
use orch::wire::{Transport, WireError, WireRequest, WireResponse};
use secrecy::SecretString;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::time::Instant;

const CONNECT: Duration = Duration::from_secs(5);

/// Runs a test beside a mock; gives its base address.
fn with_mock<F: Future<Output = ()>>(settings: Settings, test: impl FnOnce(String) -> F) -> Stats {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let (done, stop) = oneshot::channel::<()>();
        let test = async {
            test(base).await;
            done.send(()).unwrap();
        };
        let stop = async { drop(stop.await) };
        let (stats, ()) = tokio::join!(mock::serve(listener, settings, stop), test);
        stats.unwrap()
    })
}

fn client() -> Http {
    Http::new(BTreeMap::new(), CONNECT).unwrap()
}

fn request(base: &str, body: &str) -> WireRequest {
    WireRequest {
        provider: "acme".to_owned(),
        url: format!("{base}/v1/chat/completions?key=canary-query"),
        headers: http::HeaderMap::new(),
        body: Bytes::from(body.to_owned()),
    }
}

fn chat(base: &str, model: &str, stream: bool) -> WireRequest {
    let body = serde_json::json!({
        "model": model, "stream": stream, "messages": [{"role": "user", "content": "naïve café, déjà vu — 你好 wörld"}],
    });
    request(base, &body.to_string())
}

async fn send(base: &str, model: &str, stream: bool) -> WireResponse {
    client().send(chat(base, model, stream)).await.unwrap_or_else(|error| panic!("{model}: {error}"))
}

/// The whole body, and how it ended.
async fn read(mut response: WireResponse) -> (Vec<u8>, Option<WireError>) {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.body.next().await {
        match chunk {
            Ok(chunk) => bytes.extend_from_slice(&chunk),
            Err(error) => {
                assert!(response.body.next().await.is_none(), "a body is over after its error");
                return (bytes, Some(error));
            }
        }
    }
    (bytes, None)
}

async fn text(response: WireResponse) -> String {
    let (bytes, error) = read(response).await;
    assert_eq!(error, None);
    String::from_utf8(bytes).unwrap()
}

#[test]
fn an_answer_arrives_whole_and_streamed() {
    let stats = with_mock(Settings::default(), async |base| {
        let whole = text(send(&base, "m", false).await).await;
        assert!(whole.contains("déjà vu — 你好 wörld"), "{whole}");
        let response = send(&base, "m", true).await;
        assert_eq!(response.headers["content-type"], "text/event-stream");
        let stream = text(response).await;
        assert!(stream.contains(" wörld") && stream.ends_with("data: [DONE]\n\n"), "{stream}");
    });
    assert_eq!((stats.requests, stats.service.count, stats.in_flight), (2, 2, 0));
}

#[test]
fn the_same_bytes_arrive_in_any_chunks_and_compressed() {
    with_mock(Settings::default(), async |base| {
        for stream in [true, false] {
            let plain = text(send(&base, "fault/chunks-7", stream).await).await;
            for model in ["fault/chunks-1", "fault/chunks-3", "fault/gzip"] {
                let other = text(send(&base, model, stream).await).await;
                assert_eq!(other.replace(model, "fault/chunks-7"), plain, "{model}");
            }
        }
    });
}

#[test]
fn a_body_that_breaks_is_truncated_after_what_arrived() {
    with_mock(Settings::default(), async |base| {
        for model in ["fault/reset", "fault/cut", "fault/short-body"] {
            for stream in [true, false] {
                let (bytes, error) = read(send(&base, model, stream).await).await;
                let error = error.unwrap_or_else(|| panic!("{model} ended well"));
                assert_eq!(error.class, FailureClass::Truncated, "{model}: {error}");
                assert!(!bytes.is_empty(), "{model}");
                assert!(error.message.contains("127.0.0.1:"), "{error}");
                assert!(!error.message.contains("canary"), "{error}");
            }
        }
    });
}

#[test]
fn a_stream_without_its_end_ends_well_in_http() {
    with_mock(Settings::default(), async |base| {
        let stream = text(send(&base, "fault/truncated", true).await).await;
        assert!(stream.contains(" wörld") && !stream.contains("finish_reason\":\"stop"), "{stream}");
        let stream = text(send(&base, "fault/error-event", true).await).await;
        assert!(stream.contains(r#"data: {"error":"#), "{stream}");
    });
}

#[test]
fn a_body_that_is_not_compressed_as_it_says_is_malformed() {
    with_mock(Settings::default(), async |base| {
        let (_, error) = read(send(&base, "fault/bad-gzip", false).await).await;
        let error = error.unwrap();
        assert_eq!(error.class, FailureClass::Malformed);
        assert!(error.message.contains("cannot be decompressed"), "{error}");
    });
}

#[test]
fn statuses_arrive_as_they_are_and_redirects_are_not_followed() {
    let stats = with_mock(Settings::default(), async |base| {
        for (model, status, part) in [
            ("fault/html-502", 502, "<title>502"),
            ("fault/empty", 200, ""),
            ("fault/204", 204, ""),
            ("fault/redirect", 307, ""),
            ("fault/400-context", 400, "context_length_exceeded"),
            ("fault/401", 401, "invalid_api_key"),
            ("fault/404", 404, "model_not_found"),
            ("fault/429-message", 429, "try again in 250ms"),
            ("fault/quota", 429, "insufficient_quota"),
            ("fault/500", 500, "server_error"),
            ("fault/529", 529, "overloaded"),
        ] {
            let response = send(&base, model, false).await;
            assert_eq!(response.status, status, "{model}");
            assert!(text(response).await.contains(part), "{model}");
        }
    });
    assert_eq!(stats.requests, 11);
}

#[test]
fn every_hint_to_wait_reaches_the_engine() {
    with_mock(Settings::default(), async |base| {
        for (model, header, value) in [
            ("fault/429-seconds", "retry-after", "1"),
            ("fault/429-ms", "retry-after-ms", "250"),
            ("fault/429-reset", "x-ratelimit-reset-requests", "250ms"),
            ("fault/429-garbage", "retry-after", "soon"),
        ] {
            assert_eq!(send(&base, model, false).await.headers[header], value, "{model}");
        }
        let date = send(&base, "fault/429-date", false).await.headers["retry-after"].clone();
        assert!(date.to_str().unwrap().ends_with(" GMT"), "{date:?}");
    });
}

#[test]
fn invalid_text_arrives_as_it_is() {
    with_mock(Settings::default(), async |base| {
        let (bytes, error) = read(send(&base, "fault/invalid-utf8", false).await).await;
        assert_eq!(error, None);
        assert!(std::str::from_utf8(&bytes).is_err() && bytes.contains(&0xff));
    });
}

#[test]
fn a_body_over_the_bound_is_cut_off() {
    with_mock(Settings::default(), async |base| {
        let small = client().with_most_body(1 << 20);
        let response = small.send(chat(&base, "fault/huge", false)).await.unwrap();
        let (bytes, error) = read(response).await;
        assert_eq!(error.unwrap().class, FailureClass::Malformed);
        assert!(bytes.len() <= 1 << 20);
    });
}

#[test]
fn no_answer_is_a_failed_connection_and_no_http_is_malformed() {
    with_mock(Settings::default(), async |base| {
        for (model, class, part) in [
            ("fault/close", FailureClass::Connect, "before it answered"),
            ("fault/not-http", FailureClass::Malformed, "does not answer in HTTP"),
        ] {
            let error = client().send(chat(&base, model, false)).await.err().unwrap();
            assert_eq!(error.class, class, "{error}");
            assert!(error.message.contains(part) && !error.message.contains("canary"), "{error}");
        }
    });
}

/// The error of a call to an address.
fn failure(url: &str) -> WireError {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let request = WireRequest { url: url.to_owned(), ..chat("", "m", false) };
    runtime.block_on(async { client().send(request).await.err().unwrap() })
}

#[test]
fn a_closed_port_and_a_bad_address_say_what_to_check() {
    // Bound and dropped: nobody listens there.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let refused = failure(&format!("http://127.0.0.1:{port}/v1?key=canary"));
    assert_eq!(refused.class, FailureClass::Connect);
    assert_eq!(
        refused.message,
        format!(
            "could not connect to 127.0.0.1:{port}: connection refused; is the address right and the network up?"
        )
    );
    for url in ["no address", "ftp://127.0.0.1/?key=canary"] {
        let error = failure(url);
        assert_eq!(error.class, FailureClass::Connect, "{error}");
        assert!(error.message.contains("base_url") && !error.message.contains("canary"), "{error}");
    }
}

#[test]
fn plain_http_behind_an_https_address_says_that_the_connection_is_not_secure() {
    with_mock(Settings::default(), async |base| {
        let error = client().send(chat(&base.replace("http:", "https:"), "m", false)).await.err().unwrap();
        assert_eq!(error.class, FailureClass::Connect);
        assert!(error.message.starts_with("no secure connection to 127.0.0.1:"), "{error}");
    });
}

#[test]
fn a_slow_first_token_comes_after_the_head() {
    // The first token of this call never comes within the test, so what has come is the head alone.
    let settings = Settings { fault_delay: Duration::from_hours(1), ..Settings::default() };
    with_mock(settings, async |base| {
        let response = send(&base, "fault/slow-first-token", true).await;
        assert_eq!(response.status, 200);
        assert_eq!(stats_of(&base).await["in_flight"], 1, "the mock is not done with it");
    });
    let settings = Settings { fault_delay: Duration::from_millis(30), ..Settings::default() };
    with_mock(settings, async |base| {
        assert!(text(send(&base, "fault/slow-first-token", true).await).await.ends_with("[DONE]\n\n"));
    });
}

#[test]
fn dropping_a_stalled_body_ends_the_call_at_the_provider() {
    let stats = with_mock(Settings::default(), async |base| {
        let mut response = send(&base, "fault/stall", true).await;
        assert!(response.body.next().await.unwrap().is_ok());
        drop(response);
        // The mock sees the client leave; a second call proves that it still answers.
        text(send(&base, "m", true).await).await;
        while stats_of(&base).await["in_flight"] != 0 {
            tokio::task::yield_now().await;
        }
    });
    assert_eq!((stats.requests, stats.in_flight), (2, 0));
}

async fn stats_of(base: &str) -> serde_json::Value {
    let mut socket = TcpStream::connect(base.trim_start_matches("http://")).await.unwrap();
    socket.write_all(b"GET /stats HTTP/1.1\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
}

#[test]
fn the_rate_limit_refuses_with_a_hint_and_is_counted() {
    let limit = Some(Limit::TokenBucket { per_second: 0.001, burst: 3 });
    let stats = with_mock(Settings { limit, hint: RetryHint::Millis, ..Settings::default() }, async |base| {
        for n in 0..5 {
            let response = send(&base, "m", false).await;
            assert_eq!(response.status, if n < 3 { 200 } else { 429 });
            assert_eq!(response.headers.contains_key("retry-after-ms"), n >= 3);
        }
    });
    assert_eq!((stats.requests, stats.refused, stats.service.count), (5, 2, 3));
}

#[test]
fn calls_run_side_by_side_and_connections_are_reused() {
    let settings = Settings { latency: Duration::from_millis(20), ..Settings::default() };
    let stats = with_mock(settings, async |base| {
        let http = client();
        for _ in 0..2 {
            let calls = (0..32).map(|_| async {
                text(http.send(chat(&base, "m", true)).await.unwrap()).await;
            });
            join_all(calls).await;
        }
    });
    assert_eq!((stats.requests, stats.max_in_flight), (64, 32));
    assert!(stats.service.p50_us >= 20_000, "{stats:?}");
}

/// Takes one request as bytes and answers it with an empty object.
async fn record(listener: TcpListener) -> String {
    let (mut socket, _) = listener.accept().await.unwrap();
    let (mut bytes, mut buffer) = (Vec::new(), [0; 1024]);
    while !bytes.ends_with(b"{\"q\":1}") {
        let n = socket.read(&mut buffer).await.unwrap();
        assert!(n > 0, "the request ended early");
        bytes.extend_from_slice(&buffer[..n]);
    }
    socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").await.unwrap();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn a_credential_goes_to_its_own_provider_only() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        for (provider, has_key) in [("acme", true), ("other", false)] {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let base = format!("http://{}", listener.local_addr().unwrap());
            let credential = Credential {
                header: http::HeaderName::from_static("x-api-key"),
                value: SecretString::from("sk-canary".to_owned()),
            };
            let http = Http::new(BTreeMap::from([("acme".to_owned(), credential)]), CONNECT).unwrap();
            let request = WireRequest { provider: provider.to_owned(), ..request(&base, "{\"q\":1}") };
            let (sent, answered) = tokio::join!(record(listener), http.send(request));
            assert_eq!(answered.unwrap().status, 200);
            assert!(sent.starts_with("POST /v1/chat/completions?key="), "{sent}");
            assert!(sent.contains("content-type: application/json\r\n"), "{sent}");
            assert_eq!(sent.contains("x-api-key: sk-canary\r\n"), has_key, "{sent}");
        }
    });
}

#[test]
fn a_key_that_a_provider_repeats_is_masked_in_streams_and_answers_alike() {
    const KEY: &str = "sk-canary-0123456789";
    let value = SecretString::from(format!("Bearer {KEY}"));
    let credential = Credential { header: http::header::AUTHORIZATION, value };
    let client = Http::new(BTreeMap::from([("acme".to_owned(), credential)]), CONNECT).unwrap();
    with_mock(Settings::default(), async |base| {
        for model in ["m", "fault/chunks-1", "fault/chunks-7", "fault/gzip"] {
            for stream in [true, false] {
                let body = serde_json::json!({
                    "model": model, "stream": stream,
                    "messages": [{"role": "user", "content": format!("wrong key {KEY} given")}],
                });
                let response = client.send(request(&base, &body.to_string())).await.unwrap();
                assert_eq!(response.status, 200, "{model}");
                let text = text(response).await;
                assert!(text.contains("[key]") && !text.contains(KEY), "{model}: {text}");
            }
        }
    });
}

#[test]
fn the_wait_for_a_connection_is_told_apart_from_the_wait_for_the_head() {
    let latency = Duration::from_millis(100);
    with_mock(Settings { latency, ..Settings::default() }, async |base| {
        let client = client();
        let mut waits = Vec::new();
        for _ in 0..2 {
            let began = Instant::now();
            let response = client.send(chat(&base, "m", true)).await.unwrap();
            let waited = response.connect.unwrap();
            assert!(waited + latency <= began.elapsed(), "the pause before the head is not the connection's");
            waits.push(waited);
            text(response).await;
        }
        assert!(waits[0] > Duration::ZERO, "the first opens a connection: {waits:?}");
        assert_eq!(waits[1], Duration::ZERO, "the second finds it idle");
    });
}
