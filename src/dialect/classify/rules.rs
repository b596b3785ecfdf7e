//! The rules, in order: the first that fits decides, then the status.
//!
//! Each row names the providers whose words it knows. The words are theirs, as seen in recorded traffic, in
//! their API references and in public bug reports.

use super::facts::Facts;
use crate::dialect::{DialectName, Quirks};
use crate::model::FailureClass::{
    self, Auth, BadRequest, Context, Forbidden, Malformed, ModelMissing, Overloaded, Policy, Quota,
    RateLimited, Server, Timeout, TooLarge, Unsupported,
};

/// One rule: under these statuses, one of these codes or one of these texts means this class.
struct Rule {
    class: FailureClass,
    /// Any status when empty. An error without a status meets every rule but those about the status alone.
    statuses: &'static [u16],
    /// Types and codes, whole, in lower case.
    codes: &'static [&'static str],
    /// Parts of the message, in lower case.
    texts: &'static [&'static str],
}

impl Rule {
    fn fits(&self, status: Option<u16>, codes: &[String], message: &str) -> bool {
        let is_here = match status {
            Some(status) => self.statuses.is_empty() || self.statuses.contains(&status),
            None => self.texts != ANY,
        };
        is_here
            && (codes.iter().any(|code| self.codes.contains(&code.as_str()))
                || self.texts.iter().any(|text| message.contains(text)))
    }
}

/// Any message: the status is the signal.
const ANY: &[&str] = &[""];

/// The class of an error.
pub(super) fn class(dialect: DialectName, facts: &Facts, quirks: &Quirks) -> FailureClass {
    let message = facts.message.to_lowercase();
    let mut codes = vec![facts.code.to_ascii_lowercase(), facts.kind.to_ascii_lowercase()];
    codes.extend(facts.inner.iter().cloned());
    if let Some(class) = google_quota(facts.status, &codes, &message) {
        return class;
    }
    let own: &[Rule] = match (quirks.provider, dialect) {
        ("mistral", _) => MISTRAL,
        ("bedrock", _) | (_, DialectName::Bedrock) => BEDROCK,
        _ => &[],
    };
    let rule = own.iter().chain(RULES).find(|rule| rule.fits(facts.status, &codes, &message));
    rule.map_or_else(|| by_status(facts.status), |rule| rule.class)
}

/// Google says `RESOURCE_EXHAUSTED` and "exceeded your current quota" for a pace, a daily allowance and a
/// model the account may not use at all; the quota's name or a limit of zero tells them apart.
fn google_quota(status: Option<u16>, codes: &[String], message: &str) -> Option<FailureClass> {
    let is_exhausted = codes.iter().any(|code| code == "resource_exhausted");
    if !is_exhausted || status.is_some_and(|status| status != 429) {
        return None;
    }
    let is_closed = message
        .split("limit: 0")
        .skip(1)
        .any(|rest| !rest.starts_with(|c: char| c.is_ascii_digit() || c == '.'));
    let is_daily = codes.iter().any(|code| code.contains("perday")) || message.contains("per_day");
    let is_money = message.contains("credits are depleted") || message.contains("spending cap");
    if is_closed || is_daily || is_money {
        return Some(Quota);
    }
    let is_capacity =
        message.contains("no capacity") || codes.iter().any(|code| code.contains("capacity_exhausted"));
    Some(if is_capacity { Overloaded } else { RateLimited })
}

/// What a status means when nothing else is known.
fn by_status(status: Option<u16>) -> FailureClass {
    match status {
        Some(401) => Auth,
        Some(402) => Quota,
        Some(403 | 451) => Forbidden,
        Some(404 | 410) => ModelMissing,
        Some(408 | 504 | 524) => Timeout,
        Some(413) => TooLarge,
        Some(429) => RateLimited,
        // 424 is Bedrock's ModelErrorException, 409 a conflict that SDKs retry.
        Some(409 | 424) => Server,
        Some(503 | 529) => Overloaded,
        Some(400..=499) => BadRequest,
        _ => Server,
    }
}

const fn rule(
    class: FailureClass,
    statuses: &'static [u16],
    codes: &'static [&'static str],
    texts: &'static [&'static str],
) -> Rule {
    Rule { class, statuses, codes, texts }
}

/// Mistral numbers its errors.
const MISTRAL: &[Rule] = &[
    rule(RateLimited, &[], &["1300"], &[]),
    rule(ModelMissing, &[], &["1500"], &[]),
    rule(Unsupported, &[400, 422], &["3051"], &[]),
    rule(Overloaded, &[429], &["3505"], &["service tier capacity exceeded"]),
];

/// Bedrock's exceptions are all of AWS; the message tells what a `ValidationException` is about.
const BEDROCK: &[Rule] = &[
    rule(RateLimited, &[], &["throttlingexception", "toomanyrequestsexception"], &[]),
    rule(Quota, &[], &["servicequotaexceededexception"], &[]),
    rule(Overloaded, &[], &["modelnotreadyexception", "serviceunavailableexception"], &[]),
    rule(Timeout, &[], &["modeltimeoutexception"], &[]),
    rule(Server, &[], &["modelstreamerrorexception", "internalserverexception", "modelerrorexception"], &[]),
    rule(Context, &[], &[], &["input is too long for requested model", "input tokens exceeded"]),
];

/// The rules of everybody.
#[rustfmt::skip]
const RULES: &[Rule] = &[
    // OpenAI 429 and Groq 413: one request needs more than a minute's allowance.
    rule(TooLarge, &[413, 429], &[], &["request too large for", "request too large. "]),
    // Azure, OpenAI, xAI (403), OpenRouter moderation (403), Alibaba.
    rule(Policy, &[400, 403, 422, 451],
        &["content_filter", "content_policy_violation", "invalid_prompt", "responsibleaipolicyviolation",
          "data_inspection_failed", "moderation_blocked"],
        &["content violates usage guidelines", "content management policy", "your prompt was flagged",
          "your input was flagged", "violating our usage policy", "violate our usage policies",
          "limited access to this content for safety reasons", "output blocked by content filtering policy",
          "blocked by our safety system", "rejected as a result of our safety system"]),
    // Money: OpenAI, Anthropic (400 and 429), xAI (429 and 403), DeepSeek, OpenRouter.
    rule(Quota, &[],
        &["insufficient_quota", "billing_error", "billing_hard_limit_reached", "billing_not_active",
          "insufficient_balance", "insufficient_credits", "payment_required", "budget_exceeded"],
        &["credit balance is too low", "reached your specified api usage limits",
          "reached your specified workspace api usage limits", "extra usage is required",
          "used all available credits", "doesn't have any credits", "monthly spending limit",
          "insufficient balance", "insufficient credits", "exceeded your current quota",
          "key limit exceeded", "out of credits", "account is not active", "exceeded your monthly included credits",
          "requires more credits"]),
    // Where one may not be: OpenAI 403, Bedrock 400, Gemini 400.
    rule(Forbidden, &[],
        &["unsupported_country_region_territory", "model_terms_required"],
        &["unsupported countries, regions", "user location is not supported", "country, region, or territory not supported",
          "not available in your region", "not available in your country",
          "matching your data policy", "matching your guardrail"]),
    // Keys: Gemini 400, xAI 400, Bedrock 403, Doubleword 403, Gemini 403.
    rule(Auth, &[],
        &["invalid_api_key", "api_key_invalid", "authentication_error", "unauthenticated", "invalid_authentication",
          "unrecognizedclientexception", "expiredtokenexception", "invalidsignatureexception",
          "incompletesignatureexception", "missingauthenticationtokenexception", "incompletesignature",
          "access_token_type_unsupported", "token_expired"],
        &["incorrect api key", "invalid api key", "api key not valid", "api key expired", "invalid x-api-key",
          "unregistered callers", "no auth credentials found", "security token included in the request",
          "api key was reported as leaked", "make sure your api key is valid"]),
    rule(Auth, &[403], &["forbidden"], &[]),
    rule(Auth, &[401], &[], ANY),
    // Cloudflare before a provider: its words guess at causes.
    rule(Server, &[520, 521, 522, 523, 525, 526, 527, 530], &[], ANY),
    // The model failed at its own format: Groq 400 (also within a stream), Bedrock 424.
    rule(Malformed, &[],
        &["tool_use_failed", "json_validate_failed", "output_parse_failed"],
        &["invalid sequence as part of tooluse"]),
    // The window: every provider words it in its own way.
    rule(Context, &[400, 413, 422, 500],
        &["context_length_exceeded", "exceed_context_size_error", "too_many_prompt_tokens", "too_many_tokens",
          "context_window_exceeded", "model_context_window_exceeded", "max_context_length_exceeded"],
        &["prompt is too long", "prompt too long", "maximum context length", "context window",
          "exceeds the maximum number of tokens", "input token count", "input tokens exceed", "input is too long",
          "exceeds the available context size", "maximum prompt length", "exceed context limit",
          "exceeds context limit", "exceeds the context length", "longer than the model's context length",
          "too many tokens", "exceeds maximum context", "context length exceeded", "greater than the context length",
          "number of input tokens", "prompt has too many tokens", "max_model_len", "reduce the length of the messages",
          "reduce the length of the input"]),
    rule(TooLarge, &[],
        &["request_too_large", "payload_too_large", "string_above_max_length"],
        &["request exceeds the maximum size", "payload too large", "entity too large", "request payload size exceeds",
          "request body too large"]),
    // OpenRouter 404: the model is there, but no host of it has the feature.
    rule(Unsupported, &[404], &[], &["no endpoints found that support"]),
    // OpenAI 404: an item, response, conversation or file that is gone, not the model.
    rule(BadRequest, &[400, 404], &["previous_response_not_found"], &[" with id '", "no such file"]),
    // The model: unknown, retired, not deployed.
    rule(ModelMissing, &[400, 404, 410, 422],
        &["model_not_found", "deploymentnotfound", "model_decommissioned", "model_not_available", "invalid_model",
          "model_not_active", "model_not_supported", "unknown_model", "resourcenotfoundexception"],
        &["is not a valid model", "supported api model names are", "model identifier is invalid",
          "on-demand throughput isn", "end of its life", "was removed on", "model not found", "model not exist",
          "model does not exist", "does not exist or you", "unknown model", "invalid model", "no such model", "has been decommissioned",
          "model is not available", "not found for api version", "no endpoints found for"]),
    rule(ModelMissing, &[404, 410], &[], ANY),
    // Pace, before the words that a busy provider uses for it too.
    rule(RateLimited, &[429],
        &["rate_limit_exceeded", "rate_limited", "ratelimitreached", "throttlingexception"],
        &["rate limit"]),
    // No capacity: Anthropic 529, OpenAI and Mistral 503, Gemini 429 and 503.
    rule(Overloaded, &[],
        &["overloaded_error", "server_is_overloaded", "service_unavailable_error", "unavailable", "slow_down",
          "model_capacity_exhausted", "engine_overloaded", "model_overloaded", "modelnotreadyexception",
          "serviceunavailableexception", "service_unavailable"],
        &["currently overloaded", "is overloaded", "no capacity available", "capacity exceeded", "at capacity",
          "server is busy", "experiencing high demand", "model is loading", "loading model"]),
    rule(Overloaded, &[500, 502, 503, 529], &[], &["overloaded"]),
    // A feature this model or server has not.
    rule(Unsupported, &[400, 404, 405, 415, 422, 500, 501],
        &["unsupported_parameter", "unsupported_value", "unsupported_feature", "unsupported_file",
          "invalid_image_format", "not_supported_error", "unsupported_model", "operationnotsupported", "unimplemented"],
        &["unsupported", "not supported",
          "does not support", "doesn't support", "do not support", "unknown variant", "requires --jinja", "too complex",
          "too many parameters with union", "too many strict tools", "too many optional parameters",
          "maximum number of strict tools", "circular reference", "is not enabled for", "is only supported", "only supported by",
          "must be verified to stream", "is deprecated for this model"]),
    rule(Timeout, &[],
        &["timeout_error", "deadline_exceeded", "request_timeout", "modeltimeoutexception"], &[]),
    // An error within a stream has no status of its own.
    rule(RateLimited, &[],
        &["rate_limit_exceeded", "rate_limit_error", "rate_limited", "too_many_requests", "throttlingexception",
          "ratelimitreached", "resource_exhausted"],
        &["rate limit exceeded", "rate limit reached"]),
    rule(Forbidden, &[403],
        &["permission_error", "permission_denied", "accessdeniedexception", "permissiondenied"], ANY),
    rule(Server, &[],
        &["server_error", "api_error", "internal_error", "internal", "internalserverexception", "internal_server_error"],
        &[]),
    rule(BadRequest, &[],
        &["invalid_request_error", "invalid_argument", "validationexception"], &[]),
];
