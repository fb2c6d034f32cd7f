//! Everything behind the listeners, built from the configuration.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use crate::clock::SystemClock;
use crate::communigator::{AccountConfig, HttpConsole, Profile, Transport};
use crate::config::{Config, Console};
use crate::domain::ids::AccountName;
use crate::domain::secret::FingerprintKey;
use crate::engine::console_login::ConsoleLogins;
use crate::engine::drive::World;
use crate::engine::intake::Intake;
use crate::engine::mailed_token::MailedTokens;
use crate::engine::operations::Operations;
use crate::engine::targets::Targets;
use crate::engine::worker::Worker;
use crate::hooks::Mails;
use crate::metrics::Metrics;
use crate::ports::clock::Clock;
use crate::ports::journal::Journal;
use crate::ports::meter::Meter;
use crate::ports::secret_store::SecretStore;
use crate::ports::secret_writer::SecretWriter;
use crate::salesforce::{SalesforceProbe, Timeouts};
use crate::senders::email::opening::Memory;
use crate::sns::SnsWeb;
use crate::startup::StartError;
use crate::startup::files::{read, read_text};
use crate::store::{SqliteStore, WorkPermit};
use crate::vault::Vault;

/// How long a connection to a console may take, TLS included.
const CONSOLE_CONNECT: Duration = Duration::from_secs(5);

/// How patient a proving login is. One that takes longer is spent for nothing, so it may take long.
const SALESFORCE: Timeouts =
    Timeouts { connect: Duration::from_secs(10), request: Duration::from_mins(1) };

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
    /// The plant of the one process that works on the database: a rotation whose driver died goes
    /// on at once.
    pub async fn build_to_work(config: &Config) -> Result<(Self, WorkPermit), StartError> {
        let permit = SqliteStore::permit(&config.store)?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let store = SqliteStore::open(&config.store, Arc::clone(&clock)).await?;
        store.end_leases(&permit).await?;
        Ok((Self::over(store, clock, config)?, permit))
    }

    /// Opens the store and builds every adapter. Nothing outside this machine is asked yet.
    pub async fn build(config: &Config) -> Result<Self, StartError> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let store = SqliteStore::open(&config.store, Arc::clone(&clock)).await?;
        Self::over(store, clock, config)
    }

    fn over(
        store: SqliteStore,
        clock: Arc<dyn Clock>,
        config: &Config,
    ) -> Result<Self, StartError> {
        let fingerprints = fingerprint_key(&config.fingerprint_key_file)?;
        let journal: Arc<dyn Journal> = with_failpoints(Arc::new(store));
        let vault = Arc::new(Vault::new(config.vault.clone(), Arc::clone(&clock))?);
        let secrets: Arc<dyn SecretStore> = vault.clone();
        let transport = Transport::new(CONSOLE_CONNECT).map_err(StartError::Transport)?;
        let accounts = config.consoles.iter().map(account).collect::<Result<Vec<_>, _>>()?;
        let console = Arc::new(HttpConsole::new(&transport, accounts, Arc::clone(&clock))?);
        let probe = SalesforceProbe::new(SALESFORCE, Arc::clone(&secrets));
        let probe = Arc::new(probe.map_err(StartError::Salesforce)?);
        let token = Arc::clone(&vault);
        let metrics = Metrics::new(config.sources.iter().map(|source| &source.name))
            .with_vault_token(Arc::new(move || token.token_status()?.expires_at));
        let metrics = Arc::new(metrics);
        let meter: Arc<dyn Meter> = metrics.clone();
        let targets = Arc::new(Targets::new(config.targets.iter().cloned()));
        let wake = Arc::new(Notify::new());
        let logins = ConsoleLogins::new(
            Arc::clone(&secrets),
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
            secrets,
            probe,
            logins: Arc::new(logins),
            clock,
            meter,
            fingerprints,
            settings: config.rotation,
        });
        Ok(Self { world, vault, targets, intake, operations, metrics, wake })
    }

    /// What the public listener needs for mails.
    pub(in crate::startup) fn mails(&self) -> Mails {
        let writer: Arc<dyn SecretWriter> = self.vault.clone();
        let targets = Arc::clone(&self.targets);
        Mails {
            memory: Memory::new(Arc::new(SnsWeb::default())),
            tokens: MailedTokens::new(targets, Arc::clone(&self.world.secrets), writer),
        }
    }

    /// A worker over this plant.
    pub fn worker(&self, name: &str) -> Worker {
        let (targets, wake) = (Arc::clone(&self.targets), Arc::clone(&self.wake));
        Worker::new(Arc::clone(&self.world), targets, wake, name.to_owned())
    }

    /// Keeps the Vault token fresh and the consoles' logins at hand, until it is dropped.
    pub(in crate::startup) async fn keep_house(&self) {
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

fn fingerprint_key(path: &Path) -> Result<FingerprintKey, StartError> {
    let bytes = read("store.fingerprint_key_file", path)?;
    FingerprintKey::new(bytes.trim_ascii().to_vec()).ok_or(StartError::FingerprintKey)
}

fn account(console: &Console) -> Result<(AccountName, AccountConfig), StartError> {
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
        timeout: console.timeout,
    };
    Ok((console.name.clone(), config))
}
