//! Embeddings, spoken as a dialect so that they take the engine's one path: a request's messages are the
//! texts, and the vectors come back as an extra field of the answer.

use serde_json::{Value, json};

use super::{Call, Decoder, Dialect, DialectName, Encoded, Quirks, endpoint, json_headers};
use crate::model::request::Part;
use crate::model::response::malformed;
use crate::model::{Delta, Failure, FailureClass, Message, Object, Request, Response, TokenUsage};

/// The field of [`Response::extra`] that holds the vectors.
const VECTORS: &str = "embeddings";

/// The embeddings endpoint of a dialect.
#[derive(Clone, Copy, Debug)]
pub struct Embeddings(DialectName);

/// How a dialect's providers embed; absent where they do not.
pub fn for_name(name: DialectName) -> Option<&'static dyn Dialect> {
    match name {
        DialectName::OpenAi | DialectName::Responses => Some(&Embeddings(DialectName::OpenAi)),
        DialectName::Gemini => Some(&Embeddings(DialectName::Gemini)),
        DialectName::Cohere => Some(&Embeddings(DialectName::Cohere)),
        DialectName::Ollama => Some(&Embeddings(DialectName::Ollama)),
        DialectName::Anthropic | DialectName::Bedrock => None,
    }
}

/// The vectors of an answer, in the order of the texts.
pub fn vectors(response: &Response) -> Vec<Vec<f32>> {
    let rows = response.extra.get(VECTORS).and_then(Value::as_array);
    rows.into_iter().flatten().filter_map(numbers).collect()
}

impl Dialect for Embeddings {
    fn name(&self) -> DialectName {
        self.0
    }

    fn encode(&self, request: &Request, call: &Call<'_>) -> Result<Encoded, Failure> {
        let texts: Vec<String> = request.messages.iter().map(text).collect();
        let model = call.model;
        let (path, body) = match self.0 {
            DialectName::Gemini => {
                let name = format!("models/{}", model.trim_start_matches("models/"));
                let one = |text: &String| json!({"model": name, "content": {"parts": [{"text": text}]}});
                let requests: Vec<_> = texts.iter().map(one).collect();
                (format!("{name}:batchEmbedContents"), json!({ "requests": requests }))
            }
            DialectName::Cohere => {
                let body = json!({"model": model, "texts": texts, "input_type": "clustering", "embedding_types": ["float"]});
                ("embed".to_owned(), body)
            }
            DialectName::Ollama => ("api/embed".to_owned(), json!({"model": model, "input": texts})),
            _ => {
                ("embeddings".to_owned(), json!({"model": model, "input": texts, "encoding_format": "float"}))
            }
        };
        Ok(Encoded {
            url: endpoint(call.base_url, &path),
            headers: json_headers(),
            body: body.to_string().into_bytes(),
            dropped: Vec::new(),
        })
    }

    fn decode(&self, body: &[u8], _quirks: &Quirks) -> Result<Vec<Delta>, Failure> {
        let body: Value = serde_json::from_slice(body)
            .map_err(|error| malformed(format!("the embeddings are not JSON: {error}")))?;
        let rows: Vec<Value> = match self.0 {
            DialectName::Gemini => each(body.get("embeddings"), "values"),
            DialectName::Cohere => list(body.pointer("/embeddings/float").or(body.get("embeddings"))),
            DialectName::Ollama => list(body.get("embeddings")),
            _ => each(body.get("data"), "embedding"),
        };
        if rows.is_empty() || rows.iter().any(|row| numbers(row).is_none()) {
            return Err(malformed("the answer holds no embeddings"));
        }
        let tokens = ["/usage/prompt_tokens", "/meta/billed_units/input_tokens", "/prompt_eval_count"];
        let tokens = tokens.iter().find_map(|path| body.pointer(path)).and_then(Value::as_u64);
        let usage = TokenUsage { input: tokens, output: tokens.map(|_| 0), ..TokenUsage::default() };
        let mut extra = Object::new();
        extra.insert(VECTORS.to_owned(), Value::Array(rows));
        let model = body.get("model").and_then(Value::as_str).map(str::to_owned);
        let mut deltas = vec![Delta::Start { id: None, model }, Delta::Extra(extra)];
        deltas.extend(tokens.map(|_| Delta::Usage(usage)));
        Ok(deltas)
    }

    fn decoder(&self, _quirks: &Quirks) -> Box<dyn Decoder> {
        Box::new(NoStream)
    }
}

/// Embeddings are never streamed.
struct NoStream;

impl Decoder for NoStream {
    fn push(&mut self, _bytes: &[u8], _out: &mut Vec<Delta>) -> Result<(), Failure> {
        Err(Failure::new(FailureClass::Malformed, "embeddings came as a stream"))
    }

    fn finish(&mut self, _out: &mut Vec<Delta>) -> Result<(), Failure> {
        Err(Failure::new(FailureClass::Truncated, "the stream of embeddings ended without them"))
    }
}

fn text(message: &Message) -> String {
    let texts = message.parts.iter().filter_map(|part| match part {
        Part::Text(text) => Some(text.as_str()),
        _ => None,
    });
    texts.collect()
}

fn list(value: Option<&Value>) -> Vec<Value> {
    value.and_then(Value::as_array).cloned().unwrap_or_default()
}

fn each(value: Option<&Value>, field: &str) -> Vec<Value> {
    let rows = value.and_then(Value::as_array).into_iter().flatten();
    rows.map(|row| row.get(field).cloned().unwrap_or(Value::Null)).collect()
}

#[expect(clippy::cast_possible_truncation, reason = "embeddings are single precision")]
fn numbers(row: &Value) -> Option<Vec<f32>> {
    row.as_array()?.iter().map(|number| number.as_f64().map(|number| number as f32)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Role;

    #[test]
    fn every_dialect_asks_its_own_way_and_reads_its_own_answer() {
        let cases = [
            (
                DialectName::OpenAi,
                "https://h/v1/embeddings",
                r#"{"model":"e","data":[{"embedding":[1,0.5]}],"usage":{"prompt_tokens":3}}"#,
            ),
            (
                DialectName::Gemini,
                "https://h/v1/models/e:batchEmbedContents",
                r#"{"embeddings":[{"values":[1,0.5]}]}"#,
            ),
            (
                DialectName::Cohere,
                "https://h/v1/embed",
                r#"{"embeddings":{"float":[[1,0.5]]},"meta":{"billed_units":{"input_tokens":3}}}"#,
            ),
            (
                DialectName::Ollama,
                "https://h/v1/api/embed",
                r#"{"model":"e","embeddings":[[1,0.5]],"prompt_eval_count":3}"#,
            ),
        ];
        let request = Request { messages: vec![Message::text(Role::User, "hi")], ..Request::default() };
        let quirks = Quirks::default();
        for (name, url, body) in cases {
            let dialect = for_name(name).unwrap();
            let call = Call { model: "e", base_url: "https://h/v1", stream: false, quirks: &quirks };
            let encoded = dialect.encode(&request, &call).unwrap();
            assert_eq!(encoded.url, url);
            assert!(String::from_utf8(encoded.body).unwrap().contains("\"hi\""));
            let response = Response::fold(dialect.decode(body.as_bytes(), &quirks).unwrap());
            assert_eq!(vectors(&response), [[1.0, 0.5]], "{name:?}");
        }
    }

    #[test]
    fn an_answer_without_vectors_is_malformed() {
        let dialect = for_name(DialectName::OpenAi).unwrap();
        for body in ["", "{}", r#"{"data":[]}"#, r#"{"data":[{"embedding":["x"]}]}"#] {
            let failure = dialect.decode(body.as_bytes(), &Quirks::default()).unwrap_err();
            assert_eq!(failure.class, FailureClass::Malformed, "{body}");
        }
    }
}
