//! Client certificates, as strangers show them in a handshake and as files hold them.

use std::sync::LazyLock;

use rcgen::{CertificateParams, KeyPair};
use reset_receiver::senders::client_certificate::ClientCertificate;
use reset_receiver::senders::mtls::{Authority, Mtls, Trust};
use reset_receiver::senders::source::Authentication;
use rustls::pki_types::{CertificateDer, DnsName};

use super::request::Request;

/// An authority that issues nothing, and a certificate that nobody else has.
struct Ours {
    authority: Authentication,
    pinned: Authentication,
}

static OURS: LazyLock<Ours> = LazyLock::new(|| {
    let key = KeyPair::generate().expect("there is randomness");
    let parameters = CertificateParams::new(vec!["salesforce.example".to_owned()]);
    let made = parameters.and_then(|p| p.self_signed(&key)).expect("it can be signed");
    let name = DnsName::try_from("salesforce.example").expect("it is a name");
    let authority = Authority::read(made.pem().as_bytes(), name).expect("it is a certificate");
    let ours = ClientCertificate::from_pem(made.pem().as_bytes()).expect("it is a certificate");
    let mtls = |trust| Authentication::Mtls(Mtls::new(trust, Vec::new()));
    Ours {
        authority: mtls(Trust::Authority(authority)),
        pinned: mtls(Trust::Pins(vec![ours.certificate_pin, ours.public_key_pin])),
    }
});

/// As PEM and as DER: what is read has the same pins when it is read again, opens the door that it
/// is pinned to at most while it is valid, and no other.
pub(crate) fn read(bytes: &[u8]) {
    let der = ClientCertificate::read(vec![CertificateDer::from(bytes.to_vec())]);
    let name = DnsName::try_from("salesforce.example").expect("it is a name");
    // Whatever stands in a file of authorities, reading it is safe.
    drop(Authority::read(bytes, name));
    for certificate in [ClientCertificate::from_pem(bytes), der].into_iter().flatten() {
        let request = Request { certificate: Some(certificate.clone()), ..Request::default() };
        assert!(!request.passes(&OURS.authority), "the authority issued nothing");
        assert!(!request.passes(&OURS.pinned), "nobody else has that certificate");
        for pin in [certificate.certificate_pin, certificate.public_key_pin] {
            let pinned = Authentication::Mtls(Mtls::new(Trust::Pins(vec![pin]), Vec::new()));
            let is_valid = certificate.is_valid_at(super::request::now());
            assert_eq!(request.passes(&pinned), is_valid, "{}", certificate.subject);
        }
    }
}
