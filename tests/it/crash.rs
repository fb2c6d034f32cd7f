//! `kill -9` of the real process at every write of the journal, between each change of the console and
//! its answer, and at random moments.

mod commits;
mod unanswered;

use std::time::{Duration, Instant};

use futures_util::StreamExt;
use reset_receiver::domain::entry::Entry;
use reset_receiver::domain::ids::RotationId;
use reset_receiver::ports::journal::RotationFilter;
use serde_json::Value;
use simulator::{Change, Skin, State};

use crate::support::postgres::Postgres;
use crate::support::receiver::{Receiver, client, tell};
use crate::support::town::{CONNECTORS, INSTANCES, Town, USERNAME};

const PATIENCE: Duration = Duration::from_mins(1);

/// How many towns there are at once.
const SIDE_BY_SIDE: usize = 4;

/// Where a journal is kept.
#[derive(Debug, Clone, Copy)]
enum Store {
    Sqlite,
    Postgres,
}

async fn town_on(store: Store) -> Town {
    let town = Town::new(Skin::Plain).await;
    match store {
        Store::Sqlite => town,
        Store::Postgres => town.keeping_its_journal_in(Postgres::shared().database().await),
    }
}

/// How many journal writes one whole rotation takes, counted in a run without a kill.
async fn writes_of_a_rotation(store: Store) -> u64 {
    let town = town_on(store).await;
    let receiver = Receiver::start(&town);
    reset(&town, &receiver, "reset-1").await;
    until_confirmed(&receiver).await;
    let rotation = only_rotation(&town).await;
    // The first two rows are written together, by the admission.
    u64::try_from(rows(&town, rotation).await.len()).unwrap() - 1
}

/// Resets the password, tells of it and puts the new secret into Vault.
async fn reset(town: &Town, receiver: &Receiver, id: &str) {
    let new = town.simulator.salesforce().reset_password(USERNAME, "second-CANARY-pw").unwrap();
    town.write_secret(&new).await;
    if let Some(hooks) = receiver.hooks {
        drop(tell(&client(), hooks, town, id).await);
    }
}

async fn until_confirmed(receiver: &Receiver) {
    let began = Instant::now();
    loop {
        let listed = receiver.get("/v1/rotations").await;
        let phases: Vec<&Value> = listed["rotations"]
            .as_array()
            .unwrap_or_else(|| panic!("no list: {listed}"))
            .iter()
            .map(|rotation| &rotation["phase"])
            .collect();
        if !phases.is_empty() && phases.iter().all(|phase| *phase == "confirmed") {
            return;
        }
        assert!(began.elapsed() < PATIENCE, "not confirmed: {listed}\n{}", receiver.log());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn only_rotation(town: &Town) -> RotationId {
    let filter = RotationFilter { limit: 10, ..RotationFilter::default() };
    let rotations = town.journal().await.rotations(&filter).await.unwrap();
    let [rotation] = rotations.as_slice() else { panic!("not one rotation: {rotations:?}") };
    rotation.id
}

async fn rows(town: &Town, rotation: RotationId) -> Vec<Entry> {
    town.journal().await.rows(rotation).await.unwrap().into_iter().map(|row| row.entry).collect()
}

/// The invariants, seen from the console and from Salesforce.
fn assert_well(town: &Town, after: &str) {
    let holds = town.simulator.salesforce().credential(USERNAME).unwrap();
    for &(instance, name, enabled) in CONNECTORS {
        let connector = town.simulator.connector(instance, name).unwrap();
        let is_enabled = connector.state == State::Enabled;
        assert_eq!(is_enabled, enabled, "{after}: {instance}/{name}");
        assert!(connector.holds == holds, "{after}: {instance}/{name} holds another secret");
    }
    for &instance in INSTANCES {
        let integration = town.simulator.integration(instance).unwrap();
        assert!(integration.holds == holds, "{after}: {instance} holds another secret");
    }
    let log = town.simulator.console_log();
    let changes: Vec<&Change> = log.iter().flat_map(|request| &request.changes).collect();
    let last_disabled = changes.iter().rposition(|change| is_switch(change, State::Disabled));
    let first_update = changes.iter().position(|change| is_update(change));
    let last_update = changes.iter().rposition(|change| is_update(change));
    let first_enabled = changes.iter().position(|change| is_switch(change, State::Enabled));
    assert!(last_disabled < first_update, "{after}: written before it was contained: {changes:?}");
    assert!(last_update < first_enabled, "{after}: enabled before all was written: {changes:?}");
    assert_eq!(town.simulator.refused_console_logins(), 0, "{after}");
    town.simulator.run_syncs();
    let failed = town.simulator.login_history().iter().filter(|l| !l.outcome.is_usable()).count();
    assert_eq!(failed, 0, "{after}: failed logins at Salesforce");
}

fn is_update(change: &Change) -> bool {
    matches!(change, Change::DataSource { .. } | Change::Security { .. })
}

fn is_switch(change: &Change, state: State) -> bool {
    matches!(change, Change::State { to, .. } if *to == state)
}

/// Kills the program at every write, each time in a town of its own, and starts it again.
async fn survive_a_kill_at_any_write(store: Store) {
    let writes = writes_of_a_rotation(store).await;
    assert!(writes > 20, "a rotation of five surfaces has more than {writes} writes");
    let moments = (1..=writes).flat_map(|number| [(number, "before"), (number, "after")]);
    let runs = moments.map(|(number, moment)| tokio::spawn(survive_a_kill(store, number, moment)));
    // A run is spawned when it is its turn.
    let mut runs = futures_util::stream::iter(runs).buffer_unordered(SIDE_BY_SIDE);
    while let Some(run) = runs.next().await {
        run.unwrap();
    }
}

async fn survive_a_kill(store: Store, number: u64, moment: &str) {
    let plan = format!("{moment}:{number}");
    let town = town_on(store).await;
    let start = |plan| tokio::task::block_in_place(|| Receiver::start_dying(&town, plan));
    let mut dying = start(Some(&plan));
    reset(&town, &dying, "reset-1").await;
    let began = Instant::now();
    while !dying.is_dead() {
        assert!(began.elapsed() < PATIENCE, "{plan}: it lives\n{}", dying.log());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let receiver = start(None);
    // A sender that got no answer delivers again; one that got one may do so as well.
    let (status, _) = tell(&client(), receiver.hooks.unwrap(), &town, "reset-1").await.unwrap();
    let is_new = number == 1 && moment == "before";
    assert_eq!(status, if is_new { 202 } else { 200 }, "{plan}");
    until_confirmed(&receiver).await;
    assert_well(&town, &plan);
    only_rotation(&town).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_kill_at_any_write_a_restart_completes_the_rotation() {
    survive_a_kill_at_any_write(Store::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_kill_at_any_write_a_restart_completes_the_rotation_in_postgres_too() {
    survive_a_kill_at_any_write(Store::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_process_on_the_same_database_is_refused() {
    let town = Town::new(Skin::Plain).await;
    let first = Receiver::start(&town);
    let second = Receiver::start(&town);
    assert!(first.hooks.is_some());
    assert_eq!(second.hooks, None, "it did not start");
    second.has_logged("another reset-receiver works on this database", 1).await;
}
