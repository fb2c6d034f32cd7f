//! One agency's world: a simulated CommuniGator and Salesforce, a mount of the shared OpenBao
//! server, and the files of an installation of reset-receiver that looks after them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reset_receiver::clock::SystemClock;
use reset_receiver::ports::clock::Clock;
use reset_receiver::ports::journal::Journal;
use reset_receiver::store::SqliteStore;
use serde_json::json;
use simulator::{
    Caller, ConsoleUser, Credential, Lockout, LoginRecord, SalesforceUser, Simulator, Skin, State,
    World as SimulatedWorld,
};
use tempfile::TempDir;

use crate::support::openbao::OpenBao;
use crate::support::postgres::Database;

/// The Salesforce login that everything is about.
pub(crate) const USERNAME: &str = "gator.sync@acme.example";
/// Whom the surfaces log in as that are not the target's.
const SOMEBODY_ELSE: &str = "somebody.else@acme.example";
/// The console's own login.
pub(crate) const CONSOLE_USER: &str = "robot@acme.example";
/// Its password.
pub(crate) const CONSOLE_PASSWORD: &str = "console-CANARY-password";

/// A connector: its instance, its name, and whether it is enabled at first.
pub(crate) type Connector = (&'static str, &'static str, bool);

pub(crate) const CONNECTORS: &[Connector] = &[
    ("Acme UK", "Salesforce Sync", true),
    ("Acme UK", "Old Leads", false),
    ("Acme US", "Salesforce Sync", true),
];

/// The connectors of a town where everything is in one of the instances.
const SMALLEST: &[Connector] =
    &[("Acme UK", "Salesforce Sync", true), ("Acme UK", "Old Leads", false)];

/// The same with another enabled one.
const COMPACT: &[Connector] = &[
    ("Acme UK", "Salesforce Sync", true),
    ("Acme UK", "Old Leads", false),
    ("Acme UK", "Contacts", true),
];

/// The instances that the console lists.
pub(crate) const INSTANCES: &[&str] = &["Acme UK", "Acme US"];

/// What the target covers, and how often its connectors sync.
#[derive(Clone, Copy)]
struct Layout {
    connectors: &'static [Connector],
    integrations: &'static [&'static str],
    period: Duration,
}

/// Everything, in both instances.
const FULL: Layout = Layout { connectors: CONNECTORS, integrations: INSTANCES, period: RARELY };

/// How often connectors sync unless a town says otherwise: longer than any test takes, so that one
/// tick of the simulated clock by as much lets every enabled connector log in once, and nobody else.
pub(crate) const RARELY: Duration = Duration::from_hours(1);

/// A world to rotate in.
pub(crate) struct Town {
    pub(crate) simulator: Simulator,
    pub(crate) openbao: &'static OpenBao,
    /// The target's connectors: instance, name, and whether it is enabled at first.
    pub(crate) connectors: &'static [Connector],
    /// The instances whose Integration is the target's.
    pub(crate) integrations: &'static [&'static str],
    /// The mount of this town's secrets.
    pub(crate) mount: String,
    directory: TempDir,
    /// Where the journal is, if not in a file of the installation.
    database: Option<Database>,
}

impl Town {
    /// Two instances with three connectors, one of which is disabled, and a lock-out after three
    /// failed logins; nothing in Vault but the console's login.
    pub(crate) async fn new(skin: Skin) -> Self {
        Self::with(skin, |world| world).await
    }

    /// The same, changed.
    pub(crate) async fn with(
        skin: Skin,
        change: impl FnOnce(SimulatedWorld) -> SimulatedWorld,
    ) -> Self {
        Self::laid_out(OpenBao::shared(), skin, FULL, change).await
    }

    /// The same in real time, with connectors that sync this often.
    ///
    /// Integration has no off switch, so that whatever it does until it is updated is not the
    /// receiver's to prevent; it does not sync here.
    pub(crate) async fn syncing(skin: Skin, period: Duration) -> Self {
        let layout = Layout { period, ..FULL };
        Self::laid_out(OpenBao::shared(), skin, layout, SimulatedWorld::real_time).await
    }

    /// The same as [`Town::new`] with one connector of each state and the only Integration in the
    /// first instance: the shortest walk.
    pub(crate) async fn smallest(skin: Skin) -> Self {
        let layout = Layout { connectors: SMALLEST, integrations: &INSTANCES[..1], ..FULL };
        Self::laid_out(OpenBao::shared(), skin, layout, |world| world).await
    }

    /// The same with another enabled connector.
    pub(crate) async fn compact(skin: Skin) -> Self {
        let layout = Layout { connectors: COMPACT, integrations: &INSTANCES[..1], ..FULL };
        Self::laid_out(OpenBao::shared(), skin, layout, |world| world).await
    }

    /// The same as [`Town::new`] with a Vault of its own, which may be sealed; it ends with the
    /// tests.
    pub(crate) async fn with_own_vault(skin: Skin) -> Self {
        let openbao = Box::leak(Box::new(OpenBao::start()));
        Self::laid_out(openbao, skin, FULL, |world| world).await
    }

    async fn laid_out(
        openbao: &'static OpenBao,
        skin: Skin,
        layout: Layout,
        change: impl FnOnce(SimulatedWorld) -> SimulatedWorld,
    ) -> Self {
        let Layout { connectors, integrations, period } = layout;
        let mut world = SimulatedWorld::new()
            .skin(skin)
            .lockout(Lockout::After(3))
            .console_user(ConsoleUser::new(CONSOLE_USER, CONSOLE_PASSWORD))
            .salesforce_user(
                SalesforceUser::new(USERNAME, "first-CANARY-password").token("first-CANARY-token"),
            )
            .salesforce_user(SalesforceUser::new(SOMEBODY_ELSE, "another-password"));
        for name in INSTANCES {
            world = world.instance(*name, |mut instance| {
                if !integrations.contains(name) {
                    instance = instance.integration_logs_in_as(SOMEBODY_ELSE);
                }
                for (_, connector, enabled) in connectors.iter().filter(|(at, ..)| at == name) {
                    instance = instance.connector_with(*connector, |connector| {
                        let connector = connector.every(period);
                        if *enabled { connector } else { connector.disabled() }
                    });
                }
                instance
            });
        }
        let simulator = Simulator::start(change(world)).unwrap();
        let mount = format!("town-{}", SystemClock.rotation_id());
        openbao.mount(&mount).await;
        let login = json!({"username": CONSOLE_USER, "password": CONSOLE_PASSWORD});
        openbao.write_secret(&mount, "console", &login).await;
        let directory = tempfile::tempdir().unwrap();
        let database = None;
        let town =
            Self { simulator, openbao, connectors, integrations, mount, directory, database };
        town.write_files();
        town
    }

    /// The directory of the installation.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// A file of the installation.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.directory().join(name)
    }

    /// Writes the Salesforce secret into Vault; returns its version.
    pub(crate) async fn write_secret(&self, credential: &Credential) -> u64 {
        let fields = json!({"password": credential.password, "security_token": credential.token});
        self.openbao.write_secret(&self.mount, "salesforce", &fields).await
    }

    /// What Salesforce takes now.
    pub(crate) fn credential(&self) -> Credential {
        self.simulator.salesforce().credential(USERNAME).unwrap()
    }

    /// Whether each connector is enabled.
    pub(crate) fn states(&self) -> Vec<bool> {
        let state = |(instance, name, _): &(&str, &str, bool)| {
            self.simulator.connector(instance, name).unwrap().state == State::Enabled
        };
        self.connectors.iter().map(state).collect()
    }

    /// Whether each connector was enabled at first.
    pub(crate) fn at_first(&self) -> Vec<bool> {
        self.connectors.iter().map(|(.., enabled)| *enabled).collect()
    }

    /// What every surface holds: the connectors' credentials, then the Integrations'.
    pub(crate) fn held(&self) -> Vec<Credential> {
        let connectors = self
            .connectors
            .iter()
            .map(|(instance, name, _)| self.simulator.connector(instance, name).unwrap().holds);
        let integrations =
            self.integrations.iter().map(|name| self.simulator.integration(name).unwrap().holds);
        connectors.chain(integrations).collect()
    }

    /// Every field of every surface that is no part of the credential.
    pub(crate) fn other_fields(&self) -> Vec<BTreeMap<String, String>> {
        let connectors = self.connectors.iter().map(|(instance, name, _)| {
            self.simulator.connector(instance, name).unwrap().other_fields
        });
        let integrations = self
            .integrations
            .iter()
            .map(|name| self.simulator.integration(name).unwrap().other_fields);
        connectors.chain(integrations).collect()
    }

    /// The failed logins of connectors at Salesforce.
    pub(crate) fn failed_connector_logins(&self) -> Vec<LoginRecord> {
        let is_connector = |login: &LoginRecord| matches!(login.caller, Caller::Connector { .. });
        let mut history = self.simulator.login_history();
        history.retain(|login| is_connector(login) && !login.outcome.is_usable());
        history
    }

    /// The key that signs deliveries of the source `flow`.
    pub(crate) fn signing_key() -> String {
        format!("whsec_{}", STANDARD.encode(b"0123456789abcdef0123456789abcdef"))
    }

    /// The operator's token.
    pub(crate) fn operator_token() -> &'static str {
        "operator-token-of-32-characters-."
    }

    /// The configuration file's text: real addresses, short waits.
    pub(crate) fn config(&self) -> String {
        let file = |name: &str| self.file(name).display().to_string();
        let instances: String = INSTANCES.iter().map(|name| self.instance(name)).collect();
        format!(
            r#"
[hooks]
listen = "127.0.0.1:0"
certificate_file = "{certificate}"
private_key_file = "{private_key}"
[operator]
listen = "127.0.0.1:0"
[[operator.tokens]]
name = "on-call"
role = "operator"
token_file = "{operator_token}"
[store]
url = "{database}"
fingerprint_key_file = "{fingerprint_key}"
[vault]
address = "{vault}"
watch_interval = "1h"
[vault.auth]
method = "token"
token_file = "{vault_token}"
[rotation]
lease = "10s"
retry_first = "20ms"
retry_cap = "200ms"
contain_retry_first = "10ms"
contain_retry_cap = "50ms"
secret_poll_first = "50ms"
secret_poll_cap = "100ms"
confirm_poll_first = "50ms"
confirm_poll_cap = "100ms"
confirm_watch = "0s"
[consoles.acme]
base_url = "{console}"
login = {{ mount = "{mount}", path = "console" }}
[targets.acme]
organization_id = "{organization}"
username = "{USERNAME}"
console = "acme"
secret = {{ mount = "{mount}", path = "salesforce" }}
{instances}
[sources.flow]
format = "notice"
rate_per_minute = 1000000
[[sources.flow.authentication]]
scheme = "standard-webhooks"
key_files = ["{signing_key}"]
"#,
            certificate = file("tls.crt"),
            private_key = file("tls.key"),
            operator_token = file("operator-token"),
            database = self.store_url(),
            fingerprint_key = file("fingerprint-key"),
            vault = self.openbao.address(),
            vault_token = file("vault-token"),
            console = self.simulator.console_url(),
            mount = self.mount,
            organization = self.simulator.salesforce().organization_id(),
            signing_key = file("signing-key"),
        )
    }

    /// The same installation with its journal in this database.
    pub(crate) fn keeping_its_journal_in(mut self, database: Database) -> Self {
        self.database = Some(database);
        self.write_files();
        self
    }

    fn store_url(&self) -> String {
        match &self.database {
            Some(database) => database.url(),
            None => format!("sqlite:{}", self.file("journal.db").display()),
        }
    }

    /// The journal, behind the program's back.
    pub(crate) async fn journal(&self) -> Arc<dyn Journal> {
        if let Some(database) = &self.database {
            return Arc::new(database.open().await);
        }
        let path = self.file("journal.db");
        Arc::new(SqliteStore::open(&path, Arc::new(SystemClock)).await.unwrap())
    }

    /// The same in the time of a clock, which judges its leases as well.
    pub(crate) async fn journal_by(&self, clock: Arc<dyn Clock>) -> Arc<dyn Journal> {
        if let Some(database) = &self.database {
            return Arc::new(database.open().await.judged_by(clock));
        }
        Arc::new(SqliteStore::open(&self.file("journal.db"), clock).await.unwrap())
    }

    fn instance(&self, name: &str) -> String {
        let connectors: Vec<&str> = self
            .connectors
            .iter()
            .filter(|(at, ..)| *at == name)
            .map(|(_, name, _)| *name)
            .collect();
        let integration = self.integrations.contains(&name);
        if connectors.is_empty() && !integration {
            return String::new();
        }
        format!(
            "[[targets.acme.instances]]\nname = \"{name}\"\nconnectors = {connectors:?}\n\
             integration = {integration}\n"
        )
    }

    fn write_files(&self) {
        let certificate = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let write = |name: &str, text: &str| std::fs::write(self.file(name), text).unwrap();
        write("tls.crt", &certificate.cert.pem());
        write("tls.key", &certificate.signing_key.serialize_pem());
        write("operator-token", Self::operator_token());
        write("fingerprint-key", "fingerprint-key-of-at-least-32-bytes");
        write("vault-token", self.openbao.root_token());
        write("signing-key", &Self::signing_key());
        write("config.toml", &self.config());
    }
}
