//! README.md says what the code does: its tables are made from the code's own, its examples are read by the
//! code that reads users' files. `ORCH_UPDATE=1 cargo test --test it docs` writes the generated tables anew.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use clap::Parser as _;
use orch::cli::args::Cli;
use orch::cli::exit::Exit;
use orch::eval::dataset::{Dataset, ReadOptions};
use orch::eval::gate::Gate;
use orch::eval::scorer::Scorer;
use orch::eval::suite::Suite;
use orch::model::FailureClass;
use orch::policy::catalogue::Catalogue;
use orch::policy::preset::{self, Auth};
use orch::policy::{self, problem};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn readme() -> String {
    fs::read_to_string(root().join("README.md")).unwrap()
}

/// Where the text between `<!-- name -->` and `<!-- /name -->` stands.
fn block(text: &str, name: &str) -> std::ops::Range<usize> {
    let (head, foot) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
    let begin = text.find(&head).unwrap_or_else(|| panic!("README.md has no {head}")) + head.len();
    let end = begin + text[begin..].find(&foot).unwrap_or_else(|| panic!("README.md has no {foot}"));
    begin..end
}

/// The fenced code of a language.
fn fenced(text: &str, language: &str) -> Vec<String> {
    let open = format!("```{language}\n");
    text.split(&open).skip(1).map(|rest| rest.split("\n```").next().unwrap().to_owned()).collect()
}

/// The first cell of each row of the table within a block, without its code marks.
fn first_cells(text: &str, name: &str) -> Vec<String> {
    let rows = text[block(text, name)].lines().skip(2);
    rows.map(|row| row.split('|').nth(1).unwrap().trim().trim_matches('`').to_owned()).collect()
}

fn failures() -> String {
    let mut out = "| class | actions, in order |\n|---|---|\n".to_owned();
    for class in FailureClass::ALL {
        let actions: Vec<_> = class.actions().iter().map(|action| format!("`{}`", action.name())).collect();
        writeln!(out, "| `{class}` | {} |", actions.join(", ")).unwrap();
    }
    out
}

fn providers() -> String {
    let mut out = "| provider | dialect | address | key |\n|---|---|---|---|\n".to_owned();
    for preset in preset::ALL.iter().filter(|preset| preset.name != "sim") {
        let url = if preset.url.is_empty() { "yours".to_owned() } else { format!("`{}`", preset.url) };
        let keys: Vec<_> = preset.keys.iter().map(|key| format!("`{key}`")).collect();
        let keys = match preset.auth {
            Auth::None => "none".to_owned(),
            Auth::Bearer | Auth::Header(_) => keys.join(" or "),
        };
        writeln!(out, "| `{}` | {} | {url} | {keys} |", preset.name, preset.dialect.name()).unwrap();
    }
    out
}

fn tables() -> String {
    let catalogue = Catalogue::embedded();
    let mut out = String::new();
    for (name, version) in catalogue.tables() {
        writeln!(out, "- {name}: {version}").unwrap();
    }
    let read = catalogue.models().iter().filter_map(|model| model.read).max().unwrap();
    writeln!(out, "\n{} models, read on {read}.\n", catalogue.models().len()).unwrap();
    out
}

#[test]
fn generated_tables_are_those_of_the_code() {
    let mut text = readme();
    let before = text.clone();
    for (name, now) in [("failures", failures()), ("providers", providers()), ("tables", tables())] {
        let place = block(&text, name);
        text.replace_range(place, &now);
    }
    if std::env::var_os("ORCH_UPDATE").is_some() {
        fs::write(root().join("README.md"), text).unwrap();
    } else {
        assert!(text == before, "the tables of README.md are stale; write them anew with ORCH_UPDATE=1");
    }
}

#[test]
fn the_number_of_providers_is_right() {
    let providers = preset::ALL.iter().filter(|preset| preset.name != "sim").count();
    assert!(readme().contains(&format!("speaks to {providers} providers in seven dialects")), "{providers}");
}

#[test]
fn exit_codes_are_those_of_the_code() {
    let codes = [
        Exit::Done,
        Exit::No,
        Exit::Input,
        Exit::Stopped,
        Exit::Surroundings,
        Exit::Inconclusive,
        Exit::Interrupted,
    ];
    let codes: Vec<_> = codes.iter().map(|exit| exit.code().to_string()).collect();
    assert_eq!(first_cells(&readme(), "exits"), codes);
}

#[test]
fn every_scorer_is_described_and_every_short_form_is_read() {
    let error = Scorer::from_short("nothing-like-it").unwrap_err();
    let known = error.split_once("(there are ").unwrap().1.trim_end_matches(')');
    let text = readme();
    assert_eq!(first_cells(&text, "scorers"), known.split(", ").collect::<Vec<_>>());
    for row in text[block(&text, "scorers")].lines().skip(2) {
        let short = row.split('|').nth(2).unwrap().trim().trim_matches('`');
        let scorer = Scorer::from_short(short);
        assert!(scorer.is_ok(), "{short}: {scorer:?}");
    }
}

#[test]
fn every_metric_of_gates_is_named() {
    let error = "nothing >= 1".parse::<Gate>().unwrap_err().to_string();
    let known = error.split_once("Known: ").unwrap().1.split(';').next().unwrap();
    let text = readme();
    let named = text[block(&text, "gates")].replace(['`', '\n'], " ");
    let words = |list: &str| list.split(',').map(|word| word.trim().to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(words(&named), words(known));
}

#[test]
fn the_example_configuration_is_right_and_its_defaults_are_the_defaults() {
    let examples = fenced(&readme(), "toml");
    let example = examples.iter().find(|text| text.starts_with("# orch.toml")).unwrap();
    let found = policy::resolve(example)
        .unwrap_or_else(|problems| panic!("{}", problem::render(&problems, "README.md", example, false)));
    let default = policy::Policy::default();
    assert_eq!((found.limits(), found.retry()), (default.limits(), default.retry()));
    assert!(found.target("small").is_ok() && found.target("qwen").is_ok());
}

#[test]
fn the_example_rows_are_a_dataset() {
    let dir = tempfile::tempdir().unwrap();
    for (i, rows) in fenced(&readme(), "jsonl").iter().enumerate() {
        let path = dir.path().join(format!("{i}.jsonl"));
        fs::write(&path, rows).unwrap();
        let dataset =
            Dataset::read(&[path], &ReadOptions::default()).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(dataset.len(), rows.lines().count() as u64);
    }
}

#[test]
fn the_suites_of_the_repository_are_right() {
    for entry in fs::read_dir(root().join("evals")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "toml") {
            let suite = Suite::read(&path).unwrap_or_else(|problems| panic!("{problems}"));
            assert!(suite.datasets.iter().all(|dataset| dataset.is_file()), "{:?}", suite.datasets);
        }
    }
}

/// The words of a command line as a shell would split it: single quotes, and nothing else, are special.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    for (i, part) in line.split('\'').enumerate() {
        if i % 2 == 1 {
            words.last_mut().unwrap().push_str(part);
            continue;
        }
        for (j, piece) in part.split(' ').enumerate() {
            if j > 0 {
                words.push(String::new());
            }
            words.last_mut().unwrap().push_str(piece);
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[test]
fn every_command_shown_is_one_that_parses() {
    let mut parsed = 0;
    for script in fenced(&readme(), "sh") {
        for line in script.replace("\\\n", " ").lines() {
            let line = line.replace("cargo run --release -- ", "orch ");
            let line = line.split(" | ").next().unwrap();
            if !line.starts_with("orch ") {
                continue;
            }
            let cli = Cli::try_parse_from(words(line));
            assert!(cli.is_ok(), "{line}\n{}", cli.unwrap_err());
            parsed += 1;
        }
    }
    assert!(parsed >= 15, "only {parsed} commands were found");
}

/// The targets of `[text](target)` in a text.
fn links(text: &str) -> impl Iterator<Item = &str> {
    text.split("](").skip(1).filter_map(|rest| rest.split(')').next())
}

/// The anchor that GitHub gives a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

#[test]
fn every_link_within_the_repository_leads_somewhere() {
    for name in ["README.md", "ARCHITECTURE.md", "CHANGELOG.md"] {
        let text = fs::read_to_string(root().join(name)).unwrap();
        let headings = text.lines().filter(|line| line.starts_with('#'));
        let anchors: BTreeSet<_> = headings.map(|line| anchor(line.trim_start_matches(['#', ' ']))).collect();
        for link in links(&text).filter(|link| !link.starts_with("http")) {
            match link.strip_prefix('#') {
                Some(own) => assert!(anchors.contains(own), "{name}: no heading for #{own}"),
                None => assert!(root().join(link).exists(), "{name}: {link} does not exist"),
            }
        }
    }
}

/// The paths in code marks that look like paths of this repository.
fn paths(text: &str) -> impl Iterator<Item = &str> {
    let code = text.split('`').skip(1).step_by(2);
    code.filter(|code| {
        ["src/", "tests/", "fixtures/", ".ci/", "evals/"].iter().any(|at| code.starts_with(at))
    })
}

#[test]
fn every_path_the_architecture_names_exists() {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let gone: Vec<PathBuf> =
        paths(&text).map(|path| root().join(path)).filter(|path| !path.exists()).collect();
    assert!(gone.is_empty(), "{gone:?}");
}

#[test]
fn the_architecture_names_every_module_of_every_floor() {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    for floor in fs::read_dir(root().join("src")).unwrap() {
        let path = floor.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let is_named = !path.is_dir() || text.contains(&format!("`{name}`"));
        assert!(is_named, "ARCHITECTURE.md does not name `{name}`");
    }
}
