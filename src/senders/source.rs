//! A configured sender: what it sends, how it proves who it is, and whom it may speak for.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::domain::ids::{SourceName, TargetName};
use crate::senders::bearer::Bearer;
use crate::senders::delivery::{Delivery, Proof, Refusal, Unauthenticated};
use crate::senders::email::mailbox::Mailbox;
use crate::senders::hmac_body::HmacBody;
use crate::senders::mtls::Mtls;
use crate::senders::outbound_message::OutboundMessages;
use crate::senders::path_secret::{self, PathSecret};
use crate::senders::standard_webhooks::StandardWebhooks;

/// What a source sends. Each format has a route of its own.
#[derive(Debug, Clone)]
pub enum Format {
    /// The JSON notice.
    Notice,
    /// Mails that a relay passes on.
    Email(Arc<Mailbox>),
    /// Salesforce's outbound messages.
    OutboundMessage(OutboundMessages),
    /// The Vault event.
    VaultEvent,
}

/// One way in which a source may prove who it is. There is no "none".
#[derive(Debug, Clone)]
pub enum Authentication {
    /// Signed by the rules of Standard Webhooks.
    StandardWebhooks(StandardWebhooks),
    /// A bearer token.
    Bearer(Bearer),
    /// A signature over the body alone.
    HmacBody(HmacBody),
    /// A client certificate, perhaps with a secret in the address.
    Mtls(Mtls),
    /// A secret in the address.
    PathSecret(Vec<PathSecret>),
}

impl Authentication {
    /// The name of the scheme, as a challenge of HTTP gives it.
    pub const fn scheme(&self) -> &'static str {
        match self {
            Self::StandardWebhooks(_) => "StandardWebhooks",
            Self::Bearer(_) => "Bearer",
            Self::HmacBody(_) => "HmacBody",
            Self::Mtls(_) => "ClientCertificate",
            Self::PathSecret(_) => "PathSecret",
        }
    }

    fn verify(&self, delivery: &Delivery<'_>, now: Timestamp) -> Result<Proof, Refusal> {
        match self {
            Self::StandardWebhooks(scheme) => scheme.verify(delivery, now),
            Self::Bearer(scheme) => scheme.verify(delivery),
            Self::HmacBody(scheme) => scheme.verify(delivery),
            Self::Mtls(scheme) => scheme.verify(delivery, now),
            Self::PathSecret(secrets) => {
                path_secret::verify(secrets, delivery).map(|()| Proof::default())
            }
        }
    }
}

/// How many requests one address may send to a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// So many at once.
    pub burst: NonZeroU32,
    /// So many more every minute.
    pub per_minute: NonZeroU32,
}

/// A configured sender.
#[derive(Debug, Clone)]
pub struct Source {
    /// Its name, which is also its route.
    pub name: SourceName,
    /// What it sends.
    pub format: Format,
    /// The ways in which it may prove who it is; one of them must succeed. Where there is none,
    /// nothing is accepted.
    pub authentications: Vec<Authentication>,
    /// The targets that it may speak for; `None` for all.
    pub targets: Option<Vec<TargetName>>,
    /// How often it may send.
    pub rate: Rate,
    /// How far in the future a reset may lie, by differing clocks.
    pub future: Duration,
}

impl Source {
    /// Proves where a delivery comes from, over its raw bytes and before anything is parsed.
    pub fn authenticate(
        &self,
        delivery: &Delivery<'_>,
        now: Timestamp,
    ) -> Result<Proof, Unauthenticated> {
        let mut refusals = Vec::new();
        for authentication in &self.authentications {
            match authentication.verify(delivery, now) {
                Ok(proof) => return Ok(proof),
                Err(refusal) => refusals.push(refusal),
            }
        }
        Err(Unauthenticated(refusals))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::senders::bearer::AUTHORIZATION;
    use crate::senders::delivery::Headers;
    use crate::senders::keys::{BearerToken, SigningKey};
    use crate::senders::standard_webhooks::{self, DEFAULT_WINDOW, Signed};

    const KEY: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

    #[derive(Default)]
    struct Sent {
        authorization: Option<String>,
        signed: Option<Signed>,
    }

    impl Headers for Sent {
        fn only(&self, name: &str) -> Option<&[u8]> {
            let signed = self.signed.as_ref();
            let value = match name {
                AUTHORIZATION => self.authorization.as_ref(),
                standard_webhooks::ID => signed.map(|signed| &signed.id),
                standard_webhooks::TIMESTAMP => signed.map(|signed| &signed.timestamp),
                standard_webhooks::SIGNATURE => signed.map(|signed| &signed.signature),
                _ => None,
            };
            value.map(String::as_bytes)
        }
    }

    fn source(authentications: Vec<Authentication>) -> Source {
        let rate = Rate { burst: NonZeroU32::MIN, per_minute: NonZeroU32::MIN };
        let name = SourceName::parse("flow").unwrap();
        let format = Format::Notice;
        Source { name, format, authentications, targets: None, rate, future: DEFAULT_WINDOW }
    }

    fn both() -> Vec<Authentication> {
        let token = BearerToken::parse("token-token-token-token-token").unwrap();
        let keys = vec![SigningKey::parse(KEY).unwrap()];
        vec![
            Authentication::StandardWebhooks(StandardWebhooks::new(keys, DEFAULT_WINDOW)),
            Authentication::Bearer(Bearer::new(vec![token])),
        ]
    }

    #[test]
    fn one_of_several_ways_is_enough_and_says_what_it_signed() {
        let now = Timestamp::from_second(1_772_442_904).unwrap();
        let source = source(both());
        let bearer = Sent {
            authorization: Some("Bearer token-token-token-token-token".to_owned()),
            ..Sent::default()
        };
        let delivery = Delivery { headers: &bearer, body: b"{}" };
        assert_eq!(source.authenticate(&delivery, now), Ok(Proof::default()));

        let key = SigningKey::parse(KEY).unwrap();
        let signed = standard_webhooks::sign(&key, "e-1", now, b"{}").unwrap();
        let signed = Sent { signed: Some(signed), ..Sent::default() };
        let delivery = Delivery { headers: &signed, body: b"{}" };
        let proof = source.authenticate(&delivery, now).unwrap();
        assert_eq!(proof.id.unwrap().as_str(), "e-1");
    }

    #[test]
    fn where_none_succeeds_every_reason_is_kept() {
        let sent = Sent::default();
        let delivery = Delivery { headers: &sent, body: b"{}" };
        let refused = source(both()).authenticate(&delivery, Timestamp::UNIX_EPOCH).unwrap_err();
        let expected = vec![Refusal::Header(standard_webhooks::ID), Refusal::Header(AUTHORIZATION)];
        assert_eq!(refused, Unauthenticated(expected));
    }

    #[test]
    fn a_source_without_a_way_to_authenticate_accepts_nothing() {
        let sent = Sent::default();
        let delivery = Delivery { headers: &sent, body: b"{}" };
        let refused = source(Vec::new()).authenticate(&delivery, Timestamp::UNIX_EPOCH);
        assert_eq!(refused, Err(Unauthenticated(Vec::new())));
    }
}
