//! The steps "update" and "enable": every surface takes the new secret, then what was disabled
//! is enabled.

use crate::domain::entry::Entry;
use crate::domain::secret::SecretVersion;
use crate::domain::step::Step;
use crate::domain::target::Surface;
use crate::domain::track::Track;
use crate::engine::contain::Failure;
use crate::engine::drive::{Drive, DriveError, StepError, Turn};
use crate::ports::console::{ConnectorState, SalesforceCredential, Switch};

impl Drive<'_> {
    /// Writes the chosen secret to one surface.
    pub(in crate::engine) async fn update(
        &mut self,
        surface: &Surface,
        version: SecretVersion,
    ) -> Result<Turn, DriveError> {
        let secret = match self.chosen_secret(version).await? {
            Ok(secret) => secret,
            Err(turn) => return Ok(turn),
        };
        if let Some(turn) = self.recheck_containment().await? {
            return Ok(turn);
        }
        let credential = SalesforceCredential { username: self.target.username.clone(), secret };
        let updated = self.update_one(surface, version, &credential).await;
        self.end_step(Step::Update, surface, updated).await
    }

    /// Looks at the connectors that an earlier drive contained: while a rotation waited for its
    /// secret, somebody may have enabled one. Returns what follows if the update may not go on.
    async fn recheck_containment(&mut self) -> Result<Option<Turn>, DriveError> {
        let contained = |(_, track): &(&Surface, &Track)| track.contained;
        let connectors: Vec<Surface> =
            self.rotation.tracks.iter().filter(contained).map(|(s, _)| s.clone()).collect();
        let mut was_enabled = false;
        for surface in connectors {
            if self.seen_contained.contains(&surface) {
                continue;
            }
            match self.observe_state(&surface).await {
                Ok(ConnectorState::Enabled) => {
                    was_enabled = true;
                    self.record(Entry::FoundEnabled { surface }).await?;
                }
                Ok(ConnectorState::Disabled | ConnectorState::Other(_)) => {
                    self.seen_contained.insert(surface);
                }
                Err(error) => {
                    return Ok(Some(self.fail(Step::Update, Some(&surface), &error).await?));
                }
            }
        }
        Ok(was_enabled.then_some(Turn::Go))
    }

    async fn update_one(
        &mut self,
        surface: &Surface,
        version: SecretVersion,
        credential: &SalesforceCredential,
    ) -> Result<(), Failure> {
        let is_connector = surface.is_connector();
        if is_connector && self.observe_state(surface).await? == ConnectorState::Enabled {
            self.record(Entry::FoundEnabled { surface: surface.clone() }).await?;
            return Ok(());
        }
        if !self.record(Entry::Updating { surface: surface.clone(), version }).await? {
            return Ok(());
        }
        self.has_written = true;
        let session = self.session().await?;
        if is_connector {
            session.update_connector(surface, credential).await?;
        } else {
            session.update_integration(surface, credential).await?;
        }
        self.record(Entry::Updated { surface: surface.clone(), version }).await?;
        Ok(())
    }

    /// Enables one connector that this rotation disabled, unless Vault holds a newer secret.
    pub(in crate::engine) async fn enable(
        &mut self,
        surface: &Surface,
        version: SecretVersion,
    ) -> Result<Turn, DriveError> {
        if self.is_outdated(version).await {
            self.secret = None;
            let judged = self.await_secret().await?;
            let same = self.rotation.secret.as_ref().is_some_and(|s| s.version == version);
            if !same || !matches!(judged, Turn::Go) {
                return Ok(judged);
            }
        }
        let enabled = self.enable_one(surface, version).await;
        self.end_step(Step::Enable, surface, enabled).await
    }

    async fn enable_one(
        &mut self,
        surface: &Surface,
        version: SecretVersion,
    ) -> Result<(), Failure> {
        let off_since = self.rotation.surface(surface).off_since;
        let is_off = self.observe_state(surface).await? == ConnectorState::Disabled;
        if !self.record(Entry::Enabling { surface: surface.clone(), version }).await? {
            return Ok(());
        }
        if is_off {
            self.has_written = true;
            self.session().await?.switch_connector(surface, Switch::Enable).await?;
            if self.observe_state(surface).await? == ConnectorState::Disabled {
                return Err(StepError::NoEffect("Disabled").into());
            }
        }
        let is_recorded = self.record(Entry::Enabled { surface: surface.clone() }).await?;
        if let (true, Some(since)) = (is_recorded, off_since) {
            let off = self.world.clock.now().duration_since(since).unsigned_abs();
            self.world.meter.connector_off(&self.target.name, off);
        }
        Ok(())
    }

    async fn end_step(
        &mut self,
        step: Step,
        surface: &Surface,
        result: Result<(), Failure>,
    ) -> Result<Turn, DriveError> {
        match result {
            Ok(()) => Ok(Turn::Go),
            Err(Failure::Step(error)) => self.fail(step, Some(surface), &error).await,
            Err(Failure::Drive(error)) => Err(error),
        }
    }
}
