//! How long to wait before the same step is tried again.

use std::time::Duration;

/// Exponential backoff with a cap and jitter. It cannot be built wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    first: Duration,
    cap: Duration,
}

/// A backoff whose first wait is zero or longer than its cap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the first wait must be longer than nothing and no longer than the cap")]
pub struct InvalidBackoff;

impl Backoff {
    /// A backoff that waits `first`, then twice as long each time, up to `cap`.
    pub fn new(first: Duration, cap: Duration) -> Result<Self, InvalidBackoff> {
        if first.is_zero() || first > cap {
            return Err(InvalidBackoff);
        }
        Ok(Self { first, cap })
    }

    /// The wait after `attempts` failed tries, without jitter. The first failure is attempt 1.
    pub fn base(self, attempts: u32) -> Duration {
        let doublings = attempts.saturating_sub(1).min(31);
        self.first.saturating_mul(1_u32 << doublings).min(self.cap)
    }

    /// The wait with jitter: between half of the base and all of it, by `chance` in `[0, 1)`.
    pub fn wait(self, attempts: u32, chance: f64) -> Duration {
        self.base(attempts).mul_f64(0.5 + 0.5 * chance.clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn it_doubles_up_to_the_cap_and_never_overflows() {
        let backoff = Backoff::new(SECOND, 60 * SECOND).unwrap();
        let bases: Vec<u64> = (0..9).map(|n| backoff.base(n).as_secs()).collect();
        assert_eq!(bases, [1, 1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(backoff.base(u32::MAX), 60 * SECOND);
    }

    #[test]
    fn jitter_stays_between_half_and_all_of_the_base() {
        let backoff = Backoff::new(SECOND, 60 * SECOND).unwrap();
        assert_eq!(backoff.wait(3, 0.0), 2 * SECOND);
        assert_eq!(backoff.wait(3, 1.0), 4 * SECOND);
    }

    #[test]
    fn it_cannot_be_built_wrong() {
        assert!(Backoff::new(Duration::ZERO, SECOND).is_err());
        assert!(Backoff::new(2 * SECOND, SECOND).is_err());
        assert!(Backoff::new(SECOND, SECOND).is_ok());
    }
}
