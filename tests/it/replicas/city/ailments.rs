//! What is not as it should be in a city, once everything is over.

use std::collections::{BTreeMap, BTreeSet};

use simulator::{Caller, LoginOutcome, LoginRecord, State};

use super::{CONNECTOR, City};

impl City {
    /// Every surface is as it was at first and holds the newest secret, nobody was refused who
    /// should not have been, and no account had two drivers.
    pub(crate) fn assert_well(&self) {
        let ailments = self.ailments();
        assert!(ailments.is_empty(), "{ailments:#?}");
        assert_eq!(self.simulator.refused_console_logins(), 0);
    }

    /// What is not well, and whose it is.
    pub(in crate::replicas) fn ailments(&self) -> Vec<(usize, String)> {
        // From here on every login succeeds, or something is wrong.
        self.simulator.run_syncs();
        let mut ailments = self.two_drivers();
        for number in 0..self.targets {
            let ails = self.surfaces(number).into_iter().chain(self.logins(number));
            ailments.extend(ails.map(|ailment| (number, ailment)));
        }
        ailments
    }

    fn surfaces(&self, number: usize) -> Vec<String> {
        let mut ailments = Vec::new();
        let mut must = |is_so: bool, otherwise: &str| {
            if !is_so {
                ailments.push(otherwise.to_owned());
            }
        };
        let holds = self.simulator.salesforce().credential(&Self::username(number)).unwrap();
        let instance = Self::instance(number);
        let connector = self.simulator.connector(&instance, CONNECTOR).unwrap();
        must(connector.state == State::Enabled, "the connector was left off");
        must(connector.holds == holds, "the connector holds another secret");
        let integration = self.simulator.integration(&instance).unwrap();
        must(integration.holds == holds, "Integration holds another secret");
        ailments
    }

    /// What Salesforce's login history says against a target. A proving login may come too late
    /// for its secret, when the password has just been reset again; nothing else may fail, and no
    /// secret is tried twice.
    fn logins(&self, number: usize) -> Vec<String> {
        let username = Self::username(number);
        let user = self.simulator.salesforce().user(&username).unwrap();
        let mut ailments = Vec::new();
        if user.locked {
            ailments.push("the user is locked".to_owned());
        }
        let mut tried = BTreeSet::new();
        let history = self.simulator.login_history();
        for login in history.into_iter().filter(|login| login.username == username) {
            if is_proof(&login) {
                if !self.proves(number) {
                    ailments.push(format!("it proves nothing: {login:?}"));
                } else if !tried.insert(login.secret) {
                    ailments.push(format!("the proving login of a secret was repeated: {login:?}"));
                }
            }
            // A secret that the user has had and that was refused was no longer the newest.
            let is_late = is_proof(&login)
                && login.secret.is_some()
                && login.outcome == LoginOutcome::InvalidPassword;
            if !login.outcome.is_usable() && !is_late {
                ailments.push(format!("a login failed, on the way to a lock: {login:?}"));
            }
        }
        ailments
    }

    /// The secrets that were tried at Salesforce: of which target, and which version in Vault.
    pub(in crate::replicas) fn tried(&self) -> BTreeSet<(String, u64)> {
        let targets: BTreeMap<_, _> = (0..self.targets)
            .map(|number| (Self::username(number), Self::target(number)))
            .collect();
        // Each reset is one version; what the user had before all of them was never in Vault.
        let version = |which: Option<usize>| which.map_or(0, |which| which.try_into().unwrap());
        let history = self.simulator.login_history();
        let proofs = history.into_iter().filter(is_proof);
        proofs.map(|login| (targets[&login.username].clone(), version(login.secret))).collect()
    }

    /// Once a session of a console account has sent its first request, no earlier one sends any.
    fn two_drivers(&self) -> Vec<(usize, String)> {
        let mut ailments = Vec::new();
        let numbers: BTreeMap<_, _> =
            (0..self.targets).map(|number| (Self::robot(number), number)).collect();
        let mut newest: BTreeMap<String, u32> = BTreeMap::new();
        for request in self.simulator.console_log() {
            let (Some(user), Some(session)) = (request.user.clone(), request.session) else {
                continue;
            };
            let number = numbers[&user];
            let newest = newest.entry(user).or_insert(session);
            if session < *newest {
                ailments.push((
                    number,
                    format!(
                        "it goes on after session {newest}: {} {:?} {:?} {:?}",
                        request.name, request.session, request.at, request.changes
                    ),
                ));
            }
            *newest = session.max(*newest);
        }
        ailments
    }
}

/// Whether a program logged in, not a connector or Integration.
fn is_proof(login: &LoginRecord) -> bool {
    matches!(login.caller, Caller::Other(_))
}
