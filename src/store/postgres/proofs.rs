//! Proving logins: each version of a target's secret has one.

use jiff::Timestamp;
use sqlx::postgres::PgPool;

use crate::domain::ids::RotationId;
use crate::domain::proof::{ProofKey, ProofOutcome, SpentProof};
use crate::domain::track::Chosen;
use crate::ports::journal::JournalError;
use crate::store::fault;
use crate::store::postgres::{Write, one_row};
use crate::store::rows::{self, Place, millis};

/// Spends the login of the version that a rotation chose, or says that it is spent.
pub(super) async fn spend(
    write: &mut Write,
    rotation: RotationId,
    chosen: &Chosen,
    now: Timestamp,
) -> Result<(), JournalError> {
    let place = Place::new("proof", &rotation);
    let result = sqlx::query(
        "INSERT INTO proof (target, version, written_at_ms, spent_at_ms, rotation)
         SELECT target, $2, $3, $4, id FROM rotation WHERE id = $1
         ON CONFLICT DO NOTHING",
    )
    .bind(rotation.to_string())
    .bind(place.integer("version", chosen.version.0)?)
    .bind(millis(chosen.written_at))
    .bind(millis(now))
    .execute(&mut *write.connection)
    .await
    .map_err(fault::postgres)?;
    if result.rows_affected() == 0 { Err(JournalError::Spent) } else { Ok(()) }
}

/// The login of this version, where it is spent.
pub(super) async fn find(
    readers: &PgPool,
    key: &ProofKey,
) -> Result<Option<SpentProof>, JournalError> {
    let columns: Option<(i64, Option<String>)> = sqlx::query_as(
        "SELECT spent_at_ms, outcome FROM proof
         WHERE target = $1 AND version = $2 AND written_at_ms = $3",
    )
    .bind(key.target.as_str())
    .bind(rows::proof_place(key).integer("version", key.version.0)?)
    .bind(millis(key.written_at))
    .fetch_optional(readers)
    .await
    .map_err(fault::postgres)?;
    Ok(columns.map(|columns| rows::spent_proof(key, columns)).transpose()?)
}

/// Notes what came of a login of which nothing is known yet.
pub(super) async fn settle(
    write: &mut Write,
    key: &ProofKey,
    outcome: &ProofOutcome,
) -> Result<(), JournalError> {
    let place = rows::proof_place(key);
    let result = sqlx::query(
        "UPDATE proof SET outcome = $4
         WHERE target = $1 AND version = $2 AND written_at_ms = $3 AND outcome IS NULL",
    )
    .bind(key.target.as_str())
    .bind(place.integer("version", key.version.0)?)
    .bind(millis(key.written_at))
    .bind(place.text("outcome", outcome)?)
    .execute(&mut *write.connection)
    .await
    .map_err(fault::postgres)?;
    Ok(one_row(&result, "proof", &key.target)?)
}
