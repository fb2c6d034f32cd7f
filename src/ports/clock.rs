//! Time and chance, as parameters.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::domain::ids::RotationId;

/// The only source of time, waiting, ids and randomness.
#[async_trait]
pub trait Clock: Send + Sync {
    /// The time now.
    fn now(&self) -> Timestamp;

    /// The time since some moment before the start. Nobody sets this clock, and it goes on while the
    /// process stands still.
    fn elapsed(&self) -> Duration;

    /// Waits; a manual clock returns when its hands have been moved that far.
    async fn sleep(&self, duration: Duration);

    /// A new rotation id, later than every one before it.
    fn rotation_id(&self) -> RotationId;

    /// A number in `[0, 1)`, to spread retries.
    fn chance(&self) -> f64;
}
