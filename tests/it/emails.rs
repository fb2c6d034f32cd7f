//! Mails that relays pass on, over TLS, with the real store: what each relay is answered, and what
//! the journal holds afterwards.

pub(crate) mod amazon;
mod canary;
mod flips;
pub(crate) mod post;
pub(crate) mod relays;
mod restart;
mod sample;
mod sns;
mod table;
pub(crate) mod tampering;
mod token;

use reset_receiver::domain::entry::Entry;
use reset_receiver::ports::journal::Journal;
use serde_json::Value;

use crate::support::contract::Contract;
use crate::support::public_listener::PublicListener;
use crate::support::sender::{Answer, Delivery, Sender};

const ROUTE: &str = "/v1/emails/{source}";

/// Posts to a source of mails, and holds the answer against `openapi.yaml`.
async fn send(sender: &Sender, delivery: &Delivery) -> Answer {
    let path = format!("/v1/emails/{}", delivery.source);
    let answer = sender.request(delivery, &path).await;
    let content_type = answer.header("content-type").unwrap_or_default();
    let status = answer.status.as_u16();
    Contract::read()
        .check(ROUTE, "post", status, content_type, &answer.body)
        .unwrap_or_else(|fault| panic!("{status} to {path}: {fault}; {}", answer.body));
    answer
}

/// The status, and what became of the mail; `problem` for a failure.
fn told(answer: &Answer) -> (u16, &str) {
    let status = answer.body["status"].as_str().unwrap_or("problem");
    (answer.status.as_u16(), status)
}

/// The ids of the events that the journal of the only rotation holds.
async fn events(listener: &PublicListener) -> Vec<String> {
    let rotations = listener.rotations().await;
    assert!(rotations.len() <= 1, "every event is about one login");
    let Some(rotation) = rotations.first() else { return Vec::new() };
    let rows = listener.store.rows(rotation.id).await.unwrap();
    let id = |entry: &Entry| {
        let Entry::Admitted { event_id, .. } = entry else { return None };
        Some(event_id.as_str().to_owned())
    };
    rows.iter().filter_map(|row| id(&row.entry)).collect()
}

/// When the events happened that the journal of the only rotation holds.
async fn times(listener: &PublicListener) -> Vec<String> {
    let rotation = listener.rotations().await.into_iter().next().unwrap();
    let rows = listener.store.rows(rotation.id).await.unwrap();
    let at = |entry: &Entry| {
        let Entry::Admitted { occurred_at, .. } = entry else { return None };
        Some(occurred_at.to_string())
    };
    rows.iter().filter_map(|row| at(&row.entry)).collect()
}

/// Everything in an answer that a reader of logs or of the wire could see.
fn seen(answer: &Answer) -> String {
    let body: &Value = &answer.body;
    format!("{} {:?} {body}", answer.status, answer.headers)
}
