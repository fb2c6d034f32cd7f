//! The step "contain": disable every enabled connector, before anything else.

use std::sync::Arc;

use crate::domain::entry::Entry;
use crate::domain::secret::SecretLocation;
use crate::domain::step::Step;
use crate::domain::target::Surface;
use crate::domain::track::Standing;
use crate::engine::drive::{Drive, DriveError, StepError, Turn};
use crate::ports::console::{ConnectorState, Switch};

impl Drive<'_> {
    /// Contains these connectors and, where no secret is chosen, asks Vault at the same time.
    pub(in crate::engine) async fn contain(
        &mut self,
        connectors: &[Surface],
    ) -> Result<Turn, DriveError> {
        if self.rotation.secret.is_some() {
            return self.contain_all(connectors).await;
        }
        let secrets = Arc::clone(&self.world.secrets);
        let location: SecretLocation = self.target.secret.clone();
        let read = async move { secrets.read(&location).await };
        let (contained, read) = tokio::join!(self.contain_all(connectors), read);
        match contained? {
            // A choice would set a rotation going that has just come to need a person.
            Turn::Go if self.rotation.standing != Standing::Active => Ok(Turn::Go),
            Turn::Go => self.judge(read).await,
            later @ (Turn::Until(_) | Turn::Rest) => Ok(later),
        }
    }

    /// One connector's failure does not keep the others from being contained.
    async fn contain_all(&mut self, connectors: &[Surface]) -> Result<Turn, DriveError> {
        let mut failed: Option<(&Surface, StepError)> = None;
        for surface in connectors {
            match self.contain_one(surface).await {
                Ok(()) => {}
                Err(Failure::Step(error)) => {
                    let is_final = error.is_about_session();
                    // A refused login is what nobody may try again.
                    let worse = error.is_refused_login()
                        || failed.as_ref().is_none_or(|(_, first)| first.may_retry());
                    if worse {
                        failed = Some((surface, error));
                    }
                    if is_final {
                        break;
                    }
                }
                Err(Failure::Drive(error)) => return Err(error),
            }
        }
        match failed {
            Some((surface, error)) => self.fail(Step::Contain, Some(surface), &error).await,
            None => Ok(Turn::Go),
        }
    }

    /// Observe, act, observe.
    async fn contain_one(&mut self, surface: &Surface) -> Result<(), Failure> {
        if self.observe_state(surface).await? == ConnectorState::Enabled {
            if !self.record(Entry::Disabling { surface: surface.clone() }).await? {
                return Ok(());
            }
            self.session().await?.switch_connector(surface, Switch::Disable).await?;
            if self.observe_state(surface).await? == ConnectorState::Enabled {
                return Err(StepError::NoEffect("Enabled").into());
            }
        }
        let by_us = self.rotation.surface(surface).ours;
        let was_contained = self.rotation.contained_at.is_some();
        self.seen_contained.insert(surface.clone());
        self.record(Entry::Contained { surface: surface.clone(), by_us }).await?;
        if let (false, Some(at)) = (was_contained, self.rotation.contained_at) {
            let after = at.duration_since(self.rotation.news_at).unsigned_abs();
            self.world.meter.contained(&self.target.name, after);
        }
        Ok(())
    }

    /// The connector's state; one that is not documented is an error and is never acted upon.
    pub(in crate::engine) async fn observe_state(
        &mut self,
        surface: &Surface,
    ) -> Result<ConnectorState, StepError> {
        match self.session().await?.observe_connector(surface).await?.state {
            ConnectorState::Other(text) => Err(StepError::UnknownState(text)),
            state @ (ConnectorState::Enabled | ConnectorState::Disabled) => Ok(state),
        }
    }
}

/// A failed step, or a journal that cannot be written.
pub(in crate::engine) enum Failure {
    /// The step failed; the journal can say so.
    Step(StepError),
    /// The drive is over.
    Drive(DriveError),
}

impl<E: Into<StepError>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Step(error.into())
    }
}

impl From<DriveError> for Failure {
    fn from(error: DriveError) -> Self {
        Self::Drive(error)
    }
}
