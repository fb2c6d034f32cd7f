//! Events come in.

use jiff::Timestamp;

use crate::domain::audit::Deed;
use crate::domain::event::ResetEvent;
use crate::domain::ids::RotationId;
use crate::ports::journal::{Admission, JournalError, Placement};
use crate::store::fault;
use crate::store::ledger::Ledger;
use crate::store::postgres::{Write, audit, growth, one_row};
use crate::store::rows::{self, Place, millis};

/// Writes an event down, with what follows from it.
pub(super) async fn admit(
    write: &mut Write,
    event: &ResetEvent,
    placement: Option<&Placement>,
) -> Result<Admission, JournalError> {
    take_turn(write, &format!("event {} {}", event.source, event.id)).await?;
    if let Some(rotation) = known(write, event).await? {
        return Ok(Admission::Duplicate(rotation));
    }
    let Some(placement) = placement else {
        let at = write.now().await?;
        note(write, event, None, at).await?;
        return Ok(Admission::Unmatched);
    };
    take_turn(write, &format!("target {}", placement.target)).await?;
    let (rotation, at) = if let Some(rotation) = unfinished(write, placement).await? {
        let mut ledger = growth::open(write, rotation).await?;
        let at = write.now().await?;
        ledger.join(&placement.surfaces, event, at)?;
        growth::store(write, rotation, &ledger, at).await?;
        growth::wake(write, rotation, at).await?;
        (rotation, at)
    } else {
        let at = write.now().await?;
        let ledger = Ledger::begin(placement.surfaces.clone(), event, at)?;
        begin(write, placement, &ledger, at).await?;
        growth::store(write, placement.new_rotation, &ledger, at).await?;
        (placement.new_rotation, at)
    };
    note(write, event, Some(rotation), at).await?;
    if let Some(deed) = Deed::of_event(event) {
        audit::note(write, rotation, &deed, at).await?;
    }
    write.wake_others().await?;
    Ok(Admission::Accepted(rotation))
}

/// Waits until no other transaction has its turn at `what`, and keeps it to the end of this one.
/// Two deliveries of an event, or two events of a target, would otherwise not see one another.
async fn take_turn(write: &mut Write, what: &str) -> Result<(), JournalError> {
    sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))")
        .bind(what)
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
