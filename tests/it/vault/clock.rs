//! A clock whose hands the test moves.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use reset_receiver::domain::ids::RotationId;
use reset_receiver::ports::clock::Clock;
use tokio::sync::watch;

struct Hands {
    now: Timestamp,
    /// When each sleeper wants to be woken.
    alarms: Vec<Timestamp>,
}

pub(crate) struct ManualClock(watch::Sender<Hands>);

impl ManualClock {
    pub(crate) fn new() -> Self {
        let now = "2026-11-23T12:00:00Z".parse().unwrap();
        Self(watch::Sender::new(Hands { now, alarms: Vec::new() }))
    }

    pub(crate) fn advance(&self, duration: Duration) {
        self.0.send_modify(|hands| hands.now += duration);
    }

    /// Waits until somebody sleeps to a moment that has not come yet, and returns how long that
    /// is off. Who was woken counts again only once it sleeps again.
    pub(crate) async fn asleep(&self) -> Duration {
        let mut hands = self.0.subscribe();
        let asleep = hands.wait_for(|hands| hands.alarms.iter().any(|&at| at > hands.now));
        let hands = tokio::time::timeout(Duration::from_secs(30), asleep)
            .await
            .expect("the task under test goes to sleep")
            .unwrap();
        let next = hands.alarms.iter().filter(|&&at| at > hands.now).min().unwrap();
        next.duration_since(hands.now).try_into().unwrap()
    }

    /// Waits until somebody sleeps for exactly so long.
    pub(crate) async fn asleep_for(&self, duration: Duration) {
        let mut hands = self.0.subscribe();
        let asleep = hands.wait_for(|hands| hands.alarms.contains(&(hands.now + duration)));
        let asleep = tokio::time::timeout(Duration::from_secs(30), asleep).await;
        assert!(asleep.is_ok(), "the task under test sleeps for {duration:?}");
    }
}

/// Takes an alarm back when the sleep ends or is given up.
struct Alarm<'a>(&'a ManualClock, Timestamp);

impl Drop for Alarm<'_> {
    fn drop(&mut self) {
        self.0.0.send_modify(|hands| {
            let index = hands.alarms.iter().position(|&at| at == self.1).unwrap();
            hands.alarms.remove(index);
        });
    }
}

#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        self.0.borrow().now
    }

    fn elapsed(&self) -> Duration {
        self.now().duration_since(Timestamp::UNIX_EPOCH).unsigned_abs()
    }

    async fn sleep(&self, duration: Duration) {
        let at = self.now() + duration;
        let mut hands = self.0.subscribe();
        self.0.send_modify(|hands| hands.alarms.push(at));
        let _alarm = Alarm(self, at);
        let rung = hands.wait_for(|hands| hands.now >= at).await;
        assert!(rung.is_ok(), "the clock outlives its sleepers");
    }

    fn rotation_id(&self) -> RotationId {
        unreachable!("the Vault adapter makes no rotations")
    }

    fn chance(&self) -> f64 {
        0.0
    }
}
