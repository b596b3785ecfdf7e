//! Sums over minutes, hours and days, kept in the transaction of the rows they sum.
//!
//! A batch is summed in memory first, then added to what is stored: read, add and write happen inside one
//! immediate transaction, so that several processes may add to the same minute.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::types::{FromSqlError, Type};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::line::{AttemptLine, RequestLine, Tokens, plus, tokens, usage};
use crate::base::money::Money;
use crate::base::sketch::Sketch;
use crate::model::TokenUsage;

/// How long the buckets of a rollup are. Buckets begin at whole multiples since 1970 in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Resolution {
    /// 60 seconds.
    Minute,
    /// 60 minutes.
    Hour,
    /// 24 hours.
    Day,
}

impl Resolution {
    /// All, from the shortest.
    pub const ALL: [Self; 3] = [Self::Minute, Self::Hour, Self::Day];

    /// The length of a bucket.
    pub const fn span(self) -> Duration {
        Duration::from_millis(self.millis().unsigned_abs())
    }

    const fn millis(self) -> i64 {
        match self {
            Self::Minute => 60_000,
            Self::Hour => 3_600_000,
            Self::Day => 86_400_000,
        }
    }

    /// The table's name.
    pub(super) const fn table(self) -> &'static str {
        match self {
            Self::Minute => "rollup_1m",
            Self::Hour => "rollup_1h",
            Self::Day => "rollup_1d",
        }
    }

    /// The start of the bucket that holds a moment, in milliseconds.
    pub(super) const fn start(self, moment_ms: i64) -> i64 {
        moment_ms - moment_ms.rem_euclid(self.millis())
    }
}

/// What happened to one target in one bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RollupRow {
    /// When the bucket begins.
    pub bucket: Timestamp,
    /// The provider; empty when nothing was sent.
    pub provider: String,
    /// The model as the provider calls it; empty when nothing was sent.
    pub model: String,
    /// Which command asked.
    pub origin: String,
    /// The class of the requests; empty when they had none.
    pub class: String,
    /// The sums.
    pub totals: Totals,
}

/// Sums of requests and attempts. A request counts where and when its last attempt ended; an attempt counts
/// where it went, when it ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Requests ended.
    pub requests: u64,
    /// Requests that ended in a failure.
    pub failed: u64,
    /// Attempts ended.
    pub attempts: u64,
    /// Attempts that were not their request's first.
    pub retries: u64,
    /// Failed attempts by class, and requests that failed before any attempt.
    pub failures: BTreeMap<String, u64>,
    /// Tokens; a kind that no attempt reported is absent.
    pub usage: TokenUsage,
    /// What is known to be spent.
    pub cost: Money,
    /// Attempts whose cost is unknown.
    pub unknown_costs: u64,
    /// From send to last byte, attempts that did not fail.
    pub latency: Sketch,
    /// From send to first content, attempts that did not fail.
    pub first_token: Sketch,
}

impl Totals {
    /// Adds other sums to these.
    pub fn merge(&mut self, other: &Self) {
        self.requests += other.requests;
        self.failed += other.failed;
        self.attempts += other.attempts;
        self.retries += other.retries;
        for (class, count) in &other.failures {
            self.add_failures(class, *count);
        }
        self.usage = usage(plus(tokens(self.usage), tokens(other.usage)));
        self.cost += other.cost;
        self.unknown_costs += other.unknown_costs;
        self.latency.merge(&other.latency);
        self.first_token.merge(&other.first_token);
    }

    fn add_failures(&mut self, class: &str, count: u64) {
        match self.failures.get_mut(class) {
            Some(sum) => *sum += count,
            None => drop(self.failures.insert(class.to_owned(), count)),
        }
    }

    fn add_request(&mut self, request: &RequestLine<'_>) {
        self.requests += 1;
        if let Some(class) = &request.failure {
            self.failed += 1;
            if request.attempts.is_empty() {
                self.add_failures(class, 1);
            }
        }
    }

    fn add_attempt(&mut self, attempt: &AttemptLine<'_>) {
        self.attempts += 1;
        self.usage = usage(plus(tokens(self.usage), attempt.tokens));
        match attempt.cost.nanos {
            Some(nanos) => self.cost += Money::from_nanos(nanos),
            None => self.unknown_costs += 1,
        }
        if let Some(failure) = &attempt.failure {
            self.add_failures(&failure.class, 1);
            return;
        }
        self.latency.record(duration(attempt.total_us));
        if let Some(first_token) = attempt.first_token_us {
            self.first_token.record(duration(first_token));
        }
    }

    /// The sums of a row whose columns from `first` on are those of [`COLUMNS`].
    pub(super) fn of_row(row: &Row<'_>, first: usize) -> rusqlite::Result<Self> {
        let count =
            |column: usize| Ok::<_, rusqlite::Error>(row.get::<_, i64>(first + column)?.unsigned_abs());
        let tokens: Tokens = [
            row.get(first + 5)?,
            row.get(first + 6)?,
            row.get(first + 7)?,
            row.get(first + 8)?,
            row.get(first + 9)?,
        ];
        Ok(Self {
            requests: count(0)?,
            failed: count(1)?,
            attempts: count(2)?,
            retries: count(3)?,
            failures: parsed(row, first + 4, Type::Text, |text| serde_json::from_slice(text))?,
            usage: usage(tokens),
            cost: Money::from_nanos(row.get(first + 10)?),
            unknown_costs: count(11)?,
            latency: parsed(row, first + 12, Type::Blob, Sketch::decode)?,
            first_token: parsed(row, first + 13, Type::Blob, Sketch::decode)?,
        })
    }
}

/// The columns of the sums, in the order of the tables.
pub(super) const COLUMNS: &str = "requests, failed, attempts, retries, failures, input_tokens, output_tokens, \
     cached_input_tokens, cache_write_tokens, reasoning_tokens, known_nanos, unknown_costs, latency, first_token";

/// The start of the minute, provider, model, origin, class.
type Key<'a> = (i64, &'a str, &'a str, &'a str, &'a str);

/// What one transaction adds, by minute.
#[derive(Default)]
pub(super) struct Batch<'a> {
    minutes: BTreeMap<Key<'a>, Totals>,
}

impl<'a> Batch<'a> {
    /// Counts a request and its attempts.
    pub(super) fn add(&mut self, request: &'a RequestLine<'_>) {
        let class = request.class.as_deref().unwrap_or("");
        let last = request.attempts.last();
        let (provider, model) = last.map_or(("", ""), |last| (&last.provider, &last.model));
        let minute = minute_of_end(request.began_ms, request.took_us);
        let key = (minute, provider, model, &*request.origin, class);
        self.minutes.entry(key).or_default().add_request(request);
        for (n, attempt) in request.attempts.iter().enumerate() {
            let minute = minute_of_end(attempt.began_ms, attempt.total_us);
            let key = (minute, &*attempt.provider, &*attempt.model, &*request.origin, class);
            let totals = self.minutes.entry(key).or_default();
            totals.add_attempt(attempt);
            totals.retries += u64::from(n > 0);
        }
    }

    /// Adds the batch to the tables.
    pub(super) fn store(&self, transaction: &Connection) -> rusqlite::Result<()> {
        for resolution in Resolution::ALL {
            let mut buckets: BTreeMap<Key<'_>, Totals> = BTreeMap::new();
            for ((minute, provider, model, origin, class), totals) in &self.minutes {
                let key = (resolution.start(*minute), *provider, *model, *origin, *class);
                buckets.entry(key).or_default().merge(totals);
            }
            for (key, totals) in buckets {
                add_to_stored(transaction, resolution, key, totals)?;
            }
        }
        Ok(())
    }
}

fn add_to_stored(
    transaction: &Connection,
    resolution: Resolution,
    key: Key<'_>,
    mut totals: Totals,
) -> rusqlite::Result<()> {
    let table = resolution.table();
    let stored = transaction
        .prepare_cached(&format!(
            "SELECT {COLUMNS} FROM {table}
             WHERE bucket_ms = ?1 AND provider = ?2 AND model = ?3 AND origin = ?4 AND class = ?5"
        ))?
        .query_row(key, |row| Totals::of_row(row, 0))
        .optional()?;
    if let Some(stored) = stored {
        totals.merge(&stored);
    }
    let (bucket, provider, model, origin, class) = key;
    let [input, output, cached_input, cache_write, reasoning] = tokens(totals.usage);
    let failures = serde_json::to_string(&totals.failures)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    transaction
        .prepare_cached(&format!(
            "INSERT OR REPLACE INTO {table} VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, \
             ?15, ?16, ?17, ?18, ?19)"
        ))?
        .execute(params![
            bucket,
            provider,
            model,
            origin,
            class,
            signed(totals.requests),
            signed(totals.failed),
            signed(totals.attempts),
            signed(totals.retries),
            failures,
            input,
            output,
            cached_input,
            cache_write,
            reasoning,
            totals.cost.nanos(),
            signed(totals.unknown_costs),
            totals.latency.encode(),
            totals.first_token.encode(),
        ])?;
    Ok(())
}

/// A column's bytes as something else; what cannot be read is an error of that column.
fn parsed<T, E: std::error::Error + Send + Sync + 'static>(
    row: &Row<'_>,
    column: usize,
    kind: Type,
    parse: impl FnOnce(&[u8]) -> Result<T, E>,
) -> rusqlite::Result<T> {
    let value = row.get_ref(column)?;
    let bytes = value.as_bytes().map_err(|error: FromSqlError| {
        rusqlite::Error::FromSqlConversionFailure(column, kind, error.into())
    })?;
    parse(bytes).map_err(|error| rusqlite::Error::FromSqlConversionFailure(column, kind, error.into()))
}

fn minute_of_end(began_ms: i64, took_us: i64) -> i64 {
    Resolution::Minute.start(began_ms.saturating_add(took_us / 1_000))
}

fn duration(micros: i64) -> Duration {
    Duration::from_micros(micros.unsigned_abs())
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
