//! The statistics behind a verdict: pure functions of counts and sums, with their references.
//!
//! Which method is used for what:
//!
//! | question | method | where |
//! |---|---|---|
//! | a share and its interval | Wilson | [`proportion::wilson`] |
//! | a gate on a share | Clopper–Pearson | [`proportion::clopper_pearson`] |
//! | candidate against incumbent, pass or fail | Tango's score interval; `McNemar` mid-p | [`paired::Pairs`] |
//! | the same where prompts come in clusters or repeat | cluster-robust, t with C - 1 degrees | [`cluster::Clusters`] |
//! | a gate on a share there | Clopper–Pearson at the effective size (Korn–Graubard) | [`cluster::Clusters::exact_share_interval`] |
//! | cost per call | `BCa` bootstrap up to 10,000 calls, Student t beyond | [`bootstrap::bca`], [`mean::Moments`] |
//! | a latency quantile | type 7 with an order-statistic interval | [`quantile::estimate`] |
//! | the same in clusters | the same at the effective size (Woodruff) | [`quantile::estimate_effective`] |
//! | cost per accepted answer | Fieller, of the sums of clusters where there are some | [`ratio::Ratio`] |
//! | several candidates | Holm | [`multiplicity::holm`] |
//! | how many more prompts | Nam's sample size for the score test | [`power`] |
//! | may the run stop now | e-processes | [`sequential`] |
//! | repeats | pass@k, pass^k, one-way analysis of variance | [`repeats`] |
//!
//! A few functions serve no report. They are what other tools compute, and CI compares them with those of
//! `SciPy` and statsmodels, so that what the reports use stands on the same checked ground:
//! [`proportion::jeffreys`], [`mean::Moments::t_test`], [`paired::Pairs::noninferiority`] and its Wald form, [`power::mcnemar_pairs`],
//! [`power::mean_pairs`] and [`sequential::discordant_log_e`].
//!
//! Everything is total: where a number does not exist the answer is `None`, never NaN.

pub mod bootstrap;
pub mod cluster;
pub mod distribution;
pub mod level;
pub mod mean;
pub mod multiplicity;
pub mod paired;
pub mod power;
pub mod proportion;
pub mod quantile;
pub mod ratio;
pub mod repeats;
pub mod sequential;
pub mod special;
mod tango;

/// A count as a real number.
#[expect(clippy::cast_precision_loss, reason = "counts of samples and microseconds stay below 2^53")]
const fn real(count: u64) -> f64 {
    count as f64
}

/// Lengths of slices as counts.
const fn count(len: usize) -> u64 {
    len as u64
}
