//! Journals grow, and with them their summaries and what is applied.

use crate::domain::audit::Deed;
use crate::domain::entry::{Entry, Row};
use crate::domain::ids::RotationId;
use crate::domain::lease::Lease;
use crate::domain::phase::Phase;
use crate::domain::secret::Applied;
use crate::ports::journal::JournalError;
use crate::store::fault;
use crate::store::ledger::Ledger;
use crate::store::rows::{self, ExtentColumns, Place, millis};
use crate::store::shelf::Extent;
use crate::store::sqlite::values::{Statement, from_values, padded};
use crate::store::sqlite::{Write, all_rows, audit, claims, lists, one_row, proofs};

/// Appends a worker's entry, under a lease that holds.
pub(super) async fn append(
    write: &mut Write,
    lease: &Lease,
    rotation: RotationId,
    after: u64,
    entry: &Entry,
) -> Result<Row, JournalError> {
    let mut ledger = open(write, rotation).await?;
    claims::require_held(write, lease, rotation).await?;
    if ledger.last_seq() != after {
        return Err(JournalError::Moved);
    }
    let row = ledger.add(entry.clone(), write.now, Some(lease.fence))?;
    if let Some(chosen) = ledger.spends_proof(entry) {
        proofs::spend(write, rotation, chosen).await?;
    }
    store(write, vec![(rotation, ledger)], Due::AsBefore).await?;
    Ok(row)
}

/// Appends an operator's entry, whoever holds the lease.
pub(super) async fn operate(
    write: &mut Write,
    rotation: RotationId,
    entry: &Entry,
) -> Result<Row, JournalError> {
    let mut ledger = open(write, rotation).await?;
    let row = ledger.add(entry.clone(), write.now, None)?;
    store(write, vec![(rotation, ledger)], Due::Now).await?;
    if let Some(deed) = Deed::of_entry(entry) {
        audit::note(write, rotation, &deed).await?;
    }
    Ok(row)
}

/// Opens a journal to add to it.
pub(super) async fn open(write: &mut Write, rotation: RotationId) -> Result<Ledger, JournalError> {
    let columns: Option<ExtentColumns> =
        sqlx::query_as("SELECT id, last_seq, updated_at_ms, target FROM rotation WHERE id = $1")
            .bind(rotation.to_string())
            .fetch_optional(&mut *write.transaction)
            .await
            .map_err(fault::sqlite)?;
    let (_, extent, _) = rows::extent(columns.ok_or(JournalError::UnknownRotation(rotation))?)?;
    read(write, rotation, extent).await
}

/// Takes a journal off the shelf, or reads it.
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
) -> Result<(), JournalError> {
    insert(write, &grown).await?;
    summarise(write, &grown, due).await?;
    for (rotation, ledger) in &grown {
        if let Some(applied) = ledger.applied(write.now) {
            apply(write, *rotation, &applied).await?;
        }
    }
    write.grown.extend(grown);
    Ok(())
}

async fn insert(write: &mut Write, grown: &[(RotationId, Ledger)]) -> Result<(), JournalError> {
    let mut gained = Vec::with_capacity(grown.len());
    for (rotation, ledger) in grown {
        for row in ledger.gained() {
            let place = Place::new("entry", &format_args!("{rotation}/{}", row.seq));
            let fence = row.fence.map(|fence| place.integer("fence", fence)).transpose()?;
            let entry = place.text("entry", &row.entry)?;
            let seq = place.integer("seq", row.seq)?;
            gained.push((rotation.to_string(), seq, millis(row.at), fence, entry));
        }
    }
    let mut statement = Statement::new(
        "INSERT INTO entry (rotation, seq, at_ms, fence, entry)
         SELECT column1, column2, column3, column4, column5",
    );
    from_values(&mut statement, &gained, |mut new, row| {
        new.push_bind(row.map(|(rotation, ..)| rotation.as_str()));
        new.push_bind(row.map(|(_, seq, ..)| *seq));
        new.push_bind(row.map(|(_, _, at, ..)| *at));
        new.push_bind(row.and_then(|(_, _, _, fence, _)| *fence));
        new.push_bind(row.map(|(.., entry)| entry.as_str()));
    });
    write.insert(&mut statement, gained.len(), "entry").await
}

/// Brings the summaries in line with the journals.
///
/// What is in no index changes alone: SQLite writes every index anew of which a column is set, also
/// where it keeps its value, and a page of each for every row is most of what a storm costs.
async fn summarise(
    write: &mut Write,
    grown: &[(RotationId, Ledger)],
    due: Due,
) -> Result<(), JournalError> {
    lengthen(write, grown).await?;
    let moved: Vec<_> = grown.iter().filter(|(_, ledger)| ledger.has_moved()).collect();
    if !moved.is_empty() {
        rephase(write, &moved).await?;
    }
    match due {
        Due::AsBefore => Ok(()),
        Due::Now => wake(write, grown).await,
    }
}

/// Notes how far the journals go now.
async fn lengthen(write: &mut Write, grown: &[(RotationId, Ledger)]) -> Result<(), JournalError> {
    let mut lengths = Vec::with_capacity(grown.len());
    for (rotation, ledger) in grown {
        let place = Place::new("rotation", rotation);
        let stored_seq = place.integer("last_seq", ledger.stored_seq())?;
        let last_seq = place.integer("last_seq", ledger.last_seq())?;
        lengths.push((rotation.to_string(), stored_seq, last_seq));
    }
    let mut statement = Statement::new("UPDATE rotation SET last_seq = column3, updated_at_ms = ");
    statement.push_bind(millis(write.now));
    from_values(&mut statement, &lengths, |mut new, length| {
        new.push_bind(length.map(|(rotation, ..)| rotation.as_str()));
        new.push_bind(length.map(|(_, stored_seq, _)| *stored_seq));
        new.push_bind(length.map(|(.., last_seq)| *last_seq));
    });
    let result = statement
        .push("WHERE id = column1 AND last_seq = column2")
        .build()
        .execute(&mut *write.transaction)
        .await
        .map_err(fault::sqlite)?;
    Ok(all_rows(&result, grown.len(), "rotation")?)
}

/// Notes where rotations stand now that stood elsewhere. One that is over is not due.
async fn rephase(write: &mut Write, moved: &[&(RotationId, Ledger)]) -> Result<(), JournalError> {
    let now = millis(write.now);
    let mut statement = Statement::new(
        "UPDATE rotation
         SET phase = column2, finished_at_ms = column3,
             due_at_ms = CASE WHEN column3 IS NULL THEN due_at_ms END",
    );
    from_values(&mut statement, moved, |mut new, moved| {
        let phase = moved.map(|(_, ledger)| ledger.phase());
        new.push_bind(moved.map(|(rotation, _)| rotation.to_string()));
        new.push_bind(phase.map(Phase::as_str));
        new.push_bind(phase.and_then(|phase| phase.is_finished().then_some(now)));
    });
    let result = statement
        .push("WHERE id = column1")
        .build()
        .execute(&mut *write.transaction)
        .await
        .map_err(fault::sqlite)?;
    Ok(all_rows(&result, moved.len(), "rotation")?)
}

/// Makes rotations due now, unless they are over, or due already.
async fn wake(write: &mut Write, grown: &[(RotationId, Ledger)]) -> Result<(), JournalError> {
    let now = millis(write.now);
    let mut statement = Statement::new("UPDATE rotation SET due_at_ms = ");
    statement.push_bind(now).push(" WHERE finished_at_ms IS NULL AND id IN (");
    statement.push_values(padded(grown), |mut key, grown| {
        key.push_bind(grown.map(|(rotation, _)| rotation.to_string()));
    });
    statement
        .push(") AND (due_at_ms IS NULL OR due_at_ms > ")
        .push_bind(now)
        .push(")")
        .build()
        .execute(&mut *write.transaction)
        .await
        .map(drop)
        .map_err(fault::sqlite)
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
    .map_err(fault::sqlite)?;
    Ok(one_row(&result, "applied", &rotation)?)
}
