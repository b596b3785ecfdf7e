use std::fs;
use std::io::Write as _;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::model::request::Image;
use crate::model::{Part, Role, Shape, ToolChoice};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/dataset").join(name)
}

fn file(suffix: &str, bytes: &[u8]) -> tempfile::NamedTempFile {
    let mut file = tempfile::Builder::new().prefix("rows").suffix(suffix).tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file
}

fn read(suffix: &str, bytes: &[u8], options: &ReadOptions) -> Result<Dataset, Problems> {
    Dataset::read(&[file(suffix, bytes).path().to_path_buf()], options)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn skipping() -> ReadOptions {
    ReadOptions { skip_bad: true, ..ReadOptions::default() }
}

fn prompt(case: &Case) -> &str {
    match &case.request.messages.last().unwrap().parts[0] {
        Part::Text(text) => text,
        other => panic!("not a text: {other:?}"),
    }
}

fn prompts(dataset: &Dataset) -> Vec<String> {
    (0..dataset.len()).map(|item| prompt(&dataset.case(item).unwrap()).to_owned()).collect()
}

/// The only problem of a dataset.
#[track_caller]
fn problem(result: Result<Dataset, Problems>) -> Problem {
    let problems = result.map(|dataset| dataset.len()).unwrap_err();
    assert_eq!(problems.total, 1, "{problems}");
    problems.listed[0].clone()
}

#[test]
fn every_kind_of_bad_row_is_found_with_its_line_and_a_remedy() {
    let expected = [
        (2, "is not JSON: EOF while parsing an object; a row must stand on one line"),
        (3, "one object per line (jq -c '.[]' does that)"),
        (4, "is not a JSON object"),
        (5, "has no `prompt`, `messages` or `input`"),
        (6, "`prompt` must be a string"),
        (7, "has `prompt` and `messages`; keep one"),
        (8, "the prompt is empty"),
        (9, "the id \"good-1\" is that of line 1 already"),
        (10, "there is no field `expectd`; did you mean `expected`?"),
        (11, "`schema` is not a valid JSON Schema"),
        (12, "is not a regular expression: unclosed group"),
        (13, "there is no scorer `nmueric`; did you mean `numeric`?"),
        (14, "scorer `numeric` needs the row's `expected`"),
        (15, "`scorers` is an empty list"),
        (16, "message 1: `role` must be system"),
        (17, "holds no message but the system's"),
        (18, "must begin with https:// or data:"),
        (19, "message 2: `tool_call_id` \"c9\" is no call"),
        (20, "has both `system` and a system message"),
        (21, "tool 1: needs `name`"),
        (22, "`parameters` of the tool `t` is not a valid JSON Schema"),
        (23, "`tool_choice` must be"),
        (24, "`id` must be"),
        (25, "`tags` must be"),
        (26, "`vars` must be"),
        (27, "`max_tokens` must be"),
        (28, "has both `expected` and `ideal`"),
        (29, "`ideal` must be"),
        (30, "has both `cluster` and `group`"),
        (31, "`class` must be"),
    ];
    let problems = Dataset::read(&[fixture("bad.jsonl")], &ReadOptions::default()).unwrap_err();
    for ((line, message), problem) in expected.iter().zip(&problems.listed) {
        assert_eq!(problem.line, Some(*line), "{problem}");
        assert!(problem.message.contains(message), "{problem}");
    }
    assert_eq!(problems.total, expected.len() as u64);

    let dataset = Dataset::read(&[fixture("bad.jsonl")], &skipping()).unwrap();
    assert_eq!((dataset.len(), dataset.skipped()), (2, expected.len() as u64));
    assert_eq!(dataset.problems(), &problems);
    let last = dataset.case(1).unwrap();
    assert_eq!((last.id.as_str(), last.line, last.item), ("good-2", 33, 1));
}

#[test]
fn bad_bytes_are_found_with_their_column() {
    let rows = |row: &[u8]| [b"{\"prompt\": \"a\"}\n", row, b"\n"].concat();
    let cases = [
        (rows(b"{\"prompt\": \"\xc3\xa9t\xe9\"}"), Some(2), Some(15), "0xe9 is not UTF-8"),
        (rows(b"{\"prompt\": \"a\0\"}"), Some(2), Some(14), "NUL"),
        (rows(b"{\"prompt\": \"a\", }"), Some(2), Some(17), "is not JSON: trailing comma"),
        (
            rows(&[b"{\"prompt\": \"", b"x".repeat((16 << 20) + 1).as_slice(), b"\"}"].concat()),
            Some(2),
            None,
            "longer than 16 MiB",
        ),
        (b"".to_vec(), None, None, "is empty"),
        (b"\n \n".to_vec(), None, None, "is empty"),
        (b"\xff\xfe{\0".to_vec(), None, None, "is UTF-16"),
    ];
    for (bytes, line, column, message) in cases {
        let found = problem(read(".jsonl", &bytes, &ReadOptions::default()));
        assert_eq!((found.line, found.column), (line, column), "{found}");
        assert!(found.message.contains(message), "{found}");
    }
}

#[test]
fn a_byte_order_mark_and_windows_line_ends_do_not_count() {
    let dataset = read(
        ".jsonl",
        b"\xef\xbb\xbf{\"prompt\": \"a\"}\r\n\r\n{\"prompt\": \"b\"}\r\n",
        &ReadOptions::default(),
    );
    assert_eq!(prompts(&dataset.unwrap()), ["a", "b"]);
    let dataset = read(".csv", b"\xef\xbb\xbfprompt\r\n\"a\r\nb\"\r\nc\r\n", &ReadOptions::default());
    assert_eq!(prompts(&dataset.unwrap()), ["a\nb", "c"]);
}

#[test]
fn tables_have_rows_like_any_other() {
    let dataset = Dataset::read(&[fixture("good.csv")], &ReadOptions::default()).unwrap();
    let cases: Vec<_> = (0..dataset.len()).map(|item| dataset.case(item).unwrap()).collect();
    let lines: Vec<_> = cases.iter().map(|case| case.line).collect();
    assert_eq!(lines, [2, 3, 6, 7]);
    assert_eq!(cases[0].expected, Some(json!(4)));
    assert_eq!(cases[0].vars, json!({"topic": "sums"}).as_object().unwrap().clone());
    assert_eq!(prompt(&cases[1]), "Name a colour, please.\nOnly one word.");
    assert_eq!(cases[1].expected, Some(json!(["red", "green"])));
    assert_eq!(cases[1].tags, ["colour", "word"]);
    assert_eq!((cases[2].id.as_str(), cases[2].scorers[0].name()), ("3", "contains"));
    assert_eq!(prompt(&cases[3]), "A 5\" screen is how many inches?");
    assert_eq!(cases[3].expected, Some(json!("007")), "a number JSON would not write is text");
    assert_eq!(cases[3].scorers[0].name(), "numeric");
}

#[test]
fn a_table_written_wrong_says_where() {
    let cases: [(&[u8], Option<u64>, &str); 7] = [
        (b"question,answer\nq,a\n", Some(1), "it has question, answer"),
        (b"Prompt,x\nq,a\n", Some(1), "did you mean `prompt`?"),
        (b"prompt,prompt\nq,a\n", Some(1), "twice"),
        (b"prompt,\nq,a\n", Some(1), "has no name"),
        (b"prompt,x\nq\n", Some(2), "the row has 1 cells, the header 2"),
        (b"prompt,x\nq,\"open\n", Some(2), "not closed"),
        (b"prompt,expected\nq,{1}\n", Some(2), "begins like JSON but is not"),
    ];
    for (bytes, line, message) in cases {
        let found = problem(read(".csv", bytes, &ReadOptions::default()));
        assert!(found.line == line && found.message.contains(message), "{found}");
    }
    assert!(problem(read(".csv", b"prompt\n", &ReadOptions::default())).message.contains("no row"));
}

#[test]
fn conversations_keep_everything_a_chat_request_has() {
    let dataset = Dataset::read(&[fixture("chat.jsonl")], &ReadOptions::default()).unwrap();
    let case = dataset.case(0).unwrap();
    let messages = &case.request.messages;
    let roles: Vec<_> = messages.iter().map(|message| message.role).collect();
    assert_eq!(roles, [Role::Developer, Role::User, Role::Assistant, Role::Tool]);
    let shown = "developer: Be brief.\n\nuser: What is this?\n[image]\n[input_audio]\n\n\
        assistant: [calls look with {\"x\": 1}]\n\ntool: a cat";
    assert_eq!(case.prompt_text(), shown);
    assert_eq!(messages[0].extra["name"], "ops");
    let image = Image::Data { media_type: "image/png".into(), base64: "AAAA".into() };
    assert_eq!(messages[1].parts[1], Part::Image(image));
    assert!(matches!(&messages[1].parts[2], Part::Opaque { dialect, .. } if dialect == "openai"));
    assert!(matches!(&messages[2].parts[0], Part::ToolCall(call) if call.arguments == "{\"x\": 1}"));
    assert!(
        matches!(&messages[3].parts[0], Part::ToolResult(result) if result.name == "look" && result.id == "c1")
    );
    assert_eq!(case.request.tools[0].extra["cache_control"], json!({"type": "ephemeral"}));
    assert_eq!(case.request.tool_choice, Some(ToolChoice::Named("look".into())));
    assert_eq!(case.request.params.max_tokens, Some(64));
    assert_eq!((case.class.as_deref(), case.cluster.as_deref()), (Some("vision"), Some("7")));
    assert_eq!(Value::Object(case.vars), json!({"k": 1, "source": "ours"}));
    let evals = dataset.case(1).unwrap();
    assert_eq!((evals.expected, evals.scorers[0].name()), (Some(json!(["Paris", "paris"])), "one_of"));
    assert_eq!(prompt(&dataset.case(2).unwrap()), "2+2?");
}

#[test]
fn a_schema_becomes_the_shape_of_the_answer() {
    let schema = json!({"type": "object"});
    let dataset = read(
        ".jsonl",
        json!({"prompt": "q", "schema": schema}).to_string().as_bytes(),
        &ReadOptions::default(),
    );
    let case = dataset.unwrap().case(0).unwrap();
    assert_eq!(case.request.shape, Shape::Schema { name: "answer".into(), schema, strict: None });
    assert!(case.schema.is_some() && case.scorers.is_empty());
}

#[test]
fn the_format_is_seen_by_the_name_else_by_the_first_line() {
    let jsonl = b"{\"prompt\": \"a\"}\n".as_slice();
    let cases = [
        (".jsonl", jsonl, vec!["a"]),
        ("", jsonl, vec!["a"]),
        (".txt", b"one\n\n two \n", vec!["one", " two "]),
        ("", b"one, two\nthree", vec!["one, two", "three"]),
        ("", b"\nid,prompt\n1,a\n", vec!["a"]),
        (".tsv", b"id\tprompt\n1\ta, b\n", vec!["a, b"]),
        ("", b"id\tprompt\n1\ta, b\n", vec!["a, b"]),
    ];
    for (suffix, bytes, expected) in cases {
        for (suffix, bytes) in [(suffix.to_owned(), bytes.to_vec()), (format!("{suffix}.gz"), gzip(bytes))] {
            let dataset = read(&suffix, &bytes, &ReadOptions::default()).unwrap();
            assert_eq!(prompts(&dataset), expected, "{suffix} {:?}", String::from_utf8_lossy(&bytes));
        }
    }
    let forced = ReadOptions { format: Some(Format::Text), ..ReadOptions::default() };
    assert_eq!(prompts(&read(".jsonl", jsonl, &forced).unwrap()), ["{\"prompt\": \"a\"}"]);
}

#[test]
fn a_compressed_file_cut_short_is_refused() {
    let whole = gzip(b"{\"prompt\": \"a\"}\n".repeat(100).as_slice());
    let found = problem(read(".jsonl.gz", &whole[..whole.len() / 2], &ReadOptions::default()));
    assert!(found.message.contains("cannot be decompressed"), "{found}");
}

#[test]
fn several_files_are_one_dataset_each_with_its_hash() {
    let (first, second) = (file(".txt", b"a\nb\n"), file(".jsonl", b"{\"id\": 1, \"prompt\": \"c\"}\n"));
    let paths = [first.path().to_path_buf(), second.path().to_path_buf()];
    let dataset = Dataset::read(&paths, &ReadOptions::default()).unwrap();
    assert_eq!(prompts(&dataset), ["a", "b", "c"]);
    let files: Vec<_> = dataset.files().collect();
    // printf 'a\nb\n' | sha256sum
    assert_eq!(files[0].sha256, "911169ddaaf146aff539f58c26c489af3b892dff0fe283c1c264c65ae5aa59a2");
    assert_eq!((files[0].rows, files[0].bytes, files[1].rows), (2, 4, 1));
    let case = dataset.case(1).unwrap();
    let name = first.path().file_name().unwrap().to_string_lossy().into_owned();
    assert_eq!((case.id, case.line), (format!("{name}:2"), 2));
    assert!(dataset.case(3).is_err());

    let none = Dataset::read(&[], &ReadOptions::default());
    assert!(problem(none).message.contains("no file is named"));
    let twice = Dataset::read(&[paths[0].clone(), paths[0].clone()], &ReadOptions::default());
    assert!(problem(twice).message.contains("named twice"));
    let missing = Dataset::read(&[paths[0].with_extension("none"), paths[0].clone()], &skipping());
    assert!(problem(missing).message.contains("cannot be read"));
}

#[test]
fn rows_without_ids_are_told_apart_across_files_of_one_name() {
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let paths = dirs.each_ref().map(|dir| dir.path().join("rows.txt"));
    for path in &paths {
        fs::write(path, "a\n").unwrap();
    }
    let dataset = Dataset::read(&paths, &ReadOptions::default()).unwrap();
    assert_eq!(dataset.case(0).unwrap().id, "rows.txt:1");
    assert_eq!(dataset.case(1).unwrap().id, format!("{}:1", paths[1].display()));
}

#[test]
fn a_file_that_changes_under_the_run_is_noticed() {
    let rows = file(".jsonl", b"{\"prompt\": \"a\"}\n{\"prompt\": \"b\"}\n");
    let dataset = Dataset::read(&[rows.path().to_path_buf()], &ReadOptions::default()).unwrap();
    assert!(dataset.case(1).is_ok());
    fs::write(rows.path(), b"{\"prompt\": \"a\"}\n").unwrap();
    let error = dataset.case(1).unwrap_err();
    assert!(error.message.contains("changed after it was checked"), "{error}");
}

#[test]
fn a_template_becomes_the_prompt_and_names_what_is_missing() {
    let template = |text: &str| Template { name: "ask.j2".into(), text: text.into() };
    let options = |text: &str| ReadOptions { template: Some(template(text)), ..ReadOptions::default() };
    let row = br#"{"question": "1 < 2?", "vars": {"style": {"tone": "calm"}}}"#;
    let dataset = read(".jsonl", row, &options("Be {{ style.tone }}.\n{{ question }}")).unwrap();
    assert_eq!(prompts(&dataset), ["Be calm.\n1 < 2?"]);
    let chat = br#"{"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "hi"}]}"#;
    let dataset = read(".jsonl", chat, &options("> {{ prompt }}")).unwrap();
    assert_eq!(prompts(&dataset), ["> hi"]);
    assert_eq!(dataset.case(0).unwrap().request.messages.len(), 2);
    let dataset = read(".csv", b"question\nwhy?\n", &options("Q: {{ question }}")).unwrap();
    assert_eq!(prompts(&dataset), ["Q: why?"]);

    let found = problem(read(".jsonl", row, &options("first\n{{ questoin }}")));
    assert_eq!(found.line, Some(1));
    assert!(found.message.starts_with("`questoin` is not defined in the template ask.j2:2"), "{found}");
    let found = problem(read(".jsonl", row, &options("{{ style.mood }}")));
    assert!(found.message.starts_with("`style.mood` is not defined"), "{found}");
    let broken = problem(read(".jsonl", row, &options("ok\n{% if %}")));
    assert_eq!((broken.file.as_str(), broken.line), ("ask.j2", Some(2)));
}

#[test]
fn defaults_fill_what_rows_leave_out() {
    let options = ReadOptions {
        scorers: vec![Scorer::from_short("contains:x").unwrap()],
        system: Some("be brief".into()),
        ..ReadOptions::default()
    };
    let rows = b"{\"prompt\": \"a\", \"expected\": 4}\n{\"prompt\": \"b\", \"system\": \"s\", \"scorers\": \"json\"}\n";
    let dataset = read(".jsonl", rows, &options).unwrap();
    let cases = [dataset.case(0).unwrap(), dataset.case(1).unwrap()];
    assert_eq!(cases.each_ref().map(|case| case.scorers[0].name()), ["contains", "json"]);
    let systems = cases.each_ref().map(|case| case.request.messages[0].parts[0].clone());
    assert_eq!(systems, [Part::Text("be brief".into()), Part::Text("s".into())]);
}

#[test]
fn the_first_hundred_problems_are_listed_and_all_are_counted() {
    let problems =
        read(".jsonl", &b"x\n".repeat(250), &ReadOptions::default()).map(|set| set.len()).unwrap_err();
    assert_eq!((problems.listed.len(), problems.total), (100, 250));
    assert_eq!(read(".jsonl", b"x\n", &skipping()).map(|set| set.len()).unwrap_err().total, 2);
}

#[test]
fn the_quickstart_dataset_is_sound() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("evals/quickstart.jsonl");
    let dataset = Dataset::read(&[path], &ReadOptions::default()).unwrap();
    assert!(dataset.len() >= 60);
    for item in 0..dataset.len() {
        let case = dataset.case(item).unwrap();
        assert!(!case.scorers.is_empty() && !case.tags.is_empty() && case.class.is_some(), "{}", case.id);
        assert!(!case.scorers.iter().any(Scorer::has_effect), "{} must run without a judge", case.id);
    }
}

proptest! {
    #[test]
    fn any_row_is_found_again_on_its_line(rows in prop::collection::vec((0_u8..4, "[a-z \"]{1,9}"), 1..40)) {
        let mut text = String::new();
        let mut expected = Vec::new();
        for (blank, word) in &rows {
            let word = format!("w{word}");
            text.push_str(&"\n".repeat(usize::from(*blank)));
            expected.push((word.clone(), text.matches('\n').count() as u64 + 1));
            text.push_str(&json!({"prompt": word}).to_string());
            text.push('\n');
        }
        for bytes in [text.clone().into_bytes(), gzip(text.as_bytes())] {
            let dataset = read(".jsonl", &bytes, &ReadOptions::default()).unwrap();
            for item in (0..dataset.len()).rev() {
                let case = dataset.case(item).unwrap();
                let (word, line) = &expected[usize::try_from(item).unwrap()];
                prop_assert_eq!((prompt(&case), case.line), (word.as_str(), *line));
            }
        }
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..80), table: bool) {
        let suffix = if table { ".csv" } else { ".jsonl" };
        let bytes = if table { [b"prompt,x\n".as_slice(), &bytes].concat() } else { bytes };
        if let Ok(dataset) = read(suffix, &bytes, &skipping()) {
            prop_assert!((0..dataset.len()).all(|item| dataset.case(item).is_ok()));
        }
    }
}
