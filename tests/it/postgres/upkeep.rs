//! What shows only after a while: old rotations, connections that die without a sign, a listener
//! that cannot come back, a lock that one waits for.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use reset_receiver::clock::SystemClock;
use reset_receiver::domain::retention::Retention;
use reset_receiver::ports::journal::{Admission, Journal, JournalError};
use sqlx::Connection;
use tokio::sync::Notify;

use super::{PATIENCE, admit, empty, event, is_woken, placement, try_open};

#[tokio::test(flavor = "multi_thread")]
async fn hundreds_of_old_rotations_are_forgotten() {
    let database = empty().await;
    let store = try_open(&database).await.unwrap();
    join_all((1..=300).map(|number| admit(&store, number))).await;
    database
        .run("UPDATE rotation SET finished_at_ms = 1, updated_at_ms = 1, due_at_ms = NULL")
        .await;
    database.run("UPDATE event SET received_at_ms = 1").await;
    let retention = Retention::new(Duration::from_hours(24));
    let mut rotations = 0;
    for _ in 0..10 {
        rotations += store.prune(retention).await.unwrap().rotations;
    }
    assert_eq!(rotations, 300);
}

/// Server processes of a database that stand still until this is dropped.
struct Stopped(Vec<String>);

impl Stopped {
    fn signal(&self, signal: &str) {
        assert!(Command::new("kill").arg(signal).args(&self.0).status().unwrap().success());
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        self.signal("-CONT");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_die_without_a_sign_are_replaced() {
    let database = empty().await;
    let store = try_open(&database).await.unwrap();
    let many = |round: u128| {
        let store = &store;
        join_all((1..=20_u128).map(move |number| async move {
            let (event, place) =
                (event(&format!("{round}-{number}")), placement(100 * round + number));
            store.admit(&event, Some(&place)).await
        }))
    };
    many(1).await.into_iter().for_each(|admitted| assert!(admitted.is_ok(), "{admitted:?}"));
    let mut connection = database.connect().await;
    let others = "SELECT pid::TEXT FROM pg_stat_activity
                  WHERE datname = current_database() AND pid <> pg_backend_pid()";
    let stopped = Stopped(sqlx::query_scalar(others).fetch_all(&mut connection).await.unwrap());
    assert_eq!(stopped.0.len(), 5, "every one to write with");
    stopped.signal("-STOP");
    for refused in many(2).await.into_iter().take(5) {
        assert!(matches!(refused, Err(JournalError::Unavailable(_))), "{refused:?}");
    }
    many(3).await.into_iter().for_each(|admitted| assert!(admitted.is_ok(), "{admitted:?}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_that_cannot_come_back_asks_now_and_then() {
    let database = empty().await;
    let store = try_open(&database).await.unwrap();
    let (wake, clock) = (Arc::new(Notify::new()), Arc::new(SystemClock));
    let woken = Arc::clone(&wake);
    let listening = tokio::spawn(async move { store.forward_wakes(woken, clock).await });
    assert!(is_woken(&wake).await, "once it listens");
    let name = database.name().to_owned();
    let elsewhere = super::Postgres::shared().database().await;
    elsewhere.run(&format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false")).await;
    elsewhere
        .run(&format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
        ))
        .await;
    let mut wakes = 0;
    let counting = async {
        loop {
            wake.notified().await;
            wakes += 1;
        }
    };
    let counted: Result<(), _> = tokio::time::timeout(Duration::from_secs(3), counting).await;
    assert!(counted.is_err(), "it counts for ever");
    assert!(wakes <= 5, "{wakes} wake-ups by nobody in three seconds");
    elsewhere.run(&format!("ALTER DATABASE {name} ALLOW_CONNECTIONS true")).await;
    assert!(is_woken(&wake).await, "once it listens again");
    listening.abort();
}

#[tokio::test]
async fn who_meets_somebody_alone_does_not_want_to_be_alone_as_well() {
    let database = empty().await;
    let store = try_open(&database).await.unwrap();
    let mut other = database.connect().await;
    let lock = |how: &str| format!("SELECT {how}(x'72657365745f696e'::BIGINT)");
    let (alone, beside, end) =
        (lock("pg_advisory_lock"), lock("pg_advisory_lock_shared"), lock("pg_advisory_unlock"));
    sqlx::raw_sql(sqlx::AssertSqlSafe(alone)).execute(&mut other).await.unwrap();
    let (first, place) = (event("first"), placement(1));
    let admitting = store.admit(&first, Some(&place));
    let released = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        // From here on it is not alone, and leaves nobody else alone.
        sqlx::raw_sql(sqlx::AssertSqlSafe(beside + "; " + &end)).execute(&mut other).await.unwrap();
    };
    let both = async { tokio::join!(admitting, released) };
    let (admitted, ()) = tokio::time::timeout(PATIENCE, both).await.unwrap();
    assert_eq!(admitted.unwrap(), Admission::Accepted(place.new_rotation));
    other.close().await.unwrap();
}
