//! Floor 2: how providers speak. Pure functions between canonical values and bytes; no I/O, no clock.
//!
//! A provider is a row of data (name, dialect, address, [`Quirks`]); a dialect is code.

pub mod anthropic;
pub mod bedrock;
mod body;
pub mod classify;
pub mod cohere;
mod draft;
pub mod embed;
mod feed;
mod field;
pub mod gemini;
mod heading;
mod hint;
mod loose;
pub mod ollama;
pub mod openai;
pub mod quirks;
pub mod responses;
#[cfg(test)]
mod tests;
mod usage;

use http::{HeaderMap, HeaderValue};

use crate::model::{Delta, Failure, Request};

/// The dialects, by the names that configuration and ledger use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DialectName {
    /// OpenAI chat completions, and the many that imitate it.
    OpenAi,
    /// OpenAI Responses.
    Responses,
    /// Anthropic Messages.
    Anthropic,
    /// Gemini generateContent.
    Gemini,
    /// Cohere v2 chat.
    Cohere,
    /// Ollama native chat.
    Ollama,
    /// Bedrock Converse.
    Bedrock,
}

impl DialectName {
    /// Every dialect.
    pub const ALL: [Self; 7] = [
        Self::OpenAi,
        Self::Responses,
        Self::Anthropic,
        Self::Gemini,
        Self::Cohere,
        Self::Ollama,
        Self::Bedrock,
    ];

    /// The name in configuration and ledger.
    pub const fn name(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::Responses => "responses",
            Self::Anthropic => "anthropic",
            Self::Gemini => "gemini",
            Self::Cohere => "cohere",
            Self::Ollama => "ollama",
            Self::Bedrock => "bedrock",
        }
    }

    /// The dialect of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|dialect| dialect.name() == name)
    }
}

/// What a provider does differently from its dialect. Data; the default is the dialect as documented.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quirks {
    /// The provider's preset name (`openai`, `groq`, …), for its error patterns.
    pub provider: &'static str,
    /// Completion tokens do not include reasoning tokens: add them (xAI chat, Vercel).
    pub reasoning_outside_output: bool,
    /// The total counts output that no field reports: output = total - prompt (Gemini's OpenAI endpoint).
    pub output_from_total: bool,
    /// The length limit is still called `max_tokens`, not `max_completion_tokens`.
    pub old_max_tokens: bool,
    /// `stream_options` is refused.
    pub no_stream_options: bool,
    /// The seed is called `random_seed` (Mistral).
    pub random_seed: bool,
    /// A stream may end without `[DONE]` (Perplexity, Hugging Face).
    pub no_done: bool,
    /// A stream may end without any finish reason (Snowflake).
    pub no_finish: bool,
    /// The prompt's count leaves out audio: input = total - completion (Mistral).
    pub input_from_total: bool,
    /// There is no developer role; such messages are sent as the system's.
    pub no_developer: bool,
    /// There is no `json_schema` response format; only `json_object`.
    pub no_json_schema: bool,
    /// A required tool call is called `any`, not `required` (Mistral).
    pub tool_choice_any: bool,
    /// `top_k` is understood, although the dialect does not have it.
    pub top_k: bool,
    /// Effort and thinking budget go into a `reasoning` object (OpenRouter, Vercel).
    pub reasoning_object: bool,
    /// Tool call identifiers must be nine letters and digits (Mistral).
    pub short_call_ids: bool,
    /// The message field in which the model's earlier reasoning is sent back; reasoning is left out where
    /// there is none.
    pub reasoning_echo: Option<&'static str>,
}

/// What a call needs besides the request.
#[derive(Clone, Debug)]
pub struct Call<'a> {
    /// The model as the provider calls it.
    pub model: &'a str,
    /// The provider's base address, without a trailing slash.
    pub base_url: &'a str,
    /// Whether to ask for a stream.
    pub stream: bool,
    /// What the provider does differently.
    pub quirks: &'a Quirks,
}

/// A request in bytes.
#[derive(Clone, Debug)]
pub struct Encoded {
    /// The whole address.
    pub url: String,
    /// Headers besides credentials.
    pub headers: HeaderMap,
    /// The JSON body.
    pub body: Vec<u8>,
    /// What could not be said in this dialect, as one phrase each (`top_k`, `image detail`).
    pub dropped: Vec<String>,
}

/// The head of an answer.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: &'a HeaderMap,
}

/// One family of providers' language.
pub trait Dialect: Sync {
    /// Its name.
    fn name(&self) -> DialectName;

    /// Writes a request. Fails with [`FailureClass::Unsupported`](crate::model::FailureClass) when leaving
    /// something out would change what is asked.
    fn encode(&self, request: &Request, call: &Call<'_>) -> Result<Encoded, Failure>;

    /// Reads the whole body of a successful answer. A body that holds an error is that failure.
    fn decode(&self, body: &[u8], quirks: &Quirks) -> Result<Vec<Delta>, Failure>;

    /// A decoder for the body of one streamed answer.
    fn decoder(&self, quirks: &Quirks) -> Box<dyn Decoder>;

    /// Reads an answer that is not a success. Never fails: the unknown is classified by status.
    fn classify(&self, head: Head<'_>, body: &[u8], quirks: &Quirks) -> Failure {
        classify::classify(self.name(), head, body, quirks)
    }
}

/// Decodes one streamed answer from bytes in any chunking; the same bytes give the same deltas.
pub trait Decoder: Send {
    /// Takes bytes; appends the deltas they complete. An error event in the stream is that failure.
    fn push(&mut self, bytes: &[u8], out: &mut Vec<Delta>) -> Result<(), Failure>;

    /// The connection closed in good order. Fails with [`FailureClass::Truncated`](crate::model::FailureClass)
    /// when the stream's terminal event has not been seen.
    fn finish(&mut self, out: &mut Vec<Delta>) -> Result<(), Failure>;

    /// Whether what ends an answer has been seen, so that [`finish`](Self::finish) would not fail. Tokens may still
    /// follow: `OpenAI` counts them after the finish reason, Bedrock after `messageStop`.
    fn is_complete(&self) -> bool {
        false
    }
}

/// The dialect of a name.
pub fn for_name(name: DialectName) -> &'static dyn Dialect {
    match name {
        DialectName::OpenAi => &openai::OpenAi,
        DialectName::Responses => &responses::Responses,
        DialectName::Anthropic => &anthropic::Anthropic,
        DialectName::Gemini => &gemini::Gemini,
        DialectName::Cohere => &cohere::Cohere,
        DialectName::Ollama => &ollama::Ollama,
        DialectName::Bedrock => &bedrock::Bedrock,
    }
}

/// The address of an endpoint under a base address; a query of the base (Azure's `api-version`) stays last.
fn endpoint(base_url: &str, path: &str) -> String {
    let (base, query) = base_url.split_once('?').unwrap_or((base_url, ""));
    let url = format!("{}/{path}", base.trim_end_matches('/'));
    match (query, url.contains('?')) {
        ("", _) => url,
        (query, true) => format!("{url}&{query}"),
        (query, false) => format!("{url}?{query}"),
    }
}

/// The headers of a JSON request, without credentials.
fn json_headers() -> HeaderMap {
    HeaderMap::from_iter([(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"))])
}
