//! The schema, and whether it can be written.

use sqlx::SqlSafeStr;
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::postgres::PgPool;

use crate::ports::journal::JournalError;
use crate::store::fault::{self, OpenError};
use crate::store::postgres::{Write, one_row};
use crate::store::rows::millis;

/// Every migration, oldest first.
const MIGRATIONS: [(i64, &str, &str); 2] = [
    (1, "begin", include_str!("../migrations/postgres/0001_begin.sql")),
    (2, "proof", include_str!("../migrations/postgres/0002_proof.sql")),
];

/// The lock of a migration: `reset_rc` as a number.
const LOCK: i64 = 0x7265_7365_745f_7263;

/// Brings the schema up to date, in one transaction. Replicas that start together do so one after
/// another; the later ones find nothing to do.
pub(super) async fn migrate(pool: &PgPool) -> Result<(), OpenError> {
    let known = MIGRATIONS.map(|(version, ..)| version).into_iter().max().unwrap_or(0);
    let migrations = MIGRATIONS.map(|(version, name, sql)| {
        Migration::new(version, name.into(), MigrationType::Simple, sql.into_sql_str(), false)
    });
    let mut transaction = pool.begin().await.map_err(OpenError::database)?;
    // A migration takes as long as it takes, and so does the wait for another replica's.
    for patience in ["SET LOCAL statement_timeout = 0", "SET LOCAL lock_timeout = 0"] {
        sqlx::query(patience).execute(&mut *transaction).await.map_err(OpenError::database)?;
    }
    // Held until the commit, unlike the migrator's own, which is given back before.
    sqlx::query("SELECT pg_advisory_xact_lock($1)")
        .bind(LOCK)
        .execute(&mut *transaction)
        .await
        .map_err(OpenError::database)?;
    let mut migrator = Migrator::with_migrations(migrations.to_vec());
    migrator
        .set_locking(false)
        .run_direct(None, &mut *transaction, false)
        .await
        .map_err(|error| refused(error, known))?;
    transaction.commit().await.map_err(OpenError::database)
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
    let now = write.now().await?;
    let result = sqlx::query("INSERT INTO probe (at_ms) VALUES ($1)")
        .bind(millis(now))
        .execute(&mut *write.connection)
        .await
        .map_err(fault::postgres)?;
    one_row(&result, "probe", &"-")?;
    sqlx::query("DELETE FROM probe")
        .execute(&mut *write.connection)
        .await
        .map_err(fault::postgres)?;
    Ok(())
}
