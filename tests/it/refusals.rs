//! What was refused once is not tried again: whatever the store does meanwhile, whoever asks, and
//! without going round in circles.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use async_trait::async_trait;
use reset_receiver::domain::entry::Entry;
use reset_receiver::domain::event::ResetKind;
use reset_receiver::domain::fault::Fault;
use reset_receiver::domain::ids::{AccountName, RotationId, TargetName};
use reset_receiver::domain::phase::Phase;
use reset_receiver::domain::secret::{SecretLocation, SecretVersion};
use reset_receiver::engine::operations::Verb;
use reset_receiver::engine::worker::Tick;
use reset_receiver::ports::journal::JournalError;
use reset_receiver::ports::secret_store::{SecretStore, SecretStoreError, SecretTrouble, Stored};
use serde_json::json;
use simulator::{Credential, Fault as ConsoleFault, Match, Skin, State, Times};

use crate::support::hand::{Hand, now};
use crate::support::interruption::{Interrupted, Moment};
use crate::support::town::{CONNECTORS, CONSOLE_PASSWORD, CONSOLE_USER, RARELY, Town, USERNAME};

const ALL_OFF: [bool; 3] = [false; 3];

/// More turns than anything here needs.
const TURNS: usize = 20;

async fn store_login(town: &Town, password: &str) {
    let login = json!({"username": CONSOLE_USER, "password": password});
    town.openbao.write_secret(&town.mount, "console", &login).await;
}

/// A reset whose right secret reaches Vault.
async fn reset(town: &Town, hand: &Hand, id: &str) -> RotationId {
    let new = town.simulator.salesforce().reset_password(USERNAME, id).unwrap();
    town.write_secret(&new).await;
    hand.tell(town, id, ResetKind::PasswordReset).await
}

/// A reset after which somebody stores a wrong secret. Returns the right one.
async fn reset_wrongly(town: &Town, hand: &Hand) -> (RotationId, Credential) {
    let new = town.simulator.salesforce().reset_password(USERNAME, "right").unwrap();
    town.write_secret(&Credential::new(USERNAME, "wrong", "typed-by-a-person")).await;
    (hand.tell(town, "reset", ResetKind::PasswordReset).await, new)
}

/// An installation that decides soon. Every enabled connector logs in as soon as all are enabled;
/// then somebody may disable them.
async fn impatient(town: &Arc<Town>, is_meddled_with: bool) -> Hand {
    let deadline = "[rotation]\nconfirm_deadline = \"500ms\"";
    let hand = Hand::configured(&town.config().replace("[rotation]", deadline)).await;
    let town = Arc::clone(town);
    interrupted(hand, move |moment| {
        let was_enabled = matches!(moment, Moment::After(Entry::Enabled { .. }));
        if was_enabled && town.states() == town.at_first() {
            town.simulator.tick(RARELY);
            for (instance, name, _) in CONNECTORS.iter().filter(|_| is_meddled_with) {
                town.simulator.set_state(instance, name, State::Disabled);
            }
        }
        Ok(())
    })
}

fn interrupted(
    hand: Hand,
    interrupt: impl Fn(Moment) -> Result<(), JournalError> + Send + Sync + 'static,
) -> Hand {
    hand.in_world(|world| {
        let journal = Arc::clone(&world.journal);
        world.journal = Interrupted::wrap(journal, move |moment| {
            let came_to = interrupt(moment);
            async { came_to }
        });
    })
}

fn away() -> Result<(), JournalError> {
    Err(JournalError::Unavailable("it is away for a moment".into()))
}

/// A rotation that got stuck because the console showed that its secret was refused.
async fn refused() -> (Arc<Town>, Hand, RotationId, Credential) {
    let town = Arc::new(Town::new(Skin::Plain).await);
    let hand = impatient(&town, false).await;
    let (rotation, new) = reset_wrongly(&town, &hand).await;
    hand.until(rotation, Phase::Stuck).await;
    (town, hand, rotation, new)
}

/// Whether an entry says that the console refused its login.
fn is_refused_login(entry: &Entry) -> bool {
    matches!(entry, Entry::Stuck { message, .. } if message.contains("the console refused the login"))
}

fn requests(town: &Town, name: &str) -> usize {
    town.simulator.console_log().iter().filter(|request| request.name == name).count()
}

#[tokio::test]
async fn a_refused_console_login_after_a_refused_secret_is_told_once() {
    let (town, hand, rotation, new) = refused().await;
    drop(hand);
    store_login(&town, "not the password").await;
    let hand = impatient(&town, false).await;
    town.write_secret(&new).await;
    let before = hand.entries(rotation).await.len();
    hand.until_said(rotation, is_refused_login).await;
    for _ in 0..TURNS {
        hand.turn().await;
    }
    let entries = hand.entries(rotation).await.split_off(before);
    let names: Vec<_> = entries.iter().map(Entry::name).collect();
    assert_eq!(entries.iter().filter(|entry| is_refused_login(entry)).count(), 1, "{names:?}");
    assert!(names.len() <= 5, "{names:?}");
    assert_eq!(hand.phase(rotation).await, Phase::Stuck);
    assert_eq!(town.states(), ALL_OFF);
    assert_eq!(town.simulator.refused_console_logins(), 1);
}

/// A Vault that counts how often it is read, and denies it.
struct Denying {
    inner: Arc<dyn SecretStore>,
    reads: Arc<AtomicU64>,
}

#[async_trait]
impl SecretStore for Denying {
    async fn read(&self, location: &SecretLocation) -> Result<Stored, SecretStoreError> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        let (location, trouble) = (location.clone(), SecretTrouble::Denied);
        Err(SecretStoreError { location, trouble })
    }

    async fn current_version(
        &self,
        location: &SecretLocation,
    ) -> Result<Option<SecretVersion>, SecretStoreError> {
        self.inner.current_version(location).await
    }

    async fn current_versions(
        &self,
        folder: &SecretLocation,
    ) -> Result<Option<BTreeMap<String, SecretVersion>>, SecretStoreError> {
        self.inner.current_versions(folder).await
    }
}

#[tokio::test]
async fn a_vault_that_denies_is_asked_once_a_turn_for_the_secret_that_a_stuck_rotation_waits_for() {
    let (_town, hand, rotation, _) = refused().await;
    let reads = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&reads);
    let hand = hand.in_world(|world| {
        let inner = Arc::clone(&world.secrets);
        world.secrets = Arc::new(Denying { inner, reads: count });
    });
    let before = hand.entries(rotation).await.len();
    let mut turns = 0;
    while turns < 3 {
        turns += u64::from(hand.turn().await == Tick::Drove);
    }
    assert_eq!(reads.load(Ordering::SeqCst), turns);
    assert_eq!(hand.entries(rotation).await.len(), before);
    assert_eq!(hand.phase(rotation).await, Phase::Stuck);
}

#[tokio::test]
async fn a_refused_proof_is_remembered_while_the_store_is_away() {
    let town = Town::new(Skin::Plain).await;
    let prove = format!(
        "console = \"acme\"\nprove = \"soap-login\"\nlogin_url = \"{}\"\n",
        town.simulator.login_url()
    );
    let hand = Hand::configured(&town.config().replace("console = \"acme\"\n", &prove)).await;
    let (settles, rejects) = (AtomicBool::new(false), AtomicBool::new(false));
    let hand = interrupted(hand, move |moment| {
        let is_first = match moment {
            Moment::Settling(_) => !settles.swap(true, Ordering::SeqCst),
            Moment::Before(Entry::Rejected { .. }) => !rejects.swap(true, Ordering::SeqCst),
            Moment::Before(_) | Moment::After(_) | Moment::Tripping => false,
        };
        if is_first { away() } else { Ok(()) }
    });
    let before = now();
    let (rotation, _) = reset_wrongly(&town, &hand).await;
    hand.turn().await;
    let names = hand.names(rotation).await;
    assert_eq!(names.last(), Some(&"proving"), "neither was written: {names:?}");
    // Late news of the same reset, so that the rotation is due at once.
    hand.tell_at(&town, "late", ResetKind::PasswordReset, before).await;
    hand.until(rotation, Phase::Stuck).await;
    hand.until_idle().await;
    let names = hand.names(rotation).await;
    assert!(!names.contains(&"updating") && !names.contains(&"enabled"), "{names:?}");
    assert_eq!(names.iter().filter(|name| **name == "rejected").count(), 1, "{names:?}");
    assert_eq!(town.states(), ALL_OFF);
    assert!(town.held().iter().all(|held| held.password == "first-CANARY-password"));
    assert_eq!(town.simulator.login_history().len(), 1, "one login at Salesforce");
}

#[tokio::test]
async fn a_login_that_one_replica_was_refused_is_not_tried_by_another_that_remembers_it() {
    let town = Town::new(Skin::Plain).await;
    store_login(&town, "not the password").await;
    let (one, other) = (Hand::new(&town).await, Hand::new(&town).await);
    for hand in [&one, &other] {
        hand.plant.world.logins.prefetch().await;
    }
    let rotation = reset(&town, &one, "first").await;
    one.until(rotation, Phase::Stuck).await;
    assert_eq!(town.simulator.refused_console_logins(), 1);
    store_login(&town, CONSOLE_PASSWORD).await;
    assert_eq!(reset(&town, &one, "second").await, rotation);
    one.until(rotation, Phase::Confirmed).await;
    assert_eq!(town.simulator.refused_console_logins(), 1);
    let rotation = reset(&town, &other, "third").await;
    other.until(rotation, Phase::Confirmed).await;
    assert_eq!(town.simulator.refused_console_logins(), 1);
}

#[tokio::test]
async fn a_connector_that_failed_before_somebody_disabled_it_is_not_confirmed() {
    let town = Arc::new(Town::new(Skin::Plain).await);
    let hand = impatient(&town, true).await;
    let (rotation, _) = reset_wrongly(&town, &hand).await;
    assert_eq!(hand.until_rest(rotation).await, Phase::Stuck);
    assert_eq!(town.failed_connector_logins().len(), 2);
    assert_eq!(town.states(), ALL_OFF);
    let entries = hand.entries(rotation).await;
    assert!(entries.iter().any(|entry| matches!(entry, Entry::Refused { .. })), "{entries:?}");
    let target = TargetName::parse("acme").unwrap();
    let applied = hand.plant.world.journal.applied(&target).await.unwrap();
    assert_eq!(applied, None, "nothing is known to work");
}

#[tokio::test]
async fn a_breaker_that_the_store_cannot_trip_at_once_is_tripped_before_the_next_login() {
    let town = Town::new(Skin::Plain).await;
    store_login(&town, "not the password").await;
    let was_asked = AtomicBool::new(false);
    let hand = interrupted(Hand::new(&town).await, move |moment| {
        let is_first = moment == Moment::Tripping && !was_asked.swap(true, Ordering::SeqCst);
        if is_first { away() } else { Ok(()) }
    });
    let rotation = reset(&town, &hand, "first").await;
    hand.until(rotation, Phase::Stuck).await;
    hand.until_idle().await;
    let names = hand.names(rotation).await;
    assert!(names.contains(&"deferred"), "the store was away: {names:?}");
    assert_eq!(town.simulator.refused_console_logins(), 1);
    let account = AccountName::parse("acme").unwrap();
    assert!(hand.plant.world.journal.breaker(&account).await.unwrap().is_some());
}

#[tokio::test]
async fn a_login_that_is_refused_in_the_middle_of_a_session_is_not_tried_by_another_rotation() {
    for skin in Skin::ALL {
        let town = Arc::new(Town::new(skin).await);
        // Somebody changes the console user's password, which ends the session: the login that
        // would renew it leads to the login page again.
        let refusal = Match::nth_request("POST login", 2);
        town.simulator.fault(refusal, ConsoleFault::SessionExpired, Times::Once);
        let (ended, console) = (AtomicBool::new(false), Arc::clone(&town));
        let hand = interrupted(Hand::new(&town).await, move |moment| {
            let is_there = matches!(moment, Moment::Before(Entry::Updating { .. }));
            if is_there && !ended.swap(true, Ordering::SeqCst) {
                console.simulator.expire_sessions();
            }
            Ok(())
        });
        let rotation = reset(&town, &hand, "first").await;
        hand.until(rotation, Phase::Stuck).await;
        let entries = hand.entries(rotation).await;
        let Some(Entry::Stuck { fault, .. }) = entries.last() else { panic!("{entries:?}") };
        assert_eq!(*fault, Fault::Rejected);
        assert!(entries.last().is_some_and(is_refused_login), "{entries:?}");
        let account = AccountName::parse("acme").unwrap();
        let breaker = hand.plant.world.journal.breaker(&account).await.unwrap();
        let version = breaker.map(|breaker| breaker.secret_version);
        assert_eq!(version, Some(SecretVersion(1)), "the breaker is open");

        hand.say(rotation, Verb::Abandon).await;
        let another = reset(&town, &hand, "second").await;
        assert_ne!(another, rotation);
        hand.until(another, Phase::Stuck).await;
        let says = hand.says(another).await;
        assert!(says.last().unwrap().contains("was refused at"), "{says:?}");
        assert_eq!(requests(&town, "POST login"), 2);
    }
}
