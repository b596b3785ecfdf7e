//! Which provider's endpoint a path is.

/// A family of endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tongue {
    Chat,
    Responses,
    Anthropic,
    Gemini,
    Cohere,
    Ollama,
    Bedrock,
    Embeddings,
}

/// How a Gemini stream is framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// Server-sent events, asked for by `alt=sse`.
    Sse,
    /// One JSON array.
    Array,
}

/// What a path says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Route<'a> {
    pub(super) tongue: Tongue,
    /// The model, where the path names it; percent-encoded.
    pub(super) model: Option<&'a str>,
    /// Whether to stream, where the path says it.
    pub(super) streams: Option<bool>,
    pub(super) framing: Framing,
}

/// The endpoint of a target. Only the end of the path counts, so that any base address works.
pub(super) fn route(target: &str) -> Option<Route<'_>> {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let framing = if query.split('&').any(|pair| pair == "alt=sse") { Framing::Sse } else { Framing::Array };
    let plain = |tongue| Some(Route { tongue, model: None, streams: None, framing });
    let named =
        |tongue, model, streams| Some(Route { tongue, model: Some(model), streams: Some(streams), framing });
    for (verb, streams) in [(":generateContent", false), (":streamGenerateContent", true)] {
        if let Some(name) = path.strip_suffix(verb) {
            return named(Tongue::Gemini, gemini_model(name), streams);
        }
    }
    if let Some((_, call)) = path.split_once("/model/") {
        let (model, verb) = call.rsplit_once('/')?;
        return match verb {
            "converse" => named(Tongue::Bedrock, model, false),
            "converse-stream" => named(Tongue::Bedrock, model, true),
            _ => None,
        };
    }
    let ends: [(&str, Tongue); 6] = [
        ("/chat/completions", Tongue::Chat),
        ("/responses", Tongue::Responses),
        ("/messages", Tongue::Anthropic),
        ("/v2/chat", Tongue::Cohere),
        ("/api/chat", Tongue::Ollama),
        ("/embeddings", Tongue::Embeddings),
    ];
    ends.into_iter().find(|(end, _)| path.ends_with(end)).and_then(|(_, tongue)| plain(tongue))
}

/// The model in a Gemini path: below `models/`, or a resource of two names such as `tunedModels/x`.
fn gemini_model(path: &str) -> &str {
    if let Some((_, model)) = path.split_once("/models/") {
        return model;
    }
    path.rmatch_indices('/').nth(1).map_or(path, |(at, _)| &path[at + 1..])
}

/// Undoes percent-encoding; what is no text afterwards is replaced.
pub(super) fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let (mut out, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while at < bytes.len() {
        let code = (bytes[at] == b'%').then(|| text.get(at + 1..at + 3)).flatten();
        let byte = code.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        out.push(byte.unwrap_or(bytes[at]));
        at += if byte.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_dialect_has_its_real_path() {
        let cases = [
            ("/v1/chat/completions", Tongue::Chat, None, None),
            ("/openai/v1/chat/completions?x=y", Tongue::Chat, None, None),
            ("/v1/responses", Tongue::Responses, None, None),
            ("/v1/messages", Tongue::Anthropic, None, None),
            ("/v1beta/models/g-1:generateContent", Tongue::Gemini, Some("g-1"), Some(false)),
            ("/v1beta/models/a/b:streamGenerateContent?alt=sse", Tongue::Gemini, Some("a/b"), Some(true)),
            ("/v1beta/fault/reset:generateContent", Tongue::Gemini, Some("fault/reset"), Some(false)),
            ("/v2/chat", Tongue::Cohere, None, None),
            ("/api/chat", Tongue::Ollama, None, None),
            ("/model/n%3A0/converse", Tongue::Bedrock, Some("n%3A0"), Some(false)),
            ("/model/n:0/converse", Tongue::Bedrock, Some("n:0"), Some(false)),
            ("/model/a/b/converse-stream", Tongue::Bedrock, Some("a/b"), Some(true)),
            ("/v1/embeddings", Tongue::Embeddings, None, None),
        ];
        for (target, tongue, model, streams) in cases {
            let found = route(target).unwrap();
            assert_eq!((found.tongue, found.model, found.streams), (tongue, model, streams), "{target}");
        }
        for target in ["/", "/v1/chat", "/v1beta/models/m:count", "/model/x/invoke", "/models/x"] {
            assert_eq!(route(target), None, "{target}");
        }
    }

    #[test]
    fn percent_encoding_is_undone() {
        let cases = [
            ("a%2Fb", "a/b"),
            ("n%3A0", "n:0"),
            ("100%", "100%"),
            ("%zz", "%zz"),
            ("%C3%A9", "é"),
            ("%é", "%é"),
        ];
        for (text, expected) in cases {
            assert_eq!(decoded(text), expected);
        }
    }
}
