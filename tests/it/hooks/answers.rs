//! Authentic notices: what is answered, and what is written down first.

use reqwest::StatusCode;
use reset_receiver::domain::entry::Entry;
use reset_receiver::domain::phase::Phase;
use reset_receiver::ports::journal::Journal;
use reset_receiver::ports::meter::DeliveryOutcome;
use serde_json::{Value, json};

use crate::support::public_listener::{KEY, PREVIOUS_KEY, PublicListener};
use crate::support::sender::{Delivery, Sender, changed, notice};

#[tokio::test]
async fn an_accepted_notice_is_in_the_journal_and_wakes_the_worker() {
    let receiver = PublicListener::start().await;
    let answer = Sender::to(&receiver).send(&Delivery::signed(&notice())).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    assert_eq!(answer.body["status"], "accepted");
    assert_eq!(answer.body["event_id"], "event-1");

    let [rotation] = receiver.rotations().await.try_into().unwrap();
    assert_eq!(answer.body["rotation_id"], rotation.id.to_string());
    assert_eq!(rotation.target.as_str(), "acme");
    assert_eq!(rotation.phase, Phase::AwaitingSecret, "there is no connector to contain");
    let rows = receiver.store.rows(rotation.id).await.unwrap();
    let admitted = rows.iter().find_map(|row| {
        let Entry::Admitted { source, event_id, occurred_at, .. } = &row.entry else { return None };
        Some((source.as_str(), event_id.as_str(), occurred_at.to_string()))
    });
    assert_eq!(admitted, Some(("apex", "event-1", "2026-03-02T09:15:00Z".to_owned())));
    let woken = tokio::time::timeout(std::time::Duration::from_secs(5), receiver.wake.notified());
    woken.await.expect("the worker is woken");
    assert_eq!(receiver.counted(), [("apex".to_owned(), DeliveryOutcome::Accepted)]);
}

#[tokio::test]
async fn a_notice_that_comes_again_is_a_duplicate_and_changes_nothing() {
    let receiver = PublicListener::start().await;
    let sender = Sender::to(&receiver);
    let first = sender.send(&Delivery::signed(&notice())).await;
    let again = sender.send(&Delivery::signed(&notice())).await;
    assert_eq!(again.status, StatusCode::OK);
    assert_eq!(again.body["status"], "duplicate");
    assert_eq!(again.body["rotation_id"], first.body["rotation_id"]);
    let [rotation] = receiver.rotations().await.try_into().unwrap();
    let rows = receiver.store.rows(rotation.id).await.unwrap();
    let admitted = rows.iter().filter(|row| matches!(row.entry, Entry::Admitted { .. })).count();
    assert_eq!(admitted, 1);
}

#[tokio::test]
async fn the_same_id_from_another_source_is_another_event_that_joins() {
    let receiver = PublicListener::start().await;
    let sender = Sender::to(&receiver);
    let first = sender.send(&Delivery::signed(&notice())).await;
    let other = sender.send(&Delivery::with_token("flow", &notice())).await;
    assert_eq!((other.status, &other.body["status"]), (StatusCode::ACCEPTED, &json!("accepted")));
    assert_eq!(other.body["rotation_id"], first.body["rotation_id"]);
    assert_eq!(receiver.rotations().await.len(), 1);
}

#[tokio::test]
async fn a_hundred_deliveries_of_one_event_at_once_are_accepted_once() {
    let receiver = PublicListener::start().await;
    let sender = std::sync::Arc::new(Sender::to(&receiver));
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let sender = std::sync::Arc::clone(&sender);
        tasks.spawn(async move { sender.send(&Delivery::signed(&notice())).await.status });
    }
    let statuses = tasks.join_all().await;
    let count = |wanted| statuses.iter().filter(|status| **status == wanted).count();
    assert_eq!((count(StatusCode::ACCEPTED), count(StatusCode::OK)), (1, 99));
    assert_eq!(receiver.rotations().await.len(), 1);
}

#[tokio::test]
async fn a_reset_of_nobody_that_is_configured_is_unmatched_and_remembered() {
    let strangers = [
        json!({"organization_id": "00D5e000001XXXX"}),
        json!({"organization_id": "00d5e000001AbCd".replace("00d", "00D").to_uppercase()}),
        json!({"username": "somebody.else@example.com"}),
        json!({"username": null, "user_id": "0055e000002XXXX"}),
    ];
    for stranger in strangers {
        let receiver = PublicListener::start().await;
        let sender = Sender::to(&receiver);
        let delivery = Delivery::signed(&changed(stranger.clone()));
        let answer = sender.send(&delivery).await;
        let seen = (answer.status, &answer.body["status"], &answer.body["rotation_id"]);
        assert_eq!(seen, (StatusCode::OK, &json!("unmatched"), &Value::Null), "{stranger}");
        assert!(receiver.rotations().await.is_empty(), "{stranger}");
        let again = sender.send(&delivery).await;
        assert_eq!(again.body["status"], "duplicate", "{stranger}");
    }
}

#[tokio::test]
async fn a_source_speaks_only_for_its_targets() {
    let receiver = PublicListener::start().await;
    let sender = Sender::to(&receiver);
    let answer = sender.send(&Delivery::with_token("partner", &notice())).await;
    assert_eq!(answer.body["status"], "unmatched");
    assert!(receiver.rotations().await.is_empty());
}

#[tokio::test]
async fn every_way_to_name_the_login_and_the_time_is_understood() {
    let ways = [
        json!({"id": "a", "organization_id": "00D5e000001AbCd"}),
        json!({"id": "b", "user_id": "0055e000002KjHg"}),
        json!({"id": "c", "user_id": null}),
        json!({"id": "d", "username": null}),
        json!({"id": "e", "username": "Gator.Sync@Example.COM"}),
        json!({"id": "f", "type": "token_reset"}),
        json!({"id": "g", "occurred_at": "2026-03-02T10:15:00.123+01:00"}),
        json!({"id": "h", "occurred_at": "2026-03-02T09:15:00.000+0000"}),
        json!({"id": "i", "occurred_at": "2026-03-02T09:20:04Z"}),
        json!({"id": "j", "sent_by": {"flow": ["Reset", 3]}}),
    ];
    let receiver = PublicListener::start().await;
    let sender = Sender::to(&receiver);
    for way in ways {
        let answer = sender.send(&Delivery::signed(&changed(way.clone()))).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{way}: {answer:?}");
    }
    assert_eq!(receiver.rotations().await.len(), 1, "all of them are about one login");
}

#[tokio::test]
async fn both_keys_are_good_and_so_is_each_of_two_ways_to_authenticate() {
    let body = |id: &str| changed(json!({"id": id})).to_string().into_bytes();
    let deliveries = [
        Delivery::signed_bytes(body("a"), KEY, 0),
        Delivery::signed_bytes(body("b"), PREVIOUS_KEY, 0),
        Delivery::signed_bytes(body("c"), KEY, 0).to("flow"),
        Delivery::with_token("flow", &changed(json!({"id": "d"}))),
        Delivery::signed_bytes(body("e"), KEY, -300),
        Delivery::signed_bytes(body("f"), KEY, 300),
    ];
    let receiver = PublicListener::start().await;
    let sender = Sender::to(&receiver);
    for delivery in deliveries {
        let answer = sender.send(&delivery).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{:?}: {answer:?}", delivery.headers);
    }
}

#[tokio::test]
async fn a_signed_delivery_without_an_id_in_its_body_is_known_by_the_signed_id() {
    let receiver = PublicListener::start().await;
    let sender = Sender::to(&receiver);
    let nameless = changed(json!({"id": null}));
    let answer = sender.send(&Delivery::signed(&nameless)).await;
    assert_eq!(answer.body["event_id"], "message-1");
    let again = sender.send(&Delivery::signed(&nameless)).await;
    assert_eq!(again.body["status"], "duplicate");
    let unsigned = sender.send(&Delivery::with_token("flow", &nameless)).await;
    assert_eq!(unsigned.status, StatusCode::BAD_REQUEST);
    assert_eq!(unsigned.wrong_fields(), ["id"]);
}

#[tokio::test]
async fn what_cannot_be_written_down_is_answered_503_and_not_lost_silently() {
    let receiver = PublicListener::start().await;
    let sender = Sender::to(&receiver);
    receiver.store.close().await;
    let answer = sender.send(&Delivery::signed(&notice())).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.header("retry-after"), Some("10"));
    assert_eq!(receiver.counted(), [("apex".to_owned(), DeliveryOutcome::Unavailable)]);
}
