//! `POST /v1/resets/{source}`: a JSON notice of one reset.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use actix_web::web::Bytes;
use actix_web::{HttpMessage, HttpRequest, HttpResponse, web};
use jiff::Timestamp;
use serde::Serialize;

use crate::domain::event::ResetEvent;
use crate::domain::fault::error_line;
use crate::domain::ids::{EventId, RotationId, SourceName};
use crate::hooks::access_log::KnownSource;
use crate::hooks::app::State;
use crate::hooks::headers::{self, Received};
use crate::hooks::limits::Limits;
use crate::hooks::problem::Problem;
use crate::hooks::sources::Gate;
use crate::ports::journal::Admission;
use crate::ports::meter::DeliveryOutcome;
use crate::senders::delivery::{Delivery, Proof};
use crate::senders::source::{Authentication, Format, Source};

/// What a sender is told of an event that was taken.
#[derive(Debug, Serialize)]
pub(super) struct Receipt {
    pub(super) status: &'static str,
    pub(super) rotation_id: Option<RotationId>,
    pub(super) event_id: EventId,
}

/// Receives one delivery, counts it and answers.
pub(super) async fn receive(
    request: HttpRequest,
    payload: web::Payload,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let received = take(&request, payload, &state).await;
    let outcome = match &received {
        Ok((_, admission)) => taken(admission),
        Err(problem) => problem.outcome(),
    };
    count(&request, &state, outcome);
    received.map(|(event_id, admission)| answer(event_id, admission))
}

/// Counts a delivery for its source, where it named one that is known.
pub(super) fn count(request: &HttpRequest, state: &State, outcome: DeliveryOutcome) {
    let known = request.extensions().get::<KnownSource>().cloned();
    state.meter.delivery(known.as_ref().map_or("-", |source| source.0.as_str()), outcome);
}

/// The way of a delivery, in the order that the module's documentation gives.
async fn take(
    request: &HttpRequest,
    payload: web::Payload,
    state: &State,
) -> Result<(EventId, Admission), Problem> {
    let gate = enter(request, state, Format::Notice)?;
    let body = read(request, payload, &state.limits).await?;

    let source = &gate.source;
    let now = state.clock.now();
    let proof = prove(request, source, &body, now)?;
    if !headers::is_json(request) {
        return Err(Problem::MediaType);
    }
    let event = source.parse(&proof, &body, now)?;
    let event_id = event.id.clone();
    let admission = admit(state, source, event).await?;
    Ok((event_id, admission))
}

/// Finds the source that a request names, and keeps it to its rate.
pub(super) fn enter(
    request: &HttpRequest,
    state: &State,
    format: Format,
) -> Result<Arc<Gate>, Problem> {
    let name = request.match_info().get("source").unwrap_or_default();
    let name = SourceName::parse(name).map_err(|_| Problem::UnknownSource)?;
    let gate = state.sources.get(&name, format).ok_or(Problem::UnknownSource)?;
    request.extensions_mut().insert(KnownSource(name));
    // A connection always has an address; one that lost it already shares a bucket.
    let address = request.peer_addr().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.ip());
    gate.limiter.take(address).map_err(|retry_after| Problem::Throttled { retry_after })?;
    Ok(gate)
}

/// Proves where a delivery comes from.
pub(super) fn prove(
    request: &HttpRequest,
    source: &Source,
    body: &[u8],
    now: Timestamp,
) -> Result<Proof, Problem> {
    let delivery = Delivery { headers: &Received(request.headers()), body };
    source.authenticate(&delivery, now).map_err(|reason| {
        tracing::warn!(source = %source.name, %reason, "delivery refused");
        Problem::Unauthenticated { challenge: challenge(source) }
    })
}

/// Reads the whole body, within the limits of size and time.
pub(super) async fn read(
    request: &HttpRequest,
    payload: web::Payload,
    limits: &Limits,
) -> Result<Bytes, Problem> {
    let limit = limits.json_body;
    let announced = headers::content_length(request);
    if announced.is_some_and(|length| usize::try_from(length).map_or(true, |bytes| bytes > limit)) {
        return Err(Problem::TooLarge { limit });
    }
    let reading = payload.to_bytes_limited(limit);
    match tokio::time::timeout(limits.body_deadline, reading).await {
        Err(_elapsed) => Err(Problem::BodyTimeout),
        Ok(Err(_exceeded)) => Err(Problem::TooLarge { limit }),
        Ok(Ok(Err(_broken))) => Err(Problem::Truncated),
        Ok(Ok(Ok(body))) => Ok(body),
    }
}

/// Hands the event over in a task of its own: a sender that hangs up in the middle must not leave
/// a rotation written down and the worker asleep.
pub(super) async fn admit(
    state: &State,
    source: &Source,
    event: ResetEvent,
) -> Result<Admission, Problem> {
    let intake = state.intake.clone();
    let targets = source.targets.clone();
    let admitting =
        actix_web::rt::spawn(async move { intake.admit(&event, targets.as_deref()).await });
    let outcome = tokio::time::timeout(state.limits.admission_deadline, admitting).await;
    match outcome {
        Ok(Ok(Ok(admission))) => Ok(admission),
        Ok(Ok(Err(error))) => {
            let error = error_line(&error);
            tracing::error!(source = %source.name, error, "event could not be written down");
            Err(Problem::Unavailable)
        }
        Ok(Err(error)) => {
            let error = error_line(&error);
            tracing::error!(source = %source.name, error, "writing an event down was cut short");
            Err(Problem::Unavailable)
        }
        Err(_elapsed) => {
            tracing::error!(source = %source.name, "writing an event down took too long");
            Err(Problem::Unavailable)
        }
    }
}

pub(super) fn taken(admission: &Admission) -> DeliveryOutcome {
    match admission {
        Admission::Accepted(_) => DeliveryOutcome::Accepted,
        Admission::Duplicate(_) => DeliveryOutcome::Duplicate,
        Admission::Unmatched => DeliveryOutcome::Unmatched,
    }
}

pub(super) fn answer(event_id: EventId, admission: Admission) -> HttpResponse {
    let status = taken(&admission).as_str();
    let (mut response, rotation_id) = match admission {
        Admission::Accepted(rotation) => (HttpResponse::Accepted(), Some(rotation)),
        Admission::Duplicate(rotation) => (HttpResponse::Ok(), rotation),
        Admission::Unmatched => (HttpResponse::Ok(), None),
    };
    response.insert_header(("cache-control", "no-store")).json(Receipt {
        status,
        rotation_id,
        event_id,
    })
}

/// The schemes that the source accepts, as `WWW-Authenticate` lists them.
fn challenge(source: &Source) -> String {
    let mut schemes: Vec<&str> =
        source.authentications.iter().map(Authentication::scheme).collect();
    schemes.dedup();
    schemes.join(", ")
}
