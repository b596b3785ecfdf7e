//! `JUnit` XML for CI servers: a suite per model with a case per sample, and a suite of gates. Written as the
//! samples come; the counts in the heads are the summary's.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::time::Duration;

use super::groups::{self, Example};
use super::{Filter, Samples, bounded};
use crate::eval::summary::{GateResult, ModelSummary, Summary};
use crate::ledger::row::{SampleRow, SampleStatus};

/// Characters of each text of a case.
const MOST_CHARACTERS: usize = 4_000;

/// How many cases of a suite ended which way.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    tests: u64,
    failures: u64,
    errors: u64,
    skipped: u64,
}

impl Counts {
    fn of_model(model: &ModelSummary) -> Self {
        let total: u64 = model.errors.values().sum();
        let skipped = model.errors.iter().filter(|(class, _)| is_not_sent(class)).map(|(_, n)| n).sum();
        let failures = model.rejected + model.refused;
        Self { tests: model.samples, failures, errors: total - skipped, skipped }
    }

    fn of_gates(summary: &Summary) -> Self {
        let failed = summary.gates.iter().filter(|gate| !gate.pass);
        let (failures, skipped): (Vec<_>, Vec<_>) = failed.partition(|gate| summary.decides(gate));
        let [failures, skipped] = [failures, skipped].map(|gates: Vec<&GateResult>| gates.len() as u64);
        Self { tests: summary.gates.len() as u64, failures, skipped, ..Self::default() }
    }

    fn add(self, other: Self) -> Self {
        Self {
            tests: self.tests + other.tests,
            failures: self.failures + other.failures,
            errors: self.errors + other.errors,
            skipped: self.skipped + other.skipped,
        }
    }
}

/// Classes of samples that were never sent: skipped rather than failed.
fn is_not_sent(class: &str) -> bool {
    matches!(class, "budget" | "cancelled")
}

/// Writes the suites.
pub(super) fn write(summary: &Summary, samples: &dyn Samples, out: &mut dyn Write) -> io::Result<()> {
    let models = summary.models.iter().map(Counts::of_model);
    let total = models.fold(Counts::of_gates(summary), Counts::add);
    writeln!(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>")?;
    write!(out, "<testsuites name=\"orch eval {}\"{}", attribute(&summary.run), counts(total))?;
    match summary.took {
        Some(took) => writeln!(out, " time=\"{}\">", seconds(took))?,
        None => writeln!(out, ">")?,
    }
    if !summary.gates.is_empty() {
        write_gates(summary, out)?;
    }
    for (candidate, model) in (0..).zip(&summary.models) {
        write_suite(summary, (candidate, model), samples, out)?;
    }
    writeln!(out, "</testsuites>")
}

fn write_gates(summary: &Summary, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "  <testsuite name=\"gates\"{}>", counts(Counts::of_gates(summary)))?;
    for gate in &summary.gates {
        let name = attribute(&gate.expr);
        write!(out, "    <testcase name=\"{name}\" classname=\"gates.{}\"", attribute(&gate.model))?;
        if gate.pass {
            writeln!(out, "/>")?;
        } else {
            let message = attribute(&format!("{} does not hold: {}", gate.expr, gate.shown));
            match summary.decides(gate) {
                true => writeln!(out, "><failure type=\"gate\" message=\"{message}\"/></testcase>")?,
                false => {
                    writeln!(
                        out,
                        "><skipped message=\"{message}; of the incumbent it decides nothing\"/></testcase>"
                    )?;
                }
            }
        }
    }
    writeln!(out, "  </testsuite>")
}

fn write_suite(
    summary: &Summary,
    (candidate, model): (u32, &ModelSummary),
    samples: &dyn Samples,
    out: &mut dyn Write,
) -> io::Result<()> {
    let name = attribute(&model.model);
    let started = summary.started.strftime("%Y-%m-%dT%H:%M:%S");
    writeln!(
        out,
        "  <testsuite name=\"{name}\"{} timestamp=\"{started}\">",
        counts(Counts::of_model(model))
    )?;
    let source = model.source().name();
    writeln!(out, "    <properties><property name=\"source\" value=\"{source}\"/></properties>")?;
    let has_repeats = model.repeats.is_some();
    samples.each(Filter::of(candidate), &mut |row| write_case(row, &name, has_repeats, out))?;
    writeln!(out, "  </testsuite>")
}

fn write_case(row: &SampleRow, class: &str, has_repeats: bool, out: &mut dyn Write) -> io::Result<()> {
    let id = bounded(&row.id, 200);
    let name = if has_repeats { format!("{id} #{}", row.facts.key.repeat + 1) } else { id };
    write!(out, "    <testcase name=\"{}\" classname=\"{class}\"", attribute(&name))?;
    if let Some(latency) = row.facts.latency {
        write!(out, " time=\"{}\"", seconds(latency))?;
    }
    let Some(kind) = groups::kind(row) else { return writeln!(out, "/>") };
    let example = Example::new(row, MOST_CHARACTERS);
    let is_not_sent = row.facts.failure_class.as_deref().is_some_and(is_not_sent);
    let message = attribute(&example.why);
    match row.facts.status {
        SampleStatus::Error if is_not_sent => {
            writeln!(out, "><skipped message=\"{message}\"/></testcase>")
        }
        SampleStatus::Error => write_fault(out, "error", [&kind, &message], &example),
        _ => write_fault(out, "failure", [&kind, &message], &example),
    }
}

fn write_fault(
    out: &mut dyn Write,
    element: &str,
    [kind, message]: [&str; 2],
    example: &Example,
) -> io::Result<()> {
    let kind = attribute(kind.strip_prefix("error: ").unwrap_or(kind));
    writeln!(out, ">\n      <{element} type=\"{kind}\" message=\"{message}\">")?;
    let Example { prompt, expected, answer, .. } = example;
    for (label, value) in [("prompt", prompt), ("expected", expected), ("answer", answer)] {
        if !value.is_empty() {
            writeln!(out, "{label}: {}", text(value))?;
        }
    }
    writeln!(out, "      </{element}>\n    </testcase>")
}

fn counts(counts: Counts) -> String {
    let Counts { tests, failures, errors, skipped } = counts;
    format!(" tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\" skipped=\"{skipped}\"")
}

fn seconds(duration: Duration) -> String {
    format!("{:.3}", duration.as_secs_f64())
}

/// The value of an attribute: white space other than a blank is written as a reference, for parsers
/// normalise it (XML 1.0, 3.3.3).
fn attribute(value: &str) -> String {
    escaped(value, true)
}

/// The content of an element. `>` is always escaped, so that `]]>` cannot stand in it.
fn text(value: &str) -> String {
    escaped(value, false)
}

fn escaped(value: &str, in_attribute: bool) -> String {
    let mut out = String::with_capacity(value.len() + value.len() / 8);
    for c in value.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            '\n' | '\t' if !in_attribute => out.push(c),
            '\n' | '\t' | '\r' => {
                // Writing to a String cannot fail.
                write!(out, "&#{};", u32::from(c)).unwrap_or_default();
            }
            c if is_legal(c) => out.push(c),
            _ => out.push('\u{fffd}'),
        }
    }
    out
}

/// Whether XML 1.0 (2.2, Char) allows the character, the discouraged C1 controls left out, and what turns
/// the direction of text round.
fn is_legal(c: char) -> bool {
    let turns =
        matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    !turns && matches!(c, '\u{20}'..='\u{7e}' | '\u{a0}'..='\u{fffd}' | '\u{10000}'..='\u{10ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_leaves_its_element() {
        let hostile = "]]><x a=\"1\">&amp;\0\x1b\u{9b}\u{202e}\r\n";
        let shown = "]]&gt;&lt;x a=&quot;1&quot;&gt;&amp;amp;\u{fffd}\u{fffd}\u{fffd}\u{fffd}";
        assert_eq!(text(hostile), format!("{shown}&#13;\n"));
        assert_eq!(attribute(hostile), format!("{shown}&#13;&#10;"));
    }
}
