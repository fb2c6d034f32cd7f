//! Many targets in one simulated console, each with an instance and a console account of its own,
//! and an installation of several replicas that looks after them.

mod ailments;

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;
use simulator::{
    ConsoleUser, Fault, Lockout, Match, SalesforceUser, Simulator, Skin, Times, World,
};
use tempfile::TempDir;

use crate::support::openbao::OpenBao;
use crate::support::postgres::Database;
use crate::support::receiver::Receiver;
use crate::support::town::Town;

/// How long a lease lasts here.
pub(crate) const LEASE: Duration = Duration::from_secs(3);
/// The only connector of each instance.
const CONNECTOR: &str = "Salesforce Sync";
/// A period longer than any test.
const RARELY: Duration = Duration::from_hours(1);

/// What distinguishes one city from another.
#[derive(Clone, Copy)]
struct Ways {
    /// How long the console takes for an answer.
    delay: Duration,
    /// How often a replica looks by itself whether Vault holds new secrets. What it finds it tells
    /// as an event of its own.
    watch_interval: Duration,
    /// Whether every other target proves its secrets at Salesforce.
    proves: bool,
}

/// Quick, and nothing happens that nobody told of.
const PLAIN: Ways = Ways { delay: Duration::from_millis(2), watch_interval: RARELY, proves: false };

/// A world with many targets.
pub(crate) struct City {
    pub(crate) targets: usize,
    ways: Ways,
    simulator: Simulator,
    openbao: &'static OpenBao,
    mount: String,
    directory: TempDir,
    database: Database,
}

impl City {
    pub(crate) async fn new(targets: usize, database: Database) -> Self {
        Self::with(PLAIN, targets, database).await
    }

    /// The same with a console that takes its time.
    pub(crate) async fn slow(targets: usize, database: Database) -> Self {
        let ways = Ways { delay: Duration::from_millis(100), ..PLAIN };
        Self::with(ways, targets, database).await
    }

    /// A city with everything going on at once: every other target proves its secrets, and the
    /// replicas keep looking into Vault themselves.
    pub(super) async fn busy(targets: usize, database: Database) -> Self {
        let ways = Ways { watch_interval: Duration::from_secs(5), proves: true, ..PLAIN };
        let city = Self::with(ways, targets, database).await;
        // So slow that now and then a replica dies over it.
        let slow = Fault::Delay(Duration::from_millis(300));
        city.simulator.fault(Match::request("POST soap-login"), slow, Times::Always);
        city
    }

    async fn with(ways: Ways, targets: usize, database: Database) -> Self {
        let mut world = World::new().skin(Skin::Plain).lockout(Lockout::After(3)).delay(ways.delay);
        for number in 0..targets {
            let (username, instance) = (Self::username(number), Self::instance(number));
            world = world
                .salesforce_user(
                    SalesforceUser::new(&username, "first-CANARY").token("first-CANARY-token"),
                )
                .console_user(
                    ConsoleUser::new(Self::robot(number), "console-CANARY").only([&instance]),
                )
                .instance(&instance, |instance| {
                    instance
                        .connector_with(CONNECTOR, |it| it.every(RARELY).logs_in_as(&username))
                        .integration_every(RARELY)
                        .integration_logs_in_as(&username)
                });
        }
        let simulator = Simulator::start(world).unwrap();
        let openbao = OpenBao::shared();
        let mount = format!("city-{}", uuid::Uuid::now_v7().simple());
        openbao.mount(&mount).await;
        let directory = tempfile::tempdir().unwrap();
        let city = Self { targets, ways, simulator, openbao, mount, directory, database };
        join_all((0..targets).map(async |number| {
            let login = json!({"username": Self::robot(number), "password": "console-CANARY"});
            city.openbao.write_secret(&city.mount, &format!("console-{number}"), &login).await
        }))
        .await;
        city.write_files();
        city
    }

    pub(crate) fn username(number: usize) -> String {
        format!("sync-{number}@acme.example")
    }

    /// The name under which a target is configured.
    pub(super) fn target(number: usize) -> String {
        format!("target-{number}")
    }

    fn proves(&self, number: usize) -> bool {
        self.ways.proves && number.is_multiple_of(2)
    }

    fn robot(number: usize) -> String {
        format!("robot-{number}@acme.example")
    }

    fn instance(number: usize) -> String {
        format!("Instance {number}")
    }

    pub(crate) fn organization(&self) -> &'static str {
        self.simulator.salesforce().organization_id()
    }

    /// Resets a password and puts the new secret into Vault, as this version.
    pub(crate) async fn reset(&self, target: usize, password: &str) -> u64 {
        self.reset_alone(target, password);
        self.write_secret(target).await
    }

    /// Whether the last login of a target's user was refused.
    pub(super) fn was_refused(&self, target: usize) -> bool {
        self.simulator.salesforce().user(&Self::username(target)).unwrap().failures > 0
    }

    /// Resets a password, of which Vault does not hear yet.
    pub(crate) fn reset_alone(&self, target: usize, password: &str) {
        self.simulator.salesforce().reset_password(&Self::username(target), password).unwrap();
    }

    /// Puts what Salesforce takes now into Vault, as this version.
    pub(crate) async fn write_secret(&self, target: usize) -> u64 {
        let new = self.simulator.salesforce().credential(&Self::username(target)).unwrap();
        let fields = json!({"password": new.password, "security_token": new.token});
        let path = format!("salesforce-{target}");
        self.openbao.write_secret(&self.mount, &path, &fields).await
    }

    /// The id of the event by which a replica tells that it found this version in Vault.
    pub(super) fn found_in_vault(&self, target: usize, version: u64) -> String {
        format!("vault:{}/salesforce-{target}:{version}", self.mount)
    }

    /// How many requests the console has had.
    pub(crate) fn walked(&self) -> usize {
        self.simulator.console_log().len()
    }

    /// Whether anybody has claimed a console account and not given it free.
    pub(super) async fn is_driven(&self) -> bool {
        self.counts("SELECT count(*) FROM lease WHERE expires_at_ms IS NOT NULL").await > 0
    }

    /// How many entries of the journals contain this.
    pub(super) async fn entries(&self, part: &str) -> i64 {
        self.counts(&format!("SELECT count(*) FROM entry WHERE entry LIKE '%{part}%'")).await
    }

    async fn counts(&self, query: &str) -> i64 {
        let mut connection = self.database.connect().await;
        let query = sqlx::query_scalar(sqlx::AssertSqlSafe(query.to_owned()));
        query.fetch_one(&mut connection).await.unwrap()
    }

    /// The names and sessions of the requests that the console has had since.
    pub(super) fn log_since(&self, walked: usize) -> Vec<(String, Option<u32>)> {
        let log = self.simulator.console_log();
        log[walked..].iter().map(|request| (request.name.clone(), request.session)).collect()
    }

    /// Starts one more replica, which does everything.
    pub(crate) fn start_replica(&self) -> Receiver {
        self.start_replica_as("[\"api\", \"worker\"]")
    }

    /// Starts one more replica, which hears of resets from these senders besides.
    pub(crate) fn start_replica_with(&self, sources: &str) -> Receiver {
        self.start_configured("with", &(self.config("[\"api\", \"worker\"]") + sources))
    }

    /// Starts one more replica with these roles.
    pub(crate) fn start_replica_as(&self, roles: &str) -> Receiver {
        let name: String = roles.chars().filter(char::is_ascii_alphabetic).collect();
        let mut config = self.config(roles);
        if !roles.contains("api") {
            // Whoever does not listen to senders is not given their keys.
            for name in ["tls.crt", "tls.key", "signing-key"] {
                config = config.replace(name, &format!("absent-{name}"));
            }
        }
        self.start_configured(&name, &config)
    }

    fn start_configured(&self, name: &str, config: &str) -> Receiver {
        started(&self.configured(name, config))
    }

    fn configured(&self, name: &str, config: &str) -> PathBuf {
        let path = self.file(&format!("config-{name}.toml"));
        std::fs::write(&path, config).unwrap();
        path
    }

    /// The configuration of replicas that do everything, to be [started].
    pub(super) fn configuration(&self) -> PathBuf {
        self.configured("all", &self.config("[\"api\", \"worker\"]"))
    }

    /// A file of the installation.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn write_files(&self) {
        let certificate = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let write = |name: &str, text: &str| std::fs::write(self.file(name), text).unwrap();
        write("tls.crt", &certificate.cert.pem());
        write("tls.key", &certificate.signing_key.serialize_pem());
        write("operator-token", Town::operator_token());
        write("fingerprint-key", "fingerprint-key-of-at-least-32-bytes");
        write("vault-token", self.openbao.root_token());
        write("signing-key", &Town::signing_key());
    }

    fn config(&self, roles: &str) -> String {
        let file = |name: &str| self.file(name).display().to_string();
        let mut text = format!(
            r#"
[hooks]
listen = "127.0.0.1:0"
certificate_file = "{certificate}"
private_key_file = "{private_key}"
connections_max_per_address = 1024
[operator]
listen = "127.0.0.1:0"
[[operator.tokens]]
name = "on-call"
role = "operator"
token_file = "{operator_token}"
[store]
url = "{database}"
roles = {roles}
fingerprint_key_file = "{fingerprint_key}"
[vault]
address = "{vault}"
watch_interval = "{watch_interval}s"
[vault.auth]
method = "token"
token_file = "{vault_token}"
[rotation]
lease = "{lease}s"
retry_first = "20ms"
retry_cap = "200ms"
contain_retry_first = "10ms"
contain_retry_cap = "50ms"
confirm_watch = "0s"
secret_poll_first = "50ms"
secret_poll_cap = "100ms"
confirm_poll_first = "50ms"
confirm_poll_cap = "100ms"
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
            database = self.database.url(),
            fingerprint_key = file("fingerprint-key"),
            vault = self.openbao.address(),
            watch_interval = self.ways.watch_interval.as_secs(),
            vault_token = file("vault-token"),
            lease = LEASE.as_secs(),
            signing_key = file("signing-key"),
        );
        for number in 0..self.targets {
            let proof = if self.proves(number) {
                format!("prove = \"soap-login\"\nlogin_url = \"{}\"", self.simulator.login_url())
            } else {
                "prove = \"none\"".to_owned()
            };
            write!(
                text,
                r#"
[consoles.account-{number}]
base_url = "{console}"
login = {{ mount = "{mount}", path = "console-{number}" }}
[targets.{target}]
organization_id = "{organization}"
username = "{username}"
console = "account-{number}"
secret = {{ mount = "{mount}", path = "salesforce-{number}" }}
{proof}
[[targets.{target}.instances]]
name = "{instance}"
connectors = ["{CONNECTOR}"]
integration = true
"#,
                console = self.simulator.console_url(),
                mount = self.mount,
                target = Self::target(number),
                organization = self.organization(),
                username = Self::username(number),
                instance = Self::instance(number),
            )
            .unwrap();
        }
        text
    }
}

/// Starts a replica, and waits until it is ready.
pub(super) fn started(configuration: &Path) -> Receiver {
    let replica = Receiver::start_with(configuration, None);
    assert!(replica.operator.is_some(), "it did not start\n{}", replica.log());
    replica
}
