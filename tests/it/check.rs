//! `orch check`, and what a run says of models it cannot call: everything at once, each with its place.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use orch::mock::Settings;
use serde_json::json;

use crate::support::{Desk, KEY, Mock, Ran, Say, Script, money};

fn run(command: &mut Command) -> Ran {
    Ran::of(command.output().unwrap())
}

/// A desk with a configuration of its own.
fn desk(config: &str) -> Desk {
    let desk = Desk::new("http://127.0.0.1:1");
    desk.write("orch.toml", config);
    desk
}

/// `severity line:column` of each problem.
fn places(ran: &Ran) -> Vec<String> {
    let json = ran.json();
    let problems = json["problems"].as_array().unwrap().iter();
    problems.map(|p| format!("{} {}:{}", p["severity"].as_str().unwrap(), p["line"], p["column"])).collect()
}

const WRONG: &str = r#"
[providers.openai]
keys = [{ env = "MY_OPENAI_KEY" }]
concurency = 3

[providers.eu]
url = "http://llm.example.com/v1"
keys = [{ file = "eu.key" }]
headers = { x-gate = { env = "GATE_TOKEN" } }

[models.small]
id = "openai/gpt-5-mni"

[models.claude]
id = "anthropic/own"
price = { input = 1, output = 5 }

[defaults]
timeout = { first_token = "2m", total = "90s" }
"#;

#[test]
fn everything_wrong_with_a_configuration_is_said_at_once() {
    let desk = desk(WRONG);
    let ran = run(desk.orch(&["check"]).env("MY_OPENAI_KEY", " ")).ends(2);
    assert_eq!(ran.out, "");
    insta::assert_snapshot!(ran.err);
    let ran = run(desk.orch(&["check"]).env("MY_OPENAI_KEY", " ").env("CLICOLOR_FORCE", "1")).ends(2);
    assert!(ran.err.contains("\u{1b}["), "{}", ran.err);
}

#[test]
fn the_same_is_told_to_programs() {
    let desk = desk(WRONG);
    let ran = desk.run(&["check", "--json"]).ends(2);
    assert_eq!(ran.err, "");
    let expected = [
        "error 3:9",
        "error 4:1",
        "warning 7:7",
        "error 8:9",
        "error 9:22",
        "warning 12:6",
        "error 15:6",
        "error 19:27",
    ];
    assert_eq!(places(&ran), expected);
    let json = ran.json();
    assert_eq!(
        (&json["version"], &json["ok"], &json["file"]),
        (&json!(1), &json!(false), &json!("orch.toml"))
    );
    assert_eq!(json["problems"][1]["help"], json!("did you mean `concurrency`?"));
    assert_eq!(json["providers"], json!(["eu", "openai"]));
    assert_eq!(json["models"], json!(["claude", "small"]));
}

#[test]
fn warnings_alone_are_no_failure() {
    let desk = desk(
        "[providers.eu]\nurl = \"https://llm.example.com/v1\"\nkeys = [{ file = \"eu.key\" }]\n\
         [models.m]\nid = \"eu/m\"\nprice = { input = 1, output = 2 }\n",
    );
    desk.write("eu.key", format!("{KEY}\n"));
    fs::set_permissions(desk.path("eu.key"), fs::Permissions::from_mode(0o644)).unwrap();
    let ran = desk
        .run(&["check"])
        .ends(0)
        .says(&["warning: everybody on this machine can read eu.key", "orch.toml:3:9"]);
    assert_eq!(ran.out, "orch.toml: ok, 1 provider, 1 model, 1 warning\n");
    assert!(!ran.err.contains(KEY), "{}", ran.err);
    fs::set_permissions(desk.path("eu.key"), fs::Permissions::from_mode(0o600)).unwrap();
    let ran = desk.run(&["check"]).ends(0);
    assert_eq!((ran.out.as_str(), ran.err.as_str()), ("orch.toml: ok, 1 provider, 1 model\n", ""));
    for (bytes, why) in [("\n", "eu.key is empty"), ("a\nb\n", "control characters")] {
        desk.write("eu.key", bytes);
        desk.run(&["check"]).ends(2).says(&[why, "orch.toml:3:9"]);
    }
}

#[test]
fn without_a_configuration_the_keys_in_the_environment_are_named() {
    let desk = desk("");
    fs::remove_file(desk.path("orch.toml")).unwrap();
    let ran = run(desk.orch(&["check"]).env("GROQ_API_KEY", KEY)).ends(0);
    assert!(ran.out.contains("keys in the environment: groq (GROQ_API_KEY)"), "{}", ran.out);
    assert!(desk.run(&["check"]).ends(0).out.contains("no provider's key"), "{}", ran.out);
    assert_eq!(desk.run(&["check", "--json"]).ends(0).json()["file"], json!(null));
}

#[test]
fn a_key_under_a_name_nearly_right_is_pointed_at() {
    let desk = desk("[providers.openai]\nkeys = [{ env = \"OPENAI_APIKEY\" }]\n");
    run(desk.orch(&["check"]).env("OPENAI_API_KEY", KEY))
        .ends(2)
        .says(&["set OPENAI_APIKEY in the environment; OPENAI_API_KEY is set: did you mean that?"]);
}

#[test]
fn a_run_names_everything_that_keeps_it_from_its_models() {
    let mock = Mock::start(Settings::default());
    let desk = Desk::new(&mock.base());
    let row = r#"{"prompt":"a","expected":"b","scorers":["similarity","judge"]}"#;
    desk.write("rows.jsonl", "{\"prompt\":\"a\",\"expected\":\"b\"}\n");
    desk.write("bad.jsonl", format!("{row}\n"));
    let models =
        "gpt-5-mini,pricd,opnai/x,openai/gpt-5,openai/gpt-5-mini,chat/m,claude/m,sim/goood,replay:gone.jsonl";
    let command = |dataset: &str| {
        let judge = r#"{"type":"judge","model":"groq/judge","rubric":"ok?"}"#;
        let mut command = desk.orch(&["eval", dataset, "-m", models, "--scorer", judge]);
        command.env_remove("MOCK_KEY");
        command
    };
    let ran = run(&mut command("rows.jsonl")).ends(2);
    insta::assert_snapshot!(ran.err);
    // What is wrong with the rows comes first, and does not hide the rest.
    run(&mut command("bad.jsonl")).ends(2).says(&[
        "bad.jsonl:1",
        "besides, with the models:",
        "set GROQ_API_KEY",
        "did you mean `priced`?",
    ]);
    assert_eq!(mock.requests(), 0);
}

#[test]
fn a_misspelt_model_is_not_asked_unless_told_and_never_under_a_cap() {
    let server = Script::start(|_, _| Say::chat("b"));
    let desk = desk(&format!(
        "[providers.openai]\nurl = \"{}/v1\"\nkeys = [{{ env = \"MOCK_KEY\" }}]\n",
        server.base()
    ));
    desk.write("rows.jsonl", "{\"prompt\":\"a\",\"expected\":\"b\"}\n");
    let warning = "warning: `openai/gpt-5-mni` is not in the catalogue: its price is unknown; did you mean `openai/gpt-5-mini`?";
    desk.run(&["eval", "rows.jsonl", "-m", "openai/gpt-5-mni"]).ends(2).says(&[
        "did you mean `openai/gpt-5-mini`?",
        "[models.NAME] id = \"openai/gpt-5-mni\"",
        "--allow-unknown-model",
    ]);
    assert_eq!(server.seen().len(), 0, "a slip costs nothing");
    let typed = ["eval", "rows.jsonl", "-m", "openai/gpt-5-mni", "--allow-unknown-model"];
    let ran = desk.run(&[&typed[..], &["--json"]].concat()).ends(0).says(&[warning]);
    assert_eq!(ran.json()["models"][0]["accepted"]["n"], json!(1), "{}", ran.out);
    let quiet = desk.run(&[&["-q"], &typed[..]].concat()).ends(0);
    assert!(!quiet.err.contains("warning"), "{}", quiet.err);
    let asked = server.seen().len();
    desk.run(&[&typed[..], &["--max-cost", "1"]].concat())
        .ends(2)
        .says(&["the price of openai/gpt-5-mni is unknown", "did you mean `openai/gpt-5-mini`?"]);
    assert_eq!(server.seen().len(), asked, "nothing is sent under a cap that cannot hold");
}

/// A header's secret; it must never be seen again.
const GATE: &str = "gate-secret-0815-do-not-tell";

#[test]
fn secret_headers_and_keys_arrive_as_configured_and_are_kept_nowhere() {
    let server = Script::start(|_, seen| {
        Say(400, "", format!("{{\"error\":{{\"message\":\"{}\"}}}}", seen.headers.replace("\r\n", " ")))
    });
    let base = server.base();
    let desk = desk(&format!(
        "[providers.own]\nurl = \"{base}/v1\"\nauth = \"header:X-Own-Key\"\nkeys = [{{ env = \"MOCK_KEY\" }}]\n\
         headers = {{ x-team = \"plain-team-4711\", x-gate = {{ env = \"GATE_TOKEN\" }} }}\n"
    ));
    desk.write("rows.jsonl", "{\"prompt\":\"a\"}\n");
    run(desk.orch(&["eval", "rows.jsonl", "-m", "own/m"]).env("GATE_TOKEN", GATE)).ends(4);
    let headers = &server.seen()[0].headers;
    for line in [
        format!("x-own-key: {KEY}\r\n"),
        format!("x-gate: {GATE}\r\n"),
        "x-team: plain-team-4711\r\n".to_owned(),
    ] {
        assert!(headers.contains(&line), "{line} is not in {headers}");
    }
    assert!(!headers.contains("authorization"), "{headers}");
    assert_eq!(desk.files_with(KEY), desk.files_with(GATE));
    assert_eq!(desk.files_with(KEY), Vec::<std::path::PathBuf>::new());
    let manifest = desk.last().manifest;
    assert!(!manifest.contains("plain-team-4711") && manifest.contains("x-team"), "{manifest}");
}

#[test]
fn a_gemini_endpoint_can_take_a_bearer_token() {
    let server = Script::start(|_, _| Say(500, "", String::new()));
    let base = server.base();
    let desk = desk(&format!(
        "[providers.vertex]\ndialect = \"gemini\"\nurl = \"{base}/v1/projects/p/locations/l/publishers/google\"\n\
         auth = \"bearer\"\nkeys = [{{ env = \"MOCK_KEY\" }}]\n[defaults]\nretry = {{ attempts = 1 }}\n"
    ));
    desk.write("rows.jsonl", "{\"prompt\":\"a\"}\n");
    desk.run(&["eval", "rows.jsonl", "-m", "vertex/gemini-2.5-flash"]).ends(4);
    let seen = &server.seen()[0];
    assert!(
        seen.target.starts_with("/v1/projects/p/locations/l/publishers/google/models/gemini-2.5-flash:"),
        "{}",
        seen.target
    );
    assert!(seen.headers.contains(&format!("authorization: bearer {KEY}\r\n")), "{}", seen.headers);
}

#[test]
fn openais_prices_hold_through_either_of_its_interfaces() {
    let mock = Mock::start(Settings::default());
    let desk = desk(&format!(
        "[providers.openai_responses]\nurl = \"{}/v1\"\nkeys = [{{ env = \"MOCK_KEY\" }}]\n",
        mock.base()
    ));
    desk.sums(2);
    let ran = desk
        .run(&["eval", "rows.jsonl", "-m", "openai_responses/gpt-5-mini", "--max-cost", "1", "--json"])
        .ends(0);
    assert!(money(&ran.json()["models"][0]["cost_usd"]) > orch::base::money::Money::ZERO, "{}", ran.out);
}

#[test]
fn a_table_with_another_delimiter_is_told_which() {
    let desk = desk("");
    desk.write("rows.csv", "prompt;expected\na;b\n");
    desk.run(&["eval", "rows.csv"]).ends(2).says(&["rows.csv:1", "separated by semicolons", "by commas"]);
}
