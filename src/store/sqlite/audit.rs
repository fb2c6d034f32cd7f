//! What operators said.

use rusqlite::{Connection, params};

use crate::domain::audit::Deed;
use crate::domain::ids::RotationId;
use crate::ports::journal::{AuditRow, JournalError};
use crate::store::rows::{self, AuditColumns, Place, millis};
use crate::store::sqlite::Write;
use crate::store::sqlite::statements::{all, execute_one};

/// Writes down what somebody said about a rotation, or began it with.
pub(super) fn note(
    write: &Write<'_>,
    rotation: RotationId,
    deed: &Deed,
) -> Result<(), JournalError> {
    execute_one(
        &write.transaction,
        "INSERT INTO audit (at_ms, actor, verb, target, rotation)
         SELECT ?2, ?3, ?4, target, id FROM rotation WHERE id = ?1",
        params![rotation.to_string(), millis(write.now), deed.by, deed.verb.as_str()],
        "audit",
        &rotation,
    )
}

/// What was said, newest first; `before` is the cursor.
pub(super) fn list(
    connection: &Connection,
    before: Option<u64>,
    limit: u32,
) -> Result<Vec<AuditRow>, JournalError> {
    let place = Place::new("audit", &"*");
    let before = before.map(|before| place.integer("number", before)).transpose()?;
    let columns: Vec<AuditColumns> = all(
        connection,
        "SELECT number, at_ms, actor, verb, target, rotation FROM audit
         WHERE ?1 IS NULL OR number < ?1
         ORDER BY number DESC LIMIT ?2",
        params![before, limit],
    )?;
    Ok(columns.into_iter().map(rows::audit).collect::<Result<_, _>>()?)
}
