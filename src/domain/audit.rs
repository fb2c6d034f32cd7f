//! What an operator said, and who it was.

use serde::{Deserialize, Serialize};

use crate::domain::entry::Entry;
use crate::domain::event::ResetEvent;
use crate::domain::ids::{EventId, InvalidId, RotationId};

/// What an operator can say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OperatorVerb {
    /// Rotate as if a reset had come.
    Rotate,
    /// Go on with a stuck rotation.
    Retry,
    /// Vault's current version is the new secret.
    UseCurrentSecret,
    /// Give a rotation up.
    Abandon,
}

impl OperatorVerb {
    /// Every verb.
    pub const ALL: [Self; 4] = [Self::Rotate, Self::Retry, Self::UseCurrentSecret, Self::Abandon];

    /// The word that the store and the API use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rotate => "rotate",
            Self::Retry => "retry",
            Self::UseCurrentSecret => "use_current_secret",
            Self::Abandon => "abandon",
        }
    }

    /// The verb with this word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verb| verb.as_str() == word)
    }
}

/// A verb and who said it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deed {
    /// Who.
    pub by: String,
    /// What.
    pub verb: OperatorVerb,
}

impl Deed {
    /// The source under which an operator's `rotate` is recorded. No configured source may have
    /// this name.
    pub const SOURCE: &str = "operator";

    /// The id of the event that stands for somebody's `rotate`; `unique` tells two of them apart.
    pub fn event_id(by: &str, unique: RotationId) -> Result<EventId, InvalidId> {
        EventId::parse(&format!("{by}:{unique}"))
    }

    /// The `rotate` that an event stands for; `None` for a sender's event.
    pub fn of_event(event: &ResetEvent) -> Option<Self> {
        let is_operators = event.source.as_str() == Self::SOURCE;
        let (by, _) = is_operators.then(|| event.id.as_str().rsplit_once(':')).flatten()?;
        Some(Self { by: by.to_owned(), verb: OperatorVerb::Rotate })
    }

    /// The verb that an entry stands for; `None` for what the program itself wrote.
    pub fn of_entry(entry: &Entry) -> Option<Self> {
        let (by, verb) = if let Entry::Retried { by } = entry {
            (by, OperatorVerb::Retry)
        } else if let Entry::UseCurrent { by } = entry {
            (by, OperatorVerb::UseCurrentSecret)
        } else if let Entry::Abandoned { by } = entry {
            (by, OperatorVerb::Abandon)
        } else {
            return None;
        };
        Some(Self { by: by.clone(), verb })
    }
}
