//! Reports: a run as bytes, one file per format. Nothing here opens a file or knows a terminal; samples are
//! read as a stream, so that a report of a million rows takes no more memory than one of ten.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::summary::{Decision, Summary, Verdict};
use crate::ledger::row::SampleRow;

mod chart;
mod csv;
mod groups;
mod html;
mod json;
mod jsonl;
mod junit;
mod markdown;
pub mod table;
mod text;

#[cfg(test)]
mod tests;

/// Which samples of a run to read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only this candidate's, by its place in the manifest.
    pub candidate: Option<u32>,
    /// Only samples that were not accepted.
    pub only_failures: bool,
    /// At most so many, after the other conditions.
    pub limit: Option<u64>,
}

impl Filter {
    /// The samples of one candidate.
    pub const fn of(candidate: u32) -> Self {
        Self { candidate: Some(candidate), only_failures: false, limit: None }
    }

    /// The samples that were not accepted.
    pub const fn failures() -> Self {
        Self { candidate: None, only_failures: true, limit: None }
    }
}

/// Tokens in JSON; what was not reported is null.
#[derive(Serialize)]
struct TokenCounts {
    input: Option<u64>,
    output: Option<u64>,
    cached: Option<u64>,
    reasoning: Option<u64>,
}

/// Where samples come from: the ledger, or a list in tests.
pub trait Samples {
    /// Calls `row` with each sample that passes the filter, in the order of (item, candidate, repeat), and
    /// stops at the first error, which it returns.
    fn each(&self, filter: Filter, row: &mut dyn FnMut(&SampleRow) -> io::Result<()>) -> io::Result<()>;
}

/// A file format of reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One self-contained page.
    Html,
    /// For a comment on a pull request.
    Markdown,
    /// The summary as one object.
    Json,
    /// One object per sample.
    Jsonl,
    /// One line per sample, for spreadsheets.
    Csv,
    /// `JUnit` XML, for CI servers.
    Junit,
}

/// A report's file name has no ending we know.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no report format for {path:?}: name the file .html, .md, .json, .jsonl, .csv or .xml")]
pub struct UnknownFormat {
    path: PathBuf,
}

impl Format {
    /// The format a file name asks for by its ending, in either case.
    pub fn from_extension(path: &Path) -> Result<Self, UnknownFormat> {
        let extension = path.extension().and_then(|e| e.to_str()).unwrap_or("").to_ascii_lowercase();
        match extension.as_str() {
            "html" | "htm" => Ok(Self::Html),
            "md" | "markdown" => Ok(Self::Markdown),
            "json" => Ok(Self::Json),
            "jsonl" | "ndjson" => Ok(Self::Jsonl),
            "csv" => Ok(Self::Csv),
            "xml" => Ok(Self::Junit),
            _ => Err(UnknownFormat { path: path.to_owned() }),
        }
    }
}

/// Writes a report. Fails only when reading the samples or writing to `out` fails.
pub fn write(
    format: Format,
    summary: &Summary,
    samples: &dyn Samples,
    out: &mut dyn Write,
) -> io::Result<()> {
    match format {
        Format::Html => html::write(summary, samples, out),
        Format::Markdown => markdown::write(summary, samples, out),
        Format::Json => json::write(summary, out),
        Format::Jsonl => jsonl::write(summary, samples, out),
        Format::Csv => csv::write(summary, samples, out),
        Format::Junit => junit::write(summary, samples, out),
    }
}

/// The verdict to lead with: an adoption before an open question before a rejection; among equals the
/// candidate whose accepted answers are known to cost least, then the order given.
pub fn best_verdict(summary: &Summary) -> Option<&Verdict> {
    summary.verdicts.iter().min_by_key(|verdict| {
        let rank = match verdict.decision {
            Decision::Adopt => 0,
            Decision::Inconclusive => 1,
            Decision::Reject => 2,
        };
        let model = summary.models.iter().find(|model| model.model == verdict.candidate);
        let cost = model.and_then(|model| model.cost_per_accepted);
        (rank, cost.is_none(), cost)
    })
}

/// The verdicts, the one to lead with first and the others in the order given.
fn verdicts_in_order(summary: &Summary) -> Vec<&Verdict> {
    let best = best_verdict(summary);
    let others = summary.verdicts.iter().filter(|verdict| best != Some(*verdict));
    best.into_iter().chain(others).collect()
}

/// The name of a candidate; its number where the summary has fewer.
fn model_name(summary: &Summary, candidate: u32) -> String {
    match summary.models.get(candidate as usize) {
        Some(model) => model.model.clone(),
        None => format!("#{candidate}"),
    }
}

/// Where the answers of a candidate come from; nothing where the summary has fewer.
fn source(summary: &Summary, candidate: u32) -> &'static str {
    summary.models.get(candidate as usize).map_or("", |model| model.source().name())
}

/// The first characters that fit, and a note of how many were left out.
fn bounded(text: &str, most: usize) -> String {
    let Some((end, _)) = text.char_indices().nth(most) else { return text.to_owned() };
    let left = text[end..].chars().count();
    format!("{} … ({left} more characters)", &text[..end])
}
