//! The Salesforce organisation: users, passwords, tokens, the lock-out policy and login history.
//!
//! Here is no network: connectors and Integration log in by a call, and so do SOAP `login()` and
//! the OAuth password grant, which are on the wire elsewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use rand::distr::{Alphanumeric, SampleString};

use crate::clock::{self, Order};
use crate::credential::Credential;

/// After how many failed logins in a row a user is locked ("Maximum invalid login attempts").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Lockout {
    /// Locked at this many; Salesforce offers 3, 5 and 10.
    After(u32),
    /// Never locked.
    #[default]
    NoLimit,
}

/// Who logged in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// A Data Sync connector.
    Connector {
        /// The instance's name.
        instance: String,
        /// The connector's name.
        connector: String,
    },
    /// An instance's Integration service.
    Integration {
        /// The instance's name.
        instance: String,
    },
    /// Somebody else, by name.
    Other(String),
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connector { instance, connector } => {
                write!(f, "connector {connector} of {instance}")
            }
            Self::Integration { instance } => write!(f, "Integration of {instance}"),
            Self::Other(name) => f.write_str(name),
        }
    }
}

/// A way for a program to log in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LoginMethod {
    /// `login()` of the SOAP API.
    Soap,
    /// The OAuth 2.0 username-password flow.
    OauthPassword,
}

/// How a login ended, in the words of Salesforce's login history where it has some.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginOutcome {
    /// Logged in.
    Success,
    /// Logged in with a password that has expired: nothing works but setting a new one.
    PasswordExpired,
    /// The password, the token or both are wrong.
    InvalidPassword,
    /// The password is right and a token, which is needed, was not sent.
    TokenRequired,
    /// The user is locked; the secret was not looked at.
    PasswordLockout,
    /// There is no such user.
    UnknownUser,
    /// The way to log in is switched off; the secret was not looked at.
    MethodOff,
}

impl LoginOutcome {
    /// Whether the caller can go on working.
    pub const fn is_usable(self) -> bool {
        matches!(self, Self::Success)
    }

    /// The status as login history words it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "Success",
            Self::PasswordExpired => "Success (password expired)",
            Self::InvalidPassword => "Invalid Password",
            Self::TokenRequired => "Failed: API security token required",
            Self::PasswordLockout => "Password Lockout",
            Self::UnknownUser => "Unknown User",
            Self::MethodOff => "Username-Password Flow Disabled",
        }
    }
}

/// One row of login history.
#[derive(Debug, Clone)]
pub struct LoginRecord {
    /// Its place among everything that happened in the world, console requests included.
    pub order: u64,
    /// When, by the machine's clock.
    pub at: Timestamp,
    /// The username that was sent.
    pub username: String,
    /// Who sent it.
    pub caller: Caller,
    /// Which of the secrets that the user has had was sent, whole: the first is 0. `None` for what
    /// never was one, and where it was not looked at.
    pub secret: Option<usize>,
    /// How it ended.
    pub outcome: LoginOutcome,
}

/// What an administrator sees of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserSnapshot {
    /// The 18-character user id.
    pub user_id: String,
    /// The username.
    pub username: String,
    /// Whether the user is locked out.
    pub locked: bool,
    /// Whether the password has expired.
    pub password_expired: bool,
    /// Failed logins since the last success or lock.
    pub failures: u32,
}

/// There is no user of that name in the organisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownUser {
    /// The name that was asked for.
    pub username: String,
}

impl fmt::Display for UnknownUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no Salesforce user is named {}", self.username)
    }
}

impl std::error::Error for UnknownUser {}

/// One user, secrets included.
#[derive(Clone)]
pub(crate) struct User {
    pub(crate) id: String,
    pub(crate) credential: Credential,
    /// Passwords with their tokens that the user had before, the oldest first.
    pub(crate) former: Vec<String>,
    pub(crate) token_needed: bool,
    pub(crate) locked: bool,
    pub(crate) password_expired: bool,
    pub(crate) failures: u32,
}

#[derive(Default)]
struct Organisation {
    lockout: Lockout,
    users: BTreeMap<String, User>,
    history: Vec<LoginRecord>,
    off: BTreeSet<LoginMethod>,
    moved_to: Option<String>,
    sessions: BTreeSet<String>,
}

/// A handle to the organisation. Clones share it.
#[derive(Clone)]
pub struct Salesforce {
    organisation: Arc<Mutex<Organisation>>,
    order: Order,
}

impl Salesforce {
    pub(crate) fn new(lockout: Lockout, users: Vec<User>, order: Order) -> Self {
        let users = users.into_iter().map(|user| (key(&user.credential.username), user)).collect();
        let organisation = Organisation { lockout, users, ..Organisation::default() };
        Self { organisation: Arc::new(Mutex::new(organisation)), order }
    }

    fn lock(&self) -> MutexGuard<'_, Organisation> {
        self.organisation.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(
        &self,
        username: &str,
        change: impl FnOnce(&mut User) -> T,
    ) -> Result<T, UnknownUser> {
        let mut organisation = self.lock();
        let user = organisation
            .users
            .get_mut(&key(username))
            .ok_or_else(|| UnknownUser { username: username.to_owned() })?;
        Ok(change(user))
    }

    /// The organisation's 18-character id.
    pub fn organization_id(&self) -> &'static str {
        "00D5e000001AbCdEAK"
    }

    /// The secret that works now.
    pub fn credential(&self, username: &str) -> Result<Credential, UnknownUser> {
        self.change(username, |user| user.credential.clone())
    }

    /// What an administrator sees of a user.
    pub fn user(&self, username: &str) -> Result<UserSnapshot, UnknownUser> {
        self.change(username, |user| snapshot(user))
    }

    /// All users, by name.
    pub fn users(&self) -> Vec<UserSnapshot> {
        self.lock().users.values().map(snapshot).collect()
    }

    /// Gives the user this password and, as Salesforce does, a new random security token. An
    /// expired password is so no more, and a locked user is unlocked; failed logins of a user who
    /// is not locked still count. Returns what works from now on.
    pub fn reset_password(&self, username: &str, new: &str) -> Result<Credential, UnknownUser> {
        self.change(username, |user| {
            user.former.push(user.credential.secret());
            new.clone_into(&mut user.credential.password);
            user.credential.token = random_token();
            user.password_expired = false;
            user.locked = false;
            user.credential.clone()
        })
    }

    /// Gives the user a new random security token. Returns what works from now on.
    pub fn reset_token(&self, username: &str) -> Result<Credential, UnknownUser> {
        self.change(username, |user| {
            user.former.push(user.credential.secret());
            user.credential.token = random_token();
            user.credential.clone()
        })
    }

    /// Lets the password expire: logins still succeed, and say so, and are good for nothing.
    pub fn expire_password(&self, username: &str) -> Result<(), UnknownUser> {
        self.change(username, |user| user.password_expired = true)
    }

    /// Unlocks a user, as an administrator does.
    pub fn unlock(&self, username: &str) -> Result<(), UnknownUser> {
        self.change(username, |user| {
            user.locked = false;
            user.failures = 0;
        })
    }

    /// One login. `secret` is the password with the security token appended; a wrong token counts
    /// as a failure like a wrong password does.
    pub fn login(&self, username: &str, secret: &str, caller: Caller) -> LoginOutcome {
        let mut organisation = self.lock();
        let lockout = organisation.lockout;
        let (which, outcome) = match organisation.users.get_mut(&key(username)) {
            Some(user) => (user.which(secret), user.try_login(secret, lockout)),
            None => (None, LoginOutcome::UnknownUser),
        };
        let record = LoginRecord {
            order: self.order.next(),
            at: clock::now(),
            username: username.to_owned(),
            caller,
            secret: which,
            outcome,
        };
        organisation.history.push(record);
        outcome
    }

    /// Switches a way to log in off, or on again.
    pub fn switch(&self, method: LoginMethod, on: bool) {
        let mut organisation = self.lock();
        if on {
            organisation.off.remove(&method);
        } else {
            organisation.off.insert(method);
        }
    }

    /// From now on programs that log in are told that they did so in this organisation.
    pub fn move_to_organization(&self, id: &str) {
        self.lock().moved_to = Some(id.to_owned());
    }

    /// The organisation that programs are told of when they log in.
    pub(crate) fn told_organization(&self) -> String {
        self.lock().moved_to.clone().unwrap_or_else(|| self.organization_id().to_owned())
    }

    /// One login of a program, and the session that it opens.
    pub(crate) fn api_login(
        &self,
        method: LoginMethod,
        username: &str,
        secret: &str,
    ) -> (LoginOutcome, Option<String>) {
        let caller = Caller::Other("API".to_owned());
        if self.lock().off.contains(&method) {
            self.record(username, caller, LoginOutcome::MethodOff);
            return (LoginOutcome::MethodOff, None);
        }
        let outcome = self.login(username, secret, caller);
        let opens = matches!(outcome, LoginOutcome::Success | LoginOutcome::PasswordExpired);
        let session = opens.then(|| format!("{}!AQ.{}", self.organization_id(), random_token()));
        self.lock().sessions.extend(session.clone());
        (outcome, session)
    }

    /// Ends a program's session; says whether there was one.
    pub(crate) fn end_session(&self, session: &str) -> bool {
        self.lock().sessions.remove(session)
    }

    /// How many sessions of programs are open.
    pub fn open_api_sessions(&self) -> usize {
        self.lock().sessions.len()
    }

    fn record(&self, username: &str, caller: Caller, outcome: LoginOutcome) {
        let record = LoginRecord {
            order: self.order.next(),
            at: clock::now(),
            username: username.to_owned(),
            caller,
            secret: None,
            outcome,
        };
        self.lock().history.push(record);
    }

    /// Every login so far, oldest first.
    pub fn login_history(&self) -> Vec<LoginRecord> {
        self.lock().history.clone()
    }
}

impl User {
    /// Which of the secrets that the user has had this is.
    fn which(&self, secret: &str) -> Option<usize> {
        if secret == self.credential.secret() {
            return Some(self.former.len());
        }
        self.former.iter().rposition(|former| former == secret)
    }

    fn try_login(&mut self, secret: &str, lockout: Lockout) -> LoginOutcome {
        if self.locked {
            return LoginOutcome::PasswordLockout;
        }
        let without_token = secret == self.credential.password;
        if secret == self.credential.secret() || (without_token && !self.token_needed) {
            self.failures = 0;
            return if self.password_expired {
                LoginOutcome::PasswordExpired
            } else {
                LoginOutcome::Success
            };
        }
        self.failures += 1;
        if let Lockout::After(limit) = lockout
            && self.failures >= limit
        {
            self.locked = true;
            self.failures = 0;
        }
        if without_token { LoginOutcome::TokenRequired } else { LoginOutcome::InvalidPassword }
    }
}

fn snapshot(user: &User) -> UserSnapshot {
    UserSnapshot {
        user_id: user.id.clone(),
        username: user.credential.username.clone(),
        locked: user.locked,
        password_expired: user.password_expired,
        failures: user.failures,
    }
}

/// Salesforce takes usernames in any case.
fn key(username: &str) -> String {
    username.to_lowercase()
}

/// A token as Salesforce mails it: 24 letters and digits.
pub(crate) fn random_token() -> String {
    Alphanumeric.sample_string(&mut rand::rng(), 24)
}
