//! What Vault holds may not be what it seems: it was restored, vouched for, or served another reset.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use reset_receiver::domain::entry::Entry;
use reset_receiver::domain::event::{ResetEvent, ResetKind, Subject};
use reset_receiver::domain::fault::Fault;
use reset_receiver::domain::ids::{EventId, RotationId, SourceName};
use reset_receiver::domain::phase::Phase;
use reset_receiver::domain::secret::{SecretLocation, SecretVersion};
use reset_receiver::domain::step::Step;
use reset_receiver::engine::operations::Verb;
use reset_receiver::ports::clock::Clock;
use reset_receiver::ports::journal::JournalError;
use reset_receiver::ports::secret_store::{SecretStore, SecretStoreError, Stored};
use simulator::{Credential, Skin};

use crate::decay::hands::{Hands, installed, live, unhurried};
use crate::secrets::settled::{ALL_OFF, assert_settled, rotate};
use crate::support::hand::{Hand, accepted, now};
use crate::support::interruption::{Interrupted, Moment};
use crate::support::town::{Town, USERNAME};

/// Vault as it was before its newest version, while `is_restored`.
struct Restored {
    inner: Arc<dyn SecretStore>,
    is_restored: Mutex<bool>,
}

impl Restored {
    fn before(&self, version: SecretVersion) -> SecretVersion {
        let is_restored = *self.is_restored.lock().unwrap();
        SecretVersion(version.0 - u64::from(is_restored))
    }
}

#[async_trait]
impl SecretStore for Restored {
    async fn read(&self, location: &SecretLocation) -> Result<Stored, SecretStoreError> {
        let stored = self.inner.read(location).await?;
        Ok(match stored {
            Stored::Present { version, written_at, fields } if location.path == "salesforce" => {
                let written_at = written_at - Duration::from_mins(1);
                Stored::Present { version: self.before(version), written_at, fields }
            }
            other @ (Stored::Present { .. } | Stored::Gone { .. } | Stored::Missing) => other,
        })
    }

    async fn current_version(
        &self,
        location: &SecretLocation,
    ) -> Result<Option<SecretVersion>, SecretStoreError> {
        let version = self.inner.current_version(location).await?;
        Ok(version.map(|version| self.before(version)))
    }

    async fn current_versions(
        &self,
        folder: &SecretLocation,
    ) -> Result<Option<BTreeMap<String, SecretVersion>>, SecretStoreError> {
        self.inner.current_versions(folder).await
    }
}

/// An installation that tells a person soon.
fn hasty(town: &Town) -> String {
    town.config().replace("[rotation]", "[rotation]\nsecret_deadline = \"100ms\"")
}

async fn message(hand: &Hand, rotation: RotationId) -> String {
    match hand.entries(rotation).await.last() {
        Some(Entry::Stuck {
            step: Step::AwaitSecret, fault: Fault::Transient, message, ..
        }) => message.clone(),
        other => panic!("it is not overdue: {other:?}"),
    }
}

#[tokio::test]
async fn a_vault_that_was_restored_to_an_older_version_is_told_of_and_a_newer_one_goes_on() {
    let town = Town::new(Skin::Plain).await;
    let config = hasty(&town);
    let hand = Hand::configured(&config).await.in_world(|world| {
        let journal = Arc::clone(&world.journal);
        world.journal = Interrupted::wrap(journal, |moment| async move {
            let dies = matches!(moment, Moment::After(Entry::Updated { .. }));
            if dies { Err(JournalError::LeaseLost) } else { Ok(()) }
        });
    });
    town.write_secret(&town.credential()).await;
    let new = town.simulator.salesforce().reset_password(USERNAME, "new").unwrap();
    town.write_secret(&new).await;
    let rotation = hand.tell(&town, "reset", ResetKind::PasswordReset).await;
    hand.turn().await;
    drop(hand);

    let hand = Hand::configured(&config).await;
    let inner = Arc::clone(&hand.plant.world.secrets);
    let vault = Arc::new(Restored { inner, is_restored: Mutex::new(true) });
    let secrets: Arc<dyn SecretStore> = vault.clone();
    let hand = hand.in_world(|world| world.secrets = secrets);
    hand.until(rotation, Phase::Stuck).await;
    let told = message(&hand, rotation).await;
    assert!(told.contains("version 2 was announced, Vault still shows version 1"), "{told}");
    assert_eq!(town.states(), ALL_OFF);

    *vault.is_restored.lock().unwrap() = false;
    town.write_secret(&new).await;
    hand.until_said(rotation, |entry| matches!(entry, Entry::Completed { .. })).await;
    assert_settled(&town, &new);
}

#[tokio::test]
async fn a_secret_that_is_the_old_one_after_all_ends_the_wait_for_the_other_half() {
    let town = Town::new(Skin::Plain).await;
    let hand = Hand::configured(&hasty(&town)).await;
    let new = rotate(&town, &hand, "settling").await;
    town.write_secret(&Credential::new(USERNAME, "half", &new.token)).await;
    let rotation = hand.tell_written(&town, "half").await;
    hand.until(rotation, Phase::Stuck).await;
    let told = message(&hand, rotation).await;
    assert!(told.contains("security_token has not changed since version 1"), "{told}");

    town.write_secret(&new).await;
    assert_eq!(hand.tell_written(&town, "back").await, rotation);
    hand.until_said(rotation, |entry| matches!(entry, Entry::Completed { .. })).await;
    assert_eq!(hand.phase(rotation).await, Phase::NothingToDo);
    assert_settled(&town, &new);
}

#[tokio::test]
async fn a_reset_that_two_senders_date_differently_is_put_before_a_person_soon() {
    let town = Town::new(Skin::Plain).await;
    let clock = Hands::new();
    let hand = installed(&town, &unhurried(&town.config()), &clock).await;
    let new = rotate(&town, &hand, "settling").await;
    let mailed = now() + Duration::from_secs(20);
    let rotation = accepted(hand.tell_at(&town, "mail", ResetKind::TokenReset, mailed).await);
    live(&hand, &clock, Duration::from_mins(9)).await;
    assert_eq!(hand.phase(rotation).await, Phase::AwaitingSecret);
    assert_eq!(town.states(), ALL_OFF, "it may be another one");
    live(&hand, &clock, Duration::from_mins(2)).await;
    let told = message(&hand, rotation).await;
    assert!(told.contains("say that version 1 is the current one (use-current-secret)"), "{told}");
    hand.say(rotation, Verb::UseCurrentSecret).await;
    hand.until(rotation, Phase::Confirmed).await;
    assert_settled(&town, &new);
}

#[tokio::test]
async fn a_reset_of_which_the_secret_is_late_is_not_taken_for_another_senders() {
    let town = Town::new(Skin::Plain).await;
    let clock = Hands::new();
    let hand = installed(&town, &unhurried(&town.config()), &clock).await;
    rotate(&town, &hand, "settling").await;
    let later = now() + Duration::from_mins(11);
    let rotation = accepted(hand.tell_at(&town, "mail", ResetKind::TokenReset, later).await);
    live(&hand, &clock, Duration::from_hours(1)).await;
    assert_eq!(hand.phase(rotation).await, Phase::AwaitingSecret);
}

/// An installation that proves, in this clock's time.
async fn proving(town: &Town, clock: &Arc<Hands>) -> Hand {
    let url = town.simulator.login_url();
    let prove = format!("console = \"acme\"\nprove = \"soap-login\"\nlogin_url = \"{url}\"\n");
    let config = unhurried(&town.config()).replace("console = \"acme\"\n", &prove);
    installed(town, &config, clock).await
}

#[tokio::test]
async fn what_nobody_saw_to_work_answers_no_reset_after_it_was_written() {
    let town = Town::smallest(Skin::Plain).await;
    let clock = Hands::new();
    let hand = proving(&town, &clock).await;
    let first = town.simulator.salesforce().reset_password(USERNAME, "first").unwrap();
    // An error of before, which stays until the connectors log in again.
    town.simulator.run_syncs();
    town.write_secret(&first).await;
    let rotation = hand.tell(&town, "first", ResetKind::PasswordReset).await;
    live(&hand, &clock, Duration::from_mins(5)).await;
    let second_at = clock.now();
    town.simulator.salesforce().reset_password(USERNAME, "second").unwrap();
    live(&hand, &clock, Duration::from_mins(30)).await;
    assert_eq!(hand.phase(rotation).await, Phase::Unconfirmed);
    let told = hand.tell_at(&town, "late", ResetKind::PasswordReset, second_at).await;
    let late = accepted(told);
    live(&hand, &clock, Duration::from_mins(1)).await;
    assert_eq!(hand.phase(late).await, Phase::AwaitingSecret);
    assert!(town.states().iter().all(|enabled| !enabled), "its secret is dead");
}

/// Vault, of which one read comes from a standby that lags behind.
struct Lagging {
    inner: Arc<dyn SecretStore>,
    before: Mutex<Option<Stored>>,
    lags: AtomicBool,
}

#[async_trait]
impl SecretStore for Lagging {
    async fn read(&self, location: &SecretLocation) -> Result<Stored, SecretStoreError> {
        if location.path != "salesforce" {
            return self.inner.read(location).await;
        }
        if self.lags.swap(false, Ordering::SeqCst) {
            return Ok(self.before.lock().unwrap().clone().unwrap());
        }
        let stored = self.inner.read(location).await?;
        *self.before.lock().unwrap() = Some(stored.clone());
        Ok(stored)
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
async fn a_version_that_was_announced_is_waited_for_from_then_on_however_old_the_rotation_is() {
    let town = Town::smallest(Skin::Plain).await;
    let clock = Hands::new();
    let hand = proving(&town, &clock).await;
    let inner = Arc::clone(&hand.plant.world.secrets);
    let lagging = Lagging { inner, before: Mutex::default(), lags: AtomicBool::new(false) };
    let vault = Arc::new(lagging);
    let secrets: Arc<dyn SecretStore> = vault.clone();
    let hand = hand.in_world(|world| world.secrets = secrets);
    let first = town.simulator.salesforce().reset_password(USERNAME, "first").unwrap();
    // An error of before keeps the rotation open.
    town.simulator.run_syncs();
    town.write_secret(&first).await;
    let rotation = hand.tell(&town, "first", ResetKind::PasswordReset).await;
    live(&hand, &clock, Duration::from_mins(11)).await;
    assert_eq!(hand.phase(rotation).await, Phase::Confirming);

    let second = town.simulator.salesforce().reset_token(USERNAME).unwrap();
    let version = SecretVersion(town.write_secret(&second).await);
    let location = SecretLocation { mount: town.mount.clone(), path: "salesforce".to_owned() };
    let event = ResetEvent {
        source: SourceName::parse("vault").unwrap(),
        id: EventId::parse("second").unwrap(),
        kind: ResetKind::SecretWritten,
        subject: Subject::Secret { location, version: Some(version) },
        occurred_at: clock.now(),
    };
    hand.plant.intake.admit(&event, None).await.unwrap();
    vault.lags.store(true, Ordering::SeqCst);
    live(&hand, &clock, Duration::from_mins(5)).await;
    assert!(town.held().iter().all(|held| *held == second), "{:?}", hand.says(rotation).await);
}

#[tokio::test]
async fn an_operators_word_is_about_the_version_that_vault_held_then_and_no_later_one() {
    let town = Arc::new(Town::new(Skin::Plain).await);
    let hand = Hand::new(&town).await;
    rotate(&town, &hand, "first").await;
    let second = town.simulator.salesforce().reset_password(USERNAME, "second").unwrap();
    town.write_secret(&second).await;
    let later = now() + Duration::from_mins(20);
    let rotation = accepted(hand.tell_at(&town, "late", ResetKind::PasswordReset, later).await);
    hand.until(rotation, Phase::AwaitingSecret).await;

    let (here, updates) = (Arc::clone(&town), Arc::new(AtomicUsize::new(0)));
    let surfaces = town.held().len();
    let hand = hand.in_world(|world| {
        let journal = Arc::clone(&world.journal);
        world.journal = Interrupted::wrap(journal, move |moment| {
            let is_update = matches!(moment, Moment::After(Entry::Updated { .. }));
            let is_last = is_update && updates.fetch_add(1, Ordering::SeqCst) + 1 == surfaces;
            let (town, old) = (Arc::clone(&here), second.token.clone());
            async move {
                if is_last {
                    // Somebody resets again; the token of it is not there yet.
                    town.simulator.salesforce().reset_password(USERNAME, "third").unwrap();
                    town.write_secret(&Credential::new(USERNAME, "third", &old)).await;
                }
                Ok(())
            }
        });
    });
    hand.say(rotation, Verb::UseCurrentSecret).await;
    hand.until_said(rotation, |entry| {
        matches!(entry, Entry::Waiting { reason } if reason.to_string().contains("version 3"))
    })
    .await;
    assert_eq!(town.states(), ALL_OFF, "nothing is enabled with half a secret");
    assert!(town.failed_connector_logins().is_empty());
}
