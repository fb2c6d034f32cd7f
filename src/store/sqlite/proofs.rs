//! Proving logins: each version of a target's secret has one.

use rusqlite::{Connection, params};

use crate::domain::ids::RotationId;
use crate::domain::proof::{ProofKey, ProofOutcome, SpentProof};
use crate::domain::track::Chosen;
use crate::ports::journal::JournalError;
use crate::store::rows::{self, Place, millis};
use crate::store::sqlite::Write;
use crate::store::sqlite::statements::{execute, execute_one, first};

/// Spends the login of the version that a rotation chose, or says that it is spent.
pub(super) fn spend(
    write: &Write<'_>,
    rotation: RotationId,
    chosen: &Chosen,
) -> Result<(), JournalError> {
    let version = Place::new("proof", &rotation).integer("version", chosen.version.0)?;
    let spent = execute(
        &write.transaction,
        "INSERT INTO proof (target, version, written_at_ms, spent_at_ms, rotation)
         SELECT target, ?2, ?3, ?4, id FROM rotation WHERE id = ?1
         ON CONFLICT DO NOTHING",
        params![rotation.to_string(), version, millis(chosen.written_at), millis(write.now)],
    )?;
    if spent == 0 { Err(JournalError::Spent) } else { Ok(()) }
}

/// The login of this version, where it is spent.
pub(super) fn find(
    connection: &Connection,
    key: &ProofKey,
) -> Result<Option<SpentProof>, JournalError> {
    let version = rows::proof_place(key).integer("version", key.version.0)?;
    let columns: Option<(i64, Option<String>)> = first(
        connection,
        "SELECT spent_at_ms, outcome FROM proof
         WHERE target = ?1 AND version = ?2 AND written_at_ms = ?3",
        params![key.target.as_str(), version, millis(key.written_at)],
    )?;
    Ok(columns.map(|columns| rows::spent_proof(key, columns)).transpose()?)
}

/// Notes what came of a login of which nothing is known yet.
pub(super) fn settle(
    write: &Write<'_>,
    key: &ProofKey,
    outcome: &ProofOutcome,
) -> Result<(), JournalError> {
    let place = rows::proof_place(key);
    let version = place.integer("version", key.version.0)?;
    let outcome = place.text("outcome", outcome)?;
    execute_one(
        &write.transaction,
        "UPDATE proof SET outcome = ?4
         WHERE target = ?1 AND version = ?2 AND written_at_ms = ?3 AND outcome IS NULL",
        params![key.target.as_str(), version, millis(key.written_at), outcome],
        "proof",
        &key.target,
    )
}
