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
