//! Puts a security token that came by mail into Vault, so that this half of the secret needs no
//! human hands.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;

use crate::domain::event::ResetEvent;
use crate::domain::ids::{EventId, TargetName};
use crate::domain::secret::{SecretText, SecretVersion};
use crate::domain::target::Target;
use crate::engine::targets::Targets;
use crate::ports::journal::Admission;
use crate::ports::secret_store::{SecretStore, SecretStoreError, Stored};
use crate::ports::secret_writer::{SecretWriteError, SecretWriter, WriteTrouble};

/// How often a write is begun anew because somebody else wrote in between.
const ATTEMPTS: usize = 3;

/// So many mails are remembered whose token could not be written yet.
const OWED: usize = 1024;

/// Writes mailed tokens. Cheap to clone.
#[derive(Clone)]
pub struct MailedTokens {
    targets: Arc<Targets>,
    reader: Arc<dyn SecretStore>,
    writer: Arc<dyn SecretWriter>,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// When the newest mail was written whose token was taken, for each target.
    newest: HashMap<TargetName, Timestamp>,
    /// The mails that were admitted and whose token could not be written yet.
    owed: HashMap<EventId, Timestamp>,
}

/// What became of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// It is in Vault, as this version.
    Written(SecretVersion),
    /// Vault holds it already.
    Known,
    /// A newer mail, or somebody in Vault, has spoken since.
    Outdated,
    /// Nobody that is configured has this login, or it needs no token.
    NotWanted,
}

/// A token that could not be written.
#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    /// Vault could not be read.
    #[error(transparent)]
    Read(#[from] SecretStoreError),
    /// Vault could not be written.
    #[error(transparent)]
    Write(#[from] SecretWriteError),
}

impl MailedTokens {
    /// Tokens of these targets' logins go through `writer` where `reader` says that they are new.
    pub fn new(
        targets: Arc<Targets>,
        reader: Arc<dyn SecretStore>,
        writer: Arc<dyn SecretWriter>,
    ) -> Self {
        Self { targets, reader, writer, state: Arc::default() }
    }

    /// Writes the token of a mail whose event was admitted.
    ///
    /// A token replaces the one before it, so that an older mail must never overwrite a newer one's:
    /// not when mails overtake each other, and not when one is delivered again. A mail that is
    /// known already is therefore written only where its first delivery could not be, or where
    /// nothing was written into Vault since.
    pub async fn keep(
        &self,
        event: &ResetEvent,
        allowed: Option<&[TargetName]>,
        admission: Admission,
        token: &SecretText,
    ) -> Result<Kept, KeepError> {
        let may_speak_for = |name| allowed.is_none_or(|allowed| allowed.contains(name));
        let target = self.targets.find(&event.subject).filter(|target| may_speak_for(&target.name));
        let Some(target) = target.filter(|target| target.needs_token) else {
            return Ok(Kept::NotWanted);
        };
        if self.is_overtaken(&target.name, event.occurred_at) {
            return Ok(Kept::Outdated);
        }
        let is_first = !matches!(admission, Admission::Duplicate(_)) || self.is_owed(&event.id);
        self.owe(event);
        let kept = self.write(target, event.occurred_at, is_first, token).await?;
        self.settle(&target.name, event);
        Ok(kept)
    }

    async fn write(
        &self,
        target: &Target,
        mailed_at: Timestamp,
        is_first: bool,
        token: &SecretText,
    ) -> Result<Kept, KeepError> {
        let (location, field) = (&target.secret, &target.fields.security_token);
        let failed = |trouble| SecretWriteError { location: location.clone(), trouble };
        for _ in 0..ATTEMPTS {
            let stored = self.reader.read(location).await?;
            let Stored::Present { version, written_at, fields } = stored else {
                return Err(failed(WriteTrouble::NothingThere).into());
            };
            if fields.get(field).is_some_and(|held| held.expose() == token.expose()) {
                return Ok(Kept::Known);
            }
            if !is_first && written_at >= mailed_at {
                return Ok(Kept::Outdated);
            }
            match self.writer.patch_field(location, field, token, version).await {
                Ok(version) => return Ok(Kept::Written(version)),
                Err(SecretWriteError { trouble: WriteTrouble::Moved, .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(failed(WriteTrouble::Moved).into())
    }

    fn is_overtaken(&self, target: &TargetName, mailed_at: Timestamp) -> bool {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.newest.get(target).is_some_and(|newest| mailed_at < *newest)
    }

    fn is_owed(&self, id: &EventId) -> bool {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).owed.contains_key(id)
    }

    fn owe(&self, event: &ResetEvent) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.owed.len() >= OWED {
            let oldest = state.owed.iter().min_by_key(|(_, at)| **at).map(|(id, _)| id.clone());
            oldest.map(|id| state.owed.remove(&id));
        }
        state.owed.insert(event.id.clone(), event.occurred_at);
    }

    fn settle(&self, target: &TargetName, event: &ResetEvent) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.owed.remove(&event.id);
        let newest = state.newest.entry(target.clone()).or_insert(event.occurred_at);
        *newest = event.occurred_at.max(*newest);
    }
}
