//! From a relay's post to a mail whose relay is proven, or to the reason why there is none.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::ports::web::{Web, WebTrouble};
use crate::senders::delivery::{Delivery, Refusal, Unauthenticated};
use crate::senders::email::form::Form;
use crate::senders::email::mail::{InvalidMail, Mail, read_mime};
use crate::senders::email::mailbox::{Mailbox, RelayProof};
use crate::senders::email::relay::Relay;
use crate::senders::email::signing_certificates::{NoKey, SigningCertificates};
use crate::senders::email::sns::Brought;
use crate::senders::email::used_tokens::UsedTokens;
use crate::senders::email::{basic, mailgun, relayed, sendgrid, sns};

/// What is remembered between one mail and the next.
#[derive(Debug)]
pub struct Memory {
    used: UsedTokens,
    certificates: SigningCertificates,
}

impl Memory {
    /// Nothing yet; certificates come through `web`.
    pub fn new(web: Arc<dyn Web>) -> Self {
        Self { used: UsedTokens::default(), certificates: SigningCertificates::new(web) }
    }
}

/// A post whose relay is proven.
#[derive(Debug)]
pub enum Opened {
    /// A mail.
    Mail(Box<Mail>),
    /// The relay's subscription was confirmed.
    Subscribed,
    /// Nothing that concerns anybody.
    Nothing,
}

/// A post without a mail.
#[derive(Debug, thiserror::Error)]
pub enum Unopened {
    /// Nobody knows who sent it.
    #[error(transparent)]
    Unauthenticated(#[from] Unauthenticated),
    /// It is no mail.
    #[error(transparent)]
    Invalid(#[from] InvalidMail),
    /// It cannot be looked at now.
    #[error(transparent)]
    Later(#[from] Postponed),
}

/// Why a post cannot be looked at now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Postponed {
    /// The memory of used tokens is full.
    #[error("no more used tokens can be remembered")]
    Tokens,
    /// There is no key to verify with.
    #[error(transparent)]
    Key(#[from] NoKey),
    /// A subscription cannot be confirmed.
    #[error("the subscription cannot be confirmed: {0}")]
    Confirmation(WebTrouble),
}

impl From<Refusal> for Unopened {
    fn from(refusal: Refusal) -> Self {
        Self::Unauthenticated(Unauthenticated(vec![refusal]))
    }
}

impl Mailbox {
    /// Proves which relay a post comes from, and reads the mail in it. What can be verified over
    /// raw bytes is verified before anything is parsed.
    pub async fn open(
        &self,
        delivery: &Delivery<'_>,
        memory: &Memory,
        now: Timestamp,
        window: Duration,
    ) -> Result<Opened, Unopened> {
        let content_type = delivery.header("content-type").unwrap_or_default();
        let authority = self.authority.as_deref();
        match self.relay {
            Relay::Mailgun => {
                let form = Form::read(content_type, delivery.body).await;
                // Who sent what cannot be read is not known: the signature is in the form.
                let form = form.map_err(|_| Refusal::Field("signature"))?;
                self.verify_mailgun(&form, memory, now, window)?;
                Ok(Opened::Mail(Box::new(mailgun::read(&form, authority)?)))
            }
            Relay::SesSns => {
                let message = sns::parse(delivery.body).ok_or(Refusal::Field("Signature"))?;
                self.open_sns(&message, memory, now, window).await
            }
            Relay::SendGrid => {
                self.verify_raw(delivery, now, window)?;
                let form = Form::read(content_type, delivery.body).await?;
                Ok(Opened::Mail(Box::new(sendgrid::read(&form, authority)?)))
            }
            Relay::Postmark => {
                self.verify_raw(delivery, now, window)?;
                expect(content_type, "application/json")?;
                Ok(Opened::Mail(Box::new(relayed::postmark(delivery.body, authority)?)))
            }
            Relay::CloudMailin => {
                self.verify_raw(delivery, now, window)?;
                expect(content_type, "application/json")?;
                Ok(Opened::Mail(Box::new(relayed::cloudmailin(delivery.body, authority)?)))
            }
            Relay::Mime => {
                self.verify_raw(delivery, now, window)?;
                expect(content_type, "message/rfc822")?;
                let (mut mail, headers) = read_mime(delivery.body)?;
                mail.verdicts.add_results(&headers, authority);
                Ok(Opened::Mail(Box::new(mail)))
            }
        }
    }

    /// Tries each proof that covers the raw bytes, or the connection.
    fn verify_raw(
        &self,
        delivery: &Delivery<'_>,
        now: Timestamp,
        window: Duration,
    ) -> Result<(), Unauthenticated> {
        let mut refusals = Vec::new();
        for proof in &self.proofs {
            let verified = match proof {
                RelayProof::SendGrid(keys) => sendgrid::verify(keys, delivery, now, window),
                RelayProof::Basic(logins) => basic::verify(logins, delivery),
                RelayProof::Bearer(bearer) => bearer.verify(delivery),
                RelayProof::StandardWebhooks(scheme) => scheme.verify(delivery, now),
                RelayProof::Mailgun(_) | RelayProof::Sns(_) => continue,
            };
            match verified {
                Ok(_) => return Ok(()),
                Err(refusal) => refusals.push(refusal),
            }
        }
        Err(Unauthenticated(refusals))
    }

    fn verify_mailgun(
        &self,
        form: &Form,
        memory: &Memory,
        now: Timestamp,
        window: Duration,
    ) -> Result<(), Unopened> {
        let keys = self.proofs.iter().find_map(|proof| {
            if let RelayProof::Mailgun(keys) = proof { Some(keys.as_slice()) } else { None }
        });
        match mailgun::verify(keys.unwrap_or_default(), form, &memory.used, now, window) {
            Ok(()) => Ok(()),
            Err(mailgun::Doubt::Refused(refusal)) => Err(refusal.into()),
            Err(mailgun::Doubt::Later) => Err(Postponed::Tokens.into()),
        }
    }

    async fn open_sns(
        &self,
        message: &sns::Envelope,
        memory: &Memory,
        now: Timestamp,
        window: Duration,
    ) -> Result<Opened, Unopened> {
        let topic = self
            .proofs
            .iter()
            .find_map(|proof| if let RelayProof::Sns(topic) = proof { Some(topic) } else { None });
        let topic = topic.ok_or(Refusal::Stranger)?;
        match message.verify(topic, &memory.certificates, now, window).await {
            Ok(()) => {}
            Err(sns::Doubt::Refused(refusal)) => return Err(refusal.into()),
            Err(sns::Doubt::Later(reason)) => return Err(Postponed::Key(reason).into()),
        }
        match message.read(self.authority.as_deref())? {
            Brought::Mail(mail) => Ok(Opened::Mail(mail)),
            Brought::Nothing => Ok(Opened::Nothing),
            Brought::Subscription(url) => {
                let confirmed = sns::confirm(&url, &memory.certificates).await;
                confirmed.map_err(Postponed::Confirmation)?;
                Ok(Opened::Subscribed)
            }
        }
    }
}

fn expect(content_type: &str, expected: &'static str) -> Result<(), InvalidMail> {
    let kind = content_type.split(';').next().unwrap_or_default().trim();
    if kind.eq_ignore_ascii_case(expected) { Ok(()) } else { Err(InvalidMail::MediaType(expected)) }
}
