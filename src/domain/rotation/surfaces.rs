//! What is done to the surfaces: a connector is disabled and enabled, every one takes the secret.

use jiff::Timestamp;

use crate::domain::rotation::{IllegalEntry, Rotation, require};
use crate::domain::secret::SecretVersion;
use crate::domain::target::Surface;
use crate::domain::track::Track;

impl Rotation {
    pub(super) fn disabling(&mut self, surface: &Surface) -> Result<(), IllegalEntry> {
        self.require_active()?;
        require(surface.is_connector(), "only a connector can be disabled")?;
        let track = self.track(surface)?;
        require(!track.contained, "it is contained already")?;
        track.ours = true;
        track.enabling = false;
        track.enabled = false;
        Ok(())
    }

    pub(super) fn contained(
        &mut self,
        surface: &Surface,
        by_us: bool,
        at: Timestamp,
    ) -> Result<(), IllegalEntry> {
        require(surface.is_connector(), "only a connector can be disabled")?;
        let track = self.track(surface)?;
        require(track.ours == by_us, "what we disabled is told from what we found disabled")?;
        track.contained = true;
        track.enabling = false;
        track.enabled = false;
        if by_us {
            track.off_since.get_or_insert(at);
        }
        self.progress();
        if self.uncontained().next().is_none() {
            self.contained_at.get_or_insert(at);
        }
        Ok(())
    }

    pub(super) fn found_enabled(&mut self, surface: &Surface) -> Result<(), IllegalEntry> {
        let track = self.track(surface)?;
        require(track.contained, "only a contained connector can be found enabled")?;
        track.contained = false;
        self.must_contain = true;
        Ok(())
    }

    pub(super) fn updating(
        &mut self,
        surface: &Surface,
        version: SecretVersion,
    ) -> Result<(), IllegalEntry> {
        self.require_secret(version)?;
        let contained = self.uncontained().next().is_none();
        require(contained, "nothing is written before every connector is contained")?;
        require(!self.awaits_proof(), "what a spent login came to is decided first")?;
        self.track(surface)?.updating = Some(version);
        Ok(())
    }

    pub(super) fn updated(
        &mut self,
        surface: &Surface,
        version: SecretVersion,
        at: Timestamp,
    ) -> Result<(), IllegalEntry> {
        let track = self.track(surface)?;
        require(track.updating == Some(version), "an update is announced before it is made")?;
        track.updating = None;
        track.holds = Some(version);
        track.confirmed = false;
        self.waits_since = at;
        self.progress();
        Ok(())
    }

    pub(super) fn enabling(
        &mut self,
        surface: &Surface,
        version: SecretVersion,
    ) -> Result<(), IllegalEntry> {
        self.require_secret(version)?;
        require(self.all_hold_secret(), "nothing is enabled before every surface is updated")?;
        let track = self.track(surface)?;
        require(track.ours && track.contained, "only what we disabled is enabled")?;
        track.enabling = true;
        Ok(())
    }

    pub(super) fn enabled(&mut self, surface: &Surface, at: Timestamp) -> Result<(), IllegalEntry> {
        let track = self.track(surface)?;
        require(track.enabling, "enabling is announced before it is done")?;
        let (holds, warned) = (track.holds, track.warned.take());
        *track = Track { holds, warned, enabled: true, ..Track::default() };
        self.waits_since = at;
        self.progress();
        Ok(())
    }
}
