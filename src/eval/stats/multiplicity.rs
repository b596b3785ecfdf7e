//! Several comparisons at once.

use super::{count, real};

/// Holm's step-down adjusted p-values (Holm 1979), in the order given: each at most 1, none below its own.
///
/// Rejecting what is at most α errs anywhere with probability at most α, whatever the dependence between the
/// comparisons. The k-th smallest of m is multiplied by m - k + 1 and raised to its predecessor's.
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<_> = (0..p_values.len()).collect();
    order.sort_by(|a, b| p_values[*a].total_cmp(&p_values[*b]));
    let mut adjusted = vec![1.0; p_values.len()];
    let mut floor = 0.0_f64;
    for (rank, index) in order.into_iter().enumerate() {
        floor = floor.max(p_values[index] * real(count(p_values.len() - rank))).min(1.0);
        adjusted[index] = floor;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn adjusted_values_are_those_of_statsmodels() {
        // statsmodels 0.15.0, multipletests(method="holm"), given out of order.
        let adjusted = holm(&[0.041, 0.001, 0.216, 0.008, 0.039, 0.042, 0.06, 0.074, 0.205, 0.212]);
        let expected = [0.312, 0.01, 0.615, 0.072, 0.312, 0.312, 0.312, 0.312, 0.615, 0.615];
        for (got, want) in adjusted.iter().zip(expected) {
            assert!((got - want).abs() < 1e-12, "{got} {want}");
        }
    }

    #[test]
    fn one_comparison_is_left_alone_and_none_is_none() {
        assert!(holm(&[]).is_empty());
        assert!((holm(&[0.03])[0] - 0.03).abs() < 1e-15);
    }

    proptest! {
        #[test]
        fn adjusting_raises_and_keeps_the_order(p in prop::collection::vec(0.0..=1.0_f64, 0..12)) {
            let adjusted = holm(&p);
            for i in 0..p.len() {
                prop_assert!(adjusted[i] >= p[i] && adjusted[i] <= 1.0);
                for j in 0..p.len() {
                    prop_assert!(p[i] > p[j] || adjusted[i] <= adjusted[j]);
                }
            }
        }
    }
}
