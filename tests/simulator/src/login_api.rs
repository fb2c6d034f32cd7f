//! Salesforce's logins for programs on the wire: SOAP `login()` and `logout()`, the OAuth 2.0
//! password grant and the revocation of a token, and the list of API versions, open to everybody.

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use quick_xml::Reader;
use quick_xml::escape::{escape, resolve_predefined_entity};
use quick_xml::events::Event;
use serde_json::json;

use crate::clock;
use crate::faults::Fault;
use crate::salesforce::{LoginMethod, LoginOutcome, Salesforce};
use crate::server::{Shared, nothing, with_body};
use crate::world::World;

/// Requests here are numbered from this, so that a fault on the nth request of the console hits
/// none of them.
const FIRST_NUMBER: u64 = 1_000_000;

const XML: &str = "text/xml; charset=utf-8";
const JSON: &str = "application/json;charset=UTF-8";

/// Where programs log in.
pub(crate) struct LoginApi {
    salesforce: Salesforce,
    /// For its faults and its delay.
    shared: Data<Shared>,
    log: Mutex<Vec<String>>,
}

/// What is asked for.
enum Call {
    Versions,
    SoapLogin(BTreeMap<String, String>),
    SoapLogout(BTreeMap<String, String>),
    Token(BTreeMap<String, String>),
    Revoke(BTreeMap<String, String>),
    Unknown,
}

impl Call {
    fn read(http: &HttpRequest, body: &Bytes) -> Self {
        let is_post = http.method() == actix_web::http::Method::POST;
        let path = http.path();
        let form = || url::form_urlencoded::parse(body).into_owned().collect();
        let is_soap = is_post
            && path.starts_with("/services/Soap/u/")
            && http.headers().contains_key("SOAPAction")
            && http
                .headers()
                .get(CONTENT_TYPE)
                .is_some_and(|kind| kind.to_str().is_ok_and(|kind| kind.starts_with("text/xml")));
        match (is_post, path) {
            (false, "/services/data/") => Self::Versions,
            (true, "/services/oauth2/token") => Self::Token(form()),
            (true, "/services/oauth2/revoke") => Self::Revoke(form()),
            _ if is_soap => match leaves(body) {
                Some(leaves) if leaves.contains_key("password") => Self::SoapLogin(leaves),
                Some(leaves) if leaves.contains_key("sessionId") => Self::SoapLogout(leaves),
                Some(_) | None => Self::Unknown,
            },
            _ => Self::Unknown,
        }
    }

    const fn name(&self) -> &'static str {
        match self {
            Self::Versions => "GET versions",
            Self::SoapLogin(_) => "POST soap-login",
            Self::SoapLogout(_) => "POST soap-logout",
            Self::Token(_) => "POST oauth-token",
            Self::Revoke(_) => "POST oauth-revoke",
            Self::Unknown => "POST unknown-login",
        }
    }
}

/// What goes back: status, content type, body.
type Reply = (u16, &'static str, String);

impl LoginApi {
    pub(crate) fn new(salesforce: Salesforce, shared: Data<Shared>) -> Self {
        Self { salesforce, shared, log: Mutex::default() }
    }

    /// The names of the requests so far.
    pub(crate) fn log(&self) -> Vec<String> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Writes a request down and says which faults hit it.
    fn arrive(&self, name: &str) -> Vec<Fault> {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.push(name.to_owned());
        let number = FIRST_NUMBER + u64::try_from(log.len()).unwrap_or_default();
        self.shared.lock().faults.hit(name, number)
    }

    fn answer(&self, call: &Call, url: &str) -> Reply {
        match call {
            Call::Versions => (200, JSON, json!([{"version": "64.0"}]).to_string()),
            Call::SoapLogin(sent) => self.soap_login(sent, url),
            Call::SoapLogout(sent) => self.soap_logout(sent),
            Call::Token(sent) => self.token(sent, url),
            Call::Revoke(sent) => {
                let is_known = self.salesforce.end_session(part(sent, "token"));
                (if is_known { 200 } else { 400 }, JSON, String::new())
            }
            Call::Unknown => (404, "text/html", "<html>Not Found</html>".to_owned()),
        }
    }

    fn soap_login(&self, sent: &BTreeMap<String, String>, url: &str) -> Reply {
        let (username, secret) = (part(sent, "username"), part(sent, "password"));
        let (outcome, session) = self.salesforce.api_login(LoginMethod::Soap, username, secret);
        let session = session.unwrap_or_default();
        match outcome {
            LoginOutcome::Success => self.logged_in(username, &session, false, url),
            LoginOutcome::PasswordExpired => self.logged_in(username, &session, true, url),
            LoginOutcome::TokenRequired => soap_fault(
                "LOGIN_MUST_USE_SECURITY_TOKEN",
                "Invalid username, password, security token; or user locked out. Are you at a new \
                 location?",
            ),
            LoginOutcome::MethodOff => soap_fault(
                "INVALID_OPERATION",
                "SOAP API login() is disabled by default in this org.",
            ),
            // Salesforce does not tell these apart on purpose.
            LoginOutcome::InvalidPassword
            | LoginOutcome::PasswordLockout
            | LoginOutcome::UnknownUser => soap_fault(
                "INVALID_LOGIN",
                "Invalid username, password, security token; or user locked out.",
            ),
        }
    }

    fn logged_in(&self, username: &str, session: &str, expired: bool, url: &str) -> Reply {
        let organization = self.salesforce.told_organization();
        let user = self.salesforce.user(username).map(|user| user.user_id).unwrap_or_default();
        let session = escape(session);
        let result = format!(
            "<loginResponse><result><passwordExpired>{expired}</passwordExpired>\
             <sandbox>false</sandbox><serverUrl>{url}/services/Soap/u/64.0/{organization}</serverUrl>\
             <sessionId>{session}</sessionId><userId>{user}</userId>\
             <userInfo><organizationId>{organization}</organizationId><roleId xsi:nil=\"true\"/>\
             <userId>{user}</userId></userInfo></result></loginResponse>"
        );
        (200, XML, envelope("urn:partner.soap.sforce.com", &result))
    }

    fn soap_logout(&self, sent: &BTreeMap<String, String>) -> Reply {
        if self.salesforce.end_session(part(sent, "sessionId")) {
            (200, XML, envelope("urn:partner.soap.sforce.com", "<logoutResponse/>"))
        } else {
            soap_fault("INVALID_SESSION_ID", "Invalid Session ID found in SessionHeader.")
        }
    }

    fn token(&self, sent: &BTreeMap<String, String>, url: &str) -> Reply {
        let refused = |error: &str, words: &str| {
            (400, JSON, json!({"error": error, "error_description": words}).to_string())
        };
        if part(sent, "grant_type") != "password" {
            return refused("unsupported_grant_type", "grant type not supported");
        }
        if part(sent, "client_id") != World::CLIENT_ID {
            return refused("invalid_client_id", "client identifier invalid");
        }
        if part(sent, "client_secret") != World::CLIENT_SECRET {
            return refused("invalid_client", "invalid client credentials");
        }
        let (username, secret) = (part(sent, "username"), part(sent, "password"));
        let method = LoginMethod::OauthPassword;
        let (outcome, session) = self.salesforce.api_login(method, username, secret);
        let (LoginOutcome::Success, Some(token)) = (outcome, &session) else {
            if let Some(session) = session {
                self.salesforce.end_session(&session);
            }
            let is_expired = outcome == LoginOutcome::PasswordExpired;
            let words = if is_expired { "password expired" } else { "authentication failure" };
            return refused("invalid_grant", words);
        };
        let organization = self.salesforce.told_organization();
        let user = self.salesforce.user(username).map(|user| user.user_id).unwrap_or_default();
        let granted = json!({
            "access_token": token, "instance_url": url, "token_type": "Bearer",
            "id": format!("{url}/id/{organization}/{user}"), "issued_at": "1772442904123",
            "signature": "made-up",
        });
        (200, JSON, granted.to_string())
    }
}

/// Handles every request to Salesforce.
pub(crate) async fn handle(http: HttpRequest, body: Bytes, api: Data<LoginApi>) -> HttpResponse {
    let call = Call::read(&http, &body);
    let faults = api.arrive(call.name());
    let delay: Duration = faults
        .iter()
        .filter_map(|fault| if let Fault::Delay(delay) = fault { Some(*delay) } else { None })
        .sum();
    if !delay.is_zero() {
        clock::wait(delay).await;
    }
    if faults.contains(&Fault::ResetBefore) {
        return nothing();
    }
    let status = faults
        .iter()
        .find_map(|fault| if let Fault::Status(status) = fault { Some(*status) } else { None });
    let (status, kind, text) = if let Some(status) = status {
        (status, "text/html", "<html>not now</html>".to_owned())
    } else {
        let host = http.connection_info().host().to_owned();
        api.answer(&call, &format!("http://{host}"))
    };
    if faults.contains(&Fault::ResetAfter) {
        return nothing();
    }
    if faults.contains(&Fault::NoAnswer) {
        // Until the client gives up.
        pending::<()>().await;
    }
    let mut response = HttpResponse::build(StatusCode::from_u16(status).unwrap_or(StatusCode::OK));
    response.insert_header((CONTENT_TYPE, kind));
    with_body(response, text, &faults)
}

fn part<'a>(sent: &'a BTreeMap<String, String>, name: &str) -> &'a str {
    sent.get(name).map_or("", String::as_str)
}

fn soap_fault(code: &str, words: &str) -> Reply {
    let fault = format!(
        "<soapenv:Fault><faultcode>sf:{code}</faultcode><faultstring>{code}: {words}</faultstring>\
         <detail><sf:LoginFault xsi:type=\"sf:LoginFault\"><sf:exceptionCode>{code}</sf:exceptionCode>\
         <sf:exceptionMessage>{words}</sf:exceptionMessage></sf:LoginFault></detail></soapenv:Fault>"
    );
    (500, XML, envelope("", &fault))
}

fn envelope(namespace: &str, body: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><soapenv:Envelope \
         xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\" xmlns=\"{namespace}\" \
         xmlns:sf=\"urn:fault.partner.soap.sforce.com\" \
         xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"><soapenv:Body>{body}\
         </soapenv:Body></soapenv:Envelope>"
    )
}

/// The texts of a well-formed document's elements, by their local names.
fn leaves(body: &Bytes) -> Option<BTreeMap<String, String>> {
    let mut reader = Reader::from_str(std::str::from_utf8(body).ok()?);
    let (mut leaves, mut text) = (BTreeMap::new(), String::new());
    loop {
        match reader.read_event().ok()? {
            Event::Start(_) => text.clear(),
            Event::End(end) => {
                leaves.insert(end.local_name().as_ref().to_owned(), std::mem::take(&mut text));
            }
            Event::Text(part) => text.push_str(&part.xml10_content()),
            Event::CData(part) => text.push_str(&part.xml10_content()),
            Event::GeneralRef(name) => match name.resolve_char_ref().ok()? {
                Some(letter) => text.push(letter),
                None => text.push_str(resolve_predefined_entity(&name)?),
            },
            Event::Decl(_) | Event::Comment(_) | Event::Empty(_) => {}
            Event::PI(_) | Event::DocType(_) => return None,
            Event::Eof => return Some(leaves),
        }
    }
}
