//! A candidate against the incumbent on the same prompts, passed or not.
//!
//! The interval is Tango's score interval: of the intervals that need no more than the discordant counts it
//! keeps its level from about ten pairs up (Fagerland, Lydersen and Laake 2014), it has a width even where
//! no pair differs (±z²/(n + z²)), and it excludes a margin exactly when the score test of non-inferiority
//! rejects it, so a verdict and its p-value cannot disagree. Where prompts come in clusters (conversations,
//! documents, repeats of one prompt) use [`super::cluster::Clusters`] instead.

use super::distribution::{binomial_cdf, binomial_pmf};
use super::level::Level;
use super::real;
use super::special::normal_cdf;
use super::tango::Discordance;

/// Counts of pairs. The difference is the candidate's share less the incumbent's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pairs {
    n: u64,
    better: u64,
    worse: u64,
}

/// A test's statistic and its p-value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ZTest {
    /// Standard normal at the edge of the hypothesis.
    pub z: f64,
    /// The chance of as much or more evidence there.
    pub p: f64,
}

impl ZTest {
    fn upper(z: f64) -> Self {
        Self { z, p: normal_cdf(-z) }
    }
}

impl Pairs {
    /// Counted pairs: of `n`, `better` were passed by the candidate only and `worse` by the incumbent only.
    /// `None` when these are more than `n`.
    pub fn new(n: u64, better: u64, worse: u64) -> Option<Self> {
        (better.checked_add(worse)? <= n).then_some(Self { n, better, worse })
    }

    /// Counts one more pair.
    pub fn add(&mut self, incumbent_passed: bool, candidate_passed: bool) {
        self.n += 1;
        self.better += u64::from(candidate_passed && !incumbent_passed);
        self.worse += u64::from(incumbent_passed && !candidate_passed);
    }

    /// Pairs.
    pub const fn n(self) -> u64 {
        self.n
    }

    /// Pairs only the candidate passed.
    pub const fn better(self) -> u64 {
        self.better
    }

    /// Pairs only the incumbent passed.
    pub const fn worse(self) -> u64 {
        self.worse
    }

    /// Pairs that exactly one of the two passed.
    pub const fn discordant(self) -> u64 {
        self.better + self.worse
    }

    /// The difference in shares, in `[-1, 1]`; `None` without pairs.
    pub fn difference(self) -> Option<f64> {
        self.shape().map(Discordance::difference)
    }

    /// The paired standard error of the difference, √(((b + c)/n - d²)/(n - 1)) (Miller 2024, arXiv
    /// 2411.00640); `None` below two pairs.
    pub fn standard_error(self) -> Option<f64> {
        let variance = self.sample_variance()?;
        (self.n > 1).then(|| (variance / real(self.n - 1)).sqrt())
    }

    /// Tango's score interval for the difference; `None` without pairs.
    pub fn interval(self, level: Level) -> Option<[f64; 2]> {
        self.shape().map(|shape| shape.interval(level.z()))
    }

    /// The two-sided exact `McNemar` p-value: discordant pairs as fair coins (`McNemar` 1947). 1 without any.
    pub fn mcnemar_exact(self) -> f64 {
        let fewer = self.better.min(self.worse);
        (2.0 * binomial_cdf(fewer, self.discordant(), 0.5)).min(1.0)
    }

    /// The two-sided mid-p `McNemar` p-value: the exact one less the chance of just what was seen. Less timid
    /// than the exact test and still at its level in practice (Fagerland, Lydersen and Laake 2013).
    pub fn mcnemar_mid_p(self) -> f64 {
        if self.better == self.worse {
            return 1.0;
        }
        let fewer = self.better.min(self.worse);
        let n = self.discordant();
        let (below, just) = match fewer.checked_sub(1) {
            Some(below) => (binomial_cdf(below, n, 0.5), binomial_pmf(fewer, n, 0.5)),
            None => (0.0, binomial_pmf(0, n, 0.5)),
        };
        (2.0 * below + just).min(1.0)
    }

    /// Tango's score test of "the candidate is worse by `margin` or more", `0 <= margin < 1`. A small p-value
    /// says it is not. `p < α/2` exactly when the lower end of the interval at 1 - α lies above `-margin`.
    /// A verdict reads the interval; its tests and those of the sample size hold them to this. `None` without
    /// pairs or with a margin out of range.
    pub fn noninferiority(self, margin: f64) -> Option<ZTest> {
        let shape = self.shape()?;
        (0.0..1.0).contains(&margin).then(|| ZTest::upper(shape.score(-margin)))
    }

    /// The same by Wald's formula, z = (d + margin)/√(((b + c)/n - d²)/n), which most tools print; for
    /// the golden values, to compare with them. Too sure in small samples. `None` also where no variance was seen.
    pub fn noninferiority_wald(self, margin: f64) -> Option<ZTest> {
        let variance = self.sample_variance()?;
        let usable = variance > 0.0 && (0.0..1.0).contains(&margin);
        let z = (self.difference()? + margin) / (variance / real(self.n)).sqrt();
        usable.then(|| ZTest::upper(z))
    }

    fn sample_variance(self) -> Option<f64> {
        let difference = self.difference()?;
        Some((real(self.discordant()) / real(self.n) - difference * difference).max(0.0))
    }

    pub(super) fn shape(self) -> Option<Discordance> {
        let shape = Discordance { n: real(self.n), better: real(self.better), worse: real(self.worse) };
        (self.n > 0).then_some(shape)
    }
}

#[cfg(test)]
mod tests;
