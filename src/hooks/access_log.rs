//! One line per request: what was asked, what was answered, how long it took. No body, no header
//! value, no query, and of the path only what the configuration knows.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::middleware::Next;
use actix_web::{HttpMessage, web};

use crate::domain::ids::SourceName;
use crate::hooks::app::State;

/// The source of a request, once it is known to be configured.
#[derive(Debug, Clone)]
pub(super) struct KnownSource(pub(super) SourceName);

/// Logs each request after it was answered.
pub(super) async fn access_log(
    state: web::Data<State>,
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let began = state.clock.now();
    let response = next.call(request).await?;
    let took = state.clock.now().duration_since(began);
    // A number of 128 bits would be written as a text.
    let milliseconds = i64::try_from(took.as_millis()).unwrap_or(i64::MAX);
    let request = response.request();
    let known = request.extensions().get::<KnownSource>().cloned();
    tracing::info!(
        method = method_word(request.method()),
        route = request.match_pattern().unwrap_or_else(|| "-".to_owned()),
        source = known.as_ref().map_or("-", |source| source.0.as_str()),
        peer = request.peer_addr().map(|peer| peer.ip().to_string()).unwrap_or_default(),
        status = response.status().as_u16(),
        milliseconds,
        "request"
    );
    Ok(response)
}

/// A stranger may write anything as a method, and in any length.
fn method_word(method: &Method) -> &str {
    match *method {
        Method::GET
        | Method::HEAD
        | Method::POST
        | Method::PUT
        | Method::PATCH
        | Method::DELETE
        | Method::OPTIONS
        | Method::TRACE
        | Method::CONNECT => method.as_str(),
        _ => "other",
    }
}
