//! Rates, tiers and fees, and what a call costs under them.
//!
//! Rates are those of text tokens in the provider's standard service tier. Batch, flex and priority tiers,
//! separately priced audio or picture tokens and fees of tools that the provider runs are not carried.

use serde::{Deserialize, Serialize};

use super::written::{Amount, WrittenPrices};
use crate::base::money::{Money, Rate, price};
use crate::model::TokenUsage;
use crate::model::outcome::Cost;

/// What tokens cost, each kind in dollars per million.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rates {
    /// Input neither read from nor written to a cache.
    pub input: Rate,
    /// Output, and reasoning unless it has its own rate.
    pub output: Rate,
    /// Input read from the provider's cache; absent when not known.
    pub cached_input: Option<Rate>,
    /// Input written to the provider's cache for its usual time (Anthropic: five minutes).
    pub cache_write: Option<Rate>,
    /// Input written to the provider's cache for an hour.
    pub cache_write_1h: Option<Rate>,
    /// The reasoning part of the output, where it costs something else.
    pub reasoning: Option<Rate>,
}

/// Other rates for long prompts. Providers with tiers (OpenAI, Anthropic, Gemini, xAI) charge every token
/// of a call at the tier its whole input falls into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tier {
    /// The tier holds for calls with more input tokens than this, cached ones included.
    pub above: u64,
    /// Its rates.
    pub rates: Rates,
}

/// A fee for every call besides its tokens, as Perplexity and OpenAI charge for models that always search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestFee {
    /// The fee of a call that asks for nothing special: the smallest search context.
    pub usual: Money,
    /// The fee of the dearest call: the largest search context.
    pub most: Money,
}

/// What a model costs. A rate is never zero because it is unknown: zero means [free](Prices::is_free).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "WrittenPrices", into = "WrittenPrices")]
pub struct Prices {
    /// The rates below the first tier.
    pub rates: Rates,
    /// Long-context tiers, from the lowest threshold up.
    pub tiers: Vec<Tier>,
    /// The fee for every call.
    pub request: Option<RequestFee>,
    /// The rates vary by time of day; these are the dearest hours' (DeepSeek).
    pub peak: bool,
}

impl Rates {
    fn dearest_input(&self) -> Rate {
        let others = [self.cached_input, self.cache_write, self.cache_write_1h];
        others.into_iter().flatten().fold(self.input, Rate::max)
    }

    fn dearest_output(&self) -> Rate {
        self.reasoning.map_or(self.output, |rate| rate.max(self.output))
    }
}

impl Prices {
    /// Prices of input and output alone.
    pub fn flat(input: Rate, output: Rate) -> Self {
        Self { rates: Rates { input, output, ..Rates::default() }, ..Self::default() }
    }

    /// Whether calls cost nothing, on purpose: a local model, or one the provider gives away.
    pub fn is_free(&self) -> bool {
        self.rates == Rates::default() && self.tiers.is_empty() && self.request.is_none()
    }

    /// The rates of a call with this much input, cached tokens included.
    pub fn rates_at(&self, total_input: u64) -> &Rates {
        let tier = self.tiers.iter().rev().find(|tier| total_input > tier.above);
        tier.map_or(&self.rates, |tier| &tier.rates)
    }

    /// What a call with these tokens costs, rounded once.
    ///
    /// [`Cost::Unknown`] when input or output is not reported, or tokens were written to a cache at a rate
    /// nobody states. [`Cost::Estimated`] when the true cost may be less: cached tokens without a rate of
    /// their own count as fresh ones, and rates may be those of the dearest hours. It is an estimate, too,
    /// when the request fee depends on what was asked; the usual fee is taken. Cache writes count as
    /// writes for the usual time, which is what providers do unless asked for an hour.
    pub fn cost(&self, usage: &TokenUsage) -> Cost {
        if self.is_free() {
            return Cost::Computed(Money::ZERO);
        }
        let (Some(total), Some(output)) = (usage.total_input(), usage.output) else { return Cost::Unknown };
        let rates = self.rates_at(total);
        let cached = usage.cached_input.unwrap_or(0);
        let written = usage.cache_write.unwrap_or(0);
        let reasoning = usage.reasoning.unwrap_or(0).min(output);
        let write_rate = match rates.cache_write {
            Some(rate) => rate,
            None if written == 0 => Rate::ZERO,
            None => return Cost::Unknown,
        };
        let tokens = price(&[
            (usage.input.unwrap_or(0), rates.input),
            (cached, rates.cached_input.unwrap_or(rates.input)),
            (written, write_rate),
            (output - reasoning, rates.output),
            (reasoning, rates.reasoning.unwrap_or(rates.output)),
        ]);
        let amount = tokens + self.request.map_or(Money::ZERO, |fee| fee.usual);
        let is_cached_rate_unknown = cached > 0 && rates.cached_input.is_none();
        let is_fee_open = self.request.is_some_and(|fee| fee.usual != fee.most);
        if is_cached_rate_unknown || is_fee_open || self.peak {
            Cost::Estimated(amount)
        } else {
            Cost::Computed(amount)
        }
    }

    /// The most that a call with up to this many tokens can cost, whatever the provider's cache does and
    /// whatever part of the output is reasoning: what a budget sets aside before the call. Tiers that need
    /// more input than this are out of reach and do not count.
    pub fn worst_case(&self, input_tokens: u64, output_tokens: u64) -> Money {
        let reachable = self.tiers.iter().filter(|tier| input_tokens > tier.above).map(|tier| &tier.rates);
        let (mut input, mut output) = (Rate::ZERO, Rate::ZERO);
        for rates in std::iter::once(&self.rates).chain(reachable) {
            input = input.max(rates.dearest_input());
            output = output.max(rates.dearest_output());
        }
        let fee = self.request.map_or(Money::ZERO, |fee| fee.most);
        price(&[(input_tokens, input), (output_tokens, output)]) + fee
    }
}

impl TryFrom<WrittenPrices> for Prices {
    type Error = String;

    fn try_from(written: WrittenPrices) -> Result<Self, String> {
        if written.free {
            let is_bare = written == WrittenPrices { free: true, ..WrittenPrices::default() };
            return is_bare.then(Self::default).ok_or_else(|| "free prices have no other field".to_owned());
        }
        if written.above.is_some() {
            return Err("`above` belongs to a tier".to_owned());
        }
        let mut tiers = written.tiers.iter().map(WrittenPrices::tier).collect::<Result<Vec<_>, _>>()?;
        tiers.sort_by_key(|tier| tier.above);
        if tiers.windows(2).any(|pair| pair[0].above == pair[1].above) {
            return Err("two tiers begin at the same number of tokens".to_owned());
        }
        Ok(Self { rates: written.rates()?, tiers, request: written.fee()?, peak: written.peak })
    }
}

impl From<Prices> for WrittenPrices {
    fn from(prices: Prices) -> Self {
        if prices.is_free() {
            return Self { free: true, ..Self::default() };
        }
        let tiers = prices.tiers.iter();
        Self {
            tiers: tiers.map(|t| Self { above: Some(t.above), ..Self::of(&t.rates) }).collect(),
            request: prices.request.map(|fee| Amount::from(fee.usual)),
            request_most: prices
                .request
                .filter(|fee| fee.usual != fee.most)
                .map(|fee| Amount::from(fee.most)),
            peak: prices.peak,
            ..Self::of(&prices.rates)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rate(text: &str) -> Rate {
        Rate::per_million(text).unwrap()
    }

    fn sonnet() -> Prices {
        serde_json::from_str(
            r#"{"input":"3","output":"15","cached_input":"0.3","cache_write":"3.75","cache_write_1h":"6",
                "tiers":[{"above":200000,"input":"6","output":"22.5","cached_input":"0.6","cache_write":"7.5"}]}"#,
        )
        .unwrap()
    }

    fn usage(input: u64, cached: u64, write: u64, output: u64) -> TokenUsage {
        TokenUsage {
            input: Some(input),
            output: Some(output),
            cached_input: Some(cached),
            cache_write: Some(write),
            reasoning: None,
        }
    }

    fn dollars(text: &str) -> Money {
        text.parse().unwrap()
    }

    #[test]
    fn each_kind_of_token_has_its_rate() {
        let cost = sonnet().cost(&usage(1000, 10_000, 2000, 500));
        assert_eq!(cost, Cost::Computed(dollars("0.021")), "0.003 + 0.003 + 0.0075 + 0.0075");
    }

    #[test]
    fn a_long_prompt_pays_the_tier_for_every_token_and_cached_tokens_make_it_long() {
        let prices = sonnet();
        assert_eq!(prices.cost(&usage(200_000, 0, 0, 0)), Cost::Computed(dollars("0.6")));
        assert_eq!(prices.cost(&usage(200_001, 0, 0, 0)), Cost::Computed(dollars("1.200006")));
        assert_eq!(prices.cost(&usage(1, 200_000, 0, 1000)), Cost::Computed(dollars("0.142506")));
    }

    #[test]
    fn a_small_call_is_rounded_once() {
        let prices = Prices::flat(rate("0.0375"), rate("0.0375"));
        assert_eq!(prices.cost(&usage(1, 0, 0, 1)), Cost::Computed(Money::from_nanos(75)));
    }

    #[test]
    fn reasoning_is_inside_output_and_pays_its_own_rate_where_it_has_one() {
        let mut prices = Prices::flat(rate("2"), rate("8"));
        let usage = TokenUsage { reasoning: Some(900), ..usage(0, 0, 0, 1000) };
        assert_eq!(prices.cost(&usage), Cost::Computed(dollars("0.008")));
        prices.rates.reasoning = Some(rate("3"));
        assert_eq!(prices.cost(&usage), Cost::Computed(dollars("0.0035")));
        let over = TokenUsage { reasoning: Some(5000), ..usage };
        assert_eq!(prices.cost(&over), Cost::Computed(dollars("0.003")), "clamped to the output");
    }

    #[test]
    fn what_is_not_known_is_estimated_or_unknown_but_never_zero() {
        let prices = Prices::flat(rate("2"), rate("8"));
        assert_eq!(prices.cost(&usage(0, 1000, 0, 0)), Cost::Estimated(dollars("0.002")), "cached as fresh");
        assert_eq!(prices.cost(&usage(0, 0, 1, 0)), Cost::Unknown, "a write may cost more than fresh input");
        assert_eq!(prices.cost(&TokenUsage::default()), Cost::Unknown);
        assert_eq!(prices.cost(&TokenUsage { input: Some(5), ..TokenUsage::default() }), Cost::Unknown);
        let peak = Prices { peak: true, ..prices };
        assert_eq!(peak.cost(&usage(1000, 0, 0, 0)), Cost::Estimated(dollars("0.002")));
    }

    #[test]
    fn a_search_model_charges_every_request() {
        let text = r#"{"input":"1","output":"1","request":"0.005","request_most":"0.012"}"#;
        let prices: Prices = serde_json::from_str(text).unwrap();
        assert_eq!(prices.cost(&usage(100, 0, 0, 100)), Cost::Estimated(dollars("0.0052")));
        assert_eq!(prices.worst_case(100, 100), dollars("0.0122"));
        let fixed: Prices = serde_json::from_str(r#"{"input":"1","output":"1","request":"0.005"}"#).unwrap();
        assert_eq!(fixed.cost(&usage(100, 0, 0, 100)), Cost::Computed(dollars("0.0052")));
    }

    #[test]
    fn free_is_said_in_so_many_words() {
        let free: Prices = serde_json::from_str(r#"{"free":true}"#).unwrap();
        assert!(free.is_free());
        assert_eq!(free.cost(&TokenUsage::default()), Cost::Computed(Money::ZERO));
        let refused = [
            (r#"{"input":"0","output":"1"}"#, "zero"),
            (r#"{"input":"1","output":"0"}"#, "zero"),
            (r#"{"input":"1","output":"1","cached_input":"0"}"#, "zero"),
            (r#"{"free":true,"input":"1"}"#, "no other field"),
            (r#"{"input":"1"}"#, "output"),
            (r#"{"input":"-1","output":"1"}"#, "dollars"),
            (r#"{"input":"1","output":"1","above":5}"#, "tier"),
            (r#"{"input":"1","output":"1","cached":"1"}"#, "unknown field"),
            (r#"{"input":"1","output":"1","tiers":[{"input":"1","output":"1"}]}"#, "above"),
            (r#"{"input":"1","output":"1","request_most":"1"}"#, "request"),
            (r#"{"input":"1","output":"1","request":"2","request_most":"1"}"#, "request"),
        ];
        for (text, why) in refused {
            let error = serde_json::from_str::<Prices>(text).unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
    }

    #[test]
    fn prices_are_written_as_they_are_read_and_numbers_are_taken_too() {
        let text = serde_json::to_string(&sonnet()).unwrap();
        assert_eq!(serde_json::from_str::<Prices>(&text).unwrap(), sonnet());
        let numbers: Prices = toml::from_str("input = 0.15\noutput = 1").unwrap();
        assert_eq!(numbers, Prices::flat(rate("0.15"), rate("1")));
    }

    proptest! {
        #[test]
        fn no_call_costs_more_than_its_worst_case(
            input in 0..300_000_u64, cached in 0..300_000_u64, write in 0..300_000_u64,
            output in 0..100_000_u64, reasoning in 0..100_000_u64, slack in 0..1000_u64,
        ) {
            let mut prices = sonnet();
            prices.rates.reasoning = Some(rate("20"));
            let usage = TokenUsage { reasoning: Some(reasoning), ..usage(input, cached, write, output) };
            let cost = prices.cost(&usage).amount().unwrap();
            let bound = prices.worst_case(usage.total_input().unwrap() + slack, output + slack);
            prop_assert!(cost <= bound, "{} > {}", cost, bound);
        }

        #[test]
        fn one_more_token_never_costs_less(total in 0..400_000_u64, output in 0..1000_u64) {
            let prices = sonnet();
            let cost = |input| prices.cost(&usage(input, 0, 0, output)).amount().unwrap();
            prop_assert!(cost(total) <= cost(total + 1));
        }
    }
}
