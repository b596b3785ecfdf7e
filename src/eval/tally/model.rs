//! One candidate being counted.

use std::collections::BTreeMap;
use std::time::Duration;

use super::mean::Mean;
use super::times::Times;
use super::{is_accepted, share};
use crate::base::dice::Dice;
use crate::base::money::Money;
use crate::eval::stats::cluster::Clusters;
use crate::eval::stats::level::Level;
use crate::eval::stats::proportion::clopper_pearson;
use crate::eval::stats::ratio::Ratio;
use crate::eval::stats::repeats::Prompts;
use crate::eval::summary::{Bounds, ModelSummary, Repeats, Share, TokenSums};
use crate::ledger::row::{SampleFacts, SampleStatus};
use crate::model::outcome::Cost;

#[derive(Debug)]
pub(super) struct Model {
    samples: u64,
    rejected: u64,
    retried: u64,
    accepted: Counts,
    /// Of the samples that were answered.
    accepted_of_answered: Counts,
    valid: Counts,
    refused: Counts,
    failed: Counts,
    repaired: Counts,
    errors: BTreeMap<String, u64>,
    latencies: Times,
    first_tokens: Times,
    tokens: TokenSums,
    cost: Option<Money>,
    is_estimated: bool,
    judge_cost: Option<Money>,
    /// Dollars over accepted answers, an item at a time; those of clusters wait below.
    cost_of_accepted: Ratio,
    cost_in_clusters: BTreeMap<u32, (f64, f64)>,
    /// Dollars of a call, judges included.
    cost_of_call: Mean,
    prompts: Prompts,
    pub(super) overhead: Duration,
    pub(super) waited: Duration,
}

/// How often something is true of samples, with what they belong together with.
#[derive(Debug, Default)]
struct Counts {
    n: u64,
    clusters: Clusters<u32>,
}

impl Counts {
    fn add(&mut self, cluster: Option<u32>, samples: impl Iterator<Item = bool>) {
        let values = samples.map(|is_true| {
            self.n += u64::from(is_true);
            f64::from(u8::from(is_true))
        });
        self.clusters.add_group(cluster, values);
    }

    /// The share as reports show it.
    fn share(&self, is_clustered: bool) -> Share {
        let plain = share(self.n, self.clusters.n());
        let robust = self.clusters.share_interval(Level::P95).filter(|_| is_clustered);
        Share { ci95: robust.or(plain.ci95), ..plain }
    }

    /// Its interval as gates are judged by.
    fn bounds(&self, is_clustered: bool) -> Option<[f64; 2]> {
        let robust = self.clusters.exact_share_interval(Level::P95).filter(|_| is_clustered);
        robust.or_else(|| clopper_pearson(self.n, self.clusters.n(), Level::P95).filter(|_| !is_clustered))
    }
}

impl Model {
    pub(super) fn new(repeats: u32) -> Self {
        Self {
            samples: 0,
            rejected: 0,
            retried: 0,
            accepted: Counts::default(),
            accepted_of_answered: Counts::default(),
            valid: Counts::default(),
            refused: Counts::default(),
            failed: Counts::default(),
            repaired: Counts::default(),
            errors: BTreeMap::new(),
            latencies: Times::default(),
            first_tokens: Times::default(),
            tokens: TokenSums::default(),
            cost: Some(Money::ZERO),
            is_estimated: false,
            judge_cost: Some(Money::ZERO),
            cost_of_accepted: Ratio::default(),
            cost_in_clusters: BTreeMap::new(),
            cost_of_call: Mean::default(),
            prompts: Prompts::new(repeats as usize),
            overhead: Duration::ZERO,
            waited: Duration::ZERO,
        }
    }

    /// Takes all samples of an item, with the cluster the item belongs to.
    pub(super) fn add_item(&mut self, own: &[&SampleFacts], cluster: Option<u32>) {
        let Some(first) = own.first() else { return };
        let is = |wanted: SampleStatus| own.iter().map(move |facts| facts.status == wanted);
        self.accepted.add(cluster, is(SampleStatus::Accepted));
        self.refused.add(cluster, is(SampleStatus::Refused));
        self.failed.add(cluster, is(SampleStatus::Error));
        let answered = own.iter().filter(|facts| facts.status != SampleStatus::Error);
        self.accepted_of_answered.add(cluster, answered.map(|facts| is_accepted(facts)));
        self.valid.add(cluster, own.iter().map(|facts| facts.valid));
        self.repaired.add(cluster, own.iter().map(|facts| facts.repaired));
        let item = first.key.item;
        self.latencies.add(item, cluster, own.iter().filter_map(|facts| facts.latency.map(micros)));
        self.first_tokens.add(item, cluster, own.iter().filter_map(|facts| facts.first_token.map(micros)));
        self.prompts.add(is(SampleStatus::Accepted).map(u64::from).sum(), own.len() as u64);
        self.add_ratio(own, cluster);
        self.cost_of_call.add(cluster, own.iter().map(|facts| all_cost(facts)));
        for facts in own {
            self.add(facts);
        }
    }

    fn add(&mut self, facts: &SampleFacts) {
        self.samples += 1;
        self.retried += u64::from(facts.attempts > 1);
        match facts.status {
            SampleStatus::Accepted | SampleStatus::Refused => {}
            SampleStatus::Rejected => self.rejected += 1,
            SampleStatus::Error => {
                let class = facts.failure_class.clone().unwrap_or_else(|| "error".to_owned());
                *self.errors.entry(class).or_default() += 1;
            }
        }
        self.overhead += facts.overhead;
        self.waited += facts.latency.unwrap_or_default();
        self.add_tokens(facts);
        self.add_cost(facts);
    }

    fn add_tokens(&mut self, facts: &SampleFacts) {
        let Some(usage) = &facts.usage else { return };
        let add = |sum: &mut Option<u64>, part: Option<u64>| {
            if let Some(part) = part {
                *sum = Some(sum.unwrap_or(0).saturating_add(part));
            }
        };
        add(&mut self.tokens.input, usage.total_input());
        add(&mut self.tokens.output, usage.output);
        add(&mut self.tokens.cached, usage.cached_input);
        add(&mut self.tokens.reasoning, usage.reasoning);
    }

    fn add_cost(&mut self, facts: &SampleFacts) {
        let add = |sum: Option<Money>, cost: Cost| sum.zip(cost.amount()).map(|(sum, amount)| sum + amount);
        self.cost = add(self.cost, facts.cost);
        self.judge_cost = add(self.judge_cost, facts.judge_cost);
        self.is_estimated |= matches!(facts.cost, Cost::Estimated(_));
    }

    /// What belongs together is one observation of Fieller's interval, so that it counts once.
    fn add_ratio(&mut self, own: &[&SampleFacts], cluster: Option<u32>) {
        let both = own.iter().fold((0.0, 0.0), |(dollars, accepted), facts| {
            (dollars + all_cost(facts), accepted + f64::from(u8::from(is_accepted(facts))))
        });
        match cluster {
            None => self.cost_of_accepted.add(both.0, both.1),
            Some(cluster) => {
                let sum = self.cost_in_clusters.entry(cluster).or_default();
                *sum = (sum.0 + both.0, sum.1 + both.1);
            }
        }
    }

    pub(super) fn summary(mut self, is_clustered: bool, dice: Option<Dice>) -> ModelSummary {
        for (dollars, accepted) in std::mem::take(&mut self.cost_in_clusters).into_values() {
            self.cost_of_accepted.add(dollars, accepted);
        }
        let all_cost = self.cost.zip(self.judge_cost).map(|(own, judges)| own + judges);
        ModelSummary {
            model: String::new(),
            is_incumbent: false,
            simulated: false,
            replayed: false,
            samples: self.samples,
            accepted: self.accepted.share(is_clustered),
            accepted_of_answered: self.accepted_of_answered.share(is_clustered),
            is_clustered,
            valid: self.valid.share(is_clustered),
            rejected: self.rejected,
            refused: self.refused.n,
            repaired: self.repaired.n,
            retried: self.retried,
            tokens: self.tokens,
            cost: self.cost,
            cost_is_estimated: self.is_estimated,
            judge_cost: self.judge_cost,
            cost_per_call: all_cost.and_then(|cost| cost.divided_by(self.samples)),
            cost_per_call_ci95: all_cost
                .and_then(|_| self.cost_of_call.interval(is_clustered, dice?))
                .map(|ends| ends.map(|end| dollars(end.max(0.0)))),
            cost_per_accepted: all_cost.and_then(|cost| cost.divided_by(self.accepted.n)),
            cost_per_accepted_ci95: all_cost
                .and_then(|_| self.cost_of_accepted.interval(Level::P95))
                // Fieller's interval knows nothing of signs; money spent does.
                .map(|ends| ends.map(|end| dollars(end.max(0.0)))),
            scorers: Vec::new(),
            bounds: self.bounds(is_clustered),
            repeats: repeats(&self.prompts),
            served: Vec::new(),
            latency: self.latencies.quantiles(),
            first_token: self.first_tokens.quantiles(),
            errors: self.errors,
        }
    }

    fn bounds(&self, is_clustered: bool) -> Bounds {
        Bounds {
            accepted: self.accepted.bounds(is_clustered),
            accepted_of_answered: self.accepted_of_answered.bounds(is_clustered),
            valid: self.valid.bounds(is_clustered),
            refused: self.refused.bounds(is_clustered),
            errors: self.failed.bounds(is_clustered),
            repaired: self.repaired.bounds(is_clustered),
            scorers: Vec::new(),
        }
    }
}

fn micros(duration: Duration) -> u32 {
    u32::try_from(duration.as_micros()).unwrap_or(u32::MAX)
}

/// Dollars of a call, judges included; what is unknown is left out, and the sums say so.
fn all_cost(facts: &SampleFacts) -> f64 {
    let [own, judges] = [facts.cost, facts.judge_cost].map(|cost| cost.amount().unwrap_or_default());
    (own + judges).dollars()
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a statistic, rounded to the nano-dollar; out of range saturates"
)]
fn dollars(amount: f64) -> Money {
    Money::from_nanos((amount * 1e9).round() as i64)
}

fn repeats(prompts: &Prompts) -> Option<Repeats> {
    let pass_at: Vec<_> = (1..).map_while(|k| prompts.pass_at(k)).collect();
    let pass_all = (1..).map_while(|k| prompts.pass_all(k)).collect();
    let k = u32::try_from(pass_at.len()).ok().filter(|k| *k > 1)?;
    Some(Repeats { k, pass_at, pass_all, variance: prompts.variance() })
}
