//! The private listener: health, metrics, and the API through which a person looks at rotations
//! and decides about them.
//!
//! It speaks plain HTTP and belongs on a private network; the public listener serves none of its
//! routes. `routes` says what there is, `who_may` who may have it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::middleware::DefaultHeaders;
use actix_web::{App, HttpServer, web};
use tokio_util::sync::CancellationToken;

use crate::engine::operations::Operations;
use crate::engine::targets::Targets;
use crate::metrics::Metrics;
use crate::operator::messages::Messages;
use crate::operator::readiness::Readiness;
use crate::operator::who_may::{AccessToken, InvalidTokens, WhoMay};
use crate::ports::clock::Clock;
use crate::ports::journal::Journal;

mod audit;
mod health;
pub mod messages;
mod problem;
pub mod readiness;
mod rotations;
mod routes;
mod standing;
mod targets;
pub mod view;
pub mod who_may;
mod words;
mod wsdl;

/// At most so many connections; a page, a scraper and a few people need far fewer.
const MAX_CONNECTIONS: usize = 256;

/// How long a client may take to send a request's head.
const REQUEST_DEADLINE: Duration = Duration::from_secs(10);

/// How long an idle connection is kept.
const KEEP_ALIVE: Duration = Duration::from_secs(30);

/// How long requests under way have to finish once the listener stops, in seconds.
const DRAIN_SECONDS: u64 = 5;

/// Where the listener is, and who may use it.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The address; port 0 takes a free one.
    pub address: SocketAddr,
    /// The bearer tokens of the API; without one, nobody may use it.
    pub tokens: Vec<AccessToken>,
}

/// What the listener shows and sets in motion.
#[derive(Clone)]
pub struct Parts {
    /// The durable memory.
    pub journal: Arc<dyn Journal>,
    /// The verbs.
    pub operations: Operations,
    /// The configured targets.
    pub targets: Arc<Targets>,
    /// What the sources of outbound messages send.
    pub messages: Arc<Messages>,
    /// What is counted and timed.
    pub metrics: Arc<Metrics>,
    /// What start-up waits for.
    pub readiness: Readiness,
    /// The time of a scrape.
    pub clock: Arc<dyn Clock>,
}

/// The listener could not be started.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// A token that cannot be used.
    #[error("the operator's tokens cannot be used")]
    Tokens(#[from] InvalidTokens),
    /// The address cannot be listened on.
    #[error("the operator's listener cannot be opened at {address}")]
    Address {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
}

/// The private listener.
#[derive(Debug)]
pub struct Operator;

/// The listener, bound to its address. It answers once it [runs](Self::run).
pub struct BoundOperator {
    address: SocketAddr,
    server: Server,
}

/// What every handler is given.
struct State {
    parts: Parts,
    who_may: WhoMay,
}

impl Operator {
    /// Takes the address, so that a port that is in use is known before anything else starts.
    pub fn bind(settings: Settings, parts: Parts) -> Result<BoundOperator, BindError> {
        let who_may = WhoMay::new(settings.tokens)?;
        let state = web::Data::new(State { parts, who_may });
        let app = move || {
            App::new()
                .app_data(state.clone())
                .wrap(
                    DefaultHeaders::new()
                        .add(("Cache-Control", "no-store"))
                        .add(("X-Content-Type-Options", "nosniff")),
                )
                .configure(routes::configure)
        };
        let address = settings.address;
        let refused = |source| BindError::Address { address, source };
        let server = HttpServer::new(app)
            .workers(1)
            .max_connections(MAX_CONNECTIONS)
            .client_request_timeout(REQUEST_DEADLINE)
            .keep_alive(KEEP_ALIVE)
            .shutdown_timeout(DRAIN_SECONDS)
            .disable_signals()
            .bind(address)
            .map_err(refused)?;
        let address = server.addrs().first().copied().unwrap_or(address);
        Ok(BoundOperator { address, server: server.run() })
    }
}

impl BoundOperator {
    /// Where it listens; the port is the one that was taken.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until `shutdown` is cancelled, and then finishes the requests under way.
    pub async fn run(self, shutdown: CancellationToken) -> io::Result<()> {
        let handle = self.server.handle();
        let mut server = std::pin::pin!(self.server);
        tokio::select! {
            ended = &mut server => return ended,
            () = shutdown.cancelled() => {}
        }
        let (ended, ()) = tokio::join!(server, handle.stop(true));
        ended
    }
}

impl std::fmt::Debug for BoundOperator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BoundOperator").field("address", &self.address).finish_non_exhaustive()
    }
}
