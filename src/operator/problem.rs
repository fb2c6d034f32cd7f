//! Every answer that is not the one asked for, as a problem document (RFC 9457), with its status.

use std::error::Error;
use std::fmt;

use actix_web::http::header::{self, Allow, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, Responder, ResponseError};
use serde::Serialize;

use crate::engine::operations::OperationError;
use crate::ports::journal::JournalError;

const CONTENT_TYPE: &str = "application/problem+json";

/// How soon a client that met a closed store may ask again, in seconds.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("5");

/// Why a request was not answered as asked. Its text is the problem's detail.
#[derive(Debug, thiserror::Error)]
pub(super) enum Problem {
    /// No token, an unknown one, or another scheme.
    #[error("a valid bearer token is needed")]
    Unauthenticated,
    /// A viewer asked for a verb.
    #[error("the token of {0} may look, and not act; this needs the role operator")]
    Forbidden(String),
    /// Nothing is served at this path.
    #[error("there is nothing at this path")]
    NoRoute,
    /// Something is served at this path, under other methods.
    #[error("this path is not served under this method")]
    Method(&'static [Method]),
    /// No target with that name.
    #[error("there is no such target")]
    NoTarget,
    /// No source of outbound messages with that name.
    #[error("there is no such source of outbound messages")]
    NoSource,
    /// No rotation with that id.
    #[error("there is no such rotation")]
    NoRotation,
    /// A query that cannot be understood.
    #[error("the query cannot be understood: {0}")]
    Query(QueryFault),
    /// The rotation's state does not allow the verb.
    #[error("the rotation's state does not allow this: {0}")]
    Conflict(&'static str),
    /// The store does not answer.
    #[error("the store cannot be read or written now")]
    Store(#[source] JournalError),
    /// The store holds what this program cannot read.
    #[error("the store holds something that this version cannot read")]
    Unreadable(#[source] JournalError),
    /// What cannot happen with checked tokens.
    #[error("the verb cannot be recorded")]
    Unrecorded(#[source] OperationError),
}

/// What is wrong with a query.
#[derive(Debug, thiserror::Error)]
pub(super) enum QueryFault {
    /// An unknown parameter, or a value of the wrong type.
    #[error("{0}")]
    Shape(#[from] actix_web::error::QueryPayloadError),
    /// A name that no target can have.
    #[error("target: {0}")]
    Target(#[from] crate::domain::ids::InvalidId),
    /// A word that is no phase.
    #[error("phase: no such phase")]
    Phase,
    /// Not an id.
    #[error("before: not the id of a rotation")]
    Before,
    /// Out of bounds.
    #[error("limit: from 1 to {0}")]
    Limit(u32),
}

#[derive(Serialize)]
struct Document<'a> {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    detail: &'a str,
}

impl From<JournalError> for Problem {
    fn from(error: JournalError) -> Self {
        match error {
            JournalError::UnknownRotation(_) => Self::NoRotation,
            JournalError::Illegal(illegal) => Self::Conflict(illegal.why),
            JournalError::Inconsistent(_) => Self::Unreadable(error),
            JournalError::Unavailable(_)
            | JournalError::LeaseLost
            | JournalError::Moved
            | JournalError::Spent => Self::Store(error),
        }
    }
}

impl From<OperationError> for Problem {
    fn from(error: OperationError) -> Self {
        match error {
            OperationError::UnknownTarget(_) => Self::NoTarget,
            OperationError::Journal(error) => error.into(),
            OperationError::Name(_) => Self::Unrecorded(error),
        }
    }
}

impl From<QueryFault> for Problem {
    fn from(fault: QueryFault) -> Self {
        Self::Query(fault)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::Query(_) => StatusCode::BAD_REQUEST,
            Self::Unauthenticated => StatusCode::UNAUTHORIZED,
            Self::Forbidden(_) => StatusCode::FORBIDDEN,
            Self::NoRoute | Self::NoTarget | Self::NoSource | Self::NoRotation => {
                StatusCode::NOT_FOUND
            }
            Self::Method(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::Conflict(_) => StatusCode::CONFLICT,
            Self::Store(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Unreadable(_) | Self::Unrecorded(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn error_response(&self) -> HttpResponse {
        let status = self.status_code();
        if status.is_server_error() {
            tracing::warn!(error = %Chain(self), "an operator's request could not be answered");
        }
        let mut response = HttpResponse::build(status);
        self.add_headers(&mut response);
        response.json(Document {
            r#type: "about:blank",
            title: status.canonical_reason().unwrap_or_default(),
            status: status.as_u16(),
            detail: &self.to_string(),
        })
    }
}

impl Problem {
    fn add_headers(&self, response: &mut HttpResponseBuilder) {
        response.insert_header((header::CONTENT_TYPE, CONTENT_TYPE));
        match self {
            Self::Unauthenticated => {
                let challenge = HeaderValue::from_static("Bearer realm=\"reset-receiver\"");
                response.insert_header((header::WWW_AUTHENTICATE, challenge));
            }
            Self::Method(allowed) => {
                response.insert_header(Allow(allowed.to_vec()));
            }
            Self::Store(_) => {
                response.insert_header((header::RETRY_AFTER, RETRY_AFTER));
            }
            Self::Forbidden(_)
            | Self::NoRoute
            | Self::NoTarget
            | Self::NoSource
            | Self::NoRotation
            | Self::Query(_)
            | Self::Conflict(_)
            | Self::Unreadable(_)
            | Self::Unrecorded(_) => {}
        }
    }
}

impl Responder for Problem {
    type Body = actix_web::body::BoxBody;

    fn respond_to(self, _request: &HttpRequest) -> HttpResponse {
        self.error_response()
    }
}

/// An error with everything below it, on one line.
struct Chain<'a>(&'a dyn Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut below = self.0.source();
        while let Some(error) = below {
            write!(f, ": {error}")?;
            below = error.source();
        }
        Ok(())
    }
}
