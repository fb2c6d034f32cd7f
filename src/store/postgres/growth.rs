//! A journal grows, and with it the summary and what is applied.

use jiff::Timestamp;

use crate::domain::audit::Deed;
use crate::domain::entry::{Entry, Row};
use crate::domain::ids::RotationId;
use crate::domain::lease::Lease;
use crate::domain::secret::Applied;
use crate::ports::journal::JournalError;
use crate::store::fault;
use crate::store::ledger::Ledger;
use crate::store::postgres::{Write, audit, claims, lists, one_row, proofs};
use crate::store::rows::{Place, millis};

/// Appends a worker's entry, under a lease that holds.
pub(super) async fn append(
    write: &mut Write,
    lease: &Lease,
    rotation: RotationId,
    after: u64,
    entry: &Entry,
) -> Result<Row, JournalError> {
    let mut ledger = open(write, rotation).await?;
    claims::lock(write, lease).await?;
    let now = write.now().await?;
    claims::require_held(write, lease, rotation, now).await?;
    if ledger.last_seq() != after {
        return Err(JournalError::Moved);
    }
    let row = ledger.add(entry.clone(), now, Some(lease.fence))?;
    if let Some(chosen) = ledger.spends_proof(entry) {
        proofs::spend(write, rotation, chosen, now).await?;
    }
    store(write, rotation, &ledger, now).await?;
    Ok(row)
}

/// Appends an operator's entry, whoever holds the lease.
pub(super) async fn operate(
    write: &mut Write,
    rotation: RotationId,
    entry: &Entry,
) -> Result<Row, JournalError> {
    let mut ledger = open(write, rotation).await?;
    let now = write.now().await?;
    let row = ledger.add(entry.clone(), now, None)?;
    store(write, rotation, &ledger, now).await?;
    wake(write, rotation, now).await?;
    if let Some(deed) = Deed::of_entry(entry) {
        audit::note(write, rotation, &deed, now).await?;
    }
    write.wake_others().await?;
    Ok(row)
}

/// Keeps a rotation as it is until the transaction ends, and with it its journal: nobody adds an
/// entry without this lock.
pub(super) async fn lock(write: &mut Write, rotation: RotationId) -> Result<(), JournalError> {
    sqlx::query("SELECT 1 FROM rotation WHERE id = $1 FOR UPDATE")
        .bind(rotation.to_string())
        .execute(&mut *write.transaction)
        .await
        .map(drop)
        .map_err(fault::postgres)
}

/// Locks a journal and reads it to add to it.
pub(super) async fn open(write: &mut Write, rotation: RotationId) -> Result<Ledger, JournalError> {
    lock(write, rotation).await?;
    let rows = lists::rows(&mut *write.transaction, rotation).await?;
    if rows.is_empty() {
        return Err(JournalError::UnknownRotation(rotation));
    }
    Ok(Ledger::replay(rotation, &rows)?)
}

/// Stores what a journal gained, and what follows from it.
pub(super) async fn store(
    write: &mut Write,
    rotation: RotationId,
    ledger: &Ledger,
    now: Timestamp,
) -> Result<(), JournalError> {
    for row in ledger.gained() {
        insert(write, rotation, row).await?;
    }
    summarise(write, rotation, ledger, now).await?;
    if let Some(applied) = ledger.applied(now) {
        apply(write, rotation, &applied).await?;
    }
    Ok(())
}

/// Makes a rotation due now, unless it is over, or due already.
pub(super) async fn wake(
    write: &mut Write,
    rotation: RotationId,
    now: Timestamp,
) -> Result<(), JournalError> {
    let result = sqlx::query(
        "UPDATE rotation
         SET due_at_ms = CASE WHEN finished_at_ms IS NOT NULL THEN NULL
                              WHEN due_at_ms < $2 THEN due_at_ms
                              ELSE $2 END
         WHERE id = $1",
    )
    .bind(rotation.to_string())
    .bind(millis(now))
    .execute(&mut *write.transaction)
    .await
    .map_err(fault::postgres)?;
    Ok(one_row(&result, "rotation", &rotation)?)
}

async fn insert(write: &mut Write, rotation: RotationId, row: &Row) -> Result<(), JournalError> {
    let place = Place::new("entry", &format_args!("{rotation}/{}", row.seq));
    let fence = row.fence.map(|fence| place.integer("fence", fence)).transpose()?;
    let result = sqlx::query(
        "INSERT INTO entry (rotation, seq, at_ms, fence, entry) VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(rotation.to_string())
    .bind(place.integer("seq", row.seq)?)
    .bind(millis(row.at))
    .bind(fence)
    .bind(place.text("entry", &row.entry)?)
    .execute(&mut *write.transaction)
    .await
    .map_err(fault::postgres)?;
    Ok(one_row(&result, "entry", &rotation)?)
}

/// Brings the summary in line with the journal. A rotation that is over is not due.
async fn summarise(
    write: &mut Write,
    rotation: RotationId,
    ledger: &Ledger,
    now: Timestamp,
) -> Result<(), JournalError> {
    let phase = ledger.phase();
    let place = Place::new("rotation", &rotation);
    let now = millis(now);
    let result = sqlx::query(
        "UPDATE rotation
         SET phase = $3, last_seq = $4, updated_at_ms = $5, finished_at_ms = $6,
             due_at_ms = CASE WHEN $6 IS NULL THEN due_at_ms END
         WHERE id = $1 AND last_seq = $2",
    )
    .bind(rotation.to_string())
    .bind(place.integer("last_seq", ledger.stored_seq())?)
    .bind(phase.as_str())
    .bind(place.integer("last_seq", ledger.last_seq())?)
    .bind(now)
    .bind(phase.is_finished().then_some(now))
    .execute(&mut *write.transaction)
    .await
    .map_err(fault::postgres)?;
    Ok(one_row(&result, "rotation", &rotation)?)
}

async fn apply(
    write: &mut Write,
    rotation: RotationId,
    applied: &Applied,
) -> Result<(), JournalError> {
    let place = Place::new("applied", &rotation);
    let result = sqlx::query(
        "INSERT INTO applied
             (target, version, written_at_ms, fingerprints, confirmed_at_ms, rotation)
         SELECT target, $2, $3, $4, $5, id FROM rotation WHERE id = $1
         ON CONFLICT (target) DO UPDATE
         SET version = excluded.version, written_at_ms = excluded.written_at_ms,
             fingerprints = excluded.fingerprints, confirmed_at_ms = excluded.confirmed_at_ms,
             rotation = excluded.rotation",
    )
    .bind(rotation.to_string())
    .bind(place.integer("version", applied.version.0)?)
    .bind(millis(applied.written_at))
    .bind(place.text("fingerprints", &applied.fingerprints)?)
    .bind(millis(applied.confirmed_at))
    .execute(&mut *write.transaction)
    .await
    .map_err(fault::postgres)?;
    Ok(one_row(&result, "applied", &rotation)?)
}
