//! Console accounts whose login was refused.

use sqlx::postgres::PgPool;

use crate::domain::ids::{AccountName, RotationId};
use crate::ports::journal::{Breaker, JournalError};
use crate::store::fault;
use crate::store::postgres::{Write, one_row};
use crate::store::rows::{self, Place, millis};

/// Trips an account's breaker; one that has tripped already tells of the latest refusal.
pub(super) async fn trip(
    write: &mut Write,
    account: &AccountName,
    breaker: &Breaker,
) -> Result<(), JournalError> {
    let place = Place::new("breaker", account);
    let result = sqlx::query(
        "INSERT INTO breaker (account, since_ms, secret_version) VALUES ($1, $2, $3)
         ON CONFLICT (account) DO UPDATE
         SET since_ms = excluded.since_ms, secret_version = excluded.secret_version",
    )
    .bind(account.as_str())
    .bind(millis(breaker.since))
    .bind(place.integer("secret_version", breaker.secret_version.0)?)
    .execute(&mut *write.connection)
    .await
    .map_err(fault::postgres)?;
    one_row(&result, "breaker", account)?;
    Ok(())
}

/// The account's breaker, where it has tripped.
pub(super) async fn find(
    reader: &PgPool,
    account: &AccountName,
) -> Result<Option<Breaker>, JournalError> {
    let columns: Option<(i64, i64)> =
        sqlx::query_as("SELECT since_ms, secret_version FROM breaker WHERE account = $1")
            .bind(account.as_str())
            .fetch_optional(reader)
            .await
            .map_err(fault::postgres)?;
    Ok(columns.map(|columns| rows::breaker(account, columns)).transpose()?)
}

/// Clears the breaker of a rotation's account, where it has tripped.
pub(super) async fn clear(write: &mut Write, rotation: RotationId) -> Result<(), JournalError> {
    sqlx::query("DELETE FROM breaker WHERE account = (SELECT account FROM rotation WHERE id = $1)")
        .bind(rotation.to_string())
        .execute(&mut *write.connection)
        .await
        .map_err(fault::postgres)?;
    Ok(())
}
