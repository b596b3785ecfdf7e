//! Answers in every dialect, whole and streamed, as the providers' documentation and recorded traffic show
//! them.

use super::eventstream::frame;
use super::route::{Framing, Route, Tongue};
use super::text::{Append as _, Body, pieces};

/// What is to be said.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answer<'a> {
    pub(super) model: &'a str,
    pub(super) text: &'a str,
    pub(super) input_tokens: u64,
    pub(super) output_tokens: u64,
    /// OpenAI chat streams report usage only when asked.
    pub(super) reports_usage: bool,
    /// A stream breaks off with an error event after half of its content.
    pub(super) has_error_event: bool,
}

/// The answer in one piece.
pub(super) fn whole(tongue: Tongue, answer: &Answer<'_>) -> Body {
    let mut out = Vec::with_capacity(512 + answer.text.len());
    match tongue {
        Tongue::Chat => chat(&mut out, answer),
        Tongue::Responses => response(&mut out, answer, "completed"),
        Tongue::Anthropic => anthropic(&mut out, answer),
        Tongue::Gemini => gemini(&mut out, answer, answer.text, true),
        Tongue::Cohere => cohere(&mut out, answer),
        Tongue::Ollama => ollama(&mut out, answer, answer.text, true),
        Tongue::Bedrock => bedrock(&mut out, answer),
        Tongue::Embeddings => {}
    }
    Body::whole("application/json", out)
}

/// The answer as a stream.
pub(super) fn stream(route: &Route<'_>, answer: &Answer<'_>) -> Body {
    match route.tongue {
        Tongue::Chat | Tongue::Embeddings => chat_stream(answer),
        Tongue::Responses => response_stream(answer),
        Tongue::Anthropic => anthropic_stream(answer),
        Tongue::Gemini => gemini_stream(answer, route.framing),
        Tongue::Cohere => cohere_stream(answer),
        Tongue::Ollama => ollama_stream(answer),
        Tongue::Bedrock => bedrock_stream(answer),
    }
}

/// Streams the content; false when the stream was to break off.
fn content(body: &mut Body, answer: &Answer<'_>, mut piece: impl FnMut(&mut Vec<u8>, &str)) -> bool {
    let pieces = pieces(answer.text);
    let kept = if answer.has_error_event { pieces.len().div_ceil(2) } else { pieces.len() };
    for text in &pieces[..kept] {
        piece(&mut body.bytes, text);
        body.end_event();
    }
    body.close();
    !answer.has_error_event
}

fn event(body: &mut Body, name: &str, data: &str) {
    if !name.is_empty() {
        body.bytes.raw("event: ").raw(name).raw("\n");
    }
    body.bytes.raw("data: ").raw(data).raw("\n\n");
    body.end_event();
}

const SSE: &str = "text/event-stream";

fn openai_usage(out: &mut Vec<u8>, answer: &Answer<'_>, names: [&str; 2]) {
    out.raw("{\"").raw(names[0]).raw("\":").number(answer.input_tokens).raw(",\"").raw(names[1]).raw("\":");
    out.number(answer.output_tokens).raw(",\"total_tokens\":");
    out.number(answer.input_tokens + answer.output_tokens).raw("}");
}

const CHAT_USAGE: [&str; 2] = ["prompt_tokens", "completion_tokens"];

fn chat(out: &mut Vec<u8>, answer: &Answer<'_>) {
    out.raw(r#"{"id":"chatcmpl-mock","object":"chat.completion","created":1767225600,"model":"#);
    out.quoted(answer.model).raw(r#","choices":[{"index":0,"message":{"role":"assistant","content":"#);
    out.quoted(answer.text).raw(r#","refusal":null},"logprobs":null,"finish_reason":"stop"}],"usage":"#);
    openai_usage(out, answer, CHAT_USAGE);
    out.raw("}");
}

fn chat_stream(answer: &Answer<'_>) -> Body {
    let mut body = Body::new(SSE);
    let mut head = Vec::new();
    head.raw(r#"data: {"id":"chatcmpl-mock","object":"chat.completion.chunk","created":1767225600,"model":"#);
    head.quoted(answer.model).raw(r#","choices":["#);
    body.bytes.extend_from_slice(&head);
    body.bytes
        .raw(r#"{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}"#)
        .raw("\n\n");
    body.end_event();
    let is_whole = content(&mut body, answer, |out, piece| {
        out.extend_from_slice(&head);
        out.raw(r#"{"index":0,"delta":{"content":"#).quoted(piece).raw("},\"finish_reason\":null}]}\n\n");
    });
    if !is_whole {
        event(
            &mut body,
            "",
            r#"{"error":{"message":"The server had an error while processing your request","type":"server_error","param":null,"code":null}}"#,
        );
        event(&mut body, "", "[DONE]");
        return body;
    }
    body.bytes.extend_from_slice(&head);
    body.bytes.raw("{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n");
    body.end_event();
    if answer.reports_usage {
        body.bytes.extend_from_slice(&head);
        body.bytes.raw(r#"],"usage":"#);
        openai_usage(&mut body.bytes, answer, CHAT_USAGE);
        body.bytes.raw("}\n\n");
        body.end_event();
    }
    event(&mut body, "", "[DONE]");
    body
}

fn response(out: &mut Vec<u8>, answer: &Answer<'_>, status: &str) {
    out.raw(r#"{"id":"resp_mock","object":"response","created_at":1767225600,"status":"#).quoted(status);
    out.raw(r#","error":null,"incomplete_details":null,"model":"#).quoted(answer.model).raw(r#","output":["#);
    if status == "completed" {
        out.raw(r#"{"type":"message","id":"msg_mock","status":"completed","role":"assistant","content":["#);
        out.raw(r#"{"type":"output_text","annotations":[],"text":"#)
            .quoted(answer.text)
            .raw("}]}],\"usage\":");
        openai_usage(out, answer, ["input_tokens", "output_tokens"]);
    } else {
        out.raw(r#"],"usage":null"#);
    }
    out.raw("}");
}

fn response_event(body: &mut Body, name: &str, fill: impl FnOnce(&mut Vec<u8>)) {
    body.bytes.raw("event: ").raw(name).raw("\ndata: {\"type\":\"").raw(name).raw("\",");
    fill(&mut body.bytes);
    body.bytes.raw("}\n\n");
    body.end_event();
}

fn response_stream(answer: &Answer<'_>) -> Body {
    const ITEM: &str = r#""item_id":"msg_mock","output_index":0,"content_index":0"#;
    let mut body = Body::new(SSE);
    response_event(&mut body, "response.created", |out| {
        out.raw(r#""response":"#);
        response(out, answer, "in_progress");
    });
    response_event(&mut body, "response.output_item.added", |out| {
        out.raw(r#""output_index":0,"item":{"type":"message","id":"msg_mock","status":"in_progress","role":"assistant","content":[]}"#);
    });
    response_event(&mut body, "response.content_part.added", |out| {
        out.raw(ITEM).raw(r#","part":{"type":"output_text","annotations":[],"text":""}"#);
    });
    let is_whole = content(&mut body, answer, |out, piece| {
        out.raw("event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",")
            .raw(ITEM);
        out.raw(r#","delta":"#).quoted(piece).raw("}\n\n");
    });
    if !is_whole {
        response_event(&mut body, "error", |out| {
            out.raw(r#""code":"server_error","message":"The server had an error","param":null"#);
        });
        return body;
    }
    response_event(&mut body, "response.output_text.done", |out| {
        out.raw(ITEM).raw(r#","text":"#).quoted(answer.text);
    });
    response_event(&mut body, "response.completed", |out| {
        out.raw(r#""response":"#);
        response(out, answer, "completed");
    });
    body
}

fn anthropic(out: &mut Vec<u8>, answer: &Answer<'_>) {
    out.raw(r#"{"id":"msg_mock","type":"message","role":"assistant","model":"#).quoted(answer.model);
    out.raw(r#","content":[{"type":"text","text":"#).quoted(answer.text);
    out.raw(r#"}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":"#);
    out.number(answer.input_tokens).raw(r#","output_tokens":"#).number(answer.output_tokens).raw("}}");
}

fn anthropic_stream(answer: &Answer<'_>) -> Body {
    let mut body = Body::new(SSE);
    let out = &mut body.bytes;
    out.raw("event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_mock\",");
    out.raw(r#""type":"message","role":"assistant","model":"#).quoted(answer.model);
    out.raw(r#","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":"#);
    out.number(answer.input_tokens).raw(",\"output_tokens\":1}}}\n\n");
    body.end_event();
    event(
        &mut body,
        "content_block_start",
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
    );
    event(&mut body, "ping", r#"{"type":"ping"}"#);
    let is_whole = content(&mut body, answer, |out, piece| {
        out.raw("event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,");
        out.raw(r#""delta":{"type":"text_delta","text":"#).quoted(piece).raw("}}\n\n");
    });
    if !is_whole {
        event(
            &mut body,
            "error",
            r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#,
        );
        return body;
    }
    event(&mut body, "content_block_stop", r#"{"type":"content_block_stop","index":0}"#);
    let out = &mut body.bytes;
    out.raw(
        "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\",",
    );
    out.raw(r#""stop_sequence":null},"usage":{"output_tokens":"#).number(answer.output_tokens).raw("}}\n\n");
    body.end_event();
    event(&mut body, "message_stop", r#"{"type":"message_stop"}"#);
    body
}

fn gemini(out: &mut Vec<u8>, answer: &Answer<'_>, text: &str, is_last: bool) {
    out.raw(r#"{"candidates":[{"content":{"parts":[{"text":"#).quoted(text).raw(r#"}],"role":"model"},"#);
    out.raw(if is_last { r#""finishReason":"STOP","# } else { "" });
    out.raw(r#""index":0}],"usageMetadata":{"promptTokenCount":"#).number(answer.input_tokens);
    out.raw(r#","candidatesTokenCount":"#).number(answer.output_tokens).raw(r#","totalTokenCount":"#);
    out.number(answer.input_tokens + answer.output_tokens).raw(r#"},"modelVersion":"#).quoted(answer.model);
    out.raw("}");
}

fn gemini_stream(answer: &Answer<'_>, framing: Framing) -> Body {
    const ERROR: &str =
        r#"{"error":{"code":503,"message":"The model is overloaded.","status":"UNAVAILABLE"}}"#;
    // Without `alt=sse` the stream is one JSON array, which arrives element by element.
    let (content_type, before, after) = match framing {
        Framing::Sse => (SSE, "data: ", "\r\n\r\n"),
        Framing::Array => ("application/json", "", ",\r\n"),
    };
    let mut body = Body::new(content_type);
    if framing == Framing::Array {
        body.bytes.raw("[");
    }
    let is_whole = content(&mut body, answer, |out, piece| {
        out.raw(before);
        gemini(out, answer, piece, false);
        out.raw(after);
    });
    body.bytes.raw(before);
    if is_whole {
        gemini(&mut body.bytes, answer, "", true);
    } else {
        body.bytes.raw(ERROR);
    }
    body.bytes.raw(if framing == Framing::Array { "]" } else { after });
    body.end_event();
    body
}

fn cohere_usage(out: &mut Vec<u8>, answer: &Answer<'_>) {
    for (before, after) in [(r#"{"billed_units":{"#, "},"), (r#""tokens":{"#, "}}")] {
        out.raw(before).raw(r#""input_tokens":"#).number(answer.input_tokens);
        out.raw(r#","output_tokens":"#).number(answer.output_tokens).raw(after);
    }
}

fn cohere(out: &mut Vec<u8>, answer: &Answer<'_>) {
    out.raw(r#"{"id":"mock","finish_reason":"COMPLETE","message":{"role":"assistant","content":["#);
    out.raw(r#"{"type":"text","text":"#).quoted(answer.text).raw("}]},\"usage\":");
    cohere_usage(out, answer);
    out.raw("}");
}

fn cohere_stream(answer: &Answer<'_>) -> Body {
    let mut body = Body::new(SSE);
    event(
        &mut body,
        "message-start",
        r#"{"id":"mock","type":"message-start","delta":{"message":{"role":"assistant","content":[],"tool_plan":"","tool_calls":[],"citations":[]}}}"#,
    );
    event(
        &mut body,
        "content-start",
        r#"{"type":"content-start","index":0,"delta":{"message":{"content":{"type":"text","text":""}}}}"#,
    );
    let is_whole = content(&mut body, answer, |out, piece| {
        out.raw("event: content-delta\ndata: {\"type\":\"content-delta\",\"index\":0,");
        out.raw(r#""delta":{"message":{"content":{"text":"#).quoted(piece).raw("}}}}\n\n");
    });
    if !is_whole {
        event(
            &mut body,
            "message-end",
            r#"{"type":"message-end","delta":{"finish_reason":"ERROR","error":"the server had an error"}}"#,
        );
        return body;
    }
    event(&mut body, "content-end", r#"{"type":"content-end","index":0}"#);
    let out = &mut body.bytes;
    out.raw("event: message-end\ndata: {\"type\":\"message-end\",\"delta\":{\"finish_reason\":\"COMPLETE\",\"usage\":");
    cohere_usage(out, answer);
    out.raw("}}\n\n");
    body.end_event();
    event(&mut body, "", "[DONE]");
    body
}

fn ollama(out: &mut Vec<u8>, answer: &Answer<'_>, text: &str, is_last: bool) {
    out.raw(r#"{"model":"#).quoted(answer.model).raw(r#","created_at":"2026-01-01T00:00:00Z","#);
    out.raw(r#""message":{"role":"assistant","content":"#).quoted(text).raw("},");
    if is_last {
        out.raw(r#""done_reason":"stop","done":true,"total_duration":1000000,"load_duration":0,"#);
        out.raw(r#""prompt_eval_count":"#).number(answer.input_tokens);
        out.raw(r#","eval_count":"#).number(answer.output_tokens).raw("}");
    } else {
        out.raw(r#""done":false}"#);
    }
}

fn ollama_stream(answer: &Answer<'_>) -> Body {
    let mut body = Body::new("application/x-ndjson");
    let is_whole = content(&mut body, answer, |out, piece| {
        ollama(out, answer, piece, false);
        out.raw("\n");
    });
    if is_whole {
        ollama(&mut body.bytes, answer, "", true);
    } else {
        body.bytes.raw(r#"{"error":"the model runner has stopped"}"#);
    }
    body.bytes.raw("\n");
    body.end_event();
    body
}

fn bedrock_usage(out: &mut Vec<u8>, answer: &Answer<'_>) {
    out.raw(r#""usage":{"inputTokens":"#).number(answer.input_tokens).raw(r#","outputTokens":"#);
    out.number(answer.output_tokens).raw(r#","totalTokens":"#);
    out.number(answer.input_tokens + answer.output_tokens).raw(r#"},"metrics":{"latencyMs":1}}"#);
}

fn bedrock(out: &mut Vec<u8>, answer: &Answer<'_>) {
    out.raw(r#"{"output":{"message":{"role":"assistant","content":[{"text":"#).quoted(answer.text);
    out.raw(r#"}]}},"stopReason":"end_turn","#);
    bedrock_usage(out, answer);
}

fn bedrock_event(out: &mut Vec<u8>, name: &str, payload: &[u8]) {
    let headers = [(":event-type", name), (":content-type", "application/json"), (":message-type", "event")];
    frame(out, &headers, payload);
}

fn bedrock_stream(answer: &Answer<'_>) -> Body {
    let mut body = Body::new("application/vnd.amazon.eventstream");
    bedrock_event(&mut body.bytes, "messageStart", br#"{"role":"assistant"}"#);
    body.end_event();
    let mut payload = Vec::new();
    let is_whole = content(&mut body, answer, |out, piece| {
        payload.clear();
        payload.raw(r#"{"contentBlockIndex":0,"delta":{"text":"#).quoted(piece).raw("}}");
        bedrock_event(out, "contentBlockDelta", &payload);
    });
    if !is_whole {
        let headers = [
            (":exception-type", "modelStreamErrorException"),
            (":content-type", "application/json"),
            (":message-type", "exception"),
        ];
        frame(&mut body.bytes, &headers, br#"{"message":"the model had an error","originalStatusCode":500}"#);
        body.end_event();
        return body;
    }
    payload.clear();
    payload.raw("{");
    bedrock_usage(&mut payload, answer);
    let rest: [(&str, &[u8]); 3] = [
        ("contentBlockStop", br#"{"contentBlockIndex":0}"#),
        ("messageStop", br#"{"stopReason":"end_turn"}"#),
        ("metadata", &payload),
    ];
    for (name, payload) in rest {
        bedrock_event(&mut body.bytes, name, payload);
        body.end_event();
    }
    body
}
