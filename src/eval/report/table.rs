//! The summary for a terminal: the verdict first and last, so that neither a short window nor a long scroll
//! hides it. Colour repeats what words and signs already say.

use std::io::{self, Write};

use comfy_table::{CellAlignment, ContentArrangement, LineStyle, Table, TableStyle};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::groups::{self, Group};
use super::{Samples, model_name, text, verdicts_in_order};
use crate::base::money::Money;
use crate::base::span;
use crate::base::untrusted::Untrusted;
use crate::eval::summary::{Comparison, Decision, ModelSummary, Repeats, Summary, Verdict};
use crate::ledger::row::RunStatus;

/// Kinds of failure shown with an example.
const MOST_GROUPS: usize = 5;
/// Columns a model needs beside the labels.
const MODEL_COLUMNS: u16 = 26;
/// The least width that anything is laid out for.
const LEAST_WIDTH: u16 = 40;
/// Columns the labels need.
const LABEL_COLUMNS: u16 = 20;

/// What the terminal can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Whether colours may be used.
    pub color: bool,
    /// Whether signs beyond ASCII may be used for our own lines and marks.
    pub unicode: bool,
    /// Columns; fewer than 40 are treated as 40.
    pub width: u16,
}

/// A command the reader may want next, with what it is for: `("resume", "orch eval --resume r7k2m9")`.
pub type Next = (&'static str, String);

/// An SGR colour.
#[derive(Clone, Copy)]
enum Paint {
    Bold,
    Dim,
    Good,
    Bad,
    Open,
}

impl Style {
    fn paint(self, paint: Paint, text: &str) -> String {
        let code = match paint {
            Paint::Bold => "1",
            Paint::Dim => "2",
            Paint::Good => "1;32",
            Paint::Bad => "1;31",
            Paint::Open => "1;33",
        };
        if self.color { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    fn sign(self, unicode: &'static str, ascii: &'static str) -> &'static str {
        if self.unicode { unicode } else { ascii }
    }

    fn columns(self) -> usize {
        usize::from(self.width.max(LEAST_WIDTH))
    }

    /// Text we did not write, on one line of at most `most` columns.
    fn clipped(self, text: &str, most: usize) -> String {
        let mark = self.sign("…", "...");
        let shown = Untrusted::line(text).to_string();
        let shown = shown.split_whitespace().collect::<Vec<_>>().join(" ");
        if shown.width() <= most {
            return shown;
        }
        let mut room = most.saturating_sub(mark.width());
        let fits = |c: &char| {
            let width = c.width().unwrap_or(0);
            let is_room = width <= room;
            room = room.saturating_sub(width);
            is_room
        };
        let mut out: String = shown.chars().take_while(fits).collect();
        out.push_str(mark);
        out
    }
}

/// Writes the summary. `next` are the commands to name at the end, before the verdict's second showing.
pub fn write(
    summary: &Summary,
    samples: &dyn Samples,
    style: Style,
    next: &[Next],
    out: &mut dyn Write,
) -> io::Result<()> {
    write_verdicts(summary, style, out)?;
    write_models(summary, style, out)?;
    write_gates(summary, style, out)?;
    write_failures(summary, &groups::collect(samples)?, style, out)?;
    for note in &summary.notes {
        write_hanging("note: ", &Untrusted::line(note).to_string(), style, out)?;
    }
    write_origin(summary, style, out)?;
    for (what, command) in next {
        write_next(what, &Untrusted::line(command).to_string(), style, out)?;
    }
    writeln!(out)?;
    write_verdicts(summary, style, out)
}

/// A command to copy: beside its label, or on a line of its own where it does not fit.
fn write_next(what: &str, command: &str, style: Style, out: &mut dyn Write) -> io::Result<()> {
    let line = format!("{what}: {command}");
    if line.width() <= style.columns() {
        return writeln!(out, "{}", style.paint(Paint::Dim, &line));
    }
    writeln!(out, "{}", style.paint(Paint::Dim, &format!("{what}:\n  {command}")))
}

fn write_verdicts(summary: &Summary, style: Style, out: &mut dyn Write) -> io::Result<()> {
    for verdict in verdicts_in_order(summary) {
        write_verdict(verdict, style, out)?;
    }
    if summary.verdicts.is_empty() {
        let left = style.sign("–", "-");
        let text = format!("no verdict {left} there is neither an incumbent nor a gate to decide by");
        for line in wrapped(&text, style.columns()) {
            writeln!(out, "{line}")?;
        }
    }
    Ok(())
}

fn write_verdict(verdict: &Verdict, style: Style, out: &mut dyn Write) -> io::Result<()> {
    let (sign, paint) = match verdict.decision {
        Decision::Adopt => (style.sign("✓", "+"), Paint::Good),
        Decision::Reject => (style.sign("✗", "x"), Paint::Bad),
        Decision::Inconclusive => ("?", Paint::Open),
    };
    let sentence = Untrusted::line(&verdict.sentence).to_string();
    let head = format!("{sign} {}", sentence.split(':').next().unwrap_or_default());
    let lines = wrapped(&format!("{sign} {sentence}"), style.columns() - 4);
    for (i, line) in lines.iter().enumerate() {
        match line.strip_prefix(&head) {
            Some(rest) if i == 0 => writeln!(out, "{}{rest}", style.paint(paint, &head))?,
            _ if i == 0 => writeln!(out, "{line}")?,
            _ => writeln!(out, "    {line}")?,
        }
    }
    Ok(())
}

/// As many models side by side as fit; the others in further tables below.
fn write_models(summary: &Summary, style: Style, out: &mut dyn Write) -> io::Result<()> {
    let room = (style.width.max(LEAST_WIDTH) - LABEL_COLUMNS) / MODEL_COLUMNS;
    for models in summary.models.chunks(usize::from(room).max(1)) {
        let table = models_table(summary, models, style);
        writeln!(out)?;
        for (i, line) in table.lines().enumerate() {
            let line = line.trim_end();
            let line = if i == 0 { style.paint(Paint::Bold, line) } else { line.to_owned() };
            writeln!(out, "{line}")?;
        }
    }
    Ok(())
}

fn models_table(summary: &Summary, models: &[ModelSummary], style: Style) -> Table {
    let mut table = Table::new();
    let rule = if style.unicode { '─' } else { '-' };
    let rule = LineStyle::none().fill(rule).junction(rule);
    table.load_style(TableStyle::new().header_separator(rule));
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(style.width.max(LEAST_WIDTH));
    let heads = models.iter().map(|model| head(model, style));
    table.set_header(std::iter::once(String::new()).chain(heads));
    let columns: Vec<Vec<(&str, String)>> =
        models.iter().map(|model| column(summary, model, style)).collect();
    let Some(first) = columns.first() else { return table };
    for (row, (label, _)) in first.iter().enumerate() {
        let values: Vec<&str> = columns.iter().map(|column| column[row].1.as_str()).collect();
        let is_told = values.iter().any(|value| !value.is_empty());
        table.add_row_if(|_, _| is_told, std::iter::once(*label).chain(values));
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn head(model: &ModelSummary, style: Style) -> String {
    let name = style.clipped(&model.model, 60);
    format!("{name}{}", text::marks(model))
}

/// Every row of one model's column; a row that is empty for all models is left out. Every model has the
/// same rows.
fn column(summary: &Summary, model: &ModelSummary, style: Style) -> Vec<(&'static str, String)> {
    let comparison = summary.comparisons.iter().find(|comparison| comparison.candidate == model.model);
    let none = || style.sign("–", "-").to_owned();
    let compared = |show: &dyn Fn(&Comparison) -> String| match comparison {
        Some(comparison) => show(comparison),
        None if summary.comparisons.is_empty() => String::new(),
        None => none(),
    };
    let repeated = |show: &dyn Fn(&Repeats) -> String| model.repeats.as_ref().map(show).unwrap_or_default();
    let errors: u64 = model.errors.values().sum();
    let share = |n| text::part(n, model.samples);
    let [p50, p95, p99] = text::quantiles(&model.latency);
    let [first50, first95, _] = text::quantiles(&model.first_token);
    let has_first = summary.models.iter().any(|model| model.first_token.n > 0);
    let tokens = &model.tokens;
    let scorers: Vec<_> = model
        .scorers
        .iter()
        .map(|(name, rate)| format!("{} {}", style.clipped(name, 20), text::share(rate)))
        .collect();
    vec![
        ("samples", text::count(model.samples)),
        ("accepted", text::share(&model.accepted)),
        ("  of answered", if errors > 0 { text::share(&model.accepted_of_answered) } else { String::new() }),
        ("  vs incumbent", compared(&text::delta)),
        ("  p (Holm)", compared(&|comparison| text::p_value(comparison.p_holm))),
        ("  better / worse", compared(&|c| format!("{} / {}", text::count(c.better), text::count(c.worse)))),
        ("  to decide", comparison.and_then(|c| c.samples_needed).map(needed).unwrap_or_default()),
        ("  pass@k, pass^k", repeated(&text::passes)),
        ("  between / within", repeated(&|repeats| format!("var. {}", text::variance(repeats)))),
        ("  ICC", repeated(&text::correlation)),
        ("valid", text::share(&model.valid)),
        ("scorers", if scorers.len() > 1 { scorers.join("\n") } else { String::new() }),
        ("refused / errors", format!("{} / {}", share(model.refused), share(errors))),
        ("repaired", share(model.repaired)),
        ("cost per call", fitted(text::cost_per_call(model), style)),
        ("cost per accepted", fitted(text::cost_per_accepted(model), style)),
        ("  vs incumbent", compared(&|comparison| text::change(comparison.delta_cost_per_accepted))),
        ("latency p50", p50),
        ("  p95", p95),
        ("  p99", p99),
        ("first token p50", if has_first { first50 } else { String::new() }),
        ("  p95", if has_first { first95 } else { String::new() }),
        (
            "tokens in / out",
            format!("{} / {}", text::maybe_count(tokens.input), text::maybe_count(tokens.output)),
        ),
        ("  cached in", tokens.cached.map(text::count).unwrap_or_default()),
        ("  reasoning out", tokens.reasoning.map(text::count).unwrap_or_default()),
        ("spent", spent(model)),
        ("served as", served(model, style)),
    ]
}

/// Two amounts in one word are wider than a narrow column, and a number that is cut is another number.
fn fitted(shown: String, style: Style) -> String {
    match shown.split_once(" ($") {
        Some((cost, _)) if style.width < LABEL_COLUMNS + MODEL_COLUMNS => cost.to_owned(),
        _ => shown,
    }
}

fn needed(prompts: u64) -> String {
    text::counted(prompts, "more prompt")
}

fn spent(model: &ModelSummary) -> String {
    let own = text::money(model.cost, model.cost_is_estimated);
    match model.judge_cost {
        Some(Money::ZERO) => own,
        judges => format!("{own} + judges {}", text::money(judges, false)),
    }
}

fn served(model: &ModelSummary, style: Style) -> String {
    let names: Vec<_> = model.served.iter().map(|name| style.clipped(name, 40)).collect();
    names.join("\n")
}

fn write_gates(summary: &Summary, style: Style, out: &mut dyn Write) -> io::Result<()> {
    if summary.gates.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{}", style.paint(Paint::Bold, "gates"))?;
    for gate in &summary.gates {
        let (mark, paint) = if gate.pass {
            (style.sign("✓ holds", "holds"), Paint::Good)
        } else {
            (style.sign("✗ fails", "FAILS"), Paint::Bad)
        };
        let what = format!("{} on {}: {}", gate.expr, gate.model, gate.shown);
        let lines = wrapped(&Untrusted::line(&what).to_string(), style.columns() - 10);
        for (i, line) in lines.iter().enumerate() {
            match i {
                0 => writeln!(out, "  {} {line}", style.paint(paint, mark))?,
                _ => writeln!(out, "          {line}")?,
            }
        }
    }
    Ok(())
}

fn write_failures(summary: &Summary, groups: &[Group], style: Style, out: &mut dyn Write) -> io::Result<()> {
    let total: u64 = groups.iter().map(|group| group.count).sum();
    if total == 0 {
        return writeln!(out);
    }
    let of = text::counted(summary.finished, "sample");
    let title = format!("{} not accepted, of {of}", text::count(total));
    writeln!(out, "\n{}", style.paint(Paint::Bold, &title))?;
    for group in groups.iter().take(MOST_GROUPS) {
        write_group(summary, group, style, out)?;
    }
    if let Some(rest) = groups.get(MOST_GROUPS..).filter(|rest| !rest.is_empty()) {
        let n = rest.iter().map(|group| group.count).sum();
        let kinds = text::counted(rest.len() as u64, "other kind");
        writeln!(out, "  {} more of {kinds}", text::count(n))?;
    }
    writeln!(out)
}

fn write_group(summary: &Summary, group: &Group, style: Style, out: &mut dyn Write) -> io::Result<()> {
    let split =
        group.by_candidate.iter().map(|(i, n)| format!("{} {}", model_name(summary, *i), text::count(*n)));
    let split = split.collect::<Vec<_>>().join(", ");
    let (times, columns) = (style.sign("×", "x"), style.columns());
    let head = format!("{} {times} {} ({split})", text::count(group.count), group.kind);
    writeln!(out, "  {}", style.paint(Paint::Open, &style.clipped(&head, columns - 2)))?;
    let example = &group.example;
    let row = format!("{} by {}", example.id, model_name(summary, example.key.candidate));
    let parts = [
        ("row", &row),
        ("prompt", &example.prompt),
        ("expected", &example.expected),
        ("answer", &example.answer),
        ("why", &example.why),
    ];
    for (label, value) in parts.into_iter().filter(|(_, value)| !value.is_empty()) {
        let label = style.paint(Paint::Dim, &format!("{label:<8}"));
        writeln!(out, "    {label} {}", style.clipped(value, columns - 13))?;
    }
    Ok(())
}

fn write_origin(summary: &Summary, style: Style, out: &mut dyn Write) -> io::Result<()> {
    let mut parts = vec![match (summary.spent, summary.max_cost) {
        (spent, Some(cap)) => format!("spent {} of {cap}", text::money(spent, false)),
        (spent, None) => format!("spent {}", text::money(spent, false)),
    }];
    parts.push(if summary.finished == summary.planned {
        text::counted(summary.finished, "sample")
    } else {
        format!("{} of {}", text::count(summary.finished), text::counted(summary.planned, "sample"))
    });
    let retried = summary.models.iter().map(|model| model.retried).sum();
    if summary.finished > 0 {
        parts.push(format!("{} retried", text::part(retried, summary.finished)));
    }
    parts.extend(summary.took.map(span::show));
    if summary.overhead_share > 0.01 {
        parts.push(format!("own overhead {}", text::percent(summary.overhead_share)));
    }
    parts.push(format!("seed {}", summary.seed));
    for dataset in &summary.datasets {
        let hash = text::short_hash(&dataset.sha256);
        parts.push(format!("{} ({}, sha256 {hash})", dataset.path, text::counted(dataset.rows, "row")));
    }
    if summary.skipped_rows > 0 {
        parts.push(format!("{} skipped", text::counted(summary.skipped_rows, "bad row")));
    }
    parts.push(match summary.status {
        RunStatus::Done => format!("run {}", summary.run),
        status => format!("run {} ({})", summary.run, status.name()),
    });
    let line = parts.join(style.sign(" · ", ", "));
    write_hanging("", &Untrusted::line(&line).to_string(), style, out)
}

/// Text after a label, wrapped and indented below it. The text holds no control characters.
fn write_hanging(label: &str, text: &str, style: Style, out: &mut dyn Write) -> io::Result<()> {
    let indent = " ".repeat(label.width());
    for (i, line) in wrapped(text, style.columns() - label.width()).iter().enumerate() {
        writeln!(out, "{}{line}", if i == 0 { label } else { &indent })?;
    }
    Ok(())
}

/// Lines of at most `most` columns, broken between words; a longer word stands alone.
fn wrapped(text: &str, most: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split(' ') {
        if !line.is_empty() && line.width() + 1 + word.width() > most {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    lines
}
