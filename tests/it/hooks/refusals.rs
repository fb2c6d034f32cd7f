//! Strangers: whatever is wrong, one answer, and nothing in the journal.

use reqwest::StatusCode;
use reset_receiver::ports::meter::DeliveryOutcome;
use reset_receiver::senders::standard_webhooks::{ID, SIGNATURE, TIMESTAMP};
use serde_json::Value;

use crate::support::public_listener::{KEY, NOW, PublicListener};
use crate::support::sender::{Delivery, Sender, notice};

const OTHER_KEY: &str = "whsec_b3RoZXItb3RoZXItb3RoZXItb3RoZXItb3RoZXI=";

fn good() -> Delivery {
    Delivery::signed(&notice())
}

fn at(seconds: i64) -> Delivery {
    Delivery::signed_bytes(notice().to_string().into_bytes(), KEY, seconds)
}

fn forgeries() -> Vec<(&'static str, Delivery)> {
    let bytes = notice().to_string().into_bytes();
    let mut tampered = bytes.clone();
    tampered.push(b' ');
    let reformatted = serde_json::to_vec_pretty(&notice()).unwrap();
    let later = NOW.parse::<jiff::Timestamp>().unwrap().as_second() + 1;
    vec![
        ("wrong key", Delivery::signed_bytes(bytes.clone(), OTHER_KEY, 0)),
        ("one byte more", good().with_body(tampered)),
        ("written differently", good().with_body(reformatted)),
        ("another id", good().with(ID, "message-2")),
        ("another time", good().with(TIMESTAMP, &later.to_string())),
        ("stale", at(-301)),
        ("from the future", at(301)),
        ("no id", good().without(ID)),
        ("no time", good().without(TIMESTAMP)),
        ("no signature", good().without(SIGNATURE)),
        ("empty signature", good().with(SIGNATURE, "v1,")),
        ("another version", good().with(SIGNATURE, "v1a,AAAA")),
        ("a token where a signature is asked for", Delivery::with_token("apex", &notice())),
        (
            "a wrong token",
            Delivery::with_token("flow", &notice()).with("authorization", "Bearer x"),
        ),
        ("basic", Delivery::with_token("flow", &notice()).with("authorization", "Basic eDp4")),
        ("not even JSON, and not signed", good().with_body("{")),
    ]
}

#[tokio::test]
async fn every_stranger_gets_the_same_answer() {
    let receiver = PublicListener::start().await;
    let sender = Sender::to(&receiver);
    let mut answers: Vec<Value> = Vec::new();
    for (name, delivery) in forgeries() {
        let answer = sender.send(&delivery).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{name}");
        let challenge =
            if delivery.source == "apex" { "StandardWebhooks" } else { "StandardWebhooks, Bearer" };
        assert_eq!(answer.header("www-authenticate"), Some(challenge), "{name}");
        answers.push(answer.body);
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{answers:#?}");
    let expected = ("apex".to_owned(), DeliveryOutcome::Unauthenticated);
    assert_eq!(receiver.counted()[0], expected);
}

#[tokio::test]
async fn a_stranger_leaves_nothing_in_the_journal() {
    let receiver = PublicListener::start().await;
    let sender = Sender::to(&receiver);
    for (_, delivery) in forgeries() {
        sender.send(&delivery).await;
    }
    assert!(receiver.rotations().await.is_empty());
    // Nor is the event's id taken: the real sender's delivery is not a duplicate.
    assert_eq!(sender.send(&good()).await.status, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn a_header_that_is_there_twice_is_refused() {
    let receiver = PublicListener::start().await;
    let sender = Sender::to(&receiver);
    for name in [ID, TIMESTAMP, SIGNATURE] {
        let mut delivery = good();
        let value = delivery.headers.iter().find(|(header, _)| *header == name).cloned().unwrap();
        delivery.headers.push(value);
        assert_eq!(sender.send(&delivery).await.status, StatusCode::UNAUTHORIZED, "{name}");
    }
}

#[tokio::test]
async fn an_answer_tells_nothing_of_keys_or_of_the_signature_that_would_be_right() {
    let receiver = PublicListener::start().await;
    let sender = Sender::to(&receiver);
    let good = good();
    let right = &good.headers.iter().find(|(name, _)| *name == SIGNATURE).unwrap().1;
    let secrets = [KEY.trim_start_matches("whsec_"), right.trim_start_matches("v1,")];
    let answer = sender.send(&good.clone().with(SIGNATURE, "v1,AAAA")).await;
    let told = format!("{:?} {}", answer.headers, answer.body);
    assert!(secrets.iter().all(|secret| !told.contains(secret)), "{told}");
}

#[tokio::test]
async fn an_unknown_source_is_not_found_whatever_its_name() {
    let receiver = PublicListener::start().await;
    let sender = Sender::to(&receiver);
    for source in ["nobody", "APEX", "apex%00", "..%2fapex", "%ff", &"a".repeat(64)] {
        let answer = sender.send(&good().to(source)).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{source}");
        assert_eq!(answer.body["detail"], "there is no such source", "{source}");
    }
    let counted = receiver.counted();
    assert!(counted.iter().all(|(source, _)| source == "-"), "{counted:?}");
}

#[tokio::test]
async fn only_post_is_served_and_only_on_the_routes_of_senders() {
    use reqwest::Method;
    let receiver = PublicListener::start().await;
    let sender = Sender::to(&receiver);
    for method in [Method::GET, Method::PUT, Method::DELETE, Method::OPTIONS, Method::PATCH] {
        let answer = sender.send(&good().with_method(method.clone())).await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{method}");
        assert_eq!(answer.header("allow"), Some("POST"), "{method}");
    }
    let elsewhere =
        ["/", "/livez", "/readyz", "/metrics", "/v1/targets", "/v1/resets", "/v1/resets/apex/"];
    for path in elsewhere {
        let answer = sender.request(&good(), path).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{path}");
        assert_eq!(answer.body["detail"], "there is no such route", "{path}");
    }
    assert!(receiver.rotations().await.is_empty());
}
