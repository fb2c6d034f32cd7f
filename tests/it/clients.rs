//! Clients that others wrote, against the real program over TLS: what they sign is accepted, what
//! they send is understood, and what `openapi.yaml` says is so.

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use serde_json::{Value, json};
use simulator::Skin;

use crate::support::receiver::Receiver;
use crate::support::town::{Town, USERNAME};

/// The bearer token of both sources.
const TOKEN: &str = "token-of-a-sender-of-32-characters";

/// A tool that `tests/run` installs and names.
#[expect(clippy::disallowed_methods, reason = "the settings that tests/run gives to the tests")]
fn tool(name: &str) -> PathBuf {
    let path = std::env::var_os(name).map(PathBuf::from).filter(|path| path.exists());
    path.unwrap_or_else(|| {
        panic!(
            "{name} names nothing that is there; start the tests with tests/run, which installs it"
        )
    })
}

/// A running receiver whose certificate is issued by an authority, as strict clients want it.
struct Bench {
    town: Town,
    receiver: Receiver,
}

impl Bench {
    async fn start() -> Self {
        let town = Town::new(Skin::Plain).await;
        certify(&town);
        std::fs::write(town.file("token"), TOKEN).unwrap();
        let files = |name: &str| town.file(name).display().to_string();
        let (key, token) = (files("signing-key"), files("token"));
        let bearer = |source: &str| {
            format!(
                "[[sources.{source}.authentication]]\nscheme = \"bearer\"\ntoken_files = [\"{token}\"]\n"
            )
        };
        let more = format!(
            "{}[sources.agent]\nformat = \"vault-event\"\nrate_per_minute = 1000000\n\
             [[sources.agent.authentication]]\nscheme = \"standard-webhooks\"\n\
             key_files = [\"{key}\"]\n{}",
            bearer("flow"),
            bearer("agent")
        );
        std::fs::write(town.file("config.toml"), town.config() + &more).unwrap();
        let receiver = Receiver::start(&town);
        Self { town, receiver }
    }

    fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.receiver.hooks.unwrap().port())
    }

    fn notice(&self) -> Value {
        json!({
            "type": "password_reset",
            "occurred_at": jiff::Timestamp::now().to_string(),
            "organization_id": self.town.simulator.salesforce().organization_id(),
            "username": USERNAME,
        })
    }
}

/// Puts a certificate of an authority of its own in the place of the self-signed one.
fn certify(town: &Town) {
    let authority_key = KeyPair::generate().unwrap();
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    // Of one name, issuer and leaf would be taken for the same.
    authority.distinguished_name.push(DnType::CommonName, "the authority of the tests");
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let root = authority.self_signed(&authority_key).unwrap();
    let issuer = Issuer::new(authority, authority_key);
    let key = KeyPair::generate().unwrap();
    let mut leaf = CertificateParams::new(["localhost".to_owned()]).unwrap();
    leaf.use_authority_key_identifier_extension = true;
    let leaf = leaf.signed_by(&key, &issuer).unwrap();
    std::fs::write(town.file("ca.crt"), root.pem()).unwrap();
    std::fs::write(town.file("tls.crt"), leaf.pem()).unwrap();
    std::fs::write(town.file("tls.key"), key.serialize_pem()).unwrap();
}

/// A file beside this one.
fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/clients").join(name)
}

/// Runs a program with this on its standard input.
async fn run(mut command: Command, input: String) -> Output {
    let program = command.get_program().to_owned();
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let running = tokio::task::spawn_blocking(move || {
        let mut child = command.spawn().unwrap_or_else(|error| {
            panic!(
                "{} cannot be started ({error}); start the tests with tests/run",
                program.display()
            )
        });
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    });
    running.await.unwrap()
}

/// Runs a client, and reads what it was answered.
async fn answers(command: Command, input: &Value) -> Value {
    let ran = run(command, input.to_string()).await;
    let err = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{err}");
    serde_json::from_slice(&ran.stdout).unwrap()
}

fn python(arguments: &[&OsStr]) -> Command {
    let mut command = Command::new(tool("TOOLS_PYTHON"));
    command.args(arguments);
    command
}

async fn assert_signs_well(bench: &Bench, mut command: Command, id: &str) {
    let (url, ca) = (bench.url("/v1/resets/flow"), bench.town.file("ca.crt"));
    command.arg(url).arg(ca).arg(bench.town.file("signing-key")).arg(id);
    let answers = answers(command, &bench.notice()).await;
    assert_eq!(answers["signed"]["status"], 202, "{answers}");
    assert_eq!(answers["signed"]["body"]["event_id"], id, "{answers}");
    assert_eq!(answers["tampered"]["status"], 401, "{answers}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_packages_of_standard_webhooks_sign_is_accepted_and_nothing_else() {
    let bench = Bench::start().await;
    let python = python(&[script("standard_webhooks.py").as_os_str()]);
    assert_signs_well(&bench, python, "from-python").await;
    let mut node = Command::new("node");
    node.arg(script("standard_webhooks.mjs")).env("TOOLS_NODE", tool("TOOLS_NODE"));
    assert_signs_well(&bench, node, "from-javascript").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn both_forms_of_the_cloud_events_sdk_are_understood() {
    let bench = Bench::start().await;
    let path = format!("{}/data/salesforce", bench.town.mount);
    let mut command = python(&[script("cloud_events.py").as_os_str()]);
    let (url, ca) = (bench.url("/v1/vault-events/agent"), bench.town.file("ca.crt"));
    command.arg(url).arg(ca).arg(bench.town.file("token"));
    let answers = answers(command, &json!({"path": path, "version": 1})).await;
    let id = |name: &str| format!("urn:example:a vault#{name}");
    for form in ["structured", "binary"] {
        assert_eq!(answers[form]["status"], 202, "{answers}");
        assert_eq!(answers[form]["body"]["event_id"], id(form), "{answers}");
    }
    // The source holds a blank, which one form escapes and the other does not.
    assert_eq!(answers["again"]["body"]["status"], "duplicate", "{answers}");
}

/// Tries every operation with this tag at this address: nothing may fail, nothing may be answered
/// that is not documented, and nothing may be done for a stranger.
async fn try_out(bench: &Bench, tag: &[&str], url: &str, token: &str) {
    let settings = bench.town.file("schemathesis.toml");
    let named = [
        ("POST /v1/resets/{source}", "flow"),
        ("POST /v1/vault-events/{source}", "agent"),
        ("OPTIONS /v1/vault-events/{source}", "agent"),
    ];
    let operations = named.map(|(name, source)| {
        format!(
            "[[operations]]\ninclude-name = \"{name}\"\nparameters = {{ source = \"{source}\" }}\n"
        )
    });
    std::fs::write(&settings, operations.concat()).unwrap();
    let program = tool("TOOLS_PYTHON").with_file_name("st");
    let mut command = Command::new(program);
    command
        .arg("--config-file")
        .arg(settings)
        .args(["run", "--url", url, "--header"])
        .arg(format!("Authorization: Bearer {token}"))
        .arg("--tls-verify")
        .arg(bench.town.file("ca.crt"))
        .args(["--checks", CHECKS, "--max-examples", "20", "--max-time", "40"])
        .args(["--seed", "1", "--generation-database", "none", "--no-color", "--warnings", "off"])
        .args(tag.iter().flat_map(|tag| ["--include-tag", *tag]))
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.yaml"))
        .current_dir(bench.town.directory());
    let ran = run(command, String::new()).await;
    let out = String::from_utf8_lossy(&ran.stdout);
    let err = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{out}\n{err}\n{}", bench.receiver.log());
    assert!(out.contains("passed"), "it tried something out: {out}");
}

const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_schema_conformance,ignored_auth,unsupported_method";

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_sent_to_the_public_listener_is_answered_as_documented() {
    let bench = Bench::start().await;
    try_out(&bench, &["hooks"], &bench.url(""), TOKEN).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_sent_to_the_operator_listener_is_answered_as_documented() {
    let bench = Bench::start().await;
    let url = format!("http://{}", bench.receiver.operator.unwrap());
    try_out(&bench, &["operator", "health"], &url, Town::operator_token()).await;
}
