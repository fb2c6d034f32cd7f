//! Salesforce's own login as the port [`LoginProbe`]: SOAP `login()` of the partner API, or a
//! token by the OAuth 2.0 username-password flow. Either way the session is ended again at once.
//!
//! Whatever can fail before the secret leaves fails in [`LoginProbe::prepare`]: a request that
//! needs no login (the list of API versions) is answered, and a connected app's key and secret
//! are read. What happens after it is one login, and is never repeated here.

mod envelope;
mod http;
mod oauth;
mod said;
mod soap;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::domain::ids::{OrganizationId, Username};
use crate::domain::proof::{ClientLocation, LoginUrl, ProofOutcome, Prove};
use crate::domain::secret::{SalesforceSecret, SecretText};
use crate::domain::target::Target;
use crate::ports::login_probe::{LoginProbe, ProbeError, ReadyLogin};
use crate::ports::secret_store::{SecretStore, Stored};
use crate::salesforce::http::Http;
use crate::salesforce::oauth::Client;

/// How patient the probe is.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// A connection, TLS included.
    pub connect: Duration,
    /// One request, from its start to the last byte of its answer.
    pub request: Duration,
}

/// Proves secrets at Salesforce.
pub struct SalesforceProbe {
    http: Http,
    secrets: Arc<dyn SecretStore>,
}

impl SalesforceProbe {
    /// A probe that reads connected apps' secrets from `secrets`. Fails where the TLS library or
    /// the machine's certificates cannot be set up.
    pub fn new(timeouts: Timeouts, secrets: Arc<dyn SecretStore>) -> reqwest::Result<Self> {
        Ok(Self { http: Http::new(timeouts)?, secrets })
    }

    async fn client(&self, place: &ClientLocation) -> Result<Client, ProbeError> {
        let incomplete = |lacks: String| ProbeError::IncompleteClient {
            location: place.location.clone(),
            lacks,
        };
        let Stored::Present { mut fields, .. } = self.secrets.read(&place.location).await? else {
            return Err(incomplete("nothing is stored there".to_owned()));
        };
        let mut take = |field: &str| {
            let text =
                fields.remove(field).map(|text| SecretText::new(text.expose().trim().to_owned()));
            text.filter(|text| !text.is_empty())
                .ok_or_else(|| incomplete(format!("the field `{field}` is missing or empty")))
        };
        Ok(Client { id: take(&place.id_field)?, secret: take(&place.secret_field)? })
    }
}

#[async_trait]
impl LoginProbe for SalesforceProbe {
    async fn prepare(&self, target: &Target) -> Result<Box<dyn ReadyLogin>, ProbeError> {
        let (login_url, client) = match &target.prove {
            Prove::Not => return Err(ProbeError::NotConfigured),
            Prove::SoapLogin { login_url } => (login_url, None),
            Prove::OauthPassword { login_url, client } => {
                (login_url, Some(self.client(client).await?))
            }
        };
        self.http.reach(login_url).await?;
        Ok(Box::new(Attempt {
            http: self.http.clone(),
            login_url: login_url.clone(),
            client,
            username: target.username.clone(),
            organization: target.organization.clone(),
        }))
    }
}

/// One login, ready to be made.
struct Attempt {
    http: Http,
    login_url: LoginUrl,
    client: Option<Client>,
    username: Username,
    organization: OrganizationId,
}

#[async_trait]
impl ReadyLogin for Attempt {
    async fn login(self: Box<Self>, secret: &SalesforceSecret) -> ProofOutcome {
        match &self.client {
            None => soap::login(&self, secret).await,
            Some(client) => oauth::login(&self, client, secret).await,
        }
    }
}

impl Attempt {
    /// What a login that went well means: only that of the target's organisation does.
    fn of_organization(&self, found: &str) -> ProofOutcome {
        match OrganizationId::parse(found) {
            Ok(found) if found == self.organization => ProofOutcome::Proven,
            Ok(found) => ProofOutcome::WrongOrganization { found },
            Err(_) => ProofOutcome::NoAnswer {
                why: "the answer does not say of which organisation the user is".to_owned(),
            },
        }
    }
}

/// The password with the token appended, as Salesforce's logins take it.
fn password_and_token(secret: &SalesforceSecret) -> SecretText {
    let token = secret.security_token.as_ref().map_or("", SecretText::expose);
    let mut text = String::with_capacity(secret.password.expose().len() + token.len());
    text.push_str(secret.password.expose());
    text.push_str(token);
    SecretText::new(text)
}
