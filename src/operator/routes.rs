//! The routes of the private listener, as a table.

use actix_web::http::Method;
use actix_web::middleware::from_fn;
use actix_web::{FromRequest, Handler, Resource, Responder, web};

use crate::operator::problem::Problem;
use crate::operator::{audit, health, messages, rotations, targets, who_may};

pub(super) fn configure(app: &mut web::ServiceConfig) {
    let api = web::scope("/v1")
        .wrap(from_fn(who_may::admit))
        .service(read("/targets", targets::list))
        .service(read("/targets/{name}", targets::one))
        .service(act("/targets/{name}/rotate", targets::rotate))
        .service(read("/rotations", rotations::list))
        .service(read("/rotations/{id}", rotations::one))
        .service(act("/rotations/{id}/retry", rotations::retry))
        .service(act("/rotations/{id}/use-current-secret", rotations::use_current_secret))
        .service(act("/rotations/{id}/abandon", rotations::abandon))
        .service(read("/outbound-messages/{source}", messages::wsdl))
        .service(read("/audit", audit::list))
        .default_service(web::to(no_route));
    app.service(read("/livez", health::livez))
        .service(read("/readyz", health::readyz))
        .service(read("/metrics", health::metrics))
        .service(api)
        .default_service(web::to(no_route));
}

async fn no_route() -> Problem {
    Problem::NoRoute
}

/// A resource that is looked at.
fn read<F, Args>(path: &str, handler: F) -> Resource
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    web::resource(path)
        .route(web::get().to(handler.clone()))
        .route(web::head().to(handler))
        .default_service(web::to(async || Problem::Method(&[Method::GET, Method::HEAD])))
}

/// A resource that does something.
fn act<F, Args>(path: &str, handler: F) -> Resource
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    web::resource(path)
        .route(web::post().to(handler))
        .default_service(web::to(async || Problem::Method(&[Method::POST])))
}
