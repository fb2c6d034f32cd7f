//! Forgets what is over and old, from time to time.

use std::time::Duration;

use crate::domain::fault::error_line;
use crate::domain::retention::Retention;
use crate::engine::drive::World;
use crate::ports::journal::{JournalError, Pruned};

/// How often there is a look at what is old.
const PERIOD: Duration = Duration::from_hours(6);
/// At most so many batches at one look; the rest waits for the next.
const BATCHES_MAX: u32 = 1_000;

/// Forgets what is older than the retention, now and then again, until it is dropped.
pub async fn keep(world: &World, retention: Retention) {
    loop {
        match forget(world, retention).await {
            Ok(pruned) if pruned == Pruned::default() => {}
            Ok(Pruned { events, rotations }) => {
                tracing::info!(events, rotations, "forgot what is over and old");
            }
            Err(error) => {
                tracing::warn!(error = error_line(&error), "what is old is not forgotten yet");
            }
        }
        world.clock.sleep(PERIOD).await;
    }
}

async fn forget(world: &World, retention: Retention) -> Result<Pruned, JournalError> {
    let mut all = Pruned::default();
    for _ in 0..BATCHES_MAX {
        let batch = world.journal.prune(retention).await?;
        if batch == Pruned::default() {
            break;
        }
        all.events += batch.events;
        all.rotations += batch.rotations;
    }
    Ok(all)
}
