//! Reports of one invented run, and of one whose every text is hostile.

use std::time::Duration;

use super::table::Style;
use super::*;
use crate::base::money::Money;
use crate::eval::stats::repeats::Variance;
use crate::eval::summary::{
    Bounds, Comparison, DatasetInfo, GateResult, ModelSummary, QuantileMs, Quantiles, Repeats, Share,
    TokenSums,
};
use crate::ledger::row::{RunStatus, SampleFacts, SampleKey, SampleStatus, ScoreRow};
use crate::model::TokenUsage;
use crate::model::outcome::Cost;

/// Samples in memory.
struct List(Vec<SampleRow>);

impl Samples for List {
    fn each(&self, filter: Filter, row: &mut dyn FnMut(&SampleRow) -> io::Result<()>) -> io::Result<()> {
        let passes = |sample: &&SampleRow| {
            let facts = &sample.facts;
            filter.candidate.is_none_or(|candidate| facts.key.candidate == candidate)
                && !(filter.only_failures && facts.status == SampleStatus::Accepted)
        };
        let limit = filter.limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap());
        self.0.iter().filter(passes).take(limit).try_for_each(row)
    }
}

fn usd(text: &str) -> Money {
    text.parse().unwrap()
}

#[expect(clippy::cast_precision_loss, reason = "small numbers")]
fn share(n: u64, of: u64, half: f64) -> Share {
    let rate = n as f64 / of as f64;
    Share { n, of, rate: Some(rate), ci95: Some([(rate - half).max(0.0), (rate + half).min(1.0)]) }
}

fn times(values: [f64; 2], tail: Option<f64>, n: u64) -> Quantiles {
    let quantile = |value: f64| QuantileMs { value, ci95: Some([value * 0.9, value * 1.2]) };
    Quantiles { p50: Some(quantile(values[0])), p95: Some(quantile(values[1])), p99: tail.map(quantile), n }
}

fn model(name: &str, accepted: u64, valid: u64) -> ModelSummary {
    ModelSummary {
        model: name.to_owned(),
        is_incumbent: false,
        simulated: false,
        replayed: false,
        samples: 1_200,
        accepted: share(accepted, 1_200, 0.017),
        accepted_of_answered: share(accepted, 1_199, 0.017),
        is_clustered: false,
        valid: share(valid, 1_200, 0.003),
        rejected: 1_200 - accepted - 4,
        refused: 3,
        repaired: 12,
        errors: [("rate_limited".to_owned(), 1)].into(),
        retried: 5,
        latency: times([700.0, 2_100.0], Some(3_900.0), 1_195),
        first_token: times([210.0, 480.0], None, 1_195),
        tokens: TokenSums { input: Some(412_000), output: Some(96_500), cached: None, reasoning: None },
        cost: Some(usd("3.96")),
        cost_is_estimated: false,
        judge_cost: Some(Money::ZERO),
        cost_per_call: Some(usd("0.0033")),
        cost_per_call_ci95: Some([usd("0.00321"), usd("0.0034")]),
        cost_per_accepted: Some(usd("0.0036")),
        cost_per_accepted_ci95: Some([usd("0.00352"), usd("0.00369")]),
        scorers: vec![("exact".to_owned(), share(accepted, 1_200, 0.017))],
        bounds: Bounds::default(),
        repeats: None,
        served: Vec::new(),
    }
}

fn comparison(candidate: &str, delta: f64, p: f64) -> Comparison {
    Comparison {
        candidate: candidate.to_owned(),
        incumbent: "gpt-4o".to_owned(),
        prompts: 1_200,
        pairs: 1_200,
        unanswered: 0,
        better: 31,
        worse: 26,
        delta_accepted: delta,
        ci95: Some([delta - 0.015, delta + 0.015]),
        deciding: None,
        is_not_worse: delta - 0.015 > -0.02,
        p_exact: p,
        p_value: p,
        p_holm: (p * 2.0).min(1.0),
        samples_needed: None,
        delta_cost_per_accepted: Some(-0.71),
    }
}

fn gate(model: &str, pass: bool, shown: &str) -> GateResult {
    GateResult {
        model: model.to_owned(),
        expr: "valid>=98%".to_owned(),
        pass,
        value: Some(if pass { 0.995 } else { 0.951 }),
        shown: shown.to_owned(),
    }
}

fn verdict(decision: Decision, candidate: &str, sentence: &str) -> Verdict {
    Verdict {
        decision,
        candidate: candidate.to_owned(),
        sentence: format!("{} {candidate}: {sentence}", decision.name()),
    }
}

/// An incumbent, a candidate to adopt and one to reject.
fn summary() -> Summary {
    let incumbent = ModelSummary {
        is_incumbent: true,
        latency: times([1_100.0, 3_400.0], Some(6_000.0), 1_199),
        cost: Some(usd("13.57")),
        cost_per_call: Some(usd("0.01131")),
        cost_per_call_ci95: Some([usd("0.0109"), usd("0.01175")]),
        cost_per_accepted: Some(usd("0.0124")),
        cost_per_accepted_ci95: Some([usd("0.01214"), usd("0.01269")]),
        ..model("gpt-4o", 1_094, 1_198)
    };
    let qwen = ModelSummary {
        simulated: true,
        latency: times([400.0, 900.0], None, 300),
        first_token: Quantiles::default(),
        cost: None,
        cost_per_call: None,
        cost_per_call_ci95: None,
        cost_per_accepted: None,
        cost_per_accepted_ci95: None,
        ..model("qwen", 1_056, 1_141)
    };
    let rejected = "valid 95.1% (93.7% to 96.2%) misses the gate valid>=98%";
    Summary {
        run: "r7k2m9".to_owned(),
        started: "2026-11-21T09:30:00Z".parse().unwrap(),
        took: Some(Duration::from_secs(41)),
        status: RunStatus::Done,
        datasets: vec![DatasetInfo {
            path: "tickets.jsonl".to_owned(),
            sha256: "9c1e5a8f0b3d7264".repeat(4),
            rows: 1_200,
        }],
        skipped_rows: 0,
        seed: 7,
        version: "0.1.0".to_owned(),
        planned: 3_600,
        finished: 3_600,
        models: vec![incumbent, model("claude-haiku", 1_099, 1_194), qwen],
        comparisons: vec![
            comparison("claude-haiku", 0.004, 0.61),
            Comparison { delta_cost_per_accepted: None, ..comparison("qwen", -0.032, 0.0006) },
        ],
        gates: vec![gate("claude-haiku", true, "99.5%"), gate("qwen", false, "95.1%")],
        verdicts: vec![
            verdict(Decision::Reject, "qwen", rejected),
            verdict(
                Decision::Adopt,
                "claude-haiku",
                "not worse by more than 2 pp (+0.4 pp, 95% CI -1.1 to +1.9, paired n=1,200), cost per accepted answer -71%",
            ),
        ],
        spent: Some(usd("4.31")),
        max_cost: Some(usd("5.00")),
        spent_is_simulated: false,
        overhead_share: 0.002,
        notes: vec!["qwen has no known price: its cost is left out".to_owned()],
    }
}

/// One sample; `answer` decides nothing but itself.
fn sample(item: u64, candidate: u32, status: SampleStatus, answer: &str) -> SampleRow {
    let is_error = status == SampleStatus::Error;
    let passed = status == SampleStatus::Accepted;
    let scores = vec![ScoreRow {
        scorer: "exact".to_owned(),
        passed,
        value: f64::from(u8::from(passed)),
        reason: if passed { String::new() } else { "differs from the expected text".to_owned() },
    }];
    SampleRow {
        run: "r7k2m9".to_owned(),
        facts: SampleFacts {
            key: SampleKey { item, candidate, repeat: 0 },
            status,
            valid: !is_error,
            repaired: false,
            failure_class: is_error.then(|| "rate_limited".to_owned()),
            attempts: 1,
            latency: (!is_error).then(|| Duration::from_millis(300 + item * 37 + u64::from(candidate) * 90)),
            first_token: (!is_error).then(|| Duration::from_millis(120)),
            usage: (!is_error).then(|| TokenUsage {
                input: Some(340),
                output: Some(8),
                ..TokenUsage::default()
            }),
            cost: if is_error { Cost::Unknown } else { Cost::Computed(usd("0.0033")) },
            judge_cost: Cost::Computed(Money::ZERO),
            cluster: None,
            overhead: Duration::from_micros(180),
        },
        id: format!("ticket-{item}"),
        is_own_id: Some(true),
        prompt: format!("Which queue does ticket {item} belong to?"),
        expected: Some("\"billing\"".to_owned()),
        answer: answer.to_owned(),
        tool_calls: None,
        finish: Some(if status == SampleStatus::Refused { "refusal" } else { "stop" }.to_owned()),
        failure: is_error.then(|| "429 slow down".to_owned()),
        invalid: None,
        scores: if is_error { Vec::new() } else { scores },
    }
}

/// A few samples of each candidate, with one failure of every kind.
fn samples() -> List {
    let mut rows = Vec::new();
    for item in 0..4 {
        for candidate in 0..3 {
            let (status, answer) = match (item, candidate) {
                (1, 0) | (1 | 2, 2) => (SampleStatus::Rejected, "shipping"),
                (2, 1) => (SampleStatus::Refused, "I cannot help with that."),
                (3, 0) => (SampleStatus::Error, ""),
                _ => (SampleStatus::Accepted, "billing"),
            };
            rows.push(sample(item, candidate, status, answer));
        }
    }
    List(rows)
}

fn written(format: Format, summary: &Summary, samples: &List) -> String {
    let mut out = Vec::new();
    write(format, summary, samples, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn table(summary: &Summary, samples: &List, style: Style) -> String {
    let next = [("report", "orch eval --resume r7k2m9 --report report.html".to_owned())];
    let mut out = Vec::new();
    table::write(summary, samples, style, &next, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn a_format_is_chosen_by_the_ending_of_the_file_name() {
    let cases = [
        ("r.html", Format::Html),
        ("r.HTM", Format::Html),
        ("a/r.md", Format::Markdown),
        ("r.json", Format::Json),
        ("r.jsonl", Format::Jsonl),
        ("r.csv", Format::Csv),
        ("r.xml", Format::Junit),
    ];
    for (path, format) in cases {
        assert_eq!(Format::from_extension(Path::new(path)), Ok(format), "{path}");
    }
    let error = Format::from_extension(Path::new("report.pdf")).unwrap_err().to_string();
    insta::assert_snapshot!(error, @r#"no report format for "report.pdf": name the file .html, .md, .json, .jsonl, .csv or .xml"#);
}

#[test]
fn the_verdict_to_lead_with_is_the_cheapest_adoption() {
    let mut summary = summary();
    assert_eq!(best_verdict(&summary).unwrap().candidate, "claude-haiku");
    summary.verdicts.push(verdict(Decision::Adopt, "gpt-4o", "dearer"));
    assert_eq!(best_verdict(&summary).unwrap().candidate, "claude-haiku");
    summary.verdicts.retain(|verdict| verdict.decision == Decision::Reject);
    assert_eq!(best_verdict(&summary).unwrap().candidate, "qwen");
    summary.verdicts.clear();
    assert_eq!(best_verdict(&summary), None);
}

#[test]
fn the_terminal_shows_the_verdict_first_and_last_at_120_columns() {
    let style = Style { color: false, unicode: true, width: 120 };
    insta::assert_snapshot!(table(&summary(), &samples(), style), @r#"
    ✓ adopt claude-haiku: not worse by more than 2 pp (+0.4 pp, 95% CI -1.1 to +1.9, paired n=1,200), cost per accepted
        answer -71%
    ✗ reject qwen: valid 95.1% (93.7% to 96.2%) misses the gate valid>=98%

                                gpt-4o (incumbent)                  claude-haiku         qwen (simulated)
    ──────────────────────────────────────────────────────────────────────────────────────────────────────
     samples                                 1,200                         1,200                    1,200
     accepted                    91.2% (89.5-92.9)             91.6% (89.9-93.3)        88.0% (86.3-89.7)
       of answered               91.2% (89.5-92.9)             91.7% (90.0-93.4)        88.1% (86.4-89.8)
       vs incumbent                              –        +0.4 pp (-1.1 to +1.9)   -3.2 pp (-4.7 to -1.7)
       p (Holm)                                  –                          1.00                    0.001
       better / worse                            –                       31 / 26                  31 / 26
     valid                      99.8% (99.5-100.0)             99.5% (99.2-99.8)        95.1% (94.8-95.4)
     refused / errors                  0.2% / 0.1%                   0.2% / 0.1%              0.2% / 0.1%
     repaired                                 1.0%                          1.0%                     1.0%
     cost per call       $0.0113 ($0.0109-$0.0118)    $0.0033 ($0.00321-$0.0034)                  unknown
     cost per accepted   $0.0124 ($0.0121-$0.0127)   $0.0036 ($0.00352-$0.00369)                  unknown
       vs incumbent                              –                          -71%                      n/a
     latency p50              1.10 s (0.99-1.32 s)           700 ms (630-840 ms)      400 ms (360-480 ms)
       p95                    3.40 s (3.06-4.08 s)          2.10 s (1.89-2.52 s)     900 ms (0.81-1.08 s)
       p99                    6.00 s (5.40-7.20 s)          3.90 s (3.51-4.68 s)              n/a (n<368)
     first token p50           210 ms (189-252 ms)           210 ms (189-252 ms)                      n/a
       p95                     480 ms (432-576 ms)           480 ms (432-576 ms)                      n/a
     tokens in / out              412,000 / 96,500              412,000 / 96,500         412,000 / 96,500
     spent                                  $13.57                         $3.96                  unknown

    gates
      ✓ holds valid>=98% on claude-haiku: 99.5%
      ✗ fails valid>=98% on qwen: 95.1%

    5 not accepted, of 3,600 samples
      3 × rejected by exact (gpt-4o 1, qwen 2)
        row      ticket-1 by gpt-4o
        prompt   Which queue does ticket 1 belong to?
        expected billing
        answer   shipping
        why      exact: differs from the expected text
      1 × error: rate_limited (gpt-4o 1)
        row      ticket-3 by gpt-4o
        prompt   Which queue does ticket 3 belong to?
        expected billing
        why      429 slow down
      1 × refused (claude-haiku 1)
        row      ticket-2 by claude-haiku
        prompt   Which queue does ticket 2 belong to?
        expected billing
        answer   I cannot help with that.
        why      ended with refusal

    note: qwen has no known price: its cost is left out
    spent $4.31 of $5.00 · 3,600 samples · 0.4% retried · 41.0s · seed 7 · tickets.jsonl (1,200 rows, sha256 9c1e5a8f0b3d) ·
    run r7k2m9
    report: orch eval --resume r7k2m9 --report report.html

    ✓ adopt claude-haiku: not worse by more than 2 pp (+0.4 pp, 95% CI -1.1 to +1.9, paired n=1,200), cost per accepted
        answer -71%
    ✗ reject qwen: valid 95.1% (93.7% to 96.2%) misses the gate valid>=98%
    "#);
}

#[test]
fn a_narrow_terminal_without_unicode_gets_the_models_in_turns() {
    let style = Style { color: false, unicode: false, width: 80 };
    let shown = table(&summary(), &samples(), style);
    assert!(shown.is_ascii(), "{shown}");
    let models = shown.split("\ngates").next().unwrap();
    insta::assert_snapshot!(models, @r#"
    + adopt claude-haiku: not worse by more than 2 pp (+0.4 pp, 95% CI -1.1 to
        +1.9, paired n=1,200), cost per accepted answer -71%
    x reject qwen: valid 95.1% (93.7% to 96.2%) misses the gate valid>=98%

                                gpt-4o (incumbent)                  claude-haiku
    -----------------------------------------------------------------------------
     samples                                 1,200                         1,200
     accepted                    91.2% (89.5-92.9)             91.6% (89.9-93.3)
       of answered               91.2% (89.5-92.9)             91.7% (90.0-93.4)
       vs incumbent                              -        +0.4 pp (-1.1 to +1.9)
       p (Holm)                                  -                          1.00
       better / worse                            -                       31 / 26
     valid                      99.8% (99.5-100.0)             99.5% (99.2-99.8)
     refused / errors                  0.2% / 0.1%                   0.2% / 0.1%
     repaired                                 1.0%                          1.0%
     cost per call       $0.0113 ($0.0109-$0.0118)    $0.0033 ($0.00321-$0.0034)
     cost per accepted   $0.0124 ($0.0121-$0.0127)   $0.0036 ($0.00352-$0.00369)
       vs incumbent                              -                          -71%
     latency p50              1.10 s (0.99-1.32 s)           700 ms (630-840 ms)
       p95                    3.40 s (3.06-4.08 s)          2.10 s (1.89-2.52 s)
       p99                    6.00 s (5.40-7.20 s)          3.90 s (3.51-4.68 s)
     first token p50           210 ms (189-252 ms)           210 ms (189-252 ms)
       p95                     480 ms (432-576 ms)           480 ms (432-576 ms)
     tokens in / out              412,000 / 96,500              412,000 / 96,500
     spent                                  $13.57                         $3.96

                               qwen (simulated)
    --------------------------------------------
     samples                              1,200
     accepted                 88.0% (86.3-89.7)
       of answered            88.1% (86.4-89.8)
       vs incumbent      -3.2 pp (-4.7 to -1.7)
       p (Holm)                           0.001
       better / worse                   31 / 26
     valid                    95.1% (94.8-95.4)
     refused / errors               0.2% / 0.1%
     repaired                              1.0%
     cost per call                      unknown
     cost per accepted                  unknown
       vs incumbent                         n/a
     latency p50            400 ms (360-480 ms)
       p95                 900 ms (0.81-1.08 s)
       p99                          n/a (n<368)
     first token p50                        n/a
       p95                                  n/a
     tokens in / out           412,000 / 96,500
     spent                              unknown
    "#);
}

#[test]
fn what_only_some_runs_have_is_shown_when_they_have_it() {
    let mut summary = summary();
    summary.status = RunStatus::Interrupted;
    summary.finished = 1_700;
    summary.skipped_rows = 1;
    summary.overhead_share = 0.034;
    summary.spent = None;
    summary.comparisons[0].samples_needed = Some(1_400);
    let haiku = &mut summary.models[1];
    haiku.cost_is_estimated = true;
    haiku.judge_cost = Some(usd("0.25"));
    haiku.served = vec!["claude-haiku-20260301".to_owned()];
    haiku.scorers.push(("length".to_owned(), share(1_200, 1_200, 0.0)));
    haiku.tokens.reasoning = Some(31_000);
    haiku.repeats = Some(Repeats {
        k: 3,
        pass_at: vec![0.91, 0.95, 0.97],
        pass_all: vec![0.91, 0.86, 0.82],
        variance: Some(Variance { between: 0.06, within: 0.02 }),
    });
    let shown = table(&summary, &samples(), Style { color: false, unicode: true, width: 120 });
    for expected in [
        "@3 97.0%, ^3 82.0%",
        "0.060 / 0.020",
        "0.75",
        "1,400 more prompts",
        "~$0.0036",
        "~$3.96 + judges $0.25",
        "claude-haiku-20260301",
        "length 100.0%",
        "31,000",
        "spent unknown of $5.00",
        "1,700 of 3,600 samples",
        "own overhead 3.4%",
        "1 bad row skipped",
        "run r7k2m9 (interrupted)",
    ] {
        assert!(shown.contains(expected), "{expected} in\n{shown}");
    }
    let page = written(Format::Html, &summary, &samples());
    assert!(page.contains("interrupted, partial"));
    assert!(page.contains("^3 82.0%") && page.contains("<small>0.060 &#x2f; 0.020</small>"));
    let comment = written(Format::Markdown, &summary, &samples());
    assert!(comment.contains("0.060 / 0.020 | 0.75 |"), "{comment}");
}

#[test]
fn colour_adds_nothing_but_colour() {
    let style = Style { color: true, unicode: true, width: 120 };
    let coloured = table(&summary(), &samples(), style);
    let plain = table(&summary(), &samples(), Style { color: false, ..style });
    assert_eq!(without_colour(&coloured), plain);
    let first = coloured.lines().next().unwrap().replace('\x1b', "ESC");
    insta::assert_snapshot!(first, @"ESC[1;32m✓ adopt claude-haikuESC[0m: not worse by more than 2 pp (+0.4 pp, 95% CI -1.1 to +1.9, paired n=1,200), cost per accepted");
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    for width in [60, 80, 100, 120, 200] {
        for unicode in [false, true] {
            for (summary, samples) in [(summary(), samples()), hostile()] {
                let shown = table(&summary, &samples, Style { color: false, unicode, width });
                for line in shown.lines() {
                    let columns = unicode_width::UnicodeWidthStr::width(line);
                    assert!(columns <= usize::from(width), "{columns} of {width}: {line}");
                }
            }
        }
    }
}

/// The fields of an object, a line each.
fn outline(prefix: &str, json: &serde_json::Value) -> String {
    let fields = json.as_object().unwrap().iter();
    fields.map(|(name, value)| format!("{prefix}{name} = {value}")).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_json_report_is_stable() {
    let mut json: serde_json::Value =
        serde_json::from_str(&written(Format::Json, &summary(), &samples())).unwrap();
    let models = json.as_object_mut().unwrap().remove("models").unwrap();
    insta::assert_snapshot!([outline("", &json), outline("models[0].", &models[0])].join("\n"), @r#"
    version = 1
    orch_version = "0.1.0"
    run = "r7k2m9"
    status = "done"
    started = "2026-11-21T09:30:00Z"
    took_ms = 41000
    seed = 7
    dataset = {"path":"tickets.jsonl","sha256":"9c1e5a8f0b3d72649c1e5a8f0b3d72649c1e5a8f0b3d72649c1e5a8f0b3d7264","rows":1200}
    datasets = [{"path":"tickets.jsonl","sha256":"9c1e5a8f0b3d72649c1e5a8f0b3d72649c1e5a8f0b3d72649c1e5a8f0b3d7264","rows":1200}]
    skipped_rows = 0
    planned = 3600
    finished = 3600
    spent_usd = "4.31"
    max_cost_usd = "5.00"
    spent_is_simulated = false
    overhead_share = 0.002
    verdict = {"decision":"adopt","candidate":"claude-haiku","sentence":"adopt claude-haiku: not worse by more than 2 pp (+0.4 pp, 95% CI -1.1 to +1.9, paired n=1,200), cost per accepted answer -71%"}
    verdicts = [{"decision":"reject","candidate":"qwen","sentence":"reject qwen: valid 95.1% (93.7% to 96.2%) misses the gate valid>=98%"},{"decision":"adopt","candidate":"claude-haiku","sentence":"adopt claude-haiku: not worse by more than 2 pp (+0.4 pp, 95% CI -1.1 to +1.9, paired n=1,200), cost per accepted answer -71%"}]
    gates = [{"model":"claude-haiku","expr":"valid>=98%","pass":true,"value":0.995,"shown":"99.5%"},{"model":"qwen","expr":"valid>=98%","pass":false,"value":0.951,"shown":"95.1%"}]
    comparisons = [{"candidate":"claude-haiku","incumbent":"gpt-4o","prompts":1200,"pairs":1200,"better":31,"worse":26,"delta_accepted":0.004,"ci95":[-0.011,0.019],"p_value":0.61,"p_exact":0.61,"p_holm":1.0,"unanswered":0,"samples_needed":null,"delta_cost_per_accepted":-0.71},{"candidate":"qwen","incumbent":"gpt-4o","prompts":1200,"pairs":1200,"better":31,"worse":26,"delta_accepted":-0.032,"ci95":[-0.047,-0.017],"p_value":0.0006,"p_exact":0.0006,"p_holm":0.0012,"unanswered":0,"samples_needed":null,"delta_cost_per_accepted":null}]
    notes = ["qwen has no known price: its cost is left out"]
    models[0].model = "gpt-4o"
    models[0].is_incumbent = true
    models[0].simulated = false
    models[0].replayed = false
    models[0].samples = 1200
    models[0].accepted = {"n":1094,"of":1200,"rate":0.9116666666666666,"ci95":[0.8946666666666666,0.9286666666666666]}
    models[0].accepted_of_answered = {"n":1094,"of":1199,"rate":0.9124270225187656,"ci95":[0.8954270225187656,0.9294270225187656]}
    models[0].valid = {"n":1198,"of":1200,"rate":0.9983333333333333,"ci95":[0.9953333333333333,1.0]}
    models[0].rejected = 102
    models[0].refused = 3
    models[0].repaired = 12
    models[0].retried = 5
    models[0].errors = {"rate_limited":1}
    models[0].latency_ms = {"p50":1100.0,"p95":3400.0,"p99":6000.0,"p50_ci95":[990.0,1320.0],"p95_ci95":[3060.0,4080.0],"p99_ci95":[5400.0,7200.0],"n":1199}
    models[0].ttft_ms = {"p50":210.0,"p95":480.0,"p99":null,"p50_ci95":[189.0,252.0],"p95_ci95":[432.0,576.0],"p99_ci95":null,"n":1195}
    models[0].tokens = {"input":412000,"output":96500,"cached":null,"reasoning":null}
    models[0].cost_usd = "13.57"
    models[0].cost_is_estimated = false
    models[0].judge_cost_usd = "0.00"
    models[0].cost_per_call_usd = "0.01131"
    models[0].cost_per_call_ci95 = ["0.0109","0.01175"]
    models[0].cost_per_accepted_usd = "0.0124"
    models[0].cost_per_accepted_ci95_usd = ["0.01214","0.01269"]
    models[0].scorers = {"exact":{"n":1094,"of":1200,"rate":0.9116666666666666,"ci95":[0.8946666666666666,0.9286666666666666]}}
    models[0].pass_at_k = null
    models[0].pass_all_k = null
    models[0].variance = null
    models[0].served = []
    "#);
}

#[test]
fn unknown_numbers_are_null_in_json() {
    let mut summary = summary();
    summary.comparisons[0].p_value = f64::NAN;
    summary.datasets.clear();
    summary.verdicts.clear();
    let json: serde_json::Value = serde_json::from_str(&written(Format::Json, &summary, &samples())).unwrap();
    for pointer in [
        "/comparisons/0/p_value",
        "/dataset",
        "/verdict",
        "/models/2/cost_per_accepted_usd",
        "/models/2/cost_usd",
    ] {
        assert_eq!(json.pointer(pointer), Some(&serde_json::Value::Null), "{pointer}");
    }
}

#[test]
fn a_sample_is_one_line_of_jsonl() {
    let shown = written(Format::Jsonl, &summary(), &samples());
    assert_eq!(shown.lines().count(), samples().0.len());
    let lines: Vec<_> = shown.lines().take(2).chain(shown.lines().skip(9).take(1)).collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    {"run":"r7k2m9","id":"ticket-0","item":0,"model":"gpt-4o","source":"provider","repeat":0,"status":"accepted","valid":true,"repaired":false,"prompt":"Which queue does ticket 0 belong to?","expected":"billing","answer":"billing","tool_calls":null,"finish":"stop","invalid":null,"failure":null,"scores":[{"scorer":"exact","passed":true,"value":1.0,"reason":""}],"attempts":1,"latency_ms":300.0,"ttft_ms":120.0,"overhead_ms":0.18,"tokens":{"input":340,"output":8,"cached":null,"reasoning":null},"cost_usd":"0.0033","cost_source":"computed","judge_cost_usd":"0.00","cluster":null}
    {"run":"r7k2m9","id":"ticket-0","item":0,"model":"claude-haiku","source":"provider","repeat":0,"status":"accepted","valid":true,"repaired":false,"prompt":"Which queue does ticket 0 belong to?","expected":"billing","answer":"billing","tool_calls":null,"finish":"stop","invalid":null,"failure":null,"scores":[{"scorer":"exact","passed":true,"value":1.0,"reason":""}],"attempts":1,"latency_ms":390.0,"ttft_ms":120.0,"overhead_ms":0.18,"tokens":{"input":340,"output":8,"cached":null,"reasoning":null},"cost_usd":"0.0033","cost_source":"computed","judge_cost_usd":"0.00","cluster":null}
    {"run":"r7k2m9","id":"ticket-3","item":3,"model":"gpt-4o","source":"provider","repeat":0,"status":"error","valid":false,"repaired":false,"prompt":"Which queue does ticket 3 belong to?","expected":"billing","answer":"","tool_calls":null,"finish":"stop","invalid":null,"failure":{"class":"rate_limited","message":"429 slow down"},"scores":[],"attempts":1,"latency_ms":null,"ttft_ms":null,"overhead_ms":0.18,"tokens":null,"cost_usd":null,"cost_source":"unknown","judge_cost_usd":"0.00","cluster":null}
    "#);
}

#[test]
fn a_sample_is_one_row_of_csv() {
    let shown = written(Format::Csv, &summary(), &samples());
    let lines: Vec<_> = shown.lines().take(5).collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    "run","id","item","model","source","repeat","status","valid","repaired","kind","why","prompt","expected","answer","finish","attempts","latency_ms","ttft_ms","tokens_input","tokens_output","tokens_cached","tokens_reasoning","cost_usd","cost_source","judge_cost_usd","scores","cluster"
    "r7k2m9","ticket-0",0,"gpt-4o","provider",0,"accepted","true","false","","","Which queue does ticket 0 belong to?","billing","billing","stop",1,300.000,120.000,340,8,"","",0.0033,"computed",0.00,"exact=1",""
    "r7k2m9","ticket-0",0,"claude-haiku","provider",0,"accepted","true","false","","","Which queue does ticket 0 belong to?","billing","billing","stop",1,390.000,120.000,340,8,"","",0.0033,"computed",0.00,"exact=1",""
    "r7k2m9","ticket-0",0,"qwen","simulated",0,"accepted","true","false","","","Which queue does ticket 0 belong to?","billing","billing","stop",1,480.000,120.000,340,8,"","",0.0033,"computed",0.00,"exact=1",""
    "r7k2m9","ticket-1",1,"gpt-4o","provider",0,"rejected","true","false","rejected by exact","exact: differs from the expected text","Which queue does ticket 1 belong to?","billing","shipping","stop",1,337.000,120.000,340,8,"","",0.0033,"computed",0.00,"exact=0",""
    "#);
}

#[test]
fn a_pull_request_gets_the_verdict_the_numbers_and_examples() {
    insta::assert_snapshot!(written(Format::Markdown, &summary(), &samples()), @r#"
    ### ✅ Adopt `claude-haiku`

    adopt claude-haiku\: not worse by more than 2 pp (+0.4 pp, 95% CI -1.1 to +1.9, paired n=1,200), cost per accepted answer -71%

    ❌ Reject `qwen`

    reject qwen\: valid 95.1% (93.7% to 96.2%) misses the gate valid&gt;=98%

    | model | accepted (95% CI) | vs incumbent | p (Holm) | valid | refused / errors | p50 | p95 | p99 | cost / call | cost / accepted | cost |
    |:--|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|
    | `gpt-4o` (incumbent) | 91.2% (89.5-92.9) | – | – | 99.8% (99.5-100.0) | 0.2% / 0.1% | 1.10 s (0.99-1.32 s) | 3.40 s (3.06-4.08 s) | 6.00 s (5.40-7.20 s) | \$0.0113 (\$0.0109-\$0.0118) | \$0.0124 (\$0.0121-\$0.0127) | \$13.57 |
    | `claude-haiku` | 91.6% (89.9-93.3) | +0.4 pp (-1.1 to +1.9) | 1.00 | 99.5% (99.2-99.8) | 0.2% / 0.1% | 700 ms (630-840 ms) | 2.10 s (1.89-2.52 s) | 3.90 s (3.51-4.68 s) | \$0.0033 (\$0.00321-\$0.0034) | \$0.0036 (\$0.00352-\$0.00369) | \$3.96 |
    | `qwen` (simulated) | 88.0% (86.3-89.7) | -3.2 pp (-4.7 to -1.7) | 0.001 | 95.1% (94.8-95.4) | 0.2% / 0.1% | 400 ms (360-480 ms) | 900 ms (0.81-1.08 s) | n/a (n<368) | unknown | unknown | unknown |

    | gate | model | value | |
    |:--|:--|--:|:--|
    | `valid>=98%` | `claude-haiku` | 99.5% | ✅ holds |
    | `valid>=98%` | `qwen` | 95.1% | ❌ fails |

    <details><summary>5 not accepted, of 3,600 samples</summary>

    **3 × `rejected by exact`** (`gpt-4o` 1, `qwen` 2)

    First: row `ticket-1` by `gpt-4o`.

    prompt:

    ```text
    Which queue does ticket 1 belong to?
    ```

    expected:

    ```text
    billing
    ```

    answer:

    ```text
    shipping
    ```

    why:

    ```text
    exact: differs from the expected text
    ```

    **1 × `error: rate_limited`** (`gpt-4o` 1)

    First: row `ticket-3` by `gpt-4o`.

    prompt:

    ```text
    Which queue does ticket 3 belong to?
    ```

    expected:

    ```text
    billing
    ```

    why:

    ```text
    429 slow down
    ```

    **1 × `refused`** (`claude-haiku` 1)

    First: row `ticket-2` by `claude-haiku`.

    prompt:

    ```text
    Which queue does ticket 2 belong to?
    ```

    expected:

    ```text
    billing
    ```

    answer:

    ```text
    I cannot help with that.
    ```

    why:

    ```text
    ended with refusal
    ```

    </details>

    > [!NOTE]
    > qwen has no known price\: its cost is left out

    <sub>Run `r7k2m9` · 3,600 of 3,600 samples · \$4.31 · seed 7 · `tickets.jsonl` sha256 `9c1e5a8f0b3d` · orch 0.1.0</sub>
    "#);
}

#[test]
fn a_gate_that_the_incumbent_fails_fails_no_pipeline() {
    let mut summary = summary();
    summary.gates = vec![gate("gpt-4o", false, "95.1%")];
    let text = written(Format::Junit, &summary, &samples());
    assert!(
        text.contains("<testsuite name=\"gates\" tests=\"1\" failures=\"0\" errors=\"0\" skipped=\"1\">"),
        "{text}"
    );
    assert!(
        text.contains("><skipped message=\"valid&gt;=98% does not hold: 95.1%; of the incumbent"),
        "{text}"
    );
    summary.comparisons.clear();
    let text = written(Format::Junit, &summary, &samples());
    assert!(text.contains("><failure type=\"gate\""), "alone it is the candidate: {text}");
}

#[test]
fn a_ci_server_gets_a_suite_per_model() {
    insta::assert_snapshot!(written(Format::Junit, &summary(), &samples()), @r#"
    <?xml version="1.0" encoding="UTF-8"?>
    <testsuites name="orch eval r7k2m9" tests="3602" failures="349" errors="3" skipped="0" time="41.000">
      <testsuite name="gates" tests="2" failures="1" errors="0" skipped="0">
        <testcase name="valid&gt;=98%" classname="gates.claude-haiku"/>
        <testcase name="valid&gt;=98%" classname="gates.qwen"><failure type="gate" message="valid&gt;=98% does not hold: 95.1%"/></testcase>
      </testsuite>
      <testsuite name="gpt-4o" tests="1200" failures="105" errors="1" skipped="0" timestamp="2026-11-21T09:30:00">
        <properties><property name="source" value="provider"/></properties>
        <testcase name="ticket-0" classname="gpt-4o" time="0.300"/>
        <testcase name="ticket-1" classname="gpt-4o" time="0.337">
          <failure type="rejected by exact" message="exact: differs from the expected text">
    prompt: Which queue does ticket 1 belong to?
    expected: billing
    answer: shipping
          </failure>
        </testcase>
        <testcase name="ticket-2" classname="gpt-4o" time="0.374"/>
        <testcase name="ticket-3" classname="gpt-4o">
          <error type="rate_limited" message="429 slow down">
    prompt: Which queue does ticket 3 belong to?
    expected: billing
          </error>
        </testcase>
      </testsuite>
      <testsuite name="claude-haiku" tests="1200" failures="100" errors="1" skipped="0" timestamp="2026-11-21T09:30:00">
        <properties><property name="source" value="provider"/></properties>
        <testcase name="ticket-0" classname="claude-haiku" time="0.390"/>
        <testcase name="ticket-1" classname="claude-haiku" time="0.427"/>
        <testcase name="ticket-2" classname="claude-haiku" time="0.464">
          <failure type="refused" message="ended with refusal">
    prompt: Which queue does ticket 2 belong to?
    expected: billing
    answer: I cannot help with that.
          </failure>
        </testcase>
        <testcase name="ticket-3" classname="claude-haiku" time="0.501"/>
      </testsuite>
      <testsuite name="qwen" tests="1200" failures="143" errors="1" skipped="0" timestamp="2026-11-21T09:30:00">
        <properties><property name="source" value="simulated"/></properties>
        <testcase name="ticket-0" classname="qwen" time="0.480"/>
        <testcase name="ticket-1" classname="qwen" time="0.517">
          <failure type="rejected by exact" message="exact: differs from the expected text">
    prompt: Which queue does ticket 1 belong to?
    expected: billing
    answer: shipping
          </failure>
        </testcase>
        <testcase name="ticket-2" classname="qwen" time="0.554">
          <failure type="rejected by exact" message="exact: differs from the expected text">
    prompt: Which queue does ticket 2 belong to?
    expected: billing
    answer: shipping
          </failure>
        </testcase>
        <testcase name="ticket-3" classname="qwen" time="0.591"/>
      </testsuite>
    </testsuites>
    "#);
}

#[test]
fn a_run_with_nothing_in_it_has_reports_too() {
    let mut summary = summary();
    summary.models.clear();
    summary.comparisons.clear();
    summary.gates.clear();
    summary.verdicts.clear();
    summary.datasets.clear();
    (summary.planned, summary.finished) = (0, 0);
    let none = List(Vec::new());
    for format in [Format::Html, Format::Markdown, Format::Json, Format::Jsonl, Format::Csv, Format::Junit] {
        let shown = written(format, &summary, &none);
        assert!(!shown.contains("NaN") && !shown.contains("inf"), "{format:?}: {shown}");
    }
    let shown = table(&summary, &none, Style { color: false, unicode: true, width: 80 });
    insta::assert_snapshot!(shown, @r#"
    no verdict – there is neither an incumbent nor a gate to decide by

    note: qwen has no known price: its cost is left out
    spent $4.31 of $5.00 · 0 samples · 41.0s · seed 7 · run r7k2m9
    report: orch eval --resume r7k2m9 --report report.html

    no verdict – there is neither an incumbent nor a gate to decide by
    "#);
}

/// What each hostile text tries.
const HOSTILE: [&str; 9] = [
    "\x1b[2J\x1b[31mred",
    "\x1b]52;c;aGk=\x07",
    "abc\u{202e}fdp.exe",
    "=cmd|'/c calc'!A0",
    "</script><script>alert(1)</script>",
    "]]></failure><x/>",
    "nul\0 and \u{9b}31m",
    "| a | ```` <img src=x> https://evil.example www.evil.example @everyone #1",
    "\" onmouseover=\"alert(1)",
];

/// A run whose every name and text is hostile.
fn hostile() -> (Summary, List) {
    let text = HOSTILE.join("\n");
    let mut summary = summary();
    summary.run.clone_from(&text);
    summary.notes = vec![text.clone()];
    summary.datasets[0].path.clone_from(&text);
    for model in &mut summary.models {
        model.model.push_str(&text);
        model.served = vec![text.clone()];
        model.errors = [(text.clone(), 1)].into();
        model.scorers = vec![(text.clone(), share(1, 2, 0.1)), ("other".to_owned(), share(1, 2, 0.1))];
    }
    for comparison in &mut summary.comparisons {
        comparison.candidate.push_str(&text);
    }
    for verdict in &mut summary.verdicts {
        verdict.candidate.push_str(&text);
        verdict.sentence.push_str(&text);
    }
    for gate in &mut summary.gates {
        gate.model.push_str(&text);
        gate.expr.clone_from(&text);
        gate.shown.clone_from(&text);
    }
    let rows = HOSTILE.iter().zip(0..).map(|(text, item)| {
        let status = if item % 2 == 0 { SampleStatus::Rejected } else { SampleStatus::Error };
        let mut row = sample(item, u32::try_from(item % 3).unwrap(), status, text);
        for field in [&mut row.run, &mut row.id, &mut row.prompt] {
            (*text).clone_into(field);
        }
        for field in
            [&mut row.expected, &mut row.tool_calls, &mut row.finish, &mut row.failure, &mut row.invalid]
        {
            *field = Some((*text).to_owned());
        }
        row.facts.failure_class = Some((*text).to_owned());
        row.facts.cluster = Some((*text).to_owned());
        for score in &mut row.scores {
            (*text).clone_into(&mut score.scorer);
            (*text).clone_into(&mut score.reason);
        }
        row
    });
    let list = List(rows.collect());
    (summary, list)
}

/// Whether a character may not be seen raw by a terminal.
fn is_live(c: char) -> bool {
    (c.is_control() && c != '\n' && c != '\t')
        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200b}'..='\u{200f}')
}

fn without_colour(text: &str) -> String {
    ["\x1b[0m", "\x1b[1m", "\x1b[2m", "\x1b[1;31m", "\x1b[1;32m", "\x1b[1;33m"]
        .iter()
        .fold(text.to_owned(), |text, code| text.replace(code, ""))
}

#[test]
fn hostile_text_is_harmless_on_a_terminal() {
    let (summary, samples) = hostile();
    let shown = table(&summary, &samples, Style { color: true, unicode: true, width: 100 });
    assert!(!without_colour(&shown).contains(is_live));
    assert!(shown.contains("␛[2J"), "what was hidden is shown");
}

#[test]
fn hostile_text_is_harmless_in_markdown() {
    let (summary, samples) = hostile();
    let shown = written(Format::Markdown, &summary, &samples);
    assert!(!shown.contains(is_live));
    let mut fence: Option<String> = None;
    for line in shown.lines() {
        let ticks = line.chars().take_while(|c| *c == '`').count();
        match &fence {
            Some(open) if line == open => fence = None,
            Some(_) => {}
            None if ticks >= 3 && line.ends_with("text") => fence = Some("`".repeat(ticks)),
            None => assert_inert(line),
        }
    }
    assert_eq!(fence, None, "every block is closed");
}

/// Outside of blocks, hostile markup stands in a code span or is escaped.
fn assert_inert(line: &str) {
    let outside = outside_code(line);
    for live in ["<img", "<script", "https://", "www.evil", "@everyone", "#1"] {
        assert!(!outside.contains(live), "{live} is live in {line}");
    }
}

/// The line without its code spans.
fn outside_code(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some(at) = rest.find('`') {
        let ticks = rest[at..].chars().take_while(|c| *c == '`').count();
        let fence = "`".repeat(ticks);
        let body = &rest[at + ticks..];
        if rest[..at].ends_with('\\') {
            out.push_str(&rest[..=at]);
            rest = &rest[at + 1..];
            continue;
        }
        let runs = body
            .match_indices(&fence)
            .find(|(i, _)| !body[..*i].ends_with('`') && !body[i + ticks..].starts_with('`'));
        let (end, _) = runs.expect("a code span is closed");
        out.push_str(&rest[..at]);
        rest = &body[end + ticks..];
    }
    out + rest
}

#[test]
fn hostile_text_is_data_in_json_and_jsonl() {
    let (summary, samples) = hostile();
    let json: serde_json::Value = serde_json::from_str(&written(Format::Json, &summary, &samples)).unwrap();
    assert_eq!(json["run"], summary.run);
    let lines = written(Format::Jsonl, &summary, &samples);
    for (line, row) in lines.lines().zip(&samples.0) {
        assert!(!line.contains(|c: char| c < ' '), "controls are escaped");
        let sample: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(sample["answer"], row.answer, "texts are exactly as recorded");
    }
}

#[test]
fn hostile_text_is_no_formula_in_csv() {
    let (summary, samples) = hostile();
    let shown = written(Format::Csv, &summary, &samples);
    let mut reader = ::csv::Reader::from_reader(shown.as_bytes());
    let mut rows = 0;
    for record in reader.records() {
        rows += 1;
        for cell in &record.unwrap() {
            assert!(!cell.starts_with(['=', '+', '@', '\t', '\r']), "{cell:?}");
            assert!(!cell.contains(['\0', '\x1b']), "{cell:?}");
        }
    }
    assert_eq!(rows, samples.0.len());
}

#[test]
fn hostile_text_stays_in_its_place_in_junit() {
    let (summary, samples) = hostile();
    let shown = written(Format::Junit, &summary, &samples);
    assert!(!shown.contains(|c: char| c.is_control() && c != '\n'));
    assert!(!shown.contains("]]>") && !shown.contains("<script") && !shown.contains("<x/>"));
    let mut open: Vec<&str> = Vec::new();
    for tag in shown.split('<').skip(1) {
        let tag = tag.split('>').next().unwrap();
        match tag.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name), "elements nest"),
            None if tag.ends_with(['/', '?']) => {}
            None => open.push(tag.split([' ', '\n']).next().unwrap()),
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

#[test]
fn hostile_text_is_text_on_the_page() {
    let (summary, samples) = hostile();
    let page = written(Format::Html, &summary, &samples);
    assert!(!page.contains(is_live));
    assert_eq!(page.matches("<script").count(), 1, "only our own script");
    assert_eq!(page.matches("</script>").count(), 1);
    assert!(!page.contains("<img") && !page.contains("\" onmouseover"));
}

#[test]
fn the_page_asks_for_nothing_and_runs_only_its_own_script() {
    use base64::Engine as _;
    use sha2::Digest as _;
    let page = written(Format::Html, &summary(), &samples());
    for outside in ["http:", "https:", "//", "url(", "@import", "srcset", "<iframe"] {
        let without_comments = page.replace("  // Rows", "");
        assert!(!without_comments.contains(outside), "{outside}");
    }
    assert!(!page.contains("style=\""), "the policy forbids inline style attributes");
    for (open, close) in [("<style>", "</style>"), ("<script>", "</script>")] {
        let body = page.split(open).nth(1).unwrap().split(close).next().unwrap();
        let hash = base64::engine::general_purpose::STANDARD.encode(sha2::Sha256::digest(body.as_bytes()));
        assert!(page.contains(&format!("sha256-{hash}").replace('/', "&#x2f;")) || page.contains(&hash));
    }
}

#[test]
fn the_page_shows_failures_up_to_a_bound_and_says_how_many_are_left_out() {
    let rows = (0..500).map(|item| sample(item, 0, SampleStatus::Rejected, "wrong"));
    let page = written(Format::Html, &summary(), &List(rows.collect()));
    assert_eq!(page.matches("<details class=\"failure\"").count(), 66);
    assert!(page.contains("434 more are not on this page"));
}

#[test]
fn a_reader_that_goes_away_ends_the_report() {
    struct Gone;
    impl Write for Gone {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    for format in [Format::Html, Format::Markdown, Format::Json, Format::Jsonl, Format::Csv, Format::Junit] {
        let error = write(format, &summary(), &samples(), &mut Gone).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe, "{format:?}");
    }
}
