//! Three replicas over one PostgreSQL database, real processes that are killed and stopped at
//! random while events arrive.

pub(crate) mod city;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use reset_receiver::domain::entry::Entry;
use reset_receiver::domain::phase::Phase;
use reset_receiver::ports::journal::{Journal, RotationFilter, RotationSummary};
use reset_receiver::store::PostgresStore;

use crate::support::postgres::Postgres;
use crate::support::receiver::{Receiver, client, tell_about};
use crate::support::setting::setting;

use city::{City, LEASE};

const PATIENCE: Duration = Duration::from_mins(3);
const REPLICAS: usize = 3;

/// The replicas, each with the time at which it goes on if it is stopped.
struct Replicas {
    running: Vec<(Receiver, Option<Instant>)>,
    /// Where each one's public listener is now.
    hooks: Mutex<Vec<SocketAddr>>,
}

impl Replicas {
    fn start(city: &City) -> Self {
        let running: Vec<_> = (0..REPLICAS).map(|_| (city.start_replica(), None)).collect();
        let hooks = running.iter().map(|(replica, _)| replica.hooks.unwrap()).collect();
        Self { running, hooks: Mutex::new(hooks) }
    }
}

/// Kills a replica, or stops one for up to two leases, every second until `end`.
async fn harass(
    replicas: &mut [(Receiver, Option<Instant>)],
    hooks: &Mutex<Vec<SocketAddr>>,
    city: &City,
    end: Instant,
) -> (u32, u32) {
    let mut chance = StdRng::seed_from_u64(11);
    let (mut kills, mut stops) = (0, 0);
    while Instant::now() < end {
        tokio::time::sleep(Duration::from_secs(1)).await;
        for (replica, resume_at) in replicas.iter_mut() {
            if resume_at.is_some_and(|at| at <= Instant::now()) {
                replica.signal("CONT");
                *resume_at = None;
            }
        }
        let number = chance.random_range(0..REPLICAS);
        let (replica, resume_at) = &mut replicas[number];
        if chance.random_bool(0.5) {
            replica.kill();
            kills += 1;
            *replica = tokio::task::block_in_place(|| city.start_replica());
            *resume_at = None;
            hooks.lock().unwrap()[number] = replica.hooks.unwrap();
        } else if resume_at.is_none() {
            replica.signal("STOP");
            stops += 1;
            *resume_at = Some(Instant::now() + LEASE.mul_f64(chance.random_range(0.1..2.0)));
        }
    }
    for (replica, resume_at) in replicas.iter_mut().filter(|(_, at)| at.is_some()) {
        replica.signal("CONT");
        *resume_at = None;
    }
    (kills, stops)
}

/// Resets passwords and tells of it, of every target at least once, until `end`. Returns the events
/// that were accepted.
async fn reset_all_along(
    city: &City,
    hooks: &Mutex<Vec<SocketAddr>>,
    end: Instant,
) -> BTreeSet<String> {
    let (mut chance, client) = (StdRng::seed_from_u64(12), client());
    let mut accepted = BTreeSet::new();
    for number in 0.. {
        if number >= city.targets && Instant::now() >= end {
            break;
        }
        let target =
            if number < city.targets { number } else { chance.random_range(0..city.targets) };
        let id = format!("event-{number}");
        city.reset(target, &format!("CANARY-password-{number}")).await;
        let began = Instant::now();
        loop {
            assert!(began.elapsed() < PATIENCE, "{id} is not accepted");
            let at = hooks.lock().unwrap()[chance.random_range(0..REPLICAS)];
            let username = City::username(target);
            let answer = tell_about(&client, at, city.organization(), &username, &id).await;
            match answer.map(|(status, _)| status) {
                Some(200 | 202) => break,
                // A replica that is just dying, or a store that could not be written in time.
                None | Some(503) => tokio::time::sleep(Duration::from_millis(50)).await,
                Some(status) => panic!("{id}: {status}"),
            }
        }
        accepted.insert(id);
        tokio::time::sleep(Duration::from_millis(chance.random_range(20..200))).await;
    }
    accepted
}

/// Waits until nothing is left to do, and returns every rotation.
async fn until_all_are_over(journal: &PostgresStore, replicas: &Replicas) -> Vec<RotationSummary> {
    let began = Instant::now();
    loop {
        let filter = RotationFilter { limit: 100_000, ..RotationFilter::default() };
        let rotations = journal.rotations(&filter).await.unwrap();
        let is_over = |rotation: &&RotationSummary| rotation.finished_at.is_some();
        if rotations.iter().filter(is_over).count() == rotations.len() {
            return rotations;
        }
        if began.elapsed() > PATIENCE {
            let logs: Vec<String> = replicas.running.iter().map(|(one, _)| one.log()).collect();
            let open: Vec<_> = rotations.iter().filter(|one| !is_over(one)).collect();
            panic!("not over: {open:#?}\n{}", logs.join("\n----\n"));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[expect(clippy::print_stdout, reason = "a long run says what it did")]
async fn three_replicas_that_are_killed_and_stopped_at_random_lose_nothing() {
    let length = Duration::from_secs(setting("REPLICAS_SECONDS").unwrap_or(20));
    let targets = usize::try_from(setting("REPLICAS_TARGETS").unwrap_or(40)).unwrap();
    let database = Postgres::shared().database().await;
    let city = City::new(targets, database.clone()).await;
    let journal = database.open().await;
    let mut replicas = tokio::task::block_in_place(|| Replicas::start(&city));
    let end = Instant::now() + length;
    let ((kills, stops), accepted) = tokio::join!(
        harass(&mut replicas.running, &replicas.hooks, &city, end),
        reset_all_along(&city, &replicas.hooks, end),
    );
    assert!(kills > 2 && stops > 2, "{kills} kills and {stops} stops say little");

    let rotations = until_all_are_over(&journal, &replicas).await;
    let (mut journaled, mut taken_over) = (BTreeSet::new(), 0);
    for rotation in &rotations {
        let is_well = matches!(rotation.phase, Phase::Confirmed | Phase::NothingToDo);
        assert!(is_well, "{rotation:?}");
        for row in journal.rows(rotation.id).await.unwrap() {
            if let Entry::Admitted { event_id, .. } = row.entry {
                assert!(journaled.insert(event_id.to_string()), "{event_id} is there twice");
            } else if row.entry == Entry::TakenOver {
                taken_over += 1;
            }
        }
    }
    println!(
        "{kills} kills, {stops} stops, {} events accepted, {} rotations, {taken_over} taken over, \
         {} requests to the console, over {:?} after the end",
        accepted.len(),
        rotations.len(),
        city.walked(),
        end.elapsed(),
    );
    assert_eq!(journaled, accepted, "what was accepted is what is journaled");
    assert!(taken_over > 0, "nobody had to take anything over; the test says little");
    city.assert_well();
    city.assert_one_driver_at_a_time();
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
    while !stopped.log().contains("drive ended early") {
        assert!(began.elapsed() < PATIENCE, "it does not notice\n{}", stopped.log());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let again = stopped.get("/v1/rotations").await;
    assert_eq!(again["rotations"][0]["phase"], "confirmed");
    assert_eq!(city.walked(), walked, "it sent nothing more: {:?}", city.log_since(walked));
    city.assert_well();
    city.assert_one_driver_at_a_time();
}
