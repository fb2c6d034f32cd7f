//! Events come in.

use std::collections::HashMap;

use crate::domain::event::ResetEvent;
use crate::domain::ids::{RotationId, TargetName};
use crate::domain::phase::Phase;
use crate::ports::journal::{Admission, Arrival, JournalError, Placement};
use crate::store::fault;
use crate::store::intake::{self, EventKey, Intake, Stored};
use crate::store::ledger::Ledger;
use crate::store::rows::{self, EventColumns, ExtentColumns, millis};
use crate::store::sqlite::growth::Due;
use crate::store::sqlite::values::{Statement, from_values, padded};
use crate::store::sqlite::{Write, audit, growth};

/// Writes events down, with what follows from them.
pub(super) async fn admit_all(
    write: &mut Write,
    arrivals: &[Arrival],
) -> Result<Vec<Admission>, JournalError> {
    let events = known(write, arrivals).await?;
    let rotations = unfinished(write, arrivals).await?;
    let decided = intake::decide(arrivals, Stored { events, rotations }, write.now)?;
    let Intake { admissions, begun, grown, events, deeds } = decided;
    begin(write, &begun).await?;
    growth::store(write, grown, Due::Now).await?;
    note(write, &events).await?;
    for (rotation, deed) in &deeds {
        audit::note(write, *rotation, deed).await?;
    }
    Ok(admissions)
}

/// The events that were admitted before, and the rotation to which each went.
async fn known(
    write: &mut Write,
    arrivals: &[Arrival],
) -> Result<HashMap<EventKey, Option<RotationId>>, JournalError> {
    let mut statement = Statement::new("SELECT source, id, rotation");
    from_values(&mut statement, arrivals, |mut key, arrival| {
        let event = arrival.map(|arrival| &arrival.event);
        key.push_bind(event.map(|event| event.source.as_str()));
        key.push_bind(event.map(|event| event.id.as_str()));
    });
    // The order of a cross join is kept: a few keys are looked up in a long table.
    let columns: Vec<EventColumns> = statement
        .push("CROSS JOIN event ON source = column1 AND id = column2")
        .build_query_as()
        .fetch_all(&mut *write.transaction)
        .await
        .map_err(fault::sqlite)?;
    Ok(columns.into_iter().map(rows::event).collect::<Result<_, _>>()?)
}

/// The unfinished rotations of the targets.
async fn unfinished(
    write: &mut Write,
    arrivals: &[Arrival],
) -> Result<HashMap<TargetName, (RotationId, Ledger)>, JournalError> {
    let targets: Vec<&str> = intake::targets(arrivals).into_iter().collect();
    let mut statement = Statement::new(
        "SELECT id, last_seq, updated_at_ms, target FROM rotation
         WHERE finished_at_ms IS NULL AND target IN (",
    );
    statement.push_values(padded(&targets), |mut key, target| {
        key.push_bind(target.copied());
    });
    let columns: Vec<ExtentColumns> = statement
        .push(")")
        .build_query_as()
        .fetch_all(&mut *write.transaction)
        .await
        .map_err(fault::sqlite)?;
    let mut unfinished = HashMap::with_capacity(columns.len());
    for columns in columns {
        let (rotation, extent, target) = rows::extent(columns)?;
        let ledger = growth::read(write, rotation, extent).await?;
        unfinished.insert(target, (rotation, ledger));
    }
    Ok(unfinished)
}

/// Makes the rows of new rotations, due now; their journals are stored next.
async fn begin(write: &mut Write, begun: &[&Placement]) -> Result<(), JournalError> {
    let now = millis(write.now);
    let mut statement = Statement::new(
        "INSERT INTO rotation (id, target, account, phase, admitted_at_ms, updated_at_ms,
                               due_at_ms, last_seq)
         SELECT column1, column2, column3, column4, column5, column5, column5, 0",
    );
    from_values(&mut statement, begun, |mut new, placement| {
        new.push_bind(placement.map(|it| it.new_rotation.to_string()));
        new.push_bind(placement.map(|it| it.target.as_str()));
        new.push_bind(placement.map(|it| it.account.as_str()));
        new.push_bind(Phase::Containing.as_str());
        new.push_bind(now);
    });
    write.insert(&mut statement, begun.len(), "rotation").await
}

/// Keeps the events, so that a redelivery is recognised.
async fn note(
    write: &mut Write,
    events: &[(&ResetEvent, Option<RotationId>)],
) -> Result<(), JournalError> {
    let now = millis(write.now);
    let mut statement = Statement::new(
        "INSERT INTO event (source, id, kind, subject, occurred_at_ms, rotation, received_at_ms)
         SELECT column1, column2, column3, column4, column5, column6, column7",
    );
    from_values(&mut statement, events, |mut new, noted| {
        let event = noted.map(|(event, _)| event);
        new.push_bind(event.map(|event| event.source.as_str()));
        new.push_bind(event.map(|event| event.id.as_str()));
        new.push_bind(event.map(|event| event.kind.as_str()));
        new.push_bind(event.map(|event| rows::subject(&event.subject)));
        new.push_bind(event.map(|event| millis(event.occurred_at)));
        new.push_bind(noted.and_then(|(_, rotation)| rotation.map(|id| id.to_string())));
        new.push_bind(now);
    });
    write.insert(&mut statement, events.len(), "event").await
}
