//! Watches the targets' secrets in Vault, so that a new one is used that nobody told of.
//!
//! Two ways lead to the same intake: the store's own news, where it offers them, and a look at the
//! number of each secret's version every so often, which always works. A version is told once.
//!
//! Secrets that share a folder are looked at in one request where the store lists them.
//!
//! A secret that is there at the first look, for a target that was never rotated, is no news: only
//! a person or a reset says that it is the right one.

mod listing;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{Mutex, Notify};

use crate::domain::announcement::Change;
use crate::domain::event::{ResetEvent, ResetKind, Subject};
use crate::domain::fault::{Fault, error_line};
use crate::domain::ids::{EventId, InvalidId, SourceName, TargetName};
use crate::domain::secret::SecretVersion;
use crate::domain::target::Target;
use crate::engine::intake::Intake;
use crate::engine::targets::Targets;
use crate::engine::watch::listing::Unlisted;
use crate::ports::clock::Clock;
use crate::ports::journal::{Journal, JournalError};
use crate::ports::secret_news::{News, SecretNews};
use crate::ports::secret_store::{SecretStore, SecretStoreError, SecretTrouble, Stored};

/// The source under which the watch's events are recorded. No configured source may have this
/// name.
pub const SOURCE: &str = "vault";

/// How often a server that offers no news is asked again; it may have been replaced.
const NOT_OFFERED_PAUSE: Duration = Duration::from_hours(1);
/// The pause after the first failure to listen, doubled after each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);
/// The longest pause where a person has to do something: each try may cost a login.
const REFUSED_PAUSE: Duration = Duration::from_mins(15);

/// How the secrets are watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// How often each secret's version is looked at.
    pub interval: Duration,
}

/// What the watch needs of the world.
pub struct World {
    /// Where the secrets are.
    pub secrets: Arc<dyn SecretStore>,
    /// The store's own news.
    pub news: Arc<dyn SecretNews>,
    /// Where events go.
    pub intake: Intake,
    /// What is applied.
    pub journal: Arc<dyn Journal>,
    /// Whose secrets are watched.
    pub targets: Arc<Targets>,
    /// Time and chance.
    pub clock: Arc<dyn Clock>,
}

/// What was last seen of a secret.
#[derive(Debug, Clone, Copy)]
struct Seen {
    /// The version; 0 where nothing was ever written.
    version: SecretVersion,
    /// When it was last seen to be the current one.
    at: Timestamp,
}

/// What is remembered between two connections.
#[derive(Debug, Default)]
pub struct Listening {
    failures: u32,
    trouble: Option<SecretTrouble>,
    is_missed: bool,
}

/// Why a version could not be told. It is tried again at the next look.
#[derive(Debug, thiserror::Error)]
enum Untold {
    #[error("the store did not take it")]
    Journal(#[from] JournalError),
    #[error("Vault did not answer")]
    Secrets(#[from] SecretStoreError),
    #[error("it cannot be named")]
    Name(#[from] InvalidId),
}

/// Watches until it is dropped.
pub struct Watch {
    world: World,
    settings: Settings,
    seen: Mutex<BTreeMap<TargetName, Seen>>,
    /// What was said to be wrong with each secret, so that it is said once.
    troubles: Mutex<BTreeMap<TargetName, SecretTrouble>>,
    unlisted: Mutex<Unlisted>,
    /// Asks for a look before its time.
    look_now: Notify,
}

impl Watch {
    /// A watch that has seen nothing yet.
    pub fn new(world: World, settings: Settings) -> Self {
        Self {
            world,
            settings,
            seen: Mutex::default(),
            troubles: Mutex::default(),
            unlisted: Mutex::default(),
            look_now: Notify::new(),
        }
    }

    /// Runs for ever; dropping the future stops it.
    pub async fn run(&self) {
        tokio::join!(self.keep_looking(), self.keep_listening());
    }

    async fn keep_looking(&self) {
        loop {
            self.look().await;
            // Up to a fifth less, so that many replicas do not ask at once.
            let pause = self.settings.interval.mul_f64(1.0 - self.world.clock.chance() / 5.0);
            tokio::select! {
                () = self.world.clock.sleep(pause) => {}
                () = self.look_now.notified() => {}
            }
        }
    }

    /// Looks at every target's secret once, and tells what is new.
    pub async fn look(&self) {
        let mut troubles = self.troubles.lock().await;
        let listed = self.listed().await;
        for target in self.world.targets.iter() {
            let current = match listed.get(&target.name) {
                Some(version) => Ok(Some(*version)),
                None => self.world.secrets.current_version(&target.secret).await,
            };
            let current = match current {
                Ok(current) => current.unwrap_or(SecretVersion(0)),
                Err(error) => {
                    if troubles.insert(target.name.clone(), error.trouble) != Some(error.trouble) {
                        let line = error_line(&error);
                        tracing::warn!(target = %target.name, error = line, "a secret cannot be watched");
                    }
                    if is_about_server(error.trouble) {
                        return;
                    }
                    continue;
                }
            };
            troubles.remove(&target.name);
            if let Err(error) = self.note(target, current).await {
                let error = error_line(&error);
                tracing::error!(target = %target.name, version = %current, error, "a new version could not be told");
            }
        }
    }

    /// Notes which version a look has shown, and tells it where it is news.
    async fn note(&self, target: &Target, current: SecretVersion) -> Result<(), Untold> {
        let now = self.world.clock.now();
        let mut seen = self.seen.lock().await;
        let before = seen.get(&target.name).copied();
        if before.is_some_and(|seen| seen.version == current) {
            seen.insert(target.name.clone(), Seen { version: current, at: now });
            return Ok(());
        }
        let applied = self.world.journal.applied(&target.name).await?;
        let known = before.map(|seen| seen.version).max(applied.as_ref().map(|a| a.version));
        if before.is_none() {
            tracing::info!(target = %target.name, version = %current, "watching a secret");
        }
        let Some(known) = known else {
            seen.insert(target.name.clone(), Seen { version: current, at: now });
            return Ok(());
        };
        if current < known {
            // A standby that lags behind, or a secret that was deleted with its whole history and
            // begun anew: then it was written after what is known.
            let known_at = applied.map(|a| a.written_at).or(before.map(|seen| seen.at));
            let written_at = match self.world.secrets.read(&target.secret).await? {
                Stored::Present { version, written_at, .. } if version == current => written_at,
                Stored::Present { .. } | Stored::Gone { .. } | Stored::Missing => return Ok(()),
            };
            if known_at.is_some_and(|known_at| written_at <= known_at) {
                return Ok(());
            }
            let name = format!("{current}:{}", written_at.as_second());
            self.tell(target, &name, None, written_at).await?;
        } else if current > known {
            // It was written after the last look, at the earliest.
            let earliest = before.map_or(now, |seen| seen.at);
            self.tell(target, &current.to_string(), Some(current), earliest).await?;
        }
        seen.insert(target.name.clone(), Seen { version: current, at: now });
        Ok(())
    }

    async fn keep_listening(&self) {
        let mut listening = Listening::default();
        loop {
            let pause = self.listen(&mut listening).await;
            self.world.clock.sleep(pause).await;
        }
    }

    /// Listens until the connection ends, and returns how long not to listen.
    pub async fn listen(&self, listening: &mut Listening) -> Duration {
        match self.world.news.subscribe().await {
            Ok(Some(mut ear)) => {
                tracing::info!("listening to Vault's events");
                (listening.is_missed, listening.trouble) = (false, None);
                // What happened while nobody listened is not told again.
                self.look_now.notify_one();
                while let Some(news) = ear.next().await {
                    listening.failures = 0;
                    self.hear(news).await;
                }
                tracing::info!("Vault's events have ended; listening again soon");
                self.pause(&mut listening.failures, LONGEST_PAUSE)
            }
            Ok(None) => {
                if !std::mem::replace(&mut listening.is_missed, true) {
                    tracing::info!("this server offers no events; secrets are looked at instead");
                }
                NOT_OFFERED_PAUSE
            }
            Err(trouble) => {
                if listening.trouble.replace(trouble) != Some(trouble) {
                    tracing::warn!(%trouble, "Vault's events cannot be listened to; secrets are looked at instead");
                }
                let needs_person = trouble.fault() == Fault::Permanent;
                let longest = if needs_person { REFUSED_PAUSE } else { LONGEST_PAUSE };
                self.pause(&mut listening.failures, longest)
            }
        }
    }

    fn pause(&self, failures: &mut u32, longest: Duration) -> Duration {
        let doubled = FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(*failures));
        *failures = failures.saturating_add(1);
        doubled.min(longest).mul_f64(1.0 - self.world.clock.chance() / 5.0)
    }

    /// Tells what was heard, where it is news of a target's secret. The store tells of all secrets
    /// that the policy lets it tell of; the others are nobody's business.
    async fn hear(&self, news: News) {
        let subject = Subject::Secret { location: news.location, version: news.version };
        let Some(target) = self.world.targets.find(&subject) else { return };
        match (news.change, news.version) {
            (Change::Written, Some(version)) => {
                let at = news.at.unwrap_or_else(|| self.world.clock.now());
                if let Err(error) = self.heard(target, version, at).await {
                    let error = error_line(&error);
                    tracing::error!(target = %target.name, %version, error, "a new version could not be told");
                }
            }
            (Change::Written, None) => self.look_now.notify_one(),
            (Change::Removed, _) => {
                tracing::warn!(target = %target.name, secret = %target.secret, "the secret was deleted or destroyed in Vault");
            }
            (Change::Other, _) => {}
        }
    }

    async fn heard(
        &self,
        target: &Target,
        version: SecretVersion,
        at: Timestamp,
    ) -> Result<(), Untold> {
        let mut seen = self.seen.lock().await;
        let before = seen.get(&target.name).map(|seen| seen.version);
        let applied = self.world.journal.applied(&target.name).await?;
        let known = before.max(applied.map(|applied| applied.version));
        if known >= Some(version) {
            // A lower number may be that of a history that was begun anew, which a look tells.
            if known > Some(version) {
                self.look_now.notify_one();
            }
            return Ok(());
        }
        self.tell(target, &version.to_string(), Some(version), at).await?;
        seen.insert(target.name.clone(), Seen { version, at: self.world.clock.now() });
        Ok(())
    }

    /// Hands an event over. A version that was told before, by this process or another one, is a
    /// duplicate.
    async fn tell(
        &self,
        target: &Target,
        name: &str,
        version: Option<SecretVersion>,
        occurred_at: Timestamp,
    ) -> Result<(), Untold> {
        let location = target.secret.clone();
        // A path may be longer than an id; the target's name stands for it then.
        let id = EventId::parse(&format!("vault:{location}:{name}"))
            .or_else(|_| EventId::parse(&format!("vault:{}:{name}", target.name)))?;
        let event = ResetEvent {
            source: SourceName::parse(SOURCE)?,
            id,
            kind: ResetKind::SecretWritten,
            subject: Subject::Secret { location, version },
            occurred_at,
        };
        self.world.intake.admit(&event, None).await?;
        Ok(())
    }
}

/// Whether every other secret would meet the same trouble.
fn is_about_server(trouble: SecretTrouble) -> bool {
    match trouble {
        SecretTrouble::Unreachable
        | SecretTrouble::Sealed
        | SecretTrouble::Standby
        | SecretTrouble::Unavailable(_)
        | SecretTrouble::TokenRefused
        | SecretTrouble::LoginRefused
        | SecretTrouble::CredentialFile => true,
        SecretTrouble::Denied | SecretTrouble::NoEngine | SecretTrouble::Unreadable => false,
    }
}
