//! From an accepted socket to a connection that speaks HTTP: counted, encrypted, watched.
//!
//! actix-web's own server counts connections per worker only, and not per address, and lets the
//! head of a second request take for ever; so its parts are put together here.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_http::{HttpService, KeepAlive};
use actix_server::GracefulShutdownSignal;
use actix_service::{
    IntoServiceFactory, ServiceFactory, ServiceFactoryExt, fn_service, map_config,
};
use actix_web::dev::{AppConfig, Extensions};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::hooks::app::{State, app};
use crate::hooks::client_certificates;
use crate::hooks::connections::{Connections, Permit};
use crate::hooks::last_request;
use crate::hooks::stream::Watched;

/// A connection after its TLS handshake.
pub(super) type Connection = Watched<TlsStream<TcpStream>>;

/// How long a connection that is being closed may take to say so.
const GOODBYE: Duration = Duration::from_secs(1);

/// What every worker needs to serve connections.
#[derive(Clone)]
pub(super) struct Listener {
    pub(super) state: Arc<State>,
    pub(super) connections: Arc<Connections>,
    pub(super) acceptor: TlsAcceptor,
}

/// A connection that ended before, or other than, it should. There is nobody to tell: the reason
/// has been logged.
#[derive(Debug)]
pub(super) struct Ended;

impl Listener {
    /// The service of one worker.
    pub(super) fn service(
        self,
        drain: GracefulShutdownSignal,
    ) -> impl ServiceFactory<TcpStream, Config = (), Response = (), Error = Ended, InitError = ()>
    {
        let limits = &self.state.limits;
        let routes = app(Arc::clone(&self.state))
            .into_factory()
            .map_err(|error: actix_web::Error| error.error_response());
        let http = HttpService::<Connection, _, _>::build()
            .graceful_shutdown_signal(move || {
                let drain = drain.clone();
                async move { drain.notified().await }
            })
            .keep_alive(KeepAlive::Timeout(limits.idle))
            .client_request_timeout(limits.header_deadline)
            .client_disconnect_timeout(GOODBYE)
            .secure()
            .on_connect_ext(|connection: &Connection, data: &mut Extensions| {
                client_certificates::keep(connection, data);
                last_request::watch(data);
                Permit::keep(connection, data);
            })
            .h1(map_config(routes, |()| AppConfig::default()));
        fn_service(move |socket| self.clone().accept(socket)).and_then(http.map_err(|error| {
            tracing::debug!(%error, "connection ended");
            Ended
        }))
    }

    /// Counts a connection and shakes hands.
    async fn accept(self, socket: TcpStream) -> Result<(Connection, Option<SocketAddr>), Ended> {
        let peer = socket.peer_addr().map_err(|_gone| Ended)?;
        let Some(permit) = self.connections.admit(peer.ip()) else {
            tracing::warn!(peer = %peer.ip(), "connection refused: all that may be open are being answered");
            return Err(Ended);
        };
        // An answer is one small write, which must not wait for another.
        socket.set_nodelay(true).map_err(|_gone| Ended)?;
        let limits = &self.state.limits;
        let shaken = timeout(limits.header_deadline, self.acceptor.accept(socket));
        let shaken = tokio::select! {
            shaken = shaken => shaken,
            () = poll_fn(|cx| permit.poll_goes(cx)) => {
                tracing::debug!(peer = %peer.ip(), "a TLS handshake makes room for another");
                return Err(Ended);
            }
        };
        match shaken {
            Ok(Ok(stream)) => Ok((Watched::new(stream, limits.silence(), permit), Some(peer))),
            Ok(Err(error)) => {
                tracing::debug!(peer = %peer.ip(), %error, "TLS handshake failed");
                Err(Ended)
            }
            Err(_elapsed) => {
                tracing::debug!(peer = %peer.ip(), "TLS handshake took too long");
                Err(Ended)
            }
        }
    }
}
