//! Simulated time: the runtime's own paused clock, which jumps to the next thing that is due.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use reset_receiver::domain::ids::RotationId;
use reset_receiver::ports::clock::Clock;
use tokio::time::Instant;

use crate::simulation::world::World;

/// The clock of one simulated world.
pub(crate) struct SimulatedClock {
    began: Instant,
    chance: Mutex<StdRng>,
    ids: AtomicU64,
}

impl SimulatedClock {
    pub(crate) fn new(seed: u64) -> Self {
        let chance = Mutex::new(StdRng::seed_from_u64(seed));
        Self { began: Instant::now(), chance, ids: AtomicU64::new(1) }
    }
}

#[async_trait]
impl Clock for SimulatedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(1_800_000_000).unwrap() + self.began.elapsed()
    }

    fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }

    fn rotation_id(&self) -> RotationId {
        let number = self.ids.fetch_add(1, Ordering::Relaxed);
        RotationId(uuid::Uuid::from_u128(u128::from(number)))
    }

    fn chance(&self) -> f64 {
        self.chance.lock().unwrap().random()
    }
}

/// The clock on the machine of one worker: it is set wrong, and its timers do not go off while the
/// worker stands still.
pub(crate) struct WorkersClock {
    pub(crate) world: World,
    pub(crate) worker: usize,
}

#[async_trait]
impl Clock for WorkersClock {
    fn now(&self) -> Timestamp {
        self.world.time_by(self.world.skew.workers[self.worker])
    }

    fn elapsed(&self) -> Duration {
        self.world.clock.elapsed()
    }

    async fn sleep(&self, duration: Duration) {
        self.world.clock.sleep(duration).await;
        self.world.thawed(self.worker).await;
    }

    fn rotation_id(&self) -> RotationId {
        self.world.clock.rotation_id()
    }

    fn chance(&self) -> f64 {
        self.world.clock.chance()
    }
}
