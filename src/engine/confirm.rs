//! The step "confirm": in a fresh session, look whether every surface is well.

use std::time::Duration;

use jiff::Timestamp;

use crate::domain::entry::{Entry, Outcome};
use crate::domain::freshness::Reading;
use crate::domain::plan::Next;
use crate::domain::step::Step;
use crate::domain::target::Surface;
use crate::domain::track::{Proof, Track};
use crate::engine::contain::Failure;
use crate::engine::drive::{Drive, DriveError, Turn};
use crate::ports::console::{ConnectorState, ConsoleSession, ShownError};
use crate::ports::meter::RefusedBy;

/// What one look at a surface says.
struct Look {
    /// What is not well yet; `None` where everything is.
    missing: Option<String>,
    /// Whether that is a refused login.
    is_refused: bool,
    /// Something to tell, that does not stop the rotation.
    warning: Option<String>,
}

impl Drive<'_> {
    /// Looks at every surface that has not been seen to be well, then completes, waits, or after
    /// the deadline decides on what it saw. Of a secret that nobody proved every surface is looked
    /// at, whatever was seen before.
    pub(in crate::engine) async fn confirm(&mut self) -> Result<Turn, DriveError> {
        if self.has_written {
            self.close_session().await;
        }
        let is_proven = self.rotation.proof == Some(Proof::Proven);
        let is_asked = |(_, track): &(&Surface, &Track)| !(is_proven && track.confirmed);
        let surfaces: Vec<(Surface, bool)> = (self.rotation.tracks.iter().filter(is_asked))
            .map(|(surface, track)| (surface.clone(), track.confirmed))
            .collect();
        self.recall_secret().await;
        let mut refused = None;
        for (surface, was_well) in &surfaces {
            match self.confirm_one(surface).await {
                // It was not there before, so that it is about this secret.
                Ok(Some(shown)) if *was_well && !is_proven => {
                    return self.refuse(surface.clone(), shown).await;
                }
                Ok(Some(shown)) => refused = refused.or(Some((surface.clone(), shown))),
                Ok(None) => {}
                Err(Failure::Step(error)) => {
                    return self.fail(Step::Confirm, Some(surface), &error).await;
                }
                Err(Failure::Drive(error)) => return Err(error),
            }
        }
        let (waited, next) = (self.waited(), self.next());
        if next == Next::Complete(Outcome::Confirmed) && self.is_watched() {
            return self.go_on_watching(waited).await;
        }
        // News may have joined while the console was looked at.
        if next != Next::Confirm {
            return Ok(Turn::Go);
        }
        let settings = &self.world.settings;
        if waited < settings.confirm_deadline {
            return Ok(Turn::Until(self.next_look(waited)));
        }
        match (refused, self.rotation.secret.as_ref().map(|chosen| chosen.version)) {
            (Some((surface, shown)), Some(version)) if is_proven => {
                let message = format!(
                    "it still shows \"{shown}\", although Salesforce took version {version}: the \
                     error clears with its next synchronisation"
                );
                let is_recorded = self.record(Entry::Warned { surface, message }).await?;
                if is_recorded { self.complete(Outcome::Unconfirmed).await } else { Ok(Turn::Go) }
            }
            (Some((surface, shown)), Some(_)) => self.refuse(surface, shown).await,
            _ => self.complete(Outcome::Unconfirmed).await,
        }
    }

    /// Whether everything that looks well is looked at again. Connectors log in on schedules of
    /// their own: until they have done so, a secret that nobody proved was not tried, and a console
    /// without an error says nothing.
    pub(in crate::engine) fn is_watched(&self) -> bool {
        let is_proven = self.rotation.proof == Some(Proof::Proven);
        !is_proven && !self.world.settings.confirm_watch.is_zero()
    }

    /// After a look at which everything was well: comes back later, or completes.
    async fn go_on_watching(&mut self, waited: Duration) -> Result<Turn, DriveError> {
        let left = self.world.settings.confirm_watch.saturating_sub(waited);
        if left.is_zero() {
            return self.complete(Outcome::Confirmed).await;
        }
        let now = self.world.clock.now();
        // Ever more seldom: what does not show after a while shows after a long one, if at all.
        let sparse = now.saturating_add(waited / 2).unwrap_or(Timestamp::MAX);
        let end = now.saturating_add(left).unwrap_or(Timestamp::MAX);
        Ok(Turn::Until(self.next_look(waited).max(sparse).min(end)))
    }

    /// How long ago something was last written or enabled.
    fn waited(&self) -> Duration {
        self.world.clock.now().duration_since(self.rotation.waits_since).unsigned_abs()
    }

    fn next_look(&self, waited: Duration) -> Timestamp {
        let minutes = u32::try_from(waited.as_secs() / 60).unwrap_or(u32::MAX);
        self.after(self.world.settings.confirm_poll, minutes.saturating_add(1))
    }

    /// Writes down that the chosen secret was refused: everything is contained again.
    async fn refuse(&mut self, surface: Surface, shown: String) -> Result<Turn, DriveError> {
        let Some(chosen) = &self.rotation.secret else { return Ok(Turn::Go) };
        let version = chosen.version;
        if self.record(Entry::Refused { surface, version, shown }).await? {
            self.world.meter.login_refused(RefusedBy::Salesforce);
            self.secret = None;
        }
        Ok(Turn::Go)
    }

    /// Records that it is over.
    pub(in crate::engine) async fn complete(
        &mut self,
        outcome: Outcome,
    ) -> Result<Turn, DriveError> {
        let decided_for = self.rotation.reset.latest;
        let chosen_at = self.rotation.chosen_at;
        if self.record(Entry::Completed { outcome, decided_for }).await? {
            let now = self.world.clock.now();
            let after = chosen_at.map(|at| now.duration_since(at).unsigned_abs());
            self.world.meter.completed(&self.target.name, outcome, after);
        }
        Ok(Turn::Go)
    }

    /// Looks at one surface. Returns the credential error that it shows, if it shows one.
    async fn confirm_one(&mut self, surface: &Surface) -> Result<Option<String>, Failure> {
        let look = self.look(surface).await?;
        let track = self.rotation.surface(surface);
        if let Some(message) = look.warning
            && track.warned.as_ref() != Some(&message)
        {
            self.record(Entry::Warned { surface: surface.clone(), message }).await?;
        }
        let surface = surface.clone();
        let Some(shown) = look.missing else {
            if !track.confirmed {
                self.record(Entry::Confirmed { surface }).await?;
            }
            return Ok(None);
        };
        if track.shown.as_ref() != Some(&shown) {
            self.record(Entry::Unconfirmed { surface, shown: shown.clone() }).await?;
        }
        Ok(look.is_refused.then_some(shown))
    }

    /// Reads the chosen secret again where it is not at hand, so that no report repeats it. Where
    /// Vault does not answer, or holds another by now, the session quotes nothing.
    async fn recall_secret(&mut self) {
        let (None, Some(chosen)) = (&self.secret, &self.rotation.secret) else { return };
        let Ok(stored) = self.world.secrets.read(&self.target.secret).await else { return };
        let (reading, secret) = self.read_secret(&self.target, stored);
        if let Reading::Complete { version, fingerprints, .. } = reading
            && (version, &fingerprints) == (chosen.version, &chosen.fingerprints)
        {
            self.secret = secret;
        }
    }

    /// Tells a session what it may not report, or that it is not at hand.
    pub(in crate::engine) fn hide_secret(&self, session: &mut dyn ConsoleSession) {
        let rotation = &self.rotation;
        let was_chosen = rotation.secret.is_some() || rotation.set_aside.is_some();
        if was_chosen || rotation.rejected.is_some() {
            session.hide(self.secret.as_ref());
        }
    }

    async fn look(&mut self, surface: &Surface) -> Result<Look, Failure> {
        let was_enabled = self.rotation.surface(surface).enabled;
        let session = self.session().await?;
        if !surface.is_connector() {
            let view = session.observe_integration(surface).await?;
            let (refused, warning) = sort(&view.errors);
            let is_refused = refused.is_some();
            let stopped = (!view.running).then(|| "Integration is not shown as running".to_owned());
            return Ok(Look { missing: refused.or(stopped), is_refused, warning });
        }
        let view = session.observe_connector(surface).await?;
        let (refused, warning) = sort(&view.errors);
        let is_enabled = view.state == ConnectorState::Enabled;
        Ok(match (was_enabled, is_enabled) {
            // It was found disabled and stays so; an old error of its stays with it.
            (false, false) => Look { missing: None, is_refused: false, warning: None },
            // It may have logged in before, and what it then said counts.
            (true, false) => {
                let warning = Some("it was disabled by somebody else meanwhile".to_owned());
                Look { is_refused: refused.is_some(), missing: refused, warning }
            }
            (_, true) => Look { is_refused: refused.is_some(), missing: refused, warning },
        })
    }
}

/// Parts the errors that are about credentials from the others.
fn sort(errors: &[ShownError]) -> (Option<String>, Option<String>) {
    let join = |about_credentials| {
        let texts: Vec<&str> = errors
            .iter()
            .filter(|error| error.about_credentials == about_credentials)
            .map(|error| error.text.as_str())
            .collect();
        (!texts.is_empty()).then(|| texts.join("; "))
    };
    (join(true), join(false))
}
