//! The public listener over real TLS, with the real intake over a real store.

use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use reset_receiver::domain::entry::Outcome;
use reset_receiver::domain::fault::Fault;
use reset_receiver::domain::ids::{
    AccountName, OrganizationId, SourceName, TargetName, UserId, Username,
};
use reset_receiver::domain::proof::Prove;
use reset_receiver::domain::secret::SecretLocation;
use reset_receiver::domain::step::Step;
use reset_receiver::domain::target::{SecretFields, Surface, Target, UpdateOrder};
use reset_receiver::engine::intake::Intake;
use reset_receiver::engine::targets::Targets;
use reset_receiver::hooks::limits::Limits;
use reset_receiver::hooks::tls::Certificates;
use reset_receiver::hooks::{Hooks, Settings, Sources};
use reset_receiver::ports::clock::Clock;
use reset_receiver::ports::journal::{Journal, RotationFilter, RotationSummary};
use reset_receiver::ports::meter::{DeliveryOutcome, Meter, RefusedBy};
use reset_receiver::senders::bearer::Bearer;
use reset_receiver::senders::keys::{BearerToken, SigningKey};
use reset_receiver::senders::source::{Authentication, Format, Rate, Source};
use reset_receiver::senders::standard_webhooks::{DEFAULT_WINDOW, StandardWebhooks};
use reset_receiver::store::SqliteStore;
use tempfile::TempDir;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::certificate::Certificate;
use super::mail_town::MailTown;
use super::manual_clock::ManualClock;

/// The receiver's time in every test.
pub(crate) const NOW: &str = "2026-03-02T09:15:04Z";
/// The current key of the source `apex`.
pub(crate) const KEY: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
/// Its previous key.
pub(crate) const PREVIOUS_KEY: &str = "whsec_ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA=";
/// The token of the source `flow`.
pub(crate) const TOKEN: &str = "flow-token-flow-token-flow-token";

/// Counts what the listener reports.
#[derive(Default)]
pub(crate) struct Counted(Mutex<Vec<(String, DeliveryOutcome)>>);

impl Meter for Counted {
    fn delivery(&self, source: &str, outcome: DeliveryOutcome) {
        self.0.lock().unwrap().push((source.to_owned(), outcome));
    }
    fn contained(&self, _: &TargetName, _: Duration) {}
    fn completed(&self, _: &TargetName, _: Outcome, _: Option<Duration>) {}
    fn connector_off(&self, _: &TargetName, _: Duration) {}
    fn step_failed(&self, _: Step, _: Fault) {}
    fn login_refused(&self, _: RefusedBy) {}
}

/// A running listener. It knows the target `acme` and the sources `apex` (signed, for every
/// target), `flow` (bearer, or signed) and `partner` (bearer, for the target `other` alone), and
/// `enterprise` (bearer, or signed), which sends Vault events.
pub(crate) struct PublicListener {
    pub(crate) address: SocketAddr,
    pub(crate) certificate: Certificate,
    pub(crate) certificates: Arc<Certificates>,
    pub(crate) sources: Arc<Sources>,
    pub(crate) store: SqliteStore,
    pub(crate) wake: Arc<Notify>,
    pub(crate) directory: TempDir,
    counted: Arc<Counted>,
    stop: CancellationToken,
    server: JoinHandle<Result<(), std::io::Error>>,
}

impl PublicListener {
    pub(crate) async fn start() -> Self {
        Self::with(Limits::default(), 1_000).await
    }

    /// A listener with other bounds, and so many requests in a burst.
    pub(crate) async fn with(limits: Limits, burst: u32) -> Self {
        Self::of(sources(burst), limits).await
    }

    /// A listener that takes mails as well.
    pub(crate) async fn with_mails(
        limits: Limits,
        burst: u32,
        clock: Arc<dyn Clock>,
        mails: MailTown,
    ) -> Self {
        Self::open(sources(burst), limits, clock, mails).await
    }

    /// A listener with other sources and bounds.
    pub(crate) async fn of(sources: Vec<Source>, limits: Limits) -> Self {
        Self::open(sources, limits, at_now(), MailTown::default()).await
    }

    /// Stops it, and starts it again on the same journal: what it remembered is gone.
    pub(crate) async fn restarted(self, mails: MailTown) -> Self {
        self.stop.cancel();
        let ended = tokio::time::timeout(Duration::from_secs(20), self.server).await;
        ended.expect("the listener drains and ends").unwrap().unwrap();
        self.store.close().await;
        Self::open_in(self.directory, sources(1_000), Limits::default(), at_now(), mails).await
    }

    async fn open(
        sources: Vec<Source>,
        limits: Limits,
        clock: Arc<dyn Clock>,
        mails: MailTown,
    ) -> Self {
        Self::open_in(tempfile::tempdir().unwrap(), sources, limits, clock, mails).await
    }

    async fn open_in(
        directory: TempDir,
        mut sources: Vec<Source>,
        limits: Limits,
        clock: Arc<dyn Clock>,
        mails: MailTown,
    ) -> Self {
        sources.extend(mails.sources);
        let path = directory.path().join("journal.db");
        let store = SqliteStore::open(&path, Arc::clone(&clock)).await.unwrap();
        let wake = Arc::new(Notify::new());
        let journal: Arc<dyn Journal> = Arc::new(store.clone());
        let targets = Arc::new(Targets::new([acme()]));
        let certificate = Certificate::for_localhost();
        let files = certificate.write(directory.path());
        let certificates = Certificates::load(files).unwrap();
        let counted = Arc::new(Counted::default());
        let meter: Arc<dyn Meter> = Arc::<Counted>::clone(&counted);
        let sources = Arc::new(Sources::new(sources));
        let hooks = Hooks {
            intake: Intake::new(journal, Arc::clone(&clock), targets, Arc::clone(&wake)),
            sources: Arc::clone(&sources),
            mails: mails.mails,
            certificates: Arc::clone(&certificates),
            meter,
            clock,
        };
        let settings = Settings {
            address: ([127, 0, 0, 1], 0).into(),
            workers: NonZeroUsize::new(1),
            limits,
            drain: Duration::from_secs(5),
        };
        let bound = hooks.bind(settings).unwrap();
        let address = bound.address;
        let stop = CancellationToken::new();
        let server = tokio::spawn(bound.run(stop.clone().cancelled_owned()));
        Self {
            address,
            certificate,
            certificates,
            sources,
            store,
            wake,
            directory,
            counted,
            stop,
            server,
        }
    }

    /// Every rotation that the journal holds, newest first.
    pub(crate) async fn rotations(&self) -> Vec<RotationSummary> {
        let filter = RotationFilter { limit: 100, ..RotationFilter::default() };
        self.store.rotations(&filter).await.unwrap()
    }

    /// What was counted since the last time.
    pub(crate) fn counted(&self) -> Vec<(String, DeliveryOutcome)> {
        std::mem::take(&mut *self.counted.0.lock().unwrap())
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.directory.path().join("journal.db")
    }

    /// Tells it to stop.
    pub(crate) fn stop(&self) {
        self.stop.cancel();
    }

    /// Waits until it has stopped.
    pub(crate) async fn stopped(self) {
        let ended = tokio::time::timeout(Duration::from_secs(20), self.server).await;
        ended.expect("the listener drains and ends").unwrap().unwrap();
    }
}

/// A clock that stands at [`NOW`].
pub(crate) fn at_now() -> Arc<dyn Clock> {
    let clock = ManualClock::seeded(1);
    let now: Timestamp = NOW.parse().unwrap();
    clock.advance(now.duration_since(clock.now()).unsigned_abs());
    Arc::new(clock)
}

pub(crate) fn acme() -> Target {
    Target {
        name: TargetName::parse("acme").unwrap(),
        organization: OrganizationId::parse("00D5e000001AbCdEAK").unwrap(),
        username: Username::parse("gator.sync@example.com").unwrap(),
        user_id: Some(UserId::parse("0055e000002KjHgAAK").unwrap()),
        secret: SecretLocation { mount: "secret".to_owned(), path: "acme".to_owned() },
        fields: SecretFields::default(),
        needs_token: true,
        prove: Prove::Not,
        account: AccountName::parse("console").unwrap(),
        surfaces: vec![Surface::Integration { instance: None }],
        order: UpdateOrder::default(),
    }
}

/// The sources that every listener has.
pub(crate) fn sources(burst: u32) -> Vec<Source> {
    let key = |text| SigningKey::parse(text).unwrap();
    let keys = vec![key(KEY), key(PREVIOUS_KEY)];
    let signed = Authentication::StandardWebhooks(StandardWebhooks::new(keys, DEFAULT_WINDOW));
    let bearer = Authentication::Bearer(Bearer::new(vec![BearerToken::parse(TOKEN).unwrap()]));
    let source = |name, authentications, targets| Source {
        name: SourceName::parse(name).unwrap(),
        format: Format::Notice,
        authentications,
        targets,
        rate: Rate { burst: NonZeroU32::new(burst).unwrap(), per_minute: NonZeroU32::MIN },
        future: DEFAULT_WINDOW,
    };
    let other = vec![TargetName::parse("other").unwrap()];
    let mut vault = source("enterprise", vec![signed.clone(), bearer.clone()], None);
    vault.format = Format::VaultEvent;
    vec![
        vault,
        source("apex", vec![signed.clone()], None),
        source("flow", vec![signed, bearer.clone()], None),
        source("partner", vec![bearer], Some(other)),
    ]
}
