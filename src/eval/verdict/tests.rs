use super::*;
use crate::eval::stats::paired::Pairs;
use crate::eval::tally::Tally;
use crate::ledger::row::{SampleFacts, SampleKey, SampleStatus};
use crate::model::outcome::Cost;

/// What one candidate makes of one prompt.
fn facts(item: u64, candidate: u32, is_accepted: bool) -> SampleFacts {
    SampleFacts {
        key: SampleKey { item, candidate, repeat: 0 },
        status: if is_accepted { SampleStatus::Accepted } else { SampleStatus::Rejected },
        valid: true,
        repaired: false,
        failure_class: None,
        attempts: 1,
        latency: Some(Duration::from_millis(50)),
        first_token: None,
        usage: None,
        cost: Cost::Computed(Money::from_nanos(if candidate == 0 { 2_000_000 } else { 500_000 })),
        judge_cost: Cost::Computed(Money::ZERO),
        cluster: None,
        overhead: Duration::ZERO,
    }
}

/// Decides on one candidate of which `better` prompts are its own, `worse` the incumbent's, of `n`.
fn decide(n: u64, better: u64, worse: u64, gates: &[&str]) -> Verdict {
    let mut tally = Tally::new(2, Some(0), 1);
    for item in 0..n {
        tally.add(facts(item, 0, item >= better));
        tally.add(facts(item, 1, item < n - worse));
    }
    let mut counted = tally.finish();
    for (model, name) in counted.models.iter_mut().zip(["old", "new"]) {
        name.clone_into(&mut model.model);
        model.is_incumbent = name == "old";
    }
    let question = Question { margin: 0.02, gates: gates.iter().map(|gate| gate.parse().unwrap()).collect() };
    let compared = compare(&counted.models, 0, &counted.versus, false, question.margin);
    let checked: Vec<_> =
        counted.models.iter().flat_map(|model| question.gates.iter().map(|gate| gate.check(model))).collect();
    let pace = Pace {
        cost_per_prompt: Some(Money::from_nanos(2_500_000)),
        time_per_prompt: Some(Duration::from_millis(10)),
    };
    verdicts(&question, &counted.models, &compared, &checked, &pace).remove(0)
}

#[test]
fn the_sentence_says_what_to_do_and_why() {
    let cases = [
        (
            decide(2_000, 40, 38, &[]),
            Decision::Adopt,
            "adopt new: +0.1 pp accepted (95% CI -0.8 to +1.0, n=2,000) against old, margin 2 pp; cost per accepted answer -75%",
        ),
        (
            decide(1_000, 10, 90, &[]),
            Decision::Reject,
            "do not adopt new: -8.0 pp accepted (95% CI -10.0 to -6.2, n=1,000) against old, margin 2 pp; cost per accepted answer -73%",
        ),
        (
            decide(1_000, 10, 10, &["accepted >= 0.995"]),
            Decision::Reject,
            "do not adopt new: gate `accepted >= 0.995` failed at 99.0%",
        ),
    ];
    for (verdict, decision, sentence) in cases {
        assert_eq!((verdict.decision, verdict.sentence.as_str()), (decision, sentence));
    }
}

#[test]
fn what_is_undecided_says_what_it_would_take() {
    let verdict = decide(100, 5, 5, &[]);
    assert_eq!(verdict.decision, Decision::Inconclusive);
    assert!(verdict.sentence.starts_with("new needs about "), "{}", verdict.sentence);
    assert!(verdict.sentence.contains("more prompts (about $"), "{}", verdict.sentence);
    let unsure = decide(2_000, 2, 0, &["accepted >= 0.999"]);
    assert_eq!(unsure.sentence, "new is undecided: 2,000 samples cannot show `accepted >= 0.999` surely yet");
}

/// Decides on one candidate that is right whenever it answers, of whose calls so many of 400 fail.
fn failing(failed: u64) -> (Comparison, Verdict) {
    let mut tally = Tally::new(2, Some(0), 1);
    for item in 0..400 {
        tally.add(facts(item, 0, true));
        let mut theirs = facts(item, 1, true);
        if item < failed {
            (theirs.status, theirs.failure_class) = (SampleStatus::Error, Some("server".to_owned()));
        }
        tally.add(theirs);
    }
    let mut counted = tally.finish();
    for (model, name) in counted.models.iter_mut().zip(["old", "new"]) {
        name.clone_into(&mut model.model);
        model.is_incumbent = name == "old";
    }
    let question = Question { margin: 0.02, gates: Vec::new() };
    let compared = compare(&counted.models, 0, &counted.versus, false, question.margin).remove(0);
    let verdict =
        verdicts(&question, &counted.models, std::slice::from_ref(&compared), &[], &Pace::default());
    (compared, verdict.into_iter().next().unwrap())
}

#[test]
fn a_call_that_failed_is_no_wrong_answer() {
    let (compared, verdict) = failing(12);
    assert_eq!((compared.pairs, compared.unanswered, compared.worse), (388, 12, 0));
    assert_eq!(verdict.decision, Decision::Adopt, "{}", verdict.sentence);
    assert!(verdict.sentence.ends_with("; 12 pairs left out, for a call failed"), "{}", verdict.sentence);
    let (_, verdict) = failing(120);
    assert_eq!(verdict.decision, Decision::Inconclusive);
    let expected = "new is undecided: 120 of 400 calls of new failed (most often: server), which says nothing of \
                    the answers; --resume RUN --retry-errors asks for them again";
    assert_eq!(verdict.sentence, expected);
}

#[test]
fn a_value_that_does_not_exist_yet_rejects_nobody() {
    let verdict = decide(60, 0, 0, &["p95 <= 800ms"]);
    assert_eq!(verdict.decision, Decision::Inconclusive, "{}", verdict.sentence);
}

#[test]
fn prompts_of_no_cluster_count_beside_those_of_one() {
    let mut tally = Tally::new(2, Some(0), 1);
    for item in 0..400 {
        for candidate in 0..2 {
            let cluster = (item < 10).then(|| format!("c{}", item / 5));
            tally.add(SampleFacts { cluster, ..facts(item, candidate, item % 10 != u64::from(candidate)) });
        }
    }
    let counted = tally.finish();
    assert!(counted.has_clusters);
    let [low, high] = counted.models[0].accepted.ci95.unwrap();
    assert!(0.85 < low && high < 0.95, "400 prompts are known, not ten: {low} to {high}");
    let compared = compare(&counted.models, 0, &counted.versus, true, 0.02);
    let [low, high] = compared[0].ci95.unwrap();
    assert!((-0.06..0.0).contains(&low) && (0.0..0.06).contains(&high), "{low} to {high}");
}

#[test]
fn several_candidates_must_each_be_surer() {
    let versus =
        |n, better, worse| Versus { pairs: Pairs::new(n, better, worse).unwrap(), ..Versus::default() };
    let passed = |versus: &[&Versus]| -> Vec<bool> {
        not_worse(versus, false, 0.018).iter().map(Option::is_some).collect()
    };
    let borderline = versus(1_000, 30, 32);
    assert_eq!(passed(&[&borderline]), [true], "alone it passes");
    let weak = versus(50, 3, 3);
    assert_eq!(passed(&[&borderline, &weak, &weak, &weak]), [false; 4]);
    let sure = versus(5_000, 10, 10);
    assert_eq!(passed(&[&borderline, &sure]), [true, true], "the surer one clears the way");
}

#[test]
fn the_sentence_shows_the_interval_that_decided_with_its_level() {
    // The new one that changes nothing, the one that is much worse, and one that is a little.
    let worse = [0, 5, 120, 24];
    let mut tally = Tally::new(4, Some(0), 1);
    for item in 0..1_000 {
        for (candidate, worse) in (0..).zip(worse) {
            tally.add(facts(item, candidate, item >= worse));
        }
    }
    let mut counted = tally.finish();
    for (model, name) in counted.models.iter_mut().zip(["old", "same", "bad", "close"]) {
        name.clone_into(&mut model.model);
        model.is_incumbent = name == "old";
    }
    let question = Question { margin: 0.02, gates: Vec::new() };
    let compared = compare(&counted.models, 0, &counted.versus, false, question.margin);
    let verdicts = verdicts(&question, &counted.models, &compared, &[], &Pace::default());
    let said = [
        // Three are open when it passes, two are left then.
        (Decision::Adopt, "98.33% CI"),
        (Decision::Reject, "(95% CI"),
        (Decision::Inconclusive, "97.5% CI"),
    ];
    for (verdict, (decision, level)) in verdicts.iter().zip(said) {
        assert_eq!(verdict.decision, decision, "{}", verdict.sentence);
        assert!(verdict.sentence.contains(level), "{level}: {}", verdict.sentence);
    }
    for comparison in &compared {
        let (plain, deciding) = (comparison.ci95.unwrap(), comparison.deciding.unwrap());
        assert!(plain[0] >= deciding.ends[0] && plain[1] <= deciding.ends[1], "{plain:?} {deciding:?}");
    }
}

/// Decides on prompts of which each is asked so often, always with the same result.
fn repeated(n: u64, repeats: u32, better: u64, worse: u64) -> Comparison {
    let mut tally = Tally::new(2, Some(0), repeats);
    for item in 0..n {
        for repeat in 0..repeats {
            for (candidate, is_accepted) in [(0, item >= better), (1, item < n - worse)] {
                let key = SampleKey { item, candidate, repeat };
                tally.add(SampleFacts { key, ..facts(item, candidate, is_accepted) });
            }
        }
    }
    let counted = tally.finish();
    compare(&counted.models, 0, &counted.versus, counted.has_clusters, 0.02).remove(0)
}

#[test]
fn what_is_needed_is_said_in_prompts_however_often_each_is_asked() {
    let (once, again) = (repeated(300, 1, 9, 9), repeated(300, 4, 9, 9));
    assert_eq!((again.prompts, again.pairs), (300, 1_200));
    let (once, again) = (once.samples_needed.unwrap(), again.samples_needed.unwrap());
    assert!(once.abs_diff(again) < 20, "{once} {again}: repeats that always agree tell nothing new");
}

#[test]
fn repeats_that_always_agree_make_nothing_surer() {
    let (once, again) = (repeated(500, 1, 15, 15), repeated(500, 5, 15, 15));
    let width = |one: &Comparison| one.ci95.unwrap()[1] - one.ci95.unwrap()[0];
    assert!(width(&again) > width(&once) * 0.95, "{} {}", width(&again), width(&once));
    let bounds = |repeats| {
        let mut tally = Tally::new(1, None, repeats);
        for item in 0..200 {
            for repeat in 0..repeats {
                let key = SampleKey { item, candidate: 0, repeat };
                let cost =
                    Cost::Computed(Money::from_nanos(1_000_000 + 10_000 * i64::try_from(item % 7).unwrap()));
                let valid = item % 20 != 0;
                tally.add(SampleFacts { key, valid, cost, ..facts(item, 0, item % 10 != 0) });
            }
        }
        tally.finish().models.remove(0)
    };
    let (once, again) = (bounds(1), bounds(5));
    for (once, again) in [
        (once.bounds.valid, again.bounds.valid),
        (once.bounds.accepted, again.bounds.accepted),
        (once.bounds.errors, again.bounds.errors),
        (
            once.cost_per_accepted_ci95.map(|ci| ci.map(Money::dollars)),
            again.cost_per_accepted_ci95.map(|ci| ci.map(Money::dollars)),
        ),
    ] {
        let (once, again) = (once.unwrap(), again.unwrap());
        assert!(again[1] - again[0] >= (once[1] - once[0]) * 0.99, "{once:?} {again:?}");
    }
}

#[test]
fn what_is_decided_needs_nothing_more() {
    for (n, better, worse, needs_more) in [(2_000, 60, 60, false), (500, 10, 90, false), (500, 20, 20, true)]
    {
        assert_eq!(
            repeated(n, 1, better, worse).samples_needed.is_some(),
            needs_more,
            "{n} {better} {worse}"
        );
    }
}
