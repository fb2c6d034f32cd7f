//! A journal in memory, with the promises of a store: the contract suite holds it to them.

mod retention;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use reset_receiver::domain::audit::Deed;
use reset_receiver::domain::entry::{Entry, Row};
use reset_receiver::domain::event::ResetEvent;
use reset_receiver::domain::ids::{AccountName, EventId, RotationId, SourceName, TargetName};
use reset_receiver::domain::lease::Lease;
use reset_receiver::domain::phase::Phase;
use reset_receiver::domain::proof::{ProofKey, ProofOutcome, SpentProof};
use reset_receiver::domain::retention::Retention;
use reset_receiver::domain::rotation::Rotation;
use reset_receiver::domain::secret::{Applied, SecretVersion};
use reset_receiver::domain::target::Surface;
use reset_receiver::ports::clock::Clock;
use reset_receiver::ports::journal::{
    Admission, Arrival, AuditRow, Breaker, Claim, Journal, JournalError, Placement, Pruned,
    RotationFilter, RotationSummary,
};

/// A journal in memory. Clones share it, as processes share a database.
#[derive(Clone)]
pub(crate) struct MemoryJournal {
    clock: Arc<dyn Clock>,
    memory: Arc<Mutex<Memory>>,
}

#[derive(Default)]
struct Memory {
    events: BTreeMap<(SourceName, EventId), Known>,
    rotations: BTreeMap<RotationId, Stored>,
    leases: BTreeMap<AccountName, Held>,
    applied: BTreeMap<TargetName, (Applied, RotationId)>,
    breakers: BTreeMap<AccountName, Breaker>,
    proofs: BTreeMap<(TargetName, SecretVersion, Timestamp), (SpentProof, RotationId)>,
    audit: Vec<AuditRow>,
}

#[derive(Clone, Copy)]
struct Known {
    rotation: Option<RotationId>,
    received_at: Timestamp,
}

struct Stored {
    target: TargetName,
    account: AccountName,
    rows: Vec<Row>,
    state: Rotation,
    due_at: Option<Timestamp>,
    is_held: bool,
    finished_at: Option<Timestamp>,
}

struct Held {
    fence: u64,
    rotation: RotationId,
    expires_at: Option<Timestamp>,
    claimed_seq: u64,
}

impl MemoryJournal {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, memory: Arc::default() }
    }

    /// Every event that was admitted, with the rotation that it went to.
    pub(crate) fn events(&self) -> Vec<(EventId, Option<RotationId>)> {
        self.lock().events.iter().map(|((_, id), known)| (id.clone(), known.rotation)).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap()
    }
}

impl Memory {
    fn stored(&mut self, id: RotationId) -> Result<&mut Stored, JournalError> {
        self.rotations.get_mut(&id).ok_or(JournalError::UnknownRotation(id))
    }

    fn note(
        &mut self,
        deed: Option<Deed>,
        rotation: RotationId,
        at: Timestamp,
    ) -> Result<(), JournalError> {
        if let Some(Deed { by, verb }) = deed {
            let target = self.stored(rotation)?.target.clone();
            let number = u64::try_from(self.audit.len()).unwrap() + 1;
            self.audit.push(AuditRow { number, at, by, verb, target, rotation });
        }
        Ok(())
    }

    /// The number of the last entry at the claim, where the lease holds.
    fn require_held(
        &self,
        lease: &Lease,
        rotation: RotationId,
        now: Timestamp,
    ) -> Result<u64, JournalError> {
        self.leases
            .get(&lease.account)
            .filter(|held| held.fence == lease.fence && held.rotation == rotation)
            .filter(|held| held.expires_at.is_some_and(|expires_at| expires_at > now))
            .map(|held| held.claimed_seq)
            .ok_or(JournalError::LeaseLost)
    }

    fn is_free(&self, account: &AccountName, now: Timestamp) -> bool {
        let held = self.leases.get(account).and_then(|held| held.expires_at);
        held.is_none_or(|expires_at| expires_at <= now)
    }

    /// A rotation wakes unless somebody drives it who is alive.
    fn summary(&self, id: RotationId, stored: &Stored, now: Timestamp) -> RotationSummary {
        let lease = self.leases.get(&stored.account).filter(|held| held.rotation == id);
        let is_driven = lease.is_some() && !self.is_free(&stored.account, now);
        RotationSummary {
            id,
            target: stored.target.clone(),
            phase: Phase::of(&stored.state),
            admitted_at: stored.state.admitted_at,
            updated_at: stored.rows.last().map_or(stored.state.admitted_at, |row| row.at),
            finished_at: stored.finished_at,
            wakes_at: stored.due_at.filter(|_| !is_driven),
        }
    }
}

impl Stored {
    fn add(
        &mut self,
        entry: Entry,
        at: Timestamp,
        fence: Option<u64>,
    ) -> Result<Row, JournalError> {
        let row = Row { seq: self.state.last_seq + 1, at, fence, entry };
        self.state.permits(&row.entry, at)?;
        self.state.apply(&row)?;
        self.rows.push(row.clone());
        if self.state.is_finished() {
            self.finished_at = Some(at);
            self.due_at = None;
        }
        Ok(row)
    }
}

fn admitted(event: &ResetEvent) -> Entry {
    Entry::Admitted {
        source: event.source.clone(),
        event_id: event.id.clone(),
        kind: event.kind,
        occurred_at: event.occurred_at,
        version: event.subject.announced(),
    }
}

/// Times are kept to the millisecond, as a database keeps them.
fn whole(time: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(time.as_millisecond()).unwrap()
}

impl MemoryJournal {
    fn admit_one(
        &self,
        event: &ResetEvent,
        placement: Option<&Placement>,
    ) -> Result<Admission, JournalError> {
        let now = whole(self.clock.now());
        let mut memory = self.lock();
        let key = (event.source.clone(), event.id.clone());
        if let Some(known) = memory.events.get(&key) {
            return Ok(Admission::Duplicate(known.rotation));
        }
        let Some(placement) = placement else {
            memory.events.insert(key, Known { rotation: None, received_at: now });
            return Ok(Admission::Unmatched);
        };
        let unfinished = memory
            .rotations
            .iter_mut()
            .find(|(_, stored)| stored.target == placement.target && stored.finished_at.is_none());
        let id = if let Some((id, stored)) = unfinished {
            let is_new = |surface: &&Surface| !stored.state.tracks.contains_key(*surface);
            let surfaces: Vec<Surface> =
                placement.surfaces.iter().filter(is_new).cloned().collect();
            if !surfaces.is_empty() {
                stored.add(Entry::Covers { surfaces }, now, None)?;
            }
            stored.add(admitted(event), now, None)?;
            stored.due_at = Some(stored.due_at.map_or(now, |due| due.min(now)));
            *id
        } else {
            let row = |seq, entry| Row { seq, at: now, fence: None, entry };
            let surfaces = placement.surfaces.clone();
            let rows = vec![row(1, Entry::Covers { surfaces }), row(2, admitted(event))];
            let state = Rotation::replay(&rows)?;
            let stored = Stored {
                target: placement.target.clone(),
                account: placement.account.clone(),
                rows,
                state,
                due_at: Some(now),
                is_held: false,
                finished_at: None,
            };
            memory.rotations.insert(placement.new_rotation, stored);
            placement.new_rotation
        };
        memory.events.insert(key, Known { rotation: Some(id), received_at: now });
        memory.note(Deed::of_event(event), id, now)?;
        Ok(Admission::Accepted(id))
    }
}

#[async_trait]
impl Journal for MemoryJournal {
    async fn admit_all(&self, arrivals: &[Arrival]) -> Result<Vec<Admission>, JournalError> {
        let one = |arrival: &Arrival| self.admit_one(&arrival.event, arrival.placement.as_ref());
        arrivals.iter().map(one).collect()
    }

    async fn claim(&self, _worker: &str, ttl: Duration) -> Result<Option<Claim>, JournalError> {
        let now = whole(self.clock.now());
        let mut memory = self.lock();
        let first = memory
            .rotations
            .iter()
            .map(|(id, stored)| (id, stored, Phase::of(&stored.state) != Phase::Containing))
            .filter(|(_, stored, is_calm)| {
                let is_far = |due| !is_calm && due > now + Duration::from_mins(2);
                stored.due_at.is_some_and(|due| due <= now || is_far(due))
            })
            .filter(|(_, stored, _)| memory.is_free(&stored.account, now))
            .min_by_key(|(id, stored, is_calm)| (*is_calm, stored.due_at, **id))
            .map(|(id, ..)| *id);
        let Some(rotation) = first else { return Ok(None) };
        let stored = memory.stored(rotation)?;
        let (target, account) = (stored.target.clone(), stored.account.clone());
        let taken_over = std::mem::replace(&mut stored.is_held, true);
        let (rows, claimed_seq) = (stored.rows.clone(), stored.state.last_seq);
        let expires_at = now + ttl;
        let fence = memory.leases.get(&account).map_or(0, |held| held.fence) + 1;
        let held = Held { fence, rotation, expires_at: Some(expires_at), claimed_seq };
        memory.leases.insert(account.clone(), held);
        let applied = memory.applied.get(&target).map(|(applied, _)| applied.clone());
        let lease = Lease { account, fence, expires_at };
        Ok(Some(Claim { lease, rotation, target, rows, applied, taken_over }))
    }

    async fn renew(&self, lease: &Lease, ttl: Duration) -> Result<Lease, JournalError> {
        let now = whole(self.clock.now());
        let mut memory = self.lock();
        let held = memory
            .leases
            .get_mut(&lease.account)
            .filter(|held| held.fence == lease.fence)
            .filter(|held| held.expires_at.is_some_and(|expires_at| expires_at > now))
            .ok_or(JournalError::LeaseLost)?;
        held.expires_at = Some(now + ttl);
        Ok(Lease { expires_at: now + ttl, ..lease.clone() })
    }

    async fn append(
        &self,
        lease: &Lease,
        rotation: RotationId,
        after: u64,
        entry: &Entry,
    ) -> Result<Row, JournalError> {
        let now = whole(self.clock.now());
        let mut memory = self.lock();
        memory.stored(rotation)?;
        memory.require_held(lease, rotation, now)?;
        let stored = memory.stored(rotation)?;
        if stored.state.last_seq != after {
            return Err(JournalError::Moved);
        }
        if let (Entry::Proving { version }, Some(chosen)) = (entry, &stored.state.secret) {
            stored.state.permits(entry, now)?;
            let key = (stored.target.clone(), *version, whole(chosen.written_at));
            if memory.proofs.contains_key(&key) {
                return Err(JournalError::Spent);
            }
            memory.proofs.insert(key, (SpentProof { at: now, outcome: None }, rotation));
        }
        let stored = memory.stored(rotation)?;
        let row = stored.add(entry.clone(), now, Some(lease.fence))?;
        let phase = Phase::of(&stored.state);
        let (target, applied) = (stored.target.clone(), stored.state.applied(now));
        if let (Phase::Confirmed | Phase::Unconfirmed, Some(applied)) = (phase, applied) {
            memory.applied.insert(target, (applied, rotation));
        }
        Ok(row)
    }

    async fn release(
        &self,
        lease: &Lease,
        rotation: RotationId,
        due_at: Option<Timestamp>,
    ) -> Result<(), JournalError> {
        let now = whole(self.clock.now());
        let mut memory = self.lock();
        let claimed_seq = memory.require_held(lease, rotation, now)?;
        if let Some(held) = memory.leases.get_mut(&lease.account) {
            held.expires_at = None;
        }
        let stored = memory.stored(rotation)?;
        stored.is_held = false;
        let is_news = |row: &Row| row.seq > claimed_seq && row.fence.is_none();
        stored.due_at = match stored.finished_at {
            Some(_) => None,
            None if stored.rows.iter().any(is_news) => Some(now),
            None => due_at.map(whole),
        };
        Ok(())
    }

    async fn operate(&self, rotation: RotationId, entry: &Entry) -> Result<Row, JournalError> {
        let now = whole(self.clock.now());
        let mut memory = self.lock();
        let stored = memory.stored(rotation)?;
        let is_unbarred = matches!(entry, Entry::Retried { .. }) && stored.state.is_barred();
        let (row, account) = (stored.add(entry.clone(), now, None)?, stored.account.clone());
        if stored.finished_at.is_none() {
            stored.due_at = Some(stored.due_at.map_or(now, |due| due.min(now)));
        }
        if is_unbarred {
            memory.breakers.remove(&account);
        }
        memory.note(Deed::of_entry(entry), rotation, now)?;
        Ok(row)
    }

    async fn next_due(&self) -> Result<Option<Timestamp>, JournalError> {
        let now = whole(self.clock.now());
        let memory = self.lock();
        let due = memory.rotations.values().filter_map(|stored| {
            let lease = memory.leases.get(&stored.account).and_then(|held| held.expires_at);
            let free_at = lease.filter(|expires_at| *expires_at > now);
            Some(stored.due_at?.max(free_at.unwrap_or(Timestamp::MIN)))
        });
        Ok(due.min())
    }

    async fn rows(&self, rotation: RotationId) -> Result<Vec<Row>, JournalError> {
        Ok(self.lock().stored(rotation)?.rows.clone())
    }

    async fn rotation(&self, id: RotationId) -> Result<RotationSummary, JournalError> {
        let memory = self.lock();
        let stored = memory.rotations.get(&id).ok_or(JournalError::UnknownRotation(id))?;
        Ok(memory.summary(id, stored, whole(self.clock.now())))
    }

    async fn rotations(
        &self,
        filter: &RotationFilter,
    ) -> Result<Vec<RotationSummary>, JournalError> {
        let (now, memory) = (whole(self.clock.now()), self.lock());
        let newest_first = memory.rotations.iter().rev();
        let summaries = newest_first
            .map(|(id, stored)| memory.summary(*id, stored, now))
            .filter(|found| filter.target.as_ref().is_none_or(|target| found.target == *target))
            .filter(|found| filter.phase.is_none_or(|phase| found.phase == phase))
            .filter(|found| filter.before.is_none_or(|before| found.id < before));
        Ok(summaries.take(usize::try_from(filter.limit).unwrap()).collect())
    }

    async fn phases(&self) -> Result<Vec<(Phase, u64)>, JournalError> {
        let mut counts: BTreeMap<Phase, u64> = BTreeMap::new();
        for stored in self.lock().rotations.values() {
            *counts.entry(Phase::of(&stored.state)).or_default() += 1;
        }
        Ok(counts.into_iter().collect())
    }

    async fn is_awaited(&self, rotation: RotationId) -> Result<bool, JournalError> {
        let (now, mut memory) = (whole(self.clock.now()), self.lock());
        let account = memory.stored(rotation)?.account.clone();
        Ok(memory.rotations.iter().any(|(id, other)| {
            *id != rotation
                && other.account == account
                && other.due_at.is_some_and(|due| due <= now)
                && Phase::of(&other.state) == Phase::Containing
        }))
    }

    async fn applied(&self, target: &TargetName) -> Result<Option<Applied>, JournalError> {
        Ok(self.lock().applied.get(target).map(|(applied, _)| applied.clone()))
    }

    async fn audit(&self, before: Option<u64>, limit: u32) -> Result<Vec<AuditRow>, JournalError> {
        let memory = self.lock();
        let newest_first = memory.audit.iter().rev();
        let rows = newest_first.filter(|row| before.is_none_or(|before| row.number < before));
        Ok(rows.take(usize::try_from(limit).unwrap()).cloned().collect())
    }

    async fn prune(&self, retention: Retention) -> Result<Pruned, JournalError> {
        Ok(self.lock().prune(retention, whole(self.clock.now())))
    }

    async fn trip(&self, account: &AccountName, breaker: &Breaker) -> Result<(), JournalError> {
        let since = whole(breaker.since);
        self.lock().breakers.insert(account.clone(), Breaker { since, ..breaker.clone() });
        Ok(())
    }

    async fn breaker(&self, account: &AccountName) -> Result<Option<Breaker>, JournalError> {
        Ok(self.lock().breakers.get(account).cloned())
    }

    async fn proof(&self, key: &ProofKey) -> Result<Option<SpentProof>, JournalError> {
        let ProofKey { target, version, written_at } = key.clone();
        let found = self.lock().proofs.get(&(target, version, whole(written_at))).cloned();
        Ok(found.map(|(spent, _)| spent))
    }

    async fn settle_proof(
        &self,
        key: &ProofKey,
        outcome: &ProofOutcome,
    ) -> Result<(), JournalError> {
        let ProofKey { target, version, written_at } = key.clone();
        match self.lock().proofs.get_mut(&(target, version, whole(written_at))) {
            Some((spent, _)) if spent.outcome.is_none() => {
                spent.outcome = Some(outcome.clone());
                Ok(())
            }
            _ => Err(JournalError::Inconsistent("no login that is open".into())),
        }
    }

    async fn probe(&self) -> Result<(), JournalError> {
        Ok(())
    }
}
