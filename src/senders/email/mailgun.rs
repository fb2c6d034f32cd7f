//! The relay Mailgun: a form with an HMAC over time and token, and the mail in its fields.
//!
//! The signature does not cover the mail. TLS does, as far as the relay; a token is good for one
//! content only, so that a signature that leaked brings no other mail in: it is remembered with the
//! content, and it is the event's id, which the store remembers when this program has forgotten.

use std::fmt;
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::senders::delivery::Refusal;
use crate::senders::email::form::Form;
use crate::senders::email::headers::MailHeaders;
use crate::senders::email::mail::{InvalidMail, Mail, Parts, event_id};
use crate::senders::email::used_tokens::{Claimed, UsedTokens};
use crate::senders::email::verdict::{Check, Outcome, Verdicts, domain_of};

/// Mailgun repeats a post for eight hours, the signature of the first one with it: nothing in its
/// documentation says that it signs anew, and receivers report that it does not. Older ones are
/// refused; within this, the token tells a repetition.
pub const MAX_AGE: Duration = Duration::from_hours(9);

/// A webhook signing key, as Mailgun shows it. Zeroed when dropped, never printed.
#[derive(Clone)]
pub struct MailgunKey(Zeroizing<String>);

/// A key file that holds no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a Mailgun signing key has at least {min} visible characters", min = MailgunKey::MIN_BYTES)]
pub struct InvalidMailgunKey;

impl MailgunKey {
    /// Shorter keys are refused.
    pub const MIN_BYTES: usize = 24;

    /// Reads a key from a file's content; space around it is ignored.
    pub fn parse(content: &str) -> Result<Self, InvalidMailgunKey> {
        let key = content.trim();
        let is_key = key.len() >= Self::MIN_BYTES && key.bytes().all(|b| b.is_ascii_graphic());
        if is_key { Ok(Self(Zeroizing::new(key.to_owned()))) } else { Err(InvalidMailgunKey) }
    }

    fn mac(&self, timestamp: &str, token: &str) -> Hmac<Sha256> {
        #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
        let mac = Hmac::<Sha256>::new_from_slice(self.0.as_bytes()).expect("any length is valid");
        mac.chain_update(timestamp).chain_update(token)
    }

    /// Signs as Mailgun does: hexadecimal digits over time and token.
    pub fn sign(&self, timestamp: &str, token: &str) -> String {
        hex::encode(self.mac(timestamp, token).finalize().into_bytes())
    }
}

impl fmt::Debug for MailgunKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// A form is not believed, or cannot be looked at now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doubt {
    Refused(Refusal),
    /// The memory of tokens is full.
    Later,
}

/// Checks the signature under each of the keys, then the time, then that the token is new, or is
/// presented with the same form again: whether it is.
pub(super) fn verify(
    keys: &[MailgunKey],
    form: &Form,
    used: &UsedTokens,
    now: Timestamp,
    window: Duration,
) -> Result<bool, Doubt> {
    let field = |name| form.get(name).ok_or(Doubt::Refused(Refusal::Field(name)));
    let (timestamp, token, signature) = (field("timestamp")?, field("token")?, field("signature")?);
    let fits = hex::decode(signature).is_ok_and(|signature| {
        let is_by = |key: &MailgunKey| key.mac(timestamp, token).verify_slice(&signature).is_ok();
        keys.iter().fold(false, |fits, key| fits | is_by(key))
    });
    if !fits {
        return Err(Doubt::Refused(Refusal::Signature));
    }
    // Digits alone, ten of them until 2286: otherwise digits could move between time and token.
    let is_time = timestamp.len() == 10 && timestamp.bytes().all(|b| b.is_ascii_digit());
    let sent: Option<i64> = timestamp.parse().ok().filter(|_| is_time);
    let sent = sent.and_then(|seconds| Timestamp::from_second(seconds).ok());
    let sent = sent.ok_or(Doubt::Refused(Refusal::Field("timestamp")))?;
    let now_second = now.as_second();
    let limit = if sent.as_second() > now_second { window } else { MAX_AGE };
    if now_second.abs_diff(sent.as_second()) > limit.as_secs() {
        return Err(Doubt::Refused(Refusal::Stale));
    }
    // A second more than it is believed, as only whole ones count.
    let until = sent.saturating_add(MAX_AGE + Duration::from_secs(1)).unwrap_or(Timestamp::MAX);
    match used.claim(token, form.digest(), now, until) {
        Claimed::New => Ok(false),
        Claimed::Again => Ok(true),
        Claimed::Spent => Err(Doubt::Refused(Refusal::Spent)),
        Claimed::Full => Err(Doubt::Later),
    }
}

/// Reads the mail: raw in `body-mime` where the route asks for it, in parts otherwise. Its id is the
/// token: under the mail's own one, a token that nobody remembers would bring another mail in.
pub(super) fn read(form: &Form, authority: Option<&str>) -> Result<Mail, InvalidMail> {
    let mail = read_parts(form, authority)?;
    Ok(Mail { id: event_id(form.get("token"), &form.digest()), ..mail })
}

fn read_parts(form: &Form, authority: Option<&str>) -> Result<Mail, InvalidMail> {
    let envelope = domain_of(form.text("sender"));
    if let Some(raw) = form.get("body-mime") {
        let (mut mail, headers) = super::mail::read_mime(raw.as_bytes())?;
        mail.verdicts = verdicts(&headers, envelope, authority);
        return Ok(mail);
    }
    let pairs = serde_json::from_str::<Vec<(String, String)>>(form.text("message-headers"));
    let headers = MailHeaders::new(pairs.map_err(|_| InvalidMail::Field("message-headers"))?);
    let parts = Parts {
        message_id: headers.only("message-id"),
        from: form.text("from"),
        subject: form.text("subject"),
        date: headers.only("date"),
        text: form.text("body-plain"),
        html: form.text("body-html"),
    };
    let digest = form.digest();
    Ok(parts.mail(&digest, verdicts(&headers, envelope, authority)))
}

/// What Mailgun's spam filter writes into the headers. It does not say which signature it checked,
/// so that a signature counts only where there is one. Of two such headers one is the sender's own,
/// and nobody can say which.
fn verdicts(headers: &MailHeaders, envelope: &str, authority: Option<&str>) -> Verdicts {
    let mut verdicts = Verdicts::default();
    if let Some(spf) = headers.only("x-mailgun-spf") {
        verdicts.spf.push(Check::new(Outcome::parse(spf), Some(envelope)));
    }
    if let Some(dkim) = headers.only("x-mailgun-dkim-check-result") {
        let signer = headers.only("dkim-signature").and_then(signing_domain);
        verdicts.dkim.push(Check::new(Outcome::parse(dkim), signer));
    }
    verdicts.add_results(headers, authority);
    verdicts
}

/// The `d=` of a signature (RFC 6376).
fn signing_domain(signature: &str) -> Option<&str> {
    let mut tags = signature.split(';').filter_map(|tag| tag.split_once('='));
    tags.find_map(|(name, value)| (name.trim() == "d").then(|| value.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::senders::email::verdict::Judgement;

    const KEY: &str = "example-mailgun-signing-key";
    const TIME: &str = "1772442904";
    const TOKEN: &str = "a8ce0edb2dd8301dee6c2405235584e45aa91d1e9f979f3de0";
    const SIGNATURE: &str = "6a6ebae44f4f1f2ab5853be71c6fde5ce41396826ff1dfb152de18cbdd94d45f";
    const WINDOW: Duration = Duration::from_mins(5);

    fn form(pairs: &[(&str, &str)]) -> Form {
        let body =
            url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        Form::read("application/x-www-form-urlencoded", body.as_bytes()).unwrap()
    }

    fn signed(time: &str, token: &str, signature: &str) -> Form {
        form(&[("timestamp", time), ("token", token), ("signature", signature), ("subject", "s")])
    }

    fn verified(form: &Form, keys: &[&str], seconds: i64) -> Result<bool, Doubt> {
        let keys: Vec<_> = keys.iter().map(|key| MailgunKey::parse(key).unwrap()).collect();
        let now = Timestamp::from_second(1_772_442_904 + seconds).unwrap();
        verify(&keys, form, &UsedTokens::default(), now, WINDOW)
    }

    #[test]
    fn the_published_scheme_is_verified_under_each_key_within_the_window() {
        let form = signed(TIME, TOKEN, SIGNATURE);
        let other = "another-key-of-some-24-bytes";
        let refused = |reason| Err(Doubt::Refused(reason));
        assert_eq!(verified(&form, &[KEY], 0), Ok(false));
        assert_eq!(verified(&form, &[other, KEY], 0), Ok(false));
        assert_eq!(verified(&form, &[other], 0), refused(Refusal::Signature));
        assert_eq!(verified(&form, &[], 0), refused(Refusal::Signature));
        for (seconds, outcome) in [
            (8 * 3600, Ok(false)),
            (9 * 3600, Ok(false)),
            (-300, Ok(false)),
            (9 * 3600 + 1, refused(Refusal::Stale)),
            (-301, refused(Refusal::Stale)),
        ] {
            assert_eq!(verified(&form, &[KEY], seconds), outcome, "{seconds}");
        }
        assert_eq!(MailgunKey::parse(KEY).unwrap().sign(TIME, TOKEN), SIGNATURE);
    }

    #[test]
    fn every_flipped_bit_is_refused() {
        for at in 0..SIGNATURE.len() / 2 {
            for bit in 0..8 {
                let mut bytes = hex::decode(SIGNATURE).unwrap();
                bytes[at] ^= 1 << bit;
                let form = signed(TIME, TOKEN, &hex::encode(bytes));
                assert_eq!(verified(&form, &[KEY], 0), Err(Doubt::Refused(Refusal::Signature)));
            }
        }
        let moved = signed("17724429", &format!("04{TOKEN}"), SIGNATURE);
        assert_eq!(verified(&moved, &[KEY], 0), Err(Doubt::Refused(Refusal::Field("timestamp"))));
        assert_eq!(
            verified(&form(&[("timestamp", TIME), ("token", TOKEN)]), &[KEY], 0),
            Err(Doubt::Refused(Refusal::Field("signature")))
        );
    }

    #[test]
    fn a_signature_brings_one_mail_in_and_no_other() {
        let keys = [MailgunKey::parse(KEY).unwrap()];
        let now = Timestamp::from_second(1_772_442_904).unwrap();
        let used = UsedTokens::default();
        let verify = |form: &Form| verify(&keys, form, &used, now, WINDOW);
        let first = signed(TIME, TOKEN, SIGNATURE);
        assert_eq!((verify(&first), verify(&first)), (Ok(false), Ok(true)));
        let other = form(&[
            ("timestamp", TIME),
            ("token", TOKEN),
            ("signature", SIGNATURE),
            ("subject", "other"),
        ]);
        assert_eq!(verify(&other), Err(Doubt::Refused(Refusal::Spent)));
    }

    #[test]
    fn the_checks_of_the_spam_filter_are_read() {
        let judged = |headers: &[(&str, &str)], sender| {
            let headers = MailHeaders::new(headers.iter().copied());
            verdicts(&headers, sender, None).judge(|domain| domain == "salesforce.com")
        };
        let dkim = ("X-Mailgun-Dkim-Check-Result", "Pass");
        let by = |domain: &'static str| ("DKIM-Signature", domain);
        let salesforce = by("v=1; d=salesforce.com; bh=x");
        assert_eq!(judged(&[dkim, salesforce], "x"), Judgement::Genuine);
        assert_eq!(judged(&[dkim, by("v=1; d=evil.example")], "x"), Judgement::Forged);
        assert_eq!(judged(&[dkim, salesforce, by("d=evil.example")], "x"), Judgement::Unsaid);
        assert_eq!(judged(&[dkim, dkim, salesforce], "x"), Judgement::Unsaid);
        let spf = ("X-Mailgun-Spf", "Pass");
        assert_eq!(judged(&[spf, ("X-Mailgun-Spf", "Fail")], "salesforce.com"), Judgement::Unsaid);
        assert_eq!(judged(&[("X-Mailgun-Spf", "Pass")], "salesforce.com"), Judgement::Genuine);
        assert_eq!(judged(&[("X-Mailgun-Spf", "Pass")], "evil.example"), Judgement::Forged);
        assert_eq!(judged(&[("X-Mailgun-Spf", "Fail")], "salesforce.com"), Judgement::Forged);
        assert_eq!(judged(&[], "salesforce.com"), Judgement::Unsaid);
    }
}
