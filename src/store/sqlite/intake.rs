//! Events come in.

use std::collections::HashMap;

use rusqlite::params;

use crate::domain::event::ResetEvent;
use crate::domain::ids::{RotationId, TargetName};
use crate::domain::phase::Phase;
use crate::ports::journal::{Admission, Arrival, JournalError, Placement};
use crate::store::intake::{self, EventKey, Intake, Stored};
use crate::store::ledger::Ledger;
use crate::store::rows::{self, EventColumns, ExtentColumns, millis};
use crate::store::sqlite::growth::Due;
use crate::store::sqlite::statements::{execute_one, first};
use crate::store::sqlite::{Write, audit, growth};

/// Writes events down, with what follows from them.
pub(super) fn admit_all(
    write: &mut Write<'_>,
    arrivals: &[Arrival],
) -> Result<Vec<Admission>, JournalError> {
    let events = known(write, arrivals)?;
    let rotations = unfinished(write, arrivals)?;
    let decided = intake::decide(arrivals, Stored { events, rotations }, write.now)?;
    let Intake { admissions, begun, grown, events, deeds } = decided;
    for placement in begun {
        begin(write, placement)?;
    }
    for (rotation, ledger) in grown {
        growth::store(write, rotation, ledger, Due::Now)?;
    }
    for (event, rotation) in events {
        note(write, event, rotation)?;
    }
    for (rotation, deed) in &deeds {
        audit::note(write, *rotation, deed)?;
    }
    Ok(admissions)
}

/// The events that were admitted before, and the rotation to which each went.
fn known(
    write: &Write<'_>,
    arrivals: &[Arrival],
) -> Result<HashMap<EventKey, Option<RotationId>>, JournalError> {
    let mut known = HashMap::new();
    for Arrival { event, .. } in arrivals {
        let columns: Option<EventColumns> = first(
            &write.transaction,
            "SELECT source, id, rotation FROM event WHERE source = ?1 AND id = ?2",
            params![event.source.as_str(), event.id.as_str()],
        )?;
        if let Some(columns) = columns {
            let (key, rotation) = rows::event(columns)?;
            known.insert(key, rotation);
        }
    }
    Ok(known)
}

/// The unfinished rotations of the targets.
fn unfinished(
    write: &Write<'_>,
    arrivals: &[Arrival],
) -> Result<HashMap<TargetName, (RotationId, Ledger)>, JournalError> {
    let mut unfinished = HashMap::new();
    for target in intake::targets(arrivals) {
        let columns: Option<ExtentColumns> = first(
            &write.transaction,
            "SELECT id, last_seq, updated_at_ms, target FROM rotation
             WHERE finished_at_ms IS NULL AND target = ?1",
            [target],
        )?;
        if let Some(columns) = columns {
            let (rotation, extent, target) = rows::extent(columns)?;
            unfinished.insert(target, (rotation, growth::read(write, rotation, extent)?));
        }
    }
    Ok(unfinished)
}

/// Makes the row of a new rotation, due now; its journal is stored next.
fn begin(write: &Write<'_>, placement: &Placement) -> Result<(), JournalError> {
    execute_one(
        &write.transaction,
        "INSERT INTO rotation (id, target, account, phase, admitted_at_ms, updated_at_ms,
                               due_at_ms, last_seq)
         VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?5, 0)",
        params![
            placement.new_rotation.to_string(),
            placement.target.as_str(),
            placement.account.as_str(),
            Phase::Containing.as_str(),
            millis(write.now),
        ],
        "rotation",
        &placement.new_rotation,
    )
}

/// Keeps an event, so that a redelivery is recognised.
fn note(
    write: &Write<'_>,
    event: &ResetEvent,
    rotation: Option<RotationId>,
) -> Result<(), JournalError> {
    execute_one(
        &write.transaction,
        "INSERT INTO event (source, id, kind, subject, occurred_at_ms, rotation, received_at_ms)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![
            event.source.as_str(),
            event.id.as_str(),
            event.kind.as_str(),
            rows::subject(&event.subject),
            millis(event.occurred_at),
            rotation.map(|id| id.to_string()),
            millis(write.now),
        ],
        "event",
        &event.id,
    )
}
