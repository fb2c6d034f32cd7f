//! The composition root: a [`Config`] becomes an [`App`] that is bound to its addresses and can
//! be run.

mod files;
mod mailboxes;
mod plant;
mod reload;
mod sources;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::communigator::{AccountError, ProfileError};
use crate::config::{Config, Roles};
use crate::domain::secret::FingerprintKey;
use crate::hooks::limits::Limits;
use crate::hooks::tls::TlsError;
use crate::hooks::{self, BoundHooks, Hooks};
use crate::operator::messages::Messages;
use crate::operator::readiness::{Latch, Readiness};
use crate::operator::{self, BoundOperator, Operator, Parts};
use crate::senders::client_certificate::UnreadableCertificate;
use crate::senders::keys::InvalidKey;
use crate::startup::reload::{Exchanged, Listening, Reloader};
use crate::store::{OpenError, WorkPermit};
use crate::vault::VaultSetupError;

pub use crate::startup::mailboxes::InvalidMailFile;
pub use crate::startup::plant::Plant;
pub use crate::startup::reload::Origin;

/// How far a sender's clock may be off, in both directions.
const WINDOW: Duration = Duration::from_mins(5);

/// How long the end may take once it is asked for: less than the 30 seconds that Kubernetes gives.
pub const DRAIN: Duration = Duration::from_secs(25);

/// How long requests under way may take to end; the rest of [`DRAIN`] is the worker's.
const DRAIN_REQUESTS: Duration = Duration::from_secs(10);

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
    /// The client for the consoles cannot be built.
    #[error("consoles: the HTTP client cannot be built; are CA certificates installed?")]
    Transport(#[source] reqwest::Error),
    /// The client for Salesforce cannot be built.
    #[error(
        "targets: the HTTP client for Salesforce cannot be built; are CA certificates installed?"
    )]
    Salesforce(#[source] reqwest::Error),
    /// A console account cannot be used.
    #[error("consoles: an account cannot be used")]
    Console(#[from] AccountError),
    /// The private listener cannot be opened.
    #[error("operator: the listener cannot be opened")]
    Operator(#[from] operator::BindError),
    /// The public listener's certificate cannot be used.
    #[error("hooks: the certificate cannot be used")]
    Tls(#[from] TlsError),
    /// The public listener cannot be opened.
    #[error("hooks: the listener cannot be opened")]
    Hooks(#[from] hooks::BindError),
    /// A certificate of a source cannot be used.
    #[error("{key}: the file {path} holds no usable certificate")]
    Certificate {
        /// The configuration's key that names the file.
        key: String,
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: UnreadableCertificate,
    },
    /// A file of a source of mails cannot be used.
    #[error("{key}: the file {path} cannot be used")]
    MailFile {
        /// The configuration's key that names the file.
        key: String,
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: InvalidMailFile,
    },
    /// A key or token of a source cannot be used.
    #[error("{key}: the file {path} holds no usable key")]
    Key {
        /// The configuration's key that names the file.
        key: String,
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: InvalidKey,
    },
}

/// The program ended by itself.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The public listener ended.
    #[error("the public listener ended")]
    Hooks(#[source] std::io::Error),
    /// The private listener ended.
    #[error("the private listener ended")]
    Operator(#[source] std::io::Error),
}

/// The whole program, bound to its addresses.
pub struct App {
    plant: Plant,
    roles: Roles,
    hooks: Option<BoundHooks>,
    operator: BoundOperator,
    exchanged: Exchanged,
    config: Config,
    origin: Option<Origin>,
    started: Latch,
    permit: Option<WorkPermit>,
}

impl App {
    /// Puts everything together. Nothing answers and nothing is driven before [`App::run`].
    pub async fn build(config: &Config) -> Result<Self, StartError> {
        let roles = config.store.roles;
        let listening = if roles.api { Some(Listening::load(config)?) } else { None };
        let certificates = listening.as_ref().map(|listening| &listening.certificates);
        let (plant, permit) = Plant::build_to_work(config, certificates).await?;
        let messages = Arc::new(Messages::new(sources::outbound_objects(config)));
        let exchanged = Exchanged { messages, listening };
        let hooks = exchanged.listening.as_ref();
        if let Some(Listening { certificates, .. }) = hooks {
            certificates.validity().standing(plant.world.clock.now()).warn();
        }
        let hooks = hooks.map(|listening| bind_hooks(config, &plant, listening)).transpose()?;
        let mut readiness = Readiness::default();
        let started = readiness.latch("start");
        let tokens = config.operator.tokens.iter().map(files::access_token);
        let settings = operator::Settings {
            address: config.operator.listen,
            tokens: tokens.collect::<Result<Vec<_>, _>>()?,
        };
        let operator = Operator::bind(
            settings,
            Parts {
                journal: Arc::clone(&plant.world.journal),
                operations: plant.operations.clone(),
                targets: Arc::clone(&plant.targets),
                messages: Arc::clone(&exchanged.messages),
                metrics: Arc::clone(&plant.metrics),
                readiness,
                clock: Arc::clone(&plant.world.clock),
            },
        )?;
        let config = config.clone();
        let origin = None;
        Ok(Self { plant, roles, hooks, operator, exchanged, config, origin, started, permit })
    }

    /// Reads sources, keys and certificate again from where the configuration came from, when a
    /// file has changed and on SIGHUP.
    #[must_use]
    pub fn reloading(self, origin: Origin) -> Self {
        Self { origin: Some(origin), ..self }
    }

    /// Where the public listener is; `None` for a replica that has none.
    pub fn hooks_address(&self) -> Option<SocketAddr> {
        self.hooks.as_ref().map(|hooks| hooks.address)
    }

    /// Where the private listener is.
    pub fn operator_address(&self) -> SocketAddr {
        self.operator.address()
    }

    /// Receives and rotates until `stop` is cancelled: first no more is taken in, then what is
    /// under way comes to the end of its turn.
    pub async fn run(self, stop: CancellationToken) -> Result<(), RunError> {
        let (hooks_at, operator_at) = (self.hooks_address(), self.operator_address());
        let Self { plant, roles, hooks, operator, exchanged, config, origin, started, permit } =
            self;
        let worker = plant.worker(&format!("pid-{}", std::process::id()));
        let hooks_stop = stop.clone().cancelled_owned();
        let listen = async {
            if let Some(hooks) = hooks {
                return hooks.run(hooks_stop).await.map_err(RunError::Hooks);
            }
            hooks_stop.await;
            Ok(())
        };
        let listeners = async {
            tokio::try_join!(listen, async {
                operator.run(stop.clone()).await.map_err(RunError::Operator)
            })
        };
        let drive = async {
            if roles.worker {
                worker.run(stop.clone()).await;
            }
        };
        let work = async { tokio::join!(drive, listeners).1 };
        let clock = Arc::clone(&plant.world.clock);
        let reload = async {
            match origin {
                Some(origin) => Reloader { origin, exchanged, clock }.run(&config).await,
                None => std::future::pending().await,
            }
        };
        started.open();
        let hooks = hooks_at.map(tracing::field::display);
        tracing::info!(hooks, operator = %operator_at, "ready");
        let ended = tokio::select! {
            ended = work => ended.map(|_| ()),
            () = plant.keep_house(), if roles.worker => Ok(()),
            () = reload => Ok(()),
        };
        drop(permit);
        ended
    }
}

fn bind_hooks(
    config: &Config,
    plant: &Plant,
    listening: &Listening,
) -> Result<BoundHooks, hooks::BindError> {
    let hooks = Hooks {
        intake: plant.intake.clone(),
        sources: Arc::clone(&listening.sources),
        certificates: Arc::clone(&listening.certificates),
        mails: plant.mails(),
        meter: plant.metrics.clone(),
        clock: Arc::clone(&plant.world.clock),
    };
    hooks.bind(hooks::Settings {
        address: config.hooks.listen,
        workers: None,
        limits: limits(config),
        drain: DRAIN_REQUESTS,
    })
}

fn limits(config: &Config) -> Limits {
    let section = &config.hooks;
    Limits {
        header_deadline: section.header_deadline,
        body_deadline: section.body_deadline,
        idle: section.idle_deadline,
        connections: section.connections_max,
        connections_per_address: section.connections_max_per_address,
        ..Limits::default()
    }
}
