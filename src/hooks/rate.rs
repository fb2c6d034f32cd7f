//! How often one address may send to one source.

use std::net::IpAddr;
use std::time::Duration;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::hooks::peer::Peer;
use crate::senders::source::Rate;

/// The buckets of one source. They are counted per address, because they are asked before
/// anything is authenticated: a stranger must not use up what a sender needs.
#[derive(Debug)]
pub(super) struct Limiter(DefaultKeyedRateLimiter<Peer>);

impl Limiter {
    /// So many addresses are remembered before those are forgotten whose bucket is full again.
    const REMEMBERED: usize = 4096;

    pub(super) fn new(rate: Rate) -> Self {
        let quota = Quota::per_minute(rate.per_minute).allow_burst(rate.burst);
        Self(RateLimiter::keyed(quota))
    }

    /// Takes one request; where it is one too many, says after how long the next one is not.
    pub(super) fn take(&self, address: IpAddr) -> Result<(), Duration> {
        if self.0.len() > Self::REMEMBERED {
            self.0.retain_recent();
        }
        let denied =
            |until: governor::NotUntil<_>| until.wait_time_from(DefaultClock::default().now());
        self.0.check_key(&Peer::of(address)).map_err(denied)
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    #[test]
    fn each_address_has_its_own_burst() {
        let number = |n| NonZeroU32::new(n).unwrap();
        let limiter = Limiter::new(Rate { burst: number(2), per_minute: number(1) });
        let (one, other) = ([192, 0, 2, 1].into(), [192, 0, 2, 2].into());
        assert_eq!((limiter.take(one), limiter.take(one)), (Ok(()), Ok(())));
        let wait = limiter.take(one).unwrap_err();
        assert!(wait > Duration::from_secs(50) && wait <= Duration::from_mins(1), "{wait:?}");
        assert_eq!(limiter.take(other), Ok(()));
    }
}
