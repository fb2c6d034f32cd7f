//! A clock whose hands the test moves; its ids and its chance come from a seed.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use reset_receiver::domain::ids::RotationId;
use reset_receiver::ports::clock::Clock;
use tokio::sync::watch;

/// Time stands still until a test moves it.
pub(crate) struct ManualClock {
    now: watch::Sender<Timestamp>,
    fate: Mutex<Fate>,
}

/// What is drawn, in order.
struct Fate {
    rng: StdRng,
    minted: u32,
}

impl ManualClock {
    /// A clock that stands at a morning in March, 2026.
    pub(crate) fn seeded(seed: u64) -> Self {
        let now = "2026-03-02T08:00:00Z".parse().unwrap();
        let fate = Fate { rng: StdRng::seed_from_u64(seed), minted: 0 };
        Self { now: watch::Sender::new(now), fate: Mutex::new(fate) }
    }

    /// Moves the hands, and wakes who has slept long enough.
    pub(crate) fn advance(&self, duration: Duration) {
        self.now.send_modify(|now| *now += duration);
    }

    fn draw<T>(&self, draw: impl FnOnce(&mut Fate) -> T) -> T {
        draw(&mut self.fate.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.now.borrow()
    }

    fn elapsed(&self) -> Duration {
        self.now().duration_since(Timestamp::UNIX_EPOCH).unsigned_abs()
    }

    async fn sleep(&self, duration: Duration) {
        let end = self.now() + duration;
        let woken = self.now.subscribe().wait_for(|now| *now >= end).await.map(drop);
        assert!(woken.is_ok(), "the clock outlives its sleepers");
    }

    fn rotation_id(&self) -> RotationId {
        let ms = u64::try_from(self.now().as_millisecond()).unwrap();
        self.draw(|fate| {
            fate.minted += 1;
            // The count stands before the chance, so that ids of one millisecond sort as well.
            let mut tail = [0; 10];
            tail[3..7].copy_from_slice(&fate.minted.to_be_bytes());
            tail[7..].copy_from_slice(&fate.rng.random::<[u8; 3]>());
            RotationId(uuid::Builder::from_unix_timestamp_millis(ms, &tail).into_uuid())
        })
    }

    fn chance(&self) -> f64 {
        self.draw(|fate| fate.rng.random())
    }
}

#[tokio::test]
async fn a_sleeper_wakes_when_the_hands_have_moved_far_enough() {
    let clock = ManualClock::seeded(1);
    let mut sleep = clock.sleep(Duration::from_secs(3));
    for _ in 0..2 {
        assert!(!is_ready(&mut sleep).await);
        clock.advance(Duration::from_secs(1));
    }
    assert!(!is_ready(&mut sleep).await);
    clock.advance(Duration::from_secs(1));
    assert!(is_ready(&mut sleep).await);
}

async fn is_ready(future: &mut (impl Future<Output = ()> + Unpin)) -> bool {
    std::future::poll_fn(|context| {
        std::task::Poll::Ready(std::pin::Pin::new(&mut *future).poll(context).is_ready())
    })
    .await
}

#[test]
fn ids_of_one_moment_sort_and_repeat_with_the_seed() {
    let ids = |seed| {
        let clock = ManualClock::seeded(seed);
        (0..1_000).map(|_| clock.rotation_id()).collect::<Vec<_>>()
    };
    assert!(ids(1).is_sorted());
    assert_eq!(ids(1), ids(1));
    assert_ne!(ids(1), ids(2));
}
