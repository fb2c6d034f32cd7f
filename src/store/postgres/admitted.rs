//! Events that come in, and what follows from them, in one statement.

use std::collections::HashMap;

use jiff::Timestamp;

use crate::domain::event::ResetEvent;
use crate::domain::ids::RotationId;
use crate::ports::journal::Placement;
use crate::store::fault::Inconsistency;
use crate::store::intake::Intake;
use crate::store::ledger::Ledger;
use crate::store::postgres::growth::Gained;
use crate::store::postgres::{Write, wakes};
use crate::store::rows::{self, Place, millis};

/// The lock on writing events down, `reset_in` as a number: shared by statements that stand alone,
/// and held by a transaction that wants none beside it.
pub(super) const LOCK: i64 = 0x7265_7365_745f_696e;

/// What is to be written, in columns.
#[derive(Default)]
pub(super) struct Admitted<'a> {
    begun: Begun<'a>,
    joined: Joined,
    gained: Gained,
    events: Events<'a>,
}

impl<'a> Admitted<'a> {
    pub(super) fn of(intake: &'a Intake<'_>) -> Result<Self, Inconsistency> {
        let begun: HashMap<RotationId, &Placement> =
            intake.begun.iter().map(|placement| (placement.new_rotation, *placement)).collect();
        // In one order, so that no two statements wait for each other.
        let mut grown: Vec<_> = intake.grown.iter().collect();
        grown.sort_unstable_by_key(|(rotation, _)| *rotation);
        let mut admitted = Self::default();
        for (rotation, ledger) in grown {
            match begun.get(rotation) {
                Some(placement) => admitted.begun.add(placement, ledger)?,
                None => admitted.joined.add(*rotation, ledger)?,
            }
            admitted.gained.add(*rotation, ledger)?;
        }
        for (event, rotation) in &intake.events {
            admitted.events.add(event, *rotation);
        }
        Ok(admitted)
    }

    /// Writes it, and tells every replica that something is due. It fails where a rotation has
    /// moved on, by a division by zero, or a transaction wants nobody else to write, by the root of a
    /// negative number: a statement has no other way.
    pub(super) async fn write(self, write: &mut Write, now: Timestamp) -> Result<(), sqlx::Error> {
        let Self { begun, joined, gained, events } = self;
        if events.ids.is_empty() {
            return Ok(());
        }
        // What the statement selects from is done before the rest, so that rotations are locked
        // first, as everybody does. The row that a claim locks is there before the first claim. And
        // a transaction has the lock already, and would not get it again while others wait for it.
        sqlx::query(
            "WITH begun AS (
                 INSERT INTO rotation (id, target, account, phase, admitted_at_ms, updated_at_ms,
                                       last_seq, due_at_ms)
                 SELECT id, target, account, phase, $1, $1, last_seq, $1
                 FROM unnest($2::TEXT[], $3::TEXT[], $4::TEXT[], $5::TEXT[], $6::BIGINT[])
                      AS begun (id, target, account, phase, last_seq)
             ), leasable AS (
                 INSERT INTO lease (account, fence, claimed_seq)
                 SELECT DISTINCT account, 0, 0 FROM unnest($4::TEXT[]) AS account ORDER BY account
                 ON CONFLICT (account) DO NOTHING
             ), gained AS (
                 INSERT INTO entry (rotation, seq, at_ms, fence, entry)
                 SELECT *
                 FROM unnest($7::TEXT[], $8::BIGINT[], $9::BIGINT[], $10::BIGINT[], $11::TEXT[])
             ), noted AS (
                 INSERT INTO event
                     (source, id, kind, subject, occurred_at_ms, rotation, received_at_ms)
                 SELECT *, $1
                 FROM unnest($12::TEXT[], $13::TEXT[], $14::TEXT[], $15::TEXT[], $16::BIGINT[],
                             $17::TEXT[])
             ), joined AS (
                 UPDATE rotation
                 SET last_seq = joined.last_seq, phase = joined.phase, updated_at_ms = $1,
                     due_at_ms = LEAST(due_at_ms, $1)
                 FROM unnest($18::TEXT[], $19::BIGINT[], $20::BIGINT[], $21::TEXT[])
                      AS joined (id, stored_seq, last_seq, phase)
                 WHERE rotation.id = joined.id AND rotation.last_seq = joined.stored_seq
                 RETURNING rotation.id
             )
             SELECT 1 / (COUNT(*) = cardinality($18))::INTEGER,
                    sqrt(($22 OR pg_try_advisory_xact_lock_shared($23))::INTEGER - 1),
                    CASE WHEN cardinality($7) > 0 THEN pg_notify($24, '') END
             FROM joined",
        )
        .bind(millis(now))
        .bind(begun.ids)
        .bind(begun.targets)
        .bind(begun.accounts)
        .bind(begun.phases)
        .bind(begun.last_seqs)
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
        .bind(joined.ids)
        .bind(joined.stored_seqs)
        .bind(joined.last_seqs)
        .bind(joined.phases)
        .bind(write.is_open)
        .bind(LOCK)
        .bind(wakes::CHANNEL)
        .execute(&mut *write.connection)
        .await
        .map(drop)
    }
}

/// Why a statement did not write what was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Obstacle {
    /// Somebody wants nobody else to write now.
    Lock,
    /// What was to be written no longer follows: a rotation has moved on, an event or an unfinished
    /// rotation is there already, or each of two waited for the other.
    Overtaken,
}

/// What kept a statement from it; `None` where it is something else.
pub(super) fn obstacle(error: &sqlx::Error) -> Option<Obstacle> {
    const ROOT_OF_A_NEGATIVE_NUMBER: &str = "2201F";
    const DIVISION_BY_ZERO: &str = "22012";
    const UNIQUE_VIOLATION: &str = "23505";
    const DEADLOCK_DETECTED: &str = "40P01";

    match &*error.as_database_error()?.code()? {
        ROOT_OF_A_NEGATIVE_NUMBER => Some(Obstacle::Lock),
        DIVISION_BY_ZERO | UNIQUE_VIOLATION | DEADLOCK_DETECTED => Some(Obstacle::Overtaken),
        _ => None,
    }
}

/// Rotations that begin.
#[derive(Default)]
struct Begun<'a> {
    ids: Vec<String>,
    targets: Vec<&'a str>,
    accounts: Vec<&'a str>,
    phases: Vec<&'static str>,
    last_seqs: Vec<i64>,
}

impl<'a> Begun<'a> {
    fn add(&mut self, placement: &'a Placement, ledger: &Ledger) -> Result<(), Inconsistency> {
        let place = Place::new("rotation", &placement.new_rotation);
        self.ids.push(placement.new_rotation.to_string());
        self.targets.push(placement.target.as_str());
        self.accounts.push(placement.account.as_str());
        self.phases.push(ledger.phase().as_str());
        self.last_seqs.push(place.integer("last_seq", ledger.last_seq())?);
        Ok(())
    }
}

/// Rotations that events join.
#[derive(Default)]
struct Joined {
    ids: Vec<String>,
    stored_seqs: Vec<i64>,
    last_seqs: Vec<i64>,
    phases: Vec<&'static str>,
}

impl Joined {
    fn add(&mut self, rotation: RotationId, ledger: &Ledger) -> Result<(), Inconsistency> {
        let place = Place::new("rotation", &rotation);
        self.ids.push(rotation.to_string());
        self.stored_seqs.push(place.integer("last_seq", ledger.stored_seq())?);
        self.last_seqs.push(place.integer("last_seq", ledger.last_seq())?);
        self.phases.push(ledger.phase().as_str());
        Ok(())
    }
}

/// The events, to be recognised from now on.
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
    fn add(&mut self, event: &'a ResetEvent, rotation: Option<RotationId>) {
        self.sources.push(event.source.as_str());
        self.ids.push(event.id.as_str());
        self.kinds.push(event.kind.as_str());
        self.subjects.push(rows::subject(&event.subject));
        self.times.push(millis(event.occurred_at));
        self.rotations.push(rotation.map(|id| id.to_string()));
    }
}
