//! What each known provider does differently, as rows of data.

use super::Quirks;

/// A provider's differences. A name that is not in the table is taken for a local or private server that
/// imitates OpenAI loosely.
///
/// Sources: the providers' API references, and recorded traffic for the accounting (`reasoning_outside_output`
/// is proved by xAI's totals and Vercel's bills) and for the stream endings.
pub fn of(provider: &str) -> Quirks {
    let row = ROWS.iter().find(|row| row.provider == provider);
    row.cloned().unwrap_or(Quirks { no_done: true, ..IMITATION })
}

/// The dialect as its author documents it.
const FAITHFUL: Quirks = Quirks {
    provider: "",
    reasoning_outside_output: false,
    output_from_total: false,
    old_max_tokens: false,
    no_stream_options: false,
    random_seed: false,
    no_done: false,
    no_finish: false,
    input_from_total: false,
    no_developer: false,
    no_json_schema: false,
    tool_choice_any: false,
    top_k: false,
    reasoning_object: false,
    short_call_ids: false,
    reasoning_echo: None,
};

/// What most imitations have in common: they kept the first names and never learnt the developer role.
const IMITATION: Quirks = Quirks { old_max_tokens: true, no_developer: true, ..FAITHFUL };

/// An open inference server or a host of one: samplers of its own, reasoning sent back as it came.
const OPEN_SERVER: Quirks = Quirks { top_k: true, reasoning_echo: Some("reasoning_content"), ..IMITATION };

#[rustfmt::skip]
const ROWS: &[Quirks] = &[
    Quirks { provider: "openai", ..FAITHFUL },
    Quirks { provider: "azure", ..FAITHFUL },
    Quirks { provider: "chatgpt", ..FAITHFUL },
    Quirks { provider: "pydantic_gateway", ..FAITHFUL },
    Quirks { provider: "bedrock_mantle", ..FAITHFUL },
    Quirks { provider: "groq", no_developer: true, ..FAITHFUL },
    Quirks { provider: "cerebras", no_developer: true, ..FAITHFUL },
    Quirks { provider: "xai", no_developer: true, reasoning_outside_output: true,
        reasoning_echo: Some("reasoning_content"), ..FAITHFUL },
    Quirks { provider: "openrouter", top_k: true, reasoning_object: true, reasoning_echo: Some("reasoning"), ..IMITATION },
    Quirks { provider: "vercel_gateway", reasoning_outside_output: true, reasoning_object: true,
        reasoning_echo: Some("reasoning"), ..IMITATION },
    Quirks { provider: "mistral", no_stream_options: true, random_seed: true, input_from_total: true,
        tool_choice_any: true, short_call_ids: true, ..IMITATION },
    Quirks { provider: "deepseek", no_json_schema: true, reasoning_echo: Some("reasoning_content"), ..IMITATION },
    Quirks { provider: "zai", no_json_schema: true, reasoning_echo: Some("reasoning_content"), ..IMITATION },
    Quirks { provider: "together", ..OPEN_SERVER },
    Quirks { provider: "fireworks", ..OPEN_SERVER },
    Quirks { provider: "huggingface", no_done: true, ..OPEN_SERVER },
    Quirks { provider: "nvidia", ..OPEN_SERVER },
    Quirks { provider: "venice", ..OPEN_SERVER },
    Quirks { provider: "doubleword", ..OPEN_SERVER },
    Quirks { provider: "crusoe", ..OPEN_SERVER },
    Quirks { provider: "avian", ..OPEN_SERVER },
    Quirks { provider: "vllm", ..OPEN_SERVER },
    Quirks { provider: "llamacpp", ..OPEN_SERVER },
    Quirks { provider: "lmstudio", ..OPEN_SERVER },
    Quirks { provider: "mistralrs", ..OPEN_SERVER },
    Quirks { provider: "local", no_done: true, ..OPEN_SERVER },
    Quirks { provider: "ollama", reasoning_echo: Some("reasoning"), ..IMITATION },
    Quirks { provider: "perplexity", no_done: true, top_k: true, ..IMITATION },
    Quirks { provider: "snowflake", no_finish: true, ..IMITATION },
    Quirks { provider: "gemini", output_from_total: true, ..IMITATION },
    Quirks { provider: "vertex", output_from_total: true, ..IMITATION },
    Quirks { provider: "anthropic", no_json_schema: true, ..IMITATION },
    Quirks { provider: "cohere", ..IMITATION },
    Quirks { provider: "bedrock", ..IMITATION },
    Quirks { provider: "copilot", ..IMITATION },
    Quirks { provider: "databricks", ..IMITATION },
    Quirks { provider: "cloudflare", ..IMITATION },
    Quirks { provider: "heroku", ..IMITATION },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_provider_has_one_row_of_its_own_name() {
        let all: Vec<_> = ROWS.iter().map(|row| row.provider).collect();
        for (i, name) in all.iter().enumerate() {
            assert!(!all[..i].contains(name), "{name} is there twice");
            assert_eq!(of(name).provider, *name);
        }
    }

    #[test]
    fn an_unknown_provider_is_read_leniently() {
        let quirks = of("my-own-server");
        assert!(quirks.no_done && quirks.old_max_tokens);
    }
}
