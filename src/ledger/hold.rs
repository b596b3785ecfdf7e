//! Money set aside, in tables. Everything here happens inside the caller's transaction.

use rusqlite::{Connection, Row, params};

use super::line::{AttemptLine, CostLine, FailureLine, HoldLine, RequestLine, Tokens};
use super::rollup::Batch;
use super::store::store_request;
use crate::base::money::Money;
use crate::model::FailureClass;
use crate::model::outcome::Cost;

/// What is said of a call whose process died. It is the whole explanation of money that nobody may have billed.
const WHY: &str = "ended while the call was under way; it may have been billed, so its bound counts";
/// The same between two calls, or after the last one.
const WHY_SETTLED: &str = "ended before the request did; what its calls cost counts";
/// The failure code that tells requests made of holds from those that were cancelled and recorded.
const ORPHANED: &str = "orphaned";

/// Sets money aside for a request, or changes what is set aside. A request that is over holds nothing any more, and
/// one that was not sent and has paid for nothing leaves nothing to settle.
pub(super) fn store_hold(transaction: &Connection, hold: &HoldLine<'_>) -> rusqlite::Result<()> {
    if hold.spent_nanos == 0 && hold.held_nanos == 0 {
        return release_hold(transaction, &hold.request);
    }
    transaction
        .prepare_cached(
            "INSERT INTO holds
             SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12
             WHERE NOT EXISTS (SELECT 1 FROM requests WHERE id = ?1)
             ON CONFLICT (request) DO UPDATE SET (attempt, provider, model, spent_nanos, held_nanos, began_ms,
               owner) = (?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        )?
        .execute(params![
            hold.request,
            hold.account,
            hold.run,
            hold.origin,
            hold.class,
            hold.attempt,
            hold.provider,
            hold.model,
            hold.spent_nanos,
            hold.held_nanos,
            hold.began_ms,
            hold.owner,
        ])?;
    Ok(())
}

/// Holds nothing for a request any more.
pub(super) fn release_hold(transaction: &Connection, request: &str) -> rusqlite::Result<()> {
    transaction.prepare_cached("DELETE FROM holds WHERE request = ?1")?.execute([request])?;
    Ok(())
}

/// Turns every hold of an account into a request that was cancelled and cost what was set aside.
pub(super) fn settle_orphans(transaction: &Connection, account: &str) -> rusqlite::Result<()> {
    let mut select = transaction.prepare_cached(
        "SELECT request, run, origin, class, attempt, provider, model, spent_nanos, held_nanos, began_ms, owner
         FROM holds WHERE account = ?1 ORDER BY began_ms, request",
    )?;
    let orphans = select.query_map([account], request)?;
    let orphans = orphans.collect::<rusqlite::Result<Vec<_>>>()?;
    let mut batch = Batch::default();
    for orphan in &orphans {
        store_request(transaction, orphan, &mut batch)?;
    }
    batch.store(transaction)
}

/// The request of a hold that nobody will settle. Nobody knows how long it took; it counts when it began.
fn request(row: &Row<'_>) -> rusqlite::Result<RequestLine<'static>> {
    let text = |column| row.get::<_, String>(column).map(Into::into);
    let (spent, held, began_ms) = (row.get::<_, i64>(7)?, row.get::<_, i64>(8)?, row.get::<_, i64>(9)?);
    let owner: u32 = row.get(10)?;
    // Its number finds it in the logs of whatever ran it.
    let why = format!("process {owner} {}", if held > 0 { WHY } else { WHY_SETTLED });
    let charged = spent.saturating_add(held);
    let cost = || CostLine::from(Cost::Estimated(Money::from_nanos(charged)));
    let class = FailureClass::Cancelled.name();
    let attempt: u32 = row.get(4)?;
    let earlier = if attempt > 1 && held > 0 {
        format!("; {} attempts went before", attempt - 1)
    } else {
        String::new()
    };
    let attempt = AttemptLine {
        began_ms,
        provider: text(5)?,
        model: text(6)?,
        served_model: None,
        failure: Some(FailureLine {
            class: class.into(),
            status: None,
            code: Some(ORPHANED.into()),
            message: "its process ended before the answer was recorded".into(),
            retry_after_ms: None,
        }),
        tokens: Tokens::default(),
        price_snapshot: None,
        cost: cost(),
        connect_us: None,
        head_us: None,
        first_token_us: None,
        total_us: 0,
        why: format!("{why}{earlier}").into(),
    };
    Ok(RequestLine {
        id: text(0)?,
        run: row.get::<_, Option<String>>(1)?.map(Into::into),
        origin: text(2)?,
        class: row.get::<_, Option<String>>(3)?.map(Into::into),
        began_ms,
        took_us: 0,
        failure: Some(class.into()),
        why: why.into(),
        cost: cost(),
        charged_nanos: Some(charged),
        attempts: vec![attempt],
    })
}
