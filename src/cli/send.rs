//! Signs and sends a sample: the wiring test for the other side.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum};
use jiff::Timestamp;
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, Identity, StatusCode};
use serde::Serialize;
use url::Url;

use crate::cli::Exit;
use crate::cli::outbound_sample::{self, SampleObject};
use crate::cli::secret_file;
use crate::domain::event::ResetKind;
use crate::domain::ids::{EventId, InvalidId, OrganizationId, UserId, Username};
use crate::domain::secret::SecretText;
use crate::ports::clock::Clock;
use crate::senders::bearer::AUTHORIZATION;
use crate::senders::hmac_body::{self, BodyKey};
use crate::senders::keys::{BearerToken, InvalidKey, SigningKey};
use crate::senders::outbound_message::ACK;
use crate::senders::path_secret::PathSecret;
use crate::senders::standard_webhooks::{self, UnsignableId};

const CONNECT_DEADLINE: Duration = Duration::from_secs(5);
const ANSWER_DEADLINE: Duration = Duration::from_secs(30);

/// No more of an answer is shown.
const MAX_SHOWN: usize = 4096;

/// The sample, and where it goes.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("proof").required(true).multiple(true))]
#[command(group = clap::ArgGroup::new("user").required(true).multiple(true))]
pub struct SendArguments {
    /// The route of a source, as in `https://receiver.example/v1/resets/flow`.
    #[arg(long)]
    pub url: Url,
    /// What the source takes.
    #[arg(long, value_enum, default_value_t)]
    pub format: SampleFormat,
    /// The object of an outbound message.
    #[arg(long, value_enum, default_value_t)]
    pub object: SampleObject,
    /// The file with the source's signing key (`whsec_…`): signs with Standard Webhooks.
    #[arg(long, value_name = "PATH", group = "proof")]
    #[arg(conflicts_with_all = ["token_file", "hmac_key_file"])]
    pub key_file: Option<PathBuf>,
    /// The file with the source's key for signatures over the body alone (`hmac-body`).
    #[arg(long, value_name = "PATH", group = "proof", conflicts_with = "token_file")]
    pub hmac_key_file: Option<PathBuf>,
    /// The file with the client certificate (PEM), for a source with `mtls`.
    #[arg(long, value_name = "PATH", group = "proof", requires = "private_key_file")]
    pub certificate_file: Option<PathBuf>,
    /// The file with the client certificate's private key (PEM).
    #[arg(long, value_name = "PATH", requires = "certificate_file")]
    pub private_key_file: Option<PathBuf>,
    /// The file with the secret that follows the source's name in the address.
    #[arg(long, value_name = "PATH", group = "proof")]
    pub path_secret_file: Option<PathBuf>,
    /// The file with the source's bearer token.
    #[arg(long, value_name = "PATH", group = "proof")]
    pub token_file: Option<PathBuf>,
    /// The only authorities (PEM) that may have issued the receiver's certificate; those of this
    /// machine otherwise.
    #[arg(long, value_name = "PATH")]
    pub ca_file: Option<PathBuf>,
    /// The Salesforce organisation.
    #[arg(long, value_name = "ID", value_parser = OrganizationId::parse)]
    pub organization_id: OrganizationId,
    /// The Salesforce user, by name.
    #[arg(long, value_name = "NAME", value_parser = Username::parse, group = "user")]
    pub username: Option<Username>,
    /// The Salesforce user, by id.
    #[arg(long, value_name = "ID", value_parser = UserId::parse, group = "user")]
    pub user_id: Option<UserId>,
    /// Which reset.
    #[arg(long = "type", value_name = "TYPE", value_enum, default_value_t)]
    pub kind: SampleKind,
    /// The event's id, the same for a redelivery; a new one otherwise.
    #[arg(long, value_parser = EventId::parse)]
    pub id: Option<EventId>,
    /// When it happened (RFC 3339); now otherwise.
    #[arg(long, value_name = "TIME")]
    pub occurred_at: Option<Timestamp>,
    /// Print the request as a curl command, without the key or the token, and send nothing.
    #[arg(long)]
    pub print: bool,
}

/// What a sample is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum SampleFormat {
    /// The JSON notice.
    #[default]
    Notice,
    /// Salesforce's outbound message.
    OutboundMessage,
}

impl SampleFormat {
    const fn content_type(self) -> &'static str {
        match self {
            Self::Notice => "application/json",
            Self::OutboundMessage => outbound_sample::CONTENT_TYPE,
        }
    }
}

/// Which reset a sample tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum SampleKind {
    /// The password, and the token with it.
    #[default]
    #[value(name = "password_reset")]
    Password,
    /// The token alone.
    #[value(name = "token_reset")]
    Token,
}

/// Why a sample could not be sent. No message holds a key or a token.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// A file that was named cannot be read.
    #[error("{} cannot be read", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file that holds no key or token.
    #[error("{} holds no key or token that could be used", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// Why.
        source: InvalidKey,
    },
    /// A file that holds no certificates.
    #[error("{} holds no certificates", path.display())]
    Authorities {
        /// The file.
        path: PathBuf,
        /// Why, where more is known.
        source: Option<reqwest::Error>,
    },
    /// Files that hold no client certificate and its key.
    #[error("{} and its key cannot be shown as a client certificate", path.display())]
    Identity {
        /// The certificate's file.
        path: PathBuf,
        /// Why.
        source: reqwest::Error,
    },
    /// A URL that cannot have one more segment.
    #[error("{0} cannot have a secret after it")]
    Url(Url),
    /// An id that cannot be signed.
    #[error("the id cannot be signed")]
    Id(#[from] UnsignableId),
    /// The generated id is not an event id.
    #[error("the id cannot be sent")]
    GeneratedId(#[from] InvalidId),
    /// The notice could not be written as JSON.
    #[error("the notice cannot be written")]
    Notice(#[from] serde_json::Error),
    /// No connection, or no answer in time.
    #[error("{url} does not answer")]
    Unreachable {
        /// The route.
        url: Url,
        /// Why.
        source: reqwest::Error,
    },
    /// A client cannot be made on this machine.
    #[error("no HTTP client can be made")]
    NoClient(#[source] reqwest::Error),
    /// The command's own output could not be written.
    #[error("the output cannot be written")]
    Output(#[from] io::Error),
}

impl SendError {
    /// How the command ends with it.
    pub fn exit(&self) -> Exit {
        match self {
            Self::File { .. }
            | Self::Key { .. }
            | Self::Authorities { .. }
            | Self::Identity { .. }
            | Self::Url(_)
            | Self::Id(_) => Exit::Usage,
            Self::GeneratedId(_)
            | Self::Notice(_)
            | Self::Unreachable { .. }
            | Self::NoClient(_)
            | Self::Output(_) => Exit::Wrong,
        }
    }
}

/// The notice, in the order of its documentation.
#[derive(Serialize)]
struct Notice<'a> {
    id: &'a str,
    r#type: &'static str,
    occurred_at: Timestamp,
    organization_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<&'a str>,
}

/// What proves the sender.
enum Proof {
    /// The headers of a signature, which is good for this sample and a few minutes; none where the
    /// connection or the address proves the sender.
    Signed(Vec<(&'static str, String)>),
    /// A token, and the file that holds it.
    Token(SecretText, PathBuf),
}

/// Signs the sample and sends it, or prints it. It ends well where the receiver answered with a
/// 2xx.
pub async fn send(
    arguments: &SendArguments,
    out: &mut dyn Write,
    clock: &dyn Clock,
) -> Result<Exit, SendError> {
    let now = clock.now();
    let id = match &arguments.id {
        Some(id) => id.clone(),
        None => EventId::parse(&match arguments.format {
            SampleFormat::Notice => format!("sample-{}", clock.rotation_id()),
            SampleFormat::OutboundMessage => outbound_sample::new_id(clock.rotation_id()),
        })?,
    };
    let body = match arguments.format {
        SampleFormat::Notice => serde_json::to_string(&notice(arguments, &id, now))?,
        SampleFormat::OutboundMessage => {
            let occurred_at = arguments.occurred_at.unwrap_or(now);
            outbound_sample::envelope(arguments, id.as_str(), occurred_at)
        }
    };
    let proof = prove(arguments, &id, now, &body)?;
    if arguments.print {
        print(out, arguments, &proof, &body)?;
        return Ok(Exit::Well);
    }
    deliver(arguments, &proof, body, out).await
}

fn notice<'a>(arguments: &'a SendArguments, id: &'a EventId, now: Timestamp) -> Notice<'a> {
    let kind = match arguments.kind {
        SampleKind::Password => ResetKind::PasswordReset,
        SampleKind::Token => ResetKind::TokenReset,
    };
    Notice {
        id: id.as_str(),
        r#type: kind.as_str(),
        occurred_at: arguments.occurred_at.unwrap_or(now),
        organization_id: arguments.organization_id.as_str(),
        username: arguments.username.as_ref().map(Username::as_str),
        user_id: arguments.user_id.as_ref().map(UserId::as_str),
    }
}

fn prove(
    arguments: &SendArguments,
    id: &EventId,
    now: Timestamp,
    body: &str,
) -> Result<Proof, SendError> {
    let mut headers = Vec::new();
    if let Some(path) = &arguments.key_file {
        let key = SigningKey::parse(read(path)?.expose())
            .map_err(|source| SendError::Key { path: path.clone(), source })?;
        let signed = standard_webhooks::sign(&key, id.as_str(), now, body.as_bytes())?;
        headers.push((standard_webhooks::ID, signed.id));
        headers.push((standard_webhooks::TIMESTAMP, signed.timestamp));
        headers.push((standard_webhooks::SIGNATURE, signed.signature));
    }
    if let Some(path) = &arguments.hmac_key_file {
        let key = BodyKey::parse(read(path)?.expose())
            .map_err(|source| SendError::Key { path: path.clone(), source })?;
        headers.push((hmac_body::SIGNATURE, hmac_body::sign(&key, body.as_bytes())));
    }
    let Some(path) = &arguments.token_file else { return Ok(Proof::Signed(headers)) };
    let token = read(path)?;
    BearerToken::parse(token.expose())
        .map_err(|source| SendError::Key { path: path.clone(), source })?;
    Ok(Proof::Token(token, path.clone()))
}

fn read(path: &Path) -> Result<SecretText, SendError> {
    secret_file::read(path).map_err(|source| SendError::File { path: path.to_owned(), source })
}

async fn deliver(
    arguments: &SendArguments,
    proof: &Proof,
    body: String,
    out: &mut dyn Write,
) -> Result<Exit, SendError> {
    let url = &arguments.url;
    let unreachable = |error: reqwest::Error| SendError::Unreachable {
        url: url.clone(),
        source: error.without_url(),
    };
    let mut request = client(arguments)?
        .post(with_secret(arguments)?)
        .header("content-type", arguments.format.content_type())
        .body(body);
    if arguments.format == SampleFormat::OutboundMessage {
        request = request.header("soapaction", "\"\"");
    }
    request = match proof {
        Proof::Token(token, _) => request.bearer_auth(token.expose()),
        Proof::Signed(headers) => {
            headers.iter().fold(request, |request, (name, value)| request.header(*name, value))
        }
    };
    let mut response = request.send().await.map_err(unreachable)?;
    let status = response.status();
    let mut answer = Vec::new();
    while answer.len() < MAX_SHOWN {
        let Some(chunk) = response.chunk().await.map_err(unreachable)? else { break };
        answer.extend_from_slice(&chunk);
    }
    answer.truncate(MAX_SHOWN);
    writeln!(out, "{status}")?;
    let answer = String::from_utf8_lossy(&answer);
    writeln!(out, "{}", answer.trim_end())?;
    let is_taken = match arguments.format {
        SampleFormat::Notice => status.is_success(),
        // Salesforce takes nothing else for an acknowledgement.
        SampleFormat::OutboundMessage => status == StatusCode::OK && answer == ACK,
    };
    Ok(if is_taken { Exit::Well } else { Exit::Wrong })
}

/// The address, with the secret where there is one.
fn with_secret(arguments: &SendArguments) -> Result<Url, SendError> {
    let mut url = arguments.url.clone();
    if let Some(path) = &arguments.path_secret_file {
        let secret = read(path)?;
        PathSecret::parse(secret.expose())
            .map_err(|source| SendError::Key { path: path.clone(), source })?;
        let wrong = |()| SendError::Url(arguments.url.clone());
        url.path_segments_mut().map_err(wrong)?.pop_if_empty().push(secret.expose());
    }
    Ok(url)
}

/// A client that follows no redirect: the receiver's own answer is what is tested.
fn client(arguments: &SendArguments) -> Result<Client, SendError> {
    let mut builder = Client::builder()
        .redirect(Policy::none())
        .connect_timeout(CONNECT_DEADLINE)
        .timeout(ANSWER_DEADLINE);
    if let (Some(certificate), Some(key)) =
        (&arguments.certificate_file, &arguments.private_key_file)
    {
        let pem =
            SecretText::new([read(key)?.expose(), "\n", read(certificate)?.expose()].concat());
        let identity = Identity::from_pem(pem.expose().as_bytes())
            .map_err(|source| SendError::Identity { path: certificate.clone(), source })?;
        builder = builder.identity(identity);
    }
    if let Some(path) = &arguments.ca_file {
        let path = || path.clone();
        let pem = fs::read(path()).map_err(|source| SendError::File { path: path(), source })?;
        let authorities = Certificate::from_pem_bundle(&pem)
            .map_err(|error| SendError::Authorities { path: path(), source: Some(error) })?;
        if authorities.is_empty() {
            return Err(SendError::Authorities { path: path(), source: None });
        }
        builder = builder.tls_certs_only(authorities);
    }
    builder.build().map_err(SendError::NoClient)
}

/// Writes the request as a command for a shell. The token stays in its file.
fn print(
    out: &mut dyn Write,
    arguments: &SendArguments,
    proof: &Proof,
    body: &str,
) -> io::Result<()> {
    write!(out, "curl --request POST {}", quoted(arguments.url.as_str()))?;
    if let Some(path) = &arguments.path_secret_file {
        write!(out, "/\"$(cat {})\"", quoted(&path.display().to_string()))?;
    }
    write!(out, " \\\n  --header 'content-type: {}'", arguments.format.content_type())?;
    match proof {
        Proof::Token(_, path) => {
            let path = quoted(&path.display().to_string());
            write!(out, " \\\n  --header \"{AUTHORIZATION}: Bearer $(cat {path})\"")?;
        }
        Proof::Signed(headers) => {
            for (name, value) in headers {
                write!(out, " \\\n  --header {}", quoted(&format!("{name}: {value}")))?;
            }
        }
    }
    let files = [("--cert", &arguments.certificate_file), ("--key", &arguments.private_key_file)];
    for (option, path) in files {
        if let Some(path) = path {
            write!(out, " \\\n  {option} {}", quoted(&path.display().to_string()))?;
        }
    }
    if let Some(path) = &arguments.ca_file {
        write!(out, " \\\n  --cacert {}", quoted(&path.display().to_string()))?;
    }
    writeln!(out, " \\\n  --data-raw {}", quoted(body))
}

/// One word for a POSIX shell.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}
