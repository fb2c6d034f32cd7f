//! Builds a source's mailbox from the files that its configuration names.

use std::path::Path;
use std::sync::Arc;

use crate::config::EmailSection;
use crate::senders::bearer::Bearer;
use crate::senders::email::basic::{BasicLogin, InvalidLogin};
use crate::senders::email::mailbox::{Mailbox, RelayProof};
use crate::senders::email::mailgun::{InvalidMailgunKey, MailgunKey};
use crate::senders::email::patterns::{InvalidPatterns, Patterns};
use crate::senders::email::relay::Relay;
use crate::senders::email::sendgrid::{InvalidSendGridKey, SendGridKey};
use crate::senders::keys::{BearerToken, InvalidKey, SigningKey};
use crate::senders::standard_webhooks::StandardWebhooks;
use crate::startup::files::read_text;
use crate::startup::{StartError, WINDOW};

/// What is wrong with a file that a source of mails names.
#[derive(Debug, thiserror::Error)]
pub enum InvalidMailFile {
    /// No key of Mailgun.
    #[error(transparent)]
    Mailgun(#[from] InvalidMailgunKey),
    /// No key of SendGrid.
    #[error(transparent)]
    SendGrid(#[from] InvalidSendGridKey),
    /// No login.
    #[error(transparent)]
    Login(#[from] InvalidLogin),
    /// No signing key and no token.
    #[error(transparent)]
    Key(#[from] InvalidKey),
    /// No patterns.
    #[error(transparent)]
    Patterns(#[from] InvalidPatterns),
}

/// Reads everything that a mailbox needs.
pub(in crate::startup) fn mailbox(
    source: &str,
    section: &EmailSection,
) -> Result<Mailbox, StartError> {
    let files = Files { source };
    let mut proofs = Vec::new();
    if !section.key_files.is_empty() {
        let (key, paths) = ("key_files", &section.key_files);
        proofs.push(match section.relay {
            Relay::Mailgun => RelayProof::Mailgun(files.each(key, paths, MailgunKey::parse)?),
            Relay::SendGrid => RelayProof::SendGrid(files.each(key, paths, SendGridKey::parse)?),
            Relay::Postmark | Relay::CloudMailin | Relay::SesSns | Relay::Mime => {
                let keys = files.each(key, paths, SigningKey::parse)?;
                RelayProof::StandardWebhooks(StandardWebhooks::new(keys, WINDOW))
            }
        });
    }
    if !section.login_files.is_empty() {
        let logins = files.each("login_files", &section.login_files, BasicLogin::parse)?;
        proofs.push(RelayProof::Basic(logins));
    }
    if !section.token_files.is_empty() {
        let tokens = files.each("token_files", &section.token_files, BearerToken::parse)?;
        proofs.push(RelayProof::Bearer(Bearer::new(tokens)));
    }
    proofs.extend(section.topic.clone().map(RelayProof::Sns));
    let patterns = match &section.pattern_file {
        Some(path) => files.one("pattern_file", path, Patterns::parse)?,
        None => Patterns::built_in(),
    };
    Ok(Mailbox {
        relay: section.relay,
        proofs,
        organization: section.organization.clone(),
        patterns: Arc::new(patterns),
        require_verdict: section.require_verdict,
        authority: section.authority.clone(),
        write_token: section.write_token,
    })
}

/// The files of one source.
struct Files<'a> {
    source: &'a str,
}

impl Files<'_> {
    fn one<T, E: Into<InvalidMailFile>>(
        &self,
        key: &str,
        path: &Path,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Result<T, StartError> {
        let key = format!("sources.{}.email.{key}", self.source);
        let text = read_text(&key, path)?;
        let invalid =
            |error: E| StartError::MailFile { key, path: path.to_owned(), source: error.into() };
        parse(&text).map_err(invalid)
    }

    fn each<T, E: Into<InvalidMailFile>>(
        &self,
        key: &str,
        paths: &[std::path::PathBuf],
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Result<Vec<T>, StartError> {
        paths.iter().map(|path| self.one(key, path, &parse)).collect()
    }
}
