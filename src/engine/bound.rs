//! The most a call can cost: what a cap sets aside before it is sent.

use super::leg::Leg;
use crate::base::money::Money;
use crate::dialect::Encoded;
use crate::model::request::{Message, Part, Request, Shape};
use crate::model::{Failure, FailureClass};
use crate::policy::catalogue::Catalogue;

/// The most tokens known for one image: `gpt-4o-mini` counts 2,833 and 5,667 a tile, at most eight tiles
/// (OpenAI documentation, "Images and vision").
const MOST_IMAGE_TOKENS: u64 = 50_000;

/// What a provider writes around the conversation: the beginning of the text, a system message of its own where
/// there is none. OpenAI adds 3 tokens (its cookbook, "How to count tokens with tiktoken"); the harmony format of
/// its open models some 80, Llama's chat template some 30.
const PER_REQUEST: u64 = 128;
/// What frames a message: its role and its end. 3 or 4 tokens at OpenAI (cookbook), 5 in the templates of Llama and
/// harmony.
const PER_MESSAGE: u64 = 16;
/// What frames a tool beside its own text: 7 to 10 tokens before and 12 after it at OpenAI (cookbook).
const PER_TOOL: u64 = 64;
/// The instructions that a request with tools gets. Anthropic's documentation ("Tool use: pricing") has a table by
/// model and choice of tool: from 159 to 804 tokens, 735 for the computer's tool beside it.
const WITH_TOOLS: u64 = 2_048;
/// The instructions that a request with a schema gets beside the schema itself (Anthropic, "Structured outputs",
/// speaks of a system prompt of its own; nobody gives a number).
const WITH_FORM: u64 = 1_024;

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
/// body bound the tokens of its text; an image has a bound of its own, and so has what the provider adds.
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
    let input = beside.saturating_add(encoded.body.len() as u64).saturating_add(added(request));
    let model = catalogue.find(&leg.listed.provider, &leg.listed.model).ok_or(Unbounded::Price)?;
    let choices = u64::from(request.params.n.unwrap_or(1).max(1));
    let output = request.params.max_tokens.or(model.max_output).or(model.context).ok_or(Unbounded::Price)?;
    let prices = model.prices.as_ref().ok_or(Unbounded::Price)?;
    Ok(prices.worst_case(input, output.saturating_mul(choices)))
}

/// The most tokens that a provider adds to what it is sent, in any dialect: the same model is spoken to in several.
fn added(request: &Request) -> u64 {
    let count = |items: usize, each: u64| (items as u64).saturating_mul(each);
    let tools = if request.tools.is_empty() { 0 } else { WITH_TOOLS };
    let form = if request.shape == Shape::Text { 0 } else { WITH_FORM };
    PER_REQUEST
        + tools
        + form
        + count(request.messages.len(), PER_MESSAGE)
        + count(request.tools.len(), PER_TOOL)
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
    use crate::model::request::{Image, Role, Tool, ToolResult};

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

    #[test]
    fn a_small_request_with_tools_or_a_schema_is_bounded_with_what_the_provider_adds_to_it() {
        let with = |tools: usize, shape: Shape| Request {
            messages: vec![Message::text(Role::User, "hi")],
            tools: vec![Tool { name: "t".into(), ..Tool::default() }; tools],
            shape,
            ..Request::default()
        };
        // The most in Anthropic's table, with its computer tool.
        assert!(added(&with(1, Shape::Text)) >= 804 + 735);
        // OpenAI's 3 for the message, 3 for the answer that begins, 22 for a tool.
        assert!(added(&with(0, Shape::Text)) >= 6 && PER_TOOL >= 22);
        assert!(added(&with(0, Shape::Json)) > added(&with(0, Shape::Text)));
        assert!(added(&with(1, Shape::Json)) > added(&with(1, Shape::Text)));
    }

    proptest::proptest! {
        #[test]
        fn more_messages_and_tools_never_cost_less(messages in 0_usize..50, tools in 0_usize..50) {
            let of = |messages: usize, tools: usize| added(&Request {
                messages: vec![Message::text(Role::User, ""); messages],
                tools: vec![Tool::default(); tools],
                ..Request::default()
            });
            let least = messages as u64 * PER_MESSAGE + tools as u64 * PER_TOOL;
            proptest::prop_assert!(of(messages, tools) >= least);
            proptest::prop_assert!(of(messages + 1, tools) > of(messages, tools));
            proptest::prop_assert!(of(messages, tools + 1) > of(messages, tools));
        }
    }
}
