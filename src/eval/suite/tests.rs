use super::*;

const WHOLE: &str = r#"
datasets = ["rows.jsonl", "-"]
scorers = ["contains:x", { type = "numeric", rel = 0.01 }]
gates = ["valid>=98%", "p95<4s"]
incumbent = "big"
margin = "2pp"
seed = 7
max_cost = "2.50"
concurrency = 8
repeats = 3

[[prompts]]
label = "short"
text = "{{ question }}"

[[candidates]]
model = "openai/gpt-5"
label = "big"
temperature = 0.0
effort = "low"

[[candidates]]
model = "mock/small"
max_tokens = 100
repeats = 1
"#;

#[test]
fn a_suite_says_everything_a_run_needs() {
    let suite = Suite::parse("evals/s.toml", WHOLE).unwrap();
    assert_eq!(suite.datasets, [PathBuf::from("evals/rows.jsonl"), PathBuf::from("-")]);
    let scorers: Vec<_> = suite.scorers.iter().map(|written| Scorer::parse(written).unwrap()).collect();
    let names: Vec<_> = scorers.iter().map(Scorer::name).collect();
    assert_eq!(names, ["contains", "numeric"]);
    assert_eq!(suite.gates[1], Gate { text: "p95<4s".into(), line: 4, column: 24 });
    assert_eq!((suite.incumbent, suite.seed), (Some(0), Some(7)));
    assert!(suite.margin.is_some_and(|margin| (margin - 0.02).abs() < 1e-12));
    assert_eq!(suite.max_cost, Some(Money::from_nanos(2_500_000_000)));
    assert_eq!(suite.prompts[0].template.text, "{{ question }}");
    let [big, small] = suite.candidates.as_slice() else { panic!() };
    assert_eq!((big.label.as_str(), big.params.temperature, big.repeats.get()), ("big", Some(0.0), 3));
    assert_eq!(
        (small.label.as_str(), small.params.max_tokens, small.repeats.get()),
        ("mock/small", Some(100), 1)
    );
}

#[test]
fn templates_and_datasets_are_found_beside_the_suite() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("ask.j2"), "Q: {{ q }}").unwrap();
    let path = dir.path().join("s.toml");
    let text = "datasets = ['a.csv']\nprompts = [{ file = 'ask.j2' }]\ncandidates = [{ model = 'm' }]\n";
    std::fs::write(&path, text).unwrap();
    let suite = Suite::read(&path).unwrap();
    assert_eq!(suite.datasets, [dir.path().join("a.csv")]);
    assert_eq!(
        (suite.prompts[0].label.as_str(), suite.prompts[0].template.text.as_str()),
        ("ask.j2", "Q: {{ q }}")
    );
}

#[test]
fn every_problem_is_told_with_its_place_and_a_remedy() {
    let text = "datasets = ['a']\nmargin = 'two'\nmax_cost = 'much'\nincumbent = 'bog'\nformat = 'xml'\n\
        scorers = ['contians:x', 'numeric']\nprompts = [{ label = 'p' }, { file = 'none.j2' }]\n\n[[candidates]]\n\
        model = 'm'\nlabel = 'big'\n[[candidates]]\nmodel = 'n'\nlabel = 'big'\n[[candidates]]\nmodel = 'o'\ntop_p = 3.0\n";
    let problems = Suite::parse("s.toml", text).unwrap_err();
    let mut told: Vec<_> = problems.listed.iter().map(ToString::to_string).collect();
    told.sort();
    let expected = [
        "s.toml:12:1: there is a candidate `big` already",
        "s.toml:15:1: `top_p` must be from 0 to 1",
        "s.toml:2:10: `margin` must be percentage points",
        "s.toml:3:12: `max_cost`",
        "s.toml:4:13: `incumbent` is \"bog\", which is no candidate (there are big)",
        "s.toml:5:10: `format` must be",
        "s.toml:6:12: there is no scorer `contians`; did you mean `contains`?",
        "s.toml:7:12: a prompt needs either `file` or `text`",
        "s.toml:7:29: the template none.j2 cannot be read",
    ];
    assert_eq!(told.len(), expected.len(), "{problems}");
    for (told, expected) in told.iter().zip(expected) {
        assert!(told.starts_with(expected), "{told}");
    }
}

#[test]
fn unknown_keys_are_errors_with_what_was_meant() {
    let text =
        "dataset = ['a']\n[[candidates]]\nmodel = 'm'\ntemprature = 1.0\n[[prompts]]\ntext = 'x'\nwhat = 1\n";
    let problems = Suite::parse("s.toml", text).unwrap_err();
    let mut told: Vec<_> = problems.listed.iter().map(ToString::to_string).collect();
    told.sort();
    assert!(told[0].starts_with("s.toml:1:1: unknown key `dataset`; did you mean `datasets`?"), "{problems}");
    assert!(
        told[1].starts_with("s.toml:4:1: unknown key `temprature`; did you mean `temperature`?"),
        "{problems}"
    );
    assert!(told[2].starts_with("s.toml:7:1: unknown key `what` (known: label, file, text)"), "{problems}");
}

#[test]
fn values_of_a_wrong_type_and_broken_toml_are_placed() {
    let cases = [
        ("datasets = 'a'\n", "s.toml:1:12: invalid type"),
        ("datasets = ['a']\nconcurrency = 0\n", "s.toml:2:15: invalid value"),
        ("datasets = ['a'\n[x", "s.toml:2:"),
        ("[[candidates]]\nlabel = 'x'\n", "s.toml:1:1: missing field `model`"),
        ("datasets = ['a']\n", "s.toml:1:1: names no candidate"),
        ("candidates = [{ model = 'm' }]\n", "s.toml:1:1: names no dataset"),
    ];
    for (text, expected) in cases {
        let problems = Suite::parse("s.toml", text).unwrap_err();
        let told = problems.to_string();
        assert!(told.starts_with(expected), "{text}: {told}");
    }
}
