//! What is particular to a PostgreSQL server: its clock, its locks, its wake-ups, and how it fails.

mod beside;
mod upkeep;

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use reset_receiver::clock::SystemClock;
use reset_receiver::domain::audit::Deed;
use reset_receiver::domain::entry::Entry;
use reset_receiver::domain::event::{ResetEvent, ResetKind, Subject};
use reset_receiver::domain::ids::{AccountName, EventId, RotationId, SourceName, TargetName};
use reset_receiver::domain::phase::Phase;
use reset_receiver::domain::secret::{SecretLocation, SecretText};
use reset_receiver::domain::target::Surface;
use reset_receiver::ports::clock::Clock;
use reset_receiver::ports::journal::{Admission, Journal, JournalError, Placement};
use reset_receiver::store::{OpenError, PostgresSettings, PostgresStore, PostgresUrlError};
use sqlx::Connection;
use tokio::sync::Notify;

use crate::support::postgres::{Database, PASSWORD, Postgres, USER, WARY};

const PATIENCE: Duration = Duration::from_mins(1);
const TTL: Duration = Duration::from_secs(30);

fn event(id: &str) -> ResetEvent {
    ResetEvent {
        source: SourceName::parse("vault").unwrap(),
        id: EventId::parse(id).unwrap(),
        kind: ResetKind::SecretWritten,
        subject: Subject::Secret {
            location: SecretLocation { mount: "secret".to_owned(), path: "acme".to_owned() },
            version: None,
        },
        occurred_at: SystemClock.now(),
    }
}

/// A target on an account of its own.
fn placement(number: u128) -> Placement {
    Placement {
        target: TargetName::parse(&format!("target-{number}")).unwrap(),
        account: AccountName::parse(&format!("login-{number}")).unwrap(),
        surfaces: vec![Surface::Integration { instance: None }],
        new_rotation: RotationId(uuid::Uuid::from_u128(number)),
    }
}

async fn admit(store: &PostgresStore, number: u128) -> RotationId {
    let placement = placement(number);
    let admitted = store.admit(&event(&number.to_string()), Some(&placement)).await.unwrap();
    assert_eq!(admitted, Admission::Accepted(placement.new_rotation));
    placement.new_rotation
}

async fn empty() -> Database {
    Postgres::shared().database().await
}

async fn try_open(database: &Database) -> Result<PostgresStore, OpenError> {
    PostgresStore::open(&PostgresSettings::parse(&database.url()).unwrap(), None).await
}

/// The whole chain of an error, as a log shows it.
fn told(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_can_start_at_once() {
    let database = empty().await;
    let opened = tokio::join!(
        try_open(&database),
        try_open(&database),
        try_open(&database),
        try_open(&database)
    );
    for store in <[_; 4]>::from(opened) {
        store.unwrap().probe().await.unwrap();
    }
}

#[tokio::test]
async fn a_database_of_a_newer_schema_is_refused_with_a_sentence() {
    let database = empty().await;
    try_open(&database).await.unwrap().close().await;
    database
        .run(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
             VALUES (1000, 'from the future', TRUE, '\\x00', 0)",
        )
        .await;
    let refused = try_open(&database).await.unwrap_err();
    assert!(matches!(refused, OpenError::Newer { found: 1000, .. }), "{refused:?}");
    assert!(told(&refused).contains("start the newer program again"), "{refused}");
}

#[tokio::test]
async fn a_migration_that_was_edited_afterwards_is_refused() {
    let database = empty().await;
    try_open(&database).await.unwrap().close().await;
    database.run("UPDATE _sqlx_migrations SET checksum = '\\x00'").await;
    let refused = try_open(&database).await.unwrap_err();
    assert!(matches!(refused, OpenError::Migration(_)), "{refused:?}");
}

#[tokio::test]
async fn a_password_comes_from_a_file_and_is_told_to_nobody() {
    let database = empty().await;
    let create = format!("CREATE USER {WARY} SUPERUSER PASSWORD '{PASSWORD}'");
    database.run(&create).await;
    let settings = PostgresSettings::parse(&database.url_of(WARY)).unwrap();
    let password = |text: &str| SecretText::new(text.to_owned());
    let right = password(PASSWORD);
    let store = PostgresStore::open(&settings, Some(&right)).await.unwrap();
    store.probe().await.unwrap();
    assert!(!format!("{store:?} {settings:?}").contains("CANARY"));
    for wrong in [None, Some(&password("another-CANARY"))] {
        let refused = PostgresStore::open(&settings, wrong).await.unwrap_err();
        assert!(matches!(refused, OpenError::Database(_)), "{refused:?}");
        assert!(!format!("{} {refused:?}", told(&refused)).contains("CANARY"), "{refused:?}");
    }
    let in_url = PostgresSettings::parse("postgres://u:canary@db.example/journal");
    assert_eq!(in_url.unwrap_err(), PostgresUrlError::Password);
}

#[tokio::test]
async fn a_server_elsewhere_that_cannot_show_a_certificate_is_refused() {
    // The test's server speaks no TLS; a certificate authority is a wish for TLS wherever it is.
    let database = empty().await;
    let mut settings = PostgresSettings::parse(&database.url()).unwrap();
    let authority = rcgen::generate_simple_self_signed(vec!["db".to_owned()]).unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), authority.cert.pem()).unwrap();
    settings.ca_file = Some(file.path().to_owned());
    let refused = PostgresStore::open(&settings, None).await.unwrap_err();
    assert!(matches!(refused, OpenError::Database(_)), "{refused:?}");
}

#[tokio::test]
async fn leases_are_judged_by_the_clock_of_the_database() {
    let database = empty().await;
    let store = try_open(&database).await.unwrap();
    let rotation = admit(&store, 1).await;
    let ttl = Duration::from_secs(1);
    let first = store.claim("first", ttl).await.unwrap().unwrap();
    assert!(store.claim("second", ttl).await.unwrap().is_none());
    database.run("SELECT pg_sleep(1.1)").await;
    let renewed = store.renew(&first.lease, ttl).await;
    assert!(matches!(renewed, Err(JournalError::LeaseLost)), "{renewed:?}");
    let heir = store.claim("second", ttl).await.unwrap().unwrap();
    assert_eq!((heir.rotation, heir.taken_over), (rotation, true));
    assert!(heir.lease.fence > first.lease.fence);
}

#[tokio::test]
async fn an_account_has_one_lease_and_a_target_one_unfinished_rotation() {
    let database = empty().await;
    let store = try_open(&database).await.unwrap();
    admit(&store, 1).await;
    let mut connection = database.connect().await;
    for second in [
        "INSERT INTO lease (account, fence, claimed_seq) VALUES ('login-1', 1, 0)",
        "INSERT INTO rotation (id, target, account, phase, admitted_at_ms, updated_at_ms, last_seq)
         VALUES ('x', 'target-1', 'login-1', 'containing', 0, 0, 0)",
    ] {
        let refused = sqlx::query(second).execute(&mut connection).await.unwrap_err();
        assert!(refused.as_database_error().unwrap().is_unique_violation(), "{refused}");
    }
}

#[tokio::test]
async fn nothing_changes_or_removes_what_operators_said() {
    let database = empty().await;
    let store = try_open(&database).await.unwrap();
    let rotation = admit(&store, 1).await;
    store.operate(rotation, &Entry::Abandoned { by: "ann".to_owned() }).await.unwrap();
    let mut connection = database.connect().await;
    for change in ["UPDATE audit SET actor = 'ben'", "DELETE FROM audit", "TRUNCATE audit"] {
        let refused = sqlx::query(change).execute(&mut connection).await.unwrap_err();
        assert!(refused.to_string().contains("append-only"), "{change}: {refused}");
    }
    assert_eq!(store.audit(None, 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn what_another_replica_is_about_to_claim_is_passed_over() {
    let database = empty().await;
    let store = try_open(&database).await.unwrap();
    let (first, second) = (admit(&store, 1).await, admit(&store, 2).await);
    let mut other = database.connect().await;
    let mut transaction = other.begin().await.unwrap();
    sqlx::query("SELECT 1 FROM rotation WHERE target = 'target-1' FOR UPDATE")
        .execute(&mut *transaction)
        .await
        .unwrap();
    let claim = store.claim("worker", TTL).await.unwrap().unwrap();
    assert_eq!(claim.rotation, second);
    assert!(store.claim("worker", TTL).await.unwrap().is_none());
    transaction.rollback().await.unwrap();
    assert_eq!(store.claim("worker", TTL).await.unwrap().unwrap().rotation, first);
}

#[tokio::test]
async fn a_row_that_somebody_keeps_locked_is_unavailable_and_not_waited_for_for_ever() {
    let database = empty().await;
    let store = try_open(&database).await.unwrap();
    let rotation = admit(&store, 1).await;
    let mut other = database.connect().await;
    let transaction = {
        let mut transaction = other.begin().await.unwrap();
        sqlx::query("SELECT 1 FROM rotation FOR UPDATE").execute(&mut *transaction).await.unwrap();
        transaction
    };
    let began = Instant::now();
    let abandon = Entry::Abandoned { by: "ann".to_owned() };
    let operated = store.operate(rotation, &abandon).await;
    assert!(matches!(operated, Err(JournalError::Unavailable(_))), "{operated:?}");
    assert!(began.elapsed() < Duration::from_secs(20));
    transaction.rollback().await.unwrap();
    store.operate(rotation, &abandon).await.unwrap();
}

#[tokio::test]
async fn a_database_that_may_only_be_read_is_unavailable() {
    let database = empty().await;
    let store = try_open(&database).await.unwrap();
    admit(&store, 1).await;
    let name = database.name().to_owned();
    database.run(&format!("ALTER DATABASE {name} SET default_transaction_read_only = on")).await;
    cut_every_connection(&database).await;
    let refused = store.admit(&event("2"), None).await;
    assert!(matches!(refused, Err(JournalError::Unavailable(_))), "{refused:?}");
    assert!(matches!(store.probe().await, Err(JournalError::Unavailable(_))));
    assert_eq!(store.rows(placement(1).new_rotation).await.unwrap().len(), 2);
}

async fn cut_every_connection(database: &Database) {
    database
        .run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
        .await;
}

/// Waits until `wake` was notified, or gives up.
async fn is_woken(wake: &Notify) -> bool {
    tokio::time::timeout(PATIENCE, wake.notified()).await.is_ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn other_replicas_are_woken_also_after_their_connection_was_lost() {
    let database = empty().await;
    let (here, there) = (try_open(&database).await.unwrap(), try_open(&database).await.unwrap());
    let wake = Arc::new(Notify::new());
    let (wake_there, clock) = (Arc::clone(&wake), Arc::new(SystemClock));
    let listening = tokio::spawn(async move { there.forward_wakes(wake_there, clock).await });
    assert!(is_woken(&wake).await, "once it listens");
    admit(&here, 1).await;
    assert!(is_woken(&wake).await, "by an event");
    let claim = here.claim("worker", TTL).await.unwrap().unwrap();
    here.release(&claim.lease, claim.rotation, None).await.unwrap();
    assert!(is_woken(&wake).await, "by a release");

    cut_every_connection(&database).await;
    assert!(is_woken(&wake).await, "what was said meanwhile may have been missed");
    here.operate(claim.rotation, &Entry::Abandoned { by: "ann".to_owned() }).await.unwrap();
    assert!(is_woken(&wake).await, "by an operator");
    listening.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_crashes_keeps_what_was_answered_and_is_found_again() {
    let mut server = Postgres::start();
    let settings = PostgresSettings::parse(&server.url(USER, "postgres")).unwrap();
    let store = PostgresStore::open(&settings, None).await.unwrap();
    for number in 1..=5 {
        admit(&store, number).await;
    }
    let claim = store.claim("worker", TTL).await.unwrap().unwrap();
    server.crash();
    let refused = store.admit(&event("6"), None).await;
    assert!(matches!(refused, Err(JournalError::Unavailable(_))), "{refused:?}");
    server.start_again();
    for number in 1..=5_u128 {
        let known = store.admit(&event(&number.to_string()), None).await.unwrap();
        assert_eq!(known, Admission::Duplicate(Some(placement(number).new_rotation)));
    }
    assert_eq!(store.renew(&claim.lease, TTL).await.unwrap().fence, claim.lease.fence);
    assert_eq!(store.admit(&event("6"), None).await.unwrap(), Admission::Unmatched);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_writes_or_reads_does_not_notice_that_connections_were_lost() {
    let database = empty().await;
    let store = try_open(&database).await.unwrap();
    let many = |round: u128| {
        let store = &store;
        join_all((1..=20).map(|number| admit(store, 100 * round + number)))
    };
    many(1).await;
    cut_every_connection(&database).await;
    many(2).await;
    store.phases().await.unwrap();
    cut_every_connection(&database).await;
    assert_eq!(store.phases().await.unwrap(), [(Phase::AwaitingSecret, 40)]);
}

/// What the server has counted in a database. It does so for a connection at the latest when that
/// has ended.
async fn counted(database: &Database, count: &'static str) -> i64 {
    let mut connection = database.connect().await;
    let others = "SELECT COUNT(*) FROM pg_stat_activity
                  WHERE datname = current_database() AND pid <> pg_backend_pid()";
    let ended = async {
        while sqlx::query_scalar::<_, i64>(others).fetch_one(&mut connection).await.unwrap() > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, ended).await.expect("the other connections end");
    sqlx::query_scalar(count).fetch_one(&mut connection).await.unwrap()
}

/// How often the journal's tables were read from the first row to the last.
const WHOLE_READS: &str = "SELECT SUM(seq_scan)::BIGINT FROM pg_stat_user_tables
     WHERE relname IN ('rotation', 'entry', 'event', 'lease')";
/// How many rows of rotations were looked at by way of an index.
const ROTATIONS_READ: &str = "SELECT SUM(idx_tup_read)::BIGINT FROM pg_stat_user_indexes
     WHERE relname = 'rotation'";

/// How many rows of 40 rotations are looked at for 20 events that join one of them.
async fn looked_at(source: &str) -> i64 {
    let database = empty().await;
    let store = try_open(&database).await.unwrap();
    for number in 1..=40 {
        admit(&store, number).await;
    }
    store.close().await;
    database.run("ANALYZE").await;
    let before = counted(&database, ROTATIONS_READ).await;
    let store = try_open(&database).await.unwrap();
    for number in 1..=20 {
        let id = format!("ann:{number}");
        let again = ResetEvent { source: SourceName::parse(source).unwrap(), ..event(&id) };
        let admitted = store.admit(&again, Some(&placement(7))).await;
        assert_eq!(admitted.unwrap(), Admission::Accepted(placement(7).new_rotation));
    }
    store.close().await;
    counted(&database, ROTATIONS_READ).await - before
}

#[tokio::test]
async fn an_event_looks_at_its_own_rotation_alone_though_there_are_few() {
    let looked_at = looked_at("vault").await;
    assert!((20..400).contains(&looked_at), "{looked_at} rows");
}

#[tokio::test]
async fn an_operators_event_looks_at_its_own_rotation_alone_though_there_are_few() {
    let looked_at = looked_at(Deed::SOURCE).await;
    assert!((20..400).contains(&looked_at), "{looked_at} rows");
}

#[tokio::test]
async fn what_is_planned_while_a_table_is_small_is_not_to_read_all_of_it_for_ever() {
    let database = empty().await;
    try_open(&database).await.unwrap().close().await;
    let before = counted(&database, WHOLE_READS).await;
    let store = try_open(&database).await.unwrap();
    for number in 1..=10 {
        let rotation = admit(&store, number).await;
        let lease = store.claim("worker", TTL).await.unwrap().unwrap().lease;
        store.append(&lease, rotation, 2, &Entry::TakenOver).await.unwrap();
        let lease = store.renew(&lease, TTL).await.unwrap();
        store.release(&lease, rotation, None).await.unwrap();
    }
    store.close().await;
    assert_eq!(counted(&database, WHOLE_READS).await, before);
}
