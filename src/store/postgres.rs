//! The journal in a PostgreSQL database that several replicas share.
//!
//! A write locks the rows that it decides about before it looks at them and reads the database's
//! clock only then, so that what it decides about leases holds until it commits: one clock judges
//! all replicas, and a replica whose own clock is wrong claims nothing too early. Rows are locked
//! in one order, first the rotation, then the account. Events alone come in [without](intake) such
//! locks, as they decide about no lease. A commit has returned only when the write-ahead log is on
//! the disk.

mod admitted;
mod audit;
mod breakers;
mod claims;
mod connection;
mod growth;
mod intake;
mod lists;
mod proofs;
mod retention;
mod schema;
mod wakes;
mod write;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::PgExecutor;
use sqlx::postgres::{PgPool, PgQueryResult};

use crate::domain::entry::{Entry, Row};
use crate::domain::ids::{AccountName, RotationId, TargetName};
use crate::domain::lease::Lease;
use crate::domain::phase::Phase;
use crate::domain::proof::{ProofKey, ProofOutcome, SpentProof};
use crate::domain::retention::Retention;
use crate::domain::secret::{Applied, SecretText};
use crate::ports::clock::Clock;
use crate::ports::journal::{
    Admission, Arrival, AuditRow, Breaker, Claim, Journal, JournalError, Pruned, RotationFilter,
    RotationSummary,
};
use crate::store::fault::{self, Inconsistency, OpenError};
use crate::store::postgres::connection::Pools;
use crate::store::postgres::write::Write;
use crate::store::rows::{self, Place};
use crate::store::shelf::Shelf;

pub use crate::store::postgres::connection::{PostgresSettings, PostgresUrlError};

/// How long one call of the port may take, the wait for a connection included. Shorter than any
/// lease, so that a worker learns in time that it cannot renew its own.
const CALL_TIMEOUT: Duration = Duration::from_secs(8);

/// The journal in a PostgreSQL database. Cheap to clone.
#[derive(Clone)]
pub struct PostgresStore {
    readers: PgPool,
    writers: PgPool,
    shelf: Arc<Shelf>,
    time: Time,
}

/// Whose clock judges leases.
#[derive(Clone)]
enum Time {
    /// The database's, the same for all replicas.
    Database,
    /// One that this process was given.
    Given(Arc<dyn Clock>),
}

impl Time {
    async fn now(&self, reader: impl PgExecutor<'_>) -> Result<Timestamp, JournalError> {
        let now: i64 = sqlx::query_scalar(
            "SELECT FLOOR(EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::BIGINT",
        )
        .fetch_one(reader)
        .await
        .map_err(fault::postgres)?;
        Ok(self.judge(now)?)
    }

    /// The time, where the database's clock reads this.
    fn judge(&self, database_ms: i64) -> Result<Timestamp, Inconsistency> {
        match self {
            Self::Given(clock) => Ok(rows::whole(clock.now())),
            Self::Database => Place::new("clock", &"*").time("clock_timestamp", database_ms),
        }
    }
}

impl PostgresStore {
    /// Connects to the database and brings its schema up to date. Leases are judged by the
    /// database's clock. `password` is what the settings' password file holds.
    pub async fn open(
        settings: &PostgresSettings,
        password: Option<&SecretText>,
    ) -> Result<Self, OpenError> {
        let Pools { readers, writers } = Pools::connect(settings, password).await?;
        schema::migrate(&writers).await?;
        Ok(Self { readers, writers, shelf: Arc::new(Shelf::new()), time: Time::Database })
    }

    /// The same store, which judges leases by this clock. It is for one process alone: the clocks
    /// of two replicas do not agree.
    #[must_use]
    pub fn judged_by(self, clock: Arc<dyn Clock>) -> Self {
        Self { time: Time::Given(clock), ..self }
    }

    /// Closes every connection, once what is under way on it has ended.
    pub async fn close(&self) {
        tokio::join!(self.readers.close(), self.writers.close());
    }

    async fn now(&self) -> Result<Timestamp, JournalError> {
        self.time.now(&self.readers).await
    }
}

impl std::fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PostgresStore").finish_non_exhaustive()
    }
}

/// Makes sure that a statement touched the one row that it was about.
fn one_row(
    result: &PgQueryResult,
    table: &'static str,
    row: &impl ToString,
) -> Result<(), Inconsistency> {
    fault::one_row(result.rows_affected(), table, row)
}

/// Bounds a call: a database that does not answer is unavailable.
async fn bounded<T>(
    call: impl Future<Output = Result<T, JournalError>> + Send,
) -> Result<T, JournalError> {
    let call = tokio::time::timeout(CALL_TIMEOUT, call);
    call.await.unwrap_or_else(|late| Err(JournalError::Unavailable(Box::new(late))))
}

#[async_trait]
impl Journal for PostgresStore {
    async fn admit_all(&self, arrivals: &[Arrival]) -> Result<Vec<Admission>, JournalError> {
        bounded(intake::admit_all(self, arrivals)).await
    }

    async fn claim(&self, worker: &str, ttl: Duration) -> Result<Option<Claim>, JournalError> {
        bounded(async {
            let mut write = Write::begin(self).await?;
            let claimed = claims::claim(&mut write, worker, ttl).await;
            match write.end(claimed).await? {
                claims::Claimed::Nothing => Ok(None),
                claims::Claimed::Taken(claim) => Ok(Some(claim)),
                claims::Claimed::PutOff(error) => Err(error),
            }
        })
        .await
    }

    async fn renew(&self, lease: &Lease, ttl: Duration) -> Result<Lease, JournalError> {
        bounded(async {
            let mut write = Write::begin(self).await?;
            let renewed = claims::renew(&mut write, lease, ttl).await;
            write.end(renewed).await
        })
        .await
    }

    async fn append(
        &self,
        lease: &Lease,
        rotation: RotationId,
        after: u64,
        entry: &Entry,
    ) -> Result<Row, JournalError> {
        bounded(async {
            let mut write = Write::begin(self).await?;
            let row = growth::append(&mut write, lease, rotation, after, entry).await;
            write.end(row).await
        })
        .await
    }

    async fn release(
        &self,
        lease: &Lease,
        rotation: RotationId,
        due_at: Option<Timestamp>,
    ) -> Result<(), JournalError> {
        bounded(async {
            let mut write = Write::begin(self).await?;
            let released = claims::release(&mut write, lease, rotation, due_at).await;
            write.end(released).await
        })
        .await
    }

    async fn operate(&self, rotation: RotationId, entry: &Entry) -> Result<Row, JournalError> {
        bounded(async {
            let mut write = Write::begin(self).await?;
            let row = growth::operate(&mut write, rotation, entry).await;
            write.end(row).await
        })
        .await
    }

    async fn next_due(&self) -> Result<Option<Timestamp>, JournalError> {
        bounded(async { lists::next_due(&self.readers, self.now().await?).await }).await
    }

    async fn rows(&self, rotation: RotationId) -> Result<Vec<Row>, JournalError> {
        let rows = bounded(lists::rows(&self.readers, rotation)).await?;
        if rows.is_empty() { Err(JournalError::UnknownRotation(rotation)) } else { Ok(rows) }
    }

    async fn rotation(&self, id: RotationId) -> Result<RotationSummary, JournalError> {
        bounded(async { lists::rotation(&self.readers, id, self.now().await?).await }).await
    }

    async fn rotations(
        &self,
        filter: &RotationFilter,
    ) -> Result<Vec<RotationSummary>, JournalError> {
        bounded(async { lists::rotations(&self.readers, filter, self.now().await?).await }).await
    }

    async fn phases(&self) -> Result<Vec<(Phase, u64)>, JournalError> {
        bounded(lists::phases(&self.readers)).await
    }

    async fn is_awaited(&self, rotation: RotationId) -> Result<bool, JournalError> {
        bounded(lists::is_awaited(&self.readers, rotation, &self.time)).await
    }

    async fn applied(&self, target: &TargetName) -> Result<Option<Applied>, JournalError> {
        bounded(lists::applied(&self.readers, target)).await
    }

    async fn proof(&self, key: &ProofKey) -> Result<Option<SpentProof>, JournalError> {
        bounded(proofs::find(&self.readers, key)).await
    }

    async fn settle_proof(
        &self,
        key: &ProofKey,
        outcome: &ProofOutcome,
    ) -> Result<(), JournalError> {
        bounded(async {
            let mut write = Write::begin(self).await?;
            let settled = proofs::settle(&mut write, key, outcome).await;
            write.end(settled).await
        })
        .await
    }

    async fn audit(&self, before: Option<u64>, limit: u32) -> Result<Vec<AuditRow>, JournalError> {
        bounded(audit::list(&self.readers, before, limit)).await
    }

    async fn prune(&self, retention: Retention) -> Result<Pruned, JournalError> {
        bounded(async {
            let mut write = Write::begin(self).await?;
            let pruned = retention::prune(&mut write, retention).await;
            write.end(pruned).await
        })
        .await
    }

    async fn trip(&self, account: &AccountName, breaker: &Breaker) -> Result<(), JournalError> {
        bounded(async {
            let mut write = Write::begin(self).await?;
            let tripped = breakers::trip(&mut write, account, breaker).await;
            write.end(tripped).await
        })
        .await
    }

    async fn breaker(&self, account: &AccountName) -> Result<Option<Breaker>, JournalError> {
        bounded(breakers::find(&self.readers, account)).await
    }

    async fn probe(&self) -> Result<(), JournalError> {
        bounded(async {
            let mut write = Write::begin(self).await?;
            let probed = schema::probe(&mut write).await;
            write.end(probed).await
        })
        .await
    }
}
