//! From recorded samples to a [`Summary`](super::summary::Summary)'s numbers: one pass in item order, memory in
//! the candidates, the clusters and the latencies (four bytes each), not in the texts.
//!
//! What belongs together counts together, in every number that has an interval: the samples of a cluster, or,
//! where a prompt has none, the repeats of the prompt.

mod mean;
mod model;
mod times;

use std::collections::BTreeMap;
use std::time::Duration;

use self::model::Model;
use super::stats::cluster::Clusters;
use super::stats::level::Level;
use super::stats::paired::Pairs;
use super::stats::proportion::{clopper_pearson, wilson};
use super::summary::{ModelSummary, Share};
use crate::base::dice::Dice;
use crate::ledger::ScorerPass;
use crate::ledger::row::{SampleFacts, SampleStatus};

/// A run being counted.
#[derive(Debug)]
pub struct Tally {
    models: Vec<Model>,
    incumbent: Option<usize>,
    versus: Vec<Versus>,
    item: Vec<SampleFacts>,
    clusters: BTreeMap<String, u32>,
    has_repeats: bool,
    dice: Option<Dice>,
}

/// One candidate against the incumbent.
#[derive(Debug, Default)]
pub struct Versus {
    /// Counts of pairs.
    pub pairs: Pairs,
    /// Prompts that have a pair.
    pub prompts: u64,
    /// Pairs that do not count, because one of the two calls failed.
    pub unanswered: u64,
    /// The same pairs by cluster; prompts of no cluster are clusters of their own.
    pub clusters: Clusters<u32>,
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
            clusters: BTreeMap::new(),
            has_repeats: repeats > 1,
            dice: None,
        }
    }

    /// The same with intervals that need chance: the bootstrap of the mean cost per call.
    #[must_use]
    pub fn with_dice(mut self, dice: Dice) -> Self {
        self.dice = Some(dice);
        self
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
        let cluster = item.iter().find_map(|facts| facts.cluster.as_deref()).map(|name| self.cluster(name));
        for (candidate, model) in self.models.iter_mut().enumerate() {
            let own = item.iter().filter(|facts| facts.key.candidate as usize == candidate);
            model.add_item(&own.collect::<Vec<_>>(), cluster);
        }
        self.compare(&item, cluster);
    }

    fn cluster(&mut self, name: &str) -> u32 {
        if let Some(known) = self.clusters.get(name) {
            return *known;
        }
        let next = u32::try_from(self.clusters.len()).unwrap_or(u32::MAX);
        self.clusters.insert(name.to_owned(), next);
        next
    }

    fn compare(&mut self, item: &[SampleFacts], cluster: Option<u32>) {
        let Some(incumbent) = self.incumbent else { return };
        for (candidate, versus) in self.versus.iter_mut().enumerate().filter(|(at, _)| *at != incumbent) {
            let of = |wanted: usize| item.iter().filter(move |facts| facts.key.candidate as usize == wanted);
            let pairs = of(candidate).filter_map(|theirs| {
                let ours = of(incumbent).find(|ours| ours.key.repeat == theirs.key.repeat)?;
                Some((ours, theirs))
            });
            let pairs: Vec<_> = pairs.collect();
            let all = pairs.len();
            // A call that failed says nothing of the answer it might have had.
            let is_answered = |facts: &SampleFacts| facts.status != SampleStatus::Error;
            let pairs: Vec<_> = pairs
                .into_iter()
                .filter(|(ours, theirs)| is_answered(ours) && is_answered(theirs))
                .map(|(ours, theirs)| (is_accepted(ours), is_accepted(theirs)))
                .collect();
            versus.unanswered += (all - pairs.len()) as u64;
            versus.prompts += u64::from(!pairs.is_empty());
            for (ours, theirs) in &pairs {
                versus.pairs.add(*ours, *theirs);
            }
            let difference = |(ours, theirs): &(bool, bool)| f64::from(i8::from(*theirs) - i8::from(*ours));
            if !pairs.is_empty() {
                versus.clusters.add_group(cluster, pairs.iter().map(difference));
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
        let has_clusters = self.has_repeats || !self.clusters.is_empty();
        let models = self.models.into_iter().map(|model| model.summary(has_clusters, self.dice)).collect();
        Counted { models, versus: self.versus, overhead_share, has_clusters }
    }
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
    /// Whether errors are clustered, by clusters or by repeats.
    pub has_clusters: bool,
}

/// A share with Wilson's interval.
pub fn share(n: u64, of: u64) -> Share {
    #[expect(clippy::cast_precision_loss, reason = "counts of samples are far below 2^53")]
    let rate = (of > 0).then(|| n as f64 / of as f64);
    Share { n, of, rate, ci95: wilson(n, of, Level::P95) }
}

/// How often a scorer passed, with what its samples belong together with.
#[derive(Debug, Default)]
pub struct Passes {
    passed: u64,
    clusters: Clusters<String>,
}

impl Passes {
    /// Takes one more sample.
    pub fn add(&mut self, pass: &ScorerPass<'_>, is_clustered: bool) {
        self.passed += u64::from(pass.passed);
        let value = f64::from(u8::from(pass.passed));
        match pass.cluster {
            Some(cluster) => self.clusters.add(cluster.to_owned(), value),
            // A name no cluster can have, for the repeats of an item.
            None if is_clustered => self.clusters.add(format!("\0{}", pass.item), value),
            None => self.clusters.add_alone(value),
        }
    }

    /// The share as reports show it, and its interval as gates are judged by.
    pub fn shares(&self, is_clustered: bool) -> (Share, Option<[f64; 2]>) {
        let plain = share(self.passed, self.clusters.n());
        if !is_clustered {
            return (plain, clopper_pearson(plain.n, plain.of, Level::P95));
        }
        let robust = self.clusters.share_interval(Level::P95);
        (Share { ci95: robust.or(plain.ci95), ..plain }, self.clusters.exact_share_interval(Level::P95))
    }
}
