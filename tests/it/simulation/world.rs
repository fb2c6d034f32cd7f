//! What is really so in a simulated world, and what goes wrong in it.

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use jiff::Timestamp;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use reset_receiver::domain::target::Surface;
use reset_receiver::ports::clock::Clock;
use tokio::sync::Notify;

/// A password and a token, by number: the first pair is `(1, 1)`.
pub(crate) type Pair = (u32, u32);

/// What a surface really is.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) enabled: bool,
    pub(crate) was_enabled: bool,
    pub(crate) holds: Pair,
}

/// A version in Vault.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Version {
    pub(crate) number: u64,
    pub(crate) written_at: Timestamp,
    pub(crate) pair: Pair,
}

/// Everything that is so.
pub(crate) struct Facts {
    pub(crate) places: BTreeMap<Surface, Place>,
    pub(crate) vault: Vec<Version>,
    pub(crate) salesforce: Pair,
    pub(crate) faults: bool,
    /// The newest version that was ever written to a surface.
    pub(crate) newest_written: u64,
    /// The worker whose session is in the middle of a verb.
    pub(crate) driver: Option<usize>,
    pub(crate) story: Vec<String>,
    pub(crate) wrongs: Vec<String>,
    chance: StdRng,
}

/// A simulated world. Clones are the same one.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) clock: Arc<dyn Clock>,
    facts: Arc<Mutex<Facts>>,
    deaths: Arc<Vec<Notify>>,
}

/// What a call of a port meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Luck {
    Good,
    Refused,
    ReplyLost,
}

impl World {
    pub(crate) fn new(
        seed: u64,
        clock: Arc<dyn Clock>,
        places: BTreeMap<Surface, Place>,
        workers: usize,
    ) -> Self {
        let long_ago = clock.now() - Duration::from_hours(24 * 90);
        let facts = Facts {
            places,
            vault: vec![Version { number: 1, written_at: long_ago, pair: (1, 1) }],
            salesforce: (1, 1),
            faults: true,
            newest_written: 0,
            driver: None,
            story: Vec::new(),
            wrongs: Vec::new(),
            chance: StdRng::seed_from_u64(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)),
        };
        let deaths = Arc::new((0..workers).map(|_| Notify::new()).collect());
        Self { clock, facts: Arc::new(Mutex::new(facts)), deaths }
    }

    pub(crate) fn facts(&self) -> MutexGuard<'_, Facts> {
        self.facts.lock().unwrap()
    }

    pub(crate) fn say(&self, line: impl Into<String>) {
        let at = self.clock.now();
        self.facts().story.push(format!("{at}  {}", line.into()));
    }

    pub(crate) fn wrong(&self, line: impl Into<String>) {
        let line = line.into();
        self.say(format!("WRONG: {line}"));
        self.facts().wrongs.push(line);
    }

    /// A whole number below `bound`.
    pub(crate) fn below(&self, bound: u32) -> u32 {
        self.facts().chance.random_range(0..bound)
    }

    /// Whether something happens that happens once in so many times.
    pub(crate) fn once_in(&self, times: u32) -> bool {
        self.below(times) == 0
    }

    /// A wait of up to `most`.
    pub(crate) fn up_to(&self, most: Duration) -> Duration {
        let most = u32::try_from(most.as_millis()).unwrap();
        Duration::from_millis(u64::from(self.below(most + 1)))
    }

    /// Ends when this worker dies.
    pub(crate) async fn death(&self, worker: usize) {
        self.deaths[worker].notified().await;
    }

    /// What happens to a call before it has an effect: it takes a while, the worker may die.
    pub(crate) async fn before(&self, worker: usize, call: &str) -> Luck {
        let faults = self.facts().faults;
        let wait = if faults && self.once_in(60) { 20_000 } else { 200 };
        tokio::time::sleep(self.up_to(Duration::from_millis(wait))).await;
        if !faults {
            return Luck::Good;
        }
        if self.once_in(60) {
            self.say(format!("worker {worker} dies before {call}"));
            self.die(worker).await;
        }
        match self.below(25) {
            0 => Luck::Refused,
            1 => Luck::ReplyLost,
            _ => Luck::Good,
        }
    }

    /// What happens to a call after it had its effect.
    pub(crate) async fn after(&self, worker: usize, call: &str) {
        let faults = self.facts().faults;
        if faults && self.once_in(60) {
            self.say(format!("worker {worker} dies after {call}"));
            self.die(worker).await;
        }
    }

    async fn die(&self, worker: usize) {
        self.deaths[worker].notify_one();
        pending::<()>().await;
    }
}
