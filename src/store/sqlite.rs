//! The journal in one SQLite file.
//!
//! One connection writes, so that writes queue in the program and not in the database; a few read
//! beside it. Each write begins with `BEGIN IMMEDIATE` and reads the clock only then, so that what
//! it decides about leases holds until it commits. A commit has returned only when the write-ahead
//! log is on the disk.

mod alone;
mod audit;
mod breakers;
mod claims;
mod growth;
mod intake;
mod lists;
mod proofs;
mod retention;
mod schema;
#[cfg(test)]
mod tests;
mod values;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteQueryResult,
    SqliteSynchronous,
};
use sqlx::{Connection, Sqlite, SqliteConnection, Transaction};

use crate::domain::entry::{Entry, Row};
use crate::domain::ids::{AccountName, RotationId, TargetName};
use crate::domain::lease::Lease;
use crate::domain::phase::Phase;
use crate::domain::proof::{ProofKey, ProofOutcome, SpentProof};
use crate::domain::retention::Retention;
use crate::domain::secret::Applied;
use crate::ports::clock::Clock;
use crate::ports::journal::{
    Admission, Arrival, AuditRow, Breaker, Claim, Journal, JournalError, Pruned, RotationFilter,
    RotationSummary,
};
use crate::store::fault::{self, Inconsistency, OpenError};
use crate::store::ledger::Ledger;
use crate::store::rows;
use crate::store::shelf::Shelf;
use crate::store::sqlite::values::Statement;

pub use crate::store::sqlite::alone::WorkPermit;

/// How long a statement waits for another process that writes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a caller waits for its turn, before the store counts as unavailable.
const TURN_TIMEOUT: Duration = Duration::from_secs(10);
/// The pages that a connection keeps, in kibibytes below zero: those that a storm about a thousand
/// targets writes to, again and again, are more than the two mebibytes that it keeps otherwise.
const CACHE: &str = "-16384";
/// How many readers there are beside the writer.
const READERS: u32 = 4;

/// The journal in one SQLite file. Cheap to clone.
#[derive(Clone)]
pub struct SqliteStore {
    writer: SqlitePool,
    readers: SqlitePool,
    shelf: Arc<Shelf>,
    clock: Arc<dyn Clock>,
}

impl SqliteStore {
    /// Opens the database, creating it where there is none, readable by its owner alone, and
    /// brings its schema up to date. Leases are judged by `clock`.
    pub async fn open(path: &Path, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        create_private(path)
            .await
            .map_err(|source| OpenError::File { path: path.to_owned(), source })?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT)
            .pragma("cache_size", CACHE)
            // What a statement needs to undo itself alone is small, and worth no file.
            .pragma("temp_store", "MEMORY");
        let pool = |connections| {
            SqlitePoolOptions::new()
                .max_connections(connections)
                .acquire_timeout(TURN_TIMEOUT)
                .idle_timeout(None)
                .max_lifetime(None)
                .test_before_acquire(false)
        };
        let writer = pool(1)
            .after_release(|connection, _| Box::pin(is_usable(connection)))
            .connect_with(options.clone())
            .await
            .map_err(OpenError::Database)?;
        schema::migrate(&writer).await?;
        let readers = pool(READERS).connect_lazy_with(options.pragma("query_only", "ON"));
        Ok(Self { writer, readers, shelf: Arc::new(Shelf::new()), clock })
    }

    /// Waits for what is being written and closes the file.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    async fn begin(&self) -> Result<Write, JournalError> {
        let transaction = self.writer.begin_with("BEGIN IMMEDIATE").await.map_err(fault::sqlite)?;
        let now = rows::whole(self.clock.now());
        Ok(Write { transaction, now, shelf: Arc::clone(&self.shelf), grown: Vec::new() })
    }
}

impl std::fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteStore").finish_non_exhaustive()
    }
}

/// A transaction that writes, and the time at which it got its turn. Dropping it undoes it.
struct Write {
    transaction: Transaction<'static, Sqlite>,
    now: Timestamp,
    shelf: Arc<Shelf>,
    /// The journals that gained something.
    grown: Vec<(RotationId, Ledger)>,
}

impl Write {
    async fn commit(self) -> Result<(), JournalError> {
        self.transaction.commit().await.map_err(fault::sqlite)?;
        for (rotation, ledger) in self.grown {
            self.shelf.put(rotation, ledger, self.now);
        }
        Ok(())
    }

    /// Runs an insertion of rows from values, the first of which is null in no row.
    async fn insert(
        &mut self,
        statement: &mut Statement,
        wanted: usize,
        table: &'static str,
    ) -> Result<(), JournalError> {
        if wanted == 0 {
            return Ok(());
        }
        let result = statement
            .push("WHERE column1 IS NOT NULL")
            .build()
            .execute(&mut *self.transaction)
            .await
            .map_err(fault::sqlite)?;
        Ok(all_rows(&result, wanted, table)?)
    }
}

/// Whether a connection may be used again after a transaction.
///
/// On a full disk and some other errors SQLite takes a transaction back by itself
/// (<https://www.sqlite.org/lang_transaction.html>, "response to errors within a transaction").
/// The driver then finds nothing to roll back and for ever believes that a transaction is open, so
/// that such a connection can begin no other: it is closed, and the pool opens another one.
async fn is_usable(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    // A roll-back may still be under way; the answer comes after it.
    connection.ping().await?;
    Ok(!connection.is_in_transaction())
}

/// Makes sure that a statement touched the one row that it was about.
fn one_row(
    result: &SqliteQueryResult,
    table: &'static str,
    row: &impl ToString,
) -> Result<(), Inconsistency> {
    fault::one_row(result.rows_affected(), table, row)
}

/// Makes sure that a statement touched as many rows as it was about.
fn all_rows(
    result: &SqliteQueryResult,
    wanted: usize,
    table: &'static str,
) -> Result<(), Inconsistency> {
    fault::all_rows(result.rows_affected(), wanted, table)
}

/// Creates the file where there is none. SQLite gives its companions the same permissions.
async fn create_private(path: &Path) -> std::io::Result<()> {
    let mut options = tokio::fs::OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    options.mode(0o600);
    options.open(path).await.map(drop)
}

#[async_trait]
impl Journal for SqliteStore {
    async fn admit_all(&self, arrivals: &[Arrival]) -> Result<Vec<Admission>, JournalError> {
        let mut write = self.begin().await?;
        let admissions = intake::admit_all(&mut write, arrivals).await?;
        write.commit().await?;
        Ok(admissions)
    }

    async fn claim(&self, worker: &str, ttl: Duration) -> Result<Option<Claim>, JournalError> {
        let mut write = self.begin().await?;
        let claimed = claims::claim(&mut write, worker, ttl).await?;
        match claimed {
            claims::Claimed::Nothing => Ok(None),
            claims::Claimed::Taken(claim) => write.commit().await.map(|()| Some(claim)),
            claims::Claimed::PutOff(error) => write.commit().await.and(Err(error)),
        }
    }

    async fn renew(&self, lease: &Lease, ttl: Duration) -> Result<Lease, JournalError> {
        let mut write = self.begin().await?;
        let renewed = claims::renew(&mut write, lease, ttl).await?;
        write.commit().await?;
        Ok(renewed)
    }

    async fn append(
        &self,
        lease: &Lease,
        rotation: RotationId,
        after: u64,
        entry: &Entry,
    ) -> Result<Row, JournalError> {
        let mut write = self.begin().await?;
        let row = growth::append(&mut write, lease, rotation, after, entry).await?;
        write.commit().await?;
        Ok(row)
    }

    async fn release(
        &self,
        lease: &Lease,
        rotation: RotationId,
        due_at: Option<Timestamp>,
    ) -> Result<(), JournalError> {
        let mut write = self.begin().await?;
        claims::release(&mut write, lease, rotation, due_at).await?;
        write.commit().await
    }

    async fn operate(&self, rotation: RotationId, entry: &Entry) -> Result<Row, JournalError> {
        let mut write = self.begin().await?;
        let row = growth::operate(&mut write, rotation, entry).await?;
        write.commit().await?;
        Ok(row)
    }

    async fn next_due(&self) -> Result<Option<Timestamp>, JournalError> {
        lists::next_due(&self.readers, self.clock.now()).await
    }

    async fn rows(&self, rotation: RotationId) -> Result<Vec<Row>, JournalError> {
        let rows = lists::rows(&self.readers, rotation).await?;
        if rows.is_empty() { Err(JournalError::UnknownRotation(rotation)) } else { Ok(rows) }
    }

    async fn rotation(&self, id: RotationId) -> Result<RotationSummary, JournalError> {
        lists::rotation(&self.readers, id, self.clock.now()).await
    }

    async fn rotations(
        &self,
        filter: &RotationFilter,
    ) -> Result<Vec<RotationSummary>, JournalError> {
        lists::rotations(&self.readers, filter, self.clock.now()).await
    }

    async fn phases(&self) -> Result<Vec<(Phase, u64)>, JournalError> {
        lists::phases(&self.readers).await
    }

    async fn applied(&self, target: &TargetName) -> Result<Option<Applied>, JournalError> {
        lists::applied(&self.readers, target).await
    }

    async fn proof(&self, key: &ProofKey) -> Result<Option<SpentProof>, JournalError> {
        proofs::find(&self.readers, key).await
    }

    async fn settle_proof(
        &self,
        key: &ProofKey,
        outcome: &ProofOutcome,
    ) -> Result<(), JournalError> {
        let mut write = self.begin().await?;
        proofs::settle(&mut write, key, outcome).await?;
        write.commit().await
    }

    async fn audit(&self, before: Option<u64>, limit: u32) -> Result<Vec<AuditRow>, JournalError> {
        audit::list(&self.readers, before, limit).await
    }

    async fn prune(&self, retention: Retention) -> Result<Pruned, JournalError> {
        let mut write = self.begin().await?;
        let pruned = retention::prune(&mut write, retention).await?;
        write.commit().await?;
        Ok(pruned)
    }

    async fn trip(&self, account: &AccountName, breaker: &Breaker) -> Result<(), JournalError> {
        let mut write = self.begin().await?;
        breakers::trip(&mut write, account, breaker).await?;
        write.commit().await
    }

    async fn breaker(&self, account: &AccountName) -> Result<Option<Breaker>, JournalError> {
        breakers::find(&self.readers, account).await
    }

    async fn clear_breaker(&self, account: &AccountName) -> Result<(), JournalError> {
        let mut write = self.begin().await?;
        breakers::clear(&mut write, account).await?;
        write.commit().await
    }

    async fn probe(&self) -> Result<(), JournalError> {
        let mut write = self.begin().await?;
        schema::probe(&mut write).await?;
        write.commit().await
    }
}
