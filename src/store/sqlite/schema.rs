//! The schema, and whether it can be written.

use sqlx::SqlSafeStr;
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::sqlite::SqlitePool;

use crate::ports::journal::JournalError;
use crate::store::fault::{self, OpenError};
use crate::store::rows::millis;
use crate::store::sqlite::{Write, one_row};

/// Every migration, oldest first.
const MIGRATIONS: [(i64, &str, &str); 3] = [
    (1, "begin", include_str!("../migrations/sqlite/0001_begin.sql")),
    (2, "proof", include_str!("../migrations/sqlite/0002_proof.sql")),
    (3, "audit", include_str!("../migrations/sqlite/0003_audit.sql")),
];

/// Brings the schema up to date, in one transaction.
pub(super) async fn migrate(writer: &SqlitePool) -> Result<(), OpenError> {
    let known = MIGRATIONS.map(|(version, ..)| version).into_iter().max().unwrap_or(0);
    let migrations = MIGRATIONS.map(|(version, name, sql)| {
        Migration::new(version, name.into(), MigrationType::Simple, sql.into_sql_str(), false)
    });
    let mut transaction =
        writer.begin_with("BEGIN IMMEDIATE").await.map_err(OpenError::Database)?;
    Migrator::with_migrations(migrations.to_vec())
        .run_direct(None, &mut *transaction, false)
        .await
        .map_err(|error| refused(error, known))?;
    transaction.commit().await.map_err(OpenError::Database)
}

fn refused(error: MigrateError, known: i64) -> OpenError {
    if let MigrateError::VersionMissing(found) = error
        && found > known
    {
        return OpenError::Newer { found, known };
    }
    OpenError::Migration(error)
}

/// Writes something and takes it back; both reach the disk.
pub(super) async fn probe(write: &mut Write) -> Result<(), JournalError> {
    let result = sqlx::query("INSERT INTO probe (at_ms) VALUES ($1)")
        .bind(millis(write.now))
        .execute(&mut *write.transaction)
        .await
        .map_err(fault::sqlite)?;
    one_row(&result, "probe", &"-")?;
    sqlx::query("DELETE FROM probe")
        .execute(&mut *write.transaction)
        .await
        .map_err(fault::sqlite)?;
    Ok(())
}
