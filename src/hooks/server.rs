//! The public listener as a whole: bound first, then run until it is told to stop.

use std::future::Future;
use std::net::{SocketAddr, TcpListener};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;
use std::{io, thread};

use actix_server::Server;
use tokio_rustls::TlsAcceptor;

use crate::engine::intake::Intake;
use crate::engine::mailed_token::MailedTokens;
use crate::hooks::app::State;
use crate::hooks::connections::Connections;
use crate::hooks::limits::Limits;
use crate::hooks::listener::Listener;
use crate::hooks::readers::Readers;
use crate::hooks::sources::Sources;
use crate::hooks::tls::{Certificates, TlsError};
use crate::ports::clock::Clock;
use crate::ports::meter::Meter;
use crate::senders::email::opening::Memory;

/// How the public listener is set up.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where it listens; port 0 takes a free one.
    pub address: SocketAddr,
    /// How many threads serve it; `None` for one per processor.
    pub workers: Option<NonZeroUsize>,
    /// Its bounds.
    pub limits: Limits,
    /// How long requests under way may take to end once it is told to stop; whole seconds count.
    pub drain: Duration,
}

/// What the public listener works with.
pub struct Hooks {
    /// Where authentic events go.
    pub intake: Intake,
    /// Who may send. They can be exchanged while the listener runs.
    pub sources: Arc<Sources>,
    /// The certificate. It can be exchanged while the listener runs.
    pub certificates: Arc<Certificates>,
    /// What mails need.
    pub mails: Mails,
    /// What is counted.
    pub meter: Arc<dyn Meter>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// What mails need besides.
pub struct Mails {
    /// What is remembered between one mail and the next.
    pub memory: Memory,
    /// Where mailed security tokens go.
    pub tokens: MailedTokens,
}

/// Why the public listener cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The address is taken, is not this machine's, or is not allowed.
    #[error("cannot listen on {address}")]
    Address {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// TLS cannot be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// A public listener that has its port and does not answer yet.
pub struct BoundHooks {
    /// Where it listens.
    pub address: SocketAddr,
    socket: TcpListener,
    listener: Listener,
    workers: usize,
    drain: Duration,
}

impl Hooks {
    /// Takes the port. Connections wait until [`BoundHooks::run`].
    pub fn bind(self, settings: Settings) -> Result<BoundHooks, BindError> {
        let Settings { address, workers, limits, drain } = settings;
        let at = |source| BindError::Address { address, source };
        let socket = TcpListener::bind(address).map_err(at)?;
        let address = socket.local_addr().map_err(at)?;
        let tls = Arc::new(self.certificates.server_config()?);
        let connections = Connections::new(limits.connections, limits.connections_per_address);
        let state = Arc::new(State {
            intake: self.intake,
            sources: self.sources,
            mails: self.mails,
            meter: self.meter,
            clock: self.clock,
            limits,
            readers: Readers::new(),
        });
        let listener = Listener { state, connections, acceptor: TlsAcceptor::from(tls) };
        let workers = workers.or_else(|| thread::available_parallelism().ok());
        let workers = workers.map_or(1, NonZeroUsize::get).min(MAX_WORKERS);
        Ok(BoundHooks { address, socket, listener, workers, drain })
    }
}

/// What actix-server allows.
const MAX_WORKERS: usize = 512;

impl BoundHooks {
    /// Answers until `shutdown` is over, then takes no more connections and lets the requests
    /// under way end.
    pub async fn run(
        self,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), io::Error> {
        let builder = Server::build().workers(self.workers).shutdown_timeout(self.drain.as_secs());
        let drain = builder.graceful_shutdown_signal();
        let listener = self.listener;
        let service = move || listener.clone().service(drain.clone());
        builder.listen("hooks", self.socket, service)?.shutdown_signal(shutdown).run().await
    }
}
