//! The clients, each of which sends one signed notice after the other, as fast as they are answered
//! or at a pace.
//!
//! They speak HTTP by hand, because a client's comfort would be in every number.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use reset_receiver::senders::keys::SigningKey;
use reset_receiver::senders::standard_webhooks::{self, sign};
use rustls::client::Resumption;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

pub(crate) const SOURCE: &str = "bench";
pub(crate) const ROUTE: &str = "/v1/resets/bench";
pub(crate) const KEY: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
const WRONG_KEY: &str = "whsec_ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA=";
pub(crate) const ORGANIZATION: &str = "00D5e000001AbCdEAK";
/// How many logins the events are about.
pub(crate) const TARGETS: usize = 1_000;

pub(crate) fn username(number: usize) -> String {
    format!("sync-{number}@acme.example")
}

/// A reset that nobody has heard of.
pub(crate) struct News {
    pub(crate) id: String,
    pub(crate) username: String,
}

impl News {
    /// The next one; they are about each login in turn.
    pub(crate) fn next() -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let target = usize::try_from(number).unwrap() % TARGETS;
        Self { id: format!("bench-{number:010}"), username: username(target) }
    }
}

/// A server that runs.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) certificate: CertificateDer<'static>,
    pub(crate) signed: Signed,
}

/// How the events are signed that a server gets.
#[derive(Clone, Copy)]
pub(crate) enum Signed {
    /// So that they are accepted.
    Well,
    /// With a stranger's key, so that they are refused.
    Wrongly,
}

impl Signed {
    fn key(self) -> SigningKey {
        let key = match self {
            Self::Well => KEY,
            Self::Wrongly => WRONG_KEY,
        };
        SigningKey::parse(key).unwrap()
    }

    fn answer(self) -> &'static str {
        match self {
            Self::Well => "HTTP/1.1 202",
            Self::Wrongly => "HTTP/1.1 401",
        }
    }
}

/// How a client connects.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Connecting {
    /// Anew for each event, with a whole handshake.
    Anew,
    /// Once, for all that it sends.
    Once,
}

/// The clients of one server.
pub(crate) struct Load(Vec<Client>);

/// How long requests took that were sent at a pace.
pub(crate) struct Paced {
    /// How many were answered in a second.
    pub(crate) rate: f64,
    took: Vec<Duration>,
}

impl Paced {
    /// The time within which this part of the requests was answered.
    pub(crate) fn percentile(&self, part: f64) -> Duration {
        #[expect(
            clippy::as_conversions,
            clippy::cast_possible_truncation,
            clippy::cast_precision_loss,
            clippy::cast_sign_loss,
            reason = "a position in a list"
        )]
        let at = (self.took.len() as f64 * part) as usize;
        self.took[at.min(self.took.len() - 1)]
    }
}

impl Load {
    pub(crate) async fn new(server: &Server, clients: usize, connecting: Connecting) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(server.certificate.clone()).unwrap();
        let mut tls = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        tls.resumption = Resumption::disabled();
        let tls = TlsConnector::from(Arc::new(tls));
        let mut load = Vec::with_capacity(clients);
        for _ in 0..clients {
            load.push(Client::new(server.clone(), tls.clone(), connecting).await);
        }
        Self(load)
    }

    /// How many requests are answered in a second when every client sends the next one at once.
    pub(crate) async fn peak(self, length: Duration) -> f64 {
        let began = Instant::now();
        let mut running = JoinSet::new();
        for mut client in self.0 {
            running.spawn(async move {
                let mut answered = 0_u32;
                while began.elapsed() < length {
                    client.send().await;
                    answered += 1;
                }
                answered
            });
        }
        let answered: u32 = running.join_all().await.into_iter().sum();
        f64::from(answered) / began.elapsed().as_secs_f64()
    }

    /// How long requests take that become due at this rate, whether or not those before them are
    /// answered: one that has to wait for a client waits on its own account.
    pub(crate) async fn paced(self, rate: f64, length: Duration) -> Paced {
        let (began, next) = (Instant::now(), Arc::new(AtomicU64::new(0)));
        let mut running = JoinSet::new();
        for mut client in self.0 {
            let next = Arc::clone(&next);
            running.spawn(async move {
                let mut took = Vec::new();
                loop {
                    let number = u32::try_from(next.fetch_add(1, Ordering::Relaxed)).unwrap();
                    let due_in = Duration::from_secs_f64(f64::from(number) / rate);
                    if due_in >= length {
                        return took;
                    }
                    let due = began + due_in;
                    tokio::time::sleep_until(due.into()).await;
                    client.send().await;
                    took.push(due.elapsed());
                }
            });
        }
        let mut took = running.join_all().await.concat();
        let seconds = began.elapsed().as_secs_f64();
        took.sort_unstable();
        Paced { rate: f64::from(u32::try_from(took.len()).unwrap()) / seconds, took }
    }
}

struct Client {
    server: Server,
    tls: TlsConnector,
    key: SigningKey,
    answer: Vec<u8>,
    /// The one connection of a client that connects once.
    kept: Option<Stream>,
}

type Stream = TlsStream<TcpStream>;

impl Client {
    async fn new(server: Server, tls: TlsConnector, connecting: Connecting) -> Self {
        let key = server.signed.key();
        let mut client = Self { server, tls, key, answer: Vec::with_capacity(4096), kept: None };
        if connecting == Connecting::Once {
            client.kept = Some(client.connect().await);
        }
        client
    }

    async fn connect(&self) -> Stream {
        let socket = TcpStream::connect(self.server.address).await.unwrap();
        socket.set_nodelay(true).unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        self.tls.connect(name, socket).await.unwrap()
    }

    /// Sends an event that nobody has seen, and reads the answer.
    async fn send(&mut self) {
        if let Some(mut kept) = self.kept.take() {
            self.send_over(&mut kept).await;
            self.kept = Some(kept);
        } else {
            let mut stream = self.connect().await;
            self.send_over(&mut stream).await;
            // Who is answered has no use for how the server takes leave.
            drop(stream.shutdown().await);
        }
    }

    async fn send_over(&mut self, stream: &mut Stream) {
        let News { id, username } = News::next();
        let now = Timestamp::now();
        let body = format!(
            r#"{{"id":"{id}","type":"password_reset","occurred_at":"{now}","organization_id":"{ORGANIZATION}","username":"{username}"}}"#
        );
        let signed = sign(&self.key, &id, now, body.as_bytes()).unwrap();
        let request = format!(
            "POST {ROUTE} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n{}: {}\r\n{}: {}\r\n{}: {}\r\n\r\n{body}",
            body.len(),
            standard_webhooks::ID,
            signed.id,
            standard_webhooks::TIMESTAMP,
            signed.timestamp,
            standard_webhooks::SIGNATURE,
            signed.signature,
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        stream.flush().await.unwrap();
        self.read_answer(stream).await;
    }

    async fn read_answer(&mut self, stream: &mut Stream) {
        self.answer.clear();
        loop {
            let read = stream.read_buf(&mut self.answer).await.unwrap();
            assert!(read > 0, "the server closed the connection");
            let Some(head) = find(&self.answer, b"\r\n\r\n") else { continue };
            let text = std::str::from_utf8(&self.answer[..head]).unwrap();
            let is_expected = text.starts_with(self.server.signed.answer());
            assert!(is_expected, "{}", String::from_utf8_lossy(&self.answer));
            let length = text.to_ascii_lowercase();
            let length = length.split("content-length: ").nth(1).unwrap();
            let length: usize = length.split("\r\n").next().unwrap().parse().unwrap();
            if self.answer.len() >= head + 4 + length {
                return;
            }
        }
    }
}

fn find(bytes: &[u8], part: &[u8]) -> Option<usize> {
    bytes.windows(part.len()).position(|window| window == part)
}
