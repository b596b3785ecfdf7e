//! LiteLLM's table: dollars per token, a member per model and variant.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{Options, Skip, always_searches, count, is_floating, number};
use crate::base::money::{Money, Rate};
use crate::model::outcome::Target;
use crate::policy::catalogue::{Features, Modality, Model, Prices, Rates, RequestFee, Tier};

/// LiteLLM's provider, ours, and what LiteLLM puts before the names. The first that fits counts.
const PROVIDERS: [(&str, &str, &str); 24] = [
    ("openai", "openai", ""),
    ("anthropic", "anthropic", ""),
    ("gemini", "gemini", "gemini/"),
    ("azure", "azure", "azure/"),
    ("azure_ai", "azure", "azure_ai/"),
    ("openrouter", "openrouter", "openrouter/"),
    ("groq", "groq", "groq/"),
    ("mistral", "mistral", "mistral/"),
    ("deepseek", "deepseek", "deepseek/"),
    ("together_ai", "together", "together_ai/"),
    ("fireworks_ai", "fireworks", "fireworks_ai/"),
    ("xai", "xai", "xai/"),
    ("cerebras", "cerebras", "cerebras/"),
    ("perplexity", "perplexity", "perplexity/"),
    ("nvidia_nim", "nvidia", "nvidia_nim/"),
    ("huggingface", "huggingface", "huggingface/"),
    ("cohere", "cohere", ""),
    ("cohere_chat", "cohere", ""),
    ("bedrock", "bedrock", "bedrock/"),
    ("bedrock_converse", "bedrock", "bedrock/converse/"),
    ("moonshot", "moonshot", "moonshot/"),
    ("zai", "zai", "zai/"),
    ("deepinfra", "deepinfra", "deepinfra/"),
    ("vercel_ai_gateway", "vercel", "vercel_ai_gateway/"),
];

pub(super) fn rows(root: &Map<String, Value>, options: Options<'_>) -> Vec<Result<Model, Skip>> {
    root.iter().map(|(key, row)| model(key, row, options)).collect()
}

fn model(key: &str, row: &Value, options: Options<'_>) -> Result<Model, Skip> {
    let table_provider = row.get("litellm_provider").and_then(Value::as_str).ok_or(Skip::NotARow)?;
    if key == "sample_spec" {
        return Err(Skip::NotARow);
    }
    let id = id(table_provider, key)?;
    if options.provider.is_some_and(|provider| provider != id.provider) {
        return Err(Skip::Provider);
    }
    if !matches!(row.get("mode").and_then(Value::as_str), Some("chat" | "responses")) {
        return Err(Skip::NotChat);
    }
    if is_variant(&id) {
        return Err(Skip::Variant);
    }
    let retires = row.get("deprecation_date").and_then(Value::as_str).and_then(|date| date.parse().ok());
    let mut model = Model { retires, floating: is_floating(&id.model), ..Model::new(id) };
    if model.is_retired(options.read) {
        return Err(Skip::Retired);
    }
    model.prices = prices(row, &model.id)?;
    if model.prices.is_some() {
        model.read = Some(options.read);
        model.sources = vec![super::Table::LiteLlm.name().to_owned()];
    }
    model.context = count(row.get("max_input_tokens")).or_else(|| count(row.get("max_tokens")));
    model.max_output = count(row.get("max_output_tokens"));
    model.features = features(row);
    (model.input, model.output) = modalities(row);
    Ok(model)
}

fn id(table_provider: &str, key: &str) -> Result<Target, Skip> {
    let (_, provider, prefix) =
        PROVIDERS.into_iter().find(|(theirs, ..)| *theirs == table_provider).ok_or(Skip::Provider)?;
    let name = key.strip_prefix(prefix).unwrap_or(key);
    Ok(Target { provider: provider.to_owned(), model: name.to_owned() })
}

/// Azure's and Bedrock's regional price rows and OpenAI's fine-tuning rows: no caller uses these names.
fn is_variant(id: &Target) -> bool {
    match &*id.provider {
        "openai" => id.model.starts_with("ft:"),
        "azure" | "bedrock" => id.model.contains('/'),
        _ => false,
    }
}

fn prices(row: &Value, id: &Target) -> Result<Option<Prices>, Skip> {
    if row.get("tiered_pricing").is_some() {
        return Err(Skip::Unit);
    }
    let rate = |field: &str| token_rate(row, field);
    let (Some(input), Some(output)) = (rate("input_cost_per_token")?, rate("output_cost_per_token")?) else {
        let is_by_time = row.get("input_cost_per_second").is_some() || row.get("cost_per_second").is_some();
        return if is_by_time { Err(Skip::Unit) } else { Ok(None) };
    };
    let rates = Rates { input, output, ..rates(row, "")? };
    let rates = Rates { reasoning: rates.reasoning.filter(|rate| *rate != output), ..rates };
    let peak = row.get("off_peak_pricing").is_some();
    Ok(Some(Prices { rates, tiers: tiers(row, &rates)?, request: request_fee(row, id)?, peak }))
}

/// The rates whose fields end in a tier's suffix (`_above_200k_tokens`), or in none.
fn rates(row: &Value, suffix: &str) -> Result<Rates, Skip> {
    let rate = |field: &str| token_rate(row, &format!("{field}{suffix}"));
    Ok(Rates {
        input: rate("input_cost_per_token")?.unwrap_or_default(),
        output: rate("output_cost_per_token")?.unwrap_or_default(),
        cached_input: rate("cache_read_input_token_cost")?,
        cache_write: rate("cache_creation_input_token_cost")?,
        cache_write_1h: rate("cache_creation_input_token_cost_above_1hr")?,
        reasoning: rate("output_cost_per_reasoning_token")?,
    })
}

/// The tiers, wherever a field of input or output names one; what a tier leaves out of these two is the
/// base's.
fn tiers(row: &Value, base: &Rates) -> Result<Vec<Tier>, Skip> {
    let fields = row.as_object().into_iter().flat_map(Map::keys);
    let suffixes = fields.filter_map(|field| {
        let suffix =
            field.strip_prefix("input_cost_per_token").or(field.strip_prefix("output_cost_per_token"))?;
        let thousands = suffix.strip_prefix("_above_")?.strip_suffix("k_tokens")?;
        Some((thousands.parse::<u64>().ok()?, suffix))
    });
    let suffixes: BTreeSet<_> = suffixes.collect();
    let tier = |(thousands, suffix): (u64, &str)| {
        let mut rates = rates(row, suffix)?;
        if rates.input == Rate::ZERO {
            rates.input = base.input;
        }
        if rates.output == Rate::ZERO {
            rates.output = base.output;
        }
        Ok(Tier { above: thousands.saturating_mul(1000), rates })
    };
    suffixes.into_iter().map(tier).collect()
}

/// A rate in dollars per token; a zero is a price nobody wrote down.
fn token_rate(row: &Value, field: &str) -> Result<Option<Rate>, Skip> {
    let Some(text) = number(row.get(field)) else { return Ok(None) };
    let rate = Rate::per_token(&text).map_err(|_| Skip::Price)?;
    Ok(Some(rate).filter(|rate| *rate != Rate::ZERO))
}

fn request_fee(row: &Value, id: &Target) -> Result<Option<RequestFee>, Skip> {
    if !always_searches(&id.provider, &id.model) {
        return Ok(None);
    }
    let fees = row.get("search_context_cost_per_query").and_then(Value::as_object);
    let fees = fees.into_iter().flat_map(Map::values);
    let fees = fees.filter_map(|fee| number(Some(fee))).map(|fee| fee.parse::<Money>());
    let fees = fees.collect::<Result<Vec<_>, _>>().map_err(|_| Skip::Price)?;
    let positive = || fees.iter().copied().filter(|fee| *fee > Money::ZERO);
    Ok(positive().min().zip(positive().max()).map(|(usual, most)| RequestFee { usual, most }))
}

fn features(row: &Value) -> Features {
    let flag = |field: &str| row.get(field).and_then(Value::as_bool);
    Features {
        tools: flag("supports_function_calling"),
        json_schema: flag("supports_response_schema"),
        prefill: flag("supports_assistant_prefill"),
        reasoning: flag("supports_reasoning"),
        sampling: flag("supports_sampling_params"),
    }
}

fn modalities(row: &Value) -> (Vec<Modality>, Vec<Modality>) {
    let listed = |field: &str| -> BTreeSet<Modality> {
        let names = row.get(field).and_then(Value::as_array).into_iter().flatten();
        names.filter_map(Value::as_str).filter_map(Modality::from_name).collect()
    };
    let flags = [
        ("supports_vision", Modality::Image),
        ("supports_audio_input", Modality::Audio),
        ("supports_video_input", Modality::Video),
        ("supports_pdf_input", Modality::Pdf),
    ];
    let has = |(flag, _): &(&str, Modality)| row.get(*flag).and_then(Value::as_bool) == Some(true);
    let mut input = listed("supported_modalities");
    input.insert(Modality::Text);
    input.extend(flags.into_iter().filter(has).map(|(_, modality)| modality));
    let mut output = listed("supported_output_modalities");
    output.insert(Modality::Text);
    (input.into_iter().collect(), output.into_iter().collect())
}
