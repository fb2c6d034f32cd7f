//! Requests to one tenant: its own origins only, everything bounded, every failure classified, and
//! nothing without a permit.

use std::future::pending;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use encoding_rs::Encoding;
use http_body::{Body, Frame, SizeHint};
use reqwest::cookie::{CookieStore, Jar};
use reqwest::header::{CONTENT_TYPE, COOKIE, LOCATION, ORIGIN, REFERER, SET_COOKIE};
use reqwest::{Client, Response, StatusCode, redirect};
use url::{Origin, Url};
use zeroize::Zeroizing;

use crate::communigator::decode;
use crate::communigator::form::{Method, Request};
use crate::ports::console::{ConsoleError, Permit, Trouble};

/// An answer larger than this is not read.
const MAX_PAGE_BYTES: usize = 4 * 1024 * 1024;
/// More redirects than this for one request are a loop.
const MAX_REDIRECTS: usize = 5;

/// What carries requests to every console: connections and certificates, no cookies. It follows no
/// redirect by itself. Building one reads the machine's certificates, so one is enough for all.
#[derive(Debug, Clone)]
pub struct Transport(Client);

impl Transport {
    /// Takes at most `connect` to connect, TLS included. Fails where the TLS library or the
    /// machine's certificates cannot be set up.
    pub fn new(connect: Duration) -> reqwest::Result<Self> {
        let client = Client::builder()
            .user_agent(concat!("reset-receiver/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .connect_timeout(connect)
            .build()?;
        Ok(Self(client))
    }
}

/// A tenant's console, with the cookies of one session.
pub(super) struct Http {
    client: Client,
    timeout: Duration,
    cookies: Jar,
    origins: Vec<Origin>,
    permit: Arc<dyn Permit>,
}

/// What a request brings, on its way. A request is handed to its connection, which writes it a
/// little later, and much later where the whole process stands still meanwhile; so the permit is
/// asked once more when it does, and without a permit nothing leaves.
struct Parting {
    /// The form; empty for a page that is only looked at.
    content: Bytes,
    has_left: bool,
    permit: Arc<dyn Permit>,
}

/// The permit was over before the request had left.
#[derive(Debug, thiserror::Error)]
#[error("the request was not sent, because its sender may not act any more")]
struct NotPermitted;

/// An answer that can be read.
pub(super) struct Reply {
    /// Its address, after redirects.
    pub url: Url,
    /// Whether the last request for it was a GET.
    pub by_get: bool,
    /// Its status.
    pub status: u16,
    /// The encoding that it came in.
    pub encoding: &'static Encoding,
    /// The HTML.
    pub html: Zeroizing<String>,
}

impl Http {
    /// A session without cookies that may go to these origins only. `timeout` is for one request,
    /// from its start to the last byte of its answer.
    pub(super) fn new(
        transport: &Transport,
        timeout: Duration,
        origins: Vec<Origin>,
        permit: Arc<dyn Permit>,
    ) -> Self {
        Self { client: transport.0.clone(), timeout, cookies: Jar::default(), origins, permit }
    }

    /// Sends a request, follows its redirects and reads the page behind them.
    ///
    /// What went wrong on a GET had no effect; what went wrong once a POST may have left leaves
    /// open whether it happened.
    pub(super) async fn send(&self, step: &str, first: Request) -> Result<Reply, ConsoleError> {
        let mut request = first;
        // What follows a POST's redirect is lost together with the POST's answer.
        let effect = request.method;
        for hop in 0..=MAX_REDIRECTS {
            let response = self.exchange(&request, effect, hop).await?;
            let Some(location) = redirection(&response) else {
                return read(step, &request, effect, response).await;
            };
            let url = request.url.join(&location).map_err(|_| Trouble::Unreadable {
                page: step.to_owned(),
                why: "it redirects to something that is no address",
            })?;
            let referrer = Some(request.url.clone());
            request = match response.status() {
                StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT => {
                    Request { url, ..request }
                }
                _ => Request::get(url, referrer),
            };
        }
        Err(Trouble::Unreadable { page: step.to_owned(), why: "it redirects in circles" }.into())
    }

    async fn exchange(
        &self,
        request: &Request,
        effect: Method,
        hop: usize,
    ) -> Result<Response, ConsoleError> {
        let origin = request.url.origin();
        if !self.origins.contains(&origin) {
            let origin = origin.ascii_serialization();
            return Err(Trouble::ForeignRedirect { origin }.into());
        }
        let mut builder = match request.method {
            Method::Get => self.client.get(request.url.clone()).body(self.parting(&[])),
            Method::Post => self
                .client
                .post(request.url.clone())
                .header(CONTENT_TYPE, &request.content_type)
                .header(ORIGIN, origin.ascii_serialization())
                .body(self.parting(&request.body)),
        };
        builder = builder.timeout(self.timeout);
        if let Some(referrer) = &request.referrer {
            builder = builder.header(REFERER, referrer.as_str());
        }
        if let Some(cookies) = self.cookies.cookies(&request.url) {
            builder = builder.header(COOKIE, cookies);
        }
        if self.permit.is_over() {
            // Whoever waits for this is about to be let go of.
            pending::<()>().await;
        }
        let response = builder.send().await.map_err(|error| transport(effect, hop, error))?;
        let mut cookies = response.headers().get_all(SET_COOKIE).iter();
        self.cookies.set_cookies(&mut cookies, &request.url);
        match busy(effect, hop, response.status()) {
            Some(trouble) => Err(trouble.into()),
            None => Ok(response),
        }
    }

    fn parting(&self, content: &[u8]) -> reqwest::Body {
        let (content, permit) = (Bytes::copy_from_slice(content), Arc::clone(&self.permit));
        reqwest::Body::wrap(Parting { content, has_left: false, permit })
    }
}

impl Body for Parting {
    type Data = Bytes;
    type Error = NotPermitted;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, NotPermitted>>> {
        if self.has_left {
            return Poll::Ready(None);
        }
        self.has_left = true;
        let may_leave = !self.permit.is_over();
        let content = mem::take(&mut self.content);
        Poll::Ready(Some(if may_leave { Ok(Frame::data(content)) } else { Err(NotPermitted) }))
    }

    /// The connection asks this of every request right before it writes it, and writes nothing
    /// where a body that is still to come fails. So a request without a form says that one is to
    /// come once it may not leave, and fails when it is asked for it.
    fn is_end_stream(&self) -> bool {
        self.has_left || (self.content.is_empty() && !self.permit.is_over())
    }

    fn size_hint(&self) -> SizeHint {
        let length = u64::try_from(self.content.len()).unwrap_or(u64::MAX);
        // A body that is to come and has no length is not asked for.
        SizeHint::with_exact(if self.has_left { length } else { length.max(1) })
    }
}

fn redirection(response: &Response) -> Option<String> {
    let follows = matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308);
    let location = response.headers().get(LOCATION).filter(|_| follows)?;
    // A header may hold UTF-8 that `to_str` refuses.
    Some(String::from_utf8_lossy(location.as_bytes()).into_owned())
}

fn transport(effect: Method, hop: usize, error: reqwest::Error) -> ConsoleError {
    let unsent = hop == 0 && (error.is_connect() || error.is_builder());
    let may_have_left = effect == Method::Post && !unsent;
    let trouble = if may_have_left { Trouble::NoAnswer } else { Trouble::Unreachable };
    // The address is left out: a form that is sent by GET carries its fields there.
    ConsoleError { trouble, source: Some(Box::new(error.without_url())) }
}

/// The connection broke after the answer had begun.
fn answer_lost(effect: Method, error: reqwest::Error) -> ConsoleError {
    transport(effect, 1, error)
}

/// What a status of "not now" means: on a POST, only 429 and 503 say that nothing was done, and
/// only where the POST itself was answered with them.
fn busy(effect: Method, hop: usize, status: StatusCode) -> Option<Trouble> {
    let status = status.as_u16();
    if !matches!(status, 408 | 429 | 500..=599) {
        return None;
    }
    let refused = hop == 0 && matches!(status, 429 | 503);
    let harmless = effect == Method::Get || refused;
    Some(if harmless { Trouble::Unavailable { status } } else { Trouble::NoAnswer })
}

async fn read(
    step: &str,
    request: &Request,
    effect: Method,
    mut response: Response,
) -> Result<Reply, ConsoleError> {
    let unreadable = |why| Trouble::Unreadable { page: step.to_owned(), why };
    let status = response.status().as_u16();
    let content_type = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let content_type = content_type.unwrap_or("").to_owned();
    let mut body = Zeroizing::new(Vec::new());
    while let Some(chunk) = response.chunk().await.map_err(|error| answer_lost(effect, error))? {
        if body.len() + chunk.len() > MAX_PAGE_BYTES {
            return Err(unreadable("it is larger than 4 MiB").into());
        }
        body.extend_from_slice(&chunk);
    }
    let (html, encoding) = match decode::page(&body, &content_type) {
        Ok(decoded) => decoded,
        // A refusal often has no page of its own; the status says all there is to say.
        Err(_) if status >= 400 => (Zeroizing::new(String::new()), encoding_rs::UTF_8),
        Err(why) => return Err(unreadable(why).into()),
    };
    let by_get = request.method == Method::Get;
    Ok(Reply { url: request.url.clone(), by_get, status, encoding, html })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_of_not_now_says_whether_a_post_may_have_happened() {
        let busy = |effect, hop, status| busy(effect, hop, StatusCode::from_u16(status).unwrap());
        for status in [408, 429, 500, 502, 503, 504] {
            assert_eq!(busy(Method::Get, 0, status), Some(Trouble::Unavailable { status }));
            assert_eq!(busy(Method::Post, 1, status), Some(Trouble::NoAnswer), "{status}");
        }
        for status in [408, 500, 502, 504] {
            assert_eq!(busy(Method::Post, 0, status), Some(Trouble::NoAnswer), "{status}");
        }
        for status in [429, 503] {
            assert_eq!(busy(Method::Post, 0, status), Some(Trouble::Unavailable { status }));
        }
        for status in [200, 302, 400, 403, 404] {
            assert_eq!(busy(Method::Post, 0, status), None);
        }
    }
}
