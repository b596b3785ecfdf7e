//! Early stopping: pairs of the incumbent's and a candidate's samples, looked at after every one of them.
//! Valid at every look, because the evidence is an e-process (`stats::sequential`), which needs independent
//! pairs in an order that does not depend on their results: slow and retried answers are often the wrong
//! ones, so pairs count in the order in which they were begun, not in that in which they finish.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::stats::level::Level;
use super::stats::paired::Pairs;
use super::stats::sequential::{Stop, early_stop};
use crate::ledger::row::{SampleFacts, SampleKey, SampleStatus};

/// The comparisons of a run under way.
#[derive(Clone, Debug)]
pub struct Pairing {
    incumbent: u32,
    margin: f64,
    level: Level,
    /// What is begun and not counted, in order: at most what is under way behind the slowest sample.
    begun: VecDeque<u64>,
    /// The same, to look one up: while a provider stands still, others may begin thousands.
    is_begun: BTreeSet<u64>,
    /// The samples of items that are not counted.
    waiting: BTreeMap<u64, BTreeMap<u32, Option<bool>>>,
    is_dependent: bool,
    has_gates: bool,
    pairs: BTreeMap<u32, Pairs>,
    candidates: u32,
}

impl Pairing {
    /// Compares all candidates with the incumbent. With several of them each gets its share of the error
    /// (Bonferroni), so that all verdicts together are wrong at most 5 % of the time.
    ///
    /// Gates are judged by intervals that hold at one look, at the end; so with gates only what no gate can change
    /// ends a run: that every candidate is worse by more than the margin.
    pub fn new(candidates: u32, incumbent: u32, margin: f64, has_gates: bool) -> Self {
        let level = Level::new(1.0 - 0.05 / f64::from(candidates.saturating_sub(1).max(1)));
        Self {
            incumbent,
            margin,
            level: level.unwrap_or(Level::P95),
            begun: VecDeque::new(),
            is_begun: BTreeSet::new(),
            waiting: BTreeMap::new(),
            is_dependent: false,
            has_gates,
            pairs: BTreeMap::new(),
            candidates,
        }
    }

    /// A sample is about to be taken.
    pub fn begin(&mut self, key: SampleKey) {
        // Candidates of different providers begin an item at different times; it has its place by the first.
        if self.is_begun.insert(key.item) {
            self.begun.push_back(key.item);
        }
    }

    /// Takes a finished sample.
    pub fn add(&mut self, facts: &SampleFacts) {
        let key = facts.key;
        // A call that failed says nothing of the answer it might have had.
        let accepted =
            (facts.status != SampleStatus::Error).then_some(facts.status == SampleStatus::Accepted);
        if key.repeat > 0 || facts.cluster.is_some() {
            // Right or wrong together: such pairs are not independent evidence.
            self.is_dependent = true;
            return;
        }
        self.waiting.entry(key.item).or_default().insert(key.candidate, accepted);
        while let Some(item) = self.begun.front().copied().filter(|item| self.is_complete(*item)) {
            self.begun.pop_front();
            self.is_begun.remove(&item);
            self.count(item);
        }
        // One that an earlier session began and finished has nobody to wait for.
        if self.is_complete(key.item) && !self.is_begun.contains(&key.item) {
            self.count(key.item);
        }
    }

    fn is_complete(&self, item: u64) -> bool {
        self.waiting.get(&item).is_some_and(|samples| samples.len() == self.candidates as usize)
    }

    fn count(&mut self, item: u64) {
        let item = self.waiting.remove(&item).unwrap_or_default();
        let Some(Some(incumbent)) = item.get(&self.incumbent) else { return };
        for (candidate, accepted) in item.iter().filter(|(candidate, _)| **candidate != self.incumbent) {
            if let Some(accepted) = accepted {
                self.pairs.entry(*candidate).or_default().add(*incumbent, *accepted);
            }
        }
    }

    /// Whether every comparison is decided; never where pairs are not independent.
    pub fn is_decided(&self) -> bool {
        let decided = |pairs: &Pairs| match early_stop(*pairs, self.margin, self.level) {
            Some(Stop::Reject) => true,
            Some(Stop::Adopt) => !self.has_gates,
            None => false,
        };
        !self.is_dependent
            && self.pairs.len() + 1 == self.candidates as usize
            && self.pairs.values().all(decided)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::base::money::Money;
    use crate::model::outcome::Cost;

    fn facts(item: u64, candidate: u32, is_accepted: bool) -> SampleFacts {
        SampleFacts {
            key: SampleKey { item, candidate, repeat: 0 },
            status: if is_accepted { SampleStatus::Accepted } else { SampleStatus::Rejected },
            valid: true,
            repaired: false,
            failure_class: None,
            attempts: 1,
            latency: None,
            first_token: None,
            usage: None,
            cost: Cost::Computed(Money::ZERO),
            judge_cost: Cost::Computed(Money::ZERO),
            cluster: None,
            overhead: Duration::ZERO,
        }
    }

    /// Everything begun in order; then finished as given.
    fn paired(finished: impl IntoIterator<Item = SampleFacts>) -> Pairing {
        begun(false, finished)
    }

    fn begun(has_gates: bool, finished: impl IntoIterator<Item = SampleFacts>) -> Pairing {
        let mut pairing = Pairing::new(2, 0, 0.02, has_gates);
        for item in 0..2_000 {
            for candidate in 0..2 {
                pairing.begin(SampleKey { item, candidate, repeat: 0 });
            }
        }
        finished.into_iter().for_each(|facts| pairing.add(&facts));
        pairing
    }

    /// All are accepted.
    fn alike() -> impl Iterator<Item = SampleFacts> {
        (0..2_000).flat_map(|item| (0..2).map(move |candidate| facts(item, candidate, true)))
    }

    #[test]
    fn two_candidates_that_never_differ_are_decided_before_the_end() {
        assert!(!paired(alike().take(20)).is_decided());
        assert!(paired(alike()).is_decided());
    }

    #[test]
    fn quick_pairs_do_not_count_before_a_slow_one_that_was_begun_earlier() {
        let but_first = || alike().filter(|facts| facts.key.item > 0);
        let mut pairing = paired(but_first());
        assert!(!pairing.is_decided(), "the first pair is still under way");
        pairing.add(&facts(0, 0, true));
        pairing.add(&facts(0, 1, false));
        assert!(pairing.is_decided());
        assert_eq!((pairing.pairs[&1].n(), pairing.pairs[&1].worse()), (2_000, 1));
    }

    #[test]
    fn with_gates_only_a_candidate_that_no_gate_could_save_ends_a_run() {
        assert!(!begun(true, alike()).is_decided(), "its gates are not decided");
        let worse = alike().map(|facts| match facts.key {
            SampleKey { item, candidate: 1, .. } if item % 4 == 0 => {
                SampleFacts { status: SampleStatus::Rejected, ..facts }
            }
            _ => facts,
        });
        assert!(begun(true, worse).is_decided());
    }

    #[test]
    fn pairs_of_an_earlier_session_count() {
        let mut pairing = Pairing::new(2, 0, 0.02, false);
        alike().for_each(|facts| pairing.add(&facts));
        assert!(pairing.is_decided());
    }

    #[test]
    fn pairs_that_are_not_independent_decide_nothing() {
        let clustered = alike().map(|facts| SampleFacts { cluster: Some("c".into()), ..facts });
        assert!(!paired(clustered).is_decided());
        let repeated = facts(0, 0, true);
        let again = SampleFacts { key: SampleKey { repeat: 1, ..repeated.key }, ..repeated };
        assert!(!paired(alike().chain([again])).is_decided());
    }
}
