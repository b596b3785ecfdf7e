//! From recorded samples to a [`Summary`](super::summary::Summary)'s numbers: one pass in item order, memory in
//! the candidates and the latencies (four bytes each), not in the texts.

use std::collections::BTreeMap;
use std::time::Duration;

use super::stats::cluster::Clusters;
use super::stats::level::Level;
use super::stats::paired::Pairs;
use super::stats::ratio::Ratio;
use super::stats::repeats::Prompts;
use super::stats::{proportion, quantile};
use super::summary::{ModelSummary, QuantileMs, Quantiles, Repeats, Share, TokenSums};
use crate::base::money::Money;
use crate::ledger::row::{SampleFacts, SampleStatus};
use crate::model::outcome::Cost;

/// A run being counted.
#[derive(Debug)]
pub struct Tally {
    models: Vec<Model>,
    incumbent: Option<usize>,
    versus: Vec<Versus>,
    item: Vec<SampleFacts>,
    has_repeats: bool,
    has_clusters: bool,
}

/// One candidate against the incumbent.
#[derive(Debug, Default)]
pub struct Versus {
    /// Counts of pairs.
    pub pairs: Pairs,
    /// The same by cluster; prompts of no cluster are clusters of one.
    pub clusters: Clusters<String>,
}

#[derive(Debug)]
struct Model {
    samples: u64,
    accepted: u64,
    valid: u64,
    rejected: u64,
    refused: u64,
    repaired: u64,
    retried: u64,
    errors: BTreeMap<String, u64>,
    latencies: Vec<u32>,
    first_tokens: Vec<u32>,
    tokens: TokenSums,
    cost: Option<Money>,
    is_estimated: bool,
    judge_cost: Option<Money>,
    cost_of_accepted: Ratio,
    clusters: Clusters<String>,
    prompts: Prompts,
    overhead: Duration,
    waited: Duration,
}

impl Model {
    fn new(repeats: u32) -> Self {
        Self {
            samples: 0,
            accepted: 0,
            valid: 0,
            rejected: 0,
            refused: 0,
            repaired: 0,
            retried: 0,
            errors: BTreeMap::new(),
            latencies: Vec::new(),
            first_tokens: Vec::new(),
            tokens: TokenSums::default(),
            cost: Some(Money::ZERO),
            is_estimated: false,
            judge_cost: Some(Money::ZERO),
            cost_of_accepted: Ratio::default(),
            clusters: Clusters::default(),
            prompts: Prompts::new(repeats as usize),
            overhead: Duration::ZERO,
            waited: Duration::ZERO,
        }
    }

    fn add(&mut self, facts: &SampleFacts) {
        self.samples += 1;
        self.valid += u64::from(facts.valid);
        self.repaired += u64::from(facts.repaired);
        self.retried += u64::from(facts.attempts > 1);
        match facts.status {
            SampleStatus::Accepted => self.accepted += 1,
            SampleStatus::Rejected => self.rejected += 1,
            SampleStatus::Refused => self.refused += 1,
            SampleStatus::Error => {
                let class = facts.failure_class.clone().unwrap_or_else(|| "error".to_owned());
                *self.errors.entry(class).or_default() += 1;
            }
        }
        self.latencies.extend(facts.latency.map(micros));
        self.first_tokens.extend(facts.first_token.map(micros));
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
        let cost = facts.cost.amount().unwrap_or_default() + facts.judge_cost.amount().unwrap_or_default();
        self.cost_of_accepted.add(cost.dollars(), f64::from(u8::from(is_accepted(facts))));
    }

    fn errors(&self) -> u64 {
        self.errors.values().sum()
    }
}

fn micros(duration: Duration) -> u32 {
    u32::try_from(duration.as_micros()).unwrap_or(u32::MAX)
}

fn is_accepted(facts: &SampleFacts) -> bool {
    facts.status == SampleStatus::Accepted
}

impl Tally {
    /// Nothing counted, for so many candidates and repeats.
    pub fn new(candidates: usize, incumbent: Option<usize>, repeats: u32) -> Self {
        Self {
            models: (0..candidates).map(|_| Model::new(repeats)).collect(),
            incumbent,
            versus: (0..candidates).map(|_| Versus::default()).collect(),
            item: Vec::new(),
            has_repeats: repeats > 1,
            has_clusters: false,
        }
    }

    /// Takes the next sample; samples must come in the order of their items.
    pub fn add(&mut self, facts: SampleFacts) {
        if self.item.first().is_some_and(|first| first.key.item != facts.key.item) {
            self.end_item();
        }
        self.item.push(facts);
    }

    fn end_item(&mut self) {
        let item = std::mem::take(&mut self.item);
        for (candidate, model) in self.models.iter_mut().enumerate() {
            let own = item.iter().filter(|facts| facts.key.candidate as usize == candidate);
            let (mut accepted, mut samples) = (0, 0);
            for facts in own {
                model.add(facts);
                samples += 1;
                accepted += u64::from(is_accepted(facts));
                let value = f64::from(u8::from(is_accepted(facts)));
                match cluster(facts, self.has_repeats) {
                    Some(cluster) => {
                        self.has_clusters = true;
                        model.clusters.add(cluster, value);
                    }
                    None => model.clusters.add_alone(value),
                }
            }
            if self.has_repeats {
                model.prompts.add(accepted, samples);
            }
        }
        self.compare(&item);
    }

    fn compare(&mut self, item: &[SampleFacts]) {
        let Some(incumbent) = self.incumbent else { return };
        for theirs in item.iter().filter(|facts| facts.key.candidate as usize != incumbent) {
            let same = |facts: &&SampleFacts| {
                facts.key.candidate as usize == incumbent && facts.key.repeat == theirs.key.repeat
            };
            let (Some(ours), Some(versus)) =
                (item.iter().find(same), self.versus.get_mut(theirs.key.candidate as usize))
            else {
                continue;
            };
            versus.pairs.add(is_accepted(ours), is_accepted(theirs));
            let difference = f64::from(i8::from(is_accepted(theirs)) - i8::from(is_accepted(ours)));
            match cluster(theirs, self.has_repeats) {
                Some(cluster) => versus.clusters.add(cluster, difference),
                None => versus.clusters.add_alone(difference),
            }
        }
    }

    /// Ends the count.
    pub fn finish(mut self) -> Counted {
        self.end_item();
        let (overhead, waited) = self.models.iter().fold((Duration::ZERO, Duration::ZERO), |sum, model| {
            (sum.0 + model.overhead, sum.1 + model.waited)
        });
        let overhead_share =
            if waited.is_zero() { 0.0 } else { overhead.as_secs_f64() / waited.as_secs_f64() };
        let has_clusters = self.has_clusters;
        let models = self.models.into_iter().map(|model| model.summary(has_clusters)).collect();
        Counted { models, versus: self.versus, overhead_share, has_clusters }
    }
}

/// What a sample belongs together with: its cluster, or its item where items repeat.
fn cluster(facts: &SampleFacts, has_repeats: bool) -> Option<String> {
    facts.cluster.clone().or_else(|| has_repeats.then(|| format!("\0{}", facts.key.item)))
}

/// A run counted.
#[derive(Debug)]
pub struct Counted {
    /// One per candidate; names are filled in by the caller.
    pub models: Vec<ModelSummary>,
    /// One per candidate; empty for the incumbent.
    pub versus: Vec<Versus>,
    /// Own time as a share of the time waited for providers.
    pub overhead_share: f64,
    /// Whether errors are clustered.
    pub has_clusters: bool,
}

impl Model {
    fn summary(mut self, has_clusters: bool) -> ModelSummary {
        let mut accepted = share(self.accepted, self.samples);
        if has_clusters && let Some(ci95) = self.clusters.share_interval(Level::P95) {
            accepted.ci95 = Some(ci95);
        }
        let all_cost = self.cost.zip(self.judge_cost).map(|(own, judges)| own + judges);
        let errors = self.errors();
        ModelSummary {
            model: String::new(),
            is_incumbent: false,
            simulated: false,
            replayed: false,
            samples: self.samples,
            accepted,
            accepted_of_answered: share(self.accepted, self.samples - errors),
            is_clustered: has_clusters,
            valid: share(self.valid, self.samples),
            rejected: self.rejected,
            refused: self.refused,
            repaired: self.repaired,
            retried: self.retried,
            latency: quantiles(&mut self.latencies),
            first_token: quantiles(&mut self.first_tokens),
            tokens: self.tokens,
            cost: self.cost,
            cost_is_estimated: self.is_estimated,
            judge_cost: self.judge_cost,
            cost_per_call: all_cost.and_then(|cost| divide(cost, self.samples)),
            cost_per_accepted: all_cost.and_then(|cost| divide(cost, self.accepted)),
            cost_per_accepted_ci95: all_cost
                .and_then(|_| self.cost_of_accepted.interval(Level::P95))
                // Fieller's interval knows nothing of signs; money spent does.
                .map(|ends| ends.map(|end| dollars(end.max(0.0)))),
            scorers: Vec::new(),
            repeats: repeats(&self.prompts),
            served: Vec::new(),
            errors: self.errors,
        }
    }
}

/// A share with Wilson's interval.
pub fn share(n: u64, of: u64) -> Share {
    #[expect(clippy::cast_precision_loss, reason = "counts of samples are far below 2^53")]
    let rate = (of > 0).then(|| n as f64 / of as f64);
    Share { n, of, rate, ci95: proportion::wilson(n, of, Level::P95) }
}

/// Half up to the nano-dollar.
fn divide(cost: Money, by: u64) -> Option<Money> {
    let by = i64::try_from(by).ok().filter(|by| *by > 0)?;
    Some(Money::from_nanos((cost.nanos() + by / 2) / by))
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a statistic, rounded to the nano-dollar; out of range saturates"
)]
fn dollars(amount: f64) -> Money {
    Money::from_nanos((amount * 1e9).round() as i64)
}

fn quantiles(micros: &mut [u32]) -> Quantiles {
    let found = quantile::estimate(micros, &[0.5, 0.95, 0.99], Level::P95);
    let read = |at: usize, needs_interval: bool| {
        let found = found.get(at).copied().flatten()?;
        let ci95 = found.interval.map(|ends| ends.map(|end| end / 1e3));
        (ci95.is_some() || !needs_interval).then_some(QuantileMs { value: found.value / 1e3, ci95 })
    };
    Quantiles { p50: read(0, false), p95: read(1, true), p99: read(2, true), n: micros.len() as u64 }
}

fn repeats(prompts: &Prompts) -> Option<Repeats> {
    let variance = prompts.variance()?;
    let pass_at: Vec<_> = (1..).map_while(|k| prompts.pass_at(k)).collect();
    let pass_all = (1..).map_while(|k| prompts.pass_all(k)).collect();
    let k = u32::try_from(pass_at.len()).ok()?;
    Some(Repeats { k, pass_at, pass_all, between: variance.between, within: variance.within })
}
