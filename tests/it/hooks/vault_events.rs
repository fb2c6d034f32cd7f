//! Vault events at the public listener: every form, the hand-shake, and what is left alone.

use reqwest::{Method, StatusCode};
use reset_receiver::domain::entry::Entry;
use reset_receiver::domain::event::ResetKind;
use reset_receiver::domain::secret::SecretVersion;
use reset_receiver::ports::journal::Journal;
use reset_receiver::ports::meter::DeliveryOutcome;
use serde_json::{Value, json};

use crate::support::contract::Contract;
use crate::support::public_listener::{KEY, PublicListener};
use crate::support::sender::{Answer, Delivery, Sender};

const ROUTE: &str = "/v1/vault-events/enterprise";

/// Sends to the route and holds the answer against `openapi.yaml`.
async fn send(sender: &Sender, delivery: &Delivery) -> Answer {
    let answer = sender.request(delivery, ROUTE).await;
    let method = delivery.method.as_str().to_lowercase();
    let media = answer.header("content-type").unwrap_or_default();
    let status = answer.status.as_u16();
    Contract::read()
        .check("/v1/vault-events/{source}", &method, status, media, &answer.body)
        .unwrap_or_else(|fault| panic!("{status}: {fault}"));
    answer
}

/// The minimal form, about the secret of the target `acme`.
fn minimal(version: u64) -> Value {
    json!({"path": "secret/data/acme", "version": version})
}

/// What Vault sends of the secret of the target `acme`.
fn vaults_own(event_type: &str) -> Value {
    json!({
        "id": "0b7e6c1a", "source": "vault://lab", "specversion": "1.0", "type": "*",
        "datacontentype": "application/cloudevents", "time": "2026-03-02T09:14:00.5Z",
        "data": {
            "event": {"id": "0b7e6c1a", "metadata": {
                "current_version": "7", "data_path": "secret/data/acme", "modified": "true",
                "operation": "data-write", "path": "secret/data/acme",
            }},
            "event_type": event_type,
            "plugin_info": {"mount_path": "secret/", "plugin": "kv"},
        },
    })
}

fn with_token(body: &Value) -> Delivery {
    Delivery::with_token("enterprise", body)
}

fn structured(body: &Value) -> Delivery {
    with_token(body).with("content-type", "application/cloudevents+json; charset=utf-8")
}

#[tokio::test]
async fn a_structured_event_of_vaults_is_written_down_with_its_time_and_version() {
    let receiver = PublicListener::start().await;
    let sender = Sender::to(&receiver);
    let answer = send(&sender, &structured(&vaults_own("kv-v2/data-write"))).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
    assert_eq!(answer.body["event_id"], "vault://lab#0b7e6c1a");
    let [rotation] = receiver.rotations().await.try_into().unwrap();
    let rows = receiver.store.rows(rotation.id).await.unwrap();
    let Entry::Admitted { kind, occurred_at, version, .. } = &rows[1].entry else { panic!() };
    assert_eq!((*kind, *version), (ResetKind::SecretWritten, Some(SecretVersion(7))));
    assert_eq!(occurred_at.to_string(), "2026-03-02T09:14:00.5Z");

    let again = send(&sender, &with_token(&vaults_own("kv-v2/data-write"))).await;
    assert_eq!((again.status, &again.body["status"]), (StatusCode::OK, &json!("duplicate")));
    let outcomes: Vec<_> = receiver.counted().into_iter().map(|(_, outcome)| outcome).collect();
    assert_eq!(outcomes, [DeliveryOutcome::Accepted, DeliveryOutcome::Duplicate]);
}

#[tokio::test]
async fn path_and_version_alone_are_an_event_and_the_same_ones_are_a_duplicate() {
    let receiver = PublicListener::start().await;
    let sender = Sender::to(&receiver);
    let first = send(&sender, &with_token(&minimal(7))).await;
    assert_eq!(first.body["event_id"], "vault:secret/data/acme:7");
    assert_eq!(first.status, StatusCode::ACCEPTED);
    let again = send(&sender, &with_token(&minimal(7))).await;
    assert_eq!(again.body["status"], "duplicate");
    let next = send(&sender, &with_token(&minimal(8))).await;
    assert_eq!(next.body["rotation_id"], first.body["rotation_id"], "it joins");
    let elsewhere = json!({"path": "secret/data/nobody", "version": 1});
    let answer = send(&sender, &with_token(&elsewhere)).await;
    assert_eq!((answer.status, &answer.body["status"]), (StatusCode::OK, &json!("unmatched")));
}

#[tokio::test]
async fn a_signature_covers_the_id_and_one_byte_more_spoils_it() {
    let receiver = PublicListener::start().await;
    let sender = Sender::to(&receiver);
    let signed = Delivery::signed_bytes(minimal(7).to_string().into_bytes(), KEY, 0);
    let answer = send(&sender, &signed).await;
    assert_eq!(
        (answer.status, &answer.body["event_id"]),
        (StatusCode::ACCEPTED, &json!("message-1"))
    );
    let mut body = signed.body.clone();
    body.push(b' ');
    let answer = send(&sender, &signed.clone().with_body(body)).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    // The attributes of the binary form are not signed: another id in a header is no other event.
    let replayed = signed
        .with("ce-specversion", "1.0")
        .with("ce-id", "2")
        .with("ce-source", "vault://lab")
        .with("ce-type", "kv-v2/data-write");
    assert_eq!(send(&sender, &replayed).await.body["status"], "duplicate");
}

#[tokio::test]
async fn a_binary_event_has_its_attributes_in_headers() {
    let receiver = PublicListener::start().await;
    let sender = Sender::to(&receiver);
    let binary = with_token(&vaults_own("")["data"])
        .with("ce-specversion", "1.0")
        .with("ce-id", "1")
        .with("ce-source", "vault://lab")
        .with("ce-type", "kv-v2/data-write");
    let mut data = vaults_own("")["data"].clone();
    data.as_object_mut().unwrap().remove("event_type");
    let answer = send(&sender, &binary.with_body(data.to_string())).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
    assert_eq!(answer.body["event_id"], "vault://lab#1");
}

#[tokio::test]
async fn what_tells_of_no_write_is_ignored_without_a_trace_in_the_journal() {
    let receiver = PublicListener::start().await;
    let sender = Sender::to(&receiver);
    for kind in ["kv-v2/data-delete", "kv-v2/destroy", "kv-v2/metadata-write", "database/rotate"] {
        let answer = send(&sender, &structured(&vaults_own(kind))).await;
        assert_eq!(answer.status, StatusCode::OK, "{kind}");
        assert_eq!(answer.body["status"], "ignored", "{kind}");
        assert_eq!(answer.body["rotation_id"], Value::Null);
    }
    assert!(receiver.rotations().await.is_empty());
    assert!(receiver.counted().iter().all(|(_, outcome)| *outcome == DeliveryOutcome::Ignored));
    // It was not written down, so that a write with the same id is still news.
    let written = send(&sender, &structured(&vaults_own("kv-v2/data-write"))).await;
    assert_eq!(written.body["status"], "accepted");
}

#[tokio::test]
async fn what_cannot_be_taken_is_refused_with_a_sentence() {
    let receiver = PublicListener::start().await;
    let sender = Sender::to(&receiver);
    let one = vaults_own("kv-v2/data-write");
    let batch = with_token(&json!([one]))
        .with("content-type", "application/cloudevents-batch+json; charset=utf-8");
    let answer = send(&sender, &batch).await;
    assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let sentence = "a batch is not accepted: send each event in a request of its own";
    assert_eq!(answer.body["detail"], sentence);
    let text = with_token(&minimal(7)).with("content-type", "text/plain");
    assert_eq!(send(&sender, &text).await.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let answer = send(&sender, &with_token(&json!({"version": "seven"}))).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(answer.wrong_fields(), ["version", "path", "version"]);
    let wrong = with_token(&minimal(7)).with("authorization", "Bearer guess");
    let answer = send(&sender, &wrong).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert_eq!(answer.header("www-authenticate"), Some("StandardWebhooks, Bearer"));
    assert!(receiver.rotations().await.is_empty());
}

#[tokio::test]
async fn a_token_in_the_address_is_refused_even_where_it_is_right() {
    let receiver = PublicListener::start().await;
    let sender = Sender::to(&receiver);
    let token = crate::support::public_listener::TOKEN;
    for query in [format!("?access_token={token}"), "?a=b&acc%65ss_token=x".to_owned()] {
        let delivery = with_token(&minimal(7)).without("authorization");
        let answer = sender.request(&delivery, &format!("{ROUTE}{query}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query}");
        assert!(answer.body["detail"].as_str().unwrap().contains("header Authorization"));
    }
    assert!(receiver.rotations().await.is_empty());
}

#[tokio::test]
async fn the_hand_shake_is_answered_and_proves_nothing() {
    let receiver = PublicListener::start().await;
    let sender = Sender::to(&receiver);
    let ask = Delivery {
        method: Method::OPTIONS,
        source: "enterprise".to_owned(),
        headers: vec![
            ("webhook-request-origin", "eventgrid.azure.net".to_owned()),
            ("webhook-request-rate", "120".to_owned()),
            ("webhook-request-callback", format!("http://{}/", receiver.address)),
        ],
        body: Vec::new(),
    };
    let answer = sender.request(&ask, ROUTE).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header("allow"), Some("POST, OPTIONS"));
    assert_eq!(answer.header("webhook-allowed-origin"), Some("eventgrid.azure.net"));
    assert_eq!(
        answer.header("webhook-allowed-rate"),
        Some("1"),
        "what the source is configured for"
    );
    let unproven = with_token(&minimal(7))
        .without("authorization")
        .with("webhook-request-origin", "eventgrid.azure.net");
    assert_eq!(send(&sender, &unproven).await.status, StatusCode::UNAUTHORIZED);

    let nobody = sender.request(&ask, "/v1/vault-events/nobody").await;
    assert_eq!(nobody.status, StatusCode::NOT_FOUND);
    let nameless = ask.clone().without("webhook-request-origin");
    let answer = sender.request(&nameless, ROUTE).await;
    assert_eq!(answer.header("webhook-allowed-origin"), None, "nobody asked");
    let odd = ask.with("webhook-request-origin", "<script>");
    assert_eq!(sender.request(&odd, ROUTE).await.header("webhook-allowed-origin"), None);
    let get = with_token(&minimal(7)).with_method(Method::GET);
    let answer = sender.request(&get, ROUTE).await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(answer.header("allow"), Some("POST, OPTIONS"));
}

#[tokio::test]
async fn a_source_has_the_route_of_its_format_alone() {
    let receiver = PublicListener::start().await;
    let sender = Sender::to(&receiver);
    for path in ["/v1/resets/enterprise", "/v1/vault-events/flow"] {
        let answer = sender.request(&with_token(&minimal(7)), path).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
    }
}
