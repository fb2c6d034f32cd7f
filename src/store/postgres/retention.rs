//! What is over and old is forgotten.

use crate::domain::retention::Retention;
use crate::ports::journal::{JournalError, Pruned};
use crate::store::fault;
use crate::store::postgres::Write;
use crate::store::rows::millis;

/// At most so many events, and so many rotations, are forgotten in one transaction.
const BATCH: i64 = 200;

/// Forgets a batch of old events, then a batch of old rotations that nothing speaks of any more.
/// What another replica is forgetting at this moment is left to it.
pub(super) async fn prune(write: &mut Write, retention: Retention) -> Result<Pruned, JournalError> {
    let now = write.now().await?;
    let ended_before = millis(retention.rotations_before(now));
    let events = sqlx::query(
        "DELETE FROM event WHERE (source, id) IN (
             SELECT event.source, event.id
             FROM event LEFT JOIN rotation ON rotation.id = event.rotation
             WHERE received_at_ms < $1
               AND (event.rotation IS NULL OR finished_at_ms < $2)
             ORDER BY received_at_ms LIMIT $3 FOR UPDATE OF event SKIP LOCKED)",
    )
    .bind(millis(retention.events_before(now)))
    .bind(ended_before)
    .bind(BATCH)
    .execute(&mut *write.connection)
    .await
    .map_err(fault::postgres)?;
    let old: Vec<String> = sqlx::query_scalar(
        "SELECT id FROM rotation
         WHERE finished_at_ms < $1
           AND NOT EXISTS (SELECT 1 FROM event WHERE event.rotation = rotation.id)
           AND NOT EXISTS (SELECT 1 FROM applied WHERE applied.rotation = rotation.id)
           AND NOT EXISTS (SELECT 1 FROM lease WHERE lease.rotation = rotation.id)
           AND NOT EXISTS (SELECT 1 FROM proof WHERE proof.rotation = rotation.id)
         ORDER BY finished_at_ms LIMIT $2 FOR UPDATE SKIP LOCKED",
    )
    .bind(ended_before)
    .bind(BATCH)
    .fetch_all(&mut *write.connection)
    .await
    .map_err(fault::postgres)?;
    for statement in
        ["DELETE FROM entry WHERE rotation = ANY($1)", "DELETE FROM rotation WHERE id = ANY($1)"]
    {
        sqlx::query(statement)
            .bind(&old)
            .execute(&mut *write.connection)
            .await
            .map_err(fault::postgres)?;
    }
    let rotations = u64::try_from(old.len()).unwrap_or(u64::MAX);
    Ok(Pruned { events: events.rows_affected(), rotations })
}
