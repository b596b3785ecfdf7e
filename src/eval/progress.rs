//! How far a run is: counters that the run adds to with every finished sample and a display reads when it
//! likes. Adding is a few increments; nothing here grows with the number of samples.

use std::collections::BTreeMap;
use std::time::Duration;

use super::histogram::Histogram;
use crate::base::money::Money;
use crate::ledger::row::{SampleFacts, SampleStatus};
use crate::model::outcome::Cost;

/// The smallest sample for which the 95 % order-statistic interval of p95 exists (David and Nagaraja 2003). Of
/// fewer, no p95 is shown anywhere.
pub const LEAST_FOR_P95: u64 = 72;

/// A run so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The candidates, in the order of the manifest.
    pub candidates: Vec<CandidateProgress>,
    /// Samples not accepted, by failure class, and `rejected` and `refused`.
    pub failures: BTreeMap<String, u64>,
    /// Calls under way now. The run sets it.
    pub in_flight: u64,
    /// Calls beyond the first of their sample.
    pub retries: u64,
    /// The cap, when there is one. The run sets it.
    pub max_cost: Option<Money>,
    /// What counts against the cap, calls of unfinished samples included. The run sets it where there is a cap.
    pub charged: Option<Money>,
}

/// One candidate so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CandidateProgress {
    /// The candidate as the user named it.
    pub name: String,
    /// Samples planned.
    pub total: u64,
    /// Samples finished, those of an earlier session included.
    pub done: u64,
    /// Samples accepted.
    pub accepted: u64,
    /// Samples without an answer.
    pub errors: u64,
    /// Spent so far, judges included; `None` as soon as some of it is unknown.
    pub spent: Option<Money>,
    /// Whether the amount holds estimates.
    pub is_estimated: bool,
    latency: Histogram,
}

impl CandidateProgress {
    /// The 95th percentile of latency so far, within 2 %; absent below [`LEAST_FOR_P95`] answers.
    pub fn p95(&self) -> Option<Duration> {
        (self.latency.total() >= LEAST_FOR_P95).then(|| self.latency.quantile(0.95))?
    }

    /// The share accepted so far; absent before the first sample.
    #[expect(clippy::cast_precision_loss, reason = "for showing")]
    pub fn accepted_share(&self) -> Option<f64> {
        (self.done > 0).then(|| self.accepted as f64 / self.done as f64)
    }
}

impl Progress {
    /// Nothing done yet, of so many samples per candidate.
    pub fn new(candidates: &[(String, u64)]) -> Self {
        let candidate = |(name, total): &(String, u64)| CandidateProgress {
            name: name.clone(),
            total: *total,
            done: 0,
            accepted: 0,
            errors: 0,
            spent: Some(Money::ZERO),
            is_estimated: false,
            latency: Histogram::default(),
        };
        Self {
            candidates: candidates.iter().map(candidate).collect(),
            failures: BTreeMap::new(),
            in_flight: 0,
            retries: 0,
            max_cost: None,
            charged: None,
        }
    }

    /// Counts one finished sample of the candidate at a place in the manifest; a place beyond the
    /// candidates is ignored. A resumed run counts its recorded samples the same way before it begins.
    pub fn finished(&mut self, candidate: usize, facts: &SampleFacts) {
        let Some(progress) = self.candidates.get_mut(candidate) else { return };
        progress.done += 1;
        if let Some(latency) = facts.latency {
            progress.latency.add(latency);
        }
        for cost in [facts.cost, facts.judge_cost] {
            progress.spent = progress.spent.zip(cost.amount()).map(|(spent, amount)| spent + amount);
            progress.is_estimated |= matches!(cost, Cost::Estimated(_));
        }
        self.retries += u64::from(facts.attempts.saturating_sub(1));
        let failure = match facts.status {
            SampleStatus::Accepted => {
                progress.accepted += 1;
                return;
            }
            SampleStatus::Error => {
                progress.errors += 1;
                facts.failure_class.as_deref().unwrap_or("error")
            }
            status => status.name(),
        };
        match self.failures.get_mut(failure) {
            Some(count) => *count += 1,
            None => drop(self.failures.insert(failure.to_owned(), 1)),
        }
    }

    /// Samples finished by all candidates.
    pub fn done(&self) -> u64 {
        self.candidates.iter().map(|candidate| candidate.done).sum()
    }

    /// Samples planned for all candidates.
    pub fn total(&self) -> u64 {
        self.candidates.iter().map(|candidate| candidate.total).sum()
    }

    /// Spent by all candidates, or what counts against the cap where there is one; `None` when some of it is
    /// unknown.
    pub fn spent(&self) -> Option<Money> {
        if self.charged.is_some() {
            return self.charged;
        }
        self.candidates.iter().map(|candidate| candidate.spent).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::row::SampleKey;

    fn facts(status: SampleStatus, class: Option<&str>, cost: Cost) -> SampleFacts {
        SampleFacts {
            key: SampleKey { item: 0, candidate: 0, repeat: 0 },
            status,
            valid: status == SampleStatus::Accepted,
            repaired: false,
            failure_class: class.map(str::to_owned),
            attempts: 2,
            latency: Some(Duration::from_millis(400)),
            first_token: None,
            usage: None,
            cost,
            judge_cost: Cost::Computed(Money::ZERO),
            cluster: None,
            overhead: Duration::ZERO,
        }
    }

    #[test]
    fn every_finished_sample_is_counted_once_under_what_came_of_it() {
        let mut progress = Progress::new(&[("a".to_owned(), 5)]);
        let cent = Cost::Billed(Money::from_nanos(10_000_000));
        progress.finished(0, &facts(SampleStatus::Accepted, None, cent));
        progress.finished(0, &facts(SampleStatus::Rejected, None, cent));
        progress.finished(0, &facts(SampleStatus::Error, Some("timeout"), cent));
        progress.finished(7, &facts(SampleStatus::Accepted, None, cent));
        assert_eq!((progress.done(), progress.total(), progress.retries), (3, 5, 3));
        assert_eq!(progress.candidates[0].accepted_share(), Some(1.0 / 3.0));
        assert_eq!(progress.spent(), Some(Money::from_nanos(30_000_000)));
        assert_eq!(
            progress.failures.iter().map(|(k, n)| (k.as_str(), *n)).collect::<Vec<_>>(),
            [("rejected", 1), ("timeout", 1)]
        );
    }

    #[test]
    fn a_p95_is_told_as_soon_as_it_has_an_interval() {
        let mut progress = Progress::new(&[("a".to_owned(), 100)]);
        let free = Cost::Computed(Money::ZERO);
        for _ in 1..LEAST_FOR_P95 {
            progress.finished(0, &facts(SampleStatus::Accepted, None, free));
        }
        assert_eq!(progress.candidates[0].p95(), None);
        progress.finished(0, &facts(SampleStatus::Accepted, None, free));
        let p95 = progress.candidates[0].p95().unwrap().as_secs_f64();
        assert!((p95 - 0.4).abs() < 0.008, "{p95}");
    }

    #[test]
    fn an_unknown_cost_makes_the_sum_unknown_for_good() {
        let mut progress = Progress::new(&[("a".to_owned(), 2)]);
        progress.finished(0, &facts(SampleStatus::Accepted, None, Cost::Unknown));
        progress.finished(0, &facts(SampleStatus::Accepted, None, Cost::Billed(Money::from_nanos(1))));
        assert_eq!(progress.spent(), None);
    }
}
