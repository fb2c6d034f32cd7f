//! A town in which everything is well, and how to see that it is.

use reset_receiver::domain::event::ResetKind;
use reset_receiver::domain::phase::Phase;
use serde_json::Value;
use simulator::{Credential, Skin};

use crate::support::hand::Hand;
use crate::support::town::{Town, USERNAME};

/// Every connector contained.
pub(super) const ALL_OFF: [bool; 3] = [false; 3];

/// A town whose first secret has been rotated in already.
pub(super) async fn settled(skin: Skin) -> (Town, Hand) {
    let town = Town::new(skin).await;
    let hand = Hand::new(&town).await;
    rotate(&town, &hand, "settling").await;
    (town, hand)
}

/// A reset, its secret, and the whole rotation.
pub(super) async fn rotate(town: &Town, hand: &Hand, id: &str) -> Credential {
    let new = town.simulator.salesforce().reset_password(USERNAME, id).unwrap();
    town.write_secret(&new).await;
    let rotation = hand.tell(town, id, ResetKind::PasswordReset).await;
    hand.until(rotation, Phase::Confirmed).await;
    new
}

/// Everything is as it was, and holds this.
pub(super) fn assert_settled(town: &Town, new: &Credential) {
    assert_eq!(town.states(), town.at_first());
    assert!(town.held().iter().all(|held| held == new));
    town.simulator.run_syncs();
    let history = town.simulator.login_history();
    assert!(history.iter().all(|login| login.outcome.is_usable()), "{history:?}");
    assert_eq!(town.simulator.open_sessions(), 0);
}

/// Writes these fields as the town's secret; returns the version.
pub(super) async fn write(town: &Town, fields: &Value) -> u64 {
    town.openbao.write_secret(&town.mount, "salesforce", fields).await
}
