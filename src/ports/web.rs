//! Small documents that are fetched from the web: certificates and confirmations of Amazon SNS.

use async_trait::async_trait;
use url::Url;

/// A document could not be fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WebTrouble {
    /// No connection, no answer in time, or no client on this machine.
    #[error("it cannot be reached")]
    Unreachable,
    /// An answer other than 200.
    #[error("it answered {0}")]
    Status(u16),
    /// An answer that is too long.
    #[error("its answer is too long")]
    TooLong,
}

/// Fetches documents. Whoever calls says which addresses are allowed; no redirect is followed.
#[async_trait]
pub trait Web: Send + Sync {
    /// The document at an address of https.
    async fn get(&self, url: &Url) -> Result<Vec<u8>, WebTrouble>;
}
