//! Plain runs: dialects, repeats, prompts, gates, verdicts.

use orch::ledger::row::{RunStatus, SampleStatus};
use orch::mock::Settings;
use serde_json::json;

use crate::support::{DIALECTS, Desk, KEY, Mock, Ran, Say, Script, sum, sum_tokens, sums};

/// Every dialect as a candidate: `chat/m,responses/m,…`.
fn every_dialect() -> String {
    DIALECTS.map(|(name, ..)| format!("{name}/m")).join(",")
}

#[test]
fn every_dialect_answers_over_http_streaming_and_whole() {
    let mock = Mock::start(Settings::default());
    let desk = Desk::new(&mock.base());
    desk.sums(10);
    let (input, output) = sum_tokens(10);
    let models = every_dialect();
    for (flags, first_tokens) in [(&[][..], 10), (&["--no-stream"], 0)] {
        let before = mock.requests();
        let args = [&["eval", "rows.jsonl", "-m", &models, "--json"], flags].concat();
        let json = desk.run(&args).ends(0).json();
        assert_eq!(mock.requests() - before, 70);
        assert_eq!((&json["planned"], &json["finished"]), (&json!(70), &json!(70)));
        for model in json["models"].as_array().unwrap() {
            assert_eq!(
                (&model["accepted"]["n"], &model["accepted"]["of"]),
                (&json!(10), &json!(10)),
                "{model}"
            );
            assert_eq!(model["tokens"]["input"], input, "{model}");
            assert_eq!(model["tokens"]["output"], output, "{model}");
            assert_eq!(model["ttft_ms"]["n"], first_tokens, "{model}");
            assert_eq!((&model["latency_ms"]["n"], &model["errors"]), (&json!(10), &json!({})));
        }
        assert!(desk.samples().iter().all(|row| row.facts.attempts == 1));
        assert_eq!(desk.last().status, RunStatus::Done);
    }
}

#[test]
fn the_share_of_right_answers_is_what_the_provider_gave() {
    let mock = Mock::start(Settings { wrong_share: 0.3, ..Settings::default() });
    let desk = Desk::new(&mock.base());
    desk.sums(200);
    let json = desk.run(&["eval", "rows.jsonl", "-m", "chat/m", "--json"]).ends(0).json();
    let samples = desk.samples();
    let right = samples.iter().filter(|row| row.answer == row.expected.as_deref().unwrap()).count();
    assert!((100..180).contains(&right), "{right}");
    assert_eq!(json["models"][0]["accepted"]["n"], right);
    assert_eq!(json["models"][0]["rejected"], 200 - right);
}

#[test]
fn each_repeat_is_a_call_and_a_limit_takes_a_part() {
    let mock = Mock::start(Settings::default());
    let desk = Desk::new(&mock.base());
    desk.sums(20);
    let args = ["eval", "rows.jsonl", "-m", "chat/m,llama/m", "--repeat", "3", "--limit", "7", "--json"];
    let json = desk.run(&args).ends(0).json();
    assert_eq!(mock.requests(), 42);
    assert_eq!(json["planned"], 42);
    assert_eq!(json["models"][0]["pass_at_k"], json!([1.0, 1.0, 1.0]));
    assert_eq!(json["models"][0]["pass_all_k"], json!([1.0, 1.0, 1.0]));
    assert_eq!(json["models"][0]["variance"], json!({"between": 0.0, "within": 0.0}));
    let items: std::collections::BTreeSet<_> =
        desk.samples().iter().map(|row| (row.facts.key.item, row.facts.key.candidate)).collect();
    assert_eq!(items.len(), 14, "both candidates answer the same seven rows");
    let zero = desk.run(&["eval", "rows.jsonl", "-m", "chat/m", "--repeat", "0"]).ends(2);
    zero.says(&["must be at least 1"]);
}

#[test]
fn system_prompts_templates_parameters_and_keys_reach_the_provider() {
    let script = Script::start(|_, _| Say::chat("7"));
    let desk = Desk::new(&script.base());
    desk.write("rows.jsonl", r#"{"prompt": "seven", "expected": 7, "tone": "kindly"}"#);
    desk.write("ask.j2", "Say {{ prompt }} {{ tone }}.");
    let args = [
        "eval",
        "rows.jsonl",
        "-m",
        "chat/m?temperature=0.5",
        "--template",
        "ask.j2",
        "--system",
        "Be brief.",
    ];
    desk.run(&[&args[..], &["--no-stream"]].concat()).ends(0);
    let seen = script.seen();
    assert_eq!(seen.len(), 1);
    assert_eq!((seen[0].target.as_str(), &seen[0].body["model"]), ("/v1/chat/completions", &json!("m")));
    let expected = json!([
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Say seven kindly."},
    ]);
    assert_eq!(seen[0].body["messages"], expected);
    assert_eq!(seen[0].body["temperature"], 0.5);
    assert!(seen[0].headers.contains(&format!("authorization: bearer {KEY}")), "{}", seen[0].headers);
    assert_eq!(desk.samples()[0].prompt, "system: Be brief.\n\nuser: Say seven kindly.");
}

#[test]
fn a_gate_decides_the_exit_code() {
    let mock = Mock::start(Settings::default());
    let desk = Desk::new(&mock.base());
    desk.sums(20);
    for (gate, code) in [
        ("accepted >= 0.95", 0),
        // Twenty of twenty is at least 0.84 with 95 % confidence (Wilson), not 0.95.
        ("lower(accepted) >= 0.80", 0),
        ("lower(accepted) >= 0.95", 1),
        ("p50 <= 1us", 1),
        ("errors <= 0%", 0),
        ("score(numeric) >= 100%", 0),
    ] {
        let ran = desk.run(&["eval", "rows.jsonl", "-m", "chat/m", "--gate", gate, "--json"]).ends(code);
        let gates = &ran.json()["gates"];
        assert_eq!((&gates[0]["expr"], &gates[0]["pass"]), (&json!(gate), &json!(code == 0)), "{gates}");
    }
    let before = mock.requests();
    for gate in ["accepted", "acepted >= 0.9", "p95 <= 0.9furlongs", "accepted >= many"] {
        desk.run(&["eval", "rows.jsonl", "-m", "chat/m", "--gate", gate]).ends(2).says(&["gate", gate]);
    }
    assert_eq!(mock.requests(), before, "a gate that cannot be read costs nothing");
}

#[test]
fn a_gate_that_only_the_incumbent_fails_is_shown_and_fails_nothing() {
    let mock = Mock::start(Settings { wrong_share: 0.5, ..Settings::default() });
    let right = Script::start(|_, seen| {
        let prompt = seen.body["messages"][0]["content"].as_str().unwrap_or_default().to_owned();
        let i: u64 = prompt.split(' ').nth(1).and_then(|n| n.parse().ok()).unwrap_or_default();
        Say::chat(&(i + 7).to_string())
    });
    let more = format!("[providers.right]\nurl = \"{}/v1\"\n", right.base());
    let desk = Desk::with(&mock.base(), &more);
    desk.sums(60);
    let args =
        ["eval", "rows.jsonl", "-m", "chat/m,right/m", "--no-stream", "--gate", "accepted >= 0.9", "--json"];
    let ran = desk.run(&[&args[..], &["--incumbent", "chat/m"]].concat()).ends(0);
    let json = ran.json();
    let passes: Vec<_> =
        json["gates"].as_array().unwrap().iter().map(|gate| (&gate["model"], &gate["pass"])).collect();
    assert_eq!(passes, [(&json!("chat/m"), &json!(false)), (&json!("right/m"), &json!(true))]);
    assert_eq!(json["verdict"]["decision"], "adopt", "{json}");
    desk.run(&args).ends(1);
    desk.run(&[&args[..], &["--incumbent", "right/m"]].concat()).ends(1);
}

#[test]
fn too_few_prompts_decide_nothing_and_a_required_decision_says_so() {
    let mock = Mock::start(Settings::default());
    let desk = Desk::new(&mock.base());
    desk.sums(5);
    let args = ["eval", "rows.jsonl", "-m", "llama/m", "--incumbent", "chat/m", "--json"];
    let ran = desk.run(&args).ends(0);
    assert_eq!(ran.json()["verdict"]["decision"], "inconclusive");
    desk.run(&[&args[..], &["--require-decision"]].concat()).ends(5);
}

#[test]
fn a_worse_candidate_is_rejected_and_a_seed_repeats_the_order() {
    let mock = Mock::start(Settings { wrong_share: 0.5, ..Settings::default() });
    let desk = Desk::new(&mock.base());
    // Wrong answers are drawn for sums only: the incumbent's provider echoes, and is right.
    let script = Script::start(|_, seen| {
        let prompt = seen.body["messages"][0]["content"].as_str().unwrap_or_default().to_owned();
        let i: u64 = prompt.split(' ').nth(1).and_then(|n| n.parse().ok()).unwrap_or_default();
        Say::chat(&(i + 7).to_string())
    });
    let more = format!("[providers.right]\nurl = \"{}/v1\"\n", script.base());
    let desk_config = desk.read("orch.toml").replace("[models.priced]", &format!("{more}[models.priced]"));
    desk.write("orch.toml", desk_config);
    desk.sums(60);
    let args = [
        "eval",
        "rows.jsonl",
        "-m",
        "chat/m",
        "--incumbent",
        "right/m",
        "--no-stream",
        "--limit",
        "50",
        "--json",
    ];
    let json = desk.run(&args).ends(1).json();
    assert_eq!(json["verdict"]["decision"], "reject");
    assert_eq!(json["models"][0]["is_incumbent"], true);
    let items = |desk: &Desk| desk.samples().iter().map(|row| row.facts.key).collect::<Vec<_>>();
    let first = items(&desk);
    desk.run(&args).ends(1);
    assert_eq!(items(&desk), first);
    desk.run(&[&args[..], &["--seed", "8"]].concat());
    assert_ne!(items(&desk), first);
}

#[test]
fn without_models_simulated_ones_answer_and_say_so() {
    let desk = Desk::new("http://127.0.0.1:1");
    desk.sums(40);
    let ran: Ran = desk.run(&["eval", "rows.jsonl", "--json"]);
    let json = ran.json();
    assert_eq!(
        (&json["models"][0]["model"], &json["models"][0]["simulated"]),
        (&json!("sim/good"), &json!(true))
    );
    assert!(json["notes"].to_string().contains("simulated"), "{json}");
}

#[test]
fn what_cannot_be_meant_is_told_with_a_remedy_before_anything_is_sent() {
    let mock = Mock::start(Settings::default());
    let desk = Desk::new(&mock.base());
    desk.sums(2);
    let no_key = desk.orch(&["eval", "rows.jsonl", "-m", "chat/m"]).env_remove("MOCK_KEY").output().unwrap();
    Ran::of(no_key).ends(2).says(&["provider `chat` needs a key: set MOCK_KEY"]);
    let cases: [(&[&str], &[&str]); 11] = [
        (&["rows.jsonl", "-m", "openai/gpt-5-mini"], &["set OPENAI_API_KEY"]),
        (&["rows.jsonl", "-m", "chta/m"], &["unknown provider `chta`", "did you mean `chat`?"]),
        (&["rows.jsonl", "-m", "pricd"], &["neither an alias nor provider/model", "did you mean `priced`?"]),
        (&["rows.jsonl", "-m", "chat/m,chat/m"], &["candidate chat/m is given twice"]),
        (&["rows.jsonl", "-m", "chat/m?temprature=1"], &["temprature"]),
        (&["rows.jsonl", "-m", "chat/m", "--margin", "lots"], &["--margin", "2pp"]),
        (&["rows.jsonl", "-m", "chat/m", "--max-cost", "cheap"], &["--max-cost"]),
        (&["rows.jsonl", "-m", "chat/m", "--early-stop"], &["needs an incumbent"]),
        (&["rows.jsonl", "-m", "chat/m", "--scorer", "nmueric"], &["did you mean `numeric`?"]),
        (&["-m", "chat/m"], &["name a dataset"]),
        (&["missing.jsonl", "-m", "chat/m"], &["missing.jsonl"]),
    ];
    for (args, words) in cases {
        desk.run(&[&["eval"], args].concat()).ends(2).says(words);
    }
    assert_eq!(mock.requests(), 0);
}

#[test]
fn an_early_decision_stops_the_run_and_counts_what_it_has() {
    let mock = Mock::start(Settings { wrong_share: 0.6, ..Settings::default() });
    let desk = Desk::new(&mock.base());
    desk.sums(400);
    let rows = desk.read("rows.jsonl");
    assert_eq!(rows, sums(400));
    // Two models of the mock are wrong on different prompts; ten percentage points either way will not do.
    let args = ["eval", "rows.jsonl", "-m", "llama/a", "--incumbent", "sim/good", "--early-stop", "--json"];
    let ran = desk.run(&args).ends(1).says(&["stopped early: every comparison is decided"]);
    let json = ran.json();
    assert!(json["finished"].as_u64().unwrap() < 800, "{json}");
    assert_eq!(json["verdict"]["decision"], "reject");
    let accepted = desk.samples().iter().filter(|row| row.facts.status == SampleStatus::Accepted).count();
    let counted: u64 =
        json["models"].as_array().unwrap().iter().map(|m| m["accepted"]["n"].as_u64().unwrap()).sum();
    assert_eq!(counted, accepted as u64);
    assert_eq!(sum(3), "Compute 3 + 7.");
}

const SUITE: &str = r#"
datasets = ["rows.jsonl"]
candidates = [{ model = "chat/m" }, { model = "llama/m" }]
scorers = ["numeric"]
gates = ["accepted >= 0.9"]
incumbent = "chat/m"
seed = 11
prompts = [{ label = "plain", text = "{{ prompt }}" }, { label = "kind", text = "Please. {{ prompt }}" }]
"#;

#[test]
fn a_suite_is_prompts_by_candidates_and_flags_win_over_it() {
    let mock = Mock::start(Settings::default());
    let desk = Desk::new(&mock.base());
    std::fs::create_dir(desk.path("evals")).unwrap();
    desk.write("evals/rows.jsonl", sums(5));
    desk.write("evals/sums.toml", SUITE);
    let ran = desk.run(&["eval", "evals/sums.toml", "--json"]);
    let json = ran.json();
    assert_eq!((ran.code, mock.requests()), (0, 20), "{}", ran.err);
    assert_eq!(
        (&json["seed"], json["models"].as_array().unwrap().len()),
        (&json!(11), 4),
        "{}",
        json["models"]
    );
    assert!(json["models"].as_array().unwrap().iter().all(|model| model["accepted"]["n"] == 5), "{json}");
    let args = ["eval", "evals/sums.toml", "--seed", "12", "--gate", "accepted > 1", "--json"];
    let json = desk.run(&args).ends(1).json();
    assert_eq!((&json["seed"], &json["gates"][0]["expr"]), (&json!(12), &json!("accepted > 1")));
    let before = mock.requests();
    desk.write("evals/wrong.toml", SUITE.replace("seed = 11", "sede = 11").replace("numeric", "nmueric"));
    let ran = desk.run(&["eval", "evals/wrong.toml"]).ends(2);
    ran.says(&["wrong.toml:", "sede"]);
    assert_eq!(mock.requests(), before);
}

#[test]
fn what_cannot_be_meant_is_refused_before_the_first_call() {
    let desk = Desk::new("http://127.0.0.1:9");
    desk.sums(3);
    let sim = |more: &[&str]| desk.run(&[&["eval", "rows.jsonl", "-m", "sim/good"], more].concat());
    desk.run(&["eval", "rows.jsonl", "-m", "sim/god"]).ends(2).says(&["no simulated model", "sim/good"]);
    sim(&["--require-decision"]).ends(2).says(&["--incumbent MODEL or --gate GATE"]);
    sim(&["--max-cost", "-1"]).ends(2).says(&["--max-cost", "not an amount"]);
    sim(&["--margin", "-1"]).ends(2).says(&["--margin", "not a share"]);
    let missing = desk.run(&["eval", "nowhere.jsonl", "-m", "sim/good"]).ends(2);
    assert!(!missing.err.contains("--skip-bad"), "{}", missing.err);
    assert!(!desk.ledger().exists());
}

#[test]
fn the_configuration_is_the_one_the_environment_names() {
    let desk = Desk::new("http://127.0.0.1:9");
    desk.write("other.toml", "[providrs.x]\n");
    let mut command = desk.orch(&["check"]);
    command.env("ORCH_CONFIG", desk.path("other.toml"));
    Ran::of(command.output().unwrap()).ends(2).says(&[
        "a problem in",
        "other.toml",
        "did you mean `providers`",
    ]);
    command.args(["--config", "orch.toml"]);
    Ran::of(command.output().unwrap()).ends(0);
}

#[test]
fn a_mistake_in_the_configuration_is_shown_in_colour_and_not_in_escape_codes() {
    let desk = Desk::new("http://127.0.0.1:9");
    desk.write("orch.toml", "[providrs.x] # \u{9b}31m\n");
    let ran = Ran::of(desk.orch(&["check"]).env("CLICOLOR_FORCE", "1").output().unwrap()).ends(2);
    assert!(ran.err.contains("\u{1b}[") && !ran.err.contains('␛'), "{}", ran.err);
    assert!(!ran.err.contains('\u{9b}'), "{}", ran.err);
    let plain = desk.run(&["check"]).ends(2);
    assert!(plain.err.starts_with("error: a problem in orch.toml\n\nerror: unknown key"), "{}", plain.err);
}
