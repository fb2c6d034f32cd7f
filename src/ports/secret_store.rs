//! Where secrets come from: a versioned key-value store.

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::domain::fault::Fault;
use crate::domain::secret::{SecretLocation, SecretText, SecretVersion};

/// What the store holds at a location.
#[derive(Debug, Clone)]
pub enum Stored {
    /// A readable current version.
    Present {
        /// Its number.
        version: SecretVersion,
        /// When the store took it.
        written_at: Timestamp,
        /// Its fields that hold text, by name; fields that hold anything else are left out.
        fields: BTreeMap<String, SecretText>,
    },
    /// The current version was deleted or destroyed.
    Gone {
        /// Its number, where the store still says it.
        version: Option<SecretVersion>,
        /// Destroyed for good, or deleted and recoverable.
        destroyed: bool,
    },
    /// Nothing was ever written there.
    Missing,
}

/// What went wrong. [`SecretTrouble::fault`] says what to do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SecretTrouble {
    /// No connection, a time-out, or a connection that broke.
    #[error("Vault cannot be reached")]
    Unreachable,
    /// The server is sealed.
    #[error("Vault is sealed")]
    Sealed,
    /// The server is a standby that cannot answer, or sent the client to another server, where it
    /// does not go with its token.
    #[error(
        "Vault answered as a standby; point `vault.address` at the active node or a load balancer"
    )]
    Standby,
    /// Too many requests, or a failure of the server's own.
    #[error("Vault answered {0}")]
    Unavailable(u16),
    /// The server does not know the token in the token file: it was revoked, has expired, or is
    /// another server's.
    #[error(
        "Vault does not know the token in the file that `vault.auth` names; write a living one \
         there, and it is used without a restart"
    )]
    TokenRefused,
    /// The policy forbids it, even with a fresh token.
    #[error("Vault denies access; compare the policy with deploy/vault")]
    Denied,
    /// Vault refused the login itself (role, secret id, service account).
    #[error("Vault refused the login of reset-receiver; check `vault.auth`")]
    LoginRefused,
    /// No engine at that mount, no such namespace, or an engine of another kind.
    #[error("Vault has no key-value engine of version 2 at that mount or namespace")]
    NoEngine,
    /// An answer of another shape than Vault's API documents.
    #[error("Vault's answer is not what its API documents")]
    Unreadable,
    /// The file that holds a token, a secret id or a service account token cannot be read.
    #[error("a file that `vault.auth` names cannot be read or is empty")]
    CredentialFile,
}

impl SecretTrouble {
    /// The class that decides what happens next. A file is replaced by whatever keeps it fresh (an
    /// agent, an orchestrator), and waited for like a server that is away; a policy or a role is
    /// mended by a person.
    pub fn fault(self) -> Fault {
        match self {
            Self::Unreachable
            | Self::Sealed
            | Self::Standby
            | Self::Unavailable(_)
            | Self::Unreadable
            | Self::TokenRefused
            | Self::CredentialFile => Fault::Transient,
            Self::Denied | Self::LoginRefused | Self::NoEngine => Fault::Permanent,
        }
    }
}

/// A failed read. It never carries an answer's body, which may hold a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("reading {location}: {trouble}")]
pub struct SecretStoreError {
    /// What was read.
    pub location: SecretLocation,
    /// What went wrong.
    pub trouble: SecretTrouble,
}

/// What `doctor`, readiness and metrics want to know of the connection to the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenStatus {
    /// Until when the client token is valid; `None` where it does not expire.
    pub expires_at: Option<Timestamp>,
    /// Whether it can be renewed.
    pub renewable: bool,
}

/// A versioned key-value store of secrets.
#[async_trait]
pub trait SecretStore: Send + Sync {
    /// Reads the current version: data, version and time from one answer.
    async fn read(&self, location: &SecretLocation) -> Result<Stored, SecretStoreError>;

    /// The number of the current version, without moving the secret; `None` where nothing was
    /// ever written.
    async fn current_version(
        &self,
        location: &SecretLocation,
    ) -> Result<Option<SecretVersion>, SecretStoreError>;

    /// The numbers of the current versions of the secrets in a folder, by the last parts of their
    /// paths and in one request; secrets below it, and those that were never written, are not
    /// among them. `None` where the store cannot say that at once, or may not: each secret is asked
    /// for then.
    async fn current_versions(
        &self,
        folder: &SecretLocation,
    ) -> Result<Option<BTreeMap<String, SecretVersion>>, SecretStoreError> {
        let _asked_for_one_by_one = folder;
        Ok(None)
    }
}
