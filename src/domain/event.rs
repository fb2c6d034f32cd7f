//! What a sender says: which reset, whose, when.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::ids::{EventId, OrganizationId, SourceName, UserId, Username};
use crate::domain::secret::{SecretLocation, SecretVersion};

/// Which reset happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResetKind {
    /// The password was reset; Salesforce resets the security token with it.
    PasswordReset,
    /// Only the security token was reset.
    TokenReset,
    /// Vault holds a new version of the secret.
    SecretWritten,
}

impl ResetKind {
    /// The word that the wire, the journal and the page use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PasswordReset => "password_reset",
            Self::TokenReset => "token_reset",
            Self::SecretWritten => "secret_written",
        }
    }
}

/// Whose login was reset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// A Salesforce login, named by an organisation and at least one of its two user keys.
    Login {
        /// The organisation that the login belongs to.
        organization: OrganizationId,
        /// The user's name or id; where both are given, both must fit the target.
        user: UserKey,
    },
    /// Nobody that can be told: an authentic message that says whose organisation it is from, and
    /// not whose login was reset.
    Nobody {
        /// The organisation that it is from.
        organization: OrganizationId,
    },
    /// A secret in Vault, for `secret_written`.
    Secret {
        /// Where it is.
        location: SecretLocation,
        /// The version that Vault is said to hold, where a number was said.
        version: Option<SecretVersion>,
    },
}

impl Subject {
    /// The version that was announced.
    pub fn announced(&self) -> Option<SecretVersion> {
        match self {
            Self::Secret { version, .. } => *version,
            Self::Login { .. } | Self::Nobody { .. } => None,
        }
    }
}

/// How a sender names a Salesforce user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UserKey {
    /// By name only.
    Name(Username),
    /// By id only.
    Id(UserId),
    /// By both.
    Both(Username, UserId),
}

impl UserKey {
    /// Joins what a notice gives; `None` where it gives neither.
    pub fn from_parts(name: Option<Username>, id: Option<UserId>) -> Option<Self> {
        match (name, id) {
            (Some(name), Some(id)) => Some(Self::Both(name, id)),
            (Some(name), None) => Some(Self::Name(name)),
            (None, Some(id)) => Some(Self::Id(id)),
            (None, None) => None,
        }
    }

    /// The user's name, where it is given.
    pub fn name(&self) -> Option<&Username> {
        match self {
            Self::Name(name) | Self::Both(name, _) => Some(name),
            Self::Id(_) => None,
        }
    }

    /// The user's id, where it is given.
    pub fn id(&self) -> Option<&UserId> {
        match self {
            Self::Id(id) | Self::Both(_, id) => Some(id),
            Self::Name(_) => None,
        }
    }
}

/// A reset event whose sender has been authenticated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResetEvent {
    /// The configured source that it came through; ids are unique within a source.
    pub source: SourceName,
    /// The sender's own id, the same on every redelivery.
    pub id: EventId,
    /// Which reset.
    pub kind: ResetKind,
    /// Whose.
    pub subject: Subject,
    /// When it happened, by the sender's clock.
    pub occurred_at: Timestamp,
}
