//! Liveness, readiness and metrics, for orchestrators and scrapers: without a token.

use std::time::Duration;

use actix_web::http::header::ContentType;
use actix_web::{HttpResponse, web};
use tokio::time::timeout;

use crate::metrics::Metrics;
use crate::operator::State;
use crate::operator::view::ReadinessView;

/// How long the store may take to answer a probe or a scrape. Probers themselves give up after
/// seconds.
const STORE_DEADLINE: Duration = Duration::from_secs(2);

/// The name under which a store that does not answer is listed.
const STORE: &str = "store";

/// Says that the process answers, and nothing about anything else: a restart would not mend that.
pub(super) async fn livez() -> HttpResponse {
    HttpResponse::Ok().content_type(ContentType::plaintext()).body("alive\n")
}

/// Says whether start-up is complete and the store can be written, and otherwise what is not.
pub(super) async fn readyz(state: web::Data<State>) -> HttpResponse {
    let mut not_ready: Vec<String> =
        state.parts.readiness.closed().map(ToOwned::to_owned).collect();
    let probe = timeout(STORE_DEADLINE, state.parts.journal.probe()).await;
    if !matches!(probe, Ok(Ok(()))) {
        not_ready.push(STORE.to_owned());
    }
    let ready = not_ready.is_empty();
    let mut response = if ready { HttpResponse::Ok() } else { HttpResponse::ServiceUnavailable() };
    response.json(ReadinessView { ready, not_ready })
}

/// The metrics, with the gauges as they are now. A store that does not answer takes only its own
/// gauges away.
pub(super) async fn metrics(state: web::Data<State>) -> HttpResponse {
    let phases = timeout(STORE_DEADLINE, state.parts.journal.phases()).await;
    let phases = phases.ok().and_then(Result::ok);
    match state.parts.metrics.page(phases.as_deref(), state.parts.clock.now()) {
        Ok(page) => HttpResponse::Ok().content_type(Metrics::CONTENT_TYPE).body(page),
        Err(_formatting) => HttpResponse::InternalServerError().finish(),
    }
}
