//! Reduces vaultrs' errors to what may leave this module. They can hold whole answers, and with
//! them secrets, so none is ever logged, formatted or passed on.

use reqwest::Response;
use rustify::errors::ClientError as Rest;
use serde::Deserialize;
use vaultrs::error::ClientError;
use zeroize::Zeroizing;

use crate::ports::secret_store::SecretTrouble;
use crate::vault::client::bounded_json;

/// How a request failed.
pub(super) enum Failure {
    /// No connection, a time-out, or a connection that broke.
    Transport,
    /// An answer of another shape than the API documents.
    Shape,
    /// An answer that says no.
    Status(Refusal),
}

/// An answer whose status is not a success.
pub(super) struct Refusal {
    /// The HTTP status.
    pub(super) status: u16,
    /// The answer's `errors`; `None` where it has no such list.
    pub(super) errors: Option<Vec<String>>,
    /// The whole answer, where it has no such list.
    pub(super) body: Option<Zeroizing<String>>,
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::APIError { code, errors } => {
                Self::Status(Refusal { status: code, errors: Some(errors), body: None })
            }
            ClientError::RestClientError { source } => Self::from_rest(source),
            ClientError::FileNotFoundError { .. }
            | ClientError::FileReadError { .. }
            | ClientError::FileWriteError { .. }
            | ClientError::InvalidLoginMethodError
            | ClientError::JsonParseError { .. }
            | ClientError::ParseCertificateError { .. }
            | ClientError::ResponseEmptyError
            | ClientError::ResponseDataEmptyError
            | ClientError::ResponseWrapError
            | ClientError::RestClientBuildError { .. }
            | ClientError::WrapInvalidError
            | ClientError::InvalidUpdateParameter => Self::Shape,
        }
    }
}

impl Failure {
    fn from_rest(error: Rest) -> Self {
        match error {
            Rest::ServerResponseError { code, content } => Self::Status(Refusal {
                status: code,
                errors: None,
                body: content.map(Zeroizing::new),
            }),
            Rest::RequestError { .. } | Rest::ResponseError { .. } => Self::Transport,
            Rest::DataParseError { .. }
            | Rest::EndpointBuildError { .. }
            | Rest::GenericError { .. }
            | Rest::RequestBuildError { .. }
            | Rest::ReqwestBuildError { .. }
            | Rest::ResponseConversionError { .. }
            | Rest::ResponseParseError { .. }
            | Rest::UrlBuildError { .. }
            | Rest::UrlQueryParseError { .. }
            | Rest::UrlParseError { .. } => Self::Shape,
        }
    }

    /// What it means for a request that carried a token.
    pub(super) fn trouble(&self) -> SecretTrouble {
        match self {
            Self::Transport => SecretTrouble::Unreachable,
            Self::Shape => SecretTrouble::Unreadable,
            Self::Status(refusal) => refusal.trouble(),
        }
    }

    /// What it means for a login.
    pub(super) fn login_trouble(&self) -> SecretTrouble {
        match self {
            Self::Status(refusal) => refusal.login_trouble(),
            Self::Transport | Self::Shape => self.trouble(),
        }
    }
}

/// The body of a refusal, as the API documents it.
#[derive(Deserialize)]
struct ErrorAnswer {
    errors: Vec<String>,
}

impl Refusal {
    /// Reads a refusal that did not pass through vaultrs.
    pub(super) async fn read(answer: Response) -> Self {
        let status = answer.status().as_u16();
        let said = bounded_json::<ErrorAnswer>(answer).await;
        Self { status, errors: said.map(|answer| answer.errors), body: None }
    }

    /// What it means for a request that carried a token.
    pub(super) fn trouble(&self) -> SecretTrouble {
        if self.is_from_standby() {
            return SecretTrouble::Standby;
        }
        match self.status {
            403 => SecretTrouble::Denied,
            // "no handler for route", "namespace not found", "unsupported path"; an empty list
            // means that there is an engine and nothing at the path, which the caller knows.
            404 if self.errors.is_some() => SecretTrouble::NoEngine,
            405 => SecretTrouble::NoEngine,
            // A new engine refuses everything for a moment, until it is one of version 2.
            400 if self.says("non-versioned to versioned") => {
                SecretTrouble::Unavailable(self.status)
            }
            503 if self.says("sealed") => SecretTrouble::Sealed,
            408 | 412 | 429 | 500..=599 => SecretTrouble::Unavailable(self.status),
            _ => SecretTrouble::Unreadable,
        }
    }

    /// What it means for a login: Vault answers 400 to a wrong role or secret id, 403 to a
    /// service account that is not bound, 404 where no such method is enabled.
    pub(super) fn login_trouble(&self) -> SecretTrouble {
        match self.status {
            404 if self.says("namespace not found") => SecretTrouble::NoEngine,
            400 | 401 | 403 | 404 if !self.is_from_standby() => SecretTrouble::LoginRefused,
            _ => self.trouble(),
        }
    }

    /// A standby sends the client on (307), or says that it has nowhere to send it (500, 503), or
    /// is a disaster-recovery secondary (400). The wordings are Vault's and OpenBao's own.
    fn is_from_standby(&self) -> bool {
        let words =
            ["node not active", "node is not active", "no active", "standby", "DR secondary"];
        match self.status {
            300..=399 => true,
            400 | 500 | 503 => words.iter().any(|word| self.says(word)),
            _ => false,
        }
    }

    /// Whether one of the errors holds this word.
    pub(super) fn says(&self, word: &str) -> bool {
        self.errors.iter().flatten().any(|error| error.contains(word))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(code: u16, errors: &[&str]) -> Failure {
        let errors = errors.iter().map(|&text| text.to_owned()).collect();
        Failure::from(ClientError::APIError { code, errors })
    }

    #[test]
    fn a_standby_is_told_apart_from_a_sealed_and_from_a_failing_server() {
        let trouble = |code, errors: &[&str]| answered(code, errors).trouble();
        let lost = "local node not active but active cluster node not found";
        assert_eq!(trouble(500, &[lost]), SecretTrouble::Standby);
        assert_eq!(trouble(503, &["no active Vault instance found"]), SecretTrouble::Standby);
        assert_eq!(trouble(503, &["node is not active"]), SecretTrouble::Standby);
        let secondary = "path disabled in replication DR secondary mode";
        assert_eq!(trouble(400, &[secondary]), SecretTrouble::Standby);
        assert_eq!(trouble(503, &["Vault is sealed"]), SecretTrouble::Sealed);
        assert_eq!(trouble(503, &[]), SecretTrouble::Unavailable(503));
        assert_eq!(trouble(500, &["internal error"]), SecretTrouble::Unavailable(500));
        assert_eq!(trouble(429, &["rate limit"]), SecretTrouble::Unavailable(429));
        let upgrading = "Upgrading from non-versioned to versioned data. This backend will be";
        assert_eq!(trouble(400, &[upgrading]), SecretTrouble::Unavailable(400));
        assert_eq!(trouble(400, &["bad"]), SecretTrouble::Unreadable);
    }

    #[test]
    fn a_refusal_means_something_else_to_a_login_than_to_a_read() {
        assert_eq!(answered(403, &["permission denied"]).trouble(), SecretTrouble::Denied);
        for code in [400, 403, 404] {
            let refused = answered(code, &["no"]).login_trouble();
            assert_eq!(refused, SecretTrouble::LoginRefused, "{code}");
        }
        let nowhere = answered(404, &["namespace not found"]);
        assert_eq!(nowhere.login_trouble(), SecretTrouble::NoEngine);
        assert_eq!(nowhere.trouble(), SecretTrouble::NoEngine);
        let sealed = answered(503, &["Vault is sealed"]);
        assert_eq!(sealed.login_trouble(), SecretTrouble::Sealed);
    }
}
