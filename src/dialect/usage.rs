//! Tokens and cost as the OpenAI family reports them, in all spellings and both accountings.

use serde_json::Value;

use super::Quirks;
use crate::base::money::Money;
use crate::model::TokenUsage;

/// The counts of a `usage` object; absent when it holds none.
///
/// Parts are clamped to their whole, because some hosts count them with another tokenizer: Azure-hosted Grok
/// reports 161 cached of 10 prompt tokens, OpenRouter 11 reasoning of 10 completion tokens.
pub(super) fn tokens(usage: &Value, quirks: &Quirks) -> Option<TokenUsage> {
    let prompt = count(usage, &["prompt_tokens", "input_tokens"]);
    let completion = count(usage, &["completion_tokens", "output_tokens"]);
    let total = count(usage, &["total_tokens"]);
    let reasoning = detail(usage, "completion_tokens_details", "output_tokens_details", "reasoning_tokens")
        .or_else(|| count(usage, &["reasoning_tokens"]));
    let cached =
        detail(usage, "prompt_tokens_details", "input_tokens_details", "cached_tokens").or_else(|| {
            count(
                usage,
                &["cached_tokens", "num_cached_tokens", "prompt_cache_hit_tokens", "cache_read_input_tokens"],
            )
        });
    let write = detail(usage, "prompt_tokens_details", "input_tokens_details", "cache_write_tokens")
        .or_else(|| count(usage, &["cache_creation_input_tokens"]));
    prompt.or(completion)?;

    let rest = |other: Option<u64>| Some(total?.saturating_sub(other?));
    let input = if quirks.input_from_total { prompt.max(rest(completion)) } else { prompt };
    let output = if quirks.output_from_total {
        completion.max(rest(prompt))
    } else if quirks.reasoning_outside_output {
        completion.map(|completion| completion.saturating_add(reasoning.unwrap_or(0)))
    } else {
        completion
    };
    let cached = at_most(cached, input);
    let write = at_most(write, input.map(|input| input - cached.unwrap_or(0)));
    let usage = TokenUsage::inclusive(input, cached, write);
    Some(TokenUsage { output, reasoning: at_most(reasoning, output), ..usage })
}

fn at_most(part: Option<u64>, whole: Option<u64>) -> Option<u64> {
    match whole {
        Some(whole) => part.map(|part| part.min(whole)),
        None => part,
    }
}

fn count(usage: &Value, names: &[&str]) -> Option<u64> {
    names.iter().find_map(|name| usage.get(name)?.as_u64())
}

fn detail(usage: &Value, chat: &str, responses: &str, name: &str) -> Option<u64> {
    [chat, responses].iter().find_map(|details| usage.get(details)?.get(name)?.as_u64())
}

/// What the provider says the call cost, in the `usage` object: `cost` (OpenRouter, Vercel),
/// `cost.total_cost` (Perplexity) or `cost_in_usd_ticks` (xAI: one tick is 1e-10 dollars).
pub(super) fn cost(usage: &Value) -> Option<Money> {
    if let Some(ticks) = usage.get("cost_in_usd_ticks").and_then(Value::as_u64) {
        return format!("{ticks}e-10").parse().ok();
    }
    let cost = usage.get("cost")?;
    decimal(cost.get("total_cost").unwrap_or(cost))
}

/// An amount from a number's shortest decimal text, or from a string.
fn decimal(value: &Value) -> Option<Money> {
    match value {
        Value::Number(number) => number.to_string().parse().ok(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::quirks;
    use serde_json::json;

    fn totals(provider: &str, usage: &Value) -> [Option<u64>; 5] {
        let usage = tokens(usage, &quirks::of(provider)).unwrap();
        [usage.total_input(), usage.output, usage.cached_input, usage.cache_write, usage.reasoning]
    }

    #[test]
    fn each_provider_is_counted_by_its_own_convention() {
        let details = |cached: u64, reasoning: u64| {
            json!({"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120 + reasoning,
                "prompt_tokens_details": {"cached_tokens": cached},
                "completion_tokens_details": {"reasoning_tokens": reasoning}})
        };
        let cases = [
            ("openai", details(30, 15), [Some(100), Some(20), Some(30), None, Some(15)]),
            ("xai", details(30, 15), [Some(100), Some(35), Some(30), None, Some(15)]),
            ("vercel_gateway", details(0, 50), [Some(100), Some(70), Some(0), None, Some(50)]),
            ("gemini", details(0, 15), [Some(100), Some(35), Some(0), None, Some(15)]),
            ("azure", details(161, 0), [Some(100), Some(20), Some(100), None, Some(0)]),
            ("openrouter", details(0, 21), [Some(100), Some(20), Some(0), None, Some(20)]),
            (
                "mistral",
                json!({"prompt_tokens": 11, "completion_tokens": 15, "total_tokens": 401, "num_cached_tokens": 9}),
                [Some(386), Some(15), Some(9), None, None],
            ),
            (
                "deepseek",
                json!({"prompt_tokens": 12, "completion_tokens": 1, "prompt_cache_hit_tokens": 4}),
                [Some(12), Some(1), Some(4), None, None],
            ),
            (
                "databricks",
                json!({"prompt_tokens": 36, "completion_tokens": 5, "cache_read_input_tokens": 2,
                    "cache_creation_input_tokens": 3}),
                [Some(36), Some(5), Some(2), Some(3), None],
            ),
        ];
        for (provider, usage, expected) in cases {
            assert_eq!(totals(provider, &usage), expected, "{provider}");
        }
        assert_eq!(tokens(&json!({"completion_tokens": null}), &quirks::of("snowflake")), None);
    }

    #[test]
    fn a_stated_cost_is_exact() {
        let cases = [
            (json!({"cost": 0.000_071_59}), Some(71_590)),
            (json!({"cost": "0.0000395"}), Some(39_500)),
            (json!({"cost": 3.9e-6}), Some(3_900)),
            (json!({"cost": {"total_cost": 0.00937}}), Some(9_370_000)),
            (json!({"cost_in_usd_ticks": 1_553_800}), Some(155_380)),
            (json!({"cost": 0}), Some(0)),
            (json!({"cost": null}), None),
            (json!({"cost": {"input_tokens_cost": 1}}), None),
        ];
        for (usage, nanos) in cases {
            assert_eq!(cost(&usage).map(Money::nanos), nanos, "{usage}");
        }
    }
}
