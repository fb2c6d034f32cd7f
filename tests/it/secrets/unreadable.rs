//! A Vault that is sealed, gone, or does not let the program in.

use std::sync::Arc;

use reset_receiver::domain::entry::Entry;
use reset_receiver::domain::event::ResetKind;
use reset_receiver::domain::fault::Fault;
use reset_receiver::domain::phase::Phase;
use reset_receiver::domain::step::Step;
use reset_receiver::engine::operations::Verb;
use serde_json::json;
use simulator::Skin;

use crate::secrets::settled::{ALL_OFF, assert_settled};
use crate::support::cable::Cable;
use crate::support::hand::Hand;
use crate::support::interruption::{Interrupted, Moment};
use crate::support::town::{Town, USERNAME};

/// An installation that reaches Vault over a wire, with the console's login in its memory.
async fn over_a_wire(town: &Town) -> (Hand, Cable) {
    let address = town.openbao.address();
    let wire = Cable::to(address.trim_start_matches("http://")).await;
    let hand = Hand::configured(&town.config().replace(address, wire.address())).await;
    hand.plant.world.logins.prefetch().await;
    (hand, wire)
}

fn deferred(entry: &Entry) -> Option<(Step, Fault, &str)> {
    match entry {
        Entry::Deferred { step, fault, message, .. } => Some((*step, *fault, message)),
        _ => None,
    }
}

#[tokio::test]
async fn while_vault_is_gone_everything_is_contained_with_the_login_in_memory() {
    for skin in Skin::ALL {
        let town = Town::new(skin).await;
        let (hand, wire) = over_a_wire(&town).await;
        let new = town.simulator.salesforce().reset_password(USERNAME, "gone").unwrap();
        town.write_secret(&new).await;
        wire.cut();
        let rotation = hand.tell(&town, "gone", ResetKind::PasswordReset).await;
        hand.until_said(rotation, |entry| deferred(entry).is_some()).await;
        assert_eq!(town.states(), ALL_OFF, "containment does not wait for Vault");
        let entries = hand.entries(rotation).await;
        let (step, fault, message) = entries.iter().find_map(deferred).unwrap();
        assert_eq!((step, fault), (Step::AwaitSecret, Fault::Transient));
        assert!(message.contains("Vault cannot be reached"), "{message}");
        wire.mend();
        hand.until(rotation, Phase::Confirmed).await;
        assert_settled(&town, &new);
    }
}

#[tokio::test]
async fn vault_may_go_at_any_later_moment_and_come_back() {
    for gone_at in ["secret_chosen", "updated", "enabled"] {
        let town = Town::new(Skin::Plain).await;
        let (hand, wire) = over_a_wire(&town).await;
        let wire = Arc::new(wire);
        let cut = Arc::clone(&wire);
        let hand = hand.in_world(|world| {
            let journal = Arc::clone(&world.journal);
            world.journal = Interrupted::wrap(journal, move |moment| {
                if matches!(&moment, Moment::After(entry) if entry.name() == gone_at) {
                    cut.cut();
                }
                async { Ok(()) }
            });
        });
        let new = town.simulator.salesforce().reset_password(USERNAME, "later").unwrap();
        town.write_secret(&new).await;
        let rotation = hand.tell(&town, "later", ResetKind::PasswordReset).await;
        // The secret is in memory, and the newest that is known: Vault is not needed any more.
        hand.until(rotation, Phase::Confirmed).await;
        assert_settled(&town, &new);
    }
}

#[tokio::test]
async fn a_restart_without_vault_goes_on_contained_and_ends_when_vault_is_back() {
    let town = Town::new(Skin::Plain).await;
    let (hand, wire) = over_a_wire(&town).await;
    let hand = hand.in_world(|world| {
        let journal = Arc::clone(&world.journal);
        world.journal = Interrupted::wrap(journal, |moment| async move {
            let stop = matches!(moment, Moment::After(Entry::SecretChosen { .. }));
            let lost = reset_receiver::ports::journal::JournalError::LeaseLost;
            if stop { Err(lost) } else { Ok(()) }
        });
    });
    let new = town.simulator.salesforce().reset_password(USERNAME, "restart").unwrap();
    town.write_secret(&new).await;
    let rotation = hand.tell(&town, "restart", ResetKind::PasswordReset).await;
    hand.turn().await;
    drop(hand);

    let config = town.config().replace(town.openbao.address(), wire.address());
    let hand = Hand::configured(&config).await;
    wire.cut();
    hand.until_said(rotation, |entry| deferred(entry).is_some()).await;
    assert_eq!(town.states(), ALL_OFF);
    let entries = hand.entries(rotation).await;
    let (step, fault, _) = entries.iter().find_map(deferred).unwrap();
    assert_eq!((step, fault), (Step::Update, Fault::Transient));
    wire.mend();
    hand.until(rotation, Phase::Confirmed).await;
    assert_settled(&town, &new);
}

#[tokio::test]
async fn a_sealed_vault_is_asked_again_until_it_is_open() {
    let town = Town::with_own_vault(Skin::Plain).await;
    let hand = Hand::new(&town).await;
    hand.plant.world.logins.prefetch().await;
    let new = town.simulator.salesforce().reset_password(USERNAME, "sealed").unwrap();
    town.write_secret(&new).await;
    town.openbao.seal().await;
    let rotation = hand.tell(&town, "sealed", ResetKind::PasswordReset).await;
    hand.until_said(rotation, |entry| deferred(entry).is_some()).await;
    assert_eq!(town.states(), ALL_OFF);
    let entries = hand.entries(rotation).await;
    let (_, fault, message) = entries.iter().find_map(deferred).unwrap();
    assert_eq!(fault, Fault::Transient);
    assert!(message.contains("Vault is sealed"), "{message}");
    town.openbao.unseal().await;
    hand.until(rotation, Phase::Confirmed).await;
    assert_settled(&town, &new);
}

#[tokio::test]
async fn a_path_where_nothing_is_stored_is_waited_for_and_a_mount_that_is_none_needs_a_person() {
    let town = Town::new(Skin::Plain).await;
    let secret = format!("secret = {{ mount = \"{}\", path = \"salesforce\" }}", town.mount);
    let with = |other: &str| town.config().replace(&secret, other);
    let typo = format!("secret = {{ mount = \"{}\", path = \"salesfroce\" }}", town.mount);
    let hand = Hand::configured(&with(&typo)).await;
    let new = town.simulator.salesforce().reset_password(USERNAME, "path").unwrap();
    town.write_secret(&new).await;
    let rotation = hand.tell(&town, "path", ResetKind::PasswordReset).await;
    hand.until(rotation, Phase::AwaitingSecret).await;
    let says = hand.says(rotation).await.join("\n");
    assert!(says.contains("nothing was ever written at the secret's path"), "{says}");
    assert_eq!(town.states(), ALL_OFF);
    drop(hand);

    let hand = Hand::configured(&with("secret = { mount = \"none\", path = \"none\" }")).await;
    assert_eq!(hand.until_rest(rotation).await, Phase::Stuck);
    let says = hand.says(rotation).await;
    let told = says.last().unwrap();
    assert!(told.contains("stuck at await_secret (permanent): reading none/none"), "{told}");
    assert!(told.contains("no key-value engine"), "{told}");
    assert_eq!(town.states(), ALL_OFF);
    drop(hand);

    let hand = Hand::new(&town).await;
    hand.say(rotation, Verb::Retry).await;
    hand.until(rotation, Phase::Confirmed).await;
    assert_settled(&town, &new);
}

#[tokio::test]
async fn a_policy_that_denies_the_secret_needs_a_person_and_everything_is_contained() {
    let town = Town::new(Skin::WebForms).await;
    let policy = |paths: &[&str]| {
        let rule =
            |path| format!("path \"{}/{path}\" {{ capabilities = [\"read\"] }}\n", town.mount);
        paths.iter().map(rule).collect::<String>()
    };
    town.openbao.policy(&town.mount, &policy(&["data/console"])).await;
    let token = town.openbao.token(&json!({"policies": [town.mount]})).await;
    std::fs::write(town.file("vault-token"), token).unwrap();
    let hand = Hand::new(&town).await;
    let new = town.simulator.salesforce().reset_password(USERNAME, "denied").unwrap();
    town.write_secret(&new).await;
    let rotation = hand.tell(&town, "denied", ResetKind::PasswordReset).await;
    assert_eq!(hand.until_rest(rotation).await, Phase::Stuck);
    let says = hand.says(rotation).await;
    let told = says.last().unwrap();
    let place = format!("reading {}/salesforce: Vault denies access", town.mount);
    assert!(told.contains("stuck at await_secret (permanent)") && told.contains(&place), "{told}");
    assert_eq!(town.states(), ALL_OFF);

    let paths = ["data/console", "data/salesforce", "metadata/salesforce"];
    town.openbao.policy(&town.mount, &policy(&paths)).await;
    hand.say(rotation, Verb::Retry).await;
    hand.until(rotation, Phase::Confirmed).await;
    assert_settled(&town, &new);
}
