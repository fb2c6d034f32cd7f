//! Signs and sends a sample: the wiring test for the other side.

mod error;
mod request;

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use jiff::Timestamp;
use serde::Serialize;
use url::Url;

use crate::cli::Exit;
use crate::cli::outbound_sample::{self, SampleObject};
use crate::cli::sample_mail::Letter;
use crate::cli::send::request::{deliver, print};
use crate::cli::vault_sample::Form;
use crate::cli::{secret_file, vault_sample};
use crate::domain::event::ResetKind;
use crate::domain::ids::{EventId, OrganizationId, UserId, Username};
use crate::domain::secret::SecretText;
use crate::ports::clock::Clock;
use crate::senders::email::mailgun::MailgunKey;
use crate::senders::hmac_body::{self, BodyKey};
use crate::senders::keys::{BearerToken, SigningKey};
use crate::senders::standard_webhooks;

pub use crate::cli::send::error::SendError;

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
    #[arg(conflicts_with_all = ["token_file", "hmac_key_file", "login_file"])]
    pub key_file: Option<PathBuf>,
    /// The file with the source's key for signatures over the body alone (`hmac-body`).
    #[arg(long, value_name = "PATH", group = "proof")]
    #[arg(conflicts_with_all = ["token_file", "login_file"])]
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
    /// The file with the login (`user:password`) of the relay's address: HTTP basic.
    #[arg(long, value_name = "PATH", group = "proof", conflicts_with = "token_file")]
    pub login_file: Option<PathBuf>,
    /// The only authorities (PEM) that may have issued the receiver's certificate; those of this
    /// machine otherwise.
    #[arg(long, value_name = "PATH")]
    pub ca_file: Option<PathBuf>,
    /// The Salesforce organisation.
    #[arg(long, value_name = "ID", value_parser = OrganizationId::parse)]
    #[arg(required_unless_present = "secret_path")]
    pub organization_id: Option<OrganizationId>,
    /// The Salesforce user, by name.
    #[arg(long, value_name = "NAME", value_parser = Username::parse, group = "user")]
    pub username: Option<Username>,
    /// The Salesforce user, by id.
    #[arg(long, value_name = "ID", value_parser = UserId::parse, group = "user")]
    pub user_id: Option<UserId>,
    /// Where the written secret is, as in `secret/data/salesforce/acme`, for the formats that tell
    /// of one.
    #[arg(long, value_name = "PATH", group = "user", requires = "secret_version")]
    #[arg(value_parser = vault_sample::data_path)]
    #[arg(conflicts_with_all = ["organization_id", "username", "user_id", "kind"])]
    pub secret_path: Option<String>,
    /// The version that Vault holds of it.
    #[arg(long, value_name = "NUMBER", requires = "secret_path")]
    pub secret_version: Option<u64>,
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

/// What a sample is. Amazon signs with a key that nobody else has, so there is none of its.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum SampleFormat {
    /// The JSON notice.
    #[default]
    Notice,
    /// Salesforce's outbound message.
    OutboundMessage,
    /// Path and version of a secret, as an agent tells them.
    SecretNotice,
    /// The same as a CloudEvent in one JSON object.
    #[value(name = "cloudevent")]
    CloudEvent,
    /// The same as a CloudEvent whose attributes are headers.
    #[value(name = "cloudevent-binary")]
    BinaryCloudEvent,
    /// The same as Vault writes its own events.
    VaultEvent,
    /// A mail by Mailgun.
    Mailgun,
    /// A mail by SendGrid, to a source that takes a token or a login for it.
    #[value(name = "sendgrid")]
    SendGrid,
    /// A mail by Postmark.
    Postmark,
    /// A mail by CloudMailin.
    #[value(name = "cloudmailin")]
    CloudMailin,
    /// A raw mail.
    Mime,
}

/// What is sent: its type of content, the headers that belong to it, and its text.
pub(in crate::cli) struct Sample {
    pub(in crate::cli) content_type: &'static str,
    pub(in crate::cli) headers: Vec<(&'static str, String)>,
    pub(in crate::cli) body: String,
}

impl Sample {
    /// A text without headers of its own.
    pub(in crate::cli) const fn new(content_type: &'static str, body: String) -> Self {
        Self { content_type, headers: Vec::new(), body }
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

/// The notice, in the order of its documentation.
#[derive(Serialize)]
struct Notice<'a> {
    id: &'a str,
    r#type: &'static str,
    occurred_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    organization_id: Option<&'a str>,
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
    /// A login, and the file that holds it.
    Login(SecretText, PathBuf),
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
        None if arguments.format == SampleFormat::OutboundMessage => {
            EventId::parse(&outbound_sample::new_id(clock.rotation_id()))?
        }
        None => EventId::parse(&format!("sample-{}", clock.rotation_id()))?,
    };
    let sample = sample(arguments, &id, now)?;
    let proof = prove(arguments, &id, now, &sample.body)?;
    if arguments.print {
        print(out, arguments, &proof, &sample)?;
        return Ok(Exit::Well);
    }
    deliver(arguments, &proof, sample, out).await
}

fn sample(arguments: &SendArguments, id: &EventId, now: Timestamp) -> Result<Sample, SendError> {
    let occurred_at = arguments.occurred_at.unwrap_or(now);
    let has_login = arguments.login_file.is_some();
    let tells_of = |form| vault_sample::sample(arguments, form, id, occurred_at);
    let sample = match arguments.format {
        SampleFormat::SecretNotice => return tells_of(Form::Notice),
        SampleFormat::CloudEvent => return tells_of(Form::Structured),
        SampleFormat::BinaryCloudEvent => return tells_of(Form::Binary),
        SampleFormat::VaultEvent => return tells_of(Form::Vaults),
        SampleFormat::Notice => {
            let body = serde_json::to_string(&notice(arguments, id, now))?;
            Sample::new("application/json", body)
        }
        SampleFormat::OutboundMessage => {
            let body = outbound_sample::envelope(arguments, id.as_str(), occurred_at);
            Sample::new(outbound_sample::CONTENT_TYPE, body)
        }
        SampleFormat::Mailgun => {
            let path = arguments.key_file.as_ref().ok_or(SendError::Proof("--key-file"))?;
            let key = MailgunKey::parse(read(path)?.expose())
                .map_err(|source| SendError::MailgunKey { path: path.clone(), source })?;
            letter(arguments, id, occurred_at)?.by_mailgun(&key, now)
        }
        SampleFormat::SendGrid if !has_login && arguments.token_file.is_none() => {
            return Err(SendError::Proof("--token-file or --login-file"));
        }
        SampleFormat::Postmark | SampleFormat::CloudMailin if !has_login => {
            return Err(SendError::Proof("--login-file"));
        }
        SampleFormat::SendGrid => letter(arguments, id, occurred_at)?.by_sendgrid(),
        SampleFormat::Postmark => letter(arguments, id, occurred_at)?.by_postmark(),
        SampleFormat::CloudMailin => letter(arguments, id, occurred_at)?.by_cloudmailin(),
        SampleFormat::Mime => letter(arguments, id, occurred_at)?.mime(),
    };
    // What tells of a login says nothing of a secret.
    if arguments.secret_path.is_none() { Ok(sample) } else { Err(SendError::SecretContent) }
}

fn letter<'a>(
    arguments: &'a SendArguments,
    id: &'a EventId,
    written_at: Timestamp,
) -> Result<Letter<'a>, SendError> {
    let username = arguments.username.as_ref().filter(|_| arguments.kind == SampleKind::Password);
    Ok(Letter { id, username: username.ok_or(SendError::MailContent)?, written_at })
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
        organization_id: arguments.organization_id.as_ref().map(OrganizationId::as_str),
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
    // Mailgun's signature stands in the form.
    let is_mailgun = arguments.format == SampleFormat::Mailgun;
    if let Some(path) = arguments.key_file.as_ref().filter(|_| !is_mailgun) {
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
    if let Some(path) = &arguments.login_file {
        return Ok(Proof::Login(read(path)?, path.clone()));
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
