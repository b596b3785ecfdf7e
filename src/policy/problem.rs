//! A problem in a configuration file: where, what, and what to write instead.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::file::is_secret_name;
use crate::base::untrusted::Untrusted;

/// The label of what the parser could not read.
pub(super) const NOT_TOML: &str = "not TOML";

/// How much a problem matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Nothing is done until it is mended.
    Error,
    /// What is written works, and is probably not what was meant.
    Warning,
}

impl Severity {
    /// The word shown and written to JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// One problem. Messages are ours; words from the file stand in them quoted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// How much it matters.
    pub severity: Severity,
    /// The bytes of the file it is about.
    pub span: Range<usize>,
    /// What is wrong, as a fragment.
    pub message: String,
    /// What the marked place is.
    pub label: String,
    /// What to write instead.
    pub help: Option<String>,
    /// The marked text may be a credential and must not be shown.
    pub is_secret: bool,
}

impl Problem {
    /// An error at a place.
    pub fn new(span: Range<usize>, message: impl Into<String>, label: impl Into<String>) -> Self {
        let severity = Severity::Error;
        Self { severity, span, message: message.into(), label: label.into(), help: None, is_secret: false }
    }

    /// A warning at a place.
    pub fn warning(span: Range<usize>, message: impl Into<String>, label: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::new(span, message, label) }
    }

    /// Whether nothing is done until it is mended.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// With what to write instead.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Line and column, from one; columns count characters.
    pub fn position(&self, text: &str) -> (usize, usize) {
        let before = text.get(..self.span.start).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
    }
}

/// All problems with the lines they are about, fit for a terminal: credentials masked, control characters
/// made visible.
pub fn render(problems: &[Problem], file: &str, text: &str, color: bool) -> String {
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    let source = harmless(text, problems);
    let file = Untrusted::line(file).to_string();
    let mut out = String::new();
    for problem in problems {
        let span = problem.span.start.min(source.len())..problem.span.end.min(source.len());
        let message = Untrusted::line(&problem.message).to_string();
        let label = Untrusted::line(&problem.label).to_string();
        let snippet = Snippet::source(source.as_str())
            .path(file.as_str())
            .annotation(AnnotationKind::Primary.span(span).label(label));
        let level = if problem.is_error() { Level::ERROR } else { Level::WARNING };
        let mut groups: Vec<Group<'_>> = vec![level.primary_title(message).element(snippet)];
        if let Some(help) = &problem.help {
            let help = Untrusted::line(help).to_string();
            groups =
                groups.into_iter().map(|group| group.element(Level::HELP.message(help.clone()))).collect();
        }
        out.push_str(&renderer.render(&groups));
        out.push_str("\n\n");
    }
    out
}

/// What stands behind the equals sign of a line whose key is named like a credential: a file that is not TOML
/// has no values that a problem could mark. Names of variables and files are written in braces and stay.
fn secret_values(text: &str) -> Vec<Range<usize>> {
    let mut out = Vec::new();
    let mut begin = 0;
    for line in text.split_inclusive('\n') {
        if let Some((name, value)) = line.split_once('=')
            && is_secret_name(name)
            && !value.contains('{')
        {
            out.push(begin + name.len() + 1..begin + line.trim_end_matches('\n').len());
        }
        begin += line.len();
    }
    out
}

/// The file's text with the same byte offsets, credentials starred out and control characters replaced.
fn harmless(text: &str, problems: &[Problem]) -> String {
    let mut bytes: Vec<u8> = Vec::with_capacity(text.len());
    let is_toml = problems.iter().all(|problem| problem.label != NOT_TOML);
    let values = if is_toml { Vec::new() } else { secret_values(text) };
    for (at, c) in text.char_indices() {
        let is_secret = problems.iter().any(|p| p.is_secret && p.span.contains(&at))
            || values.iter().any(|value| value.contains(&at));
        let is_harmless =
            c == '\n' || Untrusted::line(c.encode_utf8(&mut [0; 4])).to_string().chars().eq([c]);
        if is_secret || !is_harmless {
            bytes.extend(std::iter::repeat_n(if is_secret { b'*' } else { b'?' }, c.len_utf8()));
        } else {
            bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }
    String::from_utf8(bytes).unwrap_or_default()
}
