//! What is really so in a simulated world, and what goes wrong in it.

use std::collections::{BTreeMap, BTreeSet};
use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
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
    /// A worker enabled it with a pair that was dead already.
    pub(crate) bleeds: bool,
}

/// A version in Vault.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Version {
    pub(crate) number: u64,
    /// By the world's clock.
    pub(crate) written: Timestamp,
    /// By Vault's.
    pub(crate) written_at: Timestamp,
    pub(crate) pair: Pair,
}

/// The latest reset that a sender told of, and when it really was.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Told {
    pub(crate) reset: u32,
    pub(crate) at: Timestamp,
}

/// Everything that is so.
pub(crate) struct Facts {
    pub(crate) places: BTreeMap<Surface, Place>,
    pub(crate) vault: Vec<Version>,
    pub(crate) salesforce: Pair,
    pub(crate) faults: bool,
    /// The newest version that was ever written to a surface.
    pub(crate) newest_written: u64,
    /// The worker that claimed the account last: nobody else may touch it any more.
    pub(crate) holder: Option<usize>,
    pub(crate) told: Told,
    /// The version that the rotation has chosen.
    pub(crate) chosen: u64,
    /// The latest reset that was told of when a version was chosen first.
    pub(crate) chosen_for: BTreeMap<u64, u32>,
    /// The pair that the last completed rotation wrote.
    pub(crate) applied: Option<Pair>,
    /// Versions that a login refused.
    pub(crate) refused: BTreeSet<u64>,
    /// The version whose update was written down last.
    pub(crate) updating: u64,
    /// The version whose proving login was written down last, and those that were made.
    pub(crate) proving: u64,
    pub(crate) proofs: BTreeSet<u64>,
    /// Logins that Salesforce refused because of what the workers did, since the latest reset.
    pub(crate) failed_logins: u32,
    /// The events that senders were told to be safe.
    pub(crate) acknowledged: BTreeSet<String>,
    /// The console login that the console takes, and the one in Vault.
    pub(crate) console_takes: u64,
    pub(crate) console_in_vault: u64,
    /// How often each console login was refused.
    pub(crate) console_refused: BTreeMap<u64, u32>,
    /// Workers that stand still, and until when.
    frozen: Vec<Timestamp>,
    story: Vec<(Timestamp, String)>,
    pub(crate) wrongs: Vec<String>,
    chance: StdRng,
}

/// How far the clocks of a world are from the truth, in milliseconds.
pub(crate) struct Skew {
    pub(crate) vault: i64,
    pub(crate) sender: i64,
    pub(crate) workers: Vec<i64>,
}

/// A simulated world. Clones are the same one.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) seed: u64,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) skew: Arc<Skew>,
    facts: Arc<Mutex<Facts>>,
    deaths: Arc<Vec<Notify>>,
    is_told: bool,
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
        is_told: bool,
    ) -> Self {
        let now = clock.now();
        let long_ago = now - Duration::from_hours(24 * 90);
        let mut chance = StdRng::seed_from_u64(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let most = if Self::is_skewed_by(seed) { 20_000 } else { 0 };
        let mut skew = || chance.random_range(-most..=most);
        let (vault, sender) = (skew(), skew());
        let skew = Skew { vault, sender, workers: (0..workers).map(|_| skew()).collect() };
        let first = Version { number: 1, written: long_ago, written_at: long_ago, pair: (1, 1) };
        let facts = Facts {
            places,
            vault: vec![first],
            salesforce: (1, 1),
            faults: true,
            newest_written: 0,
            holder: None,
            told: Told { reset: 1, at: long_ago },
            chosen: 0,
            chosen_for: BTreeMap::new(),
            applied: None,
            refused: BTreeSet::new(),
            updating: 0,
            proving: 0,
            proofs: BTreeSet::new(),
            failed_logins: 0,
            acknowledged: BTreeSet::new(),
            console_takes: 1,
            console_in_vault: 1,
            console_refused: BTreeMap::new(),
            frozen: vec![now; workers],
            story: Vec::new(),
            wrongs: Vec::new(),
            chance,
        };
        let deaths = Arc::new((0..workers).map(|_| Notify::new()).collect());
        let facts = Arc::new(Mutex::new(facts));
        Self { seed, clock, skew: Arc::new(skew), facts, deaths, is_told }
    }

    fn is_skewed_by(seed: u64) -> bool {
        (seed / 3).is_multiple_of(3)
    }

    /// Whether the clocks of this world differ.
    pub(crate) fn is_skewed(&self) -> bool {
        Self::is_skewed_by(self.seed)
    }

    /// Whether secrets are proved at Salesforce in this world.
    pub(crate) fn proves(&self) -> bool {
        (self.seed / 2).is_multiple_of(2)
    }

    /// Whether the console login is changed in this world, so that a person is needed.
    pub(crate) fn changes_console_login(&self) -> bool {
        self.seed % 5 == 4
    }

    /// Whether Vault tells of writes in this world. Not where clocks differ: a secret that is told
    /// of before its reset, and seems older than it, is taken for an earlier one, and a person is
    /// needed to use it.
    pub(crate) fn announces(&self) -> bool {
        self.seed % 7 < 2 && !self.is_skewed()
    }

    pub(crate) fn facts(&self) -> MutexGuard<'_, Facts> {
        self.facts.lock().unwrap()
    }

    /// Adds a line to the story, if somebody wants to read it.
    pub(crate) fn say(&self, line: impl FnOnce() -> String) {
        if self.is_told {
            let (at, line) = (self.clock.now(), line());
            self.facts().story.push((at, line));
        }
    }

    pub(crate) fn wrong(&self, line: String) {
        self.say(|| format!("WRONG: {line}"));
        self.facts().wrongs.push(line);
    }

    /// Everything that happened, a line each.
    pub(crate) fn story(&self) -> String {
        let line = |(at, line): &(Timestamp, String)| format!("{at:.3}  {line}");
        self.facts().story.iter().map(line).collect::<Vec<_>>().join("\n")
    }

    /// The time by a clock that differs so many milliseconds.
    pub(crate) fn time_by(&self, skew: i64) -> Timestamp {
        self.clock.now() + SignedDuration::from_millis(skew)
    }

    /// A whole number below `bound`.
    pub(crate) fn below(&self, bound: u32) -> u32 {
        self.facts().chance.random_range(0..bound)
    }

    /// Whether something happens that happens once in so many times.
    pub(crate) fn once_in(&self, times: u32) -> bool {
        self.below(times) == 0
    }

    /// Whether something goes wrong that goes wrong once in so many times, while anything does.
    pub(crate) fn fault_once_in(&self, times: u32) -> bool {
        let is_possible = self.facts().faults;
        is_possible && self.once_in(times)
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

    /// What happens to a call before it has an effect: it takes a while, the worker may die or
    /// stand still.
    pub(crate) async fn before(&self, worker: usize, call: &str) -> Luck {
        let wait = if self.fault_once_in(60) { 20_000 } else { 200 };
        tokio::time::sleep(self.up_to(Duration::from_millis(wait))).await;
        self.interrupt(worker, "before", call, 60).await;
        if !self.facts().faults {
            return Luck::Good;
        }
        match self.below(25) {
            0 => Luck::Refused,
            1 => Luck::ReplyLost,
            _ => Luck::Good,
        }
    }

    /// What happens to a call after it had its effect.
    pub(crate) async fn after(&self, worker: usize, call: &str) {
        self.interrupt(worker, "after", call, 60).await;
    }

    /// The worker dies once in so many times, and stands still about as often.
    pub(crate) async fn interrupt(&self, worker: usize, when: &str, call: &str, times: u32) {
        if self.fault_once_in(times) {
            self.say(|| format!("worker {worker} dies {when} {call}"));
            self.deaths[worker].notify_one();
            pending::<()>().await;
        }
        if self.fault_once_in(times) {
            let pause = Duration::from_secs(5) + self.up_to(Duration::from_secs(90));
            self.say(|| format!("worker {worker} stands still {when} {call}, for {pause:?}"));
            let until = self.clock.now() + pause;
            self.facts().frozen[worker] = until;
        }
        self.thawed(worker).await;
    }

    /// Ends when this worker does not stand still, as a stopped process hears of nothing.
    pub(crate) async fn thawed(&self, worker: usize) {
        loop {
            let until = self.facts().frozen[worker];
            let left = until.duration_since(self.clock.now());
            if !left.is_positive() {
                return;
            }
            tokio::time::sleep(left.unsigned_abs()).await;
        }
    }
}
