//! Columns into domain types and back, the same for every dialect.

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::domain::audit::OperatorVerb;
use crate::domain::entry::Row;
use crate::domain::event::Subject;
use crate::domain::ids::{
    AccountName, EventId, InvalidId, RotationId, SourceName, TargetName, UserId, Username,
};
use crate::domain::phase::Phase;
use crate::domain::proof::{ProofKey, SpentProof};
use crate::domain::secret::{Applied, SecretVersion};
use crate::ports::journal::{AuditRow, Breaker, RotationSummary};
use crate::store::fault::{Inconsistency, Problem};
use crate::store::intake::EventKey;
use crate::store::shelf::Extent;

/// `source, id, rotation` of `event`.
pub(super) type EventColumns = (String, String, Option<String>);

/// `id, last_seq, updated_at_ms, target` of `rotation`.
pub(super) type ExtentColumns = (String, i64, i64, String);

/// `seq, at_ms, fence, entry` of `entry`.
pub(super) type EntryColumns = (i64, i64, Option<i64>, String);

/// `id, target, phase, admitted_at_ms, updated_at_ms, finished_at_ms` of `rotation`, and when it
/// wakes.
pub(super) type SummaryColumns = (String, String, String, i64, i64, Option<i64>, Option<i64>);

/// `version, written_at_ms, fingerprints, confirmed_at_ms` of `applied`.
pub(super) type AppliedColumns = (i64, i64, String, i64);

/// `number, at_ms, actor, verb, target, rotation` of `audit`.
pub(super) type AuditColumns = (i64, i64, String, String, String, String);

/// A row, for naming it in an error.
#[derive(Debug, Clone)]
pub(super) struct Place {
    table: &'static str,
    row: String,
}

impl Place {
    /// The row of a table with this key.
    pub(super) fn new(table: &'static str, row: &impl ToString) -> Self {
        Self { table, row: row.to_string() }
    }

    /// Something is wrong with one of its columns.
    pub(super) fn fault(&self, column: &'static str, problem: Problem) -> Inconsistency {
        Inconsistency { table: self.table, column, row: self.row.clone(), problem }
    }

    /// Reads a time.
    pub(super) fn time(&self, column: &'static str, ms: i64) -> Result<Timestamp, Inconsistency> {
        Timestamp::from_millisecond(ms).map_err(|_| self.fault(column, Problem::OutOfRange))
    }

    /// Reads a time that may be missing.
    pub(super) fn time_if(
        &self,
        column: &'static str,
        ms: Option<i64>,
    ) -> Result<Option<Timestamp>, Inconsistency> {
        ms.map(|ms| self.time(column, ms)).transpose()
    }

    /// Reads a number that cannot be negative.
    pub(super) fn number(&self, column: &'static str, value: i64) -> Result<u64, Inconsistency> {
        u64::try_from(value).map_err(|_| self.fault(column, Problem::OutOfRange))
    }

    /// Writes a number.
    pub(super) fn integer(&self, column: &'static str, value: u64) -> Result<i64, Inconsistency> {
        i64::try_from(value).map_err(|_| self.fault(column, Problem::OutOfRange))
    }

    /// Reads JSON. What the reader says about it is left out, as it may quote the value.
    pub(super) fn json<T: DeserializeOwned>(
        &self,
        column: &'static str,
        text: &str,
    ) -> Result<T, Inconsistency> {
        serde_json::from_str(text).map_err(|_| self.unreadable(column))
    }

    /// Writes JSON.
    pub(super) fn text<T: Serialize>(
        &self,
        column: &'static str,
        value: &T,
    ) -> Result<String, Inconsistency> {
        serde_json::to_string(value).map_err(|_| self.unreadable(column))
    }

    /// Reads a rotation's id.
    pub(super) fn rotation_id(
        &self,
        column: &'static str,
        text: &str,
    ) -> Result<RotationId, Inconsistency> {
        uuid::Uuid::try_parse(text).map(RotationId).map_err(|_| self.unreadable(column))
    }

    /// Reads a target's name.
    pub(super) fn target(
        &self,
        column: &'static str,
        text: &str,
    ) -> Result<TargetName, Inconsistency> {
        TargetName::parse(text).map_err(|_: InvalidId| self.unreadable(column))
    }

    /// Reads a console account's name.
    pub(super) fn account(
        &self,
        column: &'static str,
        text: &str,
    ) -> Result<AccountName, Inconsistency> {
        AccountName::parse(text).map_err(|_: InvalidId| self.unreadable(column))
    }

    /// Reads a phase.
    pub(super) fn phase(&self, column: &'static str, text: &str) -> Result<Phase, Inconsistency> {
        Phase::parse(text).ok_or_else(|| self.unreadable(column))
    }

    fn unreadable(&self, column: &'static str) -> Inconsistency {
        self.fault(column, Problem::Unreadable)
    }
}

/// The time as a column keeps it.
pub(super) fn millis(at: Timestamp) -> i64 {
    at.as_millisecond()
}

/// The time without what a column cannot keep, so that what is said is what is stored.
pub(super) fn whole(at: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at)
}

/// An event that was admitted, and the rotation to which it went.
pub(super) fn event(
    (source, id, rotation): EventColumns,
) -> Result<(EventKey, Option<RotationId>), Inconsistency> {
    let place = Place::new("event", &format_args!("{source}/{id}"));
    let rotation = rotation.map(|id| place.rotation_id("rotation", &id)).transpose()?;
    let source = SourceName::parse(&source).map_err(|_| place.unreadable("source"))?;
    Ok(((source, EventId::parse(&id).map_err(|_| place.unreadable("id"))?), rotation))
}

/// A rotation, how far its journal goes, and its target.
pub(super) fn extent(
    (id, last_seq, updated_at, target): ExtentColumns,
) -> Result<(RotationId, Extent, TargetName), Inconsistency> {
    let place = Place::new("rotation", &id);
    let last_seq = place.number("last_seq", last_seq)?;
    let updated_at = place.time("updated_at_ms", updated_at)?;
    let extent = Extent { last_seq, updated_at };
    Ok((place.rotation_id("id", &id)?, extent, place.target("target", &target)?))
}

/// A journal's row.
pub(super) fn entry(rotation: RotationId, columns: EntryColumns) -> Result<Row, Inconsistency> {
    let (seq, at_ms, fence, entry) = columns;
    let place = Place::new("entry", &format_args!("{rotation}/{seq}"));
    Ok(Row {
        seq: place.number("seq", seq)?,
        at: place.time("at_ms", at_ms)?,
        fence: fence.map(|fence| place.number("fence", fence)).transpose()?,
        entry: place.json("entry", &entry)?,
    })
}

/// A rotation as lists show it.
pub(super) fn summary(columns: SummaryColumns) -> Result<RotationSummary, Inconsistency> {
    let (id, target, phase, admitted_at, updated_at, finished_at, wakes_at) = columns;
    let place = Place::new("rotation", &id);
    Ok(RotationSummary {
        id: place.rotation_id("id", &id)?,
        target: place.target("target", &target)?,
        phase: place.phase("phase", &phase)?,
        admitted_at: place.time("admitted_at_ms", admitted_at)?,
        updated_at: place.time("updated_at_ms", updated_at)?,
        finished_at: place.time_if("finished_at_ms", finished_at)?,
        wakes_at: place.time_if("due_at_ms", wakes_at)?,
    })
}

/// What a target's last completed rotation wrote.
pub(super) fn applied(
    target: &TargetName,
    columns: AppliedColumns,
) -> Result<Applied, Inconsistency> {
    let (version, written_at, fingerprints, confirmed_at) = columns;
    let place = Place::new("applied", target);
    Ok(Applied {
        version: SecretVersion(place.number("version", version)?),
        written_at: place.time("written_at_ms", written_at)?,
        fingerprints: place.json("fingerprints", &fingerprints)?,
        confirmed_at: place.time("confirmed_at_ms", confirmed_at)?,
    })
}

/// A spent proving login, from `spent_at_ms, outcome`.
pub(super) fn spent_proof(
    key: &ProofKey,
    (spent_at, outcome): (i64, Option<String>),
) -> Result<SpentProof, Inconsistency> {
    let place = proof_place(key);
    let outcome = outcome.map(|text| place.json("outcome", &text)).transpose()?;
    Ok(SpentProof { at: place.time("spent_at_ms", spent_at)?, outcome })
}

/// The row of a proving login.
pub(super) fn proof_place(key: &ProofKey) -> Place {
    Place::new("proof", &format_args!("{}/{}", key.target, key.version))
}

/// What an operator said.
pub(super) fn audit(columns: AuditColumns) -> Result<AuditRow, Inconsistency> {
    let (number, at, by, verb, target, rotation) = columns;
    let place = Place::new("audit", &number);
    let verb = OperatorVerb::parse(&verb).ok_or_else(|| place.unreadable("verb"))?;
    Ok(AuditRow {
        number: place.number("number", number)?,
        at: place.time("at_ms", at)?,
        by,
        verb,
        target: place.target("target", &target)?,
        rotation: place.rotation_id("rotation", &rotation)?,
    })
}

/// A breaker, from `since_ms, secret_version`.
pub(super) fn breaker(
    account: &AccountName,
    (since, version): (i64, i64),
) -> Result<Breaker, Inconsistency> {
    let place = Place::new("breaker", account);
    Ok(Breaker {
        since: place.time("since_ms", since)?,
        secret_version: SecretVersion(place.number("secret_version", version)?),
    })
}

/// Whose login or which secret an event is about, as JSON, for a person who looks for it.
pub(super) fn subject(subject: &Subject) -> String {
    match subject {
        Subject::Login { organization, user } => serde_json::json!({
            "organization": organization.as_str(),
            "username": user.name().map(Username::as_str),
            "user_id": user.id().map(UserId::as_str),
        }),
        Subject::Nobody { organization } => {
            serde_json::json!({ "organization": organization.as_str() })
        }
        Subject::Secret { location, version } => serde_json::json!({
            "secret": location.to_string(),
            "version": version,
        }),
    }
    .to_string()
}
