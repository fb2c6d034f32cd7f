//! Sources of Vault events that are read again under the running program, whose watch goes on.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reset_receiver::senders::keys::SigningKey;
use reset_receiver::senders::standard_webhooks;
use serde_json::json;
use simulator::Skin;

use super::{assert_all_hold, until_confirmed};
use crate::support::hand::now;
use crate::support::receiver::{Receiver, client};
use crate::support::town::{Town, USERNAME};

const AGAIN: &str = "have been read again";
const TOKEN: &str = "a-bearer-token-of-the-agent-at-least-24-bytes";

fn key(byte: u8) -> String {
    format!("whsec_{}", STANDARD.encode([byte; 32]))
}

fn source(town: &Town, authentication: &str) -> String {
    let file = town.file("agent-key").display().to_string();
    format!(
        "[sources.agent]\nformat = \"vault-event\"\n[[sources.agent.authentication]]\n\
         {authentication} = [\"{file}\"]\n"
    )
}

fn signed(town: &Town) -> String {
    source(town, "scheme = \"standard-webhooks\"\nkey_files")
}

/// Tells of a secret that is nobody's; the status says whether the sender was believed.
async fn post(receiver: &Receiver, key: &str) -> u16 {
    let body = json!({ "path": "secret/data/nobody", "version": 1 }).to_string();
    let request = client()
        .post(format!("https://{}/v1/vault-events/agent", receiver.hooks.unwrap()))
        .header("content-type", "application/json");
    let request = if key.starts_with("whsec_") {
        let key = SigningKey::parse(key).unwrap();
        let signed = standard_webhooks::sign(&key, "nobody-1", now(), body.as_bytes()).unwrap();
        request
            .header("webhook-id", signed.id)
            .header("webhook-timestamp", signed.timestamp)
            .header("webhook-signature", signed.signature)
    } else {
        request.bearer_auth(key)
    };
    request.body(body).send().await.unwrap().status().as_u16()
}

/// Writes files, and waits until the program has read them again.
async fn exchange(town: &Town, receiver: &Receiver, files: &[(&str, &str)]) {
    let before = receiver.log().matches(AGAIN).count();
    for (name, text) in files {
        std::fs::write(town.file(name), text).unwrap();
    }
    receiver.hang_up();
    receiver.has_logged(AGAIN, before + 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_schemes_and_sources_are_exchanged_and_the_watch_forgets_nothing() {
    let town = Town::smallest(Skin::Plain).await;
    let often = town.config().replace("watch_interval = \"1h\"", "watch_interval = \"200ms\"");
    std::fs::write(town.file("agent-key"), key(1)).unwrap();
    std::fs::write(town.file("config.toml"), often.clone() + &signed(&town)).unwrap();
    let old = town.simulator.salesforce().reset_password(USERNAME, "old-pw").unwrap();
    town.write_secret(&old).await;
    let receiver = Receiver::start(&town);
    receiver.has_logged("watching a secret", 1).await;
    assert_eq!(post(&receiver, &key(1)).await, 200);
    assert_eq!(post(&receiver, &key(2)).await, 401);

    exchange(&town, &receiver, &[("agent-key", &key(2))]).await;
    assert_eq!(post(&receiver, &key(1)).await, 401, "the key was exchanged");
    assert_eq!(post(&receiver, &key(2)).await, 200);

    // A watch that began anew would take what is there at its first look for known.
    let new = town.simulator.salesforce().reset_password(USERNAME, "new-pw").unwrap();
    town.write_secret(&new).await;
    let bearer = often.clone() + &source(&town, "scheme = \"bearer\"\ntoken_files");
    exchange(&town, &receiver, &[("agent-key", TOKEN), ("config.toml", &bearer)]).await;
    assert_eq!(post(&receiver, &key(2)).await, 401, "the scheme was exchanged");
    assert_eq!(post(&receiver, TOKEN).await, 200);
    until_confirmed(&receiver, 1).await;
    assert_all_hold(&town, &new);

    exchange(&town, &receiver, &[("config.toml", &often)]).await;
    assert_eq!(post(&receiver, TOKEN).await, 404, "the source was taken away");
    let newest = town.simulator.salesforce().reset_password(USERNAME, "newest-pw").unwrap();
    town.write_secret(&newest).await;
    until_confirmed(&receiver, 2).await;
    assert_all_hold(&town, &newest);
    let log = receiver.log();
    assert_eq!(log.matches("watching a secret").count(), 1, "one watch all the while: {log}");
}
