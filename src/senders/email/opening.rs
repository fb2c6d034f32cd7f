//! From a relay's post to a mail whose relay is proven, or to the reason why there is none.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use url::Url;

use crate::ports::web::{Web, WebTrouble};
use crate::senders::aside::Aside;
use crate::senders::delivery::{Delivery, Headers, Refusal, Unauthenticated};
use crate::senders::email::form::Form;
use crate::senders::email::mail::{InvalidMail, Mail, read_mime};
use crate::senders::email::mailbox::{Mailbox, RelayProof};
use crate::senders::email::patterns::{NotOurs, Recognised};
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

/// A post as it came, nothing of it believed yet.
#[derive(Clone, Copy)]
pub struct Post<'a, B> {
    /// Its headers.
    pub headers: &'a dyn Headers,
    /// Its body, byte for byte as it came, cheap to clone.
    pub body: B,
}

impl<B: AsRef<[u8]>> Post<'_, B> {
    fn delivery(&self) -> Delivery<'_> {
        Delivery { headers: self.headers, body: self.body.as_ref() }
    }

    fn content_type(&self) -> String {
        self.delivery().header("content-type").unwrap_or_default().to_owned()
    }
}

/// A mail, and what it says.
#[derive(Debug)]
pub struct Letter {
    /// The mail.
    pub mail: Mail,
    /// Whose reset it tells of, or why of none.
    pub told: Result<Recognised, NotOurs>,
}

/// A post whose relay is proven.
#[derive(Debug)]
pub enum Opened {
    /// A mail.
    Mail(Box<Letter>),
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
    /// raw bytes is verified before anything is parsed, and what is parsed is parsed `aside`: a
    /// mebibyte takes long enough that every other request of a thread would notice.
    pub async fn open<B: AsRef<[u8]> + Clone + Send + 'static>(
        self: &Arc<Self>,
        post: &Post<'_, B>,
        memory: &Memory,
        aside: &impl Aside,
        now: Timestamp,
        window: Duration,
    ) -> Result<Opened, Unopened> {
        let read: Read = match self.relay {
            Relay::Mailgun => return self.open_mailgun(post, memory, aside, now, window).await,
            Relay::SesSns => return self.open_sns(post, memory, aside, now, window).await,
            Relay::SendGrid => {
                |kind, body, authority| sendgrid::read(&Form::read(kind, body)?, authority)
            }
            Relay::Postmark => |kind, body, authority| {
                expect(kind, "application/json")?;
                relayed::postmark(body, authority)
            },
            Relay::CloudMailin => |kind, body, authority| {
                expect(kind, "application/json")?;
                relayed::cloudmailin(body, authority)
            },
            Relay::Mime => |kind, body, authority| {
                expect(kind, "message/rfc822")?;
                let (mut mail, headers) = read_mime(body)?;
                mail.verdicts.add_results(&headers, authority);
                Ok(mail)
            },
        };
        self.verify_raw(&post.delivery(), now, window)?;
        let (mailbox, kind, body) = (Arc::clone(self), post.content_type(), post.body.clone());
        let read = move || {
            let mail = read(&kind, body.as_ref(), mailbox.authority.as_deref())?;
            Ok(mailbox.letter(mail))
        };
        letter(aside.run(read).await)
    }

    async fn open_mailgun<B: AsRef<[u8]> + Clone + Send + 'static>(
        self: &Arc<Self>,
        post: &Post<'_, B>,
        memory: &Memory,
        aside: &impl Aside,
        now: Timestamp,
        window: Duration,
    ) -> Result<Opened, Unopened> {
        let (mailbox, kind, body) = (Arc::clone(self), post.content_type(), post.body.clone());
        let form = aside.run(move || Form::read(&kind, body.as_ref())).await;
        // Who sent what cannot be read is not known: the signature is in the form.
        let form = form.and_then(Result::ok).ok_or(Refusal::Field("signature"))?;
        let is_bound = self.verify_mailgun(&form, memory, now, window)?;
        let read = move || {
            let mail = mailgun::read(&form, mailbox.authority.as_deref())?;
            Ok(mailbox.letter(Mail { is_bound, ..mail }))
        };
        letter(aside.run(read).await)
    }

    async fn open_sns<B: AsRef<[u8]> + Clone + Send + 'static>(
        self: &Arc<Self>,
        post: &Post<'_, B>,
        memory: &Memory,
        aside: &impl Aside,
        now: Timestamp,
        window: Duration,
    ) -> Result<Opened, Unopened> {
        let (mailbox, body) = (Arc::clone(self), post.body.clone());
        let message = aside.run(move || sns::parse(body.as_ref())).await.flatten();
        let message = message.ok_or(Refusal::Field("Signature"))?;
        self.verify_sns(&message, memory, now, window).await?;
        let read = move || {
            Ok(match message.read(mailbox.authority.as_deref())? {
                Brought::Mail(mail) => Told::Mail(Box::new(mailbox.letter(*mail))),
                Brought::Nothing => Told::Nothing,
                Brought::Subscription(url) => Told::Subscription(url),
            })
        };
        match aside.run(read).await.unwrap_or(Err(InvalidMail::Unreadable))? {
            Told::Mail(letter) => Ok(Opened::Mail(letter)),
            Told::Nothing => Ok(Opened::Nothing),
            Told::Subscription(url) => {
                let confirmed = sns::confirm(&url, &memory.certificates).await;
                confirmed.map_err(Postponed::Confirmation)?;
                Ok(Opened::Subscribed)
            }
        }
    }

    fn letter(&self, mail: Mail) -> Letter {
        let told = self.patterns.recognise(&mail);
        Letter { mail, told }
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
    ) -> Result<bool, Unopened> {
        let keys = self.proofs.iter().find_map(|proof| {
            if let RelayProof::Mailgun(keys) = proof { Some(keys.as_slice()) } else { None }
        });
        match mailgun::verify(keys.unwrap_or_default(), form, &memory.used, now, window) {
            Ok(is_again) => Ok(is_again),
            Err(mailgun::Doubt::Refused(refusal)) => Err(refusal.into()),
            Err(mailgun::Doubt::Later) => Err(Postponed::Tokens.into()),
        }
    }

    async fn verify_sns(
        &self,
        message: &sns::Envelope,
        memory: &Memory,
        now: Timestamp,
        window: Duration,
    ) -> Result<(), Unopened> {
        let topic = self
            .proofs
            .iter()
            .find_map(|proof| if let RelayProof::Sns(topic) = proof { Some(topic) } else { None });
        let topic = topic.ok_or(Refusal::Stranger)?;
        match message.verify(topic, &memory.certificates, now, window).await {
            Ok(()) => Ok(()),
            Err(sns::Doubt::Refused(refusal)) => Err(refusal.into()),
            Err(sns::Doubt::Later(reason)) => Err(Postponed::Key(reason).into()),
        }
    }
}

/// What a message of Amazon's tells.
enum Told {
    Mail(Box<Letter>),
    Nothing,
    Subscription(Url),
}

/// How a relay's mail is read: type of content, body, whose results count.
type Read = fn(&str, &[u8], Option<&str>) -> Result<Mail, InvalidMail>;

fn letter(read: Option<Result<Letter, InvalidMail>>) -> Result<Opened, Unopened> {
    let letter = read.unwrap_or(Err(InvalidMail::Unreadable))?;
    Ok(Opened::Mail(Box::new(letter)))
}

fn expect(content_type: &str, expected: &'static str) -> Result<(), InvalidMail> {
    let kind = content_type.split(';').next().unwrap_or_default().trim();
    if kind.eq_ignore_ascii_case(expected) { Ok(()) } else { Err(InvalidMail::MediaType(expected)) }
}
