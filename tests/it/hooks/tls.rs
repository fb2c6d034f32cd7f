//! The certificate: what is served with it, how it is exchanged, what is said where it is wrong.

use std::error::Error as _;
use std::fs;

use reset_receiver::hooks::tls::{Certificates, TlsError};
use rustls::ProtocolVersion;

use crate::support::certificate::Certificate;
use crate::support::public_listener::PublicListener;
use crate::support::wire::Wire;

#[tokio::test]
async fn tls_1_2_and_1_3_are_spoken_with_http_1_1_and_nothing_else() {
    let receiver = PublicListener::start().await;
    for (version, offered) in [
        (ProtocolVersion::TLSv1_2, &rustls::version::TLS12),
        (ProtocolVersion::TLSv1_3, &rustls::version::TLS13),
    ] {
        let wire = Wire::with(&receiver, &[offered]).await.unwrap();
        assert_eq!(wire.version(), Some(version));
        assert_eq!(wire.protocol(), Some(&b"http/1.1"[..]), "h2 was offered as well");
    }
}

#[tokio::test]
async fn a_certificate_is_exchanged_without_a_restart_and_a_bad_one_changes_nothing() {
    let mut receiver = PublicListener::start().await;
    let next = Certificate::for_localhost();
    let files = next.write(receiver.directory.path());
    assert!(Wire::with(&receiver, rustls::ALL_VERSIONS).await.is_ok(), "not reloaded yet");
    receiver.certificates.reload().unwrap();
    assert!(
        Wire::with(&receiver, rustls::ALL_VERSIONS).await.is_err(),
        "the old root is not enough"
    );
    receiver.certificate = next;
    assert!(Wire::with(&receiver, rustls::ALL_VERSIONS).await.is_ok());

    fs::write(&files.certificate, "").unwrap();
    assert!(receiver.certificates.reload().is_err());
    assert!(Wire::with(&receiver, rustls::ALL_VERSIONS).await.is_ok(), "the good one still serves");
}

#[test]
fn what_is_wrong_with_the_files_is_said_with_what_to_do() {
    let directory = tempfile::tempdir().unwrap();
    let certificate = Certificate::for_localhost();
    let files = certificate.write(directory.path());
    assert!(Certificates::load(files.clone()).is_ok());
    let load = || Certificates::load(files.clone()).unwrap_err();

    fs::write(&files.key, Certificate::for_localhost().key_pem).unwrap();
    let error = load();
    assert!(matches!(error, TlsError::Mismatch { .. }), "{error:?}");
    assert!(error.to_string().contains("does not belong to the first certificate"));
    assert!(error.source().is_some());

    fs::write(&files.key, &certificate.pem).unwrap();
    let error = load();
    assert!(matches!(error, TlsError::Key(_)), "{error:?}");
    assert!(error.to_string().contains("-----BEGIN PRIVATE KEY-----"), "{error}");

    fs::write(&files.certificate, &certificate.key_pem).unwrap();
    assert!(matches!(load(), TlsError::Certificate(_)));
    let garbled = certificate.pem.replace("BEGIN", "BEGUN");
    fs::write(&files.certificate, garbled).unwrap();
    assert!(matches!(load(), TlsError::Certificate(_)));

    fs::remove_file(&files.certificate).unwrap();
    let error = load();
    assert!(matches!(error, TlsError::Read { .. }), "{error:?}");
    assert!(error.to_string().contains("tls.crt cannot be read"), "{error}");
}
