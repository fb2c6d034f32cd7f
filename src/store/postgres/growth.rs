//! Journals grow, and with them their summaries and what is applied.

use jiff::Timestamp;

use crate::domain::audit::Deed;
use crate::domain::entry::{Entry, Row};
use crate::domain::ids::RotationId;
use crate::domain::lease::Lease;
use crate::domain::secret::Applied;
use crate::ports::journal::JournalError;
use crate::store::fault;
use crate::store::ledger::Ledger;
use crate::store::postgres::{Write, all_rows, audit, claims, lists, one_row, proofs};
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
    store(write, vec![(rotation, ledger)], Due::AsBefore, now).await?;
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
    store(write, vec![(rotation, ledger)], Due::Now, now).await?;
    if let Some(deed) = Deed::of_entry(entry) {
        audit::note(write, rotation, &deed, now).await?;
    }
    write.wake_others().await?;
    Ok(row)
}

/// Keeps a rotation as it is until the transaction ends, and with it its journal: nobody adds an
/// entry without this lock.
pub(super) async fn lock(write: &mut Write, rotation: RotationId) -> Result<Extent, JournalError> {
    let columns: Option<ExtentColumns> = sqlx::query_as(
        "SELECT id, last_seq, updated_at_ms, target FROM rotation WHERE id = $1 FOR UPDATE",
    )
    .bind(rotation.to_string())
    .fetch_optional(&mut *write.transaction)
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
    let rows = lists::rows(&mut *write.transaction, rotation).await?;
    Ok(Ledger::replay(rotation, &rows)?)
}

/// Whether what a journal gained makes its rotation due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    /// It stays due when it was.
    AsBefore,
    /// It is due now, unless it is over, or due already.
    Now,
}

/// Stores what journals gained, and what follows from it.
pub(super) async fn store(
    write: &mut Write,
    grown: Vec<(RotationId, Ledger)>,
    due: Due,
    now: Timestamp,
) -> Result<(), JournalError> {
    insert(write, &grown).await?;
    summarise(write, &grown, due, now).await?;
    for (rotation, ledger) in &grown {
        if let Some(applied) = ledger.applied(now) {
            apply(write, *rotation, &applied).await?;
        }
    }
    write.grown.extend(grown.into_iter().map(|(rotation, ledger)| (rotation, ledger, now)));
    Ok(())
}

async fn insert(write: &mut Write, grown: &[(RotationId, Ledger)]) -> Result<(), JournalError> {
    let (mut ids, mut seqs, mut times) = (Vec::new(), Vec::new(), Vec::new());
    let (mut fences, mut entries) = (Vec::new(), Vec::new());
    for (rotation, ledger) in grown {
        for row in ledger.gained() {
            let place = Place::new("entry", &format_args!("{rotation}/{}", row.seq));
            ids.push(rotation.to_string());
            seqs.push(place.integer("seq", row.seq)?);
            times.push(millis(row.at));
            fences.push(row.fence.map(|fence| place.integer("fence", fence)).transpose()?);
            entries.push(place.text("entry", &row.entry)?);
        }
    }
    let wanted = ids.len();
    let result = sqlx::query(
        "INSERT INTO entry (rotation, seq, at_ms, fence, entry)
         SELECT * FROM unnest($1::TEXT[], $2::BIGINT[], $3::BIGINT[], $4::BIGINT[], $5::TEXT[])",
    )
    .bind(ids)
    .bind(seqs)
    .bind(times)
    .bind(fences)
    .bind(entries)
    .execute(&mut *write.transaction)
    .await
    .map_err(fault::postgres)?;
    Ok(all_rows(&result, wanted, "entry")?)
}

/// Brings the summaries in line with the journals. A rotation that is over is not due.
async fn summarise(
    write: &mut Write,
    grown: &[(RotationId, Ledger)],
    due: Due,
    now: Timestamp,
) -> Result<(), JournalError> {
    let now = millis(now);
    let (mut ids, mut stored_seqs, mut last_seqs) = (Vec::new(), Vec::new(), Vec::new());
    let (mut phases, mut ends) = (Vec::new(), Vec::new());
    for (rotation, ledger) in grown {
        let place = Place::new("rotation", rotation);
        let phase = ledger.phase();
        ids.push(rotation.to_string());
        stored_seqs.push(place.integer("last_seq", ledger.stored_seq())?);
        last_seqs.push(place.integer("last_seq", ledger.last_seq())?);
        phases.push(phase.as_str());
        ends.push(phase.is_finished().then_some(now));
    }
    let result = sqlx::query(
        "UPDATE rotation
         SET last_seq = grown.last_seq, phase = grown.phase, finished_at_ms = grown.end_ms,
             updated_at_ms = $6,
             due_at_ms = CASE WHEN grown.end_ms IS NOT NULL THEN NULL
                              WHEN $7 AND (due_at_ms IS NULL OR due_at_ms > $6) THEN $6
                              ELSE due_at_ms END
         FROM unnest($1::TEXT[], $2::BIGINT[], $3::BIGINT[], $4::TEXT[], $5::BIGINT[])
              AS grown (id, stored_seq, last_seq, phase, end_ms)
         WHERE rotation.id = grown.id AND rotation.last_seq = grown.stored_seq",
    )
    .bind(ids)
    .bind(stored_seqs)
    .bind(last_seqs)
    .bind(phases)
    .bind(ends)
    .bind(now)
    .bind(due == Due::Now)
    .execute(&mut *write.transaction)
    .await
    .map_err(fault::postgres)?;
    Ok(all_rows(&result, grown.len(), "rotation")?)
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
