//! The scheme `hmac-body`: HMAC-SHA256 over the raw body alone, in one header.
//!
//! It is what a formula of a Salesforce External Credential can make, which knows the body and a
//! secret and no time. So the id and the time of the event have to stand in the body, and the
//! time there is what is held against the window.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::senders::delivery::{Delivery, Proof, Refusal};
use crate::senders::keys::InvalidKey;

/// The header with the signature.
pub const SIGNATURE: &str = "x-webhook-signature-256";

const PREFIX: &str = "sha256=";

/// A shared key: the bytes of a text, as `BLOB()` makes them of one.
#[derive(Clone)]
pub struct BodyKey(Zeroizing<Vec<u8>>);

impl BodyKey {
    /// Fewer bytes are refused.
    pub const MIN_BYTES: usize = 24;
    /// More bytes are refused.
    pub const MAX_BYTES: usize = 512;

    /// Reads a key from a file's content; space around it is ignored.
    pub fn parse(content: &str) -> Result<Self, InvalidKey> {
        let key = content.trim();
        if !(Self::MIN_BYTES..=Self::MAX_BYTES).contains(&key.len()) {
            return Err(InvalidKey::TokenLength(key.len()));
        }
        if !key.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(InvalidKey::TokenCharacter);
        }
        Ok(Self(Zeroizing::new(key.as_bytes().to_vec())))
    }

    fn mac(&self, body: &[u8]) -> Hmac<Sha256> {
        #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
        let mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("any key length is valid");
        mac.chain_update(body)
    }
}

impl fmt::Debug for BodyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// The keys of one source; each of them is good while keys are being exchanged.
#[derive(Debug, Clone)]
pub struct HmacBody {
    keys: Vec<BodyKey>,
    window: Duration,
}

impl HmacBody {
    /// A scheme that accepts a signature under each of the keys, and nothing where there is none,
    /// for events that happened no further than `window` from now.
    pub fn new(keys: Vec<BodyKey>, window: Duration) -> Self {
        Self { keys, window }
    }

    /// Checks the delivery. The window remains to be checked, once the body has been read.
    pub(super) fn verify(&self, delivery: &Delivery<'_>) -> Result<Proof, Refusal> {
        let signature = parse(delivery.header(SIGNATURE)?).ok_or(Refusal::Form(SIGNATURE))?;
        // Every key is tried, so that the time does not tell which one fits.
        let fits = self.keys.iter().fold(false, |fits, key| {
            fits | key.mac(delivery.body).verify_slice(&signature).is_ok()
        });
        if !fits {
            return Err(Refusal::Signature);
        }
        Ok(Proof { occurred_within: Some(self.window), ..Proof::default() })
    }
}

/// Reads `sha256=` and the 32 bytes in hexadecimal or base 64, which their lengths tell apart.
fn parse(value: &str) -> Option<Vec<u8>> {
    let encoded = value.trim().strip_prefix(PREFIX)?;
    match encoded.len() {
        64 => hex::decode(encoded).ok(),
        44 => STANDARD.decode(encoded).ok(),
        _ => None,
    }
}

/// Signs a body as a sender does: the value of [`SIGNATURE`].
pub fn sign(key: &BodyKey, body: &[u8]) -> String {
    format!("{PREFIX}{}", hex::encode(key.mac(body).finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop, prop_assert, prop_assert_eq, proptest};

    use super::*;
    use crate::senders::delivery::Headers;

    const KEY: &str = "0123456789abcdef0123456789abcdef";
    // Computed with the Python standard library's hmac, and with `openssl dgst -hmac`.
    const BODY: &[u8] = b"{\"id\":\"e-1\"}";
    const HEX: &str = "8b4305f714b17f95c10ceefacefa117aff358c2a65794e790e0a96cf11cf746a";

    struct Sent(Option<String>);

    impl Headers for Sent {
        fn only(&self, name: &str) -> Option<&[u8]> {
            self.0.as_deref().filter(|_| name == SIGNATURE).map(str::as_bytes)
        }
    }

    fn verify(value: Option<&str>, body: &[u8]) -> Result<Proof, Refusal> {
        let key = |text| BodyKey::parse(text).unwrap();
        let keys = vec![key("another-key-another-key-another"), key(KEY)];
        let headers = Sent(value.map(str::to_owned));
        let delivery = Delivery { headers: &headers, body };
        HmacBody::new(keys, Duration::from_mins(5)).verify(&delivery)
    }

    #[test]
    fn the_vector_fits_in_hexadecimal_and_in_base_64_under_any_key() {
        let base64 = STANDARD.encode(hex::decode(HEX).unwrap());
        for encoded in [HEX, &HEX.to_uppercase(), &base64] {
            let proof = verify(Some(&format!("sha256={encoded}")), BODY).unwrap();
            assert_eq!(proof.occurred_within, Some(Duration::from_mins(5)));
            assert_eq!((proof.id, proof.sent_at), (None, None));
        }
        assert_eq!(sign(&BodyKey::parse(KEY).unwrap(), BODY), format!("sha256={HEX}"));
    }

    #[test]
    fn the_longer_vector_fits_too() {
        let body = concat!(
            r#"{"type":"salesforce.credential.reset","timestamp":"2026-03-02T09:15:04Z","data":"#,
            r#"{"orgId":"00D5e000001AbCdEAK","userId":"0055e000002KjHgAAK","#,
            r#""username":"gator.sync@example.com.invalid","reason":"password_reset"}}"#,
        );
        let expected = "sha256=04397b39d086812dea24e92ee36d31dd79f79817e0930182de7b332e3e7adef4";
        assert_eq!(sign(&BodyKey::parse(KEY).unwrap(), body.as_bytes()), expected);
        assert!(verify(Some(expected), body.as_bytes()).is_ok());
    }

    #[test]
    fn anything_else_is_refused() {
        let signed = format!("sha256={HEX}");
        assert_eq!(verify(None, BODY), Err(Refusal::Header(SIGNATURE)));
        assert_eq!(verify(Some(&signed), b"{\"id\":\"e-2\"}"), Err(Refusal::Signature));
        assert_eq!(verify(Some(&signed.replace("8b", "8c")), BODY), Err(Refusal::Signature));
        for form in ["", HEX, "sha256=", "sha1=8b43", &signed[..70], &format!("{signed}00")] {
            assert_eq!(verify(Some(form), BODY), Err(Refusal::Form(SIGNATURE)), "{form}");
        }
        let headers = Sent(Some(signed));
        let delivery = Delivery { headers: &headers, body: BODY };
        let nobody = HmacBody::new(Vec::new(), Duration::from_mins(5));
        assert_eq!(nobody.verify(&delivery), Err(Refusal::Signature));
    }

    proptest! {
        #[test]
        fn any_single_flipped_bit_is_refused(
            in_body: bool, at: prop::sample::Index, bit in 0_u8..8, is_base64: bool,
        ) {
            let body = br#"{"id":"e-1","occurred_at":"2026-03-02T09:15:04Z"}"#;
            let hexadecimal = sign(&BodyKey::parse(KEY).unwrap(), body);
            let digits = hexadecimal.strip_prefix(PREFIX).unwrap();
            let base64 = format!("{PREFIX}{}", STANDARD.encode(hex::decode(digits).unwrap()));
            let signature = if is_base64 { base64 } else { hexadecimal };
            prop_assert!(verify(Some(&signature), body).is_ok());
            let mut parts = [signature.clone().into_bytes(), body.to_vec()];
            let part = &mut parts[usize::from(in_body)];
            let at = at.index(part.len());
            part[at] ^= 1 << bit;
            let [header, flipped] = parts;
            // What is not UTF-8 any more is no header, and `A` is the same digit as `a`.
            let Ok(header) = String::from_utf8(header) else { return Ok(()) };
            let is_same = !is_base64 && !in_body && header.eq_ignore_ascii_case(&signature);
            let is_same = is_same && header.starts_with(PREFIX);
            prop_assert_eq!(verify(Some(&header), &flipped).is_ok(), is_same, "{} {}", header, at);
        }
    }

    #[test]
    fn a_key_has_at_least_24_visible_characters_and_prints_nothing() {
        let parse = |text: &str| BodyKey::parse(text).err();
        assert_eq!(parse(&"k".repeat(23)), Some(InvalidKey::TokenLength(23)));
        assert_eq!(parse(&format!(" {}\n", "k".repeat(24))), None);
        assert_eq!(parse(&format!("{} k", "k".repeat(24))), Some(InvalidKey::TokenCharacter));
        assert_eq!(format!("{:?}", BodyKey::parse(KEY).unwrap()), "[secret]");
    }
}
