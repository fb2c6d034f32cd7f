//! A rotation's journal, opened for writing: which rows it gains, and what they change.

use jiff::Timestamp;

use crate::domain::entry::{Entry, Row};
use crate::domain::event::ResetEvent;
use crate::domain::ids::RotationId;
use crate::domain::phase::Phase;
use crate::domain::rotation::{IllegalEntry, Rotation};
use crate::domain::secret::Applied;
use crate::domain::target::Surface;
use crate::domain::track::Chosen;
use crate::store::fault::{Inconsistency, Problem};

/// A journal and the rows that it gains in this transaction.
#[derive(Debug, Clone)]
pub(super) struct Ledger {
    state: Rotation,
    stored_seq: u64,
    /// Where the rotation stands by what is stored; `None` where nothing is.
    stored_phase: Option<Phase>,
    gained: Vec<Row>,
}

impl Ledger {
    /// The journal of a rotation that an event begins.
    pub(super) fn begin(
        surfaces: Vec<Surface>,
        event: &ResetEvent,
        at: Timestamp,
    ) -> Result<Self, IllegalEntry> {
        let row = |seq, entry| Row { seq, at, fence: None, entry };
        let gained = vec![row(1, Entry::Covers { surfaces }), row(2, admitted(event))];
        let state = Rotation::replay(&gained)?;
        Ok(Self { state, stored_seq: 0, stored_phase: None, gained })
    }

    /// A journal that is stored. One that breaks the rules is an inconsistency of the store.
    pub(super) fn replay(rotation: RotationId, rows: &[Row]) -> Result<Self, Inconsistency> {
        let state = Rotation::replay(rows).map_err(|illegal| Inconsistency {
            table: "entry",
            column: "entry",
            row: rotation.to_string(),
            problem: Problem::Rule(illegal),
        })?;
        Ok(Self::of(state))
    }

    fn of(state: Rotation) -> Self {
        let (stored_seq, stored_phase) = (state.last_seq, Some(Phase::of(&state)));
        Self { state, stored_seq, stored_phase, gained: Vec::new() }
    }

    /// Adds an event, and before it the surfaces that the target gained since.
    pub(super) fn join(
        &mut self,
        surfaces: &[Surface],
        event: &ResetEvent,
        at: Timestamp,
    ) -> Result<(), IllegalEntry> {
        let is_new = |surface: &&Surface| !self.state.tracks.contains_key(*surface);
        let missing: Vec<Surface> = surfaces.iter().filter(is_new).cloned().collect();
        if !missing.is_empty() {
            self.add(Entry::Covers { surfaces: missing }, at, None)?;
        }
        self.add(admitted(event), at, None)?;
        Ok(())
    }

    /// Adds an entry, or says which rule it breaks.
    pub(super) fn add(
        &mut self,
        entry: Entry,
        at: Timestamp,
        fence: Option<u64>,
    ) -> Result<Row, IllegalEntry> {
        let row = Row { seq: self.state.last_seq + 1, at, fence, entry };
        self.state.apply(&row)?;
        self.gained.push(row.clone());
        Ok(row)
    }

    /// Whether an entry lets the console's login be tried again, which was refused.
    pub(super) fn is_unbarred_by(&self, entry: &Entry) -> bool {
        matches!(entry, Entry::Retried { .. }) && self.state.is_barred()
    }

    /// The same journal once what it gained is stored.
    pub(super) fn stored(self) -> Self {
        Self::of(self.state)
    }

    /// The rows to store.
    pub(super) fn gained(&self) -> &[Row] {
        &self.gained
    }

    /// The number of the last row that was stored before this transaction; 0 for none.
    pub(super) fn stored_seq(&self) -> u64 {
        self.stored_seq
    }

    /// The number of the last row.
    pub(super) fn last_seq(&self) -> u64 {
        self.state.last_seq
    }

    /// Where the rotation stands after these rows.
    pub(super) fn phase(&self) -> Phase {
        Phase::of(&self.state)
    }

    /// Whether that is not where it stood before.
    pub(super) fn has_moved(&self) -> bool {
        self.stored_phase != Some(self.phase())
    }

    /// The version whose proving login an entry spends that was added last; `None` where it spends
    /// none.
    pub(super) fn spends_proof(&self, entry: &Entry) -> Option<&Chosen> {
        matches!(entry, Entry::Proving { .. }).then_some(self.state.secret.as_ref()).flatten()
    }

    /// What a rotation that these rows complete leaves behind; `None` where it is not complete, or
    /// wrote nothing: then nobody looked at the console either, and what is applied stays as it is.
    pub(super) fn applied(&self, at: Timestamp) -> Option<Applied> {
        match self.phase() {
            Phase::Confirmed | Phase::Unconfirmed => self.state.applied(at),
            Phase::Containing
            | Phase::AwaitingSecret
            | Phase::Updating
            | Phase::Enabling
            | Phase::Confirming
            | Phase::Stuck
            | Phase::NothingToDo
            | Phase::Abandoned => None,
        }
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
