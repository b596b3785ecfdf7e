//! Runs survive: signals, kills, several processes, and what a continued run may and may not be.

use std::time::Duration;

use orch::base::money::Money;
use orch::ledger::row::RunStatus;
use orch::mock::Settings;
use serde_json::json;

use crate::support::{Desk, Door, Mock, Ran, Running, Say, Script, money, sums};

const ROWS: u64 = 200;
/// The most calls under way at once in these tests.
const UNDER_WAY: u64 = 8;

fn slow() -> Settings {
    Settings { latency: Duration::from_millis(10), ..Settings::default() }
}

fn args() -> [&'static str; 7] {
    ["eval", "rows.jsonl", "-m", "priced", "-c", "8", "--json"]
}

/// Every sample is there once, and right.
#[track_caller]
fn is_whole(desk: &Desk, ran: &Ran) {
    let json = ran.json();
    assert_eq!((&json["finished"], &json["models"][0]["accepted"]["n"]), (&json!(ROWS), &json!(ROWS)));
    let items: Vec<_> = desk.samples().iter().map(|row| row.facts.key.item).collect();
    assert_eq!(items, (0..ROWS).collect::<Vec<_>>());
    assert_eq!(desk.last().status, RunStatus::Done);
}

#[test]
fn an_interrupt_drains_and_the_run_goes_on_where_it_stopped() {
    let mock = Mock::start(slow());
    let desk = Desk::new(&mock.base());
    desk.sums(ROWS);
    let mut running = Running::start(&mut desk.orch(&args()));
    running.until("200 samples");
    mock.wait_for(20);
    running.signal("INT");
    let ran = running.end().ends(130);
    let run = desk.last();
    assert_eq!(run.status, RunStatus::Interrupted);
    let command = format!("orch eval --resume {}", run.id);
    let ran = ran.says(&["stopping: finishing", "under way, at most 30s; interrupt again to drop them"]);
    assert_eq!(ran.err.matches(&command).count(), 1, "how to go on is said once: {}", ran.err);
    assert!(ran.err.lines().any(|line| line.trim() == command), "on a line to copy: {}", ran.err);
    let made = mock.requests();
    assert!(made < ROWS, "{made}");
    assert_eq!(ran.json()["finished"], made, "what was under way is finished and recorded");
    assert_eq!(desk.samples().len() as u64, made);
    let ran = desk.run(&["eval", "--resume", "last", "--json"]).ends(0);
    is_whole(&desk, &ran.says(&[&format!("{made} of them finished earlier")]));
    assert_eq!(mock.requests(), ROWS, "no call is made twice");
}

#[test]
fn what_failed_is_asked_again_on_demand_and_only_then() {
    let mock = Mock::start(Settings { error_share: 0.4, ..Settings::default() });
    let desk = Desk::new(&mock.base());
    let config = desk.read("orch.toml").replace("attempts = 3", "attempts = 1");
    desk.write("orch.toml", config);
    desk.sums(ROWS);
    let errors = |ran: &Ran| ran.json()["models"][0]["errors"]["server"].as_u64().unwrap_or(0);
    let ran = desk.run(&args());
    let failed = errors(&ran);
    assert!(failed > ROWS / 4, "{failed}");
    assert_eq!(errors(&desk.run(&["eval", "--resume", "last", "--json"])), failed);
    assert_eq!(mock.requests(), ROWS, "what is finished is not asked again");
    let ran = desk.run(&["eval", "--resume", "last", "--retry-errors", "--json"]);
    assert_eq!(mock.requests(), ROWS + failed);
    assert!(errors(&ran) < failed, "{}", errors(&ran));
    assert_eq!(ran.json()["finished"], ROWS);
    desk.run(&["eval", "rows.jsonl", "--retry-errors"]).ends(2).says(&["--resume"]);
}

#[test]
fn a_termination_and_a_lost_terminal_are_interrupts() {
    for signal in ["TERM", "HUP"] {
        let mock = Mock::start(slow());
        let desk = Desk::new(&mock.base());
        desk.sums(ROWS);
        let mut running = Running::start(&mut desk.orch(&args()));
        running.until("200 samples");
        mock.wait_for(5);
        running.signal(signal);
        running.end().ends(130).says(&["continue with:\n  orch eval --resume"]);
    }
}

#[test]
fn an_interrupt_does_not_wait_for_another_attempt() {
    let script = Script::start(|number, _| match number {
        0 => Say::chat("7"),
        _ => Say(500, "retry-after: 50\r\n", json!({"error": {"message": "down"}}).to_string()),
    });
    let desk = Desk::new(&script.base());
    desk.sums(ROWS);
    let args = ["eval", "rows.jsonl", "-m", "priced", "-c", "4", "--json", "--no-stream"];
    let mut running = Running::start(&mut desk.orch(&args));
    running.until("200 samples");
    while script.seen().len() < 5 {
        std::thread::yield_now();
    }
    running.signal("INT");
    let ran = running.end().ends(130);
    assert_eq!(ran.json()["finished"], 1, "a sample that waits is left for later: {}", ran.err);
    assert_eq!(desk.last().status, RunStatus::Interrupted);
    assert!(!ran.err.contains("dropped"), "nothing was sent and not waited for: {}", ran.err);
}

#[test]
fn a_second_interrupt_drops_what_is_under_way() {
    let door = Door::default();
    let held = door.clone();
    let script = Script::start(move |number, _| {
        if number > 0 {
            held.pass();
        }
        Say::chat("7")
    });
    let desk = Desk::new(&script.base());
    desk.sums(ROWS);
    let mut running = Running::start(desk.orch(&args()).arg("--no-stream"));
    running.until("200 samples");
    while script.seen().len() < 3 {
        std::thread::yield_now();
    }
    running.signal("INT");
    running.until("interrupt again");
    running.signal("INT");
    let ran = running.end().ends(130).says(&[
        "dropped ",
        " under way; their providers may still bill",
        "continue with",
    ]);
    assert_eq!(ran.json()["finished"], 1);
    door.open();
    desk.run(&["eval", "--resume", "last", "--json"]).ends(0);
    assert_eq!(desk.samples().len() as u64, ROWS);
}

#[test]
fn what_a_dropped_sample_had_paid_for_is_on_record_without_a_cap_too() {
    let door = Door::default();
    let held = door.clone();
    let script = Script::start(move |_, seen| {
        if seen.body["model"] == "judge" {
            held.pass();
        }
        Say::chat("7")
    });
    let judge = "[models.judge]\nid = \"chat/judge\"\nprice = { input = 10, output = 20 }\nmax_output = 10\n";
    let desk = Desk::with(&script.base(), judge);
    desk.sums(1);
    let args = ["eval", "rows.jsonl", "-m", "priced", "--scorer", "judge:judge It is right.", "--json"];
    let mut running = Running::start(desk.orch(&args).arg("--no-stream"));
    running.until("1 sample");
    while script.seen().len() < 2 {
        std::thread::yield_now();
    }
    running.signal("INT");
    running.until("interrupt again");
    running.signal("INT");
    let json = running.end().ends(130).says(&["dropped 1 sample"]).json();
    let answered = Money::from_nanos(10 * 150 + 5 * 600);
    assert_eq!((&json["finished"], money(&json["spent_usd"])), (&json!(0), answered));
    assert_eq!(desk.spent(), answered);
    door.open();
}

#[test]
fn a_killed_process_loses_at_most_what_was_under_way() {
    let mock = Mock::start(slow());
    let desk = Desk::new(&mock.base());
    desk.sums(ROWS);
    let mut running = Running::start(&mut desk.orch(&args()));
    running.until("200 samples");
    mock.wait_for(60);
    running.signal("KILL");
    running.end().ends(-9);
    let (kept, made) = (desk.samples().len() as u64, mock.requests());
    assert!(kept > 0, "samples are committed as they finish");
    assert!(kept + 2 * UNDER_WAY >= made, "{kept} of {made} are kept");
    assert_eq!(desk.last().status, RunStatus::Running);
    let ran = desk.run(&["eval", "--resume", "last", "--json"]).ends(0);
    is_whole(&desk, &ran);
    assert_eq!(mock.requests() - made, ROWS - kept, "only the missing calls are made");
}

#[test]
fn a_run_under_way_is_not_made_by_a_second_process() {
    let mock = Mock::start(slow());
    let desk = Desk::new(&mock.base());
    desk.sums(ROWS);
    let mut running = Running::start(&mut desk.orch(&args()));
    running.until("200 samples");
    mock.wait_for(5);
    let ran = desk.run(&["eval", "--resume", "last", "--json"]).ends(2);
    ran.says(&[&desk.last().id, "under way in another process"]);
    is_whole(&desk, &running.end().ends(0));
    assert_eq!(mock.requests(), ROWS, "nothing is paid twice");
}

#[test]
fn two_processes_write_one_ledger() {
    let mock = Mock::start(slow());
    let desk = Desk::new(&mock.base());
    desk.sums(ROWS);
    let running: Vec<_> = (0..2).map(|_| Running::start(&mut desk.orch(&args()))).collect();
    let runs: Vec<_> = running.into_iter().map(|running| running.end().ends(0).json()).collect();
    assert_eq!(mock.requests(), 2 * ROWS);
    let reader = desk.reader();
    for json in &runs {
        let id = json["run"].as_str().unwrap();
        assert_eq!(json["finished"], ROWS);
        assert_eq!(reader.run(id).unwrap().unwrap().status, RunStatus::Done);
        let mut count = 0;
        reader
            .finished(id, |_| {
                count += 1;
                std::ops::ControlFlow::Continue(())
            })
            .unwrap();
        assert_eq!(count, ROWS);
    }
    assert_ne!(runs[0]["run"], runs[1]["run"]);
    let id = runs[0]["run"].as_str().unwrap();
    assert_eq!(reader.spent(id).unwrap(), reader.spent(runs[1]["run"].as_str().unwrap()).unwrap());
}

#[test]
fn what_a_continued_run_cannot_change_is_refused() {
    let desk = Desk::new("http://127.0.0.1:9");
    let flags: [&[&str]; 8] = [
        &["--gate", "valid >= 0.5"],
        &["--scorer", "equals"],
        &["--incumbent", "chat/m"],
        &["--margin", "1pp"],
        &["--system", "be brief"],
        &["--early-stop"],
        &["--skip-bad"],
        &["--no-stream"],
    ];
    for flag in flags {
        let ran = desk.run(&[&["eval", "--resume", "last"][..], flag].concat()).ends(2);
        ran.says(&["cannot be used with", flag[0]]);
    }
}

#[test]
fn the_configuration_may_be_named_by_the_environment() {
    let mock = Mock::start(Settings::default());
    let desk = Desk::new(&mock.base());
    desk.sums(1);
    std::fs::rename(desk.path("orch.toml"), desk.path("elsewhere.toml")).unwrap();
    desk.run(&["eval", "rows.jsonl", "-m", "priced"]).ends(2);
    let named = |file: &str| {
        let mut command = desk.orch(&["eval", "rows.jsonl", "-m", "priced"]);
        Ran::of(command.env("ORCH_CONFIG", desk.path(file)).output().unwrap())
    };
    named("elsewhere.toml").ends(0);
    named("nowhere.toml").ends(2).says(&["cannot read the configuration"]);
}

#[test]
fn a_finished_run_that_is_continued_makes_no_calls() {
    let mock = Mock::start(Settings::default());
    let desk = Desk::new(&mock.base());
    desk.sums(5);
    let first = desk.run(&["eval", "rows.jsonl", "-m", "chat/m", "--json"]).ends(0).json();
    let run = first["run"].as_str().unwrap();
    let again = desk.run(&["eval", "--resume", &run[..4], "--json"]).ends(0).json();
    assert_eq!((&again["run"], &again["finished"]), (&json!(run), &json!(5)));
    assert_eq!(mock.requests(), 5);
}

#[test]
fn a_changed_dataset_or_model_cannot_go_on() {
    let mock = Mock::start(Settings::default());
    let desk = Desk::new(&mock.base());
    desk.sums(5);
    desk.run(&["eval", "rows.jsonl", "-m", "priced"]).ends(0);
    desk.write("rows.jsonl", sums(6));
    let ran = desk.run(&["eval", "--resume", "last"]).ends(2);
    ran.says(&["rows.jsonl has changed since the run began", "orch eval rescore"]);
    desk.write("rows.jsonl", sums(5));
    let config = desk.read("orch.toml");
    desk.write("orch.toml", config.replace("id = \"chat/m\"", "id = \"chat/n\""));
    let ran = desk.run(&["eval", "--resume", "last"]).ends(2);
    ran.says(&["priced was chat/m and is now chat/n"]);
    let warmer = "id = \"chat/m\"\nparams = { temperature = 1 }";
    desk.write("orch.toml", config.replace("id = \"chat/m\"", warmer));
    let ran = desk.run(&["eval", "--resume", "last"]).ends(2);
    ran.says(&[
        "priced was asked with no parameters and would now be asked with temperature=1",
        "put it back",
    ]);
    desk.write("orch.toml", config.replace("total = \"20s\"", "total = \"21s\""));
    desk.run(&["eval", "--resume", "last"]).ends(0);
    std::fs::remove_file(desk.path("rows.jsonl")).unwrap();
    desk.write("orch.toml", config);
    desk.run(&["eval", "--resume", "last"]).ends(2).says(&["rows.jsonl"]);
    assert_eq!(mock.requests(), 5);
}

#[test]
fn a_run_is_named_by_a_beginning_that_means_one() {
    let mock = Mock::start(Settings::default());
    let desk = Desk::new(&mock.base());
    desk.sums(1);
    let none = desk.run(&["eval", "--resume", "last"]).ends(4);
    none.says(&["there is no ledger at", "run an evaluation first"]);
    for _ in 0..2 {
        desk.run(&["eval", "rows.jsonl", "-m", "chat/m"]).ends(0);
    }
    for args in [&["eval", "--resume", "r"][..], &["eval", "show", "r"], &["eval", "rescore", "r"]] {
        desk.run(args).ends(2).says(&["several runs begin with \"r\"", &desk.last().id, "type more"]);
    }
    for args in [&["eval", "--resume", "nope"][..], &["eval", "show", "nope"], &["eval", "rescore", "nope"]] {
        desk.run(args).ends(2).says(&["there is no run `nope`", "orch eval list"]);
    }
    desk.run(&["eval", "rows.jsonl", "--resume", "last"]).ends(2).says(&["cannot be used with"]);
    assert_eq!(mock.requests(), 2);
}

#[test]
fn standard_input_can_be_continued_when_it_says_the_same_again() {
    let mock = Mock::start(slow());
    let desk = Desk::new(&mock.base());
    desk.sums(ROWS);
    let input = || std::fs::File::open(desk.path("rows.jsonl")).unwrap();
    let mut running =
        Running::start(desk.orch(&["eval", "-", "-m", "priced", "-c", "8", "--json"]).stdin(input()));
    running.until("200 samples");
    mock.wait_for(5);
    running.signal("INT");
    running.end().ends(130);
    let made = mock.requests();
    desk.run(&["eval", "--resume", "last"]).ends(2);
    desk.feed(&["eval", "--resume", "last"], sums(4).as_bytes()).ends(2).says(&["- has changed"]);
    assert_eq!(mock.requests(), made);
    let output = desk.orch(&["eval", "--resume", "last", "--json"]).stdin(input()).output().unwrap();
    is_whole(&desk, &Ran::of(output).ends(0));
}
