//! While replicas are replaced one by one, the previous program works on the schema of the next.
//!
//! No released program is at hand to be started, so that what a program of the first schema writes
//! stands here as it wrote it: a later step of the schema may not make any of it fail, nor may the
//! next program stumble over what it finds. `src/store/migrations/README.md` has the rule.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use reset_receiver::clock::SystemClock;
use reset_receiver::domain::event::{ResetEvent, ResetKind, Subject};
use reset_receiver::domain::ids::{AccountName, EventId, RotationId, SourceName, TargetName};
use reset_receiver::domain::phase::Phase;
use reset_receiver::domain::secret::SecretLocation;
use reset_receiver::domain::target::Surface;
use reset_receiver::ports::clock::Clock;
use reset_receiver::ports::journal::{Admission, Journal, Placement};
use reset_receiver::store::SqliteStore;
use sqlx::Connection;

use crate::support::postgres::Postgres;

const ROTATION: &str = "019cade9-3c37-7f5e-a3a5-50b0c4a1e7d2";
const FORGOTTEN: &str = "019cade9-3c37-7f5e-a3a5-50b0c4a1e7d1";

/// A rotation's life as a program of the first schema writes it, in both dialects: an event begins
/// it, a second one joins, a worker claims it and writes, an operator gives it up, the lease is
/// given free; and whatever else the first schema has a table for.
fn life(rotation: &str) -> Vec<String> {
    let entry = |seq: u32, fence: &str, entry: &str| {
        format!(
            "INSERT INTO entry (rotation, seq, at_ms, fence, entry)
             VALUES ('{rotation}', {seq}, 1000, {fence}, '{entry}')"
        )
    };
    let event = |id: &str| {
        format!(
            "INSERT INTO event (source, id, kind, subject, occurred_at_ms, received_at_ms,
                                rotation)
             VALUES ('flow', '{id}-{rotation}', 'password_reset',
                     '{{\"secret\":\"secret/acme\",\"version\":null}}', 900, 1000, '{rotation}')"
        )
    };
    let lengthen = |seq: u32| {
        format!(
            "UPDATE rotation SET last_seq = {seq}, updated_at_ms = 1000 WHERE id = '{rotation}'"
        )
    };
    let admitted = |id: &str| {
        format!(
            r#"{{"entry":"admitted","source":"flow","event_id":"{id}-{rotation}","kind":"password_reset","occurred_at":"1970-01-01T00:00:00.9Z"}}"#
        )
    };
    vec![
        format!(
            "INSERT INTO rotation (id, target, account, phase, admitted_at_ms, updated_at_ms,
                                   due_at_ms, last_seq)
             VALUES ('{rotation}', 'acme', 'robot', 'containing', 1000, 1000, 1000, 0)"
        ),
        entry(
            1,
            "NULL",
            r#"{"entry":"covers","surfaces":[{"kind":"integration","instance":null}]}"#,
        ),
        entry(2, "NULL", &admitted("one")),
        lengthen(2),
        event("one"),
        entry(3, "NULL", &admitted("two")),
        lengthen(3),
        event("two"),
        format!(
            "INSERT INTO lease (account, fence, worker, rotation, expires_at_ms, claimed_seq)
             VALUES ('robot', 1, 'worker', '{rotation}', 31000, 3)
             ON CONFLICT (account) DO UPDATE
             SET fence = lease.fence + 1, worker = excluded.worker,
                 rotation = excluded.rotation, expires_at_ms = excluded.expires_at_ms,
                 claimed_seq = excluded.claimed_seq"
        ),
        format!("UPDATE rotation SET held_fence = 1 WHERE id = '{rotation}'"),
        entry(
            4,
            "1",
            r#"{"entry":"stuck","step":"await_secret","surface":null,"fault":"permanent","message":"no"}"#,
        ),
        lengthen(4),
        entry(5, "NULL", r#"{"entry":"abandoned","by":"otto"}"#),
        lengthen(5),
        format!(
            "UPDATE rotation SET phase = 'abandoned', finished_at_ms = 1000, due_at_ms = NULL,
                                 held_fence = NULL
             WHERE id = '{rotation}'"
        ),
        "UPDATE lease SET expires_at_ms = NULL WHERE account = 'robot'".to_owned(),
        format!(
            "INSERT INTO applied (target, version, written_at_ms, fingerprints,
                                  confirmed_at_ms, rotation)
             VALUES ('acme', 1, 900, '{{}}', 1000, '{rotation}')
             ON CONFLICT (target) DO UPDATE SET rotation = excluded.rotation"
        ),
        "INSERT INTO breaker (account, since_ms, secret_version) VALUES ('robot', 1000, 1)"
            .to_owned(),
        "DELETE FROM breaker WHERE account = 'robot'".to_owned(),
        "INSERT INTO probe (at_ms) VALUES (1000)".to_owned(),
        "DELETE FROM probe".to_owned(),
    ]
}

/// Two lives, the first of which is forgotten.
fn lives() -> Vec<String> {
    let mut statements = [life(FORGOTTEN), life(ROTATION)].concat();
    for (table, column) in [("event", "rotation"), ("entry", "rotation"), ("rotation", "id")] {
        statements.push(format!("DELETE FROM {table} WHERE {column} = '{FORGOTTEN}'"));
    }
    // What it says was applied is made up, and not to be judged by.
    statements.push("DELETE FROM applied".to_owned());
    statements
}

/// The next program reads what the previous one wrote, and goes on from there.
async fn assert_goes_on(store: &impl Journal) {
    let id = RotationId(ROTATION.parse().unwrap());
    assert_eq!(store.rows(id).await.unwrap().len(), 5);
    assert_eq!(store.rotation(id).await.unwrap().phase, Phase::Abandoned);
    let known = EventId::parse(&format!("two-{ROTATION}")).unwrap();
    let known = ResetEvent { id: known, ..event() };
    assert_eq!(store.admit(&known, None).await.unwrap(), Admission::Duplicate(Some(id)));
    let placement = Placement {
        target: TargetName::parse("acme").unwrap(),
        account: AccountName::parse("robot").unwrap(),
        surfaces: vec![Surface::Integration { instance: None }],
        new_rotation: SystemClock.rotation_id(),
    };
    let next = Admission::Accepted(placement.new_rotation);
    assert_eq!(store.admit(&event(), Some(&placement)).await.unwrap(), next);
}

fn event() -> ResetEvent {
    ResetEvent {
        source: SourceName::parse("flow").unwrap(),
        id: EventId::parse("three").unwrap(),
        kind: ResetKind::PasswordReset,
        subject: Subject::Secret {
            location: SecretLocation { mount: "secret".to_owned(), path: "acme".to_owned() },
            version: None,
        },
        occurred_at: SystemClock.now(),
    }
}

#[tokio::test]
async fn what_the_first_program_writes_is_at_home_in_the_newest_schema_of_sqlite() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("journal.db");
    let store = SqliteStore::open(&path, Arc::new(SystemClock)).await.unwrap();
    let previous = rusqlite::Connection::open(&path).unwrap();
    previous.pragma_update(None, "foreign_keys", true).unwrap();
    for statement in lives() {
        let done = previous.execute_batch(&statement);
        assert!(done.is_ok(), "{statement}: {done:?}");
    }
    drop(previous);
    assert_goes_on(&store).await;
}

#[tokio::test]
async fn what_the_first_program_writes_is_at_home_in_the_newest_schema_of_postgres() {
    let database = Postgres::shared().database().await;
    let store = database.open().await;
    let mut previous = database.connect().await;
    for statement in lives() {
        let done = sqlx::query(sqlx::AssertSqlSafe(statement.clone())).execute(&mut previous).await;
        assert!(done.is_ok(), "{statement}: {done:?}");
    }
    previous.close().await.unwrap();
    assert_goes_on(&store).await;
}

/// The first words of a step's statements that only add. What they add to must be new as well where
/// it binds those who write, as a trigger and a unique index do.
#[test]
fn every_step_after_the_first_only_adds() {
    for dialect in ["sqlite", "postgres"] {
        let directory =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store/migrations").join(dialect);
        let mut steps: Vec<_> =
            fs::read_dir(directory).unwrap().map(|step| step.unwrap().path()).collect();
        steps.sort();
        assert!(steps.len() > 1, "{dialect} has steps to look at");
        for step in &steps[1..] {
            let text = fs::read_to_string(step).unwrap();
            for statement in text.lines().filter(|line| line.starts_with(char::is_alphabetic)) {
                assert!(only_adds(statement, &text), "{}: {statement}", step.display());
            }
        }
    }
}

fn only_adds(statement: &str, step: &str) -> bool {
    let words: Vec<&str> = statement.split_whitespace().collect();
    let is_new = |table: &str| step.contains(&format!("CREATE TABLE {table} ("));
    let on = words.iter().skip_while(|word| **word != "ON").nth(1);
    match words[..] {
        ["CREATE", "TABLE" | "INDEX", ..] | ["BEGIN" | "END;"] => true,
        ["CREATE", "UNIQUE", "INDEX", ..] | ["CREATE", "TRIGGER", ..] => {
            on.is_some_and(|table| is_new(table))
        }
        ["ALTER", "TABLE", _, "ADD", "COLUMN", ref column @ ..] => {
            !column.contains(&"NOT") || column.contains(&"DEFAULT")
        }
        _ => false,
    }
}
