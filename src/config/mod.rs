//! One TOML file and the environment become a [`Config`], or every fault at once.

mod emails;
mod mutual_tls;
mod outbound_message;
mod overlay;
mod reader;
mod sections;
mod source;
mod store;
mod syntax;
mod urls;
mod warnings;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::Table;
use url::Url;

use crate::config::reader::{Faults, Reader};
use crate::domain::ids::{AccountName, OrganizationId, TargetName};
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
        organizations_of(source, &self.targets)
    }
}

fn organizations_of(source: &Source, targets: &[Target]) -> Vec<OrganizationId> {
    if let SourceFormat::OutboundMessage { organizations: Some(named), .. } = &source.format {
        return named.clone();
    }
    let is_own =
        |target: &&Target| source.targets.as_ref().is_none_or(|own| own.contains(&target.name));
    targets.iter().filter(is_own).map(|target| target.organization.clone()).collect()
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
    check_references(&consoles, &targets, &sources, faults);
    Some(Config {
        hooks: hooks?,
        operator: operator?,
        store: store?,
        vault: vault?,
        watch: watch?,
        rotation: rotation?,
        log: log?,
        consoles,
        targets,
        sources,
    })
}

/// What one section says of another must be there, and no login may belong to two targets.
fn check_references(consoles: &[Console], targets: &[Target], sources: &[Source], faults: &Faults) {
    let accounts: BTreeSet<&AccountName> = consoles.iter().map(|console| &console.name).collect();
    let mut logins: BTreeMap<(&str, &str), &TargetName> = BTreeMap::new();
    let mut secrets: BTreeMap<(&str, &str), &TargetName> = BTreeMap::new();
    for target in targets {
        let key = |key: &str| format!("targets.{}.{key}", target.name);
        if !accounts.contains(&target.account) {
            faults.add(&key("console"), format!("there is no [consoles.{}]", target.account));
        }
        let login = (target.organization.significant(), target.username.as_str());
        if let Some(other) = logins.insert(login, &target.name) {
            faults.add(&key("username"), format!("the same login is the target {other} already"));
            continue;
        }
        // News of a secret is news of one login.
        let secret = (target.secret.mount.trim_matches('/'), target.secret.path.trim_matches('/'));
        if let Some(other) = secrets.insert(secret, &target.name) {
            faults.add(&key("secret"), format!("the same secret is the target {other}'s already"));
        }
    }
    for source in sources {
        let is_message = matches!(source.format, SourceFormat::OutboundMessage { .. });
        if is_message && organizations_of(source, targets).is_empty() {
            let key = format!("sources.{}.organization_ids", source.name);
            faults
                .add(&key, "is missing, and there is no target whose organisation could be meant");
        }
        for name in source.targets.iter().flatten() {
            if !targets.iter().any(|target| target.name == *name) {
                let key = format!("sources.{}.targets", source.name);
                faults.add(&key, format!("there is no [targets.{name}]"));
            }
        }
    }
}

#[cfg(test)]
mod tests;
