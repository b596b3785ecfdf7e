//! A run in numbers: what the statistics found, and what every report shows.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::candidate::Source;
use super::stats::repeats::Variance;
use crate::base::money::Money;
use crate::ledger::row::RunStatus;

/// Everything a report needs besides the samples.
#[derive(Clone, Debug)]
pub struct Summary {
    /// The run.
    pub run: String,
    /// When it began.
    pub started: Timestamp,
    /// Wall time of the calls in this process; absent when read back from the ledger.
    pub took: Option<Duration>,
    /// How it stands.
    pub status: RunStatus,
    /// The dataset files.
    pub datasets: Vec<DatasetInfo>,
    /// Rows skipped as bad.
    pub skipped_rows: u64,
    /// The seed.
    pub seed: u64,
    /// The version of `orch` that made the run.
    pub version: String,
    /// Samples planned: rows × candidates × repeats.
    pub planned: u64,
    /// Samples finished.
    pub finished: u64,
    /// One entry per candidate, in the order given.
    pub models: Vec<ModelSummary>,
    /// One entry per candidate other than the incumbent, when there is an incumbent.
    pub comparisons: Vec<Comparison>,
    /// Gates, in the order given.
    pub gates: Vec<GateResult>,
    /// One verdict per candidate other than the incumbent; one over the only candidate when gates alone
    /// decide; empty when there is nothing to decide.
    pub verdicts: Vec<Verdict>,
    /// Everything spent, judges included; `None` when some of it is unknown.
    pub spent: Option<Money>,
    /// The cap.
    pub max_cost: Option<Money>,
    /// Whether cap and spending are simulated dollars.
    pub spent_is_simulated: bool,
    /// Own time as a share of the calls' time.
    pub overhead_share: f64,
    /// Things the reader must know, one sentence each (unknown prices, floating aliases, small samples).
    pub notes: Vec<String>,
}

impl Summary {
    /// Whether a gate says anything of what to do. Gates decide about candidates: where one is compared with the
    /// incumbent, that the incumbent fails a gate is shown, and is no reason against whoever is to replace it.
    pub fn decides(&self, gate: &GateResult) -> bool {
        self.comparisons.is_empty()
            || self.models.iter().all(|model| model.model != gate.model || !model.is_incumbent)
    }
}

/// A dataset file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatasetInfo {
    /// The path as given.
    pub path: String,
    /// SHA-256 of its bytes, in hex.
    pub sha256: String,
    /// Good rows.
    pub rows: u64,
}

/// A share with its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Share {
    /// How many.
    pub n: u64,
    /// Of how many.
    pub of: u64,
    /// The share; absent when it is of none.
    pub rate: Option<f64>,
    /// Its Wilson interval, or the cluster-robust one where there are clusters or repeats.
    pub ci95: Option<[f64; 2]>,
}

/// A quantile of a time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct QuantileMs {
    /// Milliseconds.
    pub value: f64,
    /// The order-statistic interval; absent where none exists at this sample size.
    pub ci95: Option<[f64; 2]>,
}

/// Quantiles of a time. Each is absent when there is no sample, and p95 and p99 also where the sample is
/// too small for an interval (below 72 and 368).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Quantiles {
    /// Median.
    pub p50: Option<QuantileMs>,
    /// 95th percentile.
    pub p95: Option<QuantileMs>,
    /// 99th percentile.
    pub p99: Option<QuantileMs>,
    /// How many times were measured.
    pub n: u64,
}

/// Sums of tokens. A field no call reported is absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TokenSums {
    /// All input, cached included.
    pub input: Option<u64>,
    /// All output, reasoning included.
    pub output: Option<u64>,
    /// The part of the input read from the provider's cache.
    pub cached: Option<u64>,
    /// The part of the output that is reasoning.
    pub reasoning: Option<u64>,
}

/// One candidate in numbers.
#[derive(Clone, Debug)]
pub struct ModelSummary {
    /// The candidate as the user named it; unique within a run.
    pub model: String,
    /// Whether it is the incumbent.
    pub is_incumbent: bool,
    /// Whether its answers were simulated or replayed rather than paid for.
    pub simulated: bool,
    /// Whether its answers come from a recording.
    pub replayed: bool,
    /// Samples finished.
    pub samples: u64,
    /// Accepted, of all samples.
    pub accepted: Share,
    /// Accepted, of the samples that were answered (infrastructure errors left out).
    pub accepted_of_answered: Share,
    /// Whether its intervals allow for clusters or repeats.
    pub is_clustered: bool,
    /// Valid, of all samples.
    pub valid: Share,
    /// Rejected by validity or a scorer.
    pub rejected: u64,
    /// Declined by the model or a filter.
    pub refused: u64,
    /// Answers whose JSON had to be taken out or mended.
    pub repaired: u64,
    /// Failures by class.
    pub errors: BTreeMap<String, u64>,
    /// Samples that took more than one attempt.
    pub retried: u64,
    /// Send to last byte, first attempts only.
    pub latency: Quantiles,
    /// Send to first content, first attempts only.
    pub first_token: Quantiles,
    /// Tokens of all attempts.
    pub tokens: TokenSums,
    /// Spent on the candidate's own calls; `None` when some of it is unknown.
    pub cost: Option<Money>,
    /// Whether the cost holds estimates.
    pub cost_is_estimated: bool,
    /// Spent on judges and embedders for its answers; `None` when some of it is unknown.
    pub judge_cost: Option<Money>,
    /// All cost per call.
    pub cost_per_call: Option<Money>,
    /// Its interval: `BCa` bootstrap with the run's seed up to 10,000 calls, Student's beyond, cluster-robust
    /// where there are clusters or repeats. Absent below two calls and where the cost is unknown.
    pub cost_per_call_ci95: Option<[Money; 2]>,
    /// All cost, retries, failures and judges included, per accepted answer.
    pub cost_per_accepted: Option<Money>,
    /// Its Fieller interval, where one exists.
    pub cost_per_accepted_ci95: Option<[Money; 2]>,
    /// Each scorer's pass rate.
    pub scorers: Vec<(String, Share)>,
    /// The intervals that gates are judged by.
    pub bounds: Bounds,
    /// With repeats: pass@k for k up to the repeats, and the variance between and within items.
    pub repeats: Option<Repeats>,
    /// Models that answered, when the provider said another name than asked for.
    pub served: Vec<String>,
}

impl ModelSummary {
    /// Where its answers come from.
    pub const fn source(&self) -> Source {
        match (self.simulated, self.replayed) {
            (_, true) => Source::Replayed,
            (true, false) => Source::Simulated,
            (false, false) => Source::Provider,
        }
    }

    /// Its name, with its source where the name hides that nobody was paid: `cheap (simulated)`.
    pub fn marked(&self) -> String {
        self.source().beside(&self.model)
    }
}

/// The 95 % intervals that gates are judged by: Clopper and Pearson's, at the effective sample size where there
/// are clusters or repeats. Each is absent where nothing was counted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bounds {
    /// Accepted, of all samples.
    pub accepted: Option<[f64; 2]>,
    /// Accepted, of the samples that were answered.
    pub accepted_of_answered: Option<[f64; 2]>,
    /// Valid, of all samples.
    pub valid: Option<[f64; 2]>,
    /// Refused, of all samples.
    pub refused: Option<[f64; 2]>,
    /// Infrastructure errors, of all samples.
    pub errors: Option<[f64; 2]>,
    /// Repaired, of all samples.
    pub repaired: Option<[f64; 2]>,
    /// Each scorer's passes, in the order of [`ModelSummary::scorers`].
    pub scorers: Vec<Option<[f64; 2]>>,
}

/// What repeats tell.
#[derive(Clone, Debug, PartialEq)]
pub struct Repeats {
    /// Repeats per item.
    pub k: u32,
    /// pass@k for k = 1, 2, … (Chen et al. 2021).
    pub pass_at: Vec<f64>,
    /// pass^k for k = 1, 2, … (all of k pass).
    pub pass_all: Vec<f64>,
    /// Where the variance lies; absent below two prompts.
    pub variance: Option<Variance>,
}

/// A candidate against the incumbent on the same prompts.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// The candidate.
    pub candidate: String,
    /// The incumbent.
    pub incumbent: String,
    /// Prompts both have answered.
    pub prompts: u64,
    /// Pairs of answers: as many as prompts, or more with repeats.
    pub pairs: u64,
    /// Pairs that do not count, because one of the two calls failed.
    pub unanswered: u64,
    /// Pairs in which only the candidate was accepted.
    pub better: u64,
    /// Pairs in which only the incumbent was accepted.
    pub worse: u64,
    /// The difference in accepted share.
    pub delta_accepted: f64,
    /// Its 95 % interval.
    pub ci95: Option<[f64; 2]>,
    /// Its interval that the verdict goes by.
    pub deciding: Option<Deciding>,
    /// Whether it is shown not to be worse by more than the margin, together with the other candidates that
    /// are (Holm).
    pub is_not_worse: bool,
    /// Exact `McNemar`.
    pub p_exact: f64,
    /// Mid-p `McNemar`; with clusters or repeats, the cluster-robust t test of the difference.
    pub p_value: f64,
    /// The same after Holm over the candidates.
    pub p_holm: f64,
    /// More prompts (not pairs: repeats and clusters are allowed for) until the margin is decided; absent when it
    /// is, and where no number would do.
    pub samples_needed: Option<u64>,
    /// Cost per accepted answer as a ratio to the incumbent's, less one.
    pub delta_cost_per_accepted: Option<f64>,
}

/// An interval that a verdict goes by. Adoption is claimed at the level of Holm's step-down, which is above 95 %
/// while several candidates are open; that a candidate is worse is said at 95 %.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Deciding {
    /// Its ends.
    pub ends: [f64; 2],
    /// Its level, as a share.
    pub level: f64,
}

/// One gate's result.
#[derive(Clone, Debug, PartialEq)]
pub struct GateResult {
    /// The candidate it was checked on.
    pub model: String,
    /// The gate as written.
    pub expr: String,
    /// Whether it holds. A value that does not exist does not hold.
    pub pass: bool,
    /// What was compared: the value or the bound asked for.
    pub value: Option<f64>,
    /// The value as people read it.
    pub shown: String,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Not worse than the margin allows, and every gate's bound holds.
    Adopt,
    /// Worse than the margin, or a gate failed.
    Reject,
    /// The data do not tell yet.
    Inconclusive,
}

impl Decision {
    /// The name in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Adopt => "adopt",
            Self::Reject => "reject",
            Self::Inconclusive => "inconclusive",
        }
    }
}

/// The verdict on one candidate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What to do.
    pub decision: Decision,
    /// The candidate.
    pub candidate: String,
    /// One sentence with the numbers behind it.
    pub sentence: String,
}
