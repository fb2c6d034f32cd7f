//! A test hook, compiled only with the feature `failpoints`: a journal that kills the process, as
//! `kill -9` would, at a numbered write.
//!
//! `RESET_RECEIVER_KILL=before:7` dies before the seventh entry is written, that is, after
//! whatever it would have recorded was done; `after:7` dies once the seventh entry is durable.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use rustix::process::{Signal, getpid, kill_process};

use crate::domain::entry::{Entry, Row};
use crate::domain::ids::{AccountName, RotationId, TargetName};
use crate::domain::lease::Lease;
use crate::domain::phase::Phase;
use crate::domain::proof::{ProofKey, ProofOutcome, SpentProof};
use crate::domain::retention::Retention;
use crate::domain::secret::Applied;
use crate::ports::journal::{
    Admission, Arrival, AuditRow, Breaker, Claim, Journal, JournalError, Pruned, RotationFilter,
    RotationSummary,
};

/// The environment variable that says where to die.
pub const VARIABLE: &str = "RESET_RECEIVER_KILL";

/// A journal that dies at a numbered write.
pub struct DyingJournal {
    inner: Arc<dyn Journal>,
    before: Option<u64>,
    after: Option<u64>,
    writes: AtomicU64,
}

/// Wraps the journal where the environment asks for it.
pub fn wrap(inner: Arc<dyn Journal>) -> Arc<dyn Journal> {
    #[expect(clippy::disallowed_methods, reason = "not configuration: no release image has it")]
    let Ok(plan) = std::env::var(VARIABLE) else { return inner };
    let number = |moment| plan.strip_prefix(moment).and_then(|number| number.parse().ok());
    let (before, after) = (number("before:"), number("after:"));
    tracing::warn!(plan, "this process will kill itself");
    Arc::new(DyingJournal { inner, before, after, writes: AtomicU64::new(0) })
}

impl DyingJournal {
    async fn count<T>(
        &self,
        write: impl Future<Output = Result<T, JournalError>> + Send,
    ) -> Result<T, JournalError> {
        let number = self.writes.fetch_add(1, Ordering::SeqCst) + 1;
        if self.before == Some(number) {
            die();
        }
        let result = write.await;
        if self.after == Some(number) && result.is_ok() {
            die();
        }
        result
    }
}

fn die() {
    if let Err(error) = kill_process(getpid(), Signal::KILL) {
        tracing::error!(%error, "the process could not kill itself");
    }
}

#[async_trait]
impl Journal for DyingJournal {
    async fn admit_all(&self, arrivals: &[Arrival]) -> Result<Vec<Admission>, JournalError> {
        self.count(self.inner.admit_all(arrivals)).await
    }

    async fn append(
        &self,
        lease: &Lease,
        rotation: RotationId,
        after: u64,
        entry: &Entry,
    ) -> Result<Row, JournalError> {
        self.count(self.inner.append(lease, rotation, after, entry)).await
    }

    async fn operate(&self, rotation: RotationId, entry: &Entry) -> Result<Row, JournalError> {
        self.count(self.inner.operate(rotation, entry)).await
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
        self.count(self.inner.settle_proof(key, outcome)).await
    }

    async fn audit(&self, before: Option<u64>, limit: u32) -> Result<Vec<AuditRow>, JournalError> {
        self.inner.audit(before, limit).await
    }

    async fn prune(&self, retention: Retention) -> Result<Pruned, JournalError> {
        self.inner.prune(retention).await
    }

    async fn trip(&self, account: &AccountName, breaker: &Breaker) -> Result<(), JournalError> {
        self.count(self.inner.trip(account, breaker)).await
    }

    async fn breaker(&self, account: &AccountName) -> Result<Option<Breaker>, JournalError> {
        self.inner.breaker(account).await
    }

    async fn probe(&self) -> Result<(), JournalError> {
        self.inner.probe().await
    }
}
