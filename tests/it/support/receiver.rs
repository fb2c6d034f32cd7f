//! The real program as a process of its own, and a sender that tells it of resets.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver as Channel, channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use reset_receiver::senders::keys::SigningKey;
use reset_receiver::senders::standard_webhooks;
use serde_json::{Value, json};

use crate::support::town::{Town, USERNAME};

/// Longer than anything here takes, even on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// The public listener, where there is one, and the private one.
type Addresses = (Option<SocketAddr>, SocketAddr);

/// A running reset-receiver. It is killed when dropped.
pub(crate) struct Receiver {
    child: Child,
    log: Arc<Mutex<String>>,
    /// Reads the log; ends when the process has.
    reader: Option<JoinHandle<()>>,
    /// Where the public listener is; `None` where there is none, or the process died before it was
    /// ready.
    pub(crate) hooks: Option<SocketAddr>,
    /// Where the private listener is.
    pub(crate) operator: Option<SocketAddr>,
}

impl Receiver {
    /// Starts the program over a town and waits until it is ready, or dead.
    pub(crate) fn start(town: &Town) -> Self {
        Self::start_dying(town, None)
    }

    /// The same; it kills itself where the plan says.
    pub(crate) fn start_dying(town: &Town, plan: Option<&str>) -> Self {
        Self::start_with(&town.file("config.toml"), plan)
    }

    /// Starts the program over a configuration.
    pub(crate) fn start_with(config: &Path, plan: Option<&str>) -> Self {
        Self::start_by(Command::new(env!("CARGO_BIN_EXE_reset-receiver")), config, plan)
    }

    /// Starts it through another program, which becomes it in the end.
    pub(crate) fn start_through(mut other: Command, config: &Path) -> Self {
        other.arg(env!("CARGO_BIN_EXE_reset-receiver"));
        Self::start_by(other, config, None)
    }

    fn start_by(mut command: Command, config: &Path, plan: Option<&str>) -> Self {
        command
            .env_clear()
            .args(["serve", "--config"])
            .arg(config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        if let Some(plan) = plan {
            command.env("RESET_RECEIVER_KILL", plan);
        }
        let mut child = command.spawn().unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let (ready, is_ready) = channel();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let kept = Arc::clone(&log);
        let reader = thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                if let Some(addresses) = addresses(&line) {
                    // Nobody waits any more where the process was already given up.
                    ready.send(addresses).ok();
                }
                let mut log = kept.lock().unwrap();
                log.push_str(&line);
                log.push('\n');
            }
        });
        // From here on it is killed also where it never gets ready.
        let mut receiver = Self { child, log, reader: Some(reader), hooks: None, operator: None };
        let ready = wait_until_ready(&mut receiver.child, &is_ready);
        receiver.hooks = ready.and_then(|at| at.0);
        receiver.operator = ready.map(|at| at.1);
        receiver
    }

    /// Everything that it logged so far; all of it once it was killed or terminated.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Waits until it has logged something, as many times: what a line tells of may be seen before
    /// the line is.
    pub(crate) async fn has_logged(&self, text: &str, times: usize) {
        let began = Instant::now();
        while self.log().matches(text).count() < times {
            let log = self.log();
            assert!(began.elapsed() < PATIENCE, "not logged {times} times: {text}\n{log}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        // It may have died by itself.
        drop(self.child.kill());
        self.until_ended();
    }

    /// Stops it, or lets it go on, with `STOP` or `CONT`.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args([&format!("-{name}"), &pid]).status().unwrap();
        assert!(sent.success());
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it is dead.
    pub(crate) fn is_dead(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Asks it to read its files again, as an administrator does.
    pub(crate) fn hang_up(&self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-HUP", &pid]).status().unwrap().success());
    }

    /// Asks it to stop, as an orchestrator does, and returns how it ended.
    pub(crate) fn terminate(&mut self) -> Option<i32> {
        self.signal("TERM");
        self.until_ended().code()
    }

    /// Waits until it has ended and its last line is read.
    fn until_ended(&mut self) -> ExitStatus {
        let ended = self.child.wait().unwrap();
        if let Some(reader) = self.reader.take() {
            reader.join().unwrap();
        }
        ended
    }

    /// Asks the operator API.
    pub(crate) async fn get(&self, path: &str) -> Value {
        let url = format!("http://{}{path}", self.operator.unwrap());
        let answer = client().get(url).bearer_auth(Town::operator_token()).send().await.unwrap();
        answer.json().await.unwrap()
    }
}

impl Receiver {
    /// The value of one sample of its metrics, by the name and labels that begin its line.
    pub(crate) async fn sample(&self, name: &str) -> Option<f64> {
        let url = format!("http://{}/metrics", self.operator.unwrap());
        let page = client().get(url).send().await.unwrap().text().await.unwrap();
        let value = |line: &str| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok();
        page.lines().find_map(value)
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.kill();
    }
}

fn wait_until_ready(child: &mut Child, is_ready: &Channel<Addresses>) -> Option<Addresses> {
    let began = Instant::now();
    loop {
        match is_ready.recv_timeout(Duration::from_millis(20)) {
            Ok(addresses) => return Some(addresses),
            Err(_) if child.try_wait().unwrap().is_some() => return None,
            Err(_) => assert!(began.elapsed() < PATIENCE, "the program does not get ready"),
        }
    }
}

fn addresses(line: &str) -> Option<Addresses> {
    let line: Value = serde_json::from_str(line).ok()?;
    (line["message"] == "ready").then_some(())?;
    let address = |key: &str| line[key].as_str()?.parse().ok();
    Some((address("hooks"), address("operator")?))
}

/// A client that takes any certificate: whether it is checked is the sender's business.
pub(crate) fn client() -> reqwest::Client {
    reqwest::Client::builder()
        .tls_danger_accept_invalid_certs(true)
        .timeout(PATIENCE)
        .no_proxy()
        .build()
        .unwrap()
}

/// Signs and posts a notice, as an Apex class would. `None` where no answer came back.
pub(crate) async fn tell(
    client: &reqwest::Client,
    hooks: SocketAddr,
    town: &Town,
    id: &str,
) -> Option<(u16, Value)> {
    let organization = town.simulator.salesforce().organization_id();
    tell_about(client, hooks, organization, USERNAME, id).await
}

/// The same about any user.
pub(crate) async fn tell_about(
    client: &reqwest::Client,
    hooks: SocketAddr,
    organization: &str,
    username: &str,
    id: &str,
) -> Option<(u16, Value)> {
    tell_of(client, hooks, organization, username, id, Timestamp::now()).await
}

/// The same about a reset that happened at that time.
pub(crate) async fn tell_of(
    client: &reqwest::Client,
    hooks: SocketAddr,
    organization: &str,
    username: &str,
    id: &str,
    occurred_at: Timestamp,
) -> Option<(u16, Value)> {
    let body = json!({
        "id": id,
        "type": "password_reset",
        "occurred_at": occurred_at.to_string(),
        "organization_id": organization,
        "username": username,
    })
    .to_string();
    let key = SigningKey::parse(&Town::signing_key()).unwrap();
    let signed = standard_webhooks::sign(&key, id, Timestamp::now(), body.as_bytes()).unwrap();
    let answer = client
        .post(format!("https://{hooks}/v1/resets/flow"))
        .header("content-type", "application/json")
        .header("webhook-id", signed.id)
        .header("webhook-timestamp", signed.timestamp)
        .header("webhook-signature", signed.signature)
        .body(body)
        .send()
        .await
        .ok()?;
    let status = answer.status().as_u16();
    Some((status, answer.json().await.ok()?))
}
