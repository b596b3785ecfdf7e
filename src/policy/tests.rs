use proptest::prelude::*;

use super::problem::render;
use super::*;

fn problems(text: &str) -> Vec<String> {
    let problems = resolve(text).unwrap_err();
    let at = |problem: &Problem| problem.position(text);
    let line = |problem: &Problem| {
        let help = problem.help.as_ref().map_or_else(String::new, |help| format!(" | {help}"));
        format!("{}:{}: {}{help}", at(problem).0, at(problem).1, problem.message)
    };
    problems.iter().map(line).collect()
}

#[test]
fn a_whole_configuration_is_read() {
    let policy = resolve(include_str!("../../fixtures/policy/whole.toml")).unwrap();
    let eu = policy.target("local").unwrap();
    assert_eq!(eu.target.to_string(), "eu/qwen3-32b");
    assert_eq!(eu.provider.base_url, "https://llm.eu.example/v1");
    assert_eq!(eu.provider.key, KeySource::File("/run/secrets/eu".into()));
    assert_eq!(eu.provider.concurrency, Some(64));
    let price = eu.alias.unwrap().price.unwrap();
    assert_eq!(price.input, Some(Rate::from_picos(37_500)), "0.0375 is exact");
    assert_eq!(policy.limits().first_token, Duration::from_secs(10));
    assert_eq!(policy.retry().backoff_most, Duration::from_secs(8));
    assert_eq!(policy.actions()[0], (FailureClass::Server, vec![Action::Retry, Action::Stop]));
}

#[test]
fn presets_need_no_configuration() {
    let resolved = Policy::default().target("openrouter/anthropic/claude-haiku-4.5").unwrap();
    assert_eq!(resolved.target.model, "anthropic/claude-haiku-4.5");
    assert_eq!(resolved.provider.key, KeySource::Env(vec!["OPENROUTER_API_KEY".into()]));
    let ollama = Policy::default().target("ollama/llama3:8b").unwrap();
    assert_eq!((ollama.provider.dialect, ollama.provider.key), (DialectName::Ollama, KeySource::None));
}

#[test]
fn a_model_that_cannot_be_found_says_what_was_meant() {
    let policy = resolve("[models.small]\nid = \"openai/gpt-5-mini\"\n").unwrap();
    let cases = [
        ("smal", "`smal` is neither an alias nor provider/model; did you mean `small`?"),
        ("opnai/gpt-5", "unknown provider `opnai` in `opnai/gpt-5`; did you mean `openai`?"),
        ("azure/gpt-5", "provider `azure` needs its address: set [providers.azure] url in orch.toml"),
        ("openai/", "`openai/` is neither an alias nor provider/model"),
    ];
    for (written, message) in cases {
        assert_eq!(policy.target(written).unwrap_err().to_string(), message);
    }
}

#[test]
fn every_problem_of_a_file_is_found_in_one_run() {
    let text = include_str!("../../fixtures/policy/wrong.toml");
    insta::assert_snapshot!(problems(text).join("\n"));
}

#[test]
fn problems_are_shown_with_their_lines_and_without_credentials() {
    let text = "[providers.openai]\nkeys = [\"sk-live-123\"]\nurll = \"x\"\n";
    let shown = render(&resolve(text).unwrap_err(), "orch.toml", text, false);
    assert!(!shown.contains("sk-live"), "{shown}");
    insta::assert_snapshot!(shown);
}

#[test]
fn a_credential_is_not_shown_wherever_a_key_belongs() {
    for text in
        ["[providers.openai]\nkeys = \"sk-live-123\"\n", "[providers.openai]\nkey = \"sk-live-123\"\n"]
    {
        let shown = render(&resolve(text).unwrap_err(), "orch.toml", text, false);
        assert!(!shown.contains("sk-live") && shown.contains("a credential must not stand"), "{shown}");
    }
}

#[test]
fn a_credential_is_not_shown_where_the_file_is_not_toml() {
    let text = "[providers.openai]\nkeys = [\"sk-live-123\"\n";
    let shown = render(&resolve(text).unwrap_err(), "orch.toml", text, false);
    assert!(!shown.contains("sk-live") && shown.contains("keys ="), "{shown}");
}

#[test]
fn an_address_leads_where_it_says_and_a_paid_provider_is_not_taken_for_a_recording() {
    let cases = [
        ("[providers.a]\nurl = \"https://h/v1#x\"\n", "fragment"),
        ("[providers.a]\nurl = \"https://u:p@h/v1\"\n", "credentials"),
        ("[providers.replay]\nurl = \"https://h/v1\"\n", "recorded answers"),
    ];
    for (text, problem) in cases {
        assert!(problems(text)[0].contains(problem), "{:?}", problems(text));
    }
}

#[test]
fn broken_toml_is_a_problem_with_a_place() {
    assert!(problems("[ledger\npath = 3")[0].starts_with("1:"), "{:?}", problems("[ledger\npath = 3"));
}

proptest! {
    #[test]
    fn no_text_panics(text in "\\PC{0,80}", lines in prop::collection::vec("[a-z.\\[\\]= \"{}0-9\x1b]{0,30}", 0..6)) {
        for text in [text, lines.join("\n")] {
            if let Err(problems) = resolve(&text) {
                let shown = render(&problems, "f", &text, false);
                prop_assert!(!shown.contains('\x1b'));
            }
        }
    }
}
