//! The console in a simulated world. Every write is held against the invariants.

use std::sync::Arc;

use async_trait::async_trait;
use reset_receiver::domain::ids::AccountName;
use reset_receiver::domain::secret::SalesforceSecret;
use reset_receiver::domain::target::Surface;
use reset_receiver::ports::console::{
    ConnectorState, ConnectorView, Console, ConsoleError, ConsoleLogin, ConsoleSession,
    Examination, IntegrationView, Permit, SalesforceCredential, ShownError, Switch, Trouble,
};
use reset_receiver::ports::journal::Journal;

use crate::simulation::rules;
use crate::simulation::salesforce::pair;
use crate::simulation::world::{Luck, Pair, Place, World};
use crate::support::memory_journal::MemoryJournal;

/// The console, as one worker sees it.
pub(crate) struct SimulatedConsole {
    pub(crate) world: World,
    pub(crate) worker: usize,
    /// Where the breaker stands.
    pub(crate) journal: MemoryJournal,
}

#[async_trait]
impl Console for SimulatedConsole {
    async fn open(
        &self,
        account: &AccountName,
        login: &ConsoleLogin,
        _: &Arc<dyn Permit>,
    ) -> Result<Box<dyn ConsoleSession>, ConsoleError> {
        let session = Session { world: self.world.clone(), worker: self.worker };
        let number = login.password.expose().rsplit('-').next().unwrap().parse().unwrap();
        let breaker = self.journal.breaker(account).await.unwrap();
        if breaker.is_some_and(|breaker| breaker.secret_version.0 >= number) {
            self.world.wrong(format!("login {number} is tried although the breaker is open"));
        }
        let takes = || self.world.facts().console_takes == number;
        if session.call("login", takes).await? {
            return Ok(Box::new(session));
        }
        rules::console_refuses(&self.world, self.worker, number);
        Err(Trouble::LoginRefused.into())
    }
}

struct Session {
    world: World,
    worker: usize,
}

impl Session {
    /// One verb: it may fail before it has an effect, or lose its reply afterwards.
    async fn call<T>(&self, verb: &str, effect: impl FnOnce() -> T) -> Result<T, ConsoleError> {
        let luck = self.world.before(self.worker, verb).await;
        if luck == Luck::Refused {
            return Err(Trouble::Unreachable.into());
        }
        // A lost reply may be a lost request.
        if luck == Luck::ReplyLost && self.world.once_in(2) {
            return Err(Trouble::NoAnswer.into());
        }
        rules::acts(&self.world, self.worker, verb);
        let result = effect();
        self.world.after(self.worker, verb).await;
        if luck == Luck::ReplyLost { Err(Trouble::NoAnswer.into()) } else { Ok(result) }
    }

    fn errors(&self, surface: &Surface) -> Vec<ShownError> {
        let facts = self.world.facts();
        let place = &facts.places[surface];
        let fails = place.enabled && place.holds != facts.salesforce;
        let error = ShownError { text: "login failed".to_owned(), about_credentials: true };
        if fails { vec![error] } else { Vec::new() }
    }

    /// Invariants 2 and 4.
    fn update(&self, surface: &Surface, pair: Pair) {
        self.world.say(|| format!("worker {} writes {pair:?} to {surface}", self.worker));
        let mut facts = self.world.facts();
        let enabled = facts.places.iter().find(|(at, place)| at.is_connector() && place.enabled);
        let enabled = enabled.map(|(at, _)| at.to_string());
        if let Some(place) = facts.places.get_mut(surface) {
            place.holds = pair;
        }
        drop(facts);
        if let Some(at) = enabled {
            self.world.wrong(format!("{surface} is written while {at} is enabled"));
        }
        rules::updates(&self.world, surface, pair);
    }

    /// Invariants 3 and 7.
    fn switch(&self, surface: &Surface, switch: Switch) {
        self.world.say(|| format!("worker {} says {switch:?} to {surface}", self.worker));
        let facts = self.world.facts();
        let held: Vec<Pair> = facts.places.values().map(|place| place.holds).collect();
        let Place { enabled, was_enabled, holds, .. } = facts.places[surface];
        let bleeds = switch == Switch::Enable && holds != facts.salesforce;
        drop(facts);
        if enabled == (switch == Switch::Enable) {
            self.world.wrong(format!("{switch:?} is said to {surface} again, without a look"));
        }
        if switch == Switch::Enable {
            if !was_enabled {
                self.world.wrong(format!("{surface} was found disabled and is enabled"));
            }
            if held.iter().any(|pair| *pair != held[0]) {
                self.world.wrong(format!("{surface} is enabled while surfaces hold {held:?}"));
            }
            rules::login(&self.world, holds);
        }
        if let Some(place) = self.world.facts().places.get_mut(surface) {
            place.enabled = switch == Switch::Enable;
            place.bleeds = bleeds;
        }
    }
}

#[async_trait]
impl ConsoleSession for Session {
    fn hide(&mut self, _secret: Option<&SalesforceSecret>) {}

    async fn observe_connector(&mut self, place: &Surface) -> Result<ConnectorView, ConsoleError> {
        self.call("a look at a connector", || {
            let enabled = self.world.facts().places[place].enabled;
            let state = if enabled { ConnectorState::Enabled } else { ConnectorState::Disabled };
            ConnectorView { state, errors: self.errors(place) }
        })
        .await
    }

    async fn switch_connector(
        &mut self,
        place: &Surface,
        switch: Switch,
    ) -> Result<(), ConsoleError> {
        self.call("a change of state", || self.switch(place, switch)).await
    }

    async fn update_connector(
        &mut self,
        place: &Surface,
        credential: &SalesforceCredential,
    ) -> Result<(), ConsoleError> {
        self.call("an update", || self.update(place, pair(&credential.secret))).await
    }

    async fn observe_integration(
        &mut self,
        place: &Surface,
    ) -> Result<IntegrationView, ConsoleError> {
        self.call("a look at Integration", || {
            let errors = self.errors(place);
            IntegrationView { running: errors.is_empty(), errors }
        })
        .await
    }

    async fn update_integration(
        &mut self,
        place: &Surface,
        credential: &SalesforceCredential,
    ) -> Result<(), ConsoleError> {
        self.call("an update", || self.update(place, pair(&credential.secret))).await
    }

    async fn examine(&mut self, _place: &Surface) -> Result<Examination, ConsoleError> {
        let shows = String::new();
        Ok(Examination { labels: Vec::new(), shows, connectors: Vec::new() })
    }

    async fn close(self: Box<Self>) -> Result<(), ConsoleError> {
        self.call("logout", || ()).await
    }
}
