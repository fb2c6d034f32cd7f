//! Admits authentic reset events: written down first, answered afterwards.

mod gathering;

use std::sync::Arc;

use tokio::sync::Notify;

use crate::domain::event::ResetEvent;
use crate::domain::ids::TargetName;
use crate::engine::intake::gathering::Gathering;
use crate::engine::targets::Targets;
use crate::ports::clock::Clock;
use crate::ports::journal::{Admission, Arrival, Journal, JournalError, Placement};

/// Where senders hand over what they have authenticated. Cheap to clone.
#[derive(Clone)]
pub struct Intake {
    gathering: Arc<Gathering>,
    clock: Arc<dyn Clock>,
    targets: Arc<Targets>,
    wake: Arc<Notify>,
}

impl Intake {
    /// How many events may wait for the store; one more is [`JournalError::Unavailable`].
    pub const MOST_WAITING: usize = gathering::MOST_WAITING;

    /// An intake that wakes the worker through `wake`. What it admits is written on the runtime on
    /// which this is called.
    pub fn new(
        journal: Arc<dyn Journal>,
        clock: Arc<dyn Clock>,
        targets: Arc<Targets>,
        wake: Arc<Notify>,
    ) -> Self {
        Self { gathering: Arc::new(Gathering::new(journal)), clock, targets, wake }
    }

    /// Writes an event down and returns what became of it. Once this has returned `Ok`, the event
    /// survives a crash.
    ///
    /// `allowed` narrows the targets that the event's source may speak for; an event about another
    /// one is unmatched.
    pub async fn admit(
        &self,
        event: &ResetEvent,
        allowed: Option<&[TargetName]>,
    ) -> Result<Admission, JournalError> {
        let may_speak_for = |name| allowed.is_none_or(|allowed| allowed.contains(name));
        let target = self.targets.find(&event.subject).filter(|target| may_speak_for(&target.name));
        let placement = target.map(|target| Placement {
            target: target.name.clone(),
            account: target.account.clone(),
            surfaces: target.surfaces.clone(),
            new_rotation: self.clock.rotation_id(),
        });
        let arrival = Arrival { event: event.clone(), placement };
        let admission = self.gathering.admit(arrival).await?;
        match admission {
            Admission::Accepted(rotation) => {
                tracing::info!(source = %event.source, event = %event.id, %rotation, "event accepted");
                self.wake.notify_one();
            }
            Admission::Unmatched => {
                tracing::warn!(source = %event.source, event = %event.id, "event matches no target");
            }
            Admission::Duplicate(_) => {
                tracing::debug!(source = %event.source, event = %event.id, "event is known");
            }
        }
        Ok(admission)
    }
}
