//! A simulated console, a driver pointed at it, and the words that the suite says to both.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use reset_receiver::communigator::{AccountConfig, AccountError, HttpConsole, Profile, Transport};
use reset_receiver::domain::ids::{AccountName, RotationId, Username};
use reset_receiver::domain::secret::{SalesforceSecret, SecretText};
use reset_receiver::domain::target::Surface;
use reset_receiver::ports::clock::Clock;
use reset_receiver::ports::console::{
    Always, Console, ConsoleError, ConsoleLogin, ConsoleSession, Permit, SalesforceCredential,
    Trouble,
};
use simulator::{ConnectorPlan, ConsoleRequest, InstancePlan, Simulator, Skin, World};

/// The connector that the tests rotate.
pub(super) const CONNECTOR: &str = "Salesforce contacts";
/// The instance that it is in.
pub(super) const INSTANCE: &str = "Acme GatorMail";
/// Another instance, with a connector of the same name.
pub(super) const OTHER_INSTANCE: &str = "Globex GatorMail";
/// What the tests write.
pub(super) const NEW_PASSWORD: &str = "Nöw & <then> 100%+;\"quoted\"";
/// What the tests write.
pub(super) const NEW_TOKEN: &str = "t0k3n+/=&N3wN3wN3w";

/// Far longer than any answer of the simulator takes, unless a fault holds it back.
pub(super) const TIMEOUT: Duration = Duration::from_secs(20);

thread_local! {
    // One per test, which has a thread and a runtime of its own: building one reads the machine's
    // certificates, and that takes longer than a whole rotation.
    static TRANSPORT: Transport = Transport::new(Duration::from_secs(5)).unwrap();
}

/// A clock whose hands move only when somebody waits.
pub(super) struct StillClock(Mutex<Timestamp>);

impl StillClock {
    pub(super) fn at(now: Timestamp) -> Arc<Self> {
        Arc::new(Self(Mutex::new(now)))
    }

    pub(super) fn advance(&self, by: Duration) {
        *self.0.lock().unwrap() += SignedDuration::try_from(by).unwrap();
    }

    /// For what the simulated console checks against the machine's own clock.
    #[expect(
        clippy::disallowed_methods,
        reason = "the simulator's codes follow the machine's clock"
    )]
    pub(super) fn set_to_the_machines(&self) {
        *self.0.lock().unwrap() = Timestamp::now();
    }
}

#[async_trait]
impl Clock for StillClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }

    fn elapsed(&self) -> Duration {
        self.now().duration_since(Timestamp::UNIX_EPOCH).unsigned_abs()
    }

    async fn sleep(&self, duration: Duration) {
        self.advance(duration);
    }

    fn rotation_id(&self) -> RotationId {
        unreachable!("a console makes no rotations")
    }

    fn chance(&self) -> f64 {
        unreachable!("a console leaves nothing to chance")
    }
}

/// A simulator and a driver.
pub(super) struct Bench {
    pub(super) simulator: Simulator,
    pub(super) console: HttpConsole,
    pub(super) clock: Arc<StillClock>,
}

impl Bench {
    /// A world with one instance, which opens directly.
    pub(super) fn one_instance(skin: Skin) -> Self {
        Self::of(World::new().skin(skin).instance(INSTANCE, connectors))
    }

    /// A world with two instances whose connectors have the same names.
    pub(super) fn two_instances(skin: Skin) -> Self {
        let world = World::new().skin(skin);
        Self::of(world.instance(OTHER_INSTANCE, connectors).instance(INSTANCE, connectors))
    }

    pub(super) fn of(world: World) -> Self {
        Self::with_profile(world, Profile::built_in())
    }

    pub(super) fn with_profile(world: World, profile: Profile) -> Self {
        let simulator = Simulator::start(world).unwrap();
        let clock = StillClock::at("2026-03-01T12:00:00Z".parse().unwrap());
        let console = console(simulator.console_url(), profile, Arc::clone(&clock));
        Self { simulator, console, clock }
    }

    /// The same console as a program that has just been started sees it.
    pub(super) fn restart(&mut self) {
        let url = self.simulator.console_url();
        self.console = console(url, Profile::built_in(), Arc::clone(&self.clock));
    }

    pub(super) async fn open(&self) -> Result<Box<dyn ConsoleSession>, ConsoleError> {
        self.console.open(&account(), &login(), &always()).await
    }

    /// What a login is answered with that does not lead in.
    pub(super) async fn refusal(&self, login: &ConsoleLogin) -> Trouble {
        match self.console.open(&account(), login, &always()).await {
            Ok(_) => panic!("the login was accepted"),
            Err(error) => error.trouble,
        }
    }

    /// The names of the requests since that many.
    pub(super) fn requests_since(&self, count: usize) -> Vec<String> {
        let log = self.simulator.console_log();
        log.into_iter().skip(count).map(|request| request.name).collect()
    }

    pub(super) fn requests(&self) -> usize {
        self.simulator.console_log().len()
    }

    /// The requests that changed something.
    pub(super) fn writes(&self) -> Vec<ConsoleRequest> {
        self.simulator.console_log().into_iter().filter(ConsoleRequest::is_write).collect()
    }
}

fn connectors(instance: InstancePlan) -> InstancePlan {
    instance.connector(CONNECTOR).connector_with("Salesforce leads", ConnectorPlan::disabled)
}

fn console(url: &str, profile: Profile, clock: Arc<StillClock>) -> HttpConsole {
    of_account(url, profile, TIMEOUT, clock).unwrap()
}

/// A driver of a console elsewhere.
pub(super) fn try_console_at(
    url: &str,
    profile: Profile,
    timeout: Duration,
) -> Result<HttpConsole, AccountError> {
    of_account(url, profile, timeout, StillClock::at(Timestamp::UNIX_EPOCH))
}

/// A driver of a console elsewhere.
pub(super) fn console_at(url: &str, profile: Profile, timeout: Duration) -> HttpConsole {
    try_console_at(url, profile, timeout).unwrap()
}

fn of_account(
    url: &str,
    profile: Profile,
    timeout: Duration,
    clock: Arc<StillClock>,
) -> Result<HttpConsole, AccountError> {
    let base_url = url.parse().unwrap();
    let config = AccountConfig { base_url, other_origins: Vec::new(), profile, timeout };
    TRANSPORT.with(|transport| HttpConsole::new(transport, [(account(), config)], clock))
}

pub(super) fn account() -> AccountName {
    AccountName::parse("agency").unwrap()
}

/// The permit of somebody who may go on.
pub(super) fn always() -> Arc<dyn Permit> {
    Arc::new(Always)
}

pub(super) fn login() -> ConsoleLogin {
    ConsoleLogin {
        username: secret(World::CONSOLE_USER),
        password: secret(World::CONSOLE_PASSWORD),
        totp: None,
    }
}

pub(super) fn secret(text: &str) -> SecretText {
    SecretText::new(text.to_owned())
}

pub(super) fn connector(instance: Option<&str>) -> Surface {
    named(instance, CONNECTOR)
}

pub(super) fn named(instance: Option<&str>, name: &str) -> Surface {
    Surface::Connector { instance: instance.map(str::to_owned), name: name.to_owned() }
}

pub(super) fn integration(instance: Option<&str>) -> Surface {
    Surface::Integration { instance: instance.map(str::to_owned) }
}

/// The new credential.
pub(super) fn credential() -> SalesforceCredential {
    SalesforceCredential {
        username: Username::parse(World::SALESFORCE_USER).unwrap(),
        secret: SalesforceSecret {
            password: secret(NEW_PASSWORD),
            security_token: Some(secret(NEW_TOKEN)),
        },
    }
}
