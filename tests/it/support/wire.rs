//! A connection over TLS on which a test writes bytes as it likes.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ProtocolVersion, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::public_listener::PublicListener;

/// Longer than any deadline that a test sets.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Wire(TlsStream<TcpStream>);

impl Wire {
    pub(crate) async fn to(receiver: &PublicListener) -> Self {
        Self::with(receiver, rustls::ALL_VERSIONS).await.unwrap()
    }

    /// Connects with some versions of TLS only.
    pub(crate) async fn with(
        receiver: &PublicListener,
        versions: &[&'static rustls::SupportedProtocolVersion],
    ) -> std::io::Result<Self> {
        Self::over(receiver, TcpStream::connect(receiver.address).await?, versions).await
    }

    /// Connects as a client with another address of this machine: 127.0.0.x.
    pub(crate) async fn from(receiver: &PublicListener, client: Ipv4Addr) -> std::io::Result<Self> {
        let socket = connected(receiver, client).await?;
        Self::over(receiver, socket, rustls::ALL_VERSIONS).await
    }

    async fn over(
        receiver: &PublicListener,
        socket: TcpStream,
        versions: &[&'static rustls::SupportedProtocolVersion],
    ) -> std::io::Result<Self> {
        let mut roots = RootCertStore::empty();
        roots.add(receiver.certificate.der.clone()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let name = ServerName::try_from("localhost").unwrap();
        Ok(Self(TlsConnector::from(Arc::new(config)).connect(name, socket).await?))
    }

    pub(crate) fn version(&self) -> Option<ProtocolVersion> {
        self.0.get_ref().1.protocol_version()
    }

    pub(crate) fn protocol(&self) -> Option<&[u8]> {
        self.0.get_ref().1.alpn_protocol()
    }

    /// Writes bytes. A receiver that has closed already is not an error of this.
    pub(crate) async fn write(&mut self, bytes: &[u8]) -> bool {
        let written = self.0.write_all(bytes).await;
        written.is_ok() && self.0.flush().await.is_ok()
    }

    /// Says that nothing more comes.
    pub(crate) async fn finish(&mut self) {
        self.0.shutdown().await.unwrap();
    }

    /// Everything until the receiver closes the connection, however it does that.
    pub(crate) async fn read_to_end(&mut self) -> String {
        let mut all = Vec::new();
        let reading = self.0.read_to_end(&mut all);
        let ended = tokio::time::timeout(PATIENCE, reading).await;
        assert!(ended.is_ok(), "the receiver closes the connection; so far it sent {all:?}");
        String::from_utf8(all).unwrap()
    }

    /// One answer's head and as much of its body as came along; the connection stays open.
    pub(crate) async fn read_some(&mut self) -> String {
        let mut buffer = vec![0; 16 * 1024];
        let read = tokio::time::timeout(PATIENCE, self.0.read(&mut buffer)).await;
        let read = read.expect("the receiver answers").unwrap();
        String::from_utf8(buffer[..read].to_vec()).unwrap()
    }
}

/// A connection without TLS from another address of this machine.
pub(crate) async fn connected(
    receiver: &PublicListener,
    client: Ipv4Addr,
) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((client, 0).into())?;
    socket.connect(receiver.address).await
}
