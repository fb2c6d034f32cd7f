//! Decides what becomes of events that have come, from what is stored of them: the same for every
//! dialect, which reads and writes for all of them at once.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};

use jiff::Timestamp;

use crate::domain::audit::Deed;
use crate::domain::event::ResetEvent;
use crate::domain::ids::{EventId, RotationId, SourceName, TargetName};
use crate::domain::rotation::IllegalEntry;
use crate::ports::journal::{Admission, Arrival, Placement};
use crate::store::ledger::Ledger;

/// What tells one event from another.
pub(super) type EventKey = (SourceName, EventId);

/// What is stored of the events and of their targets.
#[derive(Debug, Default)]
pub(super) struct Stored {
    /// Those that were admitted before, and the rotation to which each went.
    pub(super) events: HashMap<EventKey, Option<RotationId>>,
    /// The unfinished rotations of the targets.
    pub(super) rotations: HashMap<TargetName, (RotationId, Ledger)>,
}

/// What is to be written.
#[derive(Debug, Default)]
pub(super) struct Intake<'a> {
    /// What became of each event, in their order.
    pub(super) admissions: Vec<Admission>,
    /// Rotations that begin.
    pub(super) begun: Vec<&'a Placement>,
    /// The journals that gained rows, those of rotations that begin among them.
    pub(super) grown: Vec<(RotationId, Ledger)>,
    /// Events to recognise from now on, and the rotation to which each goes.
    pub(super) events: Vec<(&'a ResetEvent, Option<RotationId>)>,
    /// What people asked for.
    pub(super) deeds: Vec<(RotationId, Deed)>,
}

/// The targets of the events, each once and in one order.
pub(super) fn targets(arrivals: &[Arrival]) -> BTreeSet<&str> {
    let placements = arrivals.iter().filter_map(|arrival| arrival.placement.as_ref());
    placements.map(|placement| placement.target.as_str()).collect()
}

/// Places each event that is new into its target's unfinished rotation, or into a new one.
pub(super) fn decide(
    arrivals: &[Arrival],
    stored: Stored,
    at: Timestamp,
) -> Result<Intake<'_>, IllegalEntry> {
    let Stored { mut events, mut rotations } = stored;
    let mut intake = Intake::default();
    for Arrival { event, placement } in arrivals {
        let new = match events.entry((event.source.clone(), event.id.clone())) {
            Entry::Occupied(known) => {
                intake.admissions.push(Admission::Duplicate(*known.get()));
                continue;
            }
            Entry::Vacant(new) => new,
        };
        let rotation = match placement {
            Some(placement) => Some(intake.place(event, placement, &mut rotations, at)?),
            None => None,
        };
        new.insert(rotation);
        intake.events.push((event, rotation));
        intake.admissions.push(rotation.map_or(Admission::Unmatched, Admission::Accepted));
    }
    let has_grown = |(_, ledger): &(RotationId, Ledger)| !ledger.gained().is_empty();
    intake.grown = rotations.into_values().filter(has_grown).collect();
    Ok(intake)
}

impl<'a> Intake<'a> {
    fn place(
        &mut self,
        event: &ResetEvent,
        placement: &'a Placement,
        unfinished: &mut HashMap<TargetName, (RotationId, Ledger)>,
        at: Timestamp,
    ) -> Result<RotationId, IllegalEntry> {
        let rotation = match unfinished.entry(placement.target.clone()) {
            Entry::Occupied(mut unfinished) => {
                let (rotation, ledger) = unfinished.get_mut();
                ledger.join(&placement.surfaces, event, at)?;
                *rotation
            }
            Entry::Vacant(none) => {
                let ledger = Ledger::begin(placement.surfaces.clone(), event, at)?;
                none.insert((placement.new_rotation, ledger));
                self.begun.push(placement);
                placement.new_rotation
            }
        };
        self.deeds.extend(Deed::of_event(event).map(|deed| (rotation, deed)));
        Ok(rotation)
    }
}
