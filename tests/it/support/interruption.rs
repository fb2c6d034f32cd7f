//! A journal that lets a test do something at the very moment when something is written.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use reset_receiver::domain::entry::{Entry, Row};
use reset_receiver::domain::ids::{AccountName, RotationId, TargetName};
use reset_receiver::domain::lease::Lease;
use reset_receiver::domain::phase::Phase;
use reset_receiver::domain::proof::{ProofKey, ProofOutcome, SpentProof};
use reset_receiver::domain::retention::Retention;
use reset_receiver::domain::secret::Applied;
use reset_receiver::ports::journal::{
    Admission, Arrival, AuditRow, Breaker, Claim, Journal, JournalError, Pruned, RotationFilter,
    RotationSummary,
};

/// When something may be done: something is about to be written, or is durable. The worker waits
/// meanwhile; an error is what it is told instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Moment {
    /// What it would record has been done; it is not written down yet.
    Before(Entry),
    /// It is written down.
    After(Entry),
    /// A console login was refused; the breaker is about to be tripped.
    Tripping,
    /// A proving login came to this; it is about to be kept.
    Settling(ProofOutcome),
}

type Doing = Pin<Box<dyn Future<Output = Result<(), JournalError>> + Send>>;

/// A journal with a test's hand in it.
pub(crate) struct Interrupted {
    inner: Arc<dyn Journal>,
    interrupt: Box<dyn Fn(Moment) -> Doing + Send + Sync>,
}

impl Interrupted {
    /// Asks `interrupt` whenever a worker writes.
    pub(crate) fn wrap<F>(
        inner: Arc<dyn Journal>,
        interrupt: impl Fn(Moment) -> F + Send + Sync + 'static,
    ) -> Arc<dyn Journal>
    where
        F: Future<Output = Result<(), JournalError>> + Send + 'static,
    {
        let interrupt = Box::new(move |moment| -> Doing { Box::pin(interrupt(moment)) });
        Arc::new(Self { inner, interrupt })
    }
}

#[async_trait]
impl Journal for Interrupted {
    async fn append(
        &self,
        lease: &Lease,
        rotation: RotationId,
        after: u64,
        entry: &Entry,
    ) -> Result<Row, JournalError> {
        (self.interrupt)(Moment::Before(entry.clone())).await?;
        let row = self.inner.append(lease, rotation, after, entry).await?;
        (self.interrupt)(Moment::After(entry.clone())).await?;
        Ok(row)
    }

    async fn admit_all(&self, arrivals: &[Arrival]) -> Result<Vec<Admission>, JournalError> {
        self.inner.admit_all(arrivals).await
    }

    async fn claim(&self, worker: &str, ttl: Duration) -> Result<Option<Claim>, JournalError> {
        self.inner.claim(worker, ttl).await
    }

    async fn renew(&self, lease: &Lease, ttl: Duration) -> Result<Lease, JournalError> {
        self.inner.renew(lease, ttl).await
    }

    async fn release(
        &self,
        lease: &Lease,
        rotation: RotationId,
        due_at: Option<Timestamp>,
    ) -> Result<(), JournalError> {
        self.inner.release(lease, rotation, due_at).await
    }

    async fn operate(&self, rotation: RotationId, entry: &Entry) -> Result<Row, JournalError> {
        self.inner.operate(rotation, entry).await
    }

    async fn next_due(&self) -> Result<Option<Timestamp>, JournalError> {
        self.inner.next_due().await
    }

    async fn rows(&self, rotation: RotationId) -> Result<Vec<Row>, JournalError> {
        self.inner.rows(rotation).await
    }

    async fn rotation(&self, id: RotationId) -> Result<RotationSummary, JournalError> {
        self.inner.rotation(id).await
    }

    async fn rotations(
        &self,
        filter: &RotationFilter,
    ) -> Result<Vec<RotationSummary>, JournalError> {
        self.inner.rotations(filter).await
    }

    async fn phases(&self) -> Result<Vec<(Phase, u64)>, JournalError> {
        self.inner.phases().await
    }

    async fn is_awaited(&self, rotation: RotationId) -> Result<bool, JournalError> {
        self.inner.is_awaited(rotation).await
    }

    async fn applied(&self, target: &TargetName) -> Result<Option<Applied>, JournalError> {
        self.inner.applied(target).await
    }

    async fn proof(&self, key: &ProofKey) -> Result<Option<SpentProof>, JournalError> {
        self.inner.proof(key).await
    }

    async fn settle_proof(
        &self,
        key: &ProofKey,
        outcome: &ProofOutcome,
    ) -> Result<(), JournalError> {
        (self.interrupt)(Moment::Settling(outcome.clone())).await?;
        self.inner.settle_proof(key, outcome).await
    }

    async fn audit(&self, before: Option<u64>, limit: u32) -> Result<Vec<AuditRow>, JournalError> {
        self.inner.audit(before, limit).await
    }

    async fn prune(&self, retention: Retention) -> Result<Pruned, JournalError> {
        self.inner.prune(retention).await
    }

    async fn trip(&self, account: &AccountName, breaker: &Breaker) -> Result<(), JournalError> {
        (self.interrupt)(Moment::Tripping).await?;
        self.inner.trip(account, breaker).await
    }

    async fn breaker(&self, account: &AccountName) -> Result<Option<Breaker>, JournalError> {
        self.inner.breaker(account).await
    }

    async fn probe(&self) -> Result<(), JournalError> {
        self.inner.probe().await
    }
}
