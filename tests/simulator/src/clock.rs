//! The only place that reads the machine's clock or waits.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;

/// The wall clock's time, for logs and second-factor codes.
#[expect(clippy::disallowed_methods, reason = "the simulator is a world of its own, with a clock")]
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}

/// Seconds since 1970, for second-factor codes.
pub(crate) fn unix_seconds() -> u64 {
    u64::try_from(now().as_second()).unwrap_or(0)
}

/// Waits; used for the network delay that a world asks for and by the background schedule.
#[expect(clippy::disallowed_methods, reason = "a simulated delay is a real wait")]
pub(crate) async fn wait(time: Duration) {
    tokio::time::sleep(time).await;
}

/// One order over everything that happens in a world: console requests and Salesforce logins.
#[derive(Debug, Clone, Default)]
pub(crate) struct Order(Arc<AtomicU64>);

impl Order {
    /// The next place in the order, from 1.
    pub(crate) fn next(&self) -> u64 {
        self.0.fetch_add(1, Ordering::SeqCst) + 1
    }
}
