//! What is acknowledged survives the sudden death of the process.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use orch::base::money::Money;
use orch::ledger::row::{Entry, SampleFacts, SampleKey, SampleRow, SampleStatus};
use orch::ledger::{Ledger, Reader};
use orch::model::Response;
use orch::model::outcome::{Attempt, Context, Cost, Outcome, Target, Timing};

const LEDGER: &str = "ORCH_TEST_LEDGER";
const RUN: &str = "ORCH_TEST_RUN";
const ROUNDS: u64 = 6;

fn sample(run: &str, item: u64) -> Entry {
    let attempt = Attempt {
        target: Target { provider: "synthetic".into(), model: "small".into() },
        n: 1,
        began: Timestamp::UNIX_EPOCH,
        timing: Timing { total: Duration::from_millis(item % 900), ..Timing::default() },
        usage: None,
        cost: Cost::Billed(Money::from_nanos(1)),
        charged: Some(Money::from_nanos(1)),
        price_snapshot: None,
        served_model: None,
        failure: None,
        why: String::new(),
    };
    let outcome = Outcome {
        context: Context {
            id: format!("{run}-{item}"),
            origin: "eval",
            run: Some(run.into()),
            class: None,
            subject: item,
        },
        attempts: vec![attempt],
        answer: Ok(Response::default()),
        began: Timestamp::UNIX_EPOCH,
        took: Duration::ZERO,
    };
    let facts = SampleFacts {
        key: SampleKey { item, candidate: 0, repeat: 0 },
        status: SampleStatus::Accepted,
        valid: true,
        repaired: false,
        failure_class: None,
        attempts: 1,
        latency: None,
        first_token: None,
        usage: None,
        cost: outcome.cost(),
        judge_cost: Cost::Unknown,
        cluster: None,
        overhead: Duration::ZERO,
    };
    let sample = SampleRow {
        run: run.into(),
        facts,
        id: item.to_string(),
        is_own_id: Some(true),
        prompt: "a prompt ".repeat(50),
        expected: None,
        answer: "an answer".into(),
        tool_calls: None,
        finish: None,
        failure: None,
        invalid: None,
        scores: Vec::new(),
    };
    Entry::Sample(Box::new(sample), vec![Arc::new(outcome)])
}

/// Not a test of its own: the process that is killed. It does nothing unless it is told where to write.
#[test]
fn a_child_records_and_says_what_is_acknowledged() {
    let (Some(path), Some(run)) = (std::env::var_os(LEDGER), std::env::var_os(RUN)) else { return };
    let run = run.into_string().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let ledger = Ledger::open(Path::new(&path)).unwrap();
        let recorder = ledger.recorder();
        for item in 0.. {
            recorder.record(sample(&run, item)).await.unwrap();
            if item % 3 == 0 {
                recorder.commit().await.unwrap();
                // Not through the test harness, which would hold it back; the pipe ends with the parent.
                writeln!(std::io::stdout(), "acknowledged {item}").unwrap();
            }
        }
    });
}

fn child(path: &Path, run: &str) -> Child {
    let variables: [(&str, OsString); 2] = [(LEDGER, path.into()), (RUN, run.into())];
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "ledger::a_child_records_and_says_what_is_acknowledged", "--nocapture"])
        .envs(variables)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Reads acknowledgements until one that is large enough, or to the end; the last one read.
fn acknowledged(output: &mut BufReader<ChildStdout>, enough: u64) -> Option<u64> {
    let mut last = None;
    for line in output.lines() {
        let line = line.unwrap();
        if let Some((_, item)) = line.split_once("acknowledged ") {
            last = Some(item.parse().unwrap());
        }
        if last >= Some(enough) {
            break;
        }
    }
    last
}

/// The part of a run that is in the ledger: how many samples, and whether they are the first ones.
fn recorded(reader: &Reader, run: &str) -> u64 {
    let mut next = 0;
    reader
        .finished(run, |key| {
            assert_eq!(key.item, next, "{run}: no sample is missing before one that is there");
            next += 1;
            ControlFlow::Continue(())
        })
        .unwrap();
    next
}

#[test]
fn acknowledged_rows_survive_a_kill_while_another_process_writes() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("ledger.db");
    let mut acknowledgements = Vec::new();
    for round in 0..ROUNDS {
        let runs = [format!("a{round}"), format!("b{round}")];
        let mut children = runs.clone().map(|run| child(&path, &run));
        let mut outputs = children.each_mut().map(|child| BufReader::new(child.stdout.take().unwrap()));
        let seen = outputs.each_mut().map(|output| acknowledged(output, 5 + round * 17).unwrap());
        for child in &mut children {
            child.kill().unwrap();
            child.wait().unwrap();
        }
        for ((run, output), seen) in runs.into_iter().zip(&mut outputs).zip(seen) {
            acknowledgements.push((run, acknowledged(output, u64::MAX).unwrap_or(seen)));
        }
    }
    let reader = Reader::open(&path).unwrap();
    for (run, last) in acknowledgements {
        let recorded = recorded(&reader, &run);
        assert!(recorded > last, "{run}: {last} was acknowledged, {recorded} are there");
        let spent = reader.spent(&run).unwrap();
        assert_eq!(
            spent.known,
            Money::from_nanos(recorded.cast_signed()),
            "{run}: all or nothing of a sample"
        );
    }
    let database = rusqlite::Connection::open(&path).unwrap();
    let check: String = database.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(check, "ok");
    let counts = "SELECT (SELECT count(*) FROM requests) = (SELECT sum(requests) FROM rollup_1m)";
    let equal: bool = database.query_row(counts, [], |row| row.get(0)).unwrap();
    assert!(equal, "rollups are committed with their rows");
}
