//! Numbers as people read them, the same in every report.

use crate::base::money::Money;
use crate::base::number;
pub(super) use crate::base::number::{count, counted, percent};
use crate::base::span;
use crate::eval::candidate::Source;
use crate::eval::progress::LEAST_FOR_P95;
use crate::eval::stats::repeats::Variance;
use crate::eval::summary::{Comparison, ModelSummary, QuantileMs, Quantiles, Repeats, Share};

/// The smallest sample for which the 95 % order-statistic interval of p99 exists.
const LEAST_FOR_P99: u64 = 368;

/// A share with its interval: `91.6% (89.9-93.0)`.
pub(super) fn share(share: &Share) -> String {
    let Some(rate) = share.rate else { return "n/a".to_owned() };
    match share.ci95 {
        Some([low, high]) => format!("{} ({:.1}-{:.1})", percent(rate), low * 100.0, high * 100.0),
        None => percent(rate),
    }
}

/// A part of a whole in percent.
#[expect(clippy::cast_precision_loss, reason = "shown with one decimal")]
pub(super) fn part(n: u64, of: u64) -> String {
    if of == 0 { "n/a".to_owned() } else { percent(n as f64 / of as f64) }
}

/// A difference of shares in percentage points with its interval: `+0.4 pp (-1.1 to +1.9)`.
pub(super) fn delta(comparison: &Comparison) -> String {
    if !comparison.delta_accepted.is_finite() {
        return "n/a".to_owned();
    }
    let delta = format!("{:+.1} pp", comparison.delta_accepted * 100.0);
    match comparison.ci95 {
        Some([low, high]) => format!("{delta} ({:+.1} to {:+.1})", low * 100.0, high * 100.0),
        None => delta,
    }
}

/// A relative change: `-71%`.
pub(super) fn change(ratio: Option<f64>) -> String {
    match ratio.filter(|ratio| ratio.is_finite()) {
        Some(ratio) => number::change(ratio),
        None => "n/a".to_owned(),
    }
}

/// A p-value with two significant digits, and never as zero.
pub(super) fn p_value(p: f64) -> String {
    match p {
        _ if !p.is_finite() => "n/a".to_owned(),
        ..0.001 => "<0.001".to_owned(),
        ..0.1 => format!("{p:.3}"),
        _ => format!("{p:.2}"),
    }
}

/// Milliseconds: `9.4 ms`, `412 ms`, `1.42 s`, `3m 20s`.
pub(super) fn millis(ms: f64) -> String {
    match ms {
        _ if !ms.is_finite() || ms < 0.0 => "n/a".to_owned(),
        ..9.95 => format!("{ms:.1} ms"),
        ..999.5 => format!("{ms:.0} ms"),
        ..9_995.0 => format!("{:.2} s", ms / 1000.0),
        ..59_950.0 => format!("{:.1} s", ms / 1000.0),
        _ => span::show(std::time::Duration::try_from_secs_f64(ms / 1000.0).unwrap_or_default()),
    }
}

/// One quantile; where there is a sample but a too small one, how large it must be.
pub(super) fn quantile(value: Option<QuantileMs>, least: u64, n: u64) -> String {
    match value {
        Some(QuantileMs { value, ci95: Some([low, high]) }) => {
            format!("{} ({})", millis(value), millis_between(low, high))
        }
        Some(QuantileMs { value, ci95: None }) => millis(value),
        None if 0 < n && n < least => format!("n/a (n<{least})"),
        None => "n/a".to_owned(),
    }
}

/// An interval of times in the unit of its upper end: `3.50-5.20 s`.
fn millis_between(low: f64, high: f64) -> String {
    let low_text = match high {
        ..9.95 => format!("{low:.1}"),
        ..999.5 => format!("{low:.0}"),
        ..9_995.0 => format!("{:.2}", low / 1000.0),
        ..59_950.0 => format!("{:.1}", low / 1000.0),
        _ => format!("{} to ", millis(low)),
    };
    let dash = if low_text.ends_with(' ') { "" } else { "-" };
    format!("{low_text}{dash}{}", millis(high))
}

/// p50, p95 and p99, in this order.
pub(super) fn quantiles(quantiles: &Quantiles) -> [String; 3] {
    [
        quantile(quantiles.p50, 0, quantiles.n),
        quantile(quantiles.p95, LEAST_FOR_P95, quantiles.n),
        quantile(quantiles.p99, LEAST_FOR_P99, quantiles.n),
    ]
}

/// An amount; `unknown` where it is not known, and `~` before an estimate.
pub(super) fn money(amount: Option<Money>, is_estimated: bool) -> String {
    match amount {
        Some(amount) if is_estimated => format!("~{amount}"),
        Some(amount) => amount.to_string(),
        None => "unknown".to_owned(),
    }
}

/// Cost per call with its interval: `$0.0033 ($0.00321-$0.0034)`.
pub(super) fn cost_per_call(model: &ModelSummary) -> String {
    amount(model.cost_per_call, model.cost_per_call_ci95, model.cost_is_estimated)
}

fn amount(value: Option<Money>, ci95: Option<[Money; 2]>, is_estimated: bool) -> String {
    let shown = money(value, is_estimated);
    match ci95.filter(|_| value.is_some()) {
        Some([low, high]) => format!("{shown} ({low}-{high})"),
        None => shown,
    }
}

/// Of `k` repeats, how often one at least passes and how often all do: `@3 97.0%, ^3 82.0%`.
pub(super) fn passes(repeats: &Repeats) -> String {
    let last = |shares: &[f64]| shares.last().map_or_else(|| "n/a".to_owned(), |share| percent(*share));
    format!("@{k} {}, ^{k} {}", last(&repeats.pass_at), last(&repeats.pass_all), k = repeats.k)
}

/// The variance between and within prompts: `0.060 / 0.020`.
pub(super) fn variance(repeats: &Repeats) -> String {
    let Some(variance) = repeats.variance else { return "n/a".to_owned() };
    format!("{:.3} / {:.3}", variance.between, variance.within)
}

/// The intra-class correlation: how alike the answers to one prompt are.
pub(super) fn correlation(repeats: &Repeats) -> String {
    let correlation = repeats.variance.and_then(Variance::correlation);
    correlation.map_or_else(|| "n/a".to_owned(), |share| format!("{share:.2}"))
}

/// Cost per accepted answer with its interval: `$0.0036 ($0.00352-$0.00369)`.
pub(super) fn cost_per_accepted(model: &ModelSummary) -> String {
    match (model.cost_per_accepted, model.cost_per_accepted_ci95) {
        (Some(cost), ci95) => amount(Some(cost), ci95, model.cost_is_estimated),
        (None, _) if model.cost.is_some() && model.accepted.n == 0 => "n/a (none accepted)".to_owned(),
        (None, _) => "unknown".to_owned(),
    }
}

/// A count that may not have been reported.
pub(super) fn maybe_count(n: Option<u64>) -> String {
    n.map_or_else(|| "n/a".to_owned(), count)
}

/// The first twelve digits of a hash.
pub(super) fn short_hash(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}

/// What a reader must know of a candidate besides its name: ` (incumbent, replayed)`, or nothing.
pub(super) fn marks(model: &ModelSummary) -> String {
    let incumbent = model.is_incumbent.then_some("incumbent");
    let source = Some(model.source()).filter(|source| *source != Source::Provider).map(Source::name);
    let marks: Vec<_> = incumbent.into_iter().chain(source).collect();
    if marks.is_empty() { String::new() } else { format!(" ({})", marks.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_in_their_unit() {
        let shown = [0.0, 9.41, 412.3, 999.7, 1_424.0, 12_340.0, 200_000.0, -1.0].map(millis);
        assert_eq!(shown, ["0.0 ms", "9.4 ms", "412 ms", "1.00 s", "1.42 s", "12.3 s", "3m 20s", "n/a"]);
        assert_eq!(millis_between(3_500.0, 5_200.0), "3.50-5.20 s");
        assert_eq!(millis_between(900.0, 5_200.0), "0.90-5.20 s");
        assert_eq!(millis_between(59_000.0, 200_000.0), "59.0 s to 3m 20s");
    }

    #[test]
    fn a_quantile_of_a_small_sample_says_what_is_missing() {
        let none = |n| quantiles(&Quantiles { n, ..Quantiles::default() });
        assert_eq!(none(50), ["n/a", "n/a (n<72)", "n/a (n<368)"]);
        assert_eq!(none(100), ["n/a", "n/a", "n/a (n<368)"]);
        assert_eq!(none(0), ["n/a", "n/a", "n/a"], "nothing was measured at all");
    }

    #[test]
    fn p_values_are_never_zero() {
        assert_eq!([0.0, 0.012, 0.61, f64::NAN].map(p_value), ["<0.001", "0.012", "0.61", "n/a"]);
    }
}
