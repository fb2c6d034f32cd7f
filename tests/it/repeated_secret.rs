//! A red error that repeats the secret: what the journal says of it does not.

use std::sync::Arc;

use reset_receiver::domain::entry::Entry;
use reset_receiver::domain::event::ResetKind;
use reset_receiver::domain::ids::RotationId;
use reset_receiver::domain::phase::Phase;
use reset_receiver::ports::journal::JournalError;
use simulator::{Credential, Skin};

use crate::support::hand::Hand;
use crate::support::interruption::{Interrupted, Moment};
use crate::support::town::{Town, USERNAME};

/// The password that the console repeats.
const PASSWORD: &str = "right-CANARY-secret";
/// How much of an error is reported.
const CUT: usize = 200;

/// A town whose third instance shows this error beside its Integration.
async fn town(error: &str, skin: Skin) -> Town {
    Town::with(skin, |world| world.instance("Acme FR", |plan| plan.other_error(error))).await
}

async fn hand(town: &Town) -> Hand {
    let section = "[[targets.acme.instances]]\nname = \"Acme FR\"\nintegration = true\n";
    let section = format!("{section}[sources.flow]");
    Hand::configured(&town.config().replace("[sources.flow]", &section)).await
}

/// The secret is reset and reaches Vault.
async fn reset(town: &Town, hand: &Hand) -> RotationId {
    let new = town.simulator.salesforce().reset_password(USERNAME, PASSWORD).unwrap();
    town.write_secret(&new).await;
    hand.tell(town, "reset", ResetKind::PasswordReset).await
}

/// What the journal says of the error, none of it with a part of the password.
async fn told(hand: &Hand, rotation: RotationId) -> String {
    let says = hand.says(rotation).await.join("\n");
    assert!(!says.contains("right-"), "{says}");
    let entries = hand.entries(rotation).await;
    let warned = entries.iter().find_map(|entry| {
        let Entry::Warned { message, .. } = entry else { return None };
        Some(message.clone())
    });
    warned.unwrap_or_else(|| panic!("nothing is told of the error: {says}"))
}

#[tokio::test]
async fn the_session_that_confirms_reports_an_error_without_the_secret() {
    for skin in Skin::ALL {
        let town = town(&format!("Item 7 of {PASSWORD} was refused."), skin).await;
        let hand = hand(&town).await;
        let rotation = reset(&town, &hand).await;
        hand.until(rotation, Phase::Confirmed).await;
        assert_eq!(told(&hand, rotation).await, "Item 7 of [hidden] was refused.");
    }
}

#[tokio::test]
async fn a_secret_on_the_cut_of_a_long_error_leaves_no_beginning() {
    let before = "x".repeat(CUT - PASSWORD.len() / 2);
    let town = town(&format!("{before}{PASSWORD} was refused."), Skin::Plain).await;
    let hand = hand(&town).await;
    let rotation = reset(&town, &hand).await;
    hand.until(rotation, Phase::Confirmed).await;
    let told = told(&hand, rotation).await;
    assert!(told.starts_with(&format!("{before}[hidden]")), "{told}");
    assert!(told.chars().count() <= CUT, "{told}");
}

#[tokio::test]
async fn a_secret_that_is_not_at_hand_any_more_keeps_an_error_from_being_quoted() {
    let town = Arc::new(town(&format!("Item 7 of {PASSWORD} was refused."), Skin::Plain).await);
    let dying = hand(&town).await;
    let console = Arc::clone(&town);
    let dying = dying.in_world(|world| {
        let journal = Arc::clone(&world.journal);
        world.journal = Interrupted::wrap(journal, move |moment| {
            let was_enabled = matches!(moment, Moment::After(Entry::Enabled { .. }));
            let is_last = was_enabled && console.states() == console.at_first();
            async move { if is_last { Err(JournalError::LeaseLost) } else { Ok(()) } }
        });
    });
    let rotation = reset(&town, &dying).await;
    dying.turn().await;
    assert_eq!(dying.phase(rotation).await, Phase::Confirming);
    drop(dying);
    // After the restart Vault holds another one, and of this one only its fingerprint is known.
    town.write_secret(&Credential::new(USERNAME, "another", "one")).await;
    let hand = hand(&town).await;
    hand.until(rotation, Phase::Confirmed).await;
    let told = told(&hand, rotation).await;
    assert_eq!(told, "[not quoted: it may repeat the secret, which is not at hand]");
}
