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
     FROM samples WHERE run = ?1 AND (item, candidate, repeat) > (?2, ?3, ?4) ORDER BY item, candidate, repeat";

/// Before the first sample.
pub(super) const BEGINNING: (i64, i64, i64) = (-1, -1, -1);

/// Which samples of a run to show.
#[derive(Clone, Debug, Default)]
pub struct SampleFilter {
    /// Only this candidate's.
    pub candidate: Option<u32>,
    /// Only those with one of these; all when empty.
    pub statuses: Vec<SampleStatus>,
    /// Only those after this one, in the order of reading: where an earlier reading ended.
    pub after: Option<SampleKey>,
    /// At most so many.
    pub limit: Option<u64>,
}

impl SampleFilter {
    fn admits(&self, facts: &SampleFacts) -> bool {
        self.candidate.is_none_or(|candidate| candidate == facts.key.candidate)
            && (self.statuses.is_empty() || self.statuses.contains(&facts.status))
    }
}

/// What a scorer said of one sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScorerPass<'a> {
    /// The candidate.
    pub candidate: u32,
    /// The item.
    pub item: u64,
    /// What the item belongs to, when it belongs to something.
    pub cluster: Option<&'a str>,
    /// The scorer.
    pub scorer: &'a str,
    /// Whether it passed.
    pub passed: bool,
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
        let (item, candidate, repeat) = BEGINNING;
        self.each(FACTS, (run, item, candidate, repeat), |row| Ok(each(facts(row)?)))
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
        let (item, candidate, repeat) = filter.after.map_or(BEGINNING, |last| {
            (i64::try_from(last.item).unwrap_or(i64::MAX), last.candidate.into(), last.repeat.into())
        });
        self.each(FACTS, (run, item, candidate, repeat), |row| {
            let facts = facts(row)?;
            if !filter.admits(&facts) {
                return Ok(ControlFlow::Continue(()));
            }
            left -= 1;
            let flow = each(with_texts(&self.connection, run, facts, row.get(21)?)?);
            Ok(if left == 0 { ControlFlow::Break(()) } else { flow })
        })
    }

    /// What the scorers said of a run's samples; a sample's scores in the order of its scorers.
    pub fn scorer_passes(&self, run: &str, mut each: impl FnMut(ScorerPass<'_>)) -> Result<(), LedgerError> {
        let sql = "SELECT samples.candidate, samples.item, samples.cluster, scores.scorer, scores.passed
                   FROM samples CROSS JOIN scores ON scores.sample = samples.seq WHERE samples.run = ?1";
        self.each(sql, [run], |row| {
            each(ScorerPass {
                candidate: row.get(0)?,
                item: row.get::<_, i64>(1)?.unsigned_abs(),
                cluster: row.get_ref(2)?.as_str_or_null()?,
                scorer: row.get_ref(3)?.as_str()?,
                passed: row.get(4)?,
            });
            Ok(ControlFlow::Continue(()))
        })
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
        "SELECT id, prompt, expected, answer, tool_calls, finish, failure, invalid, is_own_id
         FROM sample_text WHERE seq = ?1",
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
            is_own_id: row.get(8)?,
            scores,
        })
    })
}

fn duration(micros: i64) -> Duration {
    Duration::from_micros(micros.unsigned_abs())
}
