//! Questions to a rotation's state.

use jiff::Timestamp;

use crate::domain::entry::Outcome;
use crate::domain::fault::Fault;
use crate::domain::rotation::Rotation;
use crate::domain::secret::Applied;
use crate::domain::step::Step;
use crate::domain::target::Surface;
use crate::domain::track::{Standing, Stuck, Track};

impl Rotation {
    /// Whether it is over.
    pub fn is_finished(&self) -> bool {
        matches!(self.standing, Standing::Completed(_) | Standing::Abandoned)
    }

    /// Whether a secret may be chosen: while the rotation is active, and as the way out, without
    /// a person, of one that is stuck with a refused or an overdue secret.
    pub fn may_choose(&self) -> bool {
        match &self.standing {
            Standing::Active => true,
            Standing::Stuck(stuck) => {
                let is_refused = stuck.fault == Fault::Rejected && !self.is_barred();
                let is_overdue = stuck.step == Step::AwaitSecret && stuck.fault.may_retry();
                is_refused || is_overdue
            }
            Standing::Completed(_) | Standing::Abandoned => false,
        }
    }

    /// Whether it is stuck because the console refused the login of its account. Of the refusals
    /// only this one is about a surface: the one that was to be looked at.
    pub fn is_barred(&self) -> bool {
        matches!(
            &self.standing,
            Standing::Stuck(Stuck { fault: Fault::Rejected, surface: Some(_), .. })
        )
    }

    /// What is known of a surface.
    pub fn surface(&self, surface: &Surface) -> Track {
        self.tracks.get(surface).cloned().unwrap_or_default()
    }

    /// Whether every surface holds the chosen secret.
    pub fn all_hold_secret(&self) -> bool {
        self.tracks.values().all(|track| self.holds(track))
    }

    /// Whether a newer version than the chosen one was announced, or one without a number, so that
    /// Vault is asked first.
    pub fn is_superseded(&self) -> bool {
        let is_newer = |version| self.reset.awaits_newer_than(version) || self.reset.unnumbered > 0;
        self.secret.as_ref().is_some_and(|chosen| is_newer(chosen.version))
    }

    /// The connectors that this rotation disabled and has not enabled again.
    pub fn left_disabled(&self) -> impl Iterator<Item = &Surface> {
        self.tracks.iter().filter(|(_, track)| track.ours).map(|(surface, _)| surface)
    }

    /// What a completed rotation leaves behind for the next one to compare with. Where nobody saw
    /// the secret work, it answers the resets before it was written and no later one.
    pub fn applied(&self, at: Timestamp) -> Option<Applied> {
        let chosen = self.secret.as_ref()?;
        let was_seen = self.standing == Standing::Completed(Outcome::Confirmed);
        Some(Applied {
            version: chosen.version,
            written_at: chosen.written_at,
            fingerprints: chosen.fingerprints.clone(),
            confirmed_at: if was_seen { at } else { chosen.written_at },
        })
    }

    /// The connectors that are neither contained nor, with the chosen secret, enabled again.
    pub fn uncontained(&self) -> impl Iterator<Item = &Surface> {
        let open = |(surface, track): &(&Surface, &Track)| {
            surface.is_connector() && !track.contained && !(track.enabled && self.holds(track))
        };
        self.tracks.iter().filter(open).map(|(surface, _)| surface)
    }

    pub(super) fn holds(&self, track: &Track) -> bool {
        track.holds.is_some() && track.holds == self.secret.as_ref().map(|chosen| chosen.version)
    }
}
