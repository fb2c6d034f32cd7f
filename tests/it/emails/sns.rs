//! Amazon SNS: certificates, subscriptions, and messages of other topics.

use std::sync::Arc;

use reset_receiver::hooks::limits::Limits;
use reset_receiver::senders::email::relay::Relay;
use serde_json::{Value, json};

use super::amazon::{Signer, message};
use super::post::token_mail;
use super::relays::sources;
use super::{events, send, told};
use crate::support::mail_town::{FewPages, MailTown};
use crate::support::public_listener::{NOW, PublicListener, at_now};
use crate::support::sender::{Answer, Delivery, Sender};

const CONFIRM: &str = "https://sns.eu-west-2.amazonaws.com/?Action=ConfirmSubscription&Token=abc";

async fn listener(web: Arc<FewPages>) -> (PublicListener, Sender) {
    let town = MailTown::new(sources(), web);
    let listener = PublicListener::with_mails(Limits::default(), 1_000, at_now(), town).await;
    let sender = Sender::to(&listener);
    (listener, sender)
}

/// Whether a message was not believed. SNS would not come back after a 4xx, so that the status is the
/// same as when something is missing here.
fn is_refused(answer: &Answer) -> bool {
    let detail = &answer.body["detail"];
    told(answer) == (503, "problem") && detail == "the delivery could not be authenticated"
}

fn posted(message: &Value) -> Delivery {
    token_mail("x").by(Relay::SesSns).with_body(message.to_string())
}

#[tokio::test]
async fn a_certificate_is_fetched_once_and_kept() {
    let web = Signer::web();
    let (_listener, sender) = listener(Arc::clone(&web)).await;
    for id in ["one", "two", "three"] {
        let answer = send(&sender, &token_mail(id).by(Relay::SesSns)).await;
        assert_eq!(told(&answer), (200, "accepted"));
    }
    assert_eq!(web.visits(), [Signer::all()[0].url.as_str()]);
}

#[tokio::test]
async fn a_message_of_version_1_is_verified_with_sha_1() {
    let web = Arc::new(FewPages::default());
    let body = include_str!("sns_version_1.json");
    let message: Value = serde_json::from_str(body).unwrap();
    let url = message["SigningCertURL"].as_str().unwrap();
    web.publish(url, include_str!("sns_version_1.pem"));
    let (listener, sender) = listener(web).await;
    assert_eq!(told(&send(&sender, &posted(&message)).await), (200, "accepted"));
    assert_eq!(events(&listener).await, ["first-version@salesforce.com"]);
    for (key, value) in [("SignatureVersion", "2"), ("SignatureVersion", "3"), ("MessageId", "x")] {
        let mut changed = message.clone();
        changed[key] = json!(value);
        assert!(is_refused(&send(&sender, &posted(&changed)).await), "{key}");
    }
}

#[tokio::test]
async fn every_bit_of_a_signature_counts() {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    let (_listener, sender) = listener(Signer::web()).await;
    let delivery = token_mail("x").by(Relay::SesSns);
    assert_eq!(told(&send(&sender, &delivery).await), (200, "accepted"));
    let whole: Value = serde_json::from_slice(&delivery.body).unwrap();
    let bytes = STANDARD.decode(whole["Signature"].as_str().unwrap()).unwrap();
    for at in (0..bytes.len()).step_by(17) {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << (at % 8);
        let mut message = whole.clone();
        message["Signature"] = json!(STANDARD.encode(flipped));
        assert!(is_refused(&send(&sender, &posted(&message)).await), "{at}");
    }
}

#[tokio::test]
async fn nothing_but_amazon_is_visited_for_a_certificate() {
    let web = Signer::web();
    let (listener, sender) = listener(Arc::clone(&web)).await;
    let [_, _, stranger] = Signer::all();
    let mail = token_mail("evil").notification().to_string();
    for url in [
        "https://evil.example/SimpleNotificationService-0.pem",
        "http://sns.eu-west-2.amazonaws.com/SimpleNotificationService-0.pem",
        "https://sns.eu-west-2.amazonaws.com.evil.example/x.pem",
        "https://sns.eu-west-2.amazonaws.com/?Action=Publish",
    ] {
        web.publish(url, &stranger.pem);
        let named = stranger.sign(message("Notification", NOW, &mail), stranger);
        let mut named = named.clone();
        named["SigningCertURL"] = json!(url);
        assert!(is_refused(&send(&sender, &posted(&named)).await), "{url}");
    }
    assert!(web.visits().is_empty());
    assert!(events(&listener).await.is_empty());
}

#[tokio::test]
async fn a_certificate_that_cannot_be_fetched_is_no_reason_to_lose_a_mail() {
    let web = Signer::web();
    let (_listener, sender) = listener(Arc::clone(&web)).await;
    let [current, ..] = Signer::all();
    web.remove(&current.url);
    let delivery = token_mail("late").by(Relay::SesSns);
    assert_eq!(told(&send(&sender, &delivery).await), (503, "problem"));
    web.publish(&current.url, "no certificate at all");
    assert!(is_refused(&send(&sender, &delivery).await));
    web.publish(&current.url, &current.pem);
    assert_eq!(told(&send(&sender, &delivery).await), (200, "accepted"));
}

#[tokio::test]
async fn a_stranger_cannot_make_the_receiver_visit_amazon_without_end() {
    let web = Signer::web();
    let (_listener, sender) = listener(Arc::clone(&web)).await;
    let [current, ..] = Signer::all();
    let mail = token_mail("x").notification().to_string();
    for n in 0..20 {
        let mut named = current.sign(message("Notification", NOW, &mail), current);
        named["SigningCertURL"] = json!(format!("https://sns.eu-west-{n}.amazonaws.com/x.pem"));
        assert_eq!(told(&send(&sender, &posted(&named)).await), (503, "problem"), "{n}");
    }
    assert_eq!(web.visits().len(), 10);
}

#[tokio::test]
async fn a_subscription_is_confirmed_for_the_configured_topic_and_at_amazon_alone() {
    let web = Signer::web();
    web.publish(CONFIRM, "<ConfirmSubscriptionResponse/>");
    let (listener, sender) = listener(Arc::clone(&web)).await;
    let [current, _, stranger] = Signer::all();
    let confirmation = |topic: &str, url: &str| {
        let mut message = message("SubscriptionConfirmation", NOW, "You have chosen to subscribe");
        message.insert("TopicArn".to_owned(), json!(topic));
        message.insert("SubscribeURL".to_owned(), json!(url));
        message.insert("Token".to_owned(), json!("abc"));
        message
    };
    let topic = super::amazon::TOPIC;
    let other = "arn:aws:sns:eu-west-2:999999999999:sf-token-mail";
    let said = |message: Value| {
        let sender = &sender;
        async move { send(sender, &posted(&message)).await }
    };
    let answer = said(current.sign(confirmation(other, CONFIRM), current)).await;
    assert!(is_refused(&answer));
    let answer = said(stranger.sign(confirmation(topic, CONFIRM), current)).await;
    assert!(is_refused(&answer));
    let elsewhere = "https://evil.example/?Action=ConfirmSubscription";
    let answer = said(current.sign(confirmation(topic, elsewhere), current)).await;
    assert_eq!(told(&answer), (200, "put_aside"));
    let certificate = current.url.as_str();
    assert_eq!(web.visits(), [certificate, certificate], "no confirmation yet");
    let answer = said(current.sign(confirmation(topic, CONFIRM), current)).await;
    assert_eq!(told(&answer), (200, "subscribed"));
    assert_eq!(web.visits(), [CONFIRM]);
    web.remove(CONFIRM);
    let answer = said(current.sign(confirmation(topic, CONFIRM), current)).await;
    assert_eq!(told(&answer), (503, "problem"));
    assert!(events(&listener).await.is_empty());
}
