//! Drives one claimed rotation as far as it goes now: asks the plan, does the step, writes down
//! what came of it, asks again.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::domain::backoff::Backoff;
use crate::domain::entry::{Entry, Outcome};
use crate::domain::fault::{Fault, error_line};
use crate::domain::ids::RotationId;
use crate::domain::phase::Phase;
use crate::domain::plan::Next;
use crate::domain::rotation::{IllegalEntry, Rotation};
use crate::domain::secret::{Applied, FingerprintKey, SalesforceSecret, SecretVersion};
use crate::domain::step::Step;
use crate::domain::target::{Surface, Target};
use crate::domain::track::Standing;
use crate::engine::console_login::{ConsoleLogins, NoLogin};
use crate::engine::settings::Settings;
use crate::engine::untold::Untold;
use crate::ports::clock::Clock;
use crate::ports::console::{Console, ConsoleError, ConsoleSession, Permit, Trouble};
use crate::ports::journal::{Claim, Journal, JournalError};
use crate::ports::login_probe::{LoginProbe, ProbeError};
use crate::ports::meter::{Meter, RefusedBy};
use crate::ports::secret_store::{SecretStore, SecretStoreError};

/// The world, as the engine needs it.
#[derive(Clone)]
pub struct World {
    /// The durable memory.
    pub journal: Arc<dyn Journal>,
    /// The consoles.
    pub console: Arc<dyn Console>,
    /// Vault.
    pub secrets: Arc<dyn SecretStore>,
    /// Salesforce's own login.
    pub probe: Arc<dyn LoginProbe>,
    /// The consoles' own logins.
    pub logins: Arc<ConsoleLogins>,
    /// What the store could not be told yet.
    pub untold: Arc<Untold>,
    /// Time and chance.
    pub clock: Arc<dyn Clock>,
    /// Counts and times.
    pub meter: Arc<dyn Meter>,
    /// The key under which secrets are compared.
    pub fingerprints: FingerprintKey,
    /// Deadlines, waits and bounds.
    pub settings: Settings,
}

/// A rotation could not be driven on; nothing says that it must not be tried again.
#[derive(Debug, thiserror::Error)]
pub enum DriveError {
    /// The store failed, or the lease was lost.
    #[error("the journal could not be written")]
    Journal(#[from] JournalError),
    /// The plan asked for something that the fold refuses: a fault in this program.
    #[error("the next step contradicts the journal")]
    Contradiction(#[from] IllegalEntry),
    /// The plan did not come to an end.
    #[error("the rotation makes no progress")]
    Endless,
}

/// What follows from one turn.
pub(in crate::engine) enum Turn {
    /// Ask the plan again.
    Go,
    /// Come back at this time.
    Until(Timestamp),
    /// Nothing until somebody says something.
    Rest,
}

/// A step that failed, in the words of whichever port failed it.
#[derive(Debug, thiserror::Error)]
pub(in crate::engine) enum StepError {
    #[error(transparent)]
    Console(#[from] ConsoleError),
    #[error(transparent)]
    Secrets(#[from] SecretStoreError),
    #[error(transparent)]
    Login(#[from] NoLogin),
    #[error(transparent)]
    Probe(#[from] ProbeError),
    #[error(
        "the connector is in the state \"{0}\", which is neither Enabled nor Disabled: set it by hand"
    )]
    UnknownState(String),
    #[error("the console answered, but the connector is still {0}")]
    NoEffect(&'static str),
    #[error(
        "the login of the console account was refused at {since}: correct it in Vault, then retry"
    )]
    BreakerOpen { since: Timestamp },
    #[error("the store did not answer")]
    Journal(#[from] JournalError),
}

impl StepError {
    fn fault(&self) -> Fault {
        match self {
            Self::Console(error) => error.trouble.fault(),
            Self::Secrets(error) | Self::Login(NoLogin::Vault(error)) => error.trouble.fault(),
            Self::Login(NoLogin::Incomplete { .. } | NoLogin::UnknownAccount(_)) => {
                Fault::Permanent
            }
            Self::Probe(error) => error.fault(),
            Self::UnknownState(_) => Fault::Permanent,
            Self::NoEffect(_) => Fault::Indeterminate,
            Self::BreakerOpen { .. } => Fault::Rejected,
            Self::Journal(_) => Fault::Transient,
        }
    }

    /// Whether the console refused the login.
    pub(in crate::engine) fn is_refused_login(&self) -> bool {
        matches!(self, Self::Console(ConsoleError { trouble: Trouble::LoginRefused, .. }))
    }

    /// Whether the step may be tried again without a person.
    pub(in crate::engine) fn may_retry(&self) -> bool {
        self.fault().may_retry()
    }

    /// Whether it concerns the whole session, so that other surfaces would meet it as well.
    pub(in crate::engine) fn is_about_session(&self) -> bool {
        match self {
            Self::Console(error) => error.trouble.is_about_session(),
            Self::Login(_) | Self::BreakerOpen { .. } | Self::Journal(_) => true,
            Self::Secrets(_) | Self::Probe(_) | Self::UnknownState(_) | Self::NoEffect(_) => false,
        }
    }
}

/// One claimed rotation being driven.
pub(in crate::engine) struct Drive<'w> {
    pub(in crate::engine) world: &'w World,
    pub(in crate::engine) target: Arc<Target>,
    pub(in crate::engine) rotation: Rotation,
    pub(in crate::engine) applied: Option<Applied>,
    /// The chosen secret's values, once they have been read in this drive.
    pub(in crate::engine) secret: Option<SalesforceSecret>,
    /// Whether this session wrote something, so that it cannot confirm it.
    pub(in crate::engine) has_written: bool,
    /// The connectors that were seen contained in this drive.
    pub(in crate::engine) seen_contained: BTreeSet<Surface>,
    id: RotationId,
    pub(in crate::engine) claim: Claim,
    pub(in crate::engine) permit: Arc<dyn Permit>,
    pub(in crate::engine) session: Option<Box<dyn ConsoleSession>>,
    /// The version of the console's login that was tried last, until it is refused.
    pub(in crate::engine) login_version: Option<SecretVersion>,
    /// Whether somebody else wrote to the journal since the plan was asked.
    has_moved: bool,
}

impl<'w> Drive<'w> {
    /// More turns than any rotation can need; one that takes more goes round in circles.
    const TURNS_MAX: u32 = 10_000;
    /// How often an entry is offered again to a journal that others write to as well.
    const OFFERS_MAX: u32 = 32;

    /// Takes up a claim, and acts while the permit lasts. A journal that cannot be replayed is not
    /// touched.
    pub(in crate::engine) fn new(
        world: &'w World,
        target: Arc<Target>,
        claim: Claim,
        permit: Arc<dyn Permit>,
    ) -> Result<Self, DriveError> {
        Ok(Self {
            world,
            target,
            rotation: Rotation::replay(&claim.rows)?,
            applied: claim.applied.clone(),
            secret: None,
            has_written: false,
            seen_contained: BTreeSet::new(),
            id: claim.rotation,
            claim,
            permit,
            session: None,
            login_version: None,
            has_moved: false,
        })
    }

    /// Drives until the rotation rests, waits, or `stop` asks to come back later. Returns when it
    /// is due again.
    pub(in crate::engine) async fn run(
        &mut self,
        stop: &CancellationToken,
    ) -> Result<Option<Timestamp>, DriveError> {
        let result = self.turns(stop).await;
        self.close_session().await;
        result
    }

    async fn turns(&mut self, stop: &CancellationToken) -> Result<Option<Timestamp>, DriveError> {
        self.take_up().await?;
        for _ in 0..Self::TURNS_MAX {
            if stop.is_cancelled() {
                return Ok(Some(self.world.clock.now()));
            }
            match self.turn().await? {
                Turn::Go if self.gives_way().await? => return Ok(Some(self.world.clock.now())),
                Turn::Go => {}
                Turn::Until(due) => return Ok(Some(due)),
                Turn::Rest => return Ok(None),
            }
        }
        Err(DriveError::Endless)
    }

    /// Whether another rotation needs the account more: it has connectors to contain, and this one
    /// has none.
    async fn gives_way(&mut self) -> Result<bool, DriveError> {
        let is_calm =
            !self.rotation.is_finished() && Phase::of(&self.rotation) != Phase::Containing;
        Ok(is_calm && self.world.journal.is_awaited(self.id).await?)
    }

    /// Notes a take-over, and surfaces that the target gained since the rotation began.
    async fn take_up(&mut self) -> Result<(), DriveError> {
        if self.rotation.is_finished() {
            return Ok(());
        }
        let known = |surface: &&Surface| !self.rotation.tracks.contains_key(*surface);
        let surfaces: Vec<Surface> = self.target.surfaces.iter().filter(known).cloned().collect();
        if !surfaces.is_empty() {
            self.record(Entry::Covers { surfaces }).await?;
        }
        if self.claim.taken_over {
            self.record(Entry::TakenOver).await?;
            let deaths = self.rotation.deaths;
            let is_active = self.rotation.standing == Standing::Active;
            if is_active && deaths >= Settings::DEATHS_BEFORE_STUCK {
                let message =
                    format!("{deaths} workers in a row died over it; look at the log, then retry");
                self.stuck(Step::Contain, None, Fault::Permanent, message).await?;
            }
        }
        Ok(())
    }

    async fn turn(&mut self) -> Result<Turn, DriveError> {
        self.has_moved = false;
        match self.next() {
            Next::Contain(connectors) => self.contain(&connectors).await,
            Next::AwaitSecret => self.await_secret().await,
            Next::Prove(version) => self.prove(version).await,
            Next::Update(surface, version) => self.update(&surface, version).await,
            Next::Enable(surface, version) => self.enable(&surface, version).await,
            Next::Confirm => self.confirm().await,
            Next::Complete(Outcome::Confirmed) if self.is_watched() => self.confirm().await,
            Next::Complete(outcome) => self.complete(outcome).await,
            Next::Rest => Ok(Turn::Rest),
        }
    }

    /// What the plan says now.
    pub(in crate::engine) fn next(&self) -> Next {
        self.rotation.next(&self.target, self.applied.as_ref(), self.world.settings.grace)
    }

    /// Writes an entry down. `false` means that the rotation moved on since the plan was asked and
    /// the entry no longer fits: ask the plan again. A step that writes several entries may be told
    /// so at each of them.
    pub(in crate::engine) async fn record(&mut self, entry: Entry) -> Result<bool, DriveError> {
        for _ in 0..Self::OFFERS_MAX {
            if let Err(illegal) = self.rotation.permits(&entry, self.world.clock.now()) {
                return if self.has_moved { Ok(false) } else { Err(illegal.into()) };
            }
            let after = self.rotation.last_seq;
            match self.world.journal.append(&self.claim.lease, self.id, after, &entry).await {
                Ok(row) => {
                    self.rotation.apply(&row)?;
                    self.log(&row.entry);
                    return Ok(true);
                }
                Err(JournalError::Moved) => {
                    let rows = self.world.journal.rows(self.id).await?;
                    let before = std::mem::replace(&mut self.rotation, Rotation::replay(&rows)?);
                    // A verdict on the secret rests on what was told of it by then.
                    if entry.is_verdict() && before.reset != self.rotation.reset {
                        return Ok(false);
                    }
                    self.has_moved = true;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(DriveError::Endless)
    }

    fn log(&self, entry: &Entry) {
        let (rotation, target, name) = (self.id, &self.target.name, entry.name());
        if matches!(entry, Entry::Stuck { .. } | Entry::Refused { .. } | Entry::Rejected { .. }) {
            tracing::error!(%rotation, %target, entry = name, "{entry}");
        } else if matches!(
            entry,
            Entry::Deferred { .. }
                | Entry::Warned { .. }
                | Entry::Unproven { .. }
                | Entry::TakenOver
        ) {
            tracing::warn!(%rotation, %target, entry = name, "{entry}");
        } else {
            tracing::info!(%rotation, %target, entry = name, "{entry}");
        }
    }

    /// Writes a failure down by its class and says when to come back.
    pub(in crate::engine) async fn fail(
        &mut self,
        step: Step,
        surface: Option<&Surface>,
        error: &StepError,
    ) -> Result<Turn, DriveError> {
        let fault = error.fault();
        let message = error_line(error);
        self.world.meter.step_failed(step, fault);
        if error.is_refused_login() {
            self.world.meter.login_refused(RefusedBy::Console);
            self.note_refusal().await?;
        }
        if !fault.may_retry() {
            return self.stuck(step, surface, fault, message).await;
        }
        let backoff = match step {
            Step::Contain => self.world.settings.contain_retry,
            Step::AwaitSecret | Step::Prove | Step::Update | Step::Enable | Step::Confirm => {
                self.world.settings.retry
            }
        };
        let attempts = self.rotation.attempts.saturating_add(1);
        let retry_at = self.after(backoff, attempts);
        let surface = surface.cloned();
        if self.rotation.standing == Standing::Active {
            let entry = Entry::Deferred { step, surface, fault, message, retry_at };
            if !self.record(entry).await? {
                return Ok(Turn::Go);
            }
        }
        Ok(Turn::Until(retry_at))
    }

    /// Writes down that a person is needed. Where that is known already, only Vault is asked, for
    /// a secret with which it goes on by itself.
    pub(in crate::engine) async fn stuck(
        &mut self,
        step: Step,
        surface: Option<&Surface>,
        fault: Fault,
        message: String,
    ) -> Result<Turn, DriveError> {
        if self.rotation.standing != Standing::Active {
            return Ok(Turn::Until(self.next_poll()));
        }
        self.record(Entry::Stuck { step, surface: surface.cloned(), fault, message }).await?;
        Ok(Turn::Go)
    }

    /// The time after a wait of `backoff`'s for so many attempts.
    pub(in crate::engine) fn after(&self, backoff: Backoff, attempts: u32) -> Timestamp {
        let wait = backoff.wait(attempts, self.world.clock.chance());
        self.world.clock.now().saturating_add(wait).unwrap_or(Timestamp::MAX)
    }
}
