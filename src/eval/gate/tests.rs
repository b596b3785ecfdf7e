use super::*;
use crate::eval::tally::Tally;
use crate::ledger::row::{SampleFacts, SampleKey, SampleStatus};
use crate::model::outcome::Cost;
use std::time::Duration;

/// A model of which `accepted` of `of` samples are accepted, at 100 ms and a tenth of a cent each.
fn model(accepted: u64, of: u64) -> ModelSummary {
    let mut tally = Tally::new(1, None, 1);
    for item in 0..of {
        tally.add(SampleFacts {
            key: SampleKey { item, candidate: 0, repeat: 0 },
            status: if item < accepted { SampleStatus::Accepted } else { SampleStatus::Rejected },
            valid: true,
            repaired: false,
            failure_class: None,
            attempts: 1,
            latency: Some(Duration::from_millis(100)),
            first_token: None,
            usage: None,
            cost: Cost::Computed(Money::from_nanos(1_000_000)),
            judge_cost: Cost::Computed(Money::ZERO),
            cluster: None,
            overhead: Duration::ZERO,
        });
    }
    tally.finish().models.remove(0)
}

#[test]
fn gates_hold_or_fail_by_value_or_by_bound() {
    let (most, few) = (model(980, 1_000), model(49, 50));
    let cases = [
        ("accepted >= 0.95", &most, true),
        ("accepted >= 98%", &most, true),
        ("accepted > 0.98", &most, false),
        ("lower(accepted) >= 0.95", &most, true),
        ("lower(accepted) >= 0.95", &few, false),
        ("upper(accepted) < 0.99", &most, true),
        ("p95 <= 800ms", &most, true),
        ("p95 <= 0.09s", &most, false),
        ("p50<=100", &most, true),
        ("p95 <= 800ms", &few, false),
        ("valid >= 1", &most, true),
        ("errors <= 1%", &most, true),
        ("cost_per_accepted <= 0.0011", &most, true),
        ("cost <= $1.00", &most, true),
        ("ttft_p50 <= 1s", &most, false),
        ("score(numeric) >= 0.5", &most, false),
    ];
    for (written, model, pass) in cases {
        let gate: Gate = written.parse().unwrap();
        assert_eq!(gate.check(model).pass, pass, "{written}: {:?}", gate.check(model));
    }
}

#[test]
fn a_gate_holds_surely_when_its_whole_interval_does() {
    let gate: Gate = "accepted >= 0.95".parse().unwrap();
    assert!(gate.holds_surely(&model(980, 1_000)));
    assert!(gate.check(&model(49, 50)).pass && !gate.holds_surely(&model(49, 50)));
    assert!(!gate.holds_surely(&model(0, 0)));
}

#[test]
fn a_gate_that_cannot_be_read_says_what_to_write() {
    let cases = [
        ("accepted", "no comparison"),
        ("acepted >= 0.9", "did you mean accepted"),
        ("p95 <= fast", "\"fast\" is not a limit for p95"),
        ("accepted >= NaN", "not a limit"),
    ];
    for (written, part) in cases {
        let error = written.parse::<Gate>().unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn a_gate_that_could_never_hold_is_refused_before_anything_is_spent() {
    for (written, why) in [
        ("accepted >= 95", "share from 0 to 1"),
        ("errors <= 150%", "share from 0 to 1"),
        ("valid >= -1", "share from 0 to 1"),
        ("score(numeric) >= 2", "share from 0 to 1"),
        ("lower(cost) <= 1", "no interval"),
        ("upper(cost_per_call) <= 1", "no interval"),
    ] {
        let error = written.parse::<Gate>().unwrap_err().to_string();
        assert!(error.contains(why), "{written}: {error}");
    }
    for written in ["accepted >= 100%", "errors <= 0", "upper(cost_per_accepted) <= 1"] {
        assert!(written.parse::<Gate>().is_ok(), "{written}");
    }
}

#[test]
fn an_unknown_cost_fails_its_gate_and_says_so() {
    let unpriced = ModelSummary {
        cost: None,
        cost_per_call: None,
        cost_per_accepted: None,
        cost_per_accepted_ci95: None,
        ..model(90, 100)
    };
    for written in
        ["cost <= 1", "cost_per_call <= 1", "cost_per_accepted <= 1", "upper(cost_per_accepted) <= 1"]
    {
        let gate: Gate = written.parse().unwrap();
        let result = gate.check(&unpriced);
        assert_eq!(
            (result.pass, result.value, &*result.shown),
            (false, None, "an unknown cost"),
            "{written}"
        );
        assert!(!gate.holds_surely(&unpriced));
    }
    let gate: Gate = "cost_per_accepted <= 1".parse().unwrap();
    assert_eq!(gate.check(&model(0, 100)).shown, "no accepted answer");
}

#[test]
fn a_bare_time_is_in_milliseconds() {
    let (bare, unit): (Gate, Gate) = ("p95 <= 800".parse().unwrap(), "p95 <= 800ms".parse().unwrap());
    assert_eq!(bare.limit.to_bits(), unit.limit.to_bits());
}

#[test]
fn a_value_close_to_its_limit_is_shown_with_the_digits_that_tell_them_apart() {
    let cases = [
        ("accepted >= 0.8238", 0.823_78, "82.378%"),
        ("accepted >= 0.8238", 0.823_8, "82.4%"),
        ("accepted >= 0.8238", 0.5, "50.0%"),
        ("p95 <= 800ms", 800.04, "800.04ms"),
        ("cost <= 1.00", 1.000_000_001, "$1.000000001"),
    ];
    for (written, value, shown) in cases {
        assert_eq!(written.parse::<Gate>().unwrap().told_apart(value), shown, "{written}");
    }
}
