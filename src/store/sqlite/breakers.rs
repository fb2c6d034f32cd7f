//! Console accounts whose login was refused.

use rusqlite::{Connection, params};

use crate::domain::ids::{AccountName, RotationId};
use crate::ports::journal::{Breaker, JournalError};
use crate::store::rows::{self, Place, millis};
use crate::store::sqlite::Write;
use crate::store::sqlite::statements::{execute, execute_one, first};

/// Trips an account's breaker; one that has tripped already tells of the latest refusal.
pub(super) fn trip(
    write: &Write<'_>,
    account: &AccountName,
    breaker: &Breaker,
) -> Result<(), JournalError> {
    let version =
        Place::new("breaker", account).integer("secret_version", breaker.secret_version.0)?;
    execute_one(
        &write.transaction,
        "INSERT INTO breaker (account, since_ms, secret_version) VALUES (?1, ?2, ?3)
         ON CONFLICT (account) DO UPDATE
         SET since_ms = excluded.since_ms, secret_version = excluded.secret_version",
        params![account.as_str(), millis(breaker.since), version],
        "breaker",
        account,
    )
}

/// The account's breaker, where it has tripped.
pub(super) fn find(
    connection: &Connection,
    account: &AccountName,
) -> Result<Option<Breaker>, JournalError> {
    let columns: Option<(i64, i64)> = first(
        connection,
        "SELECT since_ms, secret_version FROM breaker WHERE account = ?1",
        [account.as_str()],
    )?;
    Ok(columns.map(|columns| rows::breaker(account, columns)).transpose()?)
}

/// Clears the breaker of a rotation's account, where it has tripped.
pub(super) fn clear(write: &Write<'_>, rotation: RotationId) -> Result<(), JournalError> {
    let sql = "DELETE FROM breaker WHERE account = (SELECT account FROM rotation WHERE id = ?1)";
    execute(&write.transaction, sql, [rotation.to_string()]).map(drop)
}
