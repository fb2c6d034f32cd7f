//! What is read without writing.

use jiff::Timestamp;
use sqlx::PgExecutor;
use sqlx::postgres::PgPool;

use crate::domain::entry::Row;
use crate::domain::ids::{RotationId, TargetName};
use crate::domain::phase::Phase;
use crate::domain::secret::Applied;
use crate::ports::journal::{JournalError, RotationFilter, RotationSummary};
use crate::store::fault;
use crate::store::postgres::Time;
use crate::store::rows::{self, AppliedColumns, EntryColumns, Place, SummaryColumns, millis};

/// The rows of a rotation's journal; none where there is no such rotation.
pub(super) async fn rows(
    reader: impl PgExecutor<'_>,
    rotation: RotationId,
) -> Result<Vec<Row>, JournalError> {
    let columns: Vec<EntryColumns> = sqlx::query_as(
        "SELECT seq, at_ms, fence, entry FROM entry WHERE rotation = $1 ORDER BY seq",
    )
    .bind(rotation.to_string())
    .fetch_all(reader)
    .await
    .map_err(fault::postgres)?;
    let rows = columns.into_iter().map(|columns| rows::entry(rotation, columns));
    Ok(rows.collect::<Result<_, _>>()?)
}

/// What the target's last completed rotation wrote.
pub(super) async fn applied(
    reader: impl PgExecutor<'_>,
    target: &TargetName,
) -> Result<Option<Applied>, JournalError> {
    let columns: Option<AppliedColumns> = sqlx::query_as(
        "SELECT version, written_at_ms, fingerprints, confirmed_at_ms
         FROM applied WHERE target = $1",
    )
    .bind(target.as_str())
    .fetch_optional(reader)
    .await
    .map_err(fault::postgres)?;
    Ok(columns.map(|columns| rows::applied(target, columns)).transpose()?)
}

/// One rotation.
pub(super) async fn rotation(
    reader: &PgPool,
    id: RotationId,
    now: Timestamp,
) -> Result<RotationSummary, JournalError> {
    let columns: Option<SummaryColumns> = sqlx::query_as(
        "SELECT id, target, phase, admitted_at_ms, updated_at_ms, finished_at_ms,
                CASE WHEN EXISTS (SELECT 1 FROM lease
                                  WHERE lease.rotation = rotation.id AND expires_at_ms > $2)
                     THEN NULL ELSE due_at_ms END
         FROM rotation WHERE id = $1",
    )
    .bind(id.to_string())
    .bind(millis(now))
    .fetch_optional(reader)
    .await
    .map_err(fault::postgres)?;
    let columns = columns.ok_or(JournalError::UnknownRotation(id))?;
    Ok(rows::summary(columns)?)
}

/// Rotations, newest first.
pub(super) async fn rotations(
    reader: &PgPool,
    filter: &RotationFilter,
    now: Timestamp,
) -> Result<Vec<RotationSummary>, JournalError> {
    let columns: Vec<SummaryColumns> = sqlx::query_as(
        "SELECT id, target, phase, admitted_at_ms, updated_at_ms, finished_at_ms,
                CASE WHEN EXISTS (SELECT 1 FROM lease
                                  WHERE lease.rotation = rotation.id AND expires_at_ms > $1)
                     THEN NULL ELSE due_at_ms END
         FROM rotation
         WHERE ($2::TEXT IS NULL OR target = $2)
           AND ($3::TEXT IS NULL OR phase = $3)
           AND ($4::TEXT IS NULL OR id < $4)
         ORDER BY id DESC LIMIT $5",
    )
    .bind(millis(now))
    .bind(filter.target.as_ref().map(TargetName::as_str))
    .bind(filter.phase.map(Phase::as_str))
    .bind(filter.before.map(|id| id.to_string()))
    .bind(i64::from(filter.limit))
    .fetch_all(reader)
    .await
    .map_err(fault::postgres)?;
    Ok(columns.into_iter().map(rows::summary).collect::<Result<_, _>>()?)
}

/// How many rotations stand in each phase.
pub(super) async fn phases(reader: &PgPool) -> Result<Vec<(Phase, u64)>, JournalError> {
    let columns: Vec<(String, i64)> =
        sqlx::query_as("SELECT phase, COUNT(*) FROM rotation GROUP BY phase")
            .fetch_all(reader)
            .await
            .map_err(fault::postgres)?;
    let read = |(phase, count): (String, i64)| {
        let place = Place::new("rotation", &"*");
        Ok((place.phase("phase", &phase)?, place.number("phase", count)?))
    };
    columns.into_iter().map(read).collect()
}

/// Whether a rotation that is to be contained now waits for this one's account.
pub(super) async fn is_awaited(
    reader: &PgPool,
    rotation: RotationId,
    time: &Time,
) -> Result<bool, JournalError> {
    let (now, due): (i64, Option<i64>) = sqlx::query_as(
        "SELECT FLOOR(EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::BIGINT, MIN(due_at_ms)
         FROM rotation
         WHERE phase = 'containing' AND id <> $1
           AND account = (SELECT account FROM rotation WHERE id = $1)",
    )
    .bind(rotation.to_string())
    .fetch_one(reader)
    .await
    .map_err(fault::postgres)?;
    let due = Place::new("rotation", &"*").time_if("due_at_ms", due)?;
    let now = time.judge(now)?;
    Ok(due.is_some_and(|due| due <= now))
}

/// When the next rotation can be claimed at the earliest.
pub(super) async fn next_due(
    reader: &PgPool,
    now: Timestamp,
) -> Result<Option<Timestamp>, JournalError> {
    let next: Option<i64> = sqlx::query_scalar(
        "SELECT MIN(CASE WHEN lease.expires_at_ms > $1 AND lease.expires_at_ms > due_at_ms
                         THEN lease.expires_at_ms ELSE due_at_ms END)
         FROM rotation LEFT JOIN lease ON lease.account = rotation.account
         WHERE due_at_ms IS NOT NULL",
    )
    .bind(millis(now))
    .fetch_one(reader)
    .await
    .map_err(fault::postgres)?;
    Ok(Place::new("rotation", &"*").time_if("due_at_ms", next)?)
}
