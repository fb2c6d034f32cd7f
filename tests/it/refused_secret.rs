//! A secret that Salesforce refuses: known only from the red error that the console shows.

use std::sync::Arc;
use std::time::Duration;

use reset_receiver::domain::entry::Entry;
use reset_receiver::domain::event::ResetKind;
use reset_receiver::domain::fault::Fault;
use reset_receiver::domain::ids::RotationId;
use reset_receiver::domain::phase::Phase;
use reset_receiver::domain::step::Step;
use reset_receiver::engine::operations::Verb;
use simulator::{Credential, Skin};

use crate::support::hand::Hand;
use crate::support::interruption::{Interrupted, Moment};
use crate::support::town::{Town, USERNAME};

/// The period of the connectors' syncs.
const SYNC: Duration = Duration::from_secs(600);
const ALL_OFF: [bool; 3] = [false; 3];

/// An installation that decides soon; every enabled connector logs in as soon as both are enabled.
async fn impatient(town: &Arc<Town>) -> Hand {
    let deadline = "[rotation]\nconfirm_deadline = \"500ms\"";
    let hand = Hand::configured(&town.config().replace("[rotation]", deadline)).await;
    let town = Arc::clone(town);
    hand.in_world(|world| {
        let journal = Arc::clone(&world.journal);
        world.journal = Interrupted::wrap(journal, move |moment| {
            let was_enabled = matches!(moment, Moment::After(Entry::Enabled { .. }));
            if was_enabled && town.states() == town.at_first() {
                town.simulator.tick(SYNC);
            }
            async { Ok(()) }
        });
    })
}

/// A rotation that got stuck because a wrong secret was refused.
async fn refused(skin: Skin) -> (Arc<Town>, Hand, RotationId, Credential) {
    let town = Arc::new(Town::new(skin).await);
    let hand = impatient(&town).await;
    let new = town.simulator.salesforce().reset_password(USERNAME, "right").unwrap();
    town.write_secret(&Credential::new(USERNAME, "wrong", "typed-by-a-person")).await;
    let rotation = hand.tell(&town, "reset", ResetKind::PasswordReset).await;
    hand.until(rotation, Phase::Stuck).await;
    (town, hand, rotation, new)
}

#[tokio::test]
async fn a_refused_secret_is_contained_again_told_and_never_tried_again() {
    for skin in Skin::ALL {
        let (town, hand, rotation, _) = refused(skin).await;
        assert_eq!(town.states(), ALL_OFF);
        let entries = hand.entries(rotation).await;
        let is_refused = |entry: &&Entry| matches!(entry, Entry::Refused { .. });
        let refused = entries.iter().find(is_refused).unwrap().to_string();
        assert!(refused.contains("was refused with version 1: "), "{refused}");
        assert!(refused.contains("INVALID_LOGIN"), "it repeats what the console shows: {refused}");
        let Some(Entry::Stuck { step, fault, message, .. }) = entries.last() else {
            panic!("the last entry is {:?}", entries.last())
        };
        assert_eq!((*step, *fault), (Step::Confirm, Fault::Rejected));
        let told = "a login with version 1 was refused; write the right secret as a newer version";
        assert_eq!(message, told);

        let failed = town.failed_connector_logins().len();
        assert_eq!(failed, 2, "one for each connector that was enabled");
        let again = hand.tell(&town, "again", ResetKind::PasswordReset).await;
        assert_eq!(again, rotation);
        hand.until(rotation, Phase::Stuck).await;
        drop(hand);
        let hand = impatient(&town).await;
        hand.until_idle().await;
        town.simulator.tick(SYNC);
        assert_eq!(town.failed_connector_logins().len(), failed);
        assert_eq!(town.states(), ALL_OFF);
        assert!(!town.simulator.salesforce().user(USERNAME).unwrap().locked);
    }
}

#[tokio::test]
async fn a_newer_right_version_completes_by_itself() {
    for skin in Skin::ALL {
        let (town, hand, rotation, new) = refused(skin).await;
        town.write_secret(&new).await;
        hand.until(rotation, Phase::Stuck).await;
        hand.until_said(rotation, |entry| matches!(entry, Entry::Completed { .. })).await;
        hand.until(rotation, Phase::Confirmed).await;
        assert_eq!(town.states(), town.at_first());
        assert!(town.held().iter().all(|held| *held == new));
        assert_eq!(town.failed_connector_logins().len(), 2, "none since the wrong secret");
        assert_eq!(town.simulator.open_sessions(), 0);
    }
}

#[tokio::test]
async fn an_operators_retry_tries_the_refused_version_once_more() {
    let (town, hand, rotation, _) = refused(Skin::Plain).await;
    town.simulator.salesforce().unlock(USERNAME).unwrap();
    hand.say(rotation, Verb::Retry).await;
    hand.until_said(rotation, |entry| matches!(entry, Entry::Retried { .. })).await;
    hand.until(rotation, Phase::Stuck).await;
    let names = hand.names(rotation).await;
    assert_eq!(names.iter().filter(|name| **name == "refused").count(), 2, "{names:?}");
    assert_eq!(town.states(), ALL_OFF);
    assert_eq!(town.failed_connector_logins().len(), 4);
}

#[tokio::test]
async fn an_error_that_is_not_about_the_login_is_told_and_stops_nothing() {
    let town = Town::with(Skin::Plain, |world| {
        world.instance("Acme FR", |plan| plan.other_error("A queue item was refused."))
    })
    .await;
    let section =
        "[[targets.acme.instances]]\nname = \"Acme FR\"\nintegration = true\n[sources.flow]";
    let hand = Hand::configured(&town.config().replace("[sources.flow]", section)).await;
    let new = town.simulator.salesforce().reset_password(USERNAME, "right").unwrap();
    town.write_secret(&new).await;
    let rotation = hand.tell(&town, "reset", ResetKind::PasswordReset).await;
    hand.until(rotation, Phase::Confirmed).await;
    let says = hand.says(rotation).await.join("\n");
    assert!(says.contains("integration:Acme FR: A queue item was refused."), "{says}");
    assert_eq!(town.states(), town.at_first());
}
