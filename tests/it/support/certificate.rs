//! A server certificate for `localhost`, as files and as a root to trust.

use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use jiff::Timestamp;
use rcgen::{CertificateParams, KeyPair};
use reset_receiver::hooks::tls::TlsFiles;
use rustls::pki_types::CertificateDer;

pub(crate) struct Certificate {
    pub(crate) pem: String,
    pub(crate) key_pem: String,
    pub(crate) der: CertificateDer<'static>,
}

impl Certificate {
    pub(crate) fn for_localhost() -> Self {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        Self {
            pem: made.cert.pem(),
            key_pem: made.signing_key.serialize_pem(),
            der: made.cert.der().clone(),
        }
    }

    /// One that is valid from a time to another; whole seconds count.
    pub(crate) fn valid(from: Timestamp, to: Timestamp) -> Self {
        let at = |time: Timestamp| {
            (UNIX_EPOCH + Duration::from_secs(time.as_second().cast_unsigned())).into()
        };
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        (params.not_before, params.not_after) = (at(from), at(to));
        let key = KeyPair::generate().unwrap();
        let made = params.self_signed(&key).unwrap();
        Self { pem: made.pem(), key_pem: key.serialize_pem(), der: made.der().clone() }
    }

    pub(crate) fn files(directory: &Path) -> TlsFiles {
        TlsFiles { certificate: directory.join("tls.crt"), key: directory.join("tls.key") }
    }

    /// Writes both files where [`Self::files`] says.
    pub(crate) fn write(&self, directory: &Path) -> TlsFiles {
        let files = Self::files(directory);
        std::fs::write(&files.certificate, &self.pem).unwrap();
        std::fs::write(&files.key, &self.key_pem).unwrap();
        files
    }
}
