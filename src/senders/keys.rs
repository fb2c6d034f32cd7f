//! What proves a sender's identity: signing keys and bearer tokens, as their files hold them.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::digest::CtOutput;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

/// Why a key file's content is not a key. It never carries anything of the content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKey {
    /// A signing key starts with `whsec_`.
    #[error("a signing key starts with `whsec_`")]
    Prefix,
    /// What follows is not padded standard base64.
    #[error("what follows `whsec_` must be base64 with padding")]
    Base64,
    /// A signing key of the wrong size.
    #[error("a signing key has {min} to {max} bytes, this has {0}", min = SigningKey::MIN_BYTES, max = SigningKey::MAX_BYTES)]
    KeyLength(usize),
    /// A bearer token of the wrong size.
    #[error("a token has {min} to {max} bytes, this has {0}", min = BearerToken::MIN_BYTES, max = BearerToken::MAX_BYTES)]
    TokenLength(usize),
    /// A character that cannot stand in an `Authorization` header.
    #[error("a token holds only visible ASCII characters without spaces")]
    TokenCharacter,
    /// A character that cannot stand in a path as it is.
    #[error("a secret in a path holds only letters, digits and `-`, `.`, `_`, `~`")]
    PathCharacter,
}

/// A shared key of Standard Webhooks, `whsec_` and base64. Zeroed when dropped, never printed.
#[derive(Clone)]
pub struct SigningKey(Zeroizing<Vec<u8>>);

impl SigningKey {
    /// What Standard Webhooks asks for, at least.
    pub const MIN_BYTES: usize = 24;
    /// What Standard Webhooks allows, at most; SHA-256 would fold a longer one anyway.
    pub const MAX_BYTES: usize = 64;

    const PREFIX: &str = "whsec_";

    /// Reads a key from a file's content; space around it is ignored.
    pub fn parse(content: &str) -> Result<Self, InvalidKey> {
        let encoded = content.trim().strip_prefix(Self::PREFIX).ok_or(InvalidKey::Prefix)?;
        // Room for everything at once, so that growing leaves no copy of the key behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(encoded.len()));
        STANDARD.decode_vec(encoded, &mut bytes).map_err(|_| InvalidKey::Base64)?;
        if !(Self::MIN_BYTES..=Self::MAX_BYTES).contains(&bytes.len()) {
            return Err(InvalidKey::KeyLength(bytes.len()));
        }
        Ok(Self(bytes))
    }

    /// A fresh HMAC-SHA256 under this key.
    pub(super) fn mac(&self) -> Hmac<Sha256> {
        keyed(&self.0)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// A bearer token. Only its digest is kept, so that it can be recognised and not be read.
#[derive(Clone)]
pub struct BearerToken(CtOutput<Hmac<Sha256>>);

impl BearerToken {
    /// Shorter tokens are refused.
    pub const MIN_BYTES: usize = 24;
    /// Longer tokens are refused, so that a header with one stays within the header's limit.
    pub const MAX_BYTES: usize = 512;

    /// Reads a token from a file's content; space around it is ignored.
    pub fn parse(content: &str) -> Result<Self, InvalidKey> {
        let token = content.trim();
        if !(Self::MIN_BYTES..=Self::MAX_BYTES).contains(&token.len()) {
            return Err(InvalidKey::TokenLength(token.len()));
        }
        if !token.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(InvalidKey::TokenCharacter);
        }
        Ok(Self(digest(token.as_bytes())))
    }

    /// Whether this is the token. Both sides are digests of one length, compared in constant
    /// time; the time tells nothing about how much of a guess is right.
    pub(super) fn is(&self, presented: &[u8]) -> bool {
        self.0 == digest(presented)
    }
}

impl fmt::Debug for BearerToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// A digest under a fixed label, so that it is of use nowhere else.
fn digest(token: &[u8]) -> CtOutput<Hmac<Sha256>> {
    keyed(b"reset-receiver bearer token").chain_update(token).finalize()
}

fn keyed(key: &[u8]) -> Hmac<Sha256> {
    #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
    Hmac::new_from_slice(key).expect("any key length is valid")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signing_key(bytes: usize) -> Result<SigningKey, InvalidKey> {
        SigningKey::parse(&format!("whsec_{}", STANDARD.encode(vec![7; bytes])))
    }

    #[test]
    fn a_signing_key_has_24_to_64_bytes() {
        for (bytes, valid) in [(0, false), (23, false), (24, true), (64, true), (65, false)] {
            let outcome = signing_key(bytes);
            assert_eq!(outcome.is_ok(), valid, "{bytes} bytes");
            if !valid {
                assert_eq!(outcome.unwrap_err(), InvalidKey::KeyLength(bytes));
            }
        }
    }

    #[test]
    fn a_signing_key_is_trimmed_and_needs_its_prefix_and_canonical_base64() {
        let text = format!("whsec_{}", STANDARD.encode([7; 25]));
        assert!(SigningKey::parse(&format!(" {text}\r\n")).is_ok());
        let parse = |text: &str| SigningKey::parse(text).unwrap_err();
        assert_eq!(parse(text.trim_start_matches("whsec_")), InvalidKey::Prefix);
        assert_eq!(parse(""), InvalidKey::Prefix);
        assert_eq!(parse(text.trim_end_matches('=')), InvalidKey::Base64);
        assert_eq!(parse(&text.replace("whsec_", "whsec_ ")), InvalidKey::Base64);
        assert_eq!(parse(&format!("{text}\n{text}")), InvalidKey::Base64);
    }

    #[test]
    fn a_bearer_token_has_at_least_24_visible_characters() {
        let parse = |text: &str| BearerToken::parse(text).err();
        assert_eq!(parse(&"t".repeat(23)), Some(InvalidKey::TokenLength(23)));
        assert_eq!(parse(&"t".repeat(24)), None);
        assert_eq!(parse(&"t".repeat(512)), None);
        assert_eq!(parse(&"t".repeat(513)), Some(InvalidKey::TokenLength(513)));
        assert_eq!(parse(&format!("{} {}", "t".repeat(24), "t")), Some(InvalidKey::TokenCharacter));
        assert_eq!(parse(&"é".repeat(24)), Some(InvalidKey::TokenCharacter));
    }

    #[test]
    fn neither_prints_anything_of_itself() {
        let token = BearerToken::parse("canary-canary-canary-canary").unwrap();
        let key = signing_key(32).unwrap();
        assert_eq!(format!("{token:?} {key:?}"), "[secret] [secret]");
        let errors = [
            SigningKey::parse("canary").unwrap_err().to_string(),
            BearerToken::parse("canary").unwrap_err().to_string(),
        ];
        assert!(errors.iter().all(|error| !error.contains("canary")), "{errors:?}");
    }
}
