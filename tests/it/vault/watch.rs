//! Listening to events: a stand-in speaks as Vault Enterprise documents it, OpenBao does not offer
//! them.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use reset_receiver::domain::announcement::Change;
use reset_receiver::domain::secret::SecretVersion;
use reset_receiver::ports::secret_news::SecretNews;
use reset_receiver::ports::secret_store::SecretTrouble;
use reset_receiver::vault::{Settings, Vault};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::PrivateKeyDer;
use serde_json::json;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::{WebSocketStream, accept_hdr_async};

use crate::support::certificate::Certificate;
use crate::support::openbao::OpenBao;
use crate::vault::stand_in::{Manner, StandIn};
use crate::vault::{Files, root_vault, settings, vault};

const PATIENCE: Duration = Duration::from_secs(20);

/// Vault's documented payload with made-up values; the misspelt key is its own.
fn event(event_type: &str, version: &str) -> String {
    let id = "0b7e6c1a-3d52-4f8e-9a41-5c2d7e8f9a01";
    json!({
        "id": id, "source": "vault://lab", "specversion": "1.0", "type": "*",
        "data": {
            "event": {"id": id, "metadata": {
                "current_version": version, "data_path": "secret/data/sf/prod",
                "modified": "true", "oldest_version": "0", "operation": "data-write",
                "path": "secret/data/sf/prod", "vault_index": "djE6MDAwMQ==",
            }},
            "event_type": event_type,
            "plugin_info": {"mount_class": "secret", "mount_accessor": "kv_1a2b3c4d",
                "mount_path": "secret/", "plugin": "kv"},
        },
        "datacontentype": "application/cloudevents", "time": "2026-01-02T03:04:05.678901-07:00",
    })
    .to_string()
}

/// What a client asked with.
#[derive(Debug, PartialEq, Eq)]
struct Asked {
    path: String,
    token: Option<String>,
    namespace: Option<String>,
}

/// Accepts one client over a connection, and says what it asked with.
async fn accept<S: AsyncRead + AsyncWrite + Unpin>(socket: S) -> (WebSocketStream<S>, Asked) {
    let mut asked = None;
    #[expect(clippy::result_large_err, reason = "the signature is the library's")]
    let note = |request: &Request, answer: Response| -> Result<Response, ErrorResponse> {
        let header = |name: &str| Some(request.headers().get(name)?.to_str().unwrap().to_owned());
        asked = Some(Asked {
            path: request.uri().to_string(),
            token: header("X-Vault-Token"),
            namespace: header("X-Vault-Namespace"),
        });
        Ok(answer)
    };
    let socket = accept_hdr_async(socket, note).await.unwrap();
    (socket, asked.unwrap())
}

/// Answers the question how long the token lives, which comes before everything else, by a
/// refusal: a token need not know itself.
async fn refuse_lookup<S: AsyncRead + AsyncWrite + Unpin>(mut socket: S) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await.unwrap());
    }
    assert!(head.starts_with(b"GET /v1/auth/token/lookup-self "));
    let answer = b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    socket.write_all(answer).await.unwrap();
    socket.shutdown().await.unwrap();
}

async fn listening() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    (listener, address)
}

async fn connection(listener: &TcpListener) -> TcpStream {
    tokio::time::timeout(PATIENCE, listener.accept()).await.unwrap().unwrap().0
}

/// A vault that goes there with a token of a file.
fn vault_at(files: &Files, address: &str, change: impl FnOnce(&mut Settings)) -> Vault {
    let mut settings = settings(address, files.token("s.token-of-a-file\n"));
    change(&mut settings);
    vault(settings)
}

#[tokio::test]
async fn what_vault_tells_is_heard_in_order_and_nonsense_is_passed_over() {
    let (listener, address) = listening().await;
    let files = Files::new();
    let vault = vault_at(&files, &address, |settings| settings.namespace = Some("team".to_owned()));
    let server = async {
        refuse_lookup(connection(&listener).await).await;
        let (mut socket, asked) = accept(connection(&listener).await).await;
        let messages = [
            Message::text("not JSON"),
            Message::text(event("kv-v2/data-write", "7")),
            Message::binary(b"protobuf".as_slice()),
            Message::text(event("kv-v2/data-delete", "7")),
        ];
        for message in messages {
            socket.send(message).await.unwrap();
        }
        socket.close(None).await.unwrap();
        asked
    };
    let client = async {
        let mut ear = vault.subscribe().await.unwrap().expect("it is offered");
        (ear.next().await.unwrap(), ear.next().await.unwrap(), ear.next().await)
    };
    let (asked, (written, deleted, end)) = tokio::join!(server, client);
    let expected = Asked {
        path: "/v1/sys/events/subscribe/kv-v2/*?json=true".to_owned(),
        token: Some("s.token-of-a-file".to_owned()),
        namespace: Some("team".to_owned()),
    };
    assert_eq!(asked, expected);
    assert_eq!((written.change, written.version), (Change::Written, Some(SecretVersion(7))));
    assert_eq!(written.location.to_string(), "secret/sf/prod");
    assert_eq!(written.at.unwrap().to_string(), "2026-01-02T10:04:05.678901Z");
    assert_eq!(deleted.change, Change::Removed);
    assert_eq!(end, None);
}

#[tokio::test]
async fn over_tls_only_the_configured_authority_is_trusted() {
    let certificate = Certificate::for_localhost();
    let files = Files::new();
    let (listener, _) = listening().await;
    let address = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    let tls_files = certificate.write(files.0.path());
    let provider = std::sync::Arc::new(aws_lc_rs::default_provider());
    let key = std::fs::read(&tls_files.key).unwrap();
    let key = <PrivateKeyDer<'_> as rustls::pki_types::pem::PemObject>::from_pem_slice(&key);
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der.clone()], key.unwrap())
        .unwrap();
    let acceptor = TlsAcceptor::from(std::sync::Arc::new(config));
    let trusting = vault_at(&files, &address, |s| s.ca_file = Some(tls_files.certificate.clone()));
    let server = async {
        refuse_lookup(acceptor.accept(connection(&listener).await).await.unwrap()).await;
        let socket = acceptor.accept(connection(&listener).await).await.unwrap();
        let (mut socket, _) = accept(socket).await;
        socket.send(Message::text(event("kv-v2/data-write", "7"))).await.unwrap();
        socket
    };
    let client = async { trusting.subscribe().await.unwrap().unwrap().next().await };
    let (_socket, heard) = tokio::join!(server, client);
    assert_eq!(heard.unwrap().version, Some(SecretVersion(7)));

    let distrusting = vault_at(&files, &address, |_| {});
    let server = async { acceptor.accept(connection(&listener).await).await.is_err() };
    let (refused, outcome) = tokio::join!(server, distrusting.subscribe());
    assert!(refused, "no token goes to a server that is not trusted");
    assert_eq!(outcome.err(), Some(SecretTrouble::Unreachable));
}

#[tokio::test]
async fn a_message_without_end_ends_the_connection() {
    let (listener, address) = listening().await;
    let files = Files::new();
    let vault = vault_at(&files, &address, |_| {});
    let server = async {
        refuse_lookup(connection(&listener).await).await;
        let (mut socket, _) = accept(connection(&listener).await).await;
        // The client may hang up before all of it was written.
        drop(socket.send(Message::text("x".repeat(300 * 1024))).await);
        while let Some(Ok(_)) = socket.next().await {}
    };
    let client = async {
        let mut ear = vault.subscribe().await.unwrap().unwrap();
        let heard = tokio::time::timeout(PATIENCE, ear.next()).await;
        drop(ear);
        heard
    };
    let ((), heard) = tokio::join!(server, client);
    assert_eq!(heard.expect("it ends"), None);
}

#[tokio::test]
async fn openbao_does_not_offer_events() {
    OpenBao::shared();
    let files = Files::new();
    assert!(root_vault(&files).subscribe().await.unwrap().is_none());
}

/// Answers every request alike, apart from the question how long the token lives.
async fn answer_all(listener: TcpListener, answer: &'static str) {
    loop {
        let mut socket = listener.accept().await.unwrap().0;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(socket.read_u8().await.unwrap());
        }
        let is_lookup = head.starts_with(b"GET /v1/auth/token/lookup-self ");
        let line = if is_lookup { "403 Forbidden" } else { answer };
        let answer = format!("HTTP/1.1 {line}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        socket.write_all(answer.as_bytes()).await.unwrap();
        socket.shutdown().await.unwrap();
    }
}

#[tokio::test]
async fn an_answer_that_is_no_connection_is_understood_and_no_redirect_is_followed() {
    let elsewhere = StandIn::start(Manner::Answer(404, json!({"errors": []})));
    let files = Files::new();
    let redirect = format!("307 Temporary Redirect\r\nlocation: {}/", elsewhere.address());
    let cases = [
        (&*redirect.leak(), SecretTrouble::Standby),
        ("403 Forbidden", SecretTrouble::Denied),
        ("503 Service Unavailable", SecretTrouble::Unavailable(503)),
        ("200 OK", SecretTrouble::Unreadable),
    ];
    for (answer, trouble) in cases {
        let (listener, address) = listening().await;
        let server = tokio::spawn(answer_all(listener, answer));
        let outcome = vault_at(&files, &address, |_| {}).subscribe().await;
        assert_eq!(outcome.err(), Some(trouble), "{answer}");
        server.abort();
    }
    assert_eq!(elsewhere.seen(), []);
    let (listener, address) = listening().await;
    drop(listener);
    let outcome = vault_at(&files, &address, |_| {}).subscribe().await;
    assert_eq!(outcome.err(), Some(SecretTrouble::Unreachable));
}
