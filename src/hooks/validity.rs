//! From when until when the listener's certificate is valid.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;
use rustls::pki_types::CertificateDer;
use x509_parser::prelude::{FromDer, X509Certificate};

/// Below this much time left a person should hear of it: a renewal by itself, which comes earlier
/// as a rule, has failed.
const SOON: Duration = Duration::from_hours(14 * 24);

/// When a certificate begins to be valid and when it ends; both ends count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    /// When it begins.
    pub not_before: Timestamp,
    /// When it ends.
    pub not_after: Timestamp,
}

/// How a certificate stands at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It is not valid before that time.
    NotYet(Timestamp),
    /// It is valid until that time.
    Valid(Timestamp),
    /// It is valid until that time, which is less than 14 days away.
    EndsSoon(Timestamp),
    /// It has expired at that time.
    Expired(Timestamp),
}

impl Validity {
    /// Reads it from a certificate; `None` where that is none.
    pub(super) fn of(certificate: &CertificateDer<'_>) -> Option<Self> {
        let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
        let validity = parsed.validity();
        Some(Self {
            not_before: time(validity.not_before.timestamp()),
            not_after: time(validity.not_after.timestamp()),
        })
    }

    /// How it stands at this moment.
    pub fn standing(&self, now: Timestamp) -> Standing {
        if now < self.not_before {
            Standing::NotYet(self.not_before)
        } else if now > self.not_after {
            Standing::Expired(self.not_after)
        } else if self.not_after.duration_since(now).unsigned_abs() < SOON {
            Standing::EndsSoon(self.not_after)
        } else {
            Standing::Valid(self.not_after)
        }
    }
}

impl Standing {
    /// Says on the log what is wrong with it, if anything is.
    pub fn warn(&self) {
        if !matches!(self, Self::Valid(_)) {
            tracing::warn!(certificate = %self, "the certificate of the hooks needs a person");
        }
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotYet(from) => write!(
                f,
                "not valid before {}: no sender can deliver; look at the clock, or issue another",
                day(*from)
            ),
            Self::Valid(until) => write!(f, "valid until {}", day(*until)),
            Self::EndsSoon(until) => {
                write!(f, "valid until {}: it has to be renewed in time", day(*until))
            }
            Self::Expired(at) => {
                write!(f, "expired on {}: no sender can deliver; renew it", day(*at))
            }
        }
    }
}

fn day(at: Timestamp) -> Date {
    Offset::UTC.to_datetime(at).date()
}

/// RFC 5280 writes "never" as the last second of the year 9999, which is later than can be counted.
fn time(seconds: i64) -> Timestamp {
    let last = if seconds < 0 { Timestamp::MIN } else { Timestamp::MAX };
    Timestamp::from_second(seconds).unwrap_or(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn both_ends_count_and_fourteen_days_are_soon() {
        let (not_before, not_after) = (at("2026-01-01T00:00:00Z"), at("2026-04-01T00:00:00Z"));
        let validity = Validity { not_before, not_after };
        for (now, standing, says) in [
            ("2025-12-31T23:59:59Z", Standing::NotYet(not_before), "not valid before 2026-01-01"),
            ("2026-01-01T00:00:00Z", Standing::Valid(not_after), "valid until 2026-04-01"),
            ("2026-03-18T00:00:00Z", Standing::Valid(not_after), "valid until 2026-04-01"),
            ("2026-03-18T00:00:01Z", Standing::EndsSoon(not_after), "valid until 2026-04-01"),
            ("2026-04-01T00:00:00Z", Standing::EndsSoon(not_after), "valid until 2026-04-01"),
            ("2026-04-01T00:00:01Z", Standing::Expired(not_after), "expired on 2026-04-01"),
        ] {
            let found = validity.standing(at(now));
            assert_eq!(found, standing, "{now}");
            assert!(found.to_string().starts_with(says), "{found}");
        }
    }

    #[test]
    fn a_certificate_for_ever_is_valid() {
        let mut made = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        made.not_before = rcgen::date_time_ymd(2020, 1, 1);
        made.not_after = rcgen::date_time_ymd(9999, 12, 31);
        let made = made.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap();
        let validity = Validity::of(made.der()).unwrap();
        assert_eq!(validity.not_after, Timestamp::MAX);
        let standing = validity.standing(at("2026-01-01T00:00:00Z"));
        assert_eq!(standing.to_string(), "valid until 9999-12-30");
    }

    #[test]
    fn what_is_no_certificate_has_no_validity() {
        assert_eq!(Validity::of(&CertificateDer::from(vec![0x30, 0x00])), None);
    }
}
