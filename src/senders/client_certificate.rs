//! A certificate that a sender showed in the TLS handshake, and read from a file for pinning.
//!
//! The handshake has proven that the sender holds the certificate's key, and nothing else: whom it
//! was issued to, by whom and for how long is each source's own question.

use std::fmt;

use jiff::Timestamp;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::domain::pin::Pin;

/// The common name of the certificate that Salesforce shows unless an organisation chose its own:
/// one for all its customers.
const SHARED_BY_SALESFORCE: &str = "proxy.salesforce.com";

/// Why bytes are not a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UnreadableCertificate {
    /// No certificate at all.
    #[error("there is no certificate: it begins with -----BEGIN CERTIFICATE-----")]
    Missing,
    /// Something that is none.
    #[error("what stands there is not an X.509 certificate")]
    Form,
}

/// A certificate, and those above it that were shown with it.
#[derive(Clone)]
pub struct ClientCertificate {
    chain: Vec<CertificateDer<'static>>,
    /// The pin of the certificate itself; another one after each renewal.
    pub certificate_pin: Pin,
    /// The pin of its public key; the same as long as the key is.
    pub public_key_pin: Pin,
    /// When it begins to be valid.
    pub not_before: Timestamp,
    /// When it ends to be valid.
    pub not_after: Timestamp,
    /// Whom it names, as one line.
    pub subject: String,
    is_shared_by_salesforce: bool,
}

impl ClientCertificate {
    /// Reads a chain, the sender's own certificate first.
    pub fn read(chain: Vec<CertificateDer<'static>>) -> Result<Self, UnreadableCertificate> {
        let leaf = chain.first().ok_or(UnreadableCertificate::Missing)?;
        let (rest, parsed) =
            X509Certificate::from_der(leaf).map_err(|_| UnreadableCertificate::Form)?;
        if !rest.is_empty() {
            return Err(UnreadableCertificate::Form);
        }
        let time = |seconds| Timestamp::from_second(seconds);
        let validity = parsed.validity();
        let not_before = time(validity.not_before.timestamp());
        let not_after = time(validity.not_after.timestamp());
        let is_shared_by_salesforce = parsed.subject().iter_common_name().any(|name| {
            name.as_str().is_ok_and(|name| name.eq_ignore_ascii_case(SHARED_BY_SALESFORCE))
        });
        Ok(Self {
            certificate_pin: Pin::of(leaf),
            public_key_pin: Pin::of(parsed.public_key().raw),
            not_before: not_before.map_err(|_| UnreadableCertificate::Form)?,
            not_after: not_after.map_err(|_| UnreadableCertificate::Form)?,
            subject: parsed.subject().to_string(),
            is_shared_by_salesforce,
            chain,
        })
    }

    /// Reads the first certificate of a PEM file, with those after it.
    pub fn from_pem(pem: &[u8]) -> Result<Self, UnreadableCertificate> {
        let chain = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
        Self::read(chain.map_err(|_| UnreadableCertificate::Form)?)
    }

    /// Whether it can be used now; both ends count.
    pub fn is_valid_at(&self, now: Timestamp) -> bool {
        (self.not_before..=self.not_after).contains(&now)
    }

    /// Whether it is the one that Salesforce shares between its customers, so that it proves
    /// Salesforce and no organisation.
    pub fn is_shared_by_salesforce(&self) -> bool {
        self.is_shared_by_salesforce
    }

    /// The certificate itself, and those above it that came along.
    pub(super) fn chain(&self) -> (&CertificateDer<'static>, &[CertificateDer<'static>]) {
        #[expect(clippy::expect_used, reason = "`read` refuses an empty chain")]
        self.chain.split_first().expect("there is a certificate")
    }
}

impl fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientCertificate({})", self.certificate_pin)
    }
}
