//! What happened to one request: its attempts and its answer.

use std::iter::Sum;
use std::time::Duration;

use jiff::Timestamp;

use super::{Failure, Response, TokenUsage};
use crate::base::money::Money;

/// Where requests go: a provider and the model's name there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target {
    /// The provider's name in the configuration.
    pub provider: String,
    /// The model as the provider calls it.
    pub model: String,
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.provider, self.model)
    }
}

/// Who asked. Built once, passed first, never changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Context {
    /// A UUID version 7, as text.
    pub id: String,
    /// Which command asked: `eval`, `judge`, `embed`, `route`.
    pub origin: &'static str,
    /// The run the request belongs to.
    pub run: Option<String>,
    /// The class of the request, for comparison by class.
    pub class: Option<String>,
    /// What chance is rolled for: the same subject has the same luck under the same seed.
    pub subject: u64,
}

/// What an attempt cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cost {
    /// The provider said so.
    Billed(Money),
    /// Reported tokens at the price table's rates.
    Computed(Money),
    /// A bound: the provider reported no tokens.
    Estimated(Money),
    /// No price is known. Never zero.
    Unknown,
}

impl Cost {
    /// The amount, when it is known or estimated.
    pub const fn amount(self) -> Option<Money> {
        match self {
            Self::Billed(money) | Self::Computed(money) | Self::Estimated(money) => Some(money),
            Self::Unknown => None,
        }
    }

    /// The source's name in JSON and ledger.
    pub const fn source(self) -> &'static str {
        match self {
            Self::Billed(_) => "billed",
            Self::Computed(_) => "computed",
            Self::Estimated(_) => "estimated",
            Self::Unknown => "unknown",
        }
    }
}

/// As sure as the least sure part: unknown as soon as one is unknown, estimated as soon as one is, billed only
/// where all of it is. Computed to be nothing says nothing of the rest.
impl Sum for Cost {
    fn sum<I: Iterator<Item = Self>>(costs: I) -> Self {
        costs.fold(Self::Computed(Money::ZERO), |total, cost| match (total, cost) {
            (Self::Unknown, _) | (_, Self::Unknown) => Self::Unknown,
            (Self::Estimated(a), b) | (b, Self::Estimated(a)) => {
                Self::Estimated(a + b.amount().unwrap_or_default())
            }
            (Self::Computed(Money::ZERO), other) | (other, Self::Computed(Money::ZERO)) => other,
            (Self::Billed(a), Self::Billed(b)) => Self::Billed(a + b),
            (a, b) => Self::Computed(a.amount().unwrap_or_default() + b.amount().unwrap_or_default()),
        })
    }
}

/// How long the phases of an attempt took, each from the moment it was sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timing {
    /// Until its connection stood: name, TCP and TLS where it opened one, zero where one was idle. Absent
    /// where it got one that was opened for another request, where no head came, and where there are no
    /// connections.
    pub connect: Option<Duration>,
    /// Until the response head arrived.
    pub head: Option<Duration>,
    /// Until the first content.
    pub first_token: Option<Duration>,
    /// Until the last byte.
    pub total: Duration,
    /// Whether these are times of a recording that was made earlier.
    pub is_recorded: bool,
}

/// One call to one target.
#[derive(Clone, Debug, PartialEq)]
pub struct Attempt {
    /// Where it went.
    pub target: Target,
    /// Which try of the request, from one.
    pub n: u32,
    /// When it was sent.
    pub began: Timestamp,
    /// How long it took.
    pub timing: Timing,
    /// Tokens, when reported.
    pub usage: Option<TokenUsage>,
    /// What it cost.
    pub cost: Cost,
    /// What it counts against a cap: its cost, its bound where the cost is unknown, nothing where nobody is
    /// paid; `None` when even the bound is unknown.
    pub charged: Option<Money>,
    /// The price table the cost was computed under.
    pub price_snapshot: Option<String>,
    /// The model the provider says answered.
    pub served_model: Option<String>,
    /// How it ended.
    pub failure: Option<Failure>,
    /// What was done next, and why, in one sentence.
    pub why: String,
}

/// What happened to one request.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Who asked.
    pub context: Context,
    /// The calls made, in order. Empty when nothing was sent.
    pub attempts: Vec<Attempt>,
    /// The answer, or the failure that ended it.
    pub answer: Result<Response, Failure>,
    /// When it began.
    pub began: Timestamp,
    /// From the first attempt's start to the end, waits included.
    pub took: Duration,
}

impl Outcome {
    /// What all attempts count against a cap; `None` when that is unknown for one.
    pub fn charged(&self) -> Option<Money> {
        self.attempts.iter().map(|attempt| attempt.charged).sum()
    }

    /// The cost of all attempts together: unknown as soon as one is unknown.
    pub fn cost(&self) -> Cost {
        self.attempts.iter().map(|attempt| attempt.cost).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_of_costs_is_as_sure_as_its_least_sure_part() {
        let nanos = Money::from_nanos;
        let (billed, computed) = (Cost::Billed(nanos(1)), Cost::Computed(nanos(2)));
        let (estimated, nothing) = (Cost::Estimated(nanos(4)), Cost::Computed(Money::ZERO));
        let cases = [
            (vec![], nothing),
            (vec![billed, billed], Cost::Billed(nanos(2))),
            (vec![nothing, billed, nothing], billed),
            (vec![billed, computed], Cost::Computed(nanos(3))),
            (vec![billed, estimated, computed], Cost::Estimated(nanos(7))),
            (vec![billed, Cost::Unknown, estimated], Cost::Unknown),
        ];
        for (costs, sum) in cases {
            assert_eq!(costs.iter().copied().sum::<Cost>(), sum, "{costs:?}");
            assert_eq!(costs.iter().rev().copied().sum::<Cost>(), sum, "{costs:?} reversed");
        }
    }
}
