use super::*;
use futures_util::StreamExt;

fn request(body: &Value) -> WireRequest {
    WireRequest {
        provider: "sim".into(),
        url: "sim:///chat/completions".into(),
        headers: HeaderMap::new(),
        body: Bytes::from(body.to_string()),
    }
}

fn ask(model: &str, prompt: &str) -> Value {
    serde_json::json!({"model": model, "messages": [{"role": "user", "content": prompt}]})
}

/// Sends a request; gives the status, the body, and how long it took.
async fn send(sim: &Simulated, body: &Value) -> (u16, String, Duration) {
    let began = Instant::now();
    let mut response = sim.send(request(body)).await.unwrap();
    let mut bytes = Vec::new();
    while let Some(chunk) = response.body.next().await {
        bytes.extend_from_slice(&chunk.unwrap());
    }
    (response.status, String::from_utf8(bytes).unwrap(), began.elapsed())
}

#[tokio::test(start_paused = true)]
async fn accuracy_latency_and_failures_are_the_profiles() {
    let sim = Simulated::new(1);
    let (mut right, mut failed, mut down, mut took) = (0, 0, 0, Vec::new());
    for i in 0..1_000 {
        let body = ask("flaky", &format!("Compute {i} + 1."));
        let (mut status, mut text, mut time) = send(&sim, &body).await;
        if status != 200 {
            if status == 503 {
                // Nobody answers this one, however often it is tried.
                assert_eq!(send(&sim, &body).await.0, 503);
                down += 1;
                continue;
            }
            assert!(status == 429 || status == 500, "{status}");
            failed += 1;
            (status, text, time) = send(&sim, &body).await;
        }
        assert_eq!(status, 200, "a passing failure is over on the second try");
        let value: Value = serde_json::from_str(&text).unwrap();
        right +=
            usize::from(value["choices"][0]["message"]["content"].as_str() == Some(&(i + 1).to_string()));
        assert!(value["usage"]["prompt_tokens"].as_u64().unwrap() > 0);
        took.push(time);
    }
    took.sort_unstable();
    assert!((820..910).contains(&right), "{right}");
    assert!((110..170).contains(&failed), "{failed}");
    assert!((10..35).contains(&down), "{down}");
    assert!((55..66).contains(&took[500].as_millis()), "{:?}", took[500]);
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_gives_the_same_bytes_in_the_same_time() {
    let body = ask("cheap", "say something");
    let first = send(&Simulated::new(7), &body).await;
    assert_eq!(send(&Simulated::new(7), &body).await, first);
    assert_ne!(send(&Simulated::new(8), &body).await, first);
}

#[tokio::test(start_paused = true)]
async fn a_stream_says_what_the_whole_answer_says() {
    let sim = Simulated::new(1);
    let mut body = ask("good", "say the quick brown fox jumps over the lazy dog");
    let (_, whole, total) = send(&sim, &body).await;
    body["stream"] = true.into();
    body["stream_options"] = serde_json::json!({"include_usage": true});
    let (_, stream, streamed) = send(&sim, &body).await;
    let (mut parser, mut events) = (crate::base::sse::Parser::default(), Vec::new());
    parser.push(stream.as_bytes(), &mut events).unwrap();
    let mut text = String::new();
    let mut usage = Value::Null;
    for event in events.iter().filter(|event| event.data != "[DONE]") {
        let value: Value = serde_json::from_str(&event.data).unwrap();
        text.push_str(value["choices"][0]["delta"]["content"].as_str().unwrap_or_default());
        usage = value["usage"].clone();
    }
    let whole: Value = serde_json::from_str(&whole).unwrap();
    assert_eq!(whole["choices"][0]["message"]["content"], text);
    assert_eq!(whole["usage"], usage);
    assert_eq!(events.last().unwrap().data, "[DONE]");
    assert!(streamed.abs_diff(total) < Duration::from_millis(3), "{streamed:?} and {total:?}");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_worked_out_is_answered_with_a_sentence_that_says_so() {
    let (_, text, _) = send(&Simulated::new(1), &ask("fast", "hello")).await;
    assert!(text.contains("This is a simulated answer"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_limit_on_tokens_cuts_the_answer_off() {
    let mut body = ask("good", "Write \"abcdefghijklmnop\" in upper case.");
    body["max_tokens"] = 2.into();
    let (_, text, _) = send(&Simulated::new(1), &body).await;
    let value: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value["choices"][0]["message"]["content"], "ABCDEFGH");
    assert_eq!(value["choices"][0]["finish_reason"], "length");
}

#[tokio::test(start_paused = true)]
async fn an_unknown_model_or_body_is_refused_with_a_remedy() {
    let sim = Simulated::new(1);
    let (status, text, _) = send(&sim, &ask("gpt-9", "hi")).await;
    assert!(status == 404 && text.contains("model_not_found") && text.contains("good, fast"), "{text}");
    assert_eq!(send(&sim, &Value::from("no request")).await.0, 400);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_must_have_a_form_has_it_whatever_it_says() {
    let schema = serde_json::json!({"type": "object", "properties": {"kind": {"enum": ["a", "b"]}, "n": {"type": "integer"}},
        "required": ["kind", "n"]});
    let mut body = ask("good", "Tell me something.");
    body["response_format"] =
        serde_json::json!({"type": "json_schema", "json_schema": {"name": "x", "schema": schema}});
    let (_, text, _) = send(&Simulated::new(1), &body).await;
    let value: Value = serde_json::from_str(&text).unwrap();
    let said: Value =
        serde_json::from_str(value["choices"][0]["message"]["content"].as_str().unwrap()).unwrap();
    assert!(jsonschema::is_valid(&schema, &said), "{said}");
}

#[test]
fn failures_that_are_over_are_remembered_up_to_a_bound_the_oldest_forgotten_first() {
    let mut over = Over::default();
    let many = 3 * Over::MOST as u64;
    assert!((0..many).all(|digest| over.note(digest)));
    assert_eq!((over.known.len(), over.order.len()), (Over::MOST, Over::MOST));
    assert!(!over.note(many - 1), "a late one is known");
    assert!(over.note(0), "an old one is not");
}
