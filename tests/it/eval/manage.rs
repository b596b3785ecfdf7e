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
    let same = desk.run(&["eval", "rescore", "last", "--json"]).ends(0).json();
    assert_eq!(same["models"][0]["accepted"]["n"], 7, "the run has the new scorers now");
    let back = desk.run(&["eval", "rescore", "last", "--scorer", "equals", "--json"]).ends(0).json();
    assert_eq!(back["models"][0]["accepted"]["n"], 10);
    desk.run(&["eval", "rescore", "last", "--scorer", "nmueric"]).ends(2).says(&["did you mean `numeric`?"]);
    assert_eq!(mock.requests(), 10);
}

#[test]
fn a_run_that_goes_on_after_rescoring_is_judged_by_one_set_of_scorers() {
    let mock = Mock::start(Settings::default());
    let desk = Desk::new(&mock.base());
    desk.sums(300);
    // The cap pays for some of the calls.
    let args = [
        "eval",
        "rows.jsonl",
        "-m",
        "priced",
        "--scorer",
        "equals",
        "-c",
        "1",
        "--max-cost",
        "0.0003",
        "--json",
    ];
    let part = desk.run(&args).ends(3).json()["finished"].as_u64().unwrap();
    assert!((1..300).contains(&part), "{part}");
    desk.run(&["eval", "rescore", "last", "--scorer", "contains:1"]).ends(0);
    let whole = desk.run(&["eval", "--resume", "last", "--max-cost", "none", "--json"]).ends(0).json();
    assert_eq!(whole["models"][0]["scorers"].as_object().unwrap().keys().collect::<Vec<_>>(), ["contains"]);
    let with_a_one = (7..307).filter(|sum: &u32| sum.to_string().contains('1')).count();
    assert_eq!(whole["models"][0]["accepted"]["n"], with_a_one);
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
    let (left_out, notes) = (&json["unmatched"], json["notes"][0].as_str().unwrap());
    assert_eq!(*left_out, json!({"incumbent": 20, "candidate": 0}));
    assert!(notes.ends_with("20 of 60 answers have no counterpart and are left out"), "{notes}");
    let same = format!("{new}:chat/a");
    desk.run(&["eval", "compare", &same, "last:chat/a"])
        .ends(2)
        .says(&["nothing to compare it with but itself"]);
    assert_eq!(mock.requests(), made);
}

#[test]
fn rows_of_two_runs_are_matched_by_what_they_ask_and_not_by_their_lines() {
    let desk = Desk::new("http://127.0.0.1:9");
    let row = |n: u32| json!({"prompt": format!("What is {n} + {n}?"), "expected": 2 * n}).to_string() + "\n";
    let write = |rows: &mut dyn Iterator<Item = u32>| {
        std::fs::write(desk.path("rows.jsonl"), rows.map(row).collect::<String>()).unwrap();
    };
    let run = |args: &[&str]| {
        let args = [&["eval", "rows.jsonl", "--json", "-m"], args].concat();
        desk.run(&args).json()["run"].as_str().unwrap().to_owned()
    };
    write(&mut (1..=30));
    let old = run(&["sim/good"]);
    // The same file again: other lines, and five rows more.
    write(&mut (11..=35).rev());
    let new = run(&["sim/good", "--scorer", "contains:2"]);
    let json = desk.run(&["eval", "compare", &old, &new, "--json"]).ends(0).json();
    assert_eq!(
        (&json["prompts"], &json["unmatched"]),
        (&json!(20), &json!({"incumbent": 10, "candidate": 5}))
    );
    let notes = json["notes"].to_string();
    for part in ["the datasets differ", "have the same id in both and ask something else", "scorers"] {
        assert!(notes.contains(part), "{part}: {notes}");
    }
}

#[test]
fn an_id_that_looks_like_a_place_is_an_id_when_the_row_has_it() {
    let desk = Desk::new("http://127.0.0.1:9");
    let write = |name: fn(u32) -> u32| {
        let row = |n: u32| {
            let id = format!("rows.jsonl:{}", name(n));
            json!({"id": id, "prompt": format!("What is {n} + {n}?"), "expected": 2 * n}).to_string() + "\n"
        };
        std::fs::write(desk.path("rows.jsonl"), (1..=30).map(row).collect::<String>()).unwrap();
    };
    let run = |model: &str| {
        desk.run(&["eval", "rows.jsonl", "--json", "-m", model]).json()["run"].as_str().unwrap().to_owned()
    };
    write(|n| n);
    let old = run("sim/good");
    // The same prompts under other ids are other rows: the ids are the user's, not places in the file.
    write(|n| n + 100);
    let new = run("sim/fast");
    desk.run(&["eval", "compare", &old, &new]).ends(2).says(&["share no prompts"]);
}

#[test]
fn repeats_of_one_prompt_are_one_in_a_comparison() {
    let desk = Desk::new("http://127.0.0.1:9");
    desk.sums(40);
    let models = ["eval", "rows.jsonl", "-m", "sim/good,sim/fast", "--repeat", "3", "--json"];
    let told = desk.run(&models).json()["run"].as_str().unwrap().to_owned();
    let (old, new) = (format!("{told}:sim/good"), format!("{told}:sim/fast"));
    let json = desk.run(&["eval", "compare", &old, &new, "--json"]).ends(0).json();
    assert_eq!((&json["prompts"], &json["pairs"]), (&json!(40), &json!(120)));
    let again = ["eval", "rows.jsonl", "-m", "sim/good,sim/fast", "--repeat", "3", "--json"];
    let whole = desk.run(&[&again[..], &["--incumbent", "sim/good"]].concat()).json();
    let ends = |json: &serde_json::Value| [0, 1].map(|end| json["ci95"][end].as_f64().unwrap());
    let (across, within) = (ends(&json), ends(&whole["comparisons"][0]));
    assert!((0..2).all(|end| (across[end] - within[end]).abs() < 1e-9), "{across:?} {within:?}");
}

#[test]
fn rescoring_with_a_scorer_that_has_to_ask_is_refused_before_anything_is_written() {
    let mock = Mock::start(Settings::default());
    let desk = Desk::new(&mock.base());
    desk.sums(5);
    desk.run(&["eval", "rows.jsonl", "-m", "chat/m", "--json"]).ends(0);
    let before = desk.run(&["eval", "show", "last", "--json"]).json();
    let judge = r#"{"type":"judge","model":"chat/j","rubric":"is it right?"}"#;
    for scorer in ["exec:true", judge] {
        desk.run(&["eval", "rescore", "last", "--scorer", scorer])
            .ends(2)
            .says(&["rescoring makes no calls", "nothing was changed"]);
    }
    // The same, where the dataset asks for it.
    let rows = std::fs::read_to_string(desk.path("rows.jsonl")).unwrap();
    let rows = rows.replace("\"prompt\"", "\"scorers\":[\"exec:true\"],\"prompt\"");
    std::fs::write(desk.path("rows.jsonl"), rows).unwrap();
    desk.run(&["eval", "rescore", "last"]).ends(2).says(&["`exec`", "nothing was changed"]);
    assert_eq!(desk.run(&["eval", "show", "last", "--json"]).json(), before);
    assert_eq!(mock.requests(), 5);
}

#[test]
fn what_cannot_be_decided_is_said_before_the_first_call() {
    let mock = Mock::start(Settings::default());
    let desk = Desk::new(&mock.base());
    desk.sums(5);
    desk.run(&["eval", "rows.jsonl", "-m", "chat/m", "--gate", "score(exact) >= 0.9"])
        .ends(2)
        .says(&["no row has a scorer `exact`; there are "]);
    assert_eq!(mock.requests(), 0);
    desk.run(&[
        "eval",
        "rows.jsonl",
        "-m",
        "sim/good,sim/fast",
        "--incumbent",
        "sim/good",
        "--margin",
        "5pp",
    ])
    .says(&["takes about 6", "if they disagree on 20% of them (assumed): this run has 5, too few"]);
}
