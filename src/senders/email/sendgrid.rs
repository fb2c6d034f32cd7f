//! The relay SendGrid (Inbound Parse): a form, signed with ECDSA on P-256 over time and raw body.
//!
//! The names of the headers are those that Twilio documents for its signed event webhook; its page
//! on securing Inbound Parse names the scheme and not the headers.

use std::time::Duration;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::Deserialize;

use crate::senders::delivery::{Delivery, Proof, Refusal};
use crate::senders::email::form::Form;
use crate::senders::email::headers::MailHeaders;
use crate::senders::email::mail::{InvalidMail, Mail, Parts, read_mime};
use crate::senders::email::verdict::{Check, Outcome, Verdicts, domain_of};

/// The header with the signature, DER in base 64.
pub const SIGNATURE: &str = "x-twilio-email-event-webhook-signature";
/// The header with the time of sending, in seconds since 1970.
pub const TIMESTAMP: &str = "x-twilio-email-event-webhook-timestamp";

/// What stands before the point in the `SubjectPublicKeyInfo` of a key on P-256 (RFC 5480).
const P256_PREFIX: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
    0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// The public key of a security policy.
#[derive(Debug, Clone)]
pub struct SendGridKey(Vec<u8>);

/// A key file that holds no public key on P-256.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a SendGrid public key is base 64 of a SubjectPublicKeyInfo on P-256")]
pub struct InvalidSendGridKey;

impl SendGridKey {
    /// Reads `public_key` as the security policy shows it: base 64, or the same as PEM.
    pub fn parse(content: &str) -> Result<Self, InvalidSendGridKey> {
        let base64: String = content.lines().filter(|line| !line.starts_with("-----")).collect();
        let der = STANDARD.decode(base64.trim()).map_err(|_| InvalidSendGridKey)?;
        match der.strip_prefix(&P256_PREFIX) {
            Some(point) if point.len() == 65 && point.first() == Some(&4) => {
                Ok(Self(point.to_vec()))
            }
            _ => Err(InvalidSendGridKey),
        }
    }
}

/// Checks the signature under each of the keys, then the time.
pub(super) fn verify(
    keys: &[SendGridKey],
    delivery: &Delivery<'_>,
    now: Timestamp,
    window: Duration,
) -> Result<Proof, Refusal> {
    let timestamp = delivery.header(TIMESTAMP)?;
    let signature = delivery.header(SIGNATURE)?;
    let is_time = timestamp.len() == 10 && timestamp.bytes().all(|b| b.is_ascii_digit());
    let sent: Option<i64> = timestamp.parse().ok().filter(|_| is_time);
    let sent = sent.ok_or(Refusal::Form(TIMESTAMP))?;
    let signature = STANDARD.decode(signature).map_err(|_| Refusal::Form(SIGNATURE))?;
    let signed = [timestamp.as_bytes(), delivery.body].concat();
    let is_by = |key: &SendGridKey| {
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, &key.0).verify(&signed, &signature).is_ok()
    };
    if !keys.iter().fold(false, |fits, key| fits | is_by(key)) {
        return Err(Refusal::Signature);
    }
    if now.as_second().abs_diff(sent) > window.as_secs() {
        return Err(Refusal::Stale);
    }
    Ok(Proof { sent_at: Timestamp::from_second(sent).ok(), ..Proof::default() })
}

#[derive(Deserialize)]
struct Envelope {
    from: String,
}

/// Reads the mail: raw in `email` where the setting asks for it, in parts otherwise.
pub(super) fn read(form: &Form, authority: Option<&str>) -> Result<Mail, InvalidMail> {
    let mut verdicts = Verdicts::default();
    let envelope: Option<Envelope> = serde_json::from_str(form.text("envelope")).ok();
    if let Some(spf) = form.get("SPF") {
        let domain = envelope.as_ref().map(|envelope| domain_of(&envelope.from));
        verdicts.spf.push(Check::new(Outcome::parse(spf), domain));
    }
    verdicts.dkim = signatures(form.text("dkim"));
    if let Some(raw) = form.get("email") {
        let (mut mail, headers) = read_mime(raw.as_bytes())?;
        verdicts.add_results(&headers, authority);
        mail.verdicts = verdicts;
        return Ok(mail);
    }
    let headers = MailHeaders::from_block(form.text("headers"));
    verdicts.add_results(&headers, authority);
    let parts = Parts {
        message_id: headers.only("message-id"),
        from: form.text("from"),
        subject: form.text("subject"),
        date: headers.only("date"),
        text: form.text("text"),
        html: form.text("html"),
    };
    Ok(parts.mail(&form.digest(), verdicts))
}

/// `{@salesforce.com : pass, @other.example : fail}`, or the word `none`.
fn signatures(dkim: &str) -> Vec<Check> {
    let inner = dkim.trim().trim_start_matches('{').trim_end_matches('}');
    let check = |entry: &str| {
        let (domain, outcome) = entry.rsplit_once(':')?;
        Some(Check::new(Outcome::parse(outcome), Some(domain.trim().trim_start_matches('@'))))
    };
    inner.split(',').filter_map(check).collect()
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};

    use super::*;
    use crate::senders::delivery::Headers;

    struct Signed {
        timestamp: String,
        signature: String,
    }

    impl Headers for Signed {
        fn only(&self, name: &str) -> Option<&[u8]> {
            match name {
                SIGNATURE => Some(self.signature.as_bytes()),
                TIMESTAMP => Some(self.timestamp.as_bytes()),
                _ => None,
            }
        }
    }

    fn key_pair() -> EcdsaKeyPair {
        EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap()
    }

    fn public(pair: &EcdsaKeyPair) -> SendGridKey {
        let der = [&P256_PREFIX[..], pair.public_key().as_ref()].concat();
        SendGridKey::parse(&format!("{}\n", STANDARD.encode(der))).unwrap()
    }

    fn sign(pair: &EcdsaKeyPair, timestamp: &str, body: &[u8]) -> Signed {
        let message = [timestamp.as_bytes(), body].concat();
        let signature = pair.sign(&SystemRandom::new(), &message).unwrap();
        let signature = STANDARD.encode(signature.as_ref());
        Signed { timestamp: timestamp.to_owned(), signature }
    }

    fn verified(keys: &[SendGridKey], headers: &Signed, body: &[u8]) -> Result<(), Refusal> {
        let now = Timestamp::from_second(1_772_442_904).unwrap();
        let delivery = Delivery { headers, body };
        verify(keys, &delivery, now, Duration::from_mins(5)).map(|_| ())
    }

    #[test]
    fn a_signature_is_good_under_each_key_within_the_window() {
        let (one, other) = (key_pair(), key_pair());
        let keys = [public(&other), public(&one)];
        let signed = sign(&one, "1772442904", b"body");
        assert_eq!(verified(&keys, &signed, b"body"), Ok(()));
        assert_eq!(verified(&keys[..1], &signed, b"body"), Err(Refusal::Signature));
        assert_eq!(verified(&keys, &signed, b"bodY"), Err(Refusal::Signature));
        for (timestamp, outcome) in [
            ("1772442604", Ok(())),
            ("1772443204", Ok(())),
            ("1772442603", Err(Refusal::Stale)),
            ("1772443205", Err(Refusal::Stale)),
            ("+177244290", Err(Refusal::Form(TIMESTAMP))),
        ] {
            let signed = sign(&one, timestamp, b"body");
            assert_eq!(verified(&keys, &signed, b"body"), outcome, "{timestamp}");
        }
    }

    #[test]
    fn every_flipped_bit_is_refused() {
        let pair = key_pair();
        let keys = [public(&pair)];
        let signed = sign(&pair, "1772442904", b"body");
        let bytes = STANDARD.decode(&signed.signature).unwrap();
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut bytes = bytes.clone();
                bytes[at] ^= 1 << bit;
                let signature = STANDARD.encode(&bytes);
                let flipped = Signed { timestamp: signed.timestamp.clone(), signature };
                assert_eq!(
                    verified(&keys, &flipped, b"body"),
                    Err(Refusal::Signature),
                    "{at}/{bit}"
                );
            }
        }
    }

    #[test]
    fn a_key_of_another_kind_is_refused() {
        for text in ["", "AAAA", "no base 64!"] {
            assert_eq!(SendGridKey::parse(text).unwrap_err(), InvalidSendGridKey, "{text}");
        }
        let mut der = [&P256_PREFIX[..], key_pair().public_key().as_ref()].concat();
        der[24] ^= 1;
        assert!(SendGridKey::parse(&STANDARD.encode(&der)).is_err());
    }

    #[test]
    fn the_field_dkim_names_each_domain() {
        let pass = Check::new(Outcome::Pass, Some("salesforce.com"));
        let fail = Check::new(Outcome::Fail, Some("evil.example"));
        assert_eq!(signatures("{@salesforce.com : pass}"), std::slice::from_ref(&pass));
        assert_eq!(signatures("{@salesforce.com : pass, @evil.example : fail}"), [pass, fail]);
        assert_eq!(signatures("none"), []);
    }
}
