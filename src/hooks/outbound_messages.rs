//! `POST /v1/outbound-messages/{source}`, with a secret as one more segment or without: Salesforce's
//! outbound messages.
//!
//! Salesforce reads nothing of an answer but whether it is an acknowledgement, and sends
//! everything else again for a day. What is authentic is therefore acknowledged once it is
//! written down, also what matches nobody; whoever is not known gets no acknowledgement.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, ResponseError, web};
use jiff::Timestamp;

use crate::domain::event::ResetEvent;
use crate::hooks::admission::{admit_all, count, log_refused, outcome, refused};
use crate::hooks::app::State;
use crate::hooks::gate;
use crate::hooks::headers;
use crate::hooks::problem::Problem;
use crate::ports::journal::Admission;
use crate::ports::meter::DeliveryOutcome;
use crate::senders::aside::Aside;
use crate::senders::delivery::{Refusal, Unauthenticated};
use crate::senders::outbound_message::{
    self, ACK, CONTENT_TYPE, InvalidMessage, Message, NACK, OutboundMessages,
};
use crate::senders::source::{Format, Source};

/// Why a message was not taken.
#[derive(Debug, thiserror::Error)]
enum Failure {
    /// It is not one.
    #[error(transparent)]
    Message(#[from] InvalidMessage),
    /// As with every other format.
    #[error(transparent)]
    Problem(#[from] Problem),
}

/// Receives one message, counts each notification and answers.
pub(super) async fn receive(
    request: HttpRequest,
    payload: web::Payload,
    state: web::Data<State>,
) -> HttpResponse {
    let received = take(&request, payload, &state).await;
    match received {
        Ok(admissions) => {
            for admission in &admissions {
                count(&request, &state, outcome(admission));
            }
            answer(StatusCode::OK, ACK.to_owned())
        }
        Err(Failure::Message(invalid)) => {
            count(&request, &state, DeliveryOutcome::Malformed);
            log_refused(&request, &invalid);
            answer(StatusCode::BAD_REQUEST, outbound_message::fault(&invalid.to_string()))
        }
        Err(Failure::Problem(problem)) => {
            refused(&request, &state, &problem);
            if matches!(problem, Problem::Unavailable) {
                return answer(StatusCode::OK, NACK.to_owned());
            }
            problem.error_response()
        }
    }
}

async fn take(
    request: &HttpRequest,
    payload: web::Payload,
    state: &State,
) -> Result<Vec<Admission>, Failure> {
    let is_message = |format: &Format| matches!(format, Format::OutboundMessage(_));
    let gate = gate::enter(request, state, is_message)?;
    let source = &gate.source;
    let Format::OutboundMessage(messages) = &source.format else {
        return Err(Problem::UnknownSource.into());
    };
    let limits = &state.limits;
    let body = gate::read(request, payload, limits.message_body, limits).await?;
    let now = state.clock.now();
    gate::authenticate(request, source, &body, now)?;
    if !headers::is_xml(request) {
        return Err(Problem::XmlMediaType.into());
    }
    let message = read(state, source, messages, body, now).await?;
    if !messages.may_speak_for(&message.organization) {
        let reason = Unauthenticated(vec![Refusal::Organization]);
        return Err(gate::refuse(source, &reason).into());
    }
    for one in &message.notified {
        if let Some(doubt) = one.doubt {
            tracing::warn!(source = %source.name, event = %one.event.id, %doubt, "odd notification");
        }
    }
    let events: Vec<ResetEvent> = message.notified.into_iter().map(|one| one.event).collect();
    Ok(admit_all(state, source, events).await?)
}

/// Reads a message on a thread of its own: a mebibyte of XML takes long enough that every other
/// request of this worker would notice.
async fn read(
    state: &State,
    source: &Source,
    messages: &OutboundMessages,
    body: Bytes,
    now: Timestamp,
) -> Result<Message, Failure> {
    let (name, object, future) = (source.name.clone(), Arc::clone(&messages.object), source.future);
    let reading = move || outbound_message::parse(&name, &object, &body, now, future);
    Ok(state.readers.run(reading).await.ok_or(Problem::Unavailable)??)
}

fn answer(status: StatusCode, body: String) -> HttpResponse {
    HttpResponse::build(status)
        .content_type(CONTENT_TYPE)
        .insert_header(("cache-control", "no-store"))
        .body(body)
}
