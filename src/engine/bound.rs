//! The most a call can cost: what a cap sets aside before it is sent.

use super::leg::Leg;
use crate::base::money::Money;
use crate::dialect::Encoded;
use crate::model::request::{Message, Part, Request};
use crate::model::{Failure, FailureClass};
use crate::policy::catalogue::Catalogue;

/// The most tokens known for one image: `gpt-4o-mini` counts 2,833 and 5,667 a tile, at most eight tiles
/// (OpenAI documentation, "Images and vision").
const MOST_IMAGE_TOKENS: u64 = 50_000;

/// The code of a failure whose call no cap can hold, however large.
pub const UNBOUNDED: &str = "unbounded";

/// Why nobody can say what a call costs at most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unbounded {
    /// The model has no price, or no most that it may answer.
    Price,
    /// The request holds something whose tokens its bytes do not bound.
    Part(String),
    /// The provider runs a tool and bills that beside the tokens.
    Tool(String),
}

impl Unbounded {
    /// The refusal under a cap.
    pub(super) fn refuse(&self, leg: &Leg) -> Failure {
        let target = &leg.target;
        let message = match self {
            Self::Price => format!(
                "the price of {target} is unknown, so no cost cap can hold; give it a price under [models] in \
                 orch.toml, or run without a cap"
            ),
            Self::Part(kind) => format!(
                "the request holds a part of type `{kind}`, and nobody can tell how many tokens {target} makes of \
                 it, so no cost cap can hold; leave the row out, or run without a cap"
            ),
            Self::Tool(kind) => format!(
                "the request offers the tool `{kind}`, which {target} runs and bills beside the tokens, so no cost \
                 cap can hold; leave the row out, or run without a cap"
            ),
        };
        Failure { code: Some(UNBOUNDED.to_owned()), ..Failure::new(FailureClass::Budget, message) }
    }
}

/// The most the call can cost. Every token of a byte-level tokenizer is at least one byte, so the bytes of the
/// body bound the tokens of its text; an image has a bound of its own.
pub(super) fn bound(
    catalogue: &Catalogue,
    request: &Request,
    leg: &Leg,
    encoded: &Encoded,
) -> Result<Money, Unbounded> {
    if let Some(tool) = request.tools.iter().find(|tool| tool.name.is_empty()) {
        return Err(Unbounded::Tool(kind(tool.extra.get("type"))));
    }
    let parts = |message: &Message| tokens_beside_text(&message.parts);
    let beside = request.messages.iter().map(parts).sum::<Result<u64, _>>()?;
    let input = beside.saturating_add(encoded.body.len() as u64);
    let model = catalogue.find(&leg.listed.provider, &leg.listed.model).ok_or(Unbounded::Price)?;
    let choices = u64::from(request.params.n.unwrap_or(1).max(1));
    let output = request.params.max_tokens.or(model.max_output).or(model.context).ok_or(Unbounded::Price)?;
    let prices = model.prices.as_ref().ok_or(Unbounded::Price)?;
    Ok(prices.worst_case(input, output.saturating_mul(choices)))
}

/// The most tokens of the parts that are not text, pictures inside tool results included.
fn tokens_beside_text(parts: &[Part]) -> Result<u64, Unbounded> {
    let tokens = |part: &Part| match part {
        Part::Text(_) | Part::ToolCall(_) | Part::Thinking(_) => Ok(0),
        Part::Image(_) => Ok(MOST_IMAGE_TOKENS),
        Part::ToolResult(result) => tokens_beside_text(&result.parts),
        Part::Opaque { value, .. } => opaque_tokens(&kind(value.get("type"))),
    };
    parts.iter().map(tokens).sum()
}

/// Parts in a provider's own words. Text is bounded by its bytes. Audio, video and files are not: a few bytes name
/// hours of speech or a thousand pages, and audio has prices of its own.
fn opaque_tokens(kind: &str) -> Result<u64, Unbounded> {
    match kind {
        "text"
        | "input_text"
        | "output_text"
        | "refusal"
        | "thinking"
        | "reasoning"
        | "tool_use"
        | "function_call"
        | "function_call_output" => Ok(0),
        "image" | "image_url" | "input_image" => Ok(MOST_IMAGE_TOKENS),
        _ => Err(Unbounded::Part(kind.to_owned())),
    }
}

fn kind(value: Option<&serde_json::Value>) -> String {
    value.and_then(serde_json::Value::as_str).unwrap_or("unknown").to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::request::{Image, ToolResult};

    fn opaque(kind: &str) -> Part {
        Part::Opaque { dialect: "openai".into(), value: json!({ "type": kind, "data": "AAAA" }) }
    }

    #[test]
    fn text_is_bounded_by_its_bytes_pictures_by_their_most_and_the_rest_not_at_all() {
        let image = || Part::Image(Image::Url { url: "https://h/i.png".into(), detail: None });
        let result =
            |parts| Part::ToolResult(ToolResult { id: "1".into(), name: "t".into(), parts, is_error: false });
        let cases = [
            (vec![Part::Text("hi".into()), opaque("input_text")], Ok(0)),
            (vec![image(), opaque("input_image")], Ok(2 * MOST_IMAGE_TOKENS)),
            (vec![result(vec![image()])], Ok(MOST_IMAGE_TOKENS)),
            (vec![opaque("input_audio")], Err(Unbounded::Part("input_audio".into()))),
            (vec![result(vec![opaque("file")])], Err(Unbounded::Part("file".into()))),
        ];
        for (parts, expected) in cases {
            assert_eq!(tokens_beside_text(&parts), expected, "{parts:?}");
        }
    }
}
