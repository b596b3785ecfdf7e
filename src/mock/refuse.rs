//! Refusals in every dialect's own words, and the ways in which providers say how long to wait.

use std::time::Duration;

use jiff::Timestamp;

use super::route::Tongue;
use super::text::Append as _;

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    BadRequest,
    Context,
    Auth,
    ModelMissing,
    RateLimited,
    Quota,
    Overloaded,
    Server,
}

impl Why {
    /// The usual reason for a status.
    pub(super) const fn of_status(status: u16) -> Self {
        match status {
            401 | 403 => Self::Auth,
            404 => Self::ModelMissing,
            429 => Self::RateLimited,
            503 | 529 => Self::Overloaded,
            500.. => Self::Server,
            _ => Self::BadRequest,
        }
    }

    const fn message(self, tongue: Tongue) -> &'static str {
        match self {
            Self::BadRequest => "The request cannot be understood.",
            Self::Context => Self::too_long(tongue),
            Self::Auth => "Incorrect API key provided.",
            Self::ModelMissing => "The model does not exist or you do not have access to it.",
            Self::RateLimited => "Rate limit reached for requests.",
            Self::Quota => Self::no_quota(tongue),
            Self::Overloaded => "The engine is currently overloaded, please try again later.",
            Self::Server => "The server had an error while processing your request.",
        }
    }

    /// Most providers tell a prompt that is too long from other bad requests by these words alone.
    const fn too_long(tongue: Tongue) -> &'static str {
        match tongue {
            Tongue::Anthropic => "prompt is too long: 9000 tokens > 8192 maximum",
            Tongue::Gemini => {
                "The input token count (9000) exceeds the maximum number of tokens allowed (8192)."
            }
            Tongue::Bedrock => "Input is too long for requested model.",
            Tongue::Ollama => "the input length exceeds the context length",
            Tongue::Chat | Tongue::Responses | Tongue::Cohere | Tongue::Embeddings => {
                "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens."
            }
        }
    }

    const fn no_quota(tongue: Tongue) -> &'static str {
        match tongue {
            Tongue::Anthropic => "Your credit balance is too low to access the Anthropic API.",
            _ => "You exceeded your current quota, please check your plan and billing details.",
        }
    }

    /// OpenAI's type and code.
    const fn openai(self) -> (&'static str, &'static str) {
        match self {
            Self::BadRequest => ("invalid_request_error", "null"),
            Self::Context => ("invalid_request_error", r#""context_length_exceeded""#),
            Self::Auth => ("invalid_request_error", r#""invalid_api_key""#),
            Self::ModelMissing => ("invalid_request_error", r#""model_not_found""#),
            Self::RateLimited => ("requests", r#""rate_limit_exceeded""#),
            Self::Quota => ("insufficient_quota", r#""insufficient_quota""#),
            Self::Overloaded => ("server_error", r#""overloaded""#),
            Self::Server => ("server_error", "null"),
        }
    }

    const fn anthropic(self) -> &'static str {
        match self {
            Self::BadRequest | Self::Context => "invalid_request_error",
            Self::Auth => "authentication_error",
            Self::ModelMissing => "not_found_error",
            Self::RateLimited => "rate_limit_error",
            Self::Quota => "billing_error",
            Self::Overloaded => "overloaded_error",
            Self::Server => "api_error",
        }
    }

    const fn gemini(self) -> &'static str {
        match self {
            Self::BadRequest | Self::Context => "INVALID_ARGUMENT",
            Self::Auth => "UNAUTHENTICATED",
            Self::ModelMissing => "NOT_FOUND",
            Self::RateLimited | Self::Quota => "RESOURCE_EXHAUSTED",
            Self::Overloaded => "UNAVAILABLE",
            Self::Server => "INTERNAL",
        }
    }

    const fn bedrock(self) -> &'static str {
        match self {
            Self::BadRequest | Self::Context => "ValidationException",
            Self::Auth => "UnrecognizedClientException",
            Self::ModelMissing => "ResourceNotFoundException",
            Self::RateLimited => "ThrottlingException",
            Self::Quota => "ServiceQuotaExceededException",
            Self::Overloaded => "ServiceUnavailableException",
            Self::Server => "InternalServerException",
        }
    }
}

/// How a refusal says how long to wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RetryHint {
    /// It does not.
    #[default]
    None,
    /// `retry-after` in whole seconds, rounded up (RFC 9110, 10.2.3).
    Seconds,
    /// `retry-after-ms`, as Azure sends it.
    Millis,
    /// `retry-after` as an HTTP date.
    Date,
    /// `x-ratelimit-reset-requests` as a Go duration, as OpenAI and Groq send it.
    Reset,
    /// In the message only: "Please try again in 250ms.".
    Message,
    /// In the body: `google.rpc.RetryInfo`, as Gemini sends it.
    RetryInfo,
    /// A `retry-after` that says nothing.
    Garbage,
}

/// A refusal.
#[derive(Clone, Copy, Debug)]
pub(super) struct Refused {
    pub(super) status: u16,
    pub(super) why: Why,
    pub(super) hint: RetryHint,
    pub(super) wait: Duration,
}

impl Refused {
    /// A refusal that says nothing about waiting.
    pub(super) const fn new(status: u16, why: Why) -> Self {
        Self { status, why, hint: RetryHint::None, wait: Duration::ZERO }
    }

    /// Appends header lines.
    pub(super) fn headers(&self, tongue: Tongue, now: Timestamp, out: &mut Vec<u8>) {
        if tongue == Tongue::Bedrock {
            out.raw("x-amzn-errortype: ").raw(self.why.bedrock()).raw("\r\n");
        }
        let millis = self.millis();
        match self.hint {
            RetryHint::Seconds => out.raw("retry-after: ").number(millis.div_ceil(1_000)).raw("\r\n"),
            RetryHint::Millis => out.raw("retry-after-ms: ").number(millis).raw("\r\n"),
            RetryHint::Date => out.raw("retry-after: ").raw(&self.date(now)).raw("\r\n"),
            RetryHint::Reset => out.raw("x-ratelimit-reset-requests: ").number(millis).raw("ms\r\n"),
            RetryHint::Garbage => out.raw("retry-after: soon\r\n"),
            RetryHint::None | RetryHint::Message | RetryHint::RetryInfo => out,
        };
    }

    fn millis(&self) -> u64 {
        u64::try_from(self.wait.as_micros().div_ceil(1_000)).unwrap_or(u64::MAX)
    }

    /// The first whole second at which the wait is over, as RFC 9110 writes dates.
    fn date(&self, now: Timestamp) -> String {
        let wait = i64::try_from(self.millis().div_ceil(1_000)).unwrap_or(i64::MAX);
        let until = Timestamp::from_second(now.as_second().saturating_add(wait).saturating_add(1));
        until.unwrap_or(now).strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
    }

    /// The JSON body.
    pub(super) fn body(&self, tongue: Tongue) -> Vec<u8> {
        let mut message = self.why.message(tongue).to_owned();
        if self.hint == RetryHint::Message {
            message = format!("{message} Please try again in {}ms.", self.millis());
        }
        let mut out = Vec::with_capacity(256);
        match tongue {
            Tongue::Chat | Tongue::Responses | Tongue::Embeddings => {
                let (kind, code) = self.why.openai();
                out.raw(r#"{"error":{"message":"#).quoted(&message).raw(r#","type":"#).quoted(kind);
                out.raw(r#","param":null,"code":"#).raw(code).raw("}}");
            }
            Tongue::Anthropic => {
                out.raw(r#"{"type":"error","error":{"type":"#).quoted(self.why.anthropic());
                out.raw(r#","message":"#).quoted(&message).raw("},\"request_id\":\"req_mock\"}");
            }
            Tongue::Gemini => self.gemini(&message, &mut out),
            Tongue::Cohere => {
                out.raw(r#"{"id":"mock","message":"#).quoted(&message).raw("}");
            }
            Tongue::Ollama => {
                out.raw(r#"{"error":"#).quoted(&message).raw("}");
            }
            Tongue::Bedrock => {
                out.raw(r#"{"message":"#).quoted(&message).raw("}");
            }
        }
        out
    }

    fn gemini(&self, message: &str, out: &mut Vec<u8>) {
        out.raw(r#"{"error":{"code":"#).number(self.status.into()).raw(r#","message":"#).quoted(message);
        out.raw(r#","status":"#).quoted(self.why.gemini());
        if self.hint == RetryHint::RetryInfo {
            let delay = format!("{}s", self.wait.as_secs_f64());
            out.raw(r#","details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"#);
            out.quoted(&delay).raw("}]");
        }
        out.raw("}}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(hint: RetryHint) -> Refused {
        Refused { status: 429, why: Why::RateLimited, hint, wait: Duration::from_millis(250) }
    }

    #[test]
    fn each_hint_is_written_as_its_provider_writes_it() {
        let now = "2026-11-21T12:00:00.5Z".parse().unwrap();
        let cases = [
            (RetryHint::None, ""),
            (RetryHint::Seconds, "retry-after: 1\r\n"),
            (RetryHint::Millis, "retry-after-ms: 250\r\n"),
            (RetryHint::Date, "retry-after: Sat, 21 Nov 2026 12:00:02 GMT\r\n"),
            (RetryHint::Reset, "x-ratelimit-reset-requests: 250ms\r\n"),
            (RetryHint::Garbage, "retry-after: soon\r\n"),
        ];
        for (hint, expected) in cases {
            let mut out = Vec::new();
            refused(hint).headers(Tongue::Chat, now, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
        let message = String::from_utf8(refused(RetryHint::Message).body(Tongue::Chat)).unwrap();
        assert!(message.contains("try again in 250ms"));
        let info = String::from_utf8(refused(RetryHint::RetryInfo).body(Tongue::Gemini)).unwrap();
        assert!(info.contains(r#""retryDelay":"0.25s""#));
    }

    #[test]
    fn every_refusal_is_json_in_every_dialect() {
        let tongues = [
            Tongue::Chat,
            Tongue::Anthropic,
            Tongue::Gemini,
            Tongue::Cohere,
            Tongue::Ollama,
            Tongue::Bedrock,
        ];
        for tongue in tongues {
            for status in [400, 401, 404, 429, 500, 503, 529] {
                let body = Refused::new(status, Why::of_status(status)).body(tongue);
                assert!(serde_json::from_slice::<serde_json::Value>(&body).unwrap().is_object());
            }
        }
    }
}
