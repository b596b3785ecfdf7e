use proptest::prelude::*;

use super::problem::render;
use super::*;

fn problems(text: &str) -> Vec<String> {
    let problems = Reading::of(text).problems;
    let at = |problem: &Problem| problem.position(text);
    let line = |problem: &Problem| {
        let warning = if problem.is_error() { "" } else { "warning: " };
        let help = problem.help.as_ref().map_or_else(String::new, |help| format!(" | {help}"));
        format!("{}:{}: {warning}{}{help}", at(problem).0, at(problem).1, problem.message)
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

#[test]
fn what_contradicts_itself_is_found_in_one_run_with_its_place() {
    let text = include_str!("../../fixtures/policy/contradictory.toml");
    insta::assert_snapshot!(problems(text).join("\n"));
    insta::assert_snapshot!(
        "contradictions_as_shown",
        render(&Reading::of(text).problems, "orch.toml", text, false)
    );
}

/// Fails unless each file, made of a head and further lines, has problems that begin with these words.
#[track_caller]
fn tells(head: &str, cases: &[(&str, &[&str])]) {
    for (lines, expected) in cases {
        let found = problems(&format!("{head}\n{lines}\n"));
        let is_right = found.len() == expected.len()
            && found.iter().zip(*expected).all(|(found, expected)| found.starts_with(expected));
        assert!(is_right, "{head}\n{lines}\nfound {found:#?}\nexpected {expected:#?}");
    }
}

#[test]
fn a_limit_that_can_never_count_is_told_unless_it_is_a_default() {
    tells(
        "[defaults]",
        &[
            ("timeout = { total = '1s' }", &[]),
            ("timeout = { first_token = '2s' }", &[]),
            ("timeout = { stall = '6m' }", &["2:21: `stall` is longer than `total` (5m, the default)"]),
            (
                "timeout = { connect = '3m', first_token = '2m' }",
                &["2:23: `connect` is longer than `first_token`"],
            ),
            ("retry = { retry_after_max = '6m' }", &["2:29: warning: `retry_after_max` waits longer"]),
            ("retry = { attempts = 5_000_000_000 }", &["2:22: `attempts` of retry is far too large"]),
            (
                "retry = { attempts = -1 }",
                &["2:22: `attempts` of retry must be a whole number of at least 1"],
            ),
        ],
    );
    tells(
        "[on]",
        &[
            ("server = ['retry', 'retry']", &["2:20: an action stands twice"]),
            ("server = ['stop', 'retry', 'wait']", &["2:19: nothing follows `stop`"]),
            ("server = ['retyr']", &["2:11: unknown action | did you mean `retry`?"]),
        ],
    );
}

#[test]
fn an_alias_names_one_model_of_one_size_at_one_price() {
    tells(
        "[models.a]",
        &[
            ("id = 'a'", &["2:6: aliases in a circle"]),
            (
                "id = 'b'\n[models.b]\nid = 'sim/good'",
                &["2:6: `b` is an alias, and an alias names a model | id = \"sim/good\""],
            ),
            ("id = 'azure/x'", &["2:6: provider `azure` needs its address"]),
            ("id = 'sim/goood'", &["2:6: there is no simulated model `sim/goood`; there are sim/good"]),
            ("id = 'opnai/x'", &["2:6: unknown provider `opnai` in `opnai/x`; did you mean `openai`?"]),
        ],
    );
    tells(
        "[models.a]\nid = 'sim/good'",
        &[
            ("window = 0", &["3:10: `window` of [models.a] must be a whole number of at least 1"]),
            (
                "window = 9\nparams = { max_tokens = 10 }",
                &["4:10: `max_tokens` (10) is more than `window` (9)"],
            ),
            ("window = 9\n[models.b]\nid = 'sim/good'\nwindow = 9", &[]),
            ("window = 9\n[models.b]\nid = 'sim/good'\nwindow = 8", &["6:10: `a` states another `window`"]),
            ("price = { input = 1 }", &["3:9: the price of [models.a] states no `output`"]),
            (
                "price = { input = 1.5e-7, output = 0 }",
                &[
                    "3:19: 1.5e-7 is less than any price per million tokens | a price per token? Then write input = 0.15",
                ],
            ),
            ("price = { input = 0, output = 0.0 }", &[]),
            (
                "price = { input = -1, output = 1 }",
                &["3:19: \"-1\" is not a price in dollars per million tokens"],
            ),
            (
                "price = { input = 1, output = 2, cached_input = 3 }",
                &["3:49: warning: the price of [models.a]: cached input is dearer"],
            ),
            (
                "price = { input = 1, output = 2, request = 500 }",
                &["3:44: a request cannot cost 500 dollars"],
            ),
        ],
    );
}

#[test]
fn a_provider_is_sent_its_key_or_needs_none() {
    tells(
        "[providers.openai]",
        &[
            (
                "auth = 'none'\nkeys = [{ env = 'A' }]",
                &["2:8: [providers.openai] names a key, and `auth = \"none\"` sends none"],
            ),
            ("auth = 'basic'", &["2:8: `auth` must be \"bearer\", \"header:NAME\" or \"none\""]),
            ("keys = []", &["2:8: `keys` names no key"]),
        ],
    );
    tells(
        "[providers.vllm]",
        &[("auth = 'bearer'", &["2:8: [providers.vllm] is to be sent a key, and names none"])],
    );
    tells(
        "[providers.sim]",
        &[("keys = [{ env = 'A' }]\nconcurrency = 2", &["2:8: `keys` contradicts `sim`"])],
    );
    tells(
        "[providers.a]\nurl = 'http://h.example/v1'",
        &[
            ("headers = { x-a = { env = 'A' } }", &["2:7: warning: the key of `a` is sent unencrypted"]),
            ("headers = { x-a = \"a\\nb\" }", &["3:19: `x-a` needs text that a header can carry"]),
            ("headers = { 'x a' = 'b' }", &["3:13: `x a` cannot name a header"]),
        ],
    );
}

#[test]
fn a_key_goes_where_the_provider_wants_it() {
    let named = |name: &str| Auth::Header(HeaderName::try_from(name).unwrap());
    let cases = [
        ("openai", "", Auth::Bearer, true),
        ("gemini", "", named("x-goog-api-key"), true),
        ("gemini", "auth = \"bearer\"", Auth::Bearer, true),
        ("gemini", "auth = \"none\"", Auth::None, false),
        ("vllm", "", Auth::None, false),
        ("vllm", "keys = [{ env = \"K\" }]", Auth::Bearer, true),
        ("own", "url = \"https://h\"", Auth::None, false),
        ("own", "url = \"https://h\"\nkeys = [{ env = \"K\" }]", Auth::Bearer, true),
        (
            "own",
            "url = \"https://h\"\ndialect = \"anthropic\"\nkeys = [{ env = \"K\" }]",
            named("x-api-key"),
            true,
        ),
        (
            "own",
            "url = \"https://h\"\nauth = \"header:X-Own\"\nkeys = [{ env = \"K\" }]",
            named("x-own"),
            true,
        ),
    ];
    for (provider, text, auth, has_key) in cases {
        let policy = resolve(&format!("[providers.{provider}]\n{text}\n")).unwrap();
        let found = policy.target(&format!("{provider}/m")).unwrap().provider;
        assert_eq!((&found.auth, found.key != KeySource::None), (&auth, has_key), "{provider} {text}");
        assert_eq!(policy.secrets().len(), usize::from(has_key), "{provider} {text}");
    }
}

#[test]
fn every_secret_is_known_with_its_place() {
    let text = "[providers.a]\nurl = \"https://h\"\nkeys = [{ env = \"A\" }]\nheaders = { x-b = { file = \"b\" } }\n\
                [providers.openai]\nconcurrency = 1\n[models.c]\nid = \"groq/c\"\n[models.d]\nid = \"groq/d\"\n";
    let policy = resolve(text).unwrap();
    let place = |secret: &Secret| {
        let (line, column) = Problem::new(secret.at.clone(), "", "").position(text);
        format!("{} {line}:{column}", secret.provider)
    };
    let places: Vec<_> = policy.secrets().iter().map(place).collect();
    assert_eq!(
        places,
        ["a 3:9", "a 4:19", "openai 5:12", "groq 8:6"],
        "one for each key, however many need it"
    );
}

#[test]
fn a_secret_in_place_of_a_variables_name_is_not_shown() {
    for key in ["sk-proj-Abcdef123456", "gsk_a1b2c3d4e5f6g7h8", "AIzaSyB1234567890abc", "9lives", ""] {
        let text = format!("[providers.openai]\nkeys = [{{ env = \"{key}\" }}]\n");
        let shown = render(&resolve(&text).unwrap_err(), "orch.toml", &text, false);
        assert!(key.is_empty() || !shown.contains(key), "{shown}");
        assert!(shown.contains("`env` does not name a variable"), "{shown}");
    }
}

#[test]
fn the_values_of_headers_are_not_kept() {
    let text = "[providers.a]\nurl = \"https://h\"\nheaders = { x-a = \"s3cret\", x-b = { env = \"B\" } } # c\n\
                [providers.b]\nurl = \"https://h\"\n[providers.b.headers]\nx-c = 'other'\n";
    let kept = storable(text);
    let expected = text.replace("\"s3cret\"", "\"(not kept)\"").replace("'other'", "\"(not kept)\"");
    assert_eq!(kept, expected.replace(" # c", ""));
    assert_eq!(storable("# nothing\n"), "\n");
}

#[test]
fn the_query_of_an_address_and_comments_are_not_kept_and_the_rest_is_as_written() {
    let cases = [
        (
            "[providers.a]\nurl = 'https://h/v1?api-version=2024&x=1' # sk-old\n",
            "[providers.a]\nurl = \"https://h/v1?api-version=(not kept)&x=(not kept)\"\n",
        ),
        ("[providers.a]\nurl = \"https://u:p@h/v1\"\n", "[providers.a]\nurl = \"https://h/v1\"\n"),
        ("a = 'x # y' # z\n  # w\nb = \"x \\\" # y\"#z", "a = 'x # y'\n\nb = \"x \\\" # y\""),
        (
            "a = \"\"\"x\n# y\"\"\"\"\"# z\nb = \'\'\'#\\\'\'\' # w\n",
            "a = \"\"\"x\n# y\"\"\"\"\"\nb = \'\'\'#\\\'\'\'\n",
        ),
        ("a = \"\" # é\n'", "a = \"\"\n'"),
    ];
    for (text, kept) in cases {
        assert_eq!(storable(text), kept, "{text}");
    }
}

#[test]
fn a_credential_in_the_query_of_an_address_is_refused_and_not_shown() {
    for name in
        ["key", "api_key", "X-Api-Key", "access_token", "sig", "code", "client_secret", "subscription-key"]
    {
        let text = format!("[providers.a]\nurl = \"https://h/v1?v=1&{name}=canary\"\n");
        let shown = render(&resolve(&text).unwrap_err(), "orch.toml", &text, false);
        assert!(!shown.contains("canary") && shown.contains(&format!("`{name}` of its query")), "{shown}");
    }
    for query in ["api-version=2024-10-21", "encoding=x&monkey=y", ""] {
        resolve(&format!("[providers.a]\nurl = \"https://h/v1?{query}\"\n")).unwrap();
    }
}

#[test]
fn a_name_without_its_provider_is_found_in_the_catalogue() {
    let catalogue = Catalogue::embedded();
    let policy = resolve("[models.gpt-5-min]\nid = \"openai/gpt-5-mini\"\n").unwrap();
    let cases = [
        (
            "gpt-5-mini",
            "`gpt-5-mini` is neither an alias nor provider/model; did you mean `openai/gpt-5-mini`?",
        ),
        ("gpt-5-mni", "`gpt-5-mni` is neither an alias nor provider/model; did you mean `gpt-5-min`?"),
        (
            "claude-haiku-4.5",
            "`claude-haiku-4.5` is neither an alias nor provider/model; did you mean `anthropic/claude-haiku-4-5`?",
        ),
        (
            "openai",
            "`openai` is neither an alias nor provider/model; name a model of it, as `orch models list --provider openai` shows them",
        ),
        ("opnai/gpt-5", "unknown provider `opnai` in `opnai/gpt-5`; did you mean `openai`?"),
        ("qqqq", "`qqqq` is neither an alias nor provider/model"),
    ];
    for (written, message) in cases {
        let error = policy.target(written).unwrap_err().suggesting(&catalogue);
        assert_eq!(error.to_string(), message);
    }
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
