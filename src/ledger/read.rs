//! Questions to the ledger, on a connection that cannot write.
//!
//! What may be long is handed over row by row, so that memory does not grow with the ledger; the callback
//! stops the reading with [`ControlFlow::Break`].

mod samples;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rusqlite::{Connection, Params, Row};

use super::rollup::{COLUMNS, Resolution, RollupRow, Totals};
use super::row::{RunRow, RunStatus, run_account};
use super::{LedgerError, schema};
use crate::base::money::Money;

pub use samples::{SampleFilter, ScorerPass};

const SPENT: &str =
    "SELECT coalesce(sum(known_nanos), 0), coalesce(sum(unknown_costs), 0) FROM requests WHERE run = ?1";

/// Nobody is paid for simulated and recorded answers. No configuration can give their providers' names to others.
const PAID: &str = "SELECT coalesce(sum(known_nanos), 0), coalesce(sum(unknown_costs), 0) FROM requests
     WHERE run = ?1 AND coalesce(provider, '') NOT IN ('sim', 'replay')";

const CHARGED: &str = "SELECT coalesce(sum(charged_nanos), 0), coalesce(sum(charged_nanos IS NULL), 0),
       coalesce(sum(charged_nanos) FILTER (WHERE orphaned), 0), coalesce(sum(orphaned), 0)
     FROM (SELECT charged_nanos, status = 'cancelled' AND EXISTS (
         SELECT 1 FROM attempts WHERE request = seq AND n = 1 AND failure = 'cancelled' AND code = 'orphaned'
       ) AS orphaned FROM requests WHERE run = ?1)";

const HELD: &str =
    "SELECT coalesce(sum(spent_nanos + held_nanos), 0), count(*) FROM holds WHERE account = ?1";

/// How many runs an ambiguous prefix names.
const CANDIDATES: u32 = 5;

/// An open ledger to read from. It sees what was committed when each question begins.
#[derive(Debug)]
pub struct Reader {
    connection: Connection,
    path: PathBuf,
}

/// What a run has spent, judges and unfinished samples included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// The sum of what is known or estimated.
    pub known: Money,
    /// Attempts whose cost is unknown; the true sum is higher when there are any.
    pub unknown_count: u64,
}

/// What counts against a cap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Charged {
    /// Of requests that are over, those of unknown cost at their bound.
    pub settled: Money,
    /// Of requests that are under way, or whose process died.
    pub held: Money,
    /// How many of those there are.
    pub holds: u64,
    /// The part of what is settled that was still set aside when its process ended: of each such request, what
    /// its calls are charged, and the bound of the one that was under way. A request that was cancelled and
    /// recorded, such as one whose pause before another attempt was cut short, is no part of it.
    pub abandoned: Money,
    /// How many requests that was.
    pub abandoned_count: u64,
    /// Requests of which even the bound is unknown; the true sum is higher when there are any.
    pub unknown_count: u64,
}

impl Charged {
    /// What counts in all.
    pub fn total(&self) -> Money {
        self.settled + self.held
    }
}

/// A stretch of time to sum over.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// From the bucket that holds this moment.
    pub since: Timestamp,
    /// To the bucket before the one that begins at or after this moment.
    pub until: Timestamp,
    /// The length of the buckets.
    pub resolution: Resolution,
}

impl Reader {
    /// Opens a ledger for reading.
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        Ok(Self { connection: schema::open_read_only(path)?, path: path.to_path_buf() })
    }

    /// A number that changes when another connection has committed something.
    pub fn data_version(&self) -> Result<u64, LedgerError> {
        let version = self.connection.query_row("PRAGMA data_version", [], |row| row.get::<_, i64>(0));
        version.map(i64::unsigned_abs).map_err(|error| self.failed(&error))
    }

    /// The newest runs, the last begun first.
    pub fn runs(&self, limit: u32) -> Result<Vec<RunRow>, LedgerError> {
        self.select_runs("ORDER BY started_ms DESC, rowid DESC LIMIT ?1", [limit])
    }

    /// The run of an identifier, of the beginning of one, or the `last` one begun; `None` when there is none.
    pub fn run(&self, name: &str) -> Result<Option<RunRow>, LedgerError> {
        if name == "last" {
            return Ok(self.runs(1)?.pop());
        }
        if let Some(run) = self.select_runs("WHERE id = ?1", [name])?.pop() {
            return Ok(Some(run));
        }
        let order =
            "WHERE ?1 <> '' AND substr(id, 1, length(?1)) = ?1 ORDER BY started_ms DESC, rowid DESC LIMIT ?2";
        let mut runs = self.select_runs(order, (name, CANDIDATES))?;
        if runs.len() > 1 {
            let candidates = runs.into_iter().map(|run| run.id).collect();
            return Err(LedgerError::Ambiguous { prefix: name.to_owned(), candidates });
        }
        Ok(runs.pop())
    }

    /// What a run has spent so far.
    pub fn spent(&self, run: &str) -> Result<Spent, LedgerError> {
        self.sum(SPENT, run)
    }

    /// The part of it that providers are paid: the prices of simulated and recorded answers are left out.
    pub fn paid(&self, run: &str) -> Result<Spent, LedgerError> {
        self.sum(PAID, run)
    }

    fn sum(&self, sql: &str, run: &str) -> Result<Spent, LedgerError> {
        let spent = self.connection.query_row(sql, [run], |row| {
            let unknown_count = row.get::<_, i64>(1)?.unsigned_abs();
            Ok(Spent { known: Money::from_nanos(row.get(0)?), unknown_count })
        });
        spent.map_err(|error| self.failed(&error))
    }

    /// What counts against a run's cap so far.
    pub fn charged(&self, run: &str) -> Result<Charged, LedgerError> {
        let read = || -> rusqlite::Result<Charged> {
            // One look, or a request that ends in between is counted twice or not at all.
            let look = self.connection.unchecked_transaction()?;
            let charged = look.query_row(CHARGED, [run], |row| {
                Ok(Charged {
                    settled: Money::from_nanos(row.get(0)?),
                    unknown_count: row.get::<_, i64>(1)?.unsigned_abs(),
                    abandoned: Money::from_nanos(row.get(2)?),
                    abandoned_count: row.get::<_, i64>(3)?.unsigned_abs(),
                    ..Charged::default()
                })
            })?;
            look.query_row(HELD, [run_account(run)], |row| {
                let holds = row.get::<_, i64>(1)?.unsigned_abs();
                Ok(Charged { held: Money::from_nanos(row.get(0)?), holds, ..charged })
            })
        };
        read().map_err(|error| self.failed(&error))
    }

    /// The models that the providers say answered, by candidate and name.
    pub fn served(&self, run: &str) -> Result<Vec<(u32, String)>, LedgerError> {
        let mut served = Vec::new();
        let sql = "SELECT candidate, model FROM served WHERE run = ?1 ORDER BY candidate, model";
        self.each(sql, [run], |row| {
            served.push((row.get(0)?, row.get(1)?));
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(served)
    }

    /// The rollups of a window, one row for each bucket, provider, model, origin and class, in that order.
    pub fn rollups(
        &self,
        window: &Window,
        mut each: impl FnMut(RollupRow) -> ControlFlow<()>,
    ) -> Result<(), LedgerError> {
        let table = window.resolution.table();
        let sql = format!(
            "SELECT bucket_ms, provider, model, origin, class, {COLUMNS} FROM {table}
             WHERE bucket_ms >= ?1 AND bucket_ms < ?2 ORDER BY bucket_ms, provider, model, origin, class"
        );
        let since = window.resolution.start(window.since.as_millisecond());
        self.each(&sql, (since, window.until.as_millisecond()), |row| {
            Ok(each(RollupRow {
                bucket: time(row, 0)?,
                provider: row.get(1)?,
                model: row.get(2)?,
                origin: row.get(3)?,
                class: row.get(4)?,
                totals: Totals::of_row(row, 5)?,
            }))
        })
    }

    /// The rollups of a window merged over time: one row for each provider, model, origin and class, in that
    /// order, with the first bucket it appears in.
    pub fn totals(&self, window: &Window) -> Result<Vec<RollupRow>, LedgerError> {
        let mut merged: Vec<RollupRow> = Vec::new();
        self.rollups(window, |row| {
            let key = |row: &RollupRow| {
                (row.provider.clone(), row.model.clone(), row.origin.clone(), row.class.clone())
            };
            match merged.binary_search_by_key(&key(&row), key) {
                Ok(found) => merged[found].totals.merge(&row.totals),
                Err(place) => merged.insert(place, row),
            }
            ControlFlow::Continue(())
        })?;
        Ok(merged)
    }

    fn select_runs(&self, clauses: &str, parameters: impl Params) -> Result<Vec<RunRow>, LedgerError> {
        let mut runs = Vec::new();
        let sql = format!(
            "SELECT id, started_ms, ended_ms, status, dataset_sha256, seed, version, manifest FROM runs {clauses}"
        );
        self.each(&sql, parameters, |row| {
            runs.push(RunRow {
                id: row.get(0)?,
                started: time(row, 1)?,
                ended: row.get::<_, Option<i64>>(2)?.map(|_| time(row, 2)).transpose()?,
                status: named(row, 3, RunStatus::from_name)?,
                dataset_sha256: row.get(4)?,
                seed: row.get::<_, i64>(5)?.cast_unsigned(),
                version: row.get(6)?,
                manifest: row.get(7)?,
            });
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(runs)
    }

    /// Every row of a query, until the callback breaks.
    fn each(
        &self,
        sql: &str,
        parameters: impl Params,
        mut each: impl FnMut(&Row<'_>) -> rusqlite::Result<ControlFlow<()>>,
    ) -> Result<(), LedgerError> {
        let walk = || -> rusqlite::Result<()> {
            let mut statement = self.connection.prepare_cached(sql)?;
            let mut rows = statement.query(parameters)?;
            while let Some(row) = rows.next()? {
                if each(row)?.is_break() {
                    break;
                }
            }
            Ok(())
        };
        walk().map_err(|error| self.failed(&error))
    }

    fn failed(&self, error: &rusqlite::Error) -> LedgerError {
        LedgerError::sqlite(&self.path, error)
    }
}

/// A column of milliseconds as a moment.
fn time(row: &Row<'_>, column: usize) -> rusqlite::Result<Timestamp> {
    let millis = row.get(column)?;
    Timestamp::from_millisecond(millis).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, millis))
}

/// A column of names as the value a name stands for.
fn named<T>(row: &Row<'_>, column: usize, of: impl FnOnce(&str) -> Option<T>) -> rusqlite::Result<T> {
    let name = row.get_ref(column)?.as_str()?;
    of(name).ok_or_else(|| {
        let cause = format!("{name:?} is no name this version knows");
        rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, cause.into())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Ledger;

    #[test]
    fn a_run_is_read_through_an_index_without_sorting() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ledger.db");
        let _ledger = Ledger::open(&path).unwrap();
        let connection = Reader::open(&path).unwrap().connection;
        let explained = |sql: &str, parameters: &[&dyn rusqlite::ToSql]| -> String {
            let explain = format!("EXPLAIN QUERY PLAN {sql}");
            connection.query_row(&explain, parameters, |row| row.get(3)).unwrap()
        };
        let plan = |sql: &str| explained(sql, &[&"run"]);
        assert_eq!(
            explained(samples::FACTS, &[&"run", &7, &0, &0]),
            "SEARCH samples USING PRIMARY KEY (run=? AND (item,candidate,repeat)>(?,?,?))",
            "what comes before is not read"
        );
        assert_eq!(plan(SPENT), "SEARCH requests USING INDEX requests_run (run=?)");
        assert_eq!(plan(PAID), "SEARCH requests USING INDEX requests_run (run=?)");
        assert_eq!(plan(CHARGED), "SEARCH requests USING INDEX requests_run (run=?)");
        assert_eq!(plan(HELD), "SEARCH holds USING INDEX holds_account (account=?)");
    }
}
