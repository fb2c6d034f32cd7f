//! What a configuration allows that is weaker than it needs to be: for `check`, which says it and
//! ends well nevertheless.

use std::fmt;

use crate::config::source::{AuthenticationFiles, Source, SourceFormat};
use crate::config::{CertificateTrust, Config};
use crate::domain::ids::SourceName;

/// Something weak.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// The source.
    pub source: SourceName,
    /// What is weak about it.
    pub weakness: Weakness,
}

/// What is weak about a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weakness {
    /// A secret in the address is all that proves who sends.
    PathSecretAlone,
    /// A token is all that proves who sends.
    BearerAlone,
    /// The certificate is one that Salesforce shows for all its customers.
    SharedCertificate,
    /// Nobody has to have checked where a mail is from.
    UnprovenMail,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let advice = match self.weakness {
            Weakness::PathSecretAlone => {
                "a secret in the address is enough to send, and addresses are written to logs in \
                 between; ask for a client certificate as well (scheme mtls, path_secret_files)"
            }
            Weakness::BearerAlone => {
                "a bearer token is enough to send, whatever is sent and however often; a signature \
                 (standard-webhooks, hmac-body) or a client certificate proves more"
            }
            Weakness::SharedCertificate => {
                "the certificate is the one that Salesforce shows for all its customers: it proves \
                 Salesforce, and not your organisation; make one of your own in Certificate and Key \
                 Management, or ask for a secret in the address as well"
            }
            Weakness::UnprovenMail => {
                "whoever can write to this mailbox can say that he is Salesforce, and switch \
                 connectors off; have SPF, DKIM or DMARC checked (require_verdict, authserv_id)"
            }
        };
        write!(f, "warning: sources.{}: {advice}", self.source)
    }
}

/// The name in Salesforce's shared certificate.
const SHARED_NAME: &str = "proxy.salesforce.com";

impl Config {
    /// Everything weak that the configuration itself shows.
    pub fn warnings(&self) -> Vec<Warning> {
        self.sources.iter().flat_map(of_source).collect()
    }
}

fn of_source(source: &Source) -> Vec<Warning> {
    let mut found = Vec::new();
    for scheme in &source.authentication {
        let weakness = match scheme {
            AuthenticationFiles::PathSecret(_) => Weakness::PathSecretAlone,
            AuthenticationFiles::Bearer(_) => Weakness::BearerAlone,
            AuthenticationFiles::Mtls {
                trust: CertificateTrust::Issued { name, .. },
                path_secrets,
            } if path_secrets.is_empty() && name.as_ref().eq_ignore_ascii_case(SHARED_NAME) => {
                Weakness::SharedCertificate
            }
            AuthenticationFiles::Mtls { .. }
            | AuthenticationFiles::StandardWebhooks(_)
            | AuthenticationFiles::HmacBody { .. } => continue,
        };
        found.push(Warning { source: source.name.clone(), weakness });
    }
    if let SourceFormat::Email(email) = &source.format {
        let bearer = (!email.token_files.is_empty()).then_some(Weakness::BearerAlone);
        let unproven = (!email.require_verdict).then_some(Weakness::UnprovenMail);
        let weaknesses = bearer.into_iter().chain(unproven);
        found.extend(weaknesses.map(|weakness| Warning { source: source.name.clone(), weakness }));
    }
    found.dedup();
    found
}
