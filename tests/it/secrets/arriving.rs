//! Secrets that are late, half there, too old, or gone.

use std::time::Duration;

use reqwest::Method;
use reset_receiver::domain::entry::Entry;
use reset_receiver::domain::event::ResetKind;
use reset_receiver::domain::phase::Phase;
use reset_receiver::engine::operations::Verb;
use reset_receiver::ports::journal::Admission;
use serde_json::json;
use simulator::{Credential, Skin};

use crate::secrets::settled::{ALL_OFF, assert_settled, rotate, settled, write};
use crate::support::hand::{Hand, accepted, now};
use crate::support::town::{Town, USERNAME};

#[tokio::test]
async fn a_half_written_secret_is_waited_for_in_words_and_used_when_the_other_half_arrives() {
    for skin in Skin::ALL {
        let (town, hand) = settled(skin).await;
        let old = town.credential();
        let new = town.simulator.salesforce().reset_password(USERNAME, "half").unwrap();
        write(&town, &json!({"password": new.password, "security_token": old.token})).await;

        let rotation = hand.tell(&town, "half", ResetKind::PasswordReset).await;
        hand.until_said(rotation, |entry| matches!(entry, Entry::Waiting { .. })).await;
        hand.turn().await;
        assert_eq!(hand.phase(rotation).await, Phase::AwaitingSecret);
        assert_eq!(town.states(), ALL_OFF, "it waits contained");
        let says = hand.says(rotation).await;
        let told = "waiting for the secret: security_token has not changed since version 1";
        assert_eq!(says.last().unwrap(), told);
        assert!(town.held().iter().all(|held| *held == old), "half a secret is written nowhere");

        town.write_secret(&new).await;
        hand.until(rotation, Phase::Confirmed).await;
        assert_settled(&town, &new);
    }
}

#[tokio::test]
async fn after_a_token_reset_the_token_alone_is_enough() {
    let (town, hand) = settled(Skin::Plain).await;
    let new = town.simulator.salesforce().reset_token(USERNAME).unwrap();
    town.write_secret(&new).await;
    let rotation = hand.tell(&town, "token", ResetKind::TokenReset).await;
    hand.until(rotation, Phase::Confirmed).await;
    assert_settled(&town, &new);
}

#[tokio::test]
async fn a_secret_from_before_the_reset_waits_for_a_newer_one_or_for_an_operators_word() {
    let town = Town::new(Skin::WebForms).await;
    let config = town.config().replace("[rotation]", "[rotation]\ngrace = \"1ms\"");
    let hand = Hand::configured(&config).await;
    let first = town.credential();
    town.write_secret(&first).await;

    let occurred_at = now() + Duration::from_millis(50);
    let told = hand.tell_at(&town, "first", ResetKind::PasswordReset, occurred_at).await;
    let rotation = accepted(told);
    hand.until_said(rotation, |entry| matches!(entry, Entry::Waiting { .. })).await;
    let says = hand.says(rotation).await.join("\n");
    assert!(says.contains("version 1 was written at ") && says.contains(", before this reset"));
    assert_eq!(town.states(), ALL_OFF);
    hand.until_idle().await;
    assert_eq!(hand.phase(rotation).await, Phase::AwaitingSecret, "it does not tire of waiting");

    hand.say(rotation, Verb::UseCurrentSecret).await;
    hand.until(rotation, Phase::Confirmed).await;
    assert_settled(&town, &first);

    let rotation = hand.tell(&town, "second", ResetKind::PasswordReset).await;
    let new = town.simulator.salesforce().reset_password(USERNAME, "second").unwrap();
    hand.until(rotation, Phase::AwaitingSecret).await;
    assert_eq!(town.states(), ALL_OFF);
    town.write_secret(&new).await;
    hand.until(rotation, Phase::Confirmed).await;
    assert_settled(&town, &new);
}

#[tokio::test]
async fn a_deleted_a_destroyed_and_an_incomplete_version_are_told_in_words_and_waited_out() {
    let (town, hand) = settled(Skin::Plain).await;
    let new = town.simulator.salesforce().reset_password(USERNAME, "gone").unwrap();
    let rotation = hand.tell(&town, "gone", ResetKind::PasswordReset).await;
    hand.until(rotation, Phase::AwaitingSecret).await;
    let waits_for = async |words: &str| {
        let waiting = |entry: &Entry| matches!(entry, Entry::Waiting { reason } if reason.to_string() == words);
        hand.until_said(rotation, waiting).await;
        assert_eq!(town.states(), ALL_OFF);
        assert_eq!(hand.phase(rotation).await, Phase::AwaitingSecret);
    };
    waits_for("Vault holds nothing newer than version 1, which is applied").await;

    // The worker is turned by hand: it never sees what is gone before the next turn.
    let slip = town.write_secret(&Credential::new(USERNAME, "slip", "of-the-pen")).await;
    let data = format!("{}/data/salesforce", town.mount);
    town.openbao.call(Method::DELETE, None, &data, None).await;
    waits_for("the current version was deleted").await;
    let destroy = format!("{}/destroy/salesforce", town.mount);
    town.openbao.post(&destroy, &json!({"versions": [slip]})).await;
    waits_for("the current version was destroyed").await;
    write(&town, &json!({"password": new.password})).await;
    waits_for("security_token is missing or empty in version 3").await;
    write(&town, &json!({"password": " ", "security_token": new.token})).await;
    waits_for("password is missing or empty in version 4").await;

    // A line end is a slip of whoever stored it, and no part of the secret.
    let (password, token) = (format!("{}\n", new.password), format!(" {}\r\n", new.token));
    write(&town, &json!({"password": password, "security_token": token})).await;
    hand.until(rotation, Phase::Confirmed).await;
    assert_settled(&town, &new);
}

#[tokio::test]
async fn late_or_repeated_news_makes_no_request_to_the_console() {
    let town = Town::new(Skin::Plain).await;
    let hand = Hand::new(&town).await;
    let occurred_at = now();
    let new = rotate(&town, &hand, "first").await;
    let requests = town.simulator.console_log().len();

    let again = hand.tell_at(&town, "first", ResetKind::PasswordReset, now()).await;
    assert!(matches!(again, Admission::Duplicate(Some(_))), "{again:?}");
    for (id, kind) in [("late", ResetKind::PasswordReset), ("later", ResetKind::TokenReset)] {
        let late = accepted(hand.tell_at(&town, id, kind, occurred_at).await);
        hand.until(late, Phase::NothingToDo).await;
    }
    assert_eq!(town.simulator.console_log().len(), requests);
    assert_settled(&town, &new);
}
