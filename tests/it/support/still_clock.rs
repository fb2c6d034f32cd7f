//! A clock that stands still until the test sets it.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use reset_receiver::domain::ids::RotationId;
use reset_receiver::ports::clock::Clock;

pub(crate) struct StillClock {
    now: Mutex<Timestamp>,
    ids: AtomicU64,
}

impl StillClock {
    pub(crate) fn at(now: &str) -> Self {
        Self { now: Mutex::new(now.parse().unwrap()), ids: AtomicU64::new(1) }
    }
}

#[async_trait]
impl Clock for StillClock {
    fn now(&self) -> Timestamp {
        *self.now.lock().unwrap()
    }

    async fn sleep(&self, duration: Duration) {
        let mut now = self.now.lock().unwrap();
        *now += duration;
    }

    fn rotation_id(&self) -> RotationId {
        let number = self.ids.fetch_add(1, Ordering::Relaxed);
        let milliseconds = u64::try_from(self.now().as_millisecond()).unwrap();
        let mut random = [0; 10];
        random[2..].copy_from_slice(&number.to_be_bytes());
        RotationId(uuid::Builder::from_unix_timestamp_millis(milliseconds, &random).into_uuid())
    }

    fn chance(&self) -> f64 {
        0.0
    }
}
