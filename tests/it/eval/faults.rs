//! What providers do wrong: each fault has its class, its number of attempts and no way to be a success.

use std::collections::BTreeMap;
use std::time::Duration;

use orch::ledger::row::SampleStatus;
use orch::mock::{Limit, RetryHint, Settings, fault_models};
use serde_json::json;

use crate::support::{DIALECTS, Desk, KEY, Mock, Ran, Say, Script};

/// Attempts in these tests' configuration.
const MOST: u32 = 3;

/// The classes a fault may have, streaming and whole, and whether it is tried again.
fn expected(fault: &str, streams: bool) -> (&'static str, u32) {
    match fault {
        "chunks-1" | "chunks-3" | "chunks-7" | "gzip" | "invalid-utf8" => ("", 1),
        // A whole answer has no events.
        "error-event" if !streams => ("", 1),
        "slow-first-token" | "stall" if !streams => ("timeout", MOST),
        "slow-first-token" => ("first_token", MOST),
        "stall" => ("stalled", MOST),
        // Without a stream a body without its terminal event is a body that does not parse.
        "truncated" if !streams => ("truncated|malformed|", MOST),
        "reset" | "cut" | "truncated" | "short-body" => ("truncated", MOST),
        "close" => ("connect", MOST),
        "bad-gzip" | "huge" | "not-http" => ("malformed", MOST),
        "empty" | "204" => ("malformed|truncated", MOST),
        "html-502" | "error-event" | "500" => ("server", MOST),
        "429" | "429-seconds" | "429-ms" | "429-date" | "429-reset" | "429-message" | "429-retryinfo"
        | "429-garbage" => ("rate_limited", MOST),
        "quota" => ("quota", 1),
        "400" | "redirect" => ("bad_request", 1),
        "400-context" => ("context", 1),
        "401" | "403" => ("auth", 1),
        "404" => ("model_missing", 1),
        "503" | "529" => ("overloaded", MOST),
        other => panic!("the mock has a fault {other} that this table does not know"),
    }
}

/// A desk with a provider for each fault, because what is limited is a provider.
fn desk(mock: &Mock) -> (Desk, Vec<String>) {
    let faults: Vec<String> = fault_models().collect();
    let provider = |fault: &String| {
        let name = fault.replace('/', "-");
        format!(
            "[providers.{name}]\ndialect = \"openai\"\nurl = \"{}/v1\"\nkeys = [{{ env = \"MOCK_KEY\" }}]\n",
            mock.base()
        )
    };
    let desk = Desk::with(&mock.base(), &faults.iter().map(provider).collect::<String>());
    let config = desk.read("orch.toml").replace("\"2s\"", "\"1s\"").replace("\"20s\"", "\"3s\"");
    desk.write("orch.toml", config);
    // Long enough that half of the answer has content.
    desk.write(
        "rows.jsonl",
        json!({"prompt": "one two three four five six seven eight nine ten"}).to_string(),
    );
    (desk, faults)
}

#[test]
fn every_fault_has_its_class_and_its_number_of_attempts() {
    let mock = Mock::start(Settings { fault_delay: Duration::from_secs(30), ..Settings::default() });
    for streams in [true, false] {
        let (desk, faults) = desk(&mock);
        let models: Vec<_> =
            faults.iter().map(|fault| format!("{}/{fault}", fault.replace('/', "-"))).collect();
        let models = models.join(",");
        let mut args = vec!["eval", "rows.jsonl", "-m", &models, "-c", "64", "--json"];
        args.extend((!streams).then_some("--no-stream"));
        let before = mock.requests();
        let json = desk.run(&args).ends(0).json();
        let samples: BTreeMap<_, _> =
            desk.samples().into_iter().map(|row| (row.facts.key.candidate as usize, row)).collect();
        let mut attempts = 0;
        for (at, fault) in faults.iter().enumerate() {
            let (classes, tries) = expected(fault.strip_prefix("fault/").unwrap(), streams);
            let (facts, model) = (&samples[&at].facts, &json["models"][at]);
            let class = facts.failure_class.clone().unwrap_or_default();
            assert!(classes.split('|').any(|known| known == class), "{fault} {streams}: {class}");
            assert_eq!(facts.status == SampleStatus::Accepted, class.is_empty(), "{fault}");
            if class.is_empty() {
                assert_eq!(model["errors"], json!({}), "{fault}");
            } else {
                assert_eq!(facts.attempts, tries, "{fault} {streams}: {:?}", samples[&at].failure);
                let mut errors = BTreeMap::new();
                errors.insert(class, 1);
                assert_eq!(model["errors"], json!(errors), "{fault}");
            }
            attempts += u64::from(facts.attempts);
        }
        // A redirect that was followed would be a request more.
        assert_eq!(mock.requests() - before, attempts);
        assert_eq!(desk.files_with(KEY), Vec::<std::path::PathBuf>::new());
    }
}

#[test]
fn a_stream_without_its_end_is_never_a_success_in_any_dialect() {
    let mock = Mock::start(Settings::default());
    let desk = Desk::new(&mock.base());
    desk.sums(3);
    let models = DIALECTS.map(|(name, ..)| format!("{name}/fault/truncated")).join(",");
    let json = desk.run(&["eval", "rows.jsonl", "-m", &models, "--json"]).ends(4).json();
    for model in json["models"].as_array().unwrap() {
        assert_eq!(model["accepted"]["n"], 0, "{model}");
        assert_eq!(model["errors"], json!({"truncated": 3}), "{model}");
    }
}

#[test]
fn a_provider_that_asks_to_wait_hears_nothing_before() {
    for (header, wait) in [("retry-after-ms: 400\r\n", 400), ("retry-after: 1\r\n", 1_000)] {
        let script = Script::start(move |number, _| match number {
            2 => Say(
                429,
                header,
                r#"{"error": {"message": "slow down", "code": "rate_limit_exceeded"}}"#.to_owned(),
            ),
            _ => Say::chat("7"),
        });
        let desk = Desk::new(&script.base());
        desk.sums(12);
        let args = ["eval", "rows.jsonl", "-m", "chat/m", "--no-stream", "-c", "1", "--json"];
        let json = desk.run(&args).ends(0).json();
        assert_eq!((&json["finished"], &json["models"][0]["retried"]), (&json!(12), &json!(1)));
        let seen = script.seen();
        assert_eq!(seen.len(), 13);
        let waited = seen[3].at - seen[2].at;
        assert!(waited >= Duration::from_millis(wait), "{waited:?}");
    }
}

#[test]
fn a_wait_that_is_too_long_is_not_waited() {
    let body = r#"{"error": {"message": "slow down", "code": "rate_limit_exceeded"}}"#;
    let script = Script::start(|_, _| Say(429, "retry-after: 86400\r\n", body.to_owned()));
    let desk = Desk::new(&script.base());
    desk.sums(1);
    desk.run(&["eval", "rows.jsonl", "-m", "chat/m", "--no-stream"]).ends(4);
    assert_eq!(script.seen().len(), 1);
}

#[test]
fn under_a_rate_limit_every_sample_is_answered_and_few_calls_are_refused() {
    let limit = Limit::TokenBucket { per_second: 200.0, burst: 20 };
    let mock = Mock::start(Settings { limit: Some(limit), hint: RetryHint::Millis, ..Settings::default() });
    let desk = Desk::new(&mock.base());
    desk.sums(300);
    let config = desk.read("orch.toml").replace("attempts = 3", "attempts = 10");
    desk.write("orch.toml", config);
    let json = desk.run(&["eval", "rows.jsonl", "-m", "chat/m", "-c", "64", "--json"]).ends(0).json();
    assert_eq!(json["models"][0]["accepted"]["n"], 300);
    let refused = mock.stats()["refused"].as_u64().unwrap();
    assert!(refused < 60, "{refused} refused");
}

#[test]
fn a_candidate_that_fails_every_call_is_given_up_with_its_class() {
    let mock = Mock::start(Settings::default());
    let desk = Desk::new(&mock.base());
    desk.sums(1_000);
    // Those that may pass are tried for longer, each sample three times.
    for (fault, class, most) in
        [("401", "auth", 42), ("404", "model_missing", 42), ("quota", "quota", 42), ("500", "server", 3 * 82)]
    {
        let before = mock.requests();
        let model = format!("chat/fault/{fault}");
        let ran = desk.run(&["eval", "rows.jsonl", "-m", &model, "--json"]).ends(4);
        let made = mock.requests() - before;
        assert!((10..=most).contains(&made), "{made} calls, 32 of them at once");
        let errors = &ran.json()["models"][0]["errors"];
        assert!(errors[class].as_u64().unwrap() <= made, "{errors}");
        let ran = ran.says(&[&format!("{model}: every call failed: {class}")]);
        assert!(!ran.err.contains("panicked") && !ran.err.contains("stack"), "{}", ran.err);
    }
}

#[test]
fn a_candidate_that_is_given_up_does_not_end_the_others() {
    let mock = Mock::start(Settings::default());
    let desk = Desk::new(&mock.base());
    desk.sums(100);
    let ran = desk.run(&["eval", "rows.jsonl", "-m", "claude/fault/401,chat/m", "-c", "4", "--json"]);
    let json = ran.json();
    assert_eq!(json["models"][1]["accepted"]["n"], 100);
    assert!(json["models"][0]["samples"].as_u64().unwrap() < 20);
    assert!(json["notes"].to_string().contains("claude/fault/401: given up"), "{}", json["notes"]);
}

#[test]
fn nobody_at_the_address_is_told_as_such() {
    // A port that was free a moment ago.
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let desk = Desk::new(&format!("http://{address}"));
    desk.sums(50);
    let ran = desk.run(&["eval", "rows.jsonl", "-m", "chat/m", "--json"]).ends(4);
    let ran = ran.says(&["chat/m: every call failed: connect", "could not connect to 127.0.0.1"]);
    assert!(ran.json()["models"][0]["errors"]["connect"].as_u64().unwrap() < 50);
}

#[test]
fn faults_that_pass_are_retried_until_they_pass() {
    let script = Script::start(|number, _| match number % 3 {
        0 => Say(500, "", r#"{"error": {"message": "oops"}}"#.to_owned()),
        1 => Say(503, "", r#"{"error": {"message": "full"}}"#.to_owned()),
        _ => Say::chat("7"),
    });
    let desk = Desk::new(&script.base());
    desk.write("rows.jsonl", "{\"prompt\": \"a\", \"expected\": 7}\n{\"prompt\": \"b\", \"expected\": 7}\n");
    let ran: Ran =
        desk.run(&["eval", "rows.jsonl", "-m", "chat/m", "--no-stream", "-c", "1", "--json"]).ends(0);
    let model = &ran.json()["models"][0];
    assert_eq!(
        (&model["accepted"]["n"], &model["retried"], &model["errors"]),
        (&json!(2), &json!(2), &json!({}))
    );
    assert_eq!(model["latency_ms"]["n"], 0, "latency is of first attempts that were answered");
    assert_eq!(script.seen().len(), 6);
}
