//! `login()` of the SOAP partner API, and `logout()` after it.
//!
//! The call, its answers and its codes:
//! <https://developer.salesforce.com/docs/atlas.en-us.api.meta/api/sforce_api_calls_login.htm>.
//! Versions 31 to 64 have it until Summer '27, and later ones do not
//! (<https://help.salesforce.com/s/articleView?id=005132110>).

use std::time::Duration;

use quick_xml::escape::escape;
use reqwest::header::CONTENT_TYPE;
use url::Url;
use zeroize::Zeroizing;

use crate::domain::fault::error_line;
use crate::domain::proof::ProofOutcome;
use crate::domain::secret::{SalesforceSecret, SecretText};
use crate::salesforce::envelope::Envelope;
use crate::salesforce::http::{Answer, below, exchange};
use crate::salesforce::said::Censor;
use crate::salesforce::{Attempt, password_and_token};

/// The newest version that has `login()`.
const PATH: &str = "services/Soap/u/64.0";
const PARTNER: &str = "urn:partner.soap.sforce.com";
const ENVELOPE: &str = "http://schemas.xmlsoap.org/soap/envelope/";
/// Nobody waits longer for a session to be ended; Salesforce ends it by itself later.
const LOGOUT: Duration = Duration::from_secs(5);

/// The session that a login opened.
pub(super) struct Session {
    pub(super) id: SecretText,
    /// Where it lives, if it may be sent there.
    pub(super) server: Option<Url>,
}

/// Logs in once, and out again where that opened a session.
pub(super) async fn login(login: &Attempt, secret: &SalesforceSecret) -> ProofOutcome {
    let body = login_body(login.username.as_str(), secret);
    let request = login
        .http
        .post(below(&login.login_url, PATH))
        .header(CONTENT_TYPE, "text/xml; charset=UTF-8")
        .header("SOAPAction", "login")
        .body(body.as_bytes().to_vec());
    let answer = match exchange(request).await {
        Ok(answer) => answer,
        Err(outcome) => return outcome,
    };
    let (outcome, session) = read(login, &Censor::of(secret), &answer);
    if let Some(session) = session {
        logout(login, &session).await;
    }
    outcome
}

pub(super) fn login_body(username: &str, secret: &SalesforceSecret) -> Zeroizing<String> {
    let password = password_and_token(secret);
    let escaped = Zeroizing::new(escape(password.expose()).into_owned());
    Zeroizing::new(format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\
         <e:Envelope xmlns:e=\"{ENVELOPE}\"><e:Body><p:login xmlns:p=\"{PARTNER}\">\
         <p:username>{}</p:username><p:password>{}</p:password>\
         </p:login></e:Body></e:Envelope>",
        escape(username),
        *escaped
    ))
}

/// What an answer means, and the session that it opened.
pub(super) fn read(
    login: &Attempt,
    censor: &Censor,
    answer: &Answer,
) -> (ProofOutcome, Option<Session>) {
    let Some(envelope) = Envelope::read(&answer.body) else {
        return (answer.outcome_by_status(), None);
    };
    let code = envelope.in_fault("exceptionCode").or_else(|| {
        // A fault of the SOAP layer itself has no detail; its code has a prefix.
        envelope.in_fault("faultcode").map(|code| code.rsplit(':').next().unwrap_or(code))
    });
    let Some(code) = code.filter(|code| is_code(code)) else {
        return if answer.status.is_success() {
            success(login, &envelope)
        } else {
            (answer.outcome_by_status(), None)
        };
    };
    let words = envelope.in_fault("exceptionMessage").or_else(|| envelope.in_fault("faultstring"));
    (by_code(code, censor.said(code, words.unwrap_or_default())), None)
}

fn success(login: &Attempt, envelope: &Envelope) -> (ProofOutcome, Option<Session>) {
    let text = |path: &[&str]| {
        let path: Vec<&str> = ["loginResponse", "result"].iter().chain(path).copied().collect();
        envelope.text(&path)
    };
    let session = text(&["sessionId"]).filter(|id| !id.is_empty()).map(|id| Session {
        id: SecretText::new(id.to_owned()),
        server: text(&["serverUrl"]).and_then(|url| home(login, url)),
    });
    let outcome = login.of_organization(text(&["userInfo", "organizationId"]).unwrap_or_default());
    let outcome = match (outcome, text(&["passwordExpired"])) {
        (ProofOutcome::Proven, Some("false" | "0")) if session.is_some() => ProofOutcome::Proven,
        (ProofOutcome::Proven, Some("true" | "1")) => ProofOutcome::PasswordExpired,
        (ProofOutcome::Proven, _) => {
            let why = "the answer is not what the API documents".to_owned();
            ProofOutcome::NoAnswer { why }
        }
        (other, _) => other,
    };
    (outcome, session)
}

/// Where a session lives, if it may be sent there: at the login host itself, or over TLS at one of
/// Salesforce's own.
fn home(login: &Attempt, url: &str) -> Option<Url> {
    const OWN: [&str; 3] = [".salesforce.com", ".force.com", ".salesforce.mil"];
    let url = Url::parse(url).ok()?;
    let is_login_host = url.origin() == login.login_url.as_url().origin();
    let is_own = url.scheme() == "https"
        && url.host_str().is_some_and(|host| OWN.iter().any(|own| host.ends_with(own)));
    (is_login_host || is_own).then_some(url)
}

/// A code of Salesforce's is a word in capitals.
fn is_code(code: &str) -> bool {
    !code.is_empty()
        && code.len() <= 64
        && code.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
}

/// What a code of `ExceptionCode` means. Salesforce says `INVALID_LOGIN` of a user who is locked
/// out as well.
fn by_code(code: &str, said: String) -> ProofOutcome {
    match code {
        "INVALID_LOGIN" | "LOGIN_MUST_USE_SECURITY_TOKEN" => ProofOutcome::Rejected { said },
        "INVALID_OPERATION_WITH_EXPIRED_PASSWORD" => ProofOutcome::PasswordExpired,
        "PASSWORD_LOCKOUT" => ProofOutcome::Locked { said },
        "LOGIN_RATE_EXCEEDED" => ProofOutcome::RateLimited { said },
        "INVALID_OPERATION"
        | "UNSUPPORTED_API_VERSION"
        | "UNSUPPORTED_CLIENT"
        | "INSUFFICIENT_ACCESS"
        | "API_CURRENTLY_DISABLED"
        | "API_DISABLED_FOR_ORG"
        | "FUNCTIONALITY_NOT_ENABLED" => ProofOutcome::MethodOff { said },
        "SERVER_UNAVAILABLE" | "UNKNOWN_EXCEPTION" | "REQUEST_RUNNING_TOO_LONG" => {
            ProofOutcome::NoAnswer { why: said }
        }
        // LOGIN_DURING_RESTRICTED_DOMAIN, LOGIN_DURING_RESTRICTED_TIME, LOGIN_CHALLENGE_ISSUED,
        // LOGIN_CHALLENGE_PENDING, ORG_LOCKED, TRIAL_EXPIRED, and whatever comes later.
        _ => ProofOutcome::Barred { said },
    }
}

/// Ends the session. Nothing depends on it: Salesforce ends a session by itself when it gets old.
async fn logout(login: &Attempt, session: &Session) {
    let Some(server) = session.server.clone() else {
        tracing::debug!("session not ended: it lives at a host that is not Salesforce's");
        return;
    };
    let id = Zeroizing::new(escape(session.id.expose()).into_owned());
    let body = Zeroizing::new(format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\
         <e:Envelope xmlns:e=\"{ENVELOPE}\" xmlns:p=\"{PARTNER}\"><e:Header><p:SessionHeader>\
         <p:sessionId>{}</p:sessionId></p:SessionHeader></e:Header><e:Body><p:logout/></e:Body>\
         </e:Envelope>",
        *id
    ));
    let request = login
        .http
        .post(server)
        .header(CONTENT_TYPE, "text/xml; charset=UTF-8")
        .header("SOAPAction", "logout")
        .timeout(LOGOUT)
        .body(body.as_bytes().to_vec());
    if let Err(error) = request.send().await {
        tracing::debug!(error = error_line(&error.without_url()), "session not ended");
    }
}
