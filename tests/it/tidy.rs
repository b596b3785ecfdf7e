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

/// The modules that a source names as `crate::module` or in a group `crate::{module, …}`, with their lines. Lines of
/// comments do not count.
fn imported(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    for (at, path) in text.match_indices("crate::") {
        let before = &text[..at];
        let line = before.rsplit('\n').next().unwrap_or_default();
        if line.trim_start().starts_with("//") {
            continue;
        }
        let rest = &text[at + path.len()..];
        let names = rest.strip_prefix('{').map_or_else(|| vec![name(rest)], members);
        found.extend(names.into_iter().map(|name| (before.matches('\n').count() + 1, name)));
    }
    found
}

fn name(path: &str) -> &str {
    let path = path.trim_start();
    &path[..path.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(path.len())]
}

/// The names that the members of a group begin with, groups within them aside.
fn members(group: &str) -> Vec<&str> {
    let (mut out, mut depth, mut start) = (Vec::new(), 0, 0);
    for (at, c) in group.char_indices() {
        match (c, depth) {
            ('{', _) => depth += 1,
            (',' | '}', 0) => {
                out.extend(Some(&group[start..at]).filter(|member| !member.trim().is_empty()).map(name));
                start = at + 1;
                if c == '}' {
                    break;
                }
            }
            ('}', _) => depth -= 1,
            _ => {}
        }
    }
    out
}

#[test]
fn imports_are_found_in_paths_and_in_groups_over_several_lines() {
    let text = "use crate::base::id;\n// crate::no\nuse crate::{wire, engine::{purse, leg},\n  eval,\n};\nuse crate::*;";
    let expected = [(1, "base"), (3, "wire"), (3, "engine"), (3, "eval"), (6, "")];
    assert_eq!(imported(text), expected);
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
        for (line, module) in imported(production(&text)) {
            if module != own && floor(module).is_none_or(|floor| floor >= own_floor) {
                wrong.push(format!("src/{}:{line}: {own} must not import `{module}`", path.display()));
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
