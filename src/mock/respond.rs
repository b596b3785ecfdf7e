//! From a request to what is sent back. No sockets, no clock.

use std::time::Duration;

use super::Settings;
use super::fault::{Delivery, Fault, Instead, fault};
use super::http1::Request;
use super::question::Question;
use super::refuse::{Refused, Why};
use super::route::{Route, Tongue, decoded, route};
use super::speak::{self, Answer};
use super::text::{Append as _, Body};
use crate::base::dice::Dice;
use crate::wire::simulated::sum;

/// What is sent back.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    /// Header lines besides content type and length.
    pub(super) headers: Vec<u8>,
    pub(super) body: Body,
    pub(super) delivery: Delivery,
    pub(super) kind: Kind,
}

/// What a reply counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// An answer: its service time is kept.
    Served,
    /// A failure by the error share.
    Failed,
    /// A fault asked for by name, or a request that cannot be answered.
    Broken,
    /// Bytes that are no HTTP, sent as they are.
    Raw,
    /// A body that is repeated until the client leaves.
    Endless,
}

impl Reply {
    fn new(status: u16, body: Body, kind: Kind) -> Self {
        Self { status, headers: Vec::new(), body, delivery: Delivery::Plain, kind }
    }

    fn instead(instead: Instead) -> Self {
        let text = |content_type, text: &str| Body::whole(content_type, text.as_bytes().to_vec());
        let nothing = || Body::whole("application/json", Vec::new());
        match instead {
            Instead::Html => {
                let page = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad \
                            Gateway</h1></center>\r\n</body>\r\n</html>\r\n";
                Self::new(502, text("text/html", page), Kind::Broken)
            }
            Instead::Empty => Self::new(200, nothing(), Kind::Broken),
            Instead::NoContent => Self::new(204, nothing(), Kind::Broken),
            Instead::Redirect => {
                let headers = b"location: /v1/elsewhere\r\n".to_vec();
                Self { headers, ..Self::new(307, nothing(), Kind::Broken) }
            }
            Instead::Huge => {
                Self::new(200, Body::whole("application/json", vec![b' '; 64 << 10]), Kind::Endless)
            }
            Instead::NotHttp => Self::new(200, text("", "SSH-2.0-mock\r\n"), Kind::Raw),
        }
    }

    /// A refusal in the dialect's words. `now` is read for dates only.
    pub(super) fn refuse(tongue: Tongue, refused: &Refused, kind: Kind) -> Self {
        let mut headers = Vec::new();
        refused.headers(tongue, jiff::Timestamp::now(), &mut headers);
        let body = Body::whole("application/json", refused.body(tongue));
        Self { headers, ..Self::new(refused.status, body, kind) }
    }

    /// A JSON body that is no provider's.
    pub(super) fn json(body: Vec<u8>) -> Self {
        Self::new(200, Body::whole("application/json", body), Kind::Broken)
    }
}

/// What to answer to the request of a number; `refused` is the rate limit's wait.
pub(super) fn respond(
    settings: &Settings,
    request: &Request,
    number: u64,
    refused: Option<Duration>,
) -> Reply {
    let found = route(&request.head.target).filter(|_| request.head.is_post);
    let tongue = found.map_or(Tongue::Chat, |route| route.tongue);
    if let Some(wait) = refused {
        let refused = Refused { status: 429, why: Why::RateLimited, hint: settings.hint, wait };
        return Reply::refuse(tongue, &refused, Kind::Broken);
    }
    let Some(route) = found else {
        return Reply::refuse(tongue, &Refused::new(404, Why::BadRequest), Kind::Broken);
    };
    let Ok(question) = serde_json::from_slice::<Question<'_>>(&request.body) else {
        return Reply::refuse(tongue, &Refused::new(400, Why::BadRequest), Kind::Broken);
    };
    let dice = Dice::new(settings.seed);
    if settings.error_share > 0.0 && dice.unit(number, 0, "mock error") < settings.error_share {
        let status = settings.error_status;
        return Reply::refuse(tongue, &Refused::new(status, Why::of_status(status)), Kind::Failed);
    }
    answer(settings, &route, &question)
}

fn answer(settings: &Settings, route: &Route<'_>, question: &Question<'_>) -> Reply {
    let in_path = route.model.map(decoded);
    let model = in_path.as_deref().or(question.model.as_deref()).unwrap_or("mock");
    let fault = fault(model);
    match fault {
        Some(Fault::Refuse(refused)) => return Reply::refuse(route.tongue, &refused, Kind::Broken),
        Some(Fault::Instead(instead)) => return Reply::instead(instead),
        _ => {}
    }
    let mut body = body(settings, route, question, model, fault);
    if matches!(fault, Some(Fault::InvalidUtf8)) {
        invalidate(&mut body.bytes);
    }
    let mut reply = Reply::new(200, body, if fault.is_some() { Kind::Broken } else { Kind::Served });
    if let Some(Fault::Deliver(delivery)) = fault {
        reply.delivery = delivery;
    }
    reply
}

fn body(
    settings: &Settings,
    route: &Route<'_>,
    question: &Question<'_>,
    model: &str,
    fault: Option<Fault>,
) -> Body {
    if route.tongue == Tongue::Embeddings {
        return embeddings(question, model);
    }
    let prompt = question.prompt();
    let mut text = said(settings, model, &prompt);
    if matches!(fault, Some(Fault::InvalidUtf8)) {
        text.push(MARK);
    }
    let answer = Answer {
        model,
        text: &text,
        input_tokens: tokens(question.text_len()),
        output_tokens: tokens(text.len()),
        reports_usage: question.stream_options.as_ref().is_some_and(|options| options.include_usage),
        has_error_event: matches!(fault, Some(Fault::ErrorEvent)),
    };
    // Ollama streams unless told not to.
    let by_default = route.tongue == Tongue::Ollama;
    if route.streams.or(question.stream).unwrap_or(by_default) {
        speak::stream(route, &answer)
    } else {
        speak::whole(route.tongue, &answer)
    }
}

/// The sum the prompt asks for, wrong in the share that was set; the prompt itself where it asks for none.
fn said(settings: &Settings, model: &str, prompt: &str) -> String {
    let Some(sum) = sum(prompt) else { return prompt.to_owned() };
    let dice = Dice::new(settings.seed);
    let is_wrong =
        settings.wrong_share > 0.0 && dice.unit(dice.bits(0, 0, model), 0, prompt) < settings.wrong_share;
    sum.saturating_add(i128::from(is_wrong)).to_string()
}

/// Four bytes a token, as English has on average.
fn tokens(bytes: usize) -> u64 {
    u64::try_from(bytes.div_ceil(4)).unwrap_or(u64::MAX).max(1)
}

/// Stands where bytes that are no UTF-8 will be: one byte, and JSON does not escape it.
const MARK: char = '\u{7f}';

fn invalidate(bytes: &mut [u8]) {
    for byte in bytes.iter_mut().filter(|byte| **byte == 0x7f) {
        *byte = 0xff;
    }
}

const DIMENSIONS: usize = 32;

/// Bags of words, hashed: texts that share words are near each other.
fn embeddings(question: &Question<'_>, model: &str) -> Body {
    let mut out = Vec::with_capacity(1024);
    out.raw(r#"{"object":"list","data":["#);
    for (index, text) in question.inputs().iter().enumerate() {
        let mut counts = [0_u64; DIMENSIONS];
        for word in text.split_whitespace() {
            let place = Dice::new(0).bits(0, 0, &word.to_lowercase()) % DIMENSIONS as u64;
            counts[usize::try_from(place).unwrap_or(0)] += 1;
        }
        out.raw(if index == 0 { "" } else { "," }).raw(r#"{"object":"embedding","index":"#);
        out.number(index as u64).raw(r#","embedding":["#);
        for (dimension, count) in counts.iter().enumerate() {
            out.raw(if dimension == 0 { "" } else { "," }).number(*count);
        }
        out.raw("]}");
    }
    let count = tokens(question.text_len());
    out.raw(r#"],"model":"#).quoted(model).raw(r#","usage":{"prompt_tokens":"#).number(count);
    out.raw(r#","total_tokens":"#).number(count).raw("}}");
    Body::whole("application/json", out)
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;
    use serde_json::Value;

    use super::super::http1::{Parsed, Parser};
    use super::*;

    fn reply(settings: &Settings, target: &str, body: &str) -> Reply {
        let head = format!("POST {target} HTTP/1.1\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        let Ok(Parsed::Request(request)) = Parser::default().next(&mut BytesMut::from(head.as_str())) else {
            panic!("no request");
        };
        respond(settings, &request, 0, None)
    }

    fn ask(target: &str, body: &str) -> Value {
        let reply = reply(&Settings::default(), target, body);
        assert_eq!((reply.status, reply.kind), (200, Kind::Served), "{target}");
        serde_json::from_slice(&reply.body.bytes).unwrap()
    }

    const CHAT: &str = r#"{"model":"m","messages":[{"role":"user","content":"Compute 3 + 4"}]}"#;
    const GEMINI: &str = r#"{"contents":[{"role":"user","parts":[{"text":"Compute 3 + 4"}]}]}"#;

    #[test]
    fn every_dialect_answers_where_its_clients_look() {
        let cases = [
            ("/v1/chat/completions", CHAT, "/choices/0/message/content"),
            ("/v1/responses", r#"{"model":"m","input":"Compute 3 + 4"}"#, "/output/0/content/0/text"),
            ("/v1/messages", CHAT, "/content/0/text"),
            ("/v1beta/models/m:generateContent", GEMINI, "/candidates/0/content/parts/0/text"),
            ("/v2/chat", CHAT, "/message/content/0/text"),
            (
                "/api/chat",
                r#"{"model":"m","stream":false,"messages":[{"role":"user","content":"3+4"}]}"#,
                "/message/content",
            ),
            (
                "/model/m/converse",
                r#"{"messages":[{"role":"user","content":[{"text":"3+4"}]}]}"#,
                "/output/message/content/0/text",
            ),
        ];
        for (target, body, pointer) in cases {
            assert_eq!(ask(target, body).pointer(pointer), Some(&Value::from("7")), "{target}");
        }
        assert_eq!(ask("/v1beta/models/m:streamGenerateContent", GEMINI).as_array().unwrap().len(), 2);
    }

    #[test]
    fn every_streamed_event_is_json() {
        let cases = [
            (
                "/v1/chat/completions",
                r#"{"model":"m","stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"to \"be\" or"}]}"#,
                7,
            ),
            ("/v1/responses", r#"{"model":"m","stream":true,"input":"to \"be\" or"}"#, 8),
            (
                "/v1/messages",
                r#"{"model":"m","stream":true,"messages":[{"role":"user","content":"to \"be\" or"}]}"#,
                9,
            ),
            (
                "/v1beta/models/m:streamGenerateContent?alt=sse",
                r#"{"contents":[{"parts":[{"text":"to \"be\" or"}]}]}"#,
                4,
            ),
            ("/v2/chat", r#"{"stream":true,"messages":[{"role":"user","content":"to \"be\" or"}]}"#, 8),
        ];
        for (target, body, count) in cases {
            for model in ["m", "fault/error-event"] {
                let body = body.replace("\"m\"", &format!("\"{model}\""));
                let target = target.replace("/m:", &format!("/{model}:"));
                let reply = reply(&Settings::default(), &target, &body);
                let mut events = Vec::new();
                let mut parser = crate::base::sse::Parser::default();
                parser.push(&reply.body.bytes, &mut events).unwrap();
                assert_eq!(events.len(), reply.body.ends.len(), "{target}");
                assert!(model != "m" || events.len() == count, "{target}: {}", events.len());
                for event in events.iter().filter(|event| event.data != "[DONE]") {
                    assert!(serde_json::from_str::<Value>(&event.data).unwrap().is_object(), "{target}");
                }
            }
        }
    }

    #[test]
    fn lines_of_json_are_streamed_unless_ollama_is_told_not_to() {
        let reply = reply(&Settings::default(), "/api/chat", CHAT);
        let text = String::from_utf8(reply.body.bytes).unwrap();
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines[0]["message"]["content"], "7");
        assert_eq!(lines[1]["done"], true);
    }

    #[test]
    fn the_share_of_wrong_answers_is_known_and_repeatable() {
        let settings = Settings { wrong_share: 0.1, seed: 7, ..Settings::default() };
        let wrong = |model: &str| {
            (0..2_000)
                .filter(|i| said(&settings, model, &format!("Compute {i} + 1")) != (i + 1).to_string())
                .count()
        };
        assert_eq!(wrong("a"), wrong("a"));
        assert!((150..250).contains(&wrong("a")), "{}", wrong("a"));
    }

    #[test]
    fn errors_come_in_the_share_that_was_set() {
        let settings = Settings { error_share: 1.0, error_status: 503, ..Settings::default() };
        let failed = reply(&settings, "/v1/messages", CHAT);
        assert_eq!((failed.status, failed.kind), (503, Kind::Failed));
        let body: Value = serde_json::from_slice(&failed.body.bytes).unwrap();
        assert_eq!(body["error"]["type"], "overloaded_error");
    }

    #[test]
    fn what_cannot_be_answered_is_refused() {
        for (target, body, status) in [
            ("/v1/nothing", CHAT, 404),
            ("/v1/chat/completions", "no json", 400),
            ("/model/fault%2F401/converse", "{}", 401),
        ] {
            assert_eq!(reply(&Settings::default(), target, body).status, status, "{target}");
        }
    }

    #[test]
    fn texts_that_share_words_have_like_vectors() {
        let body = ask("/v1/embeddings", r#"{"model":"m","input":["the red car","a Red car","xyz"]}"#);
        let vector = |i: usize| -> Vec<u64> {
            let values = body["data"][i]["embedding"].as_array().unwrap();
            values.iter().map(|value| value.as_u64().unwrap()).collect()
        };
        let product =
            |a: usize, b: usize| -> u64 { vector(a).iter().zip(vector(b)).map(|(x, y)| x * y).sum() };
        assert!(product(0, 1) >= 2 && product(0, 1) > product(0, 2));
    }
}
