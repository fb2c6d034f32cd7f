//! The ways to log in, from files to a session.

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::{Identity, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::fs::File;
use tokio::io::AsyncReadExt;
use vaultrs::api::{AuthInfo, EndpointResult};
use vaultrs::auth::{approle, kubernetes, oidc};
use vaultrs::error::ClientError;
use zeroize::Zeroizing;

use crate::domain::secret::SecretText;
use crate::ports::secret_store::SecretTrouble;
use crate::vault::client::{Connection, bounded_json, get_with_token};
use crate::vault::session::{Lease, Session};
use crate::vault::settings::Auth;
use crate::vault::trouble::{Failure, Refusal};

/// A longer credential file is taken for a mistake.
const MAX_FILE_BYTES: u64 = 64 * 1024;

/// Logs in once. `now` is when the token's life is counted from.
pub(super) async fn log_in(
    auth: &Auth,
    connection: &Connection,
    now: Timestamp,
) -> Result<Session, SecretTrouble> {
    match auth {
        Auth::TokenFile { path } => take_token(connection, &credential(path).await?, now).await,
        Auth::AppRole { mount, role_id_file, secret_id_file } => {
            let role_id = credential(role_id_file).await?;
            let secret_id = credential(secret_id_file).await?;
            let (role_id, secret_id) = (role_id.expose(), secret_id.expose());
            let anyone = connection.client(None)?;
            let answer = approle::login(&anyone, mount, role_id, secret_id).await;
            admitted(connection, answer, now)
        }
        Auth::Kubernetes { mount, role, jwt_file } => {
            let jwt = credential(jwt_file).await?;
            let anyone = connection.client(None)?;
            let answer = kubernetes::login(&anyone, mount, role, jwt.expose()).await;
            admitted(connection, answer, now)
        }
        Auth::Jwt { mount, role, jwt_file } => {
            let jwt = credential(jwt_file).await?;
            let anyone = connection.client(None)?;
            let answer = oidc::login(&anyone, mount, jwt.expose(), role.clone()).await;
            admitted(connection, answer, now)
        }
        Auth::Certificate { mount, role, certificate_file, key_file } => {
            // Renewal asks for the certificate again, so the session keeps this connection.
            let certified = certified(connection, certificate_file, key_file).await?;
            let answer = show_certificate(&certified, mount, role).await?;
            session_of(&certified, answer, now)
        }
    }
}

/// Reads a file that holds one credential, without the space around it.
pub(super) async fn credential(path: &Path) -> Result<SecretText, SecretTrouble> {
    let file = File::open(path).await.map_err(|_| SecretTrouble::CredentialFile)?;
    let mut text = Zeroizing::new(String::new());
    let read = file.take(MAX_FILE_BYTES + 1).read_to_string(&mut text).await;
    let length = read.map_err(|_| SecretTrouble::CredentialFile)?;
    let text = text.trim();
    if text.is_empty() || u64::try_from(length).is_ok_and(|length| length > MAX_FILE_BYTES) {
        return Err(SecretTrouble::CredentialFile);
    }
    Ok(SecretText::new(text.to_owned()))
}

async fn certified(
    connection: &Connection,
    certificate_file: &Path,
    key_file: &Path,
) -> Result<Connection, SecretTrouble> {
    let certificate = credential(certificate_file).await?;
    let key = credential(key_file).await?;
    let pem = Zeroizing::new(format!("{}\n{}\n", certificate.expose(), key.expose()));
    let identity = Identity::from_pem(pem.as_bytes());
    let identity = identity.map_err(|_| SecretTrouble::CredentialFile)?;
    connection.with_identity(identity).map_err(|_| SecretTrouble::CredentialFile)
}

/// The login of the certificate method. vaultrs has one too, but names the role in a field that
/// the server does not know, so that any role which fits the certificate would do.
async fn show_certificate(
    connection: &Connection,
    mount: &str,
    role: &str,
) -> Result<AuthInfo, SecretTrouble> {
    let request = connection.post(&format!("auth/{mount}/login"), &json!({ "name": role }));
    let answer = request.send().await.map_err(|_| SecretTrouble::Unreachable)?;
    if answer.status() != StatusCode::OK {
        return Err(Refusal::read(answer).await.login_trouble());
    }
    let answer: Option<EndpointResult<Value>> = bounded_json(answer).await;
    answer.and_then(|answer| answer.auth).ok_or(SecretTrouble::Unreadable)
}

fn admitted(
    connection: &Connection,
    answer: Result<AuthInfo, ClientError>,
    now: Timestamp,
) -> Result<Session, SecretTrouble> {
    let answer = answer.map_err(|error| Failure::from(error).login_trouble())?;
    session_of(connection, answer, now)
}

fn session_of(
    connection: &Connection,
    answer: AuthInfo,
    now: Timestamp,
) -> Result<Session, SecretTrouble> {
    let lease = granted(&answer, now);
    let token = SecretText::new(answer.client_token);
    let client = connection.client(Some(&token)).map_err(|_| SecretTrouble::Unreadable)?;
    Ok(Session::new(client, lease, lease.ttl))
}

/// The lease that a login or a renewal granted.
pub(super) fn granted(answer: &AuthInfo, now: Timestamp) -> Lease {
    Lease { since: now, ttl: seconds(answer.lease_duration), renewable: answer.renewable }
}

/// A life of no seconds means that the token does not expire.
fn seconds(number: u64) -> Option<Duration> {
    (number > 0).then(|| Duration::from_secs(number))
}

#[derive(Deserialize)]
struct LookupAnswer {
    data: Lookup,
}

#[derive(Deserialize)]
struct Lookup {
    ttl: u64,
    creation_ttl: u64,
    #[serde(default)]
    renewable: bool,
}

/// Takes a token as it is and asks the server how long it lives.
async fn take_token(
    connection: &Connection,
    token: &SecretText,
    now: Timestamp,
) -> Result<Session, SecretTrouble> {
    let client = connection.client(Some(token))?;
    let answer = get_with_token(&client, "auth/token/lookup-self").send().await;
    let answer = answer.map_err(|_| SecretTrouble::Unreachable)?;
    match answer.status() {
        StatusCode::OK => {
            let found: LookupAnswer =
                bounded_json(answer).await.ok_or(SecretTrouble::Unreadable)?;
            let Lookup { ttl, creation_ttl, renewable } = found.data;
            let lease = Lease { since: now, ttl: seconds(ttl), renewable };
            Ok(Session::new(client, lease, seconds(creation_ttl)))
        }
        // A dead token, or one that may not look itself up: the read will tell which.
        StatusCode::FORBIDDEN => {
            let lease = Lease { since: now, ttl: None, renewable: false };
            Ok(Session::new(client, lease, None).unknown())
        }
        _ => Err(Refusal::read(answer).await.trouble()),
    }
}
