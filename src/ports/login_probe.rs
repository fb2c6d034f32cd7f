//! Salesforce's own login, as the engine sees it: made ready first, then used once.

use async_trait::async_trait;

use crate::domain::fault::Fault;
use crate::domain::proof::ProofOutcome;
use crate::domain::secret::{SalesforceSecret, SecretLocation};
use crate::domain::target::Target;
use crate::ports::console::Source;
use crate::ports::secret_store::SecretStoreError;

/// Why a proving login could not be made ready. Nothing that holds the secret has left.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// The target proves nothing.
    #[error("the target has no login to prove its secret with: set login_url, or prove = \"none\"")]
    NotConfigured,
    /// No connection.
    #[error("Salesforce cannot be reached at {at}")]
    Unreachable {
        /// The login host.
        at: String,
        /// What the layer below said.
        #[source]
        source: Source,
    },
    /// An answer that asks to come back later (429, 502 to 504).
    #[error("Salesforce answered {status} at {at} and may be asked again later")]
    Unavailable {
        /// The login host.
        at: String,
        /// The HTTP status.
        status: u16,
    },
    /// The connected app's key and secret could not be read.
    #[error("the connected app's key and secret could not be read from Vault")]
    Client(#[from] SecretStoreError),
    /// The connected app's key or secret is not there.
    #[error("the connected app at {location} is incomplete: {lacks}")]
    IncompleteClient {
        /// Where it was looked for.
        location: SecretLocation,
        /// What is missing.
        lacks: String,
    },
}

impl ProbeError {
    /// The class that decides what happens next.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Unreachable { .. } | Self::Unavailable { .. } => Fault::Transient,
            Self::Client(error) => error.trouble.fault(),
            Self::NotConfigured | Self::IncompleteClient { .. } => Fault::Permanent,
        }
    }
}

/// Logs in to Salesforce to see whether a secret is right.
///
/// A login has two halves, because each version of a secret has only one. Whatever can fail
/// without sending the secret does so in [`LoginProbe::prepare`] and can be tried again. What
/// comes back is used up by its one login, which the caller has written down as spent by then.
#[async_trait]
pub trait LoginProbe: Send + Sync {
    /// Reaches the target's login host and reads what else the login needs; sends no secret of
    /// the target's.
    async fn prepare(&self, target: &Target) -> Result<Box<dyn ReadyLogin>, ProbeError>;
}

/// One login, ready to be made.
#[async_trait]
pub trait ReadyLogin: Send {
    /// Logs in once, and after success out again. The outcome never carries a secret.
    async fn login(self: Box<Self>, secret: &SalesforceSecret) -> ProofOutcome;
}
