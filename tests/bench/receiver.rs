//! The real public listener over a store, with many targets.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use reset_receiver::clock::SystemClock;
use reset_receiver::domain::ids::{AccountName, OrganizationId, SourceName, TargetName, Username};
use reset_receiver::domain::proof::Prove;
use reset_receiver::domain::secret::{SecretLocation, SecretText, SecretVersion};
use reset_receiver::domain::target::{SecretFields, Surface, Target, UpdateOrder};
use reset_receiver::engine::intake::Intake;
use reset_receiver::engine::mailed_token::MailedTokens;
use reset_receiver::engine::targets::Targets;
use reset_receiver::hooks::limits::Limits;
use reset_receiver::hooks::tls::{Certificates, TlsFiles};
use reset_receiver::hooks::{Hooks, Mails, Settings, Sources};
use reset_receiver::metrics::Metrics;
use reset_receiver::ports::journal::Journal;
use reset_receiver::ports::secret_store::{SecretStore, SecretStoreError, SecretTrouble, Stored};
use reset_receiver::ports::secret_writer::{SecretWriteError, SecretWriter, WriteTrouble};
use reset_receiver::ports::web::{Web, WebTrouble};
use reset_receiver::senders::email::opening::Memory;
use reset_receiver::senders::keys::SigningKey;
use reset_receiver::senders::source::{Authentication, Format, Rate, Source};
use reset_receiver::senders::standard_webhooks::{DEFAULT_WINDOW, StandardWebhooks};
use tokio::sync::Notify;
use url::Url;

use crate::load::{KEY, ORGANIZATION, SOURCE, Server, Signed, TARGETS, username};

/// A listener that runs, and the intake behind it.
pub(crate) struct Receiver {
    pub(crate) server: Server,
    pub(crate) intake: Intake,
}

/// Starts it on threads of its own; it runs as long as the process does.
pub(crate) fn start(journal: Arc<dyn Journal>) -> Receiver {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let certificate = directory.path().join("tls.crt");
    let key = directory.path().join("tls.key");
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let certificates = Certificates::load(TlsFiles { certificate, key }).unwrap();
    let clock = Arc::new(SystemClock);
    let targets = Arc::new(Targets::new((0..TARGETS).map(target)));
    // As the program does it, and not in line with the clients.
    let runtime = Box::leak(Box::new(tokio::runtime::Runtime::new().unwrap()));
    let writing = runtime.enter();
    let intake = Intake::new(journal, clock.clone(), Arc::clone(&targets), Arc::new(Notify::new()));
    drop(writing);
    let hooks = Hooks {
        intake: intake.clone(),
        sources: Arc::new(Sources::new([source()])),
        certificates,
        mails: mails(Arc::clone(&targets)),
        meter: Arc::new(Metrics::new([])),
        clock,
    };
    let limits = Limits { connections: 4096, connections_per_address: 4096, ..Limits::default() };
    let settings = Settings {
        address: ([127, 0, 0, 1], 0).into(),
        workers: None,
        limits,
        drain: Duration::from_secs(1),
    };
    let bound = hooks.bind(settings).unwrap();
    let address = bound.address;
    std::thread::spawn(move || {
        let system = actix_web::rt::System::new();
        system.block_on(bound.run(std::future::pending())).unwrap();
    });
    let certificate = made.cert.der().clone();
    Receiver { server: Server { address, certificate, signed: Signed::Well }, intake }
}

/// So many targets, so that a rotation gains a few events and not thousands.
fn target(number: usize) -> Target {
    Target {
        name: TargetName::parse(&format!("target-{number}")).unwrap(),
        organization: OrganizationId::parse(ORGANIZATION).unwrap(),
        username: Username::parse(&username(number)).unwrap(),
        user_id: None,
        secret: SecretLocation { mount: "secret".to_owned(), path: format!("login-{number}") },
        fields: SecretFields::default(),
        needs_token: true,
        prove: Prove::Not,
        account: AccountName::parse(&format!("account-{number}")).unwrap(),
        surfaces: vec![Surface::Integration { instance: None }],
        order: UpdateOrder::default(),
    }
}

fn source() -> Source {
    let often = NonZeroU32::MAX;
    let keys = vec![SigningKey::parse(KEY).unwrap()];
    Source {
        name: SourceName::parse(SOURCE).unwrap(),
        format: Format::Notice,
        authentications: vec![Authentication::StandardWebhooks(StandardWebhooks::new(
            keys,
            DEFAULT_WINDOW,
        ))],
        targets: None,
        rate: Rate { burst: often, per_minute: often },
        future: DEFAULT_WINDOW,
    }
}

/// Nobody sends mails here, so that nobody is asked.
struct Nobody;

#[async_trait]
impl Web for Nobody {
    async fn get(&self, _: &Url) -> Result<Vec<u8>, WebTrouble> {
        Err(WebTrouble::Unreachable)
    }
}

#[async_trait]
impl SecretStore for Nobody {
    async fn read(&self, location: &SecretLocation) -> Result<Stored, SecretStoreError> {
        Err(unreachable(location))
    }

    async fn current_version(
        &self,
        location: &SecretLocation,
    ) -> Result<Option<SecretVersion>, SecretStoreError> {
        Err(unreachable(location))
    }
}

#[async_trait]
impl SecretWriter for Nobody {
    async fn patch_field(
        &self,
        location: &SecretLocation,
        _: &str,
        _: &SecretText,
        _: SecretVersion,
    ) -> Result<SecretVersion, SecretWriteError> {
        Err(SecretWriteError {
            location: location.clone(),
            trouble: WriteTrouble::Store(SecretTrouble::Unreachable),
        })
    }
}

fn unreachable(location: &SecretLocation) -> SecretStoreError {
    SecretStoreError { location: location.clone(), trouble: SecretTrouble::Unreachable }
}

fn mails(targets: Arc<Targets>) -> Mails {
    let nobody = Arc::new(Nobody);
    Mails {
        memory: Memory::new(nobody.clone()),
        tokens: MailedTokens::new(targets, nobody.clone(), nobody),
    }
}
