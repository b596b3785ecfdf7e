use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::base::money::Rate;

fn embedded() -> Catalogue {
    Catalogue::parse(include_str!("models.json")).unwrap()
}

fn small() -> Catalogue {
    Catalogue::parse(
        r#"{"schema":1,"models":[
        {"id":"openai/gpt-5","context":400000,"prices":{"input":"1.25","output":"10"},"read":"2026-11-21","covers":["dated"],
         "features":{"tools":true},"sources":["litellm"],"disputes":[{"price":"input","values":{"a":"1","b":"2"}}]},
        {"id":"openai/gpt-4o","aliases":["gpt-4o-2024-08-06"]},
        {"id":"gemini/gemini-2.5-pro"},
        {"id":"bedrock/meta.llama","covers":["regional"]},
        {"id":"bedrock/anthropic.claude","aliases":["global.anthropic.claude"]},
        {"id":"bedrock/us.anthropic.claude"}
        ]}"#,
    )
    .unwrap()
}

fn found(provider: &str, model: &str) -> Option<String> {
    small().find(provider, model).map(|model| model.id.to_string())
}

#[test]
fn the_embedded_catalogue_has_the_current_models_of_every_provider_named_in_the_documentation() {
    let catalogue = embedded();
    assert!(catalogue.models().len() >= 250, "{}", catalogue.models().len());
    let providers: BTreeSet<_> = catalogue.models().iter().map(|model| &*model.id.provider).collect();
    let named = "openai anthropic gemini azure openrouter groq mistral deepseek together fireworks xai cerebras \
                 perplexity nvidia huggingface cohere bedrock";
    for provider in named.split_whitespace() {
        assert!(providers.contains(provider), "{provider}");
    }
    assert!(include_str!("models.json").len() < 250_000);
}

#[test]
fn every_embedded_entry_makes_sense() {
    let day: jiff::civil::Date = "2026-11-21".parse().unwrap();
    let first: jiff::civil::Date = "2026-01-01".parse().unwrap();
    let catalogue = embedded();
    for model in catalogue.models() {
        let id = &model.id;
        assert!(!model.is_retired(day), "{id} is retired");
        assert!(model.context.is_none_or(|n| (1000..=20_000_000).contains(&n)), "{id} context");
        assert!(model.max_input.is_none_or(|n| model.context.is_some_and(|all| n < all)), "{id} max input");
        assert!(model.max_output <= model.context || model.context.is_none(), "{id} max output");
        assert!(model.output.contains(&Modality::Text), "{id} makes no text");
        assert_eq!(model.read.is_some(), model.prices.is_some(), "{id} has a price or a day alone");
        assert_eq!(model.sources.is_empty(), model.prices.is_none(), "{id} has a price or a source alone");
        assert!(model.read.is_none_or(|read| (first..=day).contains(&read)), "{id} read");
        assert!(model.sources.iter().all(|source| catalogue.tables().contains_key(source)), "{id} source");
    }
}

#[test]
fn every_embedded_price_makes_sense() {
    for model in embedded().models() {
        let (id, Some(prices)) = (&model.id, &model.prices) else { continue };
        assert!(!prices.is_free(), "{id} is free");
        for rates in std::iter::once(&prices.rates).chain(prices.tiers.iter().map(|tier| &tier.rates)) {
            assert!(rates.input > Rate::ZERO && rates.output >= rates.input, "{id}: {rates:?}");
            assert!(rates.output <= Rate::per_million("1000").unwrap(), "{id}: {rates:?}");
            assert!(rates.cached_input.is_none_or(|rate| rate <= rates.input), "{id}: {rates:?}");
            assert!(rates.cache_write.is_none_or(|rate| rate >= rates.input), "{id}: {rates:?}");
            assert!(rates.cache_write_1h >= rates.cache_write || rates.cache_write_1h.is_none(), "{id}");
        }
        for tier in &prices.tiers {
            assert!(tier.rates.input >= prices.rates.input, "{id}: a tier is cheaper than the base");
        }
        let is_search = id.provider == "perplexity" || id.model.contains("search");
        assert_eq!(prices.request.is_some(), is_search, "{id}: request fee");
    }
}

#[test]
fn every_embedded_dispute_is_one_and_the_price_is_one_of_the_tables() {
    let mut disputed = 0;
    for model in embedded().models().iter().filter(|model| model.is_disputed()) {
        disputed += 1;
        for dispute in &model.disputes {
            let values: BTreeSet<_> = dispute.values.values().collect();
            assert!(values.len() > 1, "{}: {} is the same everywhere", model.id, dispute.price);
            if dispute.price == "input" {
                let chosen = model.prices.as_ref().unwrap().rates.input;
                let stated: Vec<_> = values.into_iter().map(|text| Rate::per_million(text)).collect();
                assert!(stated.contains(&Ok(chosen)), "{}: {chosen} is nobody's price", model.id);
            }
        }
    }
    assert!(disputed > 10, "the tables do disagree");
}

#[test]
fn moving_names_are_marked_and_stand_for_no_dated_snapshot() {
    let catalogue = embedded();
    for model in catalogue.models() {
        assert!(model.floating || !model.id.model.ends_with("-latest"), "{}", model.id);
        assert!(!model.floating || model.covers.is_empty(), "{}", model.id);
    }
    assert!(catalogue.find("mistral", "mistral-large-latest").unwrap().floating);
}

#[test]
fn well_known_prices_are_those_of_the_vendors_pages() {
    let catalogue = embedded();
    let cases = [
        ("openai", "gpt-5-2025-08-07", "1.25", "10", Some("0.125")),
        ("anthropic", "claude-haiku-4-5-20251001", "1", "5", Some("0.1")),
        ("anthropic", "claude-opus-4-5", "5", "25", Some("0.5")),
        ("gemini", "models/gemini-2.5-pro", "1.25", "10", Some("0.125")),
        ("groq", "openai/gpt-oss-120b", "0.15", "0.6", Some("0.075")),
        ("perplexity", "sonar", "1", "1", None),
        ("bedrock", "global.anthropic.claude-sonnet-4-5-20250929-v1:0", "3", "15", Some("0.3")),
        ("bedrock", "eu.anthropic.claude-sonnet-4-5-20250929-v1:0", "3.3", "16.5", Some("0.33")),
    ];
    for (provider, name, input, output, cached) in cases {
        let model = catalogue.find(provider, name).unwrap_or_else(|| panic!("{provider}/{name}"));
        let rates = model.prices.as_ref().unwrap().rates;
        let rate = |text| Rate::per_million(text).unwrap();
        assert_eq!((rates.input, rates.output), (rate(input), rate(output)), "{provider}/{name}");
        assert_eq!(rates.cached_input, cached.map(rate), "{provider}/{name}");
    }
}

#[test]
fn the_embedded_file_is_what_writing_it_gives() {
    assert_eq!(embedded().to_json(), include_str!("models.json"));
}

#[test]
fn a_model_is_found_by_the_names_the_catalogue_vouches_for() {
    let cases = [
        ("openai", "gpt-5", Some("openai/gpt-5")),
        ("openai", "gpt-5-2025-08-07", Some("openai/gpt-5")),
        ("openai", "gpt-5-20250807", Some("openai/gpt-5")),
        ("openai", "gpt-5@20250807", Some("openai/gpt-5")),
        ("openai", "gpt-5-2025-13-07", None),
        ("openai", "gpt-5-mini", None),
        ("openai", "gpt-4o-2024-08-06", Some("openai/gpt-4o")),
        ("openai", "gpt-4o-2024-05-13", None),
        ("azure", "gpt-5", None),
        ("gemini", "models/gemini-2.5-pro", Some("gemini/gemini-2.5-pro")),
        ("bedrock", "eu.meta.llama", Some("bedrock/meta.llama")),
        ("bedrock", "us.anthropic.claude", Some("bedrock/us.anthropic.claude")),
        ("bedrock", "global.anthropic.claude", Some("bedrock/anthropic.claude")),
        ("bedrock", "eu.anthropic.claude", None),
        ("openai", "us.gpt-5", None),
        ("openai", "-2025-08-07", None),
        ("openai", "é2025-08-07", None),
        ("openai", "", None),
    ];
    for (provider, name, id) in cases {
        assert_eq!(found(provider, name).as_deref(), id, "{provider}/{name}");
    }
}

#[test]
fn overrides_replace_what_they_state_and_add_what_is_new() {
    let overrides: Vec<Model> = [
        r#"{"id":"openai/gpt-5","prices":{"input":"1","output":"8"}}"#,
        r#"{"id":"local/llama","prices":{"free":true},"aliases":["llama:latest"]}"#,
        r#"{"id":"openai/gpt-4o-2024-08-06","max_output":7}"#,
    ]
    .map(|text| serde_json::from_str(text).unwrap())
    .into();
    let catalogue = small().with_overrides(overrides);
    let model = catalogue.find("openai", "gpt-5-2025-08-07").unwrap();
    assert_eq!(model.prices.as_ref().unwrap().rates.input, Rate::per_million("1").unwrap());
    assert_eq!((model.context, model.features.tools), (Some(400_000), Some(true)), "kept");
    assert_eq!((model.is_disputed(), &*model.snapshot()), (false, "configured openai/gpt-5"));
    assert!(catalogue.find("local", "llama:latest").unwrap().prices.as_ref().unwrap().is_free());
    assert_eq!(catalogue.find("openai", "gpt-4o-2024-08-06").unwrap().max_output, Some(7));
    assert_eq!(catalogue.find("openai", "gpt-4o").unwrap().max_output, None, "only the name overridden");
}

#[test]
fn a_typed_name_is_answered_with_those_like_it() {
    let catalogue = embedded();
    let first = |typed| catalogue.suggest(typed).into_iter().next();
    assert_eq!(first("openai/gtp-5-mini").as_deref(), Some("openai/gpt-5-mini"));
    assert_eq!(first("anthropic/claude-sonet-5").as_deref(), Some("anthropic/claude-sonnet-5"));
    assert_eq!(first("OpenAI/GPT-5").as_deref(), Some("openai/gpt-5"));
    assert!(catalogue.suggest("gpt-5-nano").iter().all(|id| id.ends_with("/gpt-5-nano")));
    assert_eq!(catalogue.suggest("xyzzy"), Vec::<String>::new());
    assert!(catalogue.suggest("claude").len() <= 3);
}

proptest! {
    #[test]
    fn any_name_can_be_asked_for(provider in "openai|bedrock|\\PC*", name in "\\PC*(-|@)?[0-9-]*") {
        let catalogue = small();
        prop_assert!(catalogue.find(&provider, &name).is_none_or(|model| model.id.provider == provider));
        prop_assert!(catalogue.suggest(&name).len() <= 3);
    }

    #[test]
    fn a_dated_name_is_found_as_its_family(year in 2020..2030, month in 1..=12, day in 1..=28) {
        let names = [
            format!("gpt-5-{year}-{month:02}-{day:02}"),
            format!("gpt-5-{year}{month:02}{day:02}"),
            format!("gpt-5@{year}{month:02}{day:02}"),
        ];
        for name in names {
            prop_assert_eq!(found("openai", &name), Some("openai/gpt-5".to_owned()));
        }
    }
}

#[test]
fn a_file_that_is_not_a_catalogue_is_refused_with_its_reason() {
    let cases = [
        (r#"{"schema":2,"models":[]}"#, "schema 2"),
        (r#"{"schema":1,"models":[{"id":"a/b"},{"id":"a/b"}]}"#, "`a/b` twice"),
        (r#"{"schema":1,"models":[{"id":"a/b"},{"id":"a/c","aliases":["b"]}]}"#, "`a/b` twice"),
        (r#"{"schema":1,"models":[{"id":"nameless"}]}"#, "provider/model"),
        (r#"{"schema":1,"models":[{"id":"a/b","prices":{"input":0,"output":1}}]}"#, "free = true"),
        (r#"{"schema":1,"models":[{"id":"a/b","retires":"2026-02-30"}]}"#, "2026-02"),
        (r#"{"schema":1,"models":[{"id":"a/b","contxt":5}]}"#, "unknown field"),
        ("no", "expected"),
    ];
    for (text, why) in cases {
        let error = anyhow::Error::from(Catalogue::parse(text).unwrap_err());
        assert!(format!("{error:#}").contains(why), "{text}: {error:#}");
    }
}
