//! A running private listener over a store of its own, a clock that moves only when it is asked
//! to, and the few things that a worker would write.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use reqwest::{Client, Method, StatusCode};
use reset_receiver::cli::client::OperatorClient;
use reset_receiver::domain::entry::{Entry, Outcome};
use reset_receiver::domain::ids::{
    AccountName, OrganizationId, RotationId, SourceName, TargetName, Username,
};
use reset_receiver::domain::proof::Prove;
use reset_receiver::domain::secret::{
    FingerprintKey, Fingerprints, SalesforceSecret, SecretLocation, SecretText, SecretVersion,
};
use reset_receiver::domain::target::{SecretFields, Surface, Target, UpdateOrder};
use reset_receiver::engine::intake::Intake;
use reset_receiver::engine::operations::Operations;
use reset_receiver::engine::targets::Targets;
use reset_receiver::metrics::Metrics;
use reset_receiver::operator::readiness::{Latch, Readiness};
use reset_receiver::operator::who_may::{AccessToken, Role};
use reset_receiver::operator::{Operator, Parts, Settings};
use reset_receiver::ports::clock::Clock;
use reset_receiver::ports::journal::Journal;
use reset_receiver::store::SqliteStore;
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// The token of a viewer named `vera`.
pub(super) const VERA: &str = "viewer-token-of-vera-0001";
/// The token of an operator named `otto`.
pub(super) const OTTO: &str = "operator-token-of-otto-02";
/// The secret whose fingerprints stand in the store.
pub(super) const PASSWORD: &str = "canary-password";

/// What happens while somebody sleeps.
type Scene = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A clock whose sleepers wake at once, after the next scene was played.
pub(super) struct StageClock {
    now: Mutex<Timestamp>,
    minted: AtomicU32,
    scenes: Mutex<VecDeque<Scene>>,
}

impl StageClock {
    pub(super) fn advance(&self, duration: Duration) {
        *self.now.lock().unwrap() += duration;
    }

    /// Plays a scene in the next sleep for which there is none yet.
    pub(super) fn then(&self, scene: impl Future<Output = ()> + Send + 'static) {
        self.scenes.lock().unwrap().push_back(Box::pin(scene));
    }
}

#[async_trait]
impl Clock for StageClock {
    fn now(&self) -> Timestamp {
        *self.now.lock().unwrap()
    }

    fn elapsed(&self) -> Duration {
        self.now().duration_since(Timestamp::UNIX_EPOCH).unsigned_abs()
    }

    async fn sleep(&self, duration: Duration) {
        self.advance(duration);
        let scene = self.scenes.lock().unwrap().pop_front();
        scene.expect("nobody sleeps longer than the play").await;
    }

    fn rotation_id(&self) -> RotationId {
        let ms = u64::try_from(self.now().as_millisecond()).unwrap();
        let minted = self.minted.fetch_add(1, Ordering::Relaxed);
        let mut tail = [0; 10];
        tail[3..7].copy_from_slice(&minted.to_be_bytes());
        RotationId(uuid::Builder::from_unix_timestamp_millis(ms, &tail).into_uuid())
    }

    fn chance(&self) -> f64 {
        0.5
    }
}

/// An answer, read whole.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: reqwest::header::HeaderMap,
    pub(super) text: String,
}

impl Answer {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {}", self.text))
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// Asserts that this is a problem document with that status, and returns its detail.
    pub(super) fn problem(&self, status: u16) -> String {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        assert_eq!(self.header("content-type"), Some("application/problem+json"));
        let problem = self.json();
        assert_eq!(problem["status"], status);
        assert_eq!(problem["type"], "about:blank");
        assert_eq!(problem["title"], self.status.canonical_reason().unwrap());
        problem["detail"].as_str().unwrap().to_owned()
    }
}

/// The bench. The listener stops with it.
pub(super) struct Bench {
    pub(super) clock: Arc<StageClock>,
    pub(super) store: Arc<SqliteStore>,
    pub(super) operations: Operations,
    pub(super) latch: Latch,
    pub(super) metrics: Arc<Metrics>,
    pub(super) stop: CancellationToken,
    pub(super) running: JoinHandle<std::io::Result<()>>,
    address: SocketAddr,
    http: Client,
    _folder: TempDir,
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Bench {
    /// A listener with the targets `acme` and `globex`, whose start-up waits for `worker`.
    pub(super) async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(StageClock {
            now: Mutex::new("2026-03-02T08:00:00Z".parse().unwrap()),
            minted: AtomicU32::new(0),
            scenes: Mutex::default(),
        });
        let path = folder.path().join("journal.db");
        let store = Arc::new(SqliteStore::open(&path, clock.clone()).await.unwrap());
        let targets = Arc::new(Targets::new([target("acme"), target("globex")]));
        let wake = Arc::new(Notify::new());
        let journal: Arc<dyn Journal> = store.clone();
        let intake = Intake::new(journal.clone(), clock.clone(), targets.clone(), wake.clone());
        let operations =
            Operations::new(intake, journal.clone(), clock.clone(), targets.clone(), wake);
        let metrics = Arc::new(Metrics::new([&SourceName::parse("flow").unwrap()]));
        let mut readiness = Readiness::default();
        let latch = readiness.latch("worker");
        let parts = Parts {
            journal,
            operations: operations.clone(),
            targets,
            messages: Arc::default(),
            metrics: metrics.clone(),
            readiness,
            clock: clock.clone(),
        };
        let settings = Settings { address: ([127, 0, 0, 1], 0).into(), tokens: tokens() };
        let bound = Operator::bind(settings, parts).unwrap();
        let (address, stop) = (bound.address(), CancellationToken::new());
        let running = tokio::spawn(bound.run(stop.clone()));
        let http = Client::builder().no_proxy().build().unwrap();
        Self {
            clock,
            store,
            operations,
            latch,
            metrics,
            stop,
            running,
            address,
            http,
            _folder: folder,
        }
    }

    pub(super) fn url(&self) -> reqwest::Url {
        format!("http://{}", self.address).parse().unwrap()
    }

    pub(super) fn client(&self, token: &str) -> OperatorClient {
        OperatorClient::new(self.url(), SecretText::new(token.to_owned())).unwrap()
    }

    pub(super) async fn ask(&self, method: Method, path: &str, token: Option<&str>) -> Answer {
        let url = format!("http://{}{path}", self.address);
        let mut request = self.http.request(method, url);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        Answer { status, headers, text: response.text().await.unwrap() }
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path, Some(VERA)).await
    }

    pub(super) async fn post(&self, path: &str) -> Answer {
        self.ask(Method::POST, path, Some(OTTO)).await
    }

    /// Begins a rotation of a target.
    pub(super) async fn begin(&self, target: &str) -> RotationId {
        self.operations.rotate(&TargetName::parse(target).unwrap(), "otto").await.unwrap()
    }

    /// Writes entries as a worker does, a second apart.
    pub(super) async fn write(&self, rotation: RotationId, entries: Vec<Entry>) {
        write(&self.clock, &self.store, rotation, entries).await;
    }
}

/// Writes entries as a worker does, a second apart.
pub(super) async fn write(
    clock: &StageClock,
    store: &SqliteStore,
    rotation: RotationId,
    entries: Vec<Entry>,
) {
    let ttl = Duration::from_mins(1);
    let claim = store.claim("bench", ttl).await.unwrap().expect("a rotation is due");
    assert_eq!(claim.rotation, rotation, "the rotation that is due");
    let mut last = claim.rows.last().unwrap().seq;
    for entry in entries {
        clock.advance(Duration::from_secs(1));
        last = store.append(&claim.lease, rotation, last, &entry).await.unwrap().seq;
    }
    let due = clock.now() + Duration::from_millis(1);
    store.release(&claim.lease, rotation, Some(due)).await.unwrap();
    clock.advance(Duration::from_secs(1));
}

fn tokens() -> Vec<AccessToken> {
    [("vera", Role::Viewer, VERA), ("otto", Role::Operator, OTTO)]
        .map(|(name, role, token)| AccessToken {
            name: name.to_owned(),
            role,
            token: SecretText::new(token.to_owned()),
        })
        .into()
}

fn target(name: &str) -> Target {
    Target {
        name: TargetName::parse(name).unwrap(),
        organization: OrganizationId::parse("00D5e000001AbCdEAK").unwrap(),
        username: Username::parse(&format!("sync@{name}.example")).unwrap(),
        user_id: None,
        secret: SecretLocation { mount: "secret".to_owned(), path: format!("salesforce/{name}") },
        fields: SecretFields::default(),
        needs_token: true,
        prove: Prove::Not,
        account: AccountName::parse(&format!("console-{name}")).unwrap(),
        surfaces: vec![connector(), integration()],
        order: UpdateOrder::default(),
    }
}

pub(super) fn connector() -> Surface {
    Surface::Connector { instance: None, name: "Contacts".to_owned() }
}

pub(super) fn integration() -> Surface {
    Surface::Integration { instance: None }
}

/// The fingerprints of the bench's secret.
pub(super) fn fingerprints() -> Fingerprints {
    let key = FingerprintKey::new(vec![7; 32]).unwrap();
    key.fingerprints(&SalesforceSecret {
        password: SecretText::new(PASSWORD.to_owned()),
        security_token: Some(SecretText::new("canary-token".to_owned())),
    })
}

/// The connector is found enabled and disabled.
pub(super) fn containment() -> Vec<Entry> {
    vec![
        Entry::Disabling { surface: connector() },
        Entry::Contained { surface: connector(), by_us: true },
    ]
}

/// The secret is there, and everything takes it, until the end. `now` is when the rotation began.
pub(super) fn recovery(now: Timestamp) -> Vec<Entry> {
    let version = SecretVersion(7);
    let mut entries = vec![Entry::SecretChosen {
        version,
        written_at: now,
        fingerprints: fingerprints(),
        decided_for: now,
    }];
    for surface in [integration(), connector()] {
        entries.push(Entry::Updating { surface: surface.clone(), version });
        entries.push(Entry::Updated { surface, version });
    }
    entries.push(Entry::Enabling { surface: connector(), version });
    entries.push(Entry::Enabled { surface: connector() });
    entries.push(Entry::Confirmed { surface: integration() });
    entries.push(Entry::Confirmed { surface: connector() });
    entries.push(Entry::Completed { outcome: Outcome::Confirmed, decided_for: now });
    entries
}

/// A path about a rotation that there never was.
pub(super) fn nobody() -> String {
    format!("/v1/rotations/{}", Uuid::nil())
}
