//! One TOML file and the environment become a [`Config`], or every fault at once.

mod emails;
mod mutual_tls;
mod outbound_message;
mod overlay;
mod reader;
mod references;
mod sections;
mod source;
mod spans;
mod store;
mod syntax;
mod urls;
mod warnings;

use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::Table;
use url::Url;

use crate::config::reader::{Faults, Reader};
use crate::domain::ids::{AccountName, OrganizationId};
use crate::domain::target::Target;
use crate::engine::console_login::LoginLocation;

pub use crate::config::emails::EmailSection;
pub use crate::config::mutual_tls::CertificateTrust;
pub use crate::config::reader::Fault;
pub use crate::config::sections::{HooksSection, OperatorSection, OperatorToken};
pub use crate::config::source::{AuthenticationFiles, Source, SourceFormat};
pub use crate::config::store::{Roles, StoreSection};
pub use crate::config::syntax::SyntaxError;
pub use crate::config::warnings::{Warning, Weakness};

/// The commented default file, as it is shipped.
pub const DEFAULT: &str = include_str!("default.toml");

/// Everything that is configured. Files are named, not read.
#[derive(Debug, Clone)]
pub struct Config {
    /// The public listener.
    pub hooks: HooksSection,
    /// The private listener.
    pub operator: OperatorSection,
    /// The durable memory.
    pub store: StoreSection,
    /// Vault.
    pub vault: crate::vault::Settings,
    /// How the secrets in Vault are watched.
    pub watch: crate::engine::watch::Settings,
    /// How patient the engine is.
    pub rotation: crate::engine::settings::Settings,
    /// What is logged, and how.
    pub log: crate::telemetry::Settings,
    /// The console accounts.
    pub consoles: Vec<Console>,
    /// The targets.
    pub targets: Vec<Target>,
    /// The sources.
    pub sources: Vec<Source>,
}

/// A console account.
#[derive(Debug, Clone)]
pub struct Console {
    /// Its name.
    pub name: AccountName,
    /// Where its pages begin.
    pub base_url: Url,
    /// Further origins that belong to the tenant, a sign-on host for instance.
    pub other_origins: Vec<Url>,
    /// Where its login lives in Vault.
    pub login: LoginLocation,
    /// The file that overrides the built-in profile.
    pub profile_file: Option<PathBuf>,
    /// How long a request may take.
    pub timeout: Duration,
}

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("the configuration file {path} cannot be read")]
    File {
        /// Its path.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file is not TOML.
    #[error("the configuration file is not TOML")]
    Syntax(#[source] SyntaxError),
    /// Keys are wrong.
    #[error("the configuration has {} fault(s)", .0.len())]
    Faults(Vec<Fault>),
}

impl Config {
    /// Reads the file, lays it over the default and the environment over both.
    pub fn load(
        path: &Path,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::File { path: path.to_owned(), source })?;
        Self::parse(&text, environment)
    }

    /// The same from a text.
    pub fn parse(
        text: &str,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let table_of = |text: &str| {
            let table = text.parse::<Table>();
            table.map_err(|error| ConfigError::Syntax(SyntaxError::new(text, &error)))
        };
        let mut table = table_of(DEFAULT)?;
        overlay::lay(&mut table, table_of(text)?);
        overlay::lay(&mut table, overlay::from_environment(environment));
        let faults = Faults::default();
        let config = read(&table, &faults);
        let faults = faults.take();
        match config {
            Some(config) if faults.is_empty() => Ok(config),
            _ => Err(ConfigError::Faults(faults)),
        }
    }
}

impl Config {
    /// The organisations that a source may speak for: those that it names, or else those of its
    /// targets.
    pub fn organizations(&self, source: &Source) -> Vec<OrganizationId> {
        references::organizations(source, &self.targets)
    }
}

/// Reads every section before it gives up on any, so that all faults are named.
fn read(table: &Table, faults: &Faults) -> Option<Config> {
    let mut root = Reader::root(table, faults);
    let hooks = root.table("hooks", sections::hooks);
    let operator = root.table("operator", sections::operator);
    let store = root.table("store", store::store);
    let (vault, watch) =
        root.table("vault", |section| (sections::vault(section), sections::watch(section)));
    let rotation = root.table("rotation", sections::rotation);
    let log = root.table("log", sections::log);
    let consoles = root.named("consoles", sections::console);
    let targets = root.named("targets", sections::target);
    let sources = root.named("sources", source::source);
    drop(root);
    references::check(&consoles, &targets, &sources.values, faults);
    if let (Some(hooks), Some(operator), Some(store)) = (&hooks, &operator, &store) {
        // A replica without this role has no public listener.
        if store.roles.api {
            references::check_listeners(hooks, operator, faults);
        }
    }
    Some(Config {
        hooks: hooks?,
        operator: operator?,
        store: store?,
        vault: vault?,
        watch: watch?,
        rotation: rotation?,
        log: log?,
        consoles: consoles.values,
        targets: targets.values,
        sources: sources.values,
    })
}

#[cfg(test)]
mod tests;
