//! Whole rotations: real OpenBao, real SQLite, the real drivers, a simulated console.

use reset_receiver::domain::event::ResetKind;
use reset_receiver::domain::phase::Phase;
use simulator::Skin;

use crate::support::hand::Hand;
use crate::support::town::{Town, USERNAME};

#[tokio::test]
async fn a_reset_is_contained_and_then_both_surfaces_hold_the_new_secret() {
    for skin in [Skin::Plain, Skin::WebForms] {
        let town = Town::new(skin).await;
        let hand = Hand::new(&town).await;
        let before = town.other_fields();

        let new = town.simulator.salesforce().reset_password(USERNAME, "second-pw").unwrap();
        let rotation = hand.tell(&town, "reset-1", ResetKind::PasswordReset).await;
        hand.until(rotation, Phase::AwaitingSecret).await;
        assert_eq!(town.states(), [false, false, false], "contained before the secret is there");

        town.write_secret(&new).await;
        hand.until(rotation, Phase::Confirmed).await;

        assert_eq!(town.states(), town.at_first(), "what was found disabled stays so");
        assert!(town.held().iter().all(|held| *held == new));
        assert_eq!(town.other_fields(), before, "fields that are not ours are unchanged");
        town.simulator.run_syncs();
        let failed =
            town.simulator.login_history().iter().filter(|l| !l.outcome.is_usable()).count();
        assert_eq!(failed, 0);
        assert_eq!(town.simulator.open_sessions(), 0, "every session was closed");
    }
}
