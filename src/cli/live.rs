//! The display of a run under way, on stderr: a few lines that are redrawn in place on a terminal, a plain
//! line now and then in a log, or nothing. It is told the time and draws only when told.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::time::Instant;
use unicode_width::UnicodeWidthChar;

use crate::base::money::Money;
use crate::base::span;
use crate::base::untrusted::{Untrusted, clip};
use crate::eval::progress::{CandidateProgress, Progress};

/// The least time between two redraws: ten a second look steady and cost nothing.
const REDRAW_EVERY: Duration = Duration::from_millis(100);
/// The time between two lines in a log.
const LINE_EVERY: Duration = Duration::from_secs(10);
/// The rate is that of the last so many seconds.
const RATE_SECONDS: usize = 15;
/// Columns of a bar.
const BAR_COLUMNS: u64 = 12;
/// The most columns of a candidate's name.
const NAME_COLUMNS: usize = 28;
/// Failure classes named; the rest is added up.
const MOST_CLASSES: usize = 5;

/// How a run is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Lines redrawn in place.
    Terminal {
        /// Whether colours may be used.
        color: bool,
    },
    /// A line every ten seconds.
    Plain,
    /// Nothing.
    Quiet,
}

impl Mode {
    /// Nothing when asked for quiet, lines in place on a terminal, and a line now and then elsewhere.
    pub const fn new(is_quiet: bool, is_terminal: bool, color: bool) -> Self {
        match (is_quiet, is_terminal) {
            (true, _) => Self::Quiet,
            (false, true) => Self::Terminal { color },
            (false, false) => Self::Plain,
        }
    }
}

/// The display. Dropping it clears its lines as [`Live::finish`] does.
#[derive(Debug)]
pub struct Live<W = io::Stderr> {
    face: Face<W>,
    pace: Pace,
    shown: Option<Instant>,
}

#[derive(Debug)]
enum Face<W> {
    Terminal(Box<Lines>),
    Plain(W),
    Quiet,
}

#[derive(Debug)]
struct Lines {
    all: MultiProgress,
    candidates: Vec<ProgressBar>,
    foot: ProgressBar,
    name_columns: usize,
    color: bool,
}

impl Live {
    /// A display of candidates and how many samples each has, on stderr.
    pub fn new(mode: Mode, candidates: &[(String, u64)]) -> Self {
        // The rate limit is ours: indicatif's own would drop the last of several lines that change at once.
        Self::on(mode, candidates, ProgressDrawTarget::stderr_with_hz(u8::MAX), io::stderr())
    }
}

impl<W: Write> Live<W> {
    fn on(mode: Mode, candidates: &[(String, u64)], terminal: ProgressDrawTarget, log: W) -> Self {
        let face = match mode {
            Mode::Terminal { color } => Face::Terminal(Box::new(Lines::new(candidates, color, terminal))),
            Mode::Plain => Face::Plain(log),
            Mode::Quiet => Face::Quiet,
        };
        Self { face, pace: Pace::default(), shown: None }
    }

    /// Shows the progress when it is time to. Call it before the first call, after every sample, and on a
    /// tick of at most a second; all but ten calls a second return at once. A display that cannot be
    /// written falls silent: it must not end a run.
    pub fn update(&mut self, progress: &Progress, now: Instant) {
        let every = match self.face {
            Face::Terminal(_) => REDRAW_EVERY,
            Face::Plain(_) => LINE_EVERY,
            Face::Quiet => return,
        };
        let is_first = self.shown.is_none();
        if self.shown.is_some_and(|shown| now.duration_since(shown) < every) {
            return;
        }
        self.shown = Some(now);
        self.pace.note(progress.done(), now);
        match &mut self.face {
            Face::Terminal(lines) => lines.draw(progress, &self.pace),
            Face::Plain(_) if is_first => {}
            Face::Plain(log) => {
                if writeln!(log, "{}", plain_line(progress, &self.pace)).is_err() {
                    self.face = Face::Quiet;
                }
            }
            Face::Quiet => {}
        }
    }

    /// Writes a line above the display, or simply a line where nothing is redrawn; nothing when quiet.
    /// The text is ours: what models and files say goes through `Untrusted` first.
    pub fn say(&mut self, text: &str) {
        let result = match &mut self.face {
            Face::Terminal(lines) => lines.all.println(text),
            Face::Plain(log) => writeln!(log, "{text}"),
            Face::Quiet => Ok(()),
        };
        if result.is_err() {
            self.face = Face::Quiet;
        }
    }

    /// Removes the display's lines and leaves the cursor where it began. Further updates show nothing.
    pub fn finish(&mut self) {
        self.face = Face::Quiet;
    }
}

impl Lines {
    fn new(candidates: &[(String, u64)], color: bool, target: ProgressDrawTarget) -> Self {
        let all = MultiProgress::with_draw_target(target);
        // Overwriting instead of clearing first: nothing flickers.
        all.set_move_cursor(true);
        let line = || {
            let bar = ProgressBar::new(0).with_style(style());
            all.add(bar)
        };
        let bars = candidates.iter().map(|_| line()).collect();
        let names = candidates.iter().map(|(name, _)| shown_name(name).chars().count());
        let name_columns = names.max().unwrap_or_default();
        let foot = line();
        Self { all, candidates: bars, foot, name_columns, color }
    }

    fn draw(&self, progress: &Progress, pace: &Pace) {
        for (bar, candidate) in self.candidates.iter().zip(&progress.candidates) {
            bar.set_message(self.candidate_line(candidate));
        }
        self.foot.set_message(foot_line(progress, pace, " · "));
    }

    fn candidate_line(&self, candidate: &CandidateProgress) -> String {
        let name = shown_name(&candidate.name);
        let pad = " ".repeat(self.name_columns.saturating_sub(name.chars().count()));
        let bar = bar(candidate.done, candidate.total, self.color);
        format!("{name}{pad} {bar} {}", facts(candidate))
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        // A terminal that cannot be written needs no cleaning. Once hidden, the bars that are dropped next do
        // not draw each other again.
        self.all.clear().unwrap_or_default();
        self.all.set_draw_target(ProgressDrawTarget::hidden());
    }
}

/// The message and nothing else, cut at the width the terminal has when it is drawn.
fn style() -> ProgressStyle {
    ProgressStyle::with_template("{wide_msg}").expect("the template is a constant without options")
}

/// A name on one line, of at most [`NAME_COLUMNS`] characters, each a column wide: indicatif counts
/// characters, and a line it thinks shorter than it is would break the display.
fn shown_name(name: &str) -> String {
    let shown = Untrusted::line(name).to_string();
    let narrow: String = shown.chars().map(|c| if c.width() == Some(1) { c } else { '?' }).collect();
    clip(&narrow, NAME_COLUMNS)
}

fn bar(done: u64, total: u64, color: bool) -> String {
    let filled = (done.min(total) * BAR_COLUMNS).checked_div(total).unwrap_or(BAR_COLUMNS);
    let part = |sign: &str, columns: u64| sign.repeat(usize::try_from(columns).unwrap_or_default());
    let (full, rest) = (part("━", filled), part("─", BAR_COLUMNS - filled));
    if color { format!("\x1b[36m{full}\x1b[0m\x1b[2m{rest}\x1b[0m") } else { format!("{full}{rest}") }
}

/// `120/600  accepted 91.2%  p95 1.4s  $0.03`.
fn facts(candidate: &CandidateProgress) -> String {
    let CandidateProgress { done, total, .. } = candidate;
    let mut parts = vec![format!("{done}/{total}")];
    parts.extend(candidate.accepted_share().map(|share| format!("accepted {:.1}%", share * 100.0)));
    parts.extend(candidate.p95().map(|p95| format!("p95 {}", span::show(p95))));
    parts.push(spent(candidate.spent, candidate.is_estimated));
    parts.join("  ")
}

fn spent(amount: Option<Money>, is_estimated: bool) -> String {
    match amount {
        Some(amount) if is_estimated => format!("~{amount}"),
        Some(amount) => amount.to_string(),
        None => "cost unknown".to_owned(),
    }
}

/// `41.2/s · ETA 1m 20s · 16 in flight · 3 retries · $0.12 of $5.00 · rejected 12, timeout 1`.
fn foot_line(progress: &Progress, pace: &Pace, between: &str) -> String {
    let mut parts = vec![pace.shown(progress)];
    parts.push(format!("{} in flight", progress.in_flight));
    if progress.retries > 0 {
        parts.push(format!("{} retries", progress.retries));
    }
    let is_estimated = progress.candidates.iter().any(|candidate| candidate.is_estimated);
    let spent = spent(progress.spent(), is_estimated);
    parts.push(match progress.max_cost {
        Some(cap) => format!("{spent} of {cap}"),
        None => spent,
    });
    if !progress.failures.is_empty() {
        parts.push(failures(progress));
    }
    parts.join(between)
}

/// The most frequent classes with their counts.
fn failures(progress: &Progress) -> String {
    let mut classes: Vec<_> = progress.failures.iter().collect();
    classes.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    let named = classes.iter().take(MOST_CLASSES);
    let mut parts: Vec<_> = named.map(|(class, n)| format!("{} {n}", Untrusted::line(class))).collect();
    let rest: u64 = classes.iter().skip(MOST_CLASSES).map(|(_, count)| **count).sum();
    if rest > 0 {
        parts.push(format!("others {rest}"));
    }
    parts.join(", ")
}

fn plain_line(progress: &Progress, pace: &Pace) -> String {
    let (done, total) = (progress.done(), progress.total());
    let percent = done.saturating_mul(100).checked_div(total).unwrap_or(100);
    let mut line = format!("{done}/{total} ({percent}%), {}", foot_line(progress, pace, ", "));
    for candidate in &progress.candidates {
        // Writing to a String cannot fail.
        write!(line, "; {} {}", shown_name(&candidate.name), facts(candidate)).unwrap_or_default();
    }
    line
}

/// How fast samples finish: their number at points at least a second apart.
#[derive(Debug, Default)]
struct Pace {
    points: VecDeque<(Instant, u64)>,
    latest: Option<(Instant, u64)>,
}

impl Pace {
    fn note(&mut self, done: u64, now: Instant) {
        let is_due = |(at, _): &(Instant, u64)| now.duration_since(*at) >= Duration::from_secs(1);
        if self.points.back().is_none_or(is_due) {
            self.points.push_back((now, done));
        }
        if self.points.len() > RATE_SECONDS {
            self.points.pop_front();
        }
        self.latest = Some((now, done));
    }

    /// Samples per second over the window; absent before any time has passed.
    #[expect(clippy::cast_precision_loss, reason = "for showing")]
    fn rate(&self) -> Option<f64> {
        let ((from, before), (to, after)) = (*self.points.front()?, self.latest?);
        let seconds = to.duration_since(from).as_secs_f64();
        (seconds > 0.0).then(|| after.saturating_sub(before) as f64 / seconds)
    }

    #[expect(clippy::cast_precision_loss, reason = "for showing")]
    fn shown(&self, progress: &Progress) -> String {
        let left = progress.total().saturating_sub(progress.done());
        match self.rate() {
            Some(rate) if rate > 0.0 => {
                let eta = Duration::try_from_secs_f64(left as f64 / rate).unwrap_or(Duration::MAX);
                format!("{rate:.1}/s, ETA {}", span::show(eta))
            }
            _ => "0.0/s, ETA unknown".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::row::{SampleFacts, SampleKey, SampleStatus};
    use crate::model::outcome::Cost;
    use indicatif::TermLike;
    use std::sync::{Arc, Mutex};

    /// A terminal: a grid that wraps, a cursor, and how often it was drawn.
    #[derive(Clone, Debug, Default)]
    struct Screen(Arc<Mutex<Grid>>);

    #[derive(Debug, Default)]
    struct Grid {
        rows: Vec<Vec<char>>,
        row: usize,
        column: usize,
        draws: u64,
    }

    const COLUMNS: usize = 100;

    impl Grid {
        fn put(&mut self, c: char) {
            match c {
                '\r' => self.column = 0,
                '\n' => (self.row, self.column) = (self.row + 1, 0),
                c => {
                    // A full line wraps when the next character comes, as terminals do.
                    if self.column == COLUMNS {
                        (self.row, self.column) = (self.row + 1, 0);
                    }
                    if self.rows.len() <= self.row {
                        self.rows.resize(self.row + 1, vec![' '; COLUMNS]);
                    }
                    self.rows[self.row][self.column] = c;
                    self.column += 1;
                }
            }
        }
    }

    impl Screen {
        fn lines(&self) -> Vec<String> {
            let lines = self.0.lock().unwrap().rows.iter().map(String::from_iter).collect::<Vec<_>>();
            lines.iter().map(|line| line.trim_end().to_owned()).filter(|line| !line.is_empty()).collect()
        }

        fn draws(&self) -> u64 {
            self.0.lock().unwrap().draws
        }
    }

    impl TermLike for Screen {
        fn width(&self) -> u16 {
            u16::try_from(COLUMNS).unwrap()
        }
        fn move_cursor_up(&self, n: usize) -> io::Result<()> {
            self.0.lock().unwrap().row -= n;
            Ok(())
        }
        fn move_cursor_down(&self, n: usize) -> io::Result<()> {
            self.0.lock().unwrap().row += n;
            Ok(())
        }
        fn move_cursor_right(&self, n: usize) -> io::Result<()> {
            self.0.lock().unwrap().column += n;
            Ok(())
        }
        fn move_cursor_left(&self, n: usize) -> io::Result<()> {
            self.0.lock().unwrap().column -= n;
            Ok(())
        }
        fn write_line(&self, text: &str) -> io::Result<()> {
            self.write_str(text)?;
            self.write_str("\n")
        }
        fn write_str(&self, text: &str) -> io::Result<()> {
            let mut grid = self.0.lock().unwrap();
            text.chars().for_each(|c| grid.put(c));
            Ok(())
        }
        fn clear_line(&self) -> io::Result<()> {
            let mut grid = self.0.lock().unwrap();
            let row = grid.row;
            if let Some(line) = grid.rows.get_mut(row) {
                line.fill(' ');
            }
            grid.column = 0;
            Ok(())
        }
        fn flush(&self) -> io::Result<()> {
            self.0.lock().unwrap().draws += 1;
            Ok(())
        }
    }

    fn candidates() -> Vec<(String, u64)> {
        vec![("gpt-4o".to_owned(), 600), ("haiku\x1b[31m".to_owned(), 600)]
    }

    fn finish_some(progress: &mut Progress, n: u64) {
        for item in 0..n {
            let is_rejected = item % 10 == 0;
            let status = if is_rejected { SampleStatus::Rejected } else { SampleStatus::Accepted };
            let candidate = u32::from(item % 2 == 1);
            let facts = SampleFacts {
                key: SampleKey { item, candidate, repeat: 0 },
                status,
                valid: true,
                repaired: false,
                failure_class: None,
                attempts: 1 + u32::from(item % 50 == 0),
                latency: Some(Duration::from_millis(400)),
                first_token: None,
                usage: None,
                cost: Cost::Computed(Money::from_nanos(1_000_000)),
                judge_cost: Cost::Computed(Money::ZERO),
                cluster: None,
                overhead: Duration::ZERO,
            };
            progress.finished(candidate as usize, &facts);
        }
    }

    fn on_screen(color: bool) -> (Live<Vec<u8>>, Screen) {
        let screen = Screen::default();
        let target = ProgressDrawTarget::term_like_with_hz(Box::new(screen.clone()), u8::MAX);
        (Live::on(Mode::Terminal { color }, &candidates(), target, Vec::new()), screen)
    }

    #[tokio::test(start_paused = true)]
    async fn a_terminal_shows_a_line_per_candidate_and_one_for_all_and_is_left_clean() {
        let (mut live, screen) = on_screen(false);
        let mut progress = Progress::new(&candidates());
        progress.max_cost = Some(Money::from_nanos(5_000_000_000));
        live.update(&progress, Instant::now());
        finish_some(&mut progress, 300);
        progress.in_flight = 16;
        tokio::time::advance(Duration::from_secs(10)).await;
        live.update(&progress, Instant::now());
        assert_eq!(
            screen.lines(),
            [
                "gpt-4o     ━━━───────── 150/600  accepted 80.0%  p95 402ms  $0.15",
                "haiku␛[31m ━━━───────── 150/600  accepted 100.0%  p95 402ms  $0.15",
                "30.0/s, ETA 30.0s · 16 in flight · 6 retries · $0.30 of $5.00 · rejected 30",
            ]
        );
        live.finish();
        assert_eq!(screen.lines(), Vec::<String>::new());
    }

    #[tokio::test(start_paused = true)]
    async fn ten_thousand_samples_a_second_are_drawn_ten_times() {
        let (mut live, screen) = on_screen(true);
        let mut progress = Progress::new(&candidates());
        live.update(&progress, Instant::now());
        let before = screen.draws();
        for _ in 0..10_000 {
            tokio::time::advance(Duration::from_micros(100)).await;
            finish_some(&mut progress, 1);
            live.update(&progress, Instant::now());
        }
        let lines = candidates().len() as u64 + 1;
        assert!(screen.draws() - before <= 10 * lines, "{} flushes", screen.draws() - before);
    }

    #[tokio::test(start_paused = true)]
    async fn a_log_gets_a_line_every_ten_seconds() {
        let mut live = Live::on(Mode::Plain, &candidates(), ProgressDrawTarget::hidden(), Vec::new());
        let mut progress = Progress::new(&candidates());
        for _ in 0..25 {
            live.update(&progress, Instant::now());
            finish_some(&mut progress, 10);
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        let Face::Plain(log) = &live.face else { panic!("a log stays a log") };
        let log = String::from_utf8(log.clone()).unwrap();
        insta::assert_snapshot!(log, @r#"
    100/1200 (8%), 10.0/s, ETA 1m 50s, 0 in flight, 10 retries, $0.10, rejected 10; gpt-4o 50/600  accepted 80.0%  p95 402ms  $0.05; haiku␛[31m 50/600  accepted 100.0%  p95 402ms  $0.05
    200/1200 (16%), 10.0/s, ETA 1m 40s, 0 in flight, 20 retries, $0.20, rejected 20; gpt-4o 100/600  accepted 80.0%  p95 402ms  $0.10; haiku␛[31m 100/600  accepted 100.0%  p95 402ms  $0.10
    "#);
    }

    #[test]
    fn quiet_shows_nothing_and_a_broken_log_falls_silent() {
        assert_eq!(Mode::new(true, true, true), Mode::Quiet);
        assert_eq!(Mode::new(false, true, false), Mode::Terminal { color: false });
        assert_eq!(Mode::new(false, false, true), Mode::Plain);
        let full: &mut [u8] = &mut [];
        let mut live = Live::on(Mode::Plain, &candidates(), ProgressDrawTarget::hidden(), full);
        live.say("lost");
        assert!(matches!(live.face, Face::Quiet));
    }

    #[test]
    fn a_long_name_is_cut_at_its_columns() {
        assert_eq!(shown_name(&"漢a".repeat(40)), format!("{}…", "?a".repeat(13) + "?"));
    }
}
