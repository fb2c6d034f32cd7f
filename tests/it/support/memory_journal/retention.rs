//! What is over and old is forgotten.

use std::collections::BTreeSet;

use jiff::Timestamp;
use reset_receiver::domain::ids::RotationId;
use reset_receiver::domain::retention::Retention;
use reset_receiver::ports::journal::Pruned;

use super::Memory;

impl Memory {
    /// Forgets everything that may be forgotten now.
    pub(super) fn prune(&mut self, retention: Retention, now: Timestamp) -> Pruned {
        let before = retention.rotations_before(now);
        let over: BTreeSet<RotationId> = self
            .rotations
            .iter()
            .filter(|(_, stored)| stored.finished_at.is_some_and(|at| at < before))
            .map(|(id, _)| *id)
            .collect();
        let (events, rotations) = (self.events.len(), self.rotations.len());
        self.events.retain(|_, known| {
            known.received_at >= retention.events_before(now)
                || known.rotation.is_some_and(|rotation| !over.contains(&rotation))
        });
        let spoken_of: BTreeSet<RotationId> = self
            .events
            .values()
            .filter_map(|known| known.rotation)
            .chain(self.applied.values().map(|(_, rotation)| *rotation))
            .chain(self.leases.values().map(|held| held.rotation))
            .chain(self.proofs.values().map(|(_, rotation)| *rotation))
            .collect();
        self.rotations.retain(|id, _| !over.contains(id) || spoken_of.contains(id));
        let gone = |before: usize, now: usize| u64::try_from(before - now).unwrap();
        Pruned {
            events: gone(events, self.events.len()),
            rotations: gone(rotations, self.rotations.len()),
        }
    }
}
