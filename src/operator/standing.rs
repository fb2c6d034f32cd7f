//! Where a rotation stands and since when, folded from its journal.

use jiff::Timestamp;

use crate::domain::entry::Row;
use crate::domain::phase::Phase;
use crate::domain::rotation::{IllegalEntry, Rotation};

/// How many rows begin a journal: its surfaces and its first event.
const BEGINNING: usize = 2;

/// A rotation with the time of its last change of phase.
#[derive(Debug, Clone)]
pub(super) struct Stand {
    pub(super) rotation: Rotation,
    pub(super) phase: Phase,
    pub(super) since: Timestamp,
}

impl Stand {
    /// Replays a journal row by row.
    pub(super) fn of(rows: &[Row]) -> Result<Self, IllegalEntry> {
        let (beginning, rest) = rows.split_at(BEGINNING.min(rows.len()));
        let rotation = Rotation::replay(beginning)?;
        let (phase, since) = (Phase::of(&rotation), rotation.admitted_at);
        let mut stand = Self { rotation, phase, since };
        for row in rest {
            stand.rotation.apply(row)?;
            let phase = Phase::of(&stand.rotation);
            if phase != stand.phase {
                (stand.phase, stand.since) = (phase, row.at);
            }
        }
        Ok(stand)
    }
}
