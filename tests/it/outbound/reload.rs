//! Keys, certificates and pins that are exchanged under the running program.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use simulator::Skin;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::bench::{FIELDS, NEXT_SECRET, SECRET, Shown, envelope, notification, of_salesforce};
use crate::support::certificate::Certificate;
use crate::support::receiver::Receiver;
use crate::support::town::Town;

const PATIENCE: Duration = Duration::from_mins(1);

/// A connection on which one request follows another.
struct Line(TlsStream<TcpStream>);

impl Line {
    /// Connects, trusting one root alone and showing a certificate.
    async fn to(receiver: &Receiver, root: &str, shown: &Shown) -> std::io::Result<Self> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(root.as_bytes()).unwrap()).unwrap();
        let key = PrivateKeyDer::from_pem_slice(shown.key_pem.as_bytes()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_client_auth_cert(vec![shown.der.clone()], key)
            .unwrap();
        let socket = TcpStream::connect(receiver.hooks.unwrap()).await?;
        let name = ServerName::try_from("localhost").unwrap();
        Ok(Self(TlsConnector::from(Arc::new(config)).connect(name, socket).await?))
    }

    /// Posts a message and returns the status, and whether it was acknowledged.
    async fn post(&mut self, secret: &str, organization: &str) -> (u16, bool) {
        let body = envelope(&notification(1, FIELDS)).replace("00D5e000001AbCdEAK", organization);
        let request = format!(
            "POST /v1/outbound-messages/salesforce/{secret} HTTP/1.1\r\nhost: localhost\r\n\
             content-type: text/xml\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        self.0.write_all(request.as_bytes()).await.unwrap();
        self.0.flush().await.unwrap();
        let mut answer = Vec::new();
        loop {
            let read = timeout(PATIENCE, self.0.read_buf(&mut answer)).await.unwrap().unwrap();
            assert!(read > 0, "the connection was closed: {}", String::from_utf8_lossy(&answer));
            let text = String::from_utf8_lossy(&answer);
            let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if length.is_some_and(|length| length.parse() == Ok(body.len())) {
                let status = head.split(' ').nth(1).unwrap().parse().unwrap();
                return (status, body.contains("<Ack>true</Ack>"));
            }
        }
    }
}

fn write(town: &Town, name: &str, text: &str) {
    std::fs::write(town.file(name), text).unwrap();
}

fn source(directory: &Path) -> String {
    let file = |name: &str| directory.join(name).display().to_string();
    format!(
        r#"
[sources.salesforce]
format = "outbound-message"
[sources.salesforce.message]
object = "Credential_Reset_Event__c"
username_field = "Target_Username__c"
occurred_at_field = "Occurred_At__c"
[[sources.salesforce.authentication]]
scheme = "mtls"
certificate_files = ["{}"]
path_secret_files = ["{}"]
"#,
        file("client.crt"),
        file("path-secret")
    )
}

const AGAIN: &str = "have been read again";
const REFUSED: &str = "nothing was exchanged";

#[tokio::test(flavor = "multi_thread")]
async fn keys_and_certificates_are_exchanged_under_open_connections_and_a_bad_file_changes_nothing()
{
    let town = Town::new(Skin::Plain).await;
    let organization = town.simulator.salesforce().organization_id();
    let (old, new) = (of_salesforce("old.example"), of_salesforce("new.example"));
    write(&town, "client.crt", &old.pem);
    write(&town, "path-secret", SECRET);
    let config = town.config() + &source(town.directory());
    let config = config.replace("[hooks]", "[log]\nlevel = \"trace\"\n[hooks]");
    write(&town, "config.toml", &config);
    let receiver = Receiver::start(&town);
    let first_root = std::fs::read_to_string(town.file("tls.crt")).unwrap();
    let mut open = Line::to(&receiver, &first_root, &old).await.unwrap();
    assert_eq!(open.post(SECRET, organization).await, (200, true));

    // Everything at once: the server's certificate and key, the pin and the secret.
    let next = Certificate::for_localhost();
    next.write(town.directory());
    write(&town, "client.crt", &new.pem);
    write(&town, "path-secret", NEXT_SECRET);
    receiver.hang_up();
    receiver.has_logged(AGAIN, 1).await;
    assert_eq!(open.post(SECRET, organization).await.0, 401, "the same connection, an old pin");
    assert!(Line::to(&receiver, &first_root, &new).await.is_err(), "the old server certificate");
    let mut line = Line::to(&receiver, &next.pem, &new).await.unwrap();
    assert_eq!(line.post(NEXT_SECRET, organization).await, (200, true));

    // Without a signal: the files are looked at.
    let refused = receiver.log().matches(REFUSED).count();
    write(&town, "client.crt", "no certificate");
    receiver.has_logged(REFUSED, refused + 1).await;
    receiver.has_logged("client.crt holds no usable certificate", 1).await;
    assert_eq!(line.post(NEXT_SECRET, organization).await, (200, true), "what ran goes on");
    let again = receiver.log().matches(AGAIN).count();
    write(&town, "client.crt", &old.pem);
    receiver.has_logged(AGAIN, again + 1).await;
    assert_eq!(line.post(NEXT_SECRET, organization).await.0, 401);
    assert_eq!(open.post(NEXT_SECRET, organization).await, (200, true), "open all the while");

    // The configuration itself.
    write(&town, "config.toml", &(config.clone() + "colour = \"red\"\n"));
    receiver.hang_up();
    receiver.has_logged("sources.salesforce.authentication[0].colour: is not a key", 1).await;
    assert_eq!(open.post(NEXT_SECRET, organization).await, (200, true));
    let renamed = config.replace("[sources.salesforce", "[sources.other");
    let again = receiver.log().matches(AGAIN).count();
    write(&town, "config.toml", &renamed.replace("[[sources.salesforce", "[[sources.other"));
    receiver.has_logged(AGAIN, again + 1).await;
    assert_eq!(open.post(NEXT_SECRET, organization).await.0, 404);

    let log = receiver.log();
    assert!(log.contains("/v1/outbound-messages/{source}/{secret}"), "{log}");
    assert!(!log.contains(SECRET) && !log.contains(NEXT_SECRET), "no secret in the log");
}
