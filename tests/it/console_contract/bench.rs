//! A simulated console, a driver pointed at it, and the words that the suite says to both.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use reset_receiver::communigator::{AccountConfig, HttpConsole, Profile, Timeouts};
use reset_receiver::domain::ids::{AccountName, RotationId, Username};
use reset_receiver::domain::secret::{SalesforceSecret, SecretText};
use reset_receiver::domain::target::Surface;
use reset_receiver::ports::clock::Clock;
use reset_receiver::ports::console::{
    Console, ConsoleError, ConsoleLogin, ConsoleSession, SalesforceCredential, Trouble,
};
use simulator::{ConsoleRequest, InstancePlan, Simulator, Skin, World};

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
    pub(super) async fn one_instance(skin: Skin) -> Self {
        Self::of(World::new().skin(skin).instance(INSTANCE, connectors)).await
    }

    /// A world with two instances whose connectors have the same names.
    pub(super) async fn two_instances(skin: Skin) -> Self {
        let world = World::new().skin(skin);
        Self::of(world.instance(OTHER_INSTANCE, connectors).instance(INSTANCE, connectors)).await
    }

    pub(super) async fn of(world: World) -> Self {
        Self::with_profile(world, Profile::built_in()).await
    }

    pub(super) async fn with_profile(world: World, profile: Profile) -> Self {
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
        self.console.open(&account(), &login()).await
    }

    /// What a login is answered with that does not lead in.
    pub(super) async fn refusal(&self, login: &ConsoleLogin) -> Trouble {
        match self.console.open(&account(), login).await {
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
    instance.connector(CONNECTOR).connector_with("Salesforce leads", |plan| plan.disabled())
}

fn console(url: &str, profile: Profile, clock: Arc<StillClock>) -> HttpConsole {
    let config = AccountConfig {
        base_url: url.parse().unwrap(),
        other_origins: Vec::new(),
        profile,
        timeouts: Timeouts { connect: Duration::from_secs(2), request: Duration::from_secs(10) },
    };
    HttpConsole::new([(account(), config)], clock).unwrap()
}

pub(super) fn account() -> AccountName {
    AccountName::parse("agency").unwrap()
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
