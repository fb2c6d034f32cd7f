//! Two logins on one console account: whatever is to be contained comes before whatever is to be
//! written.

use reset_receiver::domain::event::ResetKind;
use reset_receiver::domain::ids::TargetName;
use reset_receiver::domain::phase::Phase;
use simulator::{SalesforceUser, Skin, State};

use crate::support::hand::Hand;
use crate::support::town::{Town, USERNAME};

const OTHER: &str = "other.sync@acme.example";

#[tokio::test]
async fn a_second_login_is_contained_before_the_first_ones_secret_is_written() {
    let town = Town::with(Skin::Plain, |world| {
        world
            .salesforce_user(SalesforceUser::new(OTHER, "other-password"))
            .instance("Acme DE", |plan| {
                plan.connector_with("Other Sync", |plan| plan.logs_in_as(OTHER))
            })
    })
    .await;
    let other = format!(
        "[targets.other]\norganization_id = \"{}\"\nusername = \"{OTHER}\"\nconsole = \"acme\"\n\
         secret = {{ mount = \"{}\", path = \"other\" }}\n[[targets.other.instances]]\n\
         name = \"Acme DE\"\nconnectors = [\"Other Sync\"]\n[sources.flow]",
        town.simulator.salesforce().organization_id(),
        town.mount,
    );
    let hand = Hand::configured(&town.config().replace("[sources.flow]", &other)).await;
    let new = town.simulator.salesforce().reset_password(USERNAME, "new").unwrap();
    town.write_secret(&new).await;
    let first = hand.tell(&town, "first", ResetKind::PasswordReset).await;
    let name = TargetName::parse("other").unwrap();
    let second = hand.plant.operations.rotate(&name, "on-call").await.unwrap();
    let before = town.held();

    hand.turn().await;
    hand.turn().await;
    assert!(town.states().iter().all(|enabled| !enabled), "the first one is contained");
    let state = town.simulator.connector("Acme DE", "Other Sync").unwrap().state;
    assert_eq!(state, State::Disabled, "and so is the second");
    assert_eq!(town.held(), before, "before anything is written");
    hand.until(first, Phase::Confirmed).await;
    assert_eq!(hand.phase(second).await, Phase::AwaitingSecret);
    assert_eq!(town.states(), town.at_first());
}
