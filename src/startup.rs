//! The composition root: a [`Config`] becomes an [`App`] that is bound to its addresses and can
//! be run.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::clock::SystemClock;
use crate::communigator::{
    AccountConfig, AccountError, HttpConsole, Profile, ProfileError, Timeouts,
};
use crate::config::{Config, Console as ConsoleConfig, OperatorToken};
use crate::domain::secret::{FingerprintKey, SecretText};
use crate::engine::console_login::ConsoleLogins;
use crate::engine::drive::World;
use crate::engine::intake::Intake;
use crate::engine::operations::Operations;
use crate::engine::targets::Targets;
use crate::engine::worker::Worker;
use crate::metrics::Metrics;
use crate::operator::readiness::Readiness;
use crate::operator::who_may::AccessToken;
use crate::operator::{self, BoundOperator, Operator};
use crate::ports::clock::Clock;
use crate::ports::journal::Journal;
use crate::store::{OpenError, SqliteStore};
use crate::vault::{Vault, VaultSetupError};

/// The program could not be put together.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A file that the configuration names cannot be read.
    #[error("{key}: the file {path} cannot be read")]
    File {
        /// The key that names it.
        key: String,
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The fingerprint key is too short.
    #[error(
        "store.fingerprint_key_file: a fingerprint key has at least {} bytes",
        FingerprintKey::MIN_BYTES
    )]
    FingerprintKey,
    /// The database cannot be used.
    #[error("store.url: the database cannot be used")]
    Store(#[from] OpenError),
    /// The Vault client cannot be built.
    #[error("vault: the client cannot be built")]
    Vault(#[from] VaultSetupError),
    /// A profile cannot be used.
    #[error("consoles.{account}.profile_file: the profile cannot be used")]
    Profile {
        /// The console account.
        account: String,
        /// Why.
        #[source]
        source: ProfileError,
    },
    /// A console account cannot be used.
    #[error("consoles: an account cannot be used")]
    Console(#[from] AccountError),
    /// The private listener cannot be opened.
    #[error("operator: the listener cannot be opened")]
    Operator(#[from] operator::BindError),
}

/// Everything behind the listeners.
pub struct Plant {
    /// What the engine needs of the world.
    pub world: Arc<World>,
    /// Vault, as the adapter that it is.
    pub vault: Arc<Vault>,
    /// The configured targets.
    pub targets: Arc<Targets>,
    /// Where senders hand over events.
    pub intake: Intake,
    /// The operator's verbs.
    pub operations: Operations,
    /// What is counted and timed.
    pub metrics: Arc<Metrics>,
    wake: Arc<Notify>,
}

impl Plant {
    /// Opens the store and builds every adapter. Nothing outside this machine is asked yet.
    pub async fn build(config: &Config) -> Result<Self, StartError> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let fingerprints = fingerprint_key(&config.fingerprint_key_file)?;
        let store = SqliteStore::open(&config.store, Arc::clone(&clock)).await?;
        let journal: Arc<dyn Journal> = with_failpoints(Arc::new(store));
        let vault = Arc::new(Vault::new(config.vault.clone(), Arc::clone(&clock))?);
        let accounts = config.consoles.iter().map(account).collect::<Result<Vec<_>, _>>()?;
        let console = Arc::new(HttpConsole::new(accounts, Arc::clone(&clock))?);
        let token = Arc::clone(&vault);
        let metrics = Metrics::new(config.sources.iter().map(|source| &source.name))
            .with_vault_token(Arc::new(move || token.token_status()?.expires_at));
        let metrics = Arc::new(metrics);
        let targets = Arc::new(Targets::new(config.targets.iter().cloned()));
        let wake = Arc::new(Notify::new());
        let logins = ConsoleLogins::new(
            Arc::clone(&vault) as _,
            Arc::clone(&clock),
            config
                .consoles
                .iter()
                .map(|c| (c.name.clone(), c.login.clone()))
                .collect::<BTreeMap<_, _>>(),
            config.rotation.console_login_age,
        );
        let intake = Intake::new(
            Arc::clone(&journal),
            Arc::clone(&clock),
            Arc::clone(&targets),
            Arc::clone(&wake),
        );
        let operations = Operations::new(
            intake.clone(),
            Arc::clone(&journal),
            Arc::clone(&clock),
            Arc::clone(&targets),
            Arc::clone(&wake),
        );
        let world = Arc::new(World {
            journal,
            console,
            secrets: Arc::clone(&vault) as _,
            logins: Arc::new(logins),
            clock,
            meter: Arc::clone(&metrics) as _,
            fingerprints,
            settings: config.rotation,
        });
        Ok(Self { world, vault, targets, intake, operations, metrics, wake })
    }

    /// A worker over this plant.
    pub fn worker(&self, name: &str) -> Worker {
        let (targets, wake) = (Arc::clone(&self.targets), Arc::clone(&self.wake));
        Worker::new(Arc::clone(&self.world), targets, wake, name.to_owned())
    }

    /// Keeps the Vault token fresh and the consoles' logins at hand, until it is dropped.
    async fn keep_house(&self) {
        let logins = async {
            loop {
                self.world.logins.prefetch().await;
                self.world.clock.sleep(self.world.settings.console_login_age / 2).await;
            }
        };
        tokio::join!(self.vault.keep_token_fresh(), logins);
    }
}

#[cfg(feature = "failpoints")]
fn with_failpoints(journal: Arc<dyn Journal>) -> Arc<dyn Journal> {
    crate::failpoints::wrap(journal)
}

#[cfg(not(feature = "failpoints"))]
fn with_failpoints(journal: Arc<dyn Journal>) -> Arc<dyn Journal> {
    journal
}

/// Reads a file that a key names.
fn read(key: &str, path: &Path) -> Result<Vec<u8>, StartError> {
    std::fs::read(path).map_err(|source| StartError::File {
        key: key.to_owned(),
        path: path.to_owned(),
        source,
    })
}

fn read_text(key: &str, path: &Path) -> Result<String, StartError> {
    let bytes = read(key, path)?;
    String::from_utf8(bytes).map_err(|error| StartError::File {
        key: key.to_owned(),
        path: path.to_owned(),
        source: std::io::Error::new(std::io::ErrorKind::InvalidData, error.utf8_error()),
    })
}

fn fingerprint_key(path: &Path) -> Result<FingerprintKey, StartError> {
    let bytes = read("store.fingerprint_key_file", path)?;
    FingerprintKey::new(bytes.trim_ascii().to_vec()).ok_or(StartError::FingerprintKey)
}

fn account(
    console: &ConsoleConfig,
) -> Result<(crate::domain::ids::AccountName, AccountConfig), StartError> {
    let profile = match &console.profile_file {
        None => Profile::built_in(),
        Some(path) => {
            let key = format!("consoles.{}.profile_file", console.name);
            Profile::with_overrides(&read_text(&key, path)?).map_err(|source| {
                StartError::Profile { account: console.name.to_string(), source }
            })?
        }
    };
    let config = AccountConfig {
        base_url: console.base_url.clone(),
        other_origins: console.other_origins.clone(),
        profile,
        timeouts: Timeouts { connect: console.connect_timeout, request: console.timeout },
    };
    Ok((console.name.clone(), config))
}

fn access_token(token: &OperatorToken) -> Result<AccessToken, StartError> {
    let key = format!("operator.tokens ({})", token.name);
    let text = read_text(&key, &token.token_file)?;
    let token_text = SecretText::new(text.trim().to_owned());
    Ok(AccessToken { name: token.name.clone(), role: token.role, token: token_text })
}
