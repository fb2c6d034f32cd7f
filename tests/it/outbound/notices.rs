//! What notices share with outbound messages: client certificates, and signatures over the body.

use std::time::Duration;

use reqwest::StatusCode;
use reset_receiver::hooks::limits::Limits;
use reset_receiver::senders::hmac_body::{BodyKey, HmacBody, SIGNATURE, sign};
use reset_receiver::senders::source::{Authentication, Format, Source};
use serde_json::{Value, json};

use super::bench::{kept, of_salesforce, pinned, reset_event, source};
use crate::support::public_listener::PublicListener;
use crate::support::sender::{Answer, Delivery, Sender, changed, notice};

const KEY: &str = "0123456789abcdef0123456789abcdef";
const PREVIOUS_KEY: &str = "fedcba9876543210fedcba9876543210";

async fn listener(authentication: Authentication) -> PublicListener {
    let source = source("apex", reset_event(), vec![authentication]);
    let source = Source { format: Format::Notice, ..source };
    PublicListener::of(vec![source], Limits::default()).await
}

async fn signing() -> PublicListener {
    let keys = [KEY, PREVIOUS_KEY].map(|key| BodyKey::parse(key).unwrap());
    listener(Authentication::HmacBody(HmacBody::new(keys.to_vec(), Duration::from_mins(5)))).await
}

fn signed(notice: &Value, key: &str) -> Delivery {
    let body = notice.to_string().into_bytes();
    let signature = sign(&BodyKey::parse(key).unwrap(), &body);
    Delivery::signed(notice)
        .without("webhook-id")
        .without("webhook-timestamp")
        .without("webhook-signature")
        .with(SIGNATURE, &signature)
        .with_body(body)
}

async fn sent(receiver: &PublicListener, delivery: &Delivery) -> Answer {
    Sender::to(receiver).send(delivery).await
}

#[tokio::test]
async fn a_signature_over_the_body_is_enough_under_each_key_and_a_repetition_is_a_duplicate() {
    let receiver = signing().await;
    for (key, status) in [(KEY, "accepted"), (KEY, "duplicate"), (PREVIOUS_KEY, "duplicate")] {
        let answer = sent(&receiver, &signed(&notice(), key)).await;
        assert_eq!(answer.body["status"], status);
    }
    assert_eq!(kept(&receiver).len(), 1);
}

#[tokio::test]
async fn a_body_that_was_touched_or_signed_by_somebody_else_is_refused() {
    let receiver = signing().await;
    let good = signed(&notice(), KEY);
    let reformatted = serde_json::to_vec_pretty(&notice()).unwrap();
    let cases = [
        ("another body", good.clone().with_body(reformatted)),
        ("another key", signed(&notice(), "another-key-another-key-12")),
        ("no signature", good.clone().without(SIGNATURE)),
        ("an empty signature", good.clone().with(SIGNATURE, "sha256=")),
        ("Standard Webhooks instead", Delivery::signed(&notice())),
    ];
    for (what, delivery) in cases {
        let answer = sent(&receiver, &delivery).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{what}");
        assert_eq!(answer.header("www-authenticate"), Some("HmacBody"), "{what}");
    }
    assert!(kept(&receiver).is_empty());
}

#[tokio::test]
async fn the_time_in_the_body_is_held_against_the_window_and_the_id_has_to_stand_there() {
    let receiver = signing().await;
    // The receiver's clock stands at 09:15:04.
    for (at, status) in [
        ("2026-03-02T09:10:04Z", StatusCode::ACCEPTED),
        ("2026-03-02T09:10:03.999Z", StatusCode::UNAUTHORIZED),
        ("2026-03-02T09:20:05Z", StatusCode::BAD_REQUEST),
    ] {
        let notice = changed(json!({"occurred_at": at, "id": at}));
        assert_eq!(sent(&receiver, &signed(&notice, KEY)).await.status, status, "{at}");
    }
    let answer = sent(&receiver, &signed(&changed(json!({"id": null})), KEY)).await;
    assert_eq!(answer.wrong_fields(), ["id"]);
    assert_eq!(kept(&receiver).len(), 1);
}

#[tokio::test]
async fn a_client_certificate_proves_the_sender_of_a_notice_as_well() {
    let ours = of_salesforce("ours.example");
    let receiver = listener(pinned(&ours.pins(), &[])).await;
    let delivery = signed(&notice(), KEY).without(SIGNATURE);
    assert_eq!(sent(&receiver, &delivery).await.status, StatusCode::UNAUTHORIZED);
    let identity = format!("{}{}", ours.key_pem, ours.pem);
    let root = reqwest::Certificate::from_der(&receiver.certificate.der).unwrap();
    let client = reqwest::Client::builder()
        .tls_certs_only([root])
        .resolve("localhost", receiver.address)
        .identity(reqwest::Identity::from_pem(identity.as_bytes()).unwrap())
        .build()
        .unwrap();
    let url = format!("https://localhost:{}/v1/resets/apex", receiver.address.port());
    let request = client.post(url).header("content-type", "application/json");
    let answer = request.body(notice().to_string()).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::ACCEPTED);
}
