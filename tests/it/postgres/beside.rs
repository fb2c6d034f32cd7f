//! What happens while somebody else holds a lock that a call waits for.

use std::time::Duration;

use jiff::Timestamp;
use reset_receiver::clock::SystemClock;
use reset_receiver::domain::entry::Entry;
use reset_receiver::ports::clock::Clock;
use reset_receiver::ports::journal::{Admission, Journal, JournalError, Placement};
use reset_receiver::store::PostgresStore;
use sqlx::Connection;

use super::{TTL, admit, empty, event, placement, try_open};
use crate::support::postgres::Database;

/// Lets a call run while somebody else has locked something, which is free again half a second
/// later. Tells when that was.
async fn meanwhile<T>(
    database: &Database,
    lock: &'static str,
    call: impl Future<Output = T>,
) -> (T, Timestamp) {
    let mut other = database.connect().await;
    let mut transaction = other.begin().await.unwrap();
    sqlx::query(lock).execute(&mut *transaction).await.unwrap();
    let release = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let free_at = SystemClock.now();
        transaction.rollback().await.unwrap();
        free_at
    };
    tokio::join!(call, release)
}

#[tokio::test]
async fn what_waited_for_a_row_has_the_time_at_which_it_got_it() {
    let database = empty().await;
    let store = try_open(&database).await.unwrap();
    let rotation = admit(&store, 1).await;
    let abandon = Entry::Abandoned { by: "ann".to_owned() };
    let operating = store.operate(rotation, &abandon);
    let locked = "SELECT 1 FROM rotation FOR UPDATE";
    let (operated, free_at) = meanwhile(&database, locked, operating).await;
    let written_at = operated.unwrap().at;
    assert!(written_at.as_millisecond() >= free_at.as_millisecond(), "{written_at} {free_at}");
}

#[tokio::test]
async fn nothing_is_written_down_beside_a_transaction_that_wants_nobody_beside_it() {
    let database = empty().await;
    let store = try_open(&database).await.unwrap();
    let rotation = admit(&store, 1).await;
    let (second, placement) = (event("second"), placement(1));
    let admitting = store.admit(&second, Some(&placement));
    let locked = "SELECT pg_advisory_xact_lock(x'72657365745f696e'::BIGINT)";
    let (admitted, free_at) = meanwhile(&database, locked, admitting).await;
    assert_eq!(admitted.unwrap(), Admission::Accepted(rotation));
    let written_at = store.rows(rotation).await.unwrap().pop().unwrap().at;
    assert!(written_at.as_millisecond() >= free_at.as_millisecond(), "{written_at} {free_at}");
}

/// What becomes of a second event of a rotation that somebody keeps locked, and who then does this
/// before it goes on.
async fn overtaken(quicker: &'static str) -> (PostgresStore, Admission) {
    let database = empty().await;
    let store = try_open(&database).await.unwrap();
    admit(&store, 1).await;
    let mut other = database.connect().await;
    let mut transaction = other.begin().await.unwrap();
    // Where the two wait for each other, this one is told so, and the test fails.
    let lock = "SET LOCAL deadlock_timeout = '10ms'; SELECT 1 FROM rotation FOR UPDATE";
    sqlx::raw_sql(lock).execute(&mut *transaction).await.unwrap();
    let overtaking = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        sqlx::raw_sql(quicker).execute(&mut *transaction).await.unwrap();
        transaction.commit().await.unwrap();
    };
    let second = Placement { new_rotation: placement(2).new_rotation, ..placement(1) };
    let (event, place) = (event("second"), Some(&second));
    let (admitted, ()) = tokio::join!(store.admit(&event, place), overtaking);
    (store, admitted.unwrap())
}

#[tokio::test]
async fn an_event_that_another_replica_writes_down_meanwhile_is_known() {
    let (store, admitted) = overtaken(
        "INSERT INTO event
         SELECT source, 'second', kind, subject, occurred_at_ms, received_at_ms, rotation
         FROM event",
    )
    .await;
    let rotation = placement(1).new_rotation;
    assert_eq!(admitted, Admission::Duplicate(Some(rotation)));
    assert_eq!(store.rows(rotation).await.unwrap().len(), 2);
}

#[tokio::test]
async fn an_event_joins_a_rotation_that_has_moved_on_meanwhile_where_it_stands() {
    let (store, admitted) = overtaken(
        "INSERT INTO entry
         SELECT rotation, 3, at_ms, NULL, '{\"entry\":\"taken_over\"}' FROM entry WHERE seq = 1;
         UPDATE rotation SET last_seq = 3",
    )
    .await;
    let rotation = placement(1).new_rotation;
    assert_eq!(admitted, Admission::Accepted(rotation));
    assert_eq!(store.rows(rotation).await.unwrap().len(), 4);
}

#[tokio::test]
async fn an_event_begins_another_rotation_where_the_first_ends_meanwhile() {
    let (_, admitted) = overtaken(
        "UPDATE rotation SET last_seq = 3, finished_at_ms = updated_at_ms, due_at_ms = NULL",
    )
    .await;
    assert_eq!(admitted, Admission::Accepted(placement(2).new_rotation));
}

#[tokio::test]
async fn a_lease_that_runs_out_while_somebody_locks_it_is_lost() {
    let database = empty().await;
    let store = try_open(&database).await.unwrap();
    let rotation = admit(&store, 1).await;
    let locked = "SELECT 1 FROM lease FOR UPDATE";
    let ttl = Duration::from_millis(300);
    let lease = store.claim("worker", ttl).await.unwrap().unwrap().lease;
    let (renewed, _) = meanwhile(&database, locked, store.renew(&lease, TTL)).await;
    assert!(matches!(renewed, Err(JournalError::LeaseLost)), "{renewed:?}");

    let lease = store.claim("worker", ttl).await.unwrap().unwrap().lease;
    let appending = store.append(&lease, rotation, 2, &Entry::TakenOver);
    let (appended, _) = meanwhile(&database, locked, appending).await;
    assert!(matches!(appended, Err(JournalError::LeaseLost)), "{appended:?}");
    assert_eq!(store.rows(rotation).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_call_that_is_given_up_is_not_finished_by_the_next_one() {
    let database = empty().await;
    let store = try_open(&database).await.unwrap();
    let rotation = admit(&store, 1).await;
    let given_up = async {
        // Its row of the audit is the last thing that it writes.
        let abandon = Entry::Abandoned { by: "ann".to_owned() };
        let operating = store.operate(rotation, &abandon);
        tokio::time::timeout(Duration::from_millis(100), operating).await.unwrap_err();
    };
    meanwhile(&database, "LOCK TABLE audit", given_up).await;
    for _ in 0..10 {
        store.probe().await.unwrap();
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(store.rows(rotation).await.unwrap().len(), 2);
}
