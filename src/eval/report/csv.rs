//! One line per sample for spreadsheets. Numbers are numbers; a text that a spreadsheet could run as a
//! formula gets a leading apostrophe (OWASP, "CSV Injection"); every text is quoted, so that a reader with
//! another separator cannot cut a formula out of its middle.

use std::io::{self, Write};
use std::time::Duration;

use ::csv::{QuoteStyle, Writer, WriterBuilder};

use super::{Filter, Samples, groups, model_name, source};
use crate::base::money::Money;
use crate::eval::summary::Summary;
use crate::ledger::row::SampleRow;

const COLUMNS: [&str; 27] = [
    "run",
    "id",
    "item",
    "model",
    "source",
    "repeat",
    "status",
    "valid",
    "repaired",
    "kind",
    "why",
    "prompt",
    "expected",
    "answer",
    "finish",
    "attempts",
    "latency_ms",
    "ttft_ms",
    "tokens_input",
    "tokens_output",
    "tokens_cached",
    "tokens_reasoning",
    "cost_usd",
    "cost_source",
    "judge_cost_usd",
    "scores",
    "cluster",
];

/// Writes the header and every sample.
pub(super) fn write(summary: &Summary, samples: &dyn Samples, out: &mut dyn Write) -> io::Result<()> {
    let mut csv = WriterBuilder::new().quote_style(QuoteStyle::NonNumeric).from_writer(out);
    csv.write_record(COLUMNS)?;
    samples.each(Filter::default(), &mut |row| {
        let candidate = row.facts.key.candidate;
        write_row(&mut csv, row, &model_name(summary, candidate), source(summary, candidate))
    })?;
    csv.flush()
}

fn write_row(csv: &mut Writer<&mut dyn Write>, row: &SampleRow, model: &str, source: &str) -> io::Result<()> {
    let facts = &row.facts;
    let usage = facts.usage.unwrap_or_default();
    let text = |text: &str| defused(text);
    let number = |n: Option<u64>| n.map(|n| n.to_string()).unwrap_or_default();
    let money = |amount: Option<Money>| amount.map(Money::decimal).unwrap_or_default();
    csv.write_record([
        text(&row.run),
        text(&row.id),
        facts.key.item.to_string(),
        text(model),
        source.to_owned(),
        facts.key.repeat.to_string(),
        facts.status.name().to_owned(),
        facts.valid.to_string(),
        facts.repaired.to_string(),
        text(&groups::kind(row).unwrap_or_default()),
        text(&groups::why(row)),
        text(&row.prompt),
        text(&groups::expected(row)),
        text(&groups::answer(row)),
        text(row.finish.as_deref().unwrap_or_default()),
        facts.attempts.to_string(),
        millis(facts.latency),
        millis(facts.first_token),
        number(usage.total_input()),
        number(usage.output),
        number(usage.cached_input),
        number(usage.reasoning),
        money(facts.cost.amount()),
        facts.cost.source().to_owned(),
        money(facts.judge_cost.amount()),
        text(&scores(row)),
        text(facts.cluster.as_deref().unwrap_or_default()),
    ])?;
    Ok(())
}

fn millis(duration: Option<Duration>) -> String {
    duration.map(|duration| format!("{:.3}", duration.as_secs_f64() * 1e3)).unwrap_or_default()
}

fn scores(row: &SampleRow) -> String {
    let scores = row.scores.iter().map(|score| format!("{}={}", score.scorer, score.value));
    scores.collect::<Vec<_>>().join("; ")
}

/// The text as a cell that no spreadsheet runs. A plain number stays a number; control characters and those
/// that turn the direction of text round, which no spreadsheet shows, become U+FFFD. So does a carriage return
/// that ends no line.
fn defused(text: &str) -> String {
    let text = text.replace("\r\n", "\n");
    let clean: String = text.chars().map(|c| if is_unseen(c) { '\u{fffd}' } else { c }).collect();
    if is_formula(&clean) { format!("'{clean}") } else { clean }
}

fn is_unseen(c: char) -> bool {
    let turns =
        matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    turns || (c.is_control() && !matches!(c, '\n' | '\t'))
}

/// Whether a spreadsheet may take the text for a formula: it begins, after what readers skip, with a sign
/// that starts one, in its ASCII or its full-width form, and is not simply a number.
fn is_formula(text: &str) -> bool {
    if text.starts_with('\t') {
        return true;
    }
    let skipped =
        |c: char| c.is_whitespace() || matches!(c, '\'' | '"' | '\u{feff}' | '\u{200b}'..='\u{200f}');
    let start = text.trim_start_matches(skipped);
    let begins = start.starts_with(['=', '+', '-', '@', '|', '%', '＝', '＋', '－', '＠', '\u{2212}']);
    begins && !is_number(text)
}

/// A decimal number such as `-12.5`, and nothing else a float parser would take.
fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let is_plain = digits.chars().all(|c| c.is_ascii_digit() || c == '.');
    is_plain && text.parse::<f64>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_are_defused_and_numbers_are_not() {
        let formulas = [
            "=cmd()",
            "+1+2",
            "-1+2",
            "@SUM(A1)",
            "\t=1",
            " =1",
            "\"=1",
            "＝1",
            "－1+2",
            "\u{feff}=1",
            "-",
            "--",
            "\n=1",
        ];
        for text in formulas {
            assert!(defused(text).starts_with('\''), "{text:?}");
        }
        for text in ["", "-5", "+5.25", "-0.001", "a=1", "1-2", "'quoted'", "\u{fffd}"] {
            assert_eq!(defused(text), text);
        }
        for (text, cell) in [
            ("\0=1", "\u{fffd}=1"),
            ("\r=1", "\u{fffd}=1"),
            ("a\r\nb", "a\nb"),
            ("\u{202e}lru", "\u{fffd}lru"),
        ] {
            assert_eq!(defused(text), cell);
        }
    }
}
