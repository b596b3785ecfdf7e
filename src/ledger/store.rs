//! Entries into tables. Everything here happens inside the caller's transaction.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension, params};

use super::hold::{release_hold, settle_orphans, store_hold};
use super::line::{AttemptLine, Line, RequestLine, RunLine, SampleLine};
use super::rollup::Batch;

/// Which model answered for a candidate of a run.
type Served<'a> = (&'a str, u32, &'a str);

/// Stores a batch with its share of the rollups. Storing an entry twice changes nothing more: a request that
/// is there already is left out, a sample or a run is written over.
pub(super) fn store(transaction: &Connection, lines: &[Line<'_>]) -> rusqlite::Result<()> {
    let mut batch = Batch::default();
    let mut served: BTreeSet<Served<'_>> = BTreeSet::new();
    for line in lines {
        match line {
            Line::Run(run) => store_run(transaction, run)?,
            Line::RunEnd { run, ended_ms, status } => {
                transaction
                    .prepare_cached("UPDATE runs SET ended_ms = ?2, status = ?3 WHERE id = ?1")?
                    .execute(params![run, ended_ms, status])?;
            }
            Line::Request(request) => store_request(transaction, request, &mut batch)?,
            Line::Sample(sample, requests) => {
                for request in requests {
                    store_request(transaction, request, &mut batch)?;
                }
                store_sample(transaction, sample, requests.first())?;
                let own = requests.first().into_iter().flat_map(|request| &request.attempts);
                let models = own.filter_map(|attempt| attempt.served_model.as_deref());
                served.extend(models.map(|model| (&*sample.run, sample.candidate, model)));
            }
            Line::Rescore(sample) => rescore(transaction, sample)?,
            Line::Hold(hold) => store_hold(transaction, hold)?,
            Line::Orphans { account } => settle_orphans(transaction, account)?,
        }
    }
    for one in served {
        transaction.prepare_cached("INSERT OR IGNORE INTO served VALUES (?1, ?2, ?3)")?.execute(one)?;
    }
    batch.store(transaction)
}

fn store_run(transaction: &Connection, run: &RunLine<'_>) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "INSERT INTO runs VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
             ON CONFLICT (id) DO UPDATE SET (started_ms, ended_ms, status, dataset_sha256, seed, version, manifest)
               = (?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            run.id,
            run.started_ms,
            run.ended_ms,
            run.status,
            run.dataset_sha256,
            run.seed,
            run.version,
            run.manifest,
        ])?;
    Ok(())
}

/// Stores a request and releases what was held for it.
pub(super) fn store_request<'a>(
    transaction: &Connection,
    request: &'a RequestLine<'_>,
    batch: &mut Batch<'a>,
) -> rusqlite::Result<()> {
    release_hold(transaction, &request.id)?;
    let last = request.attempts.last();
    let tokens = request.tokens();
    let known: i64 = request.attempts.iter().filter_map(|a| a.cost.nanos).fold(0, i64::saturating_add);
    let unknown: i64 = request.attempts.iter().map(|a| i64::from(a.cost.nanos.is_none())).sum();
    let attempts: i64 = request.attempts.iter().map(|_| 1).sum();
    let inserted = transaction
        .prepare_cached(
            "INSERT INTO requests (id, run, origin, class, began_ms, provider, model, served_model, status,
               attempts, cost_nanos, cost_source, known_nanos, unknown_costs, input_tokens, output_tokens,
               cached_input_tokens, cache_write_tokens, reasoning_tokens, head_us, first_token_us, total_us, why,
               charged_nanos)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20,
               ?21, ?22, ?23, ?24)
             ON CONFLICT (id) DO NOTHING",
        )?
        .execute(params![
            request.id,
            request.run,
            request.origin,
            request.class,
            request.began_ms,
            last.map(|last| &last.provider),
            last.map(|last| &last.model),
            last.and_then(|last| last.served_model.as_ref()),
            request.failure.as_deref().unwrap_or("ok"),
            attempts,
            request.cost.nanos,
            request.cost.source,
            known,
            unknown,
            tokens[0],
            tokens[1],
            tokens[2],
            tokens[3],
            tokens[4],
            last.and_then(|last| last.head_us),
            last.and_then(|last| last.first_token_us),
            request.took_us,
            request.why,
            request.charged_nanos,
        ])?;
    if inserted == 0 {
        return Ok(());
    }
    let seq = transaction.last_insert_rowid();
    for (n, attempt) in (1_i64..).zip(&request.attempts) {
        store_attempt(transaction, seq, n, attempt)?;
    }
    batch.add(request);
    Ok(())
}

fn store_attempt(
    transaction: &Connection,
    request: i64,
    n: i64,
    attempt: &AttemptLine<'_>,
) -> rusqlite::Result<()> {
    let failure = attempt.failure.as_ref();
    transaction
        .prepare_cached(
            "INSERT INTO attempts VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16,
               ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24)",
        )?
        .execute(params![
            request,
            n,
            attempt.began_ms,
            attempt.provider,
            attempt.model,
            attempt.served_model,
            failure.map(|failure| &failure.class),
            failure.and_then(|failure| failure.status),
            failure.and_then(|failure| failure.code.as_ref()),
            failure.map(|failure| &failure.message),
            failure.and_then(|failure| failure.retry_after_ms),
            attempt.tokens[0],
            attempt.tokens[1],
            attempt.tokens[2],
            attempt.tokens[3],
            attempt.tokens[4],
            attempt.price_snapshot,
            attempt.cost.nanos,
            attempt.cost.source,
            attempt.head_us,
            attempt.first_token_us,
            attempt.total_us,
            attempt.why,
            attempt.connect_us,
        ])?;
    Ok(())
}

fn store_sample(
    transaction: &Connection,
    sample: &SampleLine<'_>,
    own: Option<&RequestLine<'_>>,
) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "INSERT INTO sample_text (id, request, prompt, expected, answer, tool_calls, finish, failure, invalid,
               is_own_id)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )?
        .execute(params![
            sample.id,
            own.map(|request| &request.id),
            sample.prompt,
            sample.expected,
            sample.answer,
            sample.tool_calls,
            sample.finish,
            sample.failure,
            sample.invalid,
            sample.is_own_id,
        ])?;
    let seq = transaction.last_insert_rowid();
    if !insert_facts(transaction, sample, seq)? {
        let failed = failed(transaction, sample, own)?;
        forget(transaction, sample)?;
        insert_facts(transaction, sample, seq)?;
        if let Some(failed) = failed {
            failed.add_to(transaction, sample)?;
        }
    }
    store_scores(transaction, sample, seq)
}

/// What a sample cost that failed and is asked for again: an answer costs what all its calls cost.
struct Failed {
    attempts: i64,
    cost: [Option<i64>; 2],
}

/// The recorded sample of the same key, when it failed and is not this very one, as a spool may bring it again.
fn failed(
    transaction: &Connection,
    sample: &SampleLine<'_>,
    own: Option<&RequestLine<'_>>,
) -> rusqlite::Result<Option<Failed>> {
    transaction
        .prepare_cached(
            "SELECT attempts, cost_nanos, judge_cost_nanos FROM samples JOIN sample_text USING (seq)
             WHERE run = ?1 AND item = ?2 AND candidate = ?3 AND repeat = ?4 AND status = 'error'
               AND request IS NOT ?5",
        )?
        .query_row(
            params![sample.run, sample.item, sample.candidate, sample.repeat, own.map(|request| &request.id)],
            |row| Ok(Failed { attempts: row.get(0)?, cost: [row.get(1)?, row.get(2)?] }),
        )
        .optional()
}

impl Failed {
    /// A cost that is unknown makes the sum unknown; a source says how the answer's own calls are known.
    fn add_to(&self, transaction: &Connection, sample: &SampleLine<'_>) -> rusqlite::Result<()> {
        transaction
            .prepare_cached(
                "UPDATE samples SET attempts = attempts + ?5, cost_nanos = cost_nanos + ?6,
                   judge_cost_nanos = judge_cost_nanos + ?7,
                   cost_source = iif(?6 IS NULL, 'unknown', cost_source),
                   judge_cost_source = iif(?7 IS NULL, 'unknown', judge_cost_source)
                 WHERE run = ?1 AND item = ?2 AND candidate = ?3 AND repeat = ?4",
            )?
            .execute(params![
                sample.run,
                sample.item,
                sample.candidate,
                sample.repeat,
                self.attempts,
                self.cost[0],
                self.cost[1],
            ])?;
        Ok(())
    }
}

/// Whether the facts were inserted; they are not when the sample is there already.
fn insert_facts(transaction: &Connection, sample: &SampleLine<'_>, seq: i64) -> rusqlite::Result<bool> {
    let inserted = transaction
        .prepare_cached(
            "INSERT INTO samples VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16,
               ?17, ?18, ?19, ?20, ?21, ?22, ?23)
             ON CONFLICT DO NOTHING",
        )?
        .execute(params![
            sample.run,
            sample.item,
            sample.candidate,
            sample.repeat,
            seq,
            sample.status,
            sample.valid,
            sample.repaired,
            sample.failure_class,
            sample.attempts,
            sample.latency_us,
            sample.first_token_us,
            sample.tokens[0],
            sample.tokens[1],
            sample.tokens[2],
            sample.tokens[3],
            sample.tokens[4],
            sample.cost.nanos,
            sample.cost.source,
            sample.judge_cost.nanos,
            sample.judge_cost.source,
            sample.cluster,
            sample.overhead_ns,
        ])?;
    Ok(inserted > 0)
}

/// The place of a recorded sample's texts and scores.
fn place(transaction: &Connection, sample: &SampleLine<'_>) -> rusqlite::Result<Option<i64>> {
    transaction
        .prepare_cached(
            "SELECT seq FROM samples WHERE run = ?1 AND item = ?2 AND candidate = ?3 AND repeat = ?4",
        )?
        .query_row(params![sample.run, sample.item, sample.candidate, sample.repeat], |row| row.get(0))
        .optional()
}

/// Removes a recorded sample whole.
fn forget(transaction: &Connection, sample: &SampleLine<'_>) -> rusqlite::Result<()> {
    if let Some(seq) = place(transaction, sample)? {
        transaction.prepare_cached("DELETE FROM scores WHERE sample = ?1")?.execute([seq])?;
        transaction.prepare_cached("DELETE FROM sample_text WHERE seq = ?1")?.execute([seq])?;
        transaction
            .prepare_cached(
                "DELETE FROM samples WHERE run = ?1 AND item = ?2 AND candidate = ?3 AND repeat = ?4",
            )?
            .execute(params![sample.run, sample.item, sample.candidate, sample.repeat])?;
    }
    Ok(())
}

/// Replaces the scores of a recorded sample, and everything that judging it says: what it asked, answered and
/// cost stays.
fn rescore(transaction: &Connection, sample: &SampleLine<'_>) -> rusqlite::Result<()> {
    let Some(seq) = place(transaction, sample)? else { return Ok(()) };
    transaction
        .prepare_cached(
            "UPDATE samples SET status = ?5, judge_cost_nanos = ?6, judge_cost_source = ?7, valid = ?8,
               repaired = ?9, failure_class = ?10
             WHERE run = ?1 AND item = ?2 AND candidate = ?3 AND repeat = ?4",
        )?
        .execute(params![
            sample.run,
            sample.item,
            sample.candidate,
            sample.repeat,
            sample.status,
            sample.judge_cost.nanos,
            sample.judge_cost.source,
            sample.valid,
            sample.repaired,
            sample.failure_class,
        ])?;
    transaction
        .prepare_cached("UPDATE sample_text SET expected = ?2, failure = ?3, invalid = ?4 WHERE seq = ?1")?
        .execute(params![seq, sample.expected, sample.failure, sample.invalid])?;
    transaction.prepare_cached("DELETE FROM scores WHERE sample = ?1")?.execute([seq])?;
    store_scores(transaction, sample, seq)
}

fn store_scores(transaction: &Connection, sample: &SampleLine<'_>, seq: i64) -> rusqlite::Result<()> {
    let mut insert = transaction.prepare_cached("INSERT INTO scores VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?;
    for (place, score) in (0_i64..).zip(&sample.scores) {
        insert.execute(params![seq, place, score.scorer, score.passed, score.value, score.reason])?;
    }
    Ok(())
}
