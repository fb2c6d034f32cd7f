//! A mailed security token goes into Vault, and nowhere else.

use std::sync::Arc;
use std::time::Duration;

use reset_receiver::hooks::limits::Limits;
use reset_receiver::ports::secret_store::SecretStore;
use reset_receiver::senders::email::relay::Relay;
use reset_receiver::vault::{Auth, Settings, Vault};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::amazon::Signer;
use super::post::{Post, TOKEN, text, token_mail};
use super::relays::{mailbox, source};
use super::{events, seen, send, told};
use crate::support::mail_town::MailTown;
use crate::support::openbao::OpenBao;
use crate::support::public_listener::{PublicListener, at_now};
use crate::support::sender::Sender;

/// A listener whose sources write tokens, and a server of its own: the target's place is fixed.
struct House {
    bao: OpenBao,
    listener: PublicListener,
    sender: Sender,
    _files: TempDir,
}

impl House {
    /// With the root's token, or with one that may do what `policy` says.
    async fn new(policy: Option<&str>) -> Self {
        let bao = OpenBao::start();
        let files = tempfile::tempdir().unwrap();
        let path = files.path().join("token");
        let token = match policy {
            None => bao.root_token().to_owned(),
            Some(text) => {
                bao.policy("mails", text).await;
                bao.token(&json!({"policies": ["mails"]})).await
            }
        };
        std::fs::write(&path, token).unwrap();
        let settings = Settings {
            address: bao.address().parse().unwrap(),
            namespace: None,
            ca_file: None,
            auth: Auth::TokenFile { path },
            connect_timeout: Duration::from_secs(10),
            timeout: Duration::from_secs(20),
        };
        let vault = Arc::new(Vault::new(settings, at_now()).unwrap());
        let sources = Relay::ALL.into_iter().map(|relay| {
            let mut mailbox = mailbox(relay);
            mailbox.write_token = true;
            source(relay.as_str(), mailbox, 1_000)
        });
        let town = MailTown::with_vault(sources.collect(), Signer::web(), vault);
        let listener = PublicListener::with_mails(Limits::default(), 1_000, at_now(), town).await;
        let sender = Sender::to(&listener);
        Self { bao, listener, sender, _files: files }
    }

    async fn holds(&self) -> (u64, Value) {
        let read = self.bao.get("secret/data/acme").await;
        (read["data"]["metadata"]["version"].as_u64().unwrap(), read["data"]["data"].clone())
    }

    async fn told(&self, post: &Post, relay: Relay) -> (u16, String) {
        let answer = send(&self.sender, &post.by(relay)).await;
        assert!(!seen(&answer).contains("Canary"), "a token is in the answer");
        let (status, word) = told(&answer);
        (status, word.to_owned())
    }
}

fn secret(token: &str) -> Value {
    json!({"password": "pass-CANARY", "security_token": token, "note": "kept"})
}

fn accepted() -> (u16, String) {
    (200, "accepted".to_owned())
}

fn duplicate() -> (u16, String) {
    (200, "duplicate".to_owned())
}

#[tokio::test]
async fn every_relays_token_is_written_and_no_other_field_is_touched() {
    let house = House::new(None).await;
    house.bao.write_secret("secret", "acme", &secret("old")).await;
    for (n, relay) in Relay::ALL.into_iter().enumerate() {
        let token = format!("CanaryOf{}Zz9Yy8Xx7Ww6", relay.as_str().replace('-', ""));
        let post = Post { text: text(&token), ..token_mail(relay.as_str()) };
        assert_eq!(house.told(&post, relay).await, accepted(), "{token}");
        let version = 2 + u64::try_from(n).unwrap();
        assert_eq!(house.holds().await, (version, secret(&token)));
        // The same mail again makes no other version.
        assert_eq!(house.told(&post, relay).await, duplicate());
        assert_eq!(house.holds().await.0, version);
    }
    assert_eq!(events(&house.listener).await.len(), 6);
}

#[tokio::test]
async fn an_older_mail_never_replaces_a_newer_ones_token() {
    let house = House::new(None).await;
    house.bao.write_secret("secret", "acme", &secret("old")).await;
    let mail = |id: &str, at: &str| {
        let token = format!("CanaryOf{id}Zz9Yy8Xx7Ww6Vv5");
        Post { text: text(&token), at: at.parse().unwrap(), ..token_mail(id) }
    };
    let older = mail("Older", "2026-03-02T09:00:00Z");
    let newer = mail("Newer", "2026-03-02T09:10:00Z");
    assert_eq!(house.told(&newer, Relay::Postmark).await, accepted());
    assert_eq!(
        house.told(&older, Relay::Postmark).await,
        accepted(),
        "it is an event all the same"
    );
    assert_eq!(house.holds().await, (2, secret("CanaryOfNewerZz9Yy8Xx7Ww6Vv5")));
    // A person has put another one in since; the repetition of a mail does not take it back.
    house.bao.write_secret("secret", "acme", &secret("by hand")).await;
    assert_eq!(house.told(&newer, Relay::Postmark).await, duplicate());
    assert_eq!(house.holds().await, (3, secret("by hand")));
}

#[tokio::test]
async fn a_token_that_cannot_be_written_is_asked_for_again_and_the_event_is_safe() {
    let house = House::new(None).await;
    house.bao.write_secret("secret", "acme", &secret("old")).await;
    house.bao.seal().await;
    let post = token_mail("sealed");
    let later = (503, "problem".to_owned());
    assert_eq!(house.told(&post, Relay::CloudMailin).await, later);
    assert_eq!(events(&house.listener).await, ["sealed@salesforce.com"], "containment has begun");
    house.bao.unseal().await;
    assert_eq!(house.told(&post, Relay::CloudMailin).await, duplicate());
    assert_eq!(house.holds().await, (2, secret(TOKEN)));
}

#[tokio::test]
async fn the_capability_patch_is_needed_and_is_enough() {
    let policy = |capabilities: &str| {
        format!(
            "path \"secret/data/acme\" {{ capabilities = [{capabilities}] }}\n\
             path \"auth/token/lookup-self\" {{ capabilities = [\"read\"] }}\n"
        )
    };
    let later = (503, "problem".to_owned());
    for (capabilities, answer, version) in
        [("\"read\"", later, 1), ("\"read\", \"patch\"", accepted(), 2)]
    {
        let house = House::new(Some(&policy(capabilities))).await;
        house.bao.write_secret("secret", "acme", &secret("old")).await;
        assert_eq!(house.told(&token_mail("one"), Relay::Mime).await, answer, "{capabilities}");
        assert_eq!(house.holds().await.0, version, "{capabilities}");
    }
}

#[tokio::test]
async fn without_a_secret_there_is_nothing_to_patch() {
    let house = House::new(None).await;
    let later = (503, "problem".to_owned());
    assert_eq!(house.told(&token_mail("early"), Relay::Postmark).await, later);
    house.bao.write_secret("secret", "acme", &json!({"password": "pass-CANARY"})).await;
    assert_eq!(house.told(&token_mail("early"), Relay::Postmark).await, duplicate());
    let (version, fields) = house.holds().await;
    assert_eq!((version, &fields["security_token"]), (2, &json!(TOKEN)));
}

#[tokio::test]
async fn a_patch_of_an_older_version_changes_nothing() {
    use reset_receiver::domain::secret::{SecretLocation, SecretText, SecretVersion};
    use reset_receiver::ports::secret_writer::{SecretWriter, WriteTrouble};
    let bao = OpenBao::shared();
    bao.mount("kv-patch").await;
    let files = tempfile::tempdir().unwrap();
    let path = files.path().join("token");
    std::fs::write(&path, bao.root_token()).unwrap();
    let settings = Settings {
        address: bao.address().parse().unwrap(),
        namespace: None,
        ca_file: None,
        auth: Auth::TokenFile { path },
        connect_timeout: Duration::from_secs(10),
        timeout: Duration::from_secs(20),
    };
    let vault = Vault::new(settings, at_now()).unwrap();
    let place = SecretLocation { mount: "kv-patch".to_owned(), path: "x".to_owned() };
    let token = SecretText::new(TOKEN.to_owned());
    let write =
        |version| vault.patch_field(&place, "security_token", &token, SecretVersion(version));
    assert_eq!(write(1).await.unwrap_err().trouble, WriteTrouble::NothingThere);
    for password in ["a", "b"] {
        bao.write_secret("kv-patch", "x", &json!({"password": password})).await;
    }
    assert_eq!(write(1).await.unwrap_err().trouble, WriteTrouble::Moved);
    assert_eq!(vault.current_version(&place).await.unwrap(), Some(SecretVersion(2)));
    assert_eq!(write(2).await.unwrap(), SecretVersion(3));
    assert_eq!(
        bao.get("kv-patch/data/x").await["data"]["data"],
        json!({"password": "b", "security_token": TOKEN})
    );
}
