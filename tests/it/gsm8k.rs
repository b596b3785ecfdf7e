//! The answers of four real models to GSM8K, scored by our scorers, against the accuracies their source
//! published. The data are not ours to keep: the test runs when `ORCH_GSM8K` names their directory.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use orch::eval::dataset::{Dataset, ReadOptions};
use orch::eval::scorer::{Step, Subject};
use orch::model::response::{Choice, Response};

/// Model and published accuracy in per cent (WildEval/ZeroEval, `result_dirs/gsm.summary.md`).
const PUBLISHED: [(&str, f64); 4] = [
    ("gpt-4o-mini-2024-07-18", 94.24),
    ("gemini-1.5-flash", 91.36),
    ("claude-3-haiku-20240307", 88.78),
    ("Meta-Llama-3.1-8B-Instruct", 84.00),
];

fn answers(dir: &Path, model: &str) -> BTreeMap<String, String> {
    let file = std::fs::File::open(dir.join(format!("answers-{model}.jsonl.gz"))).unwrap();
    let mut text = String::new();
    GzDecoder::new(file).read_to_string(&mut text).unwrap();
    let row = |line| {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        (row["id"].as_str().unwrap().to_owned(), row["output"].as_str().unwrap().to_owned())
    };
    text.lines().map(row).collect()
}

#[test]
fn published_accuracies_are_met_within_half_a_point() {
    let Some(dir) = std::env::var_os("ORCH_GSM8K").map(PathBuf::from) else { return };
    let dataset = Dataset::read(&[dir.join("prompts.jsonl")], &ReadOptions::default()).unwrap();
    let mut far = Vec::new();
    for (model, published) in PUBLISHED {
        let answers = answers(&dir, model);
        let mut passed = 0_u32;
        for item in 0..dataset.len() {
            let case = dataset.case(item).unwrap();
            let choice = Choice { text: answers[&case.id].clone(), ..Choice::default() };
            let response = Response { choices: vec![choice], ..Response::default() };
            let subject = Subject { case: &case, response: &response, latency: None, cost: None };
            let accepted = case.scorers.iter().all(|scorer| match scorer.begin(&subject) {
                Step::Done(verdict) => verdict.passed,
                other => panic!("a numeric scorer needs nothing more: {other:?}"),
            });
            passed += u32::from(accepted);
        }
        let total = u32::try_from(dataset.len()).unwrap();
        let accuracy = 100.0 * f64::from(passed) / f64::from(total);
        println!("{model}: {accuracy:.2} % (published {published:.2} %)");
        if (accuracy - published).abs() > 0.5 {
            far.push(model);
        }
    }
    assert!(far.is_empty(), "more than half a point from what was published: {far:?}");
}
