//! A real OpenBao server, started by the tests and never left behind.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use reqwest::{Certificate, Client, Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use crate::support::keeper::Keeper;

/// How often a condition is looked at, 50 ms apart, before a test gives up.
const PATIENCE: u32 = 600;
const ROOT_TOKEN: &str = "root-of-the-tests";

/// Runs the server until standard input ends, which it does when the test process does, however
/// that comes about; then kills the server and removes its directory.
const KEEPER: &str = r#"
dir=$1; shift
exec 3<&0
"$@" </dev/null >"$dir/log" 2>&1 3<&- &
cat <&3 >/dev/null
kill -KILL $!
wait
rm -rf "$dir"
"#;

/// A running development server, its storage in memory.
pub(crate) struct OpenBao {
    address: String,
    unseal_key: String,
    directory: PathBuf,
    http: Client,
    _keeper: Keeper,
}

impl OpenBao {
    /// The server that all tests of this process share. Each test has mounts or paths of its
    /// own there, and none seals it.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<OpenBao> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// A server for one test alone, stopped when dropped.
    pub(crate) fn start() -> Self {
        Self::launch(false)
    }

    /// The same over TLS, with a certificate authority of its own.
    pub(crate) fn start_tls() -> Self {
        Self::launch(true)
    }

    fn launch(tls: bool) -> Self {
        // Another process may take a port between the look and the start.
        (0..5).find_map(|_| Self::try_launch(tls)).expect("OpenBao starts on one of five ports")
    }

    fn try_launch(tls: bool) -> Option<Self> {
        let port = free_port();
        let directory = tempfile::tempdir().unwrap().keep();
        let mut command = Command::new("sh");
        command.args(["-c", KEEPER, "keeper"]).arg(&directory);
        command.args(["env", "-i", "PATH=/usr/bin:/bin"]).arg(home(&directory)).arg(program());
        command.arg("server").arg(if tls { "-dev-tls" } else { "-dev" });
        if tls {
            command.arg(format!("-dev-tls-cert-dir={}", directory.display()));
        }
        command.arg(format!("-dev-root-token-id={ROOT_TOKEN}"));
        command.arg(format!("-dev-listen-address=127.0.0.1:{port}"));
        command.arg("-dev-no-store-token");
        let keeper = Keeper::start(command);
        let unseal_key = wait_until_ready(&directory.join("log"), port)?;
        let scheme = if tls { "https" } else { "http" };
        let ca = directory.join("vault-ca.pem");
        Some(Self {
            address: format!("{scheme}://127.0.0.1:{port}"),
            unseal_key,
            http: client(tls.then_some(ca.as_path())),
            directory,
            _keeper: keeper,
        })
    }

    /// Where it listens, `http://127.0.0.1:` and a port.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// The token that may do everything.
    #[expect(clippy::unused_self, reason = "a server started in another way would have its own")]
    pub(crate) fn root_token(&self) -> &str {
        ROOT_TOKEN
    }

    /// The certificate authority of a server that was started with TLS.
    pub(crate) fn ca_file(&self) -> PathBuf {
        self.directory.join("vault-ca.pem")
    }

    /// Enables a key-value engine of version 2, and waits until it answers.
    pub(crate) async fn mount(&self, mount: &str) {
        self.mount_in(None, mount).await;
    }

    /// The same in a namespace.
    pub(crate) async fn mount_in(&self, namespace: Option<&str>, mount: &str) {
        let body = json!({"type": "kv", "options": {"version": "2"}});
        self.call(Method::POST, namespace, &format!("sys/mounts/{mount}"), Some(&body)).await;
        self.until_ready(namespace, mount).await;
    }

    /// Waits while a new engine refuses everything because it turns itself into one of version 2.
    async fn until_ready(&self, namespace: Option<&str>, mount: &str) {
        for _ in 0..PATIENCE {
            let request = self.request(Method::GET, namespace, &format!("{mount}/metadata/none"));
            let answer = request.send().await.expect("OpenBao answers");
            if answer.status() != StatusCode::BAD_REQUEST {
                return;
            }
            look_again_soon();
        }
        panic!("the engine at {mount} did not become ready within half a minute");
    }

    /// Writes a new version of a secret and returns its number.
    pub(crate) async fn write_secret(&self, mount: &str, path: &str, fields: &Value) -> u64 {
        self.until_ready(None, mount).await;
        let body = json!({"data": fields});
        let answer = self.post(&format!("{mount}/data/{path}"), &body).await;
        answer["data"]["version"].as_u64().expect("a write answers with its version")
    }

    /// Writes a policy.
    pub(crate) async fn policy(&self, name: &str, text: &str) {
        self.post(&format!("sys/policies/acl/{name}"), &json!({"policy": text})).await;
    }

    /// Enables an authentication method at a path of its own.
    pub(crate) async fn enable_auth(&self, kind: &str, mount: &str) {
        self.post(&format!("sys/auth/{mount}"), &json!({"type": kind})).await;
    }

    /// Makes an AppRole, its method included, and returns its role id and one secret id. `role`
    /// holds the role's parameters (`token_policies`, `token_ttl`, `secret_id_num_uses`).
    pub(crate) async fn approle(&self, mount: &str, role: &Value) -> (String, String) {
        self.enable_auth("approle", mount).await;
        let path = format!("auth/{mount}/role/receiver");
        self.post(&path, role).await;
        let role_id = self.get(&format!("{path}/role-id")).await;
        let secret_id = self.post(&format!("{path}/secret-id"), &json!({})).await;
        let text = |value: &Value| value.as_str().expect("an id is a text").to_owned();
        (text(&role_id["data"]["role_id"]), text(&secret_id["data"]["secret_id"]))
    }

    /// Makes a token; `parameters` as `auth/token/create` takes them.
    pub(crate) async fn token(&self, parameters: &Value) -> String {
        let answer = self.post("auth/token/create", parameters).await;
        answer["auth"]["client_token"].as_str().expect("a token is a text").to_owned()
    }

    /// Revokes a token.
    pub(crate) async fn revoke(&self, token: &str) {
        self.post("auth/token/revoke", &json!({"token": token})).await;
    }

    /// The accessors of the living tokens that have a policy.
    pub(crate) async fn accessors_with(&self, policy: &str) -> Vec<String> {
        let all = self.get("auth/token/accessors?list=true").await;
        let mut found = Vec::new();
        for accessor in all["data"]["keys"].as_array().unwrap() {
            let token =
                self.post("auth/token/lookup-accessor", &json!({"accessor": accessor})).await;
            if token["data"]["policies"].as_array().unwrap().iter().any(|name| name == policy) {
                found.push(accessor.as_str().unwrap().to_owned());
            }
        }
        found
    }

    /// Revokes the token that has this accessor.
    pub(crate) async fn revoke_accessor(&self, accessor: &str) {
        self.post("auth/token/revoke-accessor", &json!({"accessor": accessor})).await;
    }

    /// Waits until the server has counted more than a second of a token's life.
    pub(crate) async fn until_older_than_a_second(&self, token: &str) {
        for _ in 0..PATIENCE {
            let found = self.post("auth/token/lookup", &json!({"token": token})).await;
            let (left, whole) = (&found["data"]["ttl"], &found["data"]["creation_ttl"]);
            if left.as_u64().unwrap() + 1 < whole.as_u64().unwrap() {
                return;
            }
            look_again_soon();
        }
        panic!("the token did not age within half a minute");
    }

    /// Seals the server, which forgets its key.
    pub(crate) async fn seal(&self) {
        self.post("sys/seal", &json!({})).await;
    }

    /// Opens a sealed server again.
    pub(crate) async fn unseal(&self) {
        self.post("sys/unseal", &json!({"key": self.unseal_key})).await;
    }

    /// Reads with the root token.
    pub(crate) async fn get(&self, path: &str) -> Value {
        self.call(Method::GET, None, path, None).await
    }

    /// Writes with the root token.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Value {
        self.call(Method::POST, None, path, Some(body)).await
    }

    /// Any request with the root token, in a namespace where one is given. A refusal fails the
    /// test with the server's own words.
    pub(crate) async fn call(
        &self,
        method: Method,
        namespace: Option<&str>,
        path: &str,
        body: Option<&Value>,
    ) -> Value {
        let mut request = self.request(method, namespace, path);
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await.expect("OpenBao answers");
        let status = answer.status();
        let text = answer.text().await.expect("OpenBao's answer is whole");
        assert!(status.is_success(), "{path}: {status} {text}");
        if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap() }
    }

    fn request(&self, method: Method, namespace: Option<&str>, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}/v1/{path}", self.address));
        let request = request.header("X-Vault-Token", ROOT_TOKEN);
        match namespace {
            Some(namespace) => request.header("X-Vault-Namespace", namespace),
            None => request,
        }
    }

    /// The status that a token gets for a request: what its policies allow.
    pub(crate) async fn status_for(&self, token: &str, method: Method, path: &str) -> StatusCode {
        let request = self.http.request(method, format!("{}/v1/{path}", self.address));
        let request = request.header("X-Vault-Token", token);
        request.json(&json!({"data": {}})).send().await.expect("OpenBao answers").status()
    }
}

#[expect(clippy::disallowed_methods, reason = "the one setting that tests/run gives to the tests")]
pub(crate) fn program() -> PathBuf {
    let path = std::env::var_os("BAO_BIN");
    PathBuf::from(path.expect(
        "BAO_BIN does not name an OpenBao server; start the tests with tests/run, which installs one",
    ))
}

fn home(directory: &Path) -> String {
    format!("HOME={}", directory.display())
}

/// A port that nothing listens on, and neither does anything on the next one, where OpenBao has
/// its cluster listener. They lie below the ports that the system gives to outgoing connections.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let own = u16::try_from(std::process::id() % 4000).expect("below 4000");
    let is_free = |port| TcpListener::bind(("127.0.0.1", port)).is_ok();
    (0..4000)
        .map(|_| 22_000 + (own * 2 + NEXT.fetch_add(2, Ordering::Relaxed)) % 8000)
        .find(|&port| is_free(port) && is_free(port + 1))
        .expect("two free ports between 22000 and 30000")
}

/// Waits for the server to print its unseal key and to accept connections; `None` where it ended
/// instead, for want of its port.
fn wait_until_ready(log: &Path, port: u16) -> Option<String> {
    for _ in 0..PATIENCE {
        let text = fs::read_to_string(log).unwrap_or_default();
        if text.contains("address already in use") {
            return None;
        }
        let key = text.lines().find_map(|line| line.strip_prefix("Unseal Key: "));
        if let Some(key) = key
            && text.contains("Development mode should NOT")
            && TcpStream::connect(("127.0.0.1", port)).is_ok()
        {
            return Some(key.trim().to_owned());
        }
        look_again_soon();
    }
    let text = fs::read_to_string(log).unwrap_or_default();
    panic!("OpenBao did not become ready within half a minute; its log:\n{text}");
}

/// A server that gets ready tells nobody; nobody wakes this thread either.
fn look_again_soon() {
    std::thread::park_timeout(Duration::from_millis(50));
}

/// Keeps no connection: each test has a runtime of its own, and a connection dies with it.
fn client(ca_file: Option<&Path>) -> Client {
    let authorities = ca_file.map(|path| Certificate::from_pem(&fs::read(path).unwrap()).unwrap());
    Client::builder()
        .no_proxy()
        .pool_max_idle_per_host(0)
        .timeout(Duration::from_secs(30))
        .tls_certs_only(authorities)
        .build()
        .unwrap()
}
