//! A summary for a comment on a pull request. Texts from models and files stand in code, where nothing is a
//! link, a mention or markup; names and sentences are escaped.

use std::io::{self, Write};

use super::groups::{self, Example, Group};
use super::{Samples, model_name, text, verdicts_in_order};
use crate::base::untrusted::Untrusted;
use crate::eval::summary::{Comparison, Decision, ModelSummary, Summary};

/// Kinds of failure shown with an example. GitHub takes comments of up to 65,536 characters.
const MOST_GROUPS: usize = 5;
/// Characters of each text of an example.
const MOST_CHARACTERS: usize = 600;

/// Writes the comment.
pub(super) fn write(summary: &Summary, samples: &dyn Samples, out: &mut dyn Write) -> io::Result<()> {
    write_verdicts(summary, out)?;
    write_models(summary, out)?;
    write_repeats(summary, out)?;
    write_gates(summary, out)?;
    let groups = groups::collect(samples)?;
    write_failures(summary, &groups, out)?;
    for note in &summary.notes {
        writeln!(out, "> [!NOTE]\n> {}\n", prose(note))?;
    }
    write_origin(summary, out)
}

fn write_verdicts(summary: &Summary, out: &mut dyn Write) -> io::Result<()> {
    let verdicts = verdicts_in_order(summary);
    if verdicts.is_empty() {
        return writeln!(out, "### Evaluation {}\n", code(&summary.run));
    }
    for (i, verdict) in verdicts.into_iter().enumerate() {
        let sign = match verdict.decision {
            Decision::Adopt => "✅ Adopt",
            Decision::Reject => "❌ Reject",
            Decision::Inconclusive => "❔ Undecided on",
        };
        let heading = if i == 0 { "### " } else { "" };
        writeln!(out, "{heading}{sign} {}\n\n{}\n", code(&verdict.candidate), prose(&verdict.sentence))?;
    }
    Ok(())
}

fn write_models(summary: &Summary, out: &mut dyn Write) -> io::Result<()> {
    if summary.models.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "| model | accepted (95% CI) | vs incumbent | p (Holm) | valid | refused / errors | p50 | p95 | p99 | cost / call | cost / accepted | cost |"
    )?;
    writeln!(out, "|:--|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|")?;
    for model in &summary.models {
        let comparison = summary.comparisons.iter().find(|c| c.candidate == model.model);
        write_model(model, comparison, out)?;
    }
    writeln!(out)
}

fn write_model(model: &ModelSummary, comparison: Option<&Comparison>, out: &mut dyn Write) -> io::Result<()> {
    let mark = text::marks(model);
    let errors: u64 = model.errors.values().sum();
    let [p50, p95, p99] = text::quantiles(&model.latency);
    writeln!(
        out,
        "| {}{mark} | {} | {} | {} | {} | {} / {} | {p50} | {p95} | {p99} | {} | {} | {} |",
        code(&model.model),
        text::share(&model.accepted),
        comparison.map_or_else(|| "–".to_owned(), text::delta),
        comparison.map_or_else(|| "–".to_owned(), |comparison| text::p_value(comparison.p_holm)),
        text::share(&model.valid),
        text::part(model.refused, model.samples),
        text::part(errors, model.samples),
        prose(&text::cost_per_call(model)),
        prose(&text::cost_per_accepted(model)),
        prose(&text::money(model.cost, model.cost_is_estimated)),
    )
}

/// What repeats of a prompt tell, where there are some.
fn write_repeats(summary: &Summary, out: &mut dyn Write) -> io::Result<()> {
    let repeated: Vec<_> =
        summary.models.iter().filter_map(|model| Some((model, model.repeats.as_ref()?))).collect();
    if repeated.is_empty() {
        return Ok(());
    }
    writeln!(out, "| model | pass@k, pass^k | variance between / within prompts | ICC |")?;
    writeln!(out, "|:--|--:|--:|--:|")?;
    for (model, repeats) in repeated {
        let (variance, icc) = (text::variance(repeats), text::correlation(repeats));
        writeln!(out, "| {} | {} | {variance} | {icc} |", code(&model.model), prose(&text::passes(repeats)))?;
    }
    writeln!(out)
}

fn write_gates(summary: &Summary, out: &mut dyn Write) -> io::Result<()> {
    if summary.gates.is_empty() {
        return Ok(());
    }
    writeln!(out, "| gate | model | value | |\n|:--|:--|--:|:--|")?;
    for gate in &summary.gates {
        let result = if gate.pass { "✅ holds" } else { "❌ fails" };
        writeln!(
            out,
            "| {} | {} | {} | {result} |",
            code(&gate.expr),
            code(&gate.model),
            prose(&gate.shown)
        )?;
    }
    writeln!(out)
}

fn write_failures(summary: &Summary, groups: &[Group], out: &mut dyn Write) -> io::Result<()> {
    let total: u64 = groups.iter().map(|group| group.count).sum();
    if total == 0 {
        return Ok(());
    }
    let of = text::counted(summary.finished, "sample");
    writeln!(out, "<details><summary>{} not accepted, of {of}</summary>\n", text::count(total))?;
    for group in groups.iter().take(MOST_GROUPS) {
        writeln!(out, "**{} × {}**{}\n", text::count(group.count), code(&group.kind), split(summary, group))?;
        write_example(summary, &group.example, out)?;
    }
    if groups.len() > MOST_GROUPS {
        let rest: u64 = groups[MOST_GROUPS..].iter().map(|group| group.count).sum();
        let kinds = text::counted((groups.len() - MOST_GROUPS) as u64, "other kind");
        writeln!(out, "{} more of {kinds}.\n", text::count(rest))?;
    }
    writeln!(out, "</details>\n")
}

fn split(summary: &Summary, group: &Group) -> String {
    let counts = group.by_candidate.iter();
    let parts: Vec<_> = counts.map(|(i, n)| format!("{} {n}", code(&model_name(summary, *i)))).collect();
    format!(" ({})", parts.join(", "))
}

fn write_example(summary: &Summary, example: &Example, out: &mut dyn Write) -> io::Result<()> {
    let model = model_name(summary, example.key.candidate);
    writeln!(out, "First: row {} by {}.\n", code(&example.id), code(&model))?;
    let texts = [
        ("prompt", &example.prompt),
        ("expected", &example.expected),
        ("answer", &example.answer),
        ("why", &example.why),
    ];
    for (label, value) in texts {
        if !value.is_empty() {
            let fenced = fenced(&super::bounded(value, MOST_CHARACTERS));
            writeln!(out, "{label}:\n\n{fenced}\n")?;
        }
    }
    Ok(())
}

fn write_origin(summary: &Summary, out: &mut dyn Write) -> io::Result<()> {
    let spent = text::money(summary.spent, false);
    let mut parts = vec![
        format!("Run {}", code(&summary.run)),
        format!("{} of {}", text::count(summary.finished), text::counted(summary.planned, "sample")),
        prose(&spent),
        format!("seed {}", summary.seed),
    ];
    parts.extend(summary.datasets.iter().map(|dataset| {
        format!("{} sha256 {}", code(&dataset.path), code(text::short_hash(&dataset.sha256)))
    }));
    parts.push(format!("orch {}", prose(&summary.version)));
    writeln!(out, "<sub>{}</sub>", parts.join(" · "))
}

/// Text as a code span, also inside a table: backquotes are fenced by more of them, a pipe is escaped as
/// tables want it, and nothing in it is a link or a mention.
fn code(text: &str) -> String {
    let shown = Untrusted::line(text).to_string().replace('|', "\\|");
    let fence = "`".repeat(longest_run(&shown, '`') + 1);
    let pad = if shown.starts_with('`') || shown.ends_with('`') || shown.is_empty() { " " } else { "" };
    format!("{fence}{pad}{shown}{pad}{fence}")
}

/// Text as a fenced block that it cannot close.
fn fenced(text: &str) -> String {
    let shown = Untrusted::text(text).to_string();
    let fence = "`".repeat((longest_run(&shown, '`') + 1).max(3));
    format!("{fence}text\n{shown}\n{fence}")
}

/// A sentence: every character that means something to Markdown or HTML is escaped, and an empty comment
/// keeps GitHub from taking `@name`, `#1` and addresses for links.
fn prose(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    for c in Untrusted::line(text).to_string().chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '@' | '#' => out.extend(['\\', c].into_iter().chain("<!-- -->".chars())),
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '|' | '~' | '!' | '$' | ':' => {
                out.extend(['\\', c]);
            }
            c => out.push(c),
        }
    }
    // GFM links a bare `www.` as well.
    out.replace("www.", "www<!-- -->.")
}

fn longest_run(text: &str, of: char) -> usize {
    let mut longest = 0;
    let mut run = 0;
    for c in text.chars() {
        run = if c == of { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    longest
}
