use std::sync::{Arc, Mutex};

use super::*;
use crate::base::money::Money;
use crate::ledger::row::{SampleFacts, SampleKey, SampleStatus};
use crate::model::outcome::Cost;

/// A terminal: a grid that wraps, a cursor, the sequences that the display uses, and how often it was written.
#[derive(Clone, Default)]
struct Terminal(Arc<Mutex<Grid>>);

#[derive(Default)]
struct Grid {
    rows: Vec<Vec<char>>,
    row: usize,
    column: usize,
    writes: u64,
}

const COLUMNS: usize = 80;

fn eighty() -> Size {
    Size { columns: 80, rows: 24 }
}

impl Grid {
    fn put(&mut self, c: char) {
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

    fn obey(&mut self, sequence: &str) {
        let (numbers, action) = sequence.split_at(sequence.len() - 1);
        let n = numbers.parse().unwrap_or(1);
        match action {
            "A" => self.row -= n,
            "B" => self.row += n,
            "K" => {
                let from = if numbers == "2" { 0 } else { self.column };
                if let Some(row) = self.rows.get_mut(self.row) {
                    row[from..].fill(' ');
                }
            }
            "m" => {}
            _ => panic!("the display uses ESC[{sequence}"),
        }
    }

    fn print(&mut self, text: &str) {
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            match c {
                '\r' => self.column = 0,
                '\n' => self.row += 1,
                '\x1b' => {
                    assert_eq!(chars.next(), Some('['));
                    let mut sequence = String::new();
                    while !sequence.ends_with(|c: char| c.is_ascii_alphabetic()) {
                        sequence.push(chars.next().unwrap());
                    }
                    self.obey(&sequence);
                }
                c => self.put(c),
            }
        }
    }
}

impl Write for Terminal {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut grid = self.0.lock().unwrap();
        grid.writes += 1;
        grid.print(std::str::from_utf8(bytes).unwrap());
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Terminal {
    fn lines(&self) -> Vec<String> {
        let lines = self.0.lock().unwrap().rows.iter().map(String::from_iter).collect::<Vec<_>>();
        lines.iter().map(|line| line.trim_end().to_owned()).filter(|line| !line.is_empty()).collect()
    }

    /// What the terminal itself prints when someone types Ctrl-C.
    fn echo_interrupt(&self) {
        self.0.lock().unwrap().print("^C");
    }

    fn writes(&self) -> u64 {
        self.0.lock().unwrap().writes
    }
}

pub(super) fn candidates() -> Vec<(String, u64)> {
    vec![("gpt-4o".to_owned(), 600), ("haiku\x1b[31m".to_owned(), 600)]
}

/// Finishes samples, a half each; every tenth is rejected.
pub(super) fn finish_some(progress: &mut Progress, n: u64) {
    for item in 0..n {
        let status = if item % 10 == 0 { SampleStatus::Rejected } else { SampleStatus::Accepted };
        let candidate = u32::try_from(item % 2).unwrap();
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
            cost: Cost::Billed(Money::from_nanos(1_000_000)),
            judge_cost: Cost::Computed(Money::ZERO),
            cluster: None,
            overhead: Duration::ZERO,
        };
        progress.finished(candidate as usize, &facts);
    }
}

const PLAIN: Mode = Mode::Terminal { color: false, unicode: true };

fn on_terminal(mode: Mode) -> (Live<Terminal>, Terminal) {
    let terminal = Terminal::default();
    (Live::on(mode, 2, terminal.clone(), eighty), terminal)
}

async fn under_way(live: &mut Live<Terminal>) -> Progress {
    let mut progress = Progress::new(&candidates());
    progress.max_cost = Some(Money::from_nanos(5_000_000_000));
    live.update(&progress, Instant::now());
    finish_some(&mut progress, 300);
    progress.in_flight = 16;
    tokio::time::advance(Duration::from_secs(10)).await;
    live.update(&progress, Instant::now());
    progress
}

#[tokio::test(start_paused = true)]
async fn a_terminal_shows_a_line_per_candidate_and_is_left_clean() {
    let (mut live, terminal) = on_terminal(PLAIN);
    under_way(&mut live).await;
    insta::assert_snapshot!(terminal.lines().join("\n"), @r#"
                                 done  accepted    p95   cost    rate  ETA
    gpt-4o      ━━━─────────  150/600     80.0%  402ms  $0.15  15.0/s  30s
    haiku␛[31m  ━━━─────────  150/600    100.0%  402ms  $0.15  15.0/s  30s
    300/1,200 done · 30.0/s · ETA 30s · $0.30 of $5.00 · 16 in flight · 6 retries
    rejected 30
    "#);
    live.finish();
    assert_eq!(terminal.lines(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn an_echoed_interrupt_moves_nothing_and_leaves_nothing() {
    let (mut live, terminal) = on_terminal(PLAIN);
    let progress = under_way(&mut live).await;
    terminal.echo_interrupt();
    let now = Instant::now();
    live.stopping(&progress, now, now + Duration::from_secs(30));
    insta::assert_snapshot!(terminal.lines().join("\n"), @r#"
                                 done  accepted    p95   cost    rate  ETA
    gpt-4o      ━━━─────────  150/600     80.0%  402ms  $0.15  15.0/s  30s
    haiku␛[31m  ━━━─────────  150/600    100.0%  402ms  $0.15  15.0/s  30s
    stopping: finishing 16 samples under way · at most 30s
    Ctrl-C again drops them
    300/1,200 done · 30.0/s · $0.30 of $5.00 · 16 in flight · 6 retries
    rejected 30
    "#);
    terminal.echo_interrupt();
    live.finish();
    assert_eq!(terminal.lines(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_samples_a_second_are_drawn_ten_times() {
    let (mut live, terminal) = on_terminal(Mode::Terminal { color: true, unicode: true });
    let mut progress = Progress::new(&candidates());
    live.update(&progress, Instant::now());
    let before = terminal.writes();
    for _ in 0..10_000 {
        tokio::time::advance(Duration::from_micros(100)).await;
        finish_some(&mut progress, 1);
        live.update(&progress, Instant::now());
    }
    assert!(terminal.writes() - before <= 10, "{} writes", terminal.writes() - before);
}

#[tokio::test(start_paused = true)]
async fn a_log_gets_a_line_every_ten_seconds_and_one_when_the_run_is_asked_to_stop() {
    let mut live = Live::on(Mode::Plain, 2, Vec::new(), eighty);
    let mut progress = Progress::new(&candidates());
    for _ in 0..25 {
        live.update(&progress, Instant::now());
        finish_some(&mut progress, 10);
        tokio::time::advance(Duration::from_secs(1)).await;
    }
    progress.in_flight = 1;
    live.stopping(&progress, Instant::now(), Instant::now() + Duration::from_secs(30));
    let Face::Plain(log) = &live.face else { panic!("a log stays a log") };
    insta::assert_snapshot!(String::from_utf8(log.clone()).unwrap(), @r#"
    100/1,200 (8%), 10.0/s, ETA 1m 50s, $0.10, 0 in flight, 10 retries, rejected 10; gpt-4o 50/600 accepted 80.0% p95 n/a (n<72) $0.05 5.0/s ETA 1m 50s; haiku␛[31m 50/600 accepted 100.0% p95 n/a (n<72) $0.05 5.0/s ETA 1m 50s
    200/1,200 (16%), 10.0/s, ETA 1m 40s, $0.20, 0 in flight, 20 retries, rejected 20; gpt-4o 100/600 accepted 80.0% p95 402ms $0.10 5.0/s ETA 1m 40s; haiku␛[31m 100/600 accepted 100.0% p95 402ms $0.10 5.0/s ETA 1m 40s
    stopping: finishing 1 sample under way, at most 30s; interrupt again to drop them
    "#);
}

/// A stream that takes nothing.
struct Closed;

impl Write for Closed {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }
    fn flush(&mut self) -> io::Result<()> {
        Err(io::ErrorKind::BrokenPipe.into())
    }
}

#[tokio::test(start_paused = true)]
async fn a_log_that_cannot_be_written_falls_silent() {
    let mut live = Live::on(Mode::Plain, 2, Closed, eighty);
    live.stopping(&Progress::new(&candidates()), Instant::now(), Instant::now());
    assert!(matches!(live.face, Face::Quiet));
}
