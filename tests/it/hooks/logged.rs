//! What the running program's log holds of deliveries: one line for each request, and why an
//! authentic one was refused, without anything of what it said.

use reqwest::header::CONTENT_TYPE;
use reqwest::{RequestBuilder, StatusCode};
use serde_json::{Value, json};
use simulator::Skin;

use crate::support::receiver::{Receiver, client, tell};
use crate::support::town::Town;

const TOKEN: &str = "a-token-of-the-sender-of-32-bytes";
const PATH_SECRET: &str = "a-path-secret-of-at-least-24-characters";
const LOGIN: &str = "relay:a-password-of-at-least-24-bytes";
const JSON: &str = "application/json";
/// Stands in everything that is sent.
const CANARY: &str = "CANARY-of-the-body";

/// A town with a source of each format besides the one that it has.
async fn town() -> Town {
    let town = Town::smallest(Skin::Plain).await;
    for (name, text) in [("token", TOKEN), ("path-secret", PATH_SECRET), ("login", LOGIN)] {
        std::fs::write(town.file(name), text).unwrap();
    }
    let file = |name: &str| town.file(name).display().to_string();
    let sources = format!(
        r#"
[sources.script]
format = "notice"
[[sources.script.authentication]]
scheme = "bearer"
token_files = ["{token}"]
[sources.agent]
format = "vault-event"
[[sources.agent.authentication]]
scheme = "bearer"
token_files = ["{token}"]
[sources.message]
format = "outbound-message"
[sources.message.message]
object = "Credential_Reset_Event__c"
username_field = "Target_Username__c"
occurred_at_field = "Occurred_At__c"
kind = "password_reset"
[[sources.message.authentication]]
scheme = "path-secret"
path_secret_files = ["{path_secret}"]
[sources.mailbox]
format = "email"
[sources.mailbox.email]
relay = "postmark"
organization_id = "00D5e000001AbCdEAK"
login_files = ["{login}"]
"#,
        token = file("token"),
        path_secret = file("path-secret"),
        login = file("login"),
    );
    std::fs::write(town.file("config.toml"), town.config() + &sources).unwrap();
    town
}

fn post(receiver: &Receiver, path: &str, media_type: &str, body: String) -> RequestBuilder {
    let url = format!("https://{}/v1/{path}", receiver.hooks.unwrap());
    client().post(url).header(CONTENT_TYPE, media_type).body(body)
}

async fn status(request: RequestBuilder) -> StatusCode {
    request.send().await.unwrap().status()
}

/// The lines with this message.
fn lines(receiver: &Receiver, message: &str) -> Vec<Value> {
    let log = receiver.log();
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter(|line| line["message"] == message).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_says_why_a_delivery_that_cannot_be_read_was_refused_and_nothing_that_it_said() {
    let town = town().await;
    let mut receiver = Receiver::start(&town);
    let bearer = |path, media_type, body: Value| {
        post(&receiver, path, media_type, body.to_string()).bearer_auth(TOKEN)
    };
    let notice = json!({"id": "1", "type": CANARY, "occurred_at": CANARY, "username": CANARY});
    let twice = format!("{{\"{CANARY}\": 1, \"{CANARY}\": 2}}");
    let large = json!({ "id": CANARY.repeat(8000) });
    let (user, password) = LOGIN.split_once(':').unwrap();
    let message = format!("outbound-messages/message/{PATH_SECRET}");
    for (request, answer) in [
        (bearer("resets/script", JSON, notice.clone()), 400),
        (post(&receiver, "resets/script", JSON, twice).bearer_auth(TOKEN), 400),
        (bearer("resets/script", "text/plain", notice.clone()), 415),
        (bearer("resets/script", JSON, large), 413),
        (bearer("vault-events/agent", JSON, json!({ "path": CANARY, "version": CANARY })), 400),
        (bearer("vault-events/agent?access_token=x", JSON, json!({})), 400),
        (bearer("vault-events/agent", "application/cloudevents-batch+json", json!([CANARY])), 415),
        (post(&receiver, &message, "text/xml", format!("<{CANARY}/>")), 400),
        (post(&receiver, &message, JSON, CANARY.to_owned()), 415),
        // This relay's word for "do not send it again".
        (
            post(&receiver, "emails/mailbox", JSON, json!([CANARY]).to_string())
                .basic_auth(user, Some(password)),
            403,
        ),
        // Strangers: as before.
        (post(&receiver, "resets/script", JSON, notice.to_string()), 401),
        (post(&receiver, "resets/nobody", JSON, notice.to_string()), 404),
    ] {
        assert_eq!(status(request).await, answer);
    }
    receiver.terminate();
    let refused = lines(&receiver, "delivery refused");
    let said: Vec<(&str, &str)> = refused
        .iter()
        .map(|line| (line["source"].as_str().unwrap(), line["reason"].as_str().unwrap()))
        .collect();
    let expected = [
        ("script", "fields are missing or wrong: type: must be password_reset or token_reset; "),
        ("script", "a key stands twice in the same object"),
        ("script", "the body must be application/json in UTF-8"),
        ("script", "the body is larger than 65536 bytes"),
        ("agent", "fields are missing or wrong: "),
        ("agent", "a token in the address is not accepted"),
        ("agent", "a batch is not accepted"),
        ("message", "the body is not an envelope of SOAP 1.1"),
        ("message", "the body must be text/xml"),
        ("mailbox", "the body is not the JSON that the relay documents"),
        ("script", ""),
    ];
    assert_eq!(said.len(), expected.len(), "{said:#?}");
    for (said, expected) in said.into_iter().zip(expected) {
        assert!(said.0 == expected.0 && said.1.starts_with(expected.1), "{said:?}, {expected:?}");
    }
    assert!(refused.iter().all(|line| line["level"] == "WARN"));
    assert!(!receiver.log().contains("CANARY"), "{}", receiver.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn how_long_a_request_took_is_a_number() {
    let town = Town::smallest(Skin::Plain).await;
    let mut receiver = Receiver::start(&town);
    tell(&client(), receiver.hooks.unwrap(), &town, "reset-1").await.unwrap();
    receiver.terminate();
    let [line] = &lines(&receiver, "request")[..] else { panic!("{}", receiver.log()) };
    assert!(line["milliseconds"].is_u64(), "{line}");
    assert_eq!(line["status"], 202, "{line}");
}
