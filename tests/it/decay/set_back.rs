//! A clock that is set back while connectors are still to be contained.

use std::time::Duration;

use reset_receiver::domain::event::ResetKind;
use reset_receiver::domain::phase::Phase;
use reset_receiver::ports::clock::Clock;
use simulator::Skin;

use crate::decay::hands::{Hands, installed, live, unhurried};
use crate::support::cable::Cable;
use crate::support::town::{Town, USERNAME};

#[tokio::test]
async fn what_is_to_be_contained_is_contained_as_soon_as_the_console_is_back() {
    let town = Town::new(Skin::Plain).await;
    let url = town.simulator.console_url();
    let end = url.trim_start_matches("http://").split('/').next().unwrap();
    let wire = Cable::to(end).await;
    let config = unhurried(&town.config()).replace(&format!("http://{end}"), wire.address());
    let clock = Hands::new();
    let hand = installed(&town, &config, &clock).await;
    town.simulator.salesforce().reset_password(USERNAME, "new").unwrap();
    wire.cut();
    let rotation = hand.tell(&town, "reset", ResetKind::PasswordReset).await;
    live(&hand, &clock, Duration::from_secs(10)).await;
    assert_eq!(hand.phase(rotation).await, Phase::Containing);

    clock.set(clock.now() - Duration::from_hours(1));
    wire.mend();
    live(&hand, &clock, Duration::from_secs(30)).await;
    assert!(town.states().iter().all(|enabled| !enabled), "{:?}", hand.says(rotation).await);
}
