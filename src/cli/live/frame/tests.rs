use tokio::time::Instant;

use super::super::tests::{candidates, finish_some};
use super::*;

/// Two candidates ten seconds into a run.
async fn under_way(candidates: &[(String, u64)], finished: u64) -> (Progress, Paces) {
    let mut progress = Progress::new(candidates);
    let mut paces = Paces::new(candidates.len());
    paces.note(&progress, Instant::now());
    finish_some(&mut progress, finished);
    progress.in_flight = 16;
    tokio::time::advance(Duration::from_secs(10)).await;
    paces.note(&progress, Instant::now());
    (progress, paces)
}

fn long() -> Vec<(String, u64)> {
    let name = |model: &str| (format!("openrouter/anthropic/{model}?temperature=0.2"), 1_000_000);
    vec![name("claude-haiku-4-5-20251001"), name("claude-opus-4-1")]
}

const fn canvas(columns: usize, rows: usize) -> Canvas {
    Canvas { columns, rows, color: false, unicode: true }
}

fn shown(progress: &Progress, paces: &Paces, canvas: Canvas) -> String {
    let lines = frame(Scene { progress, paces, drops_in: None }, canvas);
    for line in &lines {
        assert!(line.width() <= canvas.columns, "{line:?} is wider than {}", canvas.columns);
    }
    lines.join("\n")
}

#[tokio::test(start_paused = true)]
async fn every_field_is_there_at_eighty_columns() {
    let (mut progress, paces) = under_way(&long(), 24_690).await;
    progress.max_cost = Some(Money::from_nanos(50_000_000_000));
    progress.failures.insert("rate_limited".to_owned(), 1);
    insta::assert_snapshot!(shown(&progress, &paces, canvas(77, 24)), @r#"
                                  done  accepted    p95    cost     rate      ETA
    …haiku-4…025100…  12,345/1,000,000     80.0%  402ms  $12.35  1,235/s  13m 20s
    …opus-4-…         12,345/1,000,000    100.0%  402ms  $12.35  1,235/s  13m 20s
    24,690/2,000,000 done · 2,469/s · ETA 13m 20s · $24.69 of $50.00
    16 in flight · 494 retries
    rejected 2,469, rate_limited 1
    "#);
}

#[tokio::test(start_paused = true)]
async fn room_is_used_for_names_and_bars() {
    let (progress, paces) = under_way(&candidates(), 300).await;
    insta::assert_snapshot!(shown(&progress, &paces, canvas(117, 40)), @r#"
                                 done  accepted    p95   cost    rate  ETA
    gpt-4o      ━━━─────────  150/600     80.0%  402ms  $0.15  15.0/s  30s
    haiku␛[31m  ━━━─────────  150/600    100.0%  402ms  $0.15  15.0/s  30s
    300/1,200 done · 30.0/s · ETA 30s · $0.30 · 16 in flight · 6 retries
    rejected 30
    "#);
}

#[tokio::test(start_paused = true)]
async fn a_narrow_terminal_shows_fewer_facts_and_each_of_them_whole() {
    let (mut progress, paces) = under_way(&long(), 24_690).await;
    progress.failures.insert("rate_limited".to_owned(), 31);
    progress.failures.insert("context".to_owned(), 1);
    insta::assert_snapshot!(shown(&progress, &paces, canvas(57, 24)), @r#"
                               done  accepted    p95      ETA
    …haiku…25100…  12,345/1,000,000     80.0%  402ms  13m 20s
    …opus-4-…      12,345/1,000,000    100.0%  402ms  13m 20s
    24,690/2,000,000 done · 2,469/s · ETA 13m 20s · $24.69
    16 in flight · 494 retries
    rejected 2,469, rate_limited 31, context 1
    "#);
    insta::assert_snapshot!(shown(&progress, &paces, canvas(37, 24)), @r#"
                                     done
    …haiku-4-5-2025100…  12,345/1,000,000
    …opus-4-…            12,345/1,000,000
    24,690/2,000,000 done · 2,469/s
    ETA 13m 20s · $24.69 · 16 in flight
    rejected 2,469, others 32
    "#);
    for columns in 1..200 {
        shown(&progress, &paces, canvas(columns.max(20), 24));
    }
}

#[tokio::test(start_paused = true)]
async fn a_low_terminal_counts_the_candidates_it_has_no_room_for() {
    let many: Vec<_> = (0..30).map(|i| (format!("sim/{i}"), 10)).collect();
    let (progress, paces) = under_way(&many, 0).await;
    for rows in [6, 10, 24, 60] {
        let lines = frame(Scene { progress: &progress, paces: &paces, drops_in: None }, canvas(77, rows));
        assert!(lines.len() < rows, "{} lines in {rows} rows", lines.len());
        assert_eq!(lines.iter().any(|line| line.contains("more candidates")), rows < 60);
    }
}

#[tokio::test(start_paused = true)]
async fn a_terminal_without_unicode_gets_ascii() {
    let (progress, paces) = under_way(&candidates()[..1], 300).await;
    let canvas = Canvas { unicode: false, ..canvas(117, 40) };
    assert!(shown(&progress, &paces, canvas).is_ascii());
}

#[test]
fn names_that_are_cut_keep_what_tells_them_apart() {
    let names = ["a/claude-haiku-4-5?temperature=0", "a/claude-opus-4-1?temperature=0"].map(str::to_owned);
    assert_eq!(cut(&names, 14), ["…haiku-4-5…", "…opus-4-1…"]);
    assert_eq!(cut(&names, 40), names);
    assert_eq!(cut(&["same".to_owned(), "same".to_owned()], 2), ["…", "…"]);
}

#[test]
fn names_keep_both_ends_and_characters_of_one_column() {
    assert_eq!(middle_cut("openai/gpt-5-mini?temperature=0", 15), "openai/…ature=0");
    assert_eq!(middle_cut("short", 15), "short");
    assert_eq!(middle_cut("anything", 0), "");
    assert_eq!(narrow("漢a\x1b"), "?a␛");
}
