//! The floors of the house and the lengths of its files.

use std::fs;
use std::path::{Path, PathBuf};

/// The floor of each top-level module. A module imports its own files and lower floors only.
const FLOORS: [(&str, u8); 11] = [
    ("base", 0),
    ("model", 1),
    ("wire", 2),
    ("dialect", 2),
    ("policy", 3),
    ("ledger", 3),
    ("health", 3),
    ("engine", 4),
    ("eval", 5),
    ("mock", 5),
    ("cli", 6),
];

const MOST_LINES: usize = 500;

fn floor(module: &str) -> Option<u8> {
    FLOORS.iter().find(|(name, _)| *name == module).map(|(_, floor)| *floor)
}

fn sources(dir: &Path, out: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, out);
        } else if path.extension().is_some_and(|e| e == "rs") {
            out.push(path);
        }
    }
}

fn all_sources() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    sources(&root, &mut paths);
    paths.sort();
    paths
        .into_iter()
        .map(|path| (path.strip_prefix(&root).unwrap().to_path_buf(), fs::read_to_string(&path).unwrap()))
        .collect()
}

/// The source without its tests: everything before the first `#[cfg(test)]` module with a body.
fn production(text: &str) -> &str {
    text.find("#[cfg(test)]\nmod tests {").map_or(text, |at| &text[..at])
}

fn is_test_file(path: &Path) -> bool {
    path.file_stem().is_some_and(|stem| stem == "tests") || path.iter().any(|part| part == "tests")
}

/// The modules that a line names as `crate::module`.
fn imported(line: &str) -> impl Iterator<Item = &str> {
    line.split("crate::")
        .skip(1)
        .map(|rest| rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or(""))
}

#[test]
fn a_module_imports_only_from_floors_below_it() {
    let mut wrong = Vec::new();
    for (path, text) in all_sources() {
        let own = path.iter().next().unwrap().to_string_lossy().into_owned();
        let Some(own_floor) = floor(&own) else { continue };
        if is_test_file(&path) {
            continue;
        }
        for (number, line) in production(&text).lines().enumerate() {
            if line.trim_start().starts_with("//") {
                continue;
            }
            for module in imported(line) {
                let allowed = module == own || floor(module).is_none_or(|floor| floor < own_floor);
                if !allowed {
                    wrong.push(format!(
                        "src/{}:{}: {own} must not import {module}",
                        path.display(),
                        number + 1
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_top_level_module_has_a_floor() {
    for (path, _) in all_sources() {
        let own = path.iter().next().unwrap().to_string_lossy().into_owned();
        assert!(own == "lib.rs" || own == "main.rs" || floor(&own).is_some(), "{own} has no floor");
    }
}

#[test]
fn files_are_short() {
    let long: Vec<_> = all_sources()
        .into_iter()
        .filter(|(path, _)| !is_test_file(path))
        .map(|(path, text)| (path, production(&text).lines().count()))
        .filter(|(_, lines)| *lines > MOST_LINES)
        .collect();
    assert!(long.is_empty(), "over {MOST_LINES} lines without tests: {long:?}");
}
