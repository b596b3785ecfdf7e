//! What is written where: reports, streams, colours, and text that wants to be more than text.

use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;

use orch::mock::Settings;
use serde_json::{Value, json};

use crate::support::{Desk, KEY, Mock, Ran, Say, Script, piped};

/// A clear screen, a title, a hyperlink, a carriage return, a bell, a C1 control and a right-to-left override.
const HOSTILE: &str =
    "\u{1b}[2J\u{1b}]0;owned\u{7}\u{1b}]8;;http://evil\u{1b}\\link\rover\u{9b}31m\u{202e}lru";

#[track_caller]
fn is_harmless(what: &str, text: &str) {
    for bad in ['\u{1b}', '\u{7}', '\r', '\u{9b}', '\u{202e}'] {
        assert!(!text.contains(bad), "{bad:?} in {what}: {text:?}");
    }
}

#[test]
fn every_report_is_written_for_its_owner_only() {
    let mock = Mock::start(Settings { wrong_share: 0.3, ..Settings::default() });
    let desk = Desk::new(&mock.base());
    desk.sums(40);
    let names = ["r.html", "r.md", "r.json", "r.jsonl", "r.csv", "r.xml"];
    let mut args = vec!["eval", "rows.jsonl", "-m", "chat/m", "--incumbent", "priced"];
    args.extend(names.iter().flat_map(|name| ["--out", name]));
    let ran = desk.run(&args);
    assert!([0, 1].contains(&ran.code), "{}", ran.err);
    for name in names {
        let mode = std::fs::metadata(desk.path(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
        assert!(desk.read(name).len() > 200, "{name}");
        assert!(ran.err.contains(&format!("wrote {name}")), "{}", ran.err);
    }
    let left: Vec<_> =
        std::fs::read_dir(desk.path("")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().contains(".part")), "{left:?}");
    let report: Value = serde_json::from_str(&desk.read("r.json")).unwrap();
    assert_eq!(report["models"][1]["samples"], 40);
    let lines: Vec<Value> =
        desk.read("r.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.len() >= 80, "{}", lines.len());
    assert_eq!(desk.read("r.csv").lines().count(), 81);
    assert!(desk.read("r.xml").starts_with("<?xml") && desk.read("r.html").contains("</html>"));
    assert_eq!(desk.files_with(KEY), Vec::<std::path::PathBuf>::new());
}

#[test]
fn a_report_that_cannot_be_written_stops_the_run_before_it_costs() {
    let mock = Mock::start(Settings::default());
    let desk = Desk::new(&mock.base());
    desk.sums(2);
    std::fs::create_dir(desk.path("taken.html")).unwrap();
    for (out, words) in [
        ("nowhere/r.html", "there is no directory nowhere"),
        ("taken.html", "it is a directory"),
        ("/proc/r.html", "cannot write /proc/r.html"),
        ("r.docx", "no report format"),
        ("report", "no report format"),
    ] {
        let ran = desk.run(&["eval", "rows.jsonl", "-m", "chat/m", "--out", out]).says(&[words]);
        assert!([2, 4].contains(&ran.code), "{out}: {}", ran.code);
    }
    assert_eq!(mock.requests(), 0);
}

#[test]
fn a_ledger_that_cannot_be_written_stops_the_run_before_it_costs() {
    let mock = Mock::start(Settings::default());
    let desk = Desk::new(&mock.base());
    desk.sums(2);
    desk.write("text.db", "this is a letter, not a ledger. ".repeat(100));
    for (ledger, words) in [("text.db", "is not a ledger"), (".", "ledger"), ("/proc/ledger.db", "ledger")] {
        desk.run(&["eval", "rows.jsonl", "-m", "chat/m", "--ledger", ledger]).ends(4).says(&[words]);
    }
    assert_eq!(mock.requests(), 0);
    assert!(desk.read("text.db").starts_with("this is a letter"));
}

#[test]
fn a_ledger_in_a_directory_that_is_not_there_is_a_mistake_in_its_name() {
    let mock = Mock::start(Settings::default());
    let desk = Desk::new(&mock.base());
    desk.sums(2);
    let words = ["cannot use the ledger runz/l.db: there is no directory runz", "make the directory first"];
    for args in [&["eval", "rows.jsonl", "-m", "chat/m"][..], &["eval", "list"], &["eval", "show"]] {
        desk.run(&[args, &["--ledger", "runz/l.db"]].concat()).ends(2).says(&words);
    }
    assert!(!desk.path("runz").exists());
    assert_eq!(mock.requests(), 0);
    desk.run(&["eval", "rows.jsonl", "-m", "chat/m"]).ends(0);
    assert!(desk.ledger().exists(), "the default place is made");
}

#[test]
fn json_is_safe_to_show_and_means_the_same() {
    let row = json!({"id": HOSTILE, "prompt": HOSTILE, "expected": "7", "tags": [HOSTILE]}).to_string();
    let script = Script::start(|_, _| Say::chat(HOSTILE));
    let desk = Desk::new(&script.base());
    desk.write("rows.jsonl", row);
    let args =
        ["eval", "rows.jsonl", "-m", "chat/m", "--no-stream", "--json", "--out", "r.jsonl", "--out", "r.csv"];
    let ran = desk.run(&args).ends(0);
    is_harmless("stdout", &ran.out);
    for name in ["r.jsonl", "r.csv"] {
        is_harmless(name, &desk.read(name));
    }
    let line: Value = serde_json::from_str(&desk.read("r.jsonl")).unwrap();
    assert_eq!((&line["answer"], &line["id"]), (&json!(HOSTILE), &json!(HOSTILE)));
}

#[test]
fn what_was_simulated_and_what_was_replayed_are_told_apart() {
    let desk = Desk::new("http://127.0.0.1:9");
    desk.sums(1);
    desk.write("old.jsonl", json!({"id": "s0", "model": "old", "output": "7"}).to_string());
    let json = desk.run(&["eval", "rows.jsonl", "-m", "sim/good,replay:old.jsonl", "--json"]).json();
    let told = |i: usize| (&json["models"][i]["simulated"], &json["models"][i]["replayed"]);
    assert_eq!(told(0), (&json!(true), &json!(false)), "{json}");
    assert_eq!(told(1), (&json!(false), &json!(true)), "{json}");
}

#[test]
fn a_full_disk_under_stdout_is_a_sentence() {
    let mock = Mock::start(Settings::default());
    let desk = Desk::new(&mock.base());
    desk.sums(1);
    let full = || std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    for args in [&["eval", "rows.jsonl", "-m", "chat/m", "--json"][..], &["eval", "show"], &["eval", "list"]]
    {
        let ran = Ran::of(desk.orch(args).stdout(full()).output().unwrap()).ends(4);
        ran.says(&["cannot write to standard output: No space left"]);
    }
}

#[test]
fn columns_that_mean_nothing_are_ignored_and_narrow_ones_are_kept() {
    let mock = Mock::start(Settings { wrong_share: 0.3, ..Settings::default() });
    let desk = Desk::new(&mock.base());
    desk.sums(80);
    desk.run(&["eval", "rows.jsonl", "-m", "chat/m,priced", "--gate", "valid >= 0.5"]);
    let shown = |columns: &str| {
        let mut command = desk.orch(&["eval", "show"]);
        Ran::of(command.env("COLUMNS", columns).output().unwrap()).ends(0).out
    };
    assert_eq!(shown("0"), shown("120"));
    assert_eq!(shown("many"), shown("120"));
    for columns in [40, 60, 80, 120] {
        for line in shown(&columns.to_string()).lines() {
            // A command is for copying, and never cut.
            let fits = line.chars().count() <= columns || line.contains("orch eval");
            assert!(fits, "{line:?} at {columns}");
        }
    }
}

#[test]
fn json_on_stdout_has_every_field_of_its_schema() {
    let mock = Mock::start(Settings::default());
    let desk = Desk::new(&mock.base());
    desk.sums(3);
    let ran = desk.run(&["eval", "rows.jsonl", "-m", "chat/m", "--incumbent", "priced", "--json"]).ends(0);
    let json = ran.json();
    assert_eq!(json["version"], 1);
    let top = [
        "orch_version",
        "run",
        "status",
        "started",
        "took_ms",
        "seed",
        "dataset",
        "datasets",
        "skipped_rows",
        "planned",
        "finished",
        "spent_usd",
        "max_cost_usd",
        "overhead_share",
        "verdict",
        "verdicts",
        "gates",
        "comparisons",
        "models",
        "notes",
    ];
    let model = [
        "model",
        "is_incumbent",
        "simulated",
        "replayed",
        "samples",
        "accepted",
        "accepted_of_answered",
        "valid",
        "rejected",
        "refused",
        "repaired",
        "retried",
        "errors",
        "latency_ms",
        "ttft_ms",
        "tokens",
        "cost_usd",
        "cost_is_estimated",
        "judge_cost_usd",
        "cost_per_call_usd",
        "cost_per_call_ci95",
        "cost_per_accepted_usd",
        "cost_per_accepted_ci95_usd",
        "scorers",
        "pass_at_k",
        "pass_all_k",
        "variance",
        "served",
    ];
    for (object, fields) in [(&json, &top[..]), (&json["models"][0], &model)] {
        for field in fields {
            assert!(object.get(field).is_some(), "{field}");
        }
    }
    assert_eq!(json["status"], "done");
}

#[test]
fn quiet_leaves_stderr_empty_and_results_on_stdout() {
    let mock = Mock::start(Settings::default());
    let desk = Desk::new(&mock.base());
    desk.sums(3);
    let ran = desk.run(&["eval", "rows.jsonl", "-m", "chat/m", "--quiet", "--out", "r.json"]).ends(0);
    assert_eq!(ran.err, "");
    assert!(ran.out.contains("accepted"), "{}", ran.out);
    let ran = desk.run(&["eval", "rescore", "last", "-q"]).ends(0);
    assert_eq!(ran.err, "");
}

#[test]
fn colours_come_when_they_are_forced_and_no_color_wins() {
    let mock = Mock::start(Settings::default());
    let desk = Desk::new(&mock.base());
    desk.sums(3);
    let args = ["eval", "rows.jsonl", "-m", "chat/m", "--gate", "accepted >= 0.5"];
    let run = |vars: &[(&str, &str)]| {
        Ran::of(desk.orch(&args).envs(vars.iter().copied()).output().unwrap()).ends(0)
    };
    let plain = run(&[]);
    is_harmless("stdout", &plain.out);
    is_harmless("stderr", &plain.err);
    assert!(run(&[("CLICOLOR_FORCE", "1")]).out.contains("\u{1b}["));
    let ran = run(&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]);
    is_harmless("stdout", &ran.out);
}

#[test]
fn a_reader_that_leaves_early_is_no_error() {
    let mock = Mock::start(Settings::default());
    let desk = Desk::new(&mock.base());
    desk.sums(3);
    for flags in [
        &["eval", "rows.jsonl", "-m", "chat/m", "-q"][..],
        &["eval", "show", "--json", "-q"],
        &["models", "list"],
    ] {
        let mut child = piped(&mut desk.orch(flags));
        drop(child.stdout.take());
        let mut err = String::new();
        child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        assert_eq!((child.wait().unwrap().code(), err.as_str()), (Some(0), ""), "{flags:?}");
    }
}

#[test]
fn hostile_text_of_models_and_rows_is_shown_as_text() {
    let mock = Mock::start(Settings::default());
    let desk = Desk::new(&mock.base());
    let row = json!({"id": HOSTILE, "prompt": HOSTILE, "expected": HOSTILE, "cluster": HOSTILE,
        "scorers": [{"type": "contains", "value": format!("not there {HOSTILE}"), "name": HOSTILE}]});
    desk.write("rows.jsonl", row.to_string());
    desk.write("more.jsonl", json!({"prompt": HOSTILE, "scorers": [HOSTILE]}).to_string());
    let models = format!("chat/{}", HOSTILE.replace(['\r', ','], ""));
    for args in [
        &["eval", "rows.jsonl", "-m", "chat/m"][..],
        &["eval", "rows.jsonl", "-m", "chat/m", "--gate", HOSTILE],
        &["eval", "more.jsonl", "-m", "chat/m"],
        &["eval", HOSTILE, "-m", "chat/m"],
        &["eval", "rows.jsonl", "-m", &models],
        &["eval", "rows.jsonl", "-m", HOSTILE],
        &["eval", "show", "last"],
        &["eval", "show", HOSTILE],
        &["eval", "list"],
        &["eval", "rescore", "last"],
    ] {
        let ran = desk.run(args);
        is_harmless("stdout", &ran.out);
        is_harmless("stderr", &ran.err);
    }
    desk.run(&["eval", "show", "last", "--out", "r.html", "--out", "r.xml", "--out", "r.md"]).ends(0);
    for name in ["r.html", "r.xml", "r.md"] {
        is_harmless(name, &desk.read(name));
    }
}

#[test]
fn hostile_errors_of_providers_are_shown_as_text_and_logs_hold_no_key() {
    let body = json!({"error": {"message": format!("{HOSTILE} your key is wrong"), "type": HOSTILE}});
    let script = Script::start(move |_, _| Say(401, "", body.to_string()));
    let desk = Desk::new(&script.base());
    desk.sums(30);
    let ran = desk
        .run(&["eval", "rows.jsonl", "-m", "chat/m", "-vv", "--out", "r.jsonl", "--out", "r.html"])
        .ends(4);
    is_harmless("stdout", &ran.out);
    is_harmless("stderr", &ran.err);
    assert!(ran.err.contains("every call failed: auth"), "{}", ran.err);
    assert!(!ran.out.contains(KEY) && !ran.err.contains(KEY), "{}", ran.err);
    assert_eq!(desk.files_with(KEY), Vec::<std::path::PathBuf>::new());
}
