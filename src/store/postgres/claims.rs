//! Leases on console accounts.

use std::time::Duration;

use jiff::Timestamp;

use crate::domain::entry::Row;
use crate::domain::ids::{AccountName, RotationId, TargetName};
use crate::domain::lease::Lease;
use crate::domain::secret::Applied;
use crate::ports::journal::{Claim, JournalError};
use crate::store::due::{NEAR, PUT_OFF, end_of};
use crate::store::fault;
use crate::store::ledger::Ledger;
use crate::store::postgres::{Write, growth, lists, one_row, wakes};
use crate::store::rows::{Place, millis};

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
pub(super) async fn claim(
    write: &mut Write,
    worker: &str,
    ttl: Duration,
) -> Result<Claimed, JournalError> {
    // Nothing is waited for between the clock and the locks: what others hold is skipped.
    let now = write.now().await?;
    let Some(columns) = first(write, now).await? else { return Ok(Claimed::Nothing) };
    let candidate = match read(write, &columns).await {
        Ok(candidate) => candidate,
        Err(error @ JournalError::Inconsistent(_)) => {
            put_off(write, &columns.0, now).await?;
            return Ok(Claimed::PutOff(error));
        }
        Err(error) => return Err(error),
    };
    let lease = take(write, &candidate, worker, end_of(now, ttl)).await?;
    let Candidate { rotation, target, rows, applied, was_held, .. } = candidate;
    Ok(Claimed::Taken(Claim { lease, rotation, target, rows, applied, taken_over: was_held }))
}

/// Extends a lease that holds.
pub(super) async fn renew(
    write: &mut Write,
    lease: &Lease,
    ttl: Duration,
) -> Result<Lease, JournalError> {
    let held = hold(write, lease).await?;
    let expires_at = end_of(held.now, ttl);
    let result = sqlx::query("UPDATE lease SET expires_at_ms = $2 WHERE account = $1")
        .bind(lease.account.as_str())
        .bind(millis(expires_at))
        .execute(&mut *write.connection)
        .await
        .map_err(fault::postgres)?;
    one_row(&result, "lease", &lease.account)?;
    Ok(Lease { expires_at, ..lease.clone() })
}

/// Gives the account free and puts the rotation to sleep until `due_at`; one to which intake or an
/// operator wrote since the claim is due now instead. Whether its driver took notice is not asked.
pub(super) async fn release(
    write: &mut Write,
    lease: &Lease,
    rotation: RotationId,
    due_at: Option<Timestamp>,
) -> Result<(), JournalError> {
    growth::lock(write, rotation).await?;
    let Held { now, claimed_seq, .. } = require_held(write, lease, rotation).await?;
    let result = sqlx::query("UPDATE lease SET expires_at_ms = NULL WHERE account = $1")
        .bind(lease.account.as_str())
        .execute(&mut *write.connection)
        .await
        .map_err(fault::postgres)?;
    one_row(&result, "lease", &lease.account)?;
    let result = sqlx::query(
        "UPDATE rotation
         SET held_fence = NULL,
             due_at_ms = CASE WHEN finished_at_ms IS NOT NULL THEN NULL
                              WHEN EXISTS (SELECT 1 FROM entry
                                           WHERE entry.rotation = rotation.id
                                             AND seq > $2 AND fence IS NULL) THEN $3
                              ELSE $4 END
         WHERE id = $1",
    )
    .bind(rotation.to_string())
    .bind(claimed_seq)
    .bind(millis(now))
    .bind(due_at.map(millis))
    .execute(&mut *write.connection)
    .await
    .map_err(fault::postgres)?;
    one_row(&result, "rotation", &rotation)?;
    wakes::tell(write).await
}

/// A lease that holds, and is kept as it is until the transaction ends.
pub(super) struct Held {
    /// When that was seen.
    pub(super) now: Timestamp,
    /// The rotation that it was taken for.
    rotation: Option<String>,
    /// The number of that rotation's last entry at the claim.
    claimed_seq: i64,
}

/// Makes sure that the lease holds, and was taken for this rotation.
pub(super) async fn require_held(
    write: &mut Write,
    lease: &Lease,
    rotation: RotationId,
) -> Result<Held, JournalError> {
    let held = hold(write, lease).await?;
    let is_this = held.rotation.as_deref() == Some(rotation.to_string().as_str());
    if is_this { Ok(held) } else { Err(JournalError::LeaseLost) }
}

/// Makes sure that the lease is the newest on its account and has not expired: by a clock that is
/// read once the row is locked.
async fn hold(write: &mut Write, lease: &Lease) -> Result<Held, JournalError> {
    let place = Place::new("lease", &lease.account);
    let newest: Option<(Option<i64>, Option<String>, i64, i64)> = sqlx::query_as(
        "WITH newest AS MATERIALIZED (
             SELECT expires_at_ms, rotation, claimed_seq FROM lease
             WHERE account = $1 AND fence = $2 FOR UPDATE
         )
         SELECT newest.*, FLOOR(EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::BIGINT FROM newest",
    )
    .bind(lease.account.as_str())
    .bind(place.integer("fence", lease.fence)?)
    .fetch_optional(&mut *write.connection)
    .await
    .map_err(fault::postgres)?;
    let (expires_at, rotation, claimed_seq, now) = newest.ok_or(JournalError::LeaseLost)?;
    let now = write.time.judge(now)?;
    let is_held = place.time_if("expires_at_ms", expires_at)?.is_some_and(|end| now < end);
    if is_held { Ok(Held { now, rotation, claimed_seq }) } else { Err(JournalError::LeaseLost) }
}

/// The first one, locked together with its account. What another replica is about to claim, or
/// writes to at this moment, is passed over. It is one that is due; otherwise one that was put off
/// until a time that is no longer near, because the clock was set back meanwhile, while its
/// connectors may be on with a dead secret.
async fn first(write: &mut Write, now: Timestamp) -> Result<Option<Columns>, JournalError> {
    let due = sqlx::query_as(
        "SELECT rotation.id, target, rotation.account, held_fence, last_seq
         FROM rotation JOIN lease ON lease.account = rotation.account
         WHERE due_at_ms <= $1 AND (expires_at_ms IS NULL OR expires_at_ms <= $1)
         ORDER BY CASE phase WHEN 'containing' THEN 0 ELSE 1 END, due_at_ms, rotation.id
         LIMIT 1 FOR UPDATE OF rotation, lease SKIP LOCKED",
    )
    .bind(millis(now))
    .fetch_optional(&mut *write.connection)
    .await
    .map_err(fault::postgres)?;
    if due.is_some() {
        return Ok(due);
    }
    sqlx::query_as(
        "SELECT rotation.id, target, rotation.account, held_fence, last_seq
         FROM rotation JOIN lease ON lease.account = rotation.account
         WHERE phase = 'containing' AND due_at_ms > $2
           AND (expires_at_ms IS NULL OR expires_at_ms <= $1)
         ORDER BY rotation.id
         LIMIT 1 FOR UPDATE OF rotation, lease SKIP LOCKED",
    )
    .bind(millis(now))
    .bind(millis(end_of(now, NEAR)))
    .fetch_optional(&mut *write.connection)
    .await
    .map_err(fault::postgres)
}

async fn read(write: &mut Write, columns: &Columns) -> Result<Candidate, JournalError> {
    let (id, target, account, held_fence, last_seq) = columns;
    let place = Place::new("rotation", id);
    let rotation = place.rotation_id("id", id)?;
    let target = place.target("target", target)?;
    let rows = lists::rows(&mut *write.connection, rotation).await?;
    Ledger::replay(rotation, &rows)?;
    let applied = lists::applied(&mut *write.connection, &target).await?;
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

async fn put_off(write: &mut Write, rotation: &str, now: Timestamp) -> Result<(), JournalError> {
    let result = sqlx::query("UPDATE rotation SET due_at_ms = $2 WHERE id = $1")
        .bind(rotation)
        .bind(millis(end_of(now, PUT_OFF)))
        .execute(&mut *write.connection)
        .await
        .map_err(fault::postgres)?;
    Ok(one_row(&result, "rotation", &rotation)?)
}

async fn take(
    write: &mut Write,
    candidate: &Candidate,
    worker: &str,
    expires_at: Timestamp,
) -> Result<Lease, JournalError> {
    let account = &candidate.account;
    let fence: i64 = sqlx::query_scalar(
        "UPDATE lease
         SET fence = fence + 1, worker = $2, rotation = $3, expires_at_ms = $4, claimed_seq = $5
         WHERE account = $1
         RETURNING fence",
    )
    .bind(account.as_str())
    .bind(worker)
    .bind(candidate.rotation.to_string())
    .bind(millis(expires_at))
    .bind(candidate.last_seq)
    .fetch_one(&mut *write.connection)
    .await
    .map_err(fault::postgres)?;
    let result = sqlx::query("UPDATE rotation SET held_fence = $2 WHERE id = $1")
        .bind(candidate.rotation.to_string())
        .bind(fence)
        .execute(&mut *write.connection)
        .await
        .map_err(fault::postgres)?;
    one_row(&result, "rotation", &candidate.rotation)?;
    let fence = Place::new("lease", account).number("fence", fence)?;
    Ok(Lease { account: account.clone(), fence, expires_at })
}
