//! Proving a secret: how it is tried at Salesforce before the console gets it, and what came of
//! the one login that each version of a target's secret has.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use url::{Host, Url};

use crate::domain::ids::{OrganizationId, TargetName};
use crate::domain::secret::{SecretLocation, SecretVersion};

/// How a target's secret is proved.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Prove {
    /// Not at all; the console shows whether it was right.
    #[default]
    Not,
    /// One `login()` of the SOAP partner API.
    SoapLogin {
        /// Where.
        login_url: LoginUrl,
    },
    /// One token by the OAuth 2.0 username-password flow.
    OauthPassword {
        /// Where.
        login_url: LoginUrl,
        /// The connected app that asks.
        client: ClientLocation,
    },
}

/// Where Vault keeps the key and secret of a connected app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientLocation {
    /// Where.
    pub location: SecretLocation,
    /// The field that holds the consumer key.
    pub id_field: String,
    /// The field that holds the consumer secret.
    pub secret_field: String,
}

/// The origin of a Salesforce login host: `https://login.salesforce.com`,
/// `https://test.salesforce.com`, or an organisation's My Domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginUrl(Url);

/// The text is not the origin of a login host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLoginUrl {
    /// It is not a URL.
    #[error("`{0}` is not a URL")]
    NotAUrl(String),
    /// A secret would leave in the clear.
    #[error("must be https, or http on the loopback interface")]
    NotHttps,
    /// It names more than scheme, host and port.
    #[error("must be an origin alone, like https://login.salesforce.com")]
    MoreThanOrigin,
}

impl LoginUrl {
    /// Reads an origin.
    pub fn parse(text: &str) -> Result<Self, InvalidLoginUrl> {
        let url = Url::parse(text).map_err(|_| InvalidLoginUrl::NotAUrl(text.to_owned()))?;
        if url.scheme() != "https" && !(url.scheme() == "http" && is_loopback(&url)) {
            return Err(InvalidLoginUrl::NotHttps);
        }
        let is_origin = url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        if is_origin { Ok(Self(url)) } else { Err(InvalidLoginUrl::MoreThanOrigin) }
    }

    /// The origin.
    pub fn as_url(&self) -> &Url {
        &self.0
    }
}

impl fmt::Display for LoginUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// What the one proving login is for: this version of this target's secret, and no other, even
/// where the secret's history was deleted and its numbers begin anew.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ProofKey {
    /// The target.
    pub target: TargetName,
    /// The version.
    pub version: SecretVersion,
    /// When Vault took it.
    pub written_at: Timestamp,
}

/// A proving login that was spent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpentProof {
    /// When.
    pub at: Timestamp,
    /// What came of it; `None` where whoever spent it died, or still waits for the answer.
    pub outcome: Option<ProofOutcome>,
}

/// What came of a proving login. Texts of Salesforce's are shortened and hold no secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum ProofOutcome {
    /// Salesforce took the secret, and the user is of the target's organisation.
    Proven,
    /// The password, the token or both are wrong, as far as Salesforce says.
    Rejected {
        /// What Salesforce said.
        said: String,
    },
    /// The password was right and has expired, so that nothing works with it but setting another.
    PasswordExpired,
    /// The user is locked out.
    Locked {
        /// What Salesforce said.
        said: String,
    },
    /// The login belongs to another organisation.
    WrongOrganization {
        /// The organisation.
        found: OrganizationId,
    },
    /// The login method is switched off, retired, or not set up.
    MethodOff {
        /// What Salesforce said.
        said: String,
    },
    /// The login was stopped for a reason that does not lie with the secret: the place, the hours,
    /// a challenge, a missing permission.
    Barred {
        /// What Salesforce said.
        said: String,
    },
    /// Too many logins of this user within an hour.
    RateLimited {
        /// What Salesforce said.
        said: String,
    },
    /// The request may have left, and no answer came back that can be read.
    NoAnswer {
        /// What came instead.
        why: String,
    },
}

/// What a proving login means for the rotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProofVerdict {
    /// The secret is right.
    Proven,
    /// The secret is not to be used: stuck, until a person or a newer version says otherwise.
    Refused,
    /// The configuration, here or at Salesforce, is wrong, and the secret may be right: stuck.
    Halted,
    /// Nothing can work for an hour; after it the secret is used unproven.
    Later,
    /// Nobody knows: the secret is used unproven.
    Unknown,
}

impl ProofOutcome {
    /// What it means for the rotation.
    pub const fn verdict(&self) -> ProofVerdict {
        match self {
            Self::Proven => ProofVerdict::Proven,
            Self::Rejected { .. } | Self::PasswordExpired | Self::Locked { .. } => {
                ProofVerdict::Refused
            }
            Self::WrongOrganization { .. } | Self::MethodOff { .. } | Self::Barred { .. } => {
                ProofVerdict::Halted
            }
            Self::RateLimited { .. } => ProofVerdict::Later,
            Self::NoAnswer { .. } => ProofVerdict::Unknown,
        }
    }
}

impl fmt::Display for ProofOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Proven => f.write_str("Salesforce took the login"),
            Self::Rejected { said } => write!(f, "Salesforce refused the login: {said}"),
            Self::PasswordExpired => f.write_str(
                "Salesforce took the password and says that it has expired: set a new one there",
            ),
            Self::Locked { said } => write!(
                f,
                "Salesforce says that the user is locked out ({said}): unlock the user in \
                 Salesforce, then retry; or write a newer version"
            ),
            Self::WrongOrganization { found } => write!(
                f,
                "the login belongs to the organisation {found}, which is not the target's: \
                 correct organization_id, username or login_url of the target"
            ),
            Self::MethodOff { said } => write!(
                f,
                "Salesforce does not offer this way to log in ({said}): switch it on there, or \
                 choose another way to prove for the target"
            ),
            Self::Barred { said } => write!(
                f,
                "Salesforce stopped the login for a reason that does not lie with the secret \
                 ({said}): let this login through there"
            ),
            Self::RateLimited { said } => {
                write!(f, "Salesforce has had too many logins of this user ({said})")
            }
            Self::NoAnswer { why } => {
                write!(f, "no answer came back that says how the login went ({why})")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_url_is_an_origin_that_keeps_secrets() {
        for text in [
            "https://login.salesforce.com",
            "https://test.salesforce.com/",
            "https://acme.my.salesforce.com:8443",
            "http://127.0.0.1:8460",
            "http://[::1]:8460",
            "http://localhost",
        ] {
            let url = LoginUrl::parse(text).unwrap();
            assert_eq!(url.to_string(), text.trim_end_matches('/'));
        }
        let not_https = ["http://login.salesforce.com", "ftp://127.0.0.1", "http://127.example"];
        for text in not_https {
            assert_eq!(LoginUrl::parse(text), Err(InvalidLoginUrl::NotHttps), "{text}");
        }
        for text in [
            "https://login.salesforce.com/services/Soap/u/64.0",
            "https://login.salesforce.com/?a=b",
            "https://login.salesforce.com/#a",
            "https://user@login.salesforce.com",
            "https://:word@login.salesforce.com",
        ] {
            assert_eq!(LoginUrl::parse(text), Err(InvalidLoginUrl::MoreThanOrigin), "{text}");
        }
        let relative = LoginUrl::parse("login.salesforce.com");
        assert_eq!(relative, Err(InvalidLoginUrl::NotAUrl("login.salesforce.com".to_owned())));
    }
}
