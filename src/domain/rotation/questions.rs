//! Questions to a rotation's state.

use jiff::Timestamp;

use crate::domain::rotation::Rotation;
use crate::domain::secret::Applied;
use crate::domain::target::Surface;
use crate::domain::track::{Standing, Track};

impl Rotation {
    /// Whether it is over.
    pub fn is_finished(&self) -> bool {
        matches!(self.standing, Standing::Completed(_) | Standing::Abandoned)
    }

    /// What is known of a surface.
    pub fn surface(&self, surface: &Surface) -> Track {
        self.tracks.get(surface).cloned().unwrap_or_default()
    }

    /// Whether every surface holds the chosen secret.
    pub fn all_hold_secret(&self) -> bool {
        self.tracks.values().all(|track| self.holds(track))
    }

    /// Whether a newer version than the chosen one was announced, so that Vault is asked first.
    pub fn is_superseded(&self) -> bool {
        self.secret.as_ref().is_some_and(|chosen| self.reset.awaits_newer_than(chosen.version))
    }

    /// The connectors that this rotation disabled and has not enabled again.
    pub fn left_disabled(&self) -> impl Iterator<Item = &Surface> {
        self.tracks.iter().filter(|(_, track)| track.ours).map(|(surface, _)| surface)
    }

    /// What a completed rotation leaves behind for the next one to compare with.
    pub fn applied(&self, at: Timestamp) -> Option<Applied> {
        let chosen = self.secret.as_ref()?;
        Some(Applied {
            version: chosen.version,
            written_at: chosen.written_at,
            fingerprints: chosen.fingerprints.clone(),
            confirmed_at: at,
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
