//! How the server says it is.
//!
//! vaultrs' own call wants a field that OpenBao no longer sends, so this is a plain GET.

use serde::Deserialize;

use crate::vault::client::{Connection, bounded_json};

/// What the server says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Health {
    /// Whether it was ever set up.
    pub initialized: bool,
    /// Whether it is sealed, and so can answer nothing else.
    pub sealed: bool,
    /// Whether it is a standby; a sealed server says so too.
    pub standby: bool,
    /// Its version, as it writes it.
    pub version: String,
}

/// Why the server's health is not known.
#[derive(Debug, thiserror::Error)]
pub enum HealthError {
    /// No connection, or no trust in the server's certificate.
    #[error("Vault cannot be reached")]
    Unreachable(#[source] reqwest::Error),
    /// Something answers there that is not Vault.
    #[error("what answered {status} is not Vault")]
    NotVault {
        /// The HTTP status.
        status: u16,
    },
}

/// Asks. A sealed server or a standby answers with a status that is no success and the same
/// body, so that the status alone decides nothing.
pub(super) async fn ask(connection: &Connection) -> Result<Health, HealthError> {
    let answer = connection.get("sys/health").send().await.map_err(HealthError::Unreachable)?;
    let status = answer.status().as_u16();
    bounded_json(answer).await.ok_or(HealthError::NotVault { status })
}
