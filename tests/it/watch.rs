//! The watch on Vault, turned by hand over a real store: what it tells, and what it keeps quiet
//! about.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use reset_receiver::domain::announcement::Change;
use reset_receiver::domain::entry::{Entry, Outcome};
use reset_receiver::domain::ids::{RotationId, TargetName};
use reset_receiver::domain::secret::{
    Applied, FingerprintKey, SalesforceSecret, SecretLocation, SecretText, SecretVersion,
};
use reset_receiver::domain::target::{Surface, Target};
use reset_receiver::engine::intake::Intake;
use reset_receiver::engine::targets::Targets;
use reset_receiver::engine::watch::{Listening, Settings, Watch, World};
use reset_receiver::ports::clock::Clock;
use reset_receiver::ports::journal::{Claim, Journal, RotationFilter};
use reset_receiver::ports::secret_news::{News, SecretNews, Subscription};
use reset_receiver::ports::secret_store::{SecretStore, SecretStoreError, SecretTrouble, Stored};
use reset_receiver::store::SqliteStore;
use tempfile::TempDir;
use tokio::sync::Notify;

use crate::support::manual_clock::ManualClock;
use crate::support::public_listener::acme;

/// A Vault of one secret, and of the news that it is made to tell.
#[derive(Default)]
struct Fake {
    /// The current version and when it was written.
    holds: Mutex<Option<(u64, Timestamp)>>,
    trouble: Mutex<Option<SecretTrouble>>,
    /// What each coming subscription tells before it ends; none is offered once it is empty.
    coming: Mutex<VecDeque<Vec<News>>>,
    /// What a list of the folder `team` says, where it is listed.
    list: Mutex<Option<BTreeMap<String, SecretVersion>>>,
    /// What was asked for, in order.
    asked: Mutex<Vec<String>>,
}

#[async_trait]
impl SecretStore for Fake {
    async fn read(&self, location: &SecretLocation) -> Result<Stored, SecretStoreError> {
        self.current_version(location).await?;
        Ok(match *self.holds.lock().unwrap() {
            None => Stored::Missing,
            Some((version, written_at)) => Stored::Present {
                version: SecretVersion(version),
                written_at,
                fields: std::collections::BTreeMap::new(),
            },
        })
    }

    async fn current_version(
        &self,
        location: &SecretLocation,
    ) -> Result<Option<SecretVersion>, SecretStoreError> {
        self.asked.lock().unwrap().push(location.to_string());
        if let Some(trouble) = *self.trouble.lock().unwrap() {
            return Err(SecretStoreError { location: location.clone(), trouble });
        }
        Ok(self.holds.lock().unwrap().map(|(version, _)| SecretVersion(version)))
    }

    async fn current_versions(
        &self,
        folder: &SecretLocation,
    ) -> Result<Option<BTreeMap<String, SecretVersion>>, SecretStoreError> {
        self.asked.lock().unwrap().push(format!("{folder}/*"));
        Ok(self.list.lock().unwrap().clone())
    }
}

struct Ear(VecDeque<News>);

#[async_trait]
impl Subscription for Ear {
    async fn next(&mut self) -> Option<News> {
        self.0.pop_front()
    }
}

#[async_trait]
impl SecretNews for Fake {
    async fn subscribe(&self) -> Result<Option<Box<dyn Subscription>>, SecretTrouble> {
        if let Some(trouble) = *self.trouble.lock().unwrap() {
            return Err(trouble);
        }
        let news = self.coming.lock().unwrap().pop_front();
        Ok(news.map(|news| -> Box<dyn Subscription> { Box::new(Ear(news.into())) }))
    }
}

/// A watch over a fake Vault and a real store.
struct Bench {
    fake: Arc<Fake>,
    store: SqliteStore,
    clock: Arc<ManualClock>,
    watch: Watch,
    _directory: TempDir,
}

impl Bench {
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::seeded(7));
        let time: Arc<dyn Clock> = Arc::<ManualClock>::clone(&clock);
        let path = directory.path().join("journal.db");
        let store = SqliteStore::open(&path, Arc::clone(&time)).await.unwrap();
        let fake = Arc::new(Fake::default());
        let watch = watch(&fake, &store, &time);
        Self { fake, store, clock, watch, _directory: directory }
    }

    /// The same Vault and the same store, seen by a process that has just begun.
    fn restart(&mut self) {
        let time: Arc<dyn Clock> = Arc::<ManualClock>::clone(&self.clock);
        self.watch = watch(&self.fake, &self.store, &time);
    }

    fn write(&self, version: u64) {
        *self.fake.holds.lock().unwrap() = Some((version, self.clock.now()));
    }

    async fn look(&self) {
        self.clock.advance(Duration::from_mins(1));
        self.watch.look().await;
        self.clock.advance(Duration::from_mins(1));
    }

    /// What the journal knows to have been told, oldest first.
    async fn told(&self) -> Vec<String> {
        let filter = RotationFilter { limit: 100, ..RotationFilter::default() };
        let mut told = Vec::new();
        for rotation in self.store.rotations(&filter).await.unwrap().iter().rev() {
            for row in self.store.rows(rotation.id).await.unwrap() {
                if let Entry::Admitted { source, event_id, version, .. } = row.entry {
                    assert_eq!(source.as_str(), "vault");
                    let version = version.map_or_else(|| "-".to_owned(), |v| v.to_string());
                    told.push(format!("{event_id} ({version})"));
                }
            }
        }
        told
    }

    /// Ends the rotation under way as if this version had been applied.
    async fn apply(&self, version: u64, written_at: Timestamp) -> RotationId {
        let claim = self.store.claim("test", Duration::from_mins(1)).await.unwrap().unwrap();
        let Claim { lease, rotation, rows, .. } = claim;
        let surface = Surface::Integration { instance: None };
        let version = SecretVersion(version);
        let key = FingerprintKey::new(vec![7; 32]).unwrap();
        let text = || SecretText::new("x".to_owned());
        let secret = SalesforceSecret { password: text(), security_token: Some(text()) };
        let fingerprints = key.fingerprints(&secret);
        let Entry::Admitted { occurred_at: decided_for, .. } = rows[1].entry else { panic!() };
        let entries = [
            Entry::SecretChosen { version, written_at, fingerprints, decided_for },
            Entry::Updating { surface: surface.clone(), version },
            Entry::Updated { surface: surface.clone(), version },
            Entry::Confirmed { surface },
            Entry::Completed { outcome: Outcome::Confirmed, decided_for },
        ];
        let mut after = rows.last().unwrap().seq;
        for entry in entries {
            after = self.store.append(&lease, rotation, after, &entry).await.unwrap().seq;
        }
        self.store.release(&lease, rotation, None).await.unwrap();
        rotation
    }

    /// A target whose version 5 is applied.
    async fn with_version_5() -> Self {
        let bench = Self::new().await;
        bench.look().await;
        bench.write(5);
        bench.look().await;
        let written_at = bench.fake.holds.lock().unwrap().unwrap().1;
        bench.apply(5, written_at).await;
        let applied: Option<Applied> = bench.store.applied(&acme().name).await.unwrap();
        assert_eq!(applied.unwrap().version, SecretVersion(5));
        bench
    }
}

fn watch(fake: &Arc<Fake>, store: &SqliteStore, clock: &Arc<dyn Clock>) -> Watch {
    watch_over(fake, store, clock, [acme()])
}

fn watch_over(
    fake: &Arc<Fake>,
    store: &SqliteStore,
    clock: &Arc<dyn Clock>,
    targets: impl IntoIterator<Item = Target>,
) -> Watch {
    let journal: Arc<dyn Journal> = Arc::new(store.clone());
    let targets = Arc::new(Targets::new(targets));
    let (j, c, t) = (Arc::clone(&journal), Arc::clone(clock), Arc::clone(&targets));
    let world = World {
        secrets: Arc::<Fake>::clone(fake),
        news: Arc::<Fake>::clone(fake),
        intake: Intake::new(j, c, t, Arc::new(Notify::new())),
        journal,
        targets,
        clock: Arc::clone(clock),
    };
    Watch::new(world, Settings { interval: Duration::from_mins(1) })
}

fn news(change: Change, mount: &str, version: Option<u64>) -> News {
    let location = SecretLocation { mount: mount.to_owned(), path: "acme".to_owned() };
    let at = Some("2026-03-02T08:00:30Z".parse().unwrap());
    News { change, location, version: version.map(SecretVersion), at }
}

#[tokio::test]
async fn a_secret_that_is_there_at_first_starts_nothing_and_the_next_one_does() {
    let mut bench = Bench::new().await;
    bench.write(3);
    bench.look().await;
    bench.restart();
    bench.look().await;
    bench.look().await;
    assert!(bench.told().await.is_empty(), "nobody said that it is the right one");
    bench.write(4);
    bench.look().await;
    bench.look().await;
    assert_eq!(bench.told().await, ["vault:secret/acme:4 (4)"], "told once");
}

#[tokio::test]
async fn a_first_secret_that_is_written_while_somebody_looks_is_told() {
    let bench = Bench::new().await;
    bench.look().await;
    bench.write(1);
    bench.look().await;
    assert_eq!(bench.told().await, ["vault:secret/acme:1 (1)"]);
}

#[tokio::test]
async fn what_was_written_while_the_program_was_down_is_told_at_the_first_look() {
    let mut bench = Bench::with_version_5().await;
    bench.look().await;
    assert_eq!(bench.told().await.len(), 1, "what is applied is no news");
    bench.restart();
    bench.write(9);
    bench.look().await;
    bench.restart();
    bench.look().await;
    assert_eq!(bench.told().await[1..], ["vault:secret/acme:9 (9)"], "and after a restart once");
}

#[tokio::test]
async fn a_standby_that_lags_behind_is_no_news_and_a_history_begun_anew_is() {
    let bench = Bench::with_version_5().await;
    let before = Timestamp::from_second(1_000).unwrap();
    *bench.fake.holds.lock().unwrap() = Some((4, before));
    bench.look().await;
    assert_eq!(bench.told().await.len(), 1);
    bench.write(1);
    let second = bench.clock.now().as_second();
    bench.look().await;
    bench.look().await;
    assert_eq!(bench.told().await[1..], [format!("vault:secret/acme:1:{second} (-)")]);
    bench.write(2);
    bench.look().await;
    bench.look().await;
    assert_eq!(bench.told().await.len(), 3, "each version of the new history is told once");
}

#[tokio::test]
async fn a_server_in_trouble_is_looked_at_again_and_nothing_is_lost() {
    let bench = Bench::with_version_5().await;
    *bench.fake.trouble.lock().unwrap() = Some(SecretTrouble::Sealed);
    bench.write(6);
    bench.look().await;
    bench.look().await;
    assert_eq!(bench.told().await.len(), 1);
    *bench.fake.trouble.lock().unwrap() = None;
    bench.look().await;
    assert_eq!(bench.told().await[1..], ["vault:secret/acme:6 (6)"]);
}

#[tokio::test]
async fn what_the_store_tells_is_told_once_whoever_hears_of_it_first() {
    let bench = Bench::with_version_5().await;
    let told = vec![
        news(Change::Written, "secret", Some(6)),
        news(Change::Written, "secret", Some(6)),
        news(Change::Written, "secret", Some(5)),
        news(Change::Written, "elsewhere", Some(9)),
        news(Change::Removed, "secret", Some(6)),
        news(Change::Other, "secret", Some(7)),
        news(Change::Written, "team/secret", Some(8)),
    ];
    bench.fake.coming.lock().unwrap().push_back(told);
    let pause = bench.watch.listen(&mut Listening::default()).await;
    assert!(pause <= Duration::from_secs(1), "it has ended, and is listened to again soon");
    let expected = ["vault:secret/acme:6 (6)", "vault:secret/acme:8 (8)"];
    assert_eq!(bench.told().await[1..], expected);
    *bench.fake.holds.lock().unwrap() = Some((8, bench.clock.now()));
    bench.look().await;
    assert_eq!(bench.told().await.len(), 3, "a look finds what was heard");
}

#[tokio::test]
async fn who_cannot_listen_waits_longer_each_time_and_longest_where_a_person_is_needed() {
    let bench = Bench::new().await;
    let mut listening = Listening::default();
    let hour = Duration::from_hours(1);
    assert_eq!(bench.watch.listen(&mut listening).await, hour, "it is not offered");
    let mut longest = async |trouble| {
        *bench.fake.trouble.lock().unwrap() = Some(trouble);
        let mut pauses = Vec::new();
        for _ in 0..20 {
            pauses.push(bench.watch.listen(&mut listening).await);
        }
        pauses.into_iter().max().unwrap()
    };
    let (refused, away) =
        (longest(SecretTrouble::Denied).await, longest(SecretTrouble::Unreachable).await);
    assert!(refused > Duration::from_mins(12) && refused <= Duration::from_mins(15));
    assert!(away <= Duration::from_mins(1), "{away:?}");
}

#[tokio::test]
async fn secrets_of_one_folder_are_looked_at_in_one_request_where_it_is_listed() {
    let mut bench = Bench::new().await;
    let target = |name: &str, path: &str| {
        let secret = SecretLocation { mount: "secret".to_owned(), path: path.to_owned() };
        Target { name: TargetName::parse(name).unwrap(), secret, ..acme() }
    };
    let targets = [target("a", "team/a"), target("b", "team/b"), target("c", "alone/c")];
    let time: Arc<dyn Clock> = Arc::<ManualClock>::clone(&bench.clock);
    bench.watch = watch_over(&bench.fake, &bench.store, &time, targets);
    let asked = |bench: &Bench| std::mem::take(&mut *bench.fake.asked.lock().unwrap());

    bench.look().await;
    let each = ["secret/team/a", "secret/team/b", "secret/alone/c"];
    assert_eq!(asked(&bench), [&["secret/team/*"][..], &each].concat(), "it is not listed");
    bench.look().await;
    assert_eq!(asked(&bench), each, "and is not asked for again at each look");

    bench.clock.advance(Duration::from_hours(1));
    let list = |versions: &[(&str, u64)]| {
        let owned = |(name, version): &(&str, u64)| ((*name).to_owned(), SecretVersion(*version));
        Some(versions.iter().map(owned).collect::<BTreeMap<_, _>>())
    };
    *bench.fake.list.lock().unwrap() = list(&[("a", 1), ("somebody", 9)]);
    bench.look().await;
    assert_eq!(asked(&bench), ["secret/team/*", "secret/team/b", "secret/alone/c"]);
    assert_eq!(bench.told().await, ["vault:secret/team/a:1 (1)"]);
    *bench.fake.list.lock().unwrap() = list(&[("a", 1), ("b", 4)]);
    bench.look().await;
    assert_eq!(asked(&bench), ["secret/team/*", "secret/alone/c"]);
    let told = ["vault:secret/team/a:1 (1)", "vault:secret/team/b:4 (4)"];
    assert_eq!(bench.told().await, told);
}
