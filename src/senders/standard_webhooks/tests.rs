//! Vectors, edges and bit flips.

use std::collections::BTreeMap;

use jiff::Timestamp;
use proptest::prelude::{any, prop};
use proptest::{prop_assert, prop_assert_eq, proptest};

use super::{DEFAULT_WINDOW, ID, SIGNATURE, StandardWebhooks, TIMESTAMP, UnsignableId, sign};
use crate::senders::delivery::{Delivery, Headers, Proof, Refusal};
use crate::senders::keys::SigningKey;

const REFERENCE: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
const CURRENT: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
const PREVIOUS: &str = "whsec_ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA=";

/// A delivery that can be taken apart.
#[derive(Clone)]
struct Sent {
    headers: BTreeMap<&'static str, Vec<u8>>,
    body: Vec<u8>,
}

impl Headers for BTreeMap<&'static str, Vec<u8>> {
    fn only(&self, name: &str) -> Option<&[u8]> {
        self.get(name).map(Vec::as_slice)
    }
}

impl Sent {
    fn new(id: &str, timestamp: &str, signature: &str, body: &str) -> Self {
        let header = |text: &str| text.as_bytes().to_vec();
        let headers = BTreeMap::from([
            (ID, header(id)),
            (TIMESTAMP, header(timestamp)),
            (SIGNATURE, header(signature)),
        ]);
        Self { headers, body: body.as_bytes().to_vec() }
    }

    /// The reference vector of the specification's own libraries.
    fn reference() -> Self {
        Self::new(
            "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk",
            "1649367553",
            "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=",
            r#"{"email":"test@example.com","username":"test_user"}"#,
        )
    }

    /// A second vector, signed with the current and the previous key of a sender.
    fn rotating(signatures: &str) -> Self {
        let body = concat!(
            r#"{"type":"salesforce.credential.reset","timestamp":"2026-03-02T09:15:04Z","data":"#,
            r#"{"orgId":"00D5e000001AbCdEAK","userId":"0055e000002KjHgAAK","#,
            r#""username":"gator.sync@example.com.invalid","reason":"password_reset"}}"#,
        );
        Self::new("evt_5f1c2a7e90b34d1f8a6c", "1772442904", signatures, body)
    }

    fn signed_with(mut self, signature: impl AsRef<[u8]>) -> Self {
        self.headers.insert(SIGNATURE, signature.as_ref().to_vec());
        self
    }

    fn verify(&self, keys: &[&str], now: i64) -> Result<Proof, Refusal> {
        let keys = keys.iter().map(|key| SigningKey::parse(key).unwrap()).collect();
        let delivery = Delivery { headers: &self.headers, body: &self.body };
        let now = Timestamp::from_second(now).unwrap();
        StandardWebhooks::new(keys, DEFAULT_WINDOW).verify(&delivery, now)
    }

    fn verify_reference(&self) -> Result<Proof, Refusal> {
        self.verify(&[REFERENCE], 1_649_367_553)
    }
}

#[test]
fn the_reference_vector_is_accepted_and_gives_id_and_time() {
    let proof = Sent::reference().verify_reference().unwrap();
    assert_eq!(proof.id.unwrap().as_str(), "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk");
    assert_eq!(proof.sent_at.unwrap().as_second(), 1_649_367_553);
}

#[test]
fn signing_gives_the_reference_signature() {
    let sent = Sent::reference();
    let key = SigningKey::parse(REFERENCE).unwrap();
    let at = Timestamp::from_second(1_649_367_553).unwrap();
    let signed = sign(&key, "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk", at, &sent.body).unwrap();
    assert_eq!(signed.signature.as_bytes(), sent.headers[SIGNATURE]);
    assert_eq!(signed.timestamp.as_bytes(), sent.headers[TIMESTAMP]);
    assert_eq!(sign(&key, "a.b", at, b""), Err(UnsignableId::FullStop));
    assert!(matches!(sign(&key, "", at, b""), Err(UnsignableId::Invalid(_))));
}

#[test]
fn the_old_key_the_new_key_or_both_are_accepted_and_neither_is_not() {
    let now = 1_772_442_904;
    let new = "v1,U9fPePY2ZuHTBQW3wQDWLtNg7Dj+9GQdz/Ja9a2doj4=";
    let old = "v1,63Q3zVZGN4ixDfV96oly7IU3eatHUPAUpAlKJk63QwM=";
    let both = format!("{old} {new}");
    for signatures in [new, old, &both] {
        let sent = Sent::rotating(signatures);
        assert!(sent.verify(&[CURRENT, PREVIOUS], now).is_ok(), "{signatures}");
    }
    assert!(Sent::rotating(&both).verify(&[CURRENT], now).is_ok(), "second of two signatures");
    assert!(Sent::rotating(&both).verify(&[REFERENCE, PREVIOUS], now).is_ok(), "second key");
    for keys in [&[REFERENCE][..], &[]] {
        assert_eq!(Sent::rotating(&both).verify(keys, now), Err(Refusal::Signature));
    }
    assert_eq!(Sent::rotating(old).verify(&[CURRENT], now), Err(Refusal::Signature));
}

#[test]
fn the_window_is_five_minutes_on_both_sides_and_its_edges_are_inside() {
    let sent = Sent::reference();
    let cases = [(-301, false), (-300, true), (0, true), (300, true), (301, false)];
    for (offset, inside) in cases {
        let outcome = sent.verify(&[REFERENCE], 1_649_367_553 + offset);
        assert_eq!(outcome.is_ok(), inside, "{offset} s");
        if !inside {
            assert_eq!(outcome, Err(Refusal::Stale));
        }
    }
}

#[test]
fn a_forged_delivery_is_refused_for_its_signature_whatever_its_time() {
    let forged = Sent::reference().signed_with("v1,AAAA");
    assert_eq!(forged.verify(&[REFERENCE], 0), Err(Refusal::Signature));
}

#[test]
fn signatures_that_are_none_are_passed_over() {
    let right = "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=";
    let truncated = right.trim_end_matches("kw=");
    let one_of_four = format!("v1a,AAAA v1,!! v1,AAAA {right}");
    assert!(Sent::reference().signed_with(&one_of_four).verify_reference().is_ok());
    let longer = format!("{right}AAAA");
    let other_version = right.replace("v1,", "v2,");
    let none = ["", "v1,", "v1", " ", "v1,AAAA v1,BBBB", truncated, &longer, &other_version];
    for signatures in none {
        let sent = Sent::reference().signed_with(signatures);
        assert_eq!(sent.verify_reference(), Err(Refusal::Signature), "{signatures:?}");
    }
}

#[test]
fn at_most_16_signatures_are_looked_at() {
    let right = "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=";
    let after = |n: usize| Sent::reference().signed_with("v1,AAAA ".repeat(n) + right);
    assert!(after(15).verify_reference().is_ok());
    assert_eq!(after(16).verify_reference(), Err(Refusal::Signature));
}

#[test]
fn a_missing_or_malformed_header_is_named() {
    for name in [ID, TIMESTAMP, SIGNATURE] {
        let mut sent = Sent::reference();
        sent.headers.remove(name);
        assert_eq!(sent.verify_reference(), Err(Refusal::Header(name)));
        let sent = Sent::reference().signed_with([0xff]);
        assert_eq!(sent.verify_reference(), Err(Refusal::Header(SIGNATURE)));
    }
    let with = |name, value: &str| {
        let mut sent = Sent::reference();
        sent.headers.insert(name, value.as_bytes().to_vec());
        sent.verify_reference()
    };
    for id in ["", "a.b", "a\u{7}"] {
        assert_eq!(with(ID, id), Err(Refusal::Form(ID)), "{id:?}");
    }
    let extreme = i64::MAX.to_string();
    let times = ["", "+1649367553", "-1", " 1649367553", "1e9", &extreme, "99999999999999999999"];
    for time in times {
        assert_eq!(with(TIMESTAMP, time), Err(Refusal::Form(TIMESTAMP)), "{time:?}");
    }
    // A year that exists and is far away does not overflow the comparison.
    assert_eq!(with(TIMESTAMP, "253402207200"), Err(Refusal::Signature));
}

proptest! {
    #[test]
    fn any_single_flipped_bit_is_refused(part in 0_usize..4, at: prop::sample::Index, bit in 0_u8..8) {
        let mut sent = Sent::reference();
        let bytes = match part {
            0 => sent.headers.get_mut(ID).unwrap(),
            1 => sent.headers.get_mut(TIMESTAMP).unwrap(),
            2 => sent.headers.get_mut(SIGNATURE).unwrap(),
            _ => &mut sent.body,
        };
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        prop_assert!(sent.verify_reference().is_err());
    }

    #[test]
    fn what_was_signed_is_accepted_and_anything_else_is_not(
        body in prop::collection::vec(any::<u8>(), 0..200),
        other in prop::collection::vec(any::<u8>(), 0..200),
        id in "[a-zA-Z0-9_-]{1,40}",
        second in 0_i64..4_000_000_000,
    ) {
        let key = SigningKey::parse(CURRENT).unwrap();
        let at = Timestamp::from_second(second).unwrap();
        let signed = sign(&key, &id, at, &body).unwrap();
        let mut sent = Sent::new(&signed.id, &signed.timestamp, &signed.signature, "");
        sent.body.clone_from(&body);
        prop_assert!(sent.verify(&[CURRENT], second).is_ok());
        sent.body.clone_from(&other);
        prop_assert_eq!(sent.verify(&[CURRENT], second).is_ok(), body == other);
    }

    #[test]
    fn headers_from_a_stranger_never_panic_and_are_never_accepted(
        id in ".{0,40}", timestamp in "[0-9]{0,30}", signature in ".{0,200}", now: i32,
    ) {
        let sent = Sent::new(&id, &timestamp, &signature, "{}");
        prop_assert!(sent.verify(&[REFERENCE], i64::from(now)).is_err());
    }
}
