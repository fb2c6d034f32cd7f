//! `POST` and `OPTIONS /v1/vault-events/{source}`: a secret was written, says Vault or an agent.

use actix_web::http::header::{ALLOW, HeaderMap, HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};

use crate::domain::ids::EventId;
use crate::hooks::admission::{admit, answer, answer_ignored, count, outcome, refused};
use crate::hooks::app::State;
use crate::hooks::gate;
use crate::hooks::headers::{self, Evidence};
use crate::hooks::problem::Problem;
use crate::ports::journal::Admission;
use crate::ports::meter::DeliveryOutcome;
use crate::senders::source::{Format, Source};
use crate::senders::vault_event::{Reading, VaultEvent};

/// The methods of the route.
pub(super) const METHODS: &str = "POST, OPTIONS";

/// The longest origin that a hand-shake echoes: as long as a name of the DNS may be.
const MAX_ORIGIN: usize = 253;

/// What became of a delivery.
enum Taken {
    Event(EventId, Admission),
    Ignored(EventId),
}

/// Receives one delivery, counts it and answers.
pub(super) async fn receive(
    request: HttpRequest,
    payload: web::Payload,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let received = take(&request, payload, &state).await;
    match &received {
        Ok(Taken::Event(_, admission)) => count(&request, &state, outcome(admission)),
        Ok(Taken::Ignored(_)) => count(&request, &state, DeliveryOutcome::Ignored),
        Err(problem) => refused(&request, &state, problem),
    }
    received.map(|received| match received {
        Taken::Event(event_id, admission) => answer(event_id, admission),
        Taken::Ignored(event_id) => answer_ignored(event_id),
    })
}

/// The way of a delivery, in the order that the module's documentation gives.
async fn take(
    request: &HttpRequest,
    payload: web::Payload,
    state: &State,
) -> Result<Taken, Problem> {
    let gate = gate::enter(request, state, |format| matches!(format, Format::VaultEvent))?;
    if asks_for_token_in_query(request.query_string()) {
        return Err(Problem::QueryToken);
    }
    let limits = &state.limits;
    let body = gate::read(request, payload, limits.json_body, limits).await?;
    let source = &gate.source;
    let now = state.clock.now();
    let proof = gate::authenticate(request, source, &body, now)?;
    check_type(request)?;
    let headers = Evidence(request);
    let window = source.future;
    let reading = Reading {
        source: &source.name,
        proof: &proof,
        headers: &headers,
        body: &body,
        now,
        window,
    };
    match reading.read()? {
        VaultEvent::Written(event) => {
            let event_id = event.id.clone();
            let admission = admit(state, source, event).await?;
            Ok(Taken::Event(event_id, admission))
        }
        VaultEvent::Removed { id, location } => {
            let secret = location.map(|location| location.to_string()).unwrap_or_default();
            tracing::warn!(source = %source.name, event = %id, secret, "a secret was deleted or destroyed in Vault");
            Ok(Taken::Ignored(id))
        }
        VaultEvent::Other { id } => {
            tracing::debug!(source = %source.name, event = %id, "the event tells of no write");
            Ok(Taken::Ignored(id))
        }
    }
}

/// Answers the hand-shake of the CloudEvents webhook specification. It lets a sender begin and
/// proves nothing: each delivery is authenticated for itself. No callback is ever called.
pub(super) async fn shake_hands(
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let gate = gate::enter(&request, &state, |format| matches!(format, Format::VaultEvent))?;
    let mut response = HttpResponse::Ok();
    response.insert_header((ALLOW, METHODS)).insert_header(("cache-control", "no-store"));
    if let Some(origin) = origin(request.headers()) {
        response.insert_header((HeaderName::from_static("webhook-allowed-origin"), origin));
        response.insert_header(("webhook-allowed-rate", allowed_rate(&gate.source)));
    }
    Ok(response.finish())
}

/// How many deliveries a minute are looked at.
fn allowed_rate(source: &Source) -> String {
    source.rate.per_minute.to_string()
}

/// Who wants to send, as a name that may be echoed.
fn origin(headers: &HeaderMap) -> Option<HeaderValue> {
    let mut origins = headers.get_all("webhook-request-origin");
    let origin = origins.next()?;
    let is_name = (1..=MAX_ORIGIN).contains(&origin.len())
        && origin.as_bytes().iter().all(|b| b.is_ascii_alphanumeric() || b".-:_/*".contains(b));
    (is_name && origins.next().is_none()).then(|| origin.clone())
}

/// A token in the address ends up in the logs of whatever the request passes through.
fn asks_for_token_in_query(query: &str) -> bool {
    url::form_urlencoded::parse(query.as_bytes()).any(|(name, _)| name == "access_token")
}

/// Structured CloudEvents or plain JSON; a batch would be answered as one and is refused.
fn check_type(request: &HttpRequest) -> Result<(), Problem> {
    if headers::is_plain(request, &["application/json", "application/cloudevents+json"]) {
        Ok(())
    } else if headers::is_plain(request, &["application/cloudevents-batch+json"]) {
        Err(Problem::Batch)
    } else {
        Err(Problem::EventMediaType)
    }
}
