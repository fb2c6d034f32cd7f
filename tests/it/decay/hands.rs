//! A clock whose hands a test moves, and an installation that lives in its time.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use reset_receiver::clock::SystemClock;
use reset_receiver::config::Config;
use reset_receiver::domain::ids::RotationId;
use reset_receiver::domain::phase::Phase;
use reset_receiver::engine::console_login::ConsoleLogins;
use reset_receiver::engine::intake::Intake;
use reset_receiver::engine::worker::Tick;
use reset_receiver::ports::clock::Clock;
use tokio::sync::{Notify, watch};

use crate::support::hand::{Hand, now};
use crate::support::town::Town;

/// What the hands show: the time of the day, which may be set, and the time that has passed.
#[derive(Clone, Copy)]
struct Face {
    now: Timestamp,
    elapsed: Duration,
}

/// Time stands still until a test moves it.
pub(crate) struct Hands(watch::Sender<Face>);

impl Hands {
    /// A clock that stands at the time at which Vault and Salesforce begin.
    pub(crate) fn new() -> Arc<Self> {
        let face = Face { now: now(), elapsed: Duration::from_hours(1) };
        Arc::new(Self(watch::Sender::new(face)))
    }

    /// Time passes.
    pub(crate) fn pass(&self, span: Duration) {
        self.0.send_modify(|face| {
            face.now += span;
            face.elapsed += span;
        });
    }

    /// Somebody sets the clock; no time passes.
    pub(crate) fn set(&self, to: Timestamp) {
        self.0.send_modify(|face| face.now = to);
    }
}

#[async_trait]
impl Clock for Hands {
    fn now(&self) -> Timestamp {
        self.0.borrow().now
    }

    fn elapsed(&self) -> Duration {
        self.0.borrow().elapsed
    }

    async fn sleep(&self, duration: Duration) {
        let end = self.elapsed() + duration;
        let woken = self.0.subscribe().wait_for(|face| face.elapsed >= end).await.map(drop);
        assert!(woken.is_ok(), "the clock outlives its sleepers");
    }

    fn rotation_id(&self) -> RotationId {
        SystemClock.rotation_id()
    }

    fn chance(&self) -> f64 {
        0.5
    }
}

/// The waits as they are shipped: the towns of other tests are in a hurry.
pub(crate) fn unhurried(config: &str) -> String {
    let is_wait = |line: &&str| {
        let key = line.split(" = ").next().unwrap_or_default();
        key == "lease" || key.ends_with("_first") || key.ends_with("_cap")
    };
    let kept: Vec<&str> = config.lines().filter(|line| !is_wait(line)).collect();
    kept.join("\n")
}

/// An installation over the town's file that lives in this clock's time.
pub(crate) async fn installed(town: &Town, config: &str, clock: &Arc<Hands>) -> Hand {
    let parsed = Config::parse(config, []).unwrap();
    let clock: Arc<dyn Clock> = clock.clone();
    let journal = town.journal_by(Arc::clone(&clock)).await;
    let hand = Hand::configured(config).await;
    let mut hand = hand.in_world(|world| {
        let logins = parsed.consoles.iter().map(|it| (it.name.clone(), it.login.clone()));
        let logins = ConsoleLogins::new(
            Arc::clone(&world.secrets),
            Arc::clone(&clock),
            logins.collect(),
            parsed.rotation.console_login_age,
        );
        world.logins = Arc::new(logins);
        world.journal = Arc::clone(&journal);
        world.clock = Arc::clone(&clock);
    });
    let targets = Arc::clone(&hand.plant.targets);
    hand.plant.intake = Intake::new(journal, clock, targets, Arc::new(Notify::new()));
    hand.plant.world.logins.prefetch().await;
    hand
}

/// Lets time pass and drives what becomes due, as the worker's loop does; returns how often
/// something was driven.
pub(crate) async fn live(hand: &Hand, clock: &Hands, span: Duration) -> u32 {
    let end = clock.elapsed() + span;
    let mut turns = 0;
    while clock.elapsed() < end {
        while hand.turn().await == Tick::Drove {
            turns += 1;
        }
        let due = hand.plant.world.journal.next_due().await.unwrap();
        let wait = due.map_or(LOOK, |due| {
            Duration::try_from(due.duration_since(clock.now())).unwrap_or_default()
        });
        clock.pass(wait.clamp(Duration::from_millis(50), LOOK));
    }
    turns
}

/// The worker looks for work this often in any case.
const LOOK: Duration = Duration::from_secs(15);

/// Lives until the rotation is in a phase; it has this long.
pub(crate) async fn live_until(
    hand: &Hand,
    clock: &Hands,
    (rotation, phase): (RotationId, Phase),
    most: Duration,
) {
    let end = clock.elapsed() + most;
    while hand.phase(rotation).await != phase {
        let says = hand.says(rotation).await;
        assert!(clock.elapsed() < end, "not {phase} in {most:?}:\n{}", says.join("\n"));
        live(hand, clock, Duration::from_millis(50)).await;
    }
}
