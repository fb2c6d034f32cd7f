//! How long what is over is remembered.

use std::time::Duration;

use jiff::Timestamp;

/// The age at which finished rotations, their journals and their events are forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention(Duration);

impl Retention {
    /// Events are kept for at least this long, whatever is configured: a sender that got no answer
    /// delivers again for hours or days, and its event has to be recognised.
    pub const EVENTS_MIN: Duration = Duration::from_hours(7 * 24);

    /// Forgets at this age.
    pub const fn new(age: Duration) -> Self {
        Self(age)
    }

    /// Rotations that ended before this are forgotten.
    pub fn rotations_before(self, now: Timestamp) -> Timestamp {
        before(now, self.0)
    }

    /// Events that were received before this are forgotten.
    pub fn events_before(self, now: Timestamp) -> Timestamp {
        before(now, self.0.max(Self::EVENTS_MIN))
    }
}

fn before(now: Timestamp, age: Duration) -> Timestamp {
    now.saturating_sub(age).unwrap_or(Timestamp::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_outlive_a_short_retention() {
        let now: Timestamp = "2026-03-20T00:00:00Z".parse().unwrap();
        let day = Retention::new(Duration::from_hours(24));
        assert_eq!(day.rotations_before(now).to_string(), "2026-03-19T00:00:00Z");
        assert_eq!(day.events_before(now).to_string(), "2026-03-13T00:00:00Z");
        let month = Retention::new(Duration::from_hours(30 * 24));
        assert_eq!(month.events_before(now), month.rotations_before(now));
    }
}
