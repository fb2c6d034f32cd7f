//! The server to compare with: the same framework, TLS and workers; it reads a body and answers.

use std::net::TcpListener;

use actix_web::web::Bytes;
use actix_web::{App, HttpResponse, HttpServer, web};
use rcgen::CertifiedKey;
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use socket2::SockRef;

use crate::load::{ROUTE, Server, Signed};

/// What every request is answered: as long as a real answer is.
const ANSWER: &str = r#"{"status":"accepted","rotation_id":"019cade9-3c37-7f5e-a3a5-50b0c4a1e7d2","event_id":"bench-0123456789"}"#;

/// Starts it on a thread of its own.
pub(crate) fn start() -> Server {
    let CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let tls = ServerConfig::builder().with_no_client_auth();
    let tls = tls.with_single_cert(vec![cert.der().clone()], key).unwrap();
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    // As the receiver's listener does; the connections inherit it. Without it an answer on a new
    // connection waits for the client's next acknowledgement, for some 40 ms.
    SockRef::from(&socket).set_tcp_nodelay(true).unwrap();
    let address = socket.local_addr().unwrap();
    std::thread::spawn(move || {
        let app = || App::new().route(ROUTE, web::post().to(answer));
        let server = HttpServer::new(app).listen_rustls_0_23(socket, tls).unwrap();
        actix_web::rt::System::new().block_on(server.disable_signals().run()).unwrap();
    });
    Server { address, certificate: cert.der().clone(), signed: Signed::Well }
}

async fn answer(_body: Bytes) -> HttpResponse {
    HttpResponse::Accepted()
        .insert_header(("cache-control", "no-store"))
        .content_type("application/json")
        .body(ANSWER)
}
