use std::io::Write as _;

use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::*;
use crate::model::FailureClass;

fn file(bytes: &[u8]) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    file
}

fn replay(text: &str) -> Replay {
    Replay::open(file(text.as_bytes()).path(), None, Pace::Immediate).unwrap()
}

fn named(id: &str) -> Item {
    Item { id: id.into(), line: None, prompt: prompt_digest("nobody asked"), repeat: 0 }
}

/// Asks for an id; gives the head and the body.
async fn ask(replay: &Replay, id: &str) -> (u16, HeaderMap, Value) {
    request(replay, &named(id)).await.unwrap()
}

/// Asks for an item.
async fn request(replay: &Replay, item: &Item) -> Result<(u16, HeaderMap, Value), WireError> {
    let request = WireRequest {
        provider: "replay".into(),
        url: "replay:///chat/completions".into(),
        headers: HeaderMap::from_iter([(ITEM, item_value(item))]),
        body: Bytes::from_static(b"{}"),
    };
    let mut response = replay.send(request).await?;
    let mut bytes = Vec::new();
    while let Some(chunk) = response.body.next().await {
        bytes.extend_from_slice(&chunk.unwrap());
    }
    Ok((response.status, response.headers, serde_json::from_slice(&bytes).unwrap()))
}

async fn content(replay: &Replay, id: &str) -> Value {
    ask(replay, id).await.2["choices"][0]["message"]["content"].clone()
}

#[tokio::test(start_paused = true)]
async fn rows_are_found_by_id_in_any_order_and_by_line_without_one() {
    let replay =
        replay("{\"id\":\"b\",\"output\":\"B\"}\n\n{\"id\":7,\"output\":{\"n\":1}}\r\n{\"output\":\"last\"}");
    assert_eq!(replay.len(), 3);
    assert_eq!(content(&replay, "7").await, "{\"n\":1}");
    assert_eq!(content(&replay, "b").await, "B");
    assert_eq!(content(&replay, "4").await, "last");
    let refused = request(&replay, &named("c")).await.unwrap_err();
    assert_eq!((refused.class, refused.was_sent), (FailureClass::BadRequest, false));
    assert!(refused.message.starts_with("no recorded answer for id `c`"), "{refused}");
}

#[tokio::test(start_paused = true)]
async fn lines_of_text_are_answers_numbered_from_one() {
    let replay = replay("first\r\n\nthird");
    assert_eq!(content(&replay, "1").await, "first");
    assert_eq!(content(&replay, "2").await, "");
    assert_eq!(content(&replay, "3").await, "third");
}

#[tokio::test(start_paused = true)]
async fn a_gzipped_file_is_the_same() {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(b"{\"id\":\"a\",\"output\":\"A\"}\n").unwrap();
    let file = file(&encoder.finish().unwrap());
    let replay = Replay::open(file.path(), None, Pace::Immediate).unwrap();
    assert_eq!(content(&replay, "a").await, "A");
}

#[tokio::test(start_paused = true)]
async fn everything_recorded_is_in_the_answer() {
    let row = json!({
        "id": "a", "output": null, "model": "m-1", "finish_reason": "length",
        "usage": {"input_tokens": 10, "output_tokens": 5, "cached_input_tokens": 4, "reasoning_tokens": 2},
        "tool_calls": [{"name": "add", "arguments": {"a": 1}}, {"id": "x", "function": {"name": "f", "arguments": "{}"}}],
    });
    let (status, _, body) = ask(&replay(&row.to_string()), "a").await;
    let expected = json!({
        "id": "replay-a", "object": "chat.completion", "created": 0,
        "choices": [{"index": 0, "finish_reason": "length", "message": {
            "role": "assistant", "content": null, "tool_calls": [
                {"id": "call_0", "type": "function", "function": {"name": "add", "arguments": "{\"a\":1}"}},
                {"id": "x", "type": "function", "function": {"name": "f", "arguments": "{}"}},
            ],
        }}],
        "model": "m-1",
        "usage": {
            "prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15,
            "prompt_tokens_details": {"cached_tokens": 4},
            "completion_tokens_details": {"reasoning_tokens": 2},
        },
    });
    assert_eq!((status, body), (200, expected));
}

#[tokio::test(start_paused = true)]
async fn a_recorded_failure_is_a_failure_again() {
    let rows = "{\"id\":1,\"error\":\"timed out\"}\n{\"id\":2,\"error\":{\"status\":429,\"message\":\"slow\",\"code\":\"c\"}}";
    let replay = replay(rows);
    let (status, _, body) = ask(&replay, "1").await;
    assert_eq!((status, &body["error"]["message"]), (500, &json!("timed out")));
    let (status, _, body) = ask(&replay, "2").await;
    assert_eq!(
        (status, &body["error"]["message"], &body["error"]["code"]),
        (429, &json!("slow"), &json!("c"))
    );
}

#[tokio::test(start_paused = true)]
async fn recorded_times_are_told_and_kept_where_that_is_asked() {
    let rows =
        "{\"id\":1,\"output\":\"x\",\"latency_ms\":812.5,\"ttft_ms\":200}\n{\"id\":2,\"output\":\"x\"}";
    let file = file(rows.as_bytes());
    for (pace, millis) in [(Pace::Immediate, 0), (Pace::Recorded, 813)] {
        let replay = Replay::open(file.path(), None, pace).unwrap();
        let began = Instant::now();
        let (_, headers, _) = ask(&replay, "1").await;
        assert!(began.elapsed().as_millis().abs_diff(millis) <= 2, "{:?}", began.elapsed());
        assert_eq!(
            (&headers[LATENCY], &headers[TTFT]),
            (&HeaderValue::from_static("812.5"), &HeaderValue::from_static("200"))
        );
        assert!(!ask(&replay, "2").await.1.contains_key(LATENCY), "an unknown latency is not told");
    }
}

#[test]
fn bad_rows_are_refused_with_file_and_line() {
    let cases = [
        ("{\"id\":1,\"output\":\"a\"}\nno json", 2, "not a recorded answer"),
        ("{\"id\":1,\"output\":\"a\"}\n{\"id\":1,\"output\":\"b\"}", 2, "id `1` is on line 1 already"),
        (
            "{\"prompt\":\"p\",\"output\":\"a\"}\n{\"prompt\":\"p\",\"output\":\"b\"}",
            2,
            "the same prompt is on line 1",
        ),
        ("{\"id\":1}", 1, "no `output`"),
        ("{\"id\":[1],\"output\":\"\"}", 1, "`id` must be text or a number"),
        ("{\"id\":1,\"output\":\"\",\"latency_ms\":-1}", 1, "`latency_ms` must be"),
        ("{\"id\":1,\"tool_calls\":[{}]}", 1, "`tool_calls`"),
    ];
    for (text, line, problem) in cases {
        let file = file(text.as_bytes());
        let message = Replay::open(file.path(), None, Pace::Immediate).unwrap_err().to_string();
        assert!(message.starts_with(&format!("{}:{line}: ", file.path().display())), "{message}");
        assert!(message.contains(problem), "{message}");
    }
    let missing = Replay::open(Path::new("/nowhere/at-all.jsonl"), None, Pace::Immediate).unwrap_err();
    assert!(missing.to_string().starts_with("/nowhere/at-all.jsonl: "), "{missing}");
}

#[tokio::test(start_paused = true)]
async fn a_row_is_found_by_id_or_else_by_prompt() {
    let rows = [
        json!({"id": "a", "prompt": "A?", "output": "by a"}),
        json!({"prompt": "B?", "response": "by prompt"}),
        json!({"id": "c1", "prompt": "C?", "output": "first of two"}),
        json!({"id": "c2", "prompt": "C?", "output": "second of two"}),
        json!({"output": "by line"}),
    ];
    let replay = replay(&rows.map(|row| row.to_string()).join("\n"));
    // The dataset row's id, its line where it has no id of its own, its prompt, and what is answered.
    let cases = [
        ("a", None, "other", Ok("by a")),
        ("z", None, "B?", Ok("by prompt")),
        ("z", None, "A?", Err("no recorded answer for id `z`")),
        ("d.jsonl:9", Some(9), "A?", Ok("by a")),
        ("d.jsonl:9", Some(9), "C?", Err("several answers to the prompt")),
        ("d.jsonl:5", Some(5), "E?", Ok("by line")),
        ("d.jsonl:6", Some(6), "E?", Err("no recorded answer for the prompt of `d.jsonl:6`")),
        ("c2", None, "C?", Ok("second of two")),
    ];
    for (id, line, prompt, expected) in cases {
        let item = Item { line, prompt: prompt_digest(prompt), ..named(id) };
        match (request(&replay, &item).await, expected) {
            (Ok((_, _, body)), Ok(text)) => {
                assert_eq!(body["choices"][0]["message"]["content"], text, "{id} {prompt}");
            }
            (Err(error), Err(text)) => assert!(error.message.contains(text), "{error}"),
            (other, expected) => panic!("{id} {prompt}: {other:?} instead of {expected:?}"),
        }
    }
}

#[test]
fn every_bad_row_is_said_at_once() {
    let rows = "{\"id\":1}\n{\"id\":2,\"output\":\"fine\"}\n{\"id\":3\n";
    let error = Replay::open(file(rows.as_bytes()).path(), None, Pace::Immediate).unwrap_err().to_string();
    assert!(error.starts_with("2 bad rows") && error.contains(":1: ") && error.contains(":3: "), "{error}");
}

#[tokio::test(start_paused = true)]
async fn each_repeat_has_its_answer_and_one_without_a_number_answers_all() {
    let rows = "{\"id\":1,\"output\":\"any\"}\n{\"id\":1,\"repeat\":2,\"output\":\"third\"}";
    let replay = replay(rows);
    for (repeat, expected) in [(0, "any"), (1, "any"), (2, "third")] {
        let (_, _, body) = request(&replay, &Item { repeat, ..named("1") }).await.unwrap();
        assert_eq!(body["choices"][0]["message"]["content"], expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_model_is_picked_and_several_without_a_pick_are_refused() {
    let row =
        |model: &str, output: &str| json!({"id": 1, "model": model, "output": output}).to_string() + "\n";
    let file = file((row("a/x?temperature=0", "of x") + &row("a/y", "of y")).as_bytes());
    for (model, expected) in [("a/x", "of x"), ("a/x?temperature=0", "of x"), ("a/y", "of y")] {
        let replay = Replay::open(file.path(), Some(model), Pace::Immediate).unwrap();
        assert_eq!((content(&replay, "1").await, replay.len()), (expected.into(), 1));
    }
    let error = |model| Replay::open(file.path(), model, Pace::Immediate).unwrap_err().to_string();
    let (none, wrong) = (error(None), error(Some("a/z")));
    assert!(
        none.contains(":2: ") && none.contains("replay:FILE#MODEL (there are a/x?temperature=0, a/y)"),
        "{none}"
    );
    assert!(wrong.contains("holds no answer of a/z; it holds answers of a/x"), "{wrong}");
}

#[tokio::test(start_paused = true)]
async fn a_failure_recorded_with_its_class_keeps_it() {
    let replay = replay("{\"id\":1,\"error\":{\"class\":\"stalled\",\"message\":\"silence\"}}");
    let error = request(&replay, &named("1")).await.unwrap_err();
    assert_eq!((error.class, error.message.as_str()), (FailureClass::Stalled, "silence"));
}

#[tokio::test(start_paused = true)]
async fn tokens_and_refusals_may_stand_in_the_row_itself() {
    let row =
        json!({"id": 1, "refusal": "no", "input_tokens": 9, "output_tokens": 3, "cached_input_tokens": 4});
    let (_, _, body) = ask(&replay(&row.to_string()), "1").await;
    assert_eq!(body["choices"][0]["message"]["refusal"], "no");
    assert_eq!(body["usage"]["prompt_tokens"], 9);
    assert_eq!(body["usage"]["prompt_tokens_details"]["cached_tokens"], 4);
}

#[test]
fn a_model_is_written_behind_the_file() {
    let file = file(b"x");
    let whole = format!("{}#x", file.path().display());
    for (written, expected) in [
        ("a.jsonl", ("a.jsonl", None)),
        ("dir/a.jsonl.gz#openai/gpt-5-mini", ("dir/a.jsonl.gz", Some("openai/gpt-5-mini"))),
        ("a.jsonl#", ("a.jsonl#", None)),
        (&whole, (file.path().to_str().unwrap(), Some("x"))),
    ] {
        assert_eq!(source(written), (Path::new(expected.0), expected.1), "{written}");
    }
}

proptest! {
    #[test]
    fn any_id_fits_the_header(id: String) {
        let wanted = named(&id);
        prop_assert_eq!(item(&item_value(&wanted)), Some(wanted));
    }
}
