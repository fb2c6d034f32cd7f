//! The secret store in Vault or OpenBao: login and renewal, reads of the key-value
//! engine of version 2, the server's events, and its health.

mod client;
mod health;
mod kv;
mod list;
mod login;
mod patch;
mod renewal;
mod session;
mod settings;
mod token;
mod trouble;
mod watch;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;

use crate::domain::secret::{SecretLocation, SecretText, SecretVersion};
use crate::ports::clock::Clock;
use crate::ports::secret_store::{
    SecretStore, SecretStoreError, SecretTrouble, Stored, TokenStatus,
};
use crate::ports::secret_writer::{SecretWriteError, SecretWriter, WriteTrouble};
use crate::vault::client::Connection;
use crate::vault::session::Session;
use crate::vault::token::Tokens;

pub use crate::vault::health::{Health, HealthError};
pub use crate::vault::settings::{Auth, Settings, VaultSetupError};

/// A connection to Vault or OpenBao that logs in when it has to.
///
/// The answers that hold secrets pass through vaultrs, whose errors and logs may quote what they
/// could not read: its log targets, `vaultrs` and `rustify`, are to be switched off.
pub struct Vault {
    connection: Connection,
    tokens: Tokens,
}

impl Vault {
    /// Checks the settings and reads the CA file. Nothing is sent: the first read logs in, or
    /// [`Vault::keep_token_fresh`] does.
    pub fn new(settings: Settings, clock: Arc<dyn Clock>) -> Result<Self, VaultSetupError> {
        let auth = settings.auth.clone();
        let connection = Connection::new(settings)?;
        let tokens = Tokens::new(connection.clone(), auth, clock);
        Ok(Self { connection, tokens })
    }

    /// Logs in, renews the token at two thirds of its life, and logs in again where renewal
    /// fails or grants less than it did. Never returns; to be spawned once, and dropped to stop.
    pub async fn keep_token_fresh(&self) {
        self.tokens.keep_fresh().await;
    }

    /// What is known of the token in use; `None` before the first login.
    pub fn token_status(&self) -> Option<TokenStatus> {
        self.tokens.latest().map(|session| session.status())
    }

    /// Asks the server how it is. It needs no login and sends no token.
    pub async fn health(&self) -> Result<Health, HealthError> {
        health::ask(&self.connection).await
    }

    /// Runs a request, and once more with another token where the first is denied: a token that
    /// was revoked and a policy that forbids look alike.
    async fn authorised<T, F>(
        &self,
        request: impl Fn(Arc<Session>) -> F + Send + Sync,
    ) -> Result<T, SecretTrouble>
    where
        F: Future<Output = Result<T, SecretTrouble>> + Send,
    {
        let session = self.tokens.current().await?;
        match request(Arc::clone(&session)).await {
            Err(SecretTrouble::Denied) => {
                let fresh = self.tokens.replace(&session).await?;
                if !fresh.has_token_of(&session) {
                    match request(Arc::clone(&fresh)).await {
                        Err(SecretTrouble::Denied) => {}
                        outcome => return outcome,
                    }
                }
                // A server denies everything to a token that it does not know.
                Err(if fresh.is_known() {
                    SecretTrouble::Denied
                } else {
                    SecretTrouble::TokenRefused
                })
            }
            outcome => outcome,
        }
    }
}

#[async_trait]
impl SecretStore for Vault {
    async fn read(&self, location: &SecretLocation) -> Result<Stored, SecretStoreError> {
        self.authorised(|session| async move { kv::read(session.client(), location).await })
            .await
            .map_err(|trouble| SecretStoreError { location: location.clone(), trouble })
    }

    async fn current_version(
        &self,
        location: &SecretLocation,
    ) -> Result<Option<SecretVersion>, SecretStoreError> {
        self.authorised(
            |session| async move { kv::current_version(session.client(), location).await },
        )
        .await
        .map_err(|trouble| SecretStoreError { location: location.clone(), trouble })
    }

    async fn current_versions(
        &self,
        folder: &SecretLocation,
    ) -> Result<Option<BTreeMap<String, SecretVersion>>, SecretStoreError> {
        self.authorised(|session| async move { list::versions(session.client(), folder).await })
            .await
            .map_err(|trouble| SecretStoreError { location: folder.clone(), trouble })
    }
}

#[async_trait]
impl SecretWriter for Vault {
    async fn patch_field(
        &self,
        location: &SecretLocation,
        field: &str,
        text: &SecretText,
        current: SecretVersion,
    ) -> Result<SecretVersion, SecretWriteError> {
        // `authorised` knows the troubles of a read; the two of a write come out as an outcome.
        let written = self
            .authorised(|session| async move {
                patch::patch_field(session.client(), location, field, text, current).await
            })
            .await;
        written
            .map_err(WriteTrouble::Store)
            .and_then(|outcome| outcome)
            .map_err(|trouble| SecretWriteError { location: location.clone(), trouble })
    }
}
