//! The consoles' own logins: read from Vault ahead of time, so that containment does not wait
//! for Vault.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use crate::domain::fault::error_line;
use crate::domain::ids::AccountName;
use crate::domain::secret::{SecretLocation, SecretVersion};
use crate::ports::clock::Clock;
use crate::ports::console::ConsoleLogin;
use crate::ports::secret_store::{SecretStore, SecretStoreError, Stored};

/// How long to wait before a login that could not be read ahead of time is read again; doubled from
/// try to try.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// No pause is longer: as long as a login is unknown, a reset finds connectors that go on.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// Where a console account's login lives in Vault, and what its fields are called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginLocation {
    /// Where.
    pub location: SecretLocation,
    /// The field that holds the user name.
    pub username_field: String,
    /// The field that holds the password.
    pub password_field: String,
    /// The field that holds the second factor's shared secret, if there is one.
    pub totp_field: String,
}

/// A login together with the version of the secret that it was read from.
#[derive(Debug, Clone)]
pub struct VersionedLogin {
    /// The login.
    pub login: ConsoleLogin,
    /// The version.
    pub version: SecretVersion,
    read_at: Timestamp,
}

/// Why there is no login for an account.
#[derive(Debug, thiserror::Error)]
pub enum NoLogin {
    /// Vault could not be read.
    #[error("the console login could not be read from Vault")]
    Vault(#[from] SecretStoreError),
    /// The secret is missing, deleted, or lacks a field.
    #[error("the console login at {location} is incomplete: {lacks}")]
    Incomplete {
        /// Where it was looked for.
        location: SecretLocation,
        /// What is missing.
        lacks: String,
    },
    /// No such console account is configured.
    #[error("no console account {0} is configured")]
    UnknownAccount(AccountName),
}

/// The logins of all console accounts, remembered in memory.
pub struct ConsoleLogins {
    secrets: Arc<dyn SecretStore>,
    clock: Arc<dyn Clock>,
    locations: BTreeMap<AccountName, LoginLocation>,
    max_age: Duration,
    /// `None` where it was known and the console refused it.
    known: Mutex<BTreeMap<AccountName, Option<VersionedLogin>>>,
}

impl ConsoleLogins {
    /// The logins at these locations, read again once they are older than `max_age`.
    pub fn new(
        secrets: Arc<dyn SecretStore>,
        clock: Arc<dyn Clock>,
        locations: BTreeMap<AccountName, LoginLocation>,
        max_age: Duration,
    ) -> Self {
        Self { secrets, clock, locations, max_age, known: Mutex::default() }
    }

    /// The account's login: the remembered one while it is young, otherwise Vault's, otherwise
    /// the remembered one again. Vault being away does not delay containment.
    pub async fn get(&self, account: &AccountName) -> Result<VersionedLogin, NoLogin> {
        let known = self.remembered(account);
        let is_young = |login: &VersionedLogin| {
            login.read_at.saturating_add(self.max_age).is_ok_and(|until| until > self.clock.now())
        };
        match known {
            Some(login) if is_young(&login) => Ok(login),
            known => match self.read(account).await {
                Ok(login) => Ok(login),
                Err(error) => known.ok_or(error),
            },
        }
    }

    /// The account's login as Vault holds it now.
    pub async fn read(&self, account: &AccountName) -> Result<VersionedLogin, NoLogin> {
        let unknown = || NoLogin::UnknownAccount(account.clone());
        let place = self.locations.get(account).ok_or_else(unknown)?;
        let stored = self.secrets.read(&place.location).await?;
        let incomplete =
            |lacks: String| NoLogin::Incomplete { location: place.location.clone(), lacks };
        let Stored::Present { version, mut fields, .. } = stored else {
            return Err(incomplete("nothing is stored there".to_owned()));
        };
        let mut take = |field: &str| {
            let text = fields.remove(field).filter(|text| !text.is_empty());
            text.ok_or_else(|| incomplete(format!("the field `{field}` is missing or empty")))
        };
        let login = ConsoleLogin {
            username: take(&place.username_field)?,
            password: take(&place.password_field)?,
            totp: take(&place.totp_field).ok(),
        };
        let login = VersionedLogin { login, version, read_at: self.clock.now() };
        self.known
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(account.clone(), Some(login.clone()));
        Ok(login)
    }

    /// Forgets the account's login, because the console refused it: it is read again by the next one
    /// to need it, and not ahead of time, because what is there by then is what counts.
    pub fn forget(&self, account: &AccountName) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(account.clone(), None);
    }

    /// Keeps every login at hand, until it is dropped: one that is known is read again before it is
    /// too old, and one that is not, because Vault did not give it, after a short pause.
    pub async fn keep(&self) {
        let (mut missing, mut pause) = (BTreeSet::new(), FIRST_PAUSE);
        loop {
            let before = std::mem::replace(&mut missing, self.prefetch().await);
            for account in before.difference(&missing) {
                tracing::info!(%account, "console login read at last");
            }
            if missing.is_empty() {
                pause = FIRST_PAUSE;
                self.clock.sleep(self.max_age / 2).await;
            } else {
                self.clock.sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }

    /// Reads every login ahead of time, and returns the accounts whose login is not known.
    pub async fn prefetch(&self) -> BTreeSet<AccountName> {
        let mut missing = BTreeSet::new();
        for account in self.locations.keys().filter(|account| !self.is_refused(account)) {
            if let Err(error) = self.get(account).await {
                let error = error_line(&error);
                tracing::error!(
                    %account, error,
                    "console login not read: connectors cannot be switched off before it is"
                );
                missing.insert(account.clone());
            }
        }
        missing
    }

    /// Each account, and whether its login is known, so that containment does not need Vault.
    pub fn known(&self) -> Vec<(AccountName, bool)> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let accounts = self.locations.keys();
        accounts
            .map(|account| (account.clone(), known.get(account).is_some_and(Option::is_some)))
            .collect()
    }

    fn remembered(&self, account: &AccountName) -> Option<VersionedLogin> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).get(account).cloned().flatten()
    }

    fn is_refused(&self, account: &AccountName) -> bool {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(account).is_some_and(Option::is_none)
    }
}
