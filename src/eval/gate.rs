//! Gates: what a candidate must reach, written as `accepted >= 0.95`, `p95 <= 800ms` or
//! `lower(valid) >= 98%`. Times without a unit are milliseconds, money is dollars.

use std::str::FromStr;

use super::summary::{GateResult, ModelSummary, QuantileMs};
use crate::base::money::Money;
use crate::base::span;

/// A condition on one candidate.
#[derive(Clone, Debug, PartialEq)]
pub struct Gate {
    written: String,
    metric: Metric,
    side: Side,
    order: Order,
    limit: f64,
}

/// What a gate is about. Shares are from 0 to 1, times in milliseconds, money in dollars.
#[derive(Clone, Debug, PartialEq)]
enum Metric {
    Accepted,
    AcceptedOfAnswered,
    Valid,
    Refused,
    Errors,
    Repaired,
    P50,
    P95,
    P99,
    FirstTokenP50,
    FirstTokenP95,
    Cost,
    CostPerCall,
    CostPerAccepted,
    Scorer(String),
}

impl Metric {
    fn is_share(&self) -> bool {
        let shares = [
            Self::Accepted,
            Self::AcceptedOfAnswered,
            Self::Valid,
            Self::Refused,
            Self::Errors,
            Self::Repaired,
        ];
        shares.contains(self) || matches!(self, Self::Scorer(_))
    }

    /// Sums of money are known, not estimated.
    fn has_interval(&self) -> bool {
        !matches!(self, Self::Cost | Self::CostPerCall)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Value,
    Lower,
    Upper,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Less,
    AtMost,
    Greater,
    AtLeast,
}

/// Why a gate was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("gate {written:?}: {what}; write it as `accepted >= 0.95`, `p95 <= 800ms` or `lower(valid) >= 98%`")]
pub struct GateError {
    written: String,
    what: String,
}

const METRICS: [(&str, Metric); 14] = [
    ("accepted", Metric::Accepted),
    ("accepted_of_answered", Metric::AcceptedOfAnswered),
    ("valid", Metric::Valid),
    ("refused", Metric::Refused),
    ("errors", Metric::Errors),
    ("repaired", Metric::Repaired),
    ("p50", Metric::P50),
    ("p95", Metric::P95),
    ("p99", Metric::P99),
    ("ttft_p50", Metric::FirstTokenP50),
    ("ttft_p95", Metric::FirstTokenP95),
    ("cost", Metric::Cost),
    ("cost_per_call", Metric::CostPerCall),
    ("cost_per_accepted", Metric::CostPerAccepted),
];

impl FromStr for Gate {
    type Err = GateError;

    fn from_str(written: &str) -> Result<Self, GateError> {
        let error = |what: String| GateError { written: written.to_owned(), what };
        let orders =
            [(">=", Order::AtLeast), ("<=", Order::AtMost), (">", Order::Greater), ("<", Order::Less)];
        let (sign, order) = orders
            .into_iter()
            .find(|(sign, _)| written.contains(sign))
            .ok_or_else(|| error("it has no comparison (>=, <=, >, <)".to_owned()))?;
        let (left, right) = written.split_once(sign).unwrap_or((written, ""));
        let (side, name) = side(left.trim());
        let metric = metric(name).map_err(error)?;
        let limit = limit(&metric, right.trim())
            .ok_or_else(|| error(format!("{:?} is not a limit for {name}", right.trim())))?;
        if metric.is_share() && !(0.0..=1.0).contains(&limit) {
            return Err(error(format!(
                "{name} is a share from 0 to 1, or 0% to 100%, never {}",
                right.trim()
            )));
        }
        if side != Side::Value && !metric.has_interval() {
            return Err(error(format!("{name} has no interval; compare its value")));
        }
        Ok(Self { written: written.trim().to_owned(), metric, side, order, limit })
    }
}

fn side(left: &str) -> (Side, &str) {
    for (prefix, side) in [("lower(", Side::Lower), ("upper(", Side::Upper)] {
        if let Some(name) = left.strip_prefix(prefix).and_then(|rest| rest.strip_suffix(')')) {
            return (side, name.trim());
        }
    }
    (Side::Value, left)
}

fn metric(name: &str) -> Result<Metric, String> {
    if let Some(scorer) = name.strip_prefix("score(").and_then(|rest| rest.strip_suffix(')')) {
        return Ok(Metric::Scorer(scorer.trim().to_owned()));
    }
    let found = METRICS.iter().find(|(known, _)| *known == name);
    found.map(|(_, metric)| metric.clone()).ok_or_else(|| {
        let known: Vec<_> = METRICS.iter().map(|(known, _)| *known).collect();
        let nearest = known
            .iter()
            .max_by(|a, b| strsim::jaro_winkler(name, a).total_cmp(&strsim::jaro_winkler(name, b)));
        let hint = nearest.map(|nearest| format!(", did you mean {nearest}?")).unwrap_or_default();
        format!("{name:?} is not a metric{hint} Known: {}, score(NAME)", known.join(", "))
    })
}

fn limit(metric: &Metric, text: &str) -> Option<f64> {
    let number = match metric {
        Metric::P50 | Metric::P95 | Metric::P99 | Metric::FirstTokenP50 | Metric::FirstTokenP95 => {
            let bare_ms = text.parse::<f64>().ok();
            bare_ms.or_else(|| span::parse(text).ok().map(|limit| limit.as_secs_f64() * 1e3))?
        }
        Metric::Cost | Metric::CostPerCall | Metric::CostPerAccepted => text.parse::<Money>().ok()?.dollars(),
        _ => match text.strip_suffix('%') {
            Some(percent) => percent.trim().parse::<f64>().ok()? / 100.0,
            None => text.parse().ok()?,
        },
    };
    number.is_finite().then_some(number)
}

/// A metric's value with its interval, where they exist.
#[derive(Clone, Copy, Debug, Default)]
struct Measured {
    value: Option<f64>,
    ci95: Option<[f64; 2]>,
}

impl Gate {
    /// The scorer it is about, for `score(NAME)`.
    pub fn scorer(&self) -> Option<&str> {
        match &self.metric {
            Metric::Scorer(name) => Some(name),
            _ => None,
        }
    }

    /// The gate as written.
    pub fn written(&self) -> &str {
        &self.written
    }

    /// Checks it on a candidate. A value that does not exist does not hold.
    pub fn check(&self, model: &ModelSummary) -> GateResult {
        let measured = self.measure(model);
        let value = match self.side {
            Side::Value => measured.value,
            Side::Lower => measured.ci95.map(|ci| ci[0]),
            Side::Upper => measured.ci95.map(|ci| ci[1]),
        };
        GateResult {
            model: model.model.clone(),
            expr: self.written.clone(),
            pass: value.is_some_and(|value| self.holds(value)),
            value,
            shown: value.map_or_else(|| self.missing(model).to_owned(), |value| self.told_apart(value)),
        }
    }

    /// Whether the whole interval holds, which adoption asks for. Metrics that have no interval by nature
    /// (total cost, cost per call) are judged by their value; one whose sample is too small does not hold.
    pub fn holds_surely(&self, model: &ModelSummary) -> bool {
        let measured = self.measure(model);
        if !self.metric.has_interval() {
            return measured.value.is_some_and(|value| self.holds(value));
        }
        measured.ci95.is_some_and(|ci| self.holds(ci[0]) && self.holds(ci[1]))
    }

    fn holds(&self, value: f64) -> bool {
        match self.order {
            Order::Less => value < self.limit,
            Order::AtMost => value <= self.limit,
            Order::Greater => value > self.limit,
            Order::AtLeast => value >= self.limit,
        }
    }

    fn measure(&self, model: &ModelSummary) -> Measured {
        let bounds = &model.bounds;
        let money = |money: Option<Money>| Measured { value: money.map(Money::dollars), ci95: None };
        match &self.metric {
            Metric::Accepted => Measured { value: model.accepted.rate, ci95: bounds.accepted },
            Metric::AcceptedOfAnswered => {
                Measured { value: model.accepted_of_answered.rate, ci95: bounds.accepted_of_answered }
            }
            Metric::Valid => Measured { value: model.valid.rate, ci95: bounds.valid },
            Metric::Refused => Measured { value: rate(model.refused, model), ci95: bounds.refused },
            Metric::Errors => {
                Measured { value: rate(model.errors.values().sum(), model), ci95: bounds.errors }
            }
            Metric::Repaired => Measured { value: rate(model.repaired, model), ci95: bounds.repaired },
            Metric::P50 => quantile(model.latency.p50),
            Metric::P95 => quantile(model.latency.p95),
            Metric::P99 => quantile(model.latency.p99),
            Metric::FirstTokenP50 => quantile(model.first_token.p50),
            Metric::FirstTokenP95 => quantile(model.first_token.p95),
            Metric::Cost => money(model.cost),
            Metric::CostPerCall => money(model.cost_per_call),
            Metric::CostPerAccepted => Measured {
                ci95: model.cost_per_accepted_ci95.map(|ci| ci.map(Money::dollars)),
                ..money(model.cost_per_accepted)
            },
            Metric::Scorer(name) => {
                let found = model.scorers.iter().zip(&bounds.scorers).find(|((scorer, _), _)| scorer == name);
                found
                    .map(|((_, share), ci95)| Measured { value: share.rate, ci95: *ci95 })
                    .unwrap_or_default()
            }
        }
    }

    /// Why there is nothing to compare.
    fn missing(&self, model: &ModelSummary) -> &'static str {
        let is_cost = matches!(self.metric, Metric::Cost | Metric::CostPerCall | Metric::CostPerAccepted);
        match &self.metric {
            _ if model.samples == 0 => "no sample",
            _ if is_cost && model.cost.and(model.judge_cost).is_none() => "an unknown cost",
            Metric::CostPerAccepted if model.accepted.n == 0 => "no accepted answer",
            Metric::Scorer(_) => "no score",
            _ => "n/a",
        }
    }

    /// A value with as many digits as tell it from the limit, where it is another.
    fn told_apart(&self, value: f64) -> String {
        /// Beyond these two numbers are the same to anyone.
        const MOST_DIGITS: usize = 9;
        let shown = |digits| (self.show(value, digits), self.show(self.limit, digits));
        let is_limit = value.total_cmp(&self.limit).is_eq();
        let apart = (0..=MOST_DIGITS).map(shown).find(|(value, limit)| is_limit || value != limit);
        apart.map_or_else(|| self.show(value, MOST_DIGITS), |(value, _)| value)
    }

    /// A value with `digits` more than are usual.
    fn show(&self, value: f64, digits: usize) -> String {
        match self.metric {
            Metric::P50 | Metric::P95 | Metric::P99 | Metric::FirstTokenP50 | Metric::FirstTokenP95 => {
                format!("{value:.digits$}ms")
            }
            Metric::Cost | Metric::CostPerCall | Metric::CostPerAccepted => {
                format!("${value:.*}", 6 + digits)
            }
            _ => format!("{:.*}%", 1 + digits, value * 100.0),
        }
    }
}

/// The share of all samples.
#[expect(clippy::cast_precision_loss, reason = "counts of samples are far below 2^53")]
fn rate(n: u64, model: &ModelSummary) -> Option<f64> {
    (model.samples > 0).then(|| n as f64 / model.samples as f64)
}

fn quantile(quantile: Option<QuantileMs>) -> Measured {
    Measured { value: quantile.map(|q| q.value), ci95: quantile.and_then(|q| q.ci95) }
}

#[cfg(test)]
mod tests;
