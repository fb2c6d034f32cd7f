//! The scheme `mtls`: a client certificate that is pinned, or issued by a known authority to a
//! known name; where secrets are given, with one of them in the address as well.
//!
//! A pinned certificate may be self-signed and may be meant for servers only, as those are that
//! Salesforce makes: the pin says which one it is, so nothing that it says about itself matters
//! but its time. Outside of that it is refused like any other: Salesforce stops using an expired
//! one as well, and a pin that is forgotten in a file does not open the door for ever.

use jiff::Timestamp;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, DnsName, ServerName, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};

use crate::domain::pin::Pin;
use crate::senders::client_certificate::{ClientCertificate, UnreadableCertificate};
use crate::senders::delivery::{Delivery, Proof, Refusal};
use crate::senders::path_secret::{self, PathSecret};

/// Which certificates are good.
#[derive(Debug, Clone)]
pub enum Trust {
    /// Those whose certificate or public key is one of these.
    Pins(Vec<Pin>),
    /// Those that one of some authorities issued to a name.
    Authority(Authority),
}

/// Authorities, and the name to which they must have issued the certificate.
#[derive(Debug, Clone)]
pub struct Authority {
    anchors: Vec<TrustAnchor<'static>>,
    name: DnsName<'static>,
}

impl Authority {
    /// Reads the authorities' certificates from PEM. The name is one of DNS, without a wildcard.
    pub fn read(pem: &[u8], name: DnsName<'static>) -> Result<Self, UnreadableCertificate> {
        let mut anchors = Vec::new();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(|_| UnreadableCertificate::Form)?;
            let anchor = anchor_from_trusted_cert(&certificate);
            anchors.push(anchor.map_err(|_| UnreadableCertificate::Form)?.to_owned());
        }
        if anchors.is_empty() {
            return Err(UnreadableCertificate::Missing);
        }
        Ok(Self { anchors, name })
    }

    fn verify(&self, certificate: &ClientCertificate, now: Timestamp) -> Result<(), Refusal> {
        let (leaf, above) = certificate.chain();
        let leaf = EndEntityCert::try_from(leaf).map_err(|_| Refusal::CertificateChain)?;
        let seconds = u64::try_from(now.as_second()).map_err(|_| Refusal::CertificateTime)?;
        let at = UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds));
        let algorithms = aws_lc_rs::default_provider().signature_verification_algorithms;
        let is_issued = |usage: KeyUsage| {
            let (all, anchors) = (algorithms.all, &self.anchors);
            leaf.verify_for_usage(all, anchors, above, at, usage, None, None).is_ok()
        };
        // Public authorities issue for servers only, also what Salesforce shows as a client.
        if !is_issued(KeyUsage::client_auth()) && !is_issued(KeyUsage::server_auth()) {
            return Err(Refusal::CertificateChain);
        }
        let name = ServerName::DnsName(self.name.clone());
        let named = leaf.verify_is_valid_for_subject_name(&name);
        named.map_err(|_| Refusal::CertificateName)
    }
}

/// The certificates of one source, and the secrets that its address must hold besides.
#[derive(Debug, Clone)]
pub struct Mtls {
    trust: Trust,
    path_secrets: Vec<PathSecret>,
}

impl Mtls {
    /// A scheme that accepts certificates by their trust alone where no secrets are given, and
    /// otherwise only together with one of them.
    pub fn new(trust: Trust, path_secrets: Vec<PathSecret>) -> Self {
        Self { trust, path_secrets }
    }

    /// Checks the connection's certificate and the delivery's address. Neither says anything about
    /// time or id.
    pub(super) fn verify(&self, delivery: &Delivery<'_>, now: Timestamp) -> Result<Proof, Refusal> {
        let certificate = delivery.headers.client_certificate().ok_or(Refusal::NoCertificate)?;
        match &self.trust {
            Trust::Pins(pins) => {
                let is = |pin: &Pin| {
                    [certificate.certificate_pin, certificate.public_key_pin].contains(pin)
                };
                if !pins.iter().any(is) {
                    return Err(Refusal::CertificatePin);
                }
            }
            Trust::Authority(authority) => authority.verify(certificate, now)?,
        }
        if !certificate.is_valid_at(now) {
            return Err(Refusal::CertificateTime);
        }
        if !self.path_secrets.is_empty() {
            path_secret::verify(&self.path_secrets, delivery)?;
        }
        Ok(Proof::default())
    }
}
