//! The operator's verbs. Each names who said it.

use std::sync::Arc;

use tokio::sync::Notify;

use crate::domain::audit::Deed;
use crate::domain::entry::Entry;
use crate::domain::event::{ResetEvent, ResetKind, Subject, UserKey};
use crate::domain::ids::{InvalidId, RotationId, SourceName, TargetName};
use crate::engine::intake::Intake;
use crate::engine::targets::Targets;
use crate::ports::clock::Clock;
use crate::ports::journal::{Admission, Journal, JournalError};

/// The verbs, on behalf of an authenticated operator. Cheap to clone.
#[derive(Clone)]
pub struct Operations {
    intake: Intake,
    journal: Arc<dyn Journal>,
    clock: Arc<dyn Clock>,
    targets: Arc<Targets>,
    wake: Arc<Notify>,
}

/// What an operator can say about one rotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// Go on with a stuck rotation, from where it stands.
    Retry,
    /// Vault's current version is the new secret.
    UseCurrentSecret,
    /// Give it up.
    Abandon,
}

/// A verb that could not be carried out.
#[derive(Debug, thiserror::Error)]
pub enum OperationError {
    /// No such target.
    #[error("there is no target {0}")]
    UnknownTarget(TargetName),
    /// The operator's name cannot stand in an event id.
    #[error("the operator's name cannot be recorded")]
    Name(#[from] InvalidId),
    /// The store said no.
    #[error("the verb could not be recorded")]
    Journal(#[from] JournalError),
}

impl Operations {
    /// The verbs over a journal.
    pub fn new(
        intake: Intake,
        journal: Arc<dyn Journal>,
        clock: Arc<dyn Clock>,
        targets: Arc<Targets>,
        wake: Arc<Notify>,
    ) -> Self {
        Self { intake, journal, clock, targets, wake }
    }

    /// Rotates as if a password reset had come just now.
    pub async fn rotate(&self, name: &TargetName, by: &str) -> Result<RotationId, OperationError> {
        let unknown = || OperationError::UnknownTarget(name.clone());
        let target = self.targets.get(name).ok_or_else(unknown)?;
        let event = ResetEvent {
            source: SourceName::parse(Deed::SOURCE)?,
            id: Deed::event_id(by, self.clock.rotation_id())?,
            kind: ResetKind::PasswordReset,
            subject: Subject::Login {
                organization: target.organization.clone(),
                user: UserKey::Name(target.username.clone()),
            },
            occurred_at: self.clock.now(),
        };
        match self.intake.admit(&event, None).await? {
            Admission::Accepted(rotation) | Admission::Duplicate(Some(rotation)) => Ok(rotation),
            Admission::Duplicate(None) | Admission::Unmatched => Err(unknown()),
        }
    }

    /// Says a verb about a rotation that is not finished. `Retry` also lets the console
    /// account be logged in to again, where that is what it is stuck for.
    pub async fn say(
        &self,
        rotation: RotationId,
        verb: Verb,
        by: &str,
    ) -> Result<(), OperationError> {
        tracing::info!(%rotation, ?verb, by, "operator's verb");
        let by = by.to_owned();
        let entry = match verb {
            Verb::Retry => Entry::Retried { by },
            Verb::UseCurrentSecret => Entry::UseCurrent { by },
            Verb::Abandon => Entry::Abandoned { by },
        };
        self.journal.operate(rotation, &entry).await?;
        self.wake.notify_one();
        Ok(())
    }
}
