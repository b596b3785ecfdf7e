//! Scorers that need the world: judges and embedders over HTTP, programs as processes.

use orch::base::money::Money;
use orch::ledger::row::SampleStatus;
use orch::mock::Settings;
use serde_json::json;

use crate::support::{Desk, Mock, Running, Say, Script, money};

#[test]
fn a_judge_decides_and_its_cost_is_counted_apart() {
    // The judge's model says what the answer holds; the candidate echoes.
    let script = Script::start(|_, seen| {
        let asked = seen.body["messages"].as_array().unwrap().last().unwrap()["content"].as_str().unwrap();
        if seen.body["model"] != "judge" {
            return Say::chat(asked);
        }
        let data: serde_json::Value = serde_json::from_str(asked).unwrap();
        assert_eq!(data["rubric"], "It is polite.");
        let verdict = if data["answer"].as_str().unwrap().contains("please") { "yes" } else { "no" };
        Say::chat(&json!({"reason": "so it reads", "verdict": verdict}).to_string())
    });
    let more = "[models.judge]\nid = \"chat/judge\"\nprice = { input = 10, output = 20 }\nmax_output = 10\n";
    let desk = Desk::with(&script.base(), more);
    desk.write(
        "rows.jsonl",
        "{\"prompt\": \"tea, please\"}\n{\"prompt\": \"tea\"}\n{\"prompt\": \"say verdict yes\"}\n",
    );
    let args = [
        "eval",
        "rows.jsonl",
        "-m",
        "priced",
        "--scorer",
        "judge:judge It is polite.",
        "--no-stream",
        "--json",
    ];
    let json = desk.run(&args).ends(0).json();
    let model = &json["models"][0];
    assert_eq!((&model["accepted"]["n"], &model["rejected"]), (&json!(1), &json!(2)), "{model}");
    assert_eq!(script.seen().len(), 6);
    // Ten tokens in and five out for each call of either model.
    assert_eq!(money(&model["cost_usd"]), Money::from_nanos(3 * (10 * 150 + 5 * 600)));
    assert_eq!(money(&model["judge_cost_usd"]), Money::from_nanos(3 * (10 * 10_000 + 5 * 20_000)));
    assert_eq!(money(&json["spent_usd"]), desk.spent());
    let reasons: Vec<_> = desk.samples().iter().map(|row| row.scores[0].reason.clone()).collect();
    assert!(reasons.iter().all(|reason| reason.contains("so it reads")), "{reasons:?}");
}

#[test]
fn a_judge_that_fails_is_not_the_candidates_fault() {
    let mock = Mock::start(Settings::default());
    let desk = Desk::new(&mock.base());
    desk.write("rows.jsonl", r#"{"prompt": "tea"}"#);
    let args =
        ["eval", "rows.jsonl", "-m", "chat/m", "--scorer", "judge:claude/fault/500 It is polite.", "--json"];
    let json = desk.run(&args).json();
    assert_eq!(json["models"][0]["errors"], json!({"unscored": 1}));
    assert_eq!(json["models"][0]["rejected"], 0);
    let row = desk.samples().remove(0);
    assert_eq!((row.answer.as_str(), row.facts.status), ("tea", SampleStatus::Error));
    desk.run(&["eval", "rows.jsonl", "-m", "chat/m", "--scorer", "judge:nobody/m It is."]).ends(2);
}

#[test]
fn similarity_is_measured_by_an_embedder() {
    let mock = Mock::start(Settings::default());
    let desk = Desk::new(&mock.base());
    desk.write(
        "rows.jsonl",
        "{\"prompt\": \"the red car\", \"expected\": \"a red car\"}\n{\"prompt\": \"nothing alike\", \"expected\": \"xyz\"}\n",
    );
    let scorer = r#"{"type": "similarity", "model": "chat/embed", "threshold": 0.6}"#;
    let args = ["eval", "rows.jsonl", "-m", "claude/m", "--scorer", scorer, "--json"];
    let json = desk.run(&args).ends(0).json();
    assert_eq!((&json["models"][0]["accepted"]["n"], &json["models"][0]["rejected"]), (&json!(1), &json!(1)));
    let values: Vec<_> = desk.samples().iter().map(|row| row.scores[0].value).collect();
    assert!(values[0] >= 0.6 && values[1] < 0.6, "{values:?}");
    assert_eq!(mock.requests(), 4);
    let scorer = scorer.replace("chat/", "claude/");
    let args = ["eval", "rows.jsonl", "-m", "chat/m", "--scorer", &scorer];
    desk.run(&args).ends(2).says(&["provider `claude` has no embeddings"]);
}

const CHECK: &str = r#"input=$(cat)
case "$input" in
  *'"answer":"pass"'*) echo '{"pass": true, "value": 0.75, "reason": "well said"}' ;;
  *'"answer":"fail"'*) echo '{"pass": false}' ;;
  *'"answer":"crash"'*) echo 'it broke' >&2; exit 3 ;;
  *'"answer":"babble"'*) echo 'no json' ;;
  *) exec sleep 60 ;;
esac
"#;

#[test]
fn programs_score_and_those_that_fail_or_hang_cannot_tell() {
    let mock = Mock::start(Settings::default());
    let desk = Desk::new(&mock.base());
    desk.write("check.sh", CHECK);
    let rows =
        ["pass", "fail", "crash", "babble", "hang"].map(|word| format!("{{\"prompt\": \"{word}\"}}\n"));
    desk.write("rows.jsonl", rows.concat());
    let scorer = r#"{"type": "exec", "argv": ["sh", "check.sh"], "timeout": "1s"}"#;
    let json = desk.run(&["eval", "rows.jsonl", "-m", "chat/m", "--scorer", scorer, "--json"]).ends(0).json();
    let model = &json["models"][0];
    assert_eq!((&model["accepted"]["n"], &model["rejected"]), (&json!(1), &json!(1)), "{model}");
    assert_eq!(model["errors"], json!({"unscored": 3}));
    let samples = desk.samples();
    assert_eq!((samples[0].scores[0].value, samples[0].scores[0].reason.as_str()), (0.75, "well said"));
    for (row, words) in
        samples[2..].iter().zip(["exited with 3: \"it broke\"", "must write", "did not end within 1 s"])
    {
        let reason = &row.scores[0].reason;
        assert!(reason.contains(words), "{words}: {reason}");
    }
    let made = mock.requests();
    let missing = r#"{"type": "exec", "argv": ["./no-such-program"]}"#;
    let ran = desk.run(&["eval", "rows.jsonl", "-m", "chat/m", "--scorer", missing, "--json"]).ends(2);
    ran.says(&["no-such-program", "is not there or cannot be run"]);
    assert_eq!(mock.requests(), made, "nothing is paid for answers that nobody could score");
}

#[test]
fn an_interrupt_from_the_terminal_is_for_the_run_and_not_for_the_programs_it_waits_for() {
    use std::os::unix::process::CommandExt as _;
    let mock = Mock::start(Settings::default());
    let desk = Desk::new(&mock.base());
    desk.write("rows.jsonl", r#"{"prompt": "tea"}"#);
    desk.write("check.sh", "touch begun; while [ ! -e go ]; do sleep 0.01; done; echo '{\"pass\": true}'");
    let args = ["eval", "rows.jsonl", "-m", "chat/m", "--scorer", "exec:sh check.sh", "--json"];
    let mut running = Running::start(desk.orch(&args).process_group(0));
    while !desk.path("begun").exists() {
        std::thread::yield_now();
    }
    running.signal_group("INT");
    running.until("stopping");
    desk.write("go", "");
    let json = running.end().ends(130).json();
    assert_eq!(json["models"][0]["accepted"]["n"], 1, "{json}");
}

#[test]
fn a_program_that_takes_too_long_ends_with_all_it_started() {
    use std::io::Read as _;
    let mock = Mock::start(Settings::default());
    let desk = Desk::new(&mock.base());
    desk.write("rows.jsonl", r#"{"prompt": "tea"}"#);
    // Whoever reads the pipe sees its end when the last process that has it open is gone.
    let pipe = desk.path("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let (sender, ended) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let read = std::fs::File::open(pipe).and_then(|mut pipe| pipe.read_to_end(&mut Vec::new()));
        sender.send(read.is_ok())
    });
    let scorer = r#"{"type": "exec", "argv": ["sh", "-c", "sleep 300 > pipe & sleep 300"], "timeout": "1s"}"#;
    desk.run(&["eval", "rows.jsonl", "-m", "chat/m", "--scorer", scorer]);
    assert_eq!(ended.recv_timeout(std::time::Duration::from_secs(30)), Ok(true));
}

#[test]
fn a_dataset_runs_no_program_unless_it_is_allowed_to() {
    let mock = Mock::start(Settings::default());
    let desk = Desk::new(&mock.base());
    let row =
        |program: &str| json!({"prompt": "hi", "scorers": [{"type": "exec", "argv": ["sh", "-c", program]}]});
    let ran_it = "touch ran; echo '{\"pass\": true}'";
    desk.write("rows.jsonl", format!("{}\n{}\n", json!({"prompt": "a"}), row(ran_it)));
    let args = ["eval", "rows.jsonl", "-m", "chat/m"];
    desk.run(&args).ends(2).says(&["rows.jsonl:2", "runs the program \"sh\"", "--allow-exec"]);
    assert_eq!((mock.requests(), desk.path("ran").exists()), (0, false));
    desk.run(&[&args[..], &["--allow-exec"]].concat()).ends(0);
    assert!(desk.path("ran").exists());
    desk.write("rows.jsonl", json!({"prompt": "hi", "scorers": ["exec:./none"]}).to_string());
    let ran = desk.run(&[&args[..], &["--allow-exec"]].concat()).ends(2);
    ran.says(&["rows.jsonl:1", "\"./none\", which is not there"]);
    // Scoring again runs nothing, so that it asks for nothing.
    desk.write("rows.jsonl", format!("{}\n{}\n", json!({"prompt": "a"}), row(ran_it)));
    desk.run(&["eval", "rescore", "last"]).ends(0);
}

#[test]
fn a_program_that_reads_nothing_and_writes_much_does_not_block() {
    let mock = Mock::start(Settings::default());
    let desk = Desk::new(&mock.base());
    let long = "x".repeat(300_000);
    desk.write("rows.jsonl", json!({ "prompt": long }).to_string());
    let scorer =
        r#"{"type": "exec", "argv": ["sh", "-c", "head -c 400000 /dev/zero >&2; echo '{\"pass\": true}'"]}"#;
    let json = desk.run(&["eval", "rows.jsonl", "-m", "chat/m", "--scorer", scorer, "--json"]).ends(0).json();
    assert_eq!(json["models"][0]["accepted"]["n"], 1);
}
