//! The news that Vault holds a new version, which nobody calls a reset.

use reset_receiver::domain::entry::Entry;
use reset_receiver::domain::phase::Phase;
use serde_json::json;
use simulator::Skin;

use crate::secrets::settled::{assert_settled, rotate, settled, write};
use crate::support::hand::Hand;
use crate::support::town::{Town, USERNAME};

#[tokio::test]
async fn a_rewrite_of_what_is_applied_makes_no_request_to_the_console() {
    let (town, hand) = settled(Skin::Plain).await;
    let held = town.credential();
    let requests = town.simulator.console_log().len();
    assert_eq!(town.write_secret(&held).await, 2);
    let rotation = hand.tell_written(&town, "rewritten").await;
    hand.until(rotation, Phase::NothingToDo).await;
    assert_eq!(town.simulator.console_log().len(), requests);
    assert_settled(&town, &held);
}

#[tokio::test]
async fn a_new_secret_rotates_although_nobody_told_of_a_reset() {
    for skin in Skin::ALL {
        let (town, hand) = settled(skin).await;
        let new = town.simulator.salesforce().reset_password(USERNAME, "written").unwrap();
        town.write_secret(&new).await;
        let rotation = hand.tell_written(&town, "written").await;
        hand.until(rotation, Phase::Confirmed).await;
        assert_settled(&town, &new);
    }
}

#[tokio::test]
async fn the_first_secret_of_all_rotates() {
    let town = Town::new(Skin::Plain).await;
    let hand = Hand::new(&town).await;
    let held = town.credential();
    town.write_secret(&held).await;
    let rotation = hand.tell_written(&town, "first").await;
    hand.until(rotation, Phase::Confirmed).await;
    assert_settled(&town, &held);
}

#[tokio::test]
async fn half_a_new_secret_stops_nothing_until_the_other_half_is_there() {
    let (town, hand) = settled(Skin::Plain).await;
    let old = town.credential();
    let requests = town.simulator.console_log().len();
    // Whoever changes the password in Vault first may change it in Salesforce last.
    write(&town, &json!({"password": "half", "security_token": old.token})).await;
    let rotation = hand.tell_written(&town, "half").await;
    hand.until_said(rotation, |entry| matches!(entry, Entry::Waiting { .. })).await;
    hand.until_idle().await;
    assert_eq!(hand.phase(rotation).await, Phase::AwaitingSecret);
    assert_eq!(town.simulator.console_log().len(), requests, "no login was reset, none is stopped");
    assert_eq!(town.states(), town.at_first());

    let new = town.simulator.salesforce().reset_password(USERNAME, "half").unwrap();
    town.write_secret(&new).await;
    hand.until(rotation, Phase::Confirmed).await;
    assert_settled(&town, &new);
}

#[tokio::test]
async fn it_ends_the_wait_of_a_rotation_at_once() {
    let (town, hand) = {
        let (town, _) = settled(Skin::Plain).await;
        let polls = "secret_poll_first = \"50ms\"\nsecret_poll_cap = \"100ms\"";
        let patient = "secret_poll_first = \"1h\"\nsecret_poll_cap = \"1h\"";
        let hand = Hand::configured(&town.config().replace(polls, patient)).await;
        (town, hand)
    };
    let new = town.simulator.salesforce().reset_password(USERNAME, "waited-for").unwrap();
    let reset = reset_receiver::domain::event::ResetKind::PasswordReset;
    let rotation = hand.tell(&town, "waited-for", reset).await;
    hand.until(rotation, Phase::AwaitingSecret).await;
    town.write_secret(&new).await;
    hand.until_idle().await;
    assert_eq!(hand.phase(rotation).await, Phase::AwaitingSecret, "the next look is in an hour");
    assert_eq!(hand.tell_written(&town, "written").await, rotation, "the news joins it");
    hand.until(rotation, Phase::Confirmed).await;
    assert_settled(&town, &new);
}

#[tokio::test]
async fn a_written_secret_that_repeats_what_a_finished_rotation_applied_is_no_news() {
    let (town, hand) = settled(Skin::WebForms).await;
    let new = rotate(&town, &hand, "second").await;
    let requests = town.simulator.console_log().len();
    let rotation = hand.tell_written(&town, "of the second").await;
    hand.until(rotation, Phase::NothingToDo).await;
    assert_eq!(town.simulator.console_log().len(), requests);
    assert_settled(&town, &new);
}
