//! Journals grow, and with them their summaries and what is applied.

use jiff::Timestamp;

use crate::domain::audit::Deed;
use crate::domain::entry::{Entry, Row};
use crate::domain::ids::RotationId;
use crate::domain::lease::Lease;
use crate::domain::secret::Applied;
use crate::ports::journal::JournalError;
use crate::store::fault::{self, Inconsistency};
use crate::store::ledger::Ledger;
use crate::store::postgres::{Write, audit, breakers, claims, lists, one_row, proofs, wakes};
use crate::store::rows::{self, ExtentColumns, Place, millis};
use crate::store::shelf::Extent;

/// Appends a worker's entry, under a lease that holds.
pub(super) async fn append(
    write: &mut Write,
    lease: &Lease,
    rotation: RotationId,
    after: u64,
    entry: &Entry,
) -> Result<Row, JournalError> {
    let mut ledger = open(write, rotation).await?;
    let now = claims::require_held(write, lease, rotation).await?.now;
    if ledger.last_seq() != after {
        return Err(JournalError::Moved);
    }
    let row = ledger.add(entry.clone(), now, Some(lease.fence))?;
    if let Some(chosen) = ledger.spends_proof(entry) {
        proofs::spend(write, rotation, chosen, now).await?;
    }
    store(write, rotation, ledger, Due::AsBefore, now).await?;
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
    let is_unbarred = ledger.is_unbarred_by(entry);
    let row = ledger.add(entry.clone(), now, None)?;
    store(write, rotation, ledger, Due::Now, now).await?;
    if is_unbarred {
        breakers::clear(write, rotation).await?;
    }
    if let Some(deed) = Deed::of_entry(entry) {
        audit::note(write, rotation, &deed, now).await?;
    }
    Ok(row)
}

/// Keeps a rotation as it is until the transaction ends, and with it its journal: nobody adds an
/// entry without this lock.
pub(super) async fn lock(write: &mut Write, rotation: RotationId) -> Result<Extent, JournalError> {
    let columns: Option<ExtentColumns> = sqlx::query_as(
        "SELECT id, last_seq, updated_at_ms, target FROM rotation WHERE id = $1 FOR UPDATE",
    )
    .bind(rotation.to_string())
    .fetch_optional(&mut *write.connection)
    .await
    .map_err(fault::postgres)?;
    let (_, extent, _) = rows::extent(columns.ok_or(JournalError::UnknownRotation(rotation))?)?;
    Ok(extent)
}

/// Locks a journal and opens it to add to it.
pub(super) async fn open(write: &mut Write, rotation: RotationId) -> Result<Ledger, JournalError> {
    let extent = lock(write, rotation).await?;
    read(write, rotation, extent).await
}

/// Takes a journal, which is locked, off the shelf, or reads it.
pub(super) async fn read(
    write: &mut Write,
    rotation: RotationId,
    extent: Extent,
) -> Result<Ledger, JournalError> {
    if let Some(ledger) = write.shelf.take(rotation, extent) {
        return Ok(ledger);
    }
    let rows = lists::rows(&mut *write.connection, rotation).await?;
    Ok(Ledger::replay(rotation, &rows)?)
}

/// Whether what a journal gained makes its rotation due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Due {
    /// It stays due when it was.
    AsBefore,
    /// It is due now, unless it is over, or due already.
    Now,
}

/// Stores what a journal gained, and what follows from it. Where that makes its rotation due, every
/// replica is told at the commit.
async fn store(
    write: &mut Write,
    rotation: RotationId,
    ledger: Ledger,
    due: Due,
    now: Timestamp,
) -> Result<(), JournalError> {
    grow(write, rotation, &ledger, due, now).await?;
    if let Some(applied) = ledger.applied(now) {
        apply(write, rotation, &applied).await?;
    }
    write.grown.push((rotation, ledger, now));
    Ok(())
}

/// Inserts the rows, brings the summary in line, and tells the replicas, in one statement: a round
/// trip costs more than any of these. A rotation that is over is not due.
async fn grow(
    write: &mut Write,
    rotation: RotationId,
    ledger: &Ledger,
    due: Due,
    now: Timestamp,
) -> Result<(), JournalError> {
    let mut gained = Gained::default();
    gained.add(rotation, ledger)?;
    let phase = ledger.phase();
    let place = Place::new("rotation", &rotation);
    let result = sqlx::query(
        "WITH gained AS (
             INSERT INTO entry (rotation, seq, at_ms, fence, entry)
             SELECT *
             FROM unnest($1::TEXT[], $2::BIGINT[], $3::BIGINT[], $4::BIGINT[], $5::TEXT[])
         )
         UPDATE rotation
         SET last_seq = $8, phase = $9, finished_at_ms = $10, updated_at_ms = $11,
             due_at_ms = CASE WHEN $10 IS NOT NULL THEN NULL
                              WHEN $12 THEN LEAST(due_at_ms, $11)
                              ELSE due_at_ms END
         WHERE id = $6 AND last_seq = $7
         RETURNING CASE WHEN $12 THEN pg_notify($13, '') END",
    )
    .bind(gained.rotations)
    .bind(gained.seqs)
    .bind(gained.times)
    .bind(gained.fences)
    .bind(gained.entries)
    .bind(rotation.to_string())
    .bind(place.integer("last_seq", ledger.stored_seq())?)
    .bind(place.integer("last_seq", ledger.last_seq())?)
    .bind(phase.as_str())
    .bind(phase.is_finished().then_some(millis(now)))
    .bind(millis(now))
    .bind(due == Due::Now)
    .bind(wakes::CHANNEL)
    .execute(&mut *write.connection)
    .await
    .map_err(fault::postgres)?;
    Ok(one_row(&result, "rotation", &rotation)?)
}

/// The columns of rows that journals gained.
#[derive(Default)]
pub(super) struct Gained {
    pub(super) rotations: Vec<String>,
    pub(super) seqs: Vec<i64>,
    pub(super) times: Vec<i64>,
    pub(super) fences: Vec<Option<i64>>,
    pub(super) entries: Vec<String>,
}

impl Gained {
    /// Adds the rows that a journal gained.
    pub(super) fn add(
        &mut self,
        rotation: RotationId,
        ledger: &Ledger,
    ) -> Result<(), Inconsistency> {
        for row in ledger.gained() {
            let place = Place::new("entry", &format_args!("{rotation}/{}", row.seq));
            let fence = row.fence.map(|fence| place.integer("fence", fence)).transpose()?;
            self.rotations.push(rotation.to_string());
            self.seqs.push(place.integer("seq", row.seq)?);
            self.times.push(millis(row.at));
            self.fences.push(fence);
            self.entries.push(place.text("entry", &row.entry)?);
        }
        Ok(())
    }
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
    .execute(&mut *write.connection)
    .await
    .map_err(fault::postgres)?;
    Ok(one_row(&result, "applied", &rotation)?)
}
