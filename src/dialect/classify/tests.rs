use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::dialect::quirks;
use crate::dialect::tests::{fixtures, headers, shown_failure};

#[test]
fn error_bodies_mean_what_stands_beside_them() {
    for fixture in fixtures("errors") {
        let case: Value = serde_json::from_slice(&fixture.bytes).unwrap();
        let text = |name: &str| case[name].as_str().unwrap();
        let dialect = DialectName::from_name(text("dialect")).unwrap();
        let headers = headers(&case["headers"]);
        let head =
            Head { status: u16::try_from(case["status"].as_u64().unwrap()).unwrap(), headers: &headers };
        let failure = classify(dialect, head, text("body").as_bytes(), &quirks::of(text("provider")));
        assert_eq!(Value::from(shown_failure(&failure)), fixture.expected, "{}", fixture.name);
    }
}

/// A provider's status and words, and what they mean.
type Wording = (&'static str, DialectName, u16, &'static str, FailureClass);

#[test]
fn the_same_trouble_is_known_in_every_wording() {
    use DialectName::{Anthropic, Bedrock, Cohere, Gemini, Ollama, OpenAi};
    use FailureClass::{BadRequest, Context, Forbidden, ModelMissing, Overloaded, TooLarge, Unsupported};
    let cases: &[Wording] = &[
        (
            "vertex",
            Gemini,
            400,
            "The input token count (1048577) exceeds the maximum number of tokens allowed",
            Context,
        ),
        ("bedrock", Bedrock, 400, "Input Tokens Exceeded: shorten the input", Context),
        ("cohere", Cohere, 400, "too many tokens: size limit exceeded by 10 tokens", Context),
        ("ollama", Ollama, 400, "prompt too long; exceeded max context length by 2 tokens", Context),
        ("llamacpp", OpenAi, 400, "the request exceeds the available context size", Context),
        ("mistral", OpenAi, 400, "Prompt too large for model with 131072 maximum context length", Context),
        ("xai", OpenAi, 400, "This model's maximum prompt length is 131072", Context),
        ("anthropic", Anthropic, 413, "Request size exceeds model context window", Context),
        ("anthropic", Anthropic, 413, "Request exceeds the maximum size", TooLarge),
        ("bedrock", Bedrock, 404, "This model version has reached the end of its life", ModelMissing),
        (
            "bedrock",
            Bedrock,
            400,
            "Invocation with on-demand throughput isn\u{2019}t supported",
            ModelMissing,
        ),
        ("openrouter", OpenAi, 400, "x/y is not a valid model ID", ModelMissing),
        ("deepseek", OpenAi, 400, "The supported API model names are a and b", ModelMissing),
        ("cohere", Cohere, 404, "model 'm' was removed on September 15, 2025", ModelMissing),
        ("openrouter", OpenAi, 404, "No endpoints found that support tool use", Unsupported),
        ("openai", OpenAi, 404, "Item with id 'rs_1' not found.", BadRequest),
        ("anthropic", Anthropic, 400, "This model does not support assistant message prefill.", Unsupported),
        ("gemini", Gemini, 400, "Unsupported MIME type: text/csv", Unsupported),
        ("openai", OpenAi, 403, "You are not allowed to sample from this model", Forbidden),
        ("gemini", Gemini, 400, "User location is not supported for the API use.", Forbidden),
        ("anthropic", Anthropic, 500, "Overloaded", Overloaded),
    ];
    for (provider, dialect, status, message, class) in cases {
        let body = json!({"error": {"message": message}}).to_string();
        let head = Head { status: *status, headers: &HeaderMap::new() };
        let failure = classify(*dialect, head, body.as_bytes(), &quirks::of(provider));
        assert_eq!(failure.class, *class, "{provider} {status} {message}");
        assert_eq!(failure.message, *message);
    }
}

#[test]
fn an_error_within_a_stream_is_classified_by_what_it_says() {
    let cases = [
        (
            json!({"error": {"type": "overloaded_error", "message": "Overloaded"}}),
            FailureClass::Overloaded,
            None,
        ),
        (json!({"error": {"message": "x", "status_code": 400}}), FailureClass::BadRequest, Some(400)),
        (json!({"code": 401, "message": "x"}), FailureClass::Auth, Some(401)),
        (json!({"message": "no type and no code"}), FailureClass::Server, None),
        (json!("a bare text"), FailureClass::Server, None),
        (json!(null), FailureClass::Server, None),
    ];
    for (error, class, status) in cases {
        let failure = stream_error(DialectName::OpenAi, &error, &quirks::of("openai"));
        assert_eq!((failure.class, failure.status), (class, status), "{error}");
        assert!(!failure.message.is_empty());
    }
}

proptest! {
    #[test]
    fn any_bytes_are_some_failure_with_a_message(status in 300_u16..600, body: Vec<u8>) {
        let head = Head { status, headers: &HeaderMap::new() };
        for dialect in DialectName::ALL {
            let failure = classify(dialect, head, &body, &quirks::of("openai"));
            prop_assert_eq!(failure.status, Some(status));
            prop_assert!(!failure.message.is_empty());
        }
    }
}
