//! The agent's template and its command as they are shipped, run by the real agent against the
//! running program: a written version arrives, and the agent never sees the secret.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use reset_receiver::senders::keys::SigningKey;
use serde_json::json;
use simulator::Skin;

use crate::support::openbao;
use crate::support::receiver::Receiver;
use crate::support::town::{INSTANCES, Town, USERNAME};

const PATIENCE: Duration = Duration::from_mins(1);

/// A running agent. It is killed when dropped.
struct Agent(Child);

impl Drop for Agent {
    fn drop(&mut self) {
        // It may have died by itself.
        drop(self.0.kill());
        self.0.wait().unwrap();
    }
}

fn shipped(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/vault/agent").join(name)
}

/// The shipped configuration with this town's places in place of the examples, each of which must
/// be there.
fn configuration(town: &Town) -> String {
    let file = |name: &str| town.file(name).display().to_string();
    let metadata = format!("{}/metadata/salesforce", town.mount);
    let data = format!("{}/data/salesforce", town.mount);
    let places = [
        ("https://vault.vault.svc:8200", town.openbao.address().to_owned()),
        ("/etc/notify/role_id", file("role_id")),
        ("/etc/notify/secret_id", file("secret_id")),
        ("\"10s\"", "\"1s\"".to_owned()),
        ("secret/metadata/salesforce/acme-sync", metadata),
        ("secret/data/salesforce/acme-sync", data),
        ("/run/notify/acme-sync.json", file("version.json")),
        (
            "/usr/local/bin/notify-reset-receiver",
            shipped("notify-reset-receiver").display().to_string(),
        ),
    ];
    let mut text = std::fs::read_to_string(shipped("agent.hcl")).unwrap();
    for (example, place) in places {
        assert!(text.contains(example), "{example}");
        text = text.replace(example, &place);
    }
    text
}

/// Starts the agent with rights to the metadata alone.
async fn start_agent(town: &Town, receiver: &Receiver) -> Agent {
    let bao = town.openbao;
    let name = format!("agent-{}", town.mount);
    let policy = std::fs::read_to_string(shipped("policy.hcl")).unwrap();
    let example = "secret/metadata/salesforce/acme-sync";
    assert!(policy.contains(example));
    bao.policy(&name, &policy.replace(example, &format!("{}/metadata/salesforce", town.mount)))
        .await;
    let role = json!({"token_policies": [&name], "token_no_default_policy": true});
    let (role_id, secret_id) = bao.approle(&name, &role).await;
    let token = bao.token(&json!({"policies": [&name], "no_default_policy": true})).await;
    let data = format!("{}/data/salesforce", town.mount);
    assert_eq!(bao.status_for(&token, Method::GET, &data).await, StatusCode::FORBIDDEN);
    std::fs::write(town.file("role_id"), role_id).unwrap();
    std::fs::write(town.file("secret_id"), secret_id).unwrap();
    let text = configuration(town).replace(
        "method \"approle\" {\n",
        &format!("method \"approle\" {{\n    mount_path = \"auth/{name}\"\n"),
    );
    std::fs::write(town.file("agent.hcl"), text).unwrap();
    let log = std::fs::File::create(town.file("agent.log")).unwrap();
    let url = format!("https://localhost:{}/v1/vault-events/agent", receiver.hooks.unwrap().port());
    let mut command = Command::new(openbao::program());
    command
        .arg("agent")
        .arg(format!("-config={}", town.file("agent.hcl").display()))
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("HOME", town.directory())
        .env("RESET_RECEIVER_URL", url)
        .env("RESET_RECEIVER_KEY_FILE", town.file("signing-key"))
        .env("RESET_RECEIVER_CA_FILE", town.file("tls.crt"))
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log);
    Agent(command.spawn().unwrap())
}

async fn until_confirmed(town: &Town, receiver: &Receiver, count: usize) {
    let began = Instant::now();
    loop {
        let listed = receiver.get("/v1/rotations").await;
        let rotations = listed["rotations"].as_array().unwrap();
        if rotations.len() == count && rotations[0]["phase"] == "confirmed" {
            return;
        }
        let agent = std::fs::read_to_string(town.file("agent.log")).unwrap();
        let logs = || format!("{}\n{agent}", receiver.log());
        assert!(began.elapsed() < PATIENCE, "not confirmed: {listed}\n{}", logs());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shipped_agent_tells_of_each_version_and_never_sees_a_secret() {
    let town = Town::new(Skin::Plain).await;
    let key = town.file("signing-key").display().to_string();
    let source = format!(
        "[sources.agent]\nformat = \"vault-event\"\n[[sources.agent.authentication]]\n\
         scheme = \"standard-webhooks\"\nkey_files = [\"{key}\"]\n"
    );
    std::fs::write(town.file("config.toml"), town.config() + &source).unwrap();
    let receiver = Receiver::start(&town);
    let first = town.simulator.salesforce().reset_password(USERNAME, "agent-pw-1").unwrap();
    town.write_secret(&first).await;
    let _agent = start_agent(&town, &receiver).await;
    until_confirmed(&town, &receiver, 1).await;
    let second = town.simulator.salesforce().reset_password(USERNAME, "agent-pw-2").unwrap();
    town.write_secret(&second).await;
    until_confirmed(&town, &receiver, 2).await;
    for name in INSTANCES {
        assert!(town.simulator.integration(name).unwrap().holds == second, "{name}");
    }
    for version in [1, 2] {
        let id = format!("vault:{}/data/salesforce:{version}", town.mount);
        receiver.has_logged(&id, 1).await;
    }
}

/// The command by itself, with keys of every length, against the product's own verification.
#[tokio::test(flavor = "multi_thread")]
async fn the_command_signs_with_a_key_of_any_length_and_an_id_without_full_stops() {
    let town = Town::new(Skin::Plain).await;
    let mut keys = Vec::new();
    for bytes in [24_u8, 32, 63, 64] {
        use base64::Engine as _;
        // Every kind of byte, among them zero, and those that a shell would interpret.
        let raw: Vec<u8> = (0..bytes).map(|byte| byte.wrapping_mul(37)).collect();
        let text = format!("whsec_{}", base64::engine::general_purpose::STANDARD.encode(raw));
        SigningKey::parse(&text).unwrap();
        let file = town.file(&format!("key-{bytes}"));
        std::fs::write(&file, text).unwrap();
        keys.push(file);
    }
    let files: Vec<String> =
        keys.iter().map(|file| format!("{:?}", file.display().to_string())).collect();
    let source = format!(
        "[sources.agent]\nformat = \"vault-event\"\n[[sources.agent.authentication]]\n\
         scheme = \"standard-webhooks\"\nkey_files = [{}]\n",
        files.join(", ")
    );
    std::fs::write(town.file("config.toml"), town.config() + &source).unwrap();
    let receiver = Receiver::start(&town);
    let url = format!("https://localhost:{}/v1/vault-events/agent", receiver.hooks.unwrap().port());
    let rendered = town.file("rendered.json");
    for (version, key) in (1..).zip(&keys) {
        let text = format!("{{\"path\":\"secret/data/a.b%c\",\"version\":{version}}}");
        std::fs::write(&rendered, text).unwrap();
        let mut command = Command::new(shipped("notify-reset-receiver"));
        command
            .arg(&rendered)
            .env("RESET_RECEIVER_URL", &url)
            .env("RESET_RECEIVER_KEY_FILE", key)
            .env("RESET_RECEIVER_CA_FILE", town.file("tls.crt"));
        let ran = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        let said = String::from_utf8_lossy(&ran.stderr).into_owned();
        assert!(ran.status.success(), "{}: {said}", key.display());
        let id = format!("vault:secret/data/a%2Eb%25c:{version}");
        receiver.has_logged(&id, 1).await;
    }
}
