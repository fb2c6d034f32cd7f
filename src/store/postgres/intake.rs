//! Events come in.

use std::collections::HashMap;

use jiff::Timestamp;

use crate::domain::event::ResetEvent;
use crate::domain::ids::{RotationId, TargetName};
use crate::domain::phase::Phase;
use crate::ports::journal::{Admission, Arrival, JournalError, Placement};
use crate::store::fault;
use crate::store::intake::{self, EventKey, Intake, Stored};
use crate::store::ledger::Ledger;
use crate::store::postgres::growth::Due;
use crate::store::postgres::{Write, all_rows, audit, growth};
use crate::store::rows::{self, EventColumns, ExtentColumns, millis};

/// Writes events down, with what follows from them.
pub(super) async fn admit_all(
    write: &mut Write,
    arrivals: &[Arrival],
) -> Result<Vec<Admission>, JournalError> {
    take_turns(write, arrivals).await?;
    let events = known(write, arrivals).await?;
    let rotations = unfinished(write, arrivals).await?;
    let now = write.now().await?;
    let decided = intake::decide(arrivals, Stored { events, rotations }, now)?;
    let Intake { admissions, begun, grown, events, deeds } = decided;
    begin(write, &begun, now).await?;
    if !grown.is_empty() {
        growth::store(write, grown, Due::Now, now).await?;
    }
    note(write, &events, now).await?;
    for (rotation, deed) in &deeds {
        audit::note(write, *rotation, deed, now).await?;
    }
    Ok(admissions)
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

/// The events that were admitted before, and the rotation to which each went.
async fn known(
    write: &mut Write,
    arrivals: &[Arrival],
) -> Result<HashMap<EventKey, Option<RotationId>>, JournalError> {
    let (sources, ids): (Vec<&str>, Vec<&str>) = arrivals
        .iter()
        .map(|Arrival { event, .. }| (event.source.as_str(), event.id.as_str()))
        .unzip();
    // A plan that was made while the table was small would read all of it for ever: with the limit
    // there is only one way, a key after the other.
    let columns: Vec<EventColumns> = sqlx::query_as(
        "SELECT known.source, known.id, known.rotation
         FROM unnest($1::TEXT[], $2::TEXT[]) AS key (source, id)
         CROSS JOIN LATERAL (SELECT * FROM event
                             WHERE event.source = key.source AND event.id = key.id
                             LIMIT 1) AS known",
    )
    .bind(sources)
    .bind(ids)
    .fetch_all(&mut *write.transaction)
    .await
    .map_err(fault::postgres)?;
    Ok(columns.into_iter().map(rows::event).collect::<Result<_, _>>()?)
}

/// The unfinished rotations of the targets, locked.
async fn unfinished(
    write: &mut Write,
    arrivals: &[Arrival],
) -> Result<HashMap<TargetName, (RotationId, Ledger)>, JournalError> {
    let targets: Vec<_> = intake::targets(arrivals).into_iter().collect();
    let columns: Vec<ExtentColumns> = sqlx::query_as(
        "SELECT id, last_seq, updated_at_ms, target FROM rotation
         WHERE target = ANY($1) AND finished_at_ms IS NULL
         ORDER BY id FOR UPDATE",
    )
    .bind(targets)
    .fetch_all(&mut *write.transaction)
    .await
    .map_err(fault::postgres)?;
    let mut unfinished = HashMap::with_capacity(columns.len());
    for columns in columns {
        let (rotation, extent, target) = rows::extent(columns)?;
        let ledger = growth::read(write, rotation, extent).await?;
        unfinished.insert(target, (rotation, ledger));
    }
    Ok(unfinished)
}

/// Makes the rows of new rotations, due now; their journals are stored next.
async fn begin(
    write: &mut Write,
    begun: &[&Placement],
    now: Timestamp,
) -> Result<(), JournalError> {
    if begun.is_empty() {
        return Ok(());
    }
    let ids: Vec<String> = begun.iter().map(|it| it.new_rotation.to_string()).collect();
    let targets: Vec<&str> = begun.iter().map(|it| it.target.as_str()).collect();
    let accounts: Vec<&str> = begun.iter().map(|it| it.account.as_str()).collect();
    // The row that a claim locks is there before the first claim. In one order, so that no two
    // transactions wait for each other.
    sqlx::query(
        "WITH begun AS (
             INSERT INTO rotation (id, target, account, phase, admitted_at_ms, updated_at_ms,
                                   last_seq, due_at_ms)
             SELECT id, target, account, $4, $5, $5, 0, $5
             FROM unnest($1::TEXT[], $2::TEXT[], $3::TEXT[]) AS begun (id, target, account)
         )
         INSERT INTO lease (account, fence, claimed_seq)
         SELECT DISTINCT account, 0, 0 FROM unnest($3::TEXT[]) AS account ORDER BY account
         ON CONFLICT (account) DO NOTHING",
    )
    .bind(ids)
    .bind(targets)
    .bind(accounts)
    .bind(Phase::Containing.as_str())
    .bind(millis(now))
    .execute(&mut *write.transaction)
    .await
    .map(drop)
    .map_err(fault::postgres)
}

/// Keeps the events, so that a redelivery is recognised.
async fn note(
    write: &mut Write,
    events: &[(&ResetEvent, Option<RotationId>)],
    now: Timestamp,
) -> Result<(), JournalError> {
    let column = |text: fn(&ResetEvent) -> String| -> Vec<String> {
        events.iter().map(|(event, _)| text(event)).collect()
    };
    let times: Vec<i64> = events.iter().map(|(event, _)| millis(event.occurred_at)).collect();
    let rotations: Vec<Option<String>> =
        events.iter().map(|(_, rotation)| rotation.map(|id| id.to_string())).collect();
    let result = sqlx::query(
        "INSERT INTO event (source, id, kind, subject, occurred_at_ms, rotation, received_at_ms)
         SELECT *, $7
         FROM unnest($1::TEXT[], $2::TEXT[], $3::TEXT[], $4::TEXT[], $5::BIGINT[], $6::TEXT[])",
    )
    .bind(column(|event| event.source.to_string()))
    .bind(column(|event| event.id.to_string()))
    .bind(column(|event| event.kind.as_str().to_owned()))
    .bind(column(|event| rows::subject(&event.subject)))
    .bind(times)
    .bind(rotations)
    .bind(millis(now))
    .execute(&mut *write.transaction)
    .await
    .map_err(fault::postgres)?;
    Ok(all_rows(&result, events.len(), "event")?)
}
