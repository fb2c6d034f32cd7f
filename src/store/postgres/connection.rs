//! How the database is reached: address, login, TLS, time-outs.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions, PgSslMode};
use url::{Host, Url};

use crate::domain::secret::SecretText;
use crate::store::fault::OpenError;

/// How many connections a replica has at most to read with, one of which listens for wake-ups.
const READERS: u32 = 4;
/// How many it has at most to write with.
pub(super) const WRITERS: u32 = 5;
/// How long a caller waits for a connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// What the server is told about every connection. A transaction whose client stands still holds
/// rows that the other replicas want: the server ends it. An entry that was answered is on the
/// disk, whatever the server's own default is. Each statement is about a few rows, and compiling it
/// takes longer than running it: seconds for a key that is checked without an index.
const SESSION: [(&str, &str); 7] = [
    ("jit", "off"),
    ("statement_timeout", "5s"),
    ("lock_timeout", "4s"),
    ("idle_in_transaction_session_timeout", "5s"),
    ("synchronous_commit", "on"),
    ("client_min_messages", "warning"),
    ("default_transaction_isolation", "read committed"),
];

/// What it is told besides about those to write with, which find every row by its key. A statement
/// is planned once and not whenever it runs, which took as long as running it; and as such a plan
/// lasts, it must not read a whole table because that was small when it was made: neither as it is,
/// nor in order to look up in it what another one holds.
const PLANS: [(&str, &str); 4] = [
    ("plan_cache_mode", "force_generic_plan"),
    ("enable_seqscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
];

/// Where the database is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostgresSettings {
    url: Url,
    /// The file that holds the password; without one the server asks for none.
    pub password_file: Option<PathBuf>,
    /// PEM certificates that alone are trusted.
    pub ca_file: Option<PathBuf>,
}

/// A URL that does not say where a database is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PostgresUrlError {
    /// It holds a password, which would stand in a file that people share.
    #[error("a password does not belong into the URL: name a file in store.password_file")]
    Password,
    /// Something is missing, or too much.
    #[error("is not of the form postgres://USER@HOST/DATABASE")]
    Shape,
}

impl PostgresSettings {
    /// The database at `postgres://USER@HOST[:PORT]/DATABASE`; a host that is the path of a
    /// directory, with `%2F` for `/`, means the socket there.
    pub fn parse(url: &str) -> Result<Self, PostgresUrlError> {
        let url = Url::parse(url).map_err(|_| PostgresUrlError::Shape)?;
        if url.password().is_some() {
            return Err(PostgresUrlError::Password);
        }
        let database = url.path().trim_start_matches('/');
        let is_complete = matches!(url.scheme(), "postgres" | "postgresql")
            && !url.username().is_empty()
            && url.host_str().is_some_and(|host| !host.is_empty())
            && !database.is_empty()
            && !database.contains('/')
            && url.query().is_none()
            && url.fragment().is_none();
        if !is_complete {
            return Err(PostgresUrlError::Shape);
        }
        Ok(Self { url, password_file: None, ca_file: None })
    }

    /// Whether what is said there never leaves the machine.
    fn is_local(&self) -> bool {
        match self.url.host() {
            Some(Host::Ipv4(ip)) => IpAddr::V4(ip).is_loopback(),
            Some(Host::Ipv6(ip)) => IpAddr::V6(ip).is_loopback(),
            Some(Host::Domain(name)) => {
                // An address in a URL that is not of the web is a name as well.
                let address = name.parse::<IpAddr>();
                let is_loopback = address.is_ok_and(|address| address.is_loopback());
                is_loopback || name == "localhost" || name.starts_with("%2F")
            }
            None => false,
        }
    }

    /// On the machine itself TLS is left to `ca_file`; everywhere else the server's certificate has
    /// to name the host and to be signed by somebody who is trusted.
    fn options(&self, password: Option<&SecretText>) -> Result<PgConnectOptions, OpenError> {
        let options: PgConnectOptions = self.url.as_str().parse().map_err(OpenError::database)?;
        let mut options = options.application_name("reset-receiver").options(SESSION);
        options = match (&self.ca_file, self.is_local()) {
            (Some(file), _) => options.ssl_mode(PgSslMode::VerifyFull).ssl_root_cert(file),
            (None, true) => options.ssl_mode(PgSslMode::Disable),
            (None, false) => options.ssl_mode(PgSslMode::VerifyFull),
        };
        if let Some(password) = password {
            options = options.password(password.expose());
        }
        Ok(options)
    }
}

/// The connections of a replica. Lost ones are replaced.
pub(super) struct Pools {
    /// Each is asked whether it is still there before it is used.
    pub(super) readers: PgPool,
    /// None is: what is said on it first says so.
    pub(super) writers: PgPool,
}

impl Pools {
    /// Opens them, with a first connection to write with.
    pub(super) async fn connect(
        settings: &PostgresSettings,
        password: Option<&SecretText>,
    ) -> Result<Self, OpenError> {
        let options = settings.options(password)?;
        let pool = |connections| {
            PgPoolOptions::new().max_connections(connections).acquire_timeout(ACQUIRE_TIMEOUT)
        };
        let writers = pool(WRITERS)
            .test_before_acquire(false)
            .connect_with(options.clone().options(PLANS))
            .await
            .map_err(OpenError::database)?;
        Ok(Self { readers: pool(READERS).connect_lazy_with(options), writers })
    }
}
