//! models.dev's table: dollars per million tokens, a member per provider.

use serde_json::{Map, Value};

use super::{Options, Skip, count, is_floating, number};
use crate::base::money::Rate;
use crate::model::outcome::Target;
use crate::policy::catalogue::{Features, Modality, Model, Prices, Rates, Tier};

/// models.dev's provider and ours.
const PROVIDERS: [(&str, &str); 21] = [
    ("openai", "openai"),
    ("anthropic", "anthropic"),
    ("google", "gemini"),
    ("azure", "azure"),
    ("openrouter", "openrouter"),
    ("groq", "groq"),
    ("mistral", "mistral"),
    ("deepseek", "deepseek"),
    ("togetherai", "together"),
    ("fireworks-ai", "fireworks"),
    ("xai", "xai"),
    ("cerebras", "cerebras"),
    ("perplexity", "perplexity"),
    ("nvidia", "nvidia"),
    ("huggingface", "huggingface"),
    ("cohere", "cohere"),
    ("amazon-bedrock", "bedrock"),
    ("moonshotai", "moonshot"),
    ("zai", "zai"),
    ("deepinfra", "deepinfra"),
    ("vercel", "vercel"),
];

pub(super) fn rows(root: &Map<String, Value>, options: Options<'_>) -> Vec<Result<Model, Skip>> {
    let mut out = Vec::new();
    for (theirs, provider) in root {
        let ours = PROVIDERS.into_iter().find(|(name, _)| name == theirs).map(|(_, ours)| ours);
        let ours = ours.filter(|ours| options.provider.is_none_or(|wanted| wanted == *ours));
        let models = provider.get("models").and_then(Value::as_object);
        for (name, row) in models.into_iter().flatten() {
            out.push(ours.ok_or(Skip::Provider).and_then(|ours| model(ours, name, row, options)));
        }
    }
    out
}

fn model(provider: &str, name: &str, row: &Value, options: Options<'_>) -> Result<Model, Skip> {
    if !row.is_object() || name.is_empty() {
        return Err(Skip::NotARow);
    }
    let (input, output) = (modalities(row, "input"), modalities(row, "output"));
    let is_embedding = row.get("family").and_then(Value::as_str).is_some_and(|f| f.contains("embed"));
    if !output.contains(&Modality::Text) || !input.contains(&Modality::Text) || is_embedding {
        return Err(Skip::NotChat);
    }
    if row.get("status").and_then(Value::as_str) == Some("deprecated") {
        return Err(Skip::Retired);
    }
    let prices = row.get("cost").map(prices).transpose()?.flatten();
    let limit = |field: &str| count(row.get("limit").and_then(|limits| limits.get(field)));
    let context = limit("context");
    let sources = prices.iter().map(|_| super::Table::ModelsDev.name().to_owned()).collect();
    Ok(Model {
        read: prices.as_ref().map(|_| options.read),
        context,
        max_input: limit("input").filter(|input| context != Some(*input)),
        max_output: limit("output"),
        prices,
        input,
        output,
        features: features(row),
        floating: is_floating(name),
        sources,
        ..Model::new(Target { provider: provider.to_owned(), model: name.to_owned() })
    })
}

/// The prices; absent when input and output are zero, which is how the table writes that it has none.
fn prices(cost: &Value) -> Result<Option<Prices>, Skip> {
    let base = rates(cost)?;
    if base.input == Rate::ZERO || base.output == Rate::ZERO {
        return if base.input == base.output { Ok(None) } else { Err(Skip::Price) };
    }
    let listed = cost.get("tiers").and_then(Value::as_array).into_iter().flatten();
    let listed = listed.map(|tier| (tier.get("tier").and_then(|t| count(t.get("size"))), tier));
    let over_200k = cost.get("context_over_200k").map(|tier| (Some(200_000), tier));
    let mut tiers = Vec::new();
    for (above, tier) in listed.chain(over_200k) {
        let above = above.ok_or(Skip::Unit)?;
        let rates = rates(tier)?;
        if rates.input == Rate::ZERO || rates.output == Rate::ZERO {
            return Err(Skip::Price);
        }
        tiers.push(Tier { above, rates });
    }
    tiers.sort_by_key(|tier| tier.above);
    tiers.dedup_by_key(|tier| tier.above);
    Ok(Some(Prices { rates: base, tiers, ..Prices::default() }))
}

fn rates(cost: &Value) -> Result<Rates, Skip> {
    let rate = |field: &str| -> Result<Option<Rate>, Skip> {
        let Some(text) = number(cost.get(field)) else { return Ok(None) };
        let rate = Rate::per_million(&text).map_err(|_| Skip::Price)?;
        Ok(Some(rate).filter(|rate| *rate != Rate::ZERO))
    };
    let output = rate("output")?.unwrap_or_default();
    Ok(Rates {
        input: rate("input")?.unwrap_or_default(),
        output,
        cached_input: rate("cache_read")?,
        cache_write: rate("cache_write")?,
        cache_write_1h: None,
        reasoning: rate("reasoning")?.filter(|rate| *rate != output),
    })
}

fn features(row: &Value) -> Features {
    let flag = |field: &str| row.get(field).and_then(Value::as_bool);
    Features {
        tools: flag("tool_call"),
        json_schema: flag("structured_output"),
        prefill: None,
        reasoning: flag("reasoning"),
        sampling: flag("temperature"),
    }
}

fn modalities(row: &Value, side: &str) -> Vec<Modality> {
    let names = row.get("modalities").and_then(|modalities| modalities.get(side));
    let names = names.and_then(Value::as_array).into_iter().flatten();
    names.filter_map(Value::as_str).filter_map(Modality::from_name).collect()
}
