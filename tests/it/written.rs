//! Secrets that are written without anybody telling of a reset, against a real OpenBao server: the
//! watch finds them, an announcement wakes a rotation, and a rewrite touches nothing.

mod reloaded;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use jiff::Timestamp;
use reset_receiver::domain::entry::Entry;
use reset_receiver::domain::event::{ResetEvent, ResetKind, Subject};
use reset_receiver::domain::freshness::Waiting;
use reset_receiver::domain::ids::{EventId, RotationId, SourceName};
use reset_receiver::domain::phase::Phase;
use reset_receiver::domain::secret::{SecretLocation, SecretVersion};
use reset_receiver::engine::drive::World;
use reset_receiver::engine::worker::Worker;
use reset_receiver::ports::journal::Admission;
use reset_receiver::ports::secret_store::{SecretStore, SecretStoreError, Stored};
use simulator::{Credential, Skin};
use tokio::sync::{Notify, oneshot};

use crate::support::hand::Hand;
use crate::support::receiver::Receiver;
use crate::support::town::{Town, USERNAME};

const PATIENCE: Duration = Duration::from_mins(1);

/// Tells that Vault holds a version of the town's secret.
async fn announce(hand: &Hand, town: &Town, id: &str, version: u64) -> RotationId {
    let location = SecretLocation { mount: town.mount.clone(), path: "salesforce".to_owned() };
    let event = ResetEvent {
        source: SourceName::parse("agent").unwrap(),
        id: EventId::parse(id).unwrap(),
        kind: ResetKind::SecretWritten,
        subject: Subject::Secret { location, version: Some(SecretVersion(version)) },
        occurred_at: Timestamp::now(),
    };
    match hand.plant.intake.admit(&event, None).await.unwrap() {
        Admission::Accepted(rotation) => rotation,
        other @ (Admission::Duplicate(_) | Admission::Unmatched) => {
            panic!("not accepted: {other:?}")
        }
    }
}

fn assert_all_hold(town: &Town, credential: &Credential) {
    assert!(town.held().iter().all(|held| held == credential));
}

/// A town whose first version is applied, told by an announcement alone.
async fn applied(town: &Town, hand: &Hand) -> Credential {
    let first = town.simulator.salesforce().reset_password(USERNAME, "first-pw").unwrap();
    assert_eq!(town.write_secret(&first).await, 1);
    let rotation = announce(hand, town, "first", 1).await;
    hand.until(rotation, Phase::Confirmed).await;
    assert_all_hold(town, &first);
    first
}

#[tokio::test]
async fn a_rewrite_of_what_is_applied_touches_nothing() {
    let town = Town::new(Skin::Plain).await;
    let hand = Hand::new(&town).await;
    let first = applied(&town, &hand).await;
    let before = town.simulator.console_log().len();
    let version = town.write_secret(&first).await;
    let rotation = announce(&hand, &town, "second", version).await;
    hand.until(rotation, Phase::NothingToDo).await;
    assert_eq!(town.simulator.console_log().len(), before, "not one request to the console");
    let journal = &hand.plant.world.journal;
    let name = hand.plant.targets.iter().next().unwrap().name.clone();
    assert_eq!(journal.applied(&name).await.unwrap().unwrap().version, SecretVersion(1));
}

#[tokio::test]
async fn an_announced_version_that_is_not_shown_yet_is_waited_for_before_anything_is_touched() {
    let town = Town::new(Skin::Plain).await;
    let hand = Hand::new(&town).await;
    applied(&town, &hand).await;
    let before = town.simulator.console_log().len();
    let second = town.simulator.salesforce().reset_password(USERNAME, "second-pw").unwrap();
    let rotation = announce(&hand, &town, "second", 2).await;
    hand.until_said(rotation, |entry| matches!(entry, Entry::Waiting { .. })).await;
    let waiting = Waiting::Announced { version: SecretVersion(2), shown: SecretVersion(1) };
    let entries = hand.entries(rotation).await;
    assert_eq!(entries.last(), Some(&Entry::Waiting { reason: waiting }));
    assert_eq!(town.simulator.console_log().len(), before);
    assert_eq!(town.write_secret(&second).await, 2);
    hand.until(rotation, Phase::Confirmed).await;
    assert_all_hold(&town, &second);
}

/// A Vault whose first answer is held back until something else has happened.
struct Interrupting {
    secrets: Arc<dyn SecretStore>,
    writes: Mutex<Option<oneshot::Sender<()>>>,
    written: Mutex<Option<oneshot::Receiver<()>>>,
}

#[async_trait]
impl SecretStore for Interrupting {
    async fn read(&self, location: &SecretLocation) -> Result<Stored, SecretStoreError> {
        let stored = self.secrets.read(location).await;
        let writes = self.writes.lock().unwrap().take();
        if let Some(writes) = writes {
            writes.send(()).unwrap();
            let written = self.written.lock().unwrap().take().unwrap();
            written.await.unwrap();
        }
        stored
    }

    async fn current_version(
        &self,
        location: &SecretLocation,
    ) -> Result<Option<SecretVersion>, SecretStoreError> {
        self.secrets.current_version(location).await
    }
}

#[tokio::test]
async fn a_version_that_is_told_while_the_one_before_is_judged_is_not_overlooked() {
    let town = Town::new(Skin::Plain).await;
    let hand = Hand::new(&town).await;
    let first = applied(&town, &hand).await;
    assert_eq!(town.write_secret(&first).await, 2);
    let rotation = announce(&hand, &town, "second", 2).await;

    let (writes, write_now) = oneshot::channel();
    let (written, is_written) = oneshot::channel();
    let secrets = Arc::new(Interrupting {
        secrets: Arc::clone(&hand.plant.world.secrets),
        writes: Mutex::new(Some(writes)),
        written: Mutex::new(Some(is_written)),
    });
    let world = Arc::new(World { secrets, ..(*hand.plant.world).clone() });
    let targets = Arc::clone(&hand.plant.targets);
    let worker = Worker::new(world, targets, Arc::new(Notify::new()), "interrupted".to_owned());
    let interrupt = async {
        write_now.await.unwrap();
        let newest = town.simulator.salesforce().reset_password(USERNAME, "newest").unwrap();
        assert_eq!(town.write_secret(&newest).await, 3);
        assert_eq!(announce(&hand, &town, "third", 3).await, rotation, "it joins");
        written.send(()).unwrap();
        newest
    };
    let (newest, ticked) = tokio::join!(interrupt, worker.tick());
    ticked.unwrap();
    hand.until(rotation, Phase::Confirmed).await;
    assert_all_hold(&town, &newest);
}

/// Waits until the newest rotation but so many is confirmed.
async fn until_confirmed(receiver: &Receiver, count: usize) {
    let began = Instant::now();
    loop {
        let listed = receiver.get("/v1/rotations").await;
        let rotations = listed["rotations"].as_array().unwrap();
        if rotations.len() == count && rotations[0]["phase"] == "confirmed" {
            return;
        }
        assert!(began.elapsed() < PATIENCE, "not confirmed: {listed}\n{}", receiver.log());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_nobody_tells_of_is_found_and_rotated() {
    let town = Town::new(Skin::WebForms).await;
    let config = town.config();
    let often = config.replace("watch_interval = \"1h\"", "watch_interval = \"200ms\"");
    assert_ne!(often, config);
    std::fs::write(town.file("config.toml"), often).unwrap();
    let old = town.simulator.salesforce().reset_password(USERNAME, "old-pw").unwrap();
    town.write_secret(&old).await;

    let mut receiver = Receiver::start(&town);
    let new = town.simulator.salesforce().reset_password(USERNAME, "second-pw").unwrap();
    // What is there at the first look starts nothing; only then is the next one written.
    receiver.has_logged("watching a secret", 1).await;
    assert_eq!(receiver.get("/v1/rotations").await["rotations"].as_array().unwrap().len(), 0);
    town.write_secret(&new).await;
    until_confirmed(&receiver, 1).await;
    assert_all_hold(&town, &new);

    let newest = town.simulator.salesforce().reset_password(USERNAME, "third-pw").unwrap();
    town.write_secret(&newest).await;
    until_confirmed(&receiver, 2).await;
    assert_all_hold(&town, &newest);

    assert_eq!(receiver.terminate(), Some(0));
    let log = receiver.log();
    assert_eq!(log.matches("this server offers no events").count(), 1, "{log}");
}
