//! The step "await secret": read Vault, decide with the table, wait.

use std::time::Duration;

use jiff::Timestamp;

use crate::domain::entry::{Entry, Outcome};
use crate::domain::fault::Fault;
use crate::domain::freshness::{Half, Question, Reading, Reset, Verdict, Waiting, decide};
use crate::domain::secret::{SalesforceSecret, SecretText, SecretVersion};
use crate::domain::step::Step;
use crate::domain::target::Target;
use crate::domain::track::Standing;
use crate::engine::drive::{Drive, DriveError, Turn};
use crate::ports::secret_store::{SecretStoreError, Stored};

/// How long an announced version is waited for: many times as long as a standby lags behind.
const ANNOUNCED_PATIENCE: Duration = Duration::from_mins(10);

impl Drive<'_> {
    /// Reads Vault and decides.
    pub(in crate::engine) async fn await_secret(&mut self) -> Result<Turn, DriveError> {
        let read = self.world.secrets.read(&self.target.secret).await;
        self.judge(read).await
    }

    /// Decides on what Vault answered.
    pub(in crate::engine) async fn judge(
        &mut self,
        read: Result<Stored, SecretStoreError>,
    ) -> Result<Turn, DriveError> {
        let stored = match read {
            Ok(stored) => stored,
            Err(error) => return self.fail(Step::AwaitSecret, None, &error.into()).await,
        };
        let (reading, secret) = self.read_secret(&self.target, stored);
        if let Some(reason) = self.is_behind(&reading) {
            return self.wait_for_secret(reason).await;
        }
        let reset = self.reset_to_judge();
        let question = Question {
            reset: &reset,
            needs_token: self.target.needs_token,
            applied: self.applied.as_ref(),
            rejected: self.rotation.rejected,
            superseded: self.rotation.superseded.as_ref(),
            current: self.rotation.current,
            grace: self.world.settings.grace,
        };
        let decided_for = self.rotation.reset.latest;
        match (decide(&question, &reading), reading) {
            (Verdict::Wait(reason), _) => self.wait_for_secret(reason).await,
            (Verdict::NothingToDo, _) if !self.rotation.has_begun() => {
                self.complete(Outcome::NothingToDo).await
            }
            // Once the console was touched, equal values are written like new ones: what was
            // begun has to be brought to its end.
            (
                Verdict::Use | Verdict::NothingToDo,
                Reading::Complete { version, written_at, fingerprints },
            ) => {
                let chosen = Entry::SecretChosen { version, written_at, fingerprints, decided_for };
                if self.record(chosen).await? {
                    self.secret = secret;
                }
                Ok(Turn::Go)
            }
            (Verdict::Use | Verdict::NothingToDo, _) => Ok(Turn::Until(self.next_poll())),
        }
    }

    /// The chosen secret's values, for a step. After a restart they are read again; `None` where Vault holds
    /// another version by now, which has then been judged.
    pub(in crate::engine) async fn chosen_secret(
        &mut self,
        version: SecretVersion,
        step: Step,
    ) -> Result<Result<SalesforceSecret, Turn>, DriveError> {
        if let Some(secret) = &self.secret {
            return Ok(Ok(secret.clone()));
        }
        let stored = match self.world.secrets.read(&self.target.secret).await {
            Ok(stored) => stored,
            Err(error) => return Ok(Err(self.fail(step, None, &error.into()).await?)),
        };
        let is_chosen = match self.read_secret(&self.target, stored.clone()) {
            (Reading::Complete { version: current, fingerprints, .. }, Some(secret)) => {
                let chosen = self.rotation.secret.as_ref();
                let same = current == version
                    && chosen.is_some_and(|chosen| chosen.fingerprints == fingerprints);
                same.then_some(secret)
            }
            _ => None,
        };
        match is_chosen {
            Some(secret) => {
                self.secret = Some(secret.clone());
                Ok(Ok(secret))
            }
            None => Ok(Err(self.judge(Ok(stored)).await?)),
        }
    }

    /// Judges a newer version than the chosen one, where Vault holds one by now. Says what to do
    /// then; `None` where the chosen one is still the one.
    pub(in crate::engine) async fn make_way_for_newer(
        &mut self,
        version: SecretVersion,
    ) -> Result<Option<Turn>, DriveError> {
        if !self.is_outdated(version).await {
            return Ok(None);
        }
        self.secret = None;
        let judged = self.await_secret().await?;
        let same = self.rotation.secret.as_ref().is_some_and(|s| s.version == version);
        Ok((!same || !matches!(judged, Turn::Go)).then_some(judged))
    }

    /// Whether Vault holds a newer version than the chosen one by now. Where Vault does not
    /// answer, the chosen one is the newest that is known.
    async fn is_outdated(&mut self, version: SecretVersion) -> bool {
        let current = self.world.secrets.current_version(&self.target.secret).await;
        matches!(current, Ok(Some(current)) if current > version)
    }

    /// What the events say. A version that was announced is not waited for any longer where it did
    /// not come in time: whoever announced it meant something else.
    fn reset_to_judge(&self) -> Reset {
        let mut reset = self.rotation.reset.clone();
        let waited = self.world.clock.now().duration_since(self.rotation.announced_at);
        if waited.unsigned_abs() >= ANNOUNCED_PATIENCE {
            reset.announced = None;
        }
        reset
    }

    /// Whether Vault shows a version older than one that this rotation chose: a standby that lags
    /// behind, or a Vault that was restored to what it was. The newer one is waited for.
    fn is_behind(&self, reading: &Reading) -> Option<Waiting> {
        let Reading::Complete { version: shown, written_at, .. } = *reading else { return None };
        let (version, newest_at) = self.rotation.newest_known?;
        let is_older = shown < version && written_at <= newest_at;
        is_older.then_some(Waiting::Announced { version, shown })
    }

    async fn wait_for_secret(&mut self, reason: Waiting) -> Result<Turn, DriveError> {
        self.secret = None;
        let due = self.next_poll();
        if self.rotation.standing != Standing::Active {
            return Ok(Turn::Until(due));
        }
        let message = reason.to_string();
        let is_refused = matches!(reason, Waiting::Rejected { .. });
        if self.rotation.waiting.as_ref() != Some(&reason)
            && !self.record(Entry::Waiting { reason }).await?
        {
            return Ok(Turn::Go);
        }
        if is_refused {
            let refusal = self.rotation.refusal.as_ref();
            let step = refusal.map_or(Step::Confirm, |refusal| refusal.step);
            let message = match refusal {
                Some(refusal) if step == Step::Prove => format!("{message} ({})", refusal.said),
                _ => message,
            };
            return self.stuck(step, None, Fault::Rejected, message).await;
        }
        let settings = &self.world.settings;
        let (patience, told) = match self.told_twice() {
            Some(told) => (settings.secret_deadline.min(settings.grace), told),
            None => (settings.secret_deadline, String::new()),
        };
        let deadline = self.rotation.waits_since.saturating_add(patience);
        if deadline.is_ok_and(|deadline| self.world.clock.now() >= deadline) {
            let message =
                format!("the new secret did not arrive in Vault in time: {message}{told}");
            return self.stuck(Step::AwaitSecret, None, Fault::Transient, message).await;
        }
        Ok(Turn::Until(due))
    }

    /// What to tell a person where the reset may be one that was served before: two senders give the
    /// same one different times, and none of them tells whether it was another. The connectors stay
    /// off meanwhile, so that nobody is to wait for long.
    fn told_twice(&self) -> Option<String> {
        let latest = self.rotation.reset.latest;
        let before = |at: Timestamp| {
            let until = at.saturating_add(self.world.settings.grace);
            at < latest && until.is_ok_and(|until| latest <= until)
        };
        let (version, written_at) = match (self.rotation.waiting.as_ref()?, &self.applied) {
            (Waiting::NotThereYet { .. }, Some(applied)) => (applied.version, applied.written_at),
            (Waiting::Predates { version, written_at }, _) => (*version, *written_at),
            _ => return None,
        };
        before(written_at).then(|| {
            format!(
                "; it was written shortly before this reset is said to have happened: if another \
                 sender told of the same reset earlier, say that version {version} is the current \
                 one (use-current-secret), otherwise write the new secret"
            )
        })
    }

    /// When Vault is asked again: soon at first, less often the longer it takes.
    pub(in crate::engine) fn next_poll(&self) -> Timestamp {
        let waited = self.world.clock.now().duration_since(self.rotation.waits_since);
        let minutes = u32::try_from(waited.as_mins()).unwrap_or(0);
        self.after(self.world.settings.secret_poll, minutes.saturating_add(1))
    }

    /// What Vault holds, and its values where they are complete.
    pub(in crate::engine) fn read_secret(
        &self,
        target: &Target,
        stored: Stored,
    ) -> (Reading, Option<SalesforceSecret>) {
        let (version, written_at, mut fields) = match stored {
            Stored::Missing => return (Reading::Missing, None),
            Stored::Gone { destroyed, .. } => return (Reading::Gone { destroyed }, None),
            Stored::Present { version, written_at, fields } => (version, written_at, fields),
        };
        let mut take = |field: &str| {
            // A line end or a blank around the value is a slip of whoever stored it; Salesforce
            // allows neither at the ends of a password nor anywhere in a token.
            let text =
                fields.remove(field).map(|text| SecretText::new(text.expose().trim().to_owned()));
            text.filter(|text| !text.is_empty())
        };
        let lacking = |half| (Reading::Lacking { version, half }, None);
        let Some(password) = take(&target.fields.password) else { return lacking(Half::Password) };
        let security_token = if target.needs_token {
            let Some(token) = take(&target.fields.security_token) else {
                return lacking(Half::SecurityToken);
            };
            Some(token)
        } else {
            None
        };
        let secret = SalesforceSecret { password, security_token };
        let fingerprints = self.world.fingerprints.fingerprints(&secret);
        (Reading::Complete { version, written_at, fingerprints }, Some(secret))
    }
}
