//! Leases on console accounts.

use std::time::Duration;

use jiff::Timestamp;
use rusqlite::params;

use crate::domain::entry::Row;
use crate::domain::ids::{AccountName, RotationId, TargetName};
use crate::domain::lease::Lease;
use crate::domain::secret::Applied;
use crate::ports::journal::{Claim, JournalError};
use crate::store::due::{NEAR, PUT_OFF, end_of};
use crate::store::fault::Problem;
use crate::store::ledger::Ledger;
use crate::store::rows::{Place, millis};
use crate::store::sqlite::statements::{self, execute, execute_one};
use crate::store::sqlite::{Write, lists};

/// What came of looking for something to drive.
pub(super) enum Claimed {
    /// Nothing is due whose account is free.
    Nothing,
    /// This.
    Taken(Claim),
    /// The first one cannot be read; it was put off.
    PutOff(JournalError),
}

/// `id, target, account, held_fence, last_seq` of `rotation`.
type Columns = (String, String, String, Option<i64>, i64);

/// A rotation that can be claimed, and can be read.
struct Candidate {
    rotation: RotationId,
    target: TargetName,
    account: AccountName,
    /// Whether the claim before this one was never released.
    was_held: bool,
    last_seq: i64,
    rows: Vec<Row>,
    applied: Option<Applied>,
}

/// Claims the rotation that comes first.
pub(super) fn claim(
    write: &Write<'_>,
    worker: &str,
    ttl: Duration,
) -> Result<Claimed, JournalError> {
    let Some(columns) = first(write)? else { return Ok(Claimed::Nothing) };
    let candidate = match read(write, &columns) {
        Ok(candidate) => candidate,
        Err(error @ JournalError::Inconsistent(_)) => {
            put_off(write, &columns.0)?;
            return Ok(Claimed::PutOff(error));
        }
        Err(error) => return Err(error),
    };
    let lease = take(write, &candidate, worker, ttl)?;
    let Candidate { rotation, target, rows, applied, was_held, .. } = candidate;
    Ok(Claimed::Taken(Claim { lease, rotation, target, rows, applied, taken_over: was_held }))
}

/// Extends a lease that holds.
pub(super) fn renew(
    write: &Write<'_>,
    lease: &Lease,
    ttl: Duration,
) -> Result<Lease, JournalError> {
    let place = Place::new("lease", &lease.account);
    let expires_at = end_of(write.now, ttl);
    let renewed = execute(
        &write.transaction,
        "UPDATE lease SET expires_at_ms = ?4
         WHERE account = ?1 AND fence = ?2 AND expires_at_ms > ?3",
        params![
            lease.account.as_str(),
            place.integer("fence", lease.fence)?,
            millis(write.now),
            millis(expires_at),
        ],
    )?;
    match renewed {
        0 => Err(JournalError::LeaseLost),
        _ => Ok(Lease { expires_at, ..lease.clone() }),
    }
}

/// Gives the account free and puts the rotation to sleep until `due_at`; one to which intake or an
/// operator wrote since the claim is due now instead. Whether its driver took notice is not asked.
pub(super) fn release(
    write: &Write<'_>,
    lease: &Lease,
    rotation: RotationId,
    due_at: Option<Timestamp>,
) -> Result<(), JournalError> {
    let claimed_seq = require_held(write, lease, rotation)?;
    execute_one(
        &write.transaction,
        "UPDATE lease SET expires_at_ms = NULL WHERE account = ?1",
        [lease.account.as_str()],
        "lease",
        &lease.account,
    )?;
    execute_one(
        &write.transaction,
        "UPDATE rotation
         SET held_fence = NULL,
             due_at_ms = CASE WHEN finished_at_ms IS NOT NULL THEN NULL
                              WHEN EXISTS (SELECT 1 FROM entry
                                           WHERE entry.rotation = rotation.id
                                             AND seq > ?2 AND fence IS NULL) THEN ?3
                              ELSE ?4 END
         WHERE id = ?1",
        params![rotation.to_string(), claimed_seq, millis(write.now), due_at.map(millis)],
        "rotation",
        &rotation,
    )
}

/// Makes sure that the lease is the newest on its account, was taken for this rotation and has not
/// expired. Gives the number of the rotation's last entry at the claim.
pub(super) fn require_held(
    write: &Write<'_>,
    lease: &Lease,
    rotation: RotationId,
) -> Result<i64, JournalError> {
    let place = Place::new("lease", &lease.account);
    let claimed_seq: Option<(i64,)> = statements::first(
        &write.transaction,
        "SELECT claimed_seq FROM lease
         WHERE account = ?1 AND fence = ?2 AND rotation = ?3 AND expires_at_ms > ?4",
        params![
            lease.account.as_str(),
            place.integer("fence", lease.fence)?,
            rotation.to_string(),
            millis(write.now),
        ],
    )?;
    claimed_seq.map(|(seq,)| seq).ok_or(JournalError::LeaseLost)
}

/// What is due; otherwise what was put off until a time that is no longer near, because the clock
/// was set back meanwhile, while its connectors may be on with a dead secret.
fn first(write: &Write<'_>) -> Result<Option<Columns>, JournalError> {
    let due = statements::first(
        &write.transaction,
        "SELECT rotation.id, target, rotation.account, held_fence, last_seq
         FROM rotation LEFT JOIN lease ON lease.account = rotation.account
         WHERE due_at_ms <= ?1 AND (expires_at_ms IS NULL OR expires_at_ms <= ?1)
         ORDER BY CASE phase WHEN 'containing' THEN 0 ELSE 1 END, due_at_ms, rotation.id
         LIMIT 1",
        [millis(write.now)],
    )?;
    if due.is_some() {
        return Ok(due);
    }
    statements::first(
        &write.transaction,
        "SELECT rotation.id, target, rotation.account, held_fence, last_seq
         FROM rotation LEFT JOIN lease ON lease.account = rotation.account
         WHERE phase = 'containing' AND due_at_ms > ?2
           AND (expires_at_ms IS NULL OR expires_at_ms <= ?1)
         ORDER BY rotation.id LIMIT 1",
        [millis(write.now), millis(end_of(write.now, NEAR))],
    )
}

fn read(write: &Write<'_>, columns: &Columns) -> Result<Candidate, JournalError> {
    let (id, target, account, held_fence, last_seq) = columns;
    let place = Place::new("rotation", id);
    let rotation = place.rotation_id("id", id)?;
    let target = place.target("target", target)?;
    let rows = lists::rows(&write.transaction, rotation)?;
    Ledger::replay(rotation, &rows)?;
    let applied = lists::applied(&write.transaction, &target)?;
    Ok(Candidate {
        rotation,
        account: place.account("account", account)?,
        was_held: held_fence.is_some(),
        last_seq: *last_seq,
        target,
        rows,
        applied,
    })
}

fn put_off(write: &Write<'_>, rotation: &str) -> Result<(), JournalError> {
    execute_one(
        &write.transaction,
        "UPDATE rotation SET due_at_ms = ?2 WHERE id = ?1",
        params![rotation, millis(end_of(write.now, PUT_OFF))],
        "rotation",
        &rotation,
    )
}

fn take(
    write: &Write<'_>,
    candidate: &Candidate,
    worker: &str,
    ttl: Duration,
) -> Result<Lease, JournalError> {
    let account = &candidate.account;
    let expires_at = end_of(write.now, ttl);
    let fence: Option<(i64,)> = statements::first(
        &write.transaction,
        "INSERT INTO lease (account, fence, worker, rotation, expires_at_ms, claimed_seq)
         VALUES (?1, 1, ?2, ?3, ?4, ?5)
         ON CONFLICT (account) DO UPDATE
         SET fence = lease.fence + 1, worker = excluded.worker, rotation = excluded.rotation,
             expires_at_ms = excluded.expires_at_ms, claimed_seq = excluded.claimed_seq
         RETURNING fence",
        params![
            account.as_str(),
            worker,
            candidate.rotation.to_string(),
            millis(expires_at),
            candidate.last_seq,
        ],
    )?;
    let place = Place::new("lease", account);
    let (fence,) = fence.ok_or_else(|| place.fault("fence", Problem::Affected(0)))?;
    execute_one(
        &write.transaction,
        "UPDATE rotation SET held_fence = ?2 WHERE id = ?1",
        params![candidate.rotation.to_string(), fence],
        "rotation",
        &candidate.rotation,
    )?;
    let fence = place.number("fence", fence)?;
    Ok(Lease { account: account.clone(), fence, expires_at })
}
