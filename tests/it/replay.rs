//! Every step may be done twice: journals that lag behind the world, and workers that die.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use reset_receiver::clock::SystemClock;
use reset_receiver::domain::entry::Entry;
use reset_receiver::domain::event::ResetKind;
use reset_receiver::domain::ids::RotationId;
use reset_receiver::domain::phase::Phase;
use reset_receiver::ports::clock::Clock;
use reset_receiver::ports::journal::JournalError;
use reset_receiver::store::SqliteStore;
use simulator::{Credential, Skin};

use crate::faults::ledger::Ledger;
use crate::support::hand::Hand;
use crate::support::interruption::{Interrupted, Moment};
use crate::support::town::{Town, USERNAME};

/// A clock that is ahead by more than a lease: whoever goes by it sees the dead as dead.
struct Ahead;

impl Ahead {
    const BY: Duration = Duration::from_mins(2);
}

#[async_trait]
impl Clock for Ahead {
    fn now(&self) -> Timestamp {
        SystemClock.now() + Self::BY
    }

    fn elapsed(&self) -> Duration {
        self.now().duration_since(Timestamp::UNIX_EPOCH).unsigned_abs()
    }

    async fn sleep(&self, duration: Duration) {
        SystemClock.sleep(duration).await;
    }

    fn rotation_id(&self) -> RotationId {
        SystemClock.rotation_id()
    }

    fn chance(&self) -> f64 {
        SystemClock.chance()
    }
}

/// The town's installation with leases that do not run out while somebody lives.
fn config(town: &Town) -> String {
    town.config().replace("lease = \"1s\"", "lease = \"60s\"")
}

/// An installation that takes over from one that has died, with the journal in this file.
async fn heir(town: &Town, journal: &Path) -> Hand {
    let own = town.file("journal.db").display().to_string();
    let config = config(town).replace(&own, &journal.display().to_string());
    let store = SqliteStore::open(journal, Arc::new(Ahead)).await.unwrap();
    Hand::configured(&config).await.in_world(|world| {
        world.journal = Arc::new(store);
        world.clock = Arc::new(Ahead);
    })
}

async fn reset(town: &Town, hand: &Hand, id: &str) -> (RotationId, Credential) {
    let new = town.simulator.salesforce().reset_password(USERNAME, id).unwrap();
    town.write_secret(&new).await;
    (hand.tell(town, id, ResetKind::PasswordReset).await, new)
}

/// Everything holds the new secret, is as it was, and came there by the rules. So many surfaces
/// had to be written before anything could be enabled.
fn assert_well(town: &Town, new: &Credential, requests: usize, surfaces: usize, what: &str) {
    assert_eq!(town.states(), town.at_first(), "{what}");
    assert!(town.held().iter().all(|held| held == new), "{what}");
    let connectors = town.connectors.iter().map(|(_, name, enabled)| (*name, *enabled));
    let mut ledger = Ledger::new(connectors, surfaces);
    let complaints = ledger.read(&town.simulator.console_log()[requests..]);
    assert!(complaints.is_empty(), "{what}: {complaints:?}");
    town.simulator.run_syncs();
    let history = town.simulator.login_history();
    assert!(history.iter().all(|login| login.outcome.is_usable()), "{what}");
    assert_eq!(town.simulator.refused_console_logins(), 0, "{what}");
}

/// The versions that a journal chose never go back.
fn assert_versions_grow(entries: &[Entry], what: &str) {
    let chosen = entries.iter().filter_map(|entry| {
        let Entry::SecretChosen { version, .. } = entry else { return None };
        Some(*version)
    });
    assert!(chosen.is_sorted(), "{what}");
}

fn copy_journal(town: &Town, number: usize) {
    let to = town.file(&format!("copy-{number}"));
    std::fs::create_dir(&to).unwrap();
    for name in ["journal.db", "journal.db-wal"] {
        std::fs::copy(town.file(name), to.join(name)).unwrap();
    }
}

/// A journal that copies its files after each entry, and lists the entries.
fn with_copies(hand: Hand, town: &Arc<Town>, entries: &Arc<Mutex<Vec<String>>>) -> Hand {
    let (town, entries) = (Arc::clone(town), Arc::clone(entries));
    hand.in_world(|world| {
        let journal = Arc::clone(&world.journal);
        world.journal = Interrupted::wrap(journal, move |moment| {
            if let Moment::After(entry) = moment {
                let mut entries = entries.lock().unwrap();
                entries.push(entry.to_string());
                copy_journal(&town, entries.len());
            }
            async { Ok(()) }
        });
    })
}

#[tokio::test]
async fn a_journal_that_lags_behind_the_world_comes_to_the_same_end() {
    for skin in Skin::ALL {
        let town = Arc::new(Town::compact(skin).await);
        let fields = town.other_fields();
        let entries = Arc::new(Mutex::new(vec!["the reset".to_owned()]));
        let hand = with_copies(Hand::configured(&config(&town)).await, &town, &entries);
        let (rotation, new) = reset(&town, &hand, "reset").await;
        copy_journal(&town, 1);
        hand.until(rotation, Phase::Confirmed).await;
        drop(hand);

        let entries = entries.lock().unwrap().clone();
        assert!(entries.len() > 20, "{entries:?}");
        for (at, entry) in entries.iter().enumerate() {
            let what = format!("{skin:?}, cut after {entry:?}");
            let requests = town.simulator.console_log().len();
            let journal = town.file(&format!("copy-{}", at + 1)).join("journal.db");
            let hand = heir(&town, &journal).await;
            hand.until(rotation, Phase::Confirmed).await;
            // Every surface of this world holds the secret already.
            assert_well(&town, &new, requests, 0, &what);
            assert_eq!(town.other_fields(), fields, "{what}");
            assert_versions_grow(&hand.entries(rotation).await, &what);
            assert_eq!(town.simulator.open_sessions(), 0, "{what}");
        }
    }
}

/// A worker that dies at its nth moment, and counts them.
fn dying(hand: Hand, at: usize, moments: &Arc<AtomicUsize>) -> Hand {
    let moments = Arc::clone(moments);
    hand.in_world(|world| {
        let journal = Arc::clone(&world.journal);
        world.journal = Interrupted::wrap(journal, move |_| {
            let dies = moments.fetch_add(1, Ordering::SeqCst) >= at;
            // To lose the lease is to stop at once and to write nothing more.
            async move { if dies { Err(JournalError::LeaseLost) } else { Ok(()) } }
        });
    })
}

#[tokio::test]
async fn a_step_whose_record_was_lost_is_done_again_and_comes_to_the_same_end() {
    for skin in Skin::ALL {
        let town = Town::compact(skin).await;
        let fields = town.other_fields();
        let mut died = 0;
        for at in 0.. {
            let what = format!("{skin:?}, died at {at}");
            let requests = town.simulator.console_log().len();
            let moments = Arc::default();
            let hand = dying(Hand::configured(&config(&town)).await, at, &moments);
            let (rotation, new) = reset(&town, &hand, &format!("reset-{at}")).await;
            hand.turn().await;
            let has_died = moments.load(Ordering::SeqCst) > at;
            died += usize::from(has_died);
            drop(hand);
            let hand = heir(&town, &town.file("journal.db")).await;
            hand.until(rotation, Phase::Confirmed).await;
            let surfaces = town.connectors.len() + town.integrations.len();
            assert_well(&town, &new, requests, surfaces, &what);
            assert_eq!(town.other_fields(), fields, "{what}");
            assert_versions_grow(&hand.entries(rotation).await, &what);
            if !has_died {
                break;
            }
        }
        assert!(died > 40, "only {died} moments");
    }
}
