//! The console's own login: refused once and never again until somebody put it right.

use std::time::{Duration, Instant};

use reset_receiver::domain::entry::Entry;
use reset_receiver::domain::event::ResetKind;
use reset_receiver::domain::fault::Fault;
use reset_receiver::domain::ids::{RotationId, TargetName};
use reset_receiver::domain::phase::Phase;
use reset_receiver::engine::operations::Verb;
use serde_json::json;
use simulator::{Credential, SalesforceUser, Skin};

use crate::support::cable::Cable;
use crate::support::hand::Hand;
use crate::support::receiver::{Receiver, client, tell};
use crate::support::town::{CONSOLE_PASSWORD, CONSOLE_USER, Town, USERNAME};

/// A second login in the same console.
const OTHER: &str = "other.sync@acme.example";

async fn store_login(town: &Town, password: &str) {
    let login = json!({"username": CONSOLE_USER, "password": password});
    town.openbao.write_secret(&town.mount, "console", &login).await;
}

async fn reset(town: &Town, hand: &Hand, id: &str) -> (RotationId, Credential) {
    let new = town.simulator.salesforce().reset_password(USERNAME, id).unwrap();
    town.write_secret(&new).await;
    (hand.tell(town, id, ResetKind::PasswordReset).await, new)
}

/// The class and the words of the last failure.
async fn stuck(hand: &Hand, rotation: RotationId) -> (Fault, String) {
    assert_eq!(hand.until_rest(rotation).await, Phase::Stuck);
    let entries = hand.entries(rotation).await;
    let last = entries.iter().rev().find_map(|entry| {
        let Entry::Stuck { fault, message, .. } = entry else { return None };
        Some((*fault, message.clone()))
    });
    last.unwrap()
}

fn assert_done(town: &Town, new: &Credential) {
    assert_eq!(town.states(), town.at_first());
    assert!(town.held().iter().all(|held| held == new));
    assert_eq!(town.simulator.open_sessions(), 0);
}

#[tokio::test]
async fn a_refused_login_is_not_repeated_by_events_nor_by_restarts() {
    for skin in Skin::ALL {
        let town = Town::new(skin).await;
        store_login(&town, "not the password").await;
        let hand = Hand::new(&town).await;
        let (rotation, _) = reset(&town, &hand, "first").await;
        let (fault, message) = stuck(&hand, rotation).await;
        assert_eq!(fault, Fault::Rejected);
        assert_eq!(
            message,
            "the console refused the login: correct the console login in Vault, then retry"
        );
        assert_eq!(town.simulator.refused_console_logins(), 1);

        for id in ["second", "third"] {
            assert_eq!(reset(&town, &hand, id).await.0, rotation);
            let (fault, message) = stuck(&hand, rotation).await;
            assert_eq!(fault, Fault::Rejected);
            assert!(message.contains("was refused at"), "{message}");
            assert!(message.contains("correct it in Vault, then retry"), "{message}");
        }
        drop(hand);
        let hand = Hand::new(&town).await;
        assert_eq!(reset(&town, &hand, "after the restart").await.0, rotation);
        assert_eq!(stuck(&hand, rotation).await.0, Fault::Rejected);
        hand.until_idle().await;
        assert_eq!(town.simulator.refused_console_logins(), 1);
        assert_eq!(town.simulator.console_logins(), 0);
    }
}

#[tokio::test]
async fn a_corrected_login_completes_upon_an_operators_retry_without_the_refused_one() {
    for has_restarted in [false, true] {
        let town = Town::new(Skin::WebForms).await;
        store_login(&town, "not the password").await;
        let mut hand = Hand::new(&town).await;
        let (rotation, new) = reset(&town, &hand, "first").await;
        stuck(&hand, rotation).await;
        hand.plant.world.logins.prefetch().await;
        store_login(&town, CONSOLE_PASSWORD).await;
        hand.until_idle().await;
        assert_eq!(hand.phase(rotation).await, Phase::Stuck, "it waits for the operator's word");
        if has_restarted {
            hand = Hand::new(&town).await;
        }
        hand.say(rotation, Verb::Retry).await;
        hand.until(rotation, Phase::Confirmed).await;
        assert_done(&town, &new);
        assert_eq!(town.simulator.refused_console_logins(), 1);
    }
}

#[tokio::test]
async fn an_operators_retry_tries_the_same_login_again_and_once() {
    let town = Town::new(Skin::Plain).await;
    store_login(&town, "not the password").await;
    let hand = Hand::new(&town).await;
    let (rotation, _) = reset(&town, &hand, "first").await;
    for refusals in [1, 2, 3] {
        stuck(&hand, rotation).await;
        hand.until_idle().await;
        assert_eq!(town.simulator.refused_console_logins(), refusals);
        hand.say(rotation, Verb::Retry).await;
    }
}

#[tokio::test]
async fn the_next_reset_uses_a_corrected_login_by_itself() {
    let town = Town::new(Skin::Plain).await;
    store_login(&town, "not the password").await;
    let hand = Hand::new(&town).await;
    let (rotation, _) = reset(&town, &hand, "first").await;
    stuck(&hand, rotation).await;
    store_login(&town, CONSOLE_PASSWORD).await;
    let (joined, new) = reset(&town, &hand, "second").await;
    assert_eq!(joined, rotation);
    hand.until(rotation, Phase::Confirmed).await;
    assert_done(&town, &new);
    assert_eq!(town.simulator.refused_console_logins(), 1);
}

#[tokio::test]
async fn a_login_that_was_changed_since_it_was_read_is_read_again_before_it_counts_as_refused() {
    let town = Town::new(Skin::Plain).await;
    store_login(&town, "yesterday's password").await;
    let hand = Hand::new(&town).await;
    hand.plant.world.logins.prefetch().await;
    store_login(&town, CONSOLE_PASSWORD).await;
    let (rotation, new) = reset(&town, &hand, "first").await;
    hand.until(rotation, Phase::Confirmed).await;
    assert_done(&town, &new);
    assert_eq!(town.simulator.refused_console_logins(), 1);
}

#[tokio::test]
async fn two_targets_of_one_account_are_refused_once_together() {
    let user = SalesforceUser::new(OTHER, "other-password");
    let town = Town::with(Skin::Plain, |world| {
        let world = world.salesforce_user(user);
        world.instance("Acme DE", |plan| {
            plan.connector_with("Other Sync", |plan| plan.logs_in_as(OTHER))
        })
    })
    .await;
    let other = town.config().replace(
        "[sources.flow]",
        &format!(
            "[targets.other]\norganization_id = \"{}\"\nusername = \"{OTHER}\"\n\
             console = \"acme\"\nsecret = {{ mount = \"{}\", path = \"other\" }}\n\
             [[targets.other.instances]]\nname = \"Acme DE\"\nconnectors = [\"Other Sync\"]\n\
             [sources.flow]",
            town.simulator.salesforce().organization_id(),
            town.mount
        ),
    );
    store_login(&town, "not the password").await;
    let hand = Hand::configured(&other).await;
    let (first, new) = reset(&town, &hand, "first").await;
    let name = TargetName::parse("other").unwrap();
    let second = hand.plant.operations.rotate(&name, "on-call").await.unwrap();
    stuck(&hand, first).await;
    stuck(&hand, second).await;
    assert_ne!(first, second);
    assert_eq!(town.simulator.refused_console_logins(), 1);

    store_login(&town, CONSOLE_PASSWORD).await;
    let theirs = town.simulator.salesforce().reset_password(OTHER, "other-2").unwrap();
    let fields = json!({"password": theirs.password, "security_token": theirs.token});
    town.openbao.write_secret(&town.mount, "other", &fields).await;
    for rotation in [first, second] {
        hand.say(rotation, Verb::Retry).await;
        hand.until(rotation, Phase::Confirmed).await;
    }
    assert_done(&town, &new);
    assert_eq!(town.simulator.connector("Acme DE", "Other Sync").unwrap().holds, theirs);
    assert_eq!(town.simulator.refused_console_logins(), 1);
}

#[tokio::test]
async fn a_console_login_that_is_missing_or_half_there_needs_a_person_and_tries_nothing() {
    let town = Town::new(Skin::Plain).await;
    let login = json!({"username": CONSOLE_USER, "password": ""});
    town.openbao.write_secret(&town.mount, "console", &login).await;
    let hand = Hand::new(&town).await;
    let (rotation, new) = reset(&town, &hand, "first").await;
    let (fault, message) = stuck(&hand, rotation).await;
    assert_eq!(fault, Fault::Permanent);
    let place = format!("the console login at {}/console is incomplete", town.mount);
    assert!(message.contains(&place) && message.contains("`password`"), "{message}");
    assert_eq!(town.simulator.console_log().len(), 0);
    store_login(&town, CONSOLE_PASSWORD).await;
    hand.say(rotation, Verb::Retry).await;
    hand.until(rotation, Phase::Confirmed).await;
    assert_done(&town, &new);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_vault_did_not_give_at_the_start_is_read_once_it_can_be() {
    const KNOWN: &str = "reset_receiver_console_login_known{account=\"acme\"}";
    let town = Town::new(Skin::Plain).await;
    let vault = town.openbao.address();
    let cable = Cable::to(vault.strip_prefix("http://").unwrap()).await;
    let config = town.config().replace(vault, cable.address());
    std::fs::write(town.file("config.toml"), config).unwrap();
    cable.cut();
    let receiver = Receiver::start(&town);
    receiver.has_logged("connectors cannot be switched off before it is", 2).await;
    assert_eq!(receiver.sample(KNOWN).await, Some(0.0));
    cable.mend();
    receiver.has_logged("console login read at last", 1).await;
    assert_eq!(receiver.sample(KNOWN).await, Some(1.0));

    // From now on containment does without Vault.
    cable.cut();
    town.simulator.salesforce().reset_password(USERNAME, "second").unwrap();
    let told = tell(&client(), receiver.hooks.unwrap(), &town, "reset-1").await.unwrap();
    assert_eq!(told.0, 202, "{}", told.1);
    let began = Instant::now();
    while town.states().contains(&true) {
        assert!(began.elapsed() < Duration::from_secs(30), "not contained\n{}", receiver.log());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
