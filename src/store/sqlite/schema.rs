//! The schema, and whether it can be written.

use rusqlite::{Connection, TransactionBehavior, params};
use sqlx::SqlSafeStr;
use sqlx::migrate::{MigrateError, Migration, MigrationType};

use crate::ports::journal::JournalError;
use crate::store::fault::OpenError;
use crate::store::rows::millis;
use crate::store::sqlite::Write;
use crate::store::sqlite::statements::{execute, execute_one};

/// Every migration, oldest first.
const MIGRATIONS: [(i64, &str, &str); 3] = [
    (1, "begin", include_str!("../migrations/sqlite/0001_begin.sql")),
    (2, "proof", include_str!("../migrations/sqlite/0002_proof.sql")),
    (3, "audit", include_str!("../migrations/sqlite/0003_audit.sql")),
];

/// Which of them a database has, in the same form as with PostgreSQL.
const APPLIED: &str = "CREATE TABLE IF NOT EXISTS _sqlx_migrations (
    version         BIGINT    NOT NULL PRIMARY KEY,
    description     TEXT      NOT NULL,
    installed_on    TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    success         BOOLEAN   NOT NULL,
    checksum        BLOB      NOT NULL,
    execution_time  BIGINT    NOT NULL
)";

/// Brings the schema up to date, in one transaction.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), OpenError> {
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(OpenError::database)?;
    transaction.execute_batch(APPLIED).map_err(OpenError::database)?;
    let applied = applied(&transaction).map_err(OpenError::database)?;
    for step in missing(&applied)? {
        apply(&transaction, &step).map_err(OpenError::database)?;
    }
    transaction.commit().map_err(OpenError::database)
}

/// The versions that a database has, and the checksums of what made them.
fn applied(connection: &Connection) -> rusqlite::Result<Vec<(i64, Vec<u8>)>> {
    let mut statement =
        connection.prepare("SELECT version, checksum FROM _sqlx_migrations ORDER BY version")?;
    let applied = statement.query_map([], |row| row.try_into())?;
    applied.collect()
}

/// The migrations that are yet to come. Those that a database has must be ours, as they were.
fn missing(applied: &[(i64, Vec<u8>)]) -> Result<Vec<Migration>, OpenError> {
    let mut missing = MIGRATIONS
        .map(|(version, name, sql)| {
            Migration::new(version, name.into(), MigrationType::Simple, sql.into_sql_str(), false)
        })
        .to_vec();
    for (version, checksum) in applied {
        let Some(at) = missing.iter().position(|known| known.version == *version) else {
            return Err(unknown(*version));
        };
        if *missing.remove(at).checksum != **checksum {
            return Err(OpenError::Migration(MigrateError::VersionMismatch(*version)));
        }
    }
    Ok(missing)
}

fn unknown(found: i64) -> OpenError {
    let known = MIGRATIONS.map(|(version, ..)| version).into_iter().max().unwrap_or(0);
    if found > known {
        return OpenError::Newer { found, known };
    }
    OpenError::Migration(MigrateError::VersionMissing(found))
}

fn apply(connection: &Connection, step: &Migration) -> rusqlite::Result<()> {
    connection.execute_batch(step.sql.as_str())?;
    connection.execute(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (?1, ?2, TRUE, ?3, 0)",
        params![step.version, step.description, step.checksum],
    )?;
    Ok(())
}

/// Writes something and takes it back; both reach the disk.
pub(super) fn probe(write: &Write<'_>) -> Result<(), JournalError> {
    let written = "INSERT INTO probe (at_ms) VALUES (?1)";
    execute_one(&write.transaction, written, [millis(write.now)], "probe", &"-")?;
    execute(&write.transaction, "DELETE FROM probe", []).map(drop)
}
