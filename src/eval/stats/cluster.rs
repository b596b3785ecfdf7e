//! Means and shares of values that come in clusters.
//!
//! Prompts from one conversation, document or task, and repeats of one prompt, are right or wrong together;
//! an interval that takes them as independent is too short, often by more than pairing makes it shorter
//! (Miller 2024, arXiv 2411.00640). For a paired comparison add each pair's difference: 1, 0 or
//! -1.

use std::collections::BTreeMap;

use super::distribution::student_t_cdf;
use super::level::Level;
use super::mean::Moments;
use super::proportion::{exact_limits, wilson_limits};
use super::real;
use super::tango::Discordance;

/// A running sum per cluster: memory in the number of clusters, not of values. Values that belong to no
/// cluster are clusters of one and take no memory.
#[derive(Clone, Debug)]
pub struct Clusters<K> {
    sums: BTreeMap<K, Sum>,
    unnamed: Unnamed,
    values: Moments,
    positive: u64,
    negative: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    n: u64,
    total: f64,
}

/// The clusters that are complete when they are added: nothing of each is kept but what the variance needs.
#[derive(Clone, Copy, Debug, Default)]
struct Unnamed {
    clusters: u64,
    /// Σ t², with t the total of a cluster and n its size.
    squares: f64,
    /// Σ n t.
    products: f64,
    /// Σ n².
    sizes: f64,
}

impl Unnamed {
    fn add(&mut self, sum: Sum) {
        let n = real(sum.n);
        self.clusters += 1;
        self.squares += sum.total * sum.total;
        self.products += n * sum.total;
        self.sizes += n * n;
    }

    /// Σ (t - n mean)².
    fn squares_around(&self, mean: f64) -> f64 {
        (self.squares - 2.0 * mean * self.products + mean * mean * self.sizes).max(0.0)
    }
}

impl<K> Default for Clusters<K> {
    fn default() -> Self {
        Self {
            sums: BTreeMap::new(),
            unnamed: Unnamed::default(),
            values: Moments::default(),
            positive: 0,
            negative: 0,
        }
    }
}

impl<K: Ord> Clusters<K> {
    /// Takes one more finite value of a cluster.
    pub fn add(&mut self, cluster: K, value: f64) {
        let sum = self.sums.entry(cluster).or_default();
        sum.n += 1;
        sum.total += value;
        self.count(value);
    }

    /// Takes one more finite value that belongs to no cluster.
    pub fn add_alone(&mut self, value: f64) {
        self.add_group(None, [value]);
    }

    /// Takes finite values that belong together: to a cluster that others may belong to as well, or to nobody
    /// else, as the repeats of one prompt do. Nothing where there are none.
    pub fn add_group(&mut self, cluster: Option<K>, values: impl IntoIterator<Item = f64>) {
        let mut own = Sum::default();
        for value in values {
            own.n += 1;
            own.total += value;
            self.count(value);
        }
        match cluster {
            _ if own.n == 0 => {}
            None => self.unnamed.add(own),
            Some(cluster) => {
                let sum = self.sums.entry(cluster).or_default();
                sum.n += own.n;
                sum.total += own.total;
            }
        }
    }

    fn count(&mut self, value: f64) {
        self.values.add(value);
        self.positive += u64::from(value > 0.0);
        self.negative += u64::from(value < 0.0);
    }

    /// Clusters, C, those of one included.
    pub fn clusters(&self) -> u64 {
        super::count(self.sums.len()) + self.unnamed.clusters
    }

    /// Values, in all clusters.
    pub const fn n(&self) -> u64 {
        self.values.n()
    }

    /// The mean of all values, each with the same weight; `None` of nothing.
    pub fn mean(&self) -> Option<f64> {
        self.values.mean()
    }

    /// The cluster-robust standard error of the mean, √(C/(C - 1) Σ (Σ (x - mean))²)/n, the inner sum over a
    /// cluster (Liang & Zeger 1986 with the usual correction; Miller 2024, appendix A). `None` below two
    /// clusters.
    pub fn standard_error(&self) -> Option<f64> {
        let mean = self.mean()?;
        let clusters = real(self.clusters());
        let together: f64 = self.sums.values().map(|sum| (sum.total - real(sum.n) * mean).powi(2)).sum();
        let squares = together + self.unnamed.squares_around(mean);
        (clusters > 1.0).then(|| (clusters / (clusters - 1.0) * squares).sqrt() / real(self.n()))
    }

    /// How many times larger the variance of the mean is than of as many independent values, Kish's design
    /// effect; below 1 when clusters are more alike than chance. `None` below two clusters and where the
    /// clusters do not differ at all.
    pub fn design_effect(&self) -> Option<f64> {
        let naive = self.values.standard_error()?;
        self.varies()?.then_some((self.standard_error()? / naive).powi(2))
    }

    /// The interval for a mean: the cluster-robust error with Student's t on C - 1 degrees of freedom.
    /// `None` below two clusters. A single point where the clusters do not differ at all.
    pub fn interval(&self, level: Level) -> Option<[f64; 2]> {
        let error = self.standard_error()?;
        let reach = level.t(self.degrees()) * error;
        self.mean().map(|mean| [mean - reach, mean + reach])
    }

    /// The interval for a share, from values 0 and 1: [`Self::interval`] kept inside `[0, 1]`. Where the
    /// clusters do not differ (say, all passed) Wilson's with one observation per cluster, the most that can
    /// be claimed without knowing how alike a cluster's values are. `None` below two clusters.
    pub fn share_interval(&self, level: Level) -> Option<[f64; 2]> {
        if self.varies()? {
            return self.interval(level).map(|ends| ends.map(|end| end.clamp(0.0, 1.0)));
        }
        let clusters = self.degrees() + 1.0;
        Some(wilson_limits(self.per_cluster(self.positive), clusters, level.z()))
    }

    /// As how many independent values these count for a share: n over the design effect, less what it costs to
    /// know that effect from few clusters only, (t(n - 1)/t(C - 1))² (Korn & Graubard 1998, "Confidence
    /// intervals for proportions with small expected number of positive counts estimated from survey data").
    /// Never more than n; one per cluster where the clusters do not differ. `None` below two clusters.
    pub fn effective_size(&self, level: Level) -> Option<f64> {
        if !self.varies()? {
            return Some(self.degrees() + 1.0);
        }
        let n = real(self.n());
        let known = (level.t(n - 1.0) / level.t(self.degrees())).powi(2);
        Some((n / self.design_effect()? * known).min(n))
    }

    /// The interval for a share, from values 0 and 1, that a gate uses: Clopper and Pearson's at the
    /// [`Self::effective_size`] (Korn & Graubard 1998). Where every cluster is one value it is
    /// [`clopper_pearson`](super::proportion::clopper_pearson). `None` below two clusters.
    pub fn exact_share_interval(&self, level: Level) -> Option<[f64; 2]> {
        let n = self.effective_size(level)?;
        Some(exact_limits(self.mean()?.clamp(0.0, 1.0) * n, n, level))
    }

    /// The interval for a paired difference of shares, from values 1, 0 and -1: [`Self::interval`] kept
    /// inside `[-1, 1]`; where the clusters do not differ, Tango's with one pair per cluster. `None` below
    /// two clusters.
    pub fn difference_interval(&self, level: Level) -> Option<[f64; 2]> {
        if self.varies()? {
            return self.interval(level).map(|ends| ends.map(|end| end.clamp(-1.0, 1.0)));
        }
        let pairs = Discordance {
            n: self.degrees() + 1.0,
            better: self.per_cluster(self.positive),
            worse: self.per_cluster(self.negative),
        };
        Some(pairs.interval(level.z()))
    }

    /// The two-sided p-value of "the true mean is nothing", by the cluster-robust error and Student's t on
    /// C - 1 degrees of freedom. `None` below two clusters and where they do not differ.
    pub fn p_value(&self) -> Option<f64> {
        if !self.varies()? {
            return None;
        }
        let t = self.mean()? / self.standard_error()?;
        Some((2.0 * student_t_cdf(-t.abs(), self.degrees())).min(1.0))
    }

    /// Whether the clusters differ by more than rounding.
    fn varies(&self) -> Option<bool> {
        self.standard_error().map(|error| error > 1e-12)
    }

    fn degrees(&self) -> f64 {
        real(self.clusters()) - 1.0
    }

    /// A count scaled from values to clusters.
    fn per_cluster(&self, hits: u64) -> f64 {
        real(hits) / real(self.n()) * real(self.clusters())
    }
}

#[cfg(test)]
mod tests;
