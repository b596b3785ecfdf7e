//! Suites: prompts × datasets × candidates in one file, `evals/*.toml`, with what decides between them.
//!
//! The file is read twice: as written (`written`, with the place of every value) and as true ([`Suite`],
//! nothing left to check). Everything wrong is told in one run, with line and column.

mod written;

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde_json::Value;
use toml::Spanned;

use super::dataset::{Format, Template};
use super::problem::{Problem, Problems, did_you_mean};
use super::scorer::Scorer;
use crate::base::file;
use crate::base::money::Money;
use crate::model::request::Params;
use written::{CandidateWritten, PromptWritten, SuiteWritten};

/// The most bytes of a suite's file.
const MOST_SUITE: u64 = 4 << 20;
/// The most bytes of a template's file; no model reads a longer prompt.
pub const MOST_TEMPLATE: u64 = 16 << 20;

/// A suite, checked. Everything that is absent is the caller's default.
#[derive(Clone, Debug)]
pub struct Suite {
    /// The file, as the user named it.
    pub file: String,
    /// The prompts to try; empty: the rows' own.
    pub prompts: Vec<Prompt>,
    /// The dataset files; at least one. Relative paths begin at the suite's directory.
    pub datasets: Vec<PathBuf>,
    /// The format of the datasets, where their names do not tell.
    pub format: Option<Format>,
    /// Whether bad rows are left out.
    pub skip_bad: bool,
    /// A system message for rows that have none.
    pub system: Option<String>,
    /// The candidates; at least one, their labels unique.
    pub candidates: Vec<Candidate>,
    /// Scorers of rows that name none, as written; each is one that [`Scorer::parse`] reads.
    pub scorers: Vec<Value>,
    /// Gates as written, each with its place.
    pub gates: Vec<Gate>,
    /// The candidate the others are measured against, by its place in `candidates`.
    pub incumbent: Option<usize>,
    /// How much worse than the incumbent is acceptable, as a share: `"2pp"` is 0.02.
    pub margin: Option<f64>,
    /// The seed of everything random.
    pub seed: Option<u64>,
    /// The most the run may cost.
    pub max_cost: Option<Money>,
    /// How many calls may be under way at once.
    pub concurrency: Option<NonZeroU32>,
}

/// A prompt to try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prompt {
    /// Its name in results; unique.
    pub label: String,
    /// What is rendered with each row.
    pub template: Template,
}

/// A model to try, with its parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// The model as routes and providers name it.
    pub model: String,
    /// Its name in results; the model's unless given.
    pub label: String,
    /// Sampling and length: `temperature`, `top_p`, `max_tokens`, `effort` and `seed`.
    pub params: Params,
    /// How often each row is asked.
    pub repeats: NonZeroU32,
}

/// A condition on the results, to be read by whoever checks it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gate {
    /// The condition as written, such as `valid>=98%`.
    pub text: String,
    /// Its line in the suite, from one.
    pub line: u64,
    /// Its column, from one.
    pub column: u64,
}

impl Suite {
    /// Reads a suite and the templates it names.
    pub fn read(path: &Path) -> Result<Self, Problems> {
        let file = path.to_string_lossy();
        let text = file::text(path, MOST_SUITE).map_err(|error| {
            let mut problems = Problems::default();
            problems.push(Problem::of_file(&file, format!("cannot be read: {error}")));
            problems
        })?;
        Self::parse(&file, &text)
    }

    /// Reads a suite from its text; `file` is its path, from whose directory relative paths begin.
    pub fn parse(file: &str, text: &str) -> Result<Self, Problems> {
        let dir = Path::new(file).parent().unwrap_or(Path::new(""));
        let mut reader = Reader { file, dir, text, problems: Problems::default() };
        let written = written::read(text).map_err(|flaws| {
            for flaw in flaws {
                reader.problem(flaw.span, flaw.message);
            }
            std::mem::take(&mut reader.problems)
        })?;
        let suite = reader.suite(written);
        if reader.problems.is_empty() { Ok(suite) } else { Err(reader.problems) }
    }
}

/// Turns what is written into what is true, noting problems on the way.
struct Reader<'a> {
    file: &'a str,
    dir: &'a Path,
    text: &'a str,
    problems: Problems,
}

impl Reader<'_> {
    fn problem(&mut self, span: Range<usize>, message: impl Into<String>) {
        let (line, column) = position(self.text, span.start);
        self.problems.push(Problem {
            file: self.file.to_owned(),
            line: Some(line),
            column: Some(column),
            message: message.into(),
        });
    }

    /// The value, or nothing and a problem at its place.
    fn checked<T, U>(&mut self, value: Spanned<T>, check: impl FnOnce(T) -> Result<U, String>) -> Option<U> {
        let span = value.span();
        match check(value.into_inner()) {
            Ok(value) => Some(value),
            Err(message) => {
                self.problem(span, message);
                None
            }
        }
    }

    fn suite(&mut self, written: SuiteWritten) -> Suite {
        let file = self.file.to_owned();
        let candidates = self.candidates(written.candidates, written.repeats);
        let incumbent =
            written.incumbent.and_then(|label| self.checked(label, |label| incumbent(&label, &candidates)));
        Suite {
            file,
            prompts: self.prompts(written.prompts),
            datasets: self.datasets(&written.datasets),
            format: written.format.and_then(|name| self.checked(name, |name| format(&name))),
            skip_bad: written.skip_bad,
            system: written.system,
            scorers: self.scorers(written.scorers),
            gates: written.gates.into_iter().map(|gate| self.gate(gate)).collect(),
            incumbent,
            margin: written.margin.and_then(|text| self.checked(text, |text| margin(&text))),
            seed: written.seed,
            max_cost: written.max_cost.and_then(|text| {
                self.checked(text, |text| text.parse().map_err(|error| format!("`max_cost`: {error}")))
            }),
            concurrency: written.concurrency,
            candidates,
        }
    }

    fn path(&self, written: &str) -> PathBuf {
        if written == "-" { PathBuf::from(written) } else { self.dir.join(written) }
    }

    fn datasets(&mut self, written: &[Spanned<String>]) -> Vec<PathBuf> {
        if written.is_empty() {
            self.problem(0..0, "names no dataset; add datasets = [\"rows.jsonl\"]");
        }
        written.iter().map(|path| self.path(path.get_ref())).collect()
    }

    fn prompts(&mut self, written: Vec<Spanned<PromptWritten>>) -> Vec<Prompt> {
        let mut labels = BTreeSet::new();
        let mut prompts = Vec::new();
        for (at, prompt) in written.into_iter().enumerate() {
            let (dir, file) = (self.dir, self.file);
            let prompt = self.checked(prompt, |prompt| {
                let prompt = read_prompt(prompt, at, dir, file)?;
                let is_new = labels.insert(prompt.label.clone());
                if is_new {
                    Ok(prompt)
                } else {
                    Err(format!("there is a prompt `{}` already; set `label`", prompt.label))
                }
            });
            prompts.extend(prompt);
        }
        prompts
    }

    fn candidates(
        &mut self,
        written: Vec<Spanned<CandidateWritten>>,
        repeats: Option<NonZeroU32>,
    ) -> Vec<Candidate> {
        if written.is_empty() {
            self.problem(0..0, "names no candidate; add [[candidates]] with `model`");
        }
        let mut labels = BTreeSet::new();
        let mut candidates = Vec::new();
        for candidate in written {
            let candidate = self.checked(candidate, |candidate| {
                let candidate = read_candidate(candidate, repeats)?;
                let is_new = labels.insert(candidate.label.clone());
                if is_new {
                    Ok(candidate)
                } else {
                    Err(format!("there is a candidate `{}` already; set `label`", candidate.label))
                }
            });
            candidates.extend(candidate);
        }
        candidates
    }

    fn scorers(&mut self, written: Vec<Spanned<toml::Value>>) -> Vec<Value> {
        let mut scorers = Vec::new();
        for scorer in written {
            scorers.extend(self.checked(scorer, |scorer| {
                let value =
                    serde_json::to_value(scorer).map_err(|error| format!("is not a scorer: {error}"))?;
                Scorer::parse(&value).map(|_| value)
            }));
        }
        scorers
    }

    fn gate(&self, written: Spanned<String>) -> Gate {
        let (line, column) = position(self.text, written.span().start);
        Gate { text: written.into_inner(), line, column }
    }
}

/// Line and column of a byte, both from one, the column in characters.
fn position(text: &str, at: usize) -> (u64, u64) {
    let before = text.get(..at).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    (before.matches('\n').count() as u64 + 1, before[line_start..].chars().count() as u64 + 1)
}

fn read_prompt(written: PromptWritten, at: usize, dir: &Path, suite: &str) -> Result<Prompt, String> {
    let (name, text, default_label) = match (written.file, written.text) {
        (Some(file), None) => {
            let path = dir.join(&file);
            let text = file::text(&path, MOST_TEMPLATE)
                .map_err(|error| format!("the template {} cannot be read: {error}", path.display()))?;
            (path.to_string_lossy().into_owned(), text, file)
        }
        (None, Some(text)) => {
            let label = format!("prompt-{}", at + 1);
            (format!("{suite} ({label})"), text, label)
        }
        _ => return Err("a prompt needs either `file` or `text`".to_owned()),
    };
    Ok(Prompt { label: written.label.unwrap_or(default_label), template: Template { name, text } })
}

fn read_candidate(written: CandidateWritten, repeats: Option<NonZeroU32>) -> Result<Candidate, String> {
    if written.model.trim().is_empty() {
        return Err("`model` is empty".to_owned());
    }
    if written.temperature.is_some_and(|temperature| !(0.0..=2.0).contains(&temperature)) {
        return Err("`temperature` must be from 0 to 2".to_owned());
    }
    if written.top_p.is_some_and(|top_p| !(0.0..=1.0).contains(&top_p)) {
        return Err("`top_p` must be from 0 to 1".to_owned());
    }
    if written.max_tokens == Some(0) {
        return Err("`max_tokens` must be above zero".to_owned());
    }
    let params = Params {
        temperature: written.temperature,
        top_p: written.top_p,
        max_tokens: written.max_tokens,
        effort: written.effort,
        seed: written.seed,
        ..Params::default()
    };
    let label = written.label.unwrap_or_else(|| written.model.clone());
    let repeats = written.repeats.or(repeats).unwrap_or(NonZeroU32::MIN);
    Ok(Candidate { model: written.model, label, params, repeats })
}

fn incumbent(label: &str, candidates: &[Candidate]) -> Result<usize, String> {
    let by_label = candidates.iter().position(|candidate| candidate.label == label);
    let found = by_label.or_else(|| candidates.iter().position(|candidate| candidate.model == label));
    found.ok_or_else(|| {
        let labels: Vec<&str> = candidates.iter().map(|candidate| candidate.label.as_str()).collect();
        let meant = did_you_mean(label, &labels);
        format!("`incumbent` is {label:?}, which is no candidate{meant} (there are {})", labels.join(", "))
    })
}

fn format(name: &str) -> Result<Format, String> {
    Format::from_name(name).ok_or_else(|| format!("`format` must be jsonl, csv, tsv or text, not {name:?}"))
}

/// `"2pp"`, `"2%"` or `"0.02"`, as a share below one.
fn margin(text: &str) -> Result<f64, String> {
    let bare = text.trim();
    let percent = bare.strip_suffix("pp").or_else(|| bare.strip_suffix('%'));
    let value = percent.unwrap_or(bare).trim().parse::<f64>().ok();
    let share = value.map(|value| if percent.is_some() { value / 100.0 } else { value });
    share
        .filter(|share| (0.0..1.0).contains(share))
        .ok_or_else(|| format!("`margin` must be percentage points such as \"2pp\", not {text:?}"))
}

#[cfg(test)]
mod tests;
