//! Vault in a simulated world: it fails, and a standby lags behind.

use std::collections::BTreeMap;

use async_trait::async_trait;
use reset_receiver::domain::secret::{SecretLocation, SecretText, SecretVersion};
use reset_receiver::ports::secret_store::{SecretStore, SecretStoreError, SecretTrouble, Stored};

use crate::simulation::world::{Luck, World};

/// Vault, as one worker sees it.
pub(crate) struct SimulatedVault {
    pub(crate) world: World,
    pub(crate) worker: usize,
}

impl SimulatedVault {
    async fn answer(&self, location: &SecretLocation) -> Result<usize, SecretStoreError> {
        let trouble = match self.world.before(self.worker, "a read of Vault").await {
            Luck::Good => {
                let (versions, faults) = {
                    let facts = self.world.facts();
                    (facts.vault.len(), facts.faults)
                };
                let lags = faults && self.world.once_in(10);
                return Ok(if lags { versions.saturating_sub(1).max(1) } else { versions });
            }
            Luck::Refused => SecretTrouble::Sealed,
            Luck::ReplyLost => SecretTrouble::Unreachable,
        };
        Err(SecretStoreError { location: location.clone(), trouble })
    }
}

#[async_trait]
impl SecretStore for SimulatedVault {
    async fn read(&self, location: &SecretLocation) -> Result<Stored, SecretStoreError> {
        let text = |text: String| SecretText::new(text);
        if location.path == "console" {
            let number = self.world.facts().console_in_vault;
            let login = [("username", "robot".to_owned()), ("password", format!("pw-{number}"))];
            let field = |(name, value): (&str, String)| (name.to_owned(), text(value));
            return Ok(Stored::Present {
                version: SecretVersion(number),
                written_at: self.world.clock.now(),
                fields: login.map(field).into_iter().collect(),
            });
        }
        let seen = self.answer(location).await?;
        let version = self.world.facts().vault[seen - 1];
        let (password, token) = version.pair;
        let fields = BTreeMap::from([
            ("password".to_owned(), text(format!("pw-{password}"))),
            ("security_token".to_owned(), text(format!("token-{token}"))),
        ]);
        let number = SecretVersion(version.number);
        Ok(Stored::Present { version: number, written_at: version.written_at, fields })
    }

    async fn current_version(
        &self,
        location: &SecretLocation,
    ) -> Result<Option<SecretVersion>, SecretStoreError> {
        let seen = self.answer(location).await?;
        Ok(Some(SecretVersion(self.world.facts().vault[seen - 1].number)))
    }
}
