//! The keys of a source of mails: which relay, how it proves itself, whose notices.

use std::path::PathBuf;

use crate::config::reader::{Reader, flag, parsed, path, paths, text};
use crate::domain::ids::OrganizationId;
use crate::senders::email::relay::Relay;
use crate::senders::email::sns::TopicArn;

/// A source of mails. Files are named, not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmailSection {
    /// Who relays.
    pub relay: Relay,
    /// Whose notices.
    pub organization: OrganizationId,
    /// Signing keys, or public keys of SendGrid.
    pub key_files: Vec<PathBuf>,
    /// Logins of HTTP basic.
    pub login_files: Vec<PathBuf>,
    /// Bearer tokens.
    pub token_files: Vec<PathBuf>,
    /// The topic of Amazon SNS.
    pub topic: Option<TopicArn>,
    /// The patterns; the built-in ones otherwise.
    pub pattern_file: Option<PathBuf>,
    /// Whether a mail's origin has to have been checked.
    pub require_verdict: bool,
    /// Whose `Authentication-Results` count.
    pub authority: Option<String>,
    /// Whether a mailed token goes into Vault.
    pub write_token: bool,
}

impl EmailSection {
    /// Every file that it names.
    pub fn files(&self) -> impl Iterator<Item = &PathBuf> {
        let keys = self.key_files.iter().chain(&self.login_files).chain(&self.token_files);
        keys.chain(&self.pattern_file)
    }
}

pub(in crate::config) fn email(section: &mut Reader<'_>) -> Option<EmailSection> {
    let relay = section.required("relay", |value| {
        let word = text(value)?;
        let known: Vec<&str> = Relay::ALL.into_iter().map(Relay::as_str).collect();
        Relay::parse(&word).ok_or_else(|| format!("`{word}` is not one of {}", known.join(", ")))
    });
    let organization = section.required("organization_id", parsed(OrganizationId::parse));
    let key_files = section.optional("key_files", paths).unwrap_or_default();
    let login_files = section.optional("login_files", paths).unwrap_or_default();
    let token_files = section.optional("token_files", paths).unwrap_or_default();
    let topic = section.optional("topic_arn", parsed(TopicArn::parse));
    let pattern_file = section.optional("pattern_file", path);
    let require_verdict = section.optional("require_verdict", flag);
    let authority = section.optional("authserv_id", text);
    let write_token = section.optional("write_token_to_vault", flag).unwrap_or(false);
    let relay = relay?;
    check_proofs(section, relay);
    let require_verdict = require_verdict.unwrap_or(relay.reports_verdict() || authority.is_some());
    if relay == Relay::Mime && require_verdict && !section.has("authserv_id") {
        let problem = "must be there with require_verdict: nobody else reports on a raw mail";
        section.fault("authserv_id", problem);
    }
    Some(EmailSection {
        relay,
        organization: organization?,
        key_files,
        login_files,
        token_files,
        topic,
        pattern_file,
        require_verdict,
        authority,
        write_token,
    })
}

/// Which keys a relay proves itself with.
const fn proofs_of(relay: Relay) -> &'static [&'static str] {
    match relay {
        Relay::Mailgun => &["key_files"],
        Relay::SendGrid => &["key_files", "login_files", "token_files"],
        Relay::Postmark | Relay::CloudMailin => &["login_files"],
        Relay::SesSns => &["topic_arn"],
        Relay::Mime => &["key_files", "token_files"],
    }
}

/// There must be a proof, and none that the relay does not know.
fn check_proofs(section: &Reader<'_>, relay: Relay) {
    let own = proofs_of(relay);
    for key in ["key_files", "login_files", "token_files", "topic_arn"] {
        if section.has(key) && !own.contains(&key) {
            let problem = format!("is no proof of {}; use {}", relay.as_str(), own.join(" or "));
            section.fault(key, problem);
        }
    }
    if !own.iter().any(|key| section.has(key)) {
        let first = own.first().copied().unwrap_or_default();
        section.fault(first, format!("{} proves itself with {}", relay.as_str(), own.join(" or ")));
    }
}
