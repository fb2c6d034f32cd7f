//! Every sender with everything that can be right or wrong about a delivery, held against a table.

use std::fmt::Write;
use std::time::Duration;

use reqwest::Client;
use reset_receiver::hooks::limits::Limits;
use serde_json::Value;

use super::who::{Inapplicable, Request, Who};
use super::wish::Wish;
use crate::emails::amazon::Signer;
use crate::outbound::bench::kept;
use crate::support::contract::Contract;
use crate::support::mail_town::MailTown;
use crate::support::public_listener::{PublicListener, at_now};

/// Status, what became of it, and how many events the journal gained by it: for every sender and
/// every condition, or why it cannot be in that condition.
const TABLE: &str = include_str!("table.txt");

/// A listener for all senders.
pub(super) async fn listener() -> PublicListener {
    let sources = Who::ALL.map(Who::source).to_vec();
    let town = MailTown::new(sources, Signer::web());
    PublicListener::with_mails(Limits::default(), 1_000, at_now(), town).await
}

/// Sends a request, holds the answer against `openapi.yaml`, and says what became of it.
pub(super) async fn told(listener: &PublicListener, who: Who, request: &Request) -> (u16, String) {
    let root = reqwest::Certificate::from_der(&listener.certificate.der).unwrap();
    let mut client = Client::builder()
        .tls_certs_only([root])
        .resolve("localhost", listener.address)
        .timeout(Duration::from_secs(30));
    if let Some(shown) = &request.shown {
        client = client.identity(shown.identity());
    }
    let url = format!("https://localhost:{}{}", listener.address.port(), request.path);
    let mut post = client.build().unwrap().post(url).body(request.delivery.body.clone());
    for (name, value) in &request.delivery.headers {
        post = post.header(*name, value);
    }
    let response = post.send().await.unwrap();
    let status = response.status().as_u16();
    let kind = response.headers()["content-type"].to_str().unwrap().to_owned();
    let body = response.text().await.unwrap();
    let json = serde_json::from_str(&body).unwrap_or_else(|_| Value::String(body.clone()));
    Contract::read()
        .check(who.route(), "post", status, &kind, &json)
        .unwrap_or_else(|breach| panic!("{}: {status} {kind}: {breach}: {body}", who.name()));
    (status, word(&json))
}

/// What became of a delivery, in one word.
fn word(body: &Value) -> String {
    let soap = |body: &str| {
        let words = [("<Ack>true<", "ack"), ("<Ack>false<", "nack"), ("Fault>", "fault")];
        words.into_iter().find(|(part, _)| body.contains(part)).map(|(_, word)| word.to_owned())
    };
    match body.as_str() {
        Some(body) => soap(body).expect("an answer in SOAP"),
        None => body["status"].as_str().unwrap_or("problem").to_owned(),
    }
}

/// The rows of one sender.
struct Rows {
    listener: PublicListener,
    who: Who,
    text: String,
}

impl Rows {
    async fn add(&mut self, condition: &str, request: Result<Request, Inapplicable>) {
        let name = self.who.name();
        let found = match request {
            Err(reason) => format!("- {reason}"),
            Ok(request) => {
                let before = kept(&self.listener).len();
                let (status, word) = told(&self.listener, self.who, &request).await;
                let gained = kept(&self.listener).len() - before;
                format!("{status} {word} +{gained}")
            }
        };
        writeln!(self.text, "{name:<20} {condition:<20} {found}").unwrap();
    }
}

async fn rows(who: Who) -> String {
    let mut rows = Rows { listener: listener().await, who, text: String::new() };
    let good = |id: &str| Wish::good(id);
    rows.add("valid", Ok(who.make(&good("first")))).await;
    rows.add("redelivered", Ok(who.make(&good("first")))).await;
    rows.add("batch of 3", who.batch("three")).await;
    rows.add("rotated key", Ok(who.make(&Wish { key: 1, ..good("rotated") }))).await;
    rows.add("wrong key", Ok(who.make(&Wish { key: 2, ..good("wrong") }))).await;
    rows.add("forged", Ok(who.forged("forged"))).await;
    rows.add("stale", who.stale("stale")).await;
    rows.add("replayed", who.replayed("first", "other")).await;
    rows.add("missing header", Ok(who.unproven("unproven"))).await;
    let size = who.limit();
    rows.add("as large as may be", Ok(who.make(&Wish { size, ..good("large") }))).await;
    rows.add("oversize", Ok(who.make(&Wish { size: size + 1, ..good("larger") }))).await;
    rows.add("malformed", Ok(who.malformed("malformed"))).await;
    rows.add("wrong organisation", who.of_others("others")).await;
    rows.add("valid once more", Ok(who.make(&good("last")))).await;
    rows.text
}

#[tokio::test]
async fn every_sender_in_every_condition_is_answered_as_the_table_says() {
    let mut found = String::new();
    for who in Who::ALL {
        found.push_str(&rows(who).await);
    }
    let differing: Vec<_> = similar(&found);
    assert!(
        differing.is_empty(),
        "what was found, and is not in table.txt:\n{}",
        differing.join("\n")
    );
    assert_eq!(found.lines().count(), TABLE.lines().count(), "the table has rows of no sender");
}

fn similar(found: &str) -> Vec<&str> {
    found.lines().filter(|line| !TABLE.lines().any(|row| row == *line)).collect()
}
