//! A secret that nobody proved is watched after it was written: connectors log in on schedules of
//! their own, and until then a console without an error says nothing.

use std::sync::Arc;
use std::time::Duration;

use reset_receiver::domain::entry::{Entry, Outcome};
use reset_receiver::domain::event::ResetKind;
use reset_receiver::domain::ids::RotationId;
use reset_receiver::domain::phase::Phase;
use simulator::{Credential, Skin};

use crate::decay::hands::{Hands, installed, live, unhurried};
use crate::support::hand::Hand;
use crate::support::town::{RARELY, Town, USERNAME};

const ALL_OFF: [bool; 3] = [false; 3];
/// Of the half hour that is shipped.
const ALMOST_ALL_OF_IT: Duration = Duration::from_mins(29);

/// An installation with the waits as they are shipped, which has seen that everything looks well.
async fn well(town: &Town, prove: &str, secret: &Credential) -> (Hand, RotationId, Arc<Hands>) {
    let config = unhurried(&town.config()).replace("confirm_watch = \"0s\"\n", "");
    let config = config.replace("console = \"acme\"\n", &format!("console = \"acme\"\n{prove}"));
    let clock = Hands::new();
    let hand = installed(town, &config, &clock).await;
    town.write_secret(secret).await;
    let rotation = hand.tell(town, "reset", ResetKind::PasswordReset).await;
    live(&hand, &clock, Duration::from_secs(10)).await;
    (hand, rotation, clock)
}

#[tokio::test]
async fn a_wrong_secret_is_contained_as_soon_as_its_error_appears() {
    let town = Town::new(Skin::Plain).await;
    town.simulator.salesforce().reset_password(USERNAME, "right").unwrap();
    let wrong = Credential::new(USERNAME, "wrong", "typed-by-a-person");
    let (hand, rotation, clock) = well(&town, "", &wrong).await;
    live(&hand, &clock, Duration::from_mins(10)).await;
    assert_eq!(hand.phase(rotation).await, Phase::Confirming, "nobody has tried it");
    assert_eq!(town.states(), town.at_first());

    town.simulator.tick(RARELY);
    let failed = town.failed_connector_logins().len();
    live(&hand, &clock, Duration::from_mins(10)).await;
    assert_eq!(hand.phase(rotation).await, Phase::Stuck);
    assert_eq!(town.states(), ALL_OFF);
    assert!(hand.names(rotation).await.contains(&"refused"));
    town.simulator.tick(RARELY);
    assert_eq!(town.failed_connector_logins().len(), failed, "none after the first");
    assert!(!town.simulator.salesforce().user(USERNAME).unwrap().locked);
}

#[tokio::test]
async fn a_right_secret_is_confirmed_once_it_was_watched_and_looked_at_ever_more_seldom() {
    let town = Town::new(Skin::Plain).await;
    let new = town.simulator.salesforce().reset_password(USERNAME, "right").unwrap();
    let (hand, rotation, clock) = well(&town, "", &new).await;
    let requests = town.simulator.console_log().len();
    live(&hand, &clock, ALMOST_ALL_OF_IT).await;
    assert_eq!(hand.phase(rotation).await, Phase::Confirming);
    let sessions = town.simulator.console_log().len() - requests;
    assert!(
        sessions < 12 * requests,
        "{sessions} requests of looks after {requests} of the rotation"
    );
    live(&hand, &clock, Duration::from_mins(2)).await;
    assert_eq!(hand.phase(rotation).await, Phase::Confirmed);
    let names = hand.names(rotation).await;
    let confirmed = names.iter().filter(|name| **name == "confirmed").count();
    assert_eq!(confirmed, surfaces(&hand, rotation).await, "each once: {names:?}");
    assert_eq!(town.states(), town.at_first());
}

async fn surfaces(hand: &Hand, rotation: RotationId) -> usize {
    let entries = hand.entries(rotation).await;
    let Some(Entry::Covers { surfaces }) = entries.first() else { panic!("{entries:?}") };
    surfaces.len()
}

#[tokio::test]
async fn a_proved_secret_is_not_watched() {
    let town = Town::new(Skin::Plain).await;
    let prove = format!("prove = \"soap-login\"\nlogin_url = \"{}\"\n", town.simulator.login_url());
    let new = town.simulator.salesforce().reset_password(USERNAME, "right").unwrap();
    let (hand, rotation, _) = well(&town, &prove, &new).await;
    let entries = hand.entries(rotation).await;
    let is_over = |entry: &Entry| matches!(entry, Entry::Completed { outcome, .. } if *outcome == Outcome::Confirmed);
    assert!(entries.last().is_some_and(is_over), "{entries:?}");
}
