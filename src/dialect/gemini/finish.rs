//! Why Gemini ends an answer, in words or, with `enum-encoding=int`, in numbers.
//! Source: `google/ai/generativelanguage/v1beta/generative_service.proto`, `Candidate.FinishReason`
//! and `PromptFeedback.BlockReason`.

use serde_json::Value;

use crate::model::FinishReason;

/// `Candidate.FinishReason` by number.
const FINISH: [&str; 13] = [
    "FINISH_REASON_UNSPECIFIED",
    "STOP",
    "MAX_TOKENS",
    "SAFETY",
    "RECITATION",
    "OTHER",
    "LANGUAGE",
    "BLOCKLIST",
    "PROHIBITED_CONTENT",
    "SPII",
    "MALFORMED_FUNCTION_CALL",
    "IMAGE_SAFETY",
    "UNEXPECTED_TOOL_CALL",
];

/// `PromptFeedback.BlockReason` by number.
const BLOCK: [&str; 6] =
    ["BLOCK_REASON_UNSPECIFIED", "SAFETY", "OTHER", "BLOCKLIST", "PROHIBITED_CONTENT", "IMAGE_SAFETY"];

/// The word for a candidate's end; none while it has not ended.
pub(super) fn finish_word(value: Option<&Value>) -> Option<String> {
    word(value, &FINISH)
}

/// The word for a refused prompt; none when it was not refused.
pub(super) fn block_word(value: Option<&Value>) -> Option<String> {
    word(value, &BLOCK)
}

fn word(value: Option<&Value>, names: &[&str]) -> Option<String> {
    let word = match value? {
        Value::String(word) => word.clone(),
        Value::Number(number) => {
            let index = number.as_u64().and_then(|number| usize::try_from(number).ok());
            let name = index.and_then(|index| names.get(index));
            name.map_or_else(|| number.to_string(), |name| (*name).to_owned())
        }
        _ => return None,
    };
    (!word.is_empty() && !word.ends_with("_UNSPECIFIED")).then_some(word)
}

/// What the word means.
pub(super) fn reason(word: &str) -> FinishReason {
    match word {
        "STOP" => FinishReason::Stop,
        "MAX_TOKENS" => FinishReason::Length,
        "SAFETY" | "RECITATION" | "BLOCKLIST" | "PROHIBITED_CONTENT" | "SPII" | "MODEL_ARMOR" => {
            FinishReason::ContentFilter
        }
        "IMAGE_SAFETY" | "IMAGE_PROHIBITED_CONTENT" | "IMAGE_RECITATION" => FinishReason::ContentFilter,
        _ => FinishReason::Other,
    }
}
