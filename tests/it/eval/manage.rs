//! Recorded runs: list, show, compare, rescore.

use orch::mock::Settings;
use serde_json::json;

use crate::support::{Desk, Mock};

#[test]
fn runs_are_listed_newest_first() {
    let mock = Mock::start(Settings::default());
    let desk = Desk::new(&mock.base());
    desk.sums(2);
    desk.run(&["eval", "list"]).ends(4).says(&["there is no ledger"]);
    let runs: Vec<String> = ["chat/m", "claude/m"]
        .iter()
        .map(|model| {
            let json = desk.run(&["eval", "rows.jsonl", "-m", model, "--json"]).ends(0).json();
            json["run"].as_str().unwrap().to_owned()
        })
        .collect();
    let listed = desk.run(&["eval", "list"]).ends(0).out;
    let lines: Vec<_> = listed.lines().collect();
    assert_eq!(lines.len(), 2);
    assert!(lines[0].starts_with(&runs[1]) && lines[0].ends_with("rows.jsonl  claude/m"), "{listed}");
    assert!(lines[1].starts_with(&runs[0]) && lines[1].contains("done"), "{listed}");
    let one = desk.run(&["eval", "list", "-n", "1", "--json"]).ends(0).json();
    assert_eq!(
        (&one["run"], &one["models"], &one["status"]),
        (&json!(runs[1]), &json!(["claude/m"]), &json!("done"))
    );
}

#[test]
fn a_run_is_shown_as_it_was_told() {
    let mock = Mock::start(Settings { wrong_share: 0.2, ..Settings::default() });
    let desk = Desk::new(&mock.base());
    desk.sums(80);
    let args =
        ["eval", "rows.jsonl", "-m", "chat/a", "--incumbent", "priced", "--gate", "valid >= 0.5", "--json"];
    let mut told = desk.run(&args).json();
    let made = mock.requests();
    std::fs::remove_file(desk.path("rows.jsonl")).unwrap();
    let mut shown = desk.run(&["eval", "show", "last", "--json"]).ends(0).json();
    for json in [&mut told, &mut shown] {
        // What only the process that made the calls knows: its time, and what its loop was late.
        for field in ["took_ms", "overhead_share", "verdict", "verdicts"] {
            json.as_object_mut().unwrap().remove(field);
        }
    }
    assert_eq!(told, shown);
    assert_eq!(mock.requests(), made);
}

#[test]
fn rescoring_does_not_hold_a_scorer_that_failed_against_the_candidate() {
    let mock = Mock::start(Settings::default());
    let desk = Desk::new(&mock.base());
    desk.sums(3);
    let first = desk.run(&["eval", "rows.jsonl", "-m", "chat/m", "--scorer", "exec:false", "--json"]).json();
    assert_eq!(first["models"][0]["errors"], json!({"unscored": 3}));
    let ran = desk.run(&["eval", "rescore", "last", "--json"]).ends(0).says(&["0 changed their outcome"]);
    assert_eq!(ran.json()["models"][0]["errors"], json!({"unscored": 3}));
}

#[test]
fn rescoring_makes_no_calls_and_changes_what_scorers_say() {
    let mock = Mock::start(Settings::default());
    let desk = Desk::new(&mock.base());
    desk.sums(10);
    let args = ["eval", "rows.jsonl", "-m", "priced", "--scorer", "equals", "--json"];
    let first = desk.run(&args).ends(0).json();
    assert_eq!(first["models"][0]["accepted"]["n"], 10);
    let ran = desk.run(&["eval", "rescore", "last", "--scorer", "contains:1", "--json"]).ends(0);
    let json = ran.json();
    // Of 7 to 16 the numbers from 10 on hold a one.
    assert_eq!(json["models"][0]["accepted"]["n"], 7);
    assert_eq!(json["models"][0]["scorers"]["contains"]["n"], 7);
    assert_eq!((&json["run"], &json["spent_usd"]), (&first["run"], &first["spent_usd"]));
    ran.says(&["scored 10 samples again; 3 changed their outcome"]);
    let shown = desk.run(&["eval", "show", "--json"]).ends(0).json();
    assert_eq!(shown["models"][0]["accepted"]["n"], 7);
    let back = desk.run(&["eval", "rescore", "last", "--json"]).ends(0).json();
    assert_eq!(back["models"][0]["accepted"]["n"], 10);
    desk.run(&["eval", "rescore", "last", "--scorer", "nmueric"]).ends(2).says(&["did you mean `numeric`?"]);
    assert_eq!(mock.requests(), 10);
}

#[test]
fn two_runs_are_compared_on_the_prompts_they_share() {
    let mock = Mock::start(Settings { wrong_share: 0.5, ..Settings::default() });
    let desk = Desk::new(&mock.base());
    desk.sums(60);
    let run = |args: &[&str]| desk.run(args).json()["run"].as_str().unwrap().to_owned();
    let old = run(&["eval", "rows.jsonl", "-m", "sim/good", "--json"]);
    let new = run(&["eval", "rows.jsonl", "-m", "chat/a,chat/b", "--limit", "40", "--json"]);
    let made = mock.requests();
    let ran = desk.run(&["eval", "compare", &old, &format!("{new}:chat/a"), "--json"]).ends(0);
    let json = ran.json();
    assert_eq!(json["pairs"], 40);
    assert!(json["worse"].as_u64() > json["better"].as_u64(), "{json}");
    desk.run(&["eval", "compare", &old, &new]).ends(2).says(&["say which candidate", "chat/a, chat/b"]);
    desk.run(&["eval", "compare", &old, "nope"]).ends(2).says(&["there is no run `nope`"]);
    desk.run(&["eval", "compare", &old, &format!("{new}:chat/a"), "--margin", "x"]).ends(2);
    assert_eq!(mock.requests(), made);
}
