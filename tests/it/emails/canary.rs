//! The real program, told by mail alone: the token finds its way from the mailbox through Vault
//! into both surfaces without human hands, and is seen nowhere else.

use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;
use serde_json::{Value, json};
use simulator::Skin;

use super::relays::LOGINS;
use crate::support::receiver::{Receiver, client};
use crate::support::town::{CONNECTORS, INSTANCES, Town, USERNAME};

const PATIENCE: Duration = Duration::from_mins(1);

/// Adds a source of mails to the installation.
fn take_mails(town: &Town) {
    let login = town.file("login");
    std::fs::write(&login, LOGINS[0]).unwrap();
    let patterns = town.file("patterns.toml");
    // The simulator's tokens have another form than Salesforce's.
    let built_in = reset_receiver::senders::email::patterns::BUILT_IN;
    std::fs::write(&patterns, built_in.replace("[A-Za-z0-9]{20,32}", "\\S+")).unwrap();
    let config = format!(
        "{}\n[sources.mailbox]\nformat = \"email\"\n[sources.mailbox.email]\n\
         relay = \"postmark\"\norganization_id = \"{}\"\nlogin_files = [\"{}\"]\n\
         pattern_file = \"{}\"\nwrite_token_to_vault = true\n",
        town.config(),
        town.simulator.salesforce().organization_id(),
        login.display(),
        patterns.display(),
    );
    std::fs::write(town.file("config.toml"), config).unwrap();
}

fn mail(token: &str) -> Value {
    let date = DateTimePrinter::new().timestamp_to_string(&Timestamp::now()).unwrap();
    json!({
        "From": "noreply@salesforce.com", "Subject": "Your new Salesforce security token",
        "MessageID": "canary-mail", "Date": date,
        "TextBody": format!("Username: {USERNAME}\r\nSecurity token (case-sensitive): {token}\r\n"),
        "Headers": [{"Name": "Received-SPF", "Value": "pass envelope-from=b@salesforce.com"}],
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mailed_token_reaches_both_surfaces_and_is_seen_nowhere_else() {
    let town = Town::new(Skin::WebForms).await;
    take_mails(&town);
    let old = json!({"password": "first-CANARY-password", "security_token": "first-CANARY-token"});
    town.openbao.write_secret(&town.mount, "salesforce", &old).await;
    let mut receiver = Receiver::start(&town);
    let new = town.simulator.salesforce().reset_token(USERNAME).unwrap();
    let answer = client()
        .post(format!("https://{}/v1/emails/mailbox", receiver.hooks.unwrap()))
        .header("authorization", format!("Basic {}", STANDARD.encode(LOGINS[0])))
        .json(&mail(&new.token))
        .send()
        .await
        .unwrap();
    let status = answer.status().as_u16();
    let told = answer.text().await.unwrap();
    assert_eq!(status, 200, "{told}");

    let began = Instant::now();
    let rotation = loop {
        let listed = receiver.get("/v1/rotations").await;
        if listed["rotations"][0]["phase"] == "confirmed" {
            break listed["rotations"][0]["id"].as_str().unwrap().to_owned();
        }
        assert!(began.elapsed() < PATIENCE, "{listed}\n{}", receiver.log());
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    for (instance, name, _) in CONNECTORS {
        assert!(town.simulator.connector(instance, name).unwrap().holds == new, "{name}");
    }
    for name in INSTANCES {
        assert!(town.simulator.integration(name).unwrap().holds == new, "{name}");
    }
    let journal = receiver.get(&format!("/v1/rotations/{rotation}")).await.to_string();
    assert!(journal.contains("mailbox told of a token reset"), "{journal}");

    let metrics = format!("http://{}/metrics", receiver.operator.unwrap());
    let metrics = client().get(metrics).send().await.unwrap().text().await.unwrap();
    assert_eq!(receiver.terminate(), Some(0), "{}", receiver.log());
    let log = receiver.log();
    assert!(log.contains("mailed token"), "what is searched is the log");
    let mut places = vec![told, journal, metrics, log];
    for entry in std::fs::read_dir(town.directory()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        places.push(String::from_utf8_lossy(&bytes).into_owned());
    }
    for place in places {
        assert!(!place.contains(&new.token), "the token is in {place}");
        assert!(!place.contains(&STANDARD.encode(&new.token)), "the token is in {place}");
    }
}
