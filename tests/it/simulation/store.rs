//! The store in a simulated world: one worker's way to the journal, on which things go wrong.

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

use crate::simulation::rules;
use crate::simulation::world::{Luck, World};
use crate::support::memory_journal::MemoryJournal;

/// The journal, as one worker sees it.
pub(crate) struct SimulatedStore {
    pub(crate) journal: MemoryJournal,
    pub(crate) world: World,
    pub(crate) worker: usize,
}

fn busy() -> JournalError {
    JournalError::Unavailable("the store is busy".into())
}

impl SimulatedStore {
    /// A short question: seldom anything goes wrong with it.
    async fn asked(&self, what: &str) -> Result<(), JournalError> {
        self.world.interrupt(self.worker, "before", what, 400).await;
        if self.world.fault_once_in(100) { Err(busy()) } else { Ok(()) }
    }

    /// Its answer: as seldom it is lost, or late.
    async fn answered(&self, what: &str) -> Result<(), JournalError> {
        self.world.interrupt(self.worker, "after", what, 400).await;
        if self.world.fault_once_in(100) { Err(busy()) } else { Ok(()) }
    }
}

#[async_trait]
impl Journal for SimulatedStore {
    async fn append(
        &self,
        lease: &Lease,
        rotation: RotationId,
        after: u64,
        entry: &Entry,
    ) -> Result<Row, JournalError> {
        let luck = self.world.before(self.worker, entry.name()).await;
        let is_unlucky = luck != Luck::Good && self.world.once_in(4);
        if is_unlucky && luck == Luck::Refused {
            return Err(busy());
        }
        let row = self.journal.append(lease, rotation, after, entry).await?;
        rules::recorded(&self.world, self.worker, entry);
        self.world.after(self.worker, entry.name()).await;
        if is_unlucky { Err(busy()) } else { Ok(row) }
    }

    async fn claim(&self, worker: &str, ttl: Duration) -> Result<Option<Claim>, JournalError> {
        self.asked("a claim").await?;
        let claim = self.journal.claim(worker, ttl).await?;
        if let Some(claim) = &claim {
            self.world.facts().holder = Some(self.worker);
            let fence = claim.lease.fence;
            self.world.say(|| format!("{worker} claims the account, fence {fence}"));
            self.answered("a claim").await?;
        }
        Ok(claim)
    }

    async fn renew(&self, lease: &Lease, ttl: Duration) -> Result<Lease, JournalError> {
        self.world.before(self.worker, "a renewal").await;
        self.asked("a renewal").await?;
        let renewed = self.journal.renew(lease, ttl).await?;
        self.answered("a renewal").await?;
        Ok(renewed)
    }

    async fn release(
        &self,
        lease: &Lease,
        rotation: RotationId,
        due_at: Option<Timestamp>,
    ) -> Result<(), JournalError> {
        self.asked("a release").await?;
        self.journal.release(lease, rotation, due_at).await?;
        let left = self.journal.rotation(rotation).await?;
        rules::released(&self.world, left.phase, left.wakes_at);
        self.answered("a release").await
    }

    async fn rows(&self, rotation: RotationId) -> Result<Vec<Row>, JournalError> {
        self.asked("a look into the journal").await?;
        self.journal.rows(rotation).await
    }

    async fn proof(&self, key: &ProofKey) -> Result<Option<SpentProof>, JournalError> {
        self.asked("a look at the proofs").await?;
        self.journal.proof(key).await
    }

    async fn settle_proof(
        &self,
        key: &ProofKey,
        outcome: &ProofOutcome,
    ) -> Result<(), JournalError> {
        self.world.interrupt(self.worker, "before", "keeping an outcome", 30).await;
        if self.world.fault_once_in(20) {
            return Err(busy());
        }
        self.journal.settle_proof(key, outcome).await
    }

    async fn trip(&self, account: &AccountName, breaker: &Breaker) -> Result<(), JournalError> {
        self.asked("opening the breaker").await?;
        self.world.say(|| format!("the breaker opens at console login {}", breaker.secret_version));
        self.journal.trip(account, breaker).await
    }

    async fn breaker(&self, account: &AccountName) -> Result<Option<Breaker>, JournalError> {
        self.asked("a look at the breaker").await?;
        self.journal.breaker(account).await
    }

    async fn admit_all(&self, arrivals: &[Arrival]) -> Result<Vec<Admission>, JournalError> {
        if self.world.fault_once_in(10) {
            return Err(busy());
        }
        let admissions = self.journal.admit_all(arrivals).await?;
        if self.world.fault_once_in(10) { Err(busy()) } else { Ok(admissions) }
    }

    async fn operate(&self, rotation: RotationId, entry: &Entry) -> Result<Row, JournalError> {
        self.journal.operate(rotation, entry).await
    }

    async fn next_due(&self) -> Result<Option<Timestamp>, JournalError> {
        self.journal.next_due().await
    }

    async fn rotation(&self, id: RotationId) -> Result<RotationSummary, JournalError> {
        self.journal.rotation(id).await
    }

    async fn rotations(
        &self,
        filter: &RotationFilter,
    ) -> Result<Vec<RotationSummary>, JournalError> {
        self.journal.rotations(filter).await
    }

    async fn phases(&self) -> Result<Vec<(Phase, u64)>, JournalError> {
        self.journal.phases().await
    }

    async fn is_awaited(&self, rotation: RotationId) -> Result<bool, JournalError> {
        self.journal.is_awaited(rotation).await
    }

    async fn applied(&self, target: &TargetName) -> Result<Option<Applied>, JournalError> {
        self.journal.applied(target).await
    }

    async fn audit(&self, before: Option<u64>, limit: u32) -> Result<Vec<AuditRow>, JournalError> {
        self.journal.audit(before, limit).await
    }

    async fn prune(&self, retention: Retention) -> Result<Pruned, JournalError> {
        self.journal.prune(retention).await
    }

    async fn probe(&self) -> Result<(), JournalError> {
        self.journal.probe().await
    }
}
