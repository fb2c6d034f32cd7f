//! The console session of a drive, and what a refused login means for everybody.

use crate::domain::fault::error_line;
use crate::engine::console_login::VersionedLogin;
use crate::engine::drive::{Drive, StepError};
use crate::ports::console::ConsoleSession;
use crate::ports::journal::{Breaker, JournalError};

impl Drive<'_> {
    /// The open console session, or a new one.
    pub(in crate::engine) async fn session(
        &mut self,
    ) -> Result<&mut Box<dyn ConsoleSession>, StepError> {
        let mut session = match self.session.take() {
            Some(session) => session,
            None => self.open_session().await?,
        };
        self.hide_secret(session.as_mut());
        Ok(self.session.insert(session))
    }

    /// Logs out, where there is a session. A failure to log out changes nothing.
    pub(in crate::engine) async fn close_session(&mut self) {
        self.has_written = false;
        if let Some(session) = self.session.take()
            && let Err(error) = session.close().await
        {
            tracing::debug!(error = error_line(&error), "console session not closed");
        }
    }

    /// Logs in once. A login that the console has refused, to whichever replica, is not used; what
    /// was refused just now may be a remembered one that Vault has replaced meanwhile.
    async fn open_session(&mut self) -> Result<Box<dyn ConsoleSession>, StepError> {
        let world = self.world;
        // The account that the lease is for, whatever the configuration says by now.
        let account = self.claim.lease.account.clone();
        world.untold.refusals(&*world.journal, &account).await?;
        let mut login = world.logins.get(&account).await?;
        if let Some(breaker) = world.journal.breaker(&account).await?
            && login.version <= breaker.secret_version
        {
            login = world.logins.read(&account).await?;
            if login.version <= breaker.secret_version {
                world.logins.forget(&account);
                return Err(StepError::BreakerOpen { since: breaker.since });
            }
        }
        let mut opened = self.log_in(&login).await;
        if opened.as_ref().is_err_and(StepError::is_refused_login)
            && let Ok(newer) = world.logins.read(&account).await
        {
            if newer.version > login.version {
                opened = self.log_in(&newer).await;
            } else {
                world.logins.forget(&account);
            }
        }
        opened
    }

    async fn log_in(
        &mut self,
        login: &VersionedLogin,
    ) -> Result<Box<dyn ConsoleSession>, StepError> {
        self.login_version = Some(login.version);
        let account = &self.claim.lease.account;
        let opened = self.world.console.open(account, &login.login, &self.permit).await;
        let opened = opened.map_err(StepError::from);
        if opened.as_ref().is_err_and(StepError::is_refused_login) {
            self.note_refusal().await?;
        }
        opened
    }

    /// Opens the account's breaker for everybody, after a refusal: at the beginning of a session,
    /// or in the middle of one that the console had ended. The breaker stays as the mark up to
    /// which versions are refused, also when a newer one is taken; a person removes it.
    pub(in crate::engine) async fn note_refusal(&mut self) -> Result<(), JournalError> {
        let Some(secret_version) = self.login_version.take() else { return Ok(()) };
        let account = &self.claim.lease.account;
        // Once the breaker is closed, Vault is read before anything is tried again.
        self.world.logins.forget(account);
        let breaker = Breaker { since: self.world.clock.now(), secret_version };
        self.world.untold.refusal(&*self.world.journal, account, breaker).await
    }
}
