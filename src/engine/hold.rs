//! How long this process may act on a lease, by its own clock.
//!
//! The store refuses what a worker writes without its lease; a console does not. A process that was
//! stopped in the middle of a walk must not go on with it when it wakes up, because somebody else
//! has taken over. So a drive runs only as long as its lease lasts by a clock that nobody sets and
//! that goes on while the process stands still. Between two such looks a drive reads a page and makes
//! up its next request, and may be stopped meanwhile: the console asks once more, as a [`Permit`],
//! when the request leaves.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use crate::engine::drive::DriveError;
use crate::ports::clock::Clock;
use crate::ports::console::Permit;
use crate::ports::journal::JournalError;

/// The span in which a drive may act.
pub(in crate::engine) struct Hold {
    clock: Arc<dyn Clock>,
    span: Duration,
    /// As [`Clock::elapsed`] counts.
    until: Mutex<Duration>,
}

impl Hold {
    /// The hold of a lease for `ttl` that was asked for at `asked_at`. The store granted it later,
    /// so this side gives up first; and earlier by a sixth, for a request that is on its way.
    pub(in crate::engine) fn new(clock: Arc<dyn Clock>, asked_at: Duration, ttl: Duration) -> Self {
        let span = ttl / 6 * 5;
        Self { clock, span, until: Mutex::new(asked_at + span) }
    }

    /// The lease was renewed; that was asked for at `asked_at`. `false` where that came too late:
    /// once it is over it is over for good, because something may have been left undone by then.
    pub(in crate::engine) fn extend(&self, asked_at: Duration) -> bool {
        let mut until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        let lasts = self.clock.elapsed() < *until;
        if lasts {
            *until = asked_at + self.span;
        }
        lasts
    }

    /// How long it lasts from now.
    pub(in crate::engine) fn left(&self) -> Duration {
        let until = *self.until.lock().unwrap_or_else(PoisonError::into_inner);
        until.saturating_sub(self.clock.elapsed())
    }

    /// Does the work while the hold lasts. Past its end not a single step of it is run any more, so
    /// that it sends nothing: whatever it was waiting for, it is looked at before it goes on.
    pub(in crate::engine) async fn guard<T>(
        &self,
        work: impl Future<Output = Result<T, DriveError>>,
    ) -> Result<T, DriveError> {
        let mut work = pin!(work);
        poll_fn(|context| {
            if self.is_over() {
                return Poll::Ready(Err(JournalError::LeaseLost.into()));
            }
            work.as_mut().poll(context)
        })
        .await
    }
}

impl Permit for Hold {
    fn is_over(&self) -> bool {
        self.left().is_zero()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

    use async_trait::async_trait;
    use jiff::Timestamp;

    use super::*;
    use crate::domain::ids::RotationId;

    const TTL: Duration = Duration::from_secs(30);

    /// A clock of which only the hand counts that goes on while a process stands still.
    #[derive(Default)]
    struct Hand(AtomicU64);

    impl Hand {
        fn set(&self, seconds: u64) {
            self.0.store(seconds, Ordering::SeqCst);
        }
    }

    #[async_trait]
    impl Clock for Hand {
        fn now(&self) -> Timestamp {
            Timestamp::UNIX_EPOCH
        }

        fn elapsed(&self) -> Duration {
            Duration::from_secs(self.0.load(Ordering::SeqCst))
        }

        async fn sleep(&self, _: Duration) {
            std::future::pending::<()>().await;
        }

        fn rotation_id(&self) -> RotationId {
            RotationId(uuid::Uuid::nil())
        }

        fn chance(&self) -> f64 {
            0.0
        }
    }

    /// Walks ten steps, each of which takes so many seconds, and returns how many were begun.
    async fn walk(hold: &Hold, clock: &Hand, seconds: u64) -> (usize, bool) {
        let steps = AtomicUsize::new(0);
        let walked = hold
            .guard(async {
                for number in 1..=10 {
                    steps.fetch_add(1, Ordering::SeqCst);
                    clock.set(number * seconds);
                    tokio::task::yield_now().await;
                }
                Ok(())
            })
            .await;
        let is_lost = matches!(walked, Err(DriveError::Journal(JournalError::LeaseLost)));
        (steps.load(Ordering::SeqCst), is_lost)
    }

    #[tokio::test]
    async fn a_drive_that_wakes_up_past_its_lease_does_not_take_another_step() {
        let clock = Arc::new(Hand::default());
        let hold = Hold::new(clock.clone(), Duration::ZERO, TTL);
        assert_eq!(walk(&hold, &clock, 1).await, (10, false));
        clock.set(0);
        assert_eq!(walk(&hold, &clock, 9).await, (3, true), "25 seconds of 30");
    }

    #[tokio::test]
    async fn a_renewal_counts_from_when_it_was_asked_for() {
        let clock = Arc::new(Hand::default());
        let hold = Hold::new(clock.clone(), Duration::ZERO, TTL);
        clock.set(24);
        assert!(hold.extend(Duration::from_secs(20)));
        assert_eq!(hold.left(), Duration::from_secs(21));
        clock.set(45);
        assert!(hold.is_over());
    }

    #[tokio::test]
    async fn a_renewal_that_comes_too_late_revives_nothing() {
        let clock = Arc::new(Hand::default());
        let hold = Hold::new(clock.clone(), Duration::ZERO, TTL);
        clock.set(25);
        assert!(!hold.extend(Duration::from_secs(20)));
        assert!(hold.is_over());
    }
}
