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
mod connections;
mod growth;
mod intake;
mod lists;
mod proofs;
mod retention;
mod schema;
mod statements;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::{Connection, Transaction, TransactionBehavior};

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
use crate::store::fault::{self, OpenError};
use crate::store::ledger::Ledger;
use crate::store::rows;
use crate::store::shelf::Shelf;
use crate::store::sqlite::connections::{Connections, May};

pub use crate::store::sqlite::alone::WorkPermit;

/// How many readers there are beside the writer.
const READERS: u32 = 4;

/// The journal in one SQLite file. Cheap to clone.
#[derive(Clone)]
pub struct SqliteStore {
    writer: Arc<Connections>,
    readers: Arc<Connections>,
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
        let writer = Connections::new(path.to_owned(), May::Write, 1);
        let migrated = writer.turn(|connection| Ok(schema::migrate(connection)));
        migrated.await.map_err(OpenError::database)??;
        let readers = Connections::new(path.to_owned(), May::Read, READERS);
        Ok(Self { writer, readers, shelf: Arc::new(Shelf::new()), clock })
    }

    /// Waits for what is being written and closes the file.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    /// Does something in one transaction, which is undone where it fails.
    async fn write<T, W>(&self, work: W) -> Result<T, JournalError>
    where
        T: Send + 'static,
        W: FnOnce(&mut Write<'_>) -> Result<T, JournalError> + Send + 'static,
    {
        let store = self.clone();
        let turn = self.writer.turn(move |connection| {
            let mut write = Write::begin(connection, &store)?;
            let outcome = work(&mut write)?;
            write.commit()?;
            Ok(outcome)
        });
        turn.await
    }

    /// Reads something.
    async fn read<T, R>(&self, read: R) -> Result<T, JournalError>
    where
        T: Send + 'static,
        R: FnOnce(&Connection) -> Result<T, JournalError> + Send + 'static,
    {
        self.readers.turn(|connection| read(connection)).await
    }
}

impl std::fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteStore").finish_non_exhaustive()
    }
}

/// A transaction that writes, and the time at which it got its turn. Dropping it undoes it.
struct Write<'a> {
    transaction: Transaction<'a>,
    now: Timestamp,
    shelf: &'a Shelf,
    /// The journals that gained something.
    grown: Vec<(RotationId, Ledger)>,
}

impl<'a> Write<'a> {
    fn begin(connection: &'a mut Connection, store: &'a SqliteStore) -> Result<Self, JournalError> {
        let transaction = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(fault::sqlite)?;
        let now = rows::whole(store.clock.now());
        Ok(Self { transaction, now, shelf: &store.shelf, grown: Vec::new() })
    }

    fn commit(self) -> Result<(), JournalError> {
        self.transaction.commit().map_err(fault::sqlite)?;
        for (rotation, ledger) in self.grown {
            self.shelf.put(rotation, ledger, self.now);
        }
        Ok(())
    }
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
        let arrivals = arrivals.to_vec();
        self.write(move |write| intake::admit_all(write, &arrivals)).await
    }

    async fn claim(&self, worker: &str, ttl: Duration) -> Result<Option<Claim>, JournalError> {
        let worker = worker.to_owned();
        match self.write(move |write| claims::claim(write, &worker, ttl)).await? {
            claims::Claimed::Nothing => Ok(None),
            claims::Claimed::Taken(claim) => Ok(Some(claim)),
            claims::Claimed::PutOff(error) => Err(error),
        }
    }

    async fn renew(&self, lease: &Lease, ttl: Duration) -> Result<Lease, JournalError> {
        let lease = lease.clone();
        self.write(move |write| claims::renew(write, &lease, ttl)).await
    }

    async fn append(
        &self,
        lease: &Lease,
        rotation: RotationId,
        after: u64,
        entry: &Entry,
    ) -> Result<Row, JournalError> {
        let (lease, entry) = (lease.clone(), entry.clone());
        self.write(move |write| growth::append(write, &lease, rotation, after, &entry)).await
    }

    async fn release(
        &self,
        lease: &Lease,
        rotation: RotationId,
        due_at: Option<Timestamp>,
    ) -> Result<(), JournalError> {
        let lease = lease.clone();
        self.write(move |write| claims::release(write, &lease, rotation, due_at)).await
    }

    async fn operate(&self, rotation: RotationId, entry: &Entry) -> Result<Row, JournalError> {
        let entry = entry.clone();
        self.write(move |write| growth::operate(write, rotation, &entry)).await
    }

    async fn next_due(&self) -> Result<Option<Timestamp>, JournalError> {
        let now = self.clock.now();
        self.read(move |connection| lists::next_due(connection, now)).await
    }

    async fn rows(&self, rotation: RotationId) -> Result<Vec<Row>, JournalError> {
        let rows = self.read(move |connection| lists::rows(connection, rotation)).await?;
        if rows.is_empty() { Err(JournalError::UnknownRotation(rotation)) } else { Ok(rows) }
    }

    async fn rotation(&self, id: RotationId) -> Result<RotationSummary, JournalError> {
        let now = self.clock.now();
        self.read(move |connection| lists::rotation(connection, id, now)).await
    }

    async fn rotations(
        &self,
        filter: &RotationFilter,
    ) -> Result<Vec<RotationSummary>, JournalError> {
        let (filter, now) = (filter.clone(), self.clock.now());
        self.read(move |connection| lists::rotations(connection, &filter, now)).await
    }

    async fn phases(&self) -> Result<Vec<(Phase, u64)>, JournalError> {
        self.read(lists::phases).await
    }

    async fn is_awaited(&self, rotation: RotationId) -> Result<bool, JournalError> {
        let now = self.clock.now();
        self.read(move |connection| lists::is_awaited(connection, rotation, now)).await
    }

    async fn applied(&self, target: &TargetName) -> Result<Option<Applied>, JournalError> {
        let target = target.clone();
        self.read(move |connection| lists::applied(connection, &target)).await
    }

    async fn proof(&self, key: &ProofKey) -> Result<Option<SpentProof>, JournalError> {
        let key = key.clone();
        self.read(move |connection| proofs::find(connection, &key)).await
    }

    async fn settle_proof(
        &self,
        key: &ProofKey,
        outcome: &ProofOutcome,
    ) -> Result<(), JournalError> {
        let (key, outcome) = (key.clone(), outcome.clone());
        self.write(move |write| proofs::settle(write, &key, &outcome)).await
    }

    async fn audit(&self, before: Option<u64>, limit: u32) -> Result<Vec<AuditRow>, JournalError> {
        self.read(move |connection| audit::list(connection, before, limit)).await
    }

    async fn prune(&self, retention: Retention) -> Result<Pruned, JournalError> {
        self.write(move |write| retention::prune(write, retention)).await
    }

    async fn trip(&self, account: &AccountName, breaker: &Breaker) -> Result<(), JournalError> {
        let (account, breaker) = (account.clone(), breaker.clone());
        self.write(move |write| breakers::trip(write, &account, &breaker)).await
    }

    async fn breaker(&self, account: &AccountName) -> Result<Option<Breaker>, JournalError> {
        let account = account.clone();
        self.read(move |connection| breakers::find(connection, &account)).await
    }

    async fn probe(&self) -> Result<(), JournalError> {
        self.write(|write| schema::probe(write)).await
    }
}
