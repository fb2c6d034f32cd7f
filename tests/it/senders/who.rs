//! The senders, and what each of them sends.

use std::sync::{Arc, LazyLock};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reset_receiver::senders::bearer::Bearer;
use reset_receiver::senders::email::relay::Relay;
use reset_receiver::senders::hmac_body::{self, BodyKey, HmacBody};
use reset_receiver::senders::keys::{BearerToken, SigningKey};
use reset_receiver::senders::source::{Authentication, Format, Source};
use reset_receiver::senders::standard_webhooks::{
    self, DEFAULT_WINDOW, ID, SIGNATURE, StandardWebhooks, TIMESTAMP,
};

use super::wish::{Wish, mail, message, notice, vault_event};
use crate::emails::{relays, tampering};
use crate::outbound::bench::{
    self, NEXT_SECRET, SECRET, Shown, in_path, of_salesforce, of_years, pinned, reset_event,
};
use crate::support::public_listener::{KEY, PREVIOUS_KEY};
use crate::support::sender::Delivery;

/// The largest body of a notice, in bytes.
const NOTICE_BYTES: usize = 64 * 1024;
/// The largest body of a message and of a mail, in bytes.
const MEBIBYTE: usize = 1024 * 1024;

/// The keys of every scheme: the current one, the one before it, and a stranger's.
static SIGNING_KEYS: LazyLock<[String; 3]> = LazyLock::new(|| {
    [KEY.to_owned(), PREVIOUS_KEY.to_owned(), format!("whsec_{}", STANDARD.encode([9; 32]))]
});
const TOKENS: [&str; 3] = [
    "current-token-current-token",
    "previous-token-previous-token",
    "stranger-token-stranger-token",
];
const BODY_KEYS: [&str; 3] = [
    "current-body-key-current-body-key",
    "previous-body-key-previous-body-key",
    "stranger-body-key-stranger-body-key",
];
const SECRETS: [&str; 3] = [SECRET, NEXT_SECRET, "stranger-secret-stranger-secret"];

const CERTIFICATE_NAME: &str = "salesforce.acme.example";
static CERTIFICATES: LazyLock<[Arc<Shown>; 3]> =
    LazyLock::new(|| [(); 3].map(|()| Arc::new(of_salesforce(CERTIFICATE_NAME))));
/// Pinned, and no longer valid.
static EXPIRED: LazyLock<Arc<Shown>> =
    LazyLock::new(|| Arc::new(of_years(CERTIFICATE_NAME, 2020, 2025)));

/// A sender: what it sends and how it proves who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    /// A notice, signed by the rules of Standard Webhooks: the Apex class.
    SignedNotice,
    /// A notice with a token: a Flow.
    BearerNotice,
    /// A notice, its body signed: a Flow as well.
    BodySignedNotice,
    /// An outbound message on a connection with a pinned certificate.
    PinnedMessage,
    /// An outbound message to an address with a secret.
    SecretMessage,
    /// An outbound message with both.
    PinnedSecretMessage,
    /// A mail.
    Mail(Relay),
    /// That a secret was written, signed by the rules of Standard Webhooks.
    Vault(VaultForm),
}

/// How a Vault event looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum VaultForm {
    /// Path and version.
    Minimal,
    /// A CloudEvent as JSON.
    Structured,
    /// A CloudEvent in headers.
    Binary,
    /// As Vault writes its own.
    Own,
}

/// A request, and the certificate of the connection that it goes over.
#[derive(Clone)]
pub(super) struct Request {
    pub(super) path: String,
    pub(super) delivery: Delivery,
    pub(super) shown: Option<Arc<Shown>>,
}

/// Why a sender cannot send such a thing.
pub(super) type Inapplicable = &'static str;

const UNDATED: Inapplicable = "its proof bears no time";
const UNBOUND: Inapplicable = "its proof says nothing of what is sent";
const SINGLE: Inapplicable = "it tells of one reset at a time";
const UNNAMED: Inapplicable = "it names no organisation";

impl Who {
    pub(super) const ALL: [Self; 16] = [
        Self::SignedNotice,
        Self::BearerNotice,
        Self::BodySignedNotice,
        Self::PinnedMessage,
        Self::SecretMessage,
        Self::PinnedSecretMessage,
        Self::Mail(Relay::Mailgun),
        Self::Mail(Relay::SendGrid),
        Self::Mail(Relay::Postmark),
        Self::Mail(Relay::CloudMailin),
        Self::Mail(Relay::SesSns),
        Self::Mail(Relay::Mime),
        Self::Vault(VaultForm::Minimal),
        Self::Vault(VaultForm::Structured),
        Self::Vault(VaultForm::Binary),
        Self::Vault(VaultForm::Own),
    ];

    /// The name of its source.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::SignedNotice => "notice-signed",
            Self::BearerNotice => "notice-bearer",
            Self::BodySignedNotice => "notice-hmac-body",
            Self::PinnedMessage => "message-mtls",
            Self::SecretMessage => "message-secret",
            Self::PinnedSecretMessage => "message-mtls-secret",
            Self::Mail(relay) => relay.as_str(),
            Self::Vault(VaultForm::Minimal) => "vault-minimal",
            Self::Vault(VaultForm::Structured) => "vault-structured",
            Self::Vault(VaultForm::Binary) => "vault-binary",
            Self::Vault(VaultForm::Own) => "vault-own",
        }
    }

    /// Its route in `openapi.yaml`.
    pub(super) const fn route(self) -> &'static str {
        match self {
            Self::SignedNotice | Self::BearerNotice | Self::BodySignedNotice => {
                "/v1/resets/{source}"
            }
            Self::PinnedMessage => "/v1/outbound-messages/{source}",
            Self::SecretMessage | Self::PinnedSecretMessage => {
                "/v1/outbound-messages/{source}/{secret}"
            }
            Self::Mail(_) => "/v1/emails/{source}",
            Self::Vault(_) => "/v1/vault-events/{source}",
        }
    }

    const fn is_notice(self) -> bool {
        matches!(self, Self::SignedNotice | Self::BearerNotice | Self::BodySignedNotice)
    }

    const fn is_message(self) -> bool {
        matches!(self, Self::PinnedMessage | Self::SecretMessage | Self::PinnedSecretMessage)
    }

    const fn is_pinned(self) -> bool {
        matches!(self, Self::PinnedMessage | Self::PinnedSecretMessage)
    }

    /// The largest body that is read of it, in bytes.
    pub(super) const fn limit(self) -> usize {
        let is_small = self.is_notice() || matches!(self, Self::Vault(_));
        if is_small { NOTICE_BYTES } else { MEBIBYTE }
    }

    /// Its source, which takes the current key and the one before it.
    pub(super) fn source(self) -> Source {
        let webhook_keys = SIGNING_KEYS.iter().take(2).map(|key| SigningKey::parse(key).unwrap());
        let tokens = TOKENS.iter().take(2).map(|token| BearerToken::parse(token).unwrap());
        let body_keys = BODY_KEYS.iter().take(2).map(|key| BodyKey::parse(key).unwrap());
        let pins: Vec<_> =
            CERTIFICATES.iter().take(2).chain([&*EXPIRED]).map(|c| c.pins()[0]).collect();
        let signed = Authentication::StandardWebhooks(StandardWebhooks::new(
            webhook_keys.collect(),
            DEFAULT_WINDOW,
        ));
        let notice = |authentication| {
            let source = bench::source(self.name(), reset_event(), vec![authentication]);
            Source { format: Format::Notice, ..source }
        };
        let message = |scheme| bench::source(self.name(), reset_event(), vec![scheme]);
        match self {
            Self::SignedNotice => notice(signed),
            Self::Vault(_) => Source { format: Format::VaultEvent, ..notice(signed) },
            Self::BearerNotice => notice(Authentication::Bearer(Bearer::new(tokens.collect()))),
            Self::BodySignedNotice => {
                notice(Authentication::HmacBody(HmacBody::new(body_keys.collect(), DEFAULT_WINDOW)))
            }
            Self::PinnedMessage => message(pinned(&pins, &[])),
            Self::SecretMessage => message(in_path(&[SECRET, NEXT_SECRET])),
            Self::PinnedSecretMessage => message(pinned(&pins, &[SECRET, NEXT_SECRET])),
            Self::Mail(relay) => relays::source(relay.as_str(), relays::mailbox(relay), 1_000),
        }
    }

    /// A delivery in every respect as it should be, but for what the wish says.
    pub(super) fn make(self, wish: &Wish) -> Request {
        match self {
            Self::SignedNotice | Self::BearerNotice | Self::BodySignedNotice => {
                self.proven(wish, notice(wish))
            }
            Self::PinnedMessage | Self::SecretMessage | Self::PinnedSecretMessage => {
                self.proven(wish, message(wish))
            }
            Self::Mail(relay) => self.posted(mail(wish).by(relay)),
            Self::Vault(form) => self.proven(wish, vault_event(form, wish)),
        }
    }

    /// A body with the proof that belongs to it.
    fn proven(self, wish: &Wish, body: Vec<u8>) -> Request {
        let mut headers = Vec::new();
        let content = match self {
            Self::PinnedMessage | Self::SecretMessage | Self::PinnedSecretMessage => {
                "text/xml; charset=UTF-8"
            }
            Self::Vault(VaultForm::Structured | VaultForm::Own) => "application/cloudevents+json",
            Self::SignedNotice
            | Self::BearerNotice
            | Self::BodySignedNotice
            | Self::Mail(_)
            | Self::Vault(VaultForm::Minimal | VaultForm::Binary) => "application/json",
        };
        headers.push(("content-type", content.to_owned()));
        if self == Self::Vault(VaultForm::Binary) {
            let attributes = [
                ("ce-specversion", "1.0"),
                ("ce-id", &wish.id),
                ("ce-source", "//vault.example"),
                ("ce-type", "kv-v2/data-write"),
            ];
            headers.extend(attributes.map(|(name, value)| (name, value.to_owned())));
        }
        match self {
            Self::SignedNotice | Self::Vault(_) => {
                let key = SigningKey::parse(&SIGNING_KEYS[wish.key]).unwrap();
                let signed =
                    standard_webhooks::sign(&key, &wish.id, wish.sent_at(), &body).unwrap();
                headers.push((ID, signed.id));
                headers.push((TIMESTAMP, signed.timestamp));
                headers.push((SIGNATURE, signed.signature));
            }
            Self::BearerNotice => {
                headers.push(("authorization", format!("Bearer {}", TOKENS[wish.key])));
            }
            Self::BodySignedNotice => {
                let key = BodyKey::parse(BODY_KEYS[wish.key]).unwrap();
                headers.push((hmac_body::SIGNATURE, hmac_body::sign(&key, &body)));
            }
            Self::PinnedMessage
            | Self::SecretMessage
            | Self::PinnedSecretMessage
            | Self::Mail(_) => {}
        }
        let source = self.name().to_owned();
        let mut request =
            self.posted(Delivery { method: reqwest::Method::POST, source, headers, body });
        if matches!(self, Self::SecretMessage | Self::PinnedSecretMessage) {
            request.path = format!("{}/{}", request.path, SECRETS[wish.key]);
        }
        if self.is_pinned() {
            let fresh = &CERTIFICATES[wish.key];
            request.shown = Some(Arc::clone(if wish.age == 0 { fresh } else { &EXPIRED }));
        }
        request
    }

    fn posted(self, delivery: Delivery) -> Request {
        let route = self.route().split("{source}").next().unwrap();
        Request { path: format!("{route}{}", self.name()), delivery, shown: None }
    }

    /// One that is older than its proof is good for.
    pub(super) fn stale(self, id: &str) -> Result<Request, Inapplicable> {
        let age = match self {
            Self::BearerNotice
            | Self::SecretMessage
            | Self::Mail(Relay::Postmark | Relay::CloudMailin) => return Err(UNDATED),
            Self::Mail(Relay::SesSns) => 24 * 3600 + 1,
            Self::Mail(Relay::Mailgun) => 9 * 3600 + 1,
            Self::SignedNotice
            | Self::BodySignedNotice
            | Self::PinnedMessage
            | Self::PinnedSecretMessage
            | Self::Vault(_)
            | Self::Mail(Relay::SendGrid | Relay::Mime) => 301,
        };
        Ok(self.make(&Wish { age, ..Wish::good(id) }))
    }

    /// One whose proof, or what it is about, was touched afterwards.
    pub(super) fn forged(self, id: &str) -> Request {
        let mut request = self.make(&Wish::good(id));
        let body = &mut request.delivery.body;
        match self {
            Self::SignedNotice | Self::BodySignedNotice | Self::Vault(_) => {
                let at = body.iter().rposition(u8::is_ascii_digit).unwrap();
                body[at] ^= 1;
            }
            Self::BearerNotice => {
                let token = format!("Bearer {}", TOKENS[0].replacen("token", "tokem", 1));
                request.delivery = request.delivery.with("authorization", &token);
            }
            Self::PinnedMessage | Self::PinnedSecretMessage => {
                request.shown = Some(Arc::new(of_salesforce(CERTIFICATE_NAME)));
            }
            Self::SecretMessage => request.path = request.path.replacen("CANARY", "CANARX", 1),
            Self::Mail(relay) => request.delivery = tampering::forged(relay, request.delivery),
        }
        request
    }

    /// Another one with the proof of the first.
    pub(super) fn replayed(self, first: &str, id: &str) -> Result<Request, Inapplicable> {
        let old = self.make(&Wish::good(first));
        match self {
            Self::SignedNotice | Self::BodySignedNotice | Self::Vault(_) => {
                let body = self.make(&Wish::good(id)).delivery.body;
                Ok(Request { delivery: old.delivery.with_body(body), ..old })
            }
            Self::Mail(relay) => match tampering::replayed(relay, &mail(&Wish::good(first))) {
                Some(delivery) => Ok(self.posted(delivery)),
                None => Err(UNBOUND),
            },
            Self::BearerNotice
            | Self::PinnedMessage
            | Self::SecretMessage
            | Self::PinnedSecretMessage => Err(UNBOUND),
        }
    }

    /// One without its proof.
    pub(super) fn unproven(self, id: &str) -> Request {
        let mut request = self.make(&Wish::good(id));
        request.shown = None;
        match self {
            Self::Mail(relay) => request.delivery = tampering::unproven(relay, request.delivery),
            Self::SecretMessage | Self::PinnedSecretMessage => {
                request.path = format!("/v1/outbound-messages/{}", self.name());
            }
            Self::SignedNotice
            | Self::BearerNotice
            | Self::BodySignedNotice
            | Self::PinnedMessage
            | Self::Vault(_) => {
                for header in [SIGNATURE, "authorization", hmac_body::SIGNATURE] {
                    request.delivery = request.delivery.without(header);
                }
            }
        }
        request
    }

    /// Authentic, and not what its documentation says.
    pub(super) fn malformed(self, id: &str) -> Request {
        let wish = Wish::good(id);
        if let Self::Mail(relay) = self {
            return self.posted(tampering::malformed(relay, &mail(&wish)));
        }
        let mut body = self.make(&wish).delivery.body;
        body.truncate(body.len() - 2);
        self.proven(&wish, body)
    }

    /// One about another organisation, or about a secret that is none of the targets'.
    pub(super) fn of_others(self, id: &str) -> Result<Request, Inapplicable> {
        if let Self::Mail(_) = self {
            return Err(UNNAMED);
        }
        Ok(self.make(&Wish { is_ours: false, ..Wish::good(id) }))
    }

    /// One that tells of three resets.
    pub(super) fn batch(self, id: &str) -> Result<Request, Inapplicable> {
        if self.is_message() {
            Ok(self.make(&Wish { count: 3, ..Wish::good(id) }))
        } else {
            Err(SINGLE)
        }
    }
}
