//! A token by the OAuth 2.0 username-password flow, revoked at once.
//!
//! The flow: <https://help.salesforce.com/s/articleView?id=sf.remoteaccess_oauth_username_password_flow.htm>;
//! its errors: <https://help.salesforce.com/s/articleView?id=sf.remoteaccess_oauth_flow_errors.htm>.
//! Organisations of Summer '23 and later have it switched off at first.

use std::time::Duration;

use serde::Deserialize;

use crate::domain::fault::error_line;
use crate::domain::proof::ProofOutcome;
use crate::domain::secret::{SalesforceSecret, SecretText};
use crate::salesforce::http::{Answer, below, exchange};
use crate::salesforce::said::Censor;
use crate::salesforce::{Attempt, password_and_token};

const TOKEN: &str = "services/oauth2/token";
const REVOKE: &str = "services/oauth2/revoke";
/// Nobody waits longer for a token to be revoked.
const REVOCATION: Duration = Duration::from_secs(5);

/// A connected app's key and secret.
pub(super) struct Client {
    pub(super) id: SecretText,
    pub(super) secret: SecretText,
}

/// What a success says, as far as it matters.
#[derive(Deserialize)]
struct Granted {
    access_token: String,
    /// The user's address, `https://…/id/ORGANISATION/USER`.
    id: String,
}

#[derive(Deserialize)]
struct Refused {
    error: String,
    #[serde(default)]
    error_description: String,
}

/// Asks for a token once, and revokes it where there is one.
pub(super) async fn login(
    login: &Attempt,
    client: &Client,
    secret: &SalesforceSecret,
) -> ProofOutcome {
    let password = password_and_token(secret);
    let request = login.http.post(below(&login.login_url, TOKEN)).form(&[
        ("grant_type", "password"),
        ("client_id", client.id.expose()),
        ("client_secret", client.secret.expose()),
        ("username", login.username.as_str()),
        ("password", password.expose()),
    ]);
    let answer = match exchange(request).await {
        Ok(answer) => answer,
        Err(outcome) => return outcome,
    };
    let censor = Censor::of(secret).and(&client.secret).and(&client.id);
    let (outcome, token) = read(login, &censor, &answer);
    if let Some(token) = token {
        revoke(login, &token).await;
    }
    outcome
}

/// What an answer means, and the token that it grants.
pub(super) fn read(
    login: &Attempt,
    censor: &Censor,
    answer: &Answer,
) -> (ProofOutcome, Option<SecretText>) {
    if answer.status.is_success() {
        let Ok(granted) = serde_json::from_slice::<Granted>(&answer.body) else {
            return (answer.outcome_by_status(), None);
        };
        let mut path = granted.id.rsplit('/');
        let organization = path.nth(1).unwrap_or_default();
        let outcome = login.of_organization(organization);
        return (outcome, Some(SecretText::new(granted.access_token)));
    }
    let refused = serde_json::from_slice::<Refused>(&answer.body).ok();
    let Some(refused) = refused.filter(|refused| is_code(&refused.error)) else {
        return (answer.outcome_by_status(), None);
    };
    let said = censor.said(&refused.error, &refused.error_description);
    (by_error(&refused.error, &refused.error_description, said), None)
}

fn is_code(code: &str) -> bool {
    !code.is_empty()
        && code.len() <= 64
        && code.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

/// What to add where Salesforce does not tell why it refused a login.
const REASONS: &str = ", which it says of a wrong secret, of a user who is locked out, of the OAuth \
                       username-password flow being switched off, and of a policy: write the right \
                       secret as a newer version; or unlock the user or mend the setting in \
                       Salesforce, then retry";

/// What an error means. `invalid_grant` stands for most of them; its description sometimes tells
/// them apart, by whole words, and "authentication failure" does not: Salesforce says it of a wrong
/// secret, of a user who is locked out, of a flow that is switched off and of a policy.
fn by_error(error: &str, description: &str, said: String) -> ProofOutcome {
    let description = description.to_ascii_lowercase();
    let words = description.split(|c: char| !c.is_ascii_alphanumeric());
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    let description = format!(" {} ", words.join(" "));
    let has = |words: &str| description.contains(&format!(" {words} "));
    match error.to_ascii_lowercase().as_str() {
        "rate_limit_exceeded" => ProofOutcome::RateLimited { said },
        "invalid_grant" if has("rate exceeded") => ProofOutcome::RateLimited { said },
        "invalid_grant" if has("password") && has("expired") => ProofOutcome::PasswordExpired,
        "invalid_grant" if has("locked") || has("lockout") => ProofOutcome::Locked { said },
        "invalid_grant"
            if ["grant type", "approved this consumer", "flow", "flows", "blocked"]
                .into_iter()
                .any(has) =>
        {
            ProofOutcome::MethodOff { said }
        }
        "invalid_grant"
            if ["ip restricted", "login hours", "inactive", "frozen", "challenge"]
                .into_iter()
                .any(has) =>
        {
            ProofOutcome::Barred { said }
        }
        "invalid_grant" => ProofOutcome::Rejected { said: said + REASONS },
        "invalid_client"
        | "invalid_client_id"
        | "invalid_client_credentials"
        | "invalid_app_access"
        | "invalid_request"
        | "oauth_app_access_denied"
        | "oauth_app_blocked"
        | "unauthorized_client"
        | "unsupported_grant_type" => ProofOutcome::MethodOff { said },
        "server_error" | "temporarily_unavailable" | "unknown_error" => {
            ProofOutcome::NoAnswer { why: said }
        }
        // inactive_user, inactive_org, access_denied, and whatever comes later.
        _ => ProofOutcome::Barred { said },
    }
}

/// Takes the token back. Nothing depends on it: it gets old by itself.
async fn revoke(login: &Attempt, token: &SecretText) {
    let request = login
        .http
        .post(below(&login.login_url, REVOKE))
        .timeout(REVOCATION)
        .form(&[("token", token.expose())]);
    if let Err(error) = request.send().await {
        tracing::debug!(error = error_line(&error.without_url()), "token not revoked");
    }
}
