//! Where a rotation stands, in one word: for lists, metrics and the page.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::domain::entry::Outcome;
use crate::domain::rotation::Rotation;
use crate::domain::track::Standing;

/// The words, in the order in which a rotation goes through them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// A connector may still log in with the dead secret.
    Containing,
    /// Contained, and the new secret is not there yet.
    AwaitingSecret,
    /// Surfaces take the new secret.
    Updating,
    /// What was disabled is being enabled.
    Enabling,
    /// Looking whether the errors are gone.
    Confirming,
    /// A person is needed.
    Stuck,
    /// Over, everything seen to be well.
    Confirmed,
    /// Over, no credential error seen, but not everything seen to be well.
    Unconfirmed,
    /// Over, nothing had to be done.
    NothingToDo,
    /// An operator gave it up.
    Abandoned,
}

impl Phase {
    /// Every phase, in order.
    pub const ALL: [Self; 10] = [
        Self::Containing,
        Self::AwaitingSecret,
        Self::Updating,
        Self::Enabling,
        Self::Confirming,
        Self::Stuck,
        Self::Confirmed,
        Self::Unconfirmed,
        Self::NothingToDo,
        Self::Abandoned,
    ];

    /// Reads the phase off a rotation.
    pub fn of(rotation: &Rotation) -> Self {
        match &rotation.standing {
            Standing::Stuck(_) => Self::Stuck,
            Standing::Abandoned => Self::Abandoned,
            Standing::Completed(Outcome::Confirmed) => Self::Confirmed,
            Standing::Completed(Outcome::Unconfirmed) => Self::Unconfirmed,
            Standing::Completed(Outcome::NothingToDo) => Self::NothingToDo,
            Standing::Active => Self::of_active(rotation),
        }
    }

    fn of_active(rotation: &Rotation) -> Self {
        let contained = rotation.uncontained().next().is_none();
        if rotation.secret.is_none() {
            // A mere write stops nothing before its secret is known to be another one.
            let reset = &rotation.reset;
            let is_mere_write = !(reset.password || reset.token || rotation.must_contain);
            let is_still = contained || is_mere_write;
            return if is_still { Self::AwaitingSecret } else { Self::Containing };
        }
        if !contained {
            Self::Containing
        } else if !rotation.all_hold_secret() {
            Self::Updating
        } else if rotation.left_disabled().next().is_some() {
            Self::Enabling
        } else {
            Self::Confirming
        }
    }

    /// Whether the rotation is over.
    pub const fn is_finished(self) -> bool {
        match self {
            Self::Containing
            | Self::AwaitingSecret
            | Self::Updating
            | Self::Enabling
            | Self::Confirming
            | Self::Stuck => false,
            Self::Confirmed | Self::Unconfirmed | Self::NothingToDo | Self::Abandoned => true,
        }
    }

    /// The word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Containing => "containing",
            Self::AwaitingSecret => "awaiting_secret",
            Self::Updating => "updating",
            Self::Enabling => "enabling",
            Self::Confirming => "confirming",
            Self::Stuck => "stuck",
            Self::Confirmed => "confirmed",
            Self::Unconfirmed => "unconfirmed",
            Self::NothingToDo => "nothing_to_do",
            Self::Abandoned => "abandoned",
        }
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|phase| phase.as_str() == word)
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
