//! Authentic deliveries that say nothing that can be understood.

use reqwest::StatusCode;
use reset_receiver::ports::meter::DeliveryOutcome;
use serde_json::json;

use crate::support::public_listener::{KEY, PublicListener};
use crate::support::sender::{Delivery, Sender, changed, notice};

fn bytes(body: impl Into<Vec<u8>>) -> Delivery {
    Delivery::signed_bytes(body.into(), KEY, 0)
}

#[tokio::test]
async fn a_body_that_is_not_a_json_object_is_refused_with_its_reason() {
    let twice = notice().to_string().replace("{\"id\"", "{\"type\":\"token_reset\",\"id\"");
    let truncated = notice().to_string();
    let cases: Vec<(&[u8], &str)> = vec![
        (b"", "the body is not JSON: line 1, column 0"),
        (b"\xff\xfe{}", "the body is not UTF-8"),
        (b"{\"id\": \"\xc3\"}", "the body is not UTF-8"),
        (b"[]", "the body must be a JSON object, not an array"),
        (b"{} {}", "the body is not JSON: line 1, column 4"),
        (twice.as_bytes(), "a key stands twice in the same object"),
    ];
    let receiver = PublicListener::start().await;
    let sender = Sender::to(&receiver);
    for (body, detail) in cases {
        let answer = sender.send(&bytes(body)).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{detail}");
        assert_eq!(answer.body["detail"], detail);
    }
    let answer = sender.send(&bytes(&truncated.as_bytes()[..40])).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let answer = sender.send(&bytes(format!("{}1{}", "[".repeat(17), "]".repeat(17)))).await;
    assert_eq!(answer.body["detail"], "the body is nested deeper than 16 levels");
    assert!(receiver.rotations().await.is_empty());
    let counted = receiver.counted();
    assert!(counted.iter().all(|(_, outcome)| *outcome == DeliveryOutcome::Malformed));
}

#[tokio::test]
async fn every_field_that_is_wrong_is_named_at_once() {
    let cases = [
        (json!({"username": null, "user_id": null}), vec!["username"]),
        (json!({"organization_id": "00D5e000001AbC"}), vec!["organization_id"]),
        (json!({"organization_id": "00D5e000001AbCdEA"}), vec!["organization_id"]),
        (json!({"user_id": "00D5e000001AbCd"}), vec!["user_id"]),
        (json!({"type": "secret_written"}), vec!["type"]),
        (json!({"occurred_at": "2026-03-02T09:15:00"}), vec!["occurred_at"]),
        (json!({"occurred_at": "2026-03-02T09:20:05Z"}), vec!["occurred_at"]),
        (json!({"id": "x".repeat(257)}), vec!["id"]),
        (
            json!({"id": 1, "type": [], "occurred_at": null, "organization_id": {}, "user_id": ""}),
            vec!["id", "type", "occurred_at", "organization_id", "user_id"],
        ),
    ];
    let receiver = PublicListener::start().await;
    let sender = Sender::to(&receiver);
    for (changes, fields) in cases {
        let answer = sender.send(&Delivery::signed(&changed(changes.clone()))).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{changes}");
        assert_eq!(answer.wrong_fields(), fields, "{changes}");
    }
    assert!(receiver.rotations().await.is_empty());
}

#[tokio::test]
async fn only_json_in_utf_8_is_read() {
    let receiver = PublicListener::start().await;
    let sender = Sender::to(&receiver);
    let with = |value: &str| Delivery::signed(&notice()).with("content-type", value);
    let refused = [
        Delivery::signed(&notice()).without("content-type"),
        with("text/plain"),
        with("application/xml"),
        with("application/json5"),
        with("application/json; charset=iso-8859-1"),
        with("application/json; charset=nonsense"),
        Delivery::signed(&notice()).with("content-encoding", "gzip"),
    ];
    for delivery in refused {
        let answer = sender.send(&delivery).await;
        let headers = &delivery.headers;
        assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{headers:?}");
    }
    assert!(receiver.rotations().await.is_empty());
    let read = ["application/json", "application/json; charset=UTF-8", "Application/JSON;v=1"];
    for (n, value) in read.into_iter().enumerate() {
        let delivery = Delivery::signed(&changed(json!({"id": n.to_string()})));
        let answer = sender.send(&delivery.with("content-type", value)).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{value}");
    }
}
