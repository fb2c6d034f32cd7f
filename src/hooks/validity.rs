//! From when until when the listener's certificate is valid.

use jiff::Timestamp;
use rustls::pki_types::CertificateDer;
use x509_parser::prelude::{FromDer, X509Certificate};

/// When a certificate begins to be valid and when it ends; both ends count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    /// When it begins.
    pub not_before: Timestamp,
    /// When it ends.
    pub not_after: Timestamp,
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
}

/// RFC 5280 writes "never" as the last second of the year 9999, which is later than can be counted.
fn time(seconds: i64) -> Timestamp {
    let last = if seconds < 0 { Timestamp::MIN } else { Timestamp::MAX };
    Timestamp::from_second(seconds).unwrap_or(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_for_ever_is_valid() {
        let mut made = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        made.not_before = rcgen::date_time_ymd(2020, 1, 1);
        made.not_after = rcgen::date_time_ymd(9999, 12, 31);
        let made = made.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap();
        let validity = Validity::of(made.der()).unwrap();
        assert_eq!(validity.not_after, Timestamp::MAX);
    }

    #[test]
    fn what_is_no_certificate_has_no_validity() {
        assert_eq!(Validity::of(&CertificateDer::from(vec![0x30, 0x00])), None);
    }
}
