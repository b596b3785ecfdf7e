//! What came back: a stream of deltas, and the answer they fold into.

use serde_json::Value;

use super::request::{Thinking, ToolCall};
use super::{Failure, FailureClass, Object};
use crate::base::money::Money;

/// A step of an answer. A buffered body decodes into the same deltas as a stream.
#[derive(Clone, Debug, PartialEq)]
pub enum Delta {
    /// Who answers. May come more than once; the first non-empty value of each field counts.
    Start {
        /// The provider's identifier of the answer.
        id: Option<String>,
        /// The model that answered, which may be a dated version of the one asked for.
        model: Option<String>,
    },
    /// More text of a choice.
    Text {
        /// The choice, from zero.
        choice: u32,
        /// The text.
        text: String,
    },
    /// More reasoning of a choice.
    Thinking {
        /// The choice, from zero.
        choice: u32,
        /// The block of reasoning within the choice; a new number starts a new block.
        block: u32,
        /// What is added: text appends, other fields are set.
        part: Thinking,
    },
    /// More of a refusal, where the dialect has a field for it.
    Refusal {
        /// The choice, from zero.
        choice: u32,
        /// The text.
        text: String,
    },
    /// More of a tool call.
    ToolCall {
        /// The choice, from zero.
        choice: u32,
        /// Which call of the choice; a new number starts a new call. Decoders assign it.
        call: u32,
        /// What is added: arguments append, other fields are set when they are not empty.
        part: ToolCall,
    },
    /// Tokens so far. Cumulative: the last one counts.
    Usage(TokenUsage),
    /// What the provider says the call cost. The last one counts.
    Cost(Money),
    /// A choice is complete.
    Finish {
        /// The choice, from zero.
        choice: u32,
        /// Why it ended.
        reason: FinishReason,
        /// The provider's own word.
        raw: Option<String>,
    },
    /// Fields we do not model, merged by name; the last one counts.
    Extra(Object),
}

/// Why a choice ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FinishReason {
    /// The model was done, or met a stop text.
    Stop,
    /// The output limit or the context window was reached.
    Length,
    /// The client's tools are to be called.
    ToolCalls,
    /// A content filter cut the answer.
    ContentFilter,
    /// The model declined.
    Refusal,
    /// Something else the provider has a word for.
    Other,
}

impl FinishReason {
    /// Every reason.
    pub const ALL: [Self; 6] =
        [Self::Stop, Self::Length, Self::ToolCalls, Self::ContentFilter, Self::Refusal, Self::Other];

    /// The name in JSON, ledger and configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Length => "length",
            Self::ToolCalls => "tool_calls",
            Self::ContentFilter => "content_filter",
            Self::Refusal => "refusal",
            Self::Other => "other",
        }
    }
}

/// Tokens of one call. The three inputs are disjoint: all input = input + cached input + cache write, in
/// every dialect, whatever the provider's own convention. Reasoning is a part of output. A field the
/// provider did not report is absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TokenUsage {
    /// Input neither read from nor written to a cache.
    pub input: Option<u64>,
    /// Everything the model wrote, reasoning included.
    pub output: Option<u64>,
    /// Input read from the provider's cache.
    pub cached_input: Option<u64>,
    /// Input written to the provider's cache.
    pub cache_write: Option<u64>,
    /// The part of the output that is reasoning.
    pub reasoning: Option<u64>,
}

impl TokenUsage {
    /// Usage from a total input that includes what was cached, as most dialects report it. A cached count
    /// above the total is clamped: Azure-hosted Grok reports 161 cached of 10.
    pub fn inclusive(total: Option<u64>, cached: Option<u64>, write: Option<u64>) -> Self {
        let inside = cached.unwrap_or(0).saturating_add(write.unwrap_or(0));
        Self {
            input: total.map(|total| total.saturating_sub(inside)),
            cached_input: cached,
            cache_write: write,
            ..Self::default()
        }
    }

    /// All input: fresh, cached and written; absent when no input was reported. Saturates: a provider may
    /// report any number.
    pub fn total_input(&self) -> Option<u64> {
        let parts = [self.input, self.cached_input, self.cache_write];
        parts.iter().any(Option::is_some).then(|| parts.into_iter().flatten().fold(0, u64::saturating_add))
    }
}

/// A complete answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Response {
    /// The provider's identifier.
    pub id: Option<String>,
    /// The model that answered.
    pub model: Option<String>,
    /// The choices; at least one unless the provider sent none.
    pub choices: Vec<Choice>,
    /// Tokens, when reported.
    pub usage: Option<TokenUsage>,
    /// What the provider says it cost.
    pub stated_cost: Option<Money>,
    /// Fields we do not model.
    pub extra: Object,
}

/// One of the answers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Choice {
    /// The text.
    pub text: String,
    /// The reasoning blocks.
    pub thinking: Vec<Thinking>,
    /// The refusal, where the dialect has a field for it.
    pub refusal: Option<String>,
    /// The tool calls, in order.
    pub tool_calls: Vec<ToolCall>,
    /// Why it ended; absent when the provider did not say.
    pub finish: Option<FinishReason>,
    /// The provider's own word for it.
    pub finish_raw: Option<String>,
}

impl Response {
    /// Folds deltas into an answer.
    pub fn fold(deltas: impl IntoIterator<Item = Delta>) -> Self {
        let mut response = Self::default();
        for delta in deltas {
            response.push(delta);
        }
        response
    }

    /// Adds one delta.
    pub fn push(&mut self, delta: Delta) {
        match delta {
            Delta::Start { id, model } => {
                set_if_empty(&mut self.id, id);
                set_if_empty(&mut self.model, model);
            }
            Delta::Text { choice, text } => self.choice_mut(choice).text.push_str(&text),
            Delta::Thinking { choice, block, part } => {
                let block = grown(&mut self.choice_mut(choice).thinking, block);
                block.text.push_str(&part.text);
                replace(&mut block.signature, part.signature);
                replace(&mut block.redacted, part.redacted);
                replace(&mut block.id, part.id);
            }
            Delta::Refusal { choice, text } => {
                self.choice_mut(choice).refusal.get_or_insert_default().push_str(&text);
            }
            Delta::ToolCall { choice, call, part } => {
                let call = grown(&mut self.choice_mut(choice).tool_calls, call);
                call.arguments.push_str(&part.arguments);
                if !part.id.is_empty() {
                    call.id = part.id;
                }
                if !part.name.is_empty() {
                    call.name = part.name;
                }
                replace(&mut call.signature, part.signature);
            }
            Delta::Usage(usage) => self.usage = Some(usage),
            Delta::Cost(cost) => self.stated_cost = Some(cost),
            Delta::Finish { choice, reason, raw } => {
                let choice = self.choice_mut(choice);
                choice.finish = Some(reason);
                replace(&mut choice.finish_raw, raw);
            }
            Delta::Extra(fields) => self.extra.extend(fields),
        }
    }

    /// The first choice's text; empty when there is none.
    pub fn text(&self) -> &str {
        self.choices.first().map_or("", |choice| &choice.text)
    }

    /// Whether the model or a filter declined.
    pub fn is_refused(&self) -> bool {
        self.choices.iter().any(|choice| {
            choice.refusal.is_some()
                || matches!(choice.finish, Some(FinishReason::Refusal | FinishReason::ContentFilter))
        })
    }

    fn choice_mut(&mut self, choice: u32) -> &mut Choice {
        grown(&mut self.choices, choice)
    }
}

/// The element at an index a decoder assigned; the list grows to reach it, up to a bound that no real
/// answer meets, so that a hostile index cannot take the memory.
fn grown<T: Default>(list: &mut Vec<T>, index: u32) -> &mut T {
    const MOST: usize = 4096;
    let index = (index as usize).min(MOST);
    if list.len() <= index {
        list.resize_with(index + 1, T::default);
    }
    &mut list[index]
}

fn set_if_empty(slot: &mut Option<String>, value: Option<String>) {
    if slot.as_ref().is_none_or(String::is_empty) && value.as_ref().is_some_and(|v| !v.is_empty()) {
        *slot = value;
    }
}

fn replace(slot: &mut Option<String>, value: Option<String>) {
    if value.is_some() {
        *slot = value;
    }
}

/// An answer that cannot be decoded.
pub fn malformed(message: impl Into<String>) -> Failure {
    Failure::new(FailureClass::Malformed, message)
}

/// A JSON value's text when it is a string that is not empty.
pub fn non_empty(value: Option<&Value>) -> Option<String> {
    value.and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interleaved_choices_and_calls_fold_apart() {
        let call = |call, name: &str, arguments: &str| Delta::ToolCall {
            choice: 0,
            call,
            part: ToolCall { name: name.into(), arguments: arguments.into(), ..ToolCall::default() },
        };
        let response = Response::fold([
            Delta::Text { choice: 0, text: "on".into() },
            Delta::Text { choice: 1, text: "tw".into() },
            Delta::Text { choice: 0, text: "e".into() },
            Delta::Text { choice: 1, text: "o".into() },
            call(0, "add", "{\"a\""),
            call(1, "sub", "{}"),
            call(0, "", ":1}"),
        ]);
        assert_eq!([&*response.choices[0].text, &*response.choices[1].text], ["one", "two"]);
        assert_eq!(response.choices[0].tool_calls[0].arguments, "{\"a\":1}");
        assert_eq!(response.choices[0].tool_calls[1].name, "sub");
    }

    #[test]
    fn inputs_are_disjoint_and_clamped() {
        let usage = TokenUsage::inclusive(Some(100), Some(80), None);
        assert_eq!((usage.input, usage.total_input()), (Some(20), Some(100)));
        assert_eq!(TokenUsage::inclusive(Some(10), Some(161), None).input, Some(0));
        assert_eq!(TokenUsage::default().total_input(), None);
    }
}
