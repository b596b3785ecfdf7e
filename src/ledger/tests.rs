//! What the ledger promises, seen from outside its modules.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Seek, SeekFrom, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use proptest::prelude::*;
use rusqlite::Connection;
use tempfile::TempDir;

use super::read::{SampleFilter, Spent, Window};
use super::row::{
    Entry, HoldRow, RunRow, RunStatus, SampleFacts, SampleKey, SampleRow, SampleStatus, ScoreRow, run_account,
};
use super::*;
use crate::base::dice::Dice;
use crate::base::money::Money;
use crate::model::outcome::{Attempt, Context, Cost, Outcome, Target, Timing};
use crate::model::{Failure, FailureClass, Response, TokenUsage};

const NOON: i64 = 1_790_000_000_000;

fn home() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger.db");
    (directory, path)
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(millis).unwrap()
}

fn run(id: &str, started: i64) -> RunRow {
    RunRow {
        id: id.into(),
        started: at(started),
        ended: None,
        status: RunStatus::Running,
        dataset_sha256: "ab".repeat(32),
        seed: u64::MAX,
        version: "0.1.0".into(),
        manifest: "{}".into(),
    }
}

fn attempt(n: u32, cost: Cost, failure: Option<FailureClass>) -> Attempt {
    Attempt {
        target: Target { provider: "openai".into(), model: "gpt-5.2-mini".into() },
        n,
        began: at(NOON),
        timing: Timing {
            connect: Some(Duration::from_millis(20)),
            head: Some(Duration::from_millis(80)),
            first_token: Some(Duration::from_millis(90)),
            total: Duration::from_millis(700),
            is_recorded: false,
        },
        usage: Some(TokenUsage { input: Some(30), output: Some(12), ..TokenUsage::default() }),
        cost,
        charged: cost.amount(),
        price_snapshot: Some("2026-11-01".into()),
        served_model: Some("gpt-5.2-mini-2026-03".into()),
        failure: failure.map(|class| Failure::new(class, "slow down")),
        why: "first choice".into(),
    }
}

fn outcome(id: &str, run: Option<&str>, attempts: Vec<Attempt>) -> Arc<Outcome> {
    let failure = attempts.last().and_then(|attempt| attempt.failure.clone());
    Arc::new(Outcome {
        context: Context { id: id.into(), origin: "eval", run: run.map(Into::into), class: None, subject: 0 },
        attempts,
        answer: failure.map_or_else(|| Ok(Response::default()), Err),
        began: at(NOON),
        took: Duration::from_millis(750),
    })
}

fn computed(nanos: i64) -> Cost {
    Cost::Computed(Money::from_nanos(nanos))
}

fn key(item: u64, candidate: u32, repeat: u32) -> SampleKey {
    SampleKey { item, candidate, repeat }
}

fn sample(run: &str, key: SampleKey, status: SampleStatus) -> SampleRow {
    SampleRow {
        run: run.into(),
        facts: SampleFacts {
            key,
            status,
            valid: true,
            repaired: false,
            failure_class: None,
            attempts: 2,
            latency: Some(Duration::from_micros(700_001)),
            first_token: None,
            usage: Some(TokenUsage { input: Some(60), reasoning: Some(3), ..TokenUsage::default() }),
            cost: computed(1_250),
            judge_cost: Cost::Unknown,
            cluster: Some("topic 7".into()),
            overhead: Duration::from_nanos(41_237),
        },
        id: format!("row-{}", key.item),
        is_own_id: Some(true),
        prompt: "user: 2 + 2?".into(),
        expected: Some("4".into()),
        answer: "It is 4\0.".into(),
        tool_calls: None,
        finish: Some("stop".into()),
        failure: None,
        invalid: None,
        scores: ["numeric", "exact"]
            .map(|scorer| ScoreRow {
                scorer: scorer.into(),
                passed: status == SampleStatus::Accepted,
                value: 0.25,
                reason: "equal".into(),
            })
            .into(),
    }
}

fn entry(sample: SampleRow, outcomes: Vec<Arc<Outcome>>) -> Entry {
    Entry::Sample(Box::new(sample), outcomes)
}

async fn write(path: &Path, entries: impl IntoIterator<Item = Entry>) {
    let ledger = Ledger::open(path).unwrap();
    let recorder = ledger.recorder();
    for entry in entries {
        recorder.record(entry).await.unwrap();
    }
    ledger.close().await.unwrap();
}

fn all_samples(reader: &Reader, run: &str, filter: &SampleFilter) -> Vec<SampleRow> {
    let mut found = Vec::new();
    let each = |row| {
        found.push(row);
        ControlFlow::Continue(())
    };
    reader.samples(run, filter, each).unwrap();
    found
}

fn all_keys(reader: &Reader, run: &str) -> Vec<SampleKey> {
    let mut found = Vec::new();
    let each = |key| {
        found.push(key);
        ControlFlow::Continue(())
    };
    reader.finished(run, each).unwrap();
    found
}

fn number(path: &Path, sql: &str) -> i64 {
    Connection::open(path).unwrap().query_row(sql, [], |row| row.get(0)).unwrap()
}

fn all_time(resolution: Resolution) -> Window {
    Window { since: Timestamp::UNIX_EPOCH, until: at(NOON * 2), resolution }
}

#[tokio::test]
async fn what_is_recorded_is_read_back_the_same() {
    let (_home, path) = home();
    let mut ended = run("r2", NOON);
    let samples = [(1, 0), (0, 1), (0, 0)]
        .map(|(item, candidate)| sample("r2", key(item, candidate, 0), SampleStatus::Accepted));
    let mut entries = vec![Entry::Run(run("r1", NOON - 1)), Entry::Run(ended.clone())];
    entries.extend(samples.iter().cloned().map(|sample| entry(sample, vec![])));
    entries.push(Entry::RunEnd { run: "r2".into(), ended: at(NOON + 5), status: RunStatus::Done });
    write(&path, entries).await;

    let reader = Reader::open(&path).unwrap();
    (ended.ended, ended.status) = (Some(at(NOON + 5)), RunStatus::Done);
    assert_eq!(reader.runs(9).unwrap(), [ended.clone(), run("r1", NOON - 1)]);
    let mut sorted = samples.to_vec();
    sorted.sort_by_key(|sample| sample.facts.key);
    assert_eq!(all_samples(&reader, "r2", &SampleFilter::default()), sorted);
    let mut facts = Vec::new();
    reader
        .facts("r2", |one| {
            facts.push(one);
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(facts, sorted.iter().map(|sample| sample.facts.clone()).collect::<Vec<_>>());
    assert_eq!(all_keys(&reader, "r1"), []);
}

#[tokio::test]
async fn a_run_is_found_by_name_by_prefix_and_as_the_last() {
    let (_home, path) = home();
    write(&path, ["k7a", "k7b", "m2", "m2x"].iter().zip(0..).map(|(id, n)| Entry::Run(run(id, NOON + n))))
        .await;
    let reader = Reader::open(&path).unwrap();
    let found = |name| reader.run(name).map(|run| run.map(|run| run.id));
    for (name, id) in [("k7a", "k7a"), ("m2", "m2"), ("m2x", "m2x"), ("last", "m2x")] {
        assert_eq!(found(name).unwrap().as_deref(), Some(id), "{name}");
    }
    for name in ["", "%", "K7A", "x"] {
        assert_eq!(found(name).unwrap(), None, "{name}");
    }
    let error = found("k7").unwrap_err().to_string();
    assert_eq!(error, "several runs begin with \"k7\": k7b, k7a; type more of one");
}

#[tokio::test]
async fn samples_are_filtered_and_reading_stops_when_told() {
    use SampleStatus::{Accepted, Error, Rejected};
    let (_home, path) = home();
    let all = (0..6)
        .map(|i| sample("r", key(i / 2, (i % 2) as u32, 0), [Accepted, Rejected, Error][(i / 2) as usize]));
    write(&path, all.map(|sample| entry(sample, vec![]))).await;
    let reader = Reader::open(&path).unwrap();
    let count = |filter: SampleFilter| all_samples(&reader, "r", &filter).len();
    assert_eq!(count(SampleFilter { candidate: Some(1), ..SampleFilter::default() }), 3);
    assert_eq!(count(SampleFilter { statuses: vec![Rejected, Error], ..SampleFilter::default() }), 4);
    assert_eq!(count(SampleFilter { limit: Some(5), ..SampleFilter::default() }), 5);
    assert_eq!(count(SampleFilter { limit: Some(0), ..SampleFilter::default() }), 0);
    let page = SampleFilter { after: Some(key(1, 0, 0)), limit: Some(2), ..SampleFilter::default() };
    let keys: Vec<_> = all_samples(&reader, "r", &page).iter().map(|row| row.facts.key).collect();
    assert_eq!(keys, [key(1, 1, 0), key(2, 0, 0)], "a page begins where the last one ended");
    let mut seen = 0;
    reader
        .facts("r", |_| {
            seen += 1;
            if seen == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
        .unwrap();
    assert_eq!(seen, 2);
}

#[tokio::test]
async fn what_a_run_has_spent_is_the_sum_of_its_attempts_and_says_what_is_unknown() {
    let (_home, path) = home();
    let costs =
        [vec![computed(1), computed(20)], vec![computed(300), Cost::Unknown], vec![], vec![computed(4_000)]];
    let outcomes = costs.into_iter().enumerate().map(|(i, costs)| {
        let attempts = costs.into_iter().zip(1..).map(|(cost, n)| attempt(n, cost, None)).collect();
        let run = if i == 3 { "other" } else { "r" };
        Entry::Outcome(outcome(&format!("{i}"), Some(run), attempts))
    });
    write(&path, outcomes).await;
    let reader = Reader::open(&path).unwrap();
    let spent = |known, unknown_count| Spent { known: Money::from_nanos(known), unknown_count };
    assert_eq!(reader.spent("r").unwrap(), spent(321, 1));
    assert_eq!(reader.spent("other").unwrap(), spent(4_000, 0));
    assert_eq!(reader.spent("none").unwrap(), spent(0, 0));
    assert_eq!(number(&path, "SELECT sum(cost_nanos) FROM attempts"), 4_321);
    assert_eq!(number(&path, "SELECT sum(cost_nanos) FROM requests"), 4_021, "unknown is NULL, not zero");
    assert_eq!(number(&path, "SELECT count(*) FROM requests WHERE cost_nanos IS NULL"), 1);
}

fn hold(request: &str, attempt: u32, spent: i64, held: i64) -> Entry {
    let context = Context { id: request.into(), origin: "eval", run: Some("r".into()), ..Context::default() };
    Entry::Hold(Box::new(HoldRow {
        account: run_account("r"),
        context,
        attempt,
        target: Target { provider: "openai".into(), model: "gpt-5.2-mini".into() },
        spent: Money::from_nanos(spent),
        held: Money::from_nanos(held),
        began: at(NOON),
    }))
}

fn charged(settled: i64, held: i64, holds: u64, unknown_count: u64) -> Charged {
    let (settled, held) = (Money::from_nanos(settled), Money::from_nanos(held));
    Charged { settled, held, holds, unknown_count, ..Charged::default() }
}

#[tokio::test]
async fn a_hold_counts_until_its_request_is_recorded_and_not_after() {
    let (_home, path) = home();
    let seen = || Reader::open(&path).unwrap().charged("r").unwrap();
    write(&path, [hold("a", 1, 0, 70), hold("b", 1, 0, 5)]).await;
    assert_eq!(seen(), charged(0, 75, 2, 0));
    write(&path, [hold("a", 1, 30, 0), hold("a", 2, 30, 40)]).await;
    assert_eq!(seen(), charged(0, 75, 2, 0), "one row for a request, whatever attempt it is at");
    let attempts = vec![attempt(1, computed(30), None), attempt(2, computed(11), None)];
    write(&path, [Entry::Outcome(outcome("a", Some("r"), attempts))]).await;
    assert_eq!(seen(), charged(41, 5, 1, 0));
    // A spool that is taken in late brings no hold back.
    write(&path, [hold("a", 2, 30, 40)]).await;
    assert_eq!(seen(), charged(41, 5, 1, 0));
    let unknown = Attempt { charged: None, ..attempt(1, Cost::Unknown, None) };
    let bounded = Attempt { charged: Some(Money::from_nanos(9)), ..attempt(1, Cost::Unknown, None) };
    write(
        &path,
        [("c", unknown), ("d", bounded)].map(|(id, one)| Entry::Outcome(outcome(id, Some("r"), vec![one]))),
    )
    .await;
    assert_eq!(seen(), charged(50, 5, 1, 1));
}

#[tokio::test]
async fn a_call_that_was_held_for_and_never_sent_leaves_no_request() {
    let (_home, path) = home();
    write(&path, [hold("a", 1, 0, 70), hold("a", 1, 0, 0), hold("b", 1, 0, 7)]).await;
    assert_eq!(Reader::open(&path).unwrap().charged("r").unwrap(), charged(0, 7, 1, 0));
    write(&path, [Entry::Orphans { account: run_account("r") }]).await;
    assert_eq!(number(&path, "SELECT count(*) FROM requests"), 1);
    assert_eq!(number(&path, "SELECT count(*) FROM attempts WHERE code = 'orphaned'"), 1);
}

#[tokio::test]
async fn a_request_that_was_cancelled_after_an_answer_is_not_abandoned() {
    let (_home, path) = home();
    let mut paused = outcome("a", Some("r"), vec![attempt(1, computed(30), Some(FailureClass::Truncated))]);
    Arc::make_mut(&mut paused).answer = Err(Failure::new(FailureClass::Cancelled, "not sent"));
    write(&path, [Entry::Outcome(paused), hold("b", 1, 0, 7)]).await;
    write(&path, [Entry::Orphans { account: run_account("r") }]).await;
    let expected = Charged { abandoned: Money::from_nanos(7), abandoned_count: 1, ..charged(37, 0, 0, 0) };
    assert_eq!(Reader::open(&path).unwrap().charged("r").unwrap(), expected);
}

#[tokio::test]
async fn what_a_dead_process_held_becomes_cancelled_requests_that_cost_their_bound() {
    let (_home, path) = home();
    let orphans = || Entry::Orphans { account: run_account("r") };
    let other = HoldRow {
        account: run_account("other"),
        ..match hold("z", 1, 0, 9) {
            Entry::Hold(row) => *row,
            _ => unreachable!(),
        }
    };
    write(
        &path,
        [hold("a", 1, 0, 70), hold("b", 3, 20, 5), hold("c", 1, 8, 0), Entry::Hold(Box::new(other))],
    )
    .await;
    // Twice, as a spool may: the second finds nothing.
    write(&path, [orphans(), orphans()]).await;
    let reader = Reader::open(&path).unwrap();
    let abandoned =
        Charged { abandoned: Money::from_nanos(103), abandoned_count: 3, ..charged(103, 0, 0, 0) };
    assert_eq!(reader.charged("r").unwrap(), abandoned);
    assert_eq!(reader.charged("other").unwrap().holds, 1);
    let like = |words: &str| {
        number(
            &path,
            &format!(
                "SELECT count(*) FROM attempts WHERE failure = 'cancelled' AND cost_source = 'estimated' AND why LIKE '{words}'"
            ),
        )
    };
    assert_eq!(like("process % ended while the call was under way%"), 2);
    assert_eq!(like("%; 2 attempts went before"), 1);
    assert_eq!(like("process % ended before the request did%"), 1);
    let totals = reader.totals(&all_time(Resolution::Day)).unwrap();
    assert_eq!((totals[0].totals.requests, totals[0].totals.failures["cancelled"]), (3, 3));
}

#[tokio::test]
async fn the_models_that_answered_are_known_by_candidate_without_the_judges() {
    let (_home, path) = home();
    let judge = Attempt { served_model: Some("judge-1".into()), ..attempt(1, computed(9), None) };
    let own = |id: &str| outcome(id, Some("r"), vec![attempt(1, computed(5), None)]);
    let entries = [0, 1].map(|candidate| {
        let outcomes = vec![
            own(&format!("own-{candidate}")),
            outcome(&format!("j-{candidate}"), Some("r"), vec![judge.clone()]),
        ];
        entry(sample("r", key(0, candidate, 0), SampleStatus::Accepted), outcomes)
    });
    write(&path, entries).await;
    let reader = Reader::open(&path).unwrap();
    let served = "gpt-5.2-mini-2026-03".to_owned();
    assert_eq!(reader.served("r").unwrap(), [(0, served.clone()), (1, served)]);
    assert_eq!(reader.spent("r").unwrap().known, Money::from_nanos(28), "judges included");
}

#[tokio::test]
async fn scoring_again_replaces_all_that_judging_says_and_nothing_else() {
    let (_home, path) = home();
    let mut first = sample("r", key(0, 0, 0), SampleStatus::Error);
    first.facts.failure_class = Some("unscored".into());
    first.failure = Some("exec: exited with 1".into());
    first.invalid = Some("no JSON".into());
    (first.facts.valid, first.facts.repaired) = (false, true);
    let mut again = sample("r", key(0, 0, 0), SampleStatus::Accepted);
    again.scores.remove(0);
    again.facts.judge_cost = computed(77);
    again.expected = Some("five".into());
    let mut sent = again.clone();
    (sent.answer, sent.prompt, sent.facts.cost) = ("other".into(), "other".into(), Cost::Unknown);
    let unknown = sample("r", key(9, 9, 9), SampleStatus::Accepted);
    let mut other = sample("r", key(1, 0, 0), SampleStatus::Rejected);
    let before = other.clone();
    other.facts.status = SampleStatus::Error;
    other.facts.failure_class = Some("unscored".into());
    (other.failure, other.invalid) = (Some("judge: cannot tell".into()), Some("too long".into()));
    (other.facts.valid, other.facts.repaired, other.expected) = (false, true, None);
    let rescores = [sent, unknown, other.clone()].map(|sample| Entry::Rescore(Box::new(sample)));
    let recorded = [first, before].map(|sample| entry(sample, vec![]));
    write(&path, recorded.into_iter().chain(rescores)).await;
    let reader = Reader::open(&path).unwrap();
    assert_eq!(all_samples(&reader, "r", &SampleFilter::default()), [again, other]);
    let mut passes = Vec::new();
    reader.scorer_passes("r", |pass| passes.push((pass.scorer.to_owned(), pass.passed))).unwrap();
    passes.sort();
    let expected = [("exact", false), ("exact", true), ("numeric", false)];
    assert_eq!(passes, expected.map(|(scorer, passed)| (scorer.to_owned(), passed)));
}

#[tokio::test]
async fn recording_the_same_again_counts_nothing_twice() {
    let (_home, path) = home();
    let one = || {
        let outcomes = vec![outcome("o", Some("r"), vec![attempt(1, computed(5), None)])];
        [Entry::Run(run("r", NOON)), entry(sample("r", key(0, 0, 0), SampleStatus::Accepted), outcomes)]
    };
    write(&path, one().into_iter().chain(one())).await;
    write(&path, one()).await;
    let reader = Reader::open(&path).unwrap();
    assert_eq!(all_samples(&reader, "r", &SampleFilter::default()).len(), 1);
    assert_eq!(reader.spent("r").unwrap().known, Money::from_nanos(5));
    assert_eq!(reader.totals(&all_time(Resolution::Day)).unwrap()[0].totals.requests, 1);
    assert_eq!(reader.runs(9).unwrap().len(), 1);
    for (sql, rows) in [("SELECT count(*) FROM sample_text", 1), ("SELECT count(*) FROM scores", 2)] {
        assert_eq!(number(&path, sql), rows, "{sql}");
    }
}

#[tokio::test]
async fn a_sample_that_failed_and_is_asked_again_costs_what_both_cost() {
    let (_home, path) = home();
    let taken = |id: &str, status, nanos| {
        let mut row = sample("r", key(0, 0, 0), status);
        (row.facts.cost, row.facts.judge_cost) = (computed(nanos), computed(0));
        entry(row, vec![outcome(id, Some("r"), vec![attempt(1, computed(nanos), None)])])
    };
    let failed = || taken("first", SampleStatus::Error, 7);
    // The same twice, as a spool may bring it, is one.
    write(&path, [failed(), failed(), taken("second", SampleStatus::Accepted, 30)]).await;
    let mut seen = Vec::new();
    let reader = Reader::open(&path).unwrap();
    reader
        .facts("r", |facts| {
            seen.push((facts.status, facts.attempts, facts.cost));
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(seen, [(SampleStatus::Accepted, 4, computed(37))]);
}

#[tokio::test]
async fn a_resumed_run_knows_exactly_what_is_finished() {
    let (_home, path) = home();
    let dice = Dice::new(4);
    let mut keys: Vec<_> = (0..90_u64).map(|i| key(i / 6, (i % 2) as u32, ((i / 2) % 3) as u32)).collect();
    keys.sort_by_key(|key| dice.bits(key.item, (key.candidate * 10 + key.repeat).into(), "order"));
    let (done, _) = keys.split_at(40);
    write(&path, done.iter().map(|key| entry(sample("r", *key, SampleStatus::Error), vec![]))).await;
    let mut done = done.to_vec();
    done.sort();
    assert_eq!(all_keys(&Reader::open(&path).unwrap(), "r"), done);
}

#[tokio::test]
async fn the_phases_of_an_attempt_are_kept_apart() {
    let (_home, path) = home();
    write(&path, [Entry::Outcome(outcome("a", None, vec![attempt(1, computed(9), None)]))]).await;
    let phases = ["connect_us", "head_us", "first_token_us", "total_us"]
        .map(|phase| number(&path, &format!("SELECT {phase} FROM attempts")));
    assert_eq!(phases, [20_000, 80_000, 90_000, 700_000]);
}

#[tokio::test]
async fn requests_leave_no_prompt_and_no_answer() {
    let (_home, path) = home();
    let mut secret = Arc::unwrap_or_clone(outcome("o", None, vec![attempt(1, computed(5), None)]));
    let mut response = Response::default();
    response.push(crate::model::Delta::Text { choice: 0, text: "the patient's name".into() });
    secret.answer = Ok(response);
    write(&path, [Entry::Outcome(Arc::new(secret))]).await;
    let bytes = fs::read(&path).unwrap();
    let holds = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(holds("gpt-5.2-mini") && !holds("patient"));
}

/// Records from a thread of its own, committing now and then.
async fn record_spending(path: &Path, writer: u8, count: i64) {
    let ledger = Ledger::open(path).unwrap();
    let recorder = ledger.recorder();
    for i in 0..count {
        let one = outcome(&format!("{writer}-{i}"), Some("r"), vec![attempt(1, computed(i), None)]);
        recorder.record(Entry::Outcome(one)).await.unwrap();
        if i % 7 == 0 {
            recorder.commit().await.unwrap();
        }
    }
    ledger.close().await.unwrap();
}

#[test]
fn writers_at_once_lose_nothing_even_when_the_file_is_new() {
    const EACH: i64 = 200;
    let (_home, path) = home();
    let writers = [0, 1, 2, 3].map(|writer| {
        let path = path.clone();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        std::thread::spawn(move || runtime.block_on(record_spending(&path, writer, EACH)))
    });
    for writer in writers {
        writer.join().unwrap();
    }
    let reader = Reader::open(&path).unwrap();
    let sum = Money::from_nanos(4 * EACH * (EACH - 1) / 2);
    assert_eq!(reader.spent("r").unwrap().known, sum);
    for resolution in Resolution::ALL {
        let totals = &reader.totals(&all_time(resolution)).unwrap()[0].totals;
        assert_eq!((totals.requests, totals.cost), (4 * EACH.unsigned_abs(), sum));
        assert_eq!(totals.latency.count(), totals.attempts);
    }
}

#[test]
fn a_new_ledger_may_be_opened_by_many_at_once() {
    for _ in 0..20 {
        let (_home, path) = home();
        let opened = [(); 4].map(|()| {
            let path = path.clone();
            std::thread::spawn(move || drop(schema::open(&path).unwrap()))
        });
        for thread in opened {
            thread.join().unwrap();
        }
    }
}

#[tokio::test]
async fn a_reader_sees_that_something_was_committed() {
    let (_home, path) = home();
    write(&path, []).await;
    let ledger = Ledger::open(&path).unwrap();
    let reader = Reader::open(&path).unwrap();
    let before = reader.data_version().unwrap();
    assert_eq!(reader.data_version().unwrap(), before);
    ledger.recorder().record(Entry::Run(run("r", NOON))).await.unwrap();
    ledger.recorder().commit().await.unwrap();
    assert_ne!(reader.data_version().unwrap(), before);
    assert_eq!(reader.runs(1).unwrap().len(), 1);
    ledger.close().await.unwrap();
}

#[tokio::test]
async fn a_full_disk_is_said_and_what_was_spent_waits_beside_the_ledger() {
    let (_home, path) = home();
    let connection = schema::open(&path).unwrap();
    let pages: i64 = connection.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
    connection.pragma_update(None, "max_page_count", pages + 4).unwrap();
    let ledger = Ledger::start(connection, &path).unwrap();
    let recorder = ledger.recorder();
    let mut refused = 0;
    for i in 0..300 {
        let one =
            outcome(&format!("{i}"), Some("r"), vec![attempt(1, computed(i), Some(FailureClass::Server))]);
        let entry = entry(sample("r", key(i.unsigned_abs(), 0, 0), SampleStatus::Error), vec![one]);
        refused += u32::from(recorder.record(entry).await.is_err());
        refused += u32::from(i % 50 == 49 && recorder.commit().await.is_err());
    }
    assert!(refused > 0);
    let error = recorder.commit().await.unwrap_err();
    let LedgerError::Spooled { cause, spool } = &error else { panic!("{error}") };
    assert!(matches!(**cause, LedgerError::NoSpace { .. }));
    assert!(error.to_string().contains(&spool.display().to_string()), "{error}");
    assert_private(spool, 0o600);

    let other = Ledger::open(&path).unwrap();
    assert_eq!(other.replayed(), Replayed::default(), "the spool's owner still writes it");
    other.close().await.unwrap();
    assert!(matches!(ledger.close().await, Err(LedgerError::Spooled { .. })));
    assert!(matches!(recorder.commit().await, Err(LedgerError::Spooled { .. })));

    let ledger = Ledger::open(&path).unwrap();
    assert!(ledger.replayed().entries > 0);
    assert!(!spool.exists());
    ledger.close().await.unwrap();
    let reader = Reader::open(&path).unwrap();
    assert_eq!(all_keys(&reader, "r").len(), 300);
    assert_eq!(reader.spent("r").unwrap().known, Money::from_nanos(300 * 299 / 2));
    let totals = reader.totals(&all_time(Resolution::Hour)).unwrap();
    assert_eq!((totals.len(), totals[0].totals.failures["server"]), (1, 300));
}

#[tokio::test]
async fn a_ledger_that_another_process_holds_is_said_and_nothing_is_lost() {
    let (_home, path) = home();
    let connection = schema::open(&path).unwrap();
    connection.busy_timeout(Duration::ZERO).unwrap();
    let ledger = Ledger::start(connection, &path).unwrap();
    let holder = Connection::open(&path).unwrap();
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    let recorder = ledger.recorder();
    recorder.record(Entry::Run(run("r", NOON))).await.unwrap();
    let error = recorder.commit().await.unwrap_err();
    assert!(error.to_string().contains("is locked by another process"), "{error}");
    assert!(ledger.close().await.is_err());
    holder.execute_batch("ROLLBACK").unwrap();
    write(&path, []).await;
    assert_eq!(Reader::open(&path).unwrap().run("last").unwrap().unwrap().id, "r");
}

#[tokio::test]
async fn a_spool_of_every_kind_of_entry_is_replayed_and_its_torn_line_kept() {
    let (home, path) = home();
    let entries = [
        Entry::Run(run("r", NOON)),
        entry(sample("r", key(3, 0, 1), SampleStatus::Refused), vec![outcome("a", Some("r"), vec![])]),
        Entry::Outcome(outcome("b", None, vec![attempt(1, computed(5), Some(FailureClass::Timeout))])),
        Entry::Rescore(Box::new(sample("r", key(3, 0, 1), SampleStatus::Accepted))),
        hold("h", 1, 0, 7),
        Entry::Orphans { account: run_account("r") },
        Entry::RunEnd { run: "r".into(), ended: at(NOON), status: RunStatus::Stopped },
    ];
    let lines: Vec<_> = entries.iter().map(line::Line::from).collect();
    let mut spool =
        spool::Spool::open(&path).unwrap_or_else(|(path, error)| panic!("{}: {error}", path.display()));
    spool.append(&lines).unwrap();
    let at = spool.path.clone();
    drop(spool);
    fs::OpenOptions::new().append(true).open(&at).unwrap().write_all(b"{\"run\":{\"id").unwrap();
    write(&path, []).await;
    let reader = Reader::open(&path).unwrap();
    assert_eq!(reader.run("r").unwrap().unwrap().status, RunStatus::Stopped);
    let expected = sample("r", key(3, 0, 1), SampleStatus::Accepted);
    assert_eq!(all_samples(&reader, "r", &SampleFilter::default()), [expected]);
    let totals = reader.totals(&all_time(Resolution::Minute)).unwrap();
    assert_eq!(
        totals.iter().map(|row| (&*row.provider, row.totals.requests)).collect::<Vec<_>>(),
        [("", 1), ("openai", 2)]
    );
    assert_eq!(reader.charged("r").unwrap().settled, Money::from_nanos(7));
    let left: Vec<_> = fs::read_dir(home.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    let unreadable = left.iter().filter(|name| name.to_string_lossy().ends_with(".jsonl.unreadable"));
    assert_eq!(unreadable.count(), 1, "{left:?}");
}

#[tokio::test]
async fn a_spool_that_cannot_be_written_is_said_with_the_number_lost() {
    let (_home, path) = home();
    let connection = schema::open(&path).unwrap();
    connection.pragma_update(None, "query_only", true).unwrap();
    // A directory stands where the spool should be.
    fs::create_dir(path.with_file_name(format!("ledger.db.spool-{}.jsonl", std::process::id()))).unwrap();
    let ledger = Ledger::start(connection, &path).unwrap();
    let recorder = ledger.recorder();
    for i in 0..3 {
        let _refused = recorder.record(Entry::Outcome(outcome(&format!("{i}"), None, vec![]))).await;
    }
    let error = recorder.commit().await.unwrap_err();
    assert!(matches!(error, LedgerError::Lost { entries: 3, .. }), "{error}");
    assert!(error.to_string().contains("3 entries are lost"), "{error}");
    assert!(matches!(ledger.close().await, Err(LedgerError::Lost { .. })));
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_room_that_is_kept_is_given_up_when_the_spool_has_none() {
    let (home, path) = home();
    let connection = schema::open(&path).unwrap();
    connection.pragma_update(None, "query_only", true).unwrap();
    // A disk that is always full stands where the spool should be.
    let spool = path.with_file_name(format!("ledger.db.spool-{}.jsonl", std::process::id()));
    std::os::unix::fs::symlink("/dev/full", spool).unwrap();
    let ledger = Ledger::start(connection, &path).unwrap();
    let reserves = || {
        let names = fs::read_dir(home.path()).unwrap().map(|entry| entry.unwrap().file_name());
        names.filter(|name| name.to_string_lossy().contains(".reserve-")).count()
    };
    assert_eq!(reserves(), 1);
    let recorder = ledger.recorder();
    let _refused = recorder.record(Entry::Outcome(outcome("a", None, vec![]))).await;
    assert!(matches!(recorder.commit().await, Err(LedgerError::Lost { entries: 1, .. })));
    assert_eq!(reserves(), 0);
    assert!(ledger.close().await.is_err());
}

#[tokio::test]
async fn a_score_that_is_no_number_does_not_stop_the_ledger() {
    let (_home, path) = home();
    let mut odd = sample("r", key(0, 0, 0), SampleStatus::Accepted);
    odd.scores[0].value = f64::NAN;
    odd.scores[1].value = f64::NEG_INFINITY;
    write(&path, [entry(odd, vec![])]).await;
    let read = all_samples(&Reader::open(&path).unwrap(), "r", &SampleFilter::default());
    assert!(read[0].scores.iter().all(|score| score.value.is_nan()));
}

#[tokio::test]
async fn nothing_is_recorded_after_the_end() {
    let (_home, path) = home();
    let ledger = Ledger::open(&path).unwrap();
    let recorder = ledger.recorder();
    ledger.close().await.unwrap();
    assert!(matches!(recorder.record(Entry::Run(run("r", NOON))).await, Err(LedgerError::Closed)));
    assert!(matches!(recorder.commit().await, Err(LedgerError::Closed)));
}

#[tokio::test]
async fn only_its_owner_can_read_a_new_ledger() {
    let (home, _) = home();
    let path = home.path().join("new").join("ledger.db");
    let ledger = Ledger::open(&path).unwrap();
    ledger.recorder().record(Entry::Run(run("r", NOON))).await.unwrap();
    ledger.recorder().commit().await.unwrap();
    assert_private(path.parent().unwrap(), 0o700);
    for name in ["ledger.db", "ledger.db-wal", "ledger.db-shm"] {
        assert_private(&path.with_file_name(name), 0o600);
    }
    ledger.close().await.unwrap();
    assert!(!path.with_file_name("ledger.db-wal").exists(), "one file is left");
}

#[track_caller]
fn assert_private(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, mode, "{}", path.display());
}

#[track_caller]
fn assert_refused(path: &Path, because: &str) {
    let before = fs::read(path).unwrap_or_default();
    for error in [Ledger::open(path).unwrap_err(), Reader::open(path).unwrap_err()] {
        assert!(error.to_string().contains(because), "{error}");
        assert!(error.to_string().contains(&path.display().to_string()), "{error}");
    }
    assert_eq!(fs::read(path).unwrap_or_default(), before, "left as it was");
}

#[tokio::test]
async fn a_file_that_is_not_a_ledger_is_refused_and_left_alone() {
    let (_home, path) = home();
    fs::write(&path, "dear diary, ".repeat(1_000)).unwrap();
    assert_refused(&path, "is not a ledger");
    fs::remove_file(&path).unwrap();
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE diary (day TEXT)").unwrap();
    assert_refused(&path, "is not a ledger");
}

#[test]
fn a_directory_is_refused() {
    let (home, _) = home();
    assert_refused(home.path(), "is a directory");
}

#[tokio::test]
async fn a_damaged_header_is_refused_and_left_alone() {
    let (_home, path) = home();
    write(&path, [Entry::Run(run("r", NOON))]).await;
    let mut file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.seek(SeekFrom::Start(3)).unwrap();
    file.write_all(b"garbage").unwrap();
    assert_refused(&path, "its header is damaged");
}

#[tokio::test]
async fn a_damaged_page_is_said_and_not_taken_for_data() {
    let (_home, path) = home();
    write(&path, [Entry::Run(run("r", NOON))]).await;
    let mut file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.seek(SeekFrom::Start(8_192)).unwrap();
    file.write_all(&vec![0xa5; 200_000]).unwrap();
    let error = Reader::open(&path).and_then(|reader| reader.runs(1)).unwrap_err();
    assert!(matches!(error, LedgerError::Corrupt { .. }), "{error}");
}

#[tokio::test]
async fn a_ledger_of_a_later_version_is_refused_with_both_versions() {
    let (_home, path) = home();
    write(&path, []).await;
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    assert_refused(&path, "has schema 99, and this version knows schemas up to 3: upgrade orch");
}

/// The first schema as it was first written. This file is never regenerated.
#[tokio::test]
async fn a_ledger_of_the_first_version_can_be_read_and_continued() {
    let (_home, path) = home();
    let old = include_str!("../../fixtures/ledger/v1.sql");
    Connection::open(&path).unwrap().execute_batch(old).unwrap();
    let unknown = charged(0, 0, 0, 1);
    assert_eq!(
        Reader::open(&path).unwrap().charged("k7a").unwrap(),
        unknown,
        "whoever only reads may be the first"
    );
    write(&path, [Entry::Outcome(outcome("new", Some("k7a"), vec![attempt(1, computed(9), None)]))]).await;
    let reader = Reader::open(&path).unwrap();
    let mut then = run("k7a", NOON);
    (then.ended, then.status) = (Some(at(NOON + 9)), RunStatus::Interrupted);
    assert_eq!(reader.run("last").unwrap(), Some(then));
    let samples = [(0, SampleStatus::Accepted), (1, SampleStatus::Rejected)].map(|(item, status)| {
        SampleRow { answer: "It is 4".into(), is_own_id: None, ..sample("k7a", key(item, 0, 0), status) }
    });
    assert_eq!(all_samples(&reader, "k7a", &SampleFilter::default()), samples);
    let spent = Spent { known: Money::from_nanos(1_259), unknown_count: 1 };
    assert_eq!(reader.spent("k7a").unwrap(), spent);
    assert_eq!(reader.charged("k7a").unwrap(), charged(9, 0, 0, 1), "a cost that was unknown then stays so");
    assert_eq!(reader.served("k7a").unwrap(), [(0, "gpt-5.2-mini-2026-03".to_owned())]);
    for resolution in Resolution::ALL {
        let totals = &reader.totals(&all_time(resolution)).unwrap()[0].totals;
        assert_eq!((totals.requests, totals.attempts, totals.latency.count()), (2, 3, 2));
        assert_eq!(totals.failures, BTreeMap::from([("rate_limited".to_owned(), 1)]));
    }
}

/// The second schema as it was first released. This file is never regenerated either.
#[tokio::test]
async fn a_ledger_of_the_second_version_can_be_read_and_continued() {
    let (_home, path) = home();
    Connection::open(&path).unwrap().execute_batch(include_str!("../../fixtures/ledger/v2.sql")).unwrap();
    let reader = Reader::open(&path).unwrap();
    let before = reader.charged("k7a").unwrap();
    assert_eq!(
        (before.holds, before.held),
        (1, Money::from_nanos(40)),
        "a hold of a process that died counts"
    );
    drop(reader);
    write(&path, [Entry::Outcome(outcome("new", Some("k7a"), vec![attempt(1, computed(9), None)]))]).await;
    let after = Reader::open(&path).unwrap().charged("k7a").unwrap();
    assert_eq!(after.total(), before.total() + Money::from_nanos(9));
    let connection = Connection::open(&path).unwrap();
    let connects = "SELECT count(*) FROM attempts WHERE connect_us = 1500";
    assert!(connection.query_row(connects, [], |row| row.get::<_, i64>(0)).unwrap() > 0);
}

/// A step that has been released is never edited: what came after it was made for ledgers as it left them.
#[test]
fn the_steps_to_the_second_schema_are_as_they_were_released() {
    let schema = |steps: &[&str]| {
        let connection = Connection::open_in_memory().unwrap();
        for step in steps {
            connection.execute_batch(step).unwrap();
        }
        let mut query = connection.prepare("SELECT name, sql FROM sqlite_master ORDER BY name").unwrap();
        let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        rows.collect::<Result<Vec<(String, Option<String>)>, _>>().unwrap()
    };
    let steps = [include_str!("v1.sql"), include_str!("v2.sql")];
    assert_eq!(schema(&steps), schema(&[include_str!("../../fixtures/ledger/v2.sql")]));
}

#[test]
fn a_reader_says_that_there_is_no_ledger() {
    let (_home, path) = home();
    let error = Reader::open(&path).unwrap_err();
    assert!(matches!(error, LedgerError::Missing { .. }), "{error}");
    assert!(!path.exists());
}

/// Target, class, attempts as (failure, cost, milliseconds later, microseconds taken), origin.
type Drawn = (u8, u8, Vec<(u8, Option<i64>, i64, u64)>, bool);

fn drawn() -> impl Strategy<Value = Vec<Drawn>> {
    let attempt = (0..4_u8, proptest::option::of(0..1_000_000_i64), 0..90_000_000_i64, 1..9_000_000_u64);
    let request = (0..3_u8, 0..3_u8, proptest::collection::vec(attempt, 0..4), any::<bool>());
    proptest::collection::vec(request, 0..40)
}

fn realised(i: usize, (target, class, attempts, judge): &Drawn) -> Entry {
    let attempts: Vec<_> = attempts
        .iter()
        .zip(1..)
        .map(|((failure, cost, later, took), n)| {
            let failure =
                [None, None, Some(FailureClass::Server), Some(FailureClass::RateLimited)][*failure as usize];
            let mut attempt = attempt(n, cost.map_or(Cost::Unknown, computed), failure);
            attempt.began = at(NOON + later);
            attempt.target.model = format!("model-{target}");
            attempt.timing.total = Duration::from_micros(*took);
            attempt.timing.first_token = (took % 3 > 0).then(|| Duration::from_micros(took / 2));
            attempt
        })
        .collect();
    let mut one = Arc::unwrap_or_clone(outcome(&format!("{i}"), None, attempts));
    one.context.origin = if *judge { "judge" } else { "eval" };
    one.context.class = (*class > 0).then(|| format!("class-{class}"));
    if one.attempts.is_empty() {
        one.answer = Err(Failure::new(FailureClass::Budget, "the money is spent"));
    }
    Entry::Outcome(Arc::new(one))
}

type RollupKey = (i64, String, String, String, String);

/// The rollups as they follow from the rows of requests and attempts.
fn aggregated(connection: &Connection, resolution: Resolution) -> BTreeMap<RollupKey, Totals> {
    let mut buckets: BTreeMap<RollupKey, Totals> = BTreeMap::new();
    let bucket = |row: &rusqlite::Row<'_>| -> rusqlite::Result<RollupKey> {
        let span = i64::try_from(resolution.span().as_millis()).unwrap();
        let end = row.get::<_, i64>(0)? / span * span;
        Ok((end, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
    };
    let mut requests = connection
        .prepare(
            "SELECT began_ms + total_us / 1000, coalesce(provider, ''), coalesce(model, ''), origin,
               coalesce(class, ''), status, attempts FROM requests",
        )
        .unwrap();
    let mut rows = requests.query([]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        let totals = buckets.entry(bucket(row).unwrap()).or_default();
        let status: String = row.get(5).unwrap();
        totals.requests += 1;
        totals.failed += u64::from(status != "ok");
        if row.get::<_, i64>(6).unwrap() == 0 {
            *totals.failures.entry(status).or_default() += 1;
        }
    }
    let mut attempts = connection
        .prepare(
            "SELECT a.began_ms + a.total_us / 1000, a.provider, a.model, origin, coalesce(class, ''), n, failure,
               a.cost_nanos, a.total_us, a.first_token_us FROM attempts a JOIN requests r ON r.seq = a.request",
        )
        .unwrap();
    let mut rows = attempts.query([]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        let totals = buckets.entry(bucket(row).unwrap()).or_default();
        totals.attempts += 1;
        totals.retries += u64::from(row.get::<_, i64>(5).unwrap() > 1);
        totals.usage.input = Some(totals.usage.input.unwrap_or(0) + 30);
        totals.usage.output = Some(totals.usage.output.unwrap_or(0) + 12);
        match row.get::<_, Option<i64>>(7).unwrap() {
            Some(nanos) => totals.cost += Money::from_nanos(nanos),
            None => totals.unknown_costs += 1,
        }
        let micros = |column| row.get::<_, Option<i64>>(column).unwrap().map(i64::unsigned_abs);
        if let Some(class) = row.get::<_, Option<String>>(6).unwrap() {
            *totals.failures.entry(class).or_default() += 1;
        } else {
            totals.latency.record(Duration::from_micros(micros(8).unwrap()));
            if let Some(time) = micros(9) {
                totals.first_token.record(Duration::from_micros(time));
            }
        }
    }
    buckets
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn rollups_are_the_sums_of_their_rows_however_they_were_batched(
        requests in drawn(),
        batch in 1..10_usize,
    ) {
        let (_home, path) = home();
        let mut connection = schema::open(&path).unwrap();
        let entries: Vec<_> = requests.iter().enumerate().map(|(i, request)| realised(i, request)).collect();
        for entries in entries.chunks(batch) {
            let lines: Vec<_> = entries.iter().map(line::Line::from).collect();
            let transaction = connection.transaction().unwrap();
            store::store(&transaction, &lines).unwrap();
            transaction.commit().unwrap();
        }
        let reader = Reader::open(&path).unwrap();
        for resolution in Resolution::ALL {
            let mut stored = BTreeMap::new();
            let collect = |row: RollupRow| {
                let key = (row.bucket.as_millisecond(), row.provider, row.model, row.origin, row.class);
                assert!(stored.insert(key, row.totals).is_none());
                ControlFlow::Continue(())
            };
            reader.rollups(&all_time(resolution), collect).unwrap();
            prop_assert_eq!(stored, aggregated(&connection, resolution));
        }
    }
}
