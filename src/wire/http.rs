//! Real HTTP: the only place that holds a socket or a credential.
//!
//! Redirects are not followed, bodies not logged, and an error names the host and port, never the path or
//! the query, where some providers put the key.

use std::collections::BTreeMap;
use std::error::Error as _;
use std::io;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ::http::header::{ACCEPT_ENCODING, CONTENT_TYPE};
use ::http::{HeaderName, HeaderValue, Method};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream, StreamExt};
use reqwest::{Client, ClientBuilder, Request, Url};
use secrecy::{ExposeSecret, SecretString};

use super::connecting::{Timed, timed};
use super::hush::Secret;
use super::{Transport, WireError, WireRequest, WireResponse};
use crate::base::span;
use crate::model::FailureClass;

/// The largest body accepted, after decompression: 64 MiB, above any image answer a provider gives.
pub const MOST_BODY: usize = 64 << 20;

/// Idle connections are dropped before common servers drop them (nginx 75 s, AWS load balancers 60 s), so
/// that few requests meet a connection that is just being closed.
const POOL_IDLE: Duration = Duration::from_secs(50);

/// What proves to a provider who asks.
#[derive(Clone, Debug)]
pub struct Credential {
    /// The header that carries it, such as `authorization` or `x-api-key`.
    pub header: HeaderName,
    /// The header's whole value, `Bearer ` included where the provider wants it.
    pub value: SecretString,
}

/// A credential that no header can carry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the key of provider `{provider}` holds a character that no HTTP header can carry; is there a line break in it?"
)]
pub struct CredentialError {
    /// The provider's name in the configuration.
    pub provider: String,
}

/// A credential as it is sent, and as it is looked for in what comes back.
#[derive(Debug)]
struct Sent {
    header: HeaderName,
    value: HeaderValue,
    secrets: Vec<Secret>,
}

/// Sends requests over HTTP/1.1 and HTTP/2. Making one costs nothing: sockets, TLS roots and the
/// environment's proxy settings (`HTTPS_PROXY`, `NO_PROXY`) are read when a request first needs them. Only
/// connecting has a time limit here; the caller, who knows what an answer may take, drops what is too late.
#[derive(Debug)]
pub struct Http {
    credentials: BTreeMap<String, Vec<Sent>>,
    connect_timeout: Duration,
    most_body: usize,
    loopback: OnceLock<Result<Client, WireError>>,
    outside: OnceLock<Result<Client, WireError>>,
}

impl Http {
    /// A transport that adds each provider's credentials to its requests; a provider may have several, each in a
    /// header of its own. A provider without one is called without. Connecting (name, TCP and TLS together) may take `connect_timeout`.
    pub fn new(
        credentials: impl IntoIterator<Item = (String, Credential)>,
        connect_timeout: Duration,
    ) -> Result<Self, CredentialError> {
        let mut headers: BTreeMap<String, Vec<_>> = BTreeMap::new();
        for (provider, credential) in credentials {
            let Ok(mut value) = HeaderValue::from_str(credential.value.expose_secret()) else {
                return Err(CredentialError { provider });
            };
            value.set_sensitive(true);
            let secrets = Secret::all(value.as_bytes());
            let sent = Sent { header: credential.header, value, secrets };
            headers.entry(provider).or_default().push(sent);
        }
        Ok(Self {
            credentials: headers,
            connect_timeout,
            most_body: MOST_BODY,
            loopback: OnceLock::new(),
            outside: OnceLock::new(),
        })
    }

    /// The same with another bound on the size of an answer, in bytes; a test need not send as much as
    /// the default allows.
    #[must_use]
    pub fn with_most_body(mut self, most_body: usize) -> Self {
        self.most_body = most_body;
        self
    }

    /// Loopback without TLS is reached without proxy and without trusted roots, which take milliseconds to
    /// load; everything else by the ordinary client.
    fn client(&self, url: &Url) -> Result<&Client, WireError> {
        let client = if is_plain_loopback(url) {
            self.loopback.get_or_init(|| loopback_client(self.connect_timeout))
        } else {
            self.outside.get_or_init(|| outside_client(self.connect_timeout))
        };
        client.as_ref().map_err(Clone::clone)
    }

    async fn exchange(&self, request: WireRequest) -> Result<WireResponse, WireError> {
        let url = Url::parse(&request.url).map_err(|cause| bad_address(&request.provider, &cause))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(bad_address(&request.provider, &"it begins with neither http:// nor https://"));
        }
        let client = self.client(&url)?;
        let mut message = Request::new(Method::POST, url);
        let headers = message.headers_mut();
        *headers = request.headers;
        // Only the client offers encodings, because only it decompresses.
        headers.remove(ACCEPT_ENCODING);
        headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static("application/json"));
        let credentials = self.credentials.get(&request.provider).map_or(&[][..], Vec::as_slice);
        for credential in credentials {
            headers.insert(credential.header.clone(), credential.value.clone());
        }
        *message.body_mut() = Some(request.body.into());
        let (answer, connect) = timed(client.execute(message)).await;
        let mut response = answer.map_err(|error| self.no_head(&error, &request.url))?;
        let status = response.status().as_u16();
        let mut headers = std::mem::take(response.headers_mut());
        let mut body = bounded(response.bytes_stream().boxed(), request.url, self.most_body);
        for secret in credentials.iter().flat_map(|credential| credential.secrets.clone()) {
            secret.hush_headers(&mut headers);
            body = secret.hush(body);
        }
        Ok(WireResponse { status, headers, connect, body })
    }

    /// The call ended before the head of an answer.
    fn no_head(&self, error: &reqwest::Error, url: &str) -> WireError {
        let (peer, cause) = (peer(url), cause(error));
        if error.is_connect() && error.is_timeout() {
            let limit = span::show(self.connect_timeout);
            return failed(
                FailureClass::Connect,
                format!("no connection to {peer} within {limit}; is the address right and the network up?"),
            );
        }
        // Within a connection that stood, a provider says by an alert too that it ends: after the request left.
        if error.is_connect() && is_tls(error) {
            return failed(
                FailureClass::Connect,
                format!(
                    "no secure connection to {peer}: {cause}; is it the right host, and does this machine \
                     trust its certificate authority?"
                ),
            );
        }
        if error.is_connect() {
            return failed(
                FailureClass::Connect,
                format!("could not connect to {peer}: {cause}; is the address right and the network up?"),
            );
        }
        // hyper names what it could not parse `invalid HTTP …` and an endless head `message head …`.
        if cause.starts_with("invalid ") || cause.starts_with("message head") {
            return failed_on_the_way(
                FailureClass::Malformed,
                format!("{peer} does not answer in HTTP: {cause}; is the address right?"),
            );
        }
        failed_on_the_way(
            FailureClass::Connect,
            format!("{peer} broke the connection before it answered: {cause}; try again"),
        )
    }
}

impl Transport for Http {
    fn send(&self, request: WireRequest) -> BoxFuture<'_, Result<WireResponse, WireError>> {
        Box::pin(self.exchange(request))
    }
}

fn builder(connect_timeout: Duration) -> ClientBuilder {
    Client::builder()
        .user_agent(concat!("orch/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(connect_timeout)
        .connector_layer(Timed)
        .tcp_nodelay(true)
        .pool_idle_timeout(POOL_IDLE)
}

fn loopback_client(connect_timeout: Duration) -> Result<Client, WireError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|cause| no_client(&cause))?
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    builder(connect_timeout)
        .no_proxy()
        .tls_backend_preconfigured(tls)
        .build()
        .map_err(|error| no_client(&cause(&error)))
}

fn outside_client(connect_timeout: Duration) -> Result<Client, WireError> {
    // A provider that is already installed stays: then another part of the process chose it first.
    rustls::crypto::ring::default_provider().install_default().ok();
    builder(connect_timeout).build().map_err(|error| no_client(&cause(&error)))
}

fn no_client(cause: &dyn std::fmt::Display) -> WireError {
    failed(
        FailureClass::Connect,
        format!("could not prepare HTTPS: {cause}; are this machine's certificate authorities readable?"),
    )
}

fn is_plain_loopback(url: &Url) -> bool {
    url.scheme() == "http"
        && url.host_str().is_some_and(|host| {
            let bare = host.trim_start_matches('[').trim_end_matches(']');
            host == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
        })
}

/// Passes chunks on until the body ends, breaks or grows over the bound; then it is over.
fn bounded(
    body: BoxStream<'static, reqwest::Result<Bytes>>,
    url: String,
    most: usize,
) -> BoxStream<'static, Result<Bytes, WireError>> {
    stream::unfold(Some((body, url, most)), |state| async {
        let (mut body, url, left) = state?;
        match body.next().await? {
            Ok(chunk) => match left.checked_sub(chunk.len()) {
                Some(left) => Some((Ok(chunk), Some((body, url, left)))),
                None => Some((Err(endless(&url)), None)),
            },
            Err(error) => Some((Err(broken(&error, &url)), None)),
        }
    })
    .boxed()
}

fn endless(url: &str) -> WireError {
    let peer = peer(url);
    failed_on_the_way(
        FailureClass::Malformed,
        format!("the answer of {peer} is longer than any model's answer; is the address right?"),
    )
}

/// The connection or the compression broke within the body.
fn broken(error: &reqwest::Error, url: &str) -> WireError {
    let (peer, cause) = (peer(url), cause(error));
    if is_bad_data(error) {
        return failed_on_the_way(
            FailureClass::Malformed,
            format!("the answer of {peer} cannot be decompressed: {cause}; try again"),
        );
    }
    failed_on_the_way(
        FailureClass::Truncated,
        format!("the connection to {peer} broke within the answer: {cause}; try again"),
    )
}

fn bad_address(provider: &str, cause: &dyn std::fmt::Display) -> WireError {
    failed(
        FailureClass::Connect,
        format!("the address of provider `{provider}` cannot be used: {cause}; correct its base_url"),
    )
}

fn failed(class: FailureClass, message: String) -> WireError {
    WireError { class, message, was_sent: false }
}

/// A failure after the request was on its way.
fn failed_on_the_way(class: FailureClass, message: String) -> WireError {
    WireError { was_sent: true, ..failed(class, message) }
}

/// Host and port of an address: all of it that an error may show.
fn peer(url: &str) -> String {
    let Ok(url) = Url::parse(url) else { return "the provider".to_owned() };
    let host = url.host_str().unwrap_or("the provider");
    url.port_or_known_default().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// The innermost cause; the outer layers only say that something failed, and the outermost knows the URL.
fn cause(error: &reqwest::Error) -> String {
    let mut last: Option<&dyn std::error::Error> = error.source();
    while let Some(next) = last.and_then(std::error::Error::source) {
        last = Some(next);
    }
    let text = last.map_or_else(|| "unknown cause".to_owned(), ToString::to_string);
    // `Connection refused (os error 111)`: the number helps nobody.
    let text = text.split(" (os error").next().unwrap_or(&text);
    let mut chars = text.chars();
    let first = chars.next().map(|c| if text.starts_with("TLS") { c } else { c.to_ascii_lowercase() });
    first.into_iter().chain(chars).collect()
}

fn is_tls(error: &reqwest::Error) -> bool {
    holds(error, &|inner| inner.is::<rustls::Error>())
}

/// Decompressors report bad data by these kinds; everything else is the connection's failure.
fn is_bad_data(error: &reqwest::Error) -> bool {
    use io::ErrorKind::{InvalidData, InvalidInput};
    holds(error, &|inner| {
        inner
            .downcast_ref::<io::Error>()
            .is_some_and(|inner| matches!(inner.kind(), InvalidData | InvalidInput))
    })
}

/// Whether an error or one of its causes is such. An `io::Error` does not name what it wraps as its source.
fn holds(
    error: &(dyn std::error::Error + 'static),
    is_such: &dyn Fn(&(dyn std::error::Error + 'static)) -> bool,
) -> bool {
    let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    is_such(error)
        || wrapped.is_some_and(|inner| holds(inner, is_such))
        || error.source().is_some_and(|inner| holds(inner, is_such))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_shows_host_and_port_and_nothing_else_of_an_address() {
        let cases = [
            ("https://user:pw@api.x.com/v1?key=secret", "api.x.com:443"),
            ("http://127.0.0.1:8080/a/secret", "127.0.0.1:8080"),
            ("http://[::1]:9/", "[::1]:9"),
            ("no address", "the provider"),
        ];
        for (url, shown) in cases {
            assert_eq!(peer(url), shown);
        }
    }

    #[tokio::test]
    async fn a_tls_alert_after_the_request_left_is_no_proof_that_it_was_not_answered_and_billed() {
        let alert = rustls::Error::AlertReceived(rustls::AlertDescription::InternalError);
        let body = reqwest::Body::wrap_stream(stream::iter([Err::<Bytes, _>(io::Error::other(alert))]));
        let error = reqwest::Response::from(::http::Response::new(body)).bytes().await.unwrap_err();
        assert!(is_tls(&error) && !error.is_connect());
        let told =
            Http::new(BTreeMap::new(), Duration::from_secs(1)).unwrap().no_head(&error, "https://h/v1");
        assert!(told.was_sent, "{told}");
        assert!(told.message.starts_with("h:443 broke the connection before it answered: "), "{told}");
    }

    #[test]
    fn only_loopback_without_tls_goes_without_proxy_and_roots() {
        let cases = [
            ("http://127.0.0.1:1/", true),
            ("http://127.9.9.9/", true),
            ("http://[::1]:1/", true),
            ("http://localhost:11434/api", true),
            ("https://localhost/", false),
            ("http://192.168.0.2/", false),
            ("http://localhost.example.com/", false),
            ("https://api.openai.com/v1", false),
        ];
        for (url, plain) in cases {
            assert_eq!(is_plain_loopback(&Url::parse(url).unwrap()), plain, "{url}");
        }
    }

    #[test]
    fn a_key_is_never_shown() {
        let credential = Credential {
            header: HeaderName::from_static("x-api-key"),
            value: SecretString::from("sk-canary-123".to_owned()),
        };
        let shown = format!("{credential:?}");
        let http =
            Http::new(BTreeMap::from([("acme".to_owned(), credential)]), Duration::from_secs(1)).unwrap();
        assert!(!format!("{shown}{http:?}").contains("canary"));
    }

    #[test]
    fn a_key_with_a_line_break_is_refused_without_showing_it() {
        let value = SecretString::from("sk-canary\n".to_owned());
        let credential = Credential { header: HeaderName::from_static("x-api-key"), value };
        let error = Http::new(BTreeMap::from([("acme".to_owned(), credential)]), Duration::from_secs(1))
            .unwrap_err()
            .to_string();
        assert!(error.contains("`acme`") && error.contains("line break") && !error.contains("canary"));
    }
}
