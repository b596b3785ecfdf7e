//! Questions about the samples of a run.

use std::ops::ControlFlow;
use std::time::Duration;

use rusqlite::{Connection, Row};

use super::{Reader, named};
use crate::base::money::Money;
use crate::ledger::LedgerError;
use crate::ledger::line::{Tokens, usage};
use crate::ledger::row::{SampleFacts, SampleKey, SampleRow, SampleStatus, ScoreRow};
use crate::model::outcome::Cost;

/// In the order of the primary key, so that nothing needs sorting.
pub(super) const FACTS: &str =
    "SELECT item, candidate, repeat, status, valid, repaired, failure_class, attempts, latency_us,
       first_token_us, input_tokens, output_tokens, cached_input_tokens, cache_write_tokens, reasoning_tokens,
       cost_nanos, cost_source, judge_cost_nanos, judge_cost_source, cluster, overhead_ns, seq
     FROM samples WHERE run = ?1 ORDER BY item, candidate, repeat";

/// Which samples of a run to show.
#[derive(Clone, Debug, Default)]
pub struct SampleFilter {
    /// Only this candidate's.
    pub candidate: Option<u32>,
    /// Only those with one of these; all when empty.
    pub statuses: Vec<SampleStatus>,
    /// At most so many.
    pub limit: Option<u64>,
}

impl SampleFilter {
    fn admits(&self, facts: &SampleFacts) -> bool {
        self.candidate.is_none_or(|candidate| candidate == facts.key.candidate)
            && (self.statuses.is_empty() || self.statuses.contains(&facts.status))
    }
}

/// How often a scorer passed a candidate's samples.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScorerTotal {
    /// The candidate.
    pub candidate: u32,
    /// The scorer.
    pub scorer: String,
    /// Samples it passed.
    pub passed: u64,
    /// Samples it scored.
    pub of: u64,
}

impl Reader {
    /// The samples of a run that are recorded, whatever came of them: by item, candidate and repeat.
    pub fn finished(
        &self,
        run: &str,
        mut each: impl FnMut(SampleKey) -> ControlFlow<()>,
    ) -> Result<(), LedgerError> {
        let sql =
            "SELECT item, candidate, repeat FROM samples WHERE run = ?1 ORDER BY item, candidate, repeat";
        self.each(sql, [run], |row| Ok(each(key(row)?)))
    }

    /// The numbers of a run's samples, by item, candidate and repeat. A sample whose tokens were reported as
    /// nothing at all comes back without usage.
    pub fn facts(
        &self,
        run: &str,
        mut each: impl FnMut(SampleFacts) -> ControlFlow<()>,
    ) -> Result<(), LedgerError> {
        self.each(FACTS, [run], |row| Ok(each(facts(row)?)))
    }

    /// A run's samples with texts and scores, by item, candidate and repeat. A score that was not a finite
    /// number comes back as NaN.
    pub fn samples(
        &self,
        run: &str,
        filter: &SampleFilter,
        mut each: impl FnMut(SampleRow) -> ControlFlow<()>,
    ) -> Result<(), LedgerError> {
        let mut left = filter.limit.unwrap_or(u64::MAX);
        if left == 0 {
            return Ok(());
        }
        self.each(FACTS, [run], |row| {
            let facts = facts(row)?;
            if !filter.admits(&facts) {
                return Ok(ControlFlow::Continue(()));
            }
            left -= 1;
            let flow = each(with_texts(&self.connection, run, facts, row.get(21)?)?);
            Ok(if left == 0 { ControlFlow::Break(()) } else { flow })
        })
    }

    /// How often each scorer passed each candidate's samples: by candidate, then in the order of the scorers.
    pub fn scorer_totals(&self, run: &str) -> Result<Vec<ScorerTotal>, LedgerError> {
        let mut totals: Vec<ScorerTotal> = Vec::new();
        let sql = "SELECT samples.candidate, scores.scorer, scores.passed FROM samples
                   CROSS JOIN scores ON scores.sample = samples.seq WHERE samples.run = ?1";
        self.each(sql, [run], |row| {
            let (candidate, scorer) = (row.get(0)?, row.get_ref(1)?.as_str()?);
            let known = totals.iter().position(|t| t.candidate == candidate && t.scorer == scorer);
            let place = known.unwrap_or_else(|| {
                totals.push(ScorerTotal { candidate, scorer: scorer.to_owned(), passed: 0, of: 0 });
                totals.len() - 1
            });
            totals[place].of += 1;
            totals[place].passed += u64::from(row.get::<_, bool>(2)?);
            Ok(ControlFlow::Continue(()))
        })?;
        totals.sort_by_key(|total| total.candidate);
        Ok(totals)
    }
}

fn key(row: &Row<'_>) -> rusqlite::Result<SampleKey> {
    Ok(SampleKey { item: row.get::<_, i64>(0)?.unsigned_abs(), candidate: row.get(1)?, repeat: row.get(2)? })
}

fn facts(row: &Row<'_>) -> rusqlite::Result<SampleFacts> {
    let micros = |column| Ok::<_, rusqlite::Error>(row.get::<_, Option<i64>>(column)?.map(duration));
    let tokens: Tokens = [row.get(10)?, row.get(11)?, row.get(12)?, row.get(13)?, row.get(14)?];
    Ok(SampleFacts {
        key: key(row)?,
        status: named(row, 3, SampleStatus::from_name)?,
        valid: row.get(4)?,
        repaired: row.get(5)?,
        failure_class: row.get(6)?,
        attempts: row.get(7)?,
        latency: micros(8)?,
        first_token: micros(9)?,
        usage: tokens.iter().any(Option::is_some).then(|| usage(tokens)),
        cost: cost(row, 15)?,
        judge_cost: cost(row, 17)?,
        cluster: row.get(19)?,
        overhead: Duration::from_nanos(row.get::<_, i64>(20)?.unsigned_abs()),
    })
}

/// A cost from a column of nano-dollars and the next one, of its source.
fn cost(row: &Row<'_>, column: usize) -> rusqlite::Result<Cost> {
    let money = row.get::<_, Option<i64>>(column)?.map(Money::from_nanos);
    named(row, column + 1, |source| match (source, money) {
        ("billed", Some(money)) => Some(Cost::Billed(money)),
        ("computed", Some(money)) => Some(Cost::Computed(money)),
        ("estimated", Some(money)) => Some(Cost::Estimated(money)),
        ("unknown", None) => Some(Cost::Unknown),
        _ => None,
    })
}

fn with_texts(
    connection: &Connection,
    run: &str,
    facts: SampleFacts,
    seq: i64,
) -> rusqlite::Result<SampleRow> {
    let mut scores = connection.prepare_cached(
        "SELECT scorer, passed, value, reason FROM scores WHERE sample = ?1 ORDER BY place",
    )?;
    let scores = scores.query_map([seq], |row| {
        Ok(ScoreRow {
            scorer: row.get(0)?,
            passed: row.get(1)?,
            value: row.get::<_, Option<f64>>(2)?.unwrap_or(f64::NAN),
            reason: row.get(3)?,
        })
    })?;
    let scores = scores.collect::<rusqlite::Result<Vec<_>>>()?;
    let mut texts = connection.prepare_cached(
        "SELECT id, prompt, expected, answer, tool_calls, finish, failure, invalid FROM sample_text WHERE seq = ?1",
    )?;
    texts.query_row([seq], |row| {
        Ok(SampleRow {
            run: run.to_owned(),
            facts,
            id: row.get(0)?,
            prompt: row.get(1)?,
            expected: row.get(2)?,
            answer: row.get(3)?,
            tool_calls: row.get(4)?,
            finish: row.get(5)?,
            failure: row.get(6)?,
            invalid: row.get(7)?,
            scores,
        })
    })
}

fn duration(micros: i64) -> Duration {
    Duration::from_micros(micros.unsigned_abs())
}
