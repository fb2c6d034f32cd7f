//! A kill between a change of the console and its answer: it has happened, and nobody knows.

use std::time::{Duration, Instant};

use futures_util::StreamExt;
use simulator::{ConsoleRequest, Fault, Match, Times};

use super::{
    PATIENCE, SIDE_BY_SIDE, Store, assert_well, only_rotation, reset, town_on, until_confirmed,
};
use crate::support::receiver::{Receiver, client, tell};

/// The numbers of the requests that change something in a whole rotation.
async fn changes_of_a_rotation(store: Store) -> Vec<u64> {
    let town = town_on(store).await;
    let receiver = Receiver::start(&town);
    reset(&town, &receiver, "reset-1").await;
    until_confirmed(&receiver).await;
    let log = town.simulator.console_log();
    log.iter().filter(|request| has_happened(request)).map(|request| request.number).collect()
}

fn has_happened(request: &ConsoleRequest) -> bool {
    !request.changes.is_empty() && request.done > 0
}

async fn survive_a_kill_before_any_answer(store: Store) {
    let changes = changes_of_a_rotation(store).await;
    assert!(changes.len() >= 9, "two are switched off and on, and five are written: {changes:?}");
    let runs = changes.into_iter().map(|number| tokio::spawn(survive_a_kill(store, number)));
    // A run is spawned when it is its turn.
    let mut runs = futures_util::stream::iter(runs).buffer_unordered(SIDE_BY_SIDE);
    while let Some(run) = runs.next().await {
        run.unwrap();
    }
}

async fn survive_a_kill(store: Store, number: u64) {
    let told = format!("request {number}");
    let town = town_on(store).await;
    town.simulator.fault(Match::nth(number), Fault::NoAnswer, Times::Once);
    let start = || tokio::task::block_in_place(|| Receiver::start(&town));
    let mut waiting = start();
    reset(&town, &waiting, "reset-1").await;
    let began = Instant::now();
    while !town.simulator.console_log().iter().any(|it| it.number == number && has_happened(it)) {
        assert!(began.elapsed() < PATIENCE, "{told} never comes\n{}", waiting.log());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    waiting.kill();
    let receiver = start();
    let (status, _) = tell(&client(), receiver.hooks.unwrap(), &town, "reset-1").await.unwrap();
    assert_eq!(status, 200, "{told}");
    until_confirmed(&receiver).await;
    assert_well(&town, &told);
    only_rotation(&town).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_kill_between_any_change_and_its_answer_a_restart_completes_the_rotation() {
    survive_a_kill_before_any_answer(Store::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_kill_between_any_change_and_its_answer_it_completes_in_postgres_too() {
    survive_a_kill_before_any_answer(Store::Postgres).await;
}
