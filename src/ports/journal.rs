//! The durable memory: events, rotations with their journals, leases, breakers.
//!
//! A method that writes has returned only when what it wrote survives a power failure. No method
//! keeps a transaction open when it returns.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::domain::audit::OperatorVerb;
use crate::domain::entry::{Entry, Row};
use crate::domain::event::ResetEvent;
use crate::domain::ids::{AccountName, RotationId, TargetName};
use crate::domain::lease::Lease;
use crate::domain::phase::Phase;
use crate::domain::proof::{ProofKey, ProofOutcome, SpentProof};
use crate::domain::retention::Retention;
use crate::domain::rotation::IllegalEntry;
use crate::domain::secret::{Applied, SecretVersion};
use crate::domain::target::Surface;
use crate::ports::console::Source;

/// What went wrong in the store.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Busy, unreachable, full, or read-only: it may work later.
    #[error("the store cannot be written or read now")]
    Unavailable(#[source] Source),
    /// A row that this program cannot read, or a journal that breaks the rules.
    #[error("the store holds something that this version cannot read")]
    Inconsistent(#[source] Source),
    /// The lease expired or another worker took it over; nothing was written.
    #[error("the lease on the console account was lost")]
    LeaseLost,
    /// Somebody else wrote to the rotation first; nothing was written. Read it again.
    #[error("the journal has moved on")]
    Moved,
    /// The version's one proving login was spent already; nothing was written.
    #[error("the proving login of this version of the secret is spent")]
    Spent,
    /// The entry is not legal in the rotation's present state; nothing was written.
    #[error(transparent)]
    Illegal(#[from] IllegalEntry),
    /// No rotation with that id.
    #[error("there is no rotation {0}")]
    UnknownRotation(RotationId),
}

/// Where an event belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placement {
    /// The target whose login it is about.
    pub target: TargetName,
    /// The target's console account.
    pub account: AccountName,
    /// The target's surfaces, for a rotation that begins now.
    pub surfaces: Vec<Surface>,
    /// The id that a rotation gets which begins now.
    pub new_rotation: RotationId,
}

/// An event that has come, and where it belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// The event.
    pub event: ResetEvent,
    /// Where it belongs; `None` where it is about nobody that is configured.
    pub placement: Option<Placement>,
}

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// Written down; it began or joined this rotation.
    Accepted(RotationId),
    /// Known already; nothing was written. The rotation that it went to, if it matched one.
    Duplicate(Option<RotationId>),
    /// Written down as being about nobody that is configured.
    Unmatched,
}

/// A rotation to drive.
#[derive(Debug, Clone)]
pub struct Claim {
    /// The claim on its console account.
    pub lease: Lease,
    /// The rotation.
    pub rotation: RotationId,
    /// Its target.
    pub target: TargetName,
    /// Its whole journal.
    pub rows: Vec<Row>,
    /// What the target's last completed rotation wrote.
    pub applied: Option<Applied>,
    /// Whether the rotation's last claim expired instead of being released: its holder died.
    pub taken_over: bool,
}

/// A rotation, as lists show it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct RotationSummary {
    /// Its id.
    pub id: RotationId,
    /// Its target.
    pub target: TargetName,
    /// Where it stands.
    pub phase: Phase,
    /// When its first event was admitted.
    pub admitted_at: Timestamp,
    /// When its journal last grew.
    pub updated_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// When it is looked at next; `None` for one that is being driven, waits for a person or is
    /// over.
    pub wakes_at: Option<Timestamp>,
}

/// Which rotations to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RotationFilter {
    /// Only this target's.
    pub target: Option<TargetName>,
    /// Only those in this phase.
    pub phase: Option<Phase>,
    /// Only those that are older than this one: the cursor, as ids sort by time.
    pub before: Option<RotationId>,
    /// At most so many, newest first.
    pub limit: u32,
}

/// A console account whose login was refused, so that nobody logs in to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Breaker {
    /// When it was refused.
    pub since: Timestamp,
    /// The version of the console login's secret that was refused.
    pub secret_version: SecretVersion,
}

/// What an operator said, as it stands in the audit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRow {
    /// Its number; later rows have greater ones.
    pub number: u64,
    /// When it was said.
    pub at: Timestamp,
    /// Who said it.
    pub by: String,
    /// What.
    pub verb: OperatorVerb,
    /// The target that it was about.
    pub target: TargetName,
    /// The rotation that it was about, or that it began.
    pub rotation: RotationId,
}

/// What was forgotten by age.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pruned {
    /// How many events.
    pub events: u64,
    /// How many rotations, each with its journal.
    pub rotations: u64,
}

/// The durable memory.
#[async_trait]
pub trait Journal: Send + Sync {
    /// Writes events down, in one transaction with what follows from them: the first row of a new
    /// rotation, or one more row of the target's unfinished one. An operator's `rotate` is an event
    /// too, of [`Deed::SOURCE`](crate::domain::audit::Deed::SOURCE), and goes into the audit.
    ///
    /// What became of each, in their order; or an error, and none of them is written down.
    async fn admit_all(&self, arrivals: &[Arrival]) -> Result<Vec<Admission>, JournalError>;

    /// Writes one event down.
    async fn admit(
        &self,
        event: &ResetEvent,
        placement: Option<&Placement>,
    ) -> Result<Admission, JournalError> {
        let arrival = Arrival { event: event.clone(), placement: placement.cloned() };
        let admissions = self.admit_all(&[arrival]).await?;
        admissions.into_iter().next().ok_or_else(|| {
            JournalError::Inconsistent("an event was written down without an answer".into())
        })
    }

    /// Claims a rotation that is due and whose account is free, those with something to contain
    /// first, then the longest due. `None` where there is none.
    ///
    /// One whose journal cannot be read is [`JournalError::Inconsistent`]; it is put off for a
    /// minute, so that it does not stand before the others.
    async fn claim(&self, worker: &str, ttl: Duration) -> Result<Option<Claim>, JournalError>;

    /// Extends a lease that still holds.
    async fn renew(&self, lease: &Lease, ttl: Duration) -> Result<Lease, JournalError>;

    /// Appends an entry to a rotation whose last row is `after`, under a lease that still holds.
    /// A [`Entry::Proving`] also spends the one proving login of the chosen version, over all
    /// rotations of the target; where it is spent, this is [`JournalError::Spent`].
    /// A [`Entry::Completed`] also replaces what is applied to the target. Where nothing had to be
    /// done, nobody looked at the console either, and what is applied stays as it is.
    async fn append(
        &self,
        lease: &Lease,
        rotation: RotationId,
        after: u64,
        entry: &Entry,
    ) -> Result<Row, JournalError>;

    /// Gives the account free and says when the rotation is due again; `None` for not by itself.
    /// Where intake or an operator wrote to the rotation since the claim, it is due now instead,
    /// whether or not the holder took notice: no news is slept over.
    async fn release(
        &self,
        lease: &Lease,
        rotation: RotationId,
        due_at: Option<Timestamp>,
    ) -> Result<(), JournalError>;

    /// Appends an operator's entry, whoever holds the lease, makes the rotation due now and adds to
    /// the audit. `Retried`, of a rotation that is stuck because the console refused the login of
    /// its account, also clears that account's breaker.
    async fn operate(&self, rotation: RotationId, entry: &Entry) -> Result<Row, JournalError>;

    /// When the next rotation is due, at the earliest; also when a lease expires that stands
    /// before a due rotation.
    async fn next_due(&self) -> Result<Option<Timestamp>, JournalError>;

    /// The rows of a rotation's journal.
    async fn rows(&self, rotation: RotationId) -> Result<Vec<Row>, JournalError>;

    /// One rotation.
    async fn rotation(&self, id: RotationId) -> Result<RotationSummary, JournalError>;

    /// Rotations, newest first.
    async fn rotations(
        &self,
        filter: &RotationFilter,
    ) -> Result<Vec<RotationSummary>, JournalError>;

    /// How many rotations stand in each phase; phases without one may be left out.
    async fn phases(&self) -> Result<Vec<(Phase, u64)>, JournalError>;

    /// Whether a rotation that is to be contained now waits for this one's console account.
    async fn is_awaited(&self, rotation: RotationId) -> Result<bool, JournalError>;

    /// What the target's last completed rotation wrote.
    async fn applied(&self, target: &TargetName) -> Result<Option<Applied>, JournalError>;

    /// The proving login of this version of a target's secret, where it is spent.
    async fn proof(&self, key: &ProofKey) -> Result<Option<SpentProof>, JournalError>;

    /// Notes what came of a proving login that is spent and of which nothing is known yet. It is
    /// a fact about Salesforce, which stays one where the lease was lost meanwhile.
    async fn settle_proof(
        &self,
        key: &ProofKey,
        outcome: &ProofOutcome,
    ) -> Result<(), JournalError>;

    /// What operators said, newest first: at most `limit` rows, all with smaller numbers than
    /// `before`, the cursor. A row is written with what it tells of, or not at all, and stays.
    async fn audit(&self, before: Option<u64>, limit: u32) -> Result<Vec<AuditRow>, JournalError>;

    /// Forgets some of what is older than the retention, a bounded number at a time: call again
    /// until nothing is left. An unfinished rotation stays with its events, and so does the one
    /// that wrote what is applied to its target. A proving login is never forgotten, nor is the
    /// rotation that spent it, so that the version is not tried again.
    async fn prune(&self, retention: Retention) -> Result<Pruned, JournalError>;

    /// Notes that a console account's login was refused.
    async fn trip(&self, account: &AccountName, breaker: &Breaker) -> Result<(), JournalError>;

    /// The account's breaker, where it has tripped.
    async fn breaker(&self, account: &AccountName) -> Result<Option<Breaker>, JournalError>;

    /// Writes and takes back something, to see that the store can be written.
    async fn probe(&self) -> Result<(), JournalError>;
}
