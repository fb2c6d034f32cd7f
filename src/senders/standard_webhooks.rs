//! The scheme `standard-webhooks`: HMAC-SHA256 over id, time and raw body.
//!
//! Source: the Standard Webhooks specification, signature scheme `v1`. The signed bytes are
//! `id.timestamp.body`; several signatures, separated by spaces, let keys be exchanged.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::Mac;
use jiff::Timestamp;

use crate::domain::ids::{EventId, InvalidId};
use crate::senders::delivery::{Delivery, Proof, Refusal};
use crate::senders::keys::SigningKey;

/// The header with the event's id.
pub const ID: &str = "webhook-id";
/// The header with the time of sending, in seconds since 1970.
pub const TIMESTAMP: &str = "webhook-timestamp";
/// The header with the signatures.
pub const SIGNATURE: &str = "webhook-signature";

/// No more signatures of one delivery are looked at.
pub const MAX_SIGNATURES: usize = 16;

/// The window that the specification's own libraries use, on both sides.
pub const DEFAULT_WINDOW: Duration = Duration::from_mins(5);

const VERSION: &str = "v1,";

/// The keys of one source; each of them is good while keys are being exchanged.
#[derive(Debug, Clone)]
pub struct StandardWebhooks {
    keys: Vec<SigningKey>,
    window: Duration,
}

impl StandardWebhooks {
    /// A scheme that accepts a signature under each of the keys, and nothing where there is none,
    /// if the signed time is no further than `window` from now; the edge itself is still good.
    pub fn new(keys: Vec<SigningKey>, window: Duration) -> Self {
        Self { keys, window }
    }

    /// Checks the delivery; what it returns is signed.
    pub(super) fn verify(&self, delivery: &Delivery<'_>, now: Timestamp) -> Result<Proof, Refusal> {
        let id = delivery.header(ID)?;
        let timestamp = delivery.header(TIMESTAMP)?;
        let signatures = delivery.header(SIGNATURE)?;
        let event_id = parse_id(id).ok_or(Refusal::Form(ID))?;
        let sent_at = parse_timestamp(timestamp).ok_or(Refusal::Form(TIMESTAMP))?;
        if !self.is_signed(id, timestamp, delivery.body, signatures) {
            return Err(Refusal::Signature);
        }
        // Only now: a stranger learns nothing about the clock.
        // Whole seconds on both sides, as the sender's clock gives no more.
        let apart = now.as_second().abs_diff(sent_at.as_second());
        if apart > self.window.as_secs() {
            return Err(Refusal::Stale);
        }
        Ok(Proof { id: Some(event_id), sent_at: Some(sent_at), ..Proof::default() })
    }

    /// Tries every key with every signature, also after a fit.
    fn is_signed(&self, id: &str, timestamp: &str, body: &[u8], signatures: &str) -> bool {
        let signatures: Vec<Vec<u8>> = signatures
            .split(' ')
            .filter_map(|signature| signature.strip_prefix(VERSION))
            .take(MAX_SIGNATURES)
            .filter_map(|encoded| STANDARD.decode(encoded).ok())
            .collect();
        let mut fits = false;
        for key in &self.keys {
            let mac = key
                .mac()
                .chain_update(id.as_bytes())
                .chain_update(b".")
                .chain_update(timestamp.as_bytes())
                .chain_update(b".")
                .chain_update(body);
            for signature in &signatures {
                fits |= mac.clone().verify_slice(signature).is_ok();
            }
        }
        fits
    }
}

/// The three headers of a signed delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// The value of [`ID`].
    pub id: String,
    /// The value of [`TIMESTAMP`].
    pub timestamp: String,
    /// The value of [`SIGNATURE`].
    pub signature: String,
}

/// An id that cannot be signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnsignableId {
    /// It is not an event id.
    #[error(transparent)]
    Invalid(#[from] InvalidId),
    /// It holds the character that separates what is signed.
    #[error("an id that is signed may not hold a full stop")]
    FullStop,
}

/// Signs a body as a sender does.
pub fn sign(
    key: &SigningKey,
    id: &str,
    sent_at: Timestamp,
    body: &[u8],
) -> Result<Signed, UnsignableId> {
    EventId::parse(id)?;
    if id.contains('.') {
        return Err(UnsignableId::FullStop);
    }
    let timestamp = sent_at.as_second().to_string();
    let mac = key
        .mac()
        .chain_update(format!("{id}.{timestamp}.").as_bytes())
        .chain_update(body)
        .finalize();
    let signature = format!("{VERSION}{}", STANDARD.encode(mac.into_bytes()));
    Ok(Signed { id: id.to_owned(), timestamp, signature })
}

/// A full stop in the id would let bytes move between the id and the time.
fn parse_id(text: &str) -> Option<EventId> {
    if text.contains('.') { None } else { EventId::parse(text).ok() }
}

/// Digits only: `i64` would read a sign as well.
fn parse_timestamp(text: &str) -> Option<Timestamp> {
    if !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Timestamp::from_second(text.parse().ok()?).ok()
}

#[cfg(test)]
mod tests;
