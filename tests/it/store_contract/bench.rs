//! An empty store, a clock, and the words in which the cases speak.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use reset_receiver::domain::entry::{Entry, Outcome};
use reset_receiver::domain::event::{ResetEvent, ResetKind, Subject, UserKey};
use reset_receiver::domain::fault::Fault;
use reset_receiver::domain::ids::{
    AccountName, EventId, OrganizationId, RotationId, SourceName, TargetName, Username,
};
use reset_receiver::domain::secret::{
    FingerprintKey, Fingerprints, SalesforceSecret, SecretText, SecretVersion,
};
use reset_receiver::domain::step::Step;
use reset_receiver::domain::target::Surface;
use reset_receiver::ports::clock::Clock;
use reset_receiver::ports::journal::{Admission, Claim, Journal, Placement};
use reset_receiver::store::SqliteStore;
use tempfile::TempDir;

use crate::support::manual_clock::ManualClock;
use crate::support::memory_journal::MemoryJournal;
use crate::support::postgres::{Database, Postgres};

/// How long a lease lasts in these cases.
pub(crate) const TTL: Duration = Duration::from_secs(30);
/// A second.
pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// One store that can be opened again and again.
pub(crate) struct Bench {
    pub(crate) clock: Arc<ManualClock>,
    place: Place,
    events: AtomicU32,
}

/// Where the store is.
enum Place {
    Memory(MemoryJournal),
    Sqlite(TempDir),
    Postgres(Database),
}

impl Bench {
    /// The store that the simulation lives on, so that it lives on promises that stores keep.
    pub(crate) fn memory() -> Self {
        Self::at(|clock| Place::Memory(MemoryJournal::new(clock.clone())))
    }

    /// A store in a file of its own.
    pub(crate) fn sqlite() -> Self {
        Self::at(|_| Place::Sqlite(TempDir::new().unwrap()))
    }

    /// A store in a database of its own.
    pub(crate) async fn postgres() -> Self {
        let database = Postgres::shared().database().await;
        Self::at(|_| Place::Postgres(database))
    }

    fn at(place: impl FnOnce(&Arc<ManualClock>) -> Place) -> Self {
        let clock = Arc::new(ManualClock::seeded(7));
        Self { place: place(&clock), clock, events: AtomicU32::new(0) }
    }

    /// Opens the store, as a start of the program does.
    pub(crate) async fn open(&self) -> Arc<dyn Journal> {
        match &self.place {
            Place::Memory(journal) => Arc::new(journal.clone()),
            Place::Sqlite(directory) => self.open_in(directory.path()).await,
            Place::Postgres(database) => {
                Arc::new(database.open().await.judged_by(self.clock.clone()))
            }
        }
    }

    async fn open_in(&self, directory: &Path) -> Arc<dyn Journal> {
        let path = directory.join("journal.db");
        Arc::new(SqliteStore::open(&path, self.clock.clone()).await.unwrap())
    }

    /// Opens what the disk would hold if the power failed now: a copy of the files, of which the
    /// newest lacks its last bytes.
    pub(crate) async fn open_copy(&self, lost_bytes: u64) -> Arc<dyn Journal> {
        let Place::Sqlite(directory) = &self.place else { panic!("a server has no files to copy") };
        let copy = TempDir::new_in(directory.path()).unwrap();
        for name in ["journal.db", "journal.db-wal"] {
            fs::copy(directory.path().join(name), copy.path().join(name)).unwrap();
        }
        let log = fs::File::options().write(true).open(copy.path().join("journal.db-wal")).unwrap();
        let length = log.metadata().unwrap().len();
        log.set_len(length.saturating_sub(lost_bytes)).unwrap();
        self.open_in(&copy.keep()).await
    }

    /// The time now.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A password reset that happens now, with an id of its own.
    pub(crate) fn reset(&self) -> ResetEvent {
        let number = self.events.fetch_add(1, Ordering::Relaxed);
        ResetEvent {
            source: SourceName::parse("flow").unwrap(),
            id: EventId::parse(&format!("event-{number}")).unwrap(),
            kind: ResetKind::PasswordReset,
            subject: Subject::Login {
                organization: OrganizationId::parse("00D5e000001AbCdEAK").unwrap(),
                user: UserKey::Name(Username::parse("sync@example.com").unwrap()),
            },
            occurred_at: self.now(),
        }
    }

    /// The target with this name, on the account with this name.
    pub(crate) fn placement(&self, target: &str, account: &str) -> Placement {
        Placement {
            target: TargetName::parse(target).unwrap(),
            account: AccountName::parse(account).unwrap(),
            surfaces: surfaces(),
            new_rotation: self.clock.rotation_id(),
        }
    }

    /// Admits a reset of this target.
    pub(crate) async fn admit(
        &self,
        journal: &Arc<dyn Journal>,
        target: &str,
        account: &str,
    ) -> RotationId {
        let placement = self.placement(target, account);
        match journal.admit(&self.reset(), Some(&placement)).await.unwrap() {
            Admission::Accepted(rotation) => rotation,
            other @ (Admission::Duplicate(_) | Admission::Unmatched) => {
                panic!("the event was not accepted: {other:?}")
            }
        }
    }

    /// Claims what comes first.
    pub(crate) async fn claim(&self, journal: &Arc<dyn Journal>) -> Claim {
        journal.claim("worker", TTL).await.unwrap().expect("a rotation is due")
    }

    /// Writes entries one after another under a claim.
    pub(crate) async fn write(
        &self,
        journal: &Arc<dyn Journal>,
        claim: &Claim,
        entries: impl IntoIterator<Item = Entry>,
    ) {
        let mut after = journal.rows(claim.rotation).await.unwrap().last().unwrap().seq;
        for entry in entries {
            let row = journal.append(&claim.lease, claim.rotation, after, &entry).await.unwrap();
            assert_eq!(row.seq, after + 1);
            after = row.seq;
        }
    }

    /// The entries from containment up to the last confirmation, of version 7.
    pub(crate) fn whole_way(&self) -> Vec<Entry> {
        let [connector, integration] = both();
        vec![
            Entry::Disabling { surface: connector.clone() },
            Entry::Contained { surface: connector.clone(), by_us: true },
            self.chosen(7),
            Entry::Updating { surface: integration.clone(), version: SecretVersion(7) },
            Entry::Updated { surface: integration.clone(), version: SecretVersion(7) },
            Entry::Updating { surface: connector.clone(), version: SecretVersion(7) },
            Entry::Updated { surface: connector.clone(), version: SecretVersion(7) },
            Entry::Enabling { surface: connector.clone(), version: SecretVersion(7) },
            Entry::Enabled { surface: connector.clone() },
            Entry::Confirmed { surface: connector },
            Entry::Confirmed { surface: integration },
        ]
    }

    /// The choice of a version that was written now, for a reset that happened now.
    pub(crate) fn chosen(&self, version: u64) -> Entry {
        Entry::SecretChosen {
            version: SecretVersion(version),
            written_at: self.now(),
            fingerprints: fingerprints(),
            decided_for: self.now(),
        }
    }

    /// The end, for a reset that happened now.
    pub(crate) fn completed(&self, outcome: Outcome) -> Entry {
        Entry::Completed { outcome, decided_for: self.now() }
    }
}

/// The connector and the Integration settings that every target here has.
pub(crate) fn both() -> [Surface; 2] {
    let instance = Some("Acme".to_owned());
    [
        Surface::Connector { instance: instance.clone(), name: "Salesforce".to_owned() },
        Surface::Integration { instance },
    ]
}

/// The same as a list.
pub(crate) fn surfaces() -> Vec<Surface> {
    both().to_vec()
}

/// Fingerprints of some secret.
pub(crate) fn fingerprints() -> Fingerprints {
    let text = |text: &str| SecretText::new(text.to_owned());
    FingerprintKey::new(vec![3; 32]).unwrap().fingerprints(&SalesforceSecret {
        password: text("password"),
        security_token: Some(text("token")),
    })
}

/// A person is needed.
pub(crate) fn stuck() -> Entry {
    Entry::Stuck {
        step: Step::Contain,
        surface: None,
        fault: Fault::Permanent,
        message: "the console has changed".to_owned(),
    }
}
