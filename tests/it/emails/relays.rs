//! A source for each relay, with two keys, and the keys themselves.

use std::num::NonZeroU32;
use std::sync::{Arc, LazyLock};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reset_receiver::domain::ids::{OrganizationId, SourceName};
use reset_receiver::senders::email::basic::BasicLogin;
use reset_receiver::senders::email::mailbox::{Mailbox, RelayProof};
use reset_receiver::senders::email::mailgun::MailgunKey;
use reset_receiver::senders::email::patterns::Patterns;
use reset_receiver::senders::email::relay::Relay;
use reset_receiver::senders::email::sendgrid::SendGridKey;
use reset_receiver::senders::email::sns::TopicArn;
use reset_receiver::senders::keys::SigningKey;
use reset_receiver::senders::source::{Format, Rate, Source};
use reset_receiver::senders::standard_webhooks::{DEFAULT_WINDOW, StandardWebhooks};

use super::amazon::TOPIC;
use crate::support::public_listener::{KEY, PREVIOUS_KEY};

/// The current key, the one before it, and a stranger's.
pub(crate) const MAILGUN_KEYS: [&str; 3] =
    ["example-mailgun-signing-key", "previous-mailgun-signing-key", "stranger-mailgun-signing-key"];

/// The same for the relays with a login.
pub(crate) const LOGINS: [&str; 3] = [
    "relay:current-current-current-current",
    "relay:previous-previous-previous",
    "relay:stranger-stranger-stranger",
];

/// The same for SendGrid.
pub(crate) static SENDGRID_KEYS: LazyLock<[EcdsaKeyPair; 3]> = LazyLock::new(|| {
    [(); 3].map(|()| EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap())
});

pub(crate) fn sendgrid_signature(key: &EcdsaKeyPair, time: &str, body: &[u8]) -> String {
    let message = [time.as_bytes(), body].concat();
    STANDARD.encode(key.sign(&SystemRandom::new(), &message).unwrap())
}

fn sendgrid_key(key: &EcdsaKeyPair) -> SendGridKey {
    let head = hex::decode("3059301306072a8648ce3d020106082a8648ce3d030107034200").unwrap();
    let der = [head.as_slice(), key.public_key().as_ref()].concat();
    SendGridKey::parse(&STANDARD.encode(der)).unwrap()
}

/// The mailbox of a relay, with the current key and the one before it.
pub(crate) fn mailbox(relay: Relay) -> Mailbox {
    let proof = match relay {
        Relay::Mailgun => {
            let keys = MAILGUN_KEYS.iter().take(2).map(|key| MailgunKey::parse(key).unwrap());
            RelayProof::Mailgun(keys.collect())
        }
        Relay::SendGrid => {
            RelayProof::SendGrid(SENDGRID_KEYS.iter().take(2).map(sendgrid_key).collect())
        }
        Relay::Postmark | Relay::CloudMailin => {
            let logins = LOGINS.iter().take(2).map(|login| BasicLogin::parse(login).unwrap());
            RelayProof::Basic(logins.collect())
        }
        Relay::SesSns => RelayProof::Sns(TopicArn::parse(TOPIC).unwrap()),
        Relay::Mime => {
            let keys = [KEY, PREVIOUS_KEY].map(|key| SigningKey::parse(key).unwrap());
            RelayProof::StandardWebhooks(StandardWebhooks::new(keys.to_vec(), DEFAULT_WINDOW))
        }
    };
    Mailbox {
        relay,
        proofs: vec![proof],
        organization: OrganizationId::parse("00D5e000001AbCdEAK").unwrap(),
        patterns: Arc::new(Patterns::built_in()),
        require_verdict: true,
        authority: (relay == Relay::Mime).then(|| "mx.example".to_owned()),
        write_token: false,
    }
}

/// A source of mails.
pub(crate) fn source(name: &str, mailbox: Mailbox, per_minute: u32) -> Source {
    let burst = NonZeroU32::new(per_minute).unwrap();
    Source {
        name: SourceName::parse(name).unwrap(),
        format: Format::Email(Arc::new(mailbox)),
        authentications: Vec::new(),
        targets: None,
        rate: Rate { burst, per_minute: NonZeroU32::MIN },
        future: DEFAULT_WINDOW,
    }
}

/// One source for each relay, named like it.
pub(crate) fn sources() -> Vec<Source> {
    Relay::ALL.into_iter().map(|relay| source(relay.as_str(), mailbox(relay), 1_000)).collect()
}
