//! A logged-in console session: every verb, with one new login if the console ends the session.

use std::sync::Arc;

use async_trait::async_trait;

use crate::communigator::blot::Blot;
use crate::communigator::console::Account;
use crate::communigator::examine;
use crate::communigator::halt::Halt;
use crate::communigator::verbs;
use crate::communigator::walk::Walk;
use crate::domain::secret::SalesforceSecret;
use crate::domain::target::Surface;
use crate::ports::clock::Clock;
use crate::ports::console::{
    ConnectorView, ConsoleError, ConsoleLogin, ConsoleSession, Examination, IntegrationView,
    Permit, SalesforceCredential, Switch, Trouble,
};

/// A session over HTTP.
pub(super) struct HttpSession {
    walk: Walk,
    account: Arc<Account>,
    login: ConsoleLogin,
    clock: Arc<dyn Clock>,
    permit: Arc<dyn Permit>,
    /// What may not be reported.
    blot: Blot,
    /// Whether the one new login has been used up.
    renewed: bool,
}

impl HttpSession {
    /// Logs in.
    pub(super) async fn open(
        account: Arc<Account>,
        login: ConsoleLogin,
        clock: Arc<dyn Clock>,
        permit: Arc<dyn Permit>,
    ) -> Result<Self, ConsoleError> {
        let blot = Blot::default();
        blot.add(&login.password);
        if let Some(secret) = &login.totp {
            blot.add(secret);
        }
        let walk = account.walk(&clock, &permit, &blot);
        let mut session = Self { walk, account, login, clock, permit, blot, renewed: false };
        let entered = session.enter().await;
        match entered {
            Ok(()) => Ok(session),
            Err(halt) => Err(session.report(halt)),
        }
    }

    async fn enter(&mut self) -> Result<(), Halt> {
        self.walk = self.account.walk(&self.clock, &self.permit, &self.blot);
        let gate = self.account.gate(self.clock.as_ref());
        gate.log_in(&mut self.walk, &self.login).await
    }

    /// After a verb stopped: logs in anew if that is all it needs, and only once.
    async fn renew(&mut self, halt: Halt) -> Result<(), ConsoleError> {
        self.walk.doubt();
        if self.renewed || matches!(halt, Halt::Failed(_)) {
            return Err(self.report(halt));
        }
        self.renewed = true;
        let entered = self.enter().await;
        entered.map_err(|halt| self.report(halt))
    }

    fn report(&self, halt: Halt) -> ConsoleError {
        match halt {
            Halt::LoggedOut => Trouble::SessionEnded.into(),
            Halt::Failed(error) => self.blot.error(error),
        }
    }
}

#[async_trait]
impl ConsoleSession for HttpSession {
    fn hide(&mut self, secret: Option<&SalesforceSecret>) {
        self.blot.add_written(secret);
    }

    async fn observe_connector(&mut self, place: &Surface) -> Result<ConnectorView, ConsoleError> {
        loop {
            match verbs::observe_connector(&mut self.walk, place).await {
                Ok(view) => return Ok(view),
                Err(halt) => self.renew(halt).await?,
            }
        }
    }

    async fn switch_connector(
        &mut self,
        place: &Surface,
        switch: Switch,
    ) -> Result<(), ConsoleError> {
        loop {
            match verbs::switch_connector(&mut self.walk, place, switch).await {
                Ok(()) => return Ok(()),
                Err(halt) => self.renew(halt).await?,
            }
        }
    }

    async fn update_connector(
        &mut self,
        place: &Surface,
        credential: &SalesforceCredential,
    ) -> Result<(), ConsoleError> {
        self.hide(Some(&credential.secret));
        loop {
            match verbs::update_connector(&mut self.walk, place, credential).await {
                Ok(()) => return Ok(()),
                Err(halt) => self.renew(halt).await?,
            }
        }
    }

    async fn observe_integration(
        &mut self,
        place: &Surface,
    ) -> Result<IntegrationView, ConsoleError> {
        loop {
            match verbs::observe_integration(&mut self.walk, place).await {
                Ok(view) => return Ok(view),
                Err(halt) => self.renew(halt).await?,
            }
        }
    }

    async fn update_integration(
        &mut self,
        place: &Surface,
        credential: &SalesforceCredential,
    ) -> Result<(), ConsoleError> {
        self.hide(Some(&credential.secret));
        loop {
            match verbs::update_integration(&mut self.walk, place, credential).await {
                Ok(()) => return Ok(()),
                Err(halt) => self.renew(halt).await?,
            }
        }
    }

    async fn examine(&mut self, place: &Surface) -> Result<Examination, ConsoleError> {
        loop {
            match examine::surface(&mut self.walk, place).await {
                Ok(found) => return Ok(found),
                Err(halt) => self.renew(halt).await?,
            }
        }
    }

    async fn close(self: Box<Self>) -> Result<(), ConsoleError> {
        let Some(root) = self.walk.root() else { return Ok(()) };
        match self.walk.press(&root, &self.walk.profile().logout).await {
            // The login page is what comes after a log-out, and after a session that had ended.
            Ok(_) | Err(Halt::LoggedOut) => Ok(()),
            Err(halt) => Err(self.report(halt)),
        }
    }
}
