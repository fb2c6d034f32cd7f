//! What the store of secrets tells by itself, where it does: a hint to look, never a proof.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::domain::announcement::Change;
use crate::domain::secret::{SecretLocation, SecretVersion};
use crate::ports::secret_store::SecretTrouble;

/// One piece of news.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct News {
    /// What happened.
    pub change: Change,
    /// Which secret it happened to.
    pub location: SecretLocation,
    /// Its current version now, where that is said.
    pub version: Option<SecretVersion>,
    /// When, by the store's clock, where that is said.
    pub at: Option<Timestamp>,
}

/// An open ear. It is closed by dropping it.
#[async_trait]
pub trait Subscription: Send {
    /// The next piece of news; `None` once the connection has ended, however it did.
    ///
    /// Nothing is lost where the future is dropped before it is ready.
    async fn next(&mut self) -> Option<News>;
}

/// A store that may tell of changes. What happens while nobody listens is not told later.
#[async_trait]
pub trait SecretNews: Send + Sync {
    /// Begins to listen; `None` where this server does not offer it.
    async fn subscribe(&self) -> Result<Option<Box<dyn Subscription>>, SecretTrouble>;
}
