//! What other people do at the console while a rotation is under way.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use reset_receiver::domain::entry::Entry;
use reset_receiver::domain::event::ResetKind;
use reset_receiver::domain::fault::Fault;
use reset_receiver::domain::ids::RotationId;
use reset_receiver::domain::phase::Phase;
use reset_receiver::domain::step::Step;
use reset_receiver::engine::operations::Verb;
use simulator::{Change, Credential, Skin, State};

use crate::support::hand::Hand;
use crate::support::interruption::{Interrupted, Moment};
use crate::support::town::{Connector, Town, USERNAME};

/// The connectors of a [`Town::new`].
const UK: Connector = ("Acme UK", "Salesforce Sync", true);
const FOUND_DISABLED: Connector = ("Acme UK", "Old Leads", false);
const US: Connector = ("Acme US", "Salesforce Sync", true);

fn state(town: &Town, connector: Connector) -> State {
    town.simulator.connector(connector.0, connector.1).unwrap().state
}

fn set(town: &Town, connector: Connector, state: State) {
    assert!(town.simulator.set_state(connector.0, connector.1, state));
}

/// Does something to a connector right after the nth entry of that name.
fn after_entry(
    hand: Hand,
    town: &Arc<Town>,
    at: (&'static str, u32),
    to: (Connector, State),
) -> Hand {
    let (town, count) = (Arc::clone(town), AtomicU32::new(0));
    hand.in_world(|world| {
        let journal = Arc::clone(&world.journal);
        world.journal = Interrupted::wrap(journal, move |moment| {
            let is_entry = matches!(&moment, Moment::After(entry) if entry.name() == at.0);
            if is_entry && count.fetch_add(1, Ordering::SeqCst) + 1 == at.1 {
                set(&town, to.0, to.1);
            }
            async { Ok(()) }
        });
    })
}

async fn begin(skin: Skin) -> (Arc<Town>, Hand) {
    let town = Town::new(skin).await;
    let hand = Hand::new(&town).await;
    (Arc::new(town), hand)
}

async fn reset(town: &Town, hand: &Hand) -> (RotationId, Credential) {
    let new = town.simulator.salesforce().reset_password(USERNAME, "new").unwrap();
    town.write_secret(&new).await;
    (hand.tell(town, "reset", ResetKind::PasswordReset).await, new)
}

/// Where and why it is stuck.
async fn stuck(hand: &Hand, rotation: RotationId) -> (Step, Fault, String) {
    assert_eq!(hand.until_rest(rotation).await, Phase::Stuck);
    match hand.entries(rotation).await.pop().unwrap() {
        Entry::Stuck { step, fault, message, .. } => (step, fault, message),
        other => panic!("the last entry is {other}"),
    }
}

/// Whether the receiver has changed anything of a connector.
fn was_touched(town: &Town, connector: Connector) -> bool {
    let log = town.simulator.console_log();
    log.iter().flat_map(|request| &request.changes).any(|change| match change {
        Change::State { instance, connector: name, .. }
        | Change::DataSource { instance, connector: name, .. } => {
            (instance.as_str(), name.as_str()) == (connector.0, connector.1)
        }
        Change::Security { .. } | Change::SdkTested { .. } => false,
    })
}

fn assert_all_hold(town: &Town, new: &Credential) {
    assert!(town.held().iter().all(|held| held == new));
    assert_eq!(town.failed_connector_logins().len(), 0);
    assert_eq!(town.simulator.open_sessions(), 0);
}

#[tokio::test]
async fn a_connector_in_an_unknown_state_is_left_alone_and_the_others_are_contained() {
    for skin in Skin::ALL {
        let (town, hand) = begin(skin).await;
        set(&town, UK, State::Paused);
        let (rotation, new) = reset(&town, &hand).await;
        let (step, fault, message) = stuck(&hand, rotation).await;
        assert_eq!((step, fault), (Step::Contain, Fault::Permanent));
        let told = "the connector is in the state \"Paused\", which is neither Enabled nor \
                    Disabled: set it by hand";
        assert_eq!(message, told);
        assert!(!was_touched(&town, UK));
        assert_eq!(state(&town, UK), State::Paused);
        assert_eq!(state(&town, US), State::Disabled, "the others are contained");
        assert!(town.held().iter().all(|held| *held != new), "nothing is written");

        set(&town, UK, State::Disabled);
        hand.say(rotation, Verb::Retry).await;
        hand.until(rotation, Phase::Confirmed).await;
        assert_eq!(state(&town, UK), State::Disabled, "as it was found");
        assert_eq!(state(&town, US), State::Enabled);
        assert_all_hold(&town, &new);
    }
}

#[tokio::test]
async fn a_connector_that_comes_into_an_unknown_state_meanwhile_is_not_acted_upon() {
    // Five surfaces: after the fifth update comes the first enabling.
    let moments = [(("secret_chosen", 1), Step::Update), (("updated", 5), Step::Enable)];
    for (moment, at) in moments {
        let (town, hand) = begin(Skin::WebForms).await;
        let hand = after_entry(hand, &town, moment, (UK, State::Paused));
        let (rotation, new) = reset(&town, &hand).await;
        let (step, fault, message) = stuck(&hand, rotation).await;
        assert_eq!((step, fault), (at, Fault::Permanent));
        assert!(message.contains("\"Paused\""), "{message}");
        assert_eq!(state(&town, UK), State::Paused);
        assert_eq!(state(&town, US), State::Disabled, "still contained");

        set(&town, UK, State::Disabled);
        hand.say(rotation, Verb::Retry).await;
        hand.until(rotation, Phase::Confirmed).await;
        assert_eq!(town.states(), town.at_first());
        assert_all_hold(&town, &new);
    }
}

#[tokio::test]
async fn a_contained_connector_that_somebody_enables_is_contained_again_before_it_is_written() {
    for skin in Skin::ALL {
        for connector in [UK, FOUND_DISABLED] {
            let (town, hand) = begin(skin).await;
            let new = town.simulator.salesforce().reset_password(USERNAME, "new").unwrap();
            let rotation = hand.tell(&town, "reset", ResetKind::PasswordReset).await;
            hand.until(rotation, Phase::AwaitingSecret).await;
            set(&town, connector, State::Enabled);
            let requests = town.simulator.console_log().len();
            town.write_secret(&new).await;
            hand.until(rotation, Phase::Confirmed).await;

            let log = town.simulator.console_log();
            let changes = log[requests..].iter().flat_map(|request| &request.changes);
            let all: Vec<String> = changes.map(ToString::to_string).collect();
            let again = format!("{}: {}: Disabled", connector.0, connector.1);
            assert_eq!(all[0], again, "it is contained before anything is written");
            let mine: Vec<String> = all
                .into_iter()
                .filter(|change| change.starts_with(&format!("{}: {}", connector.0, connector.1)))
                .collect();
            assert!(mine[0].ends_with("Disabled") && mine[2].ends_with("Enabled"), "{mine:?}");
            assert!(mine[1].contains("Security Token"), "{mine:?}");
            assert_eq!(mine.len(), 3, "{mine:?}");
            assert!(hand.names(rotation).await.contains(&"found_enabled"));
            assert_eq!(state(&town, connector), State::Enabled, "as that person wanted it");
            assert_all_hold(&town, &new);
        }
    }
}

#[tokio::test]
async fn a_connector_that_somebody_enables_after_the_update_is_not_switched_once_more() {
    let (town, hand) = begin(Skin::Plain).await;
    let hand = after_entry(hand, &town, ("updated", 5), (US, State::Enabled));
    let (rotation, new) = reset(&town, &hand).await;
    hand.until(rotation, Phase::Confirmed).await;
    let log = town.simulator.console_log();
    let changes = log.iter().flat_map(|request| &request.changes);
    let enabled = changes.filter(
        |change| matches!(change, Change::State { instance, to: State::Enabled, .. } if instance == US.0),
    );
    assert_eq!(enabled.count(), 0);
    assert_eq!(town.states(), town.at_first());
    assert_all_hold(&town, &new);
}

#[tokio::test]
async fn a_connector_that_somebody_disables_before_it_is_confirmed_is_warned_of_and_left_so() {
    for skin in Skin::ALL {
        let (town, hand) = begin(skin).await;
        let hand = after_entry(hand, &town, ("enabled", 2), (US, State::Disabled));
        let (rotation, new) = reset(&town, &hand).await;
        hand.until(rotation, Phase::Confirmed).await;
        let says = hand.says(rotation).await.join("\n");
        let told = "connector:Acme US/Salesforce Sync: it was disabled by somebody else meanwhile";
        assert!(says.contains(told), "{says}");
        assert_eq!(state(&town, US), State::Disabled);
        assert_eq!(state(&town, UK), State::Enabled);
        assert_all_hold(&town, &new);
    }
}
