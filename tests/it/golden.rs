//! The statistics against figures of scipy and statsmodels, when `ORCH_STATS_GOLDEN` names the file of
//! figures.
//!
//! Blocks of the file that no statistic of ours answers (unpaired proportions, Wilcoxon, Welch, other
//! corrections and intervals) are left out.

use std::fs;

use orch::base::dice::Dice;
use orch::eval::stats::bootstrap::bca;
use orch::eval::stats::cluster::Clusters;
use orch::eval::stats::distribution::{binomial_cdf, student_t_quantile};
use orch::eval::stats::level::Level;
use orch::eval::stats::mean::Moments;
use orch::eval::stats::multiplicity::holm;
use orch::eval::stats::paired::Pairs;
use orch::eval::stats::power::{Goal, mcnemar_pairs, mean_pairs};
use orch::eval::stats::proportion::{clopper_pearson, jeffreys, wilson};
use orch::eval::stats::quantile::{estimate, interval_ranks};
use orch::eval::stats::ratio::Ratio;
use orch::eval::stats::repeats::{pass_all_k, pass_at_k};
use orch::eval::stats::sequential::{discordant_log_e, rejects};
use orch::eval::stats::special::{beta_quantile, normal_cdf, normal_quantile};
use serde_json::Value;

/// Relative, or absolute below 1. Both sides compute in doubles by different methods; most agree to 1e-12.
const TOLERANCE: f64 = 1e-9;

/// p-values down to 1e-99 are compared relatively, or an absolute tolerance would say nothing.
const TAIL_TOLERANCE: f64 = 1e-8;

/// Counts what was compared and collects what differs.
#[derive(Default)]
struct Comparison {
    compared: usize,
    wrong: Vec<String>,
}

impl Comparison {
    fn close(&mut self, what: &str, got: Option<f64>, want: f64) {
        self.within(what, got, want, TOLERANCE * want.abs().max(1.0));
    }

    fn tail(&mut self, what: &str, got: f64, want: f64) {
        self.within(what, Some(got), want, TAIL_TOLERANCE * want);
    }

    fn within(&mut self, what: &str, got: Option<f64>, want: f64, tolerance: f64) {
        self.compared += 1;
        if got.is_none_or(|got| (got - want).abs() > tolerance || got.is_nan()) {
            self.wrong.push(format!("{what}: {got:?}, want {want:e}"));
        }
    }

    fn both(&mut self, what: &str, got: Option<[f64; 2]>, want: &Value) {
        let want = numbers(want);
        for side in [0, 1] {
            self.close(what, got.map(|ends| ends[side]), want[side]);
        }
    }

    fn same<T: PartialEq + std::fmt::Debug>(&mut self, what: &str, got: &T, want: &T) {
        self.compared += 1;
        if got != want {
            self.wrong.push(format!("{what}: {got:?}, want {want:?}"));
        }
    }
}

fn number(row: &Value, name: &str) -> f64 {
    row[name].as_f64().unwrap()
}

fn count(row: &Value, name: &str) -> u64 {
    row[name].as_u64().unwrap()
}

fn numbers(values: &Value) -> Vec<f64> {
    rows(values).iter().map(|value| value.as_f64().unwrap()).collect()
}

fn rows(values: &Value) -> &[Value] {
    values.as_array().unwrap()
}

#[test]
fn the_statistics_agree_with_scipy_and_statsmodels() {
    let Some(path) = std::env::var_os("ORCH_STATS_GOLDEN") else {
        println!("ORCH_STATS_GOLDEN names no file: nothing compared");
        return;
    };
    let golden: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    let mut seen = Comparison::default();
    for (name, check) in BLOCKS {
        let before = seen.compared;
        check(&golden[name], &mut seen);
        println!("{name}: {} values compared", seen.compared - before);
        assert!(seen.compared > before, "{name} is empty");
    }
    quantiles(&golden, &mut seen);
    println!("{} values compared, {} differ", seen.compared, seen.wrong.len());
    assert!(seen.wrong.is_empty(), "{}", seen.wrong.join("\n"));
}

type Check = fn(&Value, &mut Comparison);

const BLOCKS: [(&str, Check); 14] = [
    ("special", special),
    ("proportion_ci", proportions),
    ("mcnemar", mcnemar),
    ("real_gsm8k", real_pairs),
    ("noninferiority", noninferiority),
    ("means", means),
    ("quantile_ci_ranks", quantile_ranks),
    ("clustered", clustered),
    ("cost_per_accepted", cost_per_accepted),
    ("multitest", multitest),
    ("power_mcnemar", power_mcnemar),
    ("power_paired_mean", power_paired_mean),
    ("evalue_discordant", evidence),
    ("pass_at_k", pass_at),
];

fn special(block: &Value, seen: &mut Comparison) {
    for row in rows(&block["norm_ppf"]).iter().map(numbers) {
        seen.close("norm_ppf", Some(normal_quantile(row[0])), row[1]);
        seen.close("norm_cdf of norm_ppf", Some(normal_cdf(row[1])), row[0]);
    }
    for row in rows(&block["t_ppf"]).iter().map(numbers) {
        seen.close("t_ppf", Some(student_t_quantile(row[1], row[0])), row[2]);
    }
    for row in rows(&block["beta_ppf"]).iter().map(numbers) {
        // Relative: some are as small as 1e-5.
        seen.within("beta_ppf", Some(beta_quantile(row[0], row[1], row[2])), row[3], TOLERANCE * row[3]);
    }
    // Of χ² we have what the normal distribution gives: one degree of freedom.
    for row in rows(&block["chi2_sf"]).iter().map(numbers).filter(|row| row[1] < 1.5) {
        seen.tail("chi2_sf", 2.0 * normal_cdf(-row[0].sqrt()), row[2]);
    }
}

fn proportions(block: &Value, seen: &mut Comparison) {
    for row in rows(block) {
        let (k, n, level) = (count(row, "k"), count(row, "n"), Level::new(number(row, "level")).unwrap());
        seen.both(&format!("wilson {k}/{n}"), wilson(k, n, level), &row["wilson"]);
        seen.both(&format!("clopper-pearson {k}/{n}"), clopper_pearson(k, n, level), &row["beta"]);
        seen.both(&format!("jeffreys {k}/{n}"), jeffreys(k, n, level), &row["jeffreys"]);
    }
}

fn mcnemar(block: &Value, seen: &mut Comparison) {
    for row in rows(block) {
        let (better, worse) = (count(row, "b"), count(row, "c"));
        let pairs = Pairs::new(better + worse, better, worse).unwrap();
        seen.tail("exact", pairs.mcnemar_exact(), number(row, "exact"));
        seen.tail("mid-p", pairs.mcnemar_mid_p(), number(row, "midp"));
    }
}

fn real_pairs(block: &Value, seen: &mut Comparison) {
    for row in rows(block) {
        let pairs = Pairs::new(count(row, "n"), count(row, "only_b"), count(row, "only_a")).unwrap();
        seen.close("difference", pairs.difference(), number(row, "diff"));
        seen.close("paired error", pairs.standard_error(), number(row, "paired_se"));
        seen.tail("exact", pairs.mcnemar_exact(), number(row, "mcnemar_exact"));
        seen.tail("mid-p", pairs.mcnemar_mid_p(), number(row, "midp"));
    }
}

fn noninferiority(block: &Value, seen: &mut Comparison) {
    for row in rows(block) {
        // Here `b` are the pairs that only the incumbent passed.
        let pairs = Pairs::new(count(row, "n"), count(row, "c"), count(row, "b")).unwrap();
        let test = pairs.noninferiority_wald(number(row, "margin"));
        seen.close("difference", pairs.difference(), number(row, "diff"));
        seen.close("z", test.map(|test| test.z), number(row, "z"));
        seen.close("p", test.map(|test| test.p), number(row, "p"));
    }
}

fn means(block: &Value, seen: &mut Comparison) {
    let (x, y) = (numbers(&block["x"]), numbers(&block["y"]));
    let one: Moments = x.iter().copied().collect();
    seen.close("mean", one.mean(), number(block, "mean"));
    seen.close("sd", one.variance().map(f64::sqrt), number(block, "sd"));
    seen.close("sem", one.standard_error(), number(block, "sem"));
    seen.both("t95", one.interval(Level::P95), &block["t95"]);

    let differences: Vec<_> = x.iter().zip(&y).map(|(x, y)| y - x).collect();
    let paired: Moments = differences.iter().copied().collect();
    let test = paired.t_test(0.0);
    seen.close("paired t", test.map(|test| test.t), number(&block["paired_t"], "t"));
    seen.close("paired p", test.map(|test| test.p), number(&block["paired_t"], "p"));
    seen.both("paired interval", paired.interval(Level::P95), &block["paired_t"]["ci"]);

    // Two sets of random resamples: scipy's figures say to compare within 2 % of the width, and so does the
    // Monte Carlo error of 9,999 resamples at the 2.5 % points.
    let (got, want) = (bca(&differences, Level::P95, Dice::new(1)), numbers(&block["bca95"]));
    for side in [0, 1] {
        seen.within("bca", got.map(|ends| ends[side]), want[side], 0.02 * (want[1] - want[0]));
    }
}

/// The quantiles are those of the sample in the block of means, here in thousandths.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small positive thousandths")]
fn quantiles(golden: &Value, seen: &mut Comparison) {
    let mut thousandths: Vec<_> =
        numbers(&golden["means"]["x"]).into_iter().map(|x| (x * 1_000.0).round() as u64).collect();
    for row in rows(&golden["quantile_type7"]) {
        let got = estimate(&mut thousandths, &[number(row, "q")], Level::P95)[0];
        seen.close("type 7", got.map(|got| got.value / 1_000.0), number(row, "v"));
    }
}

fn quantile_ranks(block: &Value, seen: &mut Comparison) {
    for row in rows(block) {
        let (n, q) = (count(row, "n"), number(row, "q"));
        let got = interval_ranks(n, q, Level::new(number(row, "level")).unwrap());
        let [lower, upper] = [count(row, "lower_rank"), count(row, "upper_rank")];
        let want = row["exists"].as_bool().unwrap().then_some([lower, upper]);
        seen.same(&format!("ranks of {q} of {n}"), &got, &want);
        let covered = binomial_cdf(upper - 1, n, q) - binomial_cdf(lower - 1, n, q);
        seen.close("coverage", Some(covered), number(row, "coverage"));
    }
}

fn clustered(block: &Value, seen: &mut Comparison) {
    let mut clusters = Clusters::default();
    for (cluster, score) in rows(&block["clusters"]).iter().zip(numbers(&block["scores"])) {
        clusters.add(cluster.as_u64().unwrap(), score);
    }
    let naive: Moments = numbers(&block["scores"]).into_iter().collect();
    seen.close("mean", clusters.mean(), number(block, "mean"));
    seen.close("naive error", naive.standard_error(), number(block, "naive_se"));
    seen.close("error", clusters.standard_error(), number(block, "cr_cadj"));
    seen.close("error", clusters.standard_error(), number(block, "statsmodels_cluster_corrected"));
}

fn cost_per_accepted(block: &Value, seen: &mut Comparison) {
    let mut ratio = Ratio::default();
    for (cost, ok) in numbers(&block["cost"]).into_iter().zip(numbers(&block["ok"])) {
        ratio.add(cost, ok);
    }
    // Thousandths of a dollar: relatively, not absolutely.
    let mut close = |what: &str, got: Option<f64>, want: f64| seen.within(what, got, want, TOLERANCE * want);
    close("ratio", ratio.value(), number(block, "ratio"));
    close("delta error", ratio.standard_error(), number(block, "delta_se"));
    let (got, want) = (ratio.interval(Level::P95), numbers(&block["fieller95"]));
    for side in [0, 1] {
        close("fieller", got.map(|ends| ends[side]), want[side]);
    }
}

fn multitest(block: &Value, seen: &mut Comparison) {
    for (got, want) in holm(&numbers(&block["p"])).into_iter().zip(numbers(&block["holm"])) {
        seen.close("holm", Some(got), want);
    }
}

fn power_mcnemar(block: &Value, seen: &mut Comparison) {
    for row in rows(block) {
        let goal = Goal::new(Level::P95, number(row, "power")).unwrap();
        let got = mcnemar_pairs(number(row, "delta"), number(row, "pd"), goal);
        seen.same("mcnemar pairs", &got, &row["n"].as_u64());
    }
}

fn power_paired_mean(block: &Value, seen: &mut Comparison) {
    for row in rows(block) {
        let goal = Goal::new(Level::P95, 0.8).unwrap();
        seen.same(
            "mean pairs",
            &mean_pairs(number(row, "mde"), number(row, "var_d"), goal),
            &row["n"].as_u64(),
        );
    }
}

fn evidence(block: &Value, seen: &mut Comparison) {
    for row in rows(block) {
        let (k, n) = (count(row, "k"), count(row, "n"));
        let log_e = discordant_log_e(Pairs::new(n, k, n - k).unwrap());
        seen.close("log e", Some(log_e), number(row, "log_e"));
        seen.same("rejects", &rejects(log_e, Level::P95), &row["rejects_at_05"].as_bool().unwrap());
    }
}

fn pass_at(block: &Value, seen: &mut Comparison) {
    for row in rows(block) {
        let (n, c, k) = (count(row, "n"), count(row, "c"), count(row, "k"));
        seen.close("pass@k", pass_at_k(n, c, k), number(row, "pass_at_k"));
        seen.close("pass^k", pass_all_k(n, c, k), number(row, "pass_hat_k"));
    }
}
