//! One of the two worlds: a simulated CommuniGator and Salesforce, and what can be counted there.

use std::io;
use std::time::Duration;

use jiff::Timestamp;
use simulator::{
    Caller, ConsoleUser, Credential, Lockout, LoginOutcome, LoginRecord, SalesforceUser, Simulator,
    Skin, State, UnknownUser, World as Plan,
};

/// The Salesforce login that everything is about.
pub(crate) const USERNAME: &str = "gator.sync@acme.example";
/// Who drives the console.
pub(crate) const CONSOLE_USER: &str = "robot@acme.example";
/// With this password; a made-up one, for a made-up console.
pub(crate) const CONSOLE_PASSWORD: &str = "Console-pass-1";
/// After so many failed logins Salesforce locks the account.
pub(crate) const LIMIT: u32 = 3;
/// How often an enabled connector logs in to Salesforce. Real ones do so every few minutes or hours.
pub(crate) const SYNC_EVERY: Duration = Duration::from_secs(2);
/// How often Integration does. It has no switch, so nothing keeps it from logging in with a dead
/// secret: the longer the new one takes to arrive, the more often it fails.
pub(crate) const INTEGRATION_EVERY: Duration = Duration::from_secs(9);

const FIRST_PASSWORD: &str = "Old-password-1";

/// The instances and their connectors, with whether each is enabled at first.
pub(crate) const INSTANCES: [(&str, &[(&str, bool)]); 2] = [
    ("Acme UK", &[("Salesforce Sync", true), ("Old Leads", false)]),
    ("Acme US", &[("Salesforce Sync", true)]),
];

/// A world that is running.
pub(crate) struct World {
    pub(crate) simulator: Simulator,
}

/// What a world looks like from behind: nobody's claim, but what really is there.
pub(crate) struct Tally {
    /// Logins that failed since the reset, before the account was locked.
    pub(crate) failed: usize,
    /// Those of them that came from an Integration.
    pub(crate) failed_integration: usize,
    /// Logins that were refused because it was.
    pub(crate) refused: usize,
    /// When the login came that locked it.
    pub(crate) locked_at: Option<Timestamp>,
    /// Whether it is locked now.
    pub(crate) is_locked: bool,
    /// Enabled connectors now.
    pub(crate) enabled: usize,
    /// Whether exactly those connectors are enabled that were at first.
    pub(crate) as_before: bool,
    /// Connectors and Integrations that hold what Salesforce takes now.
    pub(crate) up_to_date: usize,
    /// Whether everything that is switched on has logged in with that.
    pub(crate) all_logged_in: bool,
}

impl World {
    /// Starts one. Everything in it is the same in every other one.
    pub(crate) fn start() -> io::Result<Self> {
        let mut plan = Plan::new()
            .skin(Skin::WebForms)
            .lockout(Lockout::After(LIMIT))
            .console_user(ConsoleUser::new(CONSOLE_USER, CONSOLE_PASSWORD))
            .salesforce_user(SalesforceUser::new(USERNAME, FIRST_PASSWORD))
            .real_time();
        for (instance, connectors) in INSTANCES {
            plan = plan.instance(instance, |one| {
                let one = one.integration_every(INTEGRATION_EVERY);
                connectors.iter().fold(one, |one, (name, enabled)| {
                    one.connector_with(*name, |connector| {
                        let connector = connector.every(SYNC_EVERY);
                        if *enabled { connector } else { connector.disabled() }
                    })
                })
            });
        }
        Ok(Self { simulator: Simulator::start(plan)? })
    }

    /// What Salesforce takes now.
    pub(crate) fn credential(&self) -> Result<Credential, UnknownUser> {
        self.simulator.salesforce().credential(USERNAME)
    }

    /// Resets the password, and with it the security token. Returns what works from now on.
    pub(crate) fn reset(&self, password: &str) -> Result<Credential, UnknownUser> {
        self.simulator.salesforce().reset_password(USERNAME, password)
    }

    /// Every login since then, oldest first.
    pub(crate) fn logins_since(&self, then: Timestamp) -> Vec<LoginRecord> {
        let mut logins = self.simulator.login_history();
        logins.retain(|login| login.at >= then);
        logins
    }

    /// Counts what there is, and what happened since the reset.
    pub(crate) fn tally(&self, reset_at: Timestamp) -> Result<Tally, UnknownUser> {
        let now = self.credential()?;
        let logins = self.logins_since(reset_at);
        let bad = |login: &&LoginRecord| !login.outcome.is_usable();
        let (refused, failed): (Vec<_>, Vec<_>) = logins
            .iter()
            .filter(bad)
            .partition(|login| login.outcome == LoginOutcome::PasswordLockout);
        let integration =
            |login: &&&LoginRecord| matches!(login.caller, Caller::Integration { .. });
        let surfaces = self.surfaces();
        let switched_on = |surface: &&Surface| surface.enabled != Some(false);
        let has_logged_in = |surface: &Surface| {
            let same = |login: &LoginRecord| login.caller == surface.caller;
            logins.iter().any(|login| same(login) && login.outcome.is_usable())
        };
        Ok(Tally {
            failed: failed.len(),
            failed_integration: failed.iter().filter(integration).count(),
            refused: refused.len(),
            locked_at: locking(&logins),
            is_locked: self.simulator.salesforce().user(USERNAME)?.locked,
            enabled: surfaces.iter().filter(|surface| surface.enabled == Some(true)).count(),
            as_before: surfaces.iter().all(|surface| surface.enabled == surface.at_first),
            up_to_date: surfaces.iter().filter(|surface| surface.holds == now).count(),
            all_logged_in: surfaces.iter().filter(switched_on).all(has_logged_in),
        })
    }

    /// The connectors that are enabled now, as those who log in.
    pub(crate) fn enabled_connectors(&self) -> impl Iterator<Item = Caller> {
        let enabled = |surface: &Surface| surface.enabled == Some(true);
        self.surfaces().into_iter().filter(enabled).map(|surface| surface.caller)
    }

    /// How many surfaces there are.
    pub(crate) fn size(&self) -> usize {
        self.surfaces().len()
    }

    fn surfaces(&self) -> Vec<Surface> {
        let mut found = Vec::new();
        for (instance, connectors) in INSTANCES {
            for (name, at_first) in connectors {
                let Some(seen) = self.simulator.connector(instance, name) else { continue };
                let (instance, connector) = (instance.to_owned(), (*name).to_owned());
                found.push(Surface {
                    caller: Caller::Connector { instance, connector },
                    holds: seen.holds,
                    enabled: Some(seen.state == State::Enabled),
                    at_first: Some(*at_first),
                });
            }
            let Some(seen) = self.simulator.integration(instance) else { continue };
            let caller = Caller::Integration { instance: instance.to_owned() };
            found.push(Surface { caller, holds: seen.holds, enabled: None, at_first: None });
        }
        found
    }
}

/// A connector or an Integration, seen from behind.
struct Surface {
    caller: Caller,
    holds: Credential,
    /// `None` for Integration, which has no switch.
    enabled: Option<bool>,
    at_first: Option<bool>,
}

/// When the account was locked: at the failure that made the limit full since the last success.
pub(crate) fn locking(logins: &[LoginRecord]) -> Option<Timestamp> {
    let mut in_a_row = 0;
    for login in logins {
        in_a_row = if login.outcome.is_usable() { 0 } else { in_a_row + 1 };
        if in_a_row == LIMIT {
            return Some(login.at);
        }
    }
    None
}
