//! Events come in.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::domain::audit::Deed;
use crate::domain::event::ResetEvent;
use crate::domain::ids::{RotationId, TargetName};
use crate::ports::journal::{Admission, Arrival, JournalError, Placement};
use crate::store::fault;
use crate::store::ledger::Ledger;
use crate::store::rows::{self, Place, millis};
use crate::store::sqlite::{Write, audit, growth, one_row};

/// Unfinished rotations that gain something in this transaction.
#[derive(Default)]
struct Opened(BTreeMap<TargetName, (RotationId, Ledger)>);

/// Writes events down, with what follows from them. Each journal is read and stored once, however
/// many of the events are about its target.
pub(super) async fn admit_all(
    write: &mut Write,
    arrivals: &[Arrival],
) -> Result<Vec<Admission>, JournalError> {
    let mut opened = Opened::default();
    let mut admissions = Vec::with_capacity(arrivals.len());
    for Arrival { event, placement } in arrivals {
        let admission = if let Some(rotation) = known(write, event).await? {
            Admission::Duplicate(rotation)
        } else {
            let rotation = match placement {
                Some(placement) => Some(opened.add(write, event, placement).await?),
                None => None,
            };
            note(write, event, rotation).await?;
            rotation.map_or(Admission::Unmatched, Admission::Accepted)
        };
        admissions.push(admission);
    }
    for (rotation, ledger) in opened.0.values() {
        growth::store(write, *rotation, ledger).await?;
        growth::wake(write, *rotation).await?;
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
        let at = write.now;
        if let Some((rotation, ledger)) = self.0.get_mut(&placement.target) {
            ledger.join(&placement.surfaces, event, at)?;
            return audited(write, *rotation, event).await;
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
        self.0.insert(placement.target.clone(), (rotation, ledger));
        audited(write, rotation, event).await
    }
}

/// Notes who asked for the rotation, where a person did.
async fn audited(
    write: &mut Write,
    rotation: RotationId,
    event: &ResetEvent,
) -> Result<RotationId, JournalError> {
    if let Some(deed) = Deed::of_event(event) {
        audit::note(write, rotation, &deed).await?;
    }
    Ok(rotation)
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
            .map_err(fault::sqlite)?;
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
            .map_err(fault::sqlite)?;
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
    .map_err(fault::sqlite)?;
    Ok(one_row(&result, "rotation", &id)?)
}

/// Keeps the event, so that a redelivery is recognised.
async fn note(
    write: &mut Write,
    event: &ResetEvent,
    rotation: Option<RotationId>,
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
    .bind(millis(write.now))
    .bind(rotation.map(|id| id.to_string()))
    .execute(&mut *write.transaction)
    .await
    .map_err(fault::sqlite)?;
    Ok(one_row(&result, "event", &format_args!("{}/{}", event.source, event.id))?)
}
