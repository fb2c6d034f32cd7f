//! Journals grow, and with them their summaries and what is applied.

use rusqlite::params;

use crate::domain::audit::Deed;
use crate::domain::entry::{Entry, Row};
use crate::domain::ids::RotationId;
use crate::domain::lease::Lease;
use crate::domain::secret::Applied;
use crate::ports::journal::JournalError;
use crate::store::ledger::Ledger;
use crate::store::rows::{self, ExtentColumns, Place, millis};
use crate::store::shelf::Extent;
use crate::store::sqlite::statements::{execute, execute_one, first};
use crate::store::sqlite::{Write, audit, breakers, claims, lists, proofs};

/// Appends a worker's entry, under a lease that holds.
pub(super) fn append(
    write: &mut Write<'_>,
    lease: &Lease,
    rotation: RotationId,
    after: u64,
    entry: &Entry,
) -> Result<Row, JournalError> {
    let mut ledger = open(write, rotation)?;
    claims::require_held(write, lease, rotation)?;
    if ledger.last_seq() != after {
        return Err(JournalError::Moved);
    }
    let row = ledger.add(entry.clone(), write.now, Some(lease.fence))?;
    if let Some(chosen) = ledger.spends_proof(entry) {
        proofs::spend(write, rotation, chosen)?;
    }
    store(write, rotation, ledger, Due::AsBefore)?;
    Ok(row)
}

/// Appends an operator's entry, whoever holds the lease.
pub(super) fn operate(
    write: &mut Write<'_>,
    rotation: RotationId,
    entry: &Entry,
) -> Result<Row, JournalError> {
    let mut ledger = open(write, rotation)?;
    let is_unbarred = ledger.is_unbarred_by(entry);
    let row = ledger.add(entry.clone(), write.now, None)?;
    store(write, rotation, ledger, Due::Now)?;
    if is_unbarred {
        breakers::clear(write, rotation)?;
    }
    if let Some(deed) = Deed::of_entry(entry) {
        audit::note(write, rotation, &deed)?;
    }
    Ok(row)
}

/// Opens a journal to add to it.
fn open(write: &Write<'_>, rotation: RotationId) -> Result<Ledger, JournalError> {
    let columns: Option<ExtentColumns> = first(
        &write.transaction,
        "SELECT id, last_seq, updated_at_ms, target FROM rotation WHERE id = ?1",
        [rotation.to_string()],
    )?;
    let (_, extent, _) = rows::extent(columns.ok_or(JournalError::UnknownRotation(rotation))?)?;
    read(write, rotation, extent)
}

/// Takes a journal off the shelf, or reads it.
pub(super) fn read(
    write: &Write<'_>,
    rotation: RotationId,
    extent: Extent,
) -> Result<Ledger, JournalError> {
    if let Some(ledger) = write.shelf.take(rotation, extent) {
        return Ok(ledger);
    }
    let rows = lists::rows(&write.transaction, rotation)?;
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

/// Stores what a journal gained, and what follows from it.
pub(super) fn store(
    write: &mut Write<'_>,
    rotation: RotationId,
    ledger: Ledger,
    due: Due,
) -> Result<(), JournalError> {
    for row in ledger.gained() {
        insert(write, rotation, row)?;
    }
    summarise(write, rotation, &ledger, due)?;
    if let Some(applied) = ledger.applied(write.now) {
        apply(write, rotation, &applied)?;
    }
    write.grown.push((rotation, ledger));
    Ok(())
}

fn insert(write: &Write<'_>, rotation: RotationId, row: &Row) -> Result<(), JournalError> {
    let place = Place::new("entry", &format_args!("{rotation}/{}", row.seq));
    let fence = row.fence.map(|fence| place.integer("fence", fence)).transpose()?;
    let entry = place.text("entry", &row.entry)?;
    let seq = place.integer("seq", row.seq)?;
    execute_one(
        &write.transaction,
        "INSERT INTO entry (rotation, seq, at_ms, fence, entry) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![rotation.to_string(), seq, millis(row.at), fence, entry],
        "entry",
        &rotation,
    )
}

/// Brings the summary in line with the journal.
///
/// What is in no index changes alone: SQLite writes every index anew of which a column is set, also
/// where it keeps its value, and a page of each for every row is most of what a storm costs.
fn summarise(
    write: &Write<'_>,
    rotation: RotationId,
    ledger: &Ledger,
    due: Due,
) -> Result<(), JournalError> {
    lengthen(write, rotation, ledger)?;
    if ledger.has_moved() {
        rephase(write, rotation, ledger)?;
    }
    match due {
        Due::AsBefore => Ok(()),
        Due::Now => wake(write, rotation),
    }
}

/// Notes how far the journal goes now.
fn lengthen(write: &Write<'_>, rotation: RotationId, ledger: &Ledger) -> Result<(), JournalError> {
    let place = Place::new("rotation", &rotation);
    let stored_seq = place.integer("last_seq", ledger.stored_seq())?;
    let last_seq = place.integer("last_seq", ledger.last_seq())?;
    execute_one(
        &write.transaction,
        "UPDATE rotation SET last_seq = ?3, updated_at_ms = ?4 WHERE id = ?1 AND last_seq = ?2",
        params![rotation.to_string(), stored_seq, last_seq, millis(write.now)],
        "rotation",
        &rotation,
    )
}

/// Notes where the rotation stands now, that stood elsewhere. One that is over is not due.
fn rephase(write: &Write<'_>, rotation: RotationId, ledger: &Ledger) -> Result<(), JournalError> {
    let phase = ledger.phase();
    let finished_at = phase.is_finished().then(|| millis(write.now));
    execute_one(
        &write.transaction,
        "UPDATE rotation
         SET phase = ?2, finished_at_ms = ?3,
             due_at_ms = CASE WHEN ?3 IS NULL THEN due_at_ms END
         WHERE id = ?1",
        params![rotation.to_string(), phase.as_str(), finished_at],
        "rotation",
        &rotation,
    )
}

/// Makes the rotation due now, unless it is over, or due already.
fn wake(write: &Write<'_>, rotation: RotationId) -> Result<(), JournalError> {
    execute(
        &write.transaction,
        "UPDATE rotation SET due_at_ms = ?2
         WHERE id = ?1 AND finished_at_ms IS NULL AND (due_at_ms IS NULL OR due_at_ms > ?2)",
        params![rotation.to_string(), millis(write.now)],
    )
    .map(drop)
}

fn apply(write: &Write<'_>, rotation: RotationId, applied: &Applied) -> Result<(), JournalError> {
    let place = Place::new("applied", &rotation);
    execute_one(
        &write.transaction,
        "INSERT INTO applied
             (target, version, written_at_ms, fingerprints, confirmed_at_ms, rotation)
         SELECT target, ?2, ?3, ?4, ?5, id FROM rotation WHERE id = ?1
         ON CONFLICT (target) DO UPDATE
         SET version = excluded.version, written_at_ms = excluded.written_at_ms,
             fingerprints = excluded.fingerprints, confirmed_at_ms = excluded.confirmed_at_ms,
             rotation = excluded.rotation",
        params![
            rotation.to_string(),
            place.integer("version", applied.version.0)?,
            millis(applied.written_at),
            place.text("fingerprints", &applied.fingerprints)?,
            millis(applied.confirmed_at),
        ],
        "applied",
        &rotation,
    )
}
