//! The configured console accounts, and opening a session on one of them.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use url::{Host, Url};

use crate::communigator::blot::Blot;
use crate::communigator::http::{Http, Transport};
use crate::communigator::login::Gate;
use crate::communigator::profile::Profile;
use crate::communigator::route::Memory;
use crate::communigator::session::HttpSession;
use crate::communigator::walk::Walk;
use crate::domain::ids::AccountName;
use crate::ports::clock::Clock;
use crate::ports::console::{Console, ConsoleError, ConsoleLogin, ConsoleSession, Permit, Trouble};

/// How one console account is reached.
#[derive(Debug, Clone)]
pub struct AccountConfig {
    /// Where the console starts, `https://..` (plain `http` for a loopback address only).
    pub base_url: Url,
    /// Further origins that belong to the tenant: a sign-on host, for instance. Nothing is ever
    /// sent anywhere else.
    pub other_origins: Vec<Url>,
    /// What its pages show.
    pub profile: Profile,
    /// How long one request may take, from its start to the last byte of its answer.
    pub timeout: Duration,
}

impl AccountConfig {
    /// Whether what is sent to this address stays secret: `https`, or the machine itself.
    pub fn is_safe(url: &Url) -> bool {
        let loopback = match url.host() {
            Some(Host::Domain(domain)) => domain == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        };
        url.scheme() == "https" || (url.scheme() == "http" && loopback)
    }
}

/// What is wrong with a console account's configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccountError {
    /// Secrets would travel in the clear.
    #[error("console account {account}: {origin} is not https")]
    NotHttps {
        /// The account.
        account: AccountName,
        /// The address, without what may hold a password.
        origin: String,
    },
}

/// One account: its configuration, and what its sessions have learned.
pub(super) struct Account {
    base: Url,
    origins: Vec<url::Origin>,
    profile: Arc<Profile>,
    transport: Transport,
    timeout: Duration,
    memory: Arc<Memory>,
    last_code: Mutex<Option<u64>>,
}

impl Account {
    fn new(
        name: &AccountName,
        config: AccountConfig,
        transport: Transport,
    ) -> Result<Self, AccountError> {
        let urls: Vec<_> =
            [config.base_url.clone()].into_iter().chain(config.other_origins).collect();
        if let Some(url) = urls.iter().find(|url| !AccountConfig::is_safe(url)) {
            let origin = url.origin().ascii_serialization();
            return Err(AccountError::NotHttps { account: name.clone(), origin });
        }
        Ok(Self {
            base: config.base_url,
            origins: urls.iter().map(Url::origin).collect(),
            profile: Arc::new(config.profile),
            transport,
            timeout: config.timeout,
            memory: Arc::default(),
            last_code: Mutex::new(None),
        })
    }

    /// A walker without a session.
    pub(super) fn walk(
        &self,
        clock: &Arc<dyn Clock>,
        permit: &Arc<dyn Permit>,
        blot: &Blot,
    ) -> Walk {
        let permit = Arc::clone(permit);
        let http = Http::new(&self.transport, self.timeout, self.origins.clone(), permit);
        let (profile, memory) = (Arc::clone(&self.profile), Arc::clone(&self.memory));
        Walk::new(http, profile, memory, Arc::clone(clock), blot.clone())
    }

    /// Its way in.
    pub(super) fn gate<'a>(&'a self, clock: &'a dyn Clock) -> Gate<'a> {
        Gate { base: &self.base, memory: &self.memory, last_code: &self.last_code, clock }
    }
}

/// The CommuniGator console, driven through its own pages.
pub struct HttpConsole {
    accounts: HashMap<AccountName, Arc<Account>>,
    clock: Arc<dyn Clock>,
}

impl HttpConsole {
    /// Takes the accounts over. Nothing is requested yet.
    pub fn new(
        transport: &Transport,
        accounts: impl IntoIterator<Item = (AccountName, AccountConfig)>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, AccountError> {
        let mut known = HashMap::new();
        for (name, config) in accounts {
            let account = Account::new(&name, config, transport.clone())?;
            known.insert(name, Arc::new(account));
        }
        Ok(Self { accounts: known, clock })
    }
}

impl fmt::Debug for HttpConsole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpConsole")
            .field("accounts", &self.accounts.keys())
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Console for HttpConsole {
    async fn open(
        &self,
        account: &AccountName,
        login: &ConsoleLogin,
        permit: &Arc<dyn Permit>,
    ) -> Result<Box<dyn ConsoleSession>, ConsoleError> {
        let Some(known) = self.accounts.get(account) else {
            return Err(Trouble::UnknownAccount { account: account.clone() }.into());
        };
        let (account, clock) = (Arc::clone(known), Arc::clone(&self.clock));
        let permit = Arc::clone(permit);
        Ok(Box::new(HttpSession::open(account, login.clone(), clock, permit).await?))
    }
}
