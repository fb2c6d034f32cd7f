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
use crate::engine::hold::Hold;
use crate::engine::targets::Targets;
use crate::ports::console::Permit;
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
    /// What is due and cannot be claimed, because another replica is at it, is looked for again
    /// after this long.
    const LOOK_MIN: Duration = Duration::from_millis(50);
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
            // In a fixed order, so that a simulated world lives the same life again.
            tokio::select! {
                biased;
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
                let (claim, hold) = claim;
                drive(&self.world, &self.targets, claim, &hold, &CancellationToken::new()).await;
                Ok(Tick::Drove)
            }
            None => Ok(Tick::Idle),
        }
    }

    /// Starts drives up to the limit; returns how long nothing more is due.
    async fn fill(&self, drives: &mut JoinSet<()>, stop: &CancellationToken) -> Duration {
        while drives.len() < self.world.settings.parallel {
            match self.claim().await {
                Ok(Some((claim, hold))) => {
                    let (world, targets) = (Arc::clone(&self.world), Arc::clone(&self.targets));
                    let stop = stop.clone();
                    drives.spawn(async move { drive(&world, &targets, claim, &hold, &stop).await });
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

    async fn claim(&self) -> Result<Option<(Claim, Arc<Hold>)>, JournalError> {
        let (clock, ttl) = (Arc::clone(&self.world.clock), self.world.settings.lease);
        let asked_at = clock.elapsed();
        let claim = self.world.journal.claim(&self.name, ttl).await?;
        Ok(claim.map(|claim| (claim, Arc::new(Hold::new(clock, asked_at, ttl)))))
    }

    async fn until_due(&self) -> Duration {
        match self.world.journal.next_due().await {
            Ok(Some(due)) => {
                let wait = due.duration_since(self.world.clock.now());
                Duration::try_from(wait)
                    .unwrap_or(Duration::ZERO)
                    .clamp(Self::LOOK_MIN, Self::LOOK_MAX)
            }
            Ok(None) => Self::LOOK_MAX,
            Err(_) => Self::STORE_PAUSE,
        }
    }
}

/// Drives one claim and gives its account free. A lost lease ends it at once.
async fn drive(
    world: &World,
    targets: &Targets,
    claim: Claim,
    hold: &Arc<Hold>,
    stop: &CancellationToken,
) {
    let (rotation, lease) = (claim.rotation, claim.lease.clone());
    let result = tokio::select! {
        biased;
        result = hold.guard(drive_claim(world, targets, claim, hold, stop)) => result,
        error = keep_lease(world, &lease, hold) => Err(error.into()),
    };
    if let Err(error) = result {
        tracing::error!(%rotation, error = error_line(&error), "drive ended early");
    }
}

async fn drive_claim(
    world: &World,
    targets: &Targets,
    claim: Claim,
    hold: &Arc<Hold>,
    stop: &CancellationToken,
) -> Result<(), DriveError> {
    let (rotation, lease, target) = (claim.rotation, claim.lease.clone(), claim.target.clone());
    let later = |pause| world.clock.now().saturating_add(pause).unwrap_or(Timestamp::MAX);
    let Some(target) = targets.get(&target) else {
        tracing::error!(%rotation, %target, "the target of an unfinished rotation is no longer configured: put it back, or abandon the rotation");
        let due = later(Worker::FAILURE_PAUSE);
        return Ok(world.journal.release(&lease, rotation, Some(due)).await?);
    };
    let permit: Arc<dyn Permit> = hold.clone();
    let mut drive = Drive::new(world, Arc::clone(target), claim, permit)?;
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
async fn keep_lease(world: &World, lease: &Lease, hold: &Hold) -> JournalError {
    let mut lease = lease.clone();
    let mut pause = world.settings.lease / 3;
    loop {
        world.clock.sleep(pause.min(hold.left())).await;
        if hold.is_over() {
            return JournalError::LeaseLost;
        }
        let asked_at = world.clock.elapsed();
        let renewed = tokio::select! {
            biased;
            renewed = world.journal.renew(&lease, world.settings.lease) => renewed,
            () = world.clock.sleep(hold.left()) => return JournalError::LeaseLost,
        };
        match renewed {
            Ok(renewed) => {
                if !hold.extend(asked_at) {
                    return JournalError::LeaseLost;
                }
                lease = renewed;
                pause = world.settings.lease / 3;
            }
            Err(error @ JournalError::LeaseLost) => return error,
            Err(error) => {
                tracing::warn!(error = error_line(&error), "lease not renewed yet");
                pause = world.settings.lease / 12;
            }
        }
    }
}

fn note_panic(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        // The lease runs out and the rotation is taken over, which counts as an attempt.
        tracing::error!(error = error_line(&error), "a drive panicked");
    }
}
