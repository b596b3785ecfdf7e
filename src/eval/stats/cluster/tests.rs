use super::*;
use proptest::prelude::*;

fn of(values: &[(u32, f64)]) -> Clusters<u32> {
    let mut clusters = Clusters::default();
    for (cluster, value) in values {
        clusters.add(*cluster, *value);
    }
    clusters
}

#[test]
fn the_robust_error_is_that_of_statsmodels() {
    // By hand: cluster sums of deviations from 0.5 are 1, -1, 0; √(3/2 · 2)/6. The same as statsmodels'
    // OLS with cov_type="cluster" up to its (n - 1)/(n - k), which is 1 for a mean.
    let clusters = of(&[(0, 1.0), (0, 1.0), (1, 0.0), (1, 0.0), (2, 1.0), (2, 0.0)]);
    assert!((clusters.standard_error().unwrap() - 3_f64.sqrt() / 6.0).abs() < 1e-15);
    assert_eq!((clusters.clusters(), clusters.n(), clusters.mean()), (3, 6, Some(0.5)));
    // t.ppf(.975, 2) = 4.302652729749462 (scipy 1.17.1).
    let [low, high] = clusters.interval(Level::P95).unwrap();
    assert!((high - 0.5 - 4.302_652_729_749_462 * 3_f64.sqrt() / 6.0).abs() < 1e-11);
    assert!((low + high - 1.0).abs() < 1e-12);
    assert_eq!(clusters.share_interval(Level::P95), Some([0.0, 1.0]));
}

#[test]
fn values_of_no_cluster_are_clusters_of_one() {
    let mut some_alone = of(&[(0, 1.0), (0, 1.0), (1, 0.0), (1, 1.0)]);
    let named = of(&[(0, 1.0), (0, 1.0), (1, 0.0), (1, 1.0), (2, 1.0), (3, 0.0), (4, -1.0)]);
    for value in [1.0, 0.0, -1.0] {
        some_alone.add_alone(value);
    }
    assert_eq!((some_alone.clusters(), some_alone.n()), (named.clusters(), named.n()));
    let difference = some_alone.standard_error().unwrap() - named.standard_error().unwrap();
    assert!(difference.abs() < 1e-14, "{difference}");
}

#[test]
fn a_difference_within_one_conversation_convinces_less_than_one_across_prompts() {
    // Ten prompts the candidate alone passed: all in two conversations of forty, or each in its own.
    let clusters =
        |size: u32| of(&(0_u32..200).map(|i| (i / size, f64::from(u8::from(i < 10)))).collect::<Vec<_>>());
    let (together, apart) = (clusters(5).p_value().unwrap(), clusters(1).p_value().unwrap());
    assert!(apart < 0.01 && together > 0.1, "{apart} {together}");
    assert_eq!(of(&[(0, 0.0), (1, 0.0)]).p_value(), None, "nothing differs");
}

#[test]
fn clusters_of_one_are_independent_values() {
    let numbers = [1.0, 0.0, 0.0, 1.0, 1.0];
    let clusters = of(&(0..).zip(numbers).collect::<Vec<_>>());
    let plain: Moments = numbers.into_iter().collect();
    assert!((clusters.standard_error().unwrap() - plain.standard_error().unwrap()).abs() < 1e-15);
    assert!((clusters.design_effect().unwrap() - 1.0).abs() < 1e-12);
}

#[test]
fn below_two_clusters_there_is_no_error() {
    for values in [vec![], vec![(0, 1.0), (0, 0.0)]] {
        let clusters = of(&values);
        assert_eq!((clusters.standard_error(), clusters.interval(Level::P95)), (None, None));
        assert_eq!((clusters.share_interval(Level::P95), clusters.design_effect()), (None, None));
        assert_eq!(clusters.difference_interval(Level::P95), None);
    }
}

#[test]
fn when_all_pass_a_cluster_counts_as_one_observation() {
    let clusters = of(&(0..40).map(|i| (i / 4, 1.0)).collect::<Vec<_>>());
    let got = clusters.share_interval(Level::P95).unwrap();
    let want = super::super::proportion::wilson(10, 10, Level::P95).unwrap();
    assert!((got[0] - want[0]).abs() < 1e-12 && (got[1] - 1.0).abs() < 1e-15);
    assert_eq!(clusters.design_effect(), None);
}

#[test]
fn when_clusters_are_all_alike_they_still_have_an_interval() {
    // Half of every cluster passes: no variance between clusters, but 6 clusters cannot show 50 % exactly.
    let clusters = of(&(0..24).map(|i| (i / 4, f64::from(i % 2))).collect::<Vec<_>>());
    let want = super::super::proportion::wilson(3, 6, Level::P95).unwrap();
    let got = clusters.share_interval(Level::P95).unwrap();
    assert!((got[0] - want[0]).abs() < 1e-12 && (got[1] - want[1]).abs() < 1e-12);
    assert_eq!(clusters.design_effect(), None);
}

#[test]
fn clusters_that_answer_as_one_have_a_design_effect_of_about_their_size() {
    let clusters = of(&(0..400).map(|i| (i / 4, f64::from(i / 4 % 2))).collect::<Vec<_>>());
    assert!((clusters.design_effect().unwrap() - 4.0).abs() < 0.1);
}

#[test]
fn when_no_pair_differs_a_cluster_counts_as_one_pair() {
    let clusters = of(&(0..40).map(|i| (i / 4, 0.0)).collect::<Vec<_>>());
    let want = super::super::paired::Pairs::new(10, 0, 0).unwrap().interval(Level::P95);
    assert_eq!(clusters.difference_interval(Level::P95), want);
}

proptest! {
    #[test]
    fn intervals_contain_the_mean_and_stay_in_range(
        values in prop::collection::vec((0_u32..8, -1_i8..=1), 2..200),
    ) {
        let differences = of(&values.iter().map(|(c, v)| (*c, f64::from(*v))).collect::<Vec<_>>());
        let shares = of(&values.iter().map(|(c, v)| (*c, f64::from(v.abs()))).collect::<Vec<_>>());
        prop_assume!(differences.clusters() > 1);
        for (clusters, interval, floor) in [
            (&differences, differences.difference_interval(Level::P95).unwrap(), -1.0),
            (&shares, shares.share_interval(Level::P95).unwrap(), 0.0),
        ] {
            let mean = clusters.mean().unwrap();
            prop_assert!(floor <= interval[0] && interval[0] <= mean + 1e-12, "{interval:?} {mean}");
            prop_assert!(mean <= interval[1] + 1e-12 && interval[1] <= 1.0, "{interval:?} {mean}");
            prop_assert!(interval[0] < interval[1]);
        }
    }

    #[test]
    fn asking_the_same_prompt_twice_teaches_nothing_new(
        values in prop::collection::vec((0_u32..6, 0.0..1.0_f64), 2..50),
    ) {
        let once = of(&values);
        prop_assume!(once.clusters() > 1);
        let twice = of(&[values.clone(), values].concat());
        prop_assert!((once.standard_error().unwrap() - twice.standard_error().unwrap()).abs() < 1e-12);
    }
}

#[test]
fn what_belongs_together_may_be_added_at_once() {
    let one_by_one = of(&[(0, 1.0), (0, 0.0), (1, 1.0), (1, 1.0), (2, 0.0), (2, 1.0), (2, -1.0)]);
    let mut at_once = Clusters::default();
    at_once.add_group(Some(0), [1.0, 0.0]);
    at_once.add_group(None, [1.0, 1.0]);
    at_once.add_group(None, []);
    at_once.add_group(None, [0.0, 1.0, -1.0]);
    assert_eq!((at_once.clusters(), at_once.n()), (one_by_one.clusters(), one_by_one.n()));
    let difference = at_once.standard_error().unwrap() - one_by_one.standard_error().unwrap();
    assert!(difference.abs() < 1e-14, "{difference}");
}

#[test]
fn a_gate_on_clusters_of_one_is_clopper_and_pearsons() {
    use super::super::proportion::clopper_pearson;
    for (k, n) in [(1_u32, 20_u32), (18, 20), (37, 400), (399, 400)] {
        let clusters = of(&(0..n).map(|i| (i, f64::from(u8::from(i < k)))).collect::<Vec<_>>());
        let got = clusters.exact_share_interval(Level::P95).unwrap();
        let want = clopper_pearson(k.into(), n.into(), Level::P95).unwrap();
        assert!((got[0] - want[0]).abs() < 1e-9 && (got[1] - want[1]).abs() < 1e-9, "{got:?} {want:?}");
    }
}

#[test]
fn repeats_that_always_agree_count_once() {
    // 50 prompts, each five times the same: 50 values, less what not knowing that beforehand costs.
    let clusters = of(&(0_u32..250).map(|i| (i / 5, f64::from(u8::from(i < 225)))).collect::<Vec<_>>());
    let size = clusters.effective_size(Level::P95).unwrap();
    assert!((46.0..50.0).contains(&size), "{size}");
    let [low, high] = clusters.exact_share_interval(Level::P95).unwrap();
    let want = super::super::proportion::clopper_pearson(45, 50, Level::P95).unwrap();
    assert!(low <= want[0] && want[1] <= high && low > want[0] - 0.01, "{low} {high} {want:?}");
    let all = of(&(0..40).map(|i| (i / 4, 1.0)).collect::<Vec<_>>());
    let [low, high] = all.exact_share_interval(Level::P95).unwrap();
    let want = super::super::proportion::clopper_pearson(10, 10, Level::P95).unwrap();
    assert!((low - want[0]).abs() < 1e-12 && high >= 1.0, "all pass: one observation a cluster");
}
