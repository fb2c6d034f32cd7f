//! Hands authentic events over, and says what the sender is told of it.

use std::fmt;
use std::future::Future;

use actix_web::{HttpMessage, HttpRequest, HttpResponse, HttpResponseBuilder};
use futures_util::future::join_all;
use serde::Serialize;

use crate::domain::event::ResetEvent;
use crate::domain::fault::error_line;
use crate::domain::ids::{EventId, RotationId};
use crate::hooks::access_log::KnownSource;
use crate::hooks::app::State;
use crate::hooks::problem::Problem;
use crate::ports::journal::{Admission, JournalError};
use crate::ports::meter::DeliveryOutcome;
use crate::senders::source::Source;

/// Hands one event over.
pub(super) async fn admit(
    state: &State,
    source: &Source,
    event: ResetEvent,
) -> Result<Admission, Problem> {
    let (intake, targets) = (state.intake.clone(), source.targets.clone());
    bounded(state, source, async move { intake.admit(&event, targets.as_deref()).await }).await
}

/// Hands all events of one delivery over. Where one of them cannot be written down, others are; they
/// are duplicates when the delivery comes again.
pub(super) async fn admit_all(
    state: &State,
    source: &Source,
    events: Vec<ResetEvent>,
) -> Result<Vec<Admission>, Problem> {
    let (intake, targets) = (state.intake.clone(), source.targets.clone());
    let admitting = async move {
        let admitting = events.iter().map(|event| intake.admit(event, targets.as_deref()));
        // To the end of each: the worker is woken for what is written, whatever becomes of the rest.
        join_all(admitting).await.into_iter().collect()
    };
    bounded(state, source, admitting).await
}

/// Writes in a task of its own: a sender that hangs up in the middle must not leave a rotation
/// written down and the worker asleep.
async fn bounded<T: 'static>(
    state: &State,
    source: &Source,
    admitting: impl Future<Output = Result<T, JournalError>> + 'static,
) -> Result<T, Problem> {
    let admitting = actix_web::rt::spawn(admitting);
    match tokio::time::timeout(state.limits.admission_deadline, admitting).await {
        Ok(Ok(Ok(admitted))) => Ok(admitted),
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

/// What an admission counts as.
pub(super) fn outcome(admission: &Admission) -> DeliveryOutcome {
    match admission {
        Admission::Accepted(_) => DeliveryOutcome::Accepted,
        Admission::Duplicate(_) => DeliveryOutcome::Duplicate,
        Admission::Unmatched => DeliveryOutcome::Unmatched,
    }
}

/// Counts a delivery for its source, where it named one that is known.
pub(super) fn count(request: &HttpRequest, state: &State, outcome: DeliveryOutcome) {
    let known = request.extensions().get::<KnownSource>().cloned();
    state.meter.delivery(known.as_ref().map_or("-", |source| source.0.as_str()), outcome);
}

/// Counts a delivery that was not taken. Where a source that is known sent what cannot be read, the
/// log says why: the sender's own log may be out of reach.
pub(super) fn refused(request: &HttpRequest, state: &State, problem: &Problem) {
    count(request, state, problem.outcome());
    if let Some(reason) = problem.reason() {
        log_refused(request, &reason);
    }
}

/// Says in the log why a delivery of a known source was refused. The reason carries nothing of
/// what the sender wrote but the names of fields that are known here.
pub(super) fn log_refused(request: &HttpRequest, reason: &dyn fmt::Display) {
    if let Some(KnownSource(source)) = request.extensions().get::<KnownSource>() {
        tracing::warn!(%source, %reason, "delivery refused");
    }
}

/// What a sender is told of an event that was taken.
#[derive(Debug, Serialize)]
struct Receipt {
    status: &'static str,
    rotation_id: Option<RotationId>,
    event_id: EventId,
}

/// Tells a sender what became of its event.
pub(super) fn answer(event_id: EventId, admission: Admission) -> HttpResponse {
    let status = outcome(&admission);
    match admission {
        Admission::Accepted(rotation) => {
            receipt(HttpResponse::Accepted(), status, Some(rotation), event_id)
        }
        Admission::Duplicate(rotation) => receipt(HttpResponse::Ok(), status, rotation, event_id),
        Admission::Unmatched => receipt(HttpResponse::Ok(), status, None, event_id),
    }
}

/// Tells a sender that its event was understood, and that nothing follows from it.
pub(super) fn answer_ignored(event_id: EventId) -> HttpResponse {
    receipt(HttpResponse::Ok(), DeliveryOutcome::Ignored, None, event_id)
}

fn receipt(
    mut response: HttpResponseBuilder,
    outcome: DeliveryOutcome,
    rotation_id: Option<RotationId>,
    event_id: EventId,
) -> HttpResponse {
    let receipt = Receipt { status: outcome.as_str(), rotation_id, event_id };
    response.insert_header(("cache-control", "no-store")).json(receipt)
}
