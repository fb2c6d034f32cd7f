//! What is over and old is forgotten.

use rusqlite::params;

use crate::domain::retention::Retention;
use crate::ports::journal::{JournalError, Pruned};
use crate::store::rows::millis;
use crate::store::sqlite::Write;
use crate::store::sqlite::statements::{all, execute};

/// At most so many events, and so many rotations, are forgotten in one transaction.
const BATCH: i64 = 200;

/// Forgets a batch of old events, then a batch of old rotations that nothing speaks of any more.
pub(super) fn prune(write: &Write<'_>, retention: Retention) -> Result<Pruned, JournalError> {
    let ended_before = millis(retention.rotations_before(write.now));
    let events = execute(
        &write.transaction,
        "DELETE FROM event WHERE (source, id) IN (
             SELECT event.source, event.id
             FROM event LEFT JOIN rotation ON rotation.id = event.rotation
             WHERE received_at_ms < ?1
               AND (event.rotation IS NULL OR finished_at_ms < ?2)
             ORDER BY received_at_ms LIMIT ?3)",
        params![millis(retention.events_before(write.now)), ended_before, BATCH],
    )?;
    let old: Vec<(String,)> = all(
        &write.transaction,
        "SELECT id FROM rotation
         WHERE finished_at_ms < ?1
           AND NOT EXISTS (SELECT 1 FROM event WHERE event.rotation = rotation.id)
           AND NOT EXISTS (SELECT 1 FROM applied WHERE applied.rotation = rotation.id)
           AND NOT EXISTS (SELECT 1 FROM lease WHERE lease.rotation = rotation.id)
           AND NOT EXISTS (SELECT 1 FROM proof WHERE proof.rotation = rotation.id)
         ORDER BY finished_at_ms LIMIT ?2",
        params![ended_before, BATCH],
    )?;
    for (rotation,) in &old {
        execute(&write.transaction, "DELETE FROM entry WHERE rotation = ?1", [rotation])?;
        execute(&write.transaction, "DELETE FROM rotation WHERE id = ?1", [rotation])?;
    }
    let rotations = u64::try_from(old.len()).unwrap_or(u64::MAX);
    Ok(Pruned { events, rotations })
}
