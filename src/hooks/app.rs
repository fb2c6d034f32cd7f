//! The routes of the public listener.

use std::sync::Arc;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::middleware::from_fn;
use actix_web::{App, HttpResponse, Resource, web};

use crate::engine::intake::Intake;
use crate::hooks::access_log::access_log;
use crate::hooks::emails;
use crate::hooks::headers::screen;
use crate::hooks::last_request::none_after_the_last;
use crate::hooks::limits::Limits;
use crate::hooks::outbound_messages;
use crate::hooks::problem::Problem;
use crate::hooks::readers::Readers;
use crate::hooks::resets;
use crate::hooks::server::Mails;
use crate::hooks::sources::Sources;
use crate::hooks::vault_events;
use crate::ports::clock::Clock;
use crate::ports::meter::Meter;

/// What every request may need.
pub(super) struct State {
    pub(super) intake: Intake,
    pub(super) sources: Arc<Sources>,
    pub(super) mails: Mails,
    pub(super) meter: Arc<dyn Meter>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) limits: Limits,
    pub(super) readers: Readers,
}

/// The routes, as `openapi.yaml` names them.
pub(super) fn app(
    state: Arc<State>,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl MessageBody>,
        Error = actix_web::Error,
        InitError = (),
    >,
> {
    App::new()
        .app_data(web::Data::from(state))
        .wrap(from_fn(screen))
        .wrap(from_fn(none_after_the_last))
        .wrap(from_fn(access_log))
        .service(
            web::resource("/v1/resets/{source}")
                .post(resets::receive)
                .default_service(web::to(method_not_allowed)),
        )
        .service(
            web::resource("/v1/emails/{source}")
                .post(emails::receive)
                .default_service(web::to(method_not_allowed)),
        )
        .service(outbound_message("/v1/outbound-messages/{source}"))
        .service(outbound_message("/v1/outbound-messages/{source}/{secret}"))
        .service(
            web::resource("/v1/vault-events/{source}")
                .route(web::post().to(vault_events::receive))
                .route(web::method(Method::OPTIONS).to(vault_events::shake_hands))
                .default_service(web::to(event_method_not_allowed)),
        )
        .default_service(web::to(unknown_route))
}

/// One resource for each pattern, so that the log names the one that was met.
fn outbound_message(pattern: &str) -> Resource {
    web::resource(pattern)
        .post(outbound_messages::receive)
        .default_service(web::to(method_not_allowed))
}

async fn method_not_allowed() -> Result<HttpResponse, Problem> {
    Err(Problem::Method)
}

async fn event_method_not_allowed() -> Result<HttpResponse, Problem> {
    Err(Problem::EventMethod)
}

async fn unknown_route() -> Result<HttpResponse, Problem> {
    Err(Problem::UnknownRoute)
}
