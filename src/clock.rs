//! The system's time, waiting, ids and randomness: the one place that may ask for them.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use jiff::Timestamp;
use uuid::Uuid;

use crate::domain::ids::RotationId;
use crate::ports::clock::Clock;

/// The clock of the machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock that everybody else is given")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    #[expect(clippy::disallowed_methods, reason = "this is the clock that everybody else is given")]
    fn elapsed(&self) -> Duration {
        static BEGINNING: OnceLock<Instant> = OnceLock::new();
        BEGINNING.get_or_init(Instant::now).elapsed()
    }

    #[expect(clippy::disallowed_methods, reason = "this is the clock that everybody else is given")]
    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }

    // Ids of one process grow even within a millisecond and when the machine's time is set back:
    // they share a counter (RFC 9562, section 6.2).
    #[expect(clippy::disallowed_methods, reason = "this is the clock that everybody else is given")]
    fn rotation_id(&self) -> RotationId {
        RotationId(Uuid::now_v7())
    }

    fn chance(&self) -> f64 {
        rand::random()
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn ids_grow_however_fast_they_are_taken() {
        let ids: Vec<RotationId> = (0..10_000).map(|_| SystemClock.rotation_id()).collect();
        assert!(ids.is_sorted_by(|earlier, later| earlier < later));
    }

    #[test]
    fn ids_of_several_threads_are_all_different_and_grow_within_each() {
        let take = || (0..2_000).map(|_| SystemClock.rotation_id()).collect::<Vec<_>>();
        let threads: Vec<_> = (0..4).map(|_| thread::spawn(take)).collect();
        let mut all = Vec::new();
        for thread in threads {
            let ids = thread.join().unwrap();
            assert!(ids.is_sorted());
            all.extend(ids);
        }
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 8_000);
    }

    #[test]
    fn an_id_tells_the_time_at_which_it_was_taken() {
        let before = SystemClock.now().as_millisecond();
        let id = SystemClock.rotation_id();
        let after = SystemClock.now().as_millisecond();
        let (seconds, nanoseconds) = id.0.get_timestamp().unwrap().to_unix();
        let taken = i64::try_from(seconds).unwrap() * 1000 + i64::from(nanoseconds / 1_000_000);
        // Ids that were taken faster than time went may lead it by a little.
        assert!((before..=after + 1_000).contains(&taken), "{before} {taken} {after}");
    }

    #[test]
    fn chance_is_a_number_from_0_to_below_1_and_varies() {
        let chances: Vec<f64> = (0..1_000).map(|_| SystemClock.chance()).collect();
        assert!(chances.iter().all(|chance| (0.0..1.0).contains(chance)));
        assert!(chances.iter().any(|chance| *chance < 0.5));
        assert!(chances.iter().any(|chance| *chance >= 0.5));
    }
}
