//! What is configured of a source of mails.

use std::sync::Arc;

use crate::domain::ids::OrganizationId;
use crate::senders::bearer::Bearer;
use crate::senders::email::basic::BasicLogin;
use crate::senders::email::mailgun::MailgunKey;
use crate::senders::email::patterns::Patterns;
use crate::senders::email::relay::Relay;
use crate::senders::email::sendgrid::SendGridKey;
use crate::senders::email::sns::TopicArn;
use crate::senders::standard_webhooks::StandardWebhooks;

/// One way in which a relay proves that it is the relay; one of a mailbox's must succeed.
#[derive(Debug, Clone)]
pub enum RelayProof {
    /// Mailgun's signature over time and token.
    Mailgun(Vec<MailgunKey>),
    /// SendGrid's signature over time and body.
    SendGrid(Vec<SendGridKey>),
    /// HTTP basic.
    Basic(Vec<BasicLogin>),
    /// A bearer token.
    Bearer(Bearer),
    /// Standard Webhooks over the raw mail.
    StandardWebhooks(StandardWebhooks),
    /// Amazon SNS, of this topic alone.
    Sns(TopicArn),
}

impl RelayProof {
    /// The name of the scheme, as a challenge of HTTP gives it.
    pub const fn scheme(&self) -> &'static str {
        match self {
            Self::Mailgun(_) => "Mailgun",
            Self::SendGrid(_) => "SendGrid",
            Self::Basic(_) => "Basic realm=\"relay\"",
            Self::Bearer(_) => "Bearer",
            Self::StandardWebhooks(_) => "StandardWebhooks",
            Self::Sns(_) => "AmazonSns",
        }
    }
}

/// What is configured of a source of mails.
#[derive(Debug, Clone)]
pub struct Mailbox {
    /// Who relays.
    pub relay: Relay,
    /// How it proves that.
    pub proofs: Vec<RelayProof>,
    /// The organisation whose notices come here: they do not name it.
    pub organization: OrganizationId,
    /// How the notices look.
    pub patterns: Arc<Patterns>,
    /// Whether a mail counts only where its origin was checked.
    pub require_verdict: bool,
    /// The name under which the receiving server writes `Authentication-Results`; without it that
    /// header counts for nothing.
    pub authority: Option<String>,
    /// Whether a mailed security token is written into Vault.
    pub write_token: bool,
}

impl Mailbox {
    /// The schemes that it accepts, as `WWW-Authenticate` lists them.
    pub fn challenge(&self) -> String {
        let mut schemes: Vec<&str> = self.proofs.iter().map(RelayProof::scheme).collect();
        schemes.dedup();
        schemes.join(", ")
    }
}
