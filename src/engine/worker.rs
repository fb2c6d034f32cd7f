//! Claims what is due and drives it, several console accounts side by side.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::domain::fault::error_line;
use crate::domain::lease::Lease;
use crate::engine::drive::{Drive, DriveError, World};
use crate::engine::targets::Targets;
use crate::ports::journal::{Claim, JournalError};

/// The worker.
pub struct Worker {
    world: Arc<World>,
    targets: Arc<Targets>,
    wake: Arc<Notify>,
    name: String,
}

/// What one look for work found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tick {
    /// A rotation was driven as far as it went.
    Drove,
    /// Nothing is due.
    Idle,
}

impl Worker {
    /// Even without a wake-up the worker looks for work this often.
    const LOOK_MAX: Duration = Duration::from_secs(15);
    /// After a failure of the store the worker waits this long.
    const STORE_PAUSE: Duration = Duration::from_secs(1);
    /// A rotation whose drive failed is due again after this long.
    const FAILURE_PAUSE: Duration = Duration::from_secs(30);

    /// A worker under a name of its own; `wake` is notified when something may be due.
    pub fn new(world: Arc<World>, targets: Arc<Targets>, wake: Arc<Notify>, name: String) -> Self {
        Self { world, targets, wake, name }
    }

    /// Works until `stop` is cancelled, then lets every drive come to the end of its turn.
    pub async fn run(&self, stop: CancellationToken) {
        let mut drives = JoinSet::new();
        while !stop.is_cancelled() {
            let pause = self.fill(&mut drives, &stop).await;
            tokio::select! {
                () = stop.cancelled() => {}
                () = self.wake.notified() => {}
                Some(ended) = drives.join_next(), if !drives.is_empty() => note_panic(ended),
                () = self.world.clock.sleep(pause) => {}
            }
        }
        while let Some(ended) = drives.join_next().await {
            note_panic(ended);
        }
    }

    /// Claims and drives one rotation, here and now: the crank that tests turn.
    pub async fn tick(&self) -> Result<Tick, JournalError> {
        match self.claim().await? {
            Some(claim) => {
                drive(&self.world, &self.targets, claim, &CancellationToken::new()).await;
                Ok(Tick::Drove)
            }
            None => Ok(Tick::Idle),
        }
    }

    /// Starts drives up to the limit; returns how long nothing more is due.
    async fn fill(&self, drives: &mut JoinSet<()>, stop: &CancellationToken) -> Duration {
        while drives.len() < self.world.settings.parallel {
            match self.claim().await {
                Ok(Some(claim)) => {
                    let (world, targets) = (Arc::clone(&self.world), Arc::clone(&self.targets));
                    let stop = stop.clone();
                    drives.spawn(async move { drive(&world, &targets, claim, &stop).await });
                }
                Ok(None) => return self.until_due().await,
                Err(error) => {
                    tracing::error!(error = error_line(&error), "no work can be claimed");
                    return Self::STORE_PAUSE;
                }
            }
        }
        Self::LOOK_MAX
    }

    async fn claim(&self) -> Result<Option<Claim>, JournalError> {
        self.world.journal.claim(&self.name, self.world.settings.lease).await
    }

    async fn until_due(&self) -> Duration {
        match self.world.journal.next_due().await {
            Ok(Some(due)) => {
                let wait = due.duration_since(self.world.clock.now());
                Duration::try_from(wait).unwrap_or(Duration::ZERO).min(Self::LOOK_MAX)
            }
            Ok(None) => Self::LOOK_MAX,
            Err(_) => Self::STORE_PAUSE,
        }
    }
}

/// Drives one claim and gives its account free. A lost lease ends it at once.
async fn drive(world: &World, targets: &Targets, claim: Claim, stop: &CancellationToken) {
    let (rotation, lease) = (claim.rotation, claim.lease.clone());
    let result = tokio::select! {
        result = drive_claim(world, targets, claim, stop) => result,
        error = keep_lease(world, &lease) => Err(error.into()),
    };
    if let Err(error) = result {
        tracing::error!(%rotation, error = error_line(&error), "drive ended early");
    }
}

async fn drive_claim(
    world: &World,
    targets: &Targets,
    claim: Claim,
    stop: &CancellationToken,
) -> Result<(), DriveError> {
    let (rotation, lease, target) = (claim.rotation, claim.lease.clone(), claim.target.clone());
    let later = |pause| world.clock.now().saturating_add(pause).unwrap_or(Timestamp::MAX);
    let Some(target) = targets.get(&target) else {
        tracing::error!(%rotation, %target, "the target of an unfinished rotation is no longer configured: put it back, or abandon the rotation");
        let due = later(Worker::FAILURE_PAUSE);
        return Ok(world.journal.release(&lease, rotation, Some(due)).await?);
    };
    let mut drive = Drive::new(world, Arc::clone(target), claim)?;
    match drive.run(stop).await {
        Ok(due) => Ok(world.journal.release(&lease, rotation, due).await?),
        Err(error @ DriveError::Journal(JournalError::LeaseLost)) => Err(error),
        Err(error) => {
            let due = later(Worker::FAILURE_PAUSE);
            world.journal.release(&lease, rotation, Some(due)).await?;
            Err(error)
        }
    }
}

/// Renews the lease while the drive goes on; returns only when it is lost.
async fn keep_lease(world: &World, lease: &Lease) -> JournalError {
    let mut lease = lease.clone();
    loop {
        world.clock.sleep(world.settings.lease / 3).await;
        match world.journal.renew(&lease, world.settings.lease).await {
            Ok(renewed) => lease = renewed,
            Err(error @ JournalError::LeaseLost) => return error,
            Err(error) => tracing::warn!(error = error_line(&error), "lease not renewed yet"),
        }
    }
}

fn note_panic(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        // The lease runs out and the rotation is taken over, which counts as an attempt.
        tracing::error!(error = error_line(&error), "a drive panicked");
    }
}
