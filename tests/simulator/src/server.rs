//! The console on the wire: an HTTP request in, an answer, a broken answer or none out.

use std::future::pending;
use std::io;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::body::{BodySize, MessageBody};
use actix_web::cookie::Cookie;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, LOCATION, USER_AGENT};
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};

use crate::clock::{self, Order};
use crate::console::Console;
use crate::console::deed::{Answer, Deed, Outcome};
use crate::console::page::Page;
use crate::console::pages;
use crate::console::place::Place;
use crate::faults::Fault;
use crate::log::{Change, ConsoleRequest};
use crate::skins::{Dress, Refusal, Request};

/// The session cookie's name, as ASP.NET has it.
const COOKIE: &str = "ASP.NET_SessionId";

/// What every worker shares.
pub(crate) struct Shared {
    pub(crate) console: Mutex<Console>,
    pub(crate) dress: Box<dyn Dress>,
    pub(crate) order: Order,
    pub(crate) delay: Duration,
}

/// A request that was written down and not yet done.
struct Arrival {
    /// Its position in the log.
    at: usize,
    request: Request,
    deed: Result<Deed, Refusal>,
    faults: Vec<Fault>,
}

/// What goes back.
enum Reply {
    Page {
        status: u16,
        html: String,
        cookie: Option<String>,
    },
    Redirect {
        to: String,
        cookie: Option<String>,
    },
    /// Nothing: the connection is dropped.
    Nothing,
}

impl Reply {
    const fn status(&self) -> u16 {
        match self {
            Self::Page { status, .. } => *status,
            Self::Redirect { .. } => 302,
            Self::Nothing => 0,
        }
    }
}

/// Handles every request to the console.
pub(crate) async fn handle(http: HttpRequest, body: Bytes, shared: Data<Shared>) -> HttpResponse {
    // Browsers ask for it unbidden; it would disturb the numbering.
    if http.path() == "/favicon.ico" {
        return HttpResponse::NotFound().finish();
    }
    let arrival = shared.arrive(&http, &body);
    let delays = arrival.faults.iter().map(|fault| match fault {
        Fault::Delay(delay) => *delay,
        Fault::Status(_)
        | Fault::ResetBefore
        | Fault::ResetAfter
        | Fault::NoAnswer
        | Fault::SessionExpired
        | Fault::MissingLabel(_)
        | Fault::DoubledLabel(_)
        | Fault::Truncated
        | Fault::CutShort
        | Fault::WrongEncoding
        | Fault::ConfirmIp => Duration::ZERO,
    });
    let delay = shared.delay + delays.sum::<Duration>();
    if !delay.is_zero() {
        clock::wait(delay).await;
    }
    let (reply, faults) = shared.finish(arrival);
    if faults.contains(&Fault::NoAnswer) {
        // Until the client gives up.
        pending::<()>().await;
    }
    send(reply, &faults)
}

impl Shared {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Console> {
        self.console.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads the request and writes it down; nothing has happened yet.
    fn arrive(&self, http: &HttpRequest, body: &Bytes) -> Arrival {
        let session = http.cookie(COOKIE).map(|one| one.value().to_owned()).unwrap_or_default();
        let mut console = self.lock();
        let known = console.sessions.get(&session).cloned();
        let request = Request {
            is_post: http.method() == actix_web::http::Method::POST,
            path: http.path().to_owned(),
            form: url::form_urlencoded::parse(body).into_owned().collect(),
            session,
            instance: known.as_ref().and_then(|session| session.instance),
        };
        let every: Vec<usize> = (0..console.instances.len()).collect();
        let rebuild = |place: Place| pages::page(&console.instances, &every, place);
        let deed = self.dress.read(&request, &rebuild).map(|deed| match deed {
            Deed::Visit(Place::Start) if known.as_ref().is_some_and(|one| one.logged_in) => {
                Deed::Visit(console.start(known.as_ref()))
            }
            other @ (Deed::Visit(_) | Deed::Submit { .. }) => other,
        });
        let unknown = if request.is_post { "POST unknown" } else { "GET unknown" };
        let name = deed.as_ref().map_or_else(|_| unknown.to_owned(), Deed::name);
        let at = console.log.len();
        let number = u64::try_from(at).unwrap_or(u64::MAX).saturating_add(1);
        let faults = console.faults.hit(&name, number);
        let driver = http.headers().get(USER_AGENT).and_then(|value| value.to_str().ok());
        let arrived = self.order.next();
        console.log.push(ConsoleRequest {
            number,
            arrived,
            done: 0,
            at: clock::now(),
            name,
            method: http.method().to_string(),
            path: request.path.clone(),
            session: None,
            user: None,
            driver: driver.map(str::to_owned),
            changes: Vec::new(),
            status: 0,
            faults: faults.clone(),
        });
        Arrival { at, request, deed, faults }
    }

    /// Does what was asked for, as far as the faults let it, and writes down what came of it.
    fn finish(&self, arrival: Arrival) -> (Reply, Vec<Fault>) {
        let Arrival { at, request, deed, faults } = arrival;
        let mut console = self.lock();
        let before = console.sessions.get(&request.session).cloned();
        let mut changes = Vec::new();
        let reply = match self.stopped(&mut console, &request, &faults) {
            Some(reply) => reply,
            None => self.act(&mut console, &request, deed, &faults, &mut changes),
        };
        let after = console.sessions.get(&request.session).cloned().or(before);
        let user = after.as_ref().and_then(|session| console.users.get(session.user?));
        let user = user.map(|user| user.email.clone());
        let done = self.order.next();
        if let Some(entry) = console.log.get_mut(at) {
            entry.done = done;
            entry.session = after.map(|session| session.number);
            entry.user = user;
            entry.status = reply.status();
            entry.changes = changes;
        }
        let dropped = faults.contains(&Fault::ResetAfter);
        (if dropped { Reply::Nothing } else { reply }, faults)
    }

    /// The reply of a fault that keeps the request from having any effect.
    fn stopped(&self, console: &mut Console, request: &Request, faults: &[Fault]) -> Option<Reply> {
        faults.iter().find_map(|fault| match fault {
            Fault::Status(status) => Some(plain_text(*status, "The service is not available.")),
            Fault::ResetBefore => Some(Reply::Nothing),
            Fault::SessionExpired => {
                console.sessions.end(&request.session);
                Some(Reply::Redirect { to: self.dress.address(Place::Login), cookie: None })
            }
            Fault::ConfirmIp => {
                let page = console.page(Place::ConfirmAddress, None)?;
                let html = self.dress.show(&page, &request.session);
                Some(Reply::Page { status: 200, html, cookie: None })
            }
            Fault::Delay(_)
            | Fault::ResetAfter
            | Fault::NoAnswer
            | Fault::MissingLabel(_)
            | Fault::DoubledLabel(_)
            | Fault::Truncated
            | Fault::CutShort
            | Fault::WrongEncoding => None,
        })
    }

    fn act(
        &self,
        console: &mut Console,
        request: &Request,
        deed: Result<Deed, Refusal>,
        faults: &[Fault],
        log: &mut Vec<Change>,
    ) -> Reply {
        let known = console.sessions.get(&request.session);
        let logged_in = known.is_some_and(|session| session.logged_in);
        // A session that the console does not know gets a new cookie; one that it knows keeps it.
        let cookie = if known.is_none() { Some(console.sessions.open()) } else { None };
        let session = cookie.clone().unwrap_or_else(|| request.session.clone());
        let deed = match deed {
            Ok(deed) => deed,
            Err(_) if !logged_in && !self.dress.is_public(&request.path) => {
                return Reply::Redirect { to: self.dress.address(Place::Login), cookie };
            }
            Err(refusal) => return plain_text(refusal.status(), refusal.text()),
        };
        let Outcome { answer, changes } = console.perform(&deed, &session);
        *log = changes;
        match answer {
            Answer::Page(page) => {
                let html = self.dress.show(&with_faults(page, faults), &session);
                Reply::Page { status: 200, html, cookie }
            }
            Answer::Redirect(Place::Start) => {
                let to = console.start(console.sessions.get(&session));
                Reply::Redirect { to: self.dress.address(to), cookie }
            }
            Answer::Redirect(to) => Reply::Redirect { to: self.dress.address(to), cookie },
            Answer::NotFound => plain_text(404, Refusal::NotFound.text()),
        }
    }
}

fn with_faults(mut page: Page, faults: &[Fault]) -> Page {
    for fault in faults {
        match fault {
            Fault::MissingLabel(label) => page.lose_label(label),
            Fault::DoubledLabel(label) => page.double_label(label),
            Fault::Delay(_)
            | Fault::Status(_)
            | Fault::ResetBefore
            | Fault::ResetAfter
            | Fault::NoAnswer
            | Fault::SessionExpired
            | Fault::Truncated
            | Fault::CutShort
            | Fault::WrongEncoding
            | Fault::ConfirmIp => {}
        }
    }
    page
}

fn plain_text(status: u16, text: &str) -> Reply {
    let html =
        format!("<html><head><title>{text}</title></head><body><h1>{text}</h1></body></html>");
    Reply::Page { status, html, cookie: None }
}

fn send(reply: Reply, faults: &[Fault]) -> HttpResponse {
    let status = StatusCode::from_u16(reply.status()).unwrap_or(StatusCode::OK);
    let mut response = HttpResponse::build(status);
    let (html, cookie) = match reply {
        Reply::Page { html, cookie, .. } => (html, cookie),
        Reply::Redirect { to, cookie } => {
            response.insert_header((LOCATION, to));
            (String::new(), cookie)
        }
        Reply::Nothing => return nothing(),
    };
    if let Some(cookie) = cookie {
        response.cookie(Cookie::build(COOKIE, cookie).path("/").http_only(true).finish());
    }
    response.insert_header((CONTENT_TYPE, "text/html; charset=utf-8"));
    with_body(response, html, faults)
}

/// Nothing: the connection is dropped.
pub(crate) fn nothing() -> HttpResponse {
    HttpResponse::Ok().body(Broken { whole: 1, part: None })
}

/// The answer's body, as far as the faults leave it whole.
pub(crate) fn with_body(
    mut response: HttpResponseBuilder,
    text: String,
    faults: &[Fault],
) -> HttpResponse {
    let mut bytes = text.into_bytes();
    if faults.contains(&Fault::WrongEncoding) {
        bytes = latin_1(&bytes);
    }
    let half = bytes.len() / 2;
    if faults.contains(&Fault::CutShort) {
        bytes.truncate(half);
    }
    if faults.contains(&Fault::Truncated) {
        let whole = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        bytes.truncate(half);
        return response.body(Broken { whole, part: Some(Bytes::from(bytes)) });
    }
    response.body(bytes)
}

/// What Latin-1 has no letter for becomes a question mark.
fn latin_1(utf_8: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(utf_8);
    text.chars().map(|letter| u8::try_from(u32::from(letter)).unwrap_or(b'?')).collect()
}

/// A body that breaks off: actix-web then drops the connection. As long as no part of the body
/// was sent it has not sent the head either, so that the client gets no byte at all.
struct Broken {
    /// What the head promises, in bytes.
    whole: u64,
    /// What is sent before the connection breaks.
    part: Option<Bytes>,
}

impl MessageBody for Broken {
    type Error = io::Error;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.whole)
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        match self.part.take() {
            Some(part) if part.is_empty() => {
                // A pause, so that what was written so far leaves before the connection breaks.
                context.waker().wake_by_ref();
                Poll::Pending
            }
            Some(part) => {
                self.part = Some(Bytes::new());
                Poll::Ready(Some(Ok(part)))
            }
            None => Poll::Ready(Some(Err(io::ErrorKind::ConnectionReset.into()))),
        }
    }
}
