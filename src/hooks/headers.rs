//! The head of a request: as the senders see it, and what is refused of it.
//!
//! actix-http refuses by itself, with an empty 400: no `Host` or two, `Content-Length` together
//! with `Transfer-Encoding`, either of them twice, an encoding other than `chunked`.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Version;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{HttpMessage, HttpRequest, web};

use crate::hooks::app::State;
use crate::hooks::client_certificates;
use crate::hooks::problem::Problem;
use crate::senders::client_certificate::ClientCertificate;
use crate::senders::delivery::Headers;

/// What one request brought along besides its body.
pub(super) struct Evidence<'a>(pub(super) &'a HttpRequest);

impl Headers for Evidence<'_> {
    fn only(&self, name: &str) -> Option<&[u8]> {
        let mut values = self.0.headers().get_all(name);
        let value = values.next()?;
        values.next().is_none().then(|| value.as_bytes())
    }

    fn client_certificate(&self) -> Option<&ClientCertificate> {
        client_certificates::of(self.0)
    }

    fn path_secret(&self) -> Option<&[u8]> {
        self.0.match_info().get("secret").map(str::as_bytes)
    }
}

/// Refuses a head that is too large, that names two hosts, and a version other than HTTP/1.1,
/// before any route.
pub(super) async fn screen(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    if request.version() != Version::HTTP_11 {
        return Err(Problem::Version.into());
    }
    if !names_one_host(request.request()) {
        return Err(Problem::Authority.into());
    }
    let limit = request.app_data::<web::Data<State>>().map(|state| state.limits.header);
    if limit.is_some_and(|limit| head_bytes(request.request()) > limit) {
        return Err(Problem::HeaderTooLarge.into());
    }
    next.call(request).await
}

/// Whether the request line, where it names a host, names the one of the header `Host`. RFC 9112,
/// section 3.2.2: a reader before this one may have gone by either.
fn names_one_host(request: &HttpRequest) -> bool {
    let Some(authority) = request.uri().authority() else { return true };
    let host = request.headers().get(HOST).map(HeaderValue::as_bytes);
    host.is_some_and(|host| host.eq_ignore_ascii_case(authority.as_str().as_bytes()))
}

/// The size of the head, as it came.
fn head_bytes(request: &HttpRequest) -> usize {
    let line = request.method().as_str().len()
        + request.uri().path_and_query().map_or(0, |path| path.as_str().len())
        + "  HTTP/1.1\r\n".len();
    let field = |(name, value): (
        &actix_web::http::header::HeaderName,
        &actix_web::http::header::HeaderValue,
    )| { name.as_str().len() + value.len() + ": \r\n".len() };
    line + request.headers().iter().map(field).sum::<usize>() + "\r\n".len()
}

/// The length that a request announces, where it announces one.
pub(super) fn content_length(request: &HttpRequest) -> Option<u64> {
    request.headers().get(CONTENT_LENGTH)?.to_str().ok()?.trim().parse().ok()
}

/// Whether the body is JSON in UTF-8, not compressed.
pub(super) fn is_json(request: &HttpRequest) -> bool {
    is_plain(request, &["application/json"])
}

/// Whether the body is XML in UTF-8, not compressed.
pub(super) fn is_xml(request: &HttpRequest) -> bool {
    is_plain(request, &["text/xml", "application/xml"])
}

/// Whether the body is of one of these types, in UTF-8, not compressed.
pub(super) fn is_plain(request: &HttpRequest, types: &[&str]) -> bool {
    let headers = request.headers();
    let one = headers.get_all(CONTENT_TYPE).count() == 1;
    let plain = headers.get_all(CONTENT_ENCODING).all(|coding| coding == "identity");
    let utf8 = match request.encoding() {
        Ok(encoding) => encoding.name() == "UTF-8",
        Err(_) => false,
    };
    let content_type = request.content_type();
    one && plain && utf8 && types.iter().any(|known| content_type.eq_ignore_ascii_case(known))
}
