//! Recorded answers: written with `--record`, read with `replay:`; and what simulated models may know.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;

use orch::mock::Settings;
use serde_json::{Value, json};

use crate::support::{Desk, KEY, Mock};

/// What counts of each model: accepted, valid, refused, errors by class, tokens and the median latency.
fn scores(json: &Value) -> Vec<Value> {
    let models = json["models"].as_array().unwrap();
    let names = ["accepted", "valid", "refused", "errors", "tokens", "latency_ms", "ttft_ms"];
    models.iter().map(|model| names.iter().map(|name| model[name].clone()).collect()).collect()
}

/// Rows of several families, a few of which nobody here can answer.
fn rows() -> String {
    let tool = json!({"type": "function", "function": {"name": "set_timer", "description": "Starts a timer.",
        "parameters": {"type": "object", "properties": {"minutes": {"type": "number"}}, "required": ["minutes"]}}});
    let mut rows: Vec<Value> = (0..60)
        .map(|i| json!({"id": format!("s{i}"), "prompt": format!("Compute {i} + 7."), "expected": i + 7}))
        .collect();
    for i in 1..20 {
        let expected = json!({"name": "set_timer", "arguments": {"minutes": i}});
        let prompt = format!("Set a timer for {i} minutes.");
        rows.push(json!({"id": format!("t{i}"), "prompt": prompt, "tools": [tool], "expected": expected}));
    }
    rows.push(json!({"id": "odd", "prompt": "Write a haiku.", "expected": "whatever"}));
    rows.iter().map(|row| row.to_string() + "\n").collect()
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn what_a_dataset_expects_never_reaches_the_models() {
    let desk = Desk::new("http://127.0.0.1:9");
    let answers = |rows: &str| {
        desk.write("rows.jsonl", rows);
        desk.run(&["eval", "rows.jsonl", "-m", "sim/good,sim/flaky", "--out", "out.jsonl", "--quiet"]);
        let mut answers: Vec<String> = lines(&desk.read("out.jsonl"))
            .iter()
            .map(|row| json!([row["id"], row["model"], row["answer"], row["finish"]]).to_string())
            .collect();
        answers.sort();
        fs::remove_file(desk.path("out.jsonl")).unwrap();
        answers
    };
    let truly = answers(&rows());
    assert_eq!(truly.len(), 160);
    let without: String = lines(&rows())
        .into_iter()
        .map(|mut row| {
            row.as_object_mut().unwrap().shift_remove("expected");
            row.to_string() + "\n"
        })
        .collect();
    let otherwise = rows().replace("\"expected\":", "\"expected\":\"canary-of-a-key\",\"was\":");
    assert_eq!(answers(&without), truly, "without `expected`");
    assert_eq!(answers(&otherwise), truly, "with another `expected`");
}

#[test]
fn what_was_recorded_replays_with_the_same_scores() {
    let desk = Desk::new("http://127.0.0.1:9");
    desk.write("rows.jsonl", rows());
    for (file, model) in [("run.jsonl", "sim/flaky"), ("run.jsonl.gz", "sim/cheap")] {
        let live =
            ["eval", "rows.jsonl", "-m", "sim/flaky,sim/cheap", "--repeat", "2", "--record", file, "--json"];
        let live = desk.run(&live).json();
        let replayed = format!("replay:{file}#{model}");
        let replayed = desk.run(&["eval", "rows.jsonl", "-m", &replayed, "--repeat", "2", "--json"]).json();
        let at = usize::from(model == "sim/cheap");
        assert_eq!(scores(&replayed)[0], scores(&live)[at], "{model}");
        assert_eq!(replayed["models"][0]["model"], format!("run#{model}"));
        let mode = fs::metadata(desk.path(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let rows = lines(&desk.read("run.jsonl"));
    assert_eq!(rows.len(), 80 * 2 * 2);
    let has = |field: &str| rows.iter().any(|row| !row[field].is_null());
    for field in
        ["output", "refusal", "tool_calls", "error", "latency_ms", "ttft_ms", "input_tokens", "repeat"]
    {
        assert!(has(field), "no row has {field}");
    }
    let refused = desk.run(&["eval", "rows.jsonl", "-m", "replay:run.jsonl"]).ends(2);
    refused.says(&["run.jsonl:", "pick one as replay:FILE#MODEL (there are sim/cheap, sim/flaky)"]);
    desk.run(&["eval", "rows.jsonl", "-m", "replay:run.jsonl#sim/god"])
        .ends(2)
        .says(&["it holds answers of"]);
}

#[test]
fn a_real_providers_answers_are_recorded_without_its_key() {
    let mock = Mock::start(Settings { wrong_share: 0.3, ..Settings::default() });
    let desk = Desk::new(&mock.base());
    desk.sums(40);
    let live =
        desk.run(&["eval", "rows.jsonl", "-m", "claude/m", "--record", "run.jsonl", "--json"]).ends(0).json();
    assert!(!desk.read("run.jsonl").contains(KEY));
    let sent = mock.requests();
    let replayed = desk.run(&["eval", "rows.jsonl", "-m", "replay:run.jsonl", "--json"]).ends(0).json();
    assert_eq!(scores(&replayed), scores(&live));
    assert_eq!(mock.requests(), sent);
}

#[test]
fn a_file_that_is_there_is_not_written_over() {
    let desk = Desk::new("http://127.0.0.1:9");
    desk.sums(3);
    desk.write("run.jsonl", "precious\n");
    let args = ["eval", "rows.jsonl", "-m", "sim/good", "--record", "run.jsonl"];
    desk.run(&args).ends(2).says(&["run.jsonl exists", "--resume RUN"]);
    assert!(!desk.ledger().exists());
    desk.run(&["eval", "rows.jsonl", "-m", "sim/good"]).ends(0);
    let resumed = desk.run(&["eval", "--resume", "last", "--record", "run.jsonl"]).ends(2);
    resumed.says(&["run.jsonl:1: not an answer of run"]);
    assert_eq!(desk.read("run.jsonl"), "precious\n");
}

#[test]
fn a_resumed_run_makes_its_recording_whole() {
    let desk = Desk::new("http://127.0.0.1:9");
    desk.sums(20);
    for file in ["run.jsonl", "run.jsonl.gz"] {
        desk.run(&["eval", "rows.jsonl", "-m", "sim/good", "--record", file]).ends(0);
        let bytes = fs::read(desk.path(file)).unwrap();
        // As a kill leaves it: some rows, and half of one.
        desk.write(file, &bytes[..bytes.len() * 2 / 3]);
        desk.run(&["eval", "--resume", "last", "--record", file]).ends(0);
        let bytes = fs::read(desk.path(file)).unwrap();
        let mut text = String::new();
        match file.ends_with("gz") {
            true => flate2::read::MultiGzDecoder::new(&bytes[..]).read_to_string(&mut text).unwrap(),
            false => (&bytes[..]).read_to_string(&mut text).unwrap(),
        };
        let mut ids: Vec<_> = lines(&text).iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect();
        ids.sort();
        ids.dedup();
        assert_eq!((ids.len(), text.lines().count()), (20, 20), "{file}");
        let replayed =
            desk.run(&["eval", "rows.jsonl", "-m", &format!("replay:{file}"), "--json"]).ends(0).json();
        assert_eq!(replayed["models"][0]["samples"], 20);
    }
}

/// Answers gathered elsewhere, as the documentation writes rows.
#[test]
fn answers_gathered_elsewhere_are_found_by_id_or_prompt_plain_or_gzipped() {
    let desk = Desk::new("http://127.0.0.1:9");
    let prompt = |i: u64| format!("Compute {i} + 7.");
    let dataset = |has_id: bool| -> String {
        let row = |i: u64| match has_id {
            true => json!({"id": format!("s{i}"), "prompt": prompt(i), "expected": i + 7}),
            false => json!({"prompt": prompt(i), "expected": i + 7}),
        };
        (0..10).map(|i| row(i).to_string() + "\n").collect()
    };
    let recording = |has_id: bool| -> String {
        // In another order; the last has failed, one is missing.
        let row = |i: u64| {
            let mut row = json!({"model": "x", "input_tokens": 4, "output_tokens": 1, "latency_ms": 100.5});
            match has_id {
                true => row["id"] = format!("s{i}").into(),
                false => row["prompt"] = prompt(i).into(),
            }
            match i {
                9 => row["error"] = "it timed out".into(),
                _ if has_id => row["output"] = (i + 7).to_string().into(),
                _ => row["response"] = (i + 7).to_string().into(),
            }
            row.to_string() + "\n"
        };
        (0..10).rev().filter(|i| *i != 4).map(row).collect()
    };
    for (data, recorded) in [(true, true), (true, false), (false, false)] {
        desk.write("rows.jsonl", dataset(data));
        desk.write("answers.jsonl", recording(recorded));
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(recording(recorded).as_bytes()).unwrap();
        desk.write("answers.jsonl.gz", encoder.finish().unwrap());
        for file in ["answers.jsonl", "answers.jsonl.gz"] {
            let args =
                ["eval", "rows.jsonl", "-m", &format!("replay:{file}"), "--json", "--out", "out.jsonl"];
            let model = desk.run(&args).ends(0).json()["models"][0].clone();
            let errors: u64 = model["errors"].as_object().unwrap().values().filter_map(Value::as_u64).sum();
            assert_eq!(
                (&model["accepted"]["n"], errors),
                (&json!(8), 2),
                "{data} {recorded} {file}: {model}"
            );
            assert_eq!((&model["tokens"]["output"], &model["latency_ms"]["p50"]), (&json!(8), &json!(100.5)));
            let out = desk.read("out.jsonl");
            assert!(
                out.contains("bad_request: no recorded answer for ") && out.contains("it timed out"),
                "{out}"
            );
        }
    }
    desk.write("answers.jsonl", "{\"id\":\"s1\",\"output\":\"8\"}\nnot json\n");
    let bad = desk.run(&["eval", "rows.jsonl", "-m", "replay:answers.jsonl"]).ends(2);
    bad.says(&["answers.jsonl:2: not a recorded answer"]);
}
