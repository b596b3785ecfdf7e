//! An answer in the OpenAI chat dialect.

use serde_json::{Map, Value, json};

/// The wall time of every simulated answer: 2026-01-01, so that answers are the same bytes every time.
const CREATED: u64 = 1_767_225_600;

/// A stream has at most this many pieces.
const MOST_PIECES: usize = 16;

/// What is said and what is reported about it.
#[derive(Debug)]
pub(super) struct Reply {
    text: String,
    is_refusal: bool,
    is_cut: bool,
    model: &'static str,
    digest: u64,
    input_tokens: u64,
    calls: Vec<(String, String)>,
}

impl Reply {
    pub(super) const fn text(text: String) -> Self {
        Self {
            text,
            is_refusal: false,
            is_cut: false,
            model: "",
            digest: 0,
            input_tokens: 0,
            calls: Vec::new(),
        }
    }

    /// An answer that is calls of tools, by name and arguments.
    pub(super) fn calls(calls: Vec<(String, Map<String, Value>)>) -> Self {
        let written =
            |(name, arguments): (String, Map<String, Value>)| (name, Value::from(arguments).to_string());
        Self { calls: calls.into_iter().map(written).collect(), ..Self::text(String::new()) }
    }

    pub(super) fn refusal(text: &str) -> Self {
        Self { is_refusal: true, ..Self::text(text.to_owned()) }
    }

    /// Adds the model, the digest for the answer's id, and the input's length in bytes.
    pub(super) fn named(self, model: &'static str, digest: u64, input: usize) -> Self {
        Self { model, digest, input_tokens: tokens(input), ..self }
    }

    /// Cuts the answer off at a number of tokens.
    pub(super) fn within(mut self, most_tokens: Option<u64>) -> Self {
        let most = most_tokens
            .map_or(usize::MAX, |most| usize::try_from(most.saturating_mul(4)).unwrap_or(usize::MAX));
        if self.text.len() > most {
            self.text.truncate(self.text.floor_char_boundary(most));
            self.is_cut = true;
        }
        self
    }

    fn finish_reason(&self) -> &'static str {
        match (self.is_cut, self.calls.is_empty()) {
            (true, _) => "length",
            (false, false) => "tool_calls",
            (false, true) => "stop",
        }
    }

    fn usage(&self) -> Value {
        let calls: usize = self.calls.iter().map(|(name, arguments)| name.len() + arguments.len()).sum();
        let output = tokens(self.text.len() + calls);
        json!({
            "prompt_tokens": self.input_tokens,
            "completion_tokens": output,
            "total_tokens": self.input_tokens + output,
        })
    }

    fn envelope(&self, object: &str, choices: &Value) -> Value {
        json!({
            "id": format!("chatcmpl-sim{:016x}", self.digest),
            "object": object,
            "created": CREATED,
            "model": self.model,
            "choices": choices,
        })
    }

    /// The answer in one piece.
    pub(super) fn whole(&self) -> Vec<u8> {
        let (content, refusal) =
            if self.is_refusal { (None, Some(&self.text)) } else { (Some(&self.text), None) };
        let mut message = json!({"role": "assistant", "content": content, "refusal": refusal});
        if !self.calls.is_empty() {
            message["content"] = Value::Null;
            message["tool_calls"] = self.tool_calls();
        }
        let choices = json!([{"index": 0, "message": message, "finish_reason": self.finish_reason()}]);
        let mut value = self.envelope("chat.completion", &choices);
        value["usage"] = self.usage();
        value.to_string().into_bytes()
    }

    /// The answer as server-sent events.
    pub(super) fn events(&self, has_usage: bool) -> Vec<Vec<u8>> {
        let field = if self.is_refusal { "refusal" } else { "content" };
        let mut events = Vec::new();
        let text = if self.calls.is_empty() { &self.text } else { "" };
        if !self.calls.is_empty() {
            let delta = json!({"role": "assistant", "tool_calls": self.tool_calls()});
            events.push(self.chunk(&json!([{"index": 0, "delta": delta, "finish_reason": null}])));
        }
        for (index, piece) in pieces(text).into_iter().enumerate() {
            let mut delta = json!({field: piece});
            if index == 0 {
                delta["role"] = "assistant".into();
            }
            events.push(self.chunk(&json!([{"index": 0, "delta": delta, "finish_reason": null}])));
        }
        events.push(self.chunk(&json!([{"index": 0, "delta": {}, "finish_reason": self.finish_reason()}])));
        if has_usage {
            let mut value = self.envelope("chat.completion.chunk", &json!([]));
            value["usage"] = self.usage();
            events.push(event(&value.to_string()));
        }
        events.push(event("[DONE]"));
        events
    }

    fn tool_calls(&self) -> Value {
        let call = |(index, (name, arguments)): (usize, &(String, String))| {
            let id = format!("call_sim{:016x}_{index}", self.digest);
            let function = json!({"name": name, "arguments": arguments});
            json!({"index": index, "id": id, "type": "function", "function": function})
        };
        self.calls.iter().enumerate().map(call).collect()
    }

    fn chunk(&self, choices: &Value) -> Vec<u8> {
        event(&self.envelope("chat.completion.chunk", choices).to_string())
    }
}

fn event(data: &str) -> Vec<u8> {
    format!("data: {data}\n\n").into_bytes()
}

/// Four bytes a token, as English has on average.
fn tokens(bytes: usize) -> u64 {
    u64::try_from(bytes.div_ceil(4)).unwrap_or(u64::MAX).max(1)
}

/// Even pieces of at least four bytes, at characters' boundaries.
fn pieces(text: &str) -> Vec<&str> {
    let size = text.len().div_ceil(MOST_PIECES).max(4);
    let (mut pieces, mut rest) = (Vec::new(), text);
    while rest.len() > size {
        let (piece, tail) = rest.split_at(rest.ceil_char_boundary(size));
        pieces.push(piece);
        rest = tail;
    }
    pieces.push(rest);
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn pieces_join_to_the_text(text: String) {
            let pieces = pieces(&text);
            prop_assert!(pieces.len() <= MOST_PIECES + 1);
            prop_assert_eq!(pieces.concat(), text);
        }
    }
}
