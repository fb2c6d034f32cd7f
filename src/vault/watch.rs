//! Listens to Vault's event notifications: a WebSocket at `sys/events/subscribe`.
//!
//! Vault Enterprise offers them, OpenBao and Vault Community do not and answer 404. Events come at
//! best effort and are not repeated, so that nothing may rest on them alone.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::{SinkExt, StreamExt};
use jiff::Timestamp;
use reqwest::StatusCode;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt;
use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::Request;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Bytes, Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};
use url::Host;
use vaultrs::client::VaultClient;

use crate::domain::announcement::{Change, locate};
use crate::domain::secret::SecretVersion;
use crate::ports::secret_news::{News, SecretNews, Subscription};
use crate::ports::secret_store::SecretTrouble;
use crate::vault::Vault;
use crate::vault::settings::Settings;

/// Every event of the key-value engine of version 2, as JSON: an undeleted version is news too, and
/// its event is not one of the `data-*`.
const ROUTE: &str = "/v1/sys/events/subscribe/kv-v2/*?json=true";

/// Longer messages end the connection. Vault's own have about a thousand bytes.
const MAX_MESSAGE_BYTES: usize = 256 * 1024;

/// After this long without a word the server is asked whether it is still there, and after this
/// long without an answer it is not.
const SILENCE: Duration = Duration::from_secs(20);

/// A connection to the server, with TLS or without.
trait Socket: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Socket for S {}

#[async_trait]
impl SecretNews for Vault {
    async fn subscribe(&self) -> Result<Option<Box<dyn Subscription>>, SecretTrouble> {
        let settings = self.connection.settings();
        // Denied here means a policy without events, as a rule, and no dead token, which the reads
        // replace anyway: a login for each try would use up secret ids.
        let session = self.tokens.current().await?;
        let listening = listen(settings, request(settings, session.client())?);
        let bounded = tokio::time::timeout(settings.timeout, listening).await;
        let ear = bounded.unwrap_or(Err(SecretTrouble::Unreachable))?;
        Ok(ear.map(|ear| -> Box<dyn Subscription> { Box::new(ear) }))
    }
}

/// The opening request, which carries the token.
fn request(settings: &Settings, client: &VaultClient) -> Result<Request, SecretTrouble> {
    let authority = settings.address.authority();
    let secure = if settings.address.scheme() == "https" { "wss" } else { "ws" };
    let mut request = format!("{secure}://{authority}{ROUTE}")
        .into_client_request()
        .map_err(|_| SecretTrouble::Unreadable)?;
    let value = |text: &str| HeaderValue::from_str(text).map_err(|_| SecretTrouble::CredentialFile);
    let mut token = value(&client.middle.token)?;
    token.set_sensitive(true);
    let headers = request.headers_mut();
    headers.insert("X-Vault-Token", token);
    headers.insert("X-Vault-Request", HeaderValue::from_static("true"));
    if let Some(namespace) = &client.middle.namespace {
        headers.insert("X-Vault-Namespace", value(namespace)?);
    }
    Ok(request)
}

/// Opens the connection; `None` where the server has no such thing.
async fn listen(settings: &Settings, request: Request) -> Result<Option<Ear>, SecretTrouble> {
    let socket = connect(settings).await?;
    let bounds = WebSocketConfig::default()
        .max_message_size(Some(MAX_MESSAGE_BYTES))
        .max_frame_size(Some(MAX_MESSAGE_BYTES));
    match client_async_with_config(request, socket, Some(bounds)).await {
        Ok((socket, _)) => Ok(Some(Ear { socket, is_asked: false })),
        Err(Error::Http(answer)) if answer.status() == StatusCode::NOT_FOUND => Ok(None),
        Err(Error::Http(answer)) => Err(refusal(answer.status())),
        Err(Error::Io(_) | Error::ConnectionClosed) => Err(SecretTrouble::Unreachable),
        Err(_) => Err(SecretTrouble::Unreadable),
    }
}

/// Reads an answer that is no connection.
fn refusal(status: StatusCode) -> SecretTrouble {
    match status.as_u16() {
        300..=399 => SecretTrouble::Standby,
        401 | 403 => SecretTrouble::Denied,
        code @ (408 | 412 | 429 | 500..=599) => SecretTrouble::Unavailable(code),
        _ => SecretTrouble::Unreadable,
    }
}

async fn connect(settings: &Settings) -> Result<Box<dyn Socket>, SecretTrouble> {
    let url = &settings.address;
    let host = url.host().ok_or(SecretTrouble::Unreachable)?;
    let port = url.port_or_known_default().ok_or(SecretTrouble::Unreachable)?;
    let connecting = async {
        match host {
            Host::Domain(name) => TcpStream::connect((name, port)).await,
            Host::Ipv4(ip) => TcpStream::connect(SocketAddr::new(ip.into(), port)).await,
            Host::Ipv6(ip) => TcpStream::connect(SocketAddr::new(ip.into(), port)).await,
        }
    };
    let connected = tokio::time::timeout(settings.connect_timeout, connecting).await;
    let socket = connected.ok().and_then(Result::ok).ok_or(SecretTrouble::Unreachable)?;
    if url.scheme() != "https" {
        return Ok(Box::new(socket));
    }
    let config = tls(settings.ca_file.as_deref()).ok_or(SecretTrouble::Unreachable)?;
    let name = match host {
        Host::Domain(name) => ServerName::try_from(name.to_owned()).ok(),
        Host::Ipv4(ip) => Some(ServerName::from(IpAddr::from(ip))),
        Host::Ipv6(ip) => Some(ServerName::from(IpAddr::from(ip))),
    };
    let name = name.ok_or(SecretTrouble::Unreachable)?;
    let securing = TlsConnector::from(Arc::new(config)).connect(name, socket);
    let secured = securing.await.map_err(|_| SecretTrouble::Unreachable)?;
    Ok(Box::new(secured))
}

/// Trusts what the HTTP client trusts: the CA file alone, or the system. `None` where that cannot
/// be read, which the reads of secrets say better.
fn tls(ca_file: Option<&Path>) -> Option<ClientConfig> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider);
    let builder = builder.with_safe_default_protocol_versions().ok()?;
    let builder = match ca_file {
        None => builder.with_platform_verifier().ok()?,
        Some(path) => {
            let mut roots = RootCertStore::empty();
            for certificate in CertificateDer::pem_file_iter(path).ok()? {
                roots.add(certificate.ok()?).ok()?;
            }
            builder.with_root_certificates(roots)
        }
    };
    Some(builder.with_no_client_auth())
}

/// An open connection.
struct Ear {
    socket: WebSocketStream<Box<dyn Socket>>,
    /// The server was asked whether it is still there, and has said nothing since.
    is_asked: bool,
}

#[async_trait]
impl Subscription for Ear {
    async fn next(&mut self) -> Option<News> {
        loop {
            let message = match tokio::time::timeout(SILENCE, self.socket.next()).await {
                Ok(message) => message?.ok()?,
                Err(_elapsed) if self.is_asked => return None,
                Err(_elapsed) => {
                    self.is_asked = true;
                    let asking = self.socket.send(Message::Ping(Bytes::new()));
                    tokio::time::timeout(SILENCE, asking).await.ok()?.ok()?;
                    continue;
                }
            };
            self.is_asked = false;
            match message {
                Message::Text(text) => {
                    if let Some(news) = news(text.as_str()) {
                        return Some(news);
                    }
                    // Its text is not logged: nobody knows what is in it.
                    tracing::debug!("an event of Vault's was not understood");
                }
                Message::Close(_) => return None,
                Message::Binary(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
            }
        }
    }
}

/// A CloudEvent as Vault writes it: all metadata is text, and the metadata may stand in `event` or
/// beside it.
#[derive(Deserialize)]
struct Event {
    time: Option<String>,
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    event_type: String,
    namespace: Option<String>,
    event: Option<Inner>,
    metadata: Option<Metadata>,
    plugin_info: Option<Plugin>,
}

#[derive(Deserialize)]
struct Inner {
    metadata: Metadata,
}

#[derive(Deserialize)]
struct Metadata {
    path: Option<String>,
    data_path: Option<String>,
    current_version: Option<String>,
}

#[derive(Deserialize)]
struct Plugin {
    mount_path: Option<String>,
}

/// Reads one event; `None` where it names no secret.
fn news(text: &str) -> Option<News> {
    let Event { time, data } = serde_json::from_str(text).ok()?;
    let metadata = data.event.map(|inner| inner.metadata).or(data.metadata)?;
    let path = metadata.data_path.or(metadata.path)?;
    let mount = data.plugin_info.and_then(|plugin| plugin.mount_path);
    let version = metadata.current_version.and_then(|version| version.parse().ok());
    Some(News {
        change: Change::of(&data.event_type),
        location: locate(&path, mount.as_deref(), data.namespace.as_deref())?,
        version: version.map(SecretVersion),
        at: time.and_then(|time| time.parse::<Timestamp>().ok()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_without_its_accessories_is_understood_and_nonsense_is_not() {
        let bare = r#"{"data": {"event_type": "kv-v2/data-delete",
                       "metadata": {"path": "secret/data/sf"}}}"#;
        let told = news(bare).unwrap();
        assert_eq!(told.change, Change::Removed);
        assert_eq!(told.location.to_string(), "secret/sf");
        assert_eq!((told.version, told.at), (None, None));
        for text in ["", "{}", "[]", r#"{"data": {"event_type": "kv-v2/data-write"}}"#] {
            assert_eq!(news(text), None, "{text}");
        }
    }

    #[test]
    fn an_answer_that_is_no_connection_has_a_class() {
        let refusal = |code| refusal(StatusCode::from_u16(code).unwrap());
        assert_eq!(refusal(307), SecretTrouble::Standby);
        assert_eq!(refusal(403), SecretTrouble::Denied);
        assert_eq!(refusal(503), SecretTrouble::Unavailable(503));
        assert_eq!(refusal(200), SecretTrouble::Unreadable);
    }
}
