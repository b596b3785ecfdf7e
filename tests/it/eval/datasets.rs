//! Datasets as they come: formats, several at once, and bad rows, which are named before anything is sent.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use orch::mock::Settings;
use serde_json::json;

use crate::support::{Desk, Mock, sums};

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn every_format_is_read_by_its_name() {
    let mock = Mock::start(Settings::default());
    let desk = Desk::new(&mock.base());
    let csv = "prompt,expected\nCompute 1 + 2.,3\nCompute 2 + 2.,4\n";
    desk.write("a.jsonl", sums(2));
    desk.write("b.csv", csv);
    desk.write("c.tsv", csv.replace(',', "\t"));
    desk.write("d.jsonl.gz", gzip(&sums(2)));
    desk.write("e.csv.gz", gzip(csv));
    desk.write("f.txt", "say one\nsay two\n");
    desk.write("rows", csv);
    for (file, format) in [
        ("a.jsonl", ""),
        ("b.csv", ""),
        ("c.tsv", ""),
        ("d.jsonl.gz", ""),
        ("e.csv.gz", ""),
        ("f.txt", ""),
        ("rows", "csv"),
    ] {
        let mut args = vec!["eval", file, "-m", "chat/m", "--json"];
        if !format.is_empty() {
            args.extend(["--format", format]);
        }
        let json = desk.run(&args).ends(0).json();
        assert_eq!(
            (&json["datasets"][0]["rows"], &json["models"][0]["accepted"]["n"]),
            (&json!(2), &json!(2)),
            "{file}"
        );
    }
    desk.run(&["eval", "rows", "-m", "chat/m", "--format", "xls"])
        .ends(2)
        .says(&["unknown format `xls`", "jsonl"]);
}

#[test]
fn several_datasets_are_one_run_and_standard_input_is_one_of_them() {
    let mock = Mock::start(Settings::default());
    let desk = Desk::new(&mock.base());
    desk.write("a.jsonl", r#"{"id": "a", "prompt": "Compute 1 + 1.", "expected": 2}"#);
    desk.write("b.csv", "id,prompt,expected\nb,Compute 1 + 2.,3\n");
    let input = br#"{"id": "c", "prompt": "Compute 1 + 3.", "expected": 4}"#;
    let ran = desk.feed(&["eval", "a.jsonl", "-", "b.csv", "-m", "chat/m", "--json"], input).ends(0);
    let json = ran.json();
    assert_eq!(json["models"][0]["accepted"]["n"], 3);
    let paths: Vec<_> = json["datasets"].as_array().unwrap().iter().map(|file| &file["path"]).collect();
    assert_eq!(paths, ["a.jsonl", "-", "b.csv"]);
    let ids: Vec<_> = desk.samples().into_iter().map(|row| row.id).collect();
    assert_eq!(ids, ["a", "c", "b"]);
    desk.feed(&["eval", "-", "-", "-m", "chat/m"], input).ends(2).says(&["standard input can be read once"]);
}

/// Bad rows with what is said about them.
const BAD: [(&str, &str); 12] = [
    ("{\"prompt\": \"a\"", "is not JSON"),
    ("[1]", "is a JSON array"),
    ("{\"expected\": 1}", "has no `prompt`, `messages` or `input`"),
    ("{\"prompt\": 7}", "`prompt` must be a string"),
    ("{\"prompt\": \" \"}", "the prompt is empty"),
    ("{\"id\": \"good\", \"prompt\": \"again\"}", "is that of line 1 already"),
    ("{\"prompt\": \"a\", \"expectd\": 1}", "did you mean `expected`?"),
    ("{\"prompt\": \"a\", \"scorers\": [\"nmueric\"]}", "did you mean `numeric`?"),
    ("{\"prompt\": \"a\", \"scorers\": [\"regex:(\"]}", "is not a regular expression"),
    ("{\"prompt\": \"a\", \"schema\": {\"type\": 7}}", "`schema` is not a valid JSON Schema"),
    ("{\"messages\": [{\"role\": \"robot\", \"content\": \"a\"}]}", "`role` must be"),
    ("{\"prompt\": \"a\", \"max_tokens\": 0}", "`max_tokens` must be"),
];

fn bad_rows() -> String {
    let bad = BAD.map(|(row, _)| row).join("\n");
    format!("{{\"id\": \"good\", \"prompt\": \"say yes\"}}\n{bad}\n{{\"prompt\": \"say no\"}}\n")
}

#[test]
fn every_bad_row_is_named_with_file_and_line_before_anything_is_sent() {
    let mock = Mock::start(Settings::default());
    let desk = Desk::new(&mock.base());
    desk.write("rows.jsonl", bad_rows());
    desk.write("more.csv", "prompt,expected\nfine,1\n\"open,2\n");
    let ran = desk.run(&["eval", "rows.jsonl", "more.csv", "-m", "chat/m"]).ends(2);
    for (at, (_, message)) in BAD.iter().enumerate() {
        let place = format!("rows.jsonl:{}", at + 2);
        let line = ran
            .err
            .lines()
            .find(|line| line.contains(&format!("{place}:")) || line.contains(&format!("{place} ")));
        assert!(line.is_some_and(|line| line.contains(message)), "{place} {message}: {}", ran.err);
    }
    assert!(ran.out.is_empty());
    let ran = ran.says(&["more.csv:3", "nothing was sent", "--skip-bad"]);
    assert!(!ran.err.contains("panicked"));
    assert_eq!(mock.requests(), 0);
    assert!(!desk.ledger().exists(), "a run that never began is not on record");
}

#[test]
fn bad_rows_can_be_left_out_and_are_counted() {
    let mock = Mock::start(Settings::default());
    let desk = Desk::new(&mock.base());
    desk.write("rows.jsonl", bad_rows());
    let json = desk.run(&["eval", "rows.jsonl", "-m", "chat/m", "--skip-bad", "--json"]).ends(0).json();
    assert_eq!((&json["skipped_rows"], &json["finished"]), (&json!(BAD.len()), &json!(2)));
    assert_eq!(mock.requests(), 2);
    assert!(json["notes"].to_string().contains("left out: 12 bad rows"), "{json}");
}

#[test]
fn a_dataset_without_a_good_row_is_no_dataset() {
    let mock = Mock::start(Settings::default());
    let desk = Desk::new(&mock.base());
    desk.write("bad.jsonl", "{\"prompt\": 7}\n");
    desk.write("empty.jsonl", "");
    for args in
        [&["eval", "bad.jsonl", "--skip-bad", "-m", "chat/m"][..], &["eval", "empty.jsonl", "-m", "chat/m"]]
    {
        desk.run(args).ends(2).says(&[args[1]]);
    }
    desk.feed(&["eval", "-", "-m", "chat/m"], b"").ends(2);
    desk.run(&["eval", ".", "-m", "chat/m"]).ends(2);
    assert_eq!(mock.requests(), 0);
}

#[test]
fn a_template_that_cannot_be_rendered_is_found_before_anything_is_sent() {
    let mock = Mock::start(Settings::default());
    let desk = Desk::new(&mock.base());
    desk.sums(2);
    desk.write("open.j2", "{{ prompt ");
    desk.write("unknown.j2", "{{ promt }}");
    for (template, words) in [("open.j2", "open"), ("unknown.j2", "promt"), ("missing.j2", "missing.j2")] {
        desk.run(&["eval", "rows.jsonl", "-m", "chat/m", "--template", template]).ends(2).says(&[words]);
    }
    assert_eq!(mock.requests(), 0);
}
