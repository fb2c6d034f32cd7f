//! What a simulator starts with: a builder.

use std::fmt;
use std::time::Duration;

use crate::console::form::Form;
use crate::console::surface::{Connector, Due, Instance, State};
use crate::credential::Credential;
use crate::faults::{Fault, Match, Times};
use crate::salesforce::{Lockout, LoginOutcome, User, random_token};
use crate::skins::Skin;

/// Somebody who may log in to the console.
#[derive(Clone)]
pub struct ConsoleUser {
    pub(crate) email: String,
    pub(crate) password: String,
    pub(crate) totp: Option<String>,
    pub(crate) confirm_ip: bool,
    pub(crate) only: Option<Vec<String>>,
}

impl fmt::Debug for ConsoleUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConsoleUser").field("email", &self.email).finish_non_exhaustive()
    }
}

impl ConsoleUser {
    /// A user who sees every instance and has no second factor.
    pub fn new(email: impl Into<String>, password: impl Into<String>) -> Self {
        Self {
            email: email.into(),
            password: password.into(),
            totp: None,
            confirm_ip: false,
            only: None,
        }
    }

    /// Asks this user for a code after the password; the secret is in base 32.
    #[must_use]
    pub fn totp(mut self, secret: impl Into<String>) -> Self {
        self.totp = Some(secret.into());
        self
    }

    /// Answers a right password with the page that wants the address confirmed.
    #[must_use]
    pub fn confirm_ip(mut self) -> Self {
        self.confirm_ip = true;
        self
    }

    /// Shows this user these instances only.
    #[must_use]
    pub fn only<S: Into<String>>(mut self, instances: impl IntoIterator<Item = S>) -> Self {
        self.only = Some(instances.into_iter().map(Into::into).collect());
        self
    }
}

/// A user of the Salesforce organisation.
#[derive(Debug, Clone)]
pub struct SalesforceUser {
    credential: Credential,
    token_needed: bool,
    password_expired: bool,
    locked: bool,
}

impl SalesforceUser {
    /// A user with this password and a random token, which logins need.
    pub fn new(username: impl Into<String>, password: impl Into<String>) -> Self {
        Self {
            credential: Credential::new(username, password, random_token()),
            token_needed: true,
            password_expired: false,
            locked: false,
        }
    }

    /// Gives the user this security token instead of a random one.
    #[must_use]
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.credential.token = token.into();
        self
    }

    /// Logins work without the token too, as from a trusted IP range.
    #[must_use]
    pub fn trusted_address(mut self) -> Self {
        self.token_needed = false;
        self
    }

    /// The password has expired.
    #[must_use]
    pub fn password_expired(mut self) -> Self {
        self.password_expired = true;
        self
    }

    /// The user is locked out.
    #[must_use]
    pub fn locked(mut self) -> Self {
        self.locked = true;
        self
    }
}

/// A connector to be.
#[derive(Debug, Clone)]
pub struct ConnectorPlan {
    name: String,
    state: State,
    period: Option<Duration>,
    login: Login,
}

#[derive(Debug, Clone)]
enum Login {
    First,
    Of(String),
    Exactly(Credential),
}

impl ConnectorPlan {
    /// It is disabled from the start.
    #[must_use]
    pub fn disabled(mut self) -> Self {
        self.state = State::Disabled;
        self
    }

    /// It syncs this often on the simulated clock; without this, only when it is told to.
    #[must_use]
    pub fn every(mut self, period: Duration) -> Self {
        self.period = Some(period);
        self
    }

    /// It logs in as this Salesforce user, with what works at the start; without this as the
    /// world's first.
    #[must_use]
    pub fn logs_in_as(mut self, username: impl Into<String>) -> Self {
        self.login = Login::Of(username.into());
        self
    }

    /// It logs in with exactly this, right or wrong.
    #[must_use]
    pub fn holding(mut self, credential: Credential) -> Self {
        self.login = Login::Exactly(credential);
        self
    }
}

/// An instance to be.
#[derive(Debug, Clone)]
pub struct InstancePlan {
    name: String,
    connectors: Vec<ConnectorPlan>,
    period: Option<Duration>,
    login: Login,
    other_error: Option<String>,
}

impl InstancePlan {
    /// Adds a connector: enabled, without a schedule, with the first Salesforce user's login.
    #[must_use]
    pub fn connector(self, name: impl Into<String>) -> Self {
        self.connector_with(name, |connector| connector)
    }

    /// Adds a connector that differs.
    #[must_use]
    pub fn connector_with(
        mut self,
        name: impl Into<String>,
        plan: impl FnOnce(ConnectorPlan) -> ConnectorPlan,
    ) -> Self {
        self.connectors.push(plan(ConnectorPlan {
            name: name.into(),
            state: State::Enabled,
            period: None,
            login: Login::First,
        }));
        self
    }

    /// Integration logs in this often on the simulated clock; without this, only when told to.
    #[must_use]
    pub fn integration_every(mut self, period: Duration) -> Self {
        self.period = Some(period);
        self
    }

    /// Integration logs in as this Salesforce user, with what works at the start.
    #[must_use]
    pub fn integration_logs_in_as(mut self, username: impl Into<String>) -> Self {
        self.login = Login::Of(username.into());
        self
    }

    /// Integration logs in with exactly this, right or wrong.
    #[must_use]
    pub fn integration_holding(mut self, credential: Credential) -> Self {
        self.login = Login::Exactly(credential);
        self
    }

    /// The General tab shows a red error that has nothing to do with the login.
    #[must_use]
    pub fn other_error(mut self, text: impl Into<String>) -> Self {
        self.other_error = Some(text.into());
        self
    }
}

/// Everything that a simulator starts with. What is not said: the plain skin, no lock-out, no
/// delay, no fault, time that stands still; and where none is given, one console user
/// ([`World::CONSOLE_USER`], [`World::CONSOLE_PASSWORD`]) and one Salesforce user
/// ([`World::SALESFORCE_USER`], [`World::SALESFORCE_PASSWORD`], a random token).
#[derive(Debug, Clone, Default)]
pub struct World {
    pub(crate) skin: Skin,
    pub(crate) chunk: Option<usize>,
    pub(crate) listen: Option<String>,
    pub(crate) delay: Duration,
    pub(crate) real_time: bool,
    pub(crate) faults: Vec<(Match, Fault, Times)>,
    lockout: Lockout,
    console_users: Vec<ConsoleUser>,
    salesforce_users: Vec<SalesforceUser>,
    instances: Vec<InstancePlan>,
}

impl World {
    /// The console user of a world that names none.
    pub const CONSOLE_USER: &'static str = "operator@acme.example";
    /// That user's password.
    pub const CONSOLE_PASSWORD: &'static str = "Console-pass-1";
    /// The Salesforce user of a world that names none.
    pub const SALESFORCE_USER: &'static str = "gator.sync@acme.example";
    /// That user's first password.
    pub const SALESFORCE_PASSWORD: &'static str = "Old-password-1";

    /// The consumer key of the organisation's connected app.
    pub const CLIENT_ID: &'static str = "3MVG9-made-up-consumer-key";
    /// Its consumer secret.
    pub const CLIENT_SECRET: &'static str = "made-up-CANARY-consumer-secret";

    /// An empty world.
    pub fn new() -> Self {
        Self::default()
    }

    /// What the console looks like.
    #[must_use]
    pub fn skin(mut self, skin: Skin) -> Self {
        self.skin = skin;
        self
    }

    /// Splits the view state into fields of at most so many characters.
    #[must_use]
    pub fn view_state_chunks(mut self, characters: usize) -> Self {
        self.chunk = Some(characters);
        self
    }

    /// Where the console listens, as `address:port`; without this a free port on 127.0.0.1.
    #[must_use]
    pub fn listen(mut self, address: impl Into<String>) -> Self {
        self.listen = Some(address.into());
        self
    }

    /// Holds every answer back by this much, like a network would.
    #[must_use]
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Lets the simulated clock follow the real one, so that schedules run by themselves.
    #[must_use]
    pub fn real_time(mut self) -> Self {
        self.real_time = true;
        self
    }

    /// Adds a fault that is switched on from the start.
    #[must_use]
    pub fn fault(mut self, which: Match, fault: Fault, times: Times) -> Self {
        self.faults.push((which, fault, times));
        self
    }

    /// After how many failures Salesforce locks a user.
    #[must_use]
    pub fn lockout(mut self, lockout: Lockout) -> Self {
        self.lockout = lockout;
        self
    }

    /// Adds a console user.
    #[must_use]
    pub fn console_user(mut self, user: ConsoleUser) -> Self {
        self.console_users.push(user);
        self
    }

    /// Adds a Salesforce user.
    #[must_use]
    pub fn salesforce_user(mut self, user: SalesforceUser) -> Self {
        self.salesforce_users.push(user);
        self
    }

    /// Adds a GatorMail instance.
    #[must_use]
    pub fn instance(
        mut self,
        name: impl Into<String>,
        plan: impl FnOnce(InstancePlan) -> InstancePlan,
    ) -> Self {
        self.instances.push(plan(InstancePlan {
            name: name.into(),
            connectors: Vec::new(),
            period: None,
            login: Login::First,
            other_error: None,
        }));
        self
    }

    /// The console users, with the one that stands in for none.
    pub(crate) fn console_users(&self) -> Vec<ConsoleUser> {
        if self.console_users.is_empty() {
            vec![ConsoleUser::new(Self::CONSOLE_USER, Self::CONSOLE_PASSWORD)]
        } else {
            self.console_users.clone()
        }
    }

    pub(crate) fn lockout_policy(&self) -> Lockout {
        self.lockout
    }

    /// The Salesforce users, with the one that stands in for none.
    pub(crate) fn salesforce_users(&self) -> Vec<User> {
        let mut plans = self.salesforce_users.clone();
        if plans.is_empty() {
            plans.push(SalesforceUser::new(Self::SALESFORCE_USER, Self::SALESFORCE_PASSWORD));
        }
        let made = plans.into_iter().enumerate().map(|(number, plan)| User {
            id: format!("0055e00000{number:05}AAK"),
            credential: plan.credential,
            former: Vec::new(),
            token_needed: plan.token_needed,
            locked: plan.locked,
            password_expired: plan.password_expired,
            failures: 0,
        });
        made.collect()
    }

    /// The instances, each surface holding what its plan says.
    pub(crate) fn instances(&self, users: &[User]) -> Vec<Instance> {
        let held = |login: &Login| match login {
            Login::First => users.first().map(|user| user.credential.clone()).unwrap_or_default(),
            Login::Of(username) => users
                .iter()
                .map(|user| &user.credential)
                .find(|credential| credential.username.eq_ignore_ascii_case(username))
                .cloned()
                .unwrap_or_else(|| Credential::new(username, "", "")),
            Login::Exactly(credential) => credential.clone(),
        };
        let due = |period: Option<Duration>| Due { period, next: period.unwrap_or_default() };
        let connector = |plan: &ConnectorPlan| Connector {
            name: plan.name.clone(),
            state: plan.state,
            data_source: Form::data_source(&held(&plan.login), &plan.name),
            last: LoginOutcome::Success,
            due: due(plan.period),
        };
        let instance = |plan: &InstancePlan| Instance {
            name: plan.name.clone(),
            connectors: plan.connectors.iter().map(connector).collect(),
            security: Form::security(&held(&plan.login), &plan.name),
            last: LoginOutcome::Success,
            due: due(plan.period),
            other_error: plan.other_error.clone(),
        };
        self.instances.iter().map(instance).collect()
    }
}
