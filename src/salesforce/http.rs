//! Requests to a login host: one answer each, bounded, no redirect followed, no proxy.

use reqwest::header::{HeaderMap, LOCATION};
use reqwest::{Client, RequestBuilder, StatusCode, redirect};
use url::Url;
use zeroize::Zeroizing;

use crate::domain::proof::{LoginUrl, ProofOutcome};
use crate::ports::login_probe::ProbeError;
use crate::salesforce::Timeouts;

/// An answer larger than this is not read. Salesforce's own are a few thousand bytes.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// The list of API versions: it is open to everybody, so that asking for it is no login
/// (<https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_versions.htm>).
const OPEN_PATH: &str = "services/data/";

/// What carries requests. Cheap to clone.
#[derive(Clone)]
pub(super) struct Http(Client);

/// An answer that came whole.
pub(super) struct Answer {
    /// Its status.
    pub(super) status: StatusCode,
    /// Its body, which may hold a session.
    pub(super) body: Zeroizing<Vec<u8>>,
    headers: HeaderMap,
}

impl Answer {
    /// An answer of this status and body.
    #[cfg(test)]
    pub(super) fn of(status: u16, body: &str) -> Self {
        let status = StatusCode::from_u16(status).unwrap();
        let body = Zeroizing::new(body.as_bytes().to_vec());
        Self { status, body, headers: HeaderMap::new() }
    }

    /// What an answer means that is neither a success nor a refusal in the method's own form.
    ///
    /// A host that redirects, or has nothing at that address, does not offer the method there;
    /// anything else says nothing.
    pub(super) fn outcome_by_status(&self) -> ProofOutcome {
        let status = self.status.as_u16();
        match status {
            300..=399 => {
                let to = self.headers.get(LOCATION).and_then(|to| to.to_str().ok());
                let host = to.and_then(|to| Url::parse(to).ok()).map(|to| to.origin());
                let host = host.map_or_else(String::new, |to| {
                    format!(" to {}; make that the login_url", to.ascii_serialization())
                });
                ProofOutcome::MethodOff { said: format!("it redirects{host}") }
            }
            404 | 405 | 410 => ProofOutcome::MethodOff { said: format!("it answers {status}") },
            429 => ProofOutcome::RateLimited { said: "it answers 429".to_owned() },
            _ => ProofOutcome::NoAnswer {
                why: format!("HTTP {status} without a readable answer in it"),
            },
        }
    }
}

impl Http {
    /// A client of this patience.
    pub(super) fn new(timeouts: Timeouts) -> reqwest::Result<Self> {
        let client = Client::builder()
            .user_agent(concat!("reset-receiver/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .no_proxy()
            // The library would repeat a request by itself that a closed connection swallowed,
            // where it believes that nobody took notice of it. A login is made once.
            .retry(reqwest::retry::never())
            // A connection that was kept may be closed by the other side just when the login
            // leaves, which would spend it for nothing.
            .pool_max_idle_per_host(0)
            .connect_timeout(timeouts.connect)
            .timeout(timeouts.request)
            .build()?;
        Ok(Self(client))
    }

    /// Asks for something that needs no login: any answer but "not now" will do.
    pub(super) async fn reach(&self, login_url: &LoginUrl) -> Result<(), ProbeError> {
        let at = || login_url.to_string();
        let answer = self.0.get(below(login_url, OPEN_PATH)).send().await.map_err(|error| {
            ProbeError::Unreachable { at: at(), source: Box::new(error.without_url()) }
        })?;
        match answer.status().as_u16() {
            status @ (429 | 502..=504) => Err(ProbeError::Unavailable { at: at(), status }),
            _ => Ok(()),
        }
    }

    /// A POST, still without a body.
    pub(super) fn post(&self, url: Url) -> RequestBuilder {
        self.0.post(url)
    }
}

/// Sends a request and reads its answer whole, or says what came instead.
pub(super) async fn exchange(request: RequestBuilder) -> Result<Answer, ProofOutcome> {
    let no_answer = |why: &str| ProofOutcome::NoAnswer { why: why.to_owned() };
    let broken = |error: &reqwest::Error| {
        no_answer(if error.is_timeout() {
            "it took too long"
        } else if error.is_connect() {
            "the connection failed"
        } else {
            "the connection broke"
        })
    };
    let mut response = request.send().await.map_err(|error| broken(&error))?;
    let (status, headers) = (response.status(), response.headers().clone());
    let mut body = Zeroizing::new(Vec::new());
    while let Some(chunk) = response.chunk().await.map_err(|error| broken(&error))? {
        if body.len() + chunk.len() > MAX_ANSWER_BYTES {
            return Err(no_answer("the answer is larger than 64 KiB"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer { status, body, headers })
}

/// An address on the login host.
pub(super) fn below(login_url: &LoginUrl, path: &str) -> Url {
    let mut url = login_url.as_url().clone();
    url.set_path(path);
    url
}
