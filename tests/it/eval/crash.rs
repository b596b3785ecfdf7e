//! A cap holds whatever dies: kills, second interrupts, and the sessions that go on after them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use orch::base::money::Money;
use orch::ledger::row::RunStatus;
use serde_json::json;
use tokio::time::Instant;

use crate::support::{Desk, Door, Running, Say, Script, money};

const ROWS: u64 = 300;
/// What the provider bills for every request that reaches it, answered or not: ten tokens in, a hundred out.
const BILL: i64 = 10 * 150 + 100 * 600;
/// Room for about fifty calls at their worst, of a hundred tokens and a body's bytes.
const CAP: i64 = 50 * 85_000;

/// Every request is answered.
const ALL: usize = usize::MAX;

/// A provider that bills the most it may. It answers two of three requests while their number is below `answers`,
/// and none from there on, so that it is known how far a process can come before it is killed.
fn greedy(answers: &Arc<AtomicUsize>) -> Script {
    let (answers, door) = (Arc::clone(answers), Door::default());
    Script::start(move |number, _| {
        let answers = answers.load(Ordering::SeqCst);
        if answers != ALL && (number % 3 == 2 || number >= answers) {
            door.pass();
        }
        let Say(status, headers, body) = Say::chat("7");
        Say(status, headers, body.replace("\"completion_tokens\":5", "\"completion_tokens\":100"))
    })
}

fn billed(script: &Script) -> Money {
    Money::from_nanos(BILL * i64::try_from(script.seen().len()).unwrap())
}

fn wait_for(script: &Script, requests: usize) {
    while script.seen().len() < requests {
        std::thread::yield_now();
    }
}

/// Nothing is held any more, everything billed is on record, and neither is more than the cap.
#[track_caller]
fn is_settled(desk: &Desk, script: &Script, cap: Money) {
    let charged = desk.reader().charged(&desk.last().id).unwrap();
    assert_eq!((charged.holds, charged.held, charged.unknown_count), (0, Money::ZERO, 0));
    assert!(billed(script) <= charged.settled, "{} billed, {} on record", billed(script), charged.settled);
    assert!(charged.settled <= cap, "{} on record of {cap}", charged.settled);
}

#[test]
fn what_is_billed_never_exceeds_the_cap_however_often_the_process_is_killed() {
    let answers = Arc::new(AtomicUsize::new(3));
    let script = greedy(&answers);
    let desk = Desk::new(&script.base());
    desk.sums(ROWS);
    let cap = Money::from_nanos(CAP);
    let mut seen = 0;
    for (round, more) in [1, 2, 5, 9].into_iter().enumerate() {
        let dollars = cap.decimal();
        let begin = ["eval", "rows.jsonl", "-m", "priced", "--no-stream", "-c", "8", "--max-cost", &dollars];
        let args = if round == 0 { &begin[..] } else { &["eval", "--resume", "last"] };
        seen += more;
        answers.store(seen, Ordering::SeqCst);
        let running = Running::start(&mut desk.orch(args));
        wait_for(&script, seen);
        running.signal("KILL");
        running.end().ends(-9);
        seen = script.seen().len();
        // Even before anyone looks, what was sent is set aside.
        let charged = desk.reader().charged(&desk.last().id).unwrap();
        assert!(
            charged.holds > 0 && billed(&script) <= charged.total() && charged.total() <= cap,
            "{charged:?}"
        );
        assert_eq!(desk.last().status, RunStatus::Running, "nobody was there to say otherwise");
        desk.run(&["eval", "list"]).ends(0).says(&["orch eval --resume"]);
        assert!(desk.run(&["eval", "list"]).out.contains("  killed "));
    }
    answers.store(ALL, Ordering::SeqCst);
    let ran = desk.run(&["eval", "--resume", "last", "--json"]).ends(3);
    let ran =
        ran.says(&["under way when an earlier process ended", "goes on under its cap", "stopped by the cap"]);
    is_settled(&desk, &script, cap);
    let charged = desk.reader().charged(&desk.last().id).unwrap();
    assert_eq!(money(&ran.json()["spent_usd"]), charged.settled, "what is printed is what is enforced");
    assert!(ran.json()["notes"].to_string().contains("under way without an answer on record"));
    assert!(script.seen().len() > 20, "the cap is used: {} calls", script.seen().len());
    // With more money the run ends, and still everything billed is on record.
    desk.run(&["eval", "--resume", "last", "--max-cost", "1"]).ends(0);
    assert_eq!(desk.samples().len() as u64, ROWS);
    is_settled(&desk, &script, Money::from_nanos(1_000_000_000));
}

#[test]
fn a_kill_while_the_first_hold_reaches_the_disk_leaves_it_to_be_settled() {
    let answers = Arc::new(AtomicUsize::new(3));
    let script = greedy(&answers);
    let desk = Desk::new(&script.base());
    desk.sums(10);
    let args = ["eval", "rows.jsonl", "-m", "priced", "--no-stream", "--max-cost", "1"];
    let mut running = Running::start(&mut desk.orch(&args));
    running.until("10 samples");
    let reader = desk.reader();
    while reader.run("last").unwrap().is_none_or(|run| reader.charged(&run.id).unwrap().holds == 0) {
        std::thread::yield_now();
    }
    running.signal("KILL");
    running.end().ends(-9);
    answers.store(ALL, Ordering::SeqCst);
    desk.run(&["eval", "--resume", "last"]).ends(0).says(&["may have been billed"]);
    is_settled(&desk, &script, Money::from_nanos(1_000_000_000));
}

#[test]
fn what_a_second_interrupt_gives_up_counts_at_its_bound_at_once() {
    let answers = Arc::new(AtomicUsize::new(3));
    let script = greedy(&answers);
    let desk = Desk::new(&script.base());
    desk.sums(ROWS);
    let cap = Money::from_nanos(CAP);
    let args = ["eval", "rows.jsonl", "-m", "priced", "--no-stream", "-c", "8", "--json", "--max-cost"];
    let mut running = Running::start(&mut desk.orch(&[&args[..], &[&cap.decimal()]].concat()));
    running.until("300 samples");
    wait_for(&script, 3);
    running.signal("INT");
    running.until("interrupt again");
    running.signal("INT");
    let json = running.end().ends(130).json();
    is_settled(&desk, &script, cap);
    let charged = desk.reader().charged(&desk.last().id).unwrap();
    assert_eq!(money(&json["spent_usd"]), charged.settled);
    assert!(charged.settled > billed(&script), "an unanswered call counts as more than it was billed");
    assert_eq!(desk.last().status, RunStatus::Interrupted);
    answers.store(ALL, Ordering::SeqCst);
    desk.run(&["eval", "--resume", "last"]).ends(3);
    is_settled(&desk, &script, cap);
}

#[test]
fn a_run_whose_cap_is_used_up_waits_for_no_other_attempt() {
    let script = Script::start(|number, _| match number {
        0 => Say(500, "retry-after: 50\r\n", json!({"error": {"message": "down"}}).to_string()),
        _ => Say::chat("7"),
    });
    let desk = Desk::new(&script.base());
    desk.sums(ROWS);
    let args = ["eval", "rows.jsonl", "-m", "priced", "--no-stream", "-c", "4", "--max-cost", "0.0005"];
    let began = Instant::now();
    desk.run(&args).ends(3).says(&["stopped by the cap"]);
    assert!(began.elapsed() < Duration::from_secs(40), "{:?}", began.elapsed());
    let charged = desk.reader().charged(&desk.last().id).unwrap();
    assert_eq!((charged.holds, charged.abandoned_count), (0, 0), "the attempt that was not made is no call");
}

#[test]
fn a_run_goes_on_under_the_cap_and_the_concurrency_it_was_last_given() {
    let answers = Arc::new(AtomicUsize::new(ALL));
    let script = greedy(&answers);
    let desk = Desk::new(&script.base());
    desk.sums(60);
    let args = ["eval", "rows.jsonl", "-m", "priced", "--no-stream", "--max-cost", "0.0005"];
    desk.run(&args).ends(3);
    let first = script.seen().len();
    desk.run(&["eval", "--resume", "last", "--max-cost", "0.001", "-c", "3"]).ends(3);
    let second = script.seen().len();
    assert!(second > first, "{second} of {first}");
    let ran = desk.run(&["eval", "--resume", "last"]).ends(3);
    ran.says(&["goes on under its cap of $0.001", "at most 3 calls at once"]);
    assert_eq!(script.seen().len(), second, "nothing is left of the larger cap");
    let shown = desk.run(&["eval", "show", "--json"]).ends(0).json();
    assert_eq!(shown["max_cost_usd"], "0.001");
    let json = desk.run(&["eval", "--resume", "last", "--max-cost", "none", "--json"]).ends(0).json();
    assert_eq!((&json["finished"], &json["max_cost_usd"]), (&json!(60), &json!(null)));
}

#[test]
fn a_cap_can_be_rehearsed_with_simulated_dollars_that_never_count_against_real_ones() {
    let answers = Arc::new(AtomicUsize::new(ALL));
    let script = greedy(&answers);
    let desk = Desk::new(&script.base());
    desk.sums(600);
    let args = ["eval", "rows.jsonl", "-m", "sim/fast?max_tokens=20", "-c", "16", "--json"];
    let free = desk.run(&args).ends(0).json();
    assert_eq!((&free["spent_usd"], &free["spent_is_simulated"]), (&json!("0.00"), &json!(false)));
    let whole = money(&free["models"][0]["cost_usd"]);
    let cap = Money::from_nanos(whole.nanos() / 2).decimal();
    let ran = desk.run(&[&args[..], &["--max-cost", &cap]].concat()).ends(3).says(&["simulated dollars"]);
    let json = ran.json();
    let spent = money(&json["spent_usd"]);
    assert!(spent > Money::ZERO && spent <= money(&json["max_cost_usd"]), "{json}");
    assert_eq!(json["spent_is_simulated"], true);
    let again = desk.run(&["eval", "--resume", "last", "--json"]).ends(3).json();
    assert_eq!(again["spent_usd"], json["spent_usd"], "what was spent is remembered");
    // Beside a model that costs real money the simulated one is free.
    let args = ["eval", "rows.jsonl", "-m", "sim/fast,priced", "--no-stream", "--json", "--max-cost", "1"];
    let json = desk.run(&args).ends(0).json();
    assert_eq!(money(&json["spent_usd"]), billed(&script));
}

#[test]
fn a_part_whose_cost_nobody_can_bound_is_refused_under_a_cap_and_sent_without_one() {
    let answers = Arc::new(AtomicUsize::new(ALL));
    let script = greedy(&answers);
    let desk = Desk::new(&script.base());
    let audio = json!({"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}});
    let row = json!({"messages": [{"role": "user", "content": [audio]}]});
    desk.write("rows.jsonl", row.to_string());
    let args = ["eval", "rows.jsonl", "-m", "priced", "--no-stream"];
    let ran = desk.run(&[&args[..], &["--max-cost", "1"]].concat()).ends(3);
    ran.says(&["a part of type `input_audio`", "no cost cap can hold", "--max-cost none"]);
    assert_eq!(script.seen().len(), 0);
    desk.run(&["eval", "--resume", "last", "--max-cost", "none"]).ends(0);
    assert_eq!(script.seen().len(), 1);
}
