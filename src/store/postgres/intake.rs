//! Events come in.
//!
//! What is stored of them is read without a lock, and what follows is written in one statement,
//! which fails where it no longer follows: where another replica knows one of the events by then,
//! or wrote to a rotation that one of them joins. That makes two round trips, and hardly ever does
//! it fail. Where it does, everything is done again, in a transaction during which nobody else
//! writes events down; whoever meets that waits for its end, and tries again in one statement.

use std::collections::hash_map::Entry;

use jiff::Timestamp;

use crate::ports::journal::{Admission, Arrival, JournalError};
use crate::store::fault;
use crate::store::intake::{self, Stored};
use crate::store::postgres::admitted::{self, Admitted, Obstacle};
use crate::store::postgres::{PostgresStore, Write, audit, growth};
use crate::store::rows::{self, EventColumns, ExtentColumns};

/// The clock, an event that is known already, and the unfinished rotation of its target.
type Found = (i64, Option<EventColumns>, Option<ExtentColumns>);

/// How often events are written down in one statement beside others that want nobody beside them.
/// Each of those is done by then, so that more than once means a storm of them.
const WAITS_MAX: u32 = 8;

/// What came of writing events down in one statement.
enum AtOnce {
    /// They are.
    Admitted(Vec<Admission>),
    /// Somebody wants nobody else to write now.
    Beside,
    /// Others were quicker, or there is more to write.
    Alone,
}

/// Writes events down, with what follows from them.
pub(super) async fn admit_all(
    store: &PostgresStore,
    arrivals: &[Arrival],
) -> Result<Vec<Admission>, JournalError> {
    for _ in 0..WAITS_MAX {
        match at_once(store, arrivals).await? {
            AtOnce::Admitted(admissions) => return Ok(admissions),
            // Whoever then wanted to be alone as well would keep the next one from it: one of them
            // would be followed by nothing else.
            AtOnce::Beside => wait(store).await?,
            AtOnce::Alone => break,
        }
    }
    let mut write = Write::begin(store).await?;
    let admissions = alone(&mut write, arrivals).await;
    write.end(admissions).await
}

/// Does so in one statement.
async fn at_once(store: &PostgresStore, arrivals: &[Arrival]) -> Result<AtOnce, JournalError> {
    let mut lost = 0;
    let (mut write, found) = loop {
        let mut write = Write::take(store).await?;
        match look(&mut write, arrivals).await {
            Ok(found) => break (write, found),
            Err(error) => write.pass_over(error, &mut lost).await?,
        }
    };
    let (stored, now) = read(&mut write, found).await?;
    // What was read at different times may not go together.
    let intake = intake::decide(arrivals, stored, now).ok();
    let Some(intake) = intake.filter(|intake| intake.deeds.is_empty()) else {
        write.answered();
        return Ok(AtOnce::Alone);
    };
    let written = Admitted::of(&intake)?.write(&mut write, now).await;
    if let Err(error) = written {
        let obstacle = admitted::obstacle(&error).ok_or_else(|| fault::postgres(error))?;
        write.answered();
        return Ok(match obstacle {
            Obstacle::Lock => AtOnce::Beside,
            Obstacle::Overtaken => AtOnce::Alone,
        });
    }
    write.answered();
    write.grown.extend(intake.grown.into_iter().map(|(rotation, ledger)| (rotation, ledger, now)));
    write.keep();
    Ok(AtOnce::Admitted(intake.admissions))
}

/// Waits until nobody wants to be alone any more.
async fn wait(store: &PostgresStore) -> Result<(), JournalError> {
    let mut write = Write::take(store).await?;
    sqlx::query("SELECT pg_advisory_xact_lock_shared($1)")
        .bind(admitted::LOCK)
        .execute(&mut *write.connection)
        .await
        .map_err(fault::postgres)?;
    write.answered();
    Ok(())
}

/// Does so in a transaction, while nobody else does.
async fn alone(write: &mut Write, arrivals: &[Arrival]) -> Result<Vec<Admission>, JournalError> {
    lock(write, arrivals).await?;
    let found = look(write, arrivals).await.map_err(fault::postgres)?;
    let (stored, now) = read(write, found).await?;
    let intake = intake::decide(arrivals, stored, now)?;
    Admitted::of(&intake)?.write(write, now).await.map_err(fault::postgres)?;
    for (rotation, deed) in &intake.deeds {
        audit::note(write, *rotation, deed, now).await?;
    }
    write.grown.extend(intake.grown.into_iter().map(|(rotation, ledger)| (rotation, ledger, now)));
    Ok(intake.admissions)
}

/// Waits until nobody else writes events down, then locks the targets' unfinished rotations.
async fn lock(write: &mut Write, arrivals: &[Arrival]) -> Result<(), JournalError> {
    sqlx::query("SELECT pg_advisory_xact_lock($1)")
        .bind(admitted::LOCK)
        .execute(&mut *write.connection)
        .await
        .map_err(fault::postgres)?;
    let targets: Vec<_> = intake::targets(arrivals).into_iter().collect();
    // Found by key, for the reason that `look` has; then locked in the order that everybody has.
    sqlx::query(
        "SELECT 1 FROM rotation
         WHERE id = ANY(ARRAY(
             SELECT unfinished.id
             FROM unnest($1::TEXT[]) AS arrival (target)
             CROSS JOIN LATERAL (SELECT id FROM rotation
                                 WHERE rotation.target = arrival.target AND finished_at_ms IS NULL
                                 LIMIT 1) AS unfinished))
         ORDER BY id FOR UPDATE",
    )
    .bind(targets)
    .execute(&mut *write.connection)
    .await
    .map(drop)
    .map_err(fault::postgres)
}

/// What is stored of each event and its target.
async fn look(write: &mut Write, arrivals: &[Arrival]) -> Result<Vec<Found>, sqlx::Error> {
    let (sources, ids): (Vec<&str>, Vec<&str>) = arrivals
        .iter()
        .map(|Arrival { event, .. }| (event.source.as_str(), event.id.as_str()))
        .unzip();
    let targets: Vec<Option<&str>> = arrivals
        .iter()
        .map(|arrival| arrival.placement.as_ref().map(|placement| placement.target.as_str()))
        .collect();
    // A plan that was made while the tables were small would read all of them for ever: with the
    // limits there is only one way, a key after the other.
    sqlx::query_as(
        "SELECT FLOOR(EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::BIGINT, known, unfinished
         FROM unnest($1::TEXT[], $2::TEXT[], $3::TEXT[]) AS arrival (source, id, target)
         LEFT JOIN LATERAL (SELECT source, id, rotation FROM event
                            WHERE event.source = arrival.source AND event.id = arrival.id
                            LIMIT 1) AS known ON TRUE
         LEFT JOIN LATERAL (SELECT id, last_seq, updated_at_ms, target FROM rotation
                            WHERE rotation.target = arrival.target AND finished_at_ms IS NULL
                            LIMIT 1) AS unfinished ON TRUE",
    )
    .bind(sources)
    .bind(ids)
    .bind(targets)
    .fetch_all(&mut *write.connection)
    .await
}

/// Reads what was found, with the journals of the rotations, and the time.
async fn read(write: &mut Write, found: Vec<Found>) -> Result<(Stored, Timestamp), JournalError> {
    let now = match found.first() {
        Some(&(now_ms, ..)) => write.time.judge(now_ms)?,
        None => write.now().await?,
    };
    let mut stored = Stored::default();
    for (_, event, unfinished) in found {
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
