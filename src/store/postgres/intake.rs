//! Events come in.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::domain::audit::Deed;
use crate::domain::event::ResetEvent;
use crate::domain::ids::{RotationId, TargetName};
use crate::ports::journal::{Admission, Arrival, JournalError, Placement};
use crate::store::fault;
use crate::store::ledger::Ledger;
use crate::store::postgres::{Write, audit, growth, one_row};
use crate::store::rows::{self, Place, millis};

/// Unfinished rotations that gain something in this transaction.
struct Opened {
    /// The database's time, once every turn was taken.
    at: Timestamp,
    rotations: BTreeMap<TargetName, (RotationId, Ledger)>,
}

/// Writes events down, with what follows from them. Each journal is read and stored once, however
/// many of the events are about its target.
pub(super) async fn admit_all(
    write: &mut Write,
    arrivals: &[Arrival],
) -> Result<Vec<Admission>, JournalError> {
    take_turns(write, arrivals).await?;
    let mut opened = Opened { at: write.now().await?, rotations: BTreeMap::new() };
    let mut admissions = Vec::with_capacity(arrivals.len());
    for Arrival { event, placement } in arrivals {
        let admission = if let Some(rotation) = known(write, event).await? {
            Admission::Duplicate(rotation)
        } else {
            let rotation = match placement {
                Some(placement) => Some(opened.add(write, event, placement).await?),
                None => None,
            };
            note(write, event, rotation, opened.at).await?;
            rotation.map_or(Admission::Unmatched, Admission::Accepted)
        };
        admissions.push(admission);
    }
    for (rotation, ledger) in opened.rotations.values() {
        growth::store(write, *rotation, ledger, opened.at).await?;
        growth::wake(write, *rotation, opened.at).await?;
    }
    if !opened.rotations.is_empty() {
        write.wake_others().await?;
    }
    Ok(admissions)
}

impl Opened {
    /// Adds an event to its target's unfinished rotation, or to a new one.
    async fn add(
        &mut self,
        write: &mut Write,
        event: &ResetEvent,
        placement: &Placement,
    ) -> Result<RotationId, JournalError> {
        let at = self.at;
        if let Some((rotation, ledger)) = self.rotations.get_mut(&placement.target) {
            ledger.join(&placement.surfaces, event, at)?;
            return audited(write, *rotation, event, at).await;
        }
        let (rotation, ledger) = if let Some(rotation) = unfinished(write, placement).await? {
            let mut ledger = growth::open(write, rotation).await?;
            ledger.join(&placement.surfaces, event, at)?;
            (rotation, ledger)
        } else {
            let ledger = Ledger::begin(placement.surfaces.clone(), event, at)?;
            begin(write, placement, &ledger, at).await?;
            (placement.new_rotation, ledger)
        };
        self.rotations.insert(placement.target.clone(), (rotation, ledger));
        audited(write, rotation, event, at).await
    }
}

/// Notes who asked for the rotation, where a person did.
async fn audited(
    write: &mut Write,
    rotation: RotationId,
    event: &ResetEvent,
    at: Timestamp,
) -> Result<RotationId, JournalError> {
    if let Some(deed) = Deed::of_event(event) {
        audit::note(write, rotation, &deed, at).await?;
    }
    Ok(rotation)
}

/// Waits until no other transaction has its turn at one of these events or their targets, and keeps
/// the turns to the end of this one. Two deliveries of an event, or two events of a target, would
/// otherwise not see one another. Everybody takes turns in the same order, so that no two
/// transactions wait for each other.
async fn take_turns(write: &mut Write, arrivals: &[Arrival]) -> Result<(), JournalError> {
    let events =
        arrivals.iter().map(|Arrival { event, .. }| format!("event {} {}", event.source, event.id));
    let placements = arrivals.iter().filter_map(|arrival| arrival.placement.as_ref());
    let targets = placements.map(|placement| format!("target {}", placement.target));
    let turns: Vec<String> = events.chain(targets).collect();
    sqlx::query(
        "SELECT pg_advisory_xact_lock(turn)
         FROM (SELECT DISTINCT hashtextextended(name, 0) AS turn
               FROM unnest($1::text[]) AS name
               ORDER BY turn
               OFFSET 0) AS turns",
    )
    .bind(turns)
    .execute(&mut *write.transaction)
    .await
    .map(drop)
    .map_err(fault::postgres)
}

/// Whether the event was admitted before, and the rotation that it went to.
async fn known(
    write: &mut Write,
    event: &ResetEvent,
) -> Result<Option<Option<RotationId>>, JournalError> {
    let rotation: Option<Option<String>> =
        sqlx::query_scalar("SELECT rotation FROM event WHERE source = $1 AND id = $2")
            .bind(event.source.as_str())
            .bind(event.id.as_str())
            .fetch_optional(&mut *write.transaction)
            .await
            .map_err(fault::postgres)?;
    let place = Place::new("event", &format_args!("{}/{}", event.source, event.id));
    let read = |id: Option<String>| id.map(|id| place.rotation_id("rotation", &id)).transpose();
    Ok(rotation.map(read).transpose()?)
}

/// The target's unfinished rotation.
async fn unfinished(
    write: &mut Write,
    placement: &Placement,
) -> Result<Option<RotationId>, JournalError> {
    let id: Option<String> =
        sqlx::query_scalar("SELECT id FROM rotation WHERE target = $1 AND finished_at_ms IS NULL")
            .bind(placement.target.as_str())
            .fetch_optional(&mut *write.transaction)
            .await
            .map_err(fault::postgres)?;
    let read = |id: String| Place::new("rotation", &id).rotation_id("id", &id);
    Ok(id.map(read).transpose()?)
}

/// Makes the row of a new rotation, due now; its journal is stored next.
async fn begin(
    write: &mut Write,
    placement: &Placement,
    ledger: &Ledger,
    at: Timestamp,
) -> Result<(), JournalError> {
    let id = placement.new_rotation.to_string();
    let result = sqlx::query(
        "INSERT INTO rotation (id, target, account, phase, admitted_at_ms, updated_at_ms,
                               last_seq, due_at_ms)
         VALUES ($1, $2, $3, $4, $5, $6, 0, $6)",
    )
    .bind(&id)
    .bind(placement.target.as_str())
    .bind(placement.account.as_str())
    .bind(ledger.phase().as_str())
    .bind(millis(ledger.admitted_at()))
    .bind(millis(at))
    .execute(&mut *write.transaction)
    .await
    .map_err(fault::postgres)?;
    one_row(&result, "rotation", &id)?;
    // The row that a claim locks is there before the first claim.
    sqlx::query(
        "INSERT INTO lease (account, fence, claimed_seq) VALUES ($1, 0, 0)
         ON CONFLICT (account) DO NOTHING",
    )
    .bind(placement.account.as_str())
    .execute(&mut *write.transaction)
    .await
    .map(drop)
    .map_err(fault::postgres)
}

/// Keeps the event, so that a redelivery is recognised.
async fn note(
    write: &mut Write,
    event: &ResetEvent,
    rotation: Option<RotationId>,
    at: Timestamp,
) -> Result<(), JournalError> {
    let result = sqlx::query(
        "INSERT INTO event (source, id, kind, subject, occurred_at_ms, received_at_ms, rotation)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(event.source.as_str())
    .bind(event.id.as_str())
    .bind(event.kind.as_str())
    .bind(rows::subject(&event.subject))
    .bind(millis(event.occurred_at))
    .bind(millis(at))
    .bind(rotation.map(|id| id.to_string()))
    .execute(&mut *write.transaction)
    .await
    .map_err(fault::postgres)?;
    Ok(one_row(&result, "event", &format_args!("{}/{}", event.source, event.id))?)
}
