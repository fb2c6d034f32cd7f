//! Every failure that a sender can be answered with, and its status code: RFC 9457 problems.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;

use crate::hooks::vault_events::METHODS;
use crate::ports::meter::DeliveryOutcome;
use crate::senders::email::mail::InvalidMail;
use crate::senders::json::InvalidJson;
use crate::senders::notice::{FieldFault, InvalidNotice};

/// A failure, as the sender is told it.
#[derive(Debug, thiserror::Error)]
pub(super) enum Problem {
    #[error("the body is not a notice")]
    Notice(#[from] InvalidNotice),
    #[error("the body is not what the relay sends")]
    Mail(InvalidMail),
    #[error("the mail is not proven to be Salesforce's")]
    Verdict,
    #[error("the body ended early or is not framed as HTTP asks for")]
    Truncated,
    #[error("the delivery could not be authenticated")]
    Unauthenticated {
        /// The schemes that the source accepts.
        challenge: String,
    },
    #[error("there is no such source")]
    UnknownSource,
    #[error("there is no such route")]
    UnknownRoute,
    #[error("this route takes POST only")]
    Method,
    #[error("this route takes POST and OPTIONS only")]
    EventMethod,
    #[error("a token in the address is not accepted: send it in the header Authorization")]
    QueryToken,
    #[error("a batch is not accepted: send each event in a request of its own")]
    Batch,
    #[error(
        "the body must be application/cloudevents+json or application/json in UTF-8, without a \
         content encoding"
    )]
    EventMediaType,
    #[error("the body did not arrive in time")]
    BodyTimeout,
    #[error("the body is larger than {limit} bytes")]
    TooLarge { limit: usize },
    #[error("the body must be application/json in UTF-8, without a content encoding")]
    MediaType,
    #[error("the body must be text/xml or application/xml in UTF-8, without a content encoding")]
    XmlMediaType,
    #[error("too many requests")]
    Throttled { retry_after: Duration },
    #[error("the head of the request is too large")]
    HeaderTooLarge,
    #[error("the event could not be written down; send it again")]
    Unavailable,
    #[error("this server speaks HTTP/1.1 only")]
    Version,
    #[error("the request line names another host than the header Host")]
    Authority,
    #[error("the request came after the last one of its connection")]
    AfterLast,
}

/// How long a sender should wait after a 503.
const UNAVAILABLE_RETRY: Duration = Duration::from_secs(10);

/// The members of a problem (RFC 9457), and one entry for each field that is wrong.
#[derive(Debug, Serialize)]
struct Body {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    detail: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError>,
}

#[derive(Debug, Serialize)]
struct FieldError {
    field: String,
    message: String,
}

impl From<&FieldFault> for FieldError {
    fn from(fault: &FieldFault) -> Self {
        Self { field: fault.field.to_owned(), message: fault.fault.to_string() }
    }
}

impl Problem {
    fn body(&self, status: StatusCode) -> Body {
        Body {
            r#type: "about:blank",
            title: status.canonical_reason().unwrap_or_default(),
            status: status.as_u16(),
            detail: self.detail(),
            errors: self.errors(),
        }
    }

    /// The sentence, with the reason below it where there is one.
    fn detail(&self) -> String {
        if let Self::Mail(reason) = self {
            return reason.to_string();
        }
        if let Self::Notice(reason) = self { reason.to_string() } else { self.to_string() }
    }

    fn errors(&self) -> Vec<FieldError> {
        let Self::Notice(notice) = self else { return Vec::new() };
        match notice {
            InvalidNotice::Fields(faults) => faults.iter().map(FieldError::from).collect(),
            InvalidNotice::Json(InvalidJson::Duplicate(key)) => {
                // The sender's own text goes back, no longer than a name would be.
                let field = key.chars().take(64).collect();
                vec![FieldError { field, message: "stands twice".to_owned() }]
            }
            InvalidNotice::Json(_) | InvalidNotice::NotAnObject(_) => Vec::new(),
        }
    }

    /// Why a delivery cannot be read, for the log; `None` where that is not what is wrong with it.
    /// Names of fields are the documented ones, and a value is never in it.
    pub(super) fn reason(&self) -> Option<String> {
        let is_unreadable = matches!(
            self.status_code(),
            StatusCode::BAD_REQUEST
                | StatusCode::PAYLOAD_TOO_LARGE
                | StatusCode::UNSUPPORTED_MEDIA_TYPE
        );
        if !is_unreadable {
            return None;
        }
        let Self::Notice(InvalidNotice::Fields(faults)) = self else { return Some(self.detail()) };
        let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
        Some(format!("{}: {}", self.detail(), faults.join("; ")))
    }

    /// What the delivery counts as.
    pub(super) fn outcome(&self) -> DeliveryOutcome {
        match self {
            Self::Unauthenticated { .. } => DeliveryOutcome::Unauthenticated,
            Self::Throttled { .. } => DeliveryOutcome::Throttled,
            Self::Unavailable => DeliveryOutcome::Unavailable,
            Self::Verdict => DeliveryOutcome::Unproven,
            Self::Notice(_)
            | Self::Mail(_)
            | Self::Truncated
            | Self::UnknownSource
            | Self::UnknownRoute
            | Self::Method
            | Self::EventMethod
            | Self::QueryToken
            | Self::Batch
            | Self::EventMediaType
            | Self::BodyTimeout
            | Self::TooLarge { .. }
            | Self::MediaType
            | Self::XmlMediaType
            | Self::HeaderTooLarge
            | Self::Version
            | Self::Authority
            | Self::AfterLast => DeliveryOutcome::Malformed,
        }
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::Notice(_)
            | Self::Mail(_)
            | Self::Truncated
            | Self::QueryToken
            | Self::Authority
            | Self::AfterLast => StatusCode::BAD_REQUEST,
            Self::Verdict => StatusCode::FORBIDDEN,
            Self::Unauthenticated { .. } => StatusCode::UNAUTHORIZED,
            Self::UnknownSource | Self::UnknownRoute => StatusCode::NOT_FOUND,
            Self::Method | Self::EventMethod => StatusCode::METHOD_NOT_ALLOWED,
            Self::BodyTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::MediaType | Self::XmlMediaType | Self::EventMediaType | Self::Batch => {
                StatusCode::UNSUPPORTED_MEDIA_TYPE
            }
            Self::Throttled { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::HeaderTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Version => StatusCode::HTTP_VERSION_NOT_SUPPORTED,
        }
    }

    fn error_response(&self) -> HttpResponse {
        self.answered_with(self.status_code())
    }
}

impl Problem {
    /// Whether the request was refused before its body was read to its end, so that no other can
    /// follow it.
    const fn leaves_a_rest(&self) -> bool {
        match self {
            Self::Truncated
            | Self::UnknownSource
            | Self::UnknownRoute
            | Self::Method
            | Self::EventMethod
            | Self::QueryToken
            | Self::BodyTimeout
            | Self::TooLarge { .. }
            | Self::Throttled { .. }
            | Self::HeaderTooLarge
            | Self::Version
            | Self::Authority
            | Self::AfterLast => true,
            Self::Notice(_)
            | Self::Mail(_)
            | Self::Verdict
            | Self::Unauthenticated { .. }
            | Self::Batch
            | Self::MediaType
            | Self::XmlMediaType
            | Self::EventMediaType
            | Self::Unavailable => false,
        }
    }

    /// The same answer with another status, for a sender that knows its own words for "stop" and
    /// "later".
    pub(super) fn answered_with(&self, status: StatusCode) -> HttpResponse {
        let mut response = HttpResponse::build(status);
        match self {
            Self::Unauthenticated { challenge } => {
                response.insert_header((WWW_AUTHENTICATE, challenge.as_str()));
            }
            Self::Method => {
                response.insert_header((ALLOW, "POST"));
            }
            Self::EventMethod => {
                response.insert_header((ALLOW, METHODS));
            }
            Self::Throttled { retry_after } => {
                // Whole seconds, rounded up: a sender that is punctual is not refused again.
                response.insert_header((RETRY_AFTER, retry_after.as_secs() + 1));
            }
            Self::Unavailable => {
                response.insert_header((RETRY_AFTER, UNAVAILABLE_RETRY.as_secs()));
            }
            Self::Notice(_)
            | Self::Mail(_)
            | Self::Verdict
            | Self::Truncated
            | Self::UnknownSource
            | Self::UnknownRoute
            | Self::QueryToken
            | Self::Batch
            | Self::BodyTimeout
            | Self::TooLarge { .. }
            | Self::MediaType
            | Self::XmlMediaType
            | Self::EventMediaType
            | Self::HeaderTooLarge
            | Self::Version
            | Self::Authority
            | Self::AfterLast => {}
        }
        if self.leaves_a_rest() {
            response.force_close();
        }
        response.insert_header(("cache-control", "no-store"));
        // `json` keeps a content type that is set already.
        response.content_type("application/problem+json").json(self.body(status))
    }
}
