//! Early stopping: pairs of the incumbent's and a candidate's samples, looked at after every one of them.
//! Valid at every look, because the evidence is an e-process (`stats::sequential`).

use std::collections::BTreeMap;

use super::stats::level::Level;
use super::stats::paired::Pairs;
use super::stats::sequential::early_stop;
use crate::ledger::row::{SampleFacts, SampleStatus};

/// The comparisons of a run under way.
#[derive(Clone, Debug)]
pub struct Pairing {
    incumbent: u32,
    margin: f64,
    level: Level,
    /// Samples whose partner is still under way: at most as many as are taken at once.
    waiting: BTreeMap<(u64, u32), BTreeMap<u32, bool>>,
    pairs: BTreeMap<u32, Pairs>,
    candidates: u32,
}

impl Pairing {
    /// Compares all candidates with the incumbent. With several of them each gets its share of the error
    /// (Bonferroni), so that all verdicts together are wrong at most 5 % of the time.
    pub fn new(candidates: u32, incumbent: u32, margin: f64) -> Self {
        let level = Level::new(1.0 - 0.05 / f64::from(candidates.saturating_sub(1).max(1)));
        Self {
            incumbent,
            margin,
            level: level.unwrap_or(Level::P95),
            waiting: BTreeMap::new(),
            pairs: BTreeMap::new(),
            candidates,
        }
    }

    /// Takes a finished sample.
    pub fn add(&mut self, facts: &SampleFacts) {
        let (key, accepted) = (facts.key, facts.status == SampleStatus::Accepted);
        let item = self.waiting.entry((key.item, key.repeat)).or_default();
        item.insert(key.candidate, accepted);
        if item.len() < self.candidates as usize {
            return;
        }
        let item = self.waiting.remove(&(key.item, key.repeat)).unwrap_or_default();
        let Some(incumbent) = item.get(&self.incumbent) else { return };
        for (candidate, accepted) in item.iter().filter(|(candidate, _)| **candidate != self.incumbent) {
            self.pairs.entry(*candidate).or_default().add(*incumbent, *accepted);
        }
    }

    /// Whether every comparison is decided.
    pub fn is_decided(&self) -> bool {
        let decided = |pairs: &Pairs| early_stop(*pairs, self.margin, self.level).is_some();
        self.pairs.len() + 1 == self.candidates as usize && self.pairs.values().all(decided)
    }
}
