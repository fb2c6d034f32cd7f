//! The real receiver, put together from a configuration file as in production, beside its files in
//! a directory of their own.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reset_receiver::cli::client::OperatorClient;
use reset_receiver::config::Config;
use reset_receiver::domain::secret::SecretText;
use reset_receiver::startup::{App, RunError};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::trouble::Trouble;
use crate::vault_stand_in::{MOUNT, VaultStandIn};
use crate::world::{INSTANCES, USERNAME, World};

/// Where the stand-in for Vault keeps the Salesforce secret.
pub(crate) const SECRET_PATH: &str = "salesforce/gator-sync";
/// Where it keeps the console's login.
pub(crate) const CONSOLE_PATH: &str = "communigator/console";

/// The files of an installation, gone at the end.
pub(crate) struct Files {
    directory: TempDir,
    pub(crate) signing_key: String,
    pub(crate) operator_token: String,
    pub(crate) vault_token: String,
}

/// Where the receiver is.
pub(crate) struct Receiver {
    pub(crate) hooks: SocketAddr,
    pub(crate) operator: Url,
    pub(crate) client: OperatorClient,
}

/// The running receiver itself.
pub(crate) struct Running {
    task: JoinHandle<Result<(), RunError>>,
    stop: CancellationToken,
}

impl Files {
    /// Makes a certificate, keys and tokens that nobody has used before.
    pub(crate) fn create() -> Result<Self, Trouble> {
        let files = Self {
            directory: tempfile::tempdir()?,
            signing_key: format!("whsec_{}", STANDARD.encode(rand::random::<[u8; 32]>())),
            operator_token: hex::encode(rand::random::<[u8; 24]>()),
            vault_token: hex::encode(rand::random::<[u8; 24]>()),
        };
        let names = ["localhost", "127.0.0.1"].map(ToOwned::to_owned);
        let certificate = rcgen::generate_simple_self_signed(names)?;
        files.write("tls.crt", &certificate.cert.pem())?;
        files.write("tls.key", &certificate.signing_key.serialize_pem())?;
        files.write("signing-key", &files.signing_key)?;
        files.write("operator-token", &files.operator_token)?;
        files.write("vault-token", &files.vault_token)?;
        files.write("fingerprint-key", &hex::encode(rand::random::<[u8; 32]>()))?;
        Ok(files)
    }

    /// A file of the installation.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The directory that holds them all.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    fn write(&self, name: &str, text: &str) -> io::Result<()> {
        std::fs::write(self.path(name), text)
    }

    /// The configuration, with shorter waits than the defaults, so that nobody has to sit through
    /// them.
    fn config(&self, world: &World, vault: &VaultStandIn) -> String {
        let file = |name: &str| self.path(name).display().to_string();
        format!(
            r#"
[hooks]
listen = "127.0.0.1:0"
certificate_file = "{certificate}"
private_key_file = "{private_key}"
[operator]
listen = "127.0.0.1:0"
[[operator.tokens]]
name = "demo"
role = "operator"
token_file = "{operator_token}"
[store]
url = "sqlite:{journal}"
fingerprint_key_file = "{fingerprint_key}"
[vault]
address = "{vault}"
[vault.auth]
method = "token"
token_file = "{vault_token}"
[rotation]
secret_poll_first = "250ms"
secret_poll_cap = "1s"
confirm_poll_first = "250ms"
confirm_poll_cap = "1s"
confirm_watch = "0s"
[consoles.acme]
base_url = "{console}"
login = {{ mount = "{MOUNT}", path = "{CONSOLE_PATH}" }}
[targets.acme]
organization_id = "{organization}"
username = "{USERNAME}"
console = "acme"
secret = {{ mount = "{MOUNT}", path = "{SECRET_PATH}" }}
{instances}
[sources.flow]
format = "notice"
[[sources.flow.authentication]]
scheme = "standard-webhooks"
key_files = ["{signing_key}"]
"#,
            certificate = file("tls.crt"),
            private_key = file("tls.key"),
            operator_token = file("operator-token"),
            journal = file("journal.db"),
            fingerprint_key = file("fingerprint-key"),
            vault = vault.url(),
            vault_token = file("vault-token"),
            console = world.simulator.console_url(),
            organization = world.simulator.salesforce().organization_id(),
            instances = INSTANCES.map(|(name, connectors)| instance(name, connectors)).concat(),
            signing_key = file("signing-key"),
        )
    }
}

fn instance(name: &str, connectors: &[(&str, bool)]) -> String {
    let connectors: Vec<&str> = connectors.iter().map(|(name, _)| *name).collect();
    format!(
        "[[targets.acme.instances]]\nname = {name:?}\nconnectors = {connectors:?}\n\
         integration = true\n"
    )
}

impl Receiver {
    /// Writes the configuration, reads it, and starts what it says.
    pub(crate) async fn start(
        files: &Files,
        world: &World,
        vault: &VaultStandIn,
    ) -> Result<(Self, Running), Trouble> {
        let text = files.config(world, vault);
        files.write("config.toml", &text)?;
        let app = App::build(&Config::parse(&text, [])?).await?;
        let hooks = app.hooks_address().ok_or(Trouble::Ended)?;
        let operator = app.operator_address();
        let operator = Url::parse(&format!("http://{operator}"))?;
        let token = SecretText::new(files.operator_token.clone());
        let client = OperatorClient::new(operator.clone(), token)?;
        let stop = CancellationToken::new();
        let task = tokio::spawn(app.run(stop.clone()));
        Ok((Self { hooks, operator, client }, Running { task, stop }))
    }
}

impl Running {
    /// Returns when the receiver ends, which it does not do by itself.
    pub(crate) async fn ended(&mut self) -> Trouble {
        match (&mut self.task).await {
            Ok(Err(error)) => error.into(),
            Ok(Ok(())) | Err(_) => Trouble::Ended,
        }
    }

    /// Asks for the end and waits for it.
    pub(crate) async fn stop(self) -> Result<(), Trouble> {
        self.stop.cancel();
        match self.task.await {
            Ok(ended) => Ok(ended?),
            Err(_) => Err(Trouble::Ended),
        }
    }
}
