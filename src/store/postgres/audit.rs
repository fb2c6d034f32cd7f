//! What operators said.

use jiff::Timestamp;
use sqlx::postgres::PgPool;

use crate::domain::audit::Deed;
use crate::domain::ids::RotationId;
use crate::ports::journal::{AuditRow, JournalError};
use crate::store::fault;
use crate::store::postgres::{Write, one_row};
use crate::store::rows::{self, AuditColumns, Place, millis};

/// Writes down what somebody said about a rotation, or began it with.
pub(super) async fn note(
    write: &mut Write,
    rotation: RotationId,
    deed: &Deed,
    at: Timestamp,
) -> Result<(), JournalError> {
    let result = sqlx::query(
        "INSERT INTO audit (at_ms, actor, verb, target, rotation)
         SELECT $2, $3, $4, target, id FROM rotation WHERE id = $1",
    )
    .bind(rotation.to_string())
    .bind(millis(at))
    .bind(&deed.by)
    .bind(deed.verb.as_str())
    .execute(&mut *write.connection)
    .await
    .map_err(fault::postgres)?;
    Ok(one_row(&result, "audit", &rotation)?)
}

/// What was said, newest first; `before` is the cursor.
pub(super) async fn list(
    reader: &PgPool,
    before: Option<u64>,
    limit: u32,
) -> Result<Vec<AuditRow>, JournalError> {
    let place = Place::new("audit", &"*");
    let columns: Vec<AuditColumns> = sqlx::query_as(
        "SELECT number, at_ms, actor, verb, target, rotation FROM audit
         WHERE $1::BIGINT IS NULL OR number < $1
         ORDER BY number DESC LIMIT $2",
    )
    .bind(before.map(|before| place.integer("number", before)).transpose()?)
    .bind(i64::from(limit))
    .fetch_all(reader)
    .await
    .map_err(fault::postgres)?;
    Ok(columns.into_iter().map(rows::audit).collect::<Result<_, _>>()?)
}
