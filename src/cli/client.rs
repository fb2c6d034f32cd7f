//! A client of the private listener.

use std::io;
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, Method, Response, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::Url;

use crate::domain::ids::{RotationId, TargetName};
use crate::domain::secret::SecretText;
use crate::operator::view::{AuditList, Recorded, RotationView, TargetList};

const CONNECT_DEADLINE: Duration = Duration::from_secs(5);
const ANSWER_DEADLINE: Duration = Duration::from_secs(30);

/// Longer answers are refused; a thousand targets take about one megabyte.
const MAX_ANSWER: usize = 16 << 20;

/// Why the listener did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// No connection, or no answer in time.
    #[error("{url} does not answer")]
    Unreachable {
        /// The listener's address.
        url: Url,
        /// What went wrong.
        source: reqwest::Error,
    },
    /// The listener said no.
    #[error("{detail} ({status})")]
    Refused {
        /// The HTTP status.
        status: StatusCode,
        /// The problem's detail.
        detail: String,
    },
    /// An answer that is not what the API documents.
    #[error("{url} answers with something else than a reset-receiver's API")]
    Foreign {
        /// The listener's address.
        url: Url,
        /// What is wrong with it, where that is known.
        source: Option<serde_json::Error>,
    },
    /// A client cannot be made on this machine.
    #[error("no HTTP client can be made")]
    NoClient(#[source] reqwest::Error),
    /// The command's own output could not be written.
    #[error("the output cannot be written")]
    Output(#[from] io::Error),
}

impl ClientError {
    /// Whether the same request may be answered later.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Refused { status, .. } => status.is_server_error(),
            Self::Foreign { .. } | Self::NoClient(_) | Self::Output(_) => false,
        }
    }
}

/// A client of one private listener, on behalf of one token.
#[derive(Debug, Clone)]
pub struct OperatorClient {
    base_url: Url,
    token: SecretText,
    http: Client,
}

/// The part of a problem document that a person needs (RFC 9457).
#[derive(Deserialize)]
struct Problem {
    detail: String,
}

/// A verb about a rotation, as it stands in its route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RotationVerb {
    /// Go on with a stuck one.
    Retry,
    /// Vault's current version is the new secret.
    UseCurrentSecret,
    /// Give it up.
    Abandon,
}

impl RotationVerb {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::UseCurrentSecret => "use-current-secret",
            Self::Abandon => "abandon",
        }
    }
}

impl OperatorClient {
    /// A client of the listener at `base_url`. It follows no redirect and uses no proxy, as either
    /// would carry the token elsewhere.
    pub fn new(base_url: Url, token: SecretText) -> Result<Self, ClientError> {
        let http = Client::builder()
            .redirect(Policy::none())
            .no_proxy()
            .connect_timeout(CONNECT_DEADLINE)
            .timeout(ANSWER_DEADLINE)
            .build()
            .map_err(ClientError::NoClient)?;
        Ok(Self { base_url, token, http })
    }

    /// All targets.
    pub async fn targets(&self) -> Result<TargetList, ClientError> {
        self.ask(Method::GET, &["targets"]).await
    }

    /// What operators said last, newest first.
    pub async fn audit(&self) -> Result<AuditList, ClientError> {
        self.ask(Method::GET, &["audit"]).await
    }

    /// Rotates a target, as if a reset had come.
    pub async fn rotate(&self, target: &TargetName) -> Result<RotationId, ClientError> {
        let recorded: Recorded =
            self.ask(Method::POST, &["targets", target.as_str(), "rotate"]).await?;
        Ok(recorded.rotation_id)
    }

    /// One rotation with its journal.
    pub async fn rotation(&self, id: RotationId) -> Result<RotationView, ClientError> {
        self.ask(Method::GET, &["rotations", &id.to_string()]).await
    }

    /// Says a verb about a rotation.
    pub async fn say(&self, id: RotationId, verb: RotationVerb) -> Result<(), ClientError> {
        let path = ["rotations", &id.to_string(), verb.as_str()];
        self.ask::<Recorded>(Method::POST, &path).await?;
        Ok(())
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &[&str],
    ) -> Result<T, ClientError> {
        let mut url = self.base_url.clone();
        url.path_segments_mut()
            .map_err(|()| self.foreign(None))?
            .pop_if_empty()
            .push("v1")
            .extend(path);
        let request = self.http.request(method, url).bearer_auth(self.token.expose());
        let response = request.send().await.map_err(|error| self.unreachable(error))?;
        let status = response.status();
        let body = self.read(response).await?;
        let foreign = |error| self.foreign(Some(error));
        if status.is_success() {
            return serde_json::from_slice(&body).map_err(foreign);
        }
        let problem: Problem = serde_json::from_slice(&body).map_err(foreign)?;
        Err(ClientError::Refused { status, detail: problem.detail })
    }

    async fn read(&self, mut response: Response) -> Result<Vec<u8>, ClientError> {
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.unreachable(error))? {
            body.extend_from_slice(&chunk);
            if body.len() > MAX_ANSWER {
                return Err(self.foreign(None));
            }
        }
        Ok(body)
    }

    fn unreachable(&self, error: reqwest::Error) -> ClientError {
        ClientError::Unreachable { url: self.base_url.clone(), source: error.without_url() }
    }

    fn foreign(&self, source: Option<serde_json::Error>) -> ClientError {
        ClientError::Foreign { url: self.base_url.clone(), source }
    }
}
