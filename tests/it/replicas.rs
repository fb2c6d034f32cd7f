//! Three replicas over one PostgreSQL database, real processes that are killed and stopped at
//! random while events arrive.

pub(crate) mod city;
mod havoc;
mod story;

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use reset_receiver::domain::entry::{Entry, Row};
use reset_receiver::domain::phase::Phase;
use reset_receiver::engine::watch;
use reset_receiver::ports::journal::{Journal, RotationSummary};
use reset_receiver::store::PostgresStore;

use crate::support::postgres::Postgres;
use crate::support::receiver::{client, tell_about};
use crate::support::setting::setting;

use city::City;
use havoc::{Havoc, Sent};
use story::{rotations, story};

const PATIENCE: Duration = Duration::from_mins(3);

/// What the journals say.
#[derive(Default)]
struct Journaled {
    /// The events of senders.
    told: BTreeSet<String>,
    /// What the replicas found in Vault by themselves.
    found: BTreeSet<String>,
    /// The targets' versions whose proving login was spent.
    spent: BTreeSet<(String, u64)>,
    proved: u32,
    unproven: u32,
    refused: u32,
    taken_over: u32,
}

impl Journaled {
    /// Adds a row of a target's; what speaks against it.
    fn add(&mut self, target: &str, row: &Row) -> Result<(), String> {
        if let Entry::Admitted { source, event_id, .. } = &row.entry {
            let is_ours = source.as_str() == watch::SOURCE;
            let events = if is_ours { &mut self.found } else { &mut self.told };
            if !events.insert(event_id.to_string()) {
                return Err(format!("{event_id} is there twice"));
            }
        }
        if let Entry::Proving { version } = &row.entry
            && !self.spent.insert((target.to_owned(), version.0))
        {
            return Err(format!("the login of version {version} was spent twice"));
        }
        self.proved += u32::from(matches!(row.entry, Entry::Proved { .. }));
        self.unproven += u32::from(matches!(row.entry, Entry::Unproven { .. }));
        self.refused += u32::from(matches!(row.entry, Entry::Rejected { .. }));
        self.taken_over += u32::from(row.entry == Entry::TakenOver);
        Ok(())
    }
}

/// Waits until nothing is left to do, and returns every rotation. However many there are and
/// however busy the machine is, one after the other comes to its end.
async fn until_all_are_over(journal: &PostgresStore, havoc: &Havoc<'_>) -> Vec<RotationSummary> {
    let (mut ended, mut since) = (0, Instant::now());
    loop {
        let rotations = rotations(journal).await;
        let is_open = |rotation: &&RotationSummary| rotation.finished_at.is_none();
        let Some(open) = rotations.iter().find(is_open) else { return rotations };
        let over = rotations.len() - rotations.iter().filter(is_open).count();
        if over > ended {
            (ended, since) = (over, Instant::now());
        }
        if since.elapsed() > PATIENCE {
            let story = story(journal, havoc, open.target.as_str()).await;
            panic!("{over} of {} are over, and no more:\n{story}", rotations.len());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Reads every journal; each has come to a good end.
async fn read_all(
    journal: &PostgresStore,
    havoc: &Havoc<'_>,
    rotations: &[RotationSummary],
) -> Journaled {
    let mut journaled = Journaled::default();
    for rotation in rotations {
        let target = rotation.target.as_str();
        let is_well = matches!(rotation.phase, Phase::Confirmed | Phase::NothingToDo);
        let mut wrong = (!is_well).then(|| format!("it ended as {:?}", rotation.phase));
        for row in journal.rows(rotation.id).await.unwrap() {
            wrong = wrong.or(journaled.add(target, &row).err());
        }
        if let Some(wrong) = wrong {
            panic!("{target}: {wrong}\n{}", story(journal, havoc, target).await);
        }
    }
    journaled
}

/// What was accepted is in a journal, and what else is there the replicas found in Vault.
fn assert_nothing_is_lost(sent: &Sent, journaled: &Journaled) {
    let lost: Vec<_> = sent.accepted.difference(&journaled.told).collect();
    assert!(lost.is_empty(), "accepted and lost: {lost:?}");
    let made_up: Vec<_> = journaled.told.difference(&sent.accepted).collect();
    assert!(made_up.is_empty(), "nobody sent {made_up:?}");
    let made_up: Vec<_> = journaled.found.difference(&sent.in_vault).collect();
    assert!(made_up.is_empty(), "Vault never held {made_up:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[expect(clippy::print_stdout, reason = "a long run says what it did")]
async fn three_replicas_that_are_killed_and_stopped_at_random_lose_nothing() {
    let length = Duration::from_secs(setting("REPLICAS_SECONDS").unwrap_or(20));
    let targets = usize::try_from(setting("REPLICAS_TARGETS").unwrap_or(40)).unwrap();
    let database = Postgres::shared().database().await;
    let city = City::busy(targets, database.clone()).await;
    let journal = database.open().await;
    let mut havoc = Havoc::begin(&city).await;
    let sent = havoc.wreak(length).await;
    let end = Instant::now();
    let rotations = until_all_are_over(&journal, &havoc).await;
    let waited = end.elapsed();
    let journaled = read_all(&journal, &havoc, &rotations).await;
    let tried = city.tried();
    println!(
        "{} kills, {} stops, {} events accepted, {} versions found in Vault, {} rotations, {} taken \
         over; {} proving logins spent, {} made, {} times proved, {} unproven, {} \
         refused; {} requests to the console; over {waited:?} after the end",
        havoc.kills.load(Ordering::Relaxed),
        havoc.stops.load(Ordering::Relaxed),
        sent.accepted.len(),
        journaled.found.len(),
        rotations.len(),
        journaled.taken_over,
        journaled.spent.len(),
        tried.len(),
        journaled.proved,
        journaled.unproven,
        journaled.refused,
        city.walked(),
    );
    assert_nothing_is_lost(&sent, &journaled);
    let unspent: Vec<_> = tried.difference(&journaled.spent).collect();
    assert!(unspent.is_empty(), "tried at Salesforce without having been spent: {unspent:?}");
    assert!(journaled.proved > 0, "nothing was proved; the test says little");
    let ailments = city.ailments();
    if let Some((number, _)) = ailments.first() {
        let story = story(&journal, &havoc, &City::target(*number)).await;
        panic!("{ailments:#?}\n{story}");
    }
    city.assert_well();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_only_listens_and_one_that_only_drives_rotate_together() {
    let city = City::new(2, Postgres::shared().database().await).await;
    let (listening, driving) = tokio::task::block_in_place(|| {
        (city.start_replica_as("[\"api\"]"), city.start_replica_as("[\"worker\"]"))
    });
    assert_eq!(driving.hooks, None, "it listens to nobody");
    city.reset(0, "another-CANARY-password").await;
    let (hooks, username) = (listening.hooks.unwrap(), City::username(0));
    let told = tell_about(&client(), hooks, city.organization(), &username, "event-1").await;
    assert_eq!(told.unwrap().0, 202);
    let began = Instant::now();
    while driving.get("/v1/rotations").await["rotations"][0]["phase"] != "confirmed" {
        assert!(began.elapsed() < PATIENCE, "{}\n{}", listening.log(), driving.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    city.assert_well();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_was_stopped_past_its_lease_touches_the_console_no_more() {
    let city = City::slow(1, Postgres::shared().database().await).await;
    let stopped = tokio::task::block_in_place(|| city.start_replica());
    city.reset(0, "another-CANARY-password").await;
    let (client, username) = (client(), City::username(0));
    let hooks = stopped.hooks.unwrap();
    let told = tell_about(&client, hooks, city.organization(), &username, "event-1").await;
    assert_eq!(told.unwrap().0, 202);
    let began = Instant::now();
    while city.walked() < 4 {
        assert!(began.elapsed() < PATIENCE, "it does not walk\n{}", stopped.log());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    stopped.signal("STOP");
    let heir = tokio::task::block_in_place(|| city.start_replica());
    let began = Instant::now();
    while heir.get("/v1/rotations").await["rotations"][0]["phase"] != "confirmed" {
        assert!(began.elapsed() < PATIENCE, "{}", heir.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // The heir logs out once the rotation is over, and gives the account free after that.
    while city.is_driven().await {
        assert!(began.elapsed() < PATIENCE, "{}", heir.log());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let walked = city.walked();
    stopped.signal("CONT");
    // It has learned that it lost its lease, and gone on with nothing since.
    stopped.has_logged("drive ended early", 1).await;
    let again = stopped.get("/v1/rotations").await;
    assert_eq!(again["rotations"][0]["phase"], "confirmed");
    assert_eq!(city.walked(), walked, "it sent nothing more: {:?}", city.log_since(walked));
    city.assert_well();
}
