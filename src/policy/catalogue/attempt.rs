//! What one attempt cost, and under which price table.

use super::{Catalogue, Model};
use crate::base::money::Money;
use crate::model::TokenUsage;
use crate::model::outcome::{Cost, Target};

/// What an attempt cost, and the [snapshot](Model::snapshot) of the price table it was computed under.
///
/// The provider's own figure wins and needs no table; a zero counts only when the call is known to be
/// free, because some state zero for calls they bill elsewhere (Grok on Azure, OpenRouter with the
/// caller's own key). Otherwise the tokens are priced as the model that
/// answered (`served`), whose name is exact where the one asked for may be a floating alias. A price
/// under a floating alias is an estimate: the name may have moved since the table was read. A served
/// name that is not in the catalogue is a snapshot when it is the name asked for and a date, and then
/// estimated at that price; any other leaves the cost unknown, because a model nobody asked for answered.
pub fn price_attempt(
    catalogue: &Catalogue,
    asked: &Target,
    served: Option<&str>,
    usage: Option<&TokenUsage>,
    stated: Option<Money>,
) -> (Cost, Option<String>) {
    match stated {
        Some(money) if money > Money::ZERO => return (Cost::Billed(money), None),
        Some(Money::ZERO) if is_given_away(asked) => return (Cost::Billed(Money::ZERO), None),
        _ => {}
    }
    let Some(Answering { model, is_exact }) = answering(catalogue, asked, served) else {
        return (Cost::Unknown, None);
    };
    let Some(prices) = &model.prices else { return (Cost::Unknown, None) };
    let cost = match prices.cost(&usage.copied().unwrap_or_default()) {
        Cost::Unknown => return (Cost::Unknown, None),
        Cost::Computed(money) if !is_exact => Cost::Estimated(money),
        cost => cost,
    };
    (cost, Some(model.snapshot()))
}

/// Whether the name asked for is OpenRouter's for a model at no charge (OpenRouter, "Free variant").
fn is_given_away(asked: &Target) -> bool {
    asked.model.ends_with(":free")
}

/// The entry whose prices hold.
struct Answering<'a> {
    model: &'a Model,
    /// Whether the entry is that of the very model that answered.
    is_exact: bool,
}

fn answering<'a>(catalogue: &'a Catalogue, asked: &Target, served: Option<&str>) -> Option<Answering<'a>> {
    let served = served.filter(|name| !name.is_empty()).unwrap_or(&asked.model);
    if let Some(model) = catalogue.find(&asked.provider, served) {
        return Some(Answering { model, is_exact: !model.floating });
    }
    let family = catalogue.find(&asked.provider, &asked.model)?;
    let is_snapshot = !family.floating && served.strip_prefix(&*asked.model).is_some_and(is_dating);
    is_snapshot.then_some(Answering { model: family, is_exact: false })
}

/// Whether a name's ending is a date in some provider's way: `-2025-08-07`, `@20250807`, `-0813`.
fn is_dating(ending: &str) -> bool {
    let digits = ending.bytes().filter(u8::is_ascii_digit).count();
    ending.starts_with(['-', '@']) && (4..=8).contains(&digits) && !ending.contains(char::is_alphabetic)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catalogue() -> Catalogue {
        Catalogue::parse(
            r#"{"schema":1,"models":[
            {"id":"mistral/mistral-large-latest","floating":true,"read":"2026-11-21","prices":{"input":"2","output":"6"}},
            {"id":"mistral/mistral-large-2512","read":"2026-11-21","prices":{"input":"0.5","output":"1.5"}},
            {"id":"openai/gpt-5","read":"2026-11-21","prices":{"input":"1.25","output":"10"},"covers":["dated"]},
            {"id":"openai/o9","read":"2026-11-21","prices":{"input":"1","output":"1"}},
            {"id":"openai/new"},
            {"id":"local/llama","prices":{"free":true}}
            ]}"#,
        )
        .unwrap()
    }

    fn million() -> TokenUsage {
        TokenUsage { input: Some(1_000_000), output: Some(0), ..TokenUsage::default() }
    }

    fn priced(id: &str, served: Option<&str>) -> (Cost, Option<String>) {
        price_attempt(&catalogue(), &super::super::parse_id(id).unwrap(), served, Some(&million()), None)
    }

    fn dollars(text: &str) -> Money {
        text.parse().unwrap()
    }

    #[test]
    fn what_the_provider_states_wins() {
        let asked = super::super::parse_id("openai/gpt-5").unwrap();
        let stated = Some(dollars("0.07"));
        let priced = price_attempt(&catalogue(), &asked, Some("gpt-5"), Some(&million()), stated);
        assert_eq!(priced, (Cost::Billed(dollars("0.07")), None));
    }

    #[test]
    fn a_stated_zero_is_believed_only_of_a_free_call() {
        let cost = |id, stated| {
            let asked = super::super::parse_id(id).unwrap();
            price_attempt(&catalogue(), &asked, None, Some(&million()), Some(stated)).0
        };
        assert_eq!(cost("openai/gpt-5", Money::ZERO), Cost::Computed(dollars("1.25")));
        assert_eq!(cost("azure/grok", Money::ZERO), Cost::Unknown);
        assert_eq!(cost("local/llama", Money::ZERO), Cost::Computed(Money::ZERO));
        assert_eq!(cost("openrouter/minimax-m2:free", Money::ZERO), Cost::Billed(Money::ZERO));
        assert_eq!(cost("openai/gpt-5", Money::from_nanos(-1)), Cost::Computed(dollars("1.25")));
    }

    #[test]
    fn tokens_are_priced_as_the_model_that_answered() {
        let cases = [
            ("mistral/mistral-large-latest", Some("mistral-large-2512"), Cost::Computed(dollars("0.5"))),
            ("mistral/mistral-large-latest", Some("mistral-large-latest"), Cost::Estimated(dollars("2"))),
            ("mistral/mistral-large-latest", None, Cost::Estimated(dollars("2"))),
            ("mistral/mistral-large-latest", Some("mistral-large-latest-2"), Cost::Unknown),
            ("openai/gpt-5", Some("gpt-5-2025-08-07"), Cost::Computed(dollars("1.25"))),
            ("openai/my-deployment", Some("gpt-5-2025-08-07"), Cost::Computed(dollars("1.25"))),
            ("openai/gpt-5", Some(""), Cost::Computed(dollars("1.25"))),
            ("openai/o9", Some("o9-2027-01-01"), Cost::Estimated(dollars("1"))),
            ("openai/o9", Some("another"), Cost::Unknown),
            ("openai/o9", Some("o9-mini"), Cost::Unknown),
            ("openai/o9", Some("o9-5"), Cost::Unknown),
            ("openai/nobody", None, Cost::Unknown),
            ("openai/new", None, Cost::Unknown),
        ];
        for (asked, served, cost) in cases {
            assert_eq!(priced(asked, served).0, cost, "{asked} answered by {served:?}");
        }
    }

    #[test]
    fn a_computed_cost_names_its_table_and_an_unknown_one_has_none() {
        assert_eq!(priced("openai/gpt-5", None).1.as_deref(), Some("2026-11-21 openai/gpt-5"));
        assert_eq!(priced("local/llama", None).1.as_deref(), Some("configured local/llama"));
        assert_eq!(priced("openai/new", None).1, None);
    }

    #[test]
    fn without_usage_only_a_free_call_has_a_cost() {
        let cost = |id| price_attempt(&catalogue(), &super::super::parse_id(id).unwrap(), None, None, None).0;
        assert_eq!(cost("local/llama"), Cost::Computed(Money::ZERO));
        assert_eq!(cost("openai/gpt-5"), Cost::Unknown);
    }
}
