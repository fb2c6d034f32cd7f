//! What is read without writing.

use jiff::Timestamp;
use rusqlite::{Connection, params};

use crate::domain::entry::Row;
use crate::domain::ids::{RotationId, TargetName};
use crate::domain::phase::Phase;
use crate::domain::secret::Applied;
use crate::ports::journal::{JournalError, RotationFilter, RotationSummary};
use crate::store::rows::{self, AppliedColumns, EntryColumns, Place, SummaryColumns, millis};
use crate::store::sqlite::statements::{all, first};

/// The rows of a rotation's journal; none where there is no such rotation.
pub(super) fn rows(
    connection: &Connection,
    rotation: RotationId,
) -> Result<Vec<Row>, JournalError> {
    let columns: Vec<EntryColumns> = all(
        connection,
        "SELECT seq, at_ms, fence, entry FROM entry WHERE rotation = ?1 ORDER BY seq",
        [rotation.to_string()],
    )?;
    let rows = columns.into_iter().map(|columns| rows::entry(rotation, columns));
    Ok(rows.collect::<Result<_, _>>()?)
}

/// What the target's last completed rotation wrote.
pub(super) fn applied(
    connection: &Connection,
    target: &TargetName,
) -> Result<Option<Applied>, JournalError> {
    let columns: Option<AppliedColumns> = first(
        connection,
        "SELECT version, written_at_ms, fingerprints, confirmed_at_ms
         FROM applied WHERE target = ?1",
        [target.as_str()],
    )?;
    Ok(columns.map(|columns| rows::applied(target, columns)).transpose()?)
}

/// One rotation.
pub(super) fn rotation(
    connection: &Connection,
    id: RotationId,
    now: Timestamp,
) -> Result<RotationSummary, JournalError> {
    let columns: Option<SummaryColumns> = first(
        connection,
        "SELECT id, target, phase, admitted_at_ms, updated_at_ms, finished_at_ms,
                CASE WHEN EXISTS (SELECT 1 FROM lease
                                  WHERE lease.rotation = rotation.id AND expires_at_ms > ?2)
                     THEN NULL ELSE due_at_ms END
         FROM rotation WHERE id = ?1",
        params![id.to_string(), millis(now)],
    )?;
    let columns = columns.ok_or(JournalError::UnknownRotation(id))?;
    Ok(rows::summary(columns)?)
}

/// Rotations, newest first.
pub(super) fn rotations(
    connection: &Connection,
    filter: &RotationFilter,
    now: Timestamp,
) -> Result<Vec<RotationSummary>, JournalError> {
    let columns: Vec<SummaryColumns> = all(
        connection,
        "SELECT id, target, phase, admitted_at_ms, updated_at_ms, finished_at_ms,
                CASE WHEN EXISTS (SELECT 1 FROM lease
                                  WHERE lease.rotation = rotation.id AND expires_at_ms > ?1)
                     THEN NULL ELSE due_at_ms END
         FROM rotation
         WHERE (?2 IS NULL OR target = ?2)
           AND (?3 IS NULL OR phase = ?3)
           AND (?4 IS NULL OR id < ?4)
         ORDER BY id DESC LIMIT ?5",
        params![
            millis(now),
            filter.target.as_ref().map(TargetName::as_str),
            filter.phase.map(Phase::as_str),
            filter.before.map(|id| id.to_string()),
            filter.limit,
        ],
    )?;
    Ok(columns.into_iter().map(rows::summary).collect::<Result<_, _>>()?)
}

/// How many rotations stand in each phase.
pub(super) fn phases(connection: &Connection) -> Result<Vec<(Phase, u64)>, JournalError> {
    let sql = "SELECT phase, COUNT(*) FROM rotation GROUP BY phase";
    let columns: Vec<(String, i64)> = all(connection, sql, [])?;
    let read = |(phase, count): (String, i64)| {
        let place = Place::new("rotation", &"*");
        Ok((place.phase("phase", &phase)?, place.number("phase", count)?))
    };
    columns.into_iter().map(read).collect()
}

/// Whether a rotation that is to be contained now waits for this one's account.
pub(super) fn is_awaited(
    connection: &Connection,
    rotation: RotationId,
    now: Timestamp,
) -> Result<bool, JournalError> {
    let other: Option<(i64,)> = first(
        connection,
        "SELECT 1 FROM rotation
         WHERE phase = 'containing' AND due_at_ms <= ?2 AND id <> ?1
           AND account = (SELECT account FROM rotation WHERE id = ?1)
         LIMIT 1",
        params![rotation.to_string(), millis(now)],
    )?;
    Ok(other.is_some())
}

/// When the next rotation can be claimed at the earliest.
pub(super) fn next_due(
    connection: &Connection,
    now: Timestamp,
) -> Result<Option<Timestamp>, JournalError> {
    let next: Option<(Option<i64>,)> = first(
        connection,
        "SELECT MIN(CASE WHEN lease.expires_at_ms > ?1 AND lease.expires_at_ms > due_at_ms
                         THEN lease.expires_at_ms ELSE due_at_ms END)
         FROM rotation LEFT JOIN lease ON lease.account = rotation.account
         WHERE due_at_ms IS NOT NULL",
        [millis(now)],
    )?;
    let next = next.and_then(|(next,)| next);
    Ok(Place::new("rotation", &"*").time_if("due_at_ms", next)?)
}
