use std::io::Write as _;

use super::*;
use crate::policy::catalogue::Modality;

fn options() -> Options<'static> {
    Options { provider: None, read: "2026-11-21".parse().unwrap() }
}

fn imported(table: &str) -> Import {
    import(table.as_bytes(), options()).unwrap()
}

/// The entry of a table's only model, as it is written.
fn entry(table: &str) -> String {
    let import = imported(table);
    assert_eq!(import.catalogue.models().len(), 1, "{:?}", import.skipped);
    serde_json::to_string(&import.catalogue.models()[0]).unwrap()
}

#[test]
fn a_litellm_row_becomes_an_entry_with_exact_rates() {
    let table = r#"{"gemini/gemini-x":{"litellm_provider":"gemini","mode":"chat","max_input_tokens":1000000,
        "max_output_tokens":"65536","input_cost_per_token":1.25e-06,"output_cost_per_token":1e-05,
        "cache_read_input_token_cost":1.3e-07,"output_cost_per_reasoning_token":1e-05,
        "input_cost_per_token_above_200k_tokens":2.5e-06,"output_cost_per_token_above_200k_tokens":1.5e-05,
        "input_cost_per_token_above_200k_tokens_batches":9e-06,"input_cost_per_token_batches":6e-07,
        "supports_vision":true,"supports_function_calling":true,"supports_response_schema":false,
        "supports_sampling_params":false,"deprecation_date":"2027-01-31",
        "search_context_cost_per_query":{"search_context_size_low":0.035}}}"#;
    let expected = r#"{"id":"gemini/gemini-x","context":1000000,"max_output":65536,"prices":{"input":"1.25","output":"10","cached_input":"0.13","tiers":[{"above":200000,"input":"2.5","output":"15"}]},"read":"2026-11-21","input":["text","image"],"output":["text"],"features":{"tools":true,"json_schema":false,"sampling":false},"retires":"2027-01-31","sources":["litellm"]}"#;
    assert_eq!(entry(table), expected);
}

#[test]
fn litellm_cache_writes_have_both_times_in_every_tier() {
    let table = r#"{"claude-x":{"litellm_provider":"anthropic","mode":"chat",
        "input_cost_per_token":3e-06,"output_cost_per_token":1.5e-05,"cache_creation_input_token_cost":3.75e-06,
        "cache_creation_input_token_cost_above_1hr":6e-06,"input_cost_per_token_above_200k_tokens":6e-06,
        "cache_creation_input_token_cost_above_200k_tokens":7.5e-06,
        "cache_creation_input_token_cost_above_1hr_above_200k_tokens":1.2e-05}}"#;
    let prices = r#""prices":{"input":"3","output":"15","cache_write":"3.75","cache_write_1h":"6","tiers":[{"above":200000,"input":"6","output":"15","cache_write":"7.5","cache_write_1h":"12"}]}"#;
    assert!(entry(table).contains(prices), "{}", entry(table));
}

#[test]
fn a_search_fee_is_a_request_fee_only_where_every_request_searches() {
    let row = |provider: &str, name: &str| {
        entry(&format!(
            r#"{{"{name}":{{"litellm_provider":"{provider}","mode":"chat","input_cost_per_token":1e-06,"output_cost_per_token":1e-06,
            "search_context_cost_per_query":{{"search_context_size_low":0.005,"search_context_size_high":0.012}}}}}}"#
        ))
    };
    assert!(row("perplexity", "perplexity/sonar").contains(r#""request":"0.005","request_most":"0.012""#));
    assert!(row("openai", "gpt-5-search-api").contains(r#""request":"0.005""#));
    assert!(!row("openai", "gpt-5").contains("request"));
}

#[test]
fn off_peak_prices_are_marked_and_names_that_move_too() {
    let table = r#"{"deepseek/x-latest":{"litellm_provider":"deepseek","mode":"chat","input_cost_per_token":3e-07,
        "output_cost_per_token":1.2e-06,"cache_creation_input_token_cost":0.0,"off_peak_pricing":{}}}"#;
    let text = entry(table);
    assert!(text.contains(r#""prices":{"input":"0.3","output":"1.2","peak":true}"#), "{text}");
    assert!(text.contains(r#""floating":true"#), "{text}");
}

#[test]
fn a_models_dev_row_becomes_an_entry() {
    let table = r#"{"google":{"models":{"gemini-x":{"family":"gemini","reasoning":true,"temperature":false,"tool_call":true,
        "cost":{"input":0.1,"output":0.4,"cache_read":0.025,"reasoning":0.7,"cache_write":0,
                "tiers":[{"tier":{"size":128000},"input":0.2,"output":0.8}],"context_over_200k":{"input":0.3,"output":1.2}},
        "limit":{"context":400000,"input":272000,"output":8192},
        "modalities":{"input":["text","image","hologram"],"output":["text"]}}}}}"#;
    let expected = r#"{"id":"gemini/gemini-x","context":400000,"max_input":272000,"max_output":8192,"prices":{"input":"0.1","output":"0.4","cached_input":"0.025","reasoning":"0.7","tiers":[{"above":128000,"input":"0.2","output":"0.8"},{"above":200000,"input":"0.3","output":"1.2"}]},"read":"2026-11-21","input":["text","image"],"output":["text"],"features":{"tools":true,"reasoning":true,"sampling":false},"sources":["models.dev"]}"#;
    assert_eq!(entry(table), expected);
    assert_eq!(imported(table).table, Table::ModelsDev);
    assert_eq!(imported(table).catalogue.models()[0].input, [Modality::Text, Modality::Image]);
}

#[test]
fn a_zero_price_is_a_price_nobody_knows() {
    let dev = r#"{"nvidia":{"models":{"m":{"cost":{"input":0,"output":0},"modalities":{"input":["text"],"output":["text"]}}}}}"#;
    let lite = r#"{"gpt-x":{"litellm_provider":"openai","mode":"chat","input_cost_per_token":0,"output_cost_per_token":0}}"#;
    for table in [dev, lite] {
        let model = imported(table).catalogue.models()[0].clone();
        assert_eq!((model.prices, model.read, model.sources.len()), (None, None, 0), "{table}");
    }
}

#[test]
fn what_cannot_be_carried_is_counted_by_reason() {
    let table = r#"{
        "sample_spec":{"litellm_provider":"one of","mode":"chat"}, "text":"not a row",
        "e":{"litellm_provider":"openai","mode":"embedding"},
        "n":{"litellm_provider":"nobody","mode":"chat"},
        "ft:gpt":{"litellm_provider":"openai","mode":"chat"},
        "azure/eu/gpt":{"litellm_provider":"azure","mode":"chat"},
        "old":{"litellm_provider":"openai","mode":"chat","deprecation_date":"2026-11-21"},
        "s":{"litellm_provider":"openai","mode":"chat","input_cost_per_second":1},
        "r":{"litellm_provider":"openai","mode":"chat","tiered_pricing":[]},
        "p":{"litellm_provider":"openai","mode":"chat","input_cost_per_token":-1,"output_cost_per_token":1},
        "groq/a":{"litellm_provider":"groq","mode":"chat"}, "a":{"litellm_provider":"groq","mode":"chat"}
    }"#;
    let import = imported(table);
    let skipped: Vec<_> = import.skipped.iter().map(|(skip, count)| (*skip, *count)).collect();
    let expected = [
        (Skip::NotARow, 2),
        (Skip::NotChat, 1),
        (Skip::Provider, 1),
        (Skip::Variant, 2),
        (Skip::Retired, 1),
        (Skip::Unit, 2),
        (Skip::Price, 1),
        (Skip::Twice, 1),
    ];
    assert_eq!(skipped, expected);
    assert_eq!(import.catalogue.models().len(), 1);
}

#[test]
fn models_dev_rows_that_cannot_be_carried_are_counted() {
    let chat = r#""modalities":{"input":["text"],"output":["text"]}"#;
    let table = format!(
        r#"{{"nobody":{{"models":{{"m":{{}}}}}},"openai":{{"models":{{
        "old":{{"status":"deprecated",{chat}}}, "speech":{{"modalities":{{"input":["text"],"output":["audio"]}}}},
        "embed":{{"family":"text-embedding",{chat}}}, "half":{{"cost":{{"input":1,"output":0}},{chat}}},
        "tier":{{"cost":{{"input":1,"output":1,"tiers":[{{"input":2,"output":2}}]}},{chat}}}, "null":null}}}}}}"#
    );
    let import = imported(&table);
    let skipped: Vec<_> = import.skipped.into_iter().collect();
    let expected = [
        (Skip::NotARow, 1),
        (Skip::NotChat, 2),
        (Skip::Provider, 1),
        (Skip::Retired, 1),
        (Skip::Unit, 1),
        (Skip::Price, 1),
    ];
    assert_eq!(skipped, expected);
}

#[test]
fn one_provider_can_be_asked_for() {
    let row = r#""mode":"chat","input_cost_per_token":1e-6,"output_cost_per_token":1e-6"#;
    let table = format!(
        r#"{{"a":{{"litellm_provider":"openai",{row}}},"groq/b":{{"litellm_provider":"groq",{row}}}}}"#
    );
    let options = Options { provider: Some("groq"), ..options() };
    let import = import(table.as_bytes(), options).unwrap();
    assert_eq!(import.catalogue.models()[0].id.to_string(), "groq/b");
    assert_eq!(import.skipped[&Skip::Provider], 1);
}

#[test]
fn a_gzipped_table_is_the_same_table() {
    let table = r#"{"a":{"litellm_provider":"openai","mode":"chat"}}"#;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(table.as_bytes()).unwrap();
    let bytes = gzip.finish().unwrap();
    assert_eq!(import(&bytes, options()).unwrap().catalogue.models(), imported(table).catalogue.models());
    assert!(matches!(import(&bytes[..20], options()), Err(ImportError::Gzip(_))));
}

#[test]
fn what_is_no_table_is_refused() {
    assert!(matches!(import(b"{", options()), Err(ImportError::Json(_))));
    for text in ["[]", "{}", r#"{"a":1}"#, r#"{"schema":1,"models":[]}"#] {
        assert!(matches!(import(text.as_bytes(), options()), Err(ImportError::Form)), "{text}");
    }
}
