//! `POST /v1/resets/{source}`: a JSON notice of one reset.

use actix_web::{HttpRequest, HttpResponse, web};

use crate::domain::ids::EventId;
use crate::hooks::admission::{admit, answer, count, outcome, refused};
use crate::hooks::app::State;
use crate::hooks::gate;
use crate::hooks::headers;
use crate::hooks::problem::Problem;
use crate::ports::journal::Admission;
use crate::senders::delivery::Unauthenticated;
use crate::senders::notice;
use crate::senders::source::Format;

/// Receives one delivery, counts it and answers.
pub(super) async fn receive(
    request: HttpRequest,
    payload: web::Payload,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let received = take(&request, payload, &state).await;
    match &received {
        Ok((_, admission)) => count(&request, &state, outcome(admission)),
        Err(problem) => refused(&request, &state, problem),
    }
    received.map(|(event_id, admission)| answer(event_id, admission))
}

/// The way of a delivery, in the order that the module's documentation gives.
async fn take(
    request: &HttpRequest,
    payload: web::Payload,
    state: &State,
) -> Result<(EventId, Admission), Problem> {
    let gate = gate::enter(request, state, |format| matches!(format, Format::Notice))?;
    let limits = &state.limits;
    let body = gate::read(request, payload, limits.json_body, limits).await?;
    let source = &gate.source;
    let now = state.clock.now();
    let proof = gate::authenticate(request, source, &body, now)?;
    if !headers::is_json(request) {
        return Err(Problem::MediaType);
    }
    let event = notice::parse(&source.name, &proof, &body, now, source.future)?;
    let in_time = proof.check_time(event.occurred_at, now);
    in_time.map_err(|stale| gate::refuse(source, &Unauthenticated(vec![stale])))?;
    let event_id = event.id.clone();
    let admission = admit(state, source, event).await?;
    Ok((event_id, admission))
}
