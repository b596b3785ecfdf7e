//! The display as text, for any width: which facts are shown, in which order they make way, and the line of a
//! log. A number is shown whole or not at all.

use std::cmp::Reverse;
use std::time::Duration;

use unicode_width::UnicodeWidthStr as _;

use super::name::{cut, middle_cut, narrow};
use super::pace::{Pace, Paces};
use crate::base::money::Money;
use crate::base::number::{count, counted, percent};
use crate::base::span;
use crate::eval::progress::{CandidateProgress, LEAST_FOR_P95, Progress};

/// Columns of a bar.
const BAR_COLUMNS: u16 = 12;
/// The most columns of a candidate's name, and the least before facts make way for it.
const NAME_COLUMNS: std::ops::RangeInclusive<usize> = 10..=28;
/// Columns between facts.
const GAP: usize = 2;
/// The most lines below the candidates, failures not counted.
const FOOT_LINES: usize = 2;
/// Failure classes named in a log; the rest is added up.
const CLASSES_IN_A_LOG: usize = 5;

/// What the terminal can show, and how much of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Canvas {
    pub(super) columns: usize,
    pub(super) rows: usize,
    pub(super) color: bool,
    pub(super) unicode: bool,
}

/// What there is to show.
#[derive(Clone, Copy)]
pub(super) struct Scene<'a> {
    pub(super) progress: &'a Progress,
    pub(super) paces: &'a Paces,
    /// Once the run was asked to stop: how long until what is under way is dropped.
    pub(super) drops_in: Option<Duration>,
}

/// A fact about a candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fact {
    Bar,
    Done,
    Accepted,
    P95,
    Cost,
    Rate,
    Eta,
}

/// From left to right.
const FACTS: [Fact; 7] =
    [Fact::Bar, Fact::Done, Fact::Accepted, Fact::P95, Fact::Cost, Fact::Rate, Fact::Eta];
/// What makes way first. Rate, cost and ETA of the whole run stay below; how far and how good stay longest.
const MAKE_WAY: [Fact; 6] = [Fact::Bar, Fact::Rate, Fact::Cost, Fact::P95, Fact::Eta, Fact::Accepted];

impl Fact {
    const fn head(self) -> &'static str {
        match self {
            Self::Bar => "",
            Self::Done => "done",
            Self::Accepted => "accepted",
            Self::P95 => "p95",
            Self::Cost => "cost",
            Self::Rate => "rate",
            Self::Eta => "ETA",
        }
    }

    fn cell(self, candidate: &CandidateProgress, pace: &Pace) -> String {
        match self {
            Self::Bar => String::new(),
            Self::Done => done(candidate.done, candidate.total),
            Self::Accepted => accepted(candidate),
            Self::P95 => candidate.p95().map_or_else(|| "n/a".to_owned(), span::show),
            Self::Cost => cost(candidate.spent, candidate.is_estimated),
            Self::Rate => pace.rate_shown(),
            Self::Eta => pace.eta_shown(left(candidate)),
        }
    }
}

/// The lines of the display.
pub(super) fn frame(scene: Scene<'_>, canvas: Canvas) -> Vec<String> {
    let mut foot = foot(scene, canvas);
    // A line is left for the cursor's sake, one is the head's.
    let room = canvas.rows.saturating_sub(foot.len() + 2).max(1);
    let all = scene.progress.candidates.len();
    let shown = if all > room { room.saturating_sub(1).max(1) } else { all };
    let mut lines = table(scene, shown, canvas);
    if all > shown {
        lines.push(format!("and {}", counted((all - shown) as u64, "more candidate")));
    }
    lines.append(&mut foot);
    lines
}

fn table(scene: Scene<'_>, shown: usize, canvas: Canvas) -> Vec<String> {
    let candidates = &scene.progress.candidates[..shown];
    let columns: Vec<Column> = FACTS.iter().map(|fact| Column::new(*fact, candidates, scene.paces)).collect();
    let names: Vec<String> = candidates.iter().map(|candidate| narrow(&candidate.name)).collect();
    let longest = names.iter().map(|name| name.width()).max().unwrap_or_default();
    let (columns, room) = fitting(columns, longest.min(*NAME_COLUMNS.end()), canvas.columns);
    let names = cut(&names, room);
    let mut lines = vec![line("", room, &columns, |column| column.fact.head().to_owned())];
    for (i, (name, candidate)) in names.iter().zip(candidates).enumerate() {
        lines.push(line(name, room, &columns, |column| match column.fact {
            Fact::Bar => bar(candidate.done, candidate.total, canvas),
            _ => column.cells[i].clone(),
        }));
    }
    lines
}

/// A column with what stands in it.
struct Column {
    fact: Fact,
    cells: Vec<String>,
    width: usize,
}

impl Column {
    fn new(fact: Fact, candidates: &[CandidateProgress], paces: &Paces) -> Self {
        let cells = candidates.iter().zip(&paces.each).map(|(one, pace)| fact.cell(one, pace));
        let cells: Vec<String> = cells.collect();
        let widest = cells.iter().map(|cell| cell.width()).max().unwrap_or_default();
        let width = if fact == Fact::Bar { usize::from(BAR_COLUMNS) } else { widest.max(fact.head().len()) };
        Self { fact, cells, width }
    }
}

/// The columns that fit beside names of some width, and the room that is left for the names: the bar goes
/// first, then names get shorter, then facts go.
fn fitting(mut columns: Vec<Column>, wanted: usize, most: usize) -> (Vec<Column>, usize) {
    for fact in MAKE_WAY {
        let taken: usize = columns.iter().map(|column| column.width + GAP).sum();
        let room = most.saturating_sub(taken).min(wanted);
        let least = if fact == Fact::Bar { wanted } else { wanted.min(*NAME_COLUMNS.start()) };
        if room >= least {
            return (columns, room);
        }
        columns.retain(|column| column.fact != fact);
    }
    let taken: usize = columns.iter().map(|column| column.width + GAP).sum();
    (columns, most.saturating_sub(taken).min(wanted))
}

fn line(name: &str, room: usize, columns: &[Column], cell: impl Fn(&Column) -> String) -> String {
    let mut out = format!("{name}{}", " ".repeat(room.saturating_sub(name.width())));
    for column in columns {
        let cell = cell(column);
        // The bar is as wide as its column and may hold colours; its head is empty.
        let is_bar = column.fact == Fact::Bar && !cell.is_empty();
        let pad = if is_bar { 0 } else { column.width - cell.width() };
        out.push_str(&" ".repeat(GAP + pad));
        out.push_str(&cell);
    }
    out.trim_end().to_owned()
}

fn bar(done: u64, total: u64, canvas: Canvas) -> String {
    let columns = u64::from(BAR_COLUMNS);
    let filled = (done.min(total) * columns).checked_div(total).unwrap_or(columns);
    let part = |sign: &str, columns: u64| sign.repeat(usize::try_from(columns).unwrap_or_default());
    let (full, empty) = if canvas.unicode { ("━", "─") } else { ("#", "-") };
    let (full, rest) = (part(full, filled), part(empty, columns - filled));
    if canvas.color { format!("\x1b[36m{full}\x1b[0m\x1b[2m{rest}\x1b[0m") } else { format!("{full}{rest}") }
}

fn done(done: u64, total: u64) -> String {
    format!("{}/{}", count(done), count(total))
}

fn accepted(candidate: &CandidateProgress) -> String {
    candidate.accepted_share().map_or_else(|| "n/a".to_owned(), percent)
}

fn left(candidate: &CandidateProgress) -> u64 {
    candidate.total.saturating_sub(candidate.done)
}

fn cost(amount: Option<Money>, is_estimated: bool) -> String {
    match amount {
        Some(amount) if is_estimated => format!("~{amount}"),
        Some(amount) => amount.to_string(),
        None => "unknown".to_owned(),
    }
}

fn foot(scene: Scene<'_>, canvas: Canvas) -> Vec<String> {
    let between = if canvas.unicode { " · " } else { ", " };
    let mut lines = flow(stopping(scene), between, canvas.columns);
    lines.extend(flow(whole(scene), between, canvas.columns).into_iter().take(FOOT_LINES));
    lines.extend(failures(scene.progress, usize::MAX, canvas.columns));
    lines
}

/// What a run that was asked to stop does, in phrases.
fn stopping(scene: Scene<'_>) -> Vec<String> {
    let Some(left) = scene.drops_in else { return Vec::new() };
    let under_way = counted(scene.progress.in_flight, "sample");
    vec![
        format!("stopping: finishing {under_way} under way"),
        format!("at most {}", span::coarse(left)),
        "Ctrl-C again drops them".to_owned(),
    ]
}

/// The run as a whole, in phrases, the most wanted first.
fn whole(scene: Scene<'_>) -> Vec<String> {
    let Scene { progress, paces, drops_in } = scene;
    let mut parts = Vec::new();
    if progress.candidates.len() > 1 {
        parts.push(format!("{} done", done(progress.done(), progress.total())));
    }
    parts.push(paces.all.rate_shown().replace("n/a", "0.0/s"));
    if drops_in.is_none() {
        parts.push(format!("ETA {}", paces.all.eta_shown(progress.total().saturating_sub(progress.done()))));
    }
    let is_estimated = progress.candidates.iter().any(|candidate| candidate.is_estimated);
    let cost = cost(progress.spent(), is_estimated);
    match (progress.max_cost, progress.spent()) {
        (Some(cap), _) => parts.push(format!("{cost} of {cap}")),
        (None, Some(_)) => parts.push(cost),
        (None, None) => parts.push("cost unknown".to_owned()),
    }
    parts.push(format!("{} in flight", count(progress.in_flight)));
    if progress.retries > 0 {
        parts.push(counted(progress.retries, "retry"));
    }
    parts
}

/// Phrases one after the other, in as many lines as they need. One that is wider than a line is left out.
fn flow(parts: Vec<String>, between: &str, most: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for part in parts.into_iter().filter(|part| part.width() <= most) {
        match lines.last_mut() {
            Some(line) if line.width() + between.width() + part.width() <= most => {
                line.push_str(between);
                line.push_str(&part);
            }
            _ => lines.push(part),
        }
    }
    lines
}

/// The most frequent classes with their counts, as many as fit; the others are added up.
fn failures(progress: &Progress, classes: usize, most: usize) -> Option<String> {
    let mut all: Vec<_> = progress.failures.iter().collect();
    all.sort_by_key(|(_, n)| Reverse(**n));
    (0..=all.len().min(classes)).rev().filter(|_| !all.is_empty()).find_map(|named| {
        let (named, rest) = all.split_at(named);
        let rest: u64 = rest.iter().map(|(_, n)| **n).sum();
        let classes = named.iter().map(|(class, n)| format!("{} {}", narrow(class), count(**n)));
        let others = (rest > 0).then(|| match named.is_empty() {
            true => format!("{} not accepted", count(rest)),
            false => format!("others {}", count(rest)),
        });
        let line = classes.chain(others).collect::<Vec<_>>().join(", ");
        (line.width() <= most).then_some(line)
    })
}

/// A line of a log.
pub(super) fn plain(scene: Scene<'_>) -> String {
    let Scene { progress, paces, .. } = scene;
    let (finished, total) = (progress.done(), progress.total());
    let percent = finished.saturating_mul(100).checked_div(total).unwrap_or(100);
    let mut parts = vec![format!("{} ({percent}%)", done(finished, total))];
    let skipped = usize::from(progress.candidates.len() > 1);
    parts.extend(whole(scene).into_iter().skip(skipped));
    parts.extend(failures(progress, CLASSES_IN_A_LOG, usize::MAX));
    let candidates = progress.candidates.iter().zip(&paces.each).map(|(one, pace)| candidate(one, pace));
    std::iter::once(parts.join(", ")).chain(candidates).collect::<Vec<_>>().join("; ")
}

fn candidate(candidate: &CandidateProgress, pace: &Pace) -> String {
    let name = middle_cut(&narrow(&candidate.name), *NAME_COLUMNS.end());
    let p95 = candidate.p95().map_or_else(|| format!("n/a (n<{LEAST_FOR_P95})"), span::show);
    let cost = match cost(candidate.spent, candidate.is_estimated) {
        cost if candidate.spent.is_none() => format!("cost {cost}"),
        cost => cost,
    };
    format!(
        "{name} {} accepted {} p95 {p95} {cost} {} ETA {}",
        done(candidate.done, candidate.total),
        accepted(candidate),
        pace.rate_shown().replace("n/a", "0.0/s"),
        pace.eta_shown(left(candidate)),
    )
}

#[cfg(test)]
mod tests;
