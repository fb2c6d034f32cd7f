//! The main job with the real program: a signed reset arrives over HTTPS, and both surfaces hold
//! the new secret, nobody was locked out, and nothing secret was left behind anywhere.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use simulator::{Change, Skin, State};

use crate::support::receiver::{Receiver, client, tell};
use crate::support::town::{CONNECTORS, INSTANCES, Town, USERNAME};

const PATIENCE: Duration = Duration::from_mins(1);

/// Waits until the only rotation is in this phase; returns its id.
async fn until(receiver: &Receiver, phase: &str) -> String {
    let began = Instant::now();
    loop {
        let listed = receiver.get("/v1/rotations").await;
        let rotation = &listed["rotations"][0];
        if rotation["phase"] == phase {
            return rotation["id"].as_str().unwrap().to_owned();
        }
        assert!(began.elapsed() < PATIENCE, "not {phase}: {listed}\n{}", receiver.log());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_reset_ends_with_both_surfaces_holding_the_new_secret() {
    // Every enabled connector logs in so often that a dead secret locks the account within seconds
    // where anything goes on using it, and rarely enough that a busy machine contains in time.
    let often = Duration::from_secs(2);
    let town = Town::syncing(Skin::WebForms, often).await;
    let mut receiver = Receiver::start(&town);
    let other_fields = |name: &&str| town.simulator.integration(name).unwrap().other_fields;
    let before: Vec<_> = INSTANCES.iter().map(other_fields).collect();

    let new = town.simulator.salesforce().reset_password(USERNAME, "second-CANARY-pw").unwrap();
    let (status, answer) =
        tell(&client(), receiver.hooks.unwrap(), &town, "reset-1").await.unwrap();
    assert_eq!((status, answer["status"].as_str()), (202, Some("accepted")), "{answer}");
    let contained = until(&receiver, "awaiting_secret").await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    town.write_secret(&new).await;
    let rotation = until(&receiver, "confirmed").await;
    assert_eq!(rotation, contained, "one reset, one rotation");

    for &(instance, name, enabled) in CONNECTORS {
        let connector = town.simulator.connector(instance, name).unwrap();
        assert_eq!(connector.state == State::Enabled, enabled, "{instance}/{name}");
        assert!(connector.holds == new, "{instance}/{name}");
    }
    for (name, before) in INSTANCES.iter().zip(before) {
        let integration = town.simulator.integration(name).unwrap();
        assert!(integration.holds == new, "{name}");
        assert_eq!(integration.other_fields, before, "fields that are not ours, byte for byte");
    }
    assert_never_locked(&town);
    assert_says_what_happened(&receiver, &rotation).await;

    let status = command_output(&town, &["status"], &receiver);
    assert!(status.contains("acme") && status.contains("confirmed"), "{status}");
    let json = command_output(&town, &["status", "--json"], &receiver);
    let api = format!(
        "{}\n{}\n{}",
        receiver.get("/v1/targets").await,
        receiver.get("/v1/rotations").await,
        receiver.get(&format!("/v1/rotations/{rotation}")).await
    );
    let metrics = client()
        .get(format!("http://{}/metrics", receiver.operator.unwrap()))
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    let secrets = secrets(&town, &new.password, &new.token);
    // With the WAL as it stands while the program runs, and again after it has ended in order.
    assert_no_secret_in_files(&town, &secrets);
    assert_eq!(receiver.terminate(), Some(0), "{}", receiver.log());
    assert_no_secret_in_files(&town, &secrets);
    let (log, answer) = (receiver.log(), answer.to_string());
    let places = [("status", &status), ("json", &json), ("api", &api), ("metrics", &metrics)];
    for (place, text) in places.into_iter().chain([("log", &log), ("answer", &answer)]) {
        for secret in &secrets {
            assert!(!contains(text.as_bytes(), secret), "a secret is in {place}");
        }
    }
}

/// No connector logs in with the dead secret once it was contained, and the account is not locked.
/// What logged in before, while nobody had been told, is not ours.
fn assert_never_locked(town: &Town) {
    let log = town.simulator.console_log();
    let contained = log
        .iter()
        .filter(|request| {
            request
                .changes
                .iter()
                .any(|change| matches!(change, Change::State { to: State::Disabled, .. }))
        })
        .map(|request| request.done)
        .max()
        .expect("two connectors were disabled");
    let failed: Vec<_> = town
        .simulator
        .login_history()
        .into_iter()
        .filter(|login| !login.outcome.is_usable() && login.order > contained)
        .collect();
    assert!(failed.is_empty(), "failed logins after containment: {failed:?}");
    assert!(!town.simulator.salesforce().user(USERNAME).unwrap().locked, "the account is locked");
}

/// The journal tells the whole story in order.
async fn assert_says_what_happened(receiver: &Receiver, rotation: &str) {
    let shown = receiver.get(&format!("/v1/rotations/{rotation}")).await;
    let entries: Vec<&str> = shown["journal"]
        .as_array()
        .unwrap_or_else(|| panic!("no journal: {shown}"))
        .iter()
        .filter_map(|row| row["entry"].as_str())
        .collect();
    let mut steps = entries.clone();
    steps.dedup();
    let order =
        ["admitted", "contained", "secret_chosen", "updated", "enabled", "confirmed", "completed"];
    let mut rest = steps.iter();
    for step in order {
        assert!(rest.any(|entry| *entry == step), "no {step} in its place: {entries:?}");
    }
}

fn command_output(town: &Town, arguments: &[&str], receiver: &Receiver) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_reset-receiver"))
        .args(arguments)
        .arg("--operator")
        .arg(format!("http://{}", receiver.operator.unwrap()))
        .arg("--token-file")
        .arg(town.file("operator-token"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Everything that must not be found anywhere, in every form in which it might be written.
fn secrets(town: &Town, password: &str, token: &str) -> Vec<String> {
    let key = Town::signing_key();
    let plain = [
        password,
        token,
        "first-CANARY",
        "second-CANARY",
        "console-CANARY",
        Town::operator_token(),
        key.trim_start_matches("whsec_"),
        town.openbao.root_token(),
    ];
    plain.into_iter().map(str::to_owned).collect()
}

fn assert_no_secret_in_files(town: &Town, secrets: &[String]) {
    let mut searched = 0;
    for entry in std::fs::read_dir(town.directory()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.starts_with("journal.db") {
            assert_no_secret_in(&path, secrets);
            searched += 1;
        }
    }
    assert!(searched > 0, "the database was not found");
}

fn assert_no_secret_in(path: &Path, secrets: &[String]) {
    let bytes = std::fs::read(path).unwrap();
    for secret in secrets {
        assert!(!contains(&bytes, secret), "a secret is in {}", path.display());
    }
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}
