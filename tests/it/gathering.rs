//! Events that wait while the store stands still: how many may, and that none suffers by another.

use std::sync::Arc;

use futures_util::future::join_all;
use reset_receiver::domain::event::{ResetEvent, ResetKind, Subject, UserKey};
use reset_receiver::domain::ids::{EventId, OrganizationId, SourceName, TargetName, Username};
use reset_receiver::domain::target::Target;
use reset_receiver::engine::intake::Intake;
use reset_receiver::engine::targets::Targets;
use reset_receiver::ports::clock::Clock;
use reset_receiver::ports::journal::{Admission, Journal, JournalError};
use reset_receiver::store::SqliteStore;
use rusqlite::Connection;
use tempfile::TempDir;
use tokio::sync::Notify;

use crate::support::public_listener::{acme, at_now};

/// An intake over a file, and a hand that can hold the file.
struct Desk {
    directory: TempDir,
    clock: Arc<dyn Clock>,
    intake: Intake,
    store: SqliteStore,
}

impl Desk {
    async fn new() -> Self {
        Self::over(tempfile::tempdir().unwrap()).await
    }

    /// The same file in the hands of a program that was started anew.
    async fn restart(self) -> Self {
        self.store.close().await;
        Self::over(self.directory).await
    }

    async fn over(directory: TempDir) -> Self {
        let clock = at_now();
        let path = directory.path().join("journal.db");
        let store = SqliteStore::open(&path, Arc::clone(&clock)).await.unwrap();
        let journal: Arc<dyn Journal> = Arc::new(store.clone());
        let other = Target {
            name: TargetName::parse("other").unwrap(),
            username: Username::parse("other@example.com").unwrap(),
            user_id: None,
            ..acme()
        };
        let targets = Arc::new(Targets::new([acme(), other]));
        let intake = Intake::new(journal, Arc::clone(&clock), targets, Arc::new(Notify::new()));
        Self { directory, clock, intake, store }
    }

    /// A second program's hand in the file.
    fn hand(&self) -> Connection {
        Connection::open(self.directory.path().join("journal.db")).unwrap()
    }

    async fn tell(&self, id: &str, username: &str) -> Result<Admission, JournalError> {
        let event = ResetEvent {
            source: SourceName::parse("flow").unwrap(),
            id: EventId::parse(id).unwrap(),
            kind: ResetKind::PasswordReset,
            subject: Subject::Login {
                organization: OrganizationId::parse("00D5e000001AbCdEAK").unwrap(),
                user: UserKey::Name(Username::parse(username).unwrap()),
            },
            occurred_at: self.clock.now(),
        };
        self.intake.admit(&event, None).await
    }
}

#[tokio::test]
async fn as_many_as_may_wait_are_written_in_the_end_and_the_next_is_told_to_come_again() {
    let desk = Desk::new().await;
    let hand = desk.hand();
    hand.execute_batch("BEGIN IMMEDIATE").unwrap();
    // The first is on its way to the file and waits there.
    let ids: Vec<String> = (0..=Intake::MOST_WAITING + 1).map(|n| format!("event-{n}")).collect();
    let (last, first) = ids.split_last().unwrap();
    let waiting = join_all(first.iter().map(|id| desk.tell(id, "nobody@example.com")));
    let beyond = async {
        let refused = desk.tell(last, "nobody@example.com").await;
        hand.execute_batch("COMMIT").unwrap();
        refused
    };
    let (written, refused) = tokio::join!(waiting, beyond);
    assert!(matches!(refused, Err(JournalError::Unavailable(_))), "{refused:?}");
    assert!(written.iter().all(|answer| matches!(answer, Ok(Admission::Unmatched))));
    let again = desk.tell(last, "nobody@example.com").await;
    assert_eq!(again.unwrap(), Admission::Unmatched);
}

#[tokio::test]
async fn what_cannot_be_written_takes_nothing_with_it_that_waits_beside_it() {
    let desk = Desk::new().await;
    desk.tell("first", "gator.sync@example.com").await.unwrap();
    // So that it reads the journal that is about to be spoilt.
    let desk = desk.restart().await;
    let hand = desk.hand();
    hand.execute_batch("UPDATE entry SET entry = '{}'").unwrap();
    hand.execute_batch("BEGIN IMMEDIATE").unwrap();
    let told = async {
        tokio::join!(
            desk.tell("ahead", "nobody@example.com"),
            desk.tell("broken", "gator.sync@example.com"),
            desk.tell("whole", "other@example.com"),
        )
    };
    let release = async {
        tokio::task::yield_now().await;
        hand.execute_batch("COMMIT").unwrap();
    };
    let ((ahead, broken, whole), ()) = tokio::join!(told, release);
    assert_eq!(ahead.unwrap(), Admission::Unmatched);
    assert!(matches!(broken, Err(JournalError::Inconsistent(_))), "{broken:?}");
    assert!(matches!(whole, Ok(Admission::Accepted(_))), "{whole:?}");
    desk.store.close().await;
}
