//! What is particular to a SQLite file: its mode, its schema, and how it fails.

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::Connection;
use tempfile::TempDir;

use crate::domain::entry::Entry;
use crate::domain::event::{ResetEvent, ResetKind, Subject};
use crate::domain::ids::{AccountName, EventId, RotationId, SourceName, TargetName};
use crate::domain::secret::SecretLocation;
use crate::domain::target::Surface;
use crate::ports::clock::Clock;
use crate::ports::journal::{Admission, Journal, JournalError, Placement};
use crate::store::fault::{self, OpenError};
use crate::store::sqlite::SqliteStore;
use crate::store::sqlite::statements::first;

/// How long a claim lasts in these tests.
const TTL: Duration = Duration::from_secs(30);

/// A clock that stands still.
struct Still;

#[async_trait]
impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }

    fn elapsed(&self) -> Duration {
        self.now().duration_since(Timestamp::UNIX_EPOCH).unsigned_abs()
    }

    async fn sleep(&self, _: Duration) {
        std::future::pending::<()>().await;
    }

    fn rotation_id(&self) -> RotationId {
        RotationId(uuid::Uuid::nil())
    }

    fn chance(&self) -> f64 {
        0.0
    }
}

async fn open(directory: &TempDir) -> Result<SqliteStore, OpenError> {
    SqliteStore::open(&directory.path().join("journal.db"), Arc::new(Still)).await
}

/// Runs a statement on the writing connection, behind the store's back.
async fn run(store: &SqliteStore, sql: &'static str) {
    store.writer.turn(|connection| execute(connection, sql)).await.unwrap();
}

fn execute(connection: &Connection, sql: &str) -> Result<(), JournalError> {
    connection.execute_batch(sql).map_err(fault::sqlite)
}

fn event(id: &str) -> ResetEvent {
    ResetEvent {
        source: SourceName::parse("vault").unwrap(),
        id: EventId::parse(id).unwrap(),
        kind: ResetKind::SecretWritten,
        subject: Subject::Secret {
            version: None,
            location: SecretLocation { mount: "secret".to_owned(), path: "acme".to_owned() },
        },
        occurred_at: Timestamp::UNIX_EPOCH,
    }
}

fn placement(number: u128) -> Placement {
    Placement {
        target: TargetName::parse(&format!("target-{number}")).unwrap(),
        account: AccountName::parse(&format!("login-{number}")).unwrap(),
        surfaces: vec![Surface::Integration { instance: None }],
        new_rotation: RotationId(uuid::Uuid::from_u128(number)),
    }
}

/// The whole chain of an error, as a log shows it.
fn told(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[tokio::test]
async fn the_files_are_readable_by_their_owner_alone() {
    let directory = TempDir::new().unwrap();
    let store = open(&directory).await.unwrap();
    store.admit(&event("1"), None).await.unwrap();
    let mut names = Vec::new();
    for file in std::fs::read_dir(directory.path()).unwrap() {
        let file = file.unwrap();
        let mode = file.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{:?}", file.file_name());
        names.push(file.file_name().into_string().unwrap());
    }
    names.sort_unstable();
    assert_eq!(names, ["journal.db", "journal.db-shm", "journal.db-wal"]);
}

#[tokio::test]
async fn a_commit_waits_for_the_disk_and_references_are_checked() {
    let directory = TempDir::new().unwrap();
    let store = open(&directory).await.unwrap();
    let read = store.writer.turn(|connection| {
        let mode: Option<(String,)> = first(connection, "PRAGMA journal_mode", [])?;
        let synchronous: Option<(i64,)> = first(connection, "PRAGMA synchronous", [])?;
        let foreign_keys: Option<(i64,)> = first(connection, "PRAGMA foreign_keys", [])?;
        Ok((mode, synchronous, foreign_keys))
    });
    let full = 2;
    let expected = (Some(("wal".to_owned(),)), Some((full,)), Some((1,)));
    assert_eq!(read.await.unwrap(), expected);
}

#[tokio::test]
async fn a_database_of_a_newer_schema_is_refused_with_a_sentence() {
    let directory = TempDir::new().unwrap();
    let store = open(&directory).await.unwrap();
    run(
        &store,
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (1000, 'from the future', TRUE, x'00', 0)",
    )
    .await;
    store.close().await;
    let refused = open(&directory).await.unwrap_err();
    assert!(matches!(refused, OpenError::Newer { found: 1000, known: 3 }), "{refused:?}");
    assert!(told(&refused).contains("start the newer program again"), "{refused}");
}

#[tokio::test]
async fn a_migration_that_was_edited_afterwards_is_refused() {
    let directory = TempDir::new().unwrap();
    let store = open(&directory).await.unwrap();
    run(&store, "UPDATE _sqlx_migrations SET checksum = x'00'").await;
    store.close().await;
    let refused = open(&directory).await.unwrap_err();
    assert!(matches!(refused, OpenError::Migration(_)), "{refused:?}");
}

#[tokio::test]
async fn what_is_not_a_database_is_refused_and_left_alone() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("journal.db");
    let text = "x".repeat(5_000);
    std::fs::write(&path, &text).unwrap();
    let refused = open(&directory).await.unwrap_err();
    assert!(matches!(refused, OpenError::Database(_)), "{refused:?}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);

    let below_a_file = SqliteStore::open(&path.join("journal.db"), Arc::new(Still)).await;
    assert!(matches!(below_a_file, Err(OpenError::File { .. })), "{below_a_file:?}");
}

#[tokio::test]
async fn two_processes_can_start_at_once() {
    let directory = TempDir::new().unwrap();
    let (a, b, c) = tokio::join!(open(&directory), open(&directory), open(&directory));
    for store in [a, b, c] {
        store.unwrap().probe().await.unwrap();
    }
}

#[tokio::test]
async fn a_database_of_an_earlier_schema_is_brought_up_to_date_with_all_that_it_holds() {
    let directory = TempDir::new().unwrap();
    let store = open(&directory).await.unwrap();
    store.admit(&event("1"), Some(&placement(1))).await.unwrap();
    let id = placement(1).new_rotation;
    let rows = store.rows(id).await.unwrap();
    // What the last migration made is taken back, as if it had not been there yet.
    for statement in [
        "DROP TABLE audit",
        "DROP INDEX rotation_finished",
        "DROP INDEX event_received",
        "DROP INDEX event_rotation",
        "DROP INDEX proof_rotation",
        "DELETE FROM _sqlx_migrations WHERE version = 3",
    ] {
        run(&store, statement).await;
    }
    // What came in meanwhile is kept as well.
    store.admit(&event("2"), Some(&placement(2))).await.unwrap();
    store.close().await;

    let store = open(&directory).await.unwrap();
    assert_eq!(store.rows(id).await.unwrap(), rows);
    let known = store.admit(&event("2"), None).await.unwrap();
    assert_eq!(known, Admission::Duplicate(Some(placement(2).new_rotation)));
    store.operate(id, &Entry::Abandoned { by: "ann".to_owned() }).await.unwrap();
    assert_eq!(store.audit(None, 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn nothing_changes_or_removes_what_operators_said() {
    let directory = TempDir::new().unwrap();
    let store = open(&directory).await.unwrap();
    store.admit(&event("1"), Some(&placement(1))).await.unwrap();
    let id = placement(1).new_rotation;
    store.operate(id, &Entry::Abandoned { by: "ann".to_owned() }).await.unwrap();
    for change in ["UPDATE audit SET actor = 'ben'", "DELETE FROM audit"] {
        let refused = store.writer.turn(|connection| execute(connection, change));
        let refused = told(&refused.await.unwrap_err());
        assert!(refused.contains("append-only"), "{change}: {refused}");
    }
    assert_eq!(store.audit(None, 10).await.unwrap().len(), 1);
}

/// Everything that writes is unavailable, and nothing was written.
async fn is_unavailable(store: &SqliteStore, id: &str) {
    let admitted = store.admit(&event(id), Some(&placement(2))).await;
    assert!(matches!(admitted, Err(JournalError::Unavailable(_))), "{admitted:?}");
    let unknown = store.rows(placement(2).new_rotation).await;
    assert!(matches!(unknown, Err(JournalError::UnknownRotation(_))), "{unknown:?}");
}

#[tokio::test]
async fn a_full_disk_is_unavailable_and_loses_nothing() {
    let directory = TempDir::new().unwrap();
    let store = open(&directory).await.unwrap();
    store.admit(&event("1"), Some(&placement(1))).await.unwrap();
    // The file may not grow by a single page from here.
    run(&store, "PRAGMA max_page_count = 1").await;
    let mut refused = None;
    for number in 0..500 {
        match store.admit(&event(&format!("filling-{number}")), None).await {
            Ok(Admission::Unmatched) => {}
            other => {
                refused = Some((number, other));
                break;
            }
        }
    }
    let (number, error) = refused.expect("the disk is full at some time");
    assert!(matches!(error, Err(JournalError::Unavailable(_))), "{error:?}");

    run(&store, "PRAGMA max_page_count = 1000000").await;
    let again = event(&format!("filling-{number}"));
    assert_eq!(store.admit(&again, None).await.unwrap(), Admission::Unmatched);
    let known = store.admit(&event("1"), None).await.unwrap();
    assert_eq!(known, Admission::Duplicate(Some(placement(1).new_rotation)));
    assert_eq!(store.rows(placement(1).new_rotation).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_transaction_that_sqlite_took_back_by_itself_does_not_stay_open() {
    let directory = TempDir::new().unwrap();
    let store = open(&directory).await.unwrap();
    run(&store, "PRAGMA max_page_count = 1").await;
    let fills = "INSERT INTO event (source, id, kind, subject, occurred_at_ms, received_at_ms)
                 VALUES ('s', 'i', 'password_reset', hex(zeroblob(1000000)), 0, 0)";
    let filled = store.write(move |write| {
        let full = execute(&write.transaction, fills);
        assert!(write.transaction.is_autocommit(), "it is taken back");
        full
    });
    let full = told(&filled.await.unwrap_err());
    assert!(full.contains("full"), "{full}");
    run(&store, "PRAGMA max_page_count = 1000000").await;
    store.admit(&event("1"), Some(&placement(1))).await.unwrap();
}

#[tokio::test]
async fn a_transaction_that_is_left_open_ends_with_its_connection() {
    let directory = TempDir::new().unwrap();
    let store = open(&directory).await.unwrap();
    run(&store, "BEGIN IMMEDIATE; DELETE FROM breaker").await;
    store.admit(&event("1"), Some(&placement(1))).await.unwrap();
}

#[tokio::test]
async fn work_that_panics_is_undone_and_the_next_one_has_its_turn() {
    let directory = TempDir::new().unwrap();
    let store = open(&directory).await.unwrap();
    let cut_short = store.write(|write| -> Result<(), JournalError> {
        execute(&write.transaction, "INSERT INTO breaker VALUES ('robot', 0, 1)")?;
        panic!("on purpose");
    });
    let cut_short = cut_short.await;
    assert!(matches!(cut_short, Err(JournalError::Unavailable(_))), "{cut_short:?}");
    let account = AccountName::parse("robot").unwrap();
    assert_eq!(store.breaker(&account).await.unwrap(), None);
    store.admit(&event("1"), Some(&placement(1))).await.unwrap();
}

#[tokio::test]
async fn whoever_stops_waiting_does_not_keep_the_next_one_from_its_turn() {
    let directory = TempDir::new().unwrap();
    let store = open(&directory).await.unwrap();
    let other = Connection::open(directory.path().join("journal.db")).unwrap();
    execute(&other, "BEGIN IMMEDIATE").unwrap();
    let given_up =
        tokio::time::timeout(Duration::from_millis(50), store.admit(&event("1"), None)).await;
    assert!(given_up.is_err(), "{given_up:?}");
    execute(&other, "ROLLBACK").unwrap();
    store.admit(&event("2"), None).await.unwrap();
    let again = store.admit(&event("1"), None).await.unwrap();
    assert_eq!(again, Admission::Duplicate(None), "what was under way went on");
}

#[tokio::test]
async fn a_store_that_is_closed_is_unavailable() {
    let directory = TempDir::new().unwrap();
    let store = open(&directory).await.unwrap();
    store.close().await;
    let read = store.phases().await;
    assert!(matches!(read, Err(JournalError::Unavailable(_))), "{read:?}");
    let admitted = store.admit(&event("1"), None).await;
    assert!(matches!(admitted, Err(JournalError::Unavailable(_))), "{admitted:?}");
    let mut names: Vec<_> = std::fs::read_dir(directory.path())
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["journal.db"], "the write-ahead log is in the file");
}

#[tokio::test]
async fn a_read_only_file_is_unavailable_and_loses_nothing() {
    let directory = TempDir::new().unwrap();
    let store = open(&directory).await.unwrap();
    store.admit(&event("1"), Some(&placement(1))).await.unwrap();
    // SQLite answers as it does where the file may not be written.
    run(&store, "PRAGMA query_only = ON").await;
    is_unavailable(&store, "2").await;
    let probe = store.probe().await;
    assert!(matches!(probe, Err(JournalError::Unavailable(_))), "{probe:?}");
    assert_eq!(store.rows(placement(1).new_rotation).await.unwrap().len(), 2);

    run(&store, "PRAGMA query_only = OFF").await;
    let accepted = Admission::Accepted(placement(2).new_rotation);
    assert_eq!(store.admit(&event("2"), Some(&placement(2))).await.unwrap(), accepted);
}

#[tokio::test]
async fn a_database_that_another_process_writes_is_unavailable_and_readable() {
    let directory = TempDir::new().unwrap();
    let store = open(&directory).await.unwrap();
    run(&store, "PRAGMA busy_timeout = 0").await;
    let other = Connection::open(directory.path().join("journal.db")).unwrap();
    execute(&other, "BEGIN IMMEDIATE").unwrap();
    is_unavailable(&store, "2").await;
    execute(&other, "ROLLBACK").unwrap();
    run(&store, "PRAGMA busy_timeout = 5000").await;
    store.admit(&event("2"), Some(&placement(2))).await.unwrap();
}

#[tokio::test]
async fn a_rotation_that_cannot_be_read_is_named_without_its_values_and_stands_before_nobody() {
    let directory = TempDir::new().unwrap();
    let store = open(&directory).await.unwrap();
    for number in [1, 2] {
        store.admit(&event(&number.to_string()), Some(&placement(number))).await.unwrap();
    }
    run(
        &store,
        "UPDATE entry SET entry = '{\"entry\":\"hunter2\"}' WHERE seq = 2 AND rotation LIKE '%1'",
    )
    .await;
    let failed = store.claim("worker", TTL).await.unwrap_err();
    let JournalError::Inconsistent(source) = &failed else { panic!("{failed:?}") };
    let id = placement(1).new_rotation;
    assert_eq!(
        source.to_string(),
        format!("entry.entry of row {id}/2 cannot be read by this version")
    );
    assert!(!format!("{} {failed:?}", told(&failed)).contains("hunter2"));

    let next = store.claim("worker", TTL).await.unwrap().unwrap();
    assert_eq!(next.rotation, placement(2).new_rotation);
    assert!(store.claim("worker", TTL).await.unwrap().is_none());
    let due = store.rotation(id).await.unwrap().wakes_at.unwrap();
    assert_eq!(due, Timestamp::UNIX_EPOCH + Duration::from_mins(1), "it is reported again");
}

#[tokio::test]
async fn a_journal_that_breaks_the_rules_is_an_inconsistency() {
    let directory = TempDir::new().unwrap();
    let store = open(&directory).await.unwrap();
    store.admit(&event("1"), Some(&placement(1))).await.unwrap();
    run(&store, "UPDATE entry SET seq = 5 WHERE seq = 2").await;
    // What was read before is not read again.
    store.close().await;
    let store = open(&directory).await.unwrap();
    let retried = Entry::Retried { by: "ann".to_owned() };
    let id = placement(1).new_rotation;
    for failed in [
        store.claim("worker", TTL).await.unwrap_err(),
        store.operate(id, &retried).await.unwrap_err(),
        store.admit(&event("2"), Some(&placement(1))).await.unwrap_err(),
    ] {
        assert!(matches!(failed, JournalError::Inconsistent(_)), "{failed:?}");
        assert!(told(&failed).contains(&format!("entry.entry of row {id} breaks a rule")));
    }
    assert_eq!(store.admit(&event("2"), None).await.unwrap(), Admission::Unmatched, "undone");
}

#[tokio::test]
async fn a_target_never_has_two_unfinished_rotations() {
    let directory = TempDir::new().unwrap();
    let store = open(&directory).await.unwrap();
    store.admit(&event("1"), Some(&placement(1))).await.unwrap();
    let second = store.writer.turn(|connection| {
        let sql = "INSERT INTO rotation
                       (id, target, account, phase, admitted_at_ms, updated_at_ms, last_seq)
                   VALUES ('x', 'target-1', 'login-1', 'containing', 0, 0, 0)";
        execute(connection, sql)
    });
    let refused = second.await;
    assert!(matches!(refused, Err(JournalError::Inconsistent(_))), "{refused:?}");
}
