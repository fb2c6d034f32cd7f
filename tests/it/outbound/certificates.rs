//! Who is believed: certificates that are pinned or issued, secrets in the address, and both.

use std::sync::Arc;

use rcgen::KeyPair;
use reset_receiver::domain::pin::Pin;
use reset_receiver::senders::source::Authentication;
use rustls::client::ResolvesClientCert;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::bench::{
    Issuing, NAME, NEXT_SECRET, SECRET, Salesforce, Shown, in_path, issued, kept, listener,
    message, of_salesforce, of_salesforce_with, of_years, pinned,
};
use crate::support::public_listener::PublicListener;

/// Whether a good message is taken from somebody who shows and says this.
async fn is_taken(receiver: &PublicListener, shown: Option<&Shown>, secret: Option<&str>) -> bool {
    let answer = Salesforce::showing(receiver, shown).post(secret, message()).await;
    match (answer.status, answer.ack()) {
        (200, Some(true)) => true,
        (401, None) => false,
        other => panic!("{other:?}: {answer:?}"),
    }
}

struct Case<'a> {
    what: &'a str,
    accepts: Vec<Authentication>,
    shown: Option<&'a Shown>,
    secret: Option<&'a str>,
    taken: bool,
}

#[tokio::test]
async fn only_what_the_source_asks_for_is_believed() {
    let (ours, other) = (of_salesforce("ours.example"), of_salesforce("ours.example"));
    let (expired, coming) = (of_years(NAME, 2020, 2025), of_years(NAME, 2027, 2040));
    let (authority, stranger) = (Issuing::new(), Issuing::new());
    let (good, wrong_name) = (authority.issue(NAME), authority.issue("mallory.example"));
    let (over, foreign) = (authority.issue_until(NAME, 2026), stranger.issue(NAME));
    let own = of_years(NAME, 2020, 2040);
    let [certificate, public_key] = ours.pins();
    let pin = |shown: &Shown| shown.pins()[0];
    let by_pin = || vec![pinned(&[certificate], &[])];
    let by_authority = || vec![issued(&authority, NAME)];
    let both = || vec![pinned(&[certificate], &[SECRET, NEXT_SECRET])];
    let either = || vec![pinned(&[certificate], &[]), in_path(&[SECRET])];
    let case = |what, accepts, shown, secret, taken| Case { what, accepts, shown, secret, taken };
    let cases = [
        case("a pinned certificate", by_pin(), Some(&ours), None, true),
        case("a pinned key", vec![pinned(&[public_key], &[])], Some(&ours), None, true),
        case(
            "the second pin",
            vec![pinned(&[pin(&other), certificate], &[])],
            Some(&ours),
            None,
            true,
        ),
        case("a secret that nobody asked for", by_pin(), Some(&ours), Some(SECRET), true),
        case("no certificate", by_pin(), None, None, false),
        case("a secret instead of a certificate", by_pin(), None, Some(SECRET), false),
        case("another certificate of that name", by_pin(), Some(&other), None, false),
        case("no pin at all", vec![pinned(&[], &[])], Some(&ours), None, false),
        case("no way at all", vec![], Some(&ours), Some(SECRET), false),
        case(
            "pinned and expired",
            vec![pinned(&[pin(&expired)], &[])],
            Some(&expired),
            None,
            false,
        ),
        case(
            "pinned and not yet valid",
            vec![pinned(&[pin(&coming)], &[])],
            Some(&coming),
            None,
            false,
        ),
        case("issued to the name", by_authority(), Some(&good), None, true),
        case("issued to another name", by_authority(), Some(&wrong_name), None, false),
        case("issued and expired", by_authority(), Some(&over), None, false),
        case("issued by a stranger", by_authority(), Some(&foreign), None, false),
        case("self-signed to the name", by_authority(), Some(&own), None, false),
        case("both", both(), Some(&ours), Some(SECRET), true),
        case("both, with the other secret", both(), Some(&ours), Some(NEXT_SECRET), true),
        case("both are asked for, no secret", both(), Some(&ours), None, false),
        case(
            "both are asked for, wrong secret",
            both(),
            Some(&ours),
            Some("wrong-wrong-wrong-wrong-1"),
            false,
        ),
        case("both are asked for, no certificate", both(), None, Some(SECRET), false),
        case("both are asked for, wrong certificate", both(), Some(&other), Some(SECRET), false),
        case("either: the certificate", either(), Some(&ours), None, true),
        case("either: the secret", either(), None, Some(SECRET), true),
        case("either: the secret, wrong certificate", either(), Some(&other), Some(SECRET), true),
        case("either: neither", either(), Some(&other), Some("wrong-wrong-wrong-wrong-1"), false),
        case("a part of the secret", vec![in_path(&[SECRET])], None, Some(&SECRET[..20]), false),
        case(
            "the secret and more",
            vec![in_path(&[SECRET])],
            None,
            Some("path-secret-CANARY-path-secretx"),
            false,
        ),
    ];
    for Case { what, accepts, shown, secret, taken } in cases {
        let receiver = listener(accepts).await;
        assert_eq!(is_taken(&receiver, shown, secret).await, taken, "{what}");
        assert_eq!(kept(&receiver).len(), usize::from(taken), "{what}");
    }
}

#[tokio::test]
async fn every_stranger_gets_the_same_answer() {
    let ours = of_salesforce("ours.example");
    let receiver = listener(vec![pinned(&ours.pins(), &[SECRET]), in_path(&[NEXT_SECRET])]).await;
    let other = of_salesforce("ours.example");
    let mut answers = Vec::new();
    for (shown, secret) in
        [(None, None), (Some(&other), None), (Some(&ours), Some("x")), (Some(&ours), None)]
    {
        let answer = Salesforce::showing(&receiver, shown).post(secret, message()).await;
        assert_eq!(answer.headers["www-authenticate"], "ClientCertificate, PathSecret");
        answers.push((answer.status, answer.body));
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{answers:?}");
    // Not even a malformed one is told more.
    let answer = Salesforce::showing(&receiver, Some(&other)).post(None, "<!DOCTYPE x>").await;
    assert_eq!((answer.status, answer.body), answers[0]);
}

/// A client that shows a certificate and signs with some key, in some versions of TLS.
async fn connects(
    receiver: &PublicListener,
    shown: &Shown,
    key_pem: &str,
    version: &'static rustls::SupportedProtocolVersion,
) -> bool {
    let mut roots = RootCertStore::empty();
    roots.add(receiver.certificate.der.clone()).unwrap();
    let provider = Arc::new(aws_lc_rs::default_provider());
    let key = PrivateKeyDer::from_pem_slice(key_pem.as_bytes()).unwrap();
    let key = provider.key_provider.load_private_key(key).unwrap();
    // Unlike every other way to make one, this does not compare the key with the certificate.
    let certified = CertifiedKey::new(vec![shown.der.clone()], key);
    let resolver: Arc<dyn ResolvesClientCert> = Arc::new(SingleCertAndKey::from(certified));
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots)
        .with_client_cert_resolver(resolver);
    let socket = TcpStream::connect(receiver.address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let Ok(mut stream) = TlsConnector::from(Arc::new(config)).connect(name, socket).await else {
        return false;
    };
    // In TLS 1.3 the client is through before the server has looked.
    let request = b"POST /v1/outbound-messages/salesforce HTTP/1.1\r\nhost: a\r\n\
        content-length: 0\r\nconnection: close\r\n\r\n";
    let mut answer = Vec::new();
    stream.write_all(request).await.is_ok()
        && stream.flush().await.is_ok()
        && stream.read_to_end(&mut answer).await.is_ok()
        && answer.starts_with(b"HTTP/1.1")
}

#[tokio::test]
async fn whoever_does_not_hold_the_key_of_the_certificate_is_not_even_connected() {
    let ours = of_salesforce("ours.example");
    let forger = KeyPair::generate().unwrap().serialize_pem();
    let receiver = listener(vec![pinned(&ours.pins(), &[])]).await;
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        assert!(connects(&receiver, &ours, &ours.key_pem, version).await, "{version:?}");
        assert!(!connects(&receiver, &ours, &forger, version).await, "{version:?}");
    }
    assert!(kept(&receiver).is_empty());
}

#[tokio::test]
async fn a_renewed_certificate_of_the_same_key_keeps_the_pin_of_the_key() {
    let key = KeyPair::generate().unwrap();
    let (first, second) =
        (of_salesforce_with("a.example", &key), of_salesforce_with("b.example", &key));
    let [certificate, public_key] = first.pins();
    let by_key = listener(vec![pinned(&[public_key], &[])]).await;
    assert!(is_taken(&by_key, Some(&second), None).await);
    let by_certificate = listener(vec![pinned(&[certificate], &[])]).await;
    assert!(!is_taken(&by_certificate, Some(&second), None).await);
    let pins: [Pin; 2] = second.pins();
    assert_eq!(pins[1], public_key);
}

#[tokio::test]
async fn a_pin_that_is_taken_away_stops_being_good_on_an_open_connection() {
    let (old, new) = (of_salesforce("old.example"), of_salesforce("new.example"));
    let receiver = listener(vec![pinned(&old.pins(), &[])]).await;
    let salesforce = Salesforce::showing(&receiver, Some(&old));
    let renewed = Salesforce::showing(&receiver, Some(&new));
    let exchange = |pins: Vec<Pin>| {
        let accepts = vec![pinned(&pins, &[])];
        receiver.sources.replace([super::bench::source(
            "salesforce",
            super::bench::reset_event(),
            accepts,
        )]);
    };
    assert_eq!(salesforce.post(None, message()).await.ack(), Some(true));
    assert_eq!(renewed.post(None, message()).await.status, 401);
    exchange([old.pins(), new.pins()].concat());
    assert_eq!(salesforce.post(None, message()).await.ack(), Some(true));
    assert_eq!(renewed.post(None, message()).await.ack(), Some(true));
    exchange(new.pins().to_vec());
    assert_eq!(salesforce.post(None, message()).await.status, 401);
    assert_eq!(renewed.post(None, message()).await.ack(), Some(true));
}
