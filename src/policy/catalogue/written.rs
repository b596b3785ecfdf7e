//! Prices as they are written in the catalogue's file and in configuration: decimal dollars.

use std::fmt;

use serde::de::{Deserializer, Error, Visitor};
use serde::{Deserialize, Serialize};

use super::prices::{Rates, RequestFee, Tier};
use crate::base::money::{Money, Rate};

/// A decimal number of dollars. Written as text, so that it is exact; a number is read through its
/// shortest decimal form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Amount(String);

/// Prices, or one tier of them, field by field.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct WrittenPrices {
    #[serde(skip_serializing_if = "is_false")]
    pub(super) free: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) above: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) input: Option<Amount>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) output: Option<Amount>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cached_input: Option<Amount>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cache_write: Option<Amount>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cache_write_1h: Option<Amount>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reasoning: Option<Amount>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) request: Option<Amount>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) request_most: Option<Amount>,
    #[serde(skip_serializing_if = "is_false")]
    pub(super) peak: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) tiers: Vec<WrittenPrices>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
pub(super) fn is_false(value: &bool) -> bool {
    !value
}

impl WrittenPrices {
    pub(super) fn of(rates: &Rates) -> Self {
        Self {
            input: Some(rates.input.into()),
            output: Some(rates.output.into()),
            cached_input: rates.cached_input.map(Amount::from),
            cache_write: rates.cache_write.map(Amount::from),
            cache_write_1h: rates.cache_write_1h.map(Amount::from),
            reasoning: rates.reasoning.map(Amount::from),
            ..Self::default()
        }
    }

    pub(super) fn rates(&self) -> Result<Rates, String> {
        Ok(Rates {
            input: rate("input", self.input.as_ref())?.ok_or("the price has no `input`")?,
            output: rate("output", self.output.as_ref())?.ok_or("the price has no `output`")?,
            cached_input: rate("cached_input", self.cached_input.as_ref())?,
            cache_write: rate("cache_write", self.cache_write.as_ref())?,
            cache_write_1h: rate("cache_write_1h", self.cache_write_1h.as_ref())?,
            reasoning: rate("reasoning", self.reasoning.as_ref())?,
        })
    }

    pub(super) fn tier(&self) -> Result<Tier, String> {
        if self.free || self.peak || !self.tiers.is_empty() || self.fee()?.is_some() {
            return Err("a tier has rates and `above` only".to_owned());
        }
        let above = self.above.ok_or("a tier has no `above`")?;
        Ok(Tier { above, rates: self.rates()? })
    }

    pub(super) fn fee(&self) -> Result<Option<RequestFee>, String> {
        let usual = self.request.as_ref().map(Amount::money).transpose()?;
        let most = self.request_most.as_ref().map(Amount::money).transpose()?;
        match (usual, most) {
            (None, None) => Ok(None),
            (None, Some(_)) => Err("`request_most` needs `request`".to_owned()),
            (Some(usual), most) if usual > Money::ZERO && most.is_none_or(|most| most >= usual) => {
                Ok(Some(RequestFee { usual, most: most.unwrap_or(usual) }))
            }
            _ => Err("`request` must be above zero and not above `request_most`".to_owned()),
        }
    }
}

fn rate(field: &str, amount: Option<&Amount>) -> Result<Option<Rate>, String> {
    let Some(Amount(text)) = amount else { return Ok(None) };
    match Rate::per_million(text) {
        Ok(Rate::ZERO) => Err(format!(
            "`{field}` is zero: leave it out when it is not known, or write `free = true` when calls cost nothing"
        )),
        Ok(rate) => Ok(Some(rate)),
        Err(error) => Err(format!("`{field}`: {error}")),
    }
}

impl Amount {
    fn money(&self) -> Result<Money, String> {
        self.0.parse().map_err(|error| format!("`request`: {error}"))
    }
}

impl From<Rate> for Amount {
    fn from(rate: Rate) -> Self {
        Self(short(&rate.to_string()))
    }
}

impl From<Money> for Amount {
    fn from(money: Money) -> Self {
        Self(short(&money.decimal()))
    }
}

/// `3.00` as `3`, `0.30` as `0.3`.
fn short(decimal: &str) -> String {
    decimal.trim_end_matches('0').trim_end_matches('.').to_owned()
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AmountVisitor)
    }
}

struct AmountVisitor;

impl Visitor<'_> for AmountVisitor {
    type Value = Amount;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a decimal number of dollars such as \"0.15\"")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Amount, E> {
        Ok(Amount(text.to_owned()))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Amount, E> {
        Ok(Amount(number.to_string()))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Amount, E> {
        Ok(Amount(number.to_string()))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Amount, E> {
        Ok(Amount(number.to_string()))
    }
}
