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
use crate::domain::retention::Retention;
use crate::domain::secret::{FingerprintKey, SecretText};
use crate::engine::console_login::ConsoleLogins;
use crate::engine::drive::World;
use crate::engine::intake::Intake;
use crate::engine::mailed_token::MailedTokens;
use crate::engine::operations::Operations;
use crate::engine::retention;
use crate::engine::targets::Targets;
use crate::engine::watch::{self, Watch};
use crate::engine::worker::Worker;
use crate::hooks::Mails;
use crate::hooks::tls::Certificates;
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
use crate::store::{Location, PostgresStore, SqliteStore, WorkPermit};
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
    watch: Watch,
    /// The store, where it tells what other replicas wrote.
    shared: Option<PostgresStore>,
    retention: Retention,
}

impl Plant {
    /// The plant of a process that works. On a file it is the only one, and gets the permit: a
    /// rotation whose driver died goes on at once. On a server it is one of several, and leases
    /// tell them apart. The certificates are those of the public listener, where there is one.
    pub(in crate::startup) async fn build_to_work(
        config: &Config,
        certificates: Option<&Arc<Certificates>>,
    ) -> Result<(Self, Option<WorkPermit>), StartError> {
        let Location::Sqlite(path) = &config.store.location else {
            return Ok((Self::build_beside(config, certificates).await?, None));
        };
        let permit = SqliteStore::permit(path)?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let store = SqliteStore::open(path, Arc::clone(&clock)).await?;
        store.end_leases(&permit).await?;
        let plant = Self::over(Arc::new(store), None, clock, config, certificates)?;
        Ok((plant, Some(permit)))
    }

    /// Opens the store and builds every adapter. Nothing outside this machine is asked yet.
    pub async fn build(config: &Config) -> Result<Self, StartError> {
        Self::build_beside(config, None).await
    }

    async fn build_beside(
        config: &Config,
        certificates: Option<&Arc<Certificates>>,
    ) -> Result<Self, StartError> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        match &config.store.location {
            Location::Sqlite(path) => {
                let store = SqliteStore::open(path, Arc::clone(&clock)).await?;
                Self::over(Arc::new(store), None, clock, config, certificates)
            }
            Location::Postgres(settings) => {
                let file = settings.password_file.as_deref();
                let password =
                    file.map(|file| read_text("store.password_file", file)).transpose()?;
                let password = password.map(|text| SecretText::new(text.trim().to_owned()));
                let store = PostgresStore::open(settings, password.as_ref()).await?;
                Self::over(Arc::new(store.clone()), Some(store), clock, config, certificates)
            }
        }
    }

    fn over(
        store: Arc<dyn Journal>,
        shared: Option<PostgresStore>,
        clock: Arc<dyn Clock>,
        config: &Config,
        certificates: Option<&Arc<Certificates>>,
    ) -> Result<Self, StartError> {
        let fingerprints = fingerprint_key(&config.store.fingerprint_key_file)?;
        let journal: Arc<dyn Journal> = with_failpoints(store);
        let vault = Arc::new(Vault::new(config.vault.clone(), Arc::clone(&clock))?);
        let secrets: Arc<dyn SecretStore> = vault.clone();
        let transport = Transport::new(CONSOLE_CONNECT).map_err(StartError::Transport)?;
        let accounts = config.consoles.iter().map(account).collect::<Result<Vec<_>, _>>()?;
        let console = Arc::new(HttpConsole::new(&transport, accounts, Arc::clone(&clock))?);
        let probe = SalesforceProbe::new(SALESFORCE, Arc::clone(&secrets));
        let probe = Arc::new(probe.map_err(StartError::Salesforce)?);
        let targets = Arc::new(Targets::new(config.targets.iter().cloned()));
        let wake = Arc::new(Notify::new());
        let logins = Arc::new(ConsoleLogins::new(
            Arc::clone(&secrets),
            Arc::clone(&clock),
            config
                .consoles
                .iter()
                .map(|c| (c.name.clone(), c.login.clone()))
                .collect::<BTreeMap<_, _>>(),
            config.rotation.console_login_age,
        ));
        let metrics = Arc::new(metrics(config, &vault, &logins, certificates));
        let meter: Arc<dyn Meter> = metrics.clone();
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
        let watch = Watch::new(
            watch::World {
                secrets: Arc::clone(&secrets),
                news: vault.clone(),
                intake: intake.clone(),
                journal: Arc::clone(&journal),
                targets: Arc::clone(&targets),
                clock: Arc::clone(&clock),
            },
            config.watch,
        );
        let world = Arc::new(World {
            journal,
            console,
            secrets,
            probe,
            logins,
            untold: Arc::default(),
            clock,
            meter,
            fingerprints,
            settings: config.rotation,
        });
        let retention = config.store.retention;
        Ok(Self {
            world,
            vault,
            targets,
            intake,
            operations,
            metrics,
            wake,
            watch,
            shared,
            retention,
        })
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

    /// Watches the targets' secrets in Vault, until it is dropped.
    pub async fn watch(&self) {
        self.watch.run().await;
    }

    /// What a worker needs besides working: keeps the Vault token fresh and the consoles' logins at
    /// hand, watches the secrets, hears of what other replicas wrote, forgets what is old. Until it
    /// is dropped.
    pub(in crate::startup) async fn keep_house(&self) {
        let wakes = async {
            if let Some(store) = &self.shared {
                store.forward_wakes(Arc::clone(&self.wake), Arc::clone(&self.world.clock)).await;
            }
        };
        let retention = retention::keep(&self.world, self.retention);
        let logins = self.world.logins.keep();
        tokio::join!(self.vault.keep_token_fresh(), logins, wakes, retention, self.watch());
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

/// The metrics of this process. What expires, and what is known, is asked at each scrape; a process
/// that drives nothing needs no console login.
fn metrics(
    config: &Config,
    vault: &Arc<Vault>,
    logins: &Arc<ConsoleLogins>,
    certificates: Option<&Arc<Certificates>>,
) -> Metrics {
    let token = Arc::clone(vault);
    let mut metrics = Metrics::new(config.sources.iter().map(|source| &source.name))
        .with_vault_token(Arc::new(move || token.token_status()?.expires_at));
    if config.store.roles.worker {
        let logins = Arc::clone(logins);
        metrics = metrics.with_console_logins(Arc::new(move || logins.known()));
    }
    let Some(certificates) = certificates.cloned() else { return metrics };
    metrics.with_certificate(Arc::new(move || Some(certificates.validity().not_after)))
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
