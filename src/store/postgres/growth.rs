//! Journals grow, and with them their summaries and what is applied.

use jiff::Timestamp;

use crate::domain::audit::Deed;
use crate::domain::entry::{Entry, Row};
use crate::domain::event::ResetEvent;
use crate::domain::ids::RotationId;
use crate::domain::lease::Lease;
use crate::domain::secret::Applied;
use crate::ports::journal::JournalError;
use crate::store::fault;
use crate::store::ledger::Ledger;
use crate::store::postgres::{Write, all_rows, audit, claims, lists, one_row, proofs, wakes};
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
    store(write, vec![(rotation, ledger)], &[], Due::AsBefore, now).await?;
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
    store(write, vec![(rotation, ledger)], &[], Due::Now, now).await?;
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
pub(super) enum Due {
    /// It stays due when it was.
    AsBefore,
    /// It is due now, unless it is over, or due already.
    Now,
}

/// Stores what journals gained, with what follows from it, and the events to recognise from now on.
/// Where that makes something due, every replica is told at the commit.
pub(super) async fn store(
    write: &mut Write,
    grown: Vec<(RotationId, Ledger)>,
    events: &[(&ResetEvent, Option<RotationId>)],
    due: Due,
    now: Timestamp,
) -> Result<(), JournalError> {
    grow(write, &grown, events, due, now).await?;
    for (rotation, ledger) in &grown {
        if let Some(applied) = ledger.applied(now) {
            apply(write, *rotation, &applied).await?;
        }
    }
    write.grown.extend(grown.into_iter().map(|(rotation, ledger)| (rotation, ledger, now)));
    Ok(())
}

/// Inserts the rows and the events, brings the summaries in line, and tells the replicas, in one
/// statement: a round trip costs more than any of these. A rotation that is over is not due.
async fn grow(
    write: &mut Write,
    grown: &[(RotationId, Ledger)],
    events: &[(&ResetEvent, Option<RotationId>)],
    due: Due,
    now: Timestamp,
) -> Result<(), JournalError> {
    let (gained, summaries) = (Gained::of(grown)?, Summaries::of(grown, now)?);
    let events = Events::of(events);
    let result = sqlx::query(
        "WITH gained AS (
             INSERT INTO entry (rotation, seq, at_ms, fence, entry)
             SELECT *
             FROM unnest($1::TEXT[], $2::BIGINT[], $3::BIGINT[], $4::BIGINT[], $5::TEXT[])
         ), noted AS (
             INSERT INTO event
                 (source, id, kind, subject, occurred_at_ms, rotation, received_at_ms)
             SELECT *, $12
             FROM unnest($6::TEXT[], $7::TEXT[], $8::TEXT[], $9::TEXT[], $10::BIGINT[],
                         $11::TEXT[])
         )
         UPDATE rotation
         SET last_seq = grown.last_seq, phase = grown.phase, finished_at_ms = grown.end_ms,
             updated_at_ms = $12,
             due_at_ms = CASE WHEN grown.end_ms IS NOT NULL THEN NULL
                              WHEN $13 AND (due_at_ms IS NULL OR due_at_ms > $12) THEN $12
                              ELSE due_at_ms END
         FROM unnest($14::TEXT[], $15::BIGINT[], $16::BIGINT[], $17::TEXT[], $18::BIGINT[])
              AS grown (id, stored_seq, last_seq, phase, end_ms)
         WHERE rotation.id = grown.id AND rotation.last_seq = grown.stored_seq
         RETURNING CASE WHEN $13 THEN pg_notify($19, '') END",
    )
    .bind(gained.rotations)
    .bind(gained.seqs)
    .bind(gained.times)
    .bind(gained.fences)
    .bind(gained.entries)
    .bind(events.sources)
    .bind(events.ids)
    .bind(events.kinds)
    .bind(events.subjects)
    .bind(events.times)
    .bind(events.rotations)
    .bind(millis(now))
    .bind(due == Due::Now)
    .bind(summaries.ids)
    .bind(summaries.stored_seqs)
    .bind(summaries.last_seqs)
    .bind(summaries.phases)
    .bind(summaries.ends)
    .bind(wakes::CHANNEL)
    .execute(&mut *write.connection)
    .await
    .map_err(fault::postgres)?;
    Ok(all_rows(&result, grown.len(), "rotation")?)
}

/// The columns of the rows that journals gained.
#[derive(Default)]
struct Gained {
    rotations: Vec<String>,
    seqs: Vec<i64>,
    times: Vec<i64>,
    fences: Vec<Option<i64>>,
    entries: Vec<String>,
}

impl Gained {
    fn of(grown: &[(RotationId, Ledger)]) -> Result<Self, JournalError> {
        let mut gained = Self::default();
        for (rotation, ledger) in grown {
            for row in ledger.gained() {
                let place = Place::new("entry", &format_args!("{rotation}/{}", row.seq));
                let fence = row.fence.map(|fence| place.integer("fence", fence)).transpose()?;
                gained.rotations.push(rotation.to_string());
                gained.seqs.push(place.integer("seq", row.seq)?);
                gained.times.push(millis(row.at));
                gained.fences.push(fence);
                gained.entries.push(place.text("entry", &row.entry)?);
            }
        }
        Ok(gained)
    }
}

/// The columns of the summaries of journals that grew.
#[derive(Default)]
struct Summaries {
    ids: Vec<String>,
    stored_seqs: Vec<i64>,
    last_seqs: Vec<i64>,
    phases: Vec<&'static str>,
    ends: Vec<Option<i64>>,
}

impl Summaries {
    fn of(grown: &[(RotationId, Ledger)], now: Timestamp) -> Result<Self, JournalError> {
        let mut summaries = Self::default();
        for (rotation, ledger) in grown {
            let place = Place::new("rotation", rotation);
            let phase = ledger.phase();
            summaries.ids.push(rotation.to_string());
            summaries.stored_seqs.push(place.integer("last_seq", ledger.stored_seq())?);
            summaries.last_seqs.push(place.integer("last_seq", ledger.last_seq())?);
            summaries.phases.push(phase.as_str());
            summaries.ends.push(phase.is_finished().then_some(millis(now)));
        }
        Ok(summaries)
    }
}

/// The columns of events that were admitted.
#[derive(Default)]
struct Events<'a> {
    sources: Vec<&'a str>,
    ids: Vec<&'a str>,
    kinds: Vec<&'static str>,
    subjects: Vec<String>,
    times: Vec<i64>,
    rotations: Vec<Option<String>>,
}

impl<'a> Events<'a> {
    fn of(events: &[(&'a ResetEvent, Option<RotationId>)]) -> Self {
        let mut columns = Self::default();
        for (event, rotation) in events {
            columns.sources.push(event.source.as_str());
            columns.ids.push(event.id.as_str());
            columns.kinds.push(event.kind.as_str());
            columns.subjects.push(rows::subject(&event.subject));
            columns.times.push(millis(event.occurred_at));
            columns.rotations.push(rotation.map(|id| id.to_string()));
        }
        columns
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
