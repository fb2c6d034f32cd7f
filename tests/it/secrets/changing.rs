//! Secrets and resets that come while a rotation is under way.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use reset_receiver::domain::entry::Entry;
use reset_receiver::domain::event::ResetKind;
use reset_receiver::domain::phase::Phase;
use simulator::{Change, Credential, Skin, State};

use crate::secrets::settled::{ALL_OFF, assert_settled, settled};
use crate::support::hand::Hand;
use crate::support::interruption::{Interrupted, Moment};
use crate::support::town::{Town, USERNAME};

/// What happens in the middle of the rotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Happens {
    /// Another secret is written, of which nobody tells.
    Written,
    /// The login is reset again, and its secret is written.
    ResetAndWritten,
    /// The login is reset again; its secret is not there yet.
    Reset,
}

/// Does it after the nth entry of that name, once. The hand that tells of it is another one, as a
/// sender's request is.
fn meanwhile(
    hand: Hand,
    town: &Arc<Town>,
    teller: Hand,
    at: (&'static str, u32),
    what: Happens,
) -> Hand {
    let (town, teller) = (Arc::clone(town), Arc::new(teller));
    let count = Arc::new(AtomicU32::new(0));
    hand.in_world(|world| {
        let journal = Arc::clone(&world.journal);
        world.journal = Interrupted::wrap(journal, move |moment| {
            let is_entry = matches!(&moment, Moment::After(entry) if entry.name() == at.0);
            let is_now = is_entry && count.fetch_add(1, Ordering::SeqCst) + 1 == at.1;
            let (town, teller) = (Arc::clone(&town), Arc::clone(&teller));
            async move {
                if is_now {
                    happen(&town, &teller, what).await;
                }
                Ok(())
            }
        });
    })
}

async fn happen(town: &Town, teller: &Hand, what: Happens) {
    let new = town.simulator.salesforce().reset_password(USERNAME, "newest").unwrap();
    if what != Happens::Reset {
        town.write_secret(&new).await;
    }
    if what != Happens::Written {
        teller.tell(town, "in the middle", ResetKind::PasswordReset).await;
    }
}

/// No connector was ever enabled while it held anything but this.
fn assert_never_enabled_without(town: &Town, requests: usize, versions: usize) {
    let surfaces = town.connectors.len() + town.integrations.len();
    let log = town.simulator.console_log();
    let changes = log[requests..].iter().flat_map(|request| &request.changes);
    let mut saves = 0;
    for change in changes {
        match change {
            Change::DataSource { .. } | Change::Security { .. } => saves += 1,
            Change::State { to: State::Enabled, connector, .. } => {
                assert!(
                    saves >= surfaces * versions,
                    "{connector} was enabled after {saves} saves"
                );
            }
            Change::State { .. } | Change::SdkTested { .. } => {}
        }
    }
}

async fn begin(skin: Skin) -> (Arc<Town>, Hand, Hand) {
    let (town, teller) = settled(skin).await;
    let hand = Hand::new(&town).await;
    (Arc::new(town), hand, teller)
}

async fn first_reset(town: &Town, hand: &Hand) -> reset_receiver::domain::ids::RotationId {
    let new = town.simulator.salesforce().reset_password(USERNAME, "first").unwrap();
    town.write_secret(&new).await;
    hand.tell(town, "first", ResetKind::PasswordReset).await
}

fn newest(town: &Town) -> Credential {
    let newest = town.credential();
    assert_eq!(newest.password, "newest", "it has happened");
    newest
}

#[tokio::test]
async fn a_newer_version_between_update_and_enable_is_what_every_surface_gets() {
    for skin in Skin::ALL {
        // Five surfaces: after the last of them nothing is left but to enable.
        let (town, hand, teller) = begin(skin).await;
        let requests = town.simulator.console_log().len();
        let hand = meanwhile(hand, &town, teller, ("updated", 5), Happens::Written);
        let rotation = first_reset(&town, &hand).await;
        hand.until(rotation, Phase::Confirmed).await;
        assert_settled(&town, &newest(&town));
        assert_never_enabled_without(&town, requests, 2);
        let names = hand.names(rotation).await;
        assert_eq!(names.iter().filter(|name| **name == "secret_chosen").count(), 2, "{names:?}");
    }
}

#[tokio::test]
async fn a_newer_version_while_updating_is_what_every_surface_ends_with() {
    let (town, hand, teller) = begin(Skin::Plain).await;
    let hand = meanwhile(hand, &town, teller, ("updated", 2), Happens::Written);
    let rotation = first_reset(&town, &hand).await;
    hand.until(rotation, Phase::Confirmed).await;
    assert_settled(&town, &newest(&town));
}

#[tokio::test]
async fn a_second_reset_in_the_middle_goes_back_to_contain_and_ends_with_the_newest_secret() {
    let moments = [
        ("contained", 1),
        ("secret_chosen", 1),
        ("updating", 1),
        ("updated", 5),
        ("enabling", 1),
        ("enabled", 1),
        ("enabled", 2),
        ("confirmed", 3),
    ];
    for moment in moments {
        let (town, hand, teller) = begin(Skin::Plain).await;
        let hand = meanwhile(hand, &town, teller, moment, Happens::ResetAndWritten);
        let rotation = first_reset(&town, &hand).await;
        hand.until(rotation, Phase::Confirmed).await;
        assert_settled(&town, &newest(&town));
        let entries = hand.entries(rotation).await;
        let is_second = |entry: &Entry| matches!(entry, Entry::Admitted { event_id, .. } if event_id.as_str() == "in the middle");
        let second = entries.iter().position(is_second).unwrap();
        let contained = |entry: &&Entry| matches!(entry, Entry::Contained { .. });
        assert_eq!(entries[second..].iter().filter(contained).count(), 3, "{moment:?}");
        // The drive that it surprised has gone on with it: nothing of it contradicted the journal.
        let rows = hand.plant.world.journal.rows(rotation).await.unwrap();
        let at = |seq: usize| rows[..seq].iter().rev().find_map(|row| row.fence);
        let next = rows[second..].iter().find_map(|row| row.fence);
        assert_eq!(next, at(second), "{moment:?}: {:?}", hand.says(rotation).await);
    }
}

#[tokio::test]
async fn the_secret_of_the_first_reset_is_not_taken_for_that_of_the_second() {
    for moment in [("secret_chosen", 1), ("updated", 5), ("enabled", 1), ("enabled", 2)] {
        let (town, hand, teller) = begin(Skin::Plain).await;
        let hand = meanwhile(hand, &town, teller, moment, Happens::Reset);
        let rotation = first_reset(&town, &hand).await;
        hand.until_said(rotation, |entry| matches!(entry, Entry::Waiting { .. })).await;
        hand.until_idle().await;
        assert_eq!(hand.phase(rotation).await, Phase::AwaitingSecret, "{moment:?}");
        assert_eq!(town.states(), ALL_OFF, "{moment:?}");
        let new = newest(&town);
        town.write_secret(&new).await;
        hand.until(rotation, Phase::Confirmed).await;
        assert_settled(&town, &new);
    }
}
