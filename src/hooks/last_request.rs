//! The last request of a connection: where an answer closes it, none after it is acted on.
//!
//! What a sender wrote ahead may have been read already when the answer before it says that the
//! connection ends. RFC 9112, section 9.6, forbids to act on it: whoever wrote it takes it for lost,
//! and what was refused half way may be followed by anything.

use std::cell::Cell;
use std::rc::Rc;

use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::{Extensions, ServiceRequest, ServiceResponse};
use actix_web::http::ConnectionType;
use actix_web::middleware::Next;

use crate::hooks::problem::Problem;

/// Whether a connection has had its last request.
#[derive(Debug, Clone, Default)]
struct Ended(Rc<Cell<bool>>);

/// Begins to watch a connection.
pub(super) fn watch(data: &mut Extensions) {
    data.insert(Ended::default());
}

/// Refuses what comes after the last request.
pub(super) async fn none_after_the_last(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let Ended(ended) = request.request().conn_data::<Ended>().cloned().unwrap_or_default();
    if ended.get() {
        return Err(Problem::AfterLast.into());
    }
    let is_last = request.head().connection_type() == ConnectionType::Close;
    let answered = next.call(request).await;
    let closes = match &answered {
        Ok(response) => response.response().head().connection_type(),
        Err(error) => error.as_response_error().error_response().head().connection_type(),
    };
    if is_last || closes == ConnectionType::Close {
        ended.set(true);
    }
    answered
}
