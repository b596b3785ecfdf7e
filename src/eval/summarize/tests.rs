use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::*;
use crate::eval::manifest::{Entrant, VERSION};
use crate::eval::run::Ended;
use crate::ledger::Ledger;
use crate::ledger::row::{Entry, SampleFacts, SampleKey, SampleRow, SampleStatus};
use crate::model::outcome::{Attempt, Context, Cost, Outcome, Target, Timing};
use crate::model::{Failure, FailureClass, Response};

fn manifest(targets: &[&str], repeat: u32) -> Manifest {
    let entrant = |target: &&str| Entrant {
        label: (*target).to_owned(),
        model: (*target).to_owned(),
        params: String::new(),
        target: (*target).to_owned(),
        meaning: None,
        prompt: None,
    };
    Manifest {
        version: VERSION,
        datasets: Vec::new(),
        format: None,
        skip_bad: false,
        skipped_rows: 0,
        system: None,
        scorers: Vec::new(),
        prompts: Vec::new(),
        candidates: targets.iter().map(entrant).collect(),
        incumbent: None,
        gates: Vec::new(),
        margin: 0.02,
        repeat,
        seed: 7,
        limit: None,
        concurrency: 8,
        max_cost: None,
        cap_is_simulated: false,
        allow_exec: false,
        early_stop: false,
        stream: true,
        config: None,
    }
}

fn cents(cents: i64) -> Cost {
    Cost::Computed(Money::from_nanos(cents * 10_000_000))
}

fn sample(item: u64, candidate: u32, cost: Cost) -> SampleRow {
    SampleRow {
        run: "r".to_owned(),
        facts: SampleFacts {
            key: SampleKey { item, candidate, repeat: 0 },
            status: SampleStatus::Accepted,
            valid: true,
            repaired: false,
            failure_class: None,
            attempts: 1,
            latency: Some(Duration::from_millis(100)),
            first_token: None,
            usage: None,
            cost,
            judge_cost: cents(0),
            cluster: None,
            overhead: Duration::ZERO,
        },
        id: format!("row-{item}"),
        is_own_id: Some(true),
        prompt: "2 + 2?".to_owned(),
        expected: None,
        answer: "4".to_owned(),
        tool_calls: None,
        finish: Some("stop".to_owned()),
        failure: None,
        invalid: None,
        scores: Vec::new(),
    }
}

fn run_row(manifest: &Manifest, status: RunStatus) -> RunRow {
    RunRow {
        id: "r".to_owned(),
        started: jiff::Timestamp::UNIX_EPOCH,
        ended: None,
        status,
        dataset_sha256: String::new(),
        seed: 7,
        version: "0".to_owned(),
        manifest: manifest.to_json(),
    }
}

/// One session: opens the ledger, records, closes.
async fn session(path: &Path, entries: impl IntoIterator<Item = Entry>) {
    let ledger = Ledger::open(path).unwrap();
    for entry in entries {
        ledger.recorder().record(entry).await.unwrap();
    }
    ledger.close().await.unwrap();
}

fn entry(row: SampleRow) -> Entry {
    Entry::Sample(Box::new(row), Vec::new())
}

fn went(samples: u64, took: Duration) -> Went {
    Went { ended: Ended::Done, took, samples, lag: Duration::ZERO, given_up: Vec::new() }
}

async fn recorded(manifest: &Manifest, rows: Vec<SampleRow>) -> (tempfile::TempDir, PathBuf) {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("ledger.db");
    let begin = Entry::Run(run_row(manifest, RunStatus::Running));
    session(&path, [begin].into_iter().chain(rows.into_iter().map(entry))).await;
    (home, path)
}

fn summary(path: &Path, manifest: &Manifest, status: RunStatus, went: Option<&Went>) -> Summary {
    summarize(&Reader::open(path).unwrap(), &run_row(manifest, status), manifest, went).unwrap()
}

#[tokio::test]
async fn a_cost_that_one_session_did_not_know_is_unknown_after_the_next_and_never_zero() {
    let mut manifest = manifest(&["p/m"], 1);
    manifest.gates = vec!["cost_per_accepted <= 1".to_owned(), "cost <= 1".to_owned()];
    let (_home, path) = recorded(&manifest, vec![sample(0, 0, Cost::Unknown)]).await;
    session(&path, (1..50).map(|item| entry(sample(item, 0, cents(1))))).await;
    let summary = summary(&path, &manifest, RunStatus::Done, Some(&went(49, Duration::from_secs(1))));
    let model = &summary.models[0];
    assert_eq!((model.cost, model.cost_per_call, model.cost_per_accepted), (None, None, None));
    assert_eq!(model.cost_per_accepted_ci95, None);
    for gate in &summary.gates {
        assert_eq!((gate.pass, gate.value, &*gate.shown), (false, None, "an unknown cost"), "{}", gate.expr);
    }
    assert_eq!(summary.verdicts[0].decision, crate::eval::summary::Decision::Inconclusive);
    assert_eq!(
        summary.verdicts[0].sentence,
        "p/m is undecided: gate `cost_per_accepted <= 1` failed at an unknown cost"
    );
    assert!(summary.notes.iter().any(|note| note.contains("no price is known")), "{:?}", summary.notes);
}

#[tokio::test]
async fn the_pace_is_that_of_this_session_and_of_whole_prompts() {
    let manifest = manifest(&["p/a", "p/b"], 3);
    let rows = (0..90).flat_map(|item| [sample(item, 0, cents(1)), sample(item, 1, cents(3))]).collect();
    let (_home, path) = recorded(&manifest, rows).await;
    let models = summary(&path, &manifest, RunStatus::Done, None).models;
    // Of 180 samples an earlier session made 120; this one made 60 in 30 s. A prompt is six samples.
    let pace = pace(&manifest, &models, Some(&went(60, Duration::from_secs(30))));
    assert_eq!(pace.time_per_prompt, Some(Duration::from_secs(3)));
    assert_eq!(
        pace.cost_per_prompt,
        Some(Money::from_nanos(120_000_000)),
        "three times one cent and three cents"
    );
    assert_eq!(
        super::pace(&manifest, &models, Some(&went(0, Duration::from_secs(30)))).time_per_prompt,
        None
    );
}

#[tokio::test]
async fn answers_that_nobody_is_paid_for_are_not_in_the_price_of_more() {
    let manifest = manifest(&["replay/old.jsonl", "p/b"], 1);
    let rows = (0..40).flat_map(|item| [sample(item, 0, cents(50)), sample(item, 1, cents(3))]).collect();
    let (_home, path) = recorded(&manifest, rows).await;
    let models = summary(&path, &manifest, RunStatus::Done, None).models;
    assert_eq!(pace(&manifest, &models, None).cost_per_prompt, Some(Money::from_nanos(30_000_000)));
}

#[tokio::test]
async fn what_the_reader_must_know_is_noted() {
    let mut manifest = manifest(&["p/m-latest", "sim/good", "replay/old.jsonl"], 1);
    manifest.skipped_rows = 2;
    let rows = (0..5).flat_map(|item| {
        let cost = Cost::Estimated(Money::from_nanos(1));
        [sample(item, 0, cost), sample(item, 1, cents(0)), sample(item, 2, cents(0))]
    });
    let (_home, path) = recorded(&manifest, rows.collect()).await;
    let failure = Failure::new(FailureClass::Auth, "bad key");
    let gone = Went { given_up: vec![(0, failure)], ..went(10, Duration::from_secs(1)) };
    let notes = summary(&path, &manifest, RunStatus::Interrupted, Some(&gone)).notes;
    for part in [
        "sim/good: answers are simulated; nothing was paid",
        "replay/old.jsonl: answers are replayed from a recording; nothing was paid for them",
        "p/m-latest: some of the cost is an estimate",
        "p/m-latest, sim/good, replay/old.jsonl: fewer than 30 samples say little",
        "p/m-latest: a floating alias",
        "p/m-latest: given up, because every call failed: ",
        "left out: 2 bad rows",
        "the run is not complete; what it holds is a random sample of its prompts",
    ] {
        assert!(notes.iter().any(|note| note.starts_with(part)), "{part}: {notes:?}");
    }
    assert_eq!(notes.len(), 8, "{notes:?}");
}

#[tokio::test]
async fn what_a_part_of_a_run_may_be_taken_for_depends_on_what_ended_it() {
    let manifest = manifest(&["p/m"], 1);
    let (_home, path) = recorded(&manifest, (0..40).map(|item| sample(item, 0, cents(1))).collect()).await;
    for (status, says) in [
        (RunStatus::Done, None),
        (RunStatus::Running, None),
        (RunStatus::Stopped, Some("because of its cap; what it holds is a random sample")),
        (RunStatus::Interrupted, Some("a random sample of its prompts, unless calls under way were dropped")),
        (RunStatus::Killed, Some("less the calls that were under way")),
        (RunStatus::Failed, Some("less the calls that were under way")),
        (RunStatus::Decided, Some("its intervals are those of a run of fixed length")),
    ] {
        let notes = summary(&path, &manifest, status, None).notes;
        match says {
            Some(says) => assert!(notes.iter().any(|note| note.contains(says)), "{status:?}: {notes:?}"),
            None => assert_eq!(notes, [""; 0], "{status:?}"),
        }
        let is_decided = status == RunStatus::Decided;
        assert!(!is_decided || notes.iter().all(|note| !note.contains("random sample")), "{notes:?}");
    }
}

fn request(id: &str, target: &str, cost: Cost) -> Entry {
    let (provider, model) = target.split_once('/').unwrap();
    let now = jiff::Timestamp::UNIX_EPOCH;
    let attempt = Attempt {
        target: Target { provider: provider.to_owned(), model: model.to_owned() },
        n: 1,
        began: now,
        timing: Timing::default(),
        usage: None,
        cost,
        charged: cost.amount(),
        price_snapshot: None,
        served_model: None,
        failure: None,
        why: "first choice".to_owned(),
    };
    let run = Some("r".to_owned());
    Entry::Outcome(Arc::new(Outcome {
        context: Context { id: id.to_owned(), origin: "eval", run, class: None, subject: 0 },
        attempts: vec![attempt],
        answer: Ok(Response::default()),
        began: now,
        took: Duration::ZERO,
    }))
}

#[tokio::test]
async fn what_was_spent_is_what_providers_were_paid_whether_a_sample_came_of_it_or_not() {
    let manifest = manifest(&["sim/good", "p/m"], 1);
    let (_home, path) = recorded(&manifest, vec![sample(0, 0, cents(7)), sample(0, 1, cents(3))]).await;
    session(
        &path,
        [
            request("own", "p/m", cents(3)),
            request("of no sample", "p/m", cents(2)),
            request("simulated", "sim/good", cents(7)),
            request("judged by a simulated model", "sim/fast", cents(50)),
            request("replayed", "replay/old.jsonl", cents(11)),
        ],
    )
    .await;
    let spent = |path: &Path| summary(path, &manifest, RunStatus::Done, None).spent;
    assert_eq!(spent(&path), Some(Money::from_nanos(50_000_000)));
    session(&path, [request("of unknown price", "p/n", Cost::Unknown)]).await;
    assert_eq!(spent(&path), None);
}
