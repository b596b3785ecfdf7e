//! Datasets: files of prompts with what is expected of the answers.
//!
//! A first pass reads every file once, checks every row completely and keeps eight bytes per row: where it
//! begins. After that a row is read by its position, in any order. Memory does not grow with the length of
//! rows, and what was checked is what will be asked: a file that changes in between is noticed.

mod cache;
mod case;
mod chat;
mod lines;
mod programs;
mod row;
mod scan;
mod store;
mod table;
mod template;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

pub use case::Case;
pub use programs::Programs;
pub use template::Template;

use super::problem::{Problem, Problems};
use super::scorer::{Effect, Scorer};
use cache::Cache;
use lines::{Lines, Place};
use row::{Recipe, Seat};
use store::Store;
use table::Header;

/// How a file's rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A JSON object per line.
    Jsonl,
    /// A table with a header, cells separated by commas (RFC 4180).
    Csv,
    /// A table with a header, cells separated by tabs.
    Tsv,
    /// A prompt per line.
    Text,
}

impl Format {
    /// The name in options.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Jsonl => "jsonl",
            Self::Csv => "csv",
            Self::Tsv => "tsv",
            Self::Text => "text",
        }
    }

    /// The format of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Jsonl, Self::Csv, Self::Tsv, Self::Text].into_iter().find(|format| format.name() == name)
    }

    /// What separates the cells, in tables.
    const fn delimiter(self) -> Option<u8> {
        match self {
            Self::Csv => Some(b','),
            Self::Tsv => Some(b'\t'),
            Self::Jsonl | Self::Text => None,
        }
    }
}

/// How to read datasets.
#[derive(Clone, Debug, Default)]
pub struct ReadOptions {
    /// The format of every file; absent: by the name's ending (`.jsonl`, `.ndjson`, `.csv`, `.tsv`, `.txt`,
    /// each with or without `.gz`), else by the first line.
    pub format: Option<Format>,
    /// Leave bad rows out and count them, instead of refusing the dataset.
    pub skip_bad: bool,
    /// A template rendered for each row into the user's prompt.
    pub template: Option<Template>,
    /// Scorers of rows that name none.
    pub scorers: Vec<Scorer>,
    /// A system message for rows that have none.
    pub system: Option<String>,
    /// What holds for the programs that rows name as scorers; absent when none will be run.
    pub programs: Option<Programs>,
}

/// One file of a dataset, in numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileFacts<'a> {
    /// The file as the user named it; `stdin` for standard input.
    pub name: &'a str,
    /// Its rows, bad ones left out.
    pub rows: u64,
    /// SHA-256 of its raw bytes, in hex.
    pub sha256: &'a str,
    /// How many raw bytes it has.
    pub bytes: u64,
}

/// The rows of one or several files, checked and ready to be read by number.
#[derive(Debug)]
pub struct Dataset {
    sources: Vec<Source>,
    /// Where each row begins in its file.
    offsets: Vec<u64>,
    recipe: Recipe,
    skipped: u64,
    problems: Problems,
    models: BTreeSet<(Effect, String)>,
    scorers: BTreeSet<String>,
}

#[derive(Debug)]
struct Source {
    name: Arc<str>,
    short: String,
    format: Format,
    header: Option<Header>,
    /// The number of its first row.
    first: u64,
    rows: u64,
    lines: LineMap,
    store: Store,
    sha256: String,
    bytes: u64,
}

/// Which line each row begins on: only the rows where the distance between row and line changes are kept.
#[derive(Debug, Default)]
struct LineMap {
    /// A row within its file, from zero, and its line.
    steps: Vec<(u64, u64)>,
}

impl LineMap {
    fn push(&mut self, row: u64, line: u64) {
        let follows = self.steps.last().is_some_and(|(first, at)| at + (row - first) == line);
        if !follows {
            self.steps.push((row, line));
        }
    }

    fn line(&self, row: u64) -> u64 {
        let after = self.steps.partition_point(|(first, _)| *first <= row);
        after.checked_sub(1).map_or(1, |at| self.steps[at].1 + (row - self.steps[at].0))
    }
}

impl Dataset {
    /// Reads and checks files; `-` is standard input. Fails with everything that is wrong, at once. With
    /// `skip_bad`, bad rows are left out instead; a file that cannot be read, has no prompt column or no
    /// row left still fails. An `id` must be unique within its file.
    pub fn read(paths: &[PathBuf], options: &ReadOptions) -> Result<Self, Problems> {
        let template = options.template.as_ref().map(template::Compiled::new).transpose()?;
        let recipe = Recipe {
            template,
            default_scorers: Scorer::with_unique_names(options.scorers.clone()),
            system: options.system.clone(),
            schemas: Cache::new(),
            scorers: Cache::new(),
            programs: options.programs.clone(),
        };
        let mut dataset = Self {
            sources: Vec::new(),
            offsets: Vec::new(),
            recipe,
            skipped: 0,
            problems: Problems::default(),
            models: BTreeSet::new(),
            scorers: BTreeSet::new(),
        };
        let mut fatal = Problems::default();
        if paths.is_empty() {
            fatal.push(Problem::of_file("dataset", "no file is named; name one, or - for standard input"));
        }
        for (at, path) in paths.iter().enumerate() {
            if paths[..at].contains(path) {
                let cause = "is named twice; repeats are for asking a row several times";
                fatal.push(Problem::of_file(&path.to_string_lossy(), cause));
                continue;
            }
            match scan::scan(path, options.format, &dataset.recipe, dataset.offsets.len() as u64) {
                Ok(scanned) => dataset.add(scanned),
                Err(problem) => fatal.push(problem),
            }
        }
        dataset.checked(fatal, options.skip_bad)
    }

    fn add(&mut self, scanned: scan::Scanned) {
        let mut source = scanned.source;
        // The ids of rows without one begin with the file's name, unless another file has the same.
        if self.sources.iter().any(|other| other.short == source.short) {
            source.short = source.name.to_string();
        }
        self.offsets.extend(scanned.offsets);
        self.sources.push(source);
        self.models.extend(scanned.models);
        self.scorers.extend(scanned.scorers);
        self.skipped += scanned.problems.total;
        self.problems.append(scanned.problems);
    }

    fn checked(mut self, fatal: Problems, skip_bad: bool) -> Result<Self, Problems> {
        if !fatal.is_empty() || (!skip_bad && !self.problems.is_empty()) {
            let mut all = fatal;
            if !skip_bad {
                all.append(self.problems);
            }
            return Err(all);
        }
        if self.offsets.is_empty() {
            let names: Vec<_> = self.sources.iter().map(|source| &*source.name).collect();
            self.problems.push(Problem::of_file(&names.join(", "), "no row is left to ask"));
            return Err(self.problems);
        }
        Ok(self)
    }

    /// How many rows there are.
    pub fn len(&self) -> u64 {
        self.offsets.len() as u64
    }

    /// Never true: a dataset has at least one row.
    pub fn is_empty(&self) -> bool {
        self.offsets.is_empty()
    }

    /// The models that the rows' scorers ask.
    pub fn scorer_models(&self) -> impl Iterator<Item = &(Effect, String)> {
        self.models.iter()
    }

    /// The names of the rows' scorers.
    pub fn scorer_names(&self) -> impl Iterator<Item = &str> {
        self.scorers.iter().map(String::as_str)
    }

    /// How many bad rows were left out.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// What is wrong with the rows left out.
    pub fn problems(&self) -> &Problems {
        &self.problems
    }

    /// The files, in the order given.
    pub fn files(&self) -> impl Iterator<Item = FileFacts<'_>> {
        self.sources.iter().map(|source| FileFacts {
            name: &source.name,
            rows: source.rows,
            sha256: &source.sha256,
            bytes: source.bytes,
        })
    }

    /// Reads a row by its number, which must be below [`Dataset::len`]. Fails when the file cannot be read
    /// any more or has changed since it was checked.
    pub fn case(&self, item: u64) -> Result<Case, Problem> {
        let after = self.sources.partition_point(|source| source.first <= item);
        // Files without rows share their first number with the file after them, which comes later.
        let source = after.checked_sub(1).map(|at| &self.sources[at]);
        let offset = usize::try_from(item).ok().and_then(|item| self.offsets.get(item));
        let (Some(source), Some(offset)) = (source, offset) else {
            return Err(Problem::of_file(
                "dataset",
                format!("has no row {item}: it has {}", self.offsets.len()),
            ));
        };
        let line = source.lines.line(item - source.first);
        let problem = |message: String| Problem {
            file: source.name.to_string(),
            line: Some(line),
            column: None,
            message,
        };
        if !source.store.is_unchanged() {
            return Err(problem("the file changed after it was checked; run again".to_owned()));
        }
        let mut bytes = Vec::new();
        let mut lines = Lines::new(source.store.at(*offset), 1 << 12, *offset, line);
        source
            .record(&mut lines, &mut bytes)
            .map_err(|error| problem(format!("cannot be read again: {error}")))?
            .ok_or_else(|| problem("the file became shorter after it was checked; run again".to_owned()))?;
        let seat = Seat { item, file: &source.name, short: &source.short, line };
        let case = source
            .fields(&bytes)
            .and_then(|fields| self.recipe.case(fields, &seat).map_err(scan::RowError::from));
        case.map_err(|error| {
            problem(format!("the file changed after it was checked; run again ({})", error.message))
        })
    }
}

impl Source {
    /// Reads the next row's bytes.
    fn record<R: std::io::Read>(
        &self,
        lines: &mut Lines<R>,
        out: &mut Vec<u8>,
    ) -> std::io::Result<Option<Place>> {
        match &self.header {
            Some(header) => lines.record(header.delimiter(), out),
            None => lines.line(out),
        }
    }

    fn fields(&self, bytes: &[u8]) -> Result<crate::model::Object, scan::RowError> {
        scan::fields(bytes, self.format, self.header.as_ref())
    }
}

#[cfg(test)]
mod tests;
