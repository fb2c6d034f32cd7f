//! Events come in.

use std::collections::hash_map::Entry;

use jiff::Timestamp;

use crate::domain::phase::Phase;
use crate::ports::journal::{Admission, Arrival, JournalError, Placement};
use crate::store::fault;
use crate::store::intake::{self, Intake, Stored};
use crate::store::postgres::growth::Due;
use crate::store::postgres::{Write, audit, growth};
use crate::store::rows::{self, EventColumns, ExtentColumns, millis};

/// Writes events down, with what follows from them.
pub(super) async fn admit_all(
    write: &mut Write,
    arrivals: &[Arrival],
) -> Result<Vec<Admission>, JournalError> {
    take_turns(write, arrivals).await?;
    let (stored, now) = look(write, arrivals).await?;
    let Intake { admissions, begun, grown, events, deeds } = intake::decide(arrivals, stored, now)?;
    begin(write, &begun, now).await?;
    growth::store(write, grown, &events, Due::Now, now).await?;
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
    .execute(&mut *write.connection)
    .await
    .map(drop)
    .map_err(fault::postgres)
}

/// What is stored of the events and their targets, and the time once the targets' unfinished
/// rotations are locked.
async fn look(
    write: &mut Write,
    arrivals: &[Arrival],
) -> Result<(Stored, Timestamp), JournalError> {
    let (sources, ids): (Vec<&str>, Vec<&str>) = arrivals
        .iter()
        .map(|Arrival { event, .. }| (event.source.as_str(), event.id.as_str()))
        .unzip();
    let targets: Vec<Option<&str>> = arrivals
        .iter()
        .map(|arrival| arrival.placement.as_ref().map(|placement| placement.target.as_str()))
        .collect();
    // The clock is read once all that is counted is locked. A plan that was made while there were
    // few events would read all of them for ever: with the limit there is only one way, a key after
    // the other.
    let found: Vec<(i64, Option<EventColumns>, Option<ExtentColumns>)> = sqlx::query_as(
        "WITH unfinished AS MATERIALIZED (
             SELECT id, last_seq, updated_at_ms, target FROM rotation
             WHERE target = ANY($3) AND finished_at_ms IS NULL
             ORDER BY id FOR UPDATE
         ), clock AS MATERIALIZED (
             SELECT FLOOR(EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::BIGINT AS now_ms
             FROM (SELECT COUNT(*) FROM unfinished) AS locked
         )
         SELECT now_ms, known, unfinished
         FROM unnest($1::TEXT[], $2::TEXT[], $3::TEXT[]) AS arrival (source, id, target)
         CROSS JOIN clock
         LEFT JOIN LATERAL (SELECT event.source, event.id, event.rotation FROM event
                            WHERE event.source = arrival.source AND event.id = arrival.id
                            LIMIT 1) AS known ON TRUE
         LEFT JOIN unfinished ON unfinished.target = arrival.target",
    )
    .bind(sources)
    .bind(ids)
    .bind(targets)
    .fetch_all(&mut *write.connection)
    .await
    .map_err(fault::postgres)?;
    let mut stored = Stored::default();
    let mut now = Timestamp::MIN;
    for (now_ms, event, unfinished) in found {
        now = write.time.judge(now_ms)?;
        stored.events.extend(event.map(rows::event).transpose()?);
        if let Some(columns) = unfinished {
            let (rotation, extent, target) = rows::extent(columns)?;
            if let Entry::Vacant(first) = stored.rotations.entry(target) {
                first.insert((rotation, growth::read(write, rotation, extent).await?));
            }
        }
    }
    Ok((stored, now))
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
    .execute(&mut *write.connection)
    .await
    .map(drop)
    .map_err(fault::postgres)
}
