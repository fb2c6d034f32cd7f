//! Bounds of size, rate and time for deliveries that are authentic otherwise.

use std::time::Duration;

use reqwest::StatusCode;
use reset_receiver::hooks::limits::Limits;
use reset_receiver::ports::meter::DeliveryOutcome;
use rusqlite::Connection;
use serde_json::json;

use crate::support::public_listener::{KEY, PublicListener};
use crate::support::sender::{Delivery, Sender, changed, notice};

const LIMIT: usize = 64 * 1024;

/// A good notice of exactly so many bytes.
fn padded(bytes: usize) -> Delivery {
    let mut body = notice().to_string().into_bytes();
    body.resize(bytes, b' ');
    Delivery::signed_bytes(body, KEY, 0)
}

#[tokio::test]
async fn a_body_may_have_64_kib_and_not_a_byte_more() {
    let receiver = PublicListener::start().await;
    let sender = Sender::to(&receiver);
    let answer = sender.send(&padded(LIMIT + 1)).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(answer.header("connection"), Some("close"));
    assert!(receiver.rotations().await.is_empty());
    assert_eq!(sender.send(&padded(LIMIT)).await.status, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn a_head_may_have_16_kib_and_not_much_more() {
    let receiver = PublicListener::start().await;
    let sender = Sender::to(&receiver);
    let with = |bytes: usize| Delivery::signed(&notice()).with("x-filler", &"f".repeat(bytes));
    let answer = sender.send(&with(16 * 1024)).await;
    assert_eq!(answer.status, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    assert!(receiver.rotations().await.is_empty());
    assert_eq!(sender.send(&with(15 * 1024)).await.status, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn more_than_a_source_may_send_is_put_off_and_other_sources_are_not() {
    let receiver = PublicListener::with(Limits::default(), 3).await;
    let sender = Sender::to(&receiver);
    let stranger = Delivery::signed(&notice()).with("webhook-id", "other");
    for _ in 0..3 {
        assert_eq!(sender.send(&stranger).await.status, StatusCode::UNAUTHORIZED);
    }
    let answer = sender.send(&Delivery::signed(&notice())).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait), "one a minute comes back: {wait}");
    assert!(receiver.rotations().await.is_empty());
    assert_eq!(
        receiver.counted().last().unwrap(),
        &("apex".to_owned(), DeliveryOutcome::Throttled)
    );
    let other = sender.send(&Delivery::with_token("flow", &notice())).await;
    assert_eq!(other.status, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn a_store_that_takes_too_long_is_answered_503_and_the_event_may_come_again() {
    let limits = Limits { admission_deadline: Duration::from_millis(200), ..Limits::default() };
    let receiver = PublicListener::with(limits, 100).await;
    let sender = Sender::to(&receiver);
    let other = Connection::open(receiver.database()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let answer = sender.send(&Delivery::signed(&notice())).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    other.execute_batch("ROLLBACK").unwrap();
    // Once the store is free, the delivery that was given up has either been written or not;
    // the redelivery ends at the same rotation in both cases.
    let probe = sender.send(&Delivery::signed(&changed(json!({"id": "event-2"})))).await;
    assert_eq!(probe.status, StatusCode::ACCEPTED);
    let again = sender.send(&Delivery::signed(&notice())).await;
    assert!(again.status.is_success(), "{again:?}");
    assert_eq!(again.body["rotation_id"], probe.body["rotation_id"]);
    assert_eq!(receiver.rotations().await.len(), 1);
}
