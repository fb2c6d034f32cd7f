//! A real PostgreSQL server, started by the tests and never left behind.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use reset_receiver::store::{PostgresSettings, PostgresStore};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, Connection};

use crate::support::keeper::Keeper;

/// How often a condition is looked at, 50 ms apart, before a test gives up.
const PATIENCE: u32 = 1_200;
/// Whoever starts the tests; the server itself refuses to run as root.
const NOBODY: u32 = 65_534;
/// The database's user.
pub(crate) const USER: &str = "tester";
/// A user that has to say a password, [`PASSWORD`].
pub(crate) const WARY: &str = "wary";
/// Its password.
pub(crate) const PASSWORD: &str = "password-CANARY-of-the-database";

/// Runs the server until standard input ends, which it does when the test process does, however
/// that comes about; then stops the server as a crash would and removes its directory.
const KEEPER: &str = r#"
dir=$1; shift
exec 3<&0
"$@" </dev/null >"$dir/log" 2>&1 3<&- &
cat <&3 >/dev/null
kill -QUIT $! 2>/dev/null
wait
rm -rf "$dir"
"#;

/// A running server that listens on a socket alone.
pub(crate) struct Postgres {
    directory: PathBuf,
    programs: PathBuf,
    keepers: Vec<Keeper>,
}

impl Postgres {
    /// The server that all tests of this process share. Each test has databases of its own.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<Postgres> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// A server for one test alone, stopped when dropped.
    pub(crate) fn start() -> Self {
        let programs = programs();
        let directory = tempfile::tempdir().unwrap().keep();
        if fs::metadata(&directory).unwrap().uid() == 0 {
            chown(&directory, Some(NOBODY), Some(NOBODY)).unwrap();
        }
        let mut initdb = unprivileged(&programs.join("initdb"), &directory);
        initdb.args(["--username", USER, "--auth", "trust", "--no-instructions", "--no-sync"]);
        initdb.args(["--encoding", "UTF8", "--locale", "C", "--pgdata"]);
        let made = initdb.arg(directory.join("data")).output().expect("initdb starts");
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        let rules = format!("local all {WARY} scram-sha-256\nlocal all all trust\n");
        fs::write(directory.join("data/pg_hba.conf"), rules).unwrap();
        let keeper = Keeper::start(Self::server(&programs, &directory));
        let server = Self { directory, programs, keepers: vec![keeper] };
        server.wait_until_ready();
        server
    }

    fn server(programs: &Path, directory: &Path) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", KEEPER, "keeper"]).arg(directory);
        let server = unprivileged(&programs.join("postgres"), directory);
        command.arg(server.get_program()).args(server.get_args());
        command.arg("-D").arg(directory.join("data")).arg("-k").arg(directory);
        command.args(["-c", "listen_addresses=", "-c", "fsync=on", "-c", "max_connections=400"]);
        command
    }

    fn wait_until_ready(&self) {
        for _ in 0..PATIENCE {
            let mut ask = Command::new(self.programs.join("pg_isready"));
            let ready = ask.arg("--quiet").arg("--host").arg(&self.directory).status();
            if ready.expect("pg_isready starts").success() {
                return;
            }
            look_again_soon();
        }
        let log = fs::read_to_string(self.directory.join("log")).unwrap_or_default();
        panic!("PostgreSQL did not become ready within a minute; its log:\n{log}");
    }

    /// A new, empty database.
    pub(crate) async fn database(&'static self) -> Database {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("test_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        self.run(&format!("CREATE DATABASE {name}")).await;
        Database { server: self, name }
    }

    /// Ends the server as a crash of the machine would, but for what the system has not written to
    /// the disk yet.
    pub(crate) fn crash(&self) {
        let text = fs::read_to_string(self.directory.join("data/postmaster.pid")).unwrap();
        let pid = text.lines().next().expect("the first line is the process");
        let sent = Command::new("kill").args(["-QUIT", pid]).status().expect("kill starts");
        assert!(sent.success());
        for _ in 0..PATIENCE {
            if !self.directory.join("data/postmaster.pid").exists() {
                return;
            }
            look_again_soon();
        }
        panic!("PostgreSQL did not end within a minute");
    }

    /// Starts the server anew over what is on the disk.
    pub(crate) fn start_again(&mut self) {
        self.keepers.push(Keeper::start(Self::server(&self.programs, &self.directory)));
        self.wait_until_ready();
    }

    /// Where its socket is.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Where a database is, as a configuration says it.
    pub(crate) fn url(&self, user: &str, database: &str) -> String {
        let socket = self.directory.display().to_string().replace('/', "%2F");
        format!("postgres://{user}@{socket}/{database}")
    }

    /// Runs a statement that is about the whole server, or about a database that one cannot be in.
    pub(crate) async fn run(&self, statement: &str) {
        let mut connection = self.connect("postgres").await;
        sqlx::query(AssertSqlSafe(statement.to_owned())).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    }

    async fn connect(&self, database: &str) -> PgConnection {
        let options = PgConnectOptions::new_without_pgpass();
        let options = options.socket(&self.directory).username(USER).database(database);
        PgConnection::connect_with(&options).await.expect("PostgreSQL answers")
    }
}

/// A database of its own for one test.
#[derive(Clone)]
pub(crate) struct Database {
    server: &'static Postgres,
    name: String,
}

impl Database {
    /// Where it is, as a configuration says it.
    pub(crate) fn url(&self) -> String {
        self.url_of(USER)
    }

    /// The same for another user.
    pub(crate) fn url_of(&self, user: &str) -> String {
        self.server.url(user, &self.name)
    }

    /// Its name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Opens the store there.
    pub(crate) async fn open(&self) -> PostgresStore {
        let settings = PostgresSettings::parse(&self.url()).unwrap();
        PostgresStore::open(&settings, None).await.unwrap()
    }

    /// A connection behind the store's back.
    pub(crate) async fn connect(&self) -> PgConnection {
        self.server.connect(&self.name).await
    }

    /// Runs a statement behind the store's back.
    pub(crate) async fn run(&self, statement: &str) {
        let mut connection = self.connect().await;
        sqlx::query(AssertSqlSafe(statement.to_owned())).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    }
}

/// A command as the user that the server may run as.
fn unprivileged(program: &Path, directory: &Path) -> Command {
    let mut command;
    if fs::metadata("/proc/self").unwrap().uid() == 0 {
        command = Command::new("setpriv");
        command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]).arg(program);
    } else {
        command = Command::new(program);
    }
    command.current_dir(directory);
    command
}

#[expect(clippy::disallowed_methods, reason = "a setting that tests/run gives to the tests")]
fn programs() -> PathBuf {
    let path = std::env::var_os("PG_BIN");
    let path = PathBuf::from(path.expect(
        "PG_BIN does not name the programs of a PostgreSQL server; start the tests with tests/run, \
         which installs one",
    ));
    let mode = fs::metadata(path.join("initdb")).map(|found| found.permissions().mode());
    assert!(mode.is_ok_and(|mode| mode & 0o111 != 0), "{} has no initdb", path.display());
    path
}

fn look_again_soon() {
    std::thread::park_timeout(Duration::from_millis(50));
}
